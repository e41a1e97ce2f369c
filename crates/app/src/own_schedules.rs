//! Schedules of the server's own: made at the start, changed where the settings have, and left alone
//! where they have not.

use jobs::next_run;
use serde_json::{Value, json};
use store::ScheduleRow;

use crate::access::Caller;
use crate::gaps::field;
use crate::ids::timed_id;
use crate::{App, Error};

/// A schedule as the settings want it.
pub(crate) struct OwnSchedule<'a> {
    pub(crate) name: &'a str,
    /// The kind of job that it makes.
    pub(crate) kind: &'a str,
    /// What the job is told; like the times, nothing of it is looked at while the schedule is off.
    pub(crate) payload: Value,
    pub(crate) cron: &'a str,
    /// Whether it fires; `None` where it does until somebody switches it off, which then stays so.
    pub(crate) enabled: Option<bool>,
}

impl App {
    /// Makes a schedule, or changes it, as the settings want it.
    ///
    /// # Errors
    /// Times that cannot be read, or a store that does not answer.
    pub(crate) async fn see_to(&self, wanted: OwnSchedule<'_>) -> Result<(), Error> {
        let OwnSchedule { name, kind, payload, cron, enabled } = wanted;
        let known = self.store.schedules().await?.into_iter().find(|row| row.name == name);
        let now = self.clock.now();
        let caller = Caller::server();
        let row = match (known, enabled) {
            (None, Some(false)) => return Ok(()),
            (Some(known), Some(false)) if !known.enabled => return Ok(()),
            // Whoever switches it on again finds it as it was.
            (Some(known), Some(false)) => ScheduleRow { enabled: false, ..known },
            (Some(known), None) if !known.enabled => return Ok(()),
            (Some(known), _)
                if known.enabled
                    && (known.kind.as_str(), known.cron.as_str()) == (kind, cron)
                    && known.payload == payload =>
            {
                return Ok(());
            }
            (known, _) => ScheduleRow {
                schedule_id: known
                    .map_or_else(|| timed_id(now, name.as_bytes()), |known| known.schedule_id),
                name: name.to_owned(),
                kind: kind.to_owned(),
                payload,
                cron: cron.to_owned(),
                enabled: true,
                next_run_at: next_run(cron, now)
                    .map_err(|error| field("/cron", "invalid", &error.to_string()))?,
                last_run_at: None,
                created_by: caller.name.clone(),
                created_at: now,
            },
        };
        let detail = json!({ "cron": row.cron, "enabled": row.enabled, "payload": row.payload });
        let note = self.note(&caller, "schedule.set", name.to_owned(), detail);
        self.store.set_schedule(&row, &note).await?;
        Ok(())
    }
}
