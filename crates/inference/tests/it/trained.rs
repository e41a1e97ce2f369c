//! Models that are trained now, with the versions that are installed.

use std::path::Path;
use std::process::Command;

use crate::cases::{cases, compare_all};

/// Rows that are compared for each model.
const ROWS: &str = "100000";
/// Boosting rounds.
const ROUNDS: &str = "40";

/// `MODEL_PYTHONS` names the folder in which `make_venvs.sh` made its environments.
#[test]
fn models_trained_now_are_answered_as_their_library_answers() {
    let Ok(folder) = std::env::var("MODEL_PYTHONS") else {
        println!("skipped: MODEL_PYTHONS names no folder with environments of make_venvs.sh");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/make_models.py");
    for name in ["new", "mid", "old"] {
        let python = Path::new(&folder).join(format!("venv-{name}/bin/python"));
        if !python.exists() {
            println!("skipped: no environment {name}");
            continue;
        }
        let into = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trained-{name}"));
        let _ = std::fs::remove_dir_all(&into);
        std::fs::create_dir_all(&into).unwrap();
        let made = Command::new(python)
            .arg(&script)
            .arg(&into)
            .args([name, ROWS, ROUNDS])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let cases = cases(&into);
        assert!(cases.len() >= 40, "{} cases of {name}", cases.len());
        compare_all(&cases);
        // Rows and answers are large.
        std::fs::remove_dir_all(&into).unwrap();
    }
}
