//! Making decisions and looking them up.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::answer::name_in;
use app::bundle::Bundle;
use app::joint::JointReport;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use render::Artefact;

use crate::body;
use crate::problem::Problem;
use crate::rendering::RenderQuery;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `POST /decision`: the body says what.
pub(crate) async fn decide(
    state: State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<RenderQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    answer(state, &caller, None, query, &headers, body).await
}

/// `POST /decision/{decision}`: the path says what.
pub(crate) async fn decide_one(
    state: State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(decision): Path<String>,
    query: Result<Query<RenderQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    answer(state, &caller, Some(&decision), query, &headers, body).await
}

/// `POST /decision/all`: everything at once.
pub(crate) async fn decide_all(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Json<JointReport>, Problem> {
    body::must_be_json(&headers)?;
    Ok(Json(app.answer_all(content?, &caller).await?))
}

async fn answer(
    State(app): State<Arc<App>>,
    caller: &Caller,
    decision: Option<&str>,
    query: Result<Query<RenderQuery>, QueryRejection>,
    headers: &HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    body::must_be_json(headers)?;
    let query = rendering(query)?;
    let answer = app.answer(decision, content?, caller).await?;
    let mut response = found(&app, query.add_to(answer.json)?);
    if answer.repeated {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn rendering(query: Result<Query<RenderQuery>, QueryRejection>) -> Result<RenderQuery, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    query.check()?;
    Ok(query)
}

/// `GET /decisions/{id}`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    query: Result<Query<RenderQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = rendering(query)?;
    Ok(found(&app, query.add_to(app.decision(&id, &caller).await?)?))
}

/// A decision. Headers say where it is found again, what a person can apply of it, and what reproduces
/// it: its body is kept byte for byte and names none of them.
fn found(app: &App, json: Vec<u8>) -> Response {
    let permalink = name_in(&json).map(|id| app.permalink(id));
    let mut response = ([(header::CONTENT_TYPE, JSON)], json).into_response();
    let Some(permalink) = permalink else { return response };
    let links = format!(
        "<{0}>; rel=\"self\", <{1}>; rel=\"alternate\"; title=\"rendered\", \
         <{2}>; rel=\"related\"; title=\"bundle\"",
        permalink.decision(),
        permalink.rendered(),
        permalink.bundle()
    );
    let headers = [(header::CONTENT_LOCATION, permalink.decision()), (header::LINK, &links)];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// `GET /decisions/{id}/rendered`.
pub(crate) async fn rendered(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Artefact>>, Problem> {
    Ok(Json(app.rendered(&id, &caller).await?))
}

/// `GET /decisions/{id}/bundle`.
pub(crate) async fn bundle(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Bundle>, Problem> {
    Ok(Json(app.bundle(&id, &caller).await?))
}
