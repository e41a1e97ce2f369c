//! What the targets share: small limits, and rows for whatever a reader accepted.

use inference::{Engine, Instructions, Limits, Model, ReadOptions, Refusal};

/// Limits that let the memory limit of the fuzzer mean something.
#[must_use]
pub fn options() -> ReadOptions {
    let limits = Limits { bytes: 1 << 20, features: 1_000, groups: 100, ..Limits::default() };
    ReadOptions { limits, ..ReadOptions::default() }
}

/// Reads bytes, and asks the model that comes out.
pub fn read_and_ask(
    reader: fn(&[u8], &ReadOptions) -> Result<Model, Refusal>,
    bytes: &[u8],
) {
    if let Ok(model) = reader(bytes, &options()) {
        ask(&model, false);
    }
}

/// One row and a batch, with the widest kernels and with those of every processor.
///
/// # Panics
/// Where two kernels or two sizes of a batch differ by a bit, or an answer is no number; encoders
/// may say by NaN that they do not know a value.
pub fn ask(model: &Model, may_not_know: bool) {
    let limits = options().limits;
    let engine = |instructions| Engine::new(model, &limits, instructions);
    let (Ok(best), Ok(portable)) = (engine(Instructions::best()), engine(Instructions::portable()))
    else {
        return;
    };
    let features = best.signature().features.len();
    let outputs = best.outputs();
    let Ok(answers) = best.predict(&vec![0.5; features * 70], 1) else { return };
    let fine = |answer: &f64| answer.is_finite() || may_not_know && answer.is_nan();
    assert!(answers.iter().all(fine), "an answer is no number");
    let bits = |answers: &[f64]| answers.iter().map(|one| one.to_bits()).collect::<Vec<_>>();
    let others = portable.predict(&vec![0.5; features * 70], 1).unwrap_or_default();
    assert_eq!(bits(&answers), bits(&others), "two kernels differ");
    for engine in [&best, &portable] {
        let mut one = vec![0.0; outputs];
        if engine.predict_one(&vec![0.5; features], &mut one).is_ok() {
            assert_eq!(bits(&one), bits(&answers[..outputs]), "one row differs from many");
        }
    }
}
