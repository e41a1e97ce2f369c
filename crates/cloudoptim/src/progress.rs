//! Signs of life during long work: bars on terminals, silence elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over a known number of bytes.
pub(crate) fn bytes(total: u64, what: &str) -> ProgressBar {
    let bar = visible(ProgressBar::new(total));
    let style = "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

/// A bar over a known number of rows.
pub(crate) fn rows(total: u64, what: &str) -> ProgressBar {
    let bar = visible(ProgressBar::new(total));
    let style = "{msg} {bar:30} {pos}/{len} rows {per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

/// A bar over units of a job, with what it says of itself behind it.
pub(crate) fn units(what: &str) -> ProgressBar {
    let bar = visible(ProgressBar::new(1));
    let style = "{prefix} {bar:30} {percent}% {eta} {msg}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar
}

/// A spinner for work of unknown length. It appears only when the work takes a while.
pub(crate) fn spinner(what: &str) -> ProgressBar {
    let bar = visible(ProgressBar::new_spinner());
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn visible(bar: ProgressBar) -> ProgressBar {
    if std::io::stderr().is_terminal() { bar } else { ProgressBar::hidden() }
}
