//! Putting objects together into one snapshot.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use facts::cluster::{
    Autoscaler, Calendar, ClusterEvent, ClusterState, Image, Labels, Network, Node, Pod, Policies,
    Section, Usage, UsageHistory, Volumes, Workload, WorkloadKind, well_known,
};
use facts::names::Region;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cloud::Cloud;
use crate::document::{self, Found, Sink};
use crate::flows::Flows;
use crate::images::Images;
use crate::kubernetes::checkpoint::{Checkpoint, CheckpointObject};
use crate::kubernetes::workload::{AutoscalerObject, ScaleTarget, WorkloadObject, workload_kind};
use crate::kubernetes::{cluster_policy, network, node, observed, pod, volume};
use crate::report::ImportReport;
use crate::use_over_time::UseOverTime;
use crate::{ImportError, aws, flows, ical, images, prometheus, yaml};

/// What the caller knows about the snapshot as a whole.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The caller's name for the cluster.
    pub cluster_id: Option<String>,
    /// The region; else that of the nodes.
    pub region: Option<Region>,
    /// When the objects were read from the cluster.
    pub at: Option<Timestamp>,
    /// The cluster has no PodDisruptionBudget: an empty list does not say what it is a list of.
    pub no_disruption_budgets: bool,
}

/// Takes inputs one after the other and makes a snapshot of all of them.
#[derive(Debug, Default)]
pub struct Importer {
    options: Options,
    report: ImportReport,
    input: String,
    nodes: BTreeMap<String, Node>,
    images: BTreeMap<Vec<String>, Image>,
    pods: BTreeMap<(String, String), Pod>,
    workloads: BTreeMap<(String, WorkloadKind, String), Workload>,
    autoscalers: BTreeMap<ScaleTarget, Autoscaler>,
    policies: Policies,
    volumes: Volumes,
    network: Network,
    usage: Usage,
    use_over_time: UseOverTime,
    checkpoints: Vec<Checkpoint>,
    /// What vertical autoscalers look after, by namespace and name: kind and name.
    vertical: BTreeMap<(String, String), (String, String)>,
    events: Vec<ClusterEvent>,
    cloud: Cloud,
    flows: Flows,
    described: Images,
    calendars: Vec<Calendar>,
    seen: Seen,
}

/// Which sections were supplied, and whether all parts of them came as lists.
#[derive(Debug, Default)]
struct Seen {
    sections: BTreeMap<&'static str, bool>,
    /// Whether disruption budgets were among the input, be it as an empty list.
    budgets: bool,
}

impl Importer {
    /// An importer without input.
    #[must_use]
    pub fn new(options: Options) -> Importer {
        Importer { options, ..Importer::default() }
    }

    /// Reads one input; `name` is used in reports.
    ///
    /// # Errors
    /// Where the input stops being readable. Everything before it is kept.
    pub fn add(&mut self, name: &str, reader: impl Read) -> Result<(), ImportError> {
        name.clone_into(&mut self.input);
        let read_error = |source| ImportError::Read { name: name.to_owned(), source };
        let mut reader = BufReader::with_capacity(1 << 20, reader);
        skip_mark(&mut reader).map_err(read_error)?;
        let first = loop {
            let bytes = reader.fill_buf().map_err(read_error)?;
            match bytes.iter().position(|byte| !byte.is_ascii_whitespace()) {
                Some(at) => {
                    let first = bytes[at];
                    reader.consume(at);
                    break Some(first);
                }
                None if bytes.is_empty() => break None,
                None => {
                    let length = bytes.len();
                    reader.consume(length);
                }
            }
        };
        match first {
            None => {
                self.report.remarks.push(format!("{name}: is empty"));
                Ok(())
            }
            Some(b'{' | b'[') => document::read(reader, self).map_err(|error| {
                ImportError::Malformed { name: name.to_owned(), message: error.to_string() }
            }),
            Some(_) => self.add_text(name, reader),
        }
    }

