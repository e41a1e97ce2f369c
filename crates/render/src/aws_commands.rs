//! Steps outside of the cluster as commands of `aws`, tried out before they are done.

use std::fmt::Write;

use facts::action::{Action, Step};

use crate::quoting::{comment, shell};
use crate::{Artefact, Origin};

/// A script; nothing where no step lies outside of the cluster.
pub(crate) fn artefact(origin: &Origin, steps: &[Step]) -> Option<Artefact> {
    let mut script = format!(
        "#!/bin/sh\n# Tries every command out that can be; runs them with APPLY=yes.\nset -eu\n{}{FUNCTIONS}",
        origin.comment()
    );
    let mut any = false;
    for step in steps {
        let Some((what, commands)) = commands(step) else { continue };
        any = true;
        // Writing into a string cannot fail.
        let _ = writeln!(script, "\n# step {}: {}", step.step, comment(&what));
        for (command, tried) in commands {
            let _ = writeln!(script, "{} {command}", if tried { "try" } else { "run" });
        }
    }
    any.then(|| Artefact { name: "aws.sh".to_owned(), kind: "script".to_owned(), content: script })
}

/// What a step outside of the cluster does, for people.
pub(crate) fn what(step: &Step) -> Option<String> {
    commands(step).map(|(what, _)| what)
}

/// `try` asks EC2 whether it would be allowed (which it answers with an error of that name), and `run`
/// only says what it would do until it is told to apply.
const FUNCTIONS: &str = r#"
run() { if [ "${APPLY:-}" = yes ]; then "$@"; else echo "would run: $*"; fi; }
try() {
  said=$("$@" --dry-run 2>&1 || true)
  case "$said" in *DryRunOperation*) run "$@" ;; *) echo "refused: $* ($said)" >&2; exit 1 ;; esac
}
"#;

/// What a step is for people, and its commands with whether they can be tried out.
fn commands(step: &Step) -> Option<(String, Vec<(String, bool)>)> {
    let name = shell(&step.target.name);
    let tried = |what: &str, command: String| Some((what.to_owned(), vec![(command, true)]));
    match &step.action {
        Action::SnapshotVolume => Some((
            "copy the volume".to_owned(),
            vec![
                (
                    format!("aws ec2 create-snapshot --volume-id {name} --description cloudoptim"),
                    true,
                ),
                (
                    format!(
                        "aws ec2 wait snapshot-completed --filters Name=volume-id,Values={name}"
                    ),
                    false,
                ),
            ],
        )),
        Action::DeleteVolume => {
            tried("delete the volume", format!("aws ec2 delete-volume --volume-id {name}"))
        }
        Action::ModifyVolume { to, iops, throughput, .. } => {
            let mut command =
                format!("aws ec2 modify-volume --volume-id {name} --volume-type {}", shell(to));
            if let Some(iops) = iops {
                command.push_str(&format!(" --iops {iops}"));
            }
            if let Some(throughput) = throughput {
                command.push_str(&format!(" --throughput {throughput}"));
            }
            tried("change the type of the volume", command)
        }
        Action::TerminateInstance { scaling_group: None } => {
            tried("end the machine", format!("aws ec2 terminate-instances --instance-ids {name}"))
        }
        Action::TerminateInstance { scaling_group: Some(_) } => Some((
            "end the machine, and lower the size of its group".to_owned(),
            vec![(
                format!(
                    "aws autoscaling terminate-instance-in-auto-scaling-group --instance-id {name} \
                     --should-decrement-desired-capacity"
                ),
                false,
            )],
        )),
        Action::ReleaseAddress => {
            let allocation = step.target.uid.as_deref().map(shell)?;
            tried(
                "give the address back",
                format!("aws ec2 release-address --allocation-id {allocation}"),
            )
        }
        Action::CreateEndpoint { service, endpoint_type } => {
            let kind = if endpoint_type == "gateway" { "Gateway" } else { "Interface" };
            tried(
                "create an endpoint",
                format!(
                    "aws ec2 create-vpc-endpoint --vpc-id \"${{VPC_ID:?name the network}}\" \
                     --vpc-endpoint-type {kind} --service-name {}",
                    shell(service)
                ),
            )
        }
        Action::DeleteCloudResource if step.target.kind == "LoadBalancer" => {
            let command = match &step.target.arn {
                Some(arn) => {
                    format!("aws elbv2 delete-load-balancer --load-balancer-arn {}", shell(arn))
                }
                None => format!("aws elb delete-load-balancer --load-balancer-name {name}"),
            };
            Some(("delete the load balancer".to_owned(), vec![(command, false)]))
        }
        _ => None,
    }
}
