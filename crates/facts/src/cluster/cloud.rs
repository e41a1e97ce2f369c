//! What an account holds beside machines and volumes, as AWS describes it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Labels;

/// A snapshot of an EBS volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EbsSnapshot {
    /// Such as `snap-0abc`.
    pub id: String,
    /// The volume it was taken of; AWS writes `vol-ffffffff` where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    /// Gibibytes of the volume; the snapshot itself holds and costs at most that.
    pub size_gib: i64,
    /// `pending`, `completed` or `error`.
    pub state: String,
    /// When it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// `standard` or `archive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_tier: Option<String>,
    /// What its maker wrote.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
}

/// An Elastic IP address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ElasticAddress {
    /// The address.
    pub public_ip: String,
    /// Such as `eipalloc-0abc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation: Option<String>,
    /// Such as `eipassoc-0abc`; absent while the address is bound to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association: Option<String>,
    /// The instance it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The network interface it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_interface: Option<String>,
    /// The pool it comes from: `amazon`, or one of the owner's own (BYOIP), which costs nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The region or zone group that announces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub border_group: Option<String>,
    /// Its tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NetworkInterface {
    /// Such as `eni-0abc`.
    pub id: String,
    /// `available`, `in-use` …
    pub status: String,
    /// Such as `interface`, `nat_gateway`, `network_load_balancer`, `branch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What AWS or its maker wrote about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// The instance it is attached to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The account or service whose instance that is, such as `amazon-elb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached_owner: Option<String>,
    /// Whether an AWS service looks after it.
    pub requester_managed: bool,
    /// Its public addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_ips: Vec<InterfaceAddress>,
    /// Its private addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private_ips: Vec<String>,
    /// Its tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
}

/// A public address of a network interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct InterfaceAddress {
    /// The address.
    pub public_ip: String,
    /// Its allocation, where it is an Elastic IP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation: Option<String>,
    /// Who owns it: an account, or `amazon`, `amazon-elb` for addresses that come and go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A load balancer of either generation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LoadBalancer {
    /// Its name.
    pub name: String,
    /// Its Amazon Resource Name; classic ones have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Its host name.
    pub dns: String,
    /// `classic`, `application`, `network` or `gateway`.
    pub kind: String,
    /// `internet-facing` or `internal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Zones that it stands in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Its network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// How many targets or instances stand behind it; absent when nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<u64>,
    /// Its tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
}

/// A NAT gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NatGateway {
    /// Such as `nat-0abc`.
    pub id: String,
    /// `available`, `deleted` …
    pub state: String,
    /// `public` or `private`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connectivity: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
    /// Its network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Its public addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_ips: Vec<InterfaceAddress>,
    /// Its tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
}

/// A private endpoint to a cloud service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VpcEndpoint {
    /// Such as `vpce-0abc`.
    pub id: String,
    /// The service, such as `com.amazonaws.us-east-1.s3`.
    pub service: String,
    /// `Gateway`, `Interface` …
    pub kind: String,
    /// `available` …
    pub state: String,
    /// Its network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// Subnets that an interface endpoint stands in; each is billed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Its tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
}

/// A database of RDS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Database {
    /// Its name.
    pub id: String,
    /// Its Amazon Resource Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Such as `db.t3.medium`.
    pub class: String,
    /// Such as `postgres`.
    pub engine: String,
    /// `available`, `stopped` …
    pub state: String,
    /// Whether a second one waits in another zone.
    pub multi_zone: bool,
    /// Whether it has an address on the internet.
    pub public: bool,
    /// Such as `gp2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_kind: Option<String>,
    /// Gibibytes of storage.
    pub size_gib: i64,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Its tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
}

/// A group of machines that AWS keeps at a size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ScalingGroup {
    /// Its name.
    pub name: String,
    /// Its Amazon Resource Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The fewest machines.
    pub min: i64,
    /// The most machines.
    pub max: i64,
    /// Machines that are wanted.
    pub desired: i64,
    /// Machines in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<String>,
    /// Its tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
}

/// A repository of container images (ECR).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// Its Amazon Resource Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// What image names start with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The images in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<StoredImage>,
}

/// An image in a repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StoredImage {
    /// Its digest.
    pub digest: String,
    /// Its tags; none when nothing points to it any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Compressed bytes, layers that it shares with others included.
    pub size_bytes: i64,
    /// When it was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<Timestamp>,
    /// When it was last pulled, as far as ECR recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_pulled_at: Option<Timestamp>,
}

/// A call to AWS as CloudTrail recorded it, as far as it tells who made what and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrailEvent {
    /// The call, such as `RunInstances` or `DetachVolume`.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// Who: the name of a user or of a role's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The service that called on somebody's behalf, such as `autoscaling.amazonaws.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
    /// Identifiers of what was made or changed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub resources: BTreeSet<String>,
}