    /// Reads what is no JSON: tables of traffic and of files by their first line, calendars, YAML.
    fn add_text(&mut self, name: &str, mut reader: impl BufRead) -> Result<(), ImportError> {
        let failed = |source| ImportError::Read { name: name.to_owned(), source };
        let start = reader.fill_buf().map_err(failed)?;
        let line = start.split(|byte| *byte == b'\n').next().unwrap_or(start);
        let line = String::from_utf8_lossy(line).into_owned();
        if flows::is_header(&line) {
            let lines = self.flows.read(reader).map_err(failed)?;
            self.seen.mark("traffic", true);
            self.report.used_many("Flow", lines.used);
            if lines.unreadable > 0 {
                self.report.unusable(
                    name,
                    "lines",
                    &format!("{} cannot be read", lines.unreadable),
                );
            }
            return Ok(());
        }
        if images::is_listing(&line) {
            let used = self.described.listing(name, reader).map_err(failed)?;
            self.seen.mark("images", true);
            self.report.used_many("ImageFile", used);
            return Ok(());
        }
        let mut text = String::new();
        reader.read_to_string(&mut text).map_err(failed)?;
        if ical::is_calendar(&text) {
            let file = name.rsplit('/').next().unwrap_or(name);
            let stem = file.split('.').next().unwrap_or(file);
            self.calendars.push(ical::read(&text, stem));
            self.seen.mark("calendars", true);
            self.report.used("Calendar");
            return Ok(());
        }
        let malformed = |message| ImportError::Malformed { name: name.to_owned(), message };
        for json in yaml::to_json(&text).map_err(malformed)? {
            document::read(json.as_bytes(), self).map_err(|error| malformed(error.to_string()))?;
        }
        Ok(())
    }

    /// The snapshot, and what became of the input.
    #[must_use]
    pub fn finish(mut self) -> (ClusterState, ImportReport) {
        for ((namespace, kind, name), autoscaler) in std::mem::take(&mut self.autoscalers) {
            let key = workload_kind(&kind).map(|kind| (namespace, kind, name));
            if let Some(workload) = key.and_then(|key| self.workloads.get_mut(&key)) {
                workload.autoscaler = Some(autoscaler);
            }
        }
        let usage_source = self.finish_usage();
        let at = self.options.at;
        let (accounts, ebs_volumes, commitments) = self.cloud.finish();
        self.volumes.ebs_volumes = ebs_volumes;
        if self.options.no_disruption_budgets {
            self.seen.mark("policies", true);
        } else if self.seen.sections.contains_key("policies") && !self.seen.budgets {
            // Namespaces alone prove nothing about budgets, and taking them for absent would let
            // pods be evicted that a budget protects.
            self.seen.mark("policies", false);
            self.report.remarks.push(
                "policies: no PodDisruptionBudget was among the input, so budgets count as not \
                 known; add `kubectl get poddisruptionbudgets -A -o json`, or \
                 `--no-disruption-budgets` when there are none"
                    .to_owned(),
            );
        }
        let seen = &self.seen;
        let nodes: Vec<Node> = self.nodes.into_values().collect();
        let region = self.options.region.or_else(|| region_of(&nodes));
        let mut images: Vec<Image> = self.images.into_values().collect();
        for described in self.described.finish() {
            describe(&mut images, described);
        }
        images.sort_by(|a, b| b.size_bytes.cmp(&a.size_bytes).then_with(|| a.names.cmp(&b.names)));
        let state = ClusterState {
            cluster_id: self.options.cluster_id,
            region,
            taken_at: at,
            nodes: seen.section("nodes", "kubectl", at, nodes),
            pods: seen.section("pods", "kubectl", at, self.pods.into_values().collect()),
            workloads: seen.section(
                "workloads",
                "kubectl",
                at,
                self.workloads.into_values().collect(),
            ),
            policies: seen.section("policies", "kubectl", at, self.policies),
            volumes: seen.section("volumes", "kubectl", at, self.volumes),
            network: seen.section("network", "kubectl", at, self.network),
            traffic: seen.section("traffic", "flow records", at, self.flows.finish()),
            images: seen.section("images", "kubectl", at, images),
            calendars: seen.section("calendars", "iCalendar", at, self.calendars),
            usage: seen.section("usage", usage_source, at, self.usage),
            events: seen.section("events", "kubectl", at, self.events),
            commitments: seen.section("commitments", "aws", at, commitments),
            accounts: seen.section("accounts", "aws", at, accounts),
            ..ClusterState::default()
        };
        (state, self.report)
    }

