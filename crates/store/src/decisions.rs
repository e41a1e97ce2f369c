//! Decisions and what they were made of.

mod filter;
mod order;

use jiff::Timestamp;
use sqlx::types::Uuid;
use sqlx::{FromRow, QueryBuilder};
use units::Usd;

use crate::database::{Database, reading};
use crate::values::{At, signed, unpack, unsigned};
use crate::{Store, StoreError};
use filter::{push_conditions, push_filter};

pub use filter::{DecisionFilter, SaidOutcome};
pub use order::{OrderPart, OrderedDecision};

/// A part of a decision, known by its digest.
#[derive(Clone, Debug)]
pub struct Part {
    /// BLAKE3 of the content.
    pub digest: [u8; 32],
    /// The content.
    pub content: std::sync::Arc<[u8]>,
}

/// A decision to keep.
#[derive(Clone, Debug)]
pub struct DecisionRecord {
    /// Its name, a UUID.
    pub decision_id: String,
    /// The customer whose key asked; `None` for keys that speak for nobody.
    pub customer_id: Option<String>,
    /// The cluster; empty when nobody named it.
    pub cluster_id: String,
    /// What was asked for.
    pub decision_type: String,
    /// Who answered.
    pub engine_name: String,
    /// In which version.
    pub engine_version: String,
    /// The build that answered.
    pub build: String,
    /// The caller's name for the request.
    pub request_id: Option<String>,
    /// When.
    pub decided_at: Timestamp,
    /// Where searches started.
    pub seed: String,
    /// Work units that were allowed.
    pub work_budget: u64,
    /// Work units that were used.
    pub work_used: u64,
    /// Where the search was cut short.
    pub work_stopped_at: Option<u64>,
    /// The cluster as it was sent.
    pub input: Part,
    /// The policy in effect.
    pub policy: Part,
    /// What the engine was given.
    pub evidence: Part,
    /// The front of the answer: what is this decision's own.
    pub answer_front: String,
    /// The rest of it, which the same question within the hour has too.
    pub answer_rest: Part,
    /// Dollars a month; `None` when unknown.
    pub savings: Option<Usd>,
    /// 0 to 1.
    pub confidence: f64,
}

impl DecisionRecord {
    /// The whole answer.
    #[must_use]
    pub fn answer(&self) -> Vec<u8> {
        [self.answer_front.as_bytes(), &self.answer_rest.content].concat()
    }
}

/// A decision without its content.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionSummary {
    /// Its name.
    pub decision_id: String,
    /// The customer whose key asked.
    pub customer_id: Option<String>,
    /// The cluster, where it was named.
    pub cluster_id: Option<String>,
    /// What was asked for.
    pub decision_type: String,
    /// Who answered.
    pub engine_name: String,
    /// In which version.
    pub engine_version: String,
    /// The caller's name for the request.
    pub request_id: Option<String>,
    /// When.
    pub decided_at: Timestamp,
    /// Dollars a month; `None` when unknown.
    pub savings: Option<Usd>,
    /// 0 to 1.
    pub confidence: f64,
}

/// A decision with everything that it was made of.
#[derive(Clone, Debug)]
pub struct StoredDecision {
    /// What it is.
    pub summary: DecisionSummary,
    /// The build that answered.
    pub build: String,
    /// Where searches started.
    pub seed: String,
    /// Work units that were allowed.
    pub work_budget: u64,
    /// Work units that were used.
    pub work_used: u64,
    /// Where the search was cut short.
    pub work_stopped_at: Option<u64>,
    /// The cluster as it was sent.
    pub input: Vec<u8>,
    /// The policy in effect.
    pub policy: Vec<u8>,
    /// What the engine was given.
    pub evidence: Vec<u8>,
    /// The answer.
    pub answer: Vec<u8>,
}

const SUMMARY: &str = "d.decision_id, d.customer_id, d.cluster_id, d.decision_type, d.engine_name, \
     d.engine_version, d.request_id, d.decided_at, d.savings_nanos, d.confidence";

#[derive(FromRow)]
struct SummaryRow {
    decision_id: Uuid,
    customer_id: String,
    cluster_id: String,
    decision_type: String,
    engine_name: String,
    engine_version: String,
    request_id: Option<String>,
    decided_at: At,
    savings_nanos: Option<i64>,
    confidence: f64,
}

#[derive(FromRow)]
struct WholeRow {
    #[sqlx(flatten)]
    summary: SummaryRow,
    build: String,
    seed: String,
    work_budget: i64,
    work_used: i64,
    work_stopped_at: Option<i64>,
    answer_front: String,
    input_digest: Vec<u8>,
    policy_digest: Vec<u8>,
    evidence_digest: Vec<u8>,
    answer_digest: Vec<u8>,
}

#[derive(FromRow)]
struct PartRow {
    digest: Vec<u8>,
    length: i64,
    content: Vec<u8>,
}

#[derive(FromRow)]
struct AnsweredRow {
    input_digest: Vec<u8>,
    decision_type: String,
    answer_front: String,
    answer_digest: Vec<u8>,
}

