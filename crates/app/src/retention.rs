//! Forgetting old spot prices, where the operator asked for it. Without that they are kept for ever.

use jiff::SignedDuration;
use jobs::{JobFailure, Running, next_run};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::ScheduleRow;

use crate::access::Caller;
use crate::fetch::PriceSources;
use crate::ids::timed_id;
use crate::{App, Error};

/// The kind of job that forgets.
pub const FORGET_PRICES: &str = "forget_prices";

/// The shortest time that prices can be kept for, in days: what AWS still has would come back with
/// the next fetch.
pub const SHORTEST_DAYS: u32 = 91;

const SCHEDULE: &str = "forget old spot prices";
const CRON: &str = "30 4 * * *";

/// Series of one step.
const SERIES_AT_ONCE: u64 = 200;

#[derive(Serialize, Deserialize)]
struct ForgetPrices {
    older_than_days: u32,
}

impl App {
    /// Has spot prices forgotten daily that are older than so many days; `None` ends that.
    ///
    /// # Errors
    /// Fewer than [`SHORTEST_DAYS`], or a store that does not answer.
    pub async fn keep_spot_prices_for(&self, days: Option<u32>) -> Result<(), Error> {
        if let Some(days) = days.filter(|days| *days < SHORTEST_DAYS) {
            return Err(Error::Internal(format!(
                "spot prices cannot be kept for {days} days only: expected {SHORTEST_DAYS} or more"
            )));
        }
        let known = self.store.schedules().await?.into_iter().find(|row| row.name == SCHEDULE);
        let now = self.clock.now();
        let caller = Caller::server();
        let payload = |days| json!(ForgetPrices { older_than_days: days });
        let row = match (known, days) {
            (None, None) => return Ok(()),
            (Some(known), None) if !known.enabled => return Ok(()),
            (Some(known), Some(days)) if known.enabled && known.payload == payload(days) => {
                return Ok(());
            }
            (Some(known), None) => ScheduleRow { enabled: false, ..known },
            (known, Some(days)) => ScheduleRow {
                schedule_id: known
                    .map_or_else(|| timed_id(now, SCHEDULE.as_bytes()), |known| known.schedule_id),
                name: SCHEDULE.to_owned(),
                kind: FORGET_PRICES.to_owned(),
                payload: payload(days),
                cron: CRON.to_owned(),
                enabled: true,
                next_run_at: next_run(CRON, now)
                    .map_err(|error| Error::Internal(error.to_string()))?,
                last_run_at: None,
                created_by: caller.name.clone(),
                created_at: now,
            },
        };
        let detail = json!({ "older_than_days": days, "enabled": row.enabled });
        let note = self.note(&caller, "schedule.set", SCHEDULE.to_owned(), detail);
        self.store.set_schedule(&row, &note).await?;
        Ok(())
    }
}

/// Works on such a job. It may begin again at any time: what is gone is gone.
pub(crate) async fn forget_prices(
    sources: &PriceSources,
    running: &Running,
) -> Result<(), JobFailure> {
    let wanted: ForgetPrices = running.payload()?;
    let now = sources.clock.now();
    let before = now
        .checked_sub(SignedDuration::from_hours(24 * i64::from(wanted.older_than_days)))
        .map_err(|error| JobFailure::Never(error.to_string()))?;
    let (mut gone, mut last) = (0, 0);
    loop {
        running.go_on()?;
        let step = sources.store.forget_prices(before, last, SERIES_AT_ONCE, now).await?;
        gone += step.prices;
        match step.last_series {
            Some(series) => last = series,
            None => break,
        }
    }
    running.log(&format!("{gone} spot prices from before {before} were forgotten")).await
}
