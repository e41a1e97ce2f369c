//! `cloudoptim snapshot`: what people have becomes a snapshot.

use std::fs::File;
use std::path::Path;

use clock::Clock;
use snapshot::{ImportReport, Importer, Options};

use crate::cli::Snapshot;
use crate::exit::{Exit, Failure};
use crate::{input, output, progress};

pub(crate) fn run(arguments: &Snapshot) -> Result<Exit, Failure> {
    let region = arguments.region.as_deref().map(str::parse).transpose();
    let region = region.map_err(|error: facts::names::NameError| Failure::Input {
        path: "--region".to_owned(),
        pointer: String::new(),
        message: error.to_string(),
    })?;
    let mut importer = Importer::new(Options {
        cluster_id: arguments.cluster_id.clone(),
        region,
        at: Some(arguments.at.unwrap_or_else(|| Clock::system().now())),
        no_disruption_budgets: arguments.no_disruption_budgets,
    });
    let mut broken = false;
    for path in &arguments.files {
        for path in input::files(path)? {
            if let Err(error) = add(&mut importer, &path)? {
                // What was read before the break is kept; the exit code says that it is a part.
                eprintln!("warning: {error}");
                broken = true;
            }
        }
    }
    let (state, report) = importer.finish();
    output::print_json(&state)?;
    if arguments.report_json {
        let json =
            serde_json::to_string(&report).map_err(|error| Failure::Output(error.to_string()))?;
        eprintln!("{json}");
    } else {
        tell(&report);
    }
    Ok(if broken || report.unusable_total > 0 { Exit::Partial } else { Exit::Success })
}

fn add(importer: &mut Importer, path: &Path) -> Result<Result<(), snapshot::ImportError>, Failure> {
    let name = input::shown(path);
    if path == Path::new("-") {
        return Ok(importer.add(&name, std::io::stdin().lock()));
    }
    let failed = |source| Failure::File { path: name.clone(), source };
    let file = File::open(path).map_err(failed)?;
    let bar = progress::bytes(file.metadata().map_err(failed)?.len(), &name);
    let done = importer.add(&name, bar.wrap_read(file));
    bar.finish_and_clear();
    Ok(done)
}

fn tell(report: &ImportReport) {
    let list = |kinds: &std::collections::BTreeMap<String, u64>| {
        let parts: Vec<String> =
            kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        parts.join(", ")
    };
    eprintln!(
        "used: {}",
        if report.used.is_empty() { "nothing".to_owned() } else { list(&report.used) }
    );
    if !report.not_needed.is_empty() {
        eprintln!("not needed by any decision: {}", list(&report.not_needed));
    }
    if report.replaced > 0 {
        eprintln!("{} objects occurred more than once; the last one counts", report.replaced);
    }
    for remark in &report.remarks {
        eprintln!("note: {remark}");
    }
    for one in &report.unusable {
        eprintln!("not usable: {} in {}: {}", one.object, one.input, one.reason);
    }
    let unnamed = report.unusable_total - report.unusable.len() as u64;
    if unnamed > 0 {
        eprintln!("… and {unnamed} more that cannot be used");
    }
}
