//! A model as a form: streamed to the disk while it comes.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::models::folder::Incoming;
use app::models::{ModelItem, NewModel};
use app::{Error, FieldError};
use axum::Extension;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::list;
use crate::problem::Problem;

/// The most bytes of a field that is no file.
const LARGEST_FIELD: usize = 1 << 20;

/// A model that was taken in.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Uploaded {
    /// `ready`: received, parsed and validated.
    status: &'static str,
    /// Where its file lies, below the folder of models.
    upload_path: String,
    #[serde(flatten)]
    model: ModelItem,
}

/// `POST /models/upload`.
pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let mut form = form.map_err(|rejection| {
        let detail = format!("expected multipart/form-data with a part `file`: {rejection}");
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    })?;
    let mut file: Option<(String, Incoming)> = None;
    let mut fields = Map::new();
    while let Some(part) = form.next_field().await.map_err(|error| torn(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "file" {
            if file.is_some() {
                return Err(wrong("/file", "a second file; put several into one zip or tar"));
            }
            let file_name = part.file_name().unwrap_or("model").to_owned();
            file = Some((file_name, received(&app, part).await?));
        } else {
            let value = text(&name, part).await?;
            fields.insert(name, value);
        }
    }
    let wanted: NewModel = serde_json::from_value(Value::Object(fields)).map_err(|error| {
        wrong(
            "",
            &format!("{error}; expected model_name, model_version, model_type, trained_until_date"),
        )
    })?;
    let (file_name, incoming) = file.ok_or_else(|| wrong("/file", "is missing"))?;
    let model = app.upload_model(&wanted, &file_name, incoming, &caller).await?;
    let digest = model.sha256.as_deref().unwrap_or_default();
    let place = format!("/api/v1/ml/models/{}", model.model_id);
    let upload_path = format!("sha256/{}/{digest}", digest.get(..2).unwrap_or_default());
    Ok(list::created(&place, &Uploaded { status: "ready", upload_path, model }))
}

/// Writes a part to the disk as it comes. What was written goes when this fails.
async fn received(app: &App, mut part: Field<'_>) -> Result<Incoming, Problem> {
    let mut incoming = app.begin_model_file()?;
    while let Some(chunk) = part.chunk().await.map_err(|error| torn(&error))? {
        incoming.write(&chunk).map_err(|error| {
            if error.kind() == std::io::ErrorKind::FileTooLarge {
                let most = app.largest_model_file();
                let detail =
                    format!("received: a model may have {most} bytes (MAX_MODEL_FILE_SIZE_MB)");
                return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail);
            }
            Problem::from(Error::Unavailable(format!("the folder of models: {error}")))
        })?;
    }
    Ok(incoming)
}

/// The value of a field: `metadata` is JSON, `active` true or false, all others are texts.
async fn text(name: &str, mut part: Field<'_>) -> Result<Value, Problem> {
    let pointer = format!("/{name}");
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| torn(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST_FIELD {
            return Err(wrong(&pointer, "more than a mebibyte"));
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong(&pointer, "expected UTF-8"))?;
    match name {
        "metadata" | "active" => serde_json::from_str(&text)
            .map_err(|error| wrong(&pointer, &format!("no JSON: {error}"))),
        _ => Ok(Value::String(text)),
    }
}

fn torn(error: &MultipartError) -> Problem {
    let detail = format!("the form ended early or is none: {}", error.body_text());
    Problem::new(StatusCode::BAD_REQUEST, "invalid_body", detail)
}

fn wrong(pointer: &str, detail: &str) -> Problem {
    Problem::from(Error::Invalid(vec![FieldError {
        pointer: pointer.to_owned(),
        code: "invalid",
        detail: detail.to_owned(),
    }]))
}
