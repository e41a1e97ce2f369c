//! `cloudoptim model upload`: a file into the database and the folder of models, as the server does it.

use std::io::ErrorKind;

use app::access::Caller;
use app::models::NewModel;

use super::bundle::offered;
use super::refused;
use super::registry::COLUMNS;
use crate::cli::ToUpload;
use crate::commands::gap::one;
use crate::database::with_models;
use crate::exit::{Exit, Failure};
use crate::{input, progress};

/// Bytes that are written at once.
const CHUNK: usize = 1 << 20;

pub(super) fn run(wanted: &ToUpload) -> Result<Exit, Failure> {
    let offered = offered(&wanted.file)?;
    let metadata = match &wanted.metadata {
        None => None,
        Some(path) => Some(metadata(path)?),
    };
    let new = NewModel {
        model_name: wanted.name.clone(),
        model_version: wanted.version.clone(),
        model_type: wanted.model_type,
        trained_until_date: wanted.trained_until,
        active: wanted.activate,
        metadata,
    };
    let folder = wanted.files.folder(&wanted.kept.database.data)?;
    let model = with_models(&wanted.kept.database, folder, async |app| {
        let mut incoming = app.begin_model_file()?;
        let bar = progress::bytes(offered.bytes.len() as u64, &offered.name);
        for chunk in offered.bytes.chunks(CHUNK) {
            incoming.write(chunk).map_err(|source| match source.kind() {
                ErrorKind::FileTooLarge => Failure::Refused {
                    path: offered.shown.clone(),
                    message: format!(
                        "a model may have {} bytes (MAX_MODEL_FILE_SIZE_MB)",
                        app.largest_model_file()
                    ),
                },
                _ => Failure::File { path: "the folder of models".to_owned(), source },
            })?;
            bar.inc(chunk.len() as u64);
        }
        bar.finish_and_clear();
        let reading = progress::spinner("reading and checking it");
        let taken = app.upload_model(&new, &offered.name, incoming, &Caller::command_line()).await;
        reading.finish_and_clear();
        taken.map_err(|error| match &error {
            app::Error::Invalid(errors) if errors.iter().all(|one| one.pointer == "/file") => {
                refused(&offered.shown, error)
            }
            _ => Failure::from(error),
        })
    })?;
    one(&COLUMNS, &model, wanted.kept.output)?;
    if !model.active {
        eprintln!("`cloudoptim model activate {}@{}` lets it answer", model.name, model.version);
    }
    Ok(Exit::Success)
}

fn metadata(path: &std::path::Path) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
    let bytes = input::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    // JSON is YAML.
    serde_saphyr::from_str(&text).map_err(|error| Failure::Refused {
        path: input::shown(path),
        message: format!("expected an object: {error}"),
    })
}
