//! Whether the features that a model is asked with have moved since its first rows.
//!
//! No row is kept for this: the first rows give each feature up to ten bins that hold the same share of
//! them, and one for rows in which it is missing; of later rows only the bins are counted, hour by hour.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{FeatureCounts, Uuid};

use super::measures::index_of_counts;
use crate::ids::timed_id;
use crate::models::serving::ServedModel;
use crate::{App, Error};

/// Rows that the bins are made of.
const FIRST_ROWS: usize = 1_000;

/// Rows of one call that are looked at: many of one call are of one region and one minute.
const ROWS_OF_A_CALL: usize = 50;

/// Features that are looked at; what is wider is looked at in its first ones.
const MOST_FEATURES: usize = 512;

/// Rows that are compared with the first ones: the newest hours that have so many together.
const RECENT_ROWS: u64 = 1_000;

/// Recent rows with fewer than which nothing is said.
const FEWEST_ROWS: u64 = 100;

/// How long counts are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Hours of all servers that are read.
const MOST_READ: u64 = 2_000;

const NOT_LEARNT: &str = "the first 1,000 rows have not come yet";
const TOO_FEW: &str = "fewer than 100 rows have come since the first ones";

/// Whether one feature has moved.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FeatureDrift {
    /// Its name; without one its place, from 1 on.
    pub name: String,
    /// Population stability index of recent rows against the first ones, a missing value being a bin of
    /// its own; `null` with too few of either.
    pub stability_index: Option<f64>,
    /// First rows.
    pub reference_count: u64,
    /// Recent rows.
    pub recent_count: u64,
    /// Why there is no index.
    pub reason: Option<&'static str>,
}

/// Where the bins of a feature begin, and how many of the first rows lay in each: the missing ones, and
/// then from the lowest on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Bins {
    name: String,
    cuts: Vec<f64>,
    counts: Vec<u64>,
}

impl Bins {
    fn learnt(name: String, values: impl Iterator<Item = f64>) -> Bins {
        let all: Vec<f64> = values.collect();
        let mut sorted: Vec<f64> = all.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let mut cuts: Vec<f64> =
            (1..10).filter_map(|bin| sorted.get(bin * sorted.len() / 10).copied()).collect();
        cuts.dedup();
        let mut bins = Bins { name, counts: vec![0; cuts.len() + 2], cuts };
        for value in all {
            let bin = bins.of(value);
            bins.counts[bin] += 1;
        }
        bins
    }

    fn of(&self, value: f64) -> usize {
        if value.is_nan() { 0 } else { 1 + self.cuts.partition_point(|cut| *cut <= value) }
    }
}

/// What was counted in one hour.
#[derive(Debug, Default)]
struct Hour {
    rows: u64,
    bins: Vec<Vec<u64>>,
    changed: bool,
}

/// One model.
#[derive(Debug)]
struct Seen {
    names: Vec<String>,
    /// Features that are looked at.
    width: usize,
    first: Vec<f64>,
    learnt: Option<Arc<Vec<Bins>>>,
    hours: BTreeMap<Timestamp, Hour>,
}

/// What was seen of features since it was last kept.
#[derive(Debug, Default)]
pub(crate) struct SeenFeatures {
    models: Mutex<BTreeMap<Uuid, Seen>>,
}