impl Store {
    /// Decisions, newest first, and how many there are in all.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn decisions(
        &self,
        filter: &DecisionFilter,
    ) -> Result<(Vec<DecisionSummary>, u64), StoreError> {
        let (rows, total): (Vec<SummaryRow>, i64) = reading!(self, pool => {
            let mut query = QueryBuilder::new(format!("SELECT {SUMMARY} FROM decisions d"));
            push_filter!(query, filter);
            query.push(" ORDER BY d.decision_id DESC LIMIT ").push_bind(signed(filter.limit));
            query.push(" OFFSET ").push_bind(signed(filter.offset));
            let rows = query.build_query_as().fetch_all(pool).await?;
            let mut count = QueryBuilder::new("SELECT count(*) FROM decisions d");
            push_filter!(count, filter);
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(summary).collect(), unsigned(total)))
    }

    /// One decision with all its parts; `None` when there is none of this name, or none of this
    /// customer where one is named.
    ///
    /// # Errors
    /// The database does not answer, or what it kept is damaged.
    pub async fn decision(
        &self,
        decision_id: &str,
        customer_id: Option<&str>,
    ) -> Result<Option<StoredDecision>, StoreError> {
        let Ok(id) = Uuid::try_parse(decision_id) else { return Ok(None) };
        let row: Option<WholeRow> = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT * FROM decisions WHERE decision_id = ");
            query.push_bind(id);
            if let Some(customer) = customer_id {
                query.push(" AND customer_id = ").push_bind(customer);
            }
            query.push(" LIMIT 1").build_query_as().fetch_optional(pool).await?
        });
        let Some(row) = row else { return Ok(None) };
        let mut answer = row.answer_front.into_bytes();
        answer.extend(self.part(decision_id, &row.answer_digest).await?);
        Ok(Some(StoredDecision {
            summary: summary(row.summary),
            build: row.build,
            seed: row.seed,
            work_budget: unsigned(row.work_budget),
            work_used: unsigned(row.work_used),
            work_stopped_at: row.work_stopped_at.map(unsigned),
            input: self.part(decision_id, &row.input_digest).await?,
            policy: self.part(decision_id, &row.policy_digest).await?,
            evidence: self.part(decision_id, &row.evidence_digest).await?,
            answer,
        }))
    }

    /// The newest decision that was made for a request of this name and customer, with the digest of
    /// its input and its answer.
    ///
    /// # Errors
    /// The database does not answer, or what it kept is damaged.
    pub async fn decision_of_request(
        &self,
        customer_id: Option<&str>,
        request_id: &str,
        since: Timestamp,
    ) -> Result<Option<([u8; 32], String, Vec<u8>)>, StoreError> {
        let row: Option<AnsweredRow> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT input_digest, decision_type, answer_front, answer_digest FROM decisions \
                 WHERE request_id = $1 AND decided_at >= $2 AND customer_id = $3 ORDER BY decided_at DESC LIMIT 1",
            )
            .bind(request_id)
            .bind(At(since))
            .bind(customer_id.unwrap_or_default())
            .fetch_optional(pool)
            .await?
        });
        let Some(row) = row else { return Ok(None) };
        let mut answer = row.answer_front.into_bytes();
        answer.extend(self.part(request_id, &row.answer_digest).await?);
        let digest = row.input_digest.try_into().map_err(|_| StoreError::Damaged {
            what: request_id.to_owned(),
            why: "the digest of the input has another length".to_owned(),
        })?;
        Ok(Some((digest, row.decision_type, answer)))
    }

    /// A part as it was, compared with its digest.
    async fn part(&self, what: &str, digest: &[u8]) -> Result<Vec<u8>, StoreError> {
        let row: Option<PartRow> = reading!(self, pool => {
            sqlx::query_as("SELECT digest, length, content FROM decision_parts WHERE digest = $1")
                .bind(digest)
                .fetch_optional(pool)
                .await?
        });
        let damaged =
            |why: &str| StoreError::Damaged { what: what.to_owned(), why: why.to_owned() };
        let row = row.ok_or_else(|| damaged("a part of it is missing"))?;
        let content = match &self.database {
            Database::Postgres(_) => row.content,
            Database::Sqlite(_) => unpack(what, &row.content, row.length)?,
        };
        if blake3::hash(&content).as_bytes()[..] != row.digest {
            return Err(damaged("a part of it is not what was written"));
        }
        Ok(content)
    }
}

fn summary(row: SummaryRow) -> DecisionSummary {
    DecisionSummary {
        decision_id: row.decision_id.to_string(),
        customer_id: (!row.customer_id.is_empty()).then_some(row.customer_id),
        cluster_id: (!row.cluster_id.is_empty()).then_some(row.cluster_id),
        decision_type: row.decision_type,
        engine_name: row.engine_name,
        engine_version: row.engine_version,
        request_id: row.request_id,
        decided_at: row.decided_at.0,
        savings: row.savings_nanos.map(Usd::from_nanos),
        confidence: row.confidence,
    }
}
