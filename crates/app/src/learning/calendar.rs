//! Seasons that an operator knows of: an entry multiplies hazards while it lasts.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{CalendarRow, Uuid};

use super::said_text;
use crate::access::Caller;
use crate::gaps::field;
use crate::ids::timed_id;
use crate::{App, Error};

/// A season.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "name": "black_friday", "from": "2026-11-27T00:00:00Z", "until": "2026-11-30T00:00:00Z",
    "factor": 2.5
}]))]
pub struct NewSeason {
    /// What people call it.
    pub name: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; at most a year later.
    pub until: Timestamp,
    /// By how much hazards are multiplied, 0.1 to 100.
    pub factor: f64,
}

/// A season that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Season {
    /// Its name in records.
    pub entry_id: String,
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

const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

impl App {
    /// Every season, the earliest first.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn calendar(&self) -> Result<Vec<Season>, Error> {
        Ok(self.store.calendar().await?.into_iter().map(season).collect())
    }

    /// Keeps a season, and notes who made it.
    ///
    /// # Errors
    /// Fields that are wrong, or a store that does not answer.
    pub async fn add_season(&self, wanted: &NewSeason, caller: &Caller) -> Result<Season, Error> {
        let now = self.clock.now();
        let name = said_text(&wanted.name, "/name")?;
        if wanted.until <= wanted.from || wanted.until.duration_since(wanted.from) > LONGEST {
            return Err(field("/until", "out_of_range", "expected up to a year behind `from`"));
        }
        // A factor that is no number fails this too.
        if !(0.1..=100.0).contains(&wanted.factor) {
            return Err(field("/factor", "out_of_range", "expected 0.1 to 100"));
        }
        let row = CalendarRow {
            entry_id: timed_id(now, format!("{name} {}", wanted.from).as_bytes()),
            name: name.clone(),
            from: wanted.from,
            until: wanted.until,
            factor: wanted.factor,
            created_by: caller.name.clone(),
            created_at: now,
        };
        let detail = json!({ "from": row.from, "until": row.until, "factor": row.factor });
        let note = self.note(caller, "calendar.add", name, detail);
        self.store.add_calendar_entry(&row, &note).await?;
        self.read_calendar().await?;
        Ok(season(row))
    }

    /// Takes a season away.
    ///
    /// # Errors
    /// There is none of this name, or the store does not answer.
    pub async fn remove_season(&self, entry_id: &str, caller: &Caller) -> Result<Season, Error> {
        let unknown = || Error::NotFound("there is no calendar entry of this name".to_owned());
        let id: Uuid = entry_id.parse().map_err(|_| unknown())?;
        let all = self.store.calendar().await?;
        let known = all.into_iter().find(|row| row.entry_id == id).ok_or_else(unknown)?;
        let note = self.note(caller, "calendar.remove", known.name.clone(), json!({}));
        if !self.store.remove_calendar_entry(id, &note).await? {
            return Err(unknown());
        }
        self.read_calendar().await?;
        Ok(season(known))
    }

    async fn read_calendar(&self) -> Result<(), Error> {
        let rows = self.store.calendar().await?;
        self.learning.state().set_calendar(rows);
        Ok(())
    }
}

fn season(row: CalendarRow) -> Season {
    Season {
        entry_id: row.entry_id.to_string(),
        name: row.name,
        from: row.from,
        until: row.until,
        factor: row.factor,
        created_by: row.created_by,
        created_at: row.created_at,
    }
}
