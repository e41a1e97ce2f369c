//! How much memory a container should get after it ran out of it.

use facts::cluster::MemoryPeak;
use units::Bytes;

use super::OomPolicy;

/// New amounts, with how they come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    /// The limit; `None` where the container has none and gets none.
    pub(super) limit: Option<Bytes>,
    /// The request.
    pub(super) request: Option<Bytes>,
    /// How.
    pub(super) formula: String,
}

/// Why a person has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The peaks grow from window to window.
    SteadyGrowth,
    /// Killed too often.
    KilledTooOften {
        /// How often.
        kills: u64,
        /// How often is still handled.
        most: u64,
    },
    /// What is allowed lies below what was used.
    CapBelowPeak {
        /// The most that is allowed.
        cap: Bytes,
        /// What was used.
        peak: Bytes,
    },
    /// The limit is already the most that is allowed.
    AtCap(Bytes),
    /// There is neither a limit nor a measurement to start from.
    NothingKnown,
}

impl Trouble {
    pub(super) fn summary(self) -> &'static str {
        match self {
            Trouble::SteadyGrowth => "its use grows steadily, which more memory only feeds",
            Trouble::KilledTooOften { .. } => "it was killed too often to try once more",
            Trouble::CapBelowPeak { .. } | Trouble::AtCap(_) => "it needs more than is allowed",
            Trouble::NothingKnown => "nobody knows how much it needs",
        }
    }

    pub(super) fn reason(self) -> String {
        match self {
            Trouble::SteadyGrowth => {
                "peaks grow from window to window: look for a leak before giving it more".to_owned()
            }
            Trouble::KilledTooOften { kills, most } => {
                format!("killed {kills} times in the window, more than {most}")
            }
            Trouble::CapBelowPeak { cap, peak } => {
                format!("at most {cap} are allowed, and {peak} were used")
            }
            Trouble::AtCap(cap) => format!("its limit is {cap} already, the most that is allowed"),
            Trouble::NothingKnown => {
                "it has no limit and no measurement of its use was supplied".to_owned()
            }
        }
    }
}

/// The new amounts: `min(cap, max(growth × base, base + step))`, where the base is the larger of the
/// limit and the observed peak. Without a limit the base is the peak, there is no cap but the
/// policy's own, and no limit is introduced: the request rises.
pub(super) fn amount(
    policy: &OomPolicy,
    limit: Option<Bytes>,
    request: Option<Bytes>,
    peak: Option<Bytes>,
) -> Result<Amount, Trouble> {
    let Some(base) = limit.max(peak) else { return Err(Trouble::NothingKnown) };
    let grown = scaled(base, policy.growth).max(Bytes(base.0.saturating_add(policy.least_step.0)));
    let of_limit = limit.map(|limit| scaled(limit, policy.max_growth));
    let cap = match (of_limit, policy.max_memory) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    if let (Some(cap), Some(peak)) = (cap, peak)
        && cap < peak
    {
        return Err(Trouble::CapBelowPeak { cap, peak });
    }
    let wanted = cap.map_or(grown, |cap| grown.min(cap));
    if let (Some(limit), Some(cap)) = (limit, cap)
        && wanted <= limit
    {
        return Err(Trouble::AtCap(cap));
    }
    let by_cap = if wanted < grown { ", held at the cap" } else { "" };
    let formula = format!(
        "max({} × {base}, {base} + {}) = {grown}{by_cap}{}",
        policy.growth,
        policy.least_step,
        cap.map(|cap| format!(" (cap {cap})")).unwrap_or_default()
    );
    let guaranteed = limit.is_some() && request == limit;
    let request = match request {
        _ if guaranteed => Some(wanted),
        // Below what it works with, the scheduler sets too little aside.
        Some(request) if request < base => Some(if limit.is_some() { base } else { wanted }),
        Some(request) => Some(request),
        None => Some(wanted),
    };
    Ok(Amount { limit: limit.map(|_| wanted), request, formula })
}

fn scaled(amount: Bytes, factor: f64) -> Bytes {
    // Whole mebibytes, upwards: nobody writes bytes into a manifest.
    let mib = (amount.0 as f64 * factor / (1024.0 * 1024.0)).ceil();
    Bytes::from_mib(mib.clamp(0.0, 1e12) as i64)
}

