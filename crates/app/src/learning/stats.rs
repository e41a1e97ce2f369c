//! How far learning has come: hours, weight and milestones, all computed.

use std::collections::BTreeMap;

use learning::{Milestone, feedback_weight, progress};
use schemars::JsonSchema;
use serde::Serialize;
use store::RebalanceCounts;

use super::quality::Quality;
use super::rebalance::seen_by;
use super::state::Believed;
use super::status::six;
use crate::access::{Caller, Role};
use crate::{App, Error};

/// What was learned altogether.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LearningStats {
    /// Whole instance-hours at risk that were reported.
    pub total_instance_hours: u64,
    /// Of these the hours that count: no customer counts for more than all others together.
    pub believed_instance_hours: u64,
    /// Interruptions that were reported.
    pub total_interruptions: u64,
    /// Customers that told of anything; a tenant is told from three on.
    pub customers: Option<u64>,
    /// Pools that something was told of.
    pub pools: u64,
    /// How much reported history counts in the adaptive profile, 0 to 0.25.
    pub current_feedback_weight: f64,
    /// Balanced accuracy of predictions whose outcome is known; `null` before there are 200 of them, 20
    /// interruptions among them.
    pub prediction_accuracy: Option<f64>,
    /// How much of the risks of pools their own reports are, on average; `null` without any.
    pub confidence_score: Option<f64>,
    /// How far it is to each milestone.
    pub milestones: BTreeMap<&'static str, String>,
    /// What became of rebalance jobs; a tenant sees its own.
    pub rebalance: RebalanceStats,
}

/// What became of rebalance jobs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RebalanceStats {
    /// Jobs that were made.
    pub jobs: i64,
    /// Those whose capacity was moved.
    pub completed: i64,
    /// Those that could not be done.
    pub failed: i64,
    /// Those that nobody did before the pool recovered.
    pub expired: i64,
    /// Instances that were moved in time, as far as it was said.
    pub moved_instances: i64,
    /// Instances that were taken back before, as far as it was said.
    pub interrupted_instances: i64,
    /// Of these two the share that was moved in time; `null` before anything was said.
    pub moved_in_time: Option<f64>,
}

/// The feedback weight and what is ahead of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FeedbackWeight {
    /// 0 to 0.25.
    pub feedback_weight: f64,
    /// The hours that it follows from.
    pub total_instance_hours: u64,
    /// The last milestone that was reached.
    pub milestone: String,
    /// The one ahead; `null` behind the last.
    pub next_milestone: Option<String>,
    /// The share of the way from the one to the other.
    pub progress: String,
}

impl App {
    /// What was learned altogether.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn learning_stats(&self, caller: &Caller) -> Result<LearningStats, Error> {
        self.catch_up().await?;
        let now = self.clock.now();
        let (believed, pools, confidence) = {
            let mut state = self.learning.state();
            (state.believed(now), state.pools.len() as u64, state.mean_own_weight(now))
        };
        let quality: Quality = self.prediction_quality().await?;
        let hours = believed.hours;
        let counts = self.store.rebalance_counts(seen_by(caller)).await?;
        Ok(LearningStats {
            total_instance_hours: believed.reported_hours,
            believed_instance_hours: hours,
            total_interruptions: believed.interruptions,
            customers: shown(believed, caller),
            pools,
            current_feedback_weight: feedback_weight(hours),
            prediction_accuracy: quality.balanced_accuracy,
            confidence_score: confidence.map(six),
            rebalance: rebalance(&counts),
            milestones: Milestone::ALL
                .into_iter()
                .map(|one| (name(one), state_of(one, hours)))
                .collect(),
        })
    }

    /// The feedback weight.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn current_weight(&self) -> Result<FeedbackWeight, Error> {
        self.catch_up().await?;
        let hours = self.learning.state().believed(self.clock.now()).hours;
        let way = progress(hours);
        Ok(FeedbackWeight {
            feedback_weight: feedback_weight(hours),
            total_instance_hours: hours,
            milestone: way.reached.map_or("none yet".to_owned(), described),
            next_milestone: way.next.map(described),
            progress: format!("{}%", (way.share.value() * 1000.0).floor() / 10.0),
        })
    }
}

fn rebalance(counts: &RebalanceCounts) -> RebalanceStats {
    let told = counts.moved.saturating_add(counts.interrupted);
    RebalanceStats {
        jobs: counts.made,
        completed: counts.completed,
        failed: counts.failed,
        expired: counts.expired,
        moved_instances: counts.moved,
        interrupted_instances: counts.interrupted,
        moved_in_time: (told > 0).then(|| six(counts.moved as f64 / told as f64)),
    }
}

fn shown(believed: Believed, caller: &Caller) -> Option<u64> {
    let is_few = caller.role == Role::Tenant && believed.customers < 3;
    (!is_few).then_some(believed.customers)
}

/// Milestones under the names that callers know.
fn name(milestone: Milestone) -> &'static str {
    match milestone {
        Milestone::TenThousand => "month_1",
        Milestone::FiftyThousand => "month_3",
        Milestone::TwoHundredThousand => "month_6",
        Milestone::HalfAMillion => "month_12",
    }
}

fn described(milestone: Milestone) -> String {
    let name = match milestone {
        Milestone::TenThousand => "Month 1",
        Milestone::FiftyThousand => "Month 3",
        Milestone::TwoHundredThousand => "Month 6",
        Milestone::HalfAMillion => "Month 12",
    };
    format!("{name} ({}K instance-hours)", milestone.hours() / 1000)
}

fn state_of(milestone: Milestone, hours: u64) -> String {
    let way = progress(hours);
    if milestone.hours() <= hours {
        "completed".to_owned()
    } else if way.next == Some(milestone) {
        format!("in_progress ({}K/{}K instance-hours)", hours / 1000, milestone.hours() / 1000)
    } else {
        "pending".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_are_reckoned() {
        let check = |hours: u64, expected: [&str; 4]| {
            let found = Milestone::ALL.map(|one| state_of(one, hours));
            assert_eq!(found.each_ref().map(String::as_str), expected, "{hours}");
        };
        check(
            250_000,
            ["completed", "completed", "completed", "in_progress (250K/500K instance-hours)"],
        );
        check(0, ["in_progress (0K/10K instance-hours)", "pending", "pending", "pending"]);
        check(500_000, ["completed"; 4]);
    }
}
