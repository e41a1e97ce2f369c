//! Golden cases: a folder under `tests/golden/<engine>/` holds a question and the whole answer.
//!
//! `input.json` is the cluster; beside it may lie `policy.json`, `constraints.json`, `now.txt` (an
//! instant), `sightings.json` (by state and identifier, since when) and a folder `market` with files
//! in any format that the market reads. The catalogue of instance types is the bundled one. `UPDATE_GOLDEN=1 cargo test -p engines` writes the answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use engines::engine::{Sightings, Sources};
use engines::prepared::{AnyEngine, ErasedDecision, Run};
use engines::registry::BUILT_IN;
use engines::request::DecisionRequest;
use jiff::Timestamp;
use market::{
    CatalogueFile, Limits, Market, MarketBuilder, MarketFile, Origin, bundled_files, parse,
};
use serde_json::Value;
use serde_json::value::RawValue;

const DEFAULT_NOW: &str = "2026-08-01T12:00:00Z";

#[test]
fn answers_are_the_golden_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    let mut cases = 0;
    for engine in BUILT_IN {
        let folder = root.join(engine.name());
        for case in sorted(&folder).into_iter().filter(|path| path.is_dir()) {
            cases += 1;
            let decision = answer(*engine, &case);
            let value = shown(&decision);
            let json = format!("{}\n", serde_json::to_string_pretty(&value).unwrap());
            for (file, content) in [("decision.json", json), ("decision.txt", text(&value))] {
                let path = case.join(file);
                if update {
                    fs::write(&path, &content).unwrap();
                } else if fs::read_to_string(&path).unwrap_or_default() != content {
                    wrong.push(path.display().to_string());
                }
            }
        }
    }
    assert!(cases > 0, "there are no cases below {}", root.display());
    assert!(
        wrong.is_empty(),
        "answers differ from {wrong:#?}; see them with UPDATE_GOLDEN=1 and git diff"
    );
}

#[test]
fn every_engine_describes_itself() {
    for engine in BUILT_IN {
        let mut generator = schemars::SchemaGenerator::default();
        for schema in [
            engine.policy_schema(&mut generator),
            engine.constraints_schema(&mut generator),
            engine.decision_schema(&mut generator),
        ] {
            assert!(serde_json::to_string(&schema).unwrap().len() > 2, "{}", engine.name());
        }
        let defaults = engine.prepare_recorded("{}", &engine.default_policy()).unwrap();
        assert_eq!(defaults.policy_json(), engine.default_policy());
    }
}

/// The market of a case: the bundled catalogue and the files of its folder.
pub(crate) fn market_of(case: &Path, now: Timestamp) -> Market {
    let mut builder = MarketBuilder::new();
    // Reading the catalogue takes longer than most cases.
    static CATALOGUE: OnceLock<Vec<CatalogueFile>> = OnceLock::new();
    let catalogue = CATALOGUE.get_or_init(|| {
        let files = bundled_files().into_iter().filter_map(|file| match file {
            MarketFile::Catalogue(catalogue) => Some(catalogue),
            _ => None,
        });
        files.collect()
    });
    for file in catalogue {
        builder.add(MarketFile::Catalogue(file.clone()));
    }
    for path in sorted(&case.join("market")) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("?").to_owned();
        let bytes = fs::read(&path).unwrap();
        let file = parse(&bytes, &Origin::new(&name, now), &Limits::default()).unwrap();
        assert_eq!(file.report().quarantined, 0, "{name} has bad rows");
        builder.add(file);
    }
    builder.build()
}

