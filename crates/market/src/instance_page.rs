//! Instance types as `DescribeInstanceTypes` answers them, page by page.
//!
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html>.

use std::str::FromStr;

use facts::names::{Architecture, InstanceType};
use units::Bytes;

use crate::catalogue::split_family;
use crate::ec2_answers::page;
use crate::error::shown;
use crate::fields::instance_type;
use crate::kubelet::{allocatable_cpu, allocatable_memory, max_pods};
use crate::report::Rejected;
use crate::xml::Element;
use crate::{Accelerator, Hypervisor, ImportError, Instance, Limits, Page};

/// Reads one `DescribeInstanceTypes` answer in XML.
///
/// What kubelet leaves for pods is computed by the rules of Amazon's node images. Types that run
/// macOS only are skipped.
///
/// # Errors
/// Broken XML, another answer, or more than the limits allow.
pub fn parse_instance_page(bytes: &[u8], limits: &Limits) -> Result<Page<Instance>, ImportError> {
    const ROOT: &str = "DescribeInstanceTypesResponse";
    page(bytes, [ROOT, "instanceTypeSet", "a DescribeInstanceTypes answer"], limits, instance)
}

fn instance(item: &Element) -> Result<Instance, Rejected> {
    let named: InstanceType = instance_type(item.text(&["instanceType"]))?;
    let (category, generation) = split_family(named.family());
    let architecture = architecture(item)?;
    let vcpu: u32 = needed(item, &["vCpuInfo", "defaultVCpus"])?;
    let memory_mib: u32 = needed(item, &["memoryInfo", "sizeInMiB"])?;
    let network = Network::of(item);
    let bare_metal = item.text(&["bareMetal"]) == "true";
    Ok(Instance {
        vcpu,
        memory: mebibytes(memory_mib),
        architecture,
        cpu_manufacturer: manufacturer(item, architecture).to_owned(),
        category: category.to_owned(),
        generation,
        current_generation: item.text(&["currentGeneration"]) != "false",
        burstable: item.text(&["burstablePerformanceSupported"]) == "true",
        bare_metal,
        flex: named.family().ends_with("-flex"),
        hypervisor: match item.text(&["hypervisor"]) {
            "nitro" => Some(Hypervisor::Nitro),
            "xen" => Some(Hypervisor::Xen),
            _ => None,
        },
        gpu: device(item, &["gpuInfo", "gpus"])?,
        accelerator: device(item, &["neuronInfo", "neuronDevices"])?
            .or(device(item, &["inferenceAcceleratorInfo", "accelerators"])?),
        local_nvme_gb: if item.text(&["instanceStorageInfo", "nvmeSupport"]) == "unsupported" {
            0
        } else {
            optional(item, &["instanceStorageInfo", "totalSizeInGB"])?.unwrap_or(0)
        },
        network_mbps: network.baseline_mbps,
        ebs_mbps: optional(item, &["ebsInfo", "ebsOptimizedInfo", "baselineBandwidthInMbps"])?,
        max_network_interfaces: network.interfaces,
        ipv4_per_interface: network.ipv4,
        max_pods: network.pods,
        allocatable_cpu: Some(allocatable_cpu(vcpu)),
        allocatable_memory: network
            .pods
            .map(|pods| allocatable_memory(memory_mib, pods, architecture)),
        instance_type: named,
    })
}

/// What a type says of its network; each part is missing where its text is.
struct Network {
    interfaces: Option<u16>,
    ipv4: Option<u16>,
    pods: Option<u32>,
    baseline_mbps: Option<u32>,
}

impl Network {
    fn of(item: &Element) -> Network {
        let number = |name: &str| item.text(&["networkInfo", name]).parse::<u16>().ok();
        let interfaces = number("maximumNetworkInterfaces");
        let ipv4 = number("ipv4AddressesPerInterface");
        // Pods are addressed through the first card alone.
        let first_card = item
            .items(&["networkInfo", "networkCards"])
            .find(|card| matches!(card.text(&["networkCardIndex"]), "" | "0"))
            .and_then(|card| card.text(&["maximumNetworkInterfaces"]).parse::<u16>().ok())
            .or(interfaces);
        let pods = first_card
            .zip(ipv4)
            .map(|(interfaces, ipv4)| max_pods(u32::from(interfaces), u32::from(ipv4)));
        let gigabits = item
            .items(&["networkInfo", "networkCards"])
            .map(|card| card.text(&["baselineBandwidthInGbps"]).parse::<f64>().ok())
            .sum::<Option<f64>>()
            .filter(|gigabits| *gigabits > 0.0 && *gigabits < 1e6);
        // Older answers have a sentence instead; "Up to" is no baseline.
        let sentence = || {
            let text = item.text(&["networkInfo", "networkPerformance"]);
            text.strip_suffix(" Gigabit").and_then(|number| number.parse::<f64>().ok())
        };
        let baseline_mbps = gigabits.or_else(sentence).map(|gigabits| (gigabits * 1000.0) as u32);
        Network { interfaces, ipv4, pods, baseline_mbps }
    }
}

fn architecture(item: &Element) -> Result<Architecture, Rejected> {
    let mut found: Vec<&str> =
        item.items(&["processorInfo", "supportedArchitectures"]).map(Element::own_text).collect();
    found.sort_unstable();
    if let Some(known) = found.iter().find_map(|text| text.parse().ok()) {
        return Ok(known);
    }
    if found.iter().any(|text| text.ends_with("_mac")) {
        return Err(Rejected::Skip("macOS only"));
    }
    if found == ["i386"] {
        return Err(Rejected::Skip("32 bit only"));
    }
    Err(Rejected::Bad(format!("architecture is `{}`", shown(&found.join(",")))))
}

fn manufacturer(item: &Element, architecture: Architecture) -> &'static str {
    match (item.text(&["processorInfo", "manufacturer"]), architecture) {
        ("Intel", _) => "intel",
        ("AMD", _) => "amd",
        ("AWS" | "Amazon Web Services", _) | ("", Architecture::Arm64) => "aws",
        _ => "",
    }
}

/// The first device of a list, by the lower-case name that Karpenter's labels use.
fn device(item: &Element, list: &[&str]) -> Result<Option<Accelerator>, Rejected> {
    let Some(device) = item.items(list).next() else { return Ok(None) };
    let name: String = device.text(&["name"]).chars().take(40).collect();
    let count = item
        .items(list)
        .map(|device| optional::<u32>(device, &["count"]))
        .sum::<Result<Option<u32>, Rejected>>()?;
    let memory: Option<u32> = optional(device, &["memoryInfo", "sizeInMiB"])?;
    Ok(Some(Accelerator {
        name: name.to_ascii_lowercase().replace(' ', "-"),
        count: count.unwrap_or(0),
        memory: memory.filter(|mib| *mib > 0).map(mebibytes),
    }))
}

fn optional<T: FromStr>(item: &Element, path: &[&str]) -> Result<Option<T>, Rejected> {
    match item.text(path) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            let name = path.last().copied().unwrap_or_default();
            Rejected::Bad(format!("{name} is `{}`; expected a whole number", shown(text)))
        }),
    }
}

fn needed(item: &Element, path: &[&str]) -> Result<u32, Rejected> {
    optional::<u32>(item, path)?.filter(|number| *number > 0).ok_or_else(|| {
        Rejected::Bad(format!("{} must be above 0", path.last().copied().unwrap_or_default()))
    })
}

fn mebibytes(mib: u32) -> Bytes {
    Bytes::from_mib(i64::from(mib))
}