    /// Puts measured use together; says who measured it.
    fn finish_usage(&mut self) -> &'static str {
        let over_time = std::mem::take(&mut self.use_over_time);
        let source = if over_time.has_series() {
            "prometheus"
        } else if self.checkpoints.is_empty() {
            "metrics-server"
        } else {
            "vertical-pod-autoscaler"
        };
        let (histories, newest) = over_time.finish(&self.pods);
        self.usage.containers.extend(newest);
        self.usage.histories.extend(histories);
        for Checkpoint { autoscaler, history } in std::mem::take(&mut self.checkpoints) {
            match self.vertical.get(&autoscaler) {
                Some((kind, name)) => self.usage.histories.push(UsageHistory {
                    workload: Some(format!("{kind}/{name}")),
                    ..history
                }),
                None => self.report.unusable(
                    "checkpoints",
                    &format!("VerticalPodAutoscalerCheckpoint of {}/{}", autoscaler.0, autoscaler.1),
                    "its autoscaler, which knows the workload, is not among the input; add `kubectl \
                     get verticalpodautoscalers -A -o json`",
                ),
            }
        }
        source
    }

    fn kubernetes(&mut self, kind: &str, found: &Found<'_>) -> Result<(), String> {
        let text = found.text;
        let section = section_of(kind);
        if let Some(section) = section {
            self.seen.mark(section, found.listed);
        }
        if let Some(workload) = workload_kind(kind) {
            let fact = parse::<WorkloadObject>(text)?.into_fact(workload);
            let key = (fact.namespace.clone(), workload, fact.name.clone());
            self.report.replaced += u64::from(self.workloads.insert(key, fact).is_some());
            return Ok(());
        }
        match kind {
            "Node" => {
                let (fact, images) = parse::<node::NodeObject>(text)?.into_fact();
                named(&fact.name)?;
                self.images(images);
                let replaced = self.nodes.insert(fact.name.clone(), fact).is_some();
                self.report.replaced += u64::from(replaced);
            }
            "Pod" => {
                let fact = parse::<pod::PodObject>(text)?.into_fact();
                named(&fact.name)?;
                let key = (fact.namespace.clone(), fact.name.clone());
                self.report.replaced += u64::from(self.pods.insert(key, fact).is_some());
            }
            "HorizontalPodAutoscaler" | "VerticalPodAutoscaler" => {
                let (target, fact) = parse::<AutoscalerObject>(text)?.into_fact(kind);
                if kind == "VerticalPodAutoscaler" {
                    let (namespace, kind, name) = target.clone();
                    self.vertical.insert((namespace, fact.name.clone()), (kind, name));
                }
                self.autoscalers.insert(target, fact);
            }
            "Event" => self.events.push(parse::<observed::EventObject>(text)?.into_fact()),
            "PodMetrics" => {
                for usage in parse::<observed::PodMetricsObject>(text)?.into_facts() {
                    match usage.at {
                        Some(_) => self.use_over_time.read(usage),
                        None => self.usage.containers.push(usage),
                    }
                }
            }
            "NodeMetrics" => {
                self.usage.nodes.push(parse::<observed::NodeMetricsObject>(text)?.into_fact());
            }
            "VerticalPodAutoscalerCheckpoint" => {
                self.checkpoints.push(parse::<CheckpointObject>(text)?.into_fact()?);
            }
            "Service" => {
                self.network.services.push(parse::<network::ServiceObject>(text)?.into_fact())
            }
            "Ingress" => {
                self.network.ingresses.push(parse::<network::IngressObject>(text)?.into_fact())
            }
            _ => return self.rules_and_storage(kind, text),
        }
        Ok(())
    }

    fn rules_and_storage(&mut self, kind: &str, text: &str) -> Result<(), String> {
        use cluster_policy as policy;
        let policies = &mut self.policies;
        let volumes = &mut self.volumes;
        match kind {
            "PodDisruptionBudget" => {
                self.seen.budgets = true;
                policies.disruption_budgets.push(parse::<policy::BudgetObject>(text)?.into_fact());
            }
            "PriorityClass" => {
                policies
                    .priority_classes
                    .push(parse::<policy::PriorityClassObject>(text)?.into_fact());
            }
            "RuntimeClass" => {
                policies
                    .runtime_classes
                    .push(parse::<policy::RuntimeClassObject>(text)?.into_fact());
            }
            "Namespace" => {
                policies.namespaces.push(parse::<policy::NamespaceObject>(text)?.into_fact());
            }
            "ResourceQuota" => {
                policies.resource_quotas.push(parse::<policy::QuotaObject>(text)?.into_fact());
            }
            "LimitRange" => {
                policies.limit_ranges.push(parse::<policy::LimitRangeObject>(text)?.into_fact());
            }
            "NodePool" => {
                policies.node_pools.push(parse::<policy::NodePoolObject>(text)?.into_fact())
            }
            "NodeClaim" => {
                policies.node_claims.push(parse::<policy::NodeClaimObject>(text)?.into_fact());
            }
            // What it says about subnets and images decides nothing yet; that it exists does.
            "EC2NodeClass" => {}
            "PersistentVolumeClaim" => {
                volumes.claims.push(parse::<volume::ClaimObject>(text)?.into_fact())
            }
            "PersistentVolume" => {
                volumes.volumes.push(parse::<volume::VolumeObject>(text)?.into_fact())
            }
            "StorageClass" => {
                volumes
                    .storage_classes
                    .push(parse::<volume::StorageClassObject>(text)?.into_fact());
            }
            "CSINode" => {
                volumes.attach_limits.extend(parse::<volume::CsiNodeObject>(text)?.into_facts());
            }
            "VolumeAttachment" => {
                volumes.attachments.push(parse::<volume::AttachmentObject>(text)?.into_fact());
            }
            _ => {}
        }
        Ok(())
    }

    fn images(&mut self, images: Vec<node::NodeImage>) {
        for image in images {
            self.seen.mark("images", true);
            let mut names = image.names;
            names.sort_unstable();
            let entry = self.images.entry(names.clone()).or_default();
            entry.names = names;
            entry.size_bytes = entry.size_bytes.max(image.size_bytes);
            entry.nodes += 1;
        }
    }
}

