//! The report as one page that needs nothing from elsewhere: tables, pictures, light and dark.

use std::fmt::Write as _;

use crate::plots::{costs, escaped, regrets};
use crate::policy::{POLICIES, PolicyName};
use crate::report::{PolicyReport, Report, RunReport};
use crate::text::{COLUMNS, about, number, policy_cells, pool_cells};

/// The page.
#[must_use]
pub fn html(report: &Report) -> String {
    let mut page = String::new();
    // Writing into a text cannot fail.
    let _ = written(report, &mut page);
    page
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1a1c1f;--paper:#fff;--faint:#d9dce1;--soft:#f3f4f6;\
--s0:#0072b2;--s1:#b35900;--s2:#00795a;--s3:#a8387f;--s4:#7a5c00;--s5:#2b7bbb;--s6:#6546b5;--s7:#5f6670;--s8:#1a1c1f}\
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--paper:#16181c;--faint:#3a3f47;--soft:#22262c;\
--s0:#5cb3ea;--s1:#f0913d;--s2:#3cc79c;--s3:#e58fc4;--s4:#d9b648;--s5:#8cc8f5;--s6:#b39df0;--s7:#a5adb8;--s8:#e8eaed}}\
body{margin:0 auto;max-width:78rem;padding:1.5rem;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}\
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.2rem;margin:2.2rem 0 .4rem;border-top:1px solid var(--faint);padding-top:1.2rem}\
h3{font-size:1rem;margin:1.2rem 0 .3rem}p,ul{margin:.4rem 0}code{font-size:.85em;overflow-wrap:anywhere}\
.wide{overflow-x:auto}table{border-collapse:collapse;margin:.6rem 0;font-variant-numeric:tabular-nums}\
caption{text-align:left;font-weight:600;padding:.2rem 0}th,td{padding:.25rem .5rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--faint)}\
th:first-child,td:first-child,.text td,.text th{text-align:left;white-space:normal}thead th{background:var(--soft);white-space:normal;vertical-align:bottom}\
tbody th{font-weight:500}figure{margin:.8rem 0;overflow-x:auto}svg{width:100%;min-width:34rem;max-width:760px;height:auto;color:var(--ink)}\
summary{cursor:pointer;padding:.2rem 0}nav a{margin-right:1rem;display:inline-block}a{color:inherit}\
.range{display:block;opacity:.75;font-size:.82em}";

fn written(report: &Report, page: &mut String) -> std::fmt::Result {
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Back-test of spot policies</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Back-test of spot policies</h1>\n"
    )?;
    let settings = &report.settings;
    writeln!(
        page,
        "<p>{} instances, a start takes {} seconds, an interruption costs {} dollars. Each policy knew at \
         every step what was known then. Numbers in brackets are 95 % intervals from drawing whole days \
         again; regret is full cost above the hindsight optimum.</p>",
        settings.instances, settings.startup_seconds, settings.interruption_cost_usd
    )?;
    navigation(report, page)?;
    if report.runs.len() > 1 {
        writeln!(page, "<section id=\"all\">\n<h2>All {} runs together</h2>", report.runs.len())?;
        policies("All runs", &report.together, page)?;
        figure(&costs("all-costs", "all runs", &report.together), page)?;
        writeln!(page, "</section>")?;
    }
    for (at, run) in report.runs.iter().enumerate() {
        section(at, run, page)?;
    }
    closing(report, page)?;
    writeln!(page, "</main>\n</body>\n</html>")
}

fn navigation(report: &Report, page: &mut String) -> std::fmt::Result {
    if report.runs.len() < 2 {
        return Ok(());
    }
    write!(page, "<nav aria-label=\"Runs\"><a href=\"#all\">All runs</a>")?;
    for (at, run) in report.runs.iter().enumerate() {
        write!(page, "<a href=\"#run-{at}\">{}</a>", escaped(&run.name))?;
    }
    writeln!(page, "</nav>")
}

fn section(at: usize, run: &RunReport, page: &mut String) -> std::fmt::Result {
    writeln!(
        page,
        "<section id=\"run-{at}\">\n<h2>{}</h2>\n<p>{}</p>",
        escaped(&run.name),
        escaped(&about(run))
    )?;
    policies("Policies", &run.policies, page)?;
    figure(&costs(&format!("costs-{at}"), &run.name, &run.policies), page)?;
    if let Some(regret) = regret_by_day(run) {
        figure(&regrets(&format!("regret-{at}"), run, &regret), page)?;
        days(run, &regret, page)?;
    }
    let rows: Vec<Vec<String>> = run.pools.iter().map(|pool| pool_cells(pool).to_vec()).collect();
    table(
        "Pools",
        "",
        &["pool", "capacity", "losses", "spot, $/h", "price is", "class"],
        &rows,
        page,
    )?;
    let left_out = run.left_out.iter().map(|left| {
        format!("left out: {} in {}: {}", left.pool.instance_type, left.pool.zone, left.reason)
    });
    list(left_out.chain(run.notes.iter().cloned()), page)?;
    writeln!(page, "</section>")
}

