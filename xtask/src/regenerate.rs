//! Writes the tables of facts that `crates/market` bundles, from the public files they come from.
//!
//! Only openly licensed sources are read. Every table names its source, licence and date in remarks
//! at its head. The same sources give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use market::{
    Accelerator, AdvisorFile, Hypervisor, Instance, Limits, MarketFile, OnDemandFile, Origin,
    gunzip, parse, parse_catalogue,
};

/// When each source was published, as its history tells. Where only the day is known it is the end
/// of that day, so that nothing counts as known earlier than it was.
const ADVISOR_AT: &str = "2025-06-28T23:59:59Z";
const PRICES_2024_AT: &str = "2024-04-04T23:59:59Z";
const PRICES_2026_AT: &str = "2026-07-20T13:44:30Z";
const CATALOGUE_AT: &str = "2026-08-01T00:00:00Z";

/// Rewrites `crates/market/data/*.csv`; leaves them when the public files are not at hand.
///
/// # Errors
/// A public file that cannot be read, or a table that cannot be written.
pub(crate) fn run() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let reference = root.join("../shared/reference");
    if !reference.is_dir() {
        println!("no public files at {}; tables left as they are", reference.display());
        return Ok(());
    }
    let sources = Sources { reference };
    let data = root.join("crates/market/data");
    for (name, content) in [
        ("instances.csv", instances(&sources)?),
        ("on_demand.csv", on_demand(&sources)?),
        ("on_demand_changes.csv", on_demand_changes(&sources)?),
        ("advisor.csv", advisor(&sources)?),
    ] {
        let path = data.join(name);
        let changed = fs::read_to_string(&path).ok().as_deref() != Some(content.as_str());
        fs::write(&path, &content).map_err(|error| format!("{}: {error}", path.display()))?;
        let verdict = if changed { "changed" } else { "unchanged" };
        println!("{name}: {} lines, {} bytes, {verdict}", content.lines().count(), content.len());
    }
    Ok(())
}

struct Sources {
    reference: PathBuf,
}

impl Sources {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = self.reference.join(path);
        fs::read(&path).map_err(|error: io::Error| format!("{}: {error}", path.display()))
    }

    fn parse(&self, path: &str, observed_at: &str) -> Result<MarketFile, String> {
        let observed_at = observed_at.parse().map_err(|error| format!("{path}: {error}"))?;
        let origin = Origin::new(path, observed_at);
        let file = parse(&self.bytes(path)?, &origin, &Limits::default())
            .map_err(|error| format!("{path}: {error}"))?;
        let report = file.report();
        println!(
            "{path}: {} rows, {} used, {} quarantined, skipped {:?}",
            report.rows_read, report.rows_used, report.quarantined, report.skipped
        );
        Ok(file)
    }

    fn prices(&self, path: &str, observed_at: &str) -> Result<OnDemandFile, String> {
        match self.parse(path, observed_at)? {
            MarketFile::OnDemand(file) => Ok(file),
            _ => Err(format!("{path}: not a table of prices")),
        }
    }
}

fn instances(sources: &Sources) -> Result<String, String> {
    let MarketFile::Catalogue(file) =
        sources.parse("on-demand/ec2-instance-catalog.csv", CATALOGUE_AT)?
    else {
        return Err("not a catalogue".to_owned());
    };
    let older = PricedTypes::read(sources)?;
    let mut instances = file.instances;
    for instance in &mut instances {
        if older.previous_generation.contains(instance.instance_type.as_str()) {
            instance.current_generation = false;
        }
    }
    let known: BTreeSet<_> = instances.iter().map(|one| one.instance_type.clone()).collect();
    instances.extend(older.instances.into_iter().filter(|one| !known.contains(&one.instance_type)));
    instances.sort();
    let mut table = remarks(
        "EC2 instance types: size, devices, network, and what kubelet leaves for pods.",
        "aws/karpenter-provider-aws @ 1d927085dd81 (website/content/en/docs/reference/instance-types.md, \
         pkg/providers/instancetype/zz_generated.vpclimits.go), Apache-2.0; current_generation, and types \
         without hypervisor and allocatable figures, from vantage-sh/ec2instances.info @ a19cd859f059, MIT",
        CATALOGUE_AT,
    );
    table.push_str(
        "instance_type,vcpu,memory_mib,arch,cpu_manufacturer,current_generation,bare_metal,\
         hypervisor,gpu_name,gpu_count,gpu_memory_mib,accelerator_name,accelerator_count,\
         local_nvme_gb,network_mbps,ebs_mbps,max_eni,ipv4_per_eni,max_pods,allocatable_cpu_milli,\
         allocatable_memory_mib\n",
    );
    for instance in &instances {
        push_instance(&mut table, instance);
    }
    Ok(table)
}

