//! Refreshes that come by themselves.

use jiff::Timestamp;
use jobs::next_run;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ScheduleRow, Uuid};

use super::ask::{RefreshRequest, USUAL_DAYS, digest_of};
use super::{REFRESH_MODEL, RefreshModel, Stretch};
use crate::access::Caller;
use crate::gaps::field;
use crate::ids::timed_id;
use crate::own_schedules::OwnSchedule;
use crate::{App, Error};

/// The name of the schedule that the environment switches on.
const AUTO_REFRESH: &str = "auto refresh of active models";

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleType {
    /// Every day at `time`.
    Daily,
    /// Every week at `time` on `day_of_week`.
    Weekly,
    /// As `cron` says.
    Cron,
}

/// A schedule that is to be made, or changed where one of its name is there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "schedule_type": "daily", "time": "02:00", "lookback_days": 7, "enabled": true
}]))]
pub struct NewSchedule {
    /// What people call it; one name stands for one schedule. Named after the model when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// The model; every active one when absent.
    #[serde(default)]
    pub model_id: Option<String>,
    /// How often.
    pub schedule_type: ScheduleType,
    /// At which time of the day, `HH:MM` in UTC; 02:00 when absent.
    #[serde(default)]
    pub time: Option<String>,
    /// On which day of a week, 0 (Sunday) to 6 (Saturday); Monday when absent.
    #[serde(default)]
    pub day_of_week: Option<u8>,
    /// Five fields (minute, hour, day, month, weekday) in UTC, such as `0 2 * * *`.
    #[serde(default)]
    pub cron: Option<String>,
    /// How many days before each refresh are fetched, 1 to 90; 7 when absent.
    #[serde(default)]
    pub lookback_days: Option<u32>,
    /// Names of types, or patterns such as `m5.*`; when absent what the model names, else all.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// Regions; when absent what the model names, else all that have spot prices.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Whether the model becomes active when it passes validation on the new data.
    #[serde(default)]
    pub auto_activate: bool,
    /// Whether it fires; `true` when absent.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A schedule.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ScheduleItem {
    /// Its name in other calls.
    pub schedule_id: String,
    /// What people call it.
    pub name: String,
    /// What it does: `refresh_model` or `fetch_prices`.
    pub kind: String,
    /// When, in UTC.
    pub cron: String,
    /// Whether it fires.
    pub enabled: bool,
    /// When it fires next; `null` while it is switched off.
    pub next_run_at: Option<Timestamp>,
    /// When it fired last.
    pub last_run_at: Option<Timestamp>,
    /// The model, where it is for one.
    pub model_id: Option<String>,
    /// Who made it.
    pub created_by: String,
}

/// What the environment says about refreshing active models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoRefresh {
    /// Whether.
    pub enabled: bool,
    /// When, in UTC.
    pub cron: String,
    /// How many days each time.
    pub lookback_days: u32,
}

impl App {
    /// Makes a schedule, or changes the one of its name.
    ///
    /// # Errors
    /// Fields that are wrong, no such model, the name of a schedule that does something else, a store
    /// that does not answer.
    pub async fn schedule_refresh(
        &self,
        wanted: &NewSchedule,
        caller: &Caller,
    ) -> Result<ScheduleItem, Error> {
        let cron = cron(wanted)?;
        let days = wanted.lookback_days.unwrap_or(USUAL_DAYS);
        if !(1..=aws::SPOT_HISTORY_DAYS as u32).contains(&days) {
            let detail =
                format!("{days} is not from 1 to {}, which AWS keeps", aws::SPOT_HISTORY_DAYS);
            return Err(field("/lookback_days", "out_of_range", &detail));
        }
        let request = RefreshRequest {
            model_id: wanted.model_id.clone(),
            instance_types: wanted.instance_types.clone(),
            regions: wanted.regions.clone(),
            auto_activate: wanted.auto_activate,
            ..RefreshRequest::default()
        };
        let model = match &wanted.model_id {
            Some(id) => Some(self.model_row(id).await?),
            None => None,
        };
        let name = match (&wanted.name, &model) {
            (Some(name), _) if name.trim().is_empty() || name.len() > 200 => {
                return Err(field("/name", "invalid", "expected 1 to 200 bytes"));
            }
            (Some(name), _) => name.trim().to_owned(),
            (None, Some(model)) => format!("refresh {} {}", model.name, model.version),
            (None, None) => "refresh active models".to_owned(),
        };
        let payload = if wanted.instance_types.is_empty() && wanted.regions.is_empty() {
            // Settled each time, by what the model needs and what is stored then.
            payload(&request, days, "scheduled")
        } else {
            let (_, payload) = self.refresh_payload(&request, caller, &digest_of(&request)).await?;
            let regions = if wanted.regions.is_empty() { Vec::new() } else { payload.regions };
            RefreshModel {
                regions,
                refresh_type: "scheduled".to_owned(),
                triggered_by: None,
                stretch: Stretch::LastDays(days),
                ..payload
            }
        };
        let row = self.schedule_row(&name, &cron, &payload, wanted.enabled, caller)?;
        let all = self.store.schedules().await?;
        if all.iter().any(|one| one.name == name && one.kind != REFRESH_MODEL) {
            let why = format!("`{name}` is a schedule of another kind; expected another name");
            return Err(Error::Taken(why));
        }
        let detail =
            json!({ "cron": cron, "enabled": wanted.enabled, "model_id": wanted.model_id });
        let note = self.note(caller, "schedule.set", name, detail);
        let schedule_id = self.store.set_schedule(&row, &note).await?;
        Ok(item(ScheduleRow { schedule_id, ..row }))
    }

