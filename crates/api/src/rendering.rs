//! A decision with what it can be applied with: `?render=`.
//!
//! The decision that is kept stays as it is; what is rendered is added to the answer only.
//! This module refuses to know what a rendered file says.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::problem::Problem;

/// What `render` may name.
const KINDS: [&str; 5] = ["kubernetes", "patch", "script", "table", "text"];

/// Whether files come with the decision.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenderQuery {
    /// `all`, or kinds with commas between them: `kubernetes`, `patch`, `script`, `table`, `text`. The
    /// answer then has `rendered`, a list of files.
    render: Option<String>,
}

impl RenderQuery {
    /// Refuses kinds that there are not, before anything is decided.
    ///
    /// # Errors
    /// Names the kind.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        for kind in self.kinds() {
            if kind != "all" && !KINDS.contains(&kind) {
                return Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "invalid_query",
                    format!(
                        "`render`: expected `all` or some of {}, found `{kind}`",
                        KINDS.join(", ")
                    ),
                ));
            }
        }
        Ok(())
    }

    /// A decision's JSON, with `rendered` at its end when files were asked for.
    ///
    /// # Errors
    /// A text that is no decision.
    pub(crate) fn add_to(&self, mut json: Vec<u8>) -> Result<Vec<u8>, Problem> {
        if self.render.is_none() {
            return Ok(json);
        }
        let internal = |error: serde_json::Error| {
            let detail = format!("a decision could not be rendered: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
        };
        let mut files = app::history::artefacts(&json).map_err(internal)?;
        files.retain(|file| self.kinds().any(|kind| kind == "all" || kind == file.kind));
        // It was read as an object just now: `rendered` goes in before its closing brace.
        json.truncate(json.iter().rposition(|byte| *byte == b'}').unwrap_or_default());
        json.extend_from_slice(b",\"rendered\":");
        serde_json::to_writer(&mut json, &files).map_err(internal)?;
        json.push(b'}');
        Ok(json)
    }

    fn kinds(&self) -> impl Iterator<Item = &str> {
        self.render
            .as_deref()
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|kind| !kind.is_empty())
    }
}
