//! Rules for memory on production pods, where the trace lies beside the workspace: what the first
//! half of each pod's life recommends, against the peak of the second.

use engines::rightsizing::RightsizingPolicy;

#[path = "../../benches/backtest/memory.rs"]
mod memory;

use crate::series::pods;

#[test]
fn memory_by_peaks_runs_out_less_often_and_wastes_less_than_the_rules_of_others() {
    let Some(pods) = pods(memory::FILE, memory::LIMIT) else {
        println!("skipped: the trace of memory is not beside the workspace");
        return;
    };
    let (krr, vpa) = (memory::krr(&pods), memory::vpa(&pods));
    let policy = RightsizingPolicy::default();
    let calibration = memory::calibration(&pods);
    for risk in [0.01, 0.02, 0.05, 0.1, 0.2, 0.3] {
        let (deviations, found) = calibration.deviations(risk);
        let over = memory::ours(&pods, deviations).over;
        // What was found keeps its promise, as far as so many pods can tell.
        let doubt = 2.0 * (risk * (1.0 - risk) / pods.len() as f64).sqrt();
        assert!(!found || over <= (risk + doubt) * 100.0, "{risk}: {over}");
    }
    let chosen = memory::ours(&pods, calibration.deviations(policy.memory_risk).0);
    assert!(chosen.over <= krr.over && chosen.over <= vpa.over, "{chosen:?} {krr:?} {vpa:?}");
    assert!(chosen.slack <= krr.slack.min(vpa.slack) - 2.0, "{chosen:?} {krr:?} {vpa:?}");
}