/// Windows below which nothing is said about growth.
const LEAST_WINDOWS: usize = 4;

/// Whether peaks grow from window to window: at least four windows, four of five steps upwards, a
/// straight line that explains nine tenths of the variance, and a fifth more at its end.
pub(crate) fn grows_steadily(peaks: &[MemoryPeak]) -> bool {
    if peaks.len() < LEAST_WINDOWS {
        return false;
    }
    let values: Vec<f64> = peaks.iter().map(|peak| peak.bytes.0 as f64).collect();
    let count = values.len() as f64;
    let ups = values.windows(2).filter(|pair| pair[1] > pair[0]).count() as f64;
    let (mean_x, mean_y) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in values.iter().enumerate() {
        let (dx, dy) = (x as f64 - mean_x, y - mean_y);
        xy += dx * dy;
        xx += dx * dx;
        yy += dy * dy;
    }
    if yy <= 0.0 || mean_y <= 0.0 {
        return false;
    }
    let slope = xy / xx;
    let explained = xy * xy / (xx * yy);
    let start = mean_y - slope * mean_x;
    let growth = slope * (count - 1.0) / start.max(1.0);
    slope > 0.0 && ups / (count - 1.0) >= 0.8 && explained >= 0.9 && growth >= 0.2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mib(amount: i64) -> Option<Bytes> {
        Some(Bytes::from_mib(amount))
    }

    #[test]
    fn amounts_follow_the_rule() {
        let check =
            |limit, request, peak, expected: Result<(Option<i64>, Option<i64>), Trouble>| {
                let found = amount(&OomPolicy::default(), limit, request, peak);
                let found = found.map(|amount| {
                    let whole = |bytes: Option<Bytes>| bytes.map(|bytes| bytes.0 / 1_048_576);
                    (whole(amount.limit), whole(amount.request))
                });
                assert_eq!(found, expected, "{limit:?} {request:?} {peak:?}");
            };
        // 1.5 times, and both numbers of a guaranteed pod.
        check(mib(512), mib(512), None, Ok((Some(768), Some(768))));
        // At least 100 MiB more, at most twice the limit.
        check(mib(128), mib(64), None, Ok((Some(228), Some(128))));
        check(mib(64), mib(64), None, Ok((Some(128), Some(128))));
        // A request above what it works with stays.
        check(mib(512), mib(600), None, Ok((Some(768), Some(600))));
        // The peak is the base where it is larger, and the cap wins.
        check(mib(512), mib(256), mib(700), Ok((Some(1024), Some(700))));
        check(
            mib(512),
            mib(256),
            mib(1100),
            Err(Trouble::CapBelowPeak { cap: Bytes::from_mib(1024), peak: Bytes::from_mib(1100) }),
        );
        // Without a limit the request rises and no limit appears.
        check(None, mib(100), mib(400), Ok((None, Some(600))));
        check(None, None, None, Err(Trouble::NothingKnown));
    }

    #[test]
    fn a_cap_of_the_policy_holds() {
        let policy = OomPolicy { max_memory: mib(600), ..OomPolicy::default() };
        assert_eq!(amount(&policy, mib(512), None, None).unwrap().limit, mib(600));
        let trouble = amount(&policy, mib(600), None, None).unwrap_err();
        assert_eq!(trouble, Trouble::AtCap(Bytes::from_mib(600)));
    }

    #[test]
    fn leaks_are_told_from_noise() {
        let peaks = |values: &[i64]| {
            let at = |hour: usize| Timestamp::from_second(hour as i64 * 3_600).unwrap();
            let values = values.iter().enumerate();
            values
                .map(|(place, mib)| MemoryPeak { from: at(place), bytes: Bytes::from_mib(*mib) })
                .collect::<Vec<_>>()
        };
        assert!(grows_steadily(&peaks(&[100, 120, 139, 161, 180])));
        assert!(!grows_steadily(&peaks(&[100, 180, 120, 170, 130])));
        assert!(!grows_steadily(&peaks(&[100, 101, 102, 103, 104])));
        assert!(!grows_steadily(&peaks(&[180, 160, 140, 120, 100])));
        assert!(!grows_steadily(&peaks(&[100, 200])));
        assert!(!grows_steadily(&peaks(&[7, 7, 7, 7, 7])));
    }

    use jiff::Timestamp;
}
