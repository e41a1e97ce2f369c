//! One part of a snapshot with where it came from, when, and whether it is all there is.

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, IgnoredAny, MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Network, Policies, Traffic, Usage, Volumes};

/// The parts that a snapshot can have.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SectionName {
    /// The machines that pods run on.
    Nodes,
    /// The pods.
    Pods,
    /// The objects that own pods.
    Workloads,
    /// Disruption budgets, node pools, priorities, quotas.
    Policies,
    /// Claims, volumes and their classes.
    Volumes,
    /// Services and ingresses.
    Network,
    /// Bytes between pods, zones and the rest of the world.
    Traffic,
    /// Container images.
    Images,
    /// Measured use.
    Usage,
    /// Events.
    Events,
    /// Capacity that is already paid for.
    Commitments,
    /// Cloud accounts.
    Accounts,
    /// Days on which nobody works.
    Calendars,
}

impl fmt::Display for SectionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            SectionName::Nodes => "nodes",
            SectionName::Pods => "pods",
            SectionName::Workloads => "workloads",
            SectionName::Policies => "policies",
            SectionName::Volumes => "volumes",
            SectionName::Network => "network",
            SectionName::Traffic => "traffic",
            SectionName::Images => "images",
            SectionName::Usage => "usage",
            SectionName::Events => "events",
            SectionName::Commitments => "commitments",
            SectionName::Accounts => "accounts",
            SectionName::Calendars => "calendars",
        })
    }
}

/// A part of a snapshot. Where the content is a list, the bare list is accepted too; it is then
/// taken as complete and observed when the snapshot was.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Section<T> {
    /// What supplied it, such as `kubectl` or `request`.
    pub source: String,
    /// When it was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
    /// Whether it is all there is; with `false`, an object that is missing here may still exist.
    pub complete: bool,
    /// The content.
    pub items: T,
}

/// What is known of a section, without its content.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary<'a> {
    /// What supplied it.
    pub source: &'a str,
    /// When it was observed.
    pub observed_at: Option<Timestamp>,
    /// Whether it is all there is.
    pub complete: bool,
    /// How many objects it holds.
    pub items: usize,
}

impl<T> Section<T> {
    /// A complete section.
    #[must_use]
    pub fn complete(source: &str, items: T) -> Section<T> {
        Section { source: source.to_owned(), observed_at: None, complete: true, items }
    }
}

impl<T: Content> Section<T> {
    pub(crate) fn summary(&self) -> Summary<'_> {
        Summary {
            source: &self.source,
            observed_at: self.observed_at,
            complete: self.complete,
            items: self.items.objects(),
        }
    }
}

/// What a section can hold.
pub trait Content {
    /// How many objects it holds.
    fn objects(&self) -> usize;
}

impl<T> Content for Vec<T> {
    fn objects(&self) -> usize {
        self.len()
    }
}

impl Content for Policies {
    fn objects(&self) -> usize {
        self.disruption_budgets.len()
            + self.priority_classes.len()
            + self.runtime_classes.len()
            + self.namespaces.len()
            + self.node_pools.len()
            + self.node_claims.len()
            + self.resource_quotas.len()
            + self.limit_ranges.len()
    }
}

impl Content for Volumes {
    fn objects(&self) -> usize {
        self.claims.len()
            + self.volumes.len()
            + self.storage_classes.len()
            + self.attach_limits.len()
            + self.attachments.len()
            + self.ebs_volumes.len()
    }
}

impl Content for Network {
    fn objects(&self) -> usize {
        self.services.len() + self.ingresses.len()
    }
}

impl Content for Usage {
    fn objects(&self) -> usize {
        self.containers.len() + self.nodes.len() + self.histories.len()
    }
}

impl Content for Traffic {
    fn objects(&self) -> usize {
        self.flows.len()
    }
}

/// What a section says when its sender did not name a source.
const DEFAULT_SOURCE: &str = "request";

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Section<T>, D::Error> {
        deserializer.deserialize_any(SectionVisitor(PhantomData))
    }
}

struct SectionVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> de::Visitor<'de> for SectionVisitor<T> {
    type Value = Section<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list, or {\"source\", \"observed_at\", \"complete\", \"items\"}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Section<T>, A::Error> {
        let items = T::deserialize(SeqAccessDeserializer::new(list))?;
        Ok(Section::complete(DEFAULT_SOURCE, items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Section<T>, A::Error> {
        let mut section = Section::complete(DEFAULT_SOURCE, T::default());
        let mut has_items = false;
        while let Some(key) = map.next_key::<Field>()? {
            match key {
                Field::Source => section.source = map.next_value()?,
                Field::ObservedAt => section.observed_at = map.next_value()?,
                Field::Complete => section.complete = map.next_value()?,
                Field::Items => {
                    section.items = map.next_value()?;
                    has_items = true;
                }
                Field::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if has_items { Ok(section) } else { Err(de::Error::missing_field("items")) }
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Source,
    ObservedAt,
    Complete,
    Items,
    #[serde(other)]
    Unknown,
}
