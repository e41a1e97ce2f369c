//! Doing here and now what the server would do in the background, and showing how far it got.

use std::time::Duration;

use app::fetch::{LogLine, PriceSources};
use jobs::{Runner, RunnerConfig};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::exit::Failure;
use crate::progress;

/// How often the bar moves.
const LOOK: Duration = Duration::from_millis(150);

/// How far some work got.
pub(crate) struct Sight {
    pub(crate) over: bool,
    pub(crate) done: u64,
    pub(crate) all: u64,
    pub(crate) message: String,
    /// Why the last try failed, where another one is to come.
    pub(crate) waits: Option<String>,
    /// What was logged behind the line that was asked for.
    pub(crate) lines: Vec<LogLine>,
}

/// Works until some work is through, and gives what `look` saw last. `look` is told behind which line
/// of the log to read. `None` when somebody stopped it; it is handed back then.
pub(crate) async fn see_through<S>(
    sources: PriceSources,
    what: &str,
    look: impl AsyncFn(u64) -> Result<(S, Sight), app::Error>,
) -> Result<Option<S>, Failure> {
    let (stop, stopped) = watch::channel(false);
    let worker = format!("command line {}", std::process::id());
    let config = RunnerConfig { poll: LOOK, ..RunnerConfig::new(worker) };
    let (store, clock) = (sources.store.clone(), sources.clock.clone());
    let kinds = app::work::KINDS.to_vec();
    let runner = Runner::new(store, clock, config, kinds, app::work::work(sources));
    let mut background = JoinSet::new();
    background.spawn(runner.run(stopped));
    let watched = tokio::select! {
        seen = watched(what, look) => Some(seen),
        _ = tokio::signal::ctrl_c() => None,
    };
    let _ = stop.send(true);
    while background.join_next().await.is_some() {}
    match watched {
        Some(seen) => Ok(Some(seen?)),
        None => {
            eprintln!("stopped; the same command, or a server, goes on where it ended");
            Ok(None)
        }
    }
}

async fn watched<S>(
    what: &str,
    look: impl AsyncFn(u64) -> Result<(S, Sight), app::Error>,
) -> Result<S, app::Error> {
    let bar = progress::units(what);
    let (mut line, mut said) = (0, None);
    loop {
        let (seen, sight) = look(line).await?;
        bar.set_length(sight.all.max(1));
        bar.set_position(sight.done);
        bar.set_message(sight.message);
        for logged in sight.lines {
            line = logged.line;
            bar.println(logged.message);
        }
        if sight.over {
            bar.finish_and_clear();
            return Ok(seen);
        }
        // A try that failed is said once; the next one begins by itself.
        if sight.waits.is_some() && sight.waits != said {
            said = sight.waits;
            if let Some(why) = &said {
                eprintln!("note: {why}; it is tried again");
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
