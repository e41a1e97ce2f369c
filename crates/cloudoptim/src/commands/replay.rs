//! `cloudoptim replay`: the same bytes again, or what differs.

use app::bundle::Bundle;

use crate::cli::Replay;
use crate::exit::{Exit, Failure};
use crate::{input, output, progress};

pub(crate) fn run(arguments: &Replay) -> Result<Exit, Failure> {
    let bytes = input::read(&arguments.bundle)?;
    let path = input::shown(&arguments.bundle);
    let failed =
        |message: String| Failure::Input { path: path.clone(), pointer: String::new(), message };
    let bundle: Bundle =
        serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
    let bar = progress::spinner("replaying");
    let replay = bundle.replay().map_err(|error| failed(error.to_string()))?;
    bar.finish_and_clear();
    output::decision(&replay.outcome, arguments.output, false)?;
    if replay.identical {
        eprintln!("identical: {} byte for byte", bundle.decision_id);
        return Ok(Exit::Success);
    }
    let why = if replay.same_build {
        "the bundle was changed, or this build is not deterministic"
    } else {
        "another build recorded it"
    };
    eprintln!("different: {why} (recorded by {}, replayed by {})", bundle.build, app::BUILD);
    Ok(Exit::Threshold)
}
