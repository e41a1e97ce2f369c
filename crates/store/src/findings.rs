//! Findings: what scans found, from when it was first seen until it was gone or settled.

use jiff::Timestamp;
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};
use units::Usd;

use crate::access::{AuditRow, audit};
use crate::database::{reading, writing};
use crate::snapshots::named;
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingState {
    /// It is there, and nobody has said anything.
    Open,
    /// Somebody does not want to hear of it until some instant.
    Dismissed,
    /// Somebody wants it done.
    Accepted,
    /// Somebody says that it was done.
    Applied,
    /// A later scan did not find it any more.
    Resolved,
}

impl FindingState {
    /// Every state.
    pub const ALL: [FindingState; 5] = [
        FindingState::Open,
        FindingState::Dismissed,
        FindingState::Accepted,
        FindingState::Applied,
        FindingState::Resolved,
    ];

    /// As it is stored and written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FindingState::Open => "open",
            FindingState::Dismissed => "dismissed",
            FindingState::Accepted => "accepted",
            FindingState::Applied => "applied",
            FindingState::Resolved => "resolved",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<FindingState> {
        FindingState::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingRow {
    /// The cluster.
    pub cluster_id: String,
    /// Whose it is.
    pub customer_id: Option<String>,
    /// Its name in other calls.
    pub finding_id: Uuid,
    /// The decision that it is from, such as `volume_cleanup`.
    pub decision_type: String,
    /// The engine's name for it: the same each time the same thing is found.
    pub finding: String,
    /// What became of it.
    pub state: FindingState,
    /// Since when.
    pub state_since: Timestamp,
    /// By whom.
    pub state_by: String,
    /// Until when nobody wants to hear of it.
    pub dismissed_until: Option<Timestamp>,
    /// What was said about that.
    pub note: Option<String>,
    /// What it is about.
    pub subject: serde_json::Value,
    /// Which part of the bill it lies in.
    pub cost_category: String,
    /// What to do.
    pub summary: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Dollars a month that it saves, as last reckoned; `None` when unknown.
    pub savings: Option<Usd>,
    /// 0 to 1.
    pub confidence: f64,
    /// Whether a person has to look.
    pub requires_review: bool,
    /// The newest decision that has it.
    pub decision_id: Uuid,
    /// The snapshot that first showed it.
    pub first_seen_at: Timestamp,
    /// The newest snapshot that shows it.
    pub last_seen_at: Timestamp,
    /// The sections that this snapshot had. It is gone only where they are there and it is not.
    pub seen_in: Vec<String>,
}

/// Which findings are wanted: most savings first.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    /// Of one customer.
    pub customer_id: Option<String>,
    /// Of one cluster.
    pub cluster_id: Option<String>,
    /// Of one decision.
    pub decision_type: Option<String>,
    /// In one part of the bill.
    pub cost_category: Option<String>,
    /// In one state.
    pub state: Option<FindingState>,
    /// Of one owner.
    pub owner: Option<String>,
    /// How many are passed over.
    pub offset: u64,
    /// How many at the most.
    pub limit: u64,
}

/// Another state for findings.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The state.
    pub state: FindingState,
    /// Until when, for a dismissal.
    pub until: Option<Timestamp>,
    /// What is said about it.
    pub note: Option<String>,
    /// Who says so.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

#[derive(FromRow)]
pub(crate) struct Raw {
    cluster_id: String,
    customer_id: String,
    finding_id: Uuid,
    decision_type: String,
    pub(crate) finding: String,
    state: String,
    state_since: At,
    state_by: String,
    dismissed_until: Option<At>,
    note: Option<String>,
    subject: Json<serde_json::Value>,
    cost_category: String,
    summary: String,
    owner: Option<String>,
    savings_nanos: Option<i64>,
    confidence: f64,
    requires_review: bool,
    decision_id: Uuid,
    first_seen_at: At,
    last_seen_at: At,
    seen_in: Json<Vec<String>>,
}

impl From<Raw> for FindingRow {
    fn from(raw: Raw) -> FindingRow {
        FindingRow {
            cluster_id: raw.cluster_id,
            customer_id: named(raw.customer_id),
            finding_id: raw.finding_id,
            decision_type: raw.decision_type,
            finding: raw.finding,
            state: FindingState::from_name(&raw.state).unwrap_or(FindingState::Open),
            state_since: raw.state_since.0,
            state_by: raw.state_by,
            dismissed_until: raw.dismissed_until.map(|at| at.0),
            note: raw.note,
            subject: raw.subject.0,
            cost_category: raw.cost_category,
            summary: raw.summary,
            owner: raw.owner,
            savings: raw.savings_nanos.map(Usd::from_nanos),
            confidence: raw.confidence,
            requires_review: raw.requires_review,
            decision_id: raw.decision_id,
            first_seen_at: raw.first_seen_at.0,
            last_seen_at: raw.last_seen_at.0,
            seen_in: raw.seen_in.0,
        }
    }
}

/// Puts a finding in another state.
pub(crate) const SETTLE: &str = "UPDATE findings SET state = $1, dismissed_until = $2, note = $3, \
     state_by = $4, state_since = $5 WHERE ";

macro_rules! push_filter {
    ($query:ident, $filter:expr) => {
        let mut word = " WHERE ";
        for (column, value) in [
            ("customer_id", $filter.customer_id.as_deref()),
            ("cluster_id", $filter.cluster_id.as_deref()),
            ("decision_type", $filter.decision_type.as_deref()),
            ("cost_category", $filter.cost_category.as_deref()),
            ("state", $filter.state.map(FindingState::name)),
            ("owner", $filter.owner.as_deref()),
        ] {
            if let Some(value) = value {
                $query.push(word).push(column).push(" = ").push_bind(value);
                word = " AND ";
            }
        }
    };
}

impl Store {
    /// Findings, most savings first, and how many there are in all.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn findings(
        &self,
        filter: &FindingFilter,
    ) -> Result<(Vec<FindingRow>, u64), StoreError> {
        let (rows, total): (Vec<Raw>, i64) = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT * FROM findings");
            push_filter!(query, filter);
            // Both databases put an unknown amount last this way.
            query.push(
                " ORDER BY coalesce(savings_nanos, -1) DESC, decision_type, finding, finding_id LIMIT ",
            );
            query.push_bind(signed(filter.limit));
            query.push(" OFFSET ").push_bind(signed(filter.offset));
            let rows = query.build_query_as().fetch_all(pool).await?;
            let mut count = QueryBuilder::new("SELECT count(*) FROM findings");
            push_filter!(count, filter);
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(FindingRow::from).collect(), unsigned(total)))
    }

    /// One finding; `None` when there is none of this name, or none of this customer where one is named.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn finding(
        &self,
        finding_id: Uuid,
        customer_id: Option<&str>,
    ) -> Result<Option<FindingRow>, StoreError> {
        let row: Option<Raw> = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT * FROM findings WHERE finding_id = ");
            query.push_bind(finding_id);
            if let Some(customer) = customer_id {
                query.push(" AND customer_id = ").push_bind(customer);
            }
            query.build_query_as().fetch_optional(pool).await?
        });
        Ok(row.map(FindingRow::from))
    }

    /// Puts a finding in another state and notes that; `false` when it is no more in the state that the
    /// caller saw.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn settle_finding(
        &self,
        seen: &FindingRow,
        settlement: &Settlement,
        note: &AuditRow,
    ) -> Result<bool, StoreError> {
        let sql = format!(
            "{SETTLE} cluster_id = $6 AND customer_id = $7 AND finding_id = $8 \
             AND state = $9 AND state_since = $10"
        );
        Ok(writing!(self, transaction => {
            let settled = sqlx::query(sqlx::AssertSqlSafe(sql.as_str()))
                .bind(settlement.state.name())
                .bind(settlement.until.map(At))
                .bind(settlement.note.as_deref())
                .bind(settlement.by.as_str())
                .bind(At(settlement.at))
                .bind(seen.cluster_id.as_str())
                .bind(seen.customer_id.as_deref().unwrap_or_default())
                .bind(seen.finding_id)
                .bind(seen.state.name())
                .bind(At(seen.state_since))
                .execute(&mut *transaction)
                .await?
                .rows_affected()
                > 0;
            if settled {
                audit!(transaction, note);
            }
            settled
        }))
    }
}
