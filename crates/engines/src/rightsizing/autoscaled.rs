//! Requests that a horizontal autoscaler steers by.
//!
//! It keeps `use ÷ request` of a resource at its target, so a smaller request alone makes more pods
//! that each use less, which asks for a smaller request again: the spiral of robusta-dev/krr pull
//! request 80. Only the product of request and target says how much a pod really does.

use std::collections::BTreeMap;

use facts::cluster::Autoscaler;

/// Why a request cannot be changed by itself, and what would have to change with it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Conflict {
    /// In words.
    pub(super) detail: String,
    /// The numbers.
    pub(super) numbers: BTreeMap<&'static str, f64>,
}

/// Whether an autoscaler looks after the request by itself.
pub(super) fn manages(scaler: &Autoscaler) -> bool {
    scaler.kind == "VerticalPodAutoscaler"
        && scaler.update_mode.as_deref().is_none_or(|mode| mode != "Off")
}

/// The conflict of a changed request with an autoscaler; `None` where there is none.
///
/// Amounts are in one unit, whichever it is.
pub(super) fn conflict(
    scaler: Option<&Autoscaler>,
    resource: &str,
    request: Option<i64>,
    wanted: i64,
) -> Option<Conflict> {
    let scaler = scaler.filter(|one| one.kind == "HorizontalPodAutoscaler")?;
    let target = scaler.target_utilization.get(resource).copied();
    if target.is_none() && !scaler.resources.iter().any(|one| one == resource) {
        return None;
    }
    let mut numbers = BTreeMap::from([("wanted_request", wanted as f64)]);
    if let Some(request) = request {
        numbers.insert("request", request as f64);
    }
    let (Some(target), Some(request)) = (target, request.filter(|_| wanted > 0)) else {
        let detail =
            format!("{} scales on {resource}, and what it steers to is not known", scaler.name);
        return Some(Conflict { detail, numbers });
    };
    let kept = target_that_keeps_replicas(target as f64, request, wanted);
    numbers.insert("target_percent", target as f64);
    numbers.insert("target_percent_that_keeps_replicas", (kept * 10.0).round() / 10.0);
    let detail = format!(
        "{} steers to {target} % of the {resource} request; with the wanted request its target has \
         to become {kept:.1} % at the same time, or the number of replicas changes",
        scaler.name
    );
    Some(Conflict { detail, numbers })
}

/// The target at which the same use makes the same number of replicas: request times target stays.
fn target_that_keeps_replicas(target: f64, request: i64, wanted: i64) -> f64 {
    target * request as f64 / wanted as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steering(percent: i64) -> Autoscaler {
        Autoscaler {
            kind: "HorizontalPodAutoscaler".to_owned(),
            name: "web".to_owned(),
            resources: vec!["cpu".to_owned()],
            target_utilization: BTreeMap::from([("cpu".to_owned(), percent)]),
            ..Autoscaler::default()
        }
    }

    /// What the autoscaler does: <https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details>.
    fn replicas(load: f64, request: f64, target: f64) -> f64 {
        (load / (request * target / 100.0)).ceil()
    }

    #[test]
    fn the_spiral_is_refused() {
        // Load of 80 processors, requests of one, target 80 %: every pod uses 0.8 of its request.
        let (load, mut request) = (80_000.0, 1_000.0);
        let mut counts = vec![replicas(load, request, 80.0)];
        for _ in 0..3 {
            // Whoever takes what a pod uses for its request, each time anew.
            let used = load / replicas(load, request, 80.0);
            assert!(
                conflict(Some(&steering(80)), "cpu", Some(request as i64), used as i64).is_some()
            );
            request = used;
            counts.push(replicas(load, request, 80.0));
        }
        assert_eq!(counts, [100.0, 125.0, 157.0, 197.0]);
    }

    #[test]
    fn request_and_target_move_together() {
        let found = conflict(Some(&steering(80)), "cpu", Some(1_000), 800).unwrap();
        assert_eq!(found.numbers["target_percent_that_keeps_replicas"], 100.0);
        assert_eq!(replicas(80_000.0, 1_000.0, 80.0), replicas(80_000.0, 800.0, 100.0));
    }

    #[test]
    fn only_the_resource_that_is_steered_by_is_in_conflict() {
        assert_eq!(conflict(Some(&steering(80)), "memory", Some(1), 2), None);
        assert_eq!(conflict(None, "cpu", Some(1), 2), None);
        let watching = Autoscaler { kind: "VerticalPodAutoscaler".to_owned(), ..steering(80) };
        assert_eq!(conflict(Some(&watching), "cpu", Some(1), 2), None);
        let unknown = Autoscaler { target_utilization: BTreeMap::new(), ..steering(80) };
        assert!(conflict(Some(&unknown), "cpu", Some(1), 2).is_some());
    }

    #[test]
    fn a_vertical_one_manages_unless_it_only_watches() {
        let vertical = |mode: Option<&str>| Autoscaler {
            kind: "VerticalPodAutoscaler".to_owned(),
            update_mode: mode.map(str::to_owned),
            ..Autoscaler::default()
        };
        assert!(manages(&vertical(None)) && manages(&vertical(Some("Initial"))));
        assert!(!manages(&vertical(Some("Off"))) && !manages(&steering(80)));
    }
}
