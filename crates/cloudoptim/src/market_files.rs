//! Market files from disk, dated and merged with the bundled tables.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use market::{ImportReport, Limits, Market, MarketBuilder, MarketFile, Origin};

use crate::exit::Failure;
use crate::{input, progress};

/// A file that was read.
pub(crate) struct Loaded {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) file: MarketFile,
    pub(crate) observed_at: Timestamp,
}

/// The bundled market with files on top.
pub(crate) fn market(paths: &[PathBuf], now: Timestamp) -> Result<Market, Failure> {
    if paths.is_empty() {
        return Ok(market::bundled());
    }
    let mut builder = MarketBuilder::new();
    for file in market::bundled_files() {
        builder.add(file);
    }
    for loaded in load(paths, now)? {
        tell(&loaded.path, loaded.file.report());
        builder.add(loaded.file);
    }
    Ok(builder.build())
}

/// Reads market files and the files of folders.
pub(crate) fn load(paths: &[PathBuf], now: Timestamp) -> Result<Vec<Loaded>, Failure> {
    let mut loaded = Vec::new();
    for path in paths {
        for path in input::files(path)? {
            let bar = progress::spinner(&format!("reading {}", path.display()));
            let bytes = input::read(&path)?;
            let observed_at = observed_at(&path, now)?;
            let source = path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let origin = Origin::new(&source, observed_at);
            let file = market::parse(&bytes, &origin, &Limits::default()).map_err(|error| {
                Failure::Input {
                    path: input::shown(&path),
                    pointer: String::new(),
                    message: error.to_string(),
                }
            })?;
            bar.finish_and_clear();
            loaded.push(Loaded { path, bytes, file, observed_at });
        }
    }
    Ok(loaded)
}

/// When a file was observed: the date in its name, else when it was written. A table without dates
/// of its own that would come after the decision is taken as known at the decision, and said so.
fn observed_at(path: &Path, now: Timestamp) -> Result<Timestamp, Failure> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let dated = match date_in(&name) {
        // What a day's file holds was known when the day was over.
        Some(date) => {
            date.at(23, 59, 59, 0).to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        }
        None => {
            let failed = |source| Failure::File { path: input::shown(path), source };
            let written =
                std::fs::metadata(path).and_then(|known| known.modified()).map_err(failed)?;
            let seconds = written.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            Timestamp::from_second(i64::try_from(seconds).unwrap_or(0)).ok()
        }
    };
    let dated = dated.unwrap_or(now);
    if dated > now {
        eprintln!("note: {name} is dated {dated}, after the decision; it is used as if known then");
    }
    // Evidence is taken as of the start of the hour; a file of this hour is known by then.
    Ok(dated.min(engines::bin_packing::to_the_hour(now)))
}

/// The last `YYYY-MM-DD` or `YYYY-MM` in a name; a month stands for its last day.
fn date_in(name: &str) -> Option<Date> {
    let number = |from: usize, to: usize| name.get(from..to)?.parse::<i16>().ok();
    let small = |from: usize, to: usize| i8::try_from(number(from, to)?).ok();
    let date_at = |at: usize| -> Option<Date> {
        let year = number(at, at + 4).filter(|year| (2006..2200).contains(year))?;
        let dash = |at: usize| name.as_bytes().get(at) == Some(&b'-');
        let first = Date::new(year, small(at + 5, at + 7).filter(|_| dash(at + 4))?, 1).ok()?;
        let day = dash(at + 7).then(|| small(at + 8, at + 10)).flatten();
        let exact = day.and_then(|day| Date::new(year, first.month(), day).ok());
        Some(exact.unwrap_or_else(|| first.last_of_month()))
    };
    (0..name.len()).filter_map(date_at).max()
}

/// Says what became of a file's rows, when some of them were not used.
pub(crate) fn tell(path: &Path, report: &ImportReport) {
    if report.quarantined > 0 {
        eprintln!("note: {}: {} rows were not used", path.display(), report.quarantined);
        for row in report.quarantine.iter().take(3) {
            eprintln!("  {}: {}", row.place, row.reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_dates() {
        let check = |name: &str, date: Option<&str>| {
            assert_eq!(date_in(name).map(|date| date.to_string()).as_deref(), date, "{name}");
        };
        check("spot-advisor-data-2021-02.json", Some("2021-02-28"));
        check("spot-us-east-1-linux-2021-03-02_2021-04-30.csv.gz", Some("2021-04-30"));
        check("prices.csv", None);
        check("ec2-9999-99.csv", None);
    }
}
