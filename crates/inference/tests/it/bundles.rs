//! Bundles: a folder, a zip and a tar give the same model; archives that lie are refused.

use std::borrow::Cow;
use std::io::{Cursor, Write};
use std::path::Path;

use inference::{
    Bundle, BundleLimits, Engine, FeatureKind, Instructions, Label, Limits, Packed, ReadOptions,
    read_archive, read_bundle,
};
use zip::write::SimpleFileOptions;

const METADATA: &str =
    r#"{"model_type": "price", "features": ["a", "b", "c", "d", "family_encoded", "f"]}"#;
const IMPORTANCE: &str = ",feature,importance\n0,a,0.75\n1,b,0.25\n";

fn golden(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pickles").join(file))
        .unwrap()
}

/// What a training script leaves: a model, a scaler, encoders, metadata and importance.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("price_2026/model.pkl", golden("mid/xgb_regression.joblib")),
        ("price_2026/scaler.pkl", golden("mid/part_standard.pkl")),
        ("price_2026/label_encoders.pkl", golden("mid/label_encoders.pkl")),
        ("price_2026/metadata.json", METADATA.into()),
        ("price_2026/feature_importance.csv", IMPORTANCE.into()),
        ("price_2026/README.md", b"how it was made".to_vec()),
    ]
}

fn packed(files: &[(&str, Vec<u8>)]) -> Vec<Packed<'static>> {
    let pack = |(name, bytes): &(&str, Vec<u8>)| Packed {
        name: (*name).to_owned(),
        bytes: Cow::Owned(bytes.clone()),
    };
    files.iter().map(pack).collect()
}

