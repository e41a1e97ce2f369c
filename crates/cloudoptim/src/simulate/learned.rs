//! What the server says it has learned, beside what is true.

use learning::rank_correlation;
use serde::Serialize;
use serde_json::Value;
use simulation::World;

use super::server::Server;
use crate::exit::Failure;

/// What was learned until the end of a day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Sample {
    /// The day, counted from 1.
    pub(crate) day: u32,
    /// Instance-hours that count.
    pub(crate) instance_hours: u64,
    /// Interruptions that were reported.
    pub(crate) interruptions: u64,
    /// How much reported history counts, 0 to 0.25.
    pub(crate) feedback_weight: f64,
    /// The last milestone that was reached.
    pub(crate) milestone: String,
    /// Rank correlation of learned hazards with true ones; `null` where all are equal.
    pub(crate) learned_rank_correlation: Option<f64>,
    /// The same of the advisor's classes.
    pub(crate) advisor_rank_correlation: Option<f64>,
    /// How much smaller the Brier score of what was learned is than that of the classes.
    pub(crate) lift_over_advisor: Option<f64>,
    /// The lower end of its 90 % interval.
    pub(crate) lift_low: Option<f64>,
    /// The upper end.
    pub(crate) lift_high: Option<f64>,
    /// What the server says of these measures, such as that there are too few interruptions for them.
    pub(crate) warnings: Vec<String>,
    /// Mean distance of probability and frequency, of what was learned.
    pub(crate) learned_calibration_error: Option<f64>,
    /// The same of the classes.
    pub(crate) advisor_calibration_error: Option<f64>,
}

/// A pool as it is and as it is believed to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PoolLearned {
    /// Type, zone and region.
    pub(crate) pool: String,
    /// What the advisor publishes, 0 to 4.
    pub(crate) advisor_class: u8,
    /// Customers with instances there.
    pub(crate) customers: usize,
    /// Their instances.
    pub(crate) instances: u32,
    /// Interruptions in 1,000 instance-hours that truly are to be expected, beside bursts.
    pub(crate) true_per_1000_hours: f64,
    /// What its class alone says.
    pub(crate) advisor_per_1000_hours: f64,
    /// What was learned.
    pub(crate) learned_per_1000_hours: f64,
    /// The lower end of the 90 % interval.
    pub(crate) learned_low: f64,
    /// The upper end.
    pub(crate) learned_high: f64,
    /// How much of it the pool's own reports are.
    pub(crate) own_weight: f64,
}

/// Asks what was learned.
pub(super) async fn sample(server: &Server, world: &World, day: u32) -> Result<Sample, Failure> {
    let weight = server.get("feedback/weight").await?;
    let stats = server.get("feedback/stats").await?;
    let quality = server.get("feedback/quality").await?;
    let pools = pools_learned(server, world).await?;
    let column = |of: fn(&PoolLearned) -> f64| pools.iter().map(of).collect::<Vec<f64>>();
    let truth = column(|pool| pool.true_per_1000_hours);
    let like_truth = |said: Vec<f64>| {
        let found = rank_correlation(&said, &truth);
        found.is_finite().then(|| six(found))
    };
    let measured = |pointer: &str| quality.pointer(pointer).and_then(Value::as_f64);
    Ok(Sample {
        day,
        instance_hours: weight["total_instance_hours"].as_u64().unwrap_or(0),
        interruptions: stats["total_interruptions"].as_u64().unwrap_or(0),
        feedback_weight: number(&weight, "/feedback_weight")?,
        milestone: weight["milestone"].as_str().unwrap_or_default().to_owned(),
        learned_rank_correlation: like_truth(column(|pool| pool.learned_per_1000_hours)),
        advisor_rank_correlation: like_truth(column(|pool| f64::from(pool.advisor_class))),
        lift_over_advisor: measured("/all/lift_over_advisor"),
        lift_low: measured("/all/lift_low"),
        lift_high: measured("/all/lift_high"),
        warnings: serde_json::from_value(quality["warnings"].clone()).unwrap_or_default(),
        learned_calibration_error: measured("/all/learned/calibration_error"),
        advisor_calibration_error: measured("/all/advisor/calibration_error"),
    })
}

/// Asks what is believed of each pool.
pub(super) async fn pools_learned(
    server: &Server,
    world: &World,
) -> Result<Vec<PoolLearned>, Failure> {
    let mut found = Vec::with_capacity(world.pools.len());
    for (at, pool) in world.pools.iter().enumerate() {
        let path = format!(
            "feedback/pool-status?instance_type={}&az={}&region={}",
            pool.instance_type, pool.zone_id, pool.region
        );
        let status = server.get(&path).await?;
        let holders = world.holders(at);
        let hazard = learning::bucket_hazard(pool.class);
        found.push(PoolLearned {
            pool: format!("{}/{}/{}", pool.instance_type, pool.zone_id, pool.region),
            advisor_class: pool.class.index(),
            customers: holders.len(),
            instances: holders.iter().map(|(_, many)| many).sum(),
            true_per_1000_hours: six(1_000.0 * pool.hazard),
            advisor_per_1000_hours: six(1_000.0 * hazard),
            learned_per_1000_hours: number(&status, "/interruptions_per_1000_hours/expected")?,
            learned_low: number(&status, "/interruptions_per_1000_hours/low")?,
            learned_high: number(&status, "/interruptions_per_1000_hours/high")?,
            own_weight: number(&status, "/own_weight")?,
        });
    }
    Ok(found)
}

fn number(answer: &Value, pointer: &str) -> Result<f64, Failure> {
    let found = answer.pointer(pointer).and_then(Value::as_f64);
    found.ok_or_else(|| Failure::Simulation(format!("no number at {pointer} of {answer}")))
}

/// Six decimals.
pub(super) fn six(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
