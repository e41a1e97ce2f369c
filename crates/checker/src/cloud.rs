//! Steps outside of the cluster: what may be deleted, given back or changed there.

use facts::action::{Action, Precondition, Step};
use facts::cluster::{Account, ClusterState, EbsVolume};
use facts::reason::ReasonCode;

use crate::world::World;

/// What earlier steps of the plan have made.
#[derive(Default)]
pub(crate) struct Progress {
    /// Volumes that a snapshot was taken of.
    snapshots: Vec<String>,
    /// Things that are gone.
    gone: Vec<String>,
}

/// Judges a step outside of the cluster; `false` for a step that is none.
pub(crate) fn judge(
    world: &World<'_>,
    progress: &mut Progress,
    step: &Step,
    note: &mut impl FnMut(ReasonCode, String),
) -> bool {
    let state = world.state;
    let name = step.target.name.as_str();
    let deletes = match &step.action {
        Action::SnapshotVolume => {
            if volume(state, step).is_none() {
                note(ReasonCode::UnknownTarget, "there is no such volume".to_owned());
            }
            progress.snapshots.push(name.to_owned());
            return true;
        }
        Action::ModifyVolume { from, iops, throughput, .. } => {
            match volume(state, step) {
                None => note(ReasonCode::UnknownTarget, "there is no such volume".to_owned()),
                Some(volume) if volume.kind != *from => {
                    note(ReasonCode::FigureMismatch, format!("its type is {}", volume.kind));
                }
                Some(volume) => weaker(volume, *iops, *throughput, note),
            }
            return true;
        }
        Action::DeleteVolume => {
            delete_volume(state, progress, step, note);
            true
        }
        Action::TerminateInstance { .. } => {
            terminate_instance(state, step, note);
            true
        }
        Action::ReleaseAddress => {
            release_address(state, step, note);
            true
        }
        Action::DeleteCloudResource => {
            delete_resource(state, step, note);
            true
        }
        Action::CreateEndpoint { endpoint_type, .. } => {
            if !["gateway", "interface"].contains(&endpoint_type.as_str()) {
                note(ReasonCode::UnknownAction, format!("no endpoint is a {endpoint_type} one"));
            }
            return true;
        }
        _ => return false,
    };
    if deletes {
        if !step.preconditions.contains(&Precondition::Approved) {
            note(ReasonCode::StepOrder, "it cannot be taken back and waits for nobody".to_owned());
        }
        if step.reversibility.reversible {
            note(ReasonCode::FigureMismatch, "it says that it can be taken back".to_owned());
        }
        if progress.gone.iter().any(|one| one == name) {
            note(ReasonCode::UnknownTarget, "an earlier step has taken it away".to_owned());
        }
        progress.gone.push(name.to_owned());
    }
    true
}

fn accounts(state: &ClusterState) -> &[Account] {
    state.accounts.as_ref().map_or(&[], |section| &section.items)
}

fn volume<'a>(state: &'a ClusterState, step: &Step) -> Option<&'a EbsVolume> {
    let volumes = &state.volumes.as_ref()?.items.ebs_volumes;
    volumes.iter().find(|one| one.id == step.target.name && step.target.kind == "Volume")
}

/// A change of type must not give less than what the size has now.
fn weaker(
    volume: &EbsVolume,
    iops: Option<i64>,
    throughput: Option<i64>,
    note: &mut impl FnMut(ReasonCode, String),
) {
    if volume.kind != "gp2" {
        return;
    }
    let (now, then) = ((volume.size_gib * 3).clamp(100, 16_000), iops.unwrap_or(3_000));
    if then < now {
        note(ReasonCode::TooSmall, format!("{now} operations a second now, {then} afterwards"));
    }
    let (now, then) = (if volume.size_gib < 170 { 128 } else { 250 }, throughput.unwrap_or(125));
    if then < now {
        note(ReasonCode::TooSmall, format!("{now} MiB a second now, {then} afterwards"));
    }
}

