//! What a back-test assumes, with every default on one screen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Fraction, Hours, Usd, UsdPerHour};

use crate::InputError;

/// Assumptions of the model. Every one of them is in the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Equal instances that the workload keeps running, 1 to 10,000.
    pub instances: u32,
    /// Seconds from a request for an instance until it serves; paid for and counted as unavailable.
    pub startup_seconds: u32,
    /// Dollars that each interruption costs besides the time it takes.
    pub interruption_cost_usd: Usd,
    /// What an hour costs in which an instance is missing, as a multiple of its On-Demand price. Whoever
    /// buys On-Demand shows that it is more than 1.
    pub unavailable_cost_to_on_demand: f64,
    /// The same in dollars, in the place of the multiple.
    pub unavailable_cost_usd_per_hour: Option<UsdPerHour>,
    /// The share of the instances that policies with a score keep On-Demand.
    pub on_demand_share: Fraction,
    /// The most of all instances that policies with a score put into one pool.
    pub max_pool_share: Fraction,
    /// The least safety score of a pool for policies with a score.
    pub min_safety_score: Fraction,
    /// How many pools may refuse at one step before a policy gives up until the next one.
    pub attempts: u32,
    /// Whose interruptions are known to the policies.
    pub reports: Reports,
    /// The step of events that have none of their own, in seconds.
    pub step_seconds: u32,
    /// The pool is taken to be down for so many seconds after an interruption that no return follows.
    pub down_for_seconds: Option<u32>,
    /// Whether the On-Demand price less the advisor's 30-day saving stands in for an unknown spot price.
    pub accept_average_prices: bool,
    /// The share of the On-Demand price that stands in for a spot price that is still unknown then.
    pub spot_share: Option<Fraction>,
    /// A spot price that was not seen for longer is unknown.
    pub max_price_age_hours: Hours,
    /// Whether an On-Demand price that became known later only may be used for the time before.
    pub later_list_prices: bool,
    /// How many resamples of the days the intervals come from.
    pub resamples: u32,
}

/// Whose interruptions policies learn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reports {
    /// What happened to the policy's own instances and requests.
    #[default]
    Own,
    /// Every loss and return in every pool, as far as it had happened: reports that all share.
    All,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            instances: 10,
            startup_seconds: 180,
            interruption_cost_usd: Usd::from_nanos(1_000_000_000),
            unavailable_cost_to_on_demand: 2.0,
            unavailable_cost_usd_per_hour: None,
            on_demand_share: Fraction::clamped(0.15),
            max_pool_share: Fraction::ONE,
            min_safety_score: Fraction::ZERO,
            attempts: 3,
            reports: Reports::Own,
            step_seconds: 300,
            down_for_seconds: None,
            accept_average_prices: false,
            spot_share: None,
            max_price_age_hours: Hours(48.0),
            later_list_prices: false,
            resamples: 2000,
        }
    }
}

impl Settings {
    /// Refuses what cannot be replayed.
    ///
    /// # Errors
    /// The first field that is out of range, with the range.
    pub fn checked(&self) -> Result<(), InputError> {
        let within = |field: &'static str, value: u32, least: u32, most: u32| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(InputError::Setting { field, expected: format!("{least} to {most}") })
            }
        };
        within("instances", self.instances, 1, 10_000)?;
        within("startup_seconds", self.startup_seconds, 0, 86_400)?;
        within("attempts", self.attempts, 1, 1000)?;
        within("step_seconds", self.step_seconds, 1, 86_400)?;
        within("resamples", self.resamples, 100, 5000)?;
        if let Some(seconds) = self.down_for_seconds {
            within("down_for_seconds", seconds, 1, 30 * 86_400)?;
        }
        let dollars = |field: &'static str, amount: Usd| {
            if (0..=1_000_000_000_000_000).contains(&amount.nanos()) {
                Ok(())
            } else {
                Err(InputError::Setting { field, expected: "0 to 1,000,000 dollars".to_owned() })
            }
        };
        dollars("interruption_cost_usd", self.interruption_cost_usd)?;
        if let Some(rate) = self.unavailable_cost_usd_per_hour {
            dollars("unavailable_cost_usd_per_hour", rate.per_hour())?;
        }
        if !(0.0..=1000.0).contains(&self.unavailable_cost_to_on_demand) {
            let expected = "0 to 1000".to_owned();
            return Err(InputError::Setting { field: "unavailable_cost_to_on_demand", expected });
        }
        if self.max_pool_share.value() <= 0.0 {
            let expected = "above 0, up to 1".to_owned();
            return Err(InputError::Setting { field: "max_pool_share", expected });
        }
        if self.spot_share.is_some_and(|share| share.value() <= 0.0) {
            let expected = "above 0, up to 1".to_owned();
            return Err(InputError::Setting { field: "spot_share", expected });
        }
        let is_age = |hours: f64| hours.is_finite() && hours > 0.0;
        if !is_age(self.max_price_age_hours.0) {
            let expected = "hours above 0".to_owned();
            return Err(InputError::Setting { field: "max_price_age_hours", expected });
        }
        Ok(())
    }

    /// How many instances policies with a score keep On-Demand: the share, rounded up.
    pub(crate) fn kept_on_demand(&self) -> u32 {
        rounded_up(self.on_demand_share, self.instances)
    }

    /// How many instances policies with a score put into one pool at the most: the share, rounded
    /// down, and one at the least.
    pub(crate) fn most_in_a_pool(&self) -> u32 {
        let most = (self.max_pool_share.value() * f64::from(self.instances) + 1e-9).floor();
        (most as u32).clamp(1, self.instances)
    }
}

fn rounded_up(share: Fraction, of: u32) -> u32 {
    ((share.value() * f64::from(of) - 1e-9).ceil().max(0.0) as u32).min(of)
}
