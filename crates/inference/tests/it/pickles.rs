//! Pickles and joblib files: every genuine one answers as Python did.
//!
//! `crates/pickle/tests/python/make_pickles.py` wrote the files, the rows and what Python said.

use std::path::{Path, PathBuf};
use std::process::Command;

use inference::{
    Cell, Engine, Feature, FeatureKind, Instructions, Limits, Meaning, Model, Pickled, Predictor,
    ReadOptions, Signature, Source, Step, read_pickle,
};
use serde_json::Value;

/// How far an answer may lie from Python's, relative to the larger of it and 1.
const TOLERANCE: f64 = 1e-6;

const SETS: [&str; 3] = ["new", "mid", "old"];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pickles")
}

fn floats(path: &Path) -> Vec<f64> {
    let bytes = std::fs::read(path).unwrap();
    bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
}

fn cells(path: &Path) -> Vec<Cell> {
    let text = std::fs::read(path).unwrap();
    let rows: Vec<Vec<Value>> = serde_json::from_slice(&text).unwrap();
    let cell = |value: &Value| match value {
        Value::String(text) => Cell::Text(text.clone()),
        number => Cell::Number(number.as_f64().unwrap_or(f64::NAN)),
    };
    rows.iter().flatten().map(cell).collect()
}

/// The answers for every row of a table. Of a transformer they are the changed rows: each cell is
/// asked for by a model that selects it.
fn answers(pickled: &Pickled, folder: &Path, table: &str) -> Vec<f64> {
    let model = match pickled {
        Pickled::Model(model) => model.clone(),
        Pickled::Steps { features, steps } => Box::new(as_model(*features, steps)),
        Pickled::Labels(_) => panic!("label encoders have no answers"),
    };
    let engine = Engine::new(&model, &Limits::default(), Instructions::best()).unwrap();
    if table == "mixed" {
        return engine.predict_cells(&cells(&folder.join("mixed.json"))).unwrap();
    }
    engine.predict(&floats(&folder.join(format!("{table}.f64"))), 2).unwrap()
}

/// Steps and an identity behind them.
fn as_model(features: usize, steps: &[Step]) -> Model {
    let width = steps.iter().fold(features, |width, step| step.features_out(width));
    let mut weights = vec![0.0; width * width];
    for at in 0..width {
        weights[at * width + at] = 1.0;
    }
    let linear = inference::Linear {
        features: width,
        groups: width,
        weights,
        intercepts: vec![0.0; width],
        link: inference::Link::Identity,
        missing: None,
    };
    let last = Box::new(Predictor::Linear(linear));
    Model {
        signature: Signature::numbers(features, &[], Meaning::Values { outputs: width }),
        predictor: Predictor::Pipeline { steps: steps.to_vec(), last },
        source: Source::default(),
    }
}

/// Compares every file of a folder; the number of files and answers, and the largest distance.
fn compare(folder: &Path) -> (usize, usize, f64) {
    let cases: Value =
        serde_json::from_slice(&std::fs::read(folder.join("cases.json")).unwrap()).unwrap();
    let (mut files, mut compared, mut furthest) = (0, 0, 0.0_f64);
    let mut wrong = Vec::new();
    for case in cases["cases"].as_array().unwrap() {
        let (name, file) = (case["name"].as_str().unwrap(), case["file"].as_str().unwrap());
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let pickled = match read_pickle(&bytes, &ReadOptions::default()) {
            Ok(pickled) => pickled,
            Err(refusal) => {
                wrong.push(format!("{file}: {refusal}"));
                continue;
            }
        };
        let found = answers(&pickled, folder, case["table"].as_str().unwrap());
        let expected = floats(&folder.join(format!("{name}.expected.f64")));
        if found.len() != expected.len() {
            wrong.push(format!("{file}: {} answers, not {}", found.len(), expected.len()));
            continue;
        }
        let far = |(found, expected): (&f64, &f64)| {
            if found.is_nan() && expected.is_nan() {
                return 0.0;
            }
            (found - expected).abs() / expected.abs().max(1.0)
        };
        // NaN against a number is as far as can be.
        let own =
            found.iter().zip(&expected).map(far).fold(0.0_f64, |most, far| {
                if far.is_nan() { f64::INFINITY } else { most.max(far) }
            });
        if own > TOLERANCE {
            let at = found
                .iter()
                .zip(&expected)
                .position(|pair| far(pair) > TOLERANCE || far(pair).is_nan());
            let at = at.unwrap_or(0);
            wrong.push(format!("{file}: answer {at} is {}, not {}", found[at], expected[at]));
        }
        files += 1;
        compared += found.len();
        furthest = furthest.max(own);
    }
    assert!(wrong.is_empty(), "{}\n{}", folder.display(), wrong.join("\n"));
    (files, compared, furthest)
}

