//! The fields that the contract names are in the API document.

use super::*;

/// Method, path, and the fields of a body (`>`) or of an answer (`<`).
const FIELDS: &[(&str, &str, &str)] = &[
    (
        "post",
        "/api/v1/ml/models",
        "> model_name model_version model_type trained_until_date metadata",
    ),
    ("get", "/api/v1/ml/models/list", "< model_id name version trained_until active uploaded_at"),
    ("post", "/api/v1/ml/gap-filler/analyze", "> model_id required_lookback_days"),
    (
        "post",
        "/api/v1/ml/gap-filler/analyze",
        "< trained_until current_date gap_days required_data_types estimated_records",
    ),
    (
        "post",
        "/api/v1/ml/gap-filler/fill",
        "> model_id instance_types regions gap_start_date gap_end_date",
    ),
    ("post", "/api/v1/ml/gap-filler/fill", "< gap_id status estimated_duration_minutes"),
    (
        "get",
        "/api/v1/ml/gap-filler/status/{gap_id}",
        "< gap_id status percent_complete records_filled records_expected eta_seconds started_at \
         error_message",
    ),
    ("get", "/api/v1/ml/gap-filler/history", "< gap_id model_id gap_days status completed_at"),
    (
        "post",
        "/api/v1/ml/refresh/trigger",
        "> model_id refresh_from_date refresh_to_date instance_types regions auto_activate",
    ),
    ("post", "/api/v1/ml/refresh/trigger", "< refresh_id status estimated_duration_minutes"),
    (
        "get",
        "/api/v1/ml/refresh/status/{refresh_id}",
        "< refresh_id status percent_complete records_fetched started_at eta_seconds error_message",
    ),
    (
        "get",
        "/api/v1/ml/refresh/history",
        "< refresh_id model_id records_fetched duration_seconds completed_at",
    ),
    ("post", "/api/v1/ml/refresh/schedule", "> model_id schedule_type time lookback_days enabled"),
    ("post", "/api/v1/ml/refresh/schedule", "< schedule_id next_run_at"),
];

const QUERIES: &[(&str, &str)] = &[
    ("/api/v1/ml/models/list", "active limit offset"),
    ("/api/v1/ml/gap-filler/history", "limit offset"),
    ("/api/v1/ml/refresh/history", "model_id limit offset"),
];

#[test]
fn the_document_has_every_field_of_the_contract() {
    let document = api::openapi();
    for (method, path, fields) in FIELDS {
        let operation = &document["paths"][path][method];
        let content = match fields.strip_prefix('>') {
            Some(_) => &operation["requestBody"]["content"]["application/json"]["schema"],
            None => {
                let answers = operation["responses"].as_object().unwrap();
                let (_, answer) = answers.iter().find(|(code, _)| code.starts_with('2')).unwrap();
                &answer["content"]["application/json"]["schema"]
            }
        };
        let content = if content["type"] == "array" { &content["items"] } else { content };
        let name = content["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let properties = &document["components"]["schemas"][name]["properties"];
        for field in fields[1..].split_whitespace() {
            assert!(properties.get(field).is_some(), "{method} {path} lacks {field}");
        }
    }
    for (path, names) in QUERIES {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        for name in names.split(' ') {
            assert!(parameters.iter().any(|one| one["name"] == name), "{path} lacks {name}");
        }
    }
}

#[test]
fn who_may_call_is_in_the_document() {
    let document = api::openapi();
    let paths = &document["paths"];
    assert_eq!(paths["/livez"]["get"]["security"], json!([]));
    assert_eq!(paths["/api/v1/ml/keys"]["get"]["x-roles"], json!(["admin"]));
    assert_eq!(
        paths["/api/v1/ml/gap-filler/fill"]["post"]["x-roles"],
        json!(["operator", "admin"])
    );
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}
