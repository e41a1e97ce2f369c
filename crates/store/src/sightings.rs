//! Since when things have been in a state that lasts, by the snapshots of their cluster.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::database::reading;
use crate::values::At;
use crate::{Store, StoreError};

/// What a snapshot shows of one state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The state, such as `unattached_volume`.
    pub state: String,
    /// When that was looked at.
    pub at: Timestamp,
    /// Things in the state, by identifier.
    pub inside: BTreeSet<String>,
    /// Things that were seen and are in another state.
    pub outside: BTreeSet<String>,
    /// Whether what was not seen is gone.
    pub complete: bool,
    /// After how long without a sight nobody can say that a thing was in the state all the time, so that
    /// it begins anew; `None` where any time will do.
    pub longest_silence: Option<SignedDuration>,
}

/// A thing that has been in a state since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The state.
    pub state: String,
    /// The thing.
    pub object_id: String,
    /// When it was first seen in the state that it has been in since.
    pub first_seen_at: Timestamp,
    /// When it was last seen so.
    pub last_seen_at: Timestamp,
}

impl Seen {
    /// What was last seen before this instant begins anew.
    pub(crate) fn heard_since(&self) -> Timestamp {
        let silence = self.longest_silence;
        silence.and_then(|silence| self.at.checked_sub(silence).ok()).unwrap_or(Timestamp::MIN)
    }

    /// Whether this ends what was seen of a thing before.
    pub(crate) fn ends(&self, object_id: &str) -> bool {
        !self.inside.contains(object_id) && (self.complete || self.outside.contains(object_id))
    }
}

/// Notes what a snapshot shows. The newest one ends what it contradicts; one that came late can only
/// show that something lasts shorter than it seemed to.
macro_rules! note_seen {
    ($transaction:ident, $cluster:expr, $customer:expr, $seen:expr, $is_newest:expr) => {{
        let seen: &$crate::sightings::Seen = $seen;
        let known: Vec<(String, $crate::values::At, $crate::values::At)> = sqlx::query_as(
            "SELECT object_id, first_seen_at, last_seen_at FROM sightings \
             WHERE cluster_id = $1 AND customer_id = $2 AND state = $3",
        )
        .bind($cluster)
        .bind($customer)
        .bind(seen.state.as_str())
        .fetch_all(&mut *$transaction)
        .await?;
        for (object_id, first, last) in known.iter().filter(|known| seen.ends(&known.0)) {
            let sql = if $is_newest {
                "DELETE FROM sightings \
                 WHERE cluster_id = $1 AND customer_id = $2 AND state = $3 AND object_id = $4"
            } else if first.0 <= seen.at && seen.at <= last.0 {
                "UPDATE sightings SET first_seen_at = last_seen_at \
                 WHERE cluster_id = $1 AND customer_id = $2 AND state = $3 AND object_id = $4"
            } else {
                continue;
            };
            sqlx::query(sql)
                .bind($cluster)
                .bind($customer)
                .bind(seen.state.as_str())
                .bind(object_id.as_str())
                .execute(&mut *$transaction)
                .await?;
        }
        let inside: Vec<&String> = seen.inside.iter().filter(|_| $is_newest).collect();
        for chunk in inside.chunks(500) {
            let mut insert = QueryBuilder::new(
                "INSERT INTO sightings (cluster_id, customer_id, state, object_id, first_seen_at, \
                   last_seen_at) ",
            );
            insert.push_values(chunk, |mut row, object_id| {
                row.push_bind($cluster)
                    .push_bind($customer)
                    .push_bind(seen.state.as_str())
                    .push_bind(object_id.as_str())
                    .push_bind($crate::values::At(seen.at))
                    .push_bind($crate::values::At(seen.at));
            });
            insert.push(
                " ON CONFLICT (cluster_id, customer_id, state, object_id) DO UPDATE SET \
                 last_seen_at = excluded.last_seen_at, first_seen_at = CASE \
                 WHEN sightings.last_seen_at < ",
            );
            insert.push_bind($crate::values::At(seen.heard_since()));
            insert.push(" THEN excluded.first_seen_at ELSE sightings.first_seen_at END");
            insert.build().execute(&mut *$transaction).await?;
        }
    }};
}

pub(crate) use note_seen;

impl Store {
    /// Everything that has been in a state for some time, of one cluster and customer.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sightings(
        &self,
        cluster_id: &str,
        customer_id: Option<&str>,
    ) -> Result<Vec<Sighting>, StoreError> {
        let rows: Vec<(String, String, At, At)> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT state, object_id, first_seen_at, last_seen_at FROM sightings \
                 WHERE cluster_id = $1 AND customer_id = $2 ORDER BY state, object_id",
            )
            .bind(cluster_id)
            .bind(customer_id.unwrap_or_default())
            .fetch_all(pool)
            .await?
        });
        let sighting = |(state, object_id, first, last): (String, String, At, At)| Sighting {
            state,
            object_id,
            first_seen_at: first.0,
            last_seen_at: last.0,
        };
        Ok(rows.into_iter().map(sighting).collect())
    }
}