impl SeenFeatures {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Seen>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at some of the rows that a model was asked with.
    pub(crate) fn look(&self, model: &ServedModel, rows: &[f64], now: Timestamp) {
        let width = model.engine.signature().features.len();
        if width == 0 || rows.is_empty() {
            return;
        }
        let looked_at = width.min(MOST_FEATURES);
        let mut models = self.lock();
        let seen = models.entry(model.model_id).or_insert_with(|| Seen {
            names: names(model, looked_at),
            width: looked_at,
            first: Vec::new(),
            learnt: None,
            hours: BTreeMap::new(),
        });
        let step = (rows.len() / width).div_ceil(ROWS_OF_A_CALL).max(1);
        for row in rows.chunks_exact(width).step_by(step).map(|row| &row[..looked_at]) {
            match &seen.learnt {
                Some(learnt) => {
                    let hour = seen.hours.entry(to_the_hour(now)).or_insert_with(|| Hour {
                        bins: learnt.iter().map(|bins| vec![0; bins.counts.len()]).collect(),
                        ..Hour::default()
                    });
                    hour.rows += 1;
                    hour.changed = true;
                    for ((bins, counts), value) in learnt.iter().zip(&mut hour.bins).zip(row) {
                        counts[bins.of(*value)] += 1;
                    }
                }
                None if seen.first.len() < FIRST_ROWS * looked_at => {
                    seen.first.extend_from_slice(row)
                }
                None => {}
            }
        }
    }
}

impl App {
    /// Keeps what was seen of the features of models since the last time.
    ///
    /// # Errors
    /// A store that does not answer; what was not kept is kept the next time.
    pub async fn keep_seen_features(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let asked: Vec<Uuid> = self.asked_models().iter().map(|model| model.model_id).collect();
        let known: Vec<Uuid> = self.seen_features.lock().keys().copied().collect();
        for model_id in known {
            self.learn_seen(model_id, now).await?;
            for counts in self.counted(model_id) {
                let forget = now.checked_sub(KEPT).unwrap_or(now);
                self.store.count_features(model_id, self.writer(), &counts, forget).await?;
                if let Some(seen) = self.seen_features.lock().get_mut(&model_id) {
                    match seen.hours.get_mut(&counts.hour) {
                        Some(hour) if hour.rows == counts.rows => hour.changed = false,
                        _ => {}
                    }
                    let_go(&mut seen.hours, now);
                }
            }
            if !asked.contains(&model_id) {
                self.seen_features.lock().remove(&model_id);
            }
        }
        Ok(())
    }

    /// How the features of a model have moved.
    pub(super) async fn feature_drift(&self, model_id: Uuid) -> Result<Vec<FeatureDrift>, Error> {
        let Some((first, learnt)) = self.store.feature_reference(model_id).await? else {
            let models = self.seen_features.lock();
            let Some(seen) = models.get(&model_id) else { return Ok(Vec::new()) };
            let one = |name: &String| FeatureDrift {
                name: name.clone(),
                stability_index: None,
                reference_count: (seen.first.len() / seen.width) as u64,
                recent_count: 0,
                reason: Some(NOT_LEARNT),
            };
            return Ok(seen.names.iter().map(one).collect());
        };
        let learnt = read_bins(learnt)?;
        let mut recent: Vec<Vec<u64>> =
            learnt.iter().map(|bins| vec![0; bins.counts.len()]).collect();
        let (mut rows, mut last) = (0, None);
        for counts in self.store.feature_counts(model_id, MOST_READ).await? {
            // Whole hours, as all servers counted them.
            if rows >= RECENT_ROWS && last != Some(counts.hour) {
                break;
            }
            last = Some(counts.hour);
            let Ok(bins) = serde_json::from_value::<Vec<Vec<u64>>>(counts.bins) else { continue };
            rows += counts.rows;
            for (sum, more) in recent.iter_mut().flatten().zip(bins.iter().flatten()) {
                *sum += more;
            }
        }
        let enough = rows >= FEWEST_ROWS;
        Ok(learnt
            .into_iter()
            .zip(recent)
            .map(|(bins, recent)| FeatureDrift {
                stability_index: enough.then(|| index_of_counts(&bins.counts, &recent)),
                name: bins.name,
                reference_count: first,
                recent_count: rows,
                reason: (!enough).then_some(TOO_FEW),
            })
            .collect())
    }

