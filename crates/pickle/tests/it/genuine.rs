//! Files that `pickle.dump` and `joblib.dump` wrote, committed beside the tests of `inference`.

use std::path::{Path, PathBuf};

use pickle::Limits;

/// Every committed file of every set of library versions, with its content expanded.
pub(crate) fn files() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../inference/tests/golden/pickles");
    let mut found = Vec::new();
    let listed = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    for set in listed(&folder).into_iter().filter(|set| set.is_dir()) {
        for path in listed(&set) {
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if !["pkl", "joblib"].contains(&ending) {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let content = match pickle::compression(&bytes) {
                Some(how) => pickle::decompress(&bytes, how, &Limits::default()).unwrap(),
                None => bytes,
            };
            found.push((path.display().to_string(), content));
        }
    }
    found
}

#[test]
fn every_genuine_file_is_read() {
    let files = files();
    assert!(files.len() >= 30, "{} files", files.len());
    for (name, content) in &files {
        if let Err(refusal) = pickle::read(content, &Limits::default()) {
            panic!("{name}: {refusal}");
        }
    }
}

#[test]
fn no_genuine_file_is_read_beyond_its_end_or_short_of_it() {
    for (name, content) in files() {
        for cut in [1, content.len() / 2, content.len() - 1] {
            let short = &content[..content.len() - cut];
            assert!(pickle::read(short, &Limits::default()).is_err(), "{name} cut by {cut}");
        }
        let long = [&content[..], b"."].concat();
        assert!(pickle::read(&long, &Limits::default()).is_err(), "{name} with a byte more");
    }
}
