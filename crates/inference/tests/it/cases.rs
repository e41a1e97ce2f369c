//! A model that a library wrote, with rows and its answers for them, as `make_models.py` leaves them.

use std::path::{Path, PathBuf};

use inference::{
    Engine, Instructions, Limits, Model, ReadOptions, Refusal, read_lightgbm, read_onnx,
    read_xgboost_json, read_xgboost_ubj,
};
use serde_json::Value;

/// A case of a folder.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) ending: String,
    pub(crate) file: Vec<u8>,
    pub(crate) rows: Vec<f64>,
    pub(crate) answers: Vec<f64>,
    pub(crate) outputs: usize,
    tolerance: f64,
}

/// The folder of committed cases.
pub(crate) fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// All cases of a folder, by name.
pub(crate) fn cases(folder: &Path) -> Vec<Case> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".json"));
    paths.retain(|path| !path.to_string_lossy().ends_with(".model.json"));
    paths.sort();
    paths.iter().map(|path| case(path)).collect()
}

fn case(path: &Path) -> Case {
    let about: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let ending = about["ending"].as_str().unwrap().to_owned();
    let numbers = |key: &str| match about.get(key) {
        Some(rows) => {
            let rows = rows.as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
            rows.map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
        }
        None => {
            let bytes = std::fs::read(path.with_extension(key)).unwrap();
            bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
        }
    };
    Case {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        file: std::fs::read(path.with_extension(&ending)).unwrap(),
        ending,
        rows: numbers("rows"),
        answers: numbers("answers"),
        outputs: about["outputs"].as_u64().unwrap() as usize,
        tolerance: about["tolerance"].as_f64().unwrap(),
    }
}

/// Reads a file by its ending.
pub(crate) fn read(ending: &str, file: &[u8]) -> Result<Model, Refusal> {
    let options = ReadOptions::default();
    match ending {
        "model.json" => read_xgboost_json(file, &options),
        "model.ubj" => read_xgboost_ubj(file, &options),
        "txt" => read_lightgbm(file, &options),
        "onnx" => read_onnx(file, &options),
        other => panic!("no reader for {other}"),
    }
}

/// The largest difference between our answers and the library's, as a share of what is tolerated;
/// or what went wrong.
pub(crate) fn compare(case: &Case) -> Result<f64, String> {
    let model = read(&case.ending, &case.file).map_err(|refusal| refusal.to_string())?;
    let engine = Engine::new(&model, &Limits::default(), Instructions::best())
        .map_err(|refusal| refusal.to_string())?;
    let answers = engine.predict(&case.rows, 2).map_err(|error| error.to_string())?;
    if engine.outputs() != case.outputs || answers.len() != case.answers.len() {
        return Err(format!("{} outputs; expected {}", engine.outputs(), case.outputs));
    }
    let mut largest: f64 = 0.0;
    for (at, (ours, theirs)) in answers.iter().zip(&case.answers).enumerate() {
        let difference = (ours - theirs).abs() / theirs.abs().max(1.0) / case.tolerance;
        if difference.is_nan() || difference > 1.0 {
            let row = at / case.outputs;
            let width = case.rows.len() * case.outputs / case.answers.len();
            let row = &case.rows[row * width..][..width];
            return Err(format!("row {row:?}: {ours}, expected {theirs} (answer {at})"));
        }
        largest = largest.max(difference);
    }
    Ok(largest)
}

/// Compares all cases and tells everything that differs.
pub(crate) fn compare_all(cases: &[Case]) {
    let mut wrong = Vec::new();
    for case in cases {
        match compare(case) {
            Ok(share) => println!("{:44} {:10} rows  {share:.3}", case.name, case.answers.len()),
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