fn policies(caption: &str, rows: &[PolicyReport], page: &mut String) -> std::fmt::Result {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| policy_cells(row).to_vec()).collect();
    table(caption, "", &COLUMNS, &rows, page)
}

/// Regret added up day by day, where the run has the hindsight optimum to measure it to.
fn regret_by_day(run: &RunReport) -> Option<Vec<Vec<f64>>> {
    let best = run.policies.iter().position(|one| one.policy == PolicyName::HindsightOptimum)?;
    let regret = (0..run.policies.len()).map(|at| {
        let days = run.days.iter().scan(0.0, move |sum, day| {
            *sum += (day.full_cost_usd[at].dollars()) - day.full_cost_usd[best].dollars();
            Some(*sum)
        });
        days.collect()
    });
    Some(regret.collect())
}

fn days(run: &RunReport, regret: &[Vec<f64>], page: &mut String) -> std::fmt::Result {
    let mut header = vec!["day".to_owned()];
    header.extend(run.policies.iter().map(|one| one.policy.to_string()));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = run
        .days
        .iter()
        .enumerate()
        .map(|(at, day)| {
            let mut row = vec![day.day.to_string()];
            row.extend(regret.iter().map(|days| number(days[at], 2)));
            row
        })
        .collect();
    writeln!(page, "<details><summary>The numbers of this picture</summary>")?;
    table("Regret in dollars, added up by day", "", &header, &rows, page)?;
    writeln!(page, "</details>")
}

fn closing(report: &Report, page: &mut String) -> std::fmt::Result {
    writeln!(page, "<section id=\"about\">\n<h2>What was assumed</h2>")?;
    let settings = serde_json::to_value(&report.settings).unwrap_or_default();
    let rows: Vec<Vec<String>> = settings
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let shown = match value {
                serde_json::Value::Null => "—".to_owned(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            vec![name.clone(), shown]
        })
        .collect();
    table("Settings", "text", &["setting", "value"], &rows, page)?;
    let rows: Vec<Vec<String>> =
        POLICIES.iter().map(|entry| vec![entry.word.to_owned(), entry.does.to_owned()]).collect();
    table("Policies", "text", &["policy", "what it does"], &rows, page)?;
    let left_out =
        report.left_out.iter().map(|left| format!("left out: {}: {}", left.name, left.reason));
    list(report.notes.iter().cloned().chain(left_out), page)?;
    writeln!(
        page,
        "<p>Input <code>{}</code><br>market <code>{}</code></p>\n</section>",
        report.digest,
        escaped(&report.market_version)
    )
}

fn figure(svg: &str, page: &mut String) -> std::fmt::Result {
    if svg.is_empty() { Ok(()) } else { writeln!(page, "<figure>{svg}</figure>") }
}

fn list(lines: impl Iterator<Item = String>, page: &mut String) -> std::fmt::Result {
    let lines: Vec<String> = lines.map(|line| format!("<li>{}</li>", escaped(&line))).collect();
    if lines.is_empty() { Ok(()) } else { writeln!(page, "<ul>{}</ul>", lines.join("")) }
}

fn table(
    caption: &str,
    class: &str,
    header: &[&str],
    rows: &[Vec<String>],
    page: &mut String,
) -> std::fmt::Result {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    write!(
        page,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table{class}>\
         <caption>{0}</caption><thead><tr>",
        escaped(caption)
    )?;
    for name in header {
        write!(page, "<th scope=\"col\">{}</th>", escaped(name))?;
    }
    writeln!(page, "</tr></thead><tbody>")?;
    for row in rows {
        write!(page, "<tr>")?;
        for (at, cell) in row.iter().enumerate() {
            if at == 0 {
                write!(page, "<th scope=\"row\">{}</th>", escaped(cell))?;
            } else {
                write!(page, "<td>{}</td>", ranged(cell))?;
            }
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</tbody></table></div>")
}

/// A cell whose interval stands below its number.
fn ranged(cell: &str) -> String {
    let cell = escaped(cell);
    match (cell.find(" ["), cell.find(']')) {
        (Some(open), Some(close)) if open < close => format!(
            "{}{}<span class=\"range\">{}</span>",
            &cell[..open],
            &cell[close + 1..],
            &cell[open + 1..=close]
        ),
        _ => cell,
    }
}
