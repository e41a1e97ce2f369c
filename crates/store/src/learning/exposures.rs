//! Instances at risk from one instant to another. No stretch of a cluster's pool counts twice.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::types::Uuid;
use sqlx::{FromRow, QueryBuilder};

use super::{ROWS_AT_ONCE, Sums, add_sums, feedback_places, hour_of_week};
use crate::database::writing;
use crate::snapshots::named;
use crate::values::{At, unsigned};
use crate::{Store, StoreError};

/// Where exposure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExposureSource {
    /// Somebody reported it.
    Reported,
    /// Kept snapshots showed the nodes.
    Snapshot,
    /// The same, but the cluster reports exposure itself from then on, so that this was cut.
    SnapshotCut,
}

/// So many instances of a pool at risk.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureRow {
    /// Whose; `None` where nobody is named.
    pub customer_id: Option<String>,
    /// Its name: the same exposure has the same.
    pub exposure_id: Uuid,
    /// Its place in the order of reports and exposure; given when it is kept.
    pub sequence: u64,
    /// The cluster; empty where none is named.
    pub cluster_id: String,
    /// The type.
    pub instance_type: String,
    /// The zone's name.
    pub availability_zone: String,
    /// The region.
    pub region: String,
    /// The zone's id.
    pub zone_id: Option<String>,
    /// What ran on them; empty where nothing is said.
    pub workload_type: String,
    /// How many.
    pub instances: u32,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Where it comes from.
    pub source: ExposureSource,
    /// Who reported it.
    pub reported_by: String,
    /// When it came.
    pub received_at: Timestamp,
}

/// What became of an exposure that was to be kept.
#[derive(Clone, Debug, PartialEq)]
pub enum ExposureEnd {
    /// It is kept.
    Added,
    /// The same one was there.
    Known,
    /// Part of it is there: this one overlaps.
    Overlaps(Box<ExposureRow>),
}

#[derive(FromRow)]
pub(crate) struct Raw {
    customer_id: String,
    exposure_id: Uuid,
    sequence: i64,
    cluster_id: String,
    instance_type: String,
    availability_zone: String,
    region: String,
    zone_id: Option<String>,
    workload_type: String,
    instances: i64,
    from_at: At,
    until_at: At,
    source: String,
    reported_by: String,
    received_at: At,
}

impl ExposureSource {
    /// As it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ExposureSource::Reported => "reported",
            ExposureSource::Snapshot => "snapshot",
            ExposureSource::SnapshotCut => "snapshot_cut",
        }
    }

    fn from_name(name: &str) -> ExposureSource {
        match name {
            "snapshot" => ExposureSource::Snapshot,
            "snapshot_cut" => ExposureSource::SnapshotCut,
            _ => ExposureSource::Reported,
        }
    }
}

impl From<Raw> for ExposureRow {
    fn from(raw: Raw) -> ExposureRow {
        ExposureRow {
            customer_id: named(raw.customer_id),
            exposure_id: raw.exposure_id,
            sequence: unsigned(raw.sequence),
            cluster_id: raw.cluster_id,
            instance_type: raw.instance_type,
            availability_zone: raw.availability_zone,
            region: raw.region,
            zone_id: raw.zone_id,
            workload_type: raw.workload_type,
            instances: u32::try_from(raw.instances).unwrap_or(u32::MAX),
            from: raw.from_at.0,
            until: raw.until_at.0,
            source: ExposureSource::from_name(&raw.source),
            reported_by: raw.reported_by,
            received_at: raw.received_at.0,
        }
    }
}

const COLUMNS: &str = "(customer_id, exposure_id, sequence, cluster_id, instance_type, \
     availability_zone, region, zone_id, workload_type, instances, from_at, until_at, source, \
     reported_by, received_at) ";

/// Rows of a cluster that reach into a stretch of time.
const AROUND: &str = "SELECT * FROM instance_exposure WHERE customer_id = $1 AND cluster_id = $2 \
     AND until_at > $3 AND from_at < $4";

