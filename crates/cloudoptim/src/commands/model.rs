//! `cloudoptim model`: models as files, and models as the server keeps them.

mod bundle;
mod inspect;
mod predict;
mod registry;
mod rows;
mod upload;
mod verify;

use app::models::reading::{ReadModel, read};

use crate::cli::{Model, ModelCommand};
use crate::exit::{Exit, Failure};
use bundle::Offered;

pub(crate) fn run(arguments: &Model) -> Result<Exit, Failure> {
    match &arguments.command {
        ModelCommand::Inspect { file, output } => inspect::run(file, *output),
        ModelCommand::Verify(wanted) => verify::run(wanted),
        ModelCommand::Upload(wanted) => upload::run(wanted),
        ModelCommand::List { active, name, part, kept } => {
            registry::list(*active, name.as_deref(), part, kept)
        }
        ModelCommand::Activate(wanted) => registry::activate(wanted),
        ModelCommand::Rollback { model_type, files, kept } => {
            registry::roll_back(*model_type, files, kept)
        }
        ModelCommand::Shadow { end, of } => registry::shadow(of, *end),
        ModelCommand::Delete(wanted) => registry::delete(wanted),
        ModelCommand::Download { model, to, files, kept } => {
            registry::download(model, to, files, kept)
        }
        ModelCommand::Predict(wanted) => predict::run(wanted),
    }
}

/// Reads a model; a refusal names the file.
fn model_of(offered: &Offered) -> Result<ReadModel, Failure> {
    read(&offered.bytes).map_err(|error| refused(&offered.shown, error))
}

/// Why a file was not taken, with its path before the place in it.
fn refused(path: &str, error: app::Error) -> Failure {
    match error {
        app::Error::Invalid(errors) => Failure::Refused {
            path: path.to_owned(),
            message: errors
                .into_iter()
                .map(|one| match one.pointer.as_str() {
                    "/file" => one.detail,
                    pointer => format!("{}: {}", pointer.trim_start_matches('/'), one.detail),
                })
                .collect::<Vec<_>>()
                .join("; "),
        },
        other => Failure::from(other),
    }
}
