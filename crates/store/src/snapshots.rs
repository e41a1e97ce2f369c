//! Snapshots of clusters: the newest ones of each, and what they show of things that stay as they are.
//!
//! All that is kept of a cluster is changed under its one row, so two snapshots that arrive at once are
//! taken one after the other.

use jiff::Timestamp;
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};

use crate::database::{Database, reading, writing};
use crate::sightings::{Seen, note_seen};
use crate::values::{At, pack, signed, unpack, unsigned};
use crate::{Store, StoreError};

/// A snapshot without its content.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotRow {
    /// The cluster.
    pub cluster_id: String,
    /// The customer whose key sent it; `None` for keys that speak for nobody.
    pub customer_id: Option<String>,
    /// Its name.
    pub snapshot_id: Uuid,
    /// BLAKE3 of the content.
    pub digest: [u8; 32],
    /// Bytes of the content.
    pub length: u64,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// When it came.
    pub received_at: Timestamp,
    /// How much each section holds.
    pub sections: serde_json::Value,
}

/// A cluster with its newest snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterRow {
    /// The cluster.
    pub cluster_id: String,
    /// Whose it is.
    pub customer_id: Option<String>,
    /// The newest snapshot.
    pub newest_id: Uuid,
    /// When that was taken.
    pub taken_at: Timestamp,
    /// When that came.
    pub received_at: Timestamp,
    /// How much each of its sections holds.
    pub sections: serde_json::Value,
    /// How many snapshots are kept.
    pub snapshots: u64,
}

#[derive(FromRow)]
struct RawSnapshot {
    cluster_id: String,
    customer_id: String,
    snapshot_id: Uuid,
    digest: Vec<u8>,
    length: i64,
    taken_at: At,
    received_at: At,
    sections: Json<serde_json::Value>,
}

#[derive(FromRow)]
struct RawCluster {
    cluster_id: String,
    customer_id: String,
    newest_id: Uuid,
    taken_at: At,
    received_at: At,
    sections: Json<serde_json::Value>,
    snapshots: i64,
}

impl From<RawCluster> for ClusterRow {
    fn from(raw: RawCluster) -> ClusterRow {
        ClusterRow {
            cluster_id: raw.cluster_id,
            customer_id: named(raw.customer_id),
            newest_id: raw.newest_id,
            taken_at: raw.taken_at.0,
            received_at: raw.received_at.0,
            sections: raw.sections.0,
            snapshots: unsigned(raw.snapshots),
        }
    }
}

/// A customer as rows name it: empty where there is none.
pub(crate) fn named(customer_id: String) -> Option<String> {
    (!customer_id.is_empty()).then_some(customer_id)
}

/// Takes the row of a cluster, which is made where there is none.
const HOLD: &str = "INSERT INTO clusters (cluster_id, customer_id, newest_id, taken_at, received_at, \
       sections, snapshots) VALUES ($1, $2, $3, $4, $5, $6, 0) \
     ON CONFLICT (cluster_id, customer_id) DO UPDATE SET snapshots = clusters.snapshots \
     RETURNING newest_id, taken_at";

const INSERT: &str = "INSERT INTO cluster_snapshots (cluster_id, customer_id, snapshot_id, digest, \
       length, taken_at, received_at, sections) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT DO NOTHING";

const FORGET: &str = "DELETE FROM cluster_snapshots WHERE cluster_id = $1 AND customer_id = $2 \
     AND snapshot_id NOT IN (SELECT k.snapshot_id FROM cluster_snapshots k \
       WHERE k.cluster_id = $1 AND k.customer_id = $2 \
       ORDER BY k.taken_at DESC, k.snapshot_id DESC LIMIT $3)";

const FORGET_CONTENTS: &str = "DELETE FROM snapshot_contents WHERE cluster_id = $1 AND customer_id = $2 \
     AND digest NOT IN (SELECT k.digest FROM cluster_snapshots k \
       WHERE k.cluster_id = $1 AND k.customer_id = $2)";

