//! Bytes that went from one place to another.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Traffic over a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Traffic {
    /// From when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// How much went from where to where. Each direction is a flow of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<Flow>,
}

/// Bytes in one direction between two ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Flow {
    /// Who sent.
    pub source: FlowEnd,
    /// Who received.
    pub destination: FlowEnd,
    /// How many bytes in the whole stretch of time.
    pub bytes: u64,
    /// The service by which the sender addressed the receiver, as `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
}

/// One end of a flow.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(default)]
pub struct FlowEnd {
    /// Namespace of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// An address, where no pod is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The cloud service behind the address, such as `S3` or `DYNAMODB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_service: Option<String>,
    /// Whether it is outside of AWS; unknown when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internet: Option<bool>,
    /// The zone, where the pod's node does not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}
