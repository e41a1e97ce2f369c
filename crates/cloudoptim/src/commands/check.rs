//! `cloudoptim check`: the plan checker on a decision from anywhere.

use facts::cluster::ClusterState;
use facts::decision::Decision;
use serde_json::Value;

use crate::cli::{Check, Format};
use crate::exit::{Exit, Failure};
use crate::{input, output};

pub(crate) fn run(arguments: &Check) -> Result<Exit, Failure> {
    let bytes = input::read(&arguments.input)?;
    let state = ClusterState::from_json(&bytes).map_err(|error| Failure::Input {
        path: input::shown(&arguments.input),
        pointer: error.pointer,
        message: error.message,
    })?;
    let bytes = input::read(&arguments.decision)?;
    // A step that this build does not know cannot be read, and is refused by that.
    let decision =
        facts::cluster::decode::<Decision<Value>>(&bytes).map_err(|error| Failure::Input {
            path: input::shown(&arguments.decision),
            pointer: error.pointer,
            message: error.message,
        })?;
    let violations = checker::check(&state.value, &decision.value);
    match arguments.output {
        Format::Table => output::violations(&violations, &decision.value),
        Format::Json => output::print_json(&violations)?,
        Format::Yaml => output::print_yaml(&violations)?,
        Format::Csv => output::violations_csv(&violations)?,
    }
    Ok(if checker::objects(&violations) { Exit::Threshold } else { Exit::Success })
}
