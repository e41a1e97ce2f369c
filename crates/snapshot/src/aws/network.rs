//! Answers about addresses, interfaces, gateways, endpoints and load balancers.

use facts::cluster::{
    ElasticAddress, InterfaceAddress, LoadBalancer, NatGateway, NetworkInterface, VpcEndpoint,
};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Tag, filled, tags};
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct AddressAnswer {
    public_ip: String,
    allocation_id: Option<String>,
    association_id: Option<String>,
    instance_id: Option<String>,
    network_interface_id: Option<String>,
    public_ipv4_pool: Option<String>,
    network_border_group: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    tags: Vec<Tag>,
}

impl AddressAnswer {
    pub(crate) fn into_fact(self) -> ElasticAddress {
        ElasticAddress {
            public_ip: self.public_ip,
            allocation: filled(self.allocation_id),
            association: filled(self.association_id),
            instance: filled(self.instance_id),
            network_interface: filled(self.network_interface_id),
            pool: filled(self.public_ipv4_pool),
            border_group: filled(self.network_border_group),
            tags: tags(self.tags),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct InterfaceAnswer {
    network_interface_id: String,
    #[serde(deserialize_with = "lenient::or_default")]
    status: String,
    interface_type: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    description: String,
    availability_zone: Option<String>,
    vpc_id: Option<String>,
    requester_managed: Option<bool>,
    attachment: Option<AttachmentAnswer>,
    association: Option<AssociationAnswer>,
    #[serde(deserialize_with = "lenient::or_default")]
    private_ip_addresses: Vec<PrivateAnswer>,
    #[serde(deserialize_with = "lenient::or_default")]
    tag_set: Vec<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct AttachmentAnswer {
    instance_id: Option<String>,
    instance_owner_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct AssociationAnswer {
    public_ip: Option<String>,
    allocation_id: Option<String>,
    ip_owner_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct PrivateAnswer {
    private_ip_address: Option<String>,
    association: Option<AssociationAnswer>,
}

impl AssociationAnswer {
    fn into_fact(self) -> Option<InterfaceAddress> {
        Some(InterfaceAddress {
            public_ip: filled(self.public_ip)?,
            allocation: filled(self.allocation_id),
            owner: filled(self.ip_owner_id),
        })
    }
}

impl InterfaceAnswer {
    pub(crate) fn into_fact(self) -> NetworkInterface {
        let mut public_ips: Vec<InterfaceAddress> =
            self.association.and_then(AssociationAnswer::into_fact).into_iter().collect();
        let mut private_ips = Vec::new();
        for private in self.private_ip_addresses {
            private_ips.extend(filled(private.private_ip_address));
            public_ips.extend(private.association.and_then(AssociationAnswer::into_fact));
        }
        public_ips.sort_by(|a, b| a.public_ip.cmp(&b.public_ip));
        public_ips.dedup_by(|a, b| a.public_ip == b.public_ip);
        let attachment = self.attachment.unwrap_or_default();
        NetworkInterface {
            id: self.network_interface_id,
            status: self.status,
            kind: filled(self.interface_type),
            description: self.description,
            zone: filled(self.availability_zone),
            vpc: filled(self.vpc_id),
            instance: filled(attachment.instance_id),
            attached_owner: filled(attachment.instance_owner_id),
            requester_managed: self.requester_managed.unwrap_or(false),
            public_ips,
            private_ips,
            tags: tags(self.tag_set),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct NatAnswer {
    nat_gateway_id: String,
    #[serde(deserialize_with = "lenient::or_default")]
    state: String,
    connectivity_type: Option<String>,
    subnet_id: Option<String>,
    vpc_id: Option<String>,
    #[serde(deserialize_with = "lenient::time")]
    create_time: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::or_default")]
    nat_gateway_addresses: Vec<AssociationAnswer>,
    #[serde(deserialize_with = "lenient::or_default")]
    tags: Vec<Tag>,
}

impl NatAnswer {
    pub(crate) fn into_fact(self) -> NatGateway {
        let addresses = self.nat_gateway_addresses.into_iter();
        NatGateway {
            id: self.nat_gateway_id,
            state: self.state,
            connectivity: filled(self.connectivity_type),
            zone: None,
            subnet: filled(self.subnet_id),
            vpc: filled(self.vpc_id),
            created_at: self.create_time,
            public_ips: addresses.filter_map(AssociationAnswer::into_fact).collect(),
            tags: tags(self.tags),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct EndpointAnswer {
    vpc_endpoint_id: String,
    #[serde(deserialize_with = "lenient::or_default")]
    vpc_endpoint_type: String,
    #[serde(deserialize_with = "lenient::or_default")]
    service_name: String,
    #[serde(deserialize_with = "lenient::or_default")]
    state: String,
    vpc_id: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    subnet_ids: Vec<String>,
    #[serde(deserialize_with = "lenient::time")]
    creation_timestamp: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::or_default")]
    tags: Vec<Tag>,
}

impl EndpointAnswer {
    pub(crate) fn into_fact(self) -> VpcEndpoint {
        VpcEndpoint {
            id: self.vpc_endpoint_id,
            service: self.service_name,
            kind: self.vpc_endpoint_type,
            state: self.state,
            vpc: filled(self.vpc_id),
            subnets: self.subnet_ids,
            created_at: self.creation_timestamp,
            tags: tags(self.tags),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct BalancerAnswer {
    load_balancer_name: String,
    load_balancer_arn: Option<String>,
    #[serde(rename = "DNSName", deserialize_with = "lenient::or_default")]
    dns: String,
    r#type: Option<String>,
    scheme: Option<String>,
    vpc_id: Option<String>,
    #[serde(deserialize_with = "lenient::time")]
    created_time: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::or_default")]
    availability_zones: Vec<ZoneAnswer>,
    #[serde(deserialize_with = "lenient::or_default")]
    tags: Vec<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ZoneAnswer {
    zone_name: Option<String>,
}

impl BalancerAnswer {
    pub(crate) fn into_fact(self) -> LoadBalancer {
        let zones = self.availability_zones.into_iter();
        LoadBalancer {
            name: self.load_balancer_name,
            arn: filled(self.load_balancer_arn),
            dns: self.dns,
            kind: self.r#type.unwrap_or_else(|| "application".to_owned()),
            scheme: filled(self.scheme),
            zones: zones.filter_map(|zone| zone.zone_name).collect(),
            created_at: self.created_time,
            vpc: filled(self.vpc_id),
            targets: None,
            tags: tags(self.tags),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ClassicAnswer {
    load_balancer_name: String,
    #[serde(rename = "DNSName", deserialize_with = "lenient::or_default")]
    dns: String,
    scheme: Option<String>,
    #[serde(rename = "VPCId")]
    vpc: Option<String>,
    #[serde(deserialize_with = "lenient::time")]
    created_time: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::or_default")]
    availability_zones: Vec<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    instances: Vec<serde::de::IgnoredAny>,
    #[serde(deserialize_with = "lenient::or_default")]
    tags: Vec<Tag>,
}

impl ClassicAnswer {
    pub(crate) fn into_fact(self) -> LoadBalancer {
        LoadBalancer {
            name: self.load_balancer_name,
            arn: None,
            dns: self.dns,
            kind: "classic".to_owned(),
            scheme: filled(self.scheme),
            zones: self.availability_zones,
            created_at: self.created_time,
            vpc: filled(self.vpc),
            targets: Some(self.instances.len() as u64),
            tags: tags(self.tags),
        }
    }
}

/// A target group says for which load balancers it is; one that no group names has no targets.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct TargetGroupAnswer {
    #[serde(deserialize_with = "lenient::or_default")]
    pub(crate) load_balancer_arns: Vec<String>,
}
