//! Where notices go, shown without what is secret.

use jiff::Timestamp;
use notify::{Recipients, Secret, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::ChannelRow;

use super::Wants;
use crate::Error;

/// The longest name, in bytes.
pub(super) const LONGEST_NAME: usize = 100;

/// The forms in which notices go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// To a program, signed as Standard Webhooks says.
    Webhook,
    /// To an incoming webhook of Slack.
    Slack,
    /// To a webhook of a workflow of Microsoft Teams.
    Teams,
    /// To people by mail.
    Email,
}

/// A channel to be made.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "name": "finops", "kind": "slack", "url": "https://hooks.slack.com/services/T000/B000/XXXX",
    "wants": {"events": ["finding.opened", "job.failed"], "digest_minutes": 60}
}]))]
pub struct NewChannel {
    /// What people call it; unique.
    pub name: String,
    /// In which form notices go.
    pub kind: ChannelKind,
    /// Where: https, or http in a network that the operator has named. Not for mail.
    #[serde(default)]
    pub url: Option<String>,
    /// To whom, 1 to 20 addresses; for mail only.
    #[serde(default)]
    pub to: Vec<String>,
    /// The secret of a webhook, `whsec_` and base64; drawn when absent.
    #[serde(default)]
    pub secret: Option<String>,
    /// What it wants to hear of; what is usual when absent.
    #[serde(default)]
    pub wants: Wants,
}

/// A change of a channel; what is absent stays.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelChange {
    /// Where it goes.
    pub url: Option<String>,
    /// To whom.
    pub to: Option<Vec<String>>,
    /// What it wants to hear of, all of it.
    pub wants: Option<Wants>,
    /// Whether anything is sent.
    pub enabled: Option<bool>,
}

/// A channel without what is secret.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ChannelItem {
    /// Its name in other calls.
    pub channel_id: String,
    /// What people call it.
    pub name: String,
    /// In which form notices go.
    pub kind: ChannelKind,
    /// Where they go: the host alone where the rest of the address is a secret.
    pub goes_to: String,
    /// What it wants to hear of.
    pub wants: Wants,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why the server has switched it off by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

/// A channel that was made, or whose secret was.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MadeChannel {
    /// The secret with which a webhook is signed; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The channel.
    #[serde(flatten)]
    pub item: ChannelItem,
}

/// Where a channel goes, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) to: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) secrets: Vec<KeptSecret>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptSecret {
    pub(super) secret: String,
    /// From when on it does not count any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
}

impl std::fmt::Debug for KeptSecret {
    /// Without what is secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeptSecret")
    }
}

impl ChannelKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            ChannelKind::Webhook => "webhook",
            ChannelKind::Slack => "slack",
            ChannelKind::Teams => "teams",
            ChannelKind::Email => "email",
        }
    }

    pub(super) fn of(row: &ChannelRow) -> Result<ChannelKind, Error> {
        serde_json::from_value(Value::String(row.kind.clone()))
            .map_err(|_| Error::Internal(format!("channel `{}` has no known kind", row.name)))
    }
}

/// Where a channel's messages go, with the secrets that count now.
pub(super) fn target(row: &ChannelRow, now: Timestamp) -> Result<Target, Error> {
    let address: Address = read(&row.target)?;
    let url = || {
        address
            .url
            .clone()
            .ok_or_else(|| Error::Internal(format!("channel `{}` goes nowhere", row.name)))
    };
    Ok(match ChannelKind::of(row)? {
        ChannelKind::Webhook => {
            let counts = |kept: &&KeptSecret| kept.until.is_none_or(|until| until > now);
            let secrets = address.secrets.iter().filter(counts);
            let secrets = secrets.map(|kept| Secret::parse(&kept.secret));
            let secrets: Result<Vec<Secret>, _> = secrets.collect();
            let secrets = secrets.map_err(|error| Error::Internal(error.to_string()))?;
            Target::Webhook { url: url()?, secrets }
        }
        ChannelKind::Slack => Target::Slack { url: url()? },
        ChannelKind::Teams => Target::Teams { url: url()? },
        ChannelKind::Email => {
            Target::Mail(Recipients::parse(&address.to).map_err(Error::Internal)?)
        }
    })
}

/// What a channel wants.
pub(super) fn wants(row: &ChannelRow) -> Result<Wants, Error> {
    read(&row.rules)
}

pub(super) fn item(row: &ChannelRow) -> Result<ChannelItem, Error> {
    let address: Address = read(&row.target)?;
    let kind = ChannelKind::of(row)?;
    Ok(ChannelItem {
        channel_id: row.channel_id.to_string(),
        name: row.name.clone(),
        kind,
        goes_to: shown(kind, &address),
        wants: wants(row)?,
        enabled: row.enabled,
        disabled_reason: row.disabled_reason.clone(),
        created_by: row.created_by.clone(),
        created_at: row.created_at,
        changed_at: row.changed_at,
    })
}

/// Where a channel goes, without what opens it: whoever has the address of a chat can write there, and
/// the query of a webhook may hold a token.
fn shown(kind: ChannelKind, address: &Address) -> String {
    let Some(url) = &address.url else { return address.to.join(", ") };
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    match kind {
        ChannelKind::Webhook => {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let query = if query.is_empty() { "" } else { "?…" };
            format!("{scheme}://{host}{path}{query}")
        }
        _ => format!("{scheme}://{host}/…"),
    }
}

pub(super) fn stored<T: Serialize>(value: &T) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::Internal(error.to_string()))
}

pub(super) fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Error> {
    // The message would show what is secret.
    serde_json::from_value(value.clone())
        .map_err(|_| Error::Internal("a channel is damaged".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_what_opens_them() {
        let check = |kind, url: &str, expected: &str| {
            let address = Address { url: Some(url.to_owned()), ..Address::default() };
            assert_eq!(shown(kind, &address), expected);
        };
        check(
            ChannelKind::Slack,
            "https://hooks.slack.com/services/T/B/x",
            "https://hooks.slack.com/…",
        );
        check(ChannelKind::Teams, "https://x.logic.azure.com?sig=1", "https://x.logic.azure.com/…");
        check(ChannelKind::Webhook, "https://a.example/hook?key=1", "https://a.example/hook?…");
        check(ChannelKind::Webhook, "https://a.example/hook", "https://a.example/hook");
    }
}
