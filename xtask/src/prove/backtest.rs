//! Ways of buying capacity on public traces, by the released program, with the page that it makes.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Instant;

use super::Setting;

/// A comparison: its heading, what it changes, and whether its page is kept.
struct Variant {
    heading: &'static str,
    arguments: &'static [&'static str],
    is_kept: bool,
}

const VARIANTS: &[Variant] = &[
    Variant { heading: "As it comes", arguments: &[], is_kept: true },
    Variant {
        heading: "Without On-Demand kept by policies with a score",
        arguments: &["--on-demand-share", "0"],
        is_kept: false,
    },
    Variant {
        heading: "The same, learning from everybody's reports",
        arguments: &["--on-demand-share", "0", "--reports", "all"],
        is_kept: false,
    },
    Variant {
        heading: "The same, where an interruption costs ten dollars",
        arguments: &["--on-demand-share", "0", "--reports", "all", "--interruption-cost", "10"],
        is_kept: false,
    },
];

pub(super) fn run(setting: &Setting) -> Result<String, String> {
    let mut page = "# What ways of buying capacity would have cost\n\n\
         Written by `cargo xtask prove backtest` in seconds: every policy on the public traces of spot capacity (`preemption/spot-traces` of the public data; \"Can't Be Late\", Wu et al., NSDI 2024).\n\
         There is no price history of that time. Spot prices are On-Demand less the saving that the Spot Advisor of February 2021 stated, equal in all zones of a region; On-Demand prices are those of April 2024 where none is known from before.\n\
         Model, policies and limits: [backtest.md](../backtest.md). The first comparison as a page with pictures: [backtest.html](backtest.html).\n\n\
         How to read it: policies that wait for spot lose where an episode has one or two pools, since there is nothing else to ask; with six zones the one that goes by failures costs little more than those that learn, and less than them while they keep On-Demand. What learning adds to public data shows in the column of differences: little money where an interruption costs a dollar, more where it costs ten. `calibrated` was fitted on these traces, `learned_rate` was not.\n\n"
        .to_owned();
    for (at, variant) in VARIANTS.iter().enumerate() {
        let began = Instant::now();
        let text = compared(setting, variant, at)?;
        eprintln!("== {}: {:.1} s", variant.heading, began.elapsed().as_secs_f64());
        let text = if variant.is_kept { text } else { together(&text)? };
        let flags = match variant.arguments {
            [] => String::new(),
            arguments => format!("`{}`\n\n", arguments.join(" ")),
        };
        writeln!(page, "## {}\n\n{flags}{}\n", variant.heading, text.trim_end())
            .map_err(|error| error.to_string())?;
    }
    Ok(page.trim_end().to_owned() + "\n")
}

/// The Markdown of one comparison.
fn compared(setting: &Setting, variant: &Variant, at: usize) -> Result<String, String> {
    let of = |path: &str| setting.reference.join(path);
    let markdown = setting.scratch.join(format!("backtest-{at}.md"));
    let html = match variant.is_kept {
        true => crate::root().join("docs/proofs/backtest.html"),
        false => setting.scratch.join("backtest.html"),
    };
    let output = Command::new(&setting.program)
        .arg("backtest")
        .arg("--events")
        .arg(of("preemption/spot-traces"))
        .arg("--market")
        .arg(of("spot-advisor/spot-advisor-data-2021-02.json"))
        .arg("--market")
        .arg(of("on-demand/ec2-linux-ondemand-2024-04.csv.gz"))
        .args(["--accept-average-prices", "--later-list-prices", "--output", "csv"])
        .arg("--html")
        .arg(html)
        .arg("--markdown")
        .arg(&markdown)
        .args(variant.arguments)
        .output()
        .map_err(|error| format!("{}: {error}", setting.program.display()))?;
    // 3: a trace of another cloud is left out.
    if !matches!(output.status.code(), Some(0 | 3)) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = std::fs::read_to_string(&markdown).map_err(|error| error.to_string())?;
    // Headings lie below those of the page.
    Ok(text.replace("\n## ", "\n### ").replacen("## ", "### ", 1))
}

/// The first table alone: all runs together.
fn together(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split("\n### ").collect();
    parts.first().map(|part| (*part).to_owned()).ok_or("the report is empty".to_owned())
}
