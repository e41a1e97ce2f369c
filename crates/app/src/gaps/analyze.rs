//! What is missing of the prices that a model needs.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{ModelFilter, ModelRow};

use super::estimate::{Estimate, estimate};
use super::scope::{PatternMatches, Scope, Wanted, field};
use super::survey::{Extent, GapKind, PoolGap, Question, Survey, extent_of, survey};
use super::{FILL_GAP, FillGap, LONGEST_SILENCE, Part, Window};
use crate::models::need;
use crate::{App, Error};

/// Gaps that an answer shows when nobody says.
const USUAL_GAPS: usize = 100;

/// The most gaps that an answer shows.
const MOST_GAPS: usize = 10_000;

/// Fills that are remembered, so that AWS is not asked again for what it does not have.
const REMEMBERED_FILLS: u64 = 200;

/// What is to be looked at.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "required_lookback_days": 15, "instance_types": ["m5.*"], "regions": ["us-east-1"]
}]))]
pub struct AnalyzeRequest {
    /// The model whose data is meant; the active spot predictor when absent, and none where there is
    /// none.
    #[serde(default)]
    pub model_id: Option<String>,
    /// How many days before now must be complete, at least; `GAP_FILLER_DEFAULT_LOOKBACK_DAYS` when
    /// absent. A model that was trained longer ago needs the days since then too.
    #[serde(default)]
    pub required_lookback_days: Option<u32>,
    /// Names of types, or patterns such as `m5.*`; when absent those that the model names, else all that
    /// have prices.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// Regions; when absent those that the model names, else all that have spot prices.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Product descriptions; `Linux/UNIX` when absent.
    #[serde(default)]
    pub products: Vec<String>,
    /// How many gaps are listed, the newest first; 100 when absent, 10,000 at the most.
    #[serde(default)]
    pub max_gaps: Option<usize>,
}

/// What is missing.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Analysis {
    /// The model whose data is meant.
    pub model_id: Option<String>,
    /// The last day of the data it was trained on.
    #[schemars(with = "Option<String>")]
    pub trained_until: Option<Date>,
    /// Today, in UTC.
    #[schemars(with = "String")]
    pub current_date: Date,
    /// Days from the one to the other; `null` without a model.
    pub gap_days: Option<i64>,
    /// What the model needs.
    pub required_data_types: Vec<&'static str>,
    /// How many rows fill what can be filled; how that was reckoned stands in `estimate`.
    pub estimated_records: u64,
    /// How that number came about.
    pub estimate: Estimate,
    /// The stretch that was looked at.
    pub window: Window,
    /// A stretch without a price is a gap from so many hours on.
    pub longest_silence_hours: i64,
    /// AWS has nothing from before.
    pub aws_horizon: Timestamp,
    /// How much is missing.
    pub extent: Extent,
    /// Types of which no On-Demand price is stored in some region; `pricing/fetch` brings the present
    /// list, and no history of it can be had.
    pub types_without_on_demand_price: u64,
    /// How many known types each pattern fits.
    pub patterns: Vec<PatternMatches>,
    /// Gaps, the newest first.
    pub gaps: Vec<PoolGap>,
    /// How many there are; `gaps` may be shorter.
    pub gaps_total: u64,
    /// What one should know besides.
    pub notes: Vec<String>,
}

