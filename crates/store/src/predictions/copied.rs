//! Predictions on their way into PostgreSQL: a stream of rows in the binary form of `COPY`, which is a
//! fraction of the work of a statement on either side.

use std::collections::BTreeSet;

use sqlx::types::Uuid;
use sqlx::{Connection, PgConnection, PgPool, PgTransaction};

use super::{COLUMNS, PredictionRow, places};
use crate::StoreError;
use crate::values::{At, signed};

/// How the stream begins: its name, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// How it ends: a row of -1 fields.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Fields of a row.
const FIELDS: i16 = 18;

/// Bytes that are sent at once: between them others have their turn.
const PIECE: usize = 64 * 1024;

/// Room behind a piece for the row that completes it; features may need more.
const LAST_ROW: usize = 1024;

/// Keeps so many rows in one transaction. The last place that they were given.
pub(super) async fn keep<'a>(
    pool: &PgPool,
    rows: impl Iterator<Item = &'a PredictionRow> + Clone + Send,
    count: usize,
) -> Result<i64, StoreError> {
    let mut connection = pool.acquire().await?;
    match keep_all(&mut connection, rows.clone(), count).await {
        Err(StoreError::Database(sqlx::Error::Database(error))) if error.is_unique_violation() => {
            keep_others(&mut connection, rows, count).await
        }
        kept => kept,
    }
}

/// Keeps rows of which none is there.
async fn keep_all<'a>(
    connection: &mut PgConnection,
    rows: impl Iterator<Item = &'a PredictionRow> + Send,
    count: usize,
) -> Result<i64, StoreError> {
    let mut transaction = connection.begin().await?;
    let last = places!(transaction, count);
    copy(&mut transaction, (last - count as i64 + 1..).zip(rows)).await?;
    transaction.commit().await?;
    Ok(last)
}

/// Keeps those that are not there: the end of a transaction may not have been heard of. Whoever has
/// places is the only one who adds.
async fn keep_others<'a>(
    connection: &mut PgConnection,
    rows: impl Iterator<Item = &'a PredictionRow> + Clone + Send,
    count: usize,
) -> Result<i64, StoreError> {
    let mut transaction = connection.begin().await?;
    let last = places!(transaction, count);
    let known: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT model_id, prediction_id FROM predictions \
         JOIN unnest($1::uuid[], $2::uuid[]) AS wanted (model, prediction) \
         ON model_id = model AND prediction_id = prediction",
    )
    .bind(rows.clone().map(|row| row.model_id).collect::<Vec<_>>())
    .bind(rows.clone().map(|row| row.prediction_id).collect::<Vec<_>>())
    .fetch_all(&mut *transaction)
    .await?;
    let mut known: BTreeSet<(Uuid, Uuid)> = known.into_iter().collect();
    let numbered = (last - count as i64 + 1..).zip(rows);
    let others = numbered.filter(|(_, row)| known.insert((row.model_id, row.prediction_id)));
    copy(&mut transaction, others).await?;
    transaction.commit().await?;
    Ok(last)
}

async fn copy<'a>(
    transaction: &mut PgTransaction<'_>,
    rows: impl Iterator<Item = (i64, &'a PredictionRow)> + Send,
) -> Result<(), StoreError> {
    let statement = format!("COPY predictions {COLUMNS} FROM STDIN (FORMAT binary)");
    let mut stream = transaction.copy_in_raw(&statement).await?;
    let mut piece = Vec::with_capacity(PIECE + LAST_ROW);
    piece.extend_from_slice(HEADER);
    for (sequence, row) in rows {
        push(&mut piece, sequence, row);
        if piece.len() >= PIECE {
            stream.send(&piece[..]).await?;
            piece.clear();
        }
    }
    piece.extend_from_slice(&TRAILER);
    stream.send(&piece[..]).await?;
    stream.finish().await?;
    Ok(())
}

/// A row as `COPY` has it, in the order of [`COLUMNS`].
fn push(piece: &mut Vec<u8>, sequence: i64, row: &PredictionRow) {
    let mut numbers = Numbers::default();
    numbers.raw(FIELDS.to_be_bytes());
    numbers.field(*row.model_id.as_bytes());
    numbers.field(*row.prediction_id.as_bytes());
    numbers.field(sequence.to_be_bytes());
    numbers.flush(piece);
    for text in [
        &*row.prediction_type,
        &*row.customer_id,
        &*row.pool.instance_type,
        &*row.pool.region,
        &*row.pool.zone,
        &*row.pool.operating_system,
    ] {
        push_text(piece, text);
    }
    numbers.field(signed(row.horizon_seconds).to_be_bytes());
    numbers.field(row.value.to_be_bytes());
    for number in [row.low, row.high, row.last_value] {
        match number {
            Some(number) => numbers.field(number.to_be_bytes()),
            None => numbers.raw(ABSENT),
        }
    }
    numbers.field(row.confidence.to_be_bytes());
    match &row.features {
        Some(features) => {
            numbers.flush(piece);
            // The binary form of `jsonb` is the number of its version, and the text.
            push_text(piece, &format!("\u{1}{features}"));
        }
        None => numbers.raw(ABSENT),
    }
    numbers.field(At(row.created_at).to_postgres().to_be_bytes());
    match row.shadow_of {
        Some(model) => numbers.field(*model.as_bytes()),
        None => numbers.raw(ABSENT),
    }
    numbers.flush(piece);
}

fn push_text(piece: &mut Vec<u8>, text: &str) {
    // No text of ours has two gigabytes; the database would refuse such a row.
    let length = i32::try_from(text.len()).unwrap_or(i32::MAX);
    piece.extend_from_slice(&length.to_be_bytes());
    piece.extend_from_slice(text.as_bytes());
}

/// The length of a field that is absent.
const ABSENT: [u8; 4] = (-1_i32).to_be_bytes();

/// Fields of known sizes, put together before they go into the piece.
struct Numbers {
    bytes: [u8; 128],
    length: usize,
}

impl Default for Numbers {
    fn default() -> Numbers {
        Numbers { bytes: [0; 128], length: 0 }
    }
}

impl Numbers {
    #[inline(always)]
    fn raw<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.length..][..N].copy_from_slice(&bytes);
        self.length += N;
    }

    #[inline(always)]
    fn field<const N: usize>(&mut self, bytes: [u8; N]) {
        self.raw((N as i32).to_be_bytes());
        self.raw(bytes);
    }

    fn flush(&mut self, piece: &mut Vec<u8>) {
        piece.extend_from_slice(&self.bytes[..self.length]);
        self.length = 0;
    }
}
