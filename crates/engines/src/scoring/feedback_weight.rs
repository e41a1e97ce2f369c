//! How much the customer's own interruption history counts.

/// The weight of the customer component, 0 to 0.25, by instance-hours that were observed.
///
/// Nothing below 10,000 hours, where it starts at 0.02; then straight lines through 0.10 at
/// 50,000, 0.15 at 200,000 and 0.25 from 500,000 on.
#[must_use]
pub fn feedback_weight(hours: u64) -> f64 {
    // Above half a million nothing changes, so that every count that matters is exact as a float.
    let hours = hours.min(500_000);
    let line = |base: f64, rise: f64, from: u64, length: u64| {
        let weight = base + rise * (hours - from) as f64 / length as f64;
        // Twelve decimals, so that milestones are shown as what they are.
        (weight * 1e12).round() / 1e12
    };
    match hours {
        0..10_000 => 0.0,
        10_000..=50_000 => line(0.0, 0.10, 0, 50_000),
        50_001..=200_000 => line(0.10, 0.05, 50_000, 150_000),
        _ => line(0.15, 0.10, 200_000, 300_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_along_the_milestones() {
        let check = |hours: u64, expected: f64| {
            let found = feedback_weight(hours);
            assert!((found - expected).abs() < 1e-11, "{hours}: {found}");
        };
        check(0, 0.0);
        check(9_999, 0.0);
        check(10_000, 0.02);
        check(25_000, 0.05);
        check(50_000, 0.10);
        check(125_000, 0.125);
        check(200_000, 0.15);
        check(250_000, 0.15 + 0.10 / 6.0);
        check(500_000, 0.25);
        check(u64::MAX, 0.25);
    }

    #[test]
    fn it_never_falls() {
        let mut last = 0.0;
        for hours in (0..600_000).step_by(997) {
            let weight = feedback_weight(hours);
            assert!(weight >= last, "{hours}");
            last = weight;
        }
    }
}
