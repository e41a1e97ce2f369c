//! Reports of interruptions, exposure, and what follows from both.
//!
//! Whoever adds reports or exposure holds one row until the end, so that everybody sees both in one
//! order and can follow it.

mod calendar;
mod exposures;
mod levels;
mod loaded;
mod rebalance;
mod reports;
mod summaries;

pub use calendar::CalendarRow;
pub use exposures::{ExposureEnd, ExposureRow, ExposureSource};
pub use levels::{LevelChange, LevelChangeRow, LevelKey, LevelRow, OverrideRow};
pub use loaded::{Followed, LoadedFeedback, PoolDay, ZoneName};
pub use rebalance::{
    JobClaim, RebalanceCounts, RebalanceEnd, RebalanceFilter, RebalanceRow, RebalanceStatus,
};
pub use reports::{InterruptionEvent, InterruptionFilter, InterruptionRow};
pub use summaries::{AdjustmentRow, HourRow, LearningStatsRow, WorkloadRow};

use std::collections::BTreeMap;

/// Takes so many places in the order of reports and exposure; the last one of them.
macro_rules! feedback_places {
    ($transaction:ident, $count:expr) => {{
        let (last,): (i64,) = sqlx::query_as(
            "UPDATE feedback_counter SET last_sequence = last_sequence + $1 WHERE counter = 1 \
             RETURNING last_sequence",
        )
        .bind($crate::values::signed($count as u64))
        .fetch_one(&mut *$transaction)
        .await?;
        last
    }};
}

pub(crate) use feedback_places;

/// Rows that one statement takes: far below the variables that either database allows.
pub(crate) const ROWS_AT_ONCE: usize = 1000;

/// A customer, a region, a zone's name, a type and a day.
pub(crate) type DayKey = (String, String, String, String, i64);

/// What a batch adds to the sums that are kept in step.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// Interruptions, instance-seconds and the most instances of one report, of pools.
    pub(crate) days: BTreeMap<DayKey, (i64, i64, i64)>,
    /// The same by type and hour of the week.
    pub(crate) hours: BTreeMap<(String, i32), (i64, i64)>,
    /// Interruptions, instance-seconds, recoveries and their seconds by type and kind of workload.
    pub(crate) workloads: BTreeMap<(String, String), (i64, i64, i64, i64)>,
    /// The id of a customer's zone, by region and name.
    pub(crate) zones: BTreeMap<(String, String, String), String>,
}

/// Adds sums in one order, so that nobody waits for each other in a circle.
macro_rules! add_sums {
    ($transaction:ident, $sums:expr) => {{
        let sums: &$crate::learning::Sums = $sums;
        let days: Vec<_> = sums.days.iter().collect();
        for chunk in days.chunks($crate::learning::ROWS_AT_ONCE) {
            let mut insert = sqlx::QueryBuilder::new(
                "INSERT INTO pool_days (customer_id, region, availability_zone, instance_type, day, \
                   interruptions, exposure_seconds, most_instances) ",
            );
            insert.push_values(chunk, |mut row, ((customer, region, zone, kind, day), sum)| {
                row.push_bind(customer.as_str())
                    .push_bind(region.as_str())
                    .push_bind(zone.as_str())
                    .push_bind(kind.as_str())
                    .push_bind(*day)
                    .push_bind(sum.0)
                    .push_bind(sum.1)
                        .push_bind(sum.2);
            });
            insert.push(
                " ON CONFLICT (customer_id, region, availability_zone, instance_type, day) DO UPDATE SET \
                   interruptions = pool_days.interruptions + excluded.interruptions, \
                   exposure_seconds = pool_days.exposure_seconds + excluded.exposure_seconds, \
                   most_instances = CASE WHEN excluded.most_instances > pool_days.most_instances \
                     THEN excluded.most_instances ELSE pool_days.most_instances END",
            );
            insert.build().execute(&mut *$transaction).await?;
        }
        let hours: Vec<_> = sums.hours.iter().collect();
        for chunk in hours.chunks($crate::learning::ROWS_AT_ONCE) {
            let mut insert = sqlx::QueryBuilder::new(
                "INSERT INTO pattern_hours (instance_type, cell, interruptions, exposure_seconds) ",
            );
            insert.push_values(chunk, |mut row, ((kind, cell), (many, seconds))| {
                row.push_bind(kind.as_str()).push_bind(*cell).push_bind(*many).push_bind(*seconds);
            });
            insert.push(
                " ON CONFLICT (instance_type, cell) DO UPDATE SET \
                   interruptions = pattern_hours.interruptions + excluded.interruptions, \
                   exposure_seconds = pattern_hours.exposure_seconds + excluded.exposure_seconds",
            );
            insert.build().execute(&mut *$transaction).await?;
        }
        let workloads: Vec<_> = sums.workloads.iter().collect();
        for chunk in workloads.chunks($crate::learning::ROWS_AT_ONCE) {
            let mut insert = sqlx::QueryBuilder::new(
                "INSERT INTO pattern_workloads (instance_type, workload_type, interruptions, \
                   exposure_seconds, recoveries, recovery_seconds) ",
            );
            insert.push_values(chunk, |mut row, ((kind, work), (many, seconds, recoveries, took))| {
                row.push_bind(kind.as_str())
                    .push_bind(work.as_str())
                    .push_bind(*many)
                    .push_bind(*seconds)
                    .push_bind(*recoveries)
                    .push_bind(*took);
            });
            insert.push(
                " ON CONFLICT (instance_type, workload_type) DO UPDATE SET \
                   interruptions = pattern_workloads.interruptions + excluded.interruptions, \
                   exposure_seconds = pattern_workloads.exposure_seconds + excluded.exposure_seconds, \
                   recoveries = pattern_workloads.recoveries + excluded.recoveries, \
                   recovery_seconds = pattern_workloads.recovery_seconds + excluded.recovery_seconds",
            );
            insert.build().execute(&mut *$transaction).await?;
        }
        let zones: Vec<_> = sums.zones.iter().collect();
        for chunk in zones.chunks($crate::learning::ROWS_AT_ONCE) {
            let mut insert = sqlx::QueryBuilder::new(
                "INSERT INTO customer_zones (customer_id, region, availability_zone, zone_id) ",
            );
            insert.push_values(chunk, |mut row, ((customer, region, zone), id)| {
                row.push_bind(customer.as_str())
                    .push_bind(region.as_str())
                    .push_bind(zone.as_str())
                    .push_bind(id.as_str());
            });
            insert.push(
                " ON CONFLICT (customer_id, region, availability_zone) DO UPDATE SET \
                   zone_id = excluded.zone_id WHERE customer_zones.zone_id <> excluded.zone_id",
            );
            insert.build().execute(&mut *$transaction).await?;
        }
    }};
}

pub(crate) use add_sums;

/// The hour of the week of a second since 1970 (UTC): 0 is midnight on Monday.
pub(crate) fn hour_of_week(second: i64) -> i32 {
    // 1970 began on a Thursday, three days behind a Monday.
    let hours = second.div_euclid(3600) + 72;
    i32::try_from(hours.rem_euclid(168)).unwrap_or(0)
}
