//! The steps for volumes: mark, snapshot, delete, convert.

use facts::action::{Action, BlastRadius, Precondition, Reversibility, Step, Verification};

use super::{VolumeFinding, VolumeStage};

/// The steps, volume by volume in the order of the recommendations.
pub(super) fn plan(found: &[VolumeFinding]) -> Vec<Step> {
    let mut steps = Vec::new();
    for one in found {
        match one.stage {
            VolumeStage::Mark | VolumeStage::Wait => {}
            VolumeStage::SnapshotThenDelete => {
                snapshot(one, &mut steps);
                delete(one, &mut steps);
            }
            VolumeStage::Delete => delete(one, &mut steps),
            VolumeStage::Convert => convert(one, &mut steps),
        }
    }
    steps
}

fn push(steps: &mut Vec<Step>, one: &VolumeFinding, step: Step) {
    let number = steps.len() as u32 + 1;
    let mut blast_radius = BlastRadius::default();
    blast_radius.measures.insert("gib".to_owned(), one.size_gib as f64);
    steps.push(Step { step: number, target: one.finding.subject.clone(), blast_radius, ..step });
}

fn snapshot(one: &VolumeFinding, steps: &mut Vec<Step>) {
    push(
        steps,
        one,
        Step {
            step: 0,
            action: Action::SnapshotVolume,
            target: one.finding.subject.clone(),
            preconditions: vec![Precondition::TargetUnchanged],
            reversibility: Reversibility {
                reversible: true,
                how: "delete the snapshot".to_owned(),
            },
            verification: Verification {
                expect: "the snapshot's state is `completed`".to_owned(),
                within_seconds: 3_600,
            },
            blast_radius: BlastRadius::default(),
            expected_seconds: 1_800,
        },
    );
}

fn delete(one: &VolumeFinding, steps: &mut Vec<Step>) {
    push(
        steps,
        one,
        Step {
            step: 0,
            action: Action::DeleteVolume,
            target: one.finding.subject.clone(),
            preconditions: vec![
                Precondition::Approved,
                Precondition::SnapshotCompleted,
                Precondition::FieldEquals {
                    field: "/State".to_owned(),
                    value: serde_json::Value::from("available"),
                },
            ],
            reversibility: Reversibility {
                reversible: false,
                how: "a volume is made again from its snapshot, under another identifier"
                    .to_owned(),
            },
            verification: Verification {
                expect: "the volume is in no list of volumes any more".to_owned(),
                within_seconds: 120,
            },
            blast_radius: BlastRadius::default(),
            expected_seconds: 30,
        },
    );
}

fn convert(one: &VolumeFinding, steps: &mut Vec<Step>) {
    let Some(conversion) = &one.convert_to else { return };
    push(
        steps,
        one,
        Step {
            step: 0,
            action: Action::ModifyVolume {
                from: one.volume_type.clone(),
                to: conversion.volume_type.clone(),
                iops: Some(conversion.iops),
                throughput: Some(conversion.throughput),
            },
            target: one.finding.subject.clone(),
            preconditions: vec![Precondition::FieldEquals {
                field: "/VolumeType".to_owned(),
                value: serde_json::Value::from(one.volume_type.as_str()),
            }],
            reversibility: Reversibility {
                reversible: true,
                how: "change the type back, six hours later at the earliest".to_owned(),
            },
            verification: Verification {
                expect: "the modification is `optimizing` or `completed`".to_owned(),
                within_seconds: 600,
            },
            blast_radius: BlastRadius::default(),
            expected_seconds: 600,
        },
    );
}