impl Sink for Importer {
    fn object(&mut self, found: Found<'_>) {
        let head: Head = serde_json::from_str(found.text).unwrap_or_default();
        let kind = head.kind.as_deref().or(found.list_kind).unwrap_or("").to_owned();
        let object = format!("{kind} {}/{}", head.metadata.namespace, head.metadata.name);
        if kind.is_empty() {
            let input = self.input.clone();
            match self.described.object(&input, found.text) {
                Some(Ok(kind)) => {
                    self.seen.mark("images", true);
                    return self.report.used(kind);
                }
                Some(Err(reason)) => return self.report.unusable(&input, "image", &reason),
                None => {}
            }
            let reason = if head.error_type.is_some() {
                "is an error of Prometheus and no answer"
            } else {
                "says no `kind`, and neither does its list"
            };
            self.report.unusable(&self.input, &object, reason);
        } else if !is_known(&kind) {
            self.report.not_needed(&kind);
        } else if let Err(reason) = self.kubernetes(&kind, &found) {
            self.report.unusable(&self.input, &object, &reason);
        } else {
            self.report.used(&kind);
        }
    }

    fn list(&mut self, kind: Option<&str>) {
        self.seen.budgets |= kind == Some("PodDisruptionBudget");
        if let Some(section) = kind.and_then(section_of) {
            self.seen.mark(section, true);
        }
    }

