//! Group commit: decisions that arrive together are written in one transaction.
//!
//! A caller waits until its own decision is on the disk. While one transaction is being written,
//! the next group gathers; so the number of waits for the disk does not grow with the load.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::types::Uuid;
use sqlx::{Connection, PgPool, Postgres, QueryBuilder, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::database::Database;
use crate::decisions::{DecisionRecord, Part};
use crate::values::{At, pack, signed};
use crate::{Store, StoreError};

/// How many decisions one transaction holds at the most.
const LARGEST_GROUP: usize = 256;

/// How long a group waits for as many as came the last time. A caller that asks alone never waits.
const LONGEST_GATHERING: Duration = Duration::from_millis(1);

/// How many digests of parts are remembered as written; the oldest knowledge is dropped as a
/// whole, which only costs writes that change nothing.
const MOST_REMEMBERED: usize = 65_536;

/// A decision is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// How many decisions were written in the same transaction.
    pub group: usize,
}

/// The way to the writer.
#[derive(Clone, Debug)]
pub(crate) struct Commits {
    queue: mpsc::Sender<Waiting>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

#[derive(Debug)]
struct Waiting {
    record: Box<DecisionRecord>,
    done: oneshot::Sender<Result<Receipt, StoreError>>,
}

/// What writes.
#[derive(Debug)]
enum Writer {
    /// A connection of its own, held for good: lending it out and taking it back costs two turns of
    /// its thread.
    Sqlite(SqliteConnection),
    /// The one connection that everybody shares, borrowed for each group.
    Shared(SqlitePool),
    Postgres(PgPool),
}

/// Writes a group in one transaction, or in one statement where its parts are there already.
macro_rules! write_group {
    ($database:ty, $connection:expr, $group:expr, $parts:expr, $kept:expr) => {{
        let connection = $connection;
        let mut decisions = QueryBuilder::<$database>::new(INSERT_DECISIONS);
        push_decisions!(decisions, $group);
        if $parts.is_empty() {
            decisions.build().execute(&mut *connection).await?;
        } else {
            let mut transaction = connection.begin().await?;
            // Three columns at a time stay far below every limit of variables.
            for chunk in $parts.chunks(500) {
                let mut insert = QueryBuilder::<$database>::new(
                    "INSERT INTO decision_parts (digest, length, content) ",
                );
                insert.push_values(chunk, |mut row, part| {
                    row.push_bind(part.digest.to_vec())
                        .push_bind(signed(part.content.len() as u64))
                        .push_bind($kept(&part.content));
                });
                insert.push(" ON CONFLICT (digest) DO NOTHING");
                insert.build().execute(&mut *transaction).await?;
            }
            decisions.build().execute(&mut *transaction).await?;
            transaction.commit().await?;
        }
    }};
}

const INSERT_DECISIONS: &str = "INSERT INTO decisions (customer_id, cluster_id, decision_id, decision_type, \
     engine_name, engine_version, build, request_id, decided_at, seed, work_budget, work_used, \
     work_stopped_at, input_digest, policy_digest, evidence_digest, answer_digest, savings_nanos, \
     confidence, answer_front) ";

macro_rules! push_decisions {
    ($insert:ident, $group:expr) => {
        $insert.push_values($group, |mut row, one| {
            let record = &one.record;
            row.push_bind(record.customer_id.as_deref().unwrap_or_default())
                .push_bind(record.cluster_id.as_str())
                .push_bind(Uuid::try_parse(&record.decision_id).unwrap_or_default())
                .push_bind(record.decision_type.as_str())
                .push_bind(record.engine_name.as_str())
                .push_bind(record.engine_version.as_str())
                .push_bind(record.build.as_str())
                .push_bind(record.request_id.as_deref())
                .push_bind(At(record.decided_at))
                .push_bind(record.seed.as_str())
                .push_bind(signed(record.work_budget))
                .push_bind(signed(record.work_used))
                .push_bind(record.work_stopped_at.map(signed))
                .push_bind(record.input.digest.to_vec())
                .push_bind(record.policy.digest.to_vec())
                .push_bind(record.evidence.digest.to_vec())
                .push_bind(record.answer_rest.digest.to_vec())
                .push_bind(record.savings.map(units::Usd::nanos))
                .push_bind(record.confidence)
                .push_bind(record.answer_front.as_str());
        });
        // The same question at the same microsecond is the same decision, and its row is there.
        $insert.push(" ON CONFLICT (customer_id, cluster_id, decision_id) DO NOTHING");
    };
}

impl Writer {
    async fn of(database: &Database) -> Result<Writer, StoreError> {
        Ok(match database {
            Database::Postgres(pool) => Writer::Postgres(pool.clone()),
            Database::Sqlite(pools) if pools.is_shared() => Writer::Shared(pools.writer.clone()),
            Database::Sqlite(pools) => {
                let options = pools.writer.connect_options();
                Writer::Sqlite(SqliteConnection::connect_with(&options).await?)
            }
        })
    }

