//! Every policy that can be replayed, on one screen.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way of buying capacity.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PolicyName {
    /// The cheapest spot pool.
    LowestPrice,
    /// The spot pool of the safest published class.
    AdvisorOnly,
    /// The least expected cost by public data.
    PublicData,
    /// The least expected cost by public data and what was reported.
    Adaptive,
    /// The least expected cost by learned risk alone.
    LearnedRate,
    /// The least expected cost by learned risk and the last three days.
    Calibrated,
    /// The spot pool that failed least in the last day.
    PriceCapacity,
    /// No spot capacity at all.
    OnDemandOnly,
    /// Knows the future.
    HindsightOptimum,
}

/// A policy as lists show it.
#[derive(Clone, Copy, Debug)]
pub struct PolicyEntry {
    /// Its name.
    pub name: PolicyName,
    /// As it is written.
    pub word: &'static str,
    /// What it does, in one sentence.
    pub does: &'static str,
}

/// Every policy, in the order of reports.
pub const POLICIES: &[PolicyEntry] = &[
    PolicyEntry {
        name: PolicyName::LowestPrice,
        word: "lowest_price",
        does: "spot in the cheapest pool; waits where none has capacity",
    },
    PolicyEntry {
        name: PolicyName::AdvisorOnly,
        word: "advisor_only",
        does: "spot in the pool of the safest Spot Advisor class, then the cheapest; waits",
    },
    PolicyEntry {
        name: PolicyName::PriceCapacity,
        word: "price_capacity",
        does: "spot in the pool with the fewest losses and refusals in the last 24 hours, then the cheapest; waits",
    },
    PolicyEntry {
        name: PolicyName::PublicData,
        word: "public_data",
        does: "price and the published class's hazard as one expected cost; keeps and falls back to On-Demand",
    },
    PolicyEntry {
        name: PolicyName::Adaptive,
        word: "adaptive",
        does: "the same with the hazard corrected by what was reported in the run",
    },
    PolicyEntry {
        name: PolicyName::LearnedRate,
        word: "learned_rate",
        does: "the same with the learned risk of pool, zone, type and class",
    },
    PolicyEntry {
        name: PolicyName::Calibrated,
        word: "calibrated",
        does: "the same with the learned risk and what the last three days say of the next six hours",
    },
    PolicyEntry {
        name: PolicyName::OnDemandOnly,
        word: "on_demand_only",
        does: "On-Demand, always",
    },
    PolicyEntry {
        name: PolicyName::HindsightOptimum,
        word: "hindsight_optimum",
        does: "knows the future: no policy can cost less; regret is measured to it",
    },
];

impl PolicyName {
    /// Its line of the list.
    #[must_use]
    pub fn entry(self) -> &'static PolicyEntry {
        // The list holds every name; a test says so.
        POLICIES.iter().find(|entry| entry.name == self).unwrap_or(&POLICIES[0])
    }

    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.entry().word
    }

    /// Whether it weighs expected costs, keeps a share On-Demand and falls back to it.
    #[must_use]
    pub fn has_a_score(self) -> bool {
        use PolicyName::{Adaptive, Calibrated, LearnedRate, PublicData};
        matches!(self, PublicData | Adaptive | LearnedRate | Calibrated)
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl FromStr for PolicyName {
    type Err = String;
    fn from_str(text: &str) -> Result<PolicyName, String> {
        let found = POLICIES.iter().find(|entry| entry.word == text);
        found.map(|entry| entry.name).ok_or_else(|| {
            let known: Vec<&str> = POLICIES.iter().map(|entry| entry.word).collect();
            format!("`{text}` is no policy; known are {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_policy_once_under_its_name_on_the_wire() {
        for entry in POLICIES {
            assert_eq!(entry.name.entry().word, entry.word);
            assert_eq!(serde_json::to_value(entry.name).unwrap(), entry.word);
            assert_eq!(entry.word.parse(), Ok(entry.name));
        }
        let mut names: Vec<PolicyName> = POLICIES.iter().map(|entry| entry.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 9);
        assert!("cheapest".parse::<PolicyName>().unwrap_err().contains("lowest_price"));
    }
}
