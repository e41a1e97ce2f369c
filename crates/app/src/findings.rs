//! Findings: what scans found, and what people say about it.

use facts::action::Target;
use facts::finding::CostCategory;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{FindingFilter, FindingRow, FindingState, Settlement, Uuid};
use units::{Confidence, Fraction, Usd};

use crate::access::Caller;
use crate::gaps::field;
use crate::{App, Error};

/// The longest note, in bytes.
const LONGEST_NOTE: usize = 2000;

/// A finding.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FindingItem {
    /// Its name in other calls.
    pub finding_id: String,
    /// The cluster.
    pub cluster_id: String,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The decision that it is from, such as `volume_cleanup`.
    pub decision_type: String,
    /// The engine's name for it: the same each time the same thing is found.
    pub finding: String,
    /// `open`, `dismissed`, `accepted`, `applied` or `resolved`.
    pub state: String,
    /// Since when.
    pub state_since: Timestamp,
    /// By whom; `scan` where nobody said anything.
    pub state_by: String,
    /// Until when nobody wants to hear of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dismissed_until: Option<Timestamp>,
    /// What was said about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What it is about.
    pub subject: Target,
    /// Which part of the bill it lies in.
    pub cost_category: CostCategory,
    /// What to do, in one sentence.
    pub summary: String,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it saves a month, as last reckoned; `null` when unknown.
    pub savings_usd_per_month: Option<Usd>,
    /// How sure the engine is.
    pub confidence: Confidence,
    /// Whether a person has to look.
    pub requires_review: bool,
    /// The newest decision that has it.
    pub decision_id: String,
    /// When the first snapshot that shows it was taken.
    pub first_seen: Timestamp,
    /// When the newest one was.
    pub last_seen: Timestamp,
}

/// What is said about a finding.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingChange {
    /// What becomes of it.
    pub state: Wish,
    /// Until when nobody wants to hear of it: with `dismissed` only, and needed there.
    #[serde(default, alias = "dismissed_until")]
    pub until: Option<Timestamp>,
    /// Why.
    #[serde(default)]
    pub note: Option<String>,
}

/// What a person may make of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// It is to be done.
    Accepted,
    /// Nobody wants to hear of it until some instant.
    Dismissed,
    /// It is as if nobody had said anything.
    Open,
}

/// The state of a word.
///
/// # Errors
/// A word that is none.
pub fn state_of(word: &str) -> Result<FindingState, Error> {
    FindingState::from_name(word).ok_or_else(|| {
        let names: Vec<&str> = FindingState::ALL.into_iter().map(FindingState::name).collect();
        field("/state", "invalid", &format!("expected one of {}", names.join(", ")))
    })
}

impl App {
    /// Findings that the caller may see, most savings first, and how many there are.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn findings(
        &self,
        filter: &FindingFilter,
        caller: &Caller,
    ) -> Result<(Vec<FindingItem>, u64), Error> {
        let confined = caller.confined_to().map(str::to_owned);
        let customer_id = confined.or_else(|| filter.customer_id.clone());
        let filter = FindingFilter { customer_id, ..filter.clone() };
        let (rows, total) = self.store.findings(&filter).await?;
        Ok((rows.into_iter().map(item).collect(), total))
    }

    /// One finding.
    ///
    /// # Errors
    /// There is none of this name that the caller may see, or the store does not answer.
    pub async fn finding(&self, finding_id: &str, caller: &Caller) -> Result<FindingItem, Error> {
        Ok(item(self.finding_row(finding_id, caller).await?))
    }

    /// Accepts, dismisses or reopens a finding.
    ///
    /// # Errors
    /// There is none of this name that the caller may see; a dismissal without an end; a finding that is
    /// gone; somebody else was quicker; a store that does not answer.
    pub async fn change_finding(
        &self,
        finding_id: &str,
        change: &FindingChange,
        caller: &Caller,
    ) -> Result<FindingItem, Error> {
        let now = self.clock.now();
        let until = dismissal(change.state == Wish::Dismissed, change.until, now)?;
        let note = checked_note(change.note.as_deref())?;
        let row = self.finding_row(finding_id, caller).await?;
        if row.state == FindingState::Resolved {
            return Err(Error::Taken(
                "a later scan did not find it any more; it opens by itself when it comes back"
                    .to_owned(),
            ));
        }
        let state = match change.state {
            Wish::Accepted => FindingState::Accepted,
            Wish::Dismissed => FindingState::Dismissed,
            Wish::Open => FindingState::Open,
        };
        let settlement = Settlement { state, until, note, by: caller.name.clone(), at: now };
        let detail = json!({ "finding": row.finding, "cluster_id": row.cluster_id,
                             "from": row.state.name(), "to": state.name(), "until": until });
        let audit = self.note(caller, "finding.change", finding_id.to_owned(), detail);
        if !self.store.settle_finding(&row, &settlement, &audit).await? {
            return Err(Error::Taken("the finding was changed just now; read it again".to_owned()));
        }
        self.finding(finding_id, caller).await
    }

    async fn finding_row(&self, finding_id: &str, caller: &Caller) -> Result<FindingRow, Error> {
        let shown: String = finding_id.chars().take(60).collect();
        let unknown = || Error::NotFound(format!("there is no finding `{shown}`"));
        let id: Uuid = finding_id.parse().map_err(|_| unknown())?;
        self.store.finding(id, caller.confined_to()).await?.ok_or_else(unknown)
    }
}

/// The end of a dismissal; it needs one, and nothing else has any.
pub(crate) fn dismissal(
    is_dismissed: bool,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    match (is_dismissed, until) {
        (true, None) => Err(field(
            "/until",
            "required",
            "a dismissal ends: expected an instant such as 2027-01-01T00:00:00Z",
        )),
        (true, Some(until)) if until <= now => {
            Err(field("/until", "out_of_range", &format!("{until} is over; it is {now}")))
        }
        (false, Some(_)) => Err(field("/until", "unexpected", "only a dismissal has an end")),
        // As exact as it is stored.
        (_, until) => {
            Ok(until
                .map(|until| Timestamp::from_microsecond(until.as_microsecond()).unwrap_or(until)))
        }
    }
}

pub(crate) fn checked_note(note: Option<&str>) -> Result<Option<String>, Error> {
    if note.is_some_and(|note| note.len() > LONGEST_NOTE || note.contains('\0')) {
        let detail = format!("expected at most {LONGEST_NOTE} bytes of text");
        return Err(field("/note", "invalid", &detail));
    }
    Ok(note.map(str::to_owned))
}

fn item(row: FindingRow) -> FindingItem {
    FindingItem {
        finding_id: row.finding_id.to_string(),
        cluster_id: row.cluster_id,
        customer_id: row.customer_id,
        decision_type: row.decision_type,
        finding: row.finding,
        state: row.state.name().to_owned(),
        state_since: row.state_since,
        state_by: row.state_by,
        dismissed_until: row.dismissed_until,
        note: row.note,
        subject: serde_json::from_value(row.subject).unwrap_or_default(),
        cost_category: serde_json::from_value(row.cost_category.into())
            .unwrap_or(CostCategory::Compute),
        summary: row.summary,
        owner: row.owner,
        savings_usd_per_month: row.savings,
        confidence: Confidence::new(Fraction::clamped(row.confidence)),
        requires_review: row.requires_review,
        decision_id: row.decision_id.to_string(),
        first_seen: row.first_seen_at,
        last_seen: row.last_seen_at,
    }
}
