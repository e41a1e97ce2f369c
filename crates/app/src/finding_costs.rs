//! What findings cost now, as the decisions say that they are from.

use std::collections::BTreeMap;

use serde_json::Value;
use units::Usd;

use crate::access::Caller;
use crate::findings::FindingItem;
use crate::{App, Error};

impl App {
    /// What the subject of each finding costs a month of 730 hours, by `finding_id`. A finding whose
    /// decision does not say so, or is not kept any more, is not among them.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn finding_costs(
        &self,
        items: &[FindingItem],
        caller: &Caller,
    ) -> Result<BTreeMap<String, Usd>, Error> {
        let mut of_decisions: BTreeMap<&str, Vec<&FindingItem>> = BTreeMap::new();
        for item in items {
            of_decisions.entry(&item.decision_id).or_default().push(item);
        }
        let mut costs = BTreeMap::new();
        for (decision_id, items) in of_decisions {
            let answer = match self.decision(decision_id, caller).await {
                Ok(answer) => answer,
                Err(Error::NotFound(_)) => continue,
                Err(error) => return Err(error),
            };
            let said = said_costs(&answer);
            for item in items {
                if let Some(cost) = said.get(&item.finding) {
                    costs.insert(item.finding_id.clone(), *cost);
                }
            }
        }
        Ok(costs)
    }
}

/// The costs in a decision, by the engine's name of the finding.
fn said_costs(answer: &[u8]) -> BTreeMap<String, Usd> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let found = answer["recommendations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let cost = |one: &Value| {
        let name = one["finding"].as_str()?.to_owned();
        let cost: Option<Usd> = serde_json::from_value(one["cost_usd_per_month"].clone()).ok()?;
        Some((name, cost?))
    };
    found.iter().filter_map(cost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_costs_that_are_known_are_read() {
        let answer = br#"{"recommendations":[
            {"finding":"volume:a","cost_usd_per_month":8.5},
            {"finding":"volume:b","cost_usd_per_month":null},
            {"node":{"name":"c"}}]}"#;
        let known = BTreeMap::from([("volume:a".to_owned(), Usd::from_dollars(8.5).unwrap())]);
        assert_eq!(said_costs(answer), known);
        assert_eq!(said_costs(b"no JSON"), BTreeMap::new());
    }
}
