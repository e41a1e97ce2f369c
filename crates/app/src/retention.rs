//! Forgetting old spot prices and old predictions, where the operator asked for it. Without that they
//! are kept for ever.

use jiff::{SignedDuration, Timestamp};
use jobs::{JobFailure, Running};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Uuid;

use crate::fetch::PriceSources;
use crate::own_schedules::OwnSchedule;
use crate::predict::BASELINE;
use crate::{App, Error};

/// The kind of job that forgets prices.
pub const FORGET_PRICES: &str = "forget_prices";

/// The kind of job that forgets predictions.
pub const FORGET_PREDICTIONS: &str = "forget_predictions";

/// The shortest time that prices can be kept for, in days: what AWS still has would come back with
/// the next fetch.
pub const SHORTEST_DAYS: u32 = 91;

/// The shortest time that predictions can be kept for, in days: outcomes come later than predictions.
pub const SHORTEST_DAYS_OF_PREDICTIONS: u32 = 7;

/// Series of one step.
const SERIES_AT_ONCE: u64 = 200;

/// Predictions of one step: whoever keeps new ones waits no longer than this takes.
const PREDICTIONS_AT_ONCE: u64 = 2_000;

/// What is forgotten, and when.
struct Forgetting {
    schedule: &'static str,
    kind: &'static str,
    cron: &'static str,
    shortest_days: u32,
    what: &'static str,
}

const PRICES: Forgetting = Forgetting {
    schedule: "forget old spot prices",
    kind: FORGET_PRICES,
    cron: "30 4 * * *",
    shortest_days: SHORTEST_DAYS,
    what: "spot prices",
};

const PREDICTIONS: Forgetting = Forgetting {
    schedule: "forget old predictions",
    kind: FORGET_PREDICTIONS,
    cron: "50 4 * * *",
    shortest_days: SHORTEST_DAYS_OF_PREDICTIONS,
    what: "predictions",
};

#[derive(Serialize, Deserialize)]
struct OlderThan {
    older_than_days: u32,
}

impl App {
    /// Has spot prices forgotten daily that are older than so many days; `None` ends that.
    ///
    /// # Errors
    /// Fewer than [`SHORTEST_DAYS`], or a store that does not answer.
    pub async fn keep_spot_prices_for(&self, days: Option<u32>) -> Result<(), Error> {
        self.keep_for(&PRICES, days).await
    }

    /// Has predictions forgotten daily that are older than so many days; `None` ends that. The first
    /// ones of each model stay, because newer ones are compared with them.
    ///
    /// # Errors
    /// Fewer than [`SHORTEST_DAYS_OF_PREDICTIONS`], or a store that does not answer.
    pub async fn keep_predictions_for(&self, days: Option<u32>) -> Result<(), Error> {
        self.keep_for(&PREDICTIONS, days).await
    }

    async fn keep_for(&self, forgetting: &Forgetting, days: Option<u32>) -> Result<(), Error> {
        let Forgetting { schedule, kind, cron, shortest_days, what } = *forgetting;
        if let Some(days) = days.filter(|days| *days < shortest_days) {
            return Err(Error::Internal(format!(
                "{what} cannot be kept for {days} days only: expected {shortest_days} or more"
            )));
        }
        self.see_to(OwnSchedule {
            name: schedule,
            kind,
            payload: json!(days.map(|days| OlderThan { older_than_days: days })),
            cron,
            enabled: Some(days.is_some()),
        })
        .await
    }
}

/// Works on a job that forgets prices. It may begin again at any time: what is gone is gone.
pub(crate) async fn forget_prices(
    sources: &PriceSources,
    running: &Running,
) -> Result<(), JobFailure> {
    let now = sources.clock.now();
    let before = limit(running, now)?;
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

/// Works on a job that forgets predictions, model by model. It may begin again at any time.
pub(crate) async fn forget_predictions(
    sources: &PriceSources,
    running: &Running,
) -> Result<(), JobFailure> {
    let before = limit(running, sources.clock.now())?;
    let mut gone = 0;
    let mut model: Option<Uuid> = Some(BASELINE);
    while let Some(model_id) = model {
        loop {
            running.go_on()?;
            let step =
                sources.store.forget_predictions(model_id, before, PREDICTIONS_AT_ONCE).await?;
            gone += step.predictions;
            if step.predictions < PREDICTIONS_AT_ONCE {
                break;
            }
        }
        model = sources.store.next_predicting_model(model_id).await?;
    }
    running.log(&format!("{gone} predictions from before {before} were forgotten")).await
}

/// The instant before which things are forgotten.
fn limit(running: &Running, now: Timestamp) -> Result<Timestamp, JobFailure> {
    let wanted: OlderThan = running.payload()?;
    now.checked_sub(SignedDuration::from_hours(24 * i64::from(wanted.older_than_days)))
        .map_err(|error| JobFailure::Never(error.to_string()))
}
