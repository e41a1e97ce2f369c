//! Models that the database knows: listed, activated, shadowing, given back.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::models::activation::{ActivateRequest, Activated, RollbackRequest};
use app::models::{ModelItem, ModelType};
use store::ModelFilter;

use crate::cli::{Format, Kept, ModelFiles, OneModel, PartOfList};
use crate::commands::gap::{one, told_of_more};
use crate::database::{with_app, with_models};
use crate::exit::{Exit, Failure};
use crate::output;

/// What a table shows of a model.
pub(super) const COLUMNS: [&str; 9] = [
    "model_id",
    "name",
    "version",
    "model_type",
    "active",
    "trained_until",
    "uploaded_at",
    "bytes",
    "description.format",
];

const ACTIVATED: [&str; 5] = ["status", "model_id", "version", "model_type", "previous_active"];

const SHADOWED: [&str; 5] = ["status", "model_id", "version", "model_type", "changed_at"];

pub(super) fn list(
    active: bool,
    name: Option<&str>,
    part: &PartOfList,
    kept: &Kept,
) -> Result<Exit, Failure> {
    let filter = ModelFilter {
        active: active.then_some(true),
        name: name.map(str::to_owned),
        limit: part.limit,
        offset: part.offset,
        ..ModelFilter::default()
    };
    let (models, total) = with_app(&kept.database, async |app| Ok(app.models(&filter).await?))?;
    output::rows(&COLUMNS, &models, kept.output)?;
    told_of_more(models.len(), total);
    Ok(Exit::Success)
}

pub(super) fn activate(wanted: &OneModel) -> Result<Exit, Failure> {
    let kept = &wanted.kept;
    let folder = wanted.files.folder(&kept.database.data)?;
    let done = with_models(&kept.database, folder, async |app| {
        let model_id = found(&app, &wanted.model).await?.model_id;
        let request = ActivateRequest { model_id, version: None };
        Ok(app.activate_model(&request, &Caller::command_line()).await?)
    })?;
    say(&done, kept.output)
}

pub(super) fn roll_back(
    model_type: ModelType,
    files: &ModelFiles,
    kept: &Kept,
) -> Result<Exit, Failure> {
    let done = with_models(&kept.database, files.folder(&kept.database.data)?, async |app| {
        let request = RollbackRequest { model_type };
        Ok(app.roll_back_model(&request, &Caller::command_line()).await?)
    })?;
    say(&done, kept.output)
}

pub(super) fn shadow(wanted: &OneModel, end: bool) -> Result<Exit, Failure> {
    let kept = &wanted.kept;
    let folder = wanted.files.folder(&kept.database.data)?;
    let done = with_models(&kept.database, folder, async |app| {
        let model_id = found(&app, &wanted.model).await?.model_id;
        let caller = Caller::command_line();
        Ok(if end {
            app.end_shadow(&model_id, &caller).await?
        } else {
            app.begin_shadow(&model_id, &caller).await?
        })
    })?;
    one(&SHADOWED, &done, kept.output)?;
    Ok(Exit::Success)
}

pub(super) fn delete(wanted: &OneModel) -> Result<Exit, Failure> {
    let kept = &wanted.kept;
    let folder = wanted.files.folder(&kept.database.data)?;
    let gone = with_models(&kept.database, folder, async |app| {
        let model_id = found(&app, &wanted.model).await?.model_id;
        Ok(app.delete_model(&model_id, &Caller::command_line()).await?)
    })?;
    one(&["status", "model_id", "name", "version", "deleted_at"], &gone, kept.output)?;
    Ok(Exit::Success)
}

pub(super) fn download(
    model: &str,
    to: &Path,
    files: &ModelFiles,
    kept: &Kept,
) -> Result<Exit, Failure> {
    let folder = files.folder(&kept.database.data)?;
    let (name, bytes) = with_models(&kept.database, folder, async |app| {
        let model_id = found(&app, model).await?.model_id;
        Ok(app.model_file(&model_id).await?)
    })?;
    if to == Path::new("-") {
        let written = std::io::stdout().lock().write_all(&bytes);
        written.map_err(|error| Failure::Output(error.to_string()))?;
    } else {
        let failed = |source| Failure::File { path: to.display().to_string(), source };
        std::fs::write(to, &bytes).map_err(failed)?;
        eprintln!("{name}: {} bytes are in {}", bytes.len(), to.display());
    }
    Ok(Exit::Success)
}

/// A model by its identifier or by `NAME@VERSION`.
async fn found(app: &Arc<App>, told: &str) -> Result<ModelItem, Failure> {
    let Some((name, version)) = told.rsplit_once('@') else {
        return Ok(app.model(told).await?);
    };
    let versions = app.versions_of(name).await?;
    versions
        .into_iter()
        .find(|model| model.version == version)
        .ok_or_else(|| Failure::NotFound(format!("there is no version `{version}` of `{name}`")))
}

fn say(done: &Activated, format: Format) -> Result<Exit, Failure> {
    one(&ACTIVATED, done, format)?;
    Ok(Exit::Success)
}
