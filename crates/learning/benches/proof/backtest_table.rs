//! The back-test as tables.

use std::fmt::Write as _;
use std::path::Path;

use learning::RecencyModel;

use crate::backtest::{Split, forecasts, learned, perfect, resolved, said};
use crate::measures::{self, Resolved};
use crate::traces::{self, Decision, HORIZONS, Trace};

pub(crate) fn table(reference: &Path) -> Result<String, std::fmt::Error> {
    let all = traces::read(&reference.join("preemption"));
    let (aws, other): (Vec<Trace>, Vec<Trace>) =
        all.into_iter().partition(|trace| trace.name.starts_with("aws"));
    let decisions = traces::decisions(&aws);
    let mut text = format!(
        "## Interruption from events alone\n\n{} traces of AWS pools, {} decisions, one every quarter of an hour while the pool was up; the first day of each trace teaches nothing and is not scored. ",
        aws.len(),
        decisions.len()
    );
    text.push_str(
        "The age rule is the monotone frequency by age of the up-spell, learned on the same decisions as the model. Intervals are 95 %, over 1,000 resamples of whole days of a set of traces. Calibration error: ten bins of equally many decisions. Beside it stands the error that a perfectly calibrated forecast shows on so few independent windows (one draw for each pool and window of the horizon's length).\n",
    );
    for (split, title) in [
        (
            Split::Pool,
            "### By pool\n\nThe pools by name, every third one scored by what the others teach, in three turns: each is scored once, by a model that never saw it.",
        ),
        (
            Split::Time,
            "### By time\n\nThe last two fifths of every trace, scored by what the first three of all of them teach, outcomes included. In the later part capacity was lost less often than in the earlier one, as the base rate shows; every forecast says too much for that.",
        ),
    ] {
        one_split(&mut text, &decisions, split, title)?;
    }
    coefficients(&mut text, &decisions)?;
    without_signal(&mut text, &other)?;
    Ok(text)
}

fn one_split(
    text: &mut String,
    decisions: &[Decision],
    split: Split,
    title: &str,
) -> std::fmt::Result {
    writeln!(
        text,
        "\n{title}\n\n| within | forecast | decisions | AUC | Brier | log loss | calibration error | of a perfect one | AUC over the age rule | Brier over the age rule |\n|---|---|---|---|---|---|---|---|---|---|"
    )?;
    let mut verdicts = String::new();
    let mut bins = String::new();
    for (at, hours) in HORIZONS.into_iter().enumerate() {
        let found = forecasts(decisions, split, at);
        let (auc, brier) = measures::differences(&found.model, &found.age, 1_000);
        for (name, list) in
            [("base rate", &found.base), ("age rule", &found.age), ("model", &found.model)]
        {
            let differences = if name == "model" {
                format!("{:+.4} … {:+.4} | {:+.4} … {:+.4}", auc.0, auc.1, brier.0, brier.1)
            } else {
                "| ".to_owned()
            };
            writeln!(
                text,
                "| {hours} h | {name} | {} | {:.3} | {:.4} | {:.4} | {:.3} | {:.3} | {differences} |",
                list.len(),
                measures::auc(list),
                measures::brier(list),
                measures::log_loss(list),
                measures::calibration(list).0,
                perfect(list, &found.windows),
            )?;
        }
        let (error, points) = measures::calibration(&found.model);
        let better =
            if hours == 1 { auc.0 > 0.0 && brier.1 < 0.0 } else { auc.1 >= 0.0 && brier.0 <= 0.0 };
        let allowed = if hours == 1 { 0.03 } else { 0.05 };
        writeln!(
            verdicts,
            "- {hours} h: {} than the age rule: **{}**; calibration error at most {allowed}: {error:.3}, **{}**.",
            if hours == 1 {
                "better (both intervals beyond 0)"
            } else {
                "no worse (both intervals reach 0 or lie beyond)"
            },
            verdict(better),
            verdict(error <= allowed)
        )?;
        let points: Vec<String> =
            points.iter().map(|(said, was)| format!("{said:.2} → {was:.2}")).collect();
        writeln!(bins, "- {hours} h, said → was: {}", points.join(", "))?;
    }
    writeln!(text, "\n{verdicts}\n{bins}")
}

/// The coefficients of all pools, which the crate holds.
fn coefficients(text: &mut String, decisions: &[Decision]) -> std::fmt::Result {
    writeln!(
        text,
        "### The coefficients that the server has\n\nLearned on all traces. Log-odds of a loss; `since`, `age` in hours, at most 72.\n\n| within | constant | ln(1 + age) | ln(1 + since) | ln(1 + losses in 1 h) | 6 h | 24 h | 72 h | ln(1 + siblings' in 1 h) | ln(hazard/prior) |\n|---|---|---|---|---|---|---|---|---|---|"
    )?;
    let mut apart: f64 = 0.0;
    let mut hazard = 0.0;
    for (at, hours) in HORIZONS.into_iter().enumerate() {
        let model = learned(&resolved(decisions, at, |_| true), at);
        let row = model.coefficients[at].map(|weight| format!("{weight:.3}"));
        writeln!(text, "| {hours} h | {} |", row.join(" | "))?;
        let held = RecencyModel::PUBLISHED.coefficients[at];
        for (own, held) in model.coefficients[at].iter().zip(held) {
            apart = apart.max((own - held).abs());
        }
        hazard = if at == 0 { model.hazard } else { hazard };
    }
    writeln!(
        text,
        "\nLosses per hour up: {hazard:.3} (held: {:.3}). The crate's coefficients differ by at most {apart:.4}.\n",
        RecencyModel::PUBLISHED.hazard
    )
}

/// Where the age of a spell says nothing: losses at a constant hazard, and a pool that is never lost.
fn without_signal(text: &mut String, other: &[Trace]) -> std::fmt::Result {
    let flat = traces::decisions(&traces::generated(0.1, 0.1));
    writeln!(
        text,
        "### Without a signal\n\nTwelve generated pools that all lose capacity at one constant hazard of 0.1 per hour, sixty days each, by pool.\n\n| within | Brier, base rate | Brier, model | difference | calibration error | no worse |\n|---|---|---|---|---|---|"
    )?;
    for (at, hours) in HORIZONS.into_iter().enumerate() {
        let found = forecasts(&flat, Split::Pool, at);
        let (_, brier) = measures::differences(&found.model, &found.base, 1_000);
        writeln!(
            text,
            "| {hours} h | {:.4} | {:.4} | {:+.4} … {:+.4} | {:.3} | {} |",
            measures::brier(&found.base),
            measures::brier(&found.model),
            brier.0,
            brier.1,
            measures::calibration(&found.model).0,
            if brier.0 <= 0.0 { "met" } else { "not met" }
        )?;
    }
    for trace in other {
        let model = RecencyModel::PUBLISHED;
        let decisions = traces::decisions(std::slice::from_ref(trace));
        let day: Vec<Resolved> = resolved(&decisions, 0, |_| true)
            .into_iter()
            .map(|(one, happened)| Resolved {
                forecast: said(&model, one, 0),
                happened,
                day: one.day,
            })
            .collect();
        let mean = day.iter().map(|one| one.forecast).sum::<f64>() / day.len() as f64;
        writeln!(
            text,
            "\n`{}` was never lost in {:.1} days. Started at the hazard of scarce pools, the learned rate says {mean:.3} within an hour on average after the first day.",
            trace.name,
            decisions.first().map_or(0.0, |one| one.length as f64 / 86_400.0)
        )?;
    }
    Ok(())
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "not met" }
}
