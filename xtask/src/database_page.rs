//! `docs/database.md`, written from the migrations: what each table is for, its columns and keys, and
//! where its rows lie when the database is spread over several machines.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Where the rows of a table lie in a distributed PostgreSQL.
enum Place {
    /// Beside all rows of the same value of this column, which is part of every key.
    By(&'static str),
    /// Whole on every machine: small, or joined with everything.
    Everywhere,
    /// On one machine: work and bookkeeping that no large query joins.
    Local,
}

/// Every table. A new one is placed here, or the page is not written.
const PLACES: &[(&str, Place)] = &[
    ("advisor_points", Place::By("instance_type")),
    ("api_keys", Place::Everywhere),
    ("audit_log", Place::Local),
    ("calendar_entries", Place::Everywhere),
    ("backtests", Place::Local),
    ("cluster_snapshots", Place::By("cluster_id")),
    ("clusters", Place::By("cluster_id")),
    ("customer_zones", Place::By("customer_id")),
    ("customers", Place::Everywhere),
    ("forgotten_predictions", Place::By("model_id")),
    ("gap_fills", Place::Local),
    ("dataset_totals", Place::Local),
    ("decision_counter", Place::Local),
    ("decision_engines", Place::Everywhere),
    ("decision_order", Place::Local),
    ("decision_outcomes", Place::By("cluster_id")),
    ("decision_parts", Place::By("digest")),
    ("decisions", Place::By("cluster_id")),
    ("feature_counts", Place::By("model_id")),
    ("feature_references", Place::By("model_id")),
    ("feature_toggle_counter", Place::Local),
    ("feature_toggles", Place::Everywhere),
    ("feature_usage", Place::By("cluster_id")),
    ("feedback_counter", Place::Local),
    ("feedback_learning_stats", Place::Local),
    ("fetched_documents", Place::By("digest")),
    ("findings", Place::By("cluster_id")),
    ("installation", Place::Everywhere),
    ("instance_exposure", Place::By("customer_id")),
    ("interruption_feedback", Place::By("customer_id")),
    ("job_log", Place::Local),
    ("jobs", Place::Local),
    ("ml_models", Place::Everywhere),
    ("refreshes", Place::Local),
    ("on_demand_points", Place::By("instance_type")),
    ("model_activations", Place::Everywhere),
    ("notification_attempts", Place::Local),
    ("notification_channels", Place::Local),
    ("notification_deliveries", Place::Local),
    ("notification_events", Place::Local),
    ("notification_pending", Place::Local),
    ("notification_told", Place::Local),
    ("pattern_hours", Place::By("instance_type")),
    ("pattern_workloads", Place::By("instance_type")),
    ("pool_days", Place::By("customer_id")),
    ("pool_level_changes", Place::Local),
    ("pool_levels", Place::Local),
    ("prediction_counter", Place::Local),
    ("predictions", Place::By("model_id")),
    ("price_points", Place::By("series_id")),
    ("price_series", Place::Everywhere),
    ("proactive_rebalance_jobs", Place::Local),
    ("quarantined_rows", Place::Local),
    ("risk_score_adjustments", Place::Everywhere),
    ("scans", Place::By("cluster_id")),
    ("schedule_runs", Place::Local),
    ("schedules", Place::Local),
    ("sightings", Place::By("cluster_id")),
    ("snapshot_contents", Place::By("cluster_id")),
    ("standing_alerts", Place::Local),
];

const HEAD: &str = "# The database\n\n\
    Written by `cargo xtask regenerate` from the migrations of PostgreSQL; do not edit.\n\
    The embedded SQLite has the same tables and columns: times are microseconds since 1970, identifiers are 16 bytes, and documents are JSON text.\n\
    Money is a whole number of billionths of a dollar wherever a column ends in `nanos`.\n\
    Views are for reading: they show dollars and timestamps under the names that other programs know.\n";

/// A table or view.
struct Relation<'a> {
    name: &'a str,
    remark: String,
    body: Body<'a>,
    indexes: Vec<&'a str>,
}

enum Body<'a> {
    Table { columns: Vec<(&'a str, String)>, rules: Vec<&'a str> },
    View(&'a str),
}

/// Writes the page, or says what stands against it.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    let path = root.join("docs/database.md");
    let page = page(root)?;
    fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))
}

/// The page as it should be.
pub(crate) fn page(root: &Path) -> Result<String, String> {
    let folder = root.join("crates/store/migrations/postgres");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    files.sort();
    let mut text = HEAD.to_owned();
    let mut seen = Vec::new();
    for file in files {
        let sql = fs::read_to_string(&file).map_err(failed)?;
        for relation in relations(&sql)? {
            describe(&mut text, &relation)?;
            if matches!(relation.body, Body::Table { .. }) {
                seen.push(relation.name.to_owned());
            }
        }
    }
    match PLACES.iter().find(|(name, _)| !seen.iter().any(|one| one == name)) {
        Some((name, _)) => Err(format!("`{name}` is placed, but no migration makes it")),
        None => Ok(text),
    }
}