    fn aws_item(&mut self, key: &str, text: &str) {
        match aws::read(key, text) {
            Ok(found) => {
                for (kind, count) in &found.used {
                    self.report.used_many(kind, *count);
                }
                self.cloud.add(found);
            }
            Err(reason) => self.report.unusable(&self.input, key, &reason),
        }
    }

    fn series(&mut self, text: &str) {
        match prometheus::read(&self.input, text) {
            Ok(series) => {
                self.report.used("PrometheusSeries");
                self.use_over_time.add(series);
            }
            Err(prometheus::Unusable::OfNoContainer) => self.report.not_needed("PrometheusSeries"),
            Err(prometheus::Unusable::Advice(reason)) => {
                self.report.unusable(&self.input, "PrometheusSeries", &reason);
            }
        }
    }

    fn answer(&mut self) {
        self.seen.mark("usage", true);
    }

    fn aws_list(&mut self, key: &str) {
        self.seen.mark(aws::section_of(key), true);
        self.cloud.list(key);
    }
}

/// Adds what documents say of an image to what nodes say of it.
fn describe(images: &mut Vec<Image>, described: Image) {
    let known = images
        .iter_mut()
        .find(|image| image.names.iter().any(|name| described.names.contains(name)));
    let Some(image) = known else { return images.push(described) };
    image.compressed_bytes = described.compressed_bytes;
    image.architecture = described.architecture;
    image.created_at = described.created_at;
    image.user = described.user;
    image.history = described.history;
    image.contents = described.contents;
    image.size_bytes = image.size_bytes.or(described.size_bytes);
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    kind: Option<String>,
    #[serde(rename = "errorType")]
    error_type: Option<serde::de::IgnoredAny>,
    metadata: HeadMeta,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HeadMeta {
    namespace: String,
    name: String,
}

impl Seen {
    fn mark(&mut self, section: &'static str, listed: bool) {
        let complete = self.sections.entry(section).or_insert(true);
        *complete &= listed;
    }

    fn section<T>(
        &self,
        name: &str,
        source: &str,
        at: Option<Timestamp>,
        items: T,
    ) -> Option<Section<T>> {
        let complete = *self.sections.get(name)?;
        Some(Section { source: source.to_owned(), observed_at: at, complete, items })
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn named(name: &str) -> Result<(), String> {
    if name.is_empty() { Err("has no name".to_owned()) } else { Ok(()) }
}

fn region_of(nodes: &[Node]) -> Option<Region> {
    let label = |node: &Node| {
        let labels: &Labels = &node.labels;
        labels.get(well_known::REGION).or_else(|| labels.get(well_known::REGION_OLD)).cloned()
    };
    let mut regions = nodes.iter().filter_map(label);
    let first = regions.next()?;
    regions.all(|region| region == first).then(|| first.parse().ok())?
}

fn is_known(kind: &str) -> bool {
    section_of(kind).is_some()
}

/// The section that a kind of object belongs to; `None` for kinds that no decision needs.
fn section_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Node" => "nodes",
        "Pod" => "pods",
        "HorizontalPodAutoscaler" | "VerticalPodAutoscaler" => "workloads",
        kind if workload_kind(kind).is_some() => "workloads",
        "PodDisruptionBudget"
        | "PriorityClass"
        | "RuntimeClass"
        | "Namespace"
        | "ResourceQuota"
        | "LimitRange"
        | "NodePool"
        | "NodeClaim"
        | "EC2NodeClass" => "policies",
        "PersistentVolumeClaim"
        | "PersistentVolume"
        | "StorageClass"
        | "CSINode"
        | "VolumeAttachment" => "volumes",
        "Service" | "Ingress" => "network",
        "Event" => "events",
        "PodMetrics" | "NodeMetrics" | "VerticalPodAutoscalerCheckpoint" => "usage",
        _ => return None,
    })
}

/// Passes over the byte order mark that some editors leave.
fn skip_mark(reader: &mut impl BufRead) -> std::io::Result<()> {
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(())
}