/// Asks an engine what a case asks, replays the recorded evidence and holds both answers equal.
pub(crate) fn answer(engine: &dyn AnyEngine, case: &Path) -> ErasedDecision {
    let read = |name: &str| fs::read_to_string(case.join(name)).ok();
    let raw = |text: &str| RawValue::from_string(text.trim().to_owned()).unwrap();
    let input = raw(&read("input.json").unwrap());
    let policy = read("policy.json").map(|text| raw(&text));
    let constraints = read("constraints.json").map(|text| raw(&text));
    let now = read("now.txt").unwrap_or_else(|| DEFAULT_NOW.to_owned());
    let now: Timestamp = now.trim().parse().unwrap();
    let request = DecisionRequest {
        request_id: None,
        cluster_id: None,
        decision_type: None,
        current_state: &input,
        requirements: policy.as_deref(),
        constraints: constraints.as_deref(),
    };
    let prepared =
        engine.prepare(&request).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    let market = market_of(case, now);
    let sightings: BTreeMap<String, BTreeMap<String, Timestamp>> =
        read("sightings.json").map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default();
    let first_seen = |state: &str, id: &str| sightings.get(state)?.get(id).copied();
    let kept = Sightings { first_seen: &first_seen };
    let sightings = (!sightings.is_empty()).then_some(kept);
    let evidence = prepared.gather(now, &Sources { sightings, ..Sources::of(&market) });
    let run = Run {
        now,
        build: "golden",
        request_id: None,
        cluster_id: None,
        input_digest: blake3::hash(input.get().as_bytes()),
        stop_after: None,
        cancelled: None,
    };
    let decision = prepared.decide(&evidence, &run).unwrap();
    let recorded = engine.prepare_recorded(input.get(), prepared.policy_json()).unwrap();
    let reread = engine.read_evidence(&evidence.json).unwrap();
    let replayed = recorded.decide(&reread, &run).unwrap();
    let bytes = |decision: &ErasedDecision| serde_json::to_string(decision).unwrap();
    assert_eq!(bytes(&decision), bytes(&replayed), "{}: a replay differs", case.display());
    decision
}

/// A decision without what changes with every change of the input: digests and names made of them.
fn shown(decision: &ErasedDecision) -> Value {
    let mut value = serde_json::to_value(decision).unwrap();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("decision_id");
        if let Some(evidence) = fields.get_mut("evidence").and_then(Value::as_object_mut) {
            for name in ["input_digest", "policy_digest", "market_digest", "seed"] {
                evidence.remove(name);
            }
        }
    }
    value
}

/// The same for reading: one line for each thing that an answer says.
fn text(decision: &Value) -> String {
    let mut out = String::new();
    let list = |name: &str| decision[name].as_array().cloned().unwrap_or_default();
    for (name, indent) in
        [("recommendations", "recommend"), ("allocation", "share"), ("layers", "layer")]
    {
        for item in list(name) {
            let _ = writeln!(out, "{indent}: {}", scalars(&item));
        }
    }
    for item in list("rejected") {
        let (subject, detail) = (&item["subject"], plain(&item["detail"]));
        let name = format!("{} {}", plain(&subject["kind"]), plain(&subject["name"]));
        let _ = writeln!(out, "refused: {name}: {}: {detail}", plain(&item["code"]));
    }
    for item in list("warnings") {
        let _ = writeln!(out, "warning: {}: {}", plain(&item["code"]), plain(&item["message"]));
    }
    for item in list("execution_plan") {
        let (action, target) = (plain(&item["action"]), &item["target"]);
        let name = format!("{} {}", plain(&target["kind"]), plain(&target["name"]));
        let more = ["check", "what", "reason", "patch"];
        let more = more.iter().filter(|key| !item[**key].is_null()).map(|key| plain(&item[*key]));
        let more: Vec<String> = more.collect();
        let _ = writeln!(out, "step {}: {action} {name} {}", item["step"], more.join(" "));
        for eviction in item["evictions"].as_array().into_iter().flatten() {
            let (space, pod) = (plain(&eviction["namespace"]), plain(&eviction["pod"]));
            let _ = write!(out, "  pod {space}/{pod} to {}", plain(&eviction["expected_node"]));
            let grace = eviction["grace_seconds"].as_u64().map(|own| format!(" within {own} s"));
            let _ = writeln!(out, "{}", grace.unwrap_or_default());
        }
    }
    let bound = &decision["evidence"]["bound"];
    if let Some(bound) = bound.as_object() {
        let _ = writeln!(out, "bound: {}", scalars(&Value::Object(bound.clone())));
    }
    let savings = &decision["savings"];
    let (before, after) = (&savings["before_usd_per_hour"], &savings["after_usd_per_hour"]);
    let _ = writeln!(
        out,
        "cost: {before} -> {after} dollars an hour, {} unknown prices",
        savings["unknown_prices"]
    );
    let _ = writeln!(
        out,
        "saves: {} dollars a month: {}",
        decision["estimated_savings"],
        plain(&savings["formula"])
    );
    let _ = writeln!(out, "confidence: {}", decision["confidence_score"]);
    out
}

/// The fields of an object that are numbers, texts or truth values, in their order by name.
fn scalars(item: &Value) -> String {
    let fields = item.as_object().into_iter().flatten();
    let simple =
        fields.filter(|(_, value)| !value.is_array() && !value.is_object() && !value.is_null());
    let words: Vec<String> =
        simple.map(|(name, value)| format!("{name}={}", plain(value))).collect();
    words.join(" ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(crate) fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
