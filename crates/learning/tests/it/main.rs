//! Short-term forecasts from events, on generated pools always and on public traces where they are.
//! The measurement is that of the proof.

#[path = "../../benches/proof/backtest.rs"]
mod backtest;
#[path = "../../benches/proof/measures.rs"]
mod measures;
#[path = "../../benches/proof/traces.rs"]
mod traces;

use std::path::Path;

use backtest::{Forecasts, Split, forecasts, learned, perfect, resolved, said};
use learning::RecencyModel;
use measures::{auc, brier, calibration, differences, log_loss};
use traces::{HORIZONS, decisions, generated, read};

fn print(hours: i64, found: &Forecasts) {
    for (name, list) in [("base", &found.base), ("age", &found.age), ("model", &found.model)] {
        eprintln!(
            "{hours} h, {name}: AUC {:.3}, Brier {:.4}, log loss {:.4}, calibration {:.3}",
            auc(list),
            brier(list),
            log_loss(list),
            calibration(list).0
        );
    }
}

#[test]
fn without_a_signal_the_base_rate_is_kept() {
    let pools = decisions(&generated(0.1, 0.1));
    for (at, hours) in HORIZONS.into_iter().enumerate() {
        let found = forecasts(&pools, Split::Pool, at);
        print(hours, &found);
        assert!(brier(&found.model) <= brier(&found.base) + 0.001, "{hours}");
        assert!(calibration(&found.model).0 <= 0.03, "{hours}");
    }
}

#[test]
fn young_spells_are_told_from_old_ones() {
    let pools = decisions(&generated(0.6, 0.03));
    for split in [Split::Pool, Split::Time] {
        for (at, hours) in HORIZONS.into_iter().enumerate() {
            let found = forecasts(&pools, split, at);
            print(hours, &found);
            // Of a whole day nearly all young spells see the end.
            assert!(hours == 24 || auc(&found.model) > 0.55, "{hours}");
            assert!(brier(&found.model) <= brier(&found.base) + 0.001, "{hours}");
            assert!(brier(&found.model) <= brier(&found.age) + 0.005, "{hours}");
            let unavoidable = perfect(&found.model, &found.windows);
            assert!(calibration(&found.model).0 <= unavoidable + 0.03, "{hours}");
        }
    }
}

#[test]
fn public_traces_teach_what_the_crate_holds() {
    let folder = std::env::var_os("CLOUDOPTIM_REFERENCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference"),
        Into::into,
    );
    let mut traces = read(&folder.join("preemption"));
    traces.retain(|trace| trace.name.starts_with("aws"));
    if traces.is_empty() {
        eprintln!("skipped: no public traces at {}", folder.display());
        return;
    }
    let pools = decisions(&traces);
    for (at, hours) in HORIZONS.into_iter().enumerate() {
        let lessons = resolved(&pools, at, |_| true);
        let found = learned(&lessons, at);
        for (found, held) in
            found.coefficients[at].iter().zip(RecencyModel::PUBLISHED.coefficients[at])
        {
            assert!((found - held).abs() < 1e-3, "{hours}: {found} {held}");
        }
        assert!(lessons.iter().all(|(one, _)| said(&found, one, at).is_finite()));
        let unseen = forecasts(&pools, Split::Pool, at);
        print(hours, &unseen);
        let (by_auc, by_brier) = differences(&unseen.model, &unseen.age, 200);
        if hours == 1 {
            assert!(by_auc.0 > 0.0 && by_brier.1 < 0.0, "{by_auc:?} {by_brier:?}");
        }
        assert!(by_auc.1 >= 0.0 && by_brier.0 <= 0.0, "{hours}: {by_auc:?} {by_brier:?}");
        assert!(calibration(&unseen.model).0 <= [0.03, 0.05, 0.05][at], "{hours}");
    }
}
