//! The API document (OpenAPI 3.1), made from the list of routes and the types themselves.

use app::access::{Right, Role};
use app::coverage::CoverageRow;
use app::fetch::{FetchRequest, FetchStatus, LogLine, Started};
use app::history::DecisionItem;
use app::models::NewModel;
use engines::registry::BUILT_IN;
use engines::request::DecisionRequestSchema;
use facts::reason::ReasonCode;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::body::LogQuery;
use crate::problem::Problem;
use crate::rendering::RenderQuery;
use crate::routes::coverage::CoverageQuery;
use crate::routes::decision_lists::HistoryQuery;
use crate::routes::fetch::FetchQuery;
use crate::routes::pricing::{
    AdvisorItem, OnDemandItem, PriceListQuery, SpotPriceItem, SpotPriceQuery,
};
use crate::routes::system::Health;
use crate::routes::{Gives, ROUTES, Route, Takes};

/// The document. It depends on the build alone.
#[must_use]
pub fn openapi() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let operation = operation(route, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation;
    }
    for engine in BUILT_IN {
        let path = format!("/api/v1/ml/decision/{}", engine.route());
        let mut operation =
            base(&format!("decide_{}", engine.decision()), engine.summary(), "decisions");
        operation["requestBody"] = body(
            &json!({
                "allOf": [reference::<DecisionRequestSchema>(&mut generator)],
                "properties": {
                    "requirements": engine.policy_schema(&mut generator),
                    "constraints": engine.constraints_schema(&mut generator),
                }
            }),
            &decision_example(),
        );
        let answer = engine.decision_schema(&mut generator);
        operation["responses"] = responses(&answer.into(), &mut generator);
        needs(Right::Decide, &mut operation);
        paths.insert(path, json!({ "post": operation }));
    }
    let mut reasons: Map<String, Value> = Map::new();
    for code in ReasonCode::ALL {
        let name = serde_json::to_value(code).unwrap_or_default();
        reasons.insert(name.as_str().unwrap_or_default().to_owned(), code.meaning().into());
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "CloudOptim ML Server",
            "version": "v1",
            "description": "Facts in, decisions out: Kubernetes cost decisions for clusters on AWS. Money is in United States dollars, a month has 730 hours, instants are RFC 3339 in UTC. What is unknown is null with a reason, never 0.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "decisions", "description": "Making decisions and looking them up, and comparing ways of deciding over the past." },
            { "name": "clusters", "description": "Snapshots of clusters, what scans of them found, and which features do so." },
            { "name": "pricing", "description": "Prices and interruption classes as they are kept." },
            { "name": "data", "description": "Keeping the prices of models complete: gaps, refreshes, schedules." },
            { "name": "models", "description": "Models, and the prices that they need." },
            { "name": "access", "description": "Keys, and the record of what was changed by whom." },
            { "name": "system", "description": "The server itself." },
        ],
        "paths": paths,
        "security": [{ "bearer": [] }, { "api_key": [] }],
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "api_key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
            },
        },
        "x-reason-codes": reasons,
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let tag = match route.path {
        path if path.contains("decision") || path.contains("/backtests") => "decisions",
        path if ["/clusters", "/findings", "/features"].iter().any(|part| path.contains(part)) => {
            "clusters"
        }
        path if path.contains("/pricing/") => "pricing",
        path if path.contains("/models") => "models",
        path if path.contains("/predict") || path.ends_with("/stream") => "predictions",
        path if ["/gap-filler/", "/refresh/", "/schedules"]
            .iter()
            .any(|part| path.contains(part)) =>
        {
            "data"
        }
        path if path.contains("/keys") || path.contains("/audit") => "access",
        _ => "system",
    };
    let mut operation = base(route.operation, route.summary, tag);
    needs(route.right, &mut operation);
    let mut parameters = Vec::new();
    for name in route.path.split('{').skip(1).filter_map(|part| part.split('}').next()) {
        parameters.push(json!({
            "name": name, "in": "path", "required": true, "schema": { "type": "string" }
        }));
    }
    match route.takes {
        Takes::DecisionRequest => {
            parameters.extend(query_parameters::<RenderQuery>());
            operation["requestBody"] =
                body(&reference::<DecisionRequestSchema>(generator), &decision_example());
        }
        Takes::DecisionId if matches!(route.gives, Gives::Decision) => {
            parameters.extend(query_parameters::<RenderQuery>());
        }
        Takes::HistoryQuery => parameters.extend(query_parameters::<HistoryQuery>()),
        Takes::SpotPriceQuery => parameters.extend(query_parameters::<SpotPriceQuery>()),
        Takes::PriceListQuery => parameters.extend(query_parameters::<PriceListQuery>()),
        Takes::Body(schema) => {
            if matches!(route.gives, Gives::Accepted(_)) || route.operation == "noteOutcome" {
                parameters.push(idempotency_key());
            }
            if route.method == "put" {
                parameters.push(if_match());
            }
            operation["requestBody"] = json!({ "required": true, "content": {
                "application/json": { "schema": schema(generator) }
            } });
        }
        Takes::Query(parameters_of) => parameters.extend(parameters_of()),
        Takes::FetchRequest => {
            operation["requestBody"] =
                body(&reference::<FetchRequest>(generator), &fetch_example());
            parameters.push(idempotency_key());
        }
        Takes::CoverageQuery => parameters.extend(query_parameters::<CoverageQuery>()),
        Takes::FetchQuery => parameters.extend(query_parameters::<FetchQuery>()),
        Takes::TaskLog => parameters.extend(query_parameters::<LogQuery>()),
        Takes::Upload => operation["requestBody"] = upload_form(generator),
        Takes::Nothing | Takes::DecisionId | Takes::TaskId => {}
    }
    let is_page = route.operation == "getBacktest";
    let is_table = !is_page && parameters.iter().any(|one| one["name"] == "format");
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    operation["responses"] = match route.gives {
        Gives::Decision => {
            let any = reference::<facts::decision::Decision<Value>>(generator);
            responses(&any, generator)
        }
        Gives::History => list::<DecisionItem>(generator),
        Gives::SpotPrices => list::<SpotPriceItem>(generator),
        Gives::OnDemandPrices => list::<OnDemandItem>(generator),
        Gives::Advice => list::<AdvisorItem>(generator),
        Gives::PriceStats => {
            let stats = reference::<app::pricing::PriceStats>(generator);
            responses(&stats, generator)
        }
        Gives::FetchStarted => {
            let started = reference::<Started>(generator);
            with_problems("202", "application/json", &started, generator)
        }
        Gives::FetchStatus => {
            let status = reference::<FetchStatus>(generator);
            responses(&status, generator)
        }
        Gives::Coverage => list::<CoverageRow>(generator),
        Gives::Fetches => list::<FetchStatus>(generator),
        Gives::Log => list::<LogLine>(generator),
        Gives::Health => {
            let health = reference::<Health>(generator);
            responses(&health, generator)
        }
        Gives::Bundle | Gives::OpenApi => responses(&json!({ "type": "object" }), generator),
        Gives::One(schema) => {
            let schema = schema(generator);
            responses(&schema, generator)
        }
        Gives::Many(schema) => {
            let items = schema(generator);
            responses(&json!({ "type": "array", "items": items }), generator)
        }
        Gives::Created(schema) => {
            let schema = schema(generator);
            with_problems("201", "application/json", &schema, generator)
        }
        Gives::Accepted(schema) => {
            let schema = schema(generator);
            with_problems("202", "application/json", &schema, generator)
        }
        Gives::Text => with_problems("200", "text/plain", &json!({ "type": "string" }), generator),
        Gives::Page => with_problems("200", "text/html", &json!({ "type": "string" }), generator),
        Gives::Stream => {
            with_problems("200", "text/event-stream", &json!({ "type": "string" }), generator)
        }
        Gives::File => {
            let bytes = json!({ "type": "string", "format": "binary" });
            with_problems("200", "application/octet-stream", &bytes, generator)
        }
    };
    if is_page {
        let content = &mut operation["responses"]["200"]["content"];
        content["text/html"] = json!({ "schema": { "type": "string" } });
    }
    if is_table {
        let content = &mut operation["responses"]["200"]["content"];
        for kind in ["text/csv", "application/x-ndjson"] {
            content[kind] = json!({ "schema": { "type": "string" } });
        }
    }
    operation
}

