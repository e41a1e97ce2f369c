//! The catalogue of instance types from a table with a header.

use units::{Bytes, MilliCpu};

use crate::csv_table::{Row, Table};
use crate::error::shown;
use crate::fields::{instance_type, name};
use crate::report::{Rejected, Tally};
use crate::{Accelerator, Hypervisor, ImportError, ImportReport, Instance, Limits, Origin};

/// A parsed catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueFile {
    /// Every believable type, in the order of the file.
    pub instances: Vec<Instance>,
    /// Where it came from.
    pub origin: Origin,
    /// What became of its rows.
    pub report: ImportReport,
}

/// Reads a catalogue. Wanted: `instance_type, vcpu, memory_mib, arch`; everything else may be
/// missing or blank and is then not known.
///
/// # Errors
/// A missing column, or more than the limits allow.
pub fn parse_catalogue(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
) -> Result<CatalogueFile, ImportError> {
    let mut table = Table::open(bytes, limits)?;
    table.need(&["instance_type"], "instance_type")?;
    table.need(&["vcpu"], "vcpu")?;
    table.need(&["memory_mib"], "memory_mib")?;
    table.need(&["arch"], "arch")?;
    let header = table.header().to_vec();
    let mut tally = Tally::new(limits);
    let mut instances = Vec::new();
    while let Some((line, row)) = table.next_row()? {
        let cells = Cells { header: &header, row };
        instances.extend(tally.row(cells.instance(), || format!("line {line}"))?);
    }
    Ok(CatalogueFile { instances, origin: origin.clone(), report: tally.finish() })
}

struct Cells<'a> {
    header: &'a [String],
    row: Row<'a>,
}

impl Cells<'_> {
    fn instance(&self) -> Result<Instance, Rejected> {
        let named = instance_type(self.text("instance_type")?)?;
        let (category, generation) = split_family(named.family());
        let vcpu = self.number("vcpu")?.filter(|count| (1..=10_000).contains(count));
        let memory_mib = self.number("memory_mib")?.filter(|mib| *mib > 0);
        let (Some(vcpu), Some(memory_mib)) = (vcpu, memory_mib) else {
            return Err(Rejected::Bad("vcpu and memory_mib must be above 0".to_owned()));
        };
        let burstable = category == "t";
        let current_generation = match self.text("current_generation")? {
            "" => true,
            text => yes(text)?,
        };
        Ok(Instance {
            vcpu,
            memory: mebibytes(memory_mib),
            architecture: name(self.text("arch")?)?,
            cpu_manufacturer: self.word("cpu_manufacturer")?,
            category: category.to_owned(),
            generation,
            current_generation,
            burstable,
            bare_metal: match self.text("bare_metal")? {
                "" => named.size().starts_with("metal"),
                text => yes(text)?,
            },
            flex: named.family().ends_with("-flex"),
            hypervisor: match self.text("hypervisor")? {
                "nitro" => Some(Hypervisor::Nitro),
                "xen" => Some(Hypervisor::Xen),
                _ => None,
            },
            gpu: self.device("gpu_name", "gpu_count", "gpu_memory_mib")?,
            accelerator: self.device("accelerator_name", "accelerator_count", "")?,
            local_nvme_gb: self.number("local_nvme_gb")?.unwrap_or(0),
            network_mbps: self.number("network_mbps")?,
            ebs_mbps: self.number("ebs_mbps")?,
            max_network_interfaces: self.small("max_eni")?,
            ipv4_per_interface: self.small("ipv4_per_eni")?,
            max_pods: self.number("max_pods")?,
            allocatable_cpu: self
                .number("allocatable_cpu_milli")?
                .map(|milli| MilliCpu(i64::from(milli))),
            allocatable_memory: self.number("allocatable_memory_mib")?.map(mebibytes),
            instance_type: named,
        })
    }

    fn text(&self, column: &str) -> Result<&str, Rejected> {
        self.row.text(self.header.iter().position(|name| name == column))
    }

    fn word(&self, column: &str) -> Result<String, Rejected> {
        self.text(column).map(|text| text.chars().take(40).collect())
    }

    fn number(&self, column: &str) -> Result<Option<u32>, Rejected> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| {
            Rejected::Bad(format!("{column} is `{}`; expected a whole number", shown(text)))
        })
    }

    fn small(&self, column: &str) -> Result<Option<u16>, Rejected> {
        let number = self.number(column)?;
        number
            .map(u16::try_from)
            .transpose()
            .map_err(|_| Rejected::Bad(format!("{column} is larger than any instance type has")))
    }

    fn device(
        &self,
        name: &str,
        count: &str,
        memory: &str,
    ) -> Result<Option<Accelerator>, Rejected> {
        let name = self.word(name)?;
        if name.is_empty() {
            return Ok(None);
        }
        Ok(Some(Accelerator {
            name,
            count: self.number(count)?.unwrap_or(0),
            memory: self.number(memory)?.filter(|mib| *mib > 0).map(mebibytes),
        }))
    }
}

/// The letters before the first digit of a family, and that digit.
pub(crate) fn split_family(family: &str) -> (&str, u8) {
    let digit = family.bytes().position(|byte| byte.is_ascii_digit());
    match digit {
        Some(0) | None => (family.split('-').next().unwrap_or(family), 0),
        Some(position) => (
            // `u-6tb1` names memory, not a generation, behind a dash.
            family.get(..position).unwrap_or(family).trim_end_matches('-'),
            family.as_bytes().get(position).map_or(0, |byte| byte.saturating_sub(b'0')),
        ),
    }
}

fn mebibytes(mib: u32) -> Bytes {
    Bytes::from_mib(i64::from(mib))
}

fn yes(text: &str) -> Result<bool, Rejected> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(Rejected::Bad(format!("`{}` is neither true nor false", shown(text)))),
    }
}
