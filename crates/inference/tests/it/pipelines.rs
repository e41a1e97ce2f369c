//! Encoders, imputers, scalers, calibration and their parallels, by hand.

use inference::{
    Affine, AffineOrder, Branch, Calibrated, CalibratedMember, Calibrator, Categories, Category,
    Cell, Engine, Feature, FeatureKind, Impute, Instructions, Label, Limits, Linear, Link, Meaning,
    Model, OneHot, Ordinal, Predictor, Signature, Source, Step, Unknown,
};

fn engine(features: usize, predictor: Predictor) -> Engine {
    let feature = Feature { name: None, kind: FeatureKind::Any };
    let outputs = predictor.outputs();
    let signature =
        Signature { features: vec![feature; features], meaning: Meaning::Values { outputs } };
    let model = Model { signature, predictor, source: Source::default() };
    Engine::new(&model, &Limits::default(), Instructions::best()).unwrap()
}

fn sum(weights: &[f64]) -> Box<Predictor> {
    Box::new(Predictor::Linear(Linear {
        features: weights.len(),
        groups: 1,
        weights: weights.to_vec(),
        intercepts: vec![0.0],
        link: Link::Identity,
        missing: None,
    }))
}

fn texts(values: &[&str]) -> Categories {
    let values = values.iter().map(|value| Category::Is(Label::Text((*value).to_owned())));
    Categories { values: values.collect() }
}

#[test]
fn a_column_transformer_of_texts_and_numbers() {
    let one_hot = OneHot {
        columns: vec![texts(&["red", "green", "rare", "rarer"])],
        places: vec![vec![Some(0), Some(1), Some(2), Some(2)]],
        widths: vec![3],
        unknown: vec![Unknown::Nothing],
    };
    let impute = Impute { missing: None, fill: vec![Some(Cell::Number(5.0))], indicators: vec![0] };
    let scale = Affine {
        order: AffineOrder::SubtractDivide,
        shift: vec![1.0, 0.0],
        factor: vec![2.0, 1.0],
        clip: None,
    };
    let ordinal = Ordinal {
        columns: vec![texts(&["small", "large"])],
        codes: vec![vec![0.0, 1.0]],
        unknown: Unknown::Refuse,
    };
    let branches = vec![
        Branch { columns: vec![2], steps: vec![Step::OneHot(one_hot)] },
        Branch { columns: vec![0], steps: vec![Step::Impute(impute), Step::Affine(scale)] },
        Branch { columns: vec![1], steps: vec![Step::Ordinal(ordinal)] },
    ];
    let steps = vec![Step::Parallel { features: 3, branches }];
    let last = sum(&[1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0]);
    let engine = engine(3, Predictor::Pipeline { steps, last });
    let row = |number: f64, size: &str, colour: &str| {
        vec![Cell::Number(number), Cell::Text(size.to_owned()), Cell::Text(colour.to_owned())]
    };
    let check = |cells: Vec<Cell>, expected: f64| {
        assert_eq!(engine.predict_cells(&cells).unwrap(), [expected], "{cells:?}");
    };
    check(row(3.0, "large", "red"), 1.0 + 1_000.0 + 100_000.0);
    check(row(3.0, "small", "rarer"), 100.0 + 1_000.0);
    check(row(f64::NAN, "small", "blue"), 2_000.0 + 10_000.0);
    // Refused by the encoder, and a text where a number belongs.
    assert!(engine.predict_cells(&row(3.0, "medium", "red")).unwrap()[0].is_nan());
    let mut wrong = row(3.0, "small", "red");
    wrong[0] = Cell::Text("three".to_owned());
    assert!(engine.predict_cells(&wrong).unwrap()[0].is_nan());
}

#[test]
fn calibration_is_the_mean_of_curves() {
    let member = |curve: Calibrator| CalibratedMember { scores: *sum(&[1.0]), curves: vec![curve] };
    let isotonic =
        Calibrator::Isotonic { x: vec![0.0, 1.0, 3.0], y: vec![0.1, 0.5, 0.9], clip: true };
    let sigmoid = Calibrator::Sigmoid { slope: -2.0, intercept: 1.0 };
    let calibrated = Calibrated { members: vec![member(isotonic), member(sigmoid)] };
    let engine = engine(1, Predictor::Calibrated(calibrated));
    for (score, curve) in [(-4.0, 0.1), (0.0, 0.1), (0.5, 0.3), (1.0, 0.5), (2.0, 0.7), (9.0, 0.9)]
    {
        let sigmoid = 1.0 / (1.0 + (-2.0_f64 * score + 1.0).exp());
        let found = engine.predict(&[score], 1).unwrap()[0];
        assert!((found - f64::midpoint(curve, sigmoid)).abs() < 1e-12, "{score}: {found}");
    }
}

#[test]
fn rows_of_another_width_are_refused() {
    let engine = engine(2, *sum(&[1.0, 1.0]));
    let error = engine.predict(&[1.0, 2.0, 3.0], 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 values are no whole number of rows; a row of this model has 2 features"
    );
    assert_eq!(engine.predict(&[1.0, 2.0, 3.0, 4.0], 1).unwrap(), [3.0, 7.0]);
}