impl Store {
    /// Keeps exposure; what became of each. A stretch of a pool of a cluster that was reported counts
    /// once, and what snapshots showed does not count from the first report of the cluster on.
    ///
    /// # Errors
    /// The database did not take it; nothing is kept then.
    pub async fn add_exposures(
        &self,
        rows: &[ExposureRow],
    ) -> Result<Vec<ExposureEnd>, StoreError> {
        let clusters = stretches(rows);
        if clusters.is_empty() {
            return Ok(Vec::new());
        }
        let ends = writing!(self, transaction => {
            let last = feedback_places!(transaction, rows.len());
            let first = last - rows.len() as i64 + 1;
            let mut around: Vec<ExposureRow> = Vec::new();
            let mut reported_from: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
            for ((customer, cluster), (from, until)) in &clusters {
                let known: Vec<Raw> = sqlx::query_as(AROUND)
                    .bind(*customer)
                    .bind(*cluster)
                    .bind(At(*from))
                    .bind(At(*until))
                    .fetch_all(&mut *transaction)
                    .await?;
                around.extend(known.into_iter().map(ExposureRow::from));
                let begun: Option<(Option<At>,)> = sqlx::query_as(
                    "SELECT min(from_at) FROM instance_exposure WHERE customer_id = $1 \
                     AND cluster_id = $2 AND source = 'reported'",
                )
                .bind(*customer)
                .bind(*cluster)
                .fetch_optional(&mut *transaction)
                .await?;
                if let Some(begun) = begun.and_then(|(begun,)| begun) {
                    reported_from.insert((customer, cluster), begun.0);
                }
            }
            let (ends, kept) = sorted_out(rows, &around, &reported_from);
            let numbered: Vec<(i64, &ExposureRow)> =
                kept.iter().map(|(place, row)| (first + *place as i64, row)).collect();
            for chunk in numbered.chunks(ROWS_AT_ONCE) {
                let mut insert = QueryBuilder::new("INSERT INTO instance_exposure ");
                insert.push(COLUMNS).push_values(chunk, |mut values, (sequence, row)| {
                    values
                        .push_bind(row.customer_id.as_deref().unwrap_or_default())
                        .push_bind(row.exposure_id)
                        .push_bind(*sequence)
                        .push_bind(row.cluster_id.as_str())
                        .push_bind(row.instance_type.as_str())
                        .push_bind(row.availability_zone.as_str())
                        .push_bind(row.region.as_str())
                        .push_bind(row.zone_id.as_deref())
                        .push_bind(row.workload_type.as_str())
                        .push_bind(i64::from(row.instances))
                        .push_bind(At(row.from))
                        .push_bind(At(row.until))
                        .push_bind(row.source.name())
                        .push_bind(row.reported_by.as_str())
                        .push_bind(At(row.received_at));
                });
                insert.push(" ON CONFLICT DO NOTHING");
                insert.build().execute(&mut *transaction).await?;
            }
            let mut sums = Sums::default();
            for (_, row) in &kept {
                count(&mut sums, row, row.from, row.until, 1);
            }
            // The first report of a cluster ends what its snapshots say.
            for ((customer, cluster), begun) in first_reports(&kept) {
                let shown: Vec<Raw> = sqlx::query_as(
                    "SELECT * FROM instance_exposure WHERE customer_id = $1 AND cluster_id = $2 \
                     AND source <> 'reported' AND until_at > $3",
                )
                .bind(customer.as_str())
                .bind(cluster.as_str())
                .bind(At(begun))
                .fetch_all(&mut *transaction)
                .await?;
                for row in shown.into_iter().map(ExposureRow::from) {
                    let from = row.from.max(begun);
                    count(&mut sums, &row, from, row.until, -1);
                    let place = feedback_places!(transaction, 1_usize);
                    sqlx::query(
                        "UPDATE instance_exposure SET until_at = $3, source = 'snapshot_cut', \
                         sequence = $4 WHERE customer_id = $1 AND exposure_id = $2",
                    )
                    .bind(customer.as_str())
                    .bind(row.exposure_id)
                    .bind(At(from))
                    .bind(place)
                    .execute(&mut *transaction)
                    .await?;
                }
            }
            add_sums!(transaction, &sums);
            ends
        });
        self.fed.send_modify(|count| *count += 1);
        Ok(ends)
    }
}

