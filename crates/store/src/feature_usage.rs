//! How much each feature is used, and what becomes of what it finds.

use jiff::civil::Date;
use sqlx::FromRow;
use units::Usd;

use crate::database::reading;
use crate::outcomes::{OutcomeRow, Raw as RawOutcome};
use crate::values::{Day, signed, unsigned};
use crate::{FindingState, Store, StoreError};

/// How often a decision was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// The decision, such as `volume_cleanup`.
    pub decision_type: String,
    /// How often.
    pub decisions: u64,
    /// How often with savings.
    pub with_savings: u64,
    /// At how many clusters, of all customers; whoever names none is at none.
    pub clusters: u64,
    /// The last day.
    pub last_day: Date,
}

/// How many findings of a decision are in a state, and what they save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingCount {
    /// The decision.
    pub decision_type: String,
    /// The state.
    pub state: FindingState,
    /// How many.
    pub findings: u64,
    /// Dollars a month of those whose savings are known.
    pub savings: Usd,
    /// Those whose savings are unknown.
    pub unknown_savings: u64,
}

#[derive(FromRow)]
struct RawUsage {
    decision_type: String,
    decisions: i64,
    with_savings: i64,
    clusters: i64,
    last_day: Day,
}

#[derive(FromRow)]
struct RawCount {
    decision_type: String,
    state: String,
    findings: i64,
    savings_nanos: i64,
    unknown_savings: i64,
}

impl Store {
    /// How often each decision was made from a day to another, of one customer or of all.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn feature_usage(
        &self,
        customer_id: Option<&str>,
        (from, until): (Date, Date),
    ) -> Result<Vec<UsageRow>, StoreError> {
        let rows: Vec<RawUsage> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT decision_type, CAST(SUM(decisions) AS BIGINT) AS decisions, \
                   CAST(SUM(with_savings) AS BIGINT) AS with_savings, \
                   COUNT(DISTINCT CASE WHEN cluster_id <> '' THEN \
                     length(customer_id) || ':' || customer_id || cluster_id END) AS clusters, \
                   MAX(day) AS last_day \
                 FROM feature_usage WHERE day >= $1 AND day <= $2 \
                   AND ($3 IS NULL OR customer_id = $3) \
                 GROUP BY decision_type ORDER BY decision_type",
            )
            .bind(Day(from))
            .bind(Day(until))
            .bind(customer_id.map(str::to_owned))
            .fetch_all(pool)
            .await?
        });
        let row = |raw: RawUsage| UsageRow {
            decision_type: raw.decision_type,
            decisions: unsigned(raw.decisions),
            with_savings: unsigned(raw.with_savings),
            clusters: unsigned(raw.clusters),
            last_day: raw.last_day.0,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// How many findings each decision has in each state now, of one customer or of all.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count_findings(
        &self,
        customer_id: Option<&str>,
    ) -> Result<Vec<FindingCount>, StoreError> {
        let rows: Vec<RawCount> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT decision_type, state, COUNT(*) AS findings, \
                   CAST(COALESCE(SUM(savings_nanos), 0) AS BIGINT) AS savings_nanos, \
                   COUNT(*) - COUNT(savings_nanos) AS unknown_savings \
                 FROM findings WHERE ($1 IS NULL OR customer_id = $1) \
                 GROUP BY decision_type, state ORDER BY decision_type, state",
            )
            .bind(customer_id.map(str::to_owned))
            .fetch_all(pool)
            .await?
        });
        let count = |raw: RawCount| {
            let state = FindingState::from_name(&raw.state).ok_or_else(|| StoreError::Damaged {
                what: "a finding".to_owned(),
                why: format!("`{}` is no state", raw.state),
            })?;
            Ok(FindingCount {
                decision_type: raw.decision_type,
                state,
                findings: unsigned(raw.findings),
                savings: Usd::from_nanos(raw.savings_nanos),
                unknown_savings: unsigned(raw.unknown_savings),
            })
        };
        rows.into_iter().map(count).collect()
    }

    /// What was measured of all decisions, of one customer or of all, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn all_measured_outcomes(
        &self,
        customer_id: Option<&str>,
        most: u64,
    ) -> Result<Vec<OutcomeRow>, StoreError> {
        let rows: Vec<RawOutcome> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT * FROM decision_outcomes WHERE outcome = 'measured' \
                   AND ($1 IS NULL OR customer_id = $1) \
                 ORDER BY noted_at DESC, outcome_id DESC LIMIT $2",
            )
            .bind(customer_id.map(str::to_owned))
            .bind(signed(most))
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(OutcomeRow::from).collect())
    }
}