impl App {
    /// Says what is missing of the prices that a model needs.
    ///
    /// # Errors
    /// Fields that are wrong, no such model, a store that does not answer.
    pub async fn analyze_gaps(&self, request: &AnalyzeRequest) -> Result<Analysis, Error> {
        let now = self.clock.now();
        let model = self.model_or_active(request.model_id.as_deref()).await?;
        let days = self.lookback(request.required_lookback_days)?;
        let window = needed(model.as_ref(), days, now);
        let need = model.as_ref().map(need).unwrap_or_default();
        let wanted = Wanted {
            instance_types: request.instance_types.clone(),
            regions: request.regions.clone(),
            products: request.products.clone(),
        };
        let scope = self.scope(&wanted, &need).await?;
        let survey = self.survey_of(&scope, window, now).await?;
        let estimate = estimate(&survey, &scope.products);
        let extent = extent_of(&survey);
        let notes = self.notes(&extent, window, now);
        let mut gaps = survey.gaps;
        let gaps_total = gaps.len() as u64;
        gaps.sort_by(|a, b| {
            b.until.cmp(&a.until).then_with(|| a.instance_type.cmp(&b.instance_type))
        });
        gaps.truncate(request.max_gaps.unwrap_or(USUAL_GAPS).min(MOST_GAPS));
        let today = now.to_zoned(TimeZone::UTC).date();
        let trained_until = model.as_ref().map(|model| model.trained_until);
        Ok(Analysis {
            model_id: model.as_ref().map(|model| model.model_id.to_string()),
            trained_until,
            current_date: today,
            gap_days: trained_until.map(|day| days_between(day, today)),
            required_data_types: vec!["spot_prices", "on_demand_prices"],
            estimated_records: estimate.records,
            estimate,
            window,
            longest_silence_hours: LONGEST_SILENCE.as_hours(),
            aws_horizon: horizon(now),
            extent,
            types_without_on_demand_price: self.without_list_price(&scope).await?,
            patterns: scope.patterns,
            gaps,
            gaps_total,
            notes,
        })
    }

    /// The model of this name; the active spot predictor when none is named.
    pub(crate) async fn model_or_active(
        &self,
        model_id: Option<&str>,
    ) -> Result<Option<ModelRow>, Error> {
        if let Some(model_id) = model_id {
            return Ok(Some(self.model_row(model_id).await?));
        }
        let filter = ModelFilter { active: Some(true), limit: 10, ..ModelFilter::default() };
        let (active, _) = self.store.models(&filter).await?;
        Ok(active.into_iter().find(|model| model.model_type == "spot_predictor"))
    }

    fn lookback(&self, wanted: Option<u32>) -> Result<u32, Error> {
        let most = self.gap_settings.max_lookback_days;
        match wanted {
            None => Ok(self.gap_settings.default_lookback_days.min(most)),
            Some(days) if (1..=most).contains(&days) => Ok(days),
            Some(days) => Err(field(
                "/required_lookback_days",
                "out_of_range",
                &format!(
                    "{days} is not from 1 to {most}, the most days that may be looked back \
                     (GAP_FILLER_MAX_LOOKBACK_DAYS; AWS keeps {})",
                    aws::SPOT_HISTORY_DAYS
                ),
            )),
        }
    }

    /// What is missing of a scope, with what AWS was asked for before.
    pub(crate) async fn survey_of(
        &self,
        scope: &Scope,
        window: Window,
        now: Timestamp,
    ) -> Result<Survey, Error> {
        let asked = self.asked_before().await?;
        let question = Question {
            regions: &scope.regions,
            instance_types: &scope.instance_types,
            products: &scope.products,
            window,
            horizon: horizon(now),
            asked: &asked,
        };
        Ok(survey(&self.store, &question).await?)
    }

