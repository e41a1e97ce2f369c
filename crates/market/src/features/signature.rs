//! The features by name, in the order in which models take them.

/// One number that a model is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name in signatures.
    pub name: &'static str,
    /// What it is, with its unit.
    pub meaning: &'static str,
}

const fn feature(name: &'static str, meaning: &'static str) -> Feature {
    Feature { name, meaning }
}

/// Features of events: the first ones of [`SPOT_FEATURES`].
pub const EVENT_FEATURES: usize = 8;

/// What a `spot_predictor` is told of a pool: first what happened to it, then its market.
pub const SPOT_FEATURES: &[Feature; 17] = &[
    feature("age_hours", "hours since the pool last came up or lost a node"),
    feature("hours_since_loss", "hours since the last loss, 72 at the most"),
    feature("losses_1h", "losses in the last hour"),
    feature("losses_6h", "losses in the last 6 hours"),
    feature("losses_24h", "losses in the last 24 hours"),
    feature("losses_72h", "losses in the last 72 hours"),
    feature(
        "sibling_losses_1h",
        "losses in the other zones of the region in the last hour, summed",
    ),
    feature(
        "sibling_losses_24h",
        "losses a zone in the other zones of the region in the last 24 hours",
    ),
    feature(
        "advisor_bucket",
        "interruption class of the Spot Advisor, 0 (under 5 %) to 4 (over 20 %)",
    ),
    feature("advisor_savings", "trailing 30-day saving over On-Demand, a fraction"),
    feature("price_ratio", "spot price over On-Demand price"),
    feature("log_spread_24h", "standard deviation of the price's logarithm over 24 hours"),
    feature("log_spread_168h", "the same over 168 hours"),
    feature("log_change_24h", "logarithm of the price over that of 24 hours ago"),
    feature("changes_168h", "price changes in 168 hours; repetitions are none"),
    feature("hours_since_change", "hours since the price last changed"),
    feature("log_highest_168h", "logarithm of the highest price of 168 hours over the price"),
];

/// What a `price_predictor` is told of a pool. It answers with the logarithm of the price after its
/// horizon over the present one.
pub const PRICE_FEATURES: &[Feature; 17] = &[
    feature("log_lag_1h", "logarithm of the price 1 hour ago over the present one"),
    feature("log_lag_2h", "the same 2 hours ago"),
    feature("log_lag_3h", "the same 3 hours ago"),
    feature("log_lag_6h", "the same 6 hours ago"),
    feature("log_lag_12h", "the same 12 hours ago"),
    feature("log_lag_24h", "the same 24 hours ago"),
    feature("log_lag_48h", "the same 48 hours ago"),
    feature("log_lag_72h", "the same 72 hours ago"),
    feature("log_lag_168h", "the same 168 hours ago"),
    feature("log_mean_24h", "logarithm of the mean price of 24 hours over the present one"),
    feature("log_mean_168h", "the same over 168 hours"),
    feature("log_spread_24h", "standard deviation of the price's logarithm over 24 hours"),
    feature("log_spread_168h", "the same over 168 hours"),
    feature("log_highest_168h", "logarithm of the highest price of 168 hours over the present one"),
    feature("log_lowest_168h", "logarithm of the lowest price of 168 hours over the present one"),
    feature("family_log_change_24h", "mean log change over 24 hours of the family's other pools"),
    feature("family_log_change_168h", "the same over 168 hours"),
];