fn push_instance(table: &mut String, instance: &Instance) {
    let name = |device: &Option<Accelerator>| {
        device.as_ref().map(|device| device.name.clone()).unwrap_or_default()
    };
    let count = |device: &Option<Accelerator>| blank(device.as_ref().map(|device| device.count));
    let gpu_memory = instance.gpu.as_ref().and_then(|gpu| gpu.memory).map(mebibytes);
    let hypervisor = match instance.hypervisor {
        Some(Hypervisor::Nitro) => "nitro",
        Some(Hypervisor::Xen) => "xen",
        None => "",
    };
    let cells = [
        instance.instance_type.to_string(),
        instance.vcpu.to_string(),
        mebibytes(instance.memory).to_string(),
        instance.architecture.to_string(),
        instance.cpu_manufacturer.clone(),
        instance.current_generation.to_string(),
        instance.bare_metal.to_string(),
        hypervisor.to_owned(),
        name(&instance.gpu),
        count(&instance.gpu),
        blank(gpu_memory),
        name(&instance.accelerator),
        count(&instance.accelerator),
        instance.local_nvme_gb.to_string(),
        blank(instance.network_mbps),
        blank(instance.ebs_mbps),
        blank(instance.max_network_interfaces),
        blank(instance.ipv4_per_interface),
        blank(instance.max_pods),
        blank(instance.allocatable_cpu.map(|cpu| cpu.0)),
        blank(instance.allocatable_memory.map(mebibytes)),
    ];
    table.push_str(&cells.join(","));
    table.push('\n');
}

/// What the 2024 price table says of types: which are of a previous generation, and the size of
/// those that the newer catalogue no longer lists although they are still priced.
struct PricedTypes {
    previous_generation: BTreeSet<String>,
    instances: Vec<Instance>,
}

impl PricedTypes {
    fn read(sources: &Sources) -> Result<PricedTypes, String> {
        let path = "on-demand/ec2-linux-ondemand-2024-04.csv.gz";
        let text = gunzip(&sources.bytes(path)?, &Limits::default())
            .map_err(|error| format!("{path}: {error}"))?;
        let text = String::from_utf8(text).map_err(|error| format!("{path}: {error}"))?;
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let header = lines.next().unwrap_or_default();
        let column = |name: &str| {
            let position = header.iter().position(|title| *title == name);
            position.ok_or(format!("{path}: no column {name}"))
        };
        let (named, current, arch) =
            (column("instance_type")?, column("current_generation")?, column("arch")?);
        let (vcpu, memory, gpus) = (column("vcpu")?, column("memory_gib")?, column("gpu_count")?);
        let mut previous_generation = BTreeSet::new();
        let mut rows = BTreeMap::new();
        for cells in lines {
            let cell = |position: usize| cells.get(position).copied().unwrap_or_default();
            if cell(current) == "False" {
                previous_generation.insert(cell(named).to_owned());
            }
            let mib = cell(memory).parse::<f64>().unwrap_or(0.0) * 1024.0;
            let gpu = if cell(gpus) == "0" { "" } else { "unspecified" };
            let row = format!(
                "{},{},{mib:.0},{},{},{gpu},{}",
                cell(named),
                cell(vcpu),
                cell(arch),
                cell(current),
                cell(gpus),
            );
            rows.insert(cell(named).to_owned(), row);
        }
        let mut table =
            "instance_type,vcpu,memory_mib,arch,current_generation,gpu_name,gpu_count\n".to_owned();
        for row in rows.values() {
            table.push_str(row);
            table.push('\n');
        }
        let origin = Origin::new(path, PRICES_2024_AT.parse().map_err(|_| "date".to_owned())?);
        let file = parse_catalogue(table.as_bytes(), &origin, &Limits::default())
            .map_err(|error| format!("{path}: {error}"))?;
        Ok(PricedTypes { previous_generation, instances: file.instances })
    }
}

