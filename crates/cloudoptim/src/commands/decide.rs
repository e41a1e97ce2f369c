//! `cloudoptim decide`: a decision without a server.

use std::path::Path;

use app::decide::Desk;
use clock::Clock;
use engines::registry;
use engines::request::DecisionRequest;
use facts::cluster::DecodeError;
use serde_json::value::RawValue;

use crate::cli::Decide;
use crate::exit::{Exit, Failure};
use crate::{input, market_files, output, progress};

pub(crate) fn run(arguments: &Decide) -> Result<Exit, Failure> {
    let engine = registry::for_decision(&arguments.decision)
        .ok_or_else(|| Failure::UnknownDecision(arguments.decision.clone()))?;
    let now = arguments.now.unwrap_or_else(|| Clock::system().now());
    let bytes = input::read(&arguments.input)?;
    let failed = |error: DecodeError| Failure::Input {
        path: input::shown(&arguments.input),
        pointer: error.pointer.strip_prefix("/current_state").unwrap_or(&error.pointer).to_owned(),
        message: error.message,
    };
    let policy = arguments.policy.as_deref().map(policy).transpose()?;
    let mut request = request(&bytes).map_err(failed)?;
    if let Some(policy) = &policy {
        request.requirements = Some(policy);
    }
    let desk = Desk::new(market_files::market(&arguments.market, now)?);
    let bar = progress::spinner(&format!("deciding: {}", engine.summary()));
    let outcome = desk.decide(engine, &request, now, None, None).map_err(failed)?;
    bar.finish_and_clear();
    if let Some(path) = &arguments.record {
        let json = serde_json::to_vec(&outcome.bundle())
            .map_err(|error| Failure::Output(error.to_string()))?;
        std::fs::write(path, json)
            .map_err(|source| Failure::File { path: input::shown(path), source })?;
    }
    if let Some(folder) = &arguments.render {
        write_rendered(folder, &outcome.json)?;
    }
    output::decision(&outcome, arguments.output, arguments.explain)?;
    Ok(if checker::objects(&outcome.violations) { Exit::Partial } else { Exit::Success })
}

/// A whole request, or a snapshot that becomes one.
fn request(bytes: &[u8]) -> Result<DecisionRequest<'_>, DecodeError> {
    if is_request(bytes) {
        return DecisionRequest::from_json(bytes);
    }
    let current_state: &RawValue = serde_json::from_slice(bytes).map_err(|error| DecodeError {
        pointer: String::new(),
        message: format!("no JSON document: {error}"),
    })?;
    Ok(DecisionRequest {
        request_id: None,
        cluster_id: None,
        decision_type: None,
        current_state,
        requirements: None,
        constraints: None,
    })
}

/// Writes the files that carry a decision out; what was there under their names is replaced.
pub(super) fn write_rendered(folder: &Path, json: &[u8]) -> Result<(), Failure> {
    let artefacts =
        app::history::artefacts(json).map_err(|error| Failure::Output(error.to_string()))?;
    if artefacts.is_empty() {
        return Ok(());
    }
    for artefact in &artefacts {
        let path = folder.join(&artefact.name);
        let failed = |source| Failure::File { path: input::shown(&path), source };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        std::fs::write(&path, &artefact.content).map_err(failed)?;
    }
    let files = if artefacts.len() == 1 { "file" } else { "files" };
    eprintln!("{} {files} in {}", artefacts.len(), folder.display());
    Ok(())
}

/// Whether a document is a request and not a bare snapshot.
pub(super) fn is_request(bytes: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Head {
        current_state: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Head>(bytes).is_ok_and(|head| head.current_state.is_some())
}

/// A policy file, JSON or YAML, as JSON text.
pub(super) fn policy(path: &Path) -> Result<Box<RawValue>, Failure> {
    let bytes = input::read(path)?;
    let failed = |message: String| Failure::Input {
        path: input::shown(path),
        pointer: String::new(),
        message,
    };
    let text = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    let value: serde_json::Value = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(_) => serde_saphyr::from_str(&text).map_err(|error| failed(error.to_string()))?,
    };
    RawValue::from_string(value.to_string()).map_err(|error| failed(error.to_string()))
}
