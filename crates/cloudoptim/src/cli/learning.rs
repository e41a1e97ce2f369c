//! How `cloudoptim serve` learns from interruptions.

use app::learning::LearningSettings;
use clap::Args;
use jiff::SignedDuration;

use crate::exit::Failure;

/// How reports are learned from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Learning")]
pub(crate) struct LearningArguments {
    /// Rebalance jobs that may be made within an hour, over all pools and customers.
    #[arg(long, env = "REBALANCE_JOBS_PER_HOUR", value_name = "COUNT", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) rebalance_jobs_per_hour: u32,
    /// Seconds that a claimed rebalance job stays its claimer's.
    #[arg(long, env = "REBALANCE_LEASE_SECONDS", value_name = "SECONDS", default_value_t = 900,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) rebalance_lease: u32,
    /// False alarms of CONFIRMED_RISKY that are allowed for each healthy pool in a month.
    #[arg(long, env = "ALARM_BUDGET_CONFIRMED", value_name = "PER_MONTH", default_value_t = 0.01)]
    pub(crate) alarm_budget_confirmed: f64,
    /// False alarms of UNCERTAIN that are allowed for each healthy pool in a month.
    #[arg(long, env = "ALARM_BUDGET_UNCERTAIN", value_name = "PER_MONTH", default_value_t = 0.2)]
    pub(crate) alarm_budget_uncertain: f64,
}

impl LearningArguments {
    pub(crate) fn settings(&self) -> Result<LearningSettings, Failure> {
        let mut settings = LearningSettings {
            jobs_per_hour: u64::from(self.rebalance_jobs_per_hour),
            lease: SignedDuration::from_secs(i64::from(self.rebalance_lease)),
            ..LearningSettings::default()
        };
        for (name, value, place) in [
            ("confirmed", self.alarm_budget_confirmed, &mut settings.budget.confirmed),
            ("uncertain", self.alarm_budget_uncertain, &mut settings.budget.uncertain),
        ] {
            // Written so that what is no number is refused.
            if !(value > 0.0 && value <= 1_000.0) {
                let reason = format!("--alarm-budget-{name}: expected above 0, at most 1000");
                return Err(Failure::Serve(reason));
            }
            *place = value;
        }
        Ok(settings)
    }
}
