//! Public prices that the server fetches by itself: at its first start, and regularly after.

use facts::names::Region;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use jobs::next_run;
use store::{AuditRow, ScheduleRow};

use super::ask::new_id;
use super::request::checked;
use super::{DataType, FETCH_PRICES, FetchRequest};
use crate::access::{Caller, ITSELF};
use crate::{App, Error};

impl App {
    /// Fetches the Spot Advisor and the On-Demand prices of some regions where there are none yet, and
    /// renews them: the advisor hourly, the list prices daily, at a minute that differs between
    /// installations. Neither needs credentials.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn fetch_public_prices(&self, regions: &[Region]) -> Result<(), Error> {
        let totals = self.store.totals().await?;
        let has = |dataset: &str| totals.iter().any(|one| one.dataset == dataset && one.rows > 0);
        for (dataset, request, _, _) in public(regions) {
            if !has(dataset) {
                self.start_fetch(&request, None, ITSELF).await?;
            }
        }
        let known = self.store.schedules().await?;
        let now = self.clock.now();
        for (_, request, name, hour) in public(regions) {
            // One that somebody has switched off stays so.
            if known.iter().any(|schedule| schedule.name == name) {
                continue;
            }
            let schedule = self.renewal(&request, name, hour, now)?;
            self.store.set_schedule(&schedule, &self.scheduled(&schedule, "set")).await?;
        }
        Ok(())
    }

    /// Ends the regular renewal, until [`App::fetch_public_prices`] is asked for again.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn keep_public_prices(&self) -> Result<(), Error> {
        for schedule in self.store.schedules().await? {
            let ours = public(&[]).iter().any(|(_, _, name, _)| *name == schedule.name);
            if ours && schedule.enabled {
                let note = self.scheduled(&schedule, "remove");
                self.store.remove_schedule(schedule.schedule_id, &note).await?;
            }
        }
        Ok(())
    }

    fn scheduled(&self, schedule: &ScheduleRow, what: &str) -> AuditRow {
        let detail = serde_json::json!({ "cron": schedule.cron });
        let action = format!("schedule.{what}");
        self.note(&Caller::server(), &action, schedule.name.clone(), detail)
    }

    fn renewal(
        &self,
        request: &FetchRequest,
        name: &str,
        hour: Option<u8>,
        now: Timestamp,
    ) -> Result<ScheduleRow, Error> {
        let internal = |error: String| Error::Internal(error);
        let (wanted, _) = checked(request, name, self.desk().market(), now)?;
        let minute = now.to_zoned(TimeZone::UTC).minute();
        let hour = hour.map_or_else(|| "*".to_owned(), |hour| hour.to_string());
        let cron = format!("{minute} {hour} * * *");
        let later = now + SignedDuration::from_mins(1);
        Ok(ScheduleRow {
            schedule_id: new_id(now, name),
            name: name.to_owned(),
            kind: FETCH_PRICES.to_owned(),
            payload: serde_json::to_value(&wanted).map_err(|error| internal(error.to_string()))?,
            next_run_at: next_run(&cron, later).map_err(|error| internal(error.to_string()))?,
            cron,
            enabled: true,
            last_run_at: None,
            created_by: ITSELF.to_owned(),
            created_at: now,
        })
    }
}

/// Dataset, request, name of the schedule, and the hour of the day for what is renewed daily.
fn public(regions: &[Region]) -> [(&'static str, FetchRequest, &'static str, Option<u8>); 2] {
    let request = |data_type, regions: Vec<String>| FetchRequest {
        data_type,
        instance_types: Vec::new(),
        regions,
        start_date: None,
        end_date: None,
        products: Vec::new(),
    };
    let regions = regions.iter().map(ToString::to_string).collect();
    let advisor = request(DataType::SpotAdvisor, Vec::new());
    let list_prices = request(DataType::OnDemandPrices, regions);
    [
        ("spot_advisor", advisor, "renew the Spot Advisor", None),
        ("on_demand_prices", list_prices, "renew On-Demand prices", Some(3)),
    ]
}