/// The stretch of time that a batch covers, by customer and cluster.
fn stretches(rows: &[ExposureRow]) -> BTreeMap<(&str, &str), (Timestamp, Timestamp)> {
    let mut found: BTreeMap<(&str, &str), (Timestamp, Timestamp)> = BTreeMap::new();
    for row in rows {
        let key = (row.customer_id.as_deref().unwrap_or_default(), row.cluster_id.as_str());
        let stretch = found.entry(key).or_insert((row.from, row.until));
        *stretch = (stretch.0.min(row.from), stretch.1.max(row.until));
    }
    found
}

/// What becomes of each row, and the ones that are kept with their places in the batch.
fn sorted_out(
    rows: &[ExposureRow],
    around: &[ExposureRow],
    reported_from: &BTreeMap<(&str, &str), Timestamp>,
) -> (Vec<ExposureEnd>, Vec<(usize, ExposureRow)>) {
    let key = |row: &ExposureRow| {
        let customer = row.customer_id.clone().unwrap_or_default();
        let pool = (row.instance_type.clone(), row.availability_zone.clone(), row.region.clone());
        (customer, row.cluster_id.clone(), pool, row.workload_type.clone())
    };
    let mut there: BTreeMap<_, Vec<ExposureRow>> = BTreeMap::new();
    for row in around {
        there.entry(key(row)).or_default().push(row.clone());
    }
    let (mut ends, mut kept) = (Vec::new(), Vec::new());
    for (place, row) in rows.iter().enumerate() {
        let mut row = row.clone();
        let of_pool = there.entry(key(&row)).or_default();
        if of_pool.iter().any(|known| known.exposure_id == row.exposure_id) {
            ends.push(ExposureEnd::Known);
            continue;
        }
        if row.source == ExposureSource::Reported {
            let overlaps = |known: &&ExposureRow| {
                known.source == ExposureSource::Reported
                    && known.from < row.until
                    && known.until > row.from
            };
            if let Some(known) = of_pool.iter().find(overlaps) {
                ends.push(ExposureEnd::Overlaps(Box::new(known.clone())));
                continue;
            }
        } else {
            let customer = row.customer_id.as_deref().unwrap_or_default();
            if let Some(begun) = reported_from.get(&(customer, row.cluster_id.as_str())) {
                row.until = row.until.min(*begun);
            }
            if row.until <= row.from {
                ends.push(ExposureEnd::Known);
                continue;
            }
        }
        of_pool.push(row.clone());
        kept.push((place, row));
        ends.push(ExposureEnd::Added);
    }
    (ends, kept)
}

/// Where the reports of each cluster in a batch begin.
fn first_reports(kept: &[(usize, ExposureRow)]) -> BTreeMap<(String, String), Timestamp> {
    let mut found: BTreeMap<(String, String), Timestamp> = BTreeMap::new();
    for (_, row) in kept.iter().filter(|(_, row)| row.source == ExposureSource::Reported) {
        let key = (row.customer_id.clone().unwrap_or_default(), row.cluster_id.clone());
        let begun = found.entry(key).or_insert(row.from);
        *begun = row.from.min(*begun);
    }
    found
}

/// Adds a stretch to the sums, or takes it away again.
fn count(sums: &mut Sums, row: &ExposureRow, from: Timestamp, until: Timestamp, sign: i64) {
    let customer = row.customer_id.clone().unwrap_or_default();
    if let Some(id) = row.zone_id.as_ref().filter(|_| sign > 0) {
        let zone = (customer.clone(), row.region.clone(), row.availability_zone.clone());
        sums.zones.insert(zone, id.clone());
    }
    let instances = i64::from(row.instances);
    let (mut at, until) = (from.as_second(), until.as_second());
    while at < until {
        let hour = at.div_euclid(3600);
        let end = until.min((hour + 1).saturating_mul(3600));
        let seconds = sign * (end - at).saturating_mul(instances);
        let day = (
            customer.clone(),
            row.region.clone(),
            row.availability_zone.clone(),
            row.instance_type.clone(),
            at.div_euclid(86_400),
        );
        let sum = sums.days.entry(day).or_default();
        sum.1 += seconds;
        if sign > 0 {
            sum.2 = sum.2.max(instances);
        }
        sums.hours.entry((row.instance_type.clone(), hour_of_week(at))).or_default().1 += seconds;
        let work = (row.instance_type.clone(), row.workload_type.clone());
        sums.workloads.entry(work).or_default().1 += seconds;
        at = end;
    }
}