fn relations(sql: &str) -> Result<Vec<Relation<'_>>, String> {
    let mut found: Vec<Relation<'_>> = Vec::new();
    let mut remark = Vec::new();
    let mut rest = sql.trim_start();
    while !rest.is_empty() {
        if let Some(line) = rest.strip_prefix("--") {
            let (line, after) = line.split_once('\n').unwrap_or((line, ""));
            remark.push(line.trim());
            rest = after.trim_start();
            continue;
        }
        // The body of a function ends with its second quotes, not with its first statement.
        let end = if rest.starts_with("CREATE FUNCTION") { "$$;" } else { ";" };
        let (statement, after) = rest.split_once(end).ok_or("a statement without an end")?;
        rest = after.trim_start();
        let remark = std::mem::take(&mut remark).join(" ");
        if let Some(table) = statement.strip_prefix("CREATE TABLE ") {
            let (name, inner) = table.split_once(" (").ok_or("a table without columns")?;
            let inner = inner.trim_end().strip_suffix(')').ok_or("a table without an end")?;
            found.push(Relation { name, remark, body: table_body(inner), indexes: Vec::new() });
        } else if let Some(view) = statement.strip_prefix("CREATE VIEW ") {
            let (name, query) = view.split_once(" AS").ok_or("a view without a query")?;
            found.push(Relation { name, remark, body: Body::View(query), indexes: Vec::new() });
        } else if statement.starts_with("CREATE FUNCTION") {
            // The trigger that calls it is shown.
        } else if statement.starts_with("CREATE") {
            found.last_mut().ok_or("an index before its table")?.indexes.push(statement);
        } else if !statement.starts_with("INSERT") {
            return Err(format!("the page cannot show `{statement}`"));
        }
    }
    Ok(found)
}

fn table_body(inner: &str) -> Body<'_> {
    let (mut columns, mut rules) = (Vec::new(), Vec::new());
    for line in inner.lines().map(|line| line.trim().trim_end_matches(',')) {
        if ["PRIMARY KEY", "UNIQUE", "CHECK", "FOREIGN KEY"]
            .iter()
            .any(|rule| line.starts_with(rule))
        {
            rules.push(line);
        } else if let Some((name, kind)) = line.split_once(' ') {
            columns.push((name, kind.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    Body::Table { columns, rules }
}

fn describe(text: &mut String, relation: &Relation<'_>) -> Result<(), String> {
    let Relation { name, remark, body, indexes } = relation;
    let _ = write!(text, "\n## `{name}`\n\n");
    if !remark.is_empty() {
        let _ = writeln!(text, "{remark}\n");
    }
    match body {
        Body::Table { columns, rules } => {
            let place = PLACES.iter().find(|(known, _)| known == name);
            let (_, place) = place.ok_or_else(|| {
                format!(
                    "`{name}` has no place in xtask/src/database_page.rs; say where its rows lie"
                )
            })?;
            let _ = match place {
                Place::By(column) => {
                    keyed(name, column, columns, rules)?;
                    writeln!(text, "Distributed by `{column}`.\n")
                }
                Place::Everywhere => writeln!(text, "A reference table.\n"),
                Place::Local => writeln!(text, "A local table.\n"),
            };
            text.push_str("| column | type |\n|---|---|\n");
            for (column, kind) in columns {
                let _ = writeln!(text, "| `{column}` | {kind} |");
            }
            if !rules.is_empty() || !indexes.is_empty() {
                text.push('\n');
            }
            for rule in rules.iter().chain(indexes) {
                let rule = rule.split_whitespace().collect::<Vec<_>>().join(" ");
                let _ = writeln!(text, "- `{rule}`");
            }
        }
        Body::View(query) => {
            let _ = writeln!(text, "A view, on PostgreSQL only where it needs its types.\n");
            let _ = writeln!(text, "```sql\n{}\n```", query.trim());
        }
    }
    Ok(())
}

/// Every key of a distributed table must contain the column that it is distributed by.
fn keyed(
    name: &str,
    column: &str,
    columns: &[(&str, String)],
    rules: &[&str],
) -> Result<(), String> {
    let own =
        columns.iter().filter(|(_, kind)| kind.contains("PRIMARY KEY") || kind.contains("UNIQUE"));
    let mut keys: Vec<&str> = own.map(|(column, _)| *column).collect();
    keys.extend(rules.iter().copied());
    match keys.iter().find(|key| {
        !key.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == column)
    }) {
        Some(key) => {
            Err(format!("`{name}` is distributed by `{column}`, which its key `{key}` lacks"))
        }
        None => Ok(()),
    }
}
