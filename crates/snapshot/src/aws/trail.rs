//! CloudTrail: answers of `lookup-events`, and log files as they lie in S3.

use std::collections::BTreeSet;

use facts::cluster::TrailEvent;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::parse;
use crate::lenient;

/// `lookup-events` puts the event itself into a text.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct LookedUp {
    event_name: Option<String>,
    #[serde(deserialize_with = "lenient::time")]
    event_time: Option<Timestamp>,
    username: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    resources: Vec<Named>,
    cloud_trail_event: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Named {
    resource_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record {
    event_name: Option<String>,
    #[serde(deserialize_with = "lenient::time")]
    event_time: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::or_default")]
    user_identity: Identity,
    error_code: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    request_parameters: Value,
    #[serde(deserialize_with = "lenient::or_default")]
    response_elements: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Identity {
    arn: Option<String>,
    user_name: Option<String>,
    invoked_by: Option<String>,
}

/// Reads an event of either form; `None` for one that failed, or says neither what nor when.
pub(super) fn read(text: &str) -> Result<Option<TrailEvent>, String> {
    let outer: LookedUp = parse(text)?;
    let record: Record = match &outer.cloud_trail_event {
        Some(inner) => parse(inner)?,
        None => parse(text)?,
    };
    let name = outer.event_name.or(record.event_name);
    let at = outer.event_time.or(record.event_time);
    let (Some(name), Some(at)) = (name, at) else { return Ok(None) };
    if record.error_code.is_some() {
        return Ok(None);
    }
    let mut resources: BTreeSet<String> =
        outer.resources.into_iter().filter_map(|one| one.resource_name).collect();
    collect(&record.request_parameters, &mut resources);
    collect(&record.response_elements, &mut resources);
    let identity = record.user_identity;
    // The last part of a role's session, or of a user's name.
    let of_arn = identity.arn.as_deref().and_then(|arn| arn.rsplit('/').next()).map(str::to_owned);
    let who = outer.username.or(identity.user_name).or(of_arn);
    Ok(Some(TrailEvent { name, at, who, invoked_by: identity.invoked_by, resources }))
}

/// Identifiers of things, wherever they stand in an answer.
fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let names = name.ends_with("Id")
                    || name.ends_with("Name")
                    || name.ends_with("Identifier")
                    || name.ends_with("Arn");
                match value {
                    Value::String(text) if names => {
                        found.insert(text.clone());
                    }
                    Value::String(_) => {}
                    other => collect(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}
