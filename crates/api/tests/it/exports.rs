//! Lists as files: the same rows in every format, harmless in a spreadsheet.

use jiff::SignedDuration;
use store::{OnDemandPoint, PriceBatch, PriceSeries};
use units::UsdPerHour;

use super::*;

/// Asks for a list with what the caller accepts.
async fn accepting(router: &Router, path: &str, accept: &str) -> Response<Body> {
    ask(router, Request::get(path).header("accept", accept).body(Body::empty()).unwrap()).await
}

/// A path with one more pair in its query.
async fn send(router: &Router, method: &str, path: &str, body: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(format!("/api/v1/ml/{path}"));
    let request = request.header("content-type", "application/json");
    ask(router, request.body(Body::from(body.to_owned())).unwrap()).await
}

fn with(path: &str, pair: &str) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}{pair}")
}

async fn text_of(response: Response<Body>) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    String::from_utf8(bytes(response).await).unwrap()
}

/// Header and records.
fn records(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let owned = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
    let header = owned(reader.headers().unwrap());
    (header, reader.records().map(|record| owned(&record.unwrap())).collect())
}

/// Every list with the place of its own things.
fn lists(gap: &str, refresh: &str, task: &str) -> Vec<(String, String)> {
    let document = api::openapi();
    let mut lists = Vec::new();
    for route in api::ROUTES {
        let operation = &document["paths"][route.path][route.method];
        let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        // What a decision is rendered as are files by themselves.
        if route.method != "get" || answer["type"] != "array" || route.path.ends_with("/rendered") {
            continue;
        }
        let path = route.path.replace("{cluster_id}", "test").replace("{gap_id}", gap);
        let path = path.replace("{refresh_id}", refresh).replace("{task_id}", task);
        let query = match route.operation {
            "listSpotPrices" => "?instance_type=m5.large&region=us-east-1",
            "listActivations" => "?model_type=spot_predictor",
            "priceCoverage" => "?start_date=2026-07-30",
            _ => "",
        };
        lists.push((route.operation.to_owned(), format!("{path}{query}")));
    }
    lists
}

async fn keep_prices(app: &App) {
    let now = app.clock().now();
    let mut batch = PriceBatch::default();
    for hour in 1..4 {
        let series = PriceSeries {
            instance_type: "m5.large".to_owned(),
            zone: "us-east-1a".to_owned(),
            zone_id: None,
            region: "us-east-1".to_owned(),
            product: "Linux/UNIX".to_owned(),
        };
        let price = UsdPerHour::from_nanos(40_000_000 + hour);
        batch.push(series, now - SignedDuration::from_hours(hour), price);
    }
    app.store().keep_prices(&batch, None, now).await.unwrap();
}

