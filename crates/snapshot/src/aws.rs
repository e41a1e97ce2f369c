//! Answers of `aws ec2 describe-instances` and `aws ec2 describe-volumes`.

use facts::cluster::{EbsVolume, Instance, Labels};
use facts::names::CapacityType;
use jiff::Timestamp;
use serde::Deserialize;

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

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

fn tags(tags: Vec<Tag>) -> Labels {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
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
pub(crate) struct VolumeAnswer {
    volume_id: String,
    volume_type: String,
    size: i64,
    #[serde(deserialize_with = "lenient::or_default")]
    state: String,
    availability_zone: Option<String>,
    #[serde(deserialize_with = "lenient::time")]
    create_time: Option<Timestamp>,
    snapshot_id: Option<String>,
    iops: Option<i64>,
    throughput: Option<i64>,
    #[serde(deserialize_with = "lenient::or_default")]
    attachments: Vec<Attachment>,
    #[serde(deserialize_with = "lenient::or_default")]
    tags: Vec<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Attachment {
    instance_id: Option<String>,
}

impl VolumeAnswer {
    pub(crate) fn into_fact(self) -> EbsVolume {
        EbsVolume {
            id: self.volume_id,
            kind: self.volume_type,
            size_gib: self.size,
            state: self.state,
            zone: filled(self.availability_zone),
            created_at: self.create_time,
            from_snapshot: filled(self.snapshot_id),
            iops: self.iops,
            throughput: self.throughput,
            attached_to: self.attachments.into_iter().filter_map(|one| one.instance_id).collect(),
            tags: tags(self.tags),
        }
    }
}
