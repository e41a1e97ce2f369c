//! Reports as they are sent: our own form, or an event of Amazon EventBridge as it came.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::InterruptionEvent;

use crate::gaps::field;
use crate::{Error, FieldError};

/// A report that an instance was taken back, or may be soon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "customer_id": "acme", "cluster_id": "prod", "instance_id": "i-0123456789abcdef0",
    "instance_type": "m5.large", "availability_zone": "us-east-1a", "zone_id": "use1-az4",
    "region": "us-east-1", "workload_type": "web", "interruption_timestamp": "2026-01-05T14:30:00Z",
    "was_predicted": false, "risk_score_at_deployment": 0.25, "total_recovery_seconds": 180
}]))]
pub struct NewInterruption {
    /// Whose instance; the customer of the key when absent.
    pub customer_id: Option<String>,
    /// The cluster.
    pub cluster_id: Option<String>,
    /// The instance; with it the same interruption counts once, however often it is reported.
    pub instance_id: Option<String>,
    /// Its type.
    pub instance_type: Option<String>,
    /// The zone's name.
    pub availability_zone: Option<String>,
    /// The zone's id, such as `use1-az4`, by which customers share the pool.
    pub zone_id: Option<String>,
    /// The region; that of the zone when absent.
    pub region: Option<String>,
    /// What ran on it.
    pub workload_type: Option<String>,
    /// Weekday, 0 being Monday (UTC); the timestamp says it where there is one.
    pub day_of_week: Option<u8>,
    /// Hour (UTC); the timestamp says it where there is one.
    pub hour_of_day: Option<u8>,
    /// Whether it had been foreseen.
    pub was_predicted: Option<bool>,
    /// The risk of the pool when the instance was started, 0 to 1.
    pub risk_score_at_deployment: Option<f64>,
    /// How long it took to recover.
    pub total_recovery_seconds: Option<u64>,
    /// How bad it was.
    pub customer_impact: Option<String>,
    /// When it happened; now when absent. May be long ago.
    pub interruption_timestamp: Option<Timestamp>,
    /// `interruption` when absent, or `rebalance_recommendation`, which is kept and counts for nothing
    /// yet.
    pub event: Option<EventWord>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventWord {
    /// The instance was taken back.
    Interruption,
    /// It may be soon.
    RebalanceRecommendation,
}

impl EventWord {
    pub(super) fn kept(self) -> InterruptionEvent {
        match self {
            EventWord::Interruption => InterruptionEvent::Interruption,
            EventWord::RebalanceRecommendation => InterruptionEvent::RebalanceRecommendation,
        }
    }
}

/// What EventBridge calls the two events.
const WARNING: &str = "EC2 Spot Instance Interruption Warning";
const RECOMMENDATION: &str = "EC2 Instance Rebalance Recommendation";

impl NewInterruption {
    /// Reads a report in either form. Where an event of EventBridge has no type and zone, which it never
    /// has by itself, they may stand beside its own fields.
    ///
    /// # Errors
    /// What is wrong with which field; `at` is the place of the report in the body.
    pub fn read(mut body: Value, at: &str) -> Result<NewInterruption, Error> {
        let kind = body.get("detail-type").and_then(Value::as_str).map(str::to_owned);
        if let Some(kind) = kind {
            body = unwrapped(body, &kind, at)?;
        }
        read_at(body, at)
    }
}

/// Reads a part of a body; what is wrong is named by its place in the whole.
pub(super) fn read_at<T: DeserializeOwned>(body: Value, at: &str) -> Result<T, Error> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let path = error.path().to_string();
        let place =
            if path == "." { String::new() } else { format!("/{}", path.replace('.', "/")) };
        field(&format!("{at}{place}"), "invalid", &error.inner().to_string())
    })
}

/// The fields of an event of EventBridge under our names.
fn unwrapped(body: Value, kind: &str, at: &str) -> Result<Value, Error> {
    let event = match kind {
        WARNING => "interruption",
        RECOMMENDATION => "rebalance_recommendation",
        other => {
            let shown: String = other.chars().take(80).collect();
            let detail = format!("`{shown}` is neither `{WARNING}` nor `{RECOMMENDATION}`");
            return Err(field(&format!("{at}/detail-type"), "unknown", &detail));
        }
    };
    let instance = body.pointer("/detail/instance-id").and_then(Value::as_str);
    let Some(instance) = instance.map(str::to_owned) else {
        let place = format!("{at}/detail/instance-id");
        return Err(field(&place, "required", "expected the instance that the event is about"));
    };
    let mut ours = serde_json::Map::new();
    if let Value::Object(all) = body {
        for (name, value) in all {
            match name.as_str() {
                "time" => drop(ours.insert("interruption_timestamp".to_owned(), value)),
                // EventBridge's own fields; the rest are ours, put beside them.
                "version" | "id" | "detail-type" | "source" | "account" | "resources"
                | "detail" => {}
                _ => drop(ours.insert(name, value)),
            }
        }
    }
    ours.insert("instance_id".to_owned(), Value::String(instance));
    ours.insert("event".to_owned(), Value::String(event.to_owned()));
    Ok(Value::Object(ours))
}

/// A body that is one thing or a list of them.
///
/// # Errors
/// A list that is too long.
pub(super) fn one_or_many(body: Value, most: usize) -> Result<Vec<Value>, Error> {
    match body {
        Value::Array(all) if all.len() > most => Err(Error::Invalid(vec![FieldError {
            pointer: String::new(),
            code: "too_many",
            detail: format!("{} at once; send at most {most}", all.len()),
        }])),
        Value::Array(all) => Ok(all),
        one => Ok(vec![one]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_eventbridge_is_a_report() {
        let event = json!({
            "version": "0", "id": "1", "detail-type": WARNING, "source": "aws.ec2",
            "account": "123456789012", "time": "2026-01-05T14:30:00Z", "region": "us-east-1",
            "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-0abc"],
            "detail": { "instance-id": "i-0abc", "instance-action": "terminate" },
            "instance_type": "m5.large", "availability_zone": "us-east-1a",
        });
        let found = NewInterruption::read(event, "").unwrap();
        assert_eq!(found.instance_id.as_deref(), Some("i-0abc"));
        assert_eq!(found.region.as_deref(), Some("us-east-1"));
        assert_eq!(found.event, Some(EventWord::Interruption));
        assert_eq!(found.interruption_timestamp, "2026-01-05T14:30:00Z".parse().ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |body: Value, pointer: &str| {
            let Err(Error::Invalid(errors)) = NewInterruption::read(body, "/3") else {
                panic!("expected a refusal")
            };
            assert_eq!(errors[0].pointer, pointer, "{}", errors[0].detail);
        };
        check(json!({ "detail-type": "EC2 Fleet" }), "/3/detail-type");
        check(json!({ "detail-type": WARNING, "detail": {} }), "/3/detail/instance-id");
        check(json!({ "day_of_week": "Monday" }), "/3/day_of_week");
        check(
            json!({ "interruption_timestamp": "2026-01-05T14:30:00" }),
            "/3/interruption_timestamp",
        );
    }
}
