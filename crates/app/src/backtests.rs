//! Back-tests of ways to buy capacity: asked for here, run by a job, looked up again.

mod ask;
mod status;
mod stored;
mod work;

use backtest::{InputError, PolicyName, PoolEvent, PoolTrace, Read, Settings, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use ask::BacktestStarted;
pub use status::{BacktestDetails, BacktestItem};
pub use stored::StoredInterruptions;
pub(crate) use work::run_backtest;

use crate::Error;
use crate::gaps::field;

/// The kind of job that runs one.
pub const RUN_BACKTEST: &str = "run_backtest";

/// What is to be compared, on which past.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "name": "last spring",
    "policies": ["lowest_price", "adaptive", "hindsight_optimum"],
    "events": [
        { "timestamp": "2026-07-01T03:00:00Z", "instance_type": "m5.large", "zone": "us-east-1a", "event": "interruption" },
        { "timestamp": "2026-07-01T05:00:00Z", "instance_type": "m5.large", "zone": "us-east-1a", "event": "return" }
    ],
    "from": "2026-07-01T00:00:00Z",
    "until": "2026-07-03T00:00:00Z",
    "settings": { "instances": 10, "spot_share": 0.4 }
}]))]
pub struct BacktestRequest {
    /// Your name for it.
    pub name: Option<String>,
    /// The policies; all of them when empty.
    pub policies: Vec<PolicyName>,
    /// Interruptions and returns of pools.
    pub events: Vec<PoolEvent>,
    /// Capacity of pools step by step.
    pub traces: Vec<PoolTrace>,
    /// Interruptions that were reported to this server.
    pub stored_interruptions: Option<StoredInterruptions>,
    /// Replay events from this instant on; the first event when absent.
    #[schemars(with = "Option<String>")]
    pub from: Option<jiff::Timestamp>,
    /// Replay events up to before this instant; a step after the last event when absent.
    #[schemars(with = "Option<String>")]
    pub until: Option<jiff::Timestamp>,
    /// What is assumed.
    pub settings: Settings,
}

impl BacktestRequest {
    /// What is to be replayed, with `stored` beside the events of the request.
    fn episodes(&self, stored: Vec<PoolEvent>) -> Result<Read, Error> {
        self.settings.checked().map_err(invalid)?;
        let mut episodes = backtest::episodes_of_traces(self.traces.clone())
            .map_err(|error| at("/traces", &error))?;
        let mut events = self.events.clone();
        events.extend(stored);
        if !events.is_empty() {
            let window = Window { from: self.from, until: self.until };
            let name = self.name.as_deref().unwrap_or("events");
            let episode = backtest::episode_of_events(name, &events, window, &self.settings);
            episodes.push(episode.map_err(|error| at("/events", &error))?);
        }
        if episodes.is_empty() {
            return Err(field(
                "/events",
                "missing",
                "expected events, traces or stored_interruptions",
            ));
        }
        Ok(Read { episodes, left_out: Vec::new() })
    }
}

/// What is wrong with a request, by the field where it is.
fn invalid(error: InputError) -> Error {
    match &error {
        InputError::Setting { field: name, expected } => {
            field(&format!("/settings/{name}"), "invalid", &format!("expected {expected}"))
        }
        _ => at("/events", &error),
    }
}

fn at(pointer: &str, error: &InputError) -> Error {
    field(pointer, "invalid", &error.to_string())
}
