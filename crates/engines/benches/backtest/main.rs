//! Rules for requests on production pods: what the first half of each pod's life recommends, judged by
//! the second. Prints the page of the proof, then a line of its own and the picture.
//!
//! `cargo xtask prove rightsizing`.
#![expect(clippy::print_stdout, reason = "the page goes to whoever asked for it")]

mod curve;
mod memory;
mod processors;
mod series;

use curve::{Panel, picture};
use engines::rightsizing::RightsizingPolicy;
use series::{Halves, Judged, pods};

/// What stands between the page and the picture.
const PICTURE: &str = "== picture ==";

/// Points of slack that a rule has to save beside others.
const LEAST_GAIN: f64 = 2.0;

fn main() {
    let found = pods(memory::FILE, memory::LIMIT).zip(pods(processors::FILE, processors::FULL));
    let Some((memory_pods, device_pods)) = found else {
        println!("The traces are not there.");
        return;
    };
    let first = of_memory(&memory_pods);
    let second = of_processors(&device_pods);
    println!("{PICTURE}");
    print!("{}", picture(&[first, second]));
}

const HEAD: &str = "| rule | pods whose later peak lies above, % | slack, % | later time above, % |\n|---|---|---|---|";

fn line(name: &str, one: Judged) {
    println!("| {name} | {:.1} | {:.1} | {:.2} |", one.over, one.slack, one.time);
}

fn of_memory(pods: &[Halves]) -> Panel {
    println!(
        "## Memory\n\n{} pods that live through both halves, half-hour windows. `k` is how many deviations above the mean peak are asked for; `ε` is the share of pods that may exceed it, from which `k` is found on the first halves alone.\n\n{HEAD}",
        pods.len()
    );
    let (krr, vpa) = (memory::krr(pods), memory::vpa(pods));
    line("KRR: largest + 15 %", krr);
    line("Vertical Pod Autoscaler: p90 of daily peaks + 15 %", vpa);
    let policy = RightsizingPolicy::default();
    let calibration = memory::calibration(pods);
    for risk in [0.3, 0.2, 0.15, 0.1, 0.08, 0.05, 0.02] {
        let (deviations, found) = calibration.deviations(risk);
        if found {
            let name = format!("ε = {:.0} %, k found: {deviations:.2}", risk * 100.0);
            line(&name, memory::ours(pods, deviations));
        }
    }
    let mut points = Vec::new();
    for deviations in [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0] {
        let one = memory::ours(pods, deviations);
        line(&format!("k = {deviations:.1}"), one);
        points.push((one.over, one.slack));
    }
    let (deviations, found) = calibration.deviations(policy.memory_risk);
    let chosen = memory::ours(pods, deviations);
    let how = if found { "found" } else { "the policy's own: too few pods to find it" };
    line(
        &format!(
            "**default: ε = {:.0} %, k = {deviations:.2}, {how}**",
            policy.memory_risk * 100.0
        ),
        chosen,
    );
    bar(
        chosen.over <= krr.over && chosen.over <= vpa.over,
        krr.slack.min(vpa.slack) - chosen.slack,
    );
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Panel {
        title: "Memory",
        across: "pods whose later peak lies above",
        curve: points,
        marks: vec![
            ("KRR", krr.over, krr.slack),
            ("VPA", vpa.over, vpa.slack),
            ("default", chosen.over, chosen.slack),
        ],
    }
}

fn of_processors(all: &[Halves]) -> Panel {
    // Who was never busy says nothing of rules but what their floors are.
    let used = |pod: &&Halves| pod.first.iter().any(|(_, value)| *value >= 0.01);
    let cut = |pod: &Halves| Halves { first: pod.first.clone(), second: pod.second.clone() };
    let pods: Vec<Halves> = all.iter().filter(used).map(cut).collect();
    println!(
        "\n## Processors\n\nThe public data has no series of processors. The rules are run on the duty cycle of graphics processors of {} pods that were busy in the first half, which is shared out in time as processors are; a device that is busy all the time counts as one core. The ranking is worth something, the figures are not those of processors.\n\n{HEAD}",
        pods.len()
    );
    let (krr, vpa) = (processors::krr(&pods), processors::vpa(&pods));
    line("KRR: p95", krr);
    line("Vertical Pod Autoscaler: p90 + 15 %", vpa);
    let mut points = Vec::new();
    for quantile in [0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 1.0] {
        let one = processors::ours(&pods, quantile);
        line(&format!("p{:.0}", quantile * 100.0), one);
        points.push((one.time, one.slack));
    }
    let quantile = RightsizingPolicy::default().cpu_quantile;
    let chosen = processors::ours(&pods, quantile);
    line(&format!("**default: p{:.0}**", quantile * 100.0), chosen);
    bar(
        chosen.time <= krr.time && chosen.time <= vpa.time,
        krr.slack.min(vpa.slack) - chosen.slack,
    );
    others(&pods, krr.time.min(vpa.time));
    Panel {
        title: "Processors (duty cycle of graphics processors)",
        across: "later time above",
        curve: points,
        marks: vec![
            ("KRR", krr.time, krr.slack),
            ("VPA", vpa.time, vpa.slack),
            ("default", chosen.time, chosen.slack),
        ],
    }
}

/// What else was tried, each with its one number chosen within the first half.
fn others(pods: &[Halves], most: f64) {
    let inner = processors::within_first(pods);
    let inner_most = processors::krr(&inner).time.min(processors::vpa(&inner).time);
    println!(
        "\nWhat else was tried, its one number chosen within the first half: the least that is above for no more time in the second quarter ({inner_most:.2} %) than the better of KRR and the Vertical Pod Autoscaler, judged by the second half, where the better of these is above for {most:.2} %.\n\n{HEAD}"
    );
    let quantiles = (0..=100).map(|at| f64::from(at).mul_add(0.001, 0.9));
    let fits = |one: &f64| processors::ours(&inner, *one).time <= inner_most;
    if let Some(quantile) = quantiles.into_iter().find(fits) {
        line(&format!("one quantile: p{:.1}", quantile * 100.0), processors::ours(pods, quantile));
    }
    let mut slopes = (0..40).map(|at| 0.25 * 1.15_f64.powi(at));
    if let Some(slope) = slopes.find(|one| processors::one_slope(&inner, *one).time <= inner_most) {
        let name = format!("a quantile for each container, {slope:.2} cores for all of the time");
        line(&name, processors::one_slope(pods, slope));
    }
}

fn bar(no_more: bool, gain: f64) {
    let met = if no_more && gain >= LEAST_GAIN { "met" } else { "not met" };
    let above = if no_more { "no more often above" } else { "more often above" };
    println!(
        "\nThe bar (no more often above than either, {LEAST_GAIN:.0} points less slack than both): **{met}**; the default is {above}, its slack is {} points {}.",
        format_args!("{:.1}", gain.abs()),
        if gain >= 0.0 { "less" } else { "more" }
    );
}
