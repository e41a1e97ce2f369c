//! `cloudoptim model verify`: a file against answers that are known, such as those of Python.

use std::path::Path;

use app::models::table::{TableAnswers, predict_table};
use serde::Serialize;

use super::bundle::offered;
use super::rows::Rows;
use super::{model_of, refused};
use crate::cli::{Format, ToVerify};
use crate::exit::{Exit, Failure};
use crate::output;

/// Differences that are shown; the count is of all.
const SHOWN: usize = 20;

/// What came of the comparison.
#[derive(Debug, Serialize)]
struct Verified {
    rows: usize,
    compared: usize,
    tolerance: f64,
    /// Numbers that lie farther off than the tolerance.
    different: usize,
    /// The largest distance, as it is compared with the tolerance.
    largest_difference: f64,
    differences: Vec<Difference>,
}

/// A number that is not as expected.
#[derive(Debug, Serialize)]
struct Difference {
    /// Counted from 1, without the header.
    row: usize,
    answer: String,
    predicted: f64,
    expected: f64,
}

pub(super) fn run(wanted: &ToVerify) -> Result<Exit, Failure> {
    let offered = offered(&wanted.file)?;
    let model = model_of(&offered)?;
    let mut rows = Rows::read(&wanted.rows)?;
    let expected = expected(wanted, &mut rows)?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let answers = predict_table(&model, &rows.header, &rows.rows, threads)
        .map_err(|error| refused(&rows.shown, error))?;
    let verified = compare(&answers, &expected, wanted.tolerance)?;
    print(&verified, wanted.output)?;
    if verified.different == 0 {
        return Ok(Exit::Success);
    }
    eprintln!("{} of {} numbers differ", verified.different, verified.compared);
    Ok(Exit::Threshold)
}

/// The answers that are expected: columns of the rows, or a table of their own.
fn expected(wanted: &ToVerify, rows: &mut Rows) -> Result<Vec<Vec<f64>>, Failure> {
    let wrong = |message: String| Failure::Argument { field: "expected".to_owned(), message };
    let texts = match (rows.take(&wanted.expected), wanted.expected.as_slice()) {
        (Some(texts), _) => texts,
        (None, [path]) if Path::new(path).is_file() => Rows::read(Path::new(path))?.rows,
        (None, names) => {
            let names = names.join(", ");
            return Err(wrong(format!("{} has no column {names}, nor is it a file", rows.shown)));
        }
    };
    if texts.len() != rows.rows.len() {
        let (found, all) = (texts.len(), rows.rows.len());
        return Err(wrong(format!("{found} rows of answers for {all} rows")));
    }
    let number = |(at, text): (usize, &String)| match text.trim() {
        "" => Ok(f64::NAN),
        text => text.parse().map_err(|_| wrong(format!("row {}: `{text}` is no number", at + 1))),
    };
    texts
        .iter()
        .enumerate()
        .map(|(at, row)| row.iter().map(|t| number((at, t))).collect())
        .collect()
}

fn compare(
    answers: &TableAnswers,
    expected: &[Vec<f64>],
    tolerance: f64,
) -> Result<Verified, Failure> {
    let width = expected.first().map_or(0, Vec::len);
    let places: Vec<usize> = match (width == answers.columns.len(), width, answers.single()) {
        (true, ..) => (0..width).collect(),
        (false, 1, Some(place)) => vec![place],
        _ => {
            let message = format!(
                "the model answers with {} ({}); {width} columns are expected",
                answers.columns.len(),
                answers.columns.join(", ")
            );
            return Err(Failure::Argument { field: "expected".to_owned(), message });
        }
    };
    let mut verified = Verified {
        rows: expected.len(),
        compared: 0,
        tolerance,
        different: 0,
        largest_difference: 0.0,
        differences: Vec::new(),
    };
    for (at, (answer, expected)) in answers.rows.iter().zip(expected).enumerate() {
        for (place, expected) in places.iter().zip(expected) {
            let predicted = answer[*place];
            let off = match (predicted.is_nan(), expected.is_nan()) {
                (true, true) => 0.0,
                (false, false) if predicted == *expected => 0.0,
                (false, false) => (predicted - expected).abs() / expected.abs().max(1.0),
                _ => f64::INFINITY,
            };
            verified.compared += 1;
            verified.largest_difference = verified.largest_difference.max(off);
            if off <= tolerance {
                continue;
            }
            verified.different += 1;
            if verified.differences.len() < SHOWN {
                let answer = answers.columns[*place].clone();
                let expected = *expected;
                verified.differences.push(Difference { row: at + 1, answer, predicted, expected });
            }
        }
    }
    Ok(verified)
}

fn print(verified: &Verified, format: Format) -> Result<(), Failure> {
    let columns = ["row", "answer", "predicted", "expected"];
    match format {
        Format::Json => output::print_json(verified),
        Format::Yaml => output::print_yaml(verified),
        Format::Csv => output::rows(&columns, &verified.differences, format),
        Format::Table => {
            let mut facts = output::table(&["what", "value"]);
            for (what, value) in [
                ("rows", verified.rows.to_string()),
                ("numbers compared", verified.compared.to_string()),
                ("tolerance", verified.tolerance.to_string()),
                ("different", verified.different.to_string()),
                ("largest difference", format!("{:e}", verified.largest_difference)),
            ] {
                facts.add_row([what.to_owned(), value]);
            }
            output::print(&facts.to_string())?;
            if verified.differences.is_empty() {
                return Ok(());
            }
            output::rows(&columns, &verified.differences, format)
        }
    }
}
