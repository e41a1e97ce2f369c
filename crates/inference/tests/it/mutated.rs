//! Genuine files with something changed: refused, or answering with finite numbers.

use std::collections::BTreeMap;

use inference::{Engine, Instructions, Limits};
use serde_json::Value;

use crate::cases::{cases, golden, read};

/// What stands at the edge of some type or rule.
const EDGES: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "-2",
    "255",
    "256",
    "65536",
    "2147483647",
    "-2147483648",
    "4294967295",
    "9223372036854775807",
    "18446744073709551616",
    "1e38",
    "1e39",
    "-1e300",
    "1e999",
    "NaN",
    "-inf",
    "Infinity",
    "null",
    "true",
    "\"\"",
    "[]",
    "{}",
    "",
    "x",
    "0.5",
];

#[test]
fn a_thousand_mutations_are_refused_or_give_finite_numbers() {
    let cases = cases(&golden());
    let mut draw = fastrand::Rng::with_seed(4);
    // More where `MODEL_MUTATIONS` asks for more.
    let wanted = std::env::var("MODEL_MUTATIONS").ok().and_then(|text| text.parse().ok());
    let mut counts = BTreeMap::new();
    for _ in 0..wanted.unwrap_or(40) {
        for case in &cases {
            let (accepted, refused): &mut (usize, usize) =
                counts.entry(case.ending.as_str()).or_default();
            let changed = match case.ending.as_str() {
                "model.json" | "txt" => text(&case.file, &mut draw),
                _ => bytes(&case.file, &mut draw),
            };
            let made = read(&case.ending, &changed)
                .and_then(|model| Engine::new(&model, &Limits::default(), Instructions::best()));
            let Ok(engine) = made else {
                *refused += 1;
                continue;
            };
            *accepted += 1;
            let features = engine.signature().features.len();
            // Missing values stay missing: a linear model has no answer for them.
            let rows: Vec<f64> = (0..features * 70).map(|_| draw.f64() * 6.0 - 3.0).collect();
            let answers = engine.predict(&rows, 1).unwrap();
            let wrong = answers.iter().find(|answer| !answer.is_finite());
            assert!(wrong.is_none(), "{}: {wrong:?}", case.name);
        }
    }
    for (ending, (accepted, refused)) in &counts {
        println!("| {ending} | {} | {accepted} | {refused} |", accepted + refused);
        assert!(
            *accepted > 20 && *refused > 100,
            "{ending}: {accepted} accepted, {refused} refused"
        );
    }
}

/// Another word in the place of a number.
fn text(file: &[u8], draw: &mut fastrand::Rng) -> Vec<u8> {
    let text = String::from_utf8_lossy(file);
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (is_word(c), start) {
            (true, None) => start = Some(at),
            (false, Some(first)) => {
                words.push((first, at));
                start = None;
            }
            _ => {}
        }
    }
    let (first, end) = words[draw.usize(..words.len())];
    let edge = EDGES[draw.usize(..EDGES.len())];
    format!("{}{edge}{}", &text[..first], &text[end..]).into_bytes()
}

/// A changed byte, a cut end, or a part that is there twice.
fn bytes(file: &[u8], draw: &mut fastrand::Rng) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = draw.usize(..file.len());
    match draw.u32(..4) {
        0 => file.truncate(at),
        1 => {
            let end = (at + draw.usize(..16)).min(file.len());
            let part = file[at..end].to_vec();
            file.splice(at..at, part);
        }
        _ => file[at] = draw.u8(..),
    }
    file
}

/// Every number of a small model of XGBoost is set to every edge once.
#[test]
fn every_field_at_every_edge() {
    let cases = cases(&golden());
    let case = cases.iter().find(|case| case.name == "new-xgboost-stopped-json").unwrap();
    let whole: Value = serde_json::from_slice(&case.file).unwrap();
    let mut pointers = Vec::new();
    collect(&whole, String::new(), &mut pointers);
    let edges = [-1_i64, 0, 1, 1 << 20, i64::from(i32::MAX), i64::MIN, i64::MAX];
    let (mut accepted, mut refused) = (0, 0);
    for pointer in &pointers {
        for edge in edges {
            let mut changed = whole.clone();
            let place = changed.pointer_mut(pointer).unwrap();
            *place = if place.is_string() { edge.to_string().into() } else { edge.into() };
            let bytes = serde_json::to_vec(&changed).unwrap();
            let made = read(&case.ending, &bytes)
                .and_then(|model| Engine::new(&model, &Limits::default(), Instructions::best()));
            let Ok(engine) = made else {
                refused += 1;
                continue;
            };
            accepted += 1;
            let features = engine.signature().features.len();
            let answers = engine.predict(&vec![0.5; features * 20], 1).unwrap();
            assert!(answers.iter().all(|answer| answer.is_finite()), "{pointer} {edge}");
        }
    }
    assert!(accepted > 100 && refused > 150, "{accepted} accepted, {refused} refused");
}

fn collect(value: &Value, path: String, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| collect(value, format!("{path}/{key}"), into));
        }
        Value::Array(entries) => {
            // Two of many say as much as all.
            let ends =
                entries.iter().enumerate().filter(|(at, _)| *at < 2 || at + 1 == entries.len());
            ends.for_each(|(at, value)| collect(value, format!("{path}/{at}"), into));
        }
        Value::Number(_) | Value::String(_) => into.push(path),
        Value::Bool(_) | Value::Null => {}
    }
}
