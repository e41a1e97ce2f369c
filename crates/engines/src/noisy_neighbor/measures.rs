//! How much each pod moves, and how that is spread.

use crate::traffic_view::TrafficView;

/// Bytes of a pod in the observed stretch of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measures {
    /// Sent and received.
    pub(super) total: u64,
    /// Sent and received between zones.
    pub(super) cross_zone: u64,
    /// Of these sent: what both sides are billed for is counted with the sender, once.
    pub(super) cross_zone_sent: u64,
    /// Sent to the internet.
    pub(super) internet: u64,
    /// Sent to and received from services of the cloud.
    pub(super) cloud_service: u64,
}

/// Adds up what each pod moves, by the pod's place in the snapshot.
pub(super) fn measure(view: &TrafficView<'_>, pods: usize) -> Vec<Measures> {
    let mut measures = vec![Measures::default(); pods];
    for flow in &view.flows {
        let bytes = flow.flow.bytes;
        let crosses = flow.crosses_zones();
        let out = flow.flow.destination.internet == Some(true);
        let service = flow.flow.destination.cloud_service.is_some()
            || flow.flow.source.cloud_service.is_some();
        let mut add = |pod: Option<u32>, sends: bool| {
            let Some(pod) = pod else { return };
            let one = &mut measures[pod as usize];
            one.total = one.total.saturating_add(bytes);
            if crosses {
                one.cross_zone = one.cross_zone.saturating_add(bytes);
                if sends {
                    one.cross_zone_sent = one.cross_zone_sent.saturating_add(bytes);
                }
            }
            if sends && out && !service {
                one.internet = one.internet.saturating_add(bytes);
            }
            if service {
                one.cloud_service = one.cloud_service.saturating_add(bytes);
            }
        };
        add(flow.source, true);
        if flow.source != flow.destination {
            add(flow.destination, false);
        }
    }
    measures
}

/// Where the middle of all pods lies, and how far they usually are from it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    /// Half of the pods move less.
    pub(super) median: f64,
    /// The median distance from the median, scaled to be a standard deviation where values are
    /// normally distributed (× 1.4826).
    pub(super) deviation: f64,
    sum: f64,
    count: f64,
}

/// With fewer pods there is no usual.
const LEAST_PODS: f64 = 5.0;

impl Spread {
    pub(super) fn of(values: impl Iterator<Item = u64>) -> Spread {
        let mut values: Vec<u64> = values.collect();
        if values.is_empty() {
            return Spread::default();
        }
        values.sort_unstable();
        let median = middle(&values);
        let mut distances: Vec<u64> =
            values.iter().map(|value| (*value as f64 - median).abs() as u64).collect();
        distances.sort_unstable();
        Spread {
            median,
            deviation: middle(&distances) * 1.4826,
            sum: values.iter().map(|value| *value as f64).sum(),
            count: values.len() as f64,
        }
    }

    /// How many robust deviations a value lies above the median. Where half of the pods are alike
    /// and nothing deviates, a twentieth of the median stands for a deviation.
    pub(super) fn deviations(&self, value: u64) -> Option<f64> {
        if self.count < LEAST_PODS {
            return None;
        }
        let unit = self.deviation.max(self.median / 20.0).max(1.0);
        Some((value as f64 - self.median) / unit)
    }

    /// A value as a multiple of the mean of all others.
    pub(super) fn multiple_of_others(&self, value: u64) -> Option<f64> {
        if self.count < LEAST_PODS {
            return None;
        }
        let mean = (self.sum - value as f64) / (self.count - 1.0);
        (mean > 0.0).then(|| value as f64 / mean)
    }
}

fn middle(sorted: &[u64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[half] as f64
    } else {
        (sorted[half - 1] as f64 + sorted[half] as f64) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_pod_moves_neither_median_nor_deviation() {
        let tame: Vec<u64> = (90..=110).collect();
        let mut wild = tame.clone();
        wild.push(1_000_000);
        let (before, after) = (Spread::of(tame.into_iter()), Spread::of(wild.into_iter()));
        assert!((before.median - after.median).abs() <= 1.0);
        assert!((before.deviation - after.deviation).abs() <= 2.0);
        assert!(after.deviations(1_000_000).unwrap() > 1_000.0);
        assert!(after.deviations(110).unwrap() < 3.5);
        // Its own traffic is not in the mean that it is compared with.
        assert!(after.multiple_of_others(1_000_000).unwrap() > 9_000.0);
        assert_eq!(Spread::of([7, 7].into_iter()).deviations(7), None);
        assert_eq!(Spread::of([].into_iter()).multiple_of_others(7), None);
    }
}