    /// All schedules by name.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn schedules(&self) -> Result<Vec<ScheduleItem>, Error> {
        Ok(self.store.schedules().await?.into_iter().map(item).collect())
    }

    /// One schedule.
    ///
    /// # Errors
    /// No such schedule, or a store that does not answer.
    pub async fn schedule(&self, schedule_id: &str) -> Result<ScheduleItem, Error> {
        Ok(item(self.known_schedule(schedule_id).await?))
    }

    /// Switches a schedule on or off. What it missed while it was off does not count.
    ///
    /// # Errors
    /// No such schedule, or a store that does not answer.
    pub async fn switch_schedule(
        &self,
        schedule_id: &str,
        enabled: bool,
        caller: &Caller,
    ) -> Result<ScheduleItem, Error> {
        let row = self.known_schedule(schedule_id).await?;
        let next = next_run(&row.cron, self.clock.now())
            .map_err(|error| Error::Internal(error.to_string()))?;
        let detail = json!({ "name": row.name, "enabled": enabled });
        let note = self.note(caller, "schedule.switch", schedule_id.to_owned(), detail);
        self.store.enable_schedule(row.schedule_id, enabled, next, &note).await?;
        Ok(item(ScheduleRow { enabled, next_run_at: next, ..row }))
    }

    /// Removes a schedule; what it has begun goes on. What was removed.
    ///
    /// # Errors
    /// No such schedule, or a store that does not answer.
    pub async fn remove_schedule(
        &self,
        schedule_id: &str,
        caller: &Caller,
    ) -> Result<ScheduleItem, Error> {
        let row = self.known_schedule(schedule_id).await?;
        let detail = json!({ "name": row.name });
        let note = self.note(caller, "schedule.remove", schedule_id.to_owned(), detail);
        self.store.remove_schedule(row.schedule_id, &note).await?;
        Ok(item(ScheduleRow { enabled: false, ..row }))
    }

    /// Makes the schedule of active models what the environment says. A time that was missed while
    /// no server ran still counts, once.
    ///
    /// # Errors
    /// A cron expression that is none, or a store that does not answer.
    pub async fn see_to_auto_refresh(&self, wanted: &AutoRefresh) -> Result<(), Error> {
        let payload = payload(&RefreshRequest::default(), wanted.lookback_days, "auto");
        self.see_to(OwnSchedule {
            name: AUTO_REFRESH,
            kind: REFRESH_MODEL,
            payload: serde_json::to_value(&payload)
                .map_err(|error| Error::Internal(error.to_string()))?,
            cron: &wanted.cron,
            enabled: Some(wanted.enabled),
        })
        .await
    }

    async fn known_schedule(&self, schedule_id: &str) -> Result<ScheduleRow, Error> {
        let shown: String = schedule_id.chars().take(60).collect();
        let unknown = || Error::NotFound(format!("there is no schedule `{shown}`"));
        let id: Uuid = schedule_id.parse().map_err(|_| unknown())?;
        let all = self.store.schedules().await?;
        all.into_iter().find(|row| row.schedule_id == id).ok_or_else(unknown)
    }

    fn schedule_row(
        &self,
        name: &str,
        cron: &str,
        payload: &RefreshModel,
        enabled: bool,
        caller: &Caller,
    ) -> Result<ScheduleRow, Error> {
        let now = self.clock.now();
        let next_run_at =
            next_run(cron, now).map_err(|error| field("/cron", "invalid", &error.to_string()))?;
        Ok(ScheduleRow {
            schedule_id: timed_id(now, name.as_bytes()),
            name: name.to_owned(),
            kind: REFRESH_MODEL.to_owned(),
            payload: serde_json::to_value(payload)
                .map_err(|error| Error::Internal(error.to_string()))?,
            cron: cron.to_owned(),
            enabled,
            next_run_at,
            last_run_at: None,
            created_by: caller.name.clone(),
            created_at: now,
        })
    }
}

