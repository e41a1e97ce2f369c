//! `cloudoptim analyze`: every engine on one snapshot, one list whose savings add up.

use std::collections::BTreeMap;

use app::decide::Desk;
use app::joint::JointRequest;
use clock::Clock;
use facts::cluster::DecodeError;
use serde_json::value::RawValue;

use crate::cli::Analyze;
use crate::commands::decide;
use crate::exit::{Exit, Failure};
use crate::{input, market_files, output, progress};

pub(crate) fn run(arguments: &Analyze) -> Result<Exit, Failure> {
    let now = arguments.now.unwrap_or_else(|| Clock::system().now());
    let bytes = input::read(&arguments.input)?;
    let failed = |error: DecodeError| Failure::Input {
        path: input::shown(&arguments.input),
        pointer: error.pointer.strip_prefix("/current_state").unwrap_or(&error.pointer).to_owned(),
        message: error.message,
    };
    let policy = arguments.policy.as_deref().map(decide::policy).transpose()?;
    let mut request = request(&bytes).map_err(failed)?;
    if let (Some(policy), Some(path)) = (&policy, &arguments.policy) {
        request.requirements =
            serde_json::from_str(policy.get()).map_err(|error| Failure::Input {
                path: input::shown(path),
                pointer: String::new(),
                message: format!("expected policies by decision, such as `bin_pack`: {error}"),
            })?;
    }
    if !arguments.only.is_empty() {
        request.engines = Some(arguments.only.clone());
    }
    let desk = Desk::new(market_files::market(&arguments.market, now)?);
    let bar = progress::spinner("asking every engine");
    let joint = desk.decide_all(&request, now, None, None).map_err(failed)?;
    bar.finish_and_clear();
    if let Some(folder) = &arguments.render {
        for outcome in &joint.outcomes {
            let own = folder.join(&outcome.decision.decision_type);
            decide::write_rendered(&own, &outcome.json)?;
        }
    }
    output::joint(&joint.report, arguments.output, arguments.explain)?;
    let saved = joint.report.effective_savings_usd_per_month.dollars();
    let over = arguments.fail_on.is_some_and(|limit| saved > limit.0);
    Ok(if over { Exit::Threshold } else { Exit::Success })
}

/// A whole request, or a snapshot that becomes one.
fn request(bytes: &[u8]) -> Result<JointRequest<'_>, DecodeError> {
    if decide::is_request(bytes) {
        return JointRequest::from_json(bytes);
    }
    let current_state: &RawValue = serde_json::from_slice(bytes).map_err(|error| DecodeError {
        pointer: String::new(),
        message: format!("no JSON document: {error}"),
    })?;
    Ok(JointRequest {
        cluster_id: None,
        current_state,
        requirements: BTreeMap::new(),
        constraints: BTreeMap::new(),
        engines: None,
        left_out: Vec::new(),
    })
}
