//! Answers of `describe-instances`, `describe-auto-scaling-groups` and `describe-db-instances`.

use facts::cluster::{Database, Instance, ScalingGroup};
use facts::names::CapacityType;
use jiff::Timestamp;
use serde::Deserialize;

use super::{Tag, filled, tags};
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Reservation {
    pub(crate) owner_id: Option<String>,
    instances: Vec<InstanceAnswer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InstanceAnswer {
    instance_id: String,
    instance_type: String,
    #[serde(deserialize_with = "lenient::or_default")]
    state: Named,
    #[serde(deserialize_with = "lenient::or_default")]
    placement: Placement,
    instance_lifecycle: Option<String>,
    #[serde(deserialize_with = "lenient::time")]
    launch_time: Option<Timestamp>,
    private_dns_name: Option<String>,
    private_ip_address: Option<String>,
    state_transition_reason: Option<String>,
    platform: Option<String>,
    platform_details: Option<String>,
    public_ip_address: Option<String>,
    iam_instance_profile: Option<Profile>,
    image_id: Option<String>,
    subnet_id: Option<String>,
    vpc_id: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    tags: Vec<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Named {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Placement {
    availability_zone: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Profile {
    arn: Option<String>,
}

impl Reservation {
    pub(crate) fn into_facts(self) -> Vec<Instance> {
        let fact = |one: InstanceAnswer| Instance {
            id: one.instance_id,
            instance_type: one.instance_type,
            state: one.state.name,
            zone: filled(one.placement.availability_zone),
            capacity_type: Some(match one.instance_lifecycle.as_deref() {
                Some("spot") => CapacityType::Spot,
                _ => CapacityType::OnDemand,
            }),
            launched_at: one.launch_time,
            private_dns: filled(one.private_dns_name),
            private_ip: filled(one.private_ip_address),
            state_reason: filled(one.state_transition_reason),
            platform: filled(one.platform)
                .or_else(|| one.platform_details.filter(|details| details.starts_with("Windows"))),
            public_ip: filled(one.public_ip_address),
            instance_profile: one.iam_instance_profile.and_then(|profile| profile.arn),
            image: filled(one.image_id),
            subnet: filled(one.subnet_id),
            vpc: filled(one.vpc_id),
            tags: tags(one.tags),
        };
        self.instances.into_iter().map(fact).collect()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ScalingGroupAnswer {
    auto_scaling_group_name: String,
    #[serde(rename = "AutoScalingGroupARN")]
    arn: Option<String>,
    min_size: i64,
    max_size: i64,
    desired_capacity: i64,
    #[serde(deserialize_with = "lenient::or_default")]
    instances: Vec<Member>,
    #[serde(deserialize_with = "lenient::or_default")]
    tags: Vec<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Member {
    instance_id: String,
}

impl ScalingGroupAnswer {
    pub(crate) fn into_fact(self) -> ScalingGroup {
        ScalingGroup {
            name: self.auto_scaling_group_name,
            arn: self.arn,
            min: self.min_size,
            max: self.max_size,
            desired: self.desired_capacity,
            instances: self.instances.into_iter().map(|one| one.instance_id).collect(),
            tags: tags(self.tags),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct DatabaseAnswer {
    #[serde(rename = "DBInstanceIdentifier")]
    id: String,
    #[serde(rename = "DBInstanceArn")]
    arn: Option<String>,
    #[serde(rename = "DBInstanceClass")]
    class: String,
    #[serde(deserialize_with = "lenient::or_default")]
    engine: String,
    #[serde(rename = "DBInstanceStatus", deserialize_with = "lenient::or_default")]
    state: String,
    #[serde(rename = "MultiAZ")]
    multi_zone: Option<bool>,
    publicly_accessible: Option<bool>,
    storage_type: Option<String>,
    allocated_storage: Option<i64>,
    #[serde(deserialize_with = "lenient::time")]
    instance_create_time: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::or_default")]
    tag_list: Vec<Tag>,
}

impl DatabaseAnswer {
    pub(crate) fn into_fact(self) -> Database {
        Database {
            id: self.id,
            arn: self.arn,
            class: self.class,
            engine: self.engine,
            state: self.state,
            multi_zone: self.multi_zone.unwrap_or(false),
            public: self.publicly_accessible.unwrap_or(false),
            storage_kind: filled(self.storage_type),
            size_gib: self.allocated_storage.unwrap_or(0),
            created_at: self.instance_create_time,
            tags: tags(self.tag_list),
        }
    }
}