const COUNT: &str = "UPDATE clusters SET snapshots = (SELECT count(*) FROM cluster_snapshots k \
       WHERE k.cluster_id = $1 AND k.customer_id = $2) WHERE cluster_id = $1 AND customer_id = $2";

impl Store {
    /// Keeps a snapshot and what it shows, and lets the oldest ones of its cluster go beyond `most`.
    /// `false` when it was there before.
    ///
    /// # Errors
    /// The database did not take it; nothing of it is kept then.
    pub async fn add_snapshot(
        &self,
        row: &SnapshotRow,
        content: &[u8],
        seen: &[Seen],
        most: u64,
    ) -> Result<bool, StoreError> {
        let customer = row.customer_id.as_deref().unwrap_or_default();
        let cluster = row.cluster_id.as_str();
        let kept = match &self.database {
            Database::Postgres(_) => content.to_vec(),
            Database::Sqlite(_) => pack(content),
        };
        Ok(writing!(self, transaction => {
            let (newest_id, newest_at): (Uuid, At) = sqlx::query_as(HOLD)
                .bind(cluster)
                .bind(customer)
                .bind(row.snapshot_id)
                .bind(At(row.taken_at))
                .bind(At(row.received_at))
                .bind(Json(&row.sections))
                .fetch_one(&mut *transaction)
                .await?;
            let added = sqlx::query(INSERT)
                .bind(cluster)
                .bind(customer)
                .bind(row.snapshot_id)
                .bind(row.digest.to_vec())
                .bind(signed(row.length))
                .bind(At(row.taken_at))
                .bind(At(row.received_at))
                .bind(Json(&row.sections))
                .execute(&mut *transaction)
                .await?
                .rows_affected()
                > 0;
            if added {
                sqlx::query(
                    "INSERT INTO snapshot_contents (cluster_id, customer_id, digest, length, content) \
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                )
                .bind(cluster)
                .bind(customer)
                .bind(row.digest.to_vec())
                .bind(signed(row.length))
                .bind(kept.as_slice())
                .execute(&mut *transaction)
                .await?;
                let is_newest = (At(row.taken_at), row.snapshot_id) >= (newest_at, newest_id);
                if is_newest {
                    sqlx::query(
                        "UPDATE clusters SET newest_id = $3, taken_at = $4, received_at = $5, \
                           sections = $6 WHERE cluster_id = $1 AND customer_id = $2",
                    )
                    .bind(cluster)
                    .bind(customer)
                    .bind(row.snapshot_id)
                    .bind(At(row.taken_at))
                    .bind(At(row.received_at))
                    .bind(Json(&row.sections))
                    .execute(&mut *transaction)
                    .await?;
                }
                for one in seen {
                    note_seen!(transaction, cluster, customer, one, is_newest);
                }
                sqlx::query(FORGET)
                    .bind(cluster)
                    .bind(customer)
                    .bind(signed(most.max(1)))
                    .execute(&mut *transaction)
                    .await?;
                for sql in [FORGET_CONTENTS, COUNT] {
                    sqlx::query(sql).bind(cluster).bind(customer).execute(&mut *transaction).await?;
                }
            }
            added
        }))
    }

    /// Clusters by name, and how many there are in all; those of one customer where one is named.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn clusters(
        &self,
        customer_id: Option<&str>,
        limit: u64,
        offset: u64,
    ) -> Result<(Vec<ClusterRow>, u64), StoreError> {
        let (rows, total): (Vec<RawCluster>, i64) = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT * FROM clusters");
            let mut count = QueryBuilder::new("SELECT count(*) FROM clusters");
            if let Some(customer) = customer_id {
                query.push(" WHERE customer_id = ").push_bind(customer);
                count.push(" WHERE customer_id = ").push_bind(customer);
            }
            query.push(" ORDER BY cluster_id, customer_id LIMIT ").push_bind(signed(limit));
            query.push(" OFFSET ").push_bind(signed(offset));
            let rows = query.build_query_as().fetch_all(pool).await?;
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(ClusterRow::from).collect(), unsigned(total)))
    }

    /// When the newest snapshot of a cluster was taken; `None` where there is none. A customer without a
    /// name is empty.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn newest_snapshot(
        &self,
        cluster_id: &str,
        customer_id: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(At,)> = reading!(self, pool => {
            sqlx::query_as("SELECT taken_at FROM clusters WHERE cluster_id = $1 AND customer_id = $2")
                .bind(cluster_id)
                .bind(customer_id)
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|(at,)| at.0))
    }

    /// Snapshots of a cluster, the newest first, and how many there are in all; those of one customer
    /// where one is named.
    ///
    /// # Errors
    /// The database does not answer, or what it kept is damaged.
    pub async fn snapshots(
        &self,
        cluster_id: &str,
        customer_id: Option<&str>,
        limit: u64,
        offset: u64,
    ) -> Result<(Vec<SnapshotRow>, u64), StoreError> {
        let (rows, total): (Vec<RawSnapshot>, i64) = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT * FROM cluster_snapshots WHERE cluster_id = ");
            let mut count =
                QueryBuilder::new("SELECT count(*) FROM cluster_snapshots WHERE cluster_id = ");
            query.push_bind(cluster_id);
            count.push_bind(cluster_id);
            if let Some(customer) = customer_id {
                query.push(" AND customer_id = ").push_bind(customer);
                count.push(" AND customer_id = ").push_bind(customer);
            }
            query.push(" ORDER BY taken_at DESC, snapshot_id DESC LIMIT ").push_bind(signed(limit));
            query.push(" OFFSET ").push_bind(signed(offset));
            let rows = query.build_query_as().fetch_all(pool).await?;
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        let rows: Result<Vec<SnapshotRow>, StoreError> = rows.into_iter().map(whole).collect();
        Ok((rows?, unsigned(total)))
    }

    /// What a snapshot holds, byte for byte as it was sent; `None` when there is none of this name, or
    /// none of this customer where one is named.
    ///
    /// # Errors
    /// The database does not answer, or what it kept is damaged.
    pub async fn snapshot_content(
        &self,
        cluster_id: &str,
        customer_id: Option<&str>,
        snapshot_id: Uuid,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<(Vec<u8>, i64, Vec<u8>)> = reading!(self, pool => {
            let mut query = QueryBuilder::new(
                "SELECT c.digest, c.length, c.content FROM cluster_snapshots s \
                 JOIN snapshot_contents c ON c.cluster_id = s.cluster_id \
                   AND c.customer_id = s.customer_id AND c.digest = s.digest WHERE s.cluster_id = ",
            );
            query.push_bind(cluster_id).push(" AND s.snapshot_id = ").push_bind(snapshot_id);
            if let Some(customer) = customer_id {
                query.push(" AND s.customer_id = ").push_bind(customer);
            }
            query.push(" LIMIT 1").build_query_as().fetch_optional(pool).await?
        });
        let Some((digest, length, content)) = row else { return Ok(None) };
        let what = format!("snapshot {snapshot_id}");
        let content = match &self.database {
            Database::Postgres(_) => content,
            Database::Sqlite(_) => unpack(&what, &content, length)?,
        };
        if blake3::hash(&content).as_bytes()[..] != digest {
            return Err(StoreError::Damaged { what, why: "it is not what was written".to_owned() });
        }
        Ok(Some(content))
    }
}

fn whole(raw: RawSnapshot) -> Result<SnapshotRow, StoreError> {
    Ok(SnapshotRow {
        digest: raw.digest.try_into().map_err(|_| StoreError::Damaged {
            what: format!("snapshot {}", raw.snapshot_id),
            why: "its digest has another length".to_owned(),
        })?,
        cluster_id: raw.cluster_id,
        customer_id: named(raw.customer_id),
        snapshot_id: raw.snapshot_id,
        length: unsigned(raw.length),
        taken_at: raw.taken_at.0,
        received_at: raw.received_at.0,
        sections: raw.sections.0,
    })
}
