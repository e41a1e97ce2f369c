//! The one table that maps evidence to shares between 0 (unsafe) and 1 (safe).
//!
//! `docs/spot-scores.md` gives the reasons; golden cases fix the numbers.

use market::{AdvisorBucket, LocalTime};

/// The advisor class: under 5 % interrupted in the trailing month is 1, over 20 % is 0, in equal
/// steps between.
#[must_use]
pub fn advisor_component(bucket: AdvisorBucket) -> f64 {
    1.0 - f64::from(bucket.index()) / 4.0
}

/// The relative variation of the price (standard deviation over mean, time-weighted, 7 days):
/// 1 for a flat price, falling in a straight line to 0 at [`RESTLESS`].
#[must_use]
pub fn volatility_component(variation: f64) -> f64 {
    share(1.0 - variation / RESTLESS)
}

/// A relative variation that earns nothing: the 99th percentile of 1,182 Linux pools of us-east-1
/// in spring 2021.
const RESTLESS: f64 = 0.25;

/// The gap between spot and On-Demand: `1 − spot / On-Demand`, 0 where spot is as dear or dearer.
#[must_use]
pub fn gap_component(spot: f64, on_demand: f64) -> f64 {
    if on_demand > 0.0 { share(1.0 - spot / on_demand) } else { 0.0 }
}

/// The local hour of the region: nights are quiet (1), mornings and evenings less so (0.75),
/// office hours are busy (0.5); at weekends office hours count as evenings.
#[must_use]
pub fn time_component(local: &LocalTime) -> f64 {
    let weekend = local.day_of_week >= 5;
    match local.hour {
        9..18 if weekend => 0.75,
        9..18 => 0.5,
        6..9 | 18..22 if weekend => 1.0,
        6..9 | 18..22 => 0.75,
        _ => 1.0,
    }
}

/// What does not change by the hour: 1 less 0.1 above 8 processors, 0.2 above 16, 0.3 above 48
/// (large machines need a larger hole to fit in); less 0.2 outside of the current generation
/// (a fleet that shrinks); less 0.3 with accelerators (scarce); less 0.3 as bare metal (whole
/// hosts). Never below 0.
#[must_use]
pub fn structural_component(
    vcpu: u32,
    current_generation: bool,
    accelerated: bool,
    bare_metal: bool,
) -> f64 {
    let size = match vcpu {
        0..=8 => 0,
        9..=16 => 1,
        17..=48 => 2,
        _ => 3,
    };
    let tenths = size
        + if current_generation { 0 } else { 2 }
        + if accelerated { 3 } else { 0 }
        + if bare_metal { 3 } else { 0 };
    f64::from(10 - i32::min(tenths, 10)) / 10.0
}

fn share(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_document_says() {
        let advisor: Vec<f64> = AdvisorBucket::ALL.map(advisor_component).to_vec();
        assert_eq!(advisor, [1.0, 0.75, 0.5, 0.25, 0.0]);
        for (variation, expected) in [(0.0, 1.0), (0.025, 0.9), (0.25, 0.0), (9.0, 0.0)] {
            assert_eq!(volatility_component(variation), expected, "{variation}");
        }
        for (spot, list, expected) in
            [(0.25, 1.0, 0.75), (1.0, 1.0, 0.0), (2.0, 1.0, 0.0), (0.1, 0.0, 0.0)]
        {
            assert_eq!(gap_component(spot, list), expected, "{spot} {list}");
        }
        let at = |hour, day_of_week| {
            time_component(&LocalTime { time_zone: String::new(), hour, day_of_week })
        };
        assert_eq!(
            [at(3, 0), at(8, 0), at(12, 0), at(18, 4), at(22, 4)],
            [1.0, 0.75, 0.5, 0.75, 1.0]
        );
        assert_eq!([at(12, 5), at(19, 6)], [0.75, 1.0]);
        assert_eq!(structural_component(8, true, false, false), 1.0);
        assert_eq!(structural_component(16, false, false, false), 0.7);
        assert_eq!(structural_component(96, false, true, true), 0.0);
    }

    #[test]
    fn nothing_leaves_zero_to_one() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -3.0] {
            assert!((0.0..=1.0).contains(&volatility_component(bad)), "{bad}");
            assert!((0.0..=1.0).contains(&gap_component(bad, 1.0)), "{bad}");
            assert!((0.0..=1.0).contains(&gap_component(1.0, bad)), "{bad}");
        }
    }
}