/// The form with a model's file: the fields of a recorded model, and the file.
fn upload_form(generator: &mut SchemaGenerator) -> Value {
    let fields = reference::<NewModel>(generator);
    let file = json!({
        "type": "object", "required": ["file"],
        "properties": { "file": { "type": "string", "format": "binary",
            "description": "XGBoost JSON or UBJ, LightGBM text, ONNX, pickle, joblib, or a zip or tar" } }
    });
    json!({ "required": true, "content": {
        "multipart/form-data": { "schema": { "allOf": [fields, file] } }
    } })
}

/// Says who may call.
fn needs(right: Right, operation: &mut Value) {
    if right == Right::Anybody {
        operation["security"] = json!([]);
    } else {
        operation["x-roles"] = right.roles().map(Role::name).collect::<Vec<_>>().into();
    }
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "schema": { "type": "string" },
        "description": "Your own name for the request: sent again, it gives the same job.",
    })
}

fn if_match() -> Value {
    json!({
        "name": "If-Match", "in": "header", "schema": { "type": "string" },
        "description": "The ETag of what you go by: refused where it was changed since.",
    })
}

fn base(operation: &str, summary: &str, tag: &str) -> Value {
    json!({ "operationId": operation, "summary": summary, "tags": [tag] })
}

fn body(schema: &Value, example: &Value) -> Value {
    json!({ "required": true, "content": { "application/json": {
        "schema": schema,
        "example": example,
    } } })
}

