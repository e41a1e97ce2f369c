//! Reports of interruptions, each kept once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::types::Uuid;
use sqlx::{FromRow, QueryBuilder};

use super::{ROWS_AT_ONCE, Sums, add_sums, feedback_places, hour_of_week};
use crate::database::{reading, writing};
use crate::snapshots::named;
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// What happened to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptionEvent {
    /// It was taken back.
    Interruption,
    /// It may be soon.
    RebalanceRecommendation,
}

/// A report.
#[derive(Clone, Debug, PartialEq)]
pub struct InterruptionRow {
    /// Whose instance; `None` where nobody is named.
    pub customer_id: Option<String>,
    /// Its name: the same report has the same.
    pub interruption_id: Uuid,
    /// Its place in the order of reports and exposure; given when it is kept.
    pub sequence: u64,
    /// What happened.
    pub event: InterruptionEvent,
    /// The cluster; empty where none is named.
    pub cluster_id: String,
    /// The instance.
    pub instance_id: Option<String>,
    /// Its type.
    pub instance_type: String,
    /// The zone's name.
    pub availability_zone: String,
    /// The region.
    pub region: String,
    /// The zone's id.
    pub zone_id: Option<String>,
    /// What ran on it.
    pub workload_type: Option<String>,
    /// When it happened.
    pub happened_at: Timestamp,
    /// Weekday (0 is Monday) and hour, UTC.
    pub weekday_hour: (u8, u8),
    /// Whether it had been foreseen.
    pub was_predicted: Option<bool>,
    /// The risk that the pool had when the instance was started, 0 to 1.
    pub risk_at_deployment: Option<f64>,
    /// How long it took to recover.
    pub recovery_seconds: Option<u64>,
    /// How bad it was, in the reporter's words.
    pub customer_impact: Option<String>,
    /// Who stands for the customer: `own_key`, `platform` or `nobody`.
    pub vouched_by: String,
    /// Who reported it.
    pub reported_by: String,
    /// When the report came.
    pub received_at: Timestamp,
}

/// Which reports are wanted.
#[derive(Clone, Debug, Default)]
pub struct InterruptionFilter {
    /// Of one customer only.
    pub customer_id: Option<String>,
    /// Of one type only.
    pub instance_type: Option<String>,
    /// Of one region only.
    pub region: Option<String>,
    /// Happened at or after this instant.
    pub since: Option<Timestamp>,
    /// Happened before this instant.
    pub until: Option<Timestamp>,
    /// How many are passed over.
    pub offset: u64,
    /// How many at the most.
    pub limit: u64,
}

#[derive(FromRow)]
pub(crate) struct Raw {
    customer_id: String,
    interruption_id: Uuid,
    sequence: i64,
    event: String,
    cluster_id: String,
    instance_id: Option<String>,
    instance_type: String,
    availability_zone: String,
    region: String,
    zone_id: Option<String>,
    workload_type: Option<String>,
    interruption_timestamp: At,
    day_of_week: i32,
    hour_of_day: i32,
    was_predicted: Option<bool>,
    risk_score_at_deployment: Option<f64>,
    total_recovery_seconds: Option<i64>,
    customer_impact: Option<String>,
    vouched_by: String,
    reported_by: String,
    received_at: At,
}

const COLUMNS: &str = "(customer_id, interruption_id, sequence, event, cluster_id, instance_id, \
     instance_type, availability_zone, region, zone_id, workload_type, interruption_timestamp, \
     day_of_week, hour_of_day, was_predicted, risk_score_at_deployment, total_recovery_seconds, \
     customer_impact, vouched_by, reported_by, received_at) ";

impl InterruptionEvent {
    /// As it is stored and written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            InterruptionEvent::Interruption => "interruption",
            InterruptionEvent::RebalanceRecommendation => "rebalance_recommendation",
        }
    }
}

impl From<Raw> for InterruptionRow {
    fn from(raw: Raw) -> InterruptionRow {
        let small = |number: i32| u8::try_from(number).unwrap_or(0);
        InterruptionRow {
            customer_id: named(raw.customer_id),
            interruption_id: raw.interruption_id,
            sequence: unsigned(raw.sequence),
            event: if raw.event == "interruption" {
                InterruptionEvent::Interruption
            } else {
                InterruptionEvent::RebalanceRecommendation
            },
            cluster_id: raw.cluster_id,
            instance_id: raw.instance_id,
            instance_type: raw.instance_type,
            availability_zone: raw.availability_zone,
            region: raw.region,
            zone_id: raw.zone_id,
            workload_type: raw.workload_type,
            happened_at: raw.interruption_timestamp.0,
            weekday_hour: (small(raw.day_of_week), small(raw.hour_of_day)),
            was_predicted: raw.was_predicted,
            risk_at_deployment: raw.risk_score_at_deployment,
            recovery_seconds: raw.total_recovery_seconds.map(unsigned),
            customer_impact: raw.customer_impact,
            vouched_by: raw.vouched_by,
            reported_by: raw.reported_by,
            received_at: raw.received_at.0,
        }
    }
}