/// Every value of a row stands in its column.
fn agree(row: &Value, header: &[String], record: &[String], path: &str) {
    if let Some(place) = header.iter().position(|column| column == path) {
        let expected = match row {
            Value::Null => String::new(),
            Value::String(text) if text == "-1" => text.clone(),
            Value::String(text) if text.starts_with(['=', '+', '-', '@']) => format!("'{text}"),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        assert_eq!(record[place], expected, "{path}");
    } else if let Some(fields) = row.as_object() {
        for (name, value) in fields {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            agree(value, header, record, &path);
        }
    } else {
        assert!(row.is_null(), "{path} has no column in {header:?}");
    }
}

#[tokio::test]
async fn every_list_has_the_same_rows_in_every_format() {
    let (app, server) = app_and_router().await;
    let make = async |path: &str, body: &str| {
        let made = post(&server, &format!("/api/v1/ml/{path}"), body).await;
        assert!(made.status().is_success(), "{path}");
        json_of(made).await
    };
    keep_prices(&app).await;
    let decision = make("decision/bin-pack", &two_nodes(None)).await;
    let id = decision["decision_id"].as_str().unwrap();
    findings::found(&app, id, &[("node:a", Some(146.0)), ("node:b", None)]).await;
    make("clusters/test/snapshots", r#"{"nodes":[{"name":"a"}],"pods":[]}"#).await;
    make("clusters/old/snapshots", r#"{"taken_at":"2026-07-01T00:00:00Z","nodes":[]}"#).await;
    assert_eq!(app.watch_conditions().await.unwrap(), 1);
    let hook = r#"{"name":"=ops","kind":"webhook","url":"https://nobody.invalid/"}"#;
    make("notifications/channels", hook).await;
    make("notifications/channels/=ops/test", "{}").await;
    let pool = json!({ "instance_type": "m5.large", "availability_zone": "us-east-1a" });
    make("feedback/interruption", &pool.to_string()).await;
    let mut exposure = pool.clone();
    exposure["customer_id"] = json!("=acme");
    exposure["instances"] = json!(3);
    (exposure["from"], exposure["until"]) =
        (json!("2026-07-31T00:00:00Z"), json!("2026-08-01T00:00:00Z"));
    make("feedback/exposure", &exposure.to_string()).await;
    let mut word = pool;
    word["level"] = json!("CONFIRMED_RISKY");
    word["until"] = json!("2026-08-02T00:00:00Z");
    word["reason"] = json!("told so");
    let word = send(&server, "PUT", "feedback/pool-status/override", &word.to_string()).await;
    assert!(word.status().is_success());
    let season = json!({
        "name": "end of quarter", "from": "2026-09-29T00:00:00Z", "until": "2026-10-01T00:00:00Z",
        "factor": 1.8,
    });
    make("feedback/calendar", &season.to_string()).await;
    let model = json!({
        "model_name": "@spot", "model_version": "-1", "model_type": "spot_predictor",
        "trained_until_date": "2026-07-01", "active": true,
        "metadata": { "instance_types": ["m5.*"], "regions": ["us-east-1"] },
    });
    make("models", &model.to_string()).await;
    let pools = json!({ "instance_types": ["m5.*"], "regions": ["us-east-1"] }).to_string();
    let gap = make("gap-filler/fill", &pools).await;
    let refresh = make("refresh/trigger", &pools).await;
    make("refresh/schedule", r#"{"schedule_type":"weekly","time":"02:00"}"#).await;
    let outage = json!({ "events": [
        { "timestamp": "2026-07-01T00:00:00Z", "instance_type": "m5.large", "zone": "us-east-1a", "event": "return" },
    ], "name": "=outage" });
    make("backtests", &outage.to_string()).await;
    let task = json!({
        "data_type": "spot_prices", "instance_types": ["m5.*"], "regions": ["us-east-1"],
        "start_date": "2026-07-01", "end_date": "2026-07-03",
    });
    let task = make("pricing/fetch", &task.to_string()).await;
    let name = |of: &Value, field: &str| of[field].as_str().unwrap().to_owned();
    let lists =
        lists(&name(&gap, "gap_id"), &name(&refresh, "refresh_id"), &name(&task, "task_id"));
    let mut empty = Vec::new();
    for (operation, path) in &lists {
        let rows = json_of(get(&server, path).await).await;
        let rows = rows.as_array().unwrap_or_else(|| panic!("{operation}: {rows}"));
        let file = get(&server, &with(path, "format=csv")).await;
        assert_eq!(file.headers()["content-type"], "text/csv; charset=utf-8", "{operation}");
        let place = file.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(place.starts_with("attachment; ") && place.ends_with(".csv\""), "{place}");
        let file = text_of(file).await;
        assert!(file.ends_with("\r\n"), "{operation}");
        assert_eq!(text_of(accepting(&server, path, "text/csv").await).await, file);
        let (header, found) = records(&file);
        assert_eq!(found.len(), rows.len(), "{operation}: {file}");
        for (row, record) in rows.iter().zip(&found) {
            agree(row, &header, record, "");
        }
        let lines = get(&server, &with(path, "format=jsonl")).await;
        assert_eq!(lines.headers()["content-type"], "application/x-ndjson", "{operation}");
        let lines = text_of(lines).await;
        let accepted = accepting(&server, path, "text/csv;q=0.5, application/x-ndjson").await;
        assert_eq!(text_of(accepted).await, lines);
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(&lines, rows, "{operation}");
        let wrong = get(&server, &with(path, "format=xlsx")).await;
        assert_eq!(wrong.status(), StatusCode::BAD_REQUEST, "{operation}");
        let detail = json_of(wrong).await["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("format: ") && detail.contains("`jsonl`"), "{detail}");
        if rows.is_empty() {
            empty.push(operation.as_str());
        }
    }
    let expected = [
        "listOnDemandPrices",
        "listAdvice",
        "getFetchLog",
        "listPredictions",
        "getGapLog",
        "getRefreshLog",
        "listKeys",
    ];
    empty.retain(|operation| !expected.contains(operation));
    assert!(empty.is_empty(), "nothing was compared of {empty:?}");
}

#[tokio::test]
async fn an_empty_file_has_its_header() {
    let server = server().await;
    for (path, start) in [
        ("findings", "finding_id,cluster_id,customer_id,decision_type,"),
        ("decisions/history", "decision_id,decision_type,customer_id,cluster_id,executed_at,"),
        ("models/list", "model_id,name,version,"),
        ("keys", "key_id,"),
        ("predictions/history", "prediction_id,model_id,"),
        ("pricing/on-demand", "instance_type,region,operating_system,tenancy,hourly_price,"),
    ] {
        let file = text_of(get(&server, &format!("/api/v1/ml/{path}?format=csv")).await).await;
        assert!(file.starts_with(start), "{path}: {file}");
        assert_eq!(file.matches("\r\n").count(), 1, "{path}: {file}");
        let lines = text_of(get(&server, &format!("/api/v1/ml/{path}?format=jsonl")).await).await;
        assert_eq!(lines, "", "{path}");
    }
}

#[tokio::test]
async fn a_file_says_where_it_goes_on() {
    let (app, server) = app_and_router().await;
    let id = "019b8082-9480-7ca5-9a1c-5271be8264ff";
    findings::found(&app, id, &[("node:a", Some(2.0)), ("node:b", None)]).await;
    let path = "/api/v1/ml/findings?limit=1&format=csv&state=open";
    let page = get(&server, path).await;
    let next = "</api/v1/ml/findings?format=csv&state=open&limit=1&offset=1>; rel=\"next\"";
    assert_eq!(page.headers()["link"], next);
    let page = get(&server, &with(path, "offset=1")).await;
    assert!(!page.headers().contains_key("link"));
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = accepting(&server, "/api/v1/ml/findings", browser).await;
    assert_eq!(page.headers()["content-type"], "application/json");
    for version in ["1", "2"] {
        let model = json!({
            "model_name": "spot", "model_version": version, "model_type": "spot_predictor",
            "trained_until_date": "2026-07-01",
        });
        post(&server, "/api/v1/ml/models", &model.to_string()).await;
    }
    let now = app.clock().now();
    let price = |instance_type: &str| OnDemandPoint {
        instance_type: instance_type.to_owned(),
        region: "us-east-1".to_owned(),
        operating_system: "Linux".to_owned(),
        tenancy: "shared".to_owned(),
        effective_at: now,
        price: UsdPerHour::from_nanos(1_000_000),
        source: "test".to_owned(),
    };
    let prices = ["c5.large", "m5.large"].map(price);
    app.store().keep_on_demand(&prices, None, now).await.unwrap();
    let path = "/api/v1/ml/pricing/on-demand?limit=1&format=csv";
    let page = get(&server, path).await;
    let next = "</api/v1/ml/pricing/on-demand?format=csv&limit=1&offset=1>; rel=\"next\"";
    assert_eq!(page.headers()["link"], next);
    assert_eq!(records(&text_of(page).await).1.len(), 1);
    let page = get(&server, &with(path, "offset=2")).await;
    assert!(!page.headers().contains_key("link"));
    assert_eq!(records(&text_of(page).await).1.len(), 0);
    let page = accepting(&server, "/api/v1/ml/audit?limit=1", "application/x-ndjson").await;
    let next = "</api/v1/ml/audit?limit=1&offset=1>; rel=\"next\"";
    assert_eq!(page.headers()["link"], next);
}

#[tokio::test]
async fn findings_that_cost_something_are_rows_of_focus() {
    let (app, server) = app_and_router().await;
    let decision = post(&server, "/api/v1/ml/decision/bin-pack", &two_nodes(None)).await;
    let id = json_of(decision).await["decision_id"].as_str().unwrap().to_owned();
    findings::found(&app, &id, &[("node:a", Some(146.0)), ("b", None), ("c", Some(0.0))]).await;
    let file = get(&server, "/api/v1/ml/findings?format=focus").await;
    let place = file.headers()["content-disposition"].to_str().unwrap();
    assert_eq!(place, "attachment; filename=\"findings-focus.csv\"");
    let file = text_of(file).await;
    let (header, rows) = records(&file);
    let mandatory = "BilledCost BillingAccountId BillingAccountName BillingCurrency \
        BillingPeriodEnd BillingPeriodStart ChargeCategory ChargeClass ChargeDescription \
        ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuerName ListCost \
        PricingQuantity PricingUnit ProviderName PublisherName ServiceCategory ServiceName";
    for column in mandatory.split_whitespace() {
        assert!(header.iter().any(|one| one == column), "{column} in {header:?}");
    }
    let own = header.iter().skip_while(|column| !column.starts_with("x_"));
    assert!(own.clone().count() > 10 && own.clone().all(|column| column.starts_with("x_")));
    assert_eq!(rows.len(), 1, "what is no matter of money is no charge: {file}");
    let cell = |name: &str| {
        let place = header.iter().position(|one| one == name).unwrap();
        rows[0][place].as_str()
    };
    for unknown in ["BilledCost", "EffectiveCost", "ContractedCost", "BillingAccountId", "Tags"] {
        assert_eq!(cell(unknown), "", "{unknown}");
    }
    assert_eq!(cell("BillingPeriodStart"), "2026-08-01T00:00:00Z");
    assert_eq!(cell("ChargePeriodEnd"), "2026-09-01T00:00:00Z");
    assert_eq!(cell("x_SavingsUsdPerMonth"), "146.0");
    assert_eq!(cell("x_DecisionId"), id);
    assert_eq!(cell("ChargeDescription"), "'=1+1, \"quoted\"");
    let none = text_of(get(&server, "/api/v1/ml/findings?format=focus&state=applied").await).await;
    assert_eq!(none.trim_end(), file.lines().next().unwrap());
}

#[tokio::test]
async fn a_cost_that_a_decision_reckoned_is_a_list_cost() {
    let (app, server) = app_and_router().await;
    let path = "../engines/tests/golden/volume_cleanup/d_cheaper_type/input.json";
    let state = std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    let body = json!({ "current_state": state }).to_string();
    let decision = json_of(post(&server, "/api/v1/ml/decision/volume-cleanup", &body).await).await;
    let first = &decision["recommendations"][0];
    let name = first["finding"].as_str().unwrap();
    let id = decision["decision_id"].as_str().unwrap();
    findings::found(&app, id, &[(name, None), ("unknown", Some(1.0))]).await;
    let file = text_of(get(&server, "/api/v1/ml/findings?format=focus").await).await;
    let (header, rows) = records(&file);
    let place = |name: &str| header.iter().position(|one| one == name).unwrap();
    assert_eq!(rows.len(), 2, "{file}");
    let row = rows.iter().find(|row| row[place("x_Finding")] == name).unwrap();
    assert_eq!(row[place("ListCost")], first["cost_usd_per_month"].to_string());
    assert_eq!(row[place("x_SavingsUsdPerMonth")], "", "unknown is not 0");
    let other = rows.iter().find(|row| row[place("x_Finding")] == "unknown").unwrap();
    assert_eq!(other[place("ListCost")], "");
}