    async fn write(
        &mut self,
        group: &[Waiting],
        written: &mut BTreeSet<[u8; 32]>,
    ) -> Result<(), StoreError> {
        let mut fresh: BTreeSet<[u8; 32]> = BTreeSet::new();
        let mut parts: Vec<&Part> = Vec::new();
        for one in group {
            let record = &one.record;
            for part in [&record.input, &record.policy, &record.evidence, &record.answer_rest] {
                if !written.contains(&part.digest) && fresh.insert(part.digest) {
                    parts.push(part);
                }
            }
        }
        match self {
            Writer::Sqlite(connection) => write_group!(Sqlite, connection, group, parts, pack),
            Writer::Shared(pool) => {
                write_group!(Sqlite, &mut *pool.acquire().await?, group, parts, pack);
            }
            // PostgreSQL compresses by itself, and its readers see documents, not packed bytes.
            Writer::Postgres(pool) => {
                let connection = &mut *pool.acquire().await?;
                write_group!(Postgres, connection, group, parts, <[u8]>::to_vec);
            }
        }
        if written.len() + fresh.len() > MOST_REMEMBERED {
            written.clear();
        }
        written.append(&mut fresh);
        Ok(())
    }
}

impl Commits {
    pub(crate) async fn start(database: &Database) -> Result<Commits, StoreError> {
        let writer = Writer::of(database).await?;
        let (queue, waiting) = mpsc::channel(4 * LARGEST_GROUP);
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and awaited on close")]
        let writer = tokio::spawn(write_groups(writer, waiting));
        Ok(Commits { queue, writer: Arc::new(Mutex::new(Some(writer))) })
    }

    /// Waits until everything that was accepted is written.
    pub(crate) async fn close(self) {
        drop(self.queue);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.await.is_err()
        {
            tracing::error!("the writer of decisions ended badly");
        }
    }
}

impl Store {
    /// Keeps a decision; returns when it is on the disk.
    ///
    /// # Errors
    /// The database did not take it; nothing of the decision is kept then.
    pub async fn keep_decision(&self, record: DecisionRecord) -> Result<Receipt, StoreError> {
        let (done, receipt) = oneshot::channel();
        let waiting = Waiting { record: Box::new(record), done };
        self.commits.queue.send(waiting).await.map_err(|_| StoreError::Closed)?;
        let receipt = receipt.await.map_err(|_| StoreError::Closed)??;
        self.decided.send_modify(|count| *count += 1);
        Ok(receipt)
    }
}

/// Fills a group that has begun, until it is as large as the last one or nobody came for a while.
async fn gather(group: &mut Vec<Waiting>, waiting: &mut mpsc::Receiver<Waiting>, last_size: usize) {
    // Requests that have arrived already join: one turn of the runtime costs far less than the wait
    // for the disk that a group of their own would need.
    tokio::task::yield_now().await;
    let deadline = tokio::time::Instant::now() + LONGEST_GATHERING;
    loop {
        while group.len() < LARGEST_GROUP
            && let Ok(one) = waiting.try_recv()
        {
            group.push(one);
        }
        if group.len() >= last_size {
            return;
        }
        // Who has just been answered is likely to ask again.
        let room = LARGEST_GROUP - group.len();
        let more = tokio::time::timeout_at(deadline, waiting.recv_many(group, room)).await;
        if !matches!(more, Ok(count) if count > 0) {
            return;
        }
    }
}

async fn write_groups(mut writer: Writer, mut waiting: mpsc::Receiver<Waiting>) {
    let mut written: BTreeSet<[u8; 32]> = BTreeSet::new();
    let mut group = Vec::with_capacity(LARGEST_GROUP);
    let mut last_size = 1;
    while waiting.recv_many(&mut group, LARGEST_GROUP).await > 0 {
        gather(&mut group, &mut waiting, last_size).await;
        let size = group.len();
        last_size = size;
        match writer.write(&group, &mut written).await {
            Ok(()) => {
                for one in group.drain(..) {
                    // A caller that went away does not need its receipt.
                    let _ = one.done.send(Ok(Receipt { group: size }));
                }
            }
            // One of the group may be at fault: each is tried alone, and answers for itself.
            Err(_) if size > 1 => {
                written.clear();
                for one in group.drain(..) {
                    let alone = [one];
                    let done = writer.write(&alone, &mut written).await;
                    let [one] = alone;
                    let _ = one.done.send(done.map(|()| Receipt { group: 1 }));
                }
            }
            Err(error) => {
                written.clear();
                for one in group.drain(..) {
                    tracing::error!(decision.id = one.record.decision_id, %error, "not kept");
                    let _ = one.done.send(Err(StoreError::Closed));
                }
            }
        }
    }
    if let Writer::Sqlite(connection) = writer
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "the writing connection did not close cleanly");
    }
}