/// A request that works as it stands.
fn decision_example() -> Value {
    json!({
        "cluster_id": "example",
        "current_state": {
            "nodes": [
                { "name": "node-a", "cpu": "3920m", "memory": "14Gi", "usd_per_hour": 0.192 },
                { "name": "node-b", "cpu": "3920m", "memory": "14Gi", "usd_per_hour": 0.192 }
            ],
            "pods": [
                { "name": "web-1", "node": "node-a", "cpu": "500m", "memory": "1Gi" },
                { "name": "web-2", "node": "node-b", "cpu": "500m", "memory": "1Gi" }
            ]
        }
    })
}

/// A day of two types in one region.
fn fetch_example() -> Value {
    json!({
        "data_type": "spot_prices",
        "instance_types": ["m5.large", "c5.*"],
        "regions": ["us-east-1"],
        "start_date": "2026-10-01",
        "end_date": "2026-10-02",
        "products": ["Linux/UNIX"]
    })
}

fn responses(schema: &Value, generator: &mut SchemaGenerator) -> Value {
    with_problems("200", "application/json", schema, generator)
}

fn with_problems(
    success: &str,
    kind: &str,
    schema: &Value,
    generator: &mut SchemaGenerator,
) -> Value {
    let problem = reference::<Problem>(generator);
    let mut responses = Map::new();
    responses.insert(
        success.to_owned(),
        json!({ "description": "As asked for.", "content": { kind: { "schema": schema } } }),
    );
    for (status, description) in [
        ("400", "The request cannot be used; `errors` names the fields."),
        ("401", "A key is needed, or the one that came is worth nothing."),
        ("403", "The key has another role; `x-roles` says which are allowed."),
        ("404", "There is no such thing."),
        ("405", "The path takes another method."),
        ("409", "There is one already where only one may be."),
        ("412", "What you go by was changed since; read it again."),
        ("413", "The body is too large."),
        ("415", "The body is not JSON."),
        ("422", "The request contradicts an earlier one of the same name."),
        ("500", "A fault of the server."),
        ("503", "Something that is needed does not answer; try again."),
    ] {
        let content = json!({ "application/problem+json": { "schema": problem } });
        responses
            .insert(status.to_owned(), json!({ "description": description, "content": content }));
    }
    responses.into()
}

fn list<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    let items = reference::<T>(generator);
    responses(&json!({ "type": "array", "items": items }), generator)
}

fn reference<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().into()
}

/// The schema of a type, for the list of routes.
pub(crate) fn schema_of<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    reference::<T>(generator)
}

/// The parameters of a query, for the list of routes.
pub(crate) fn parameters_of<Q: schemars::JsonSchema>() -> Vec<Value> {
    query_parameters::<Q>()
}

fn query_parameters<Q: schemars::JsonSchema>() -> Vec<Value> {
    // Parameters stand in operations, where nothing could refer to definitions of their own.
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema: Value = settings.into_generator().into_root_schema_for::<Q>().into();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    properties
        .into_iter()
        .map(|(name, mut schema)| {
            let description = schema["description"].take();
            if let Some(schema) = schema.as_object_mut() {
                schema.remove("description");
            }
            let required = required.iter().any(|one| one.as_str() == Some(&name));
            let mut parameter =
                json!({ "name": name, "in": "query", "description": description, "schema": schema });
            if required {
                parameter["required"] = true.into();
            }
            parameter
        })
        .collect()
}
