//! Taking in exposure: how many instances were at risk from when to when. Without it no rate exists.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{ExposureEnd, ExposureRow, ExposureSource};

use super::checked::{place, whose};
use super::event::{one_or_many, read_at};
use crate::access::Caller;
use crate::clusters::AHEAD;
use crate::ids::named_id;
use crate::{App, Error, FieldError};

/// Instances of a pool that were at risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "customer_id": "acme", "cluster_id": "prod", "instance_type": "m5.large",
    "availability_zone": "us-east-1a", "zone_id": "use1-az4", "instances": 12,
    "from": "2026-01-05T14:00:00Z", "until": "2026-01-05T15:00:00Z"
}]))]
pub struct NewExposure {
    /// Whose; the customer of the key when absent.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// The cluster.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// The type.
    pub instance_type: Option<String>,
    /// The zone's name.
    pub availability_zone: Option<String>,
    /// The zone's id, by which customers share the pool.
    #[serde(default)]
    pub zone_id: Option<String>,
    /// The region; that of the zone when absent.
    #[serde(default)]
    pub region: Option<String>,
    /// What ran on them; where it is said once, say it always.
    #[serde(default)]
    pub workload_type: Option<String>,
    /// How many spot instances.
    pub instances: u32,
    /// From when.
    pub from: Timestamp,
    /// Until when; at most 31 days later.
    pub until: Timestamp,
}

/// What became of a list of exposures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct ExposureAnswer {
    /// How many are new.
    pub added: u64,
    /// How many were there before; they count once.
    pub known: u64,
    /// Instance-hours that were added.
    pub instance_hours: f64,
    /// Those that were left out, because part of the stretch was reported before.
    pub overlaps: Vec<Overlap>,
}

/// An exposure that was left out.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Overlap {
    /// Its place in the request.
    pub pointer: String,
    /// The stretch that is there.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What to do.
    pub detail: String,
}

/// The most exposures of one request.
pub const MOST_EXPOSURES: usize = 10_000;

/// The longest stretch of one of them.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The most instances that one customer can believably have in one pool.
const MOST_INSTANCES: u32 = 100_000;

impl App {
    /// Takes in exposure, one or a list. The same again counts once, and of stretches that overlap the
    /// first one stands.
    ///
    /// # Errors
    /// Fields that are wrong, named with their place in the list; nothing is kept then. A store that does
    /// not answer.
    pub async fn report_exposure(
        self: &Arc<Self>,
        body: Value,
        caller: &Caller,
    ) -> Result<ExposureAnswer, Error> {
        let is_list = body.is_array();
        let now = self.clock.now();
        let mut rows = Vec::new();
        for (number, one) in one_or_many(body, MOST_EXPOSURES)?.into_iter().enumerate() {
            let at = if is_list { format!("/{number}") } else { String::new() };
            rows.push(checked(one, caller, now, &at)?);
        }
        let ends = self.store.add_exposures(&rows).await?;
        self.catch_up().await?;
        let mut answer = ExposureAnswer::default();
        let mut seconds = 0_i64;
        for (number, (row, end)) in rows.iter().zip(ends).enumerate() {
            match end {
                ExposureEnd::Added => {
                    answer.added += 1;
                    let length = row.until.duration_since(row.from).as_secs();
                    seconds = seconds.saturating_add(length.saturating_mul(row.instances.into()));
                }
                ExposureEnd::Known => answer.known += 1,
                ExposureEnd::Overlaps(known) => answer.overlaps.push(Overlap {
                    pointer: if is_list { format!("/{number}") } else { String::new() },
                    from: known.from,
                    until: known.until,
                    detail: "part of this stretch of the cluster's pool was reported before; send \
                             what lies outside of it"
                        .to_owned(),
                }),
            }
        }
        answer.instance_hours = seconds as f64 / 3600.0;
        Ok(answer)
    }
}

fn checked(body: Value, caller: &Caller, now: Timestamp, at: &str) -> Result<ExposureRow, Error> {
    let wanted: NewExposure = read_at(body, at)?;
    let (customer_id, _) =
        whose(wanted.customer_id.as_deref(), caller, &format!("{at}/customer_id"))?;
    let place = place(
        [&wanted.instance_type, &wanted.availability_zone, &wanted.zone_id, &wanted.region],
        at,
    )?;
    let mut errors = Vec::new();
    let mut wrong = |name: &str, detail: String| {
        errors.push(FieldError { pointer: format!("{at}/{name}"), code: "out_of_range", detail });
    };
    if wanted.until <= wanted.from {
        wrong("until", format!("{} is not behind {}", wanted.until, wanted.from));
    } else if wanted.until.duration_since(wanted.from) > LONGEST {
        wrong("until", "is more than 31 days behind; send it in parts".to_owned());
    }
    if wanted.until > now.saturating_add(AHEAD).unwrap_or(now) {
        wrong("until", format!("{} lies ahead; it is {now} here", wanted.until));
    }
    if wanted.instances > MOST_INSTANCES {
        wrong("instances", format!("expected at most {MOST_INSTANCES}"));
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let micro = |at: Timestamp| Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
    let workload_type = wanted.workload_type.unwrap_or_default();
    let cluster_id = wanted.cluster_id.unwrap_or_default();
    let row = ExposureRow {
        exposure_id: store::Uuid::nil(),
        customer_id,
        sequence: 0,
        cluster_id,
        instance_type: place.instance_type.to_string(),
        availability_zone: place.zone.to_string(),
        region: place.region.to_string(),
        zone_id: place.zone_id.map(|id| id.to_string()),
        workload_type,
        instances: wanted.instances,
        from: micro(wanted.from),
        until: micro(wanted.until),
        source: ExposureSource::Reported,
        reported_by: caller.name.clone(),
        received_at: now,
    };
    Ok(named(row))
}

/// The same with a name that says what it is, so that the same exposure has the same.
pub(super) fn named(row: ExposureRow) -> ExposureRow {
    let own = [
        row.cluster_id.as_str(),
        &row.region,
        &row.availability_zone,
        &row.instance_type,
        &row.workload_type,
        &row.instances.to_string(),
        &row.from.to_string(),
        &row.until.to_string(),
    ]
    .join("\u{1f}");
    let customer = row.customer_id.as_deref().unwrap_or_default();
    ExposureRow { exposure_id: named_id(row.source.name(), customer, &own), ..row }
}
