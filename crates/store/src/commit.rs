//! Group commit: decisions that arrive together are written in one transaction.
//!
//! A caller waits until its own decision is on the disk. While one transaction is being written,
//! the next group gathers; so the number of waits for the disk does not grow with the load.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::decisions::{DecisionRecord, Part, signed};
use crate::values::{pack, uuid_bytes};
use crate::{Store, StoreError};

/// How many decisions one transaction holds at the most.
const LARGEST_GROUP: usize = 256;

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

/// The connection that writes.
#[derive(Debug)]
pub(crate) enum Writer {
    /// Its own, held for good: lending it out and taking it back costs two turns of its thread.
    Own(SqliteConnection),
    /// The one that readers use too, borrowed for each group.
    Shared(SqlitePool),
}

impl Writer {
    async fn write(
        &mut self,
        group: &[Waiting],
        written: &mut BTreeSet<[u8; 32]>,
    ) -> Result<(), StoreError> {
        match self {
            Writer::Own(connection) => write(connection, group, written).await,
            Writer::Shared(pool) => write(&mut *pool.acquire().await?, group, written).await,
        }
    }
}

impl Commits {
    pub(crate) fn start(writer: Writer) -> Commits {
        let (queue, waiting) = mpsc::channel(4 * LARGEST_GROUP);
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and awaited on close")]
        let writer = tokio::spawn(write_groups(writer, waiting));
        Commits { queue, writer: Arc::new(Mutex::new(Some(writer))) }
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
        receipt.await.map_err(|_| StoreError::Closed)?
    }
}

async fn write_groups(mut writer: Writer, mut waiting: mpsc::Receiver<Waiting>) {
    let mut written: BTreeSet<[u8; 32]> = BTreeSet::new();
    let mut group = Vec::with_capacity(LARGEST_GROUP);
    while waiting.recv_many(&mut group, LARGEST_GROUP).await > 0 {
        // Requests that have arrived already join: one turn of the runtime costs far less than the
        // wait for the disk that a group of their own would need.
        tokio::task::yield_now().await;
        while group.len() < LARGEST_GROUP
            && let Ok(one) = waiting.try_recv()
        {
            group.push(one);
        }
        let size = group.len();
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
    if let Writer::Own(connection) = writer
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "the writing connection did not close cleanly");
    }
}

async fn write(
    connection: &mut SqliteConnection,
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
    if parts.is_empty() {
        // One statement is a transaction of its own, and one turn of the database's thread.
        insert_decisions(group).build().execute(connection).await?;
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    // Nine columns at the most times this stays far below SQLite's limit of variables.
    for chunk in parts.chunks(500) {
        let mut insert =
            QueryBuilder::<Sqlite>::new("INSERT INTO decision_parts (digest, length, content) ");
        insert.push_values(chunk, |mut row, part| {
            row.push_bind(part.digest.to_vec())
                .push_bind(signed(part.content.len() as u64))
                .push_bind(pack(&part.content));
        });
        insert.push(" ON CONFLICT (digest) DO NOTHING");
        insert.build().execute(&mut *transaction).await?;
    }
    insert_decisions(group).build().execute(&mut *transaction).await?;
    transaction.commit().await?;
    if written.len() + fresh.len() > MOST_REMEMBERED {
        written.clear();
    }
    written.append(&mut fresh);
    Ok(())
}

fn insert_decisions(group: &[Waiting]) -> QueryBuilder<Sqlite> {
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO decisions (cluster_id, decision_id, decision_type, engine_name, \
         engine_version, build, request_id, decided_at, seed, work_budget, work_used, \
         work_stopped_at, input_digest, policy_digest, evidence_digest, answer_digest, \
         savings_nanos, confidence, answer_front) ",
    );
    insert.push_values(group, |mut row, one| {
        let record = &one.record;
        row.push_bind(record.cluster_id.as_str())
            .push_bind(uuid_bytes(&record.decision_id).unwrap_or_default().to_vec())
            .push_bind(record.decision_type.as_str())
            .push_bind(record.engine_name.as_str())
            .push_bind(record.engine_version.as_str())
            .push_bind(record.build.as_str())
            .push_bind(record.request_id.as_deref())
            .push_bind(record.decided_at.as_microsecond())
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
    insert.push(" ON CONFLICT (cluster_id, decision_id) DO NOTHING");
    insert
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DecisionFilter;

    fn record(number: u8, request_id: Option<&str>) -> DecisionRecord {
        let part = |content: &[u8]| Part {
            digest: *blake3::hash(content).as_bytes(),
            content: content.into(),
        };
        DecisionRecord {
            decision_id: format!("019b8082-9480-7ca5-9a1c-5271be8264{number:02x}"),
            cluster_id: "prod".to_owned(),
            decision_type: "bin_pack".to_owned(),
            engine_name: "bin_packing".to_owned(),
            engine_version: "1".to_owned(),
            build: "test".to_owned(),
            request_id: request_id.map(str::to_owned),
            decided_at: jiff::Timestamp::from_second(1_767_225_600 + i64::from(number)).unwrap(),
            seed: "00".to_owned(),
            work_budget: u64::MAX,
            work_used: 7,
            work_stopped_at: None,
            input: part(b"{\"nodes\":[]}"),
            policy: part(b"{}"),
            evidence: part(&[number; 3]),
            answer_front: format!("{{\"decision_id\":{number},"),
            answer_rest: part(b"\"rejected\":[]}"),
            savings: Some(units::Usd::from_nanos(1_500_000_000)),
            confidence: 0.5,
        }
    }

    #[tokio::test]
    async fn what_is_kept_is_found_again() {
        let store = Store::in_memory().await.unwrap();
        store.keep_decision(record(1, Some("r"))).await.unwrap();
        store.keep_decision(record(2, None)).await.unwrap();
        let (found, total) = store
            .decisions(&DecisionFilter { limit: 10, ..DecisionFilter::default() })
            .await
            .unwrap();
        assert_eq!(total, 2);
        assert!(found[0].decided_at > found[1].decided_at);
        let whole = store.decision(&record(1, None).decision_id).await.unwrap().unwrap();
        assert_eq!(whole.answer, b"{\"decision_id\":1,\"rejected\":[]}");
        assert_eq!(whole.input, b"{\"nodes\":[]}");
        assert_eq!(whole.work_used, 7);
        assert!(store.decision("no such name").await.unwrap().is_none());
        let since = jiff::Timestamp::UNIX_EPOCH;
        assert!(store.decision_of_request("r", since).await.unwrap().is_some());
        assert!(store.decision_of_request("other", since).await.unwrap().is_none());
        store.close().await;
    }

    #[tokio::test]
    async fn the_same_decision_is_kept_once() {
        let store = Store::in_memory().await.unwrap();
        let (one, two) = tokio::join!(
            store.keep_decision(record(1, None)),
            store.keep_decision(record(1, None))
        );
        assert!(one.is_ok() && two.is_ok());
        let filter = DecisionFilter { limit: 10, ..DecisionFilter::default() };
        assert_eq!(store.decisions(&filter).await.unwrap().1, 1);
    }
}
