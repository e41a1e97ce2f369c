//! Decisions and what they were made of.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use units::Usd;

use crate::values::{instant, unpack, uuid_bytes, uuid_text};
use crate::{Store, StoreError};

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

/// Which decisions are wanted. Newest first.
#[derive(Clone, Debug, Default)]
pub struct DecisionFilter {
    /// Of one cluster.
    pub cluster_id: Option<String>,
    /// Of one type.
    pub decision_type: Option<String>,
    /// Of one engine, by name.
    pub engine_name: Option<String>,
    /// How many are passed over.
    pub offset: u64,
    /// How many at the most.
    pub limit: u64,
}

const SUMMARY: &str = "decision_id, cluster_id, decision_type, engine_name, engine_version, \
     request_id, decided_at, savings_nanos, confidence";

impl Store {
    /// Decisions, newest first, and how many there are in all.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn decisions(
        &self,
        filter: &DecisionFilter,
    ) -> Result<(Vec<DecisionSummary>, u64), StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(format!("SELECT {SUMMARY} FROM decisions"));
        push_filter(&mut query, filter);
        query.push(" ORDER BY decision_id DESC LIMIT ");
        query.push_bind(signed(filter.limit)).push(" OFFSET ").push_bind(signed(filter.offset));
        let rows = query.build().fetch_all(&self.readers).await?;
        let found = rows.iter().map(summary).collect::<Result<Vec<_>, _>>()?;
        let mut count = QueryBuilder::<Sqlite>::new("SELECT count(*) FROM decisions");
        push_filter(&mut count, filter);
        let total: i64 = count.build_query_scalar().fetch_one(&self.readers).await?;
        Ok((found, unsigned(total)))
    }

    /// One decision with all its parts; `None` when there is none of this name.
    ///
    /// # Errors
    /// The database does not answer, or what it kept is damaged.
    pub async fn decision(&self, decision_id: &str) -> Result<Option<StoredDecision>, StoreError> {
        let Some(id) = uuid_bytes(decision_id) else { return Ok(None) };
        let row = sqlx::query(
            "SELECT d.*, \
               i.content AS input, i.length AS input_length, \
               p.content AS policy, p.length AS policy_length, \
               e.content AS evidence, e.length AS evidence_length, \
               a.content AS answer, a.length AS answer_length \
             FROM decisions d \
             JOIN decision_parts a ON a.digest = d.answer_digest \
             JOIN decision_parts i ON i.digest = d.input_digest \
             JOIN decision_parts p ON p.digest = d.policy_digest \
             JOIN decision_parts e ON e.digest = d.evidence_digest \
             WHERE d.decision_id = $1",
        )
        .bind(id.as_slice())
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let part = |name: &str| part(decision_id, &row, name);
        let mut answer = row.try_get::<String, _>("answer_front")?.into_bytes();
        answer.extend(part("answer")?);
        Ok(Some(StoredDecision {
            summary: summary(&row)?,
            build: row.try_get("build")?,
            seed: row.try_get("seed")?,
            work_budget: unsigned(row.try_get("work_budget")?),
            work_used: unsigned(row.try_get("work_used")?),
            work_stopped_at: row.try_get::<Option<i64>, _>("work_stopped_at")?.map(unsigned),
            input: part("input")?,
            policy: part("policy")?,
            evidence: part("evidence")?,
            answer,
        }))
    }

    /// The newest decision that was made for a request of this name, with the digest of its input
    /// and its answer.
    ///
    /// # Errors
    /// The database does not answer, or what it kept is damaged.
    pub async fn decision_of_request(
        &self,
        request_id: &str,
        since: Timestamp,
    ) -> Result<Option<([u8; 32], String, Vec<u8>)>, StoreError> {
        let row = sqlx::query(
            "SELECT d.input_digest, d.decision_type, d.answer_front, d.answer_digest, \
               a.content AS answer, a.length AS answer_length \
             FROM decisions d JOIN decision_parts a ON a.digest = d.answer_digest \
             WHERE d.request_id = $1 AND d.decided_at >= $2 ORDER BY d.decided_at DESC LIMIT 1",
        )
        .bind(request_id)
        .bind(since.as_microsecond())
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let digest: Vec<u8> = row.try_get("input_digest")?;
        let mut answer = row.try_get::<String, _>("answer_front")?.into_bytes();
        answer.extend(part(request_id, &row, "answer")?);
        let digest = digest.try_into().map_err(|_| StoreError::Damaged {
            what: request_id.to_owned(),
            why: "the digest of the input has another length".to_owned(),
        })?;
        Ok(Some((digest, row.try_get("decision_type")?, answer)))
    }
}

/// A part as it was, compared with its digest.
fn part(what: &str, row: &SqliteRow, name: &str) -> Result<Vec<u8>, StoreError> {
    let length = row.try_get(format!("{name}_length").as_str())?;
    let content = unpack(what, row.try_get(name)?, length)?;
    let digest: &[u8] = row.try_get(format!("{name}_digest").as_str())?;
    if blake3::hash(&content).as_bytes() != digest {
        let why = format!("its {name} is not what was written");
        return Err(StoreError::Damaged { what: what.to_owned(), why });
    }
    Ok(content)
}

fn push_filter(query: &mut QueryBuilder<Sqlite>, filter: &DecisionFilter) {
    let mut word = " WHERE ";
    for (column, value) in [
        ("cluster_id", &filter.cluster_id),
        ("decision_type", &filter.decision_type),
        ("engine_name", &filter.engine_name),
    ] {
        if let Some(value) = value {
            query.push(word).push(column).push(" = ").push_bind(value.clone());
            word = " AND ";
        }
    }
}

fn summary(row: &SqliteRow) -> Result<DecisionSummary, StoreError> {
    let id: Vec<u8> = row.try_get("decision_id")?;
    let cluster: String = row.try_get("cluster_id")?;
    let decision_id = uuid_text(&id);
    Ok(DecisionSummary {
        decided_at: instant(&decision_id, row.try_get("decided_at")?)?,
        decision_id,
        cluster_id: (!cluster.is_empty()).then_some(cluster),
        decision_type: row.try_get("decision_type")?,
        engine_name: row.try_get("engine_name")?,
        engine_version: row.try_get("engine_version")?,
        request_id: row.try_get("request_id")?,
        savings: row.try_get::<Option<i64>, _>("savings_nanos")?.map(Usd::from_nanos),
        confidence: row.try_get("confidence")?,
    })
}

pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
