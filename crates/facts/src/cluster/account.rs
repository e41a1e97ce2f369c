//! Cloud accounts, what is in them and the capacity already paid for.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Fraction, UsdPerHour};

use super::{
    Database, EbsSnapshot, ElasticAddress, Labels, LoadBalancer, NatGateway, NetworkInterface,
    Repository, ScalingGroup, TrailEvent, VpcEndpoint,
};
use crate::names::CapacityType;

/// A cloud account. A list that is absent was not supplied; an empty one says *none*.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Account {
    /// Twelve digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its EC2 instances.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
    /// Its snapshots of volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Vec<EbsSnapshot>>,
    /// Its Elastic IP addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<ElasticAddress>>,
    /// Its network interfaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_interfaces: Option<Vec<NetworkInterface>>,
    /// Its load balancers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancers: Option<Vec<LoadBalancer>>,
    /// Its NAT gateways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nat_gateways: Option<Vec<NatGateway>>,
    /// Its private endpoints to cloud services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Vec<VpcEndpoint>>,
    /// Its databases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub databases: Option<Vec<Database>>,
    /// Its groups of machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_groups: Option<Vec<ScalingGroup>>,
    /// Its repositories of container images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repositories: Option<Vec<Repository>>,
    /// Who made what and when, as far as CloudTrail was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trail: Option<Vec<TrailEvent>>,
}

/// An EC2 instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Instance {
    /// Such as `i-0abc`.
    pub id: String,
    /// Its type.
    pub instance_type: String,
    /// `running`, `stopped` …
    pub state: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its address inside of its network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<String>,
    /// Why it is in its state, with the instant in it for a machine that was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Windows or another system that costs a licence, in EC2's own words; Linux when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// How it was bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_type: Option<CapacityType>,
    /// When it was launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launched_at: Option<Timestamp>,
    /// Its name inside of its network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_dns: Option<String>,
    /// Its public address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<String>,
    /// The role it runs with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_profile: Option<String>,
    /// The image it was started from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
    /// Its network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// Its tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
}

/// Capacity that is paid for whether or not it is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Commitment {
    /// What kind.
    pub kind: CommitmentKind,
    /// The instance type, or a family such as `m5`, that it is for; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// How many instances, of a reservation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// How much an hour, of a savings plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_hour: Option<UsdPerHour>,
    /// The share taken off the list price, of a negotiated discount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Fraction>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

/// Kinds of commitments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommitmentKind {
    /// Reserved instances.
    ReservedInstances,
    /// A savings plan of any sort.
    SavingsPlan,
    /// Capacity reserved at list price.
    CapacityReservation,
    /// A discount on everything.
    NegotiatedDiscount,
}