fn on_demand(sources: &Sources) -> Result<String, String> {
    let older = sources.prices("on-demand/ec2-linux-ondemand-2024-04.csv.gz", PRICES_2024_AT)?;
    let newer =
        sources.prices("on-demand/ec2-linux-ondemand-us-east-1-2026-07.csv", PRICES_2026_AT)?;
    let regions: BTreeSet<&str> = market::regions().map(|region| region.code).collect();
    let renewed: BTreeSet<&str> = newer.rows.iter().map(|row| row.region.as_str()).collect();
    let mut cells: BTreeMap<(String, String), String> = BTreeMap::new();
    for (file, at) in [(&older, PRICES_2024_AT), (&newer, PRICES_2026_AT)] {
        for row in &file.rows {
            let region = row.region.as_str();
            // Zone groups of local and wavelength zones have few types each and are left out.
            if !regions.contains(region) || (at == PRICES_2024_AT && renewed.contains(region)) {
                continue;
            }
            let title = format!("{} {region}@{at}", row.operating_system);
            let price = row.price.per_hour().to_string();
            cells.insert((row.instance_type.to_string(), title), price);
        }
    }
    let mut table = remarks(
        "On-Demand list prices in dollars per hour, Linux, shared tenancy. Blank: not sold there, or not known.",
        "us-east-1: aws/karpenter-provider-aws pkg/providers/pricing/zz_generated.pricing_aws.go @ 1d927085dd81, \
         Apache-2.0; other regions: vantage-sh/ec2instances.info @ a19cd859f059, MIT",
        PRICES_2026_AT,
    );
    push_matrix(&mut table, &cells);
    Ok(table)
}

fn on_demand_changes(sources: &Sources) -> Result<String, String> {
    let path = "on-demand/ec2-linux-ondemand-us-east-1-changes-2022-2026.csv.gz";
    let mut rows = sources.prices(path, PRICES_2026_AT)?.rows;
    rows.sort();
    rows.dedup();
    let mut table = remarks(
        "On-Demand list prices of us-east-1 in dollars per hour: first sighting of each type, and every change.",
        "aws/karpenter-provider-aws pkg/providers/pricing/zz_generated.pricing_aws.go, its history up to \
         1d927085dd81, Apache-2.0",
        PRICES_2026_AT,
    );
    table.push_str("instance_type,region,first_seen_utc,usd_per_hour\n");
    for row in rows {
        let since = jiff::Timestamp::from_millisecond(row.since_ms)
            .map_err(|error| format!("{path}: {error}"))?;
        let price = row.price.per_hour();
        // Writing to a text cannot fail.
        let _ = writeln!(table, "{},{},{since},{price}", row.instance_type, row.region);
    }
    Ok(table)
}

fn advisor(sources: &Sources) -> Result<String, String> {
    let MarketFile::Advisor(AdvisorFile { rows, .. }) =
        sources.parse("spot-advisor/spot-advisor-data-2025-06.json", ADVISOR_AT)?
    else {
        return Err("not an advisor file".to_owned());
    };
    let mut cells = BTreeMap::new();
    for row in rows {
        let title = format!("advisor {} {}@{ADVISOR_AT}", row.operating_system, row.region);
        let class = blank(row.bucket.map(market::AdvisorBucket::index));
        let cell = format!("{class}:{}", blank(row.savings_percent));
        cells.insert((row.instance_type.to_string(), title), cell);
    }
    let mut table = remarks(
        "Spot Instance Advisor: class of interruption in the trailing month (0 under 5 % … 4 over 20 %) \
         and saving over On-Demand in percent, as class:saving.",
        "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json as kept by alexei-led/spotinfo \
         internal/spot/data @ 5eedf20a9961, Apache-2.0",
        ADVISOR_AT,
    );
    push_matrix(&mut table, &cells);
    Ok(table)
}

/// One line for each first key, one column for each second key, both sorted.
fn push_matrix(table: &mut String, cells: &BTreeMap<(String, String), String>) {
    let rows: BTreeSet<&String> = cells.keys().map(|(row, _)| row).collect();
    let columns: BTreeSet<&String> = cells.keys().map(|(_, column)| column).collect();
    table.push_str("instance_type");
    for column in &columns {
        table.push(',');
        table.push_str(column);
    }
    table.push('\n');
    for row in rows {
        table.push_str(row);
        for column in &columns {
            table.push(',');
            let cell = cells.get(&(row.clone(), (*column).clone()));
            table.push_str(cell.map_or("", String::as_str));
        }
        table.push('\n');
    }
}

fn remarks(what: &str, source: &str, observed_at: &str) -> String {
    format!(
        "# {what}\n# source: {source}\n# observed_at: {observed_at}\n\
         # Written by `cargo xtask regenerate`; do not edit.\n"
    )
}

fn mebibytes(bytes: units::Bytes) -> i64 {
    bytes.0 >> 20
}

fn blank<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