impl Store {
    /// Keeps reports; for each, whether it is new. One that is there already is left as it is.
    ///
    /// # Errors
    /// The database did not take them; none is kept then.
    pub async fn add_interruptions(
        &self,
        rows: &[InterruptionRow],
    ) -> Result<Vec<bool>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let added: BTreeSet<(String, Uuid)> = writing!(self, transaction => {
            let last = feedback_places!(transaction, rows.len());
            let first = last - rows.len() as i64 + 1;
            let numbered: Vec<(i64, &InterruptionRow)> = (first..).zip(rows).collect();
            let mut added = BTreeSet::new();
            for chunk in numbered.chunks(ROWS_AT_ONCE) {
                let mut insert = QueryBuilder::new("INSERT INTO interruption_feedback ");
                insert.push(COLUMNS).push_values(chunk, |mut values, (sequence, row)| {
                    values
                        .push_bind(row.customer_id.as_deref().unwrap_or_default())
                        .push_bind(row.interruption_id)
                        .push_bind(*sequence)
                        .push_bind(row.event.name())
                        .push_bind(row.cluster_id.as_str())
                        .push_bind(row.instance_id.as_deref())
                        .push_bind(row.instance_type.as_str())
                        .push_bind(row.availability_zone.as_str())
                        .push_bind(row.region.as_str())
                        .push_bind(row.zone_id.as_deref())
                        .push_bind(row.workload_type.as_deref())
                        .push_bind(At(row.happened_at))
                        .push_bind(i32::from(row.weekday_hour.0))
                        .push_bind(i32::from(row.weekday_hour.1))
                        .push_bind(row.was_predicted)
                        .push_bind(row.risk_at_deployment)
                        .push_bind(row.recovery_seconds.map(signed))
                        .push_bind(row.customer_impact.as_deref())
                        .push_bind(row.vouched_by.as_str())
                        .push_bind(row.reported_by.as_str())
                        .push_bind(At(row.received_at));
                });
                insert.push(" ON CONFLICT DO NOTHING RETURNING customer_id, interruption_id");
                let new: Vec<(String, Uuid)> =
                    insert.build_query_as().fetch_all(&mut *transaction).await?;
                added.extend(new);
            }
            add_sums!(transaction, &sums(rows, &added));
            added
        });
        self.fed.send_modify(|count| *count += 1);
        // Of two equal reports in one batch the first is the new one.
        let mut left = added;
        let is_new = |row: &InterruptionRow| {
            left.remove(&(row.customer_id.clone().unwrap_or_default(), row.interruption_id))
        };
        Ok(rows.iter().map(is_new).collect())
    }

    /// Reports, the newest first, and how many there are in all.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn interruptions(
        &self,
        filter: &InterruptionFilter,
    ) -> Result<(Vec<InterruptionRow>, u64), StoreError> {
        macro_rules! conditions {
            ($query:ident) => {
                let mut word = " WHERE ";
                let mut and = || std::mem::replace(&mut word, " AND ");
                for (column, wanted) in [
                    ("customer_id = ", &filter.customer_id),
                    ("instance_type = ", &filter.instance_type),
                    ("region = ", &filter.region),
                ] {
                    if let Some(wanted) = wanted {
                        $query.push(and()).push(column).push_bind(wanted.as_str());
                    }
                }
                if let Some(since) = filter.since {
                    $query.push(and()).push("interruption_timestamp >= ").push_bind(At(since));
                }
                if let Some(until) = filter.until {
                    $query.push(and()).push("interruption_timestamp < ").push_bind(At(until));
                }
            };
        }
        let (rows, total): (Vec<Raw>, i64) = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT * FROM interruption_feedback");
            conditions!(query);
            query.push(" ORDER BY interruption_timestamp DESC, interruption_id DESC LIMIT ");
            query.push_bind(signed(filter.limit)).push(" OFFSET ").push_bind(signed(filter.offset));
            let mut count = QueryBuilder::new("SELECT count(*) FROM interruption_feedback");
            conditions!(count);
            let rows = query.build_query_as().fetch_all(pool).await?;
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(InterruptionRow::from).collect(), unsigned(total)))
    }
}

/// What new reports add to the sums.
fn sums(rows: &[InterruptionRow], added: &BTreeSet<(String, Uuid)>) -> Sums {
    let mut sums = Sums::default();
    let mut counted = BTreeSet::new();
    for row in rows {
        let customer = row.customer_id.clone().unwrap_or_default();
        let name = (customer.clone(), row.interruption_id);
        if !added.contains(&name) || !counted.insert(name) {
            continue;
        }
        if let Some(id) = &row.zone_id {
            let zone = (customer.clone(), row.region.clone(), row.availability_zone.clone());
            sums.zones.insert(zone, id.clone());
        }
        if row.event != InterruptionEvent::Interruption {
            continue;
        }
        let second = row.happened_at.as_second();
        let pool = (row.region.clone(), row.availability_zone.clone(), row.instance_type.clone());
        let day = (customer, pool.0, pool.1, pool.2, second.div_euclid(86_400));
        sums.days.entry(day).or_default().0 += 1;
        let (weekday, hour) = row.weekday_hour;
        let cell = i32::from(weekday) * 24 + i32::from(hour);
        debug_assert!((0..168).contains(&cell) && (0..168).contains(&hour_of_week(second)));
        sums.hours.entry((row.instance_type.clone(), cell)).or_default().0 += 1;
        let work = row.workload_type.clone().unwrap_or_default();
        let of_work = sums.workloads.entry((row.instance_type.clone(), work)).or_default();
        of_work.0 += 1;
        if let Some(took) = row.recovery_seconds {
            of_work.2 += 1;
            of_work.3 = of_work.3.saturating_add(signed(took));
        }
    }
    sums
}