#[test]
fn genuine_files_of_three_sets_of_versions_answer_as_python_did() {
    let mut files = 0;
    for set in SETS {
        let (own, _, furthest) = compare(&golden().join(set));
        println!("{set}: {own} files, at most {furthest:e} from Python");
        files += own;
    }
    assert!(files >= 150, "{files} files");
}

fn model(file: &str) -> Model {
    let bytes = std::fs::read(golden().join(file)).unwrap();
    match read_pickle(&bytes, &ReadOptions::default()).unwrap() {
        Pickled::Model(model) => *model,
        other => panic!("{file}: {other:?}"),
    }
}

#[test]
fn a_model_says_what_it_takes_answers_and_comes_from() {
    let forest = model("new/forest_names.pkl");
    let classes = forest.signature.meaning.classes().unwrap();
    let shown: Vec<String> = classes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["medium", "risky", "safe"]);
    assert_eq!(forest.source.format, "pickle of scikit-learn");
    assert_eq!(forest.source.version.as_deref(), Some("1.9.1"));
    assert_eq!(forest.source.objective.as_deref(), Some("RandomForestClassifier"));
    let boosted = model("old/lgbm_names.pkl");
    assert_eq!(boosted.signature.meaning.classes().unwrap(), classes);
    assert_eq!(boosted.source.format, "pickle of lightgbm");
    for set in SETS {
        let columns = model(&format!("{set}/columns_logistic.pkl"));
        assert_eq!(columns.signature.names().unwrap(), ["price", "load", "family", "zone", "tier"]);
        let kind = |feature: &Feature| feature.kind == FeatureKind::Any;
        let kinds: Vec<bool> = columns.signature.features.iter().map(kind).collect();
        assert_eq!(kinds, [false, false, true, true, false]);
    }
}

#[test]
fn label_encoders_are_read_with_the_names_of_their_columns() {
    for set in SETS {
        let bytes = std::fs::read(golden().join(set).join("label_encoders.pkl")).unwrap();
        let Pickled::Labels(encoders) = read_pickle(&bytes, &ReadOptions::default()).unwrap()
        else {
            panic!("{set}: no label encoders");
        };
        let shown: Vec<(Option<&str>, String)> = encoders
            .iter()
            .map(|encoding| {
                let labels: Vec<String> = encoding.labels.iter().map(ToString::to_string).collect();
                (encoding.column.as_deref(), labels.join(" "))
            })
            .collect();
        let expected = [
            (Some("family"), "c5 m5 r5 t3".to_owned()),
            (Some("zone"), "a b c".to_owned()),
            (Some("code"), "3 5 7".to_owned()),
        ];
        assert_eq!(shown, expected);
    }
}

/// Trains with each environment that is there and compares 100,000 rows.
#[test]
fn models_trained_now_answer_as_python_does_on_many_rows() {
    let Ok(environments) = std::env::var("MODEL_PYTHONS") else {
        println!("skipped: MODEL_PYTHONS names no folder with environments of make_venvs.sh");
        return;
    };
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../pickle/tests/python/make_pickles.py");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pickles");
    for set in SETS {
        let python = Path::new(&environments).join(format!("venv-{set}/bin/python"));
        if !python.exists() {
            println!("skipped: {} is not there", python.display());
            continue;
        }
        let status = Command::new(&python)
            .arg(&script)
            .arg(&folder)
            .args([set, "--rows", "100000", "--trees", "30", "--train", "4000"])
            .status()
            .unwrap();
        assert!(status.success(), "{set}: {status}");
        let (files, compared, furthest) = compare(&folder.join(set));
        println!("{set}: {files} files, {compared} answers, at most {furthest:e} from Python");
    }
    std::fs::remove_dir_all(&folder).ok();
}