fn yes() -> bool {
    true
}

fn payload(request: &RefreshRequest, days: u32, refresh_type: &str) -> RefreshModel {
    RefreshModel {
        model_id: request.model_id.clone(),
        stretch: Stretch::LastDays(days),
        instance_types: Vec::new(),
        regions: Vec::new(),
        products: Vec::new(),
        auto_activate: request.auto_activate,
        refresh_type: refresh_type.to_owned(),
        triggered_by: None,
        asked: digest_of(request),
    }
}

/// The cron expression that is meant.
fn cron(wanted: &NewSchedule) -> Result<String, Error> {
    let time = wanted.time.as_deref().unwrap_or("02:00");
    let at = || {
        let (hour, minute) = time.split_once(':')?;
        let two = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (hour, minute) = (two(hour).then_some(hour)?, two(minute).then_some(minute)?);
        let (hour, minute): (u8, u8) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some((hour, minute))
    };
    let at =
        || at().ok_or_else(|| field("/time", "invalid", "expected HH:MM in UTC, such as 02:00"));
    if wanted.cron.is_some() && wanted.schedule_type != ScheduleType::Cron {
        let detail = "cron goes with the schedule_type `cron` only";
        return Err(field("/cron", "invalid", detail));
    }
    match wanted.schedule_type {
        ScheduleType::Daily => at().map(|(hour, minute)| format!("{minute} {hour} * * *")),
        ScheduleType::Weekly => {
            let day = wanted.day_of_week.unwrap_or(1);
            if day > 6 {
                return Err(field("/day_of_week", "out_of_range", "expected 0 (Sunday) to 6"));
            }
            at().map(|(hour, minute)| format!("{minute} {hour} * * {day}"))
        }
        ScheduleType::Cron => {
            let cron = wanted.cron.as_deref().unwrap_or_default();
            // Seconds would make it fire more often than anybody wants.
            if cron.split_whitespace().count() == 5 {
                return Ok(cron.to_owned());
            }
            let detail =
                "expected five fields (minute, hour, day, month, weekday), such as `0 2 * * *`";
            Err(field("/cron", "invalid", detail))
        }
    }
}

fn item(row: ScheduleRow) -> ScheduleItem {
    ScheduleItem {
        schedule_id: row.schedule_id.to_string(),
        model_id: row.payload["model_id"].as_str().map(str::to_owned),
        name: row.name,
        kind: row.kind,
        cron: row.cron,
        enabled: row.enabled,
        next_run_at: row.enabled.then_some(row.next_run_at),
        last_run_at: row.last_run_at,
        created_by: row.created_by,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_cron_expressions() {
        let check = |json: serde_json::Value, expected: Result<&str, &str>| {
            let wanted: NewSchedule = serde_json::from_value(json.clone()).unwrap();
            let found = cron(&wanted);
            let found = match &found {
                Ok(cron) => Ok(cron.as_str()),
                Err(Error::Invalid(fields)) => Err(fields[0].pointer.as_str()),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, expected, "{json}");
        };
        let daily = |time: &str| json!({ "schedule_type": "daily", "time": time });
        check(json!({ "schedule_type": "daily" }), Ok("0 2 * * *"));
        check(daily("02:30"), Ok("30 2 * * *"));
        check(daily("24:00"), Err("/time"));
        check(daily("2:3"), Err("/time"));
        check(daily("noon"), Err("/time"));
        check(json!({ "schedule_type": "weekly", "time": "23:59" }), Ok("59 23 * * 1"));
        check(json!({ "schedule_type": "weekly", "day_of_week": 0 }), Ok("0 2 * * 0"));
        check(json!({ "schedule_type": "weekly", "day_of_week": 7 }), Err("/day_of_week"));
        check(json!({ "schedule_type": "cron", "cron": "*/15 * * * *" }), Ok("*/15 * * * *"));
        check(json!({ "schedule_type": "cron", "cron": "* * * * * *" }), Err("/cron"));
        check(json!({ "schedule_type": "cron" }), Err("/cron"));
        check(json!({ "schedule_type": "daily", "cron": "0 2 * * *" }), Err("/cron"));
    }
}