    /// What completed fills have asked AWS for.
    async fn asked_before(&self) -> Result<Vec<Part>, Error> {
        let (rows, _) = self.store.gaps(REMEMBERED_FILLS, 0).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.job_id).collect();
        let mut asked = Vec::new();
        for job in self.store.jobs_of(&ids).await? {
            if job.kind == FILL_GAP && job.state == store::JobState::Completed {
                let fill: Result<FillGap, _> = serde_json::from_value(job.payload);
                asked.extend(fill.map(|fill| fill.parts).unwrap_or_default());
            }
        }
        Ok(asked)
    }

    async fn without_list_price(&self, scope: &Scope) -> Result<u64, Error> {
        let mut without = std::collections::BTreeSet::new();
        for region in &scope.regions {
            let filter = store::ListFilter {
                region: Some(region.to_string()),
                limit: u64::from(u32::MAX),
                ..store::ListFilter::default()
            };
            let priced = self.store.on_demand(&filter).await?;
            let priced: std::collections::BTreeSet<&str> =
                priced.iter().map(|row| row.instance_type.as_str()).collect();
            let missing = scope.instance_types.iter().filter(|one| !priced.contains(one.as_str()));
            without.extend(missing);
        }
        Ok(without.len() as u64)
    }

    fn notes(&self, extent: &Extent, window: Window, now: Timestamp) -> Vec<String> {
        let mut notes = Vec::new();
        if extent.too_old_hours > 0.0 {
            notes.push(format!(
                "{} hours of pools are from before {}, and AWS keeps {} days: they stay missing",
                extent.too_old_hours,
                horizon(now),
                aws::SPOT_HISTORY_DAYS
            ));
        }
        if extent.none_at_aws_hours > 0.0 {
            notes.push(format!(
                "AWS was asked for {} hours of pools before and has no row of them: they stay missing",
                extent.none_at_aws_hours
            ));
        }
        let limit = days_before(now, self.gap_settings.max_lookback_days);
        if window.from < limit && limit > horizon(now) {
            notes.push(format!(
                "fills go back to {limit} only (GAP_FILLER_MAX_LOOKBACK_DAYS); gaps from before stay \
                 open"
            ));
        }
        notes
    }
}

/// From when on AWS has spot prices.
pub(crate) fn horizon(now: Timestamp) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(24 * aws::SPOT_HISTORY_DAYS)).unwrap_or(now)
}

/// The start of the day (UTC) that lies so many days before an instant.
pub(crate) fn days_before(now: Timestamp, days: u32) -> Timestamp {
    let then = now.saturating_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(now);
    start_of_day(then.to_zoned(TimeZone::UTC).date())
}

/// The start of a day in UTC.
pub(crate) fn start_of_day(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |start| start.timestamp())
}

/// From so many days before now, or from where the training of the model ended if that is longer ago.
fn needed(model: Option<&ModelRow>, days: u32, now: Timestamp) -> Window {
    let from = days_before(now, days);
    // The last day of the training is in its data.
    let trained = model.and_then(|model| model.trained_until.tomorrow().ok()).map(start_of_day);
    Window { from: trained.map_or(from, |trained| trained.min(from)), until: now }
}

fn days_between(from: Date, until: Date) -> i64 {
    from.until(until).map_or(0, |span| i64::from(span.get_days())).max(0)
}

impl Analysis {
    /// Gaps that can be filled.
    #[must_use]
    pub fn fillable(&self) -> usize {
        self.gaps.iter().filter(|gap| gap.kind == GapKind::Fillable).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_reaches_back_to_the_training() {
        let now: Timestamp = "2025-11-28T10:00:00Z".parse().unwrap();
        let model = |day: &str| ModelRow {
            model_id: store::Uuid::nil(),
            name: String::new(),
            version: String::new(),
            model_type: "spot_predictor".to_owned(),
            trained_until: day.parse().unwrap(),
            uploaded_at: now,
            uploaded_by: None,
            active: true,
            metadata: None,
            last_refresh_at: None,
            file: None,
            description: None,
            shadow: false,
        };
        let check = |model: Option<&ModelRow>, expected: &str| {
            assert_eq!(needed(model, 15, now).from.to_string(), expected);
        };
        check(None, "2025-11-13T00:00:00Z");
        check(Some(&model("2025-10-31")), "2025-11-01T00:00:00Z");
        check(Some(&model("2025-11-27")), "2025-11-13T00:00:00Z");
        let today: Date = "2025-11-28".parse().unwrap();
        assert_eq!(days_between("2025-10-31".parse().unwrap(), today), 28);
        assert_eq!(days_between("2025-12-31".parse().unwrap(), today), 0);
    }
}
