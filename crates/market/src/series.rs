//! Spot price series: a dictionary of series and narrow, sorted columns of points.
//!
//! Amazon repeats an unchanged price about once a day. Such a repetition is no event; it is kept
//! as a bare instant, because it says that the price was still in force, and when.

use std::collections::BTreeMap;

use facts::names::{InstanceType, OperatingSystem, Region, Zone, ZoneId};
use serde::{Deserialize, Serialize};
use units::UsdPerHour;

/// Where a series was quoted, as exactly as its source says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A zone by the name that one account uses.
    Zone(Zone),
    /// A zone by the identifier that all accounts share, where the name is not known.
    ZoneId(ZoneId),
    /// Only the region is known; zones may be mixed.
    Region,
}

/// What one series of prices is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct SeriesKey {
    /// The region.
    pub region: Region,
    /// The operating system.
    pub operating_system: OperatingSystem,
    /// The instance type.
    pub instance_type: InstanceType,
    /// The zone, as far as known.
    pub place: Place,
}

/// A point before it is merged: instant, price, and when its file was observed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Observation {
    pub(crate) at_ms: i64,
    pub(crate) price: UsdPerHour,
    pub(crate) observed_ms: i64,
}

/// Every series of a market. Columns of all series lie end to end; `starts` marks the borders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SeriesTable {
    keys: Vec<SeriesKey>,
    change_starts: Vec<usize>,
    change_at: Vec<i64>,
    change_price: Vec<UsdPerHour>,
    repeat_starts: Vec<usize>,
    repeat_at: Vec<i64>,
}

/// One series: when the price changed and to what, and when it was seen again unchanged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series<'a> {
    pub(crate) change_at: &'a [i64],
    pub(crate) change_price: &'a [UsdPerHour],
    pub(crate) repeat_at: &'a [i64],
}

impl SeriesTable {
    /// Merges observations in any order. Of two prices for one instant the one whose file was
    /// observed later stands, then the dearer one, so that the order of files has no say.
    pub(crate) fn build(observations: BTreeMap<SeriesKey, Vec<Observation>>) -> SeriesTable {
        let mut table = SeriesTable::default();
        for (key, mut points) in observations {
            points.sort_unstable_by(|left, right| {
                (left.at_ms, right.observed_ms, right.price).cmp(&(
                    right.at_ms,
                    left.observed_ms,
                    left.price,
                ))
            });
            points.dedup_by_key(|point| point.at_ms);
            table.keys.push(key);
            table.change_starts.push(table.change_at.len());
            table.repeat_starts.push(table.repeat_at.len());
            let mut in_force = None;
            for point in points {
                if in_force == Some(point.price) {
                    table.repeat_at.push(point.at_ms);
                } else {
                    table.change_at.push(point.at_ms);
                    table.change_price.push(point.price);
                    in_force = Some(point.price);
                }
            }
        }
        table
    }

    /// Adds a series whose columns are in order; its key comes behind all others.
    pub(crate) fn push(
        &mut self,
        key: SeriesKey,
        change_at: &[i64],
        change_price: &[UsdPerHour],
        repeat_at: &[i64],
    ) {
        self.keys.push(key);
        self.change_starts.push(self.change_at.len());
        self.repeat_starts.push(self.repeat_at.len());
        self.change_at.extend_from_slice(change_at);
        self.change_price.extend_from_slice(change_price);
        self.repeat_at.extend_from_slice(repeat_at);
    }

    /// The table in which the series of another one take the place of those with the same key.
    pub(crate) fn exchanged(&self, changed: SeriesTable) -> SeriesTable {
        let mut table = SeriesTable::default();
        let (mut here, mut there) = (0, 0);
        loop {
            let (old, new) = (self.keys.get(here), changed.keys.get(there));
            let from_old = match (old, new) {
                (None, None) => return table,
                (Some(old), Some(new)) => old < new,
                (old, _) => old.is_some(),
            };
            here += usize::from(from_old || old == new);
            let (source, position) = if from_old { (self, here - 1) } else { (&changed, there) };
            there += usize::from(!from_old);
            let series = source.series(position);
            if let Some(key) = source.keys.get(position)
                && !series.change_at.is_empty()
            {
                table.push(key.clone(), series.change_at, series.change_price, series.repeat_at);
            }
        }
    }

    /// The first and the last instant of all points; `None` when there are none.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        let all = || self.change_at.iter().chain(&self.repeat_at);
        Some((*all().min()?, *all().max()?))
    }

    pub(crate) fn keys(&self) -> &[SeriesKey] {
        &self.keys
    }

    /// The positions of all series of a region and operating system, sorted by type and place.
    pub(crate) fn of_region(
        &self,
        region: &Region,
        system: OperatingSystem,
    ) -> std::ops::Range<usize> {
        let group = (region, system);
        let start = self.keys.partition_point(|key| (&key.region, key.operating_system) < group);
        let end = self.keys.partition_point(|key| (&key.region, key.operating_system) <= group);
        start..end
    }

    /// The series at a position; an empty one beyond the end.
    pub(crate) fn series(&self, position: usize) -> Series<'_> {
        let changes = span(&self.change_starts, position, self.change_at.len());
        let repeats = span(&self.repeat_starts, position, self.repeat_at.len());
        Series {
            change_at: self.change_at.get(changes.clone()).unwrap_or(&[]),
            change_price: self.change_price.get(changes).unwrap_or(&[]),
            repeat_at: self.repeat_at.get(repeats).unwrap_or(&[]),
        }
    }

    /// Price changes and repetitions over all series.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.change_at.len(), self.repeat_at.len())
    }
}

impl Series<'_> {
    /// The position of the change in force at an instant.
    pub(crate) fn in_force(&self, at_ms: i64) -> Option<usize> {
        self.change_at.partition_point(|at| *at <= at_ms).checked_sub(1)
    }

    /// The last observation at or before an instant, changed or not.
    pub(crate) fn last_seen(&self, at_ms: i64) -> Option<i64> {
        let last = |column: &[i64]| {
            column
                .partition_point(|at| *at <= at_ms)
                .checked_sub(1)
                .and_then(|i| column.get(i).copied())
        };
        last(self.change_at).max(last(self.repeat_at))
    }
}

fn span(starts: &[usize], position: usize, total: usize) -> std::ops::Range<usize> {
    let start = starts.get(position).copied().unwrap_or(total);
    start..starts.get(position + 1).copied().unwrap_or(total)
}