fn delete_volume(
    state: &ClusterState,
    progress: &Progress,
    step: &Step,
    note: &mut impl FnMut(ReasonCode, String),
) {
    let Some(volume) = volume(state, step) else {
        return note(ReasonCode::UnknownTarget, "there is no such volume".to_owned());
    };
    if volume.state != "available" || !volume.attached_to.is_empty() {
        note(ReasonCode::VolumeAttached, format!("its state is {}", volume.state));
    }
    let storage = state.volumes.as_ref().map(|section| &section.items);
    let stands = storage.and_then(|storage| {
        storage
            .volumes
            .iter()
            .find(|one| one.handle.as_deref().is_some_and(|handle| handle.ends_with(&volume.id)))
    });
    if let Some(stands) = stands {
        note(ReasonCode::VolumeClaimed, format!("persistent volume {} stands for it", stands.name));
    }
    let tagged =
        |key: &str| volume.tags.get(key).is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    if tagged("cloudoptim:ignore") || volume.tags.get("backup").is_some_and(|value| value == "true")
    {
        note(ReasonCode::ExcludedByTag, "a tag asks to leave it alone".to_owned());
    }
    let taken = progress.snapshots.contains(&volume.id);
    let exists = accounts(state)
        .iter()
        .flat_map(|account| account.snapshots.iter().flatten())
        .any(|one| one.volume.as_ref() == Some(&volume.id) && one.state == "completed");
    if !taken && !exists {
        note(ReasonCode::StepOrder, "there is no snapshot of it".to_owned());
    }
    if !step.preconditions.contains(&Precondition::SnapshotCompleted) {
        note(ReasonCode::StepOrder, "it does not wait for the snapshot".to_owned());
    }
}

fn terminate_instance(
    state: &ClusterState,
    step: &Step,
    note: &mut impl FnMut(ReasonCode, String),
) {
    let name = step.target.name.as_str();
    let found = accounts(state)
        .iter()
        .flat_map(|account| &account.instances)
        .find(|one| one.id == name && step.target.kind == "Instance");
    let Some(instance) = found else {
        return note(ReasonCode::UnknownTarget, "there is no such machine".to_owned());
    };
    let nodes = state.nodes.as_ref();
    if nodes.is_none_or(|nodes| !nodes.complete) {
        note(ReasonCode::SectionIncomplete, "it may be a node that is not listed".to_owned());
    }
    let is_node = state.node_items().iter().any(|node| {
        node.provider_id.as_deref().is_some_and(|id| id.ends_with(&format!("/{name}")))
            || instance.private_dns.as_deref() == Some(node.name.as_str())
    });
    if is_node {
        note(ReasonCode::InUse, "it is a node of the cluster".to_owned());
    }
    let ignored = instance.tags.get("cloudoptim:ignore");
    if ignored.is_some_and(|value| !value.eq_ignore_ascii_case("false")) {
        note(ReasonCode::ExcludedByTag, "a tag asks to leave it alone".to_owned());
    }
}

fn release_address(state: &ClusterState, step: &Step, note: &mut impl FnMut(ReasonCode, String)) {
    let all = || accounts(state).iter();
    let found = all()
        .flat_map(|account| account.addresses.iter().flatten())
        .find(|one| one.public_ip == step.target.name);
    let Some(address) = found else {
        return note(ReasonCode::UnknownTarget, "there is no such address".to_owned());
    };
    if address.allocation != step.target.uid {
        note(ReasonCode::UnknownTarget, "its allocation is another one".to_owned());
    }
    let bound = address.association.is_some()
        || address.instance.is_some()
        || address.network_interface.is_some();
    let on_interface = all()
        .flat_map(|account| account.network_interfaces.iter().flatten())
        .any(|one| one.public_ips.iter().any(|public| public.public_ip == address.public_ip));
    if bound || on_interface {
        note(ReasonCode::InUse, "it is bound to something".to_owned());
    }
}

fn delete_resource(state: &ClusterState, step: &Step, note: &mut impl FnMut(ReasonCode, String)) {
    if step.target.kind != "LoadBalancer" {
        let kind = &step.target.kind;
        return note(ReasonCode::UnknownAction, format!("deleting a {kind} cannot be judged"));
    }
    let found = accounts(state)
        .iter()
        .flat_map(|account| account.load_balancers.iter().flatten())
        .find(|one| one.name == step.target.name && one.arn == step.target.arn);
    let Some(balancer) = found else {
        return note(ReasonCode::UnknownTarget, "there is no such load balancer".to_owned());
    };
    if balancer.targets != Some(0) {
        note(ReasonCode::InUse, "something may stand behind it".to_owned());
    }
    let network = state.network.as_ref().map(|section| &section.items);
    let serves = network.is_some_and(|network| {
        let services = network.services.iter().map(|one| &one.load_balancers);
        let ingresses = network.ingresses.iter().map(|one| &one.load_balancers);
        services.chain(ingresses).any(|names| names.contains(&balancer.dns))
    });
    if serves {
        note(ReasonCode::InUse, "a Service or Ingress has it".to_owned());
    }
}
