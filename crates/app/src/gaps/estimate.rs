//! How many rows fill a gap.

use market::Product;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::survey::{GapKind, PoolGap, Survey};

/// Rows a day of one pool and product where too little is stored to tell: the mean of Linux pools in
/// public histories, between calm pools (one) and busy ones (over ten).
const USUAL_ROWS_A_DAY: f64 = 2.4;

/// Pool-days with prices from which the pace of rows is believed.
const ENOUGH_POOL_DAYS: f64 = 10.0;

/// How many rows are expected, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Rows.
    pub records: u64,
    /// Rows a day of one pool and product.
    pub rows_per_pool_day: f64,
    /// `observed`: the pace of the rows that are stored; `default`: a usual pace, because too little is.
    pub basis: String,
    /// Days of pools that can be filled.
    pub pool_days: f64,
    /// The same in words.
    pub explanation: String,
}

/// How many rows fill what can be filled.
pub(crate) fn estimate(survey: &Survey, products: &[Product]) -> Estimate {
    let days = |gaps: &mut dyn Iterator<Item = &PoolGap>| -> f64 {
        gaps.map(PoolGap::pool_hours).sum::<f64>() / 24.0
    };
    let fillable = days(&mut survey.gaps.iter().filter(|gap| gap.kind == GapKind::Fillable));
    let missing = days(&mut survey.gaps.iter());
    let covered = (survey.pools as f64 * survey.window_hours / 24.0 - missing).max(0.0);
    let observed = covered >= ENOUGH_POOL_DAYS && survey.rows > 0;
    let pace = if observed { survey.rows as f64 / covered } else { USUAL_ROWS_A_DAY };
    let names: Vec<&str> = products.iter().map(|one| one.description()).collect();
    let explanation = if observed {
        format!(
            "{:.2} rows a day, as {} stored rows over {covered:.1} days of pools have it ({})",
            pace,
            survey.rows,
            names.join(", ")
        )
    } else {
        format!(
            "{USUAL_ROWS_A_DAY} rows a day is usual for Linux; only {covered:.1} days of pools are \
             stored, and from {ENOUGH_POOL_DAYS} on their own pace is taken"
        )
    };
    Estimate {
        records: (pace * fillable).ceil() as u64,
        rows_per_pool_day: (pace * 100.0).round() / 100.0,
        basis: if observed { "observed" } else { "default" }.to_owned(),
        pool_days: (fillable * 10.0).round() / 10.0,
        explanation,
    }
}
