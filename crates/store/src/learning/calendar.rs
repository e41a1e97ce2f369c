//! Seasons that an operator knows of.

use jiff::Timestamp;
use sqlx::FromRow;
use sqlx::types::Uuid;

use crate::access::{AuditRow, audit};
use crate::database::{reading, writing};
use crate::values::At;
use crate::{Store, StoreError};

/// A season.
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarRow {
    /// Its name in records.
    pub entry_id: Uuid,
    /// What people call it.
    pub name: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// By how much hazards are multiplied.
    pub factor: f64,
    /// Who says so.
    pub created_by: String,
    /// Since when.
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct Raw {
    entry_id: Uuid,
    name: String,
    from_at: At,
    until_at: At,
    factor: f64,
    created_by: String,
    created_at: At,
}

impl From<Raw> for CalendarRow {
    fn from(raw: Raw) -> CalendarRow {
        CalendarRow {
            entry_id: raw.entry_id,
            name: raw.name,
            from: raw.from_at.0,
            until: raw.until_at.0,
            factor: raw.factor,
            created_by: raw.created_by,
            created_at: raw.created_at.0,
        }
    }
}

impl Store {
    /// Every season, the earliest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn calendar(&self) -> Result<Vec<CalendarRow>, StoreError> {
        let rows: Vec<Raw> = reading!(self, pool => {
            sqlx::query_as("SELECT * FROM calendar_entries ORDER BY from_at, entry_id")
                .fetch_all(pool)
                .await?
        });
        Ok(rows.into_iter().map(CalendarRow::from).collect())
    }

    /// Keeps a season, and notes who made it.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn add_calendar_entry(
        &self,
        row: &CalendarRow,
        note: &AuditRow,
    ) -> Result<(), StoreError> {
        writing!(self, transaction => {
            sqlx::query(
                "INSERT INTO calendar_entries (entry_id, name, from_at, until_at, factor, created_by, \
                   created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            )
            .bind(row.entry_id)
            .bind(row.name.as_str())
            .bind(At(row.from))
            .bind(At(row.until))
            .bind(row.factor)
            .bind(row.created_by.as_str())
            .bind(At(row.created_at))
            .execute(&mut *transaction)
            .await?;
            audit!(transaction, note);
        });
        Ok(())
    }

    /// Takes a season away; `false` when there is none of this name.
    ///
    /// # Errors
    /// The database did not do it.
    pub async fn remove_calendar_entry(
        &self,
        entry_id: Uuid,
        note: &AuditRow,
    ) -> Result<bool, StoreError> {
        Ok(writing!(self, transaction => {
            let gone = sqlx::query("DELETE FROM calendar_entries WHERE entry_id = $1")
                .bind(entry_id)
                .execute(&mut *transaction)
                .await?
                .rows_affected()
                > 0;
            if gone {
                audit!(transaction, note);
            }
            gone
        }))
    }
}