    /// Makes bins of the first rows once there are enough, or takes those that another server made.
    async fn learn_seen(&self, model_id: Uuid, now: Timestamp) -> Result<(), Error> {
        let own = {
            let models = self.seen_features.lock();
            let Some(seen) = models.get(&model_id).filter(|seen| seen.learnt.is_none()) else {
                return Ok(());
            };
            (seen.first.len() >= FIRST_ROWS * seen.width).then(|| {
                let column =
                    |at: usize| seen.first.chunks_exact(seen.width).map(move |row| row[at]);
                let named = seen.names.iter().enumerate();
                named.map(|(at, name)| Bins::learnt(name.clone(), column(at))).collect::<Vec<_>>()
            })
        };
        if let Some(own) = own {
            self.store.learn_features(model_id, FIRST_ROWS as u64, &json!(own), now).await?;
        }
        if let Some((_, learnt)) = self.store.feature_reference(model_id).await? {
            let learnt = read_bins(learnt)?;
            if let Some(seen) = self.seen_features.lock().get_mut(&model_id) {
                seen.learnt = Some(Arc::new(learnt));
                seen.first = Vec::new();
            }
        }
        Ok(())
    }

    /// What is to be kept of a model, hour by hour.
    fn counted(&self, model_id: Uuid) -> Vec<FeatureCounts> {
        let models = self.seen_features.lock();
        let hours = models.get(&model_id).into_iter().flat_map(|seen| &seen.hours);
        hours
            .filter(|(_, counted)| counted.changed)
            .map(|(hour, counted)| FeatureCounts {
                hour: *hour,
                rows: counted.rows,
                bins: json!(counted.bins),
            })
            .collect()
    }

    /// The name of this server among those that count: its counts stand beside those of others.
    fn writer(&self) -> Uuid {
        *self.writer.get_or_init(|| {
            let own = format!("{}\0{:p}", std::process::id(), self);
            timed_id(self.clock.now(), own.as_bytes())
        })
    }
}

fn read_bins(kept: serde_json::Value) -> Result<Vec<Bins>, Error> {
    serde_json::from_value(kept)
        .map_err(|error| Error::Internal(format!("the bins of features cannot be read: {error}")))
}

fn names(model: &ServedModel, most: usize) -> Vec<String> {
    let name = |at: usize| model.feature_names.as_ref().and_then(|names| names.get(at)).cloned();
    (0..most).map(|at| name(at).unwrap_or_else(|| format!("{}", at + 1))).collect()
}

/// Lets go of hours that are kept and over. The last one stays for a while: a call that began in it may
/// look later, and what is kept of an hour is replaced by what is counted here.
fn let_go(hours: &mut BTreeMap<Timestamp, Hour>, now: Timestamp) {
    let last = to_the_hour(now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(now));
    hours.retain(|hour, counted| *hour >= last || counted.changed);
}

/// The start of the hour.
fn to_the_hour(now: Timestamp) -> Timestamp {
    let second = now.as_second();
    Timestamp::from_second(second - second.rem_euclid(3600)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_has_a_bin_of_its_own() {
        let values = (0..100).map(f64::from).chain(std::iter::repeat_n(f64::NAN, 50));
        let bins = Bins::learnt("x".to_owned(), values);
        assert_eq!(bins.counts, [50, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10]);
        assert_eq!((bins.of(f64::NAN), bins.of(-1.0), bins.of(1e9)), (0, 1, 10));
        let always = Bins::learnt("x".to_owned(), std::iter::repeat_n(f64::NAN, 5));
        assert_eq!((always.counts, always.cuts), (vec![5, 0], vec![]));
    }

    #[test]
    fn an_hour_that_was_kept_can_still_be_counted_into() {
        let at = |text: &str| -> Timestamp { format!("2026-08-01T{text}Z").parse().unwrap() };
        let left = |changed: bool, now: &str| {
            let hour = Hour { changed, ..Hour::default() };
            let mut hours = BTreeMap::from([(at("10:00:00"), hour)]);
            let_go(&mut hours, at(now));
            hours.len()
        };
        assert_eq!(left(false, "11:00:00"), 1);
        assert_eq!(left(false, "11:59:59"), 1);
        assert_eq!(left(false, "12:00:00"), 0);
        assert_eq!(left(true, "12:00:00"), 1, "it is not kept yet");
    }
}