fn zipped(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tarred(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bundle(files: &[(&str, Vec<u8>)]) -> Result<Bundle, String> {
    read_bundle(&packed(files), &ReadOptions::default()).map_err(|refusal| refusal.to_string())
}

fn unpacked(archive: &[u8]) -> Result<Vec<String>, String> {
    read_archive(archive, &BundleLimits::default())
        .map(|files| files.into_iter().map(|file| file.name).collect())
        .map_err(|refusal| refusal.to_string())
}

#[test]
fn every_way_of_packing_gives_the_same_bundle() {
    let files = files();
    let plain = bundle(&files).unwrap();
    for archive in [zipped(&files), tarred(&files), gzipped(&tarred(&files))] {
        let unpacked = read_archive(&archive, &BundleLimits::default()).unwrap();
        assert_eq!(read_bundle(&unpacked, &ReadOptions::default()).unwrap(), plain);
    }
    let roles: Vec<&str> = plain.files.iter().map(|(_, role)| *role).collect();
    assert_eq!(roles, ["model", "transformer", "label encoders", "metadata", "importance", ""]);
    assert_eq!(plain.importance, [("a".to_owned(), 0.75), ("b".to_owned(), 0.25)]);
    assert_eq!(plain.metadata.unwrap()["model_type"], "price");
}

#[test]
fn the_scaler_stands_before_the_model_and_encoders_name_codes() {
    let whole = bundle(&files()).unwrap().model;
    let alone = bundle(&files()[..1]).unwrap().model;
    let engine = |model| Engine::new(model, &Limits::default(), Instructions::best()).unwrap();
    let (whole_engine, alone_engine) = (engine(&whole), engine(&alone));
    let row = [0.3, -4.0, 0.05, 1.0, 2.0, 60.0];
    // The scaler of the goldens, undone by hand.
    let bytes = golden("mid/part_standard.pkl");
    let steps = inference::read_pickle(&bytes, &ReadOptions::default()).unwrap();
    let inference::Pickled::Steps { steps, .. } = steps else { panic!("no steps") };
    let [inference::Step::Affine(affine)] = &steps[..] else { panic!("no scaler") };
    let scaled: Vec<f64> =
        (0..6).map(|at| (row[at] - affine.shift[at]) / affine.factor[at]).collect();
    let expected = alone_engine.predict(&scaled, 1).unwrap();
    assert_eq!(whole_engine.predict(&row, 1).unwrap(), expected);
    let coded = &whole.signature.features[4];
    assert_eq!(coded.name.as_deref(), Some("family_encoded"));
    let FeatureKind::Code { values } = &coded.kind else { panic!("no codes") };
    assert_eq!(values[0], Label::Text("c5".to_owned()));
    let unmatched = whole.source.notes.iter().filter(|note| note.contains("no column is called"));
    assert_eq!(unmatched.count(), 2, "{:?}", whole.source.notes);
}

#[test]
fn scalers_and_encoders_may_be_json() {
    let mut files = files();
    let scaler = r#"{"mean": [1, 1, 1, 1, 1, 1], "scale": [2, 2, 2, 2, 2, 2]}"#;
    files[1] = ("scaler.json", scaler.into());
    files[2] = ("label_encoders.json", br#"{"family": ["c5", "m5"]}"#.to_vec());
    let model = bundle(&files).unwrap().model;
    let FeatureKind::Code { values } = &model.signature.features[4].kind else {
        panic!("no codes")
    };
    assert_eq!(values.len(), 2);
    files[1] = ("scaler.json", br#"{"mean": [1], "scale": [1, 2]}"#.to_vec());
    assert!(bundle(&files).unwrap_err().contains("scaler.json: scaler"));
}

#[test]
fn bundles_that_do_not_fit_together_are_refused_by_the_name_of_the_file() {
    let with = |name: &'static str, bytes: Vec<u8>| {
        let mut files = files();
        files.push((name, bytes));
        bundle(&files).unwrap_err()
    };
    let said = with("other.pkl", golden("new/ridge.joblib"));
    assert!(
        said.contains("other.pkl: model: found a second one beside price_2026/model.pkl"),
        "{said}"
    );
    assert!(with("second.json", b"{}".to_vec()).contains("second.json: metadata"));
    assert!(with("scaler2.joblib", golden("new/part_minmax.pkl")).contains("transformer"));
    assert!(
        with("x.csv", b"a,b\n1\n".to_vec()).contains("x.csv: importance: found a second")
            || with("x.csv", b"a,b\n1\n".to_vec()).contains("too few fields")
    );
    assert!(with("x.csv", b"a,b\nf,NaN\n".to_vec()).contains("importance, line 2"));
    assert!(with("evil.pkl", b"cos\nsystem\n(Vid\ntR.".to_vec()).contains("os.system"));
    assert!(with("model.bin", b"MZ\x90".to_vec()).contains("model.bin"));
    assert!(bundle(&files()[1..]).unwrap_err().contains("expected one model"));
    let mut narrow = files();
    narrow[1].1 = br#"{"mean": [1], "scale": [1]}"#.to_vec();
    narrow[1].0 = "scaler.json";
    let said = bundle(&narrow).unwrap_err();
    assert!(said.contains("scaler.json: 1 columns that become 1; the model takes 6"), "{said}");
}

#[test]
fn names_links_and_twins_are_refused() {
    for name in ["../model.pkl", "/etc/cron.d/x", "a/../../b", "a\\b", "C:b", "\u{202e}lkp"] {
        let said = unpacked(&zipped(&[(name, vec![1])])).unwrap_err();
        assert!(said.contains("entry: found"), "{name}: {said}");
    }
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("model.pkl", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let said = unpacked(&writer.finish().unwrap().into_inner()).unwrap_err();
    assert!(said.contains("model.pkl (symbolic link)"), "{said}");
    for kind in
        [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Char, tar::EntryType::Fifo]
    {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, "model.pkl", "/etc/passwd").unwrap();
        let said = unpacked(&builder.into_inner().unwrap()).unwrap_err();
        assert!(said.contains("links are not followed"), "{said}");
    }
    let twins = tarred(&[("model.pkl", vec![1]), ("./model.pkl", vec![2])]);
    assert!(unpacked(&twins).unwrap_err().contains("two entries"));
    let desktop = zipped(&[("__MACOSX/._model.pkl", vec![1]), ("model.pkl", vec![2])]);
    assert_eq!(unpacked(&desktop).unwrap(), ["model.pkl"]);
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0_u8; 64 << 20];
    let said = unpacked(&zipped(&[("model.pkl", zeros.clone())])).unwrap_err();
    assert!(said.contains("bytes of a bundle"), "{said}");
    let said = unpacked(&gzipped(&tarred(&[("model.pkl", zeros)]))).unwrap_err();
    assert!(said.contains("refused as a bomb"), "{said}");
    let many: Vec<(String, Vec<u8>)> = (0..300).map(|at| (format!("{at}"), vec![])).collect();
    let many: Vec<(&str, Vec<u8>)> =
        many.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    assert!(unpacked(&zipped(&many)).unwrap_err().contains("entries: 300"));
    assert!(unpacked(&tarred(&many)).unwrap_err().contains("entries: 257"));
    let small = BundleLimits { bytes: 100, ..BundleLimits::default() };
    for archive in [zipped(&[("a", vec![7; 101])]), tarred(&[("a", vec![7; 101])])] {
        assert!(read_archive(&archive, &small).is_err());
    }
    assert!(unpacked(b"7z\xbc\xaf\x27\x1c").unwrap_err().contains("zip, tar and tar.gz are"));
}

#[test]
fn changed_archives_never_panic() {
    let mut random = fastrand::Rng::with_seed(7);
    let small = &files()[2..];
    for archive in [zipped(small), tarred(small), gzipped(&tarred(small))] {
        for _ in 0..300 {
            let mut changed = archive.clone();
            for _ in 0..random.usize(1..8) {
                let at = random.usize(..changed.len());
                match random.u8(0..3) {
                    0 => changed[at] = random.u8(..),
                    1 => changed[at] ^= 1 << random.u8(0..8),
                    _ => changed.truncate(at.max(1)),
                }
            }
            if let Ok(files) = read_archive(&changed, &BundleLimits::default()) {
                let _ = read_bundle(&files, &ReadOptions::default());
            }
        }
    }
}
