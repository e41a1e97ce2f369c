//! What changes a row before it is predicted from: scalers, encoders, imputers and their parallels.

use crate::{Cell, Label};

/// A change of a row. Rows of cells go in, rows of cells come out; only encoders and imputers take
/// texts.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Shift and scale of every column.
    Affine(Affine),
    /// Each column becomes several columns of 0 and 1.
    OneHot(OneHot),
    /// Each column becomes a number.
    Ordinal(Ordinal),
    /// What is missing is filled.
    Impute(Impute),
    /// The row is divided by its norm; a row of zeros stays.
    Normalize(Norm),
    /// Every number is rounded to f32: a `Cast` of ONNX.
    Round32,
    /// The row becomes these columns, in this order; columns may repeat.
    Select(Vec<u32>),
    /// Several chains of steps see some columns each, and their results stand side by side: a column
    /// transformer, a feature union.
    Parallel {
        /// Cells of a row that comes in.
        features: usize,
        /// In the order of the result.
        branches: Vec<Branch>,
    },
}

/// One chain of a [`Step::Parallel`].
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// The columns that it sees, in this order.
    pub columns: Vec<u32>,
    /// What it does to them; nothing where they are passed on.
    pub steps: Vec<Step>,
}

/// Shift and scale of every column: the standard, minmax, robust and maxabs scalers, `Scaler` of
/// ONNX.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// In which order.
    pub order: AffineOrder,
    /// One for each column, finite.
    pub shift: Vec<f64>,
    /// One for each column, finite, not 0 where it divides.
    pub factor: Vec<f64>,
    /// What the result is kept between: `clip=True` of the minmax scaler.
    pub clip: Option<(f64, f64)>,
}

/// In which order a column is shifted and scaled; rounding differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AffineOrder {
    /// `(x - shift) / factor`: standard and robust scaler.
    SubtractDivide,
    /// `(x - shift) · factor` in f32: ONNX.
    SubtractMultiply32,
    /// `x · factor + shift`: minmax scaler.
    MultiplyAdd,
}

/// What an encoder knows about one column: its values, in the order of their codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Categories {
    /// In the order of the codes; no two equal.
    pub values: Vec<Category>,
}

/// A value of an encoded column.
#[derive(Clone, Debug, PartialEq)]
pub enum Category {
    /// Something that is there.
    Is(Label),
    /// NaN, or Python's `None`.
    Missing,
}

/// What an encoder does with a value that it does not know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unknown {
    /// The row has no answer (NaN): `handle_unknown="error"`.
    Refuse,
    /// As this number: `unknown_value` of the ordinal encoder; for the one-hot encoder, which column
    /// of the group is set (the bucket of rare values).
    As(f64),
    /// No column is set: `handle_unknown="ignore"` of the one-hot encoder.
    Nothing,
}

/// Each column becomes several columns of 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub struct OneHot {
    /// One for each column.
    pub columns: Vec<Categories>,
    /// For each column and each of its categories: which column of its group is set; `None` for a
    /// dropped category. Rare categories share a column.
    pub places: Vec<Vec<Option<u32>>>,
    /// How many columns each column becomes.
    pub widths: Vec<u32>,
    /// Values that are not known, for each column: no [`Unknown::As`] beyond its width.
    pub unknown: Vec<Unknown>,
}

/// Each column becomes a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordinal {
    /// One for each column.
    pub columns: Vec<Categories>,
    /// The number of each category of each column.
    pub codes: Vec<Vec<f64>>,
    /// Values that are not known.
    pub unknown: Unknown,
}

/// What is missing is filled.
#[derive(Clone, Debug, PartialEq)]
pub struct Impute {
    /// What counts as missing beside NaN: `missing_values`.
    pub missing: Option<Cell>,
    /// What each column is filled with; `None` for a column that is left out (nothing was seen of
    /// it).
    pub fill: Vec<Option<Cell>>,
    /// Columns for which a column of 0 and 1 follows that says whether it was missing.
    pub indicators: Vec<u32>,
}

/// A norm of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// Sum of magnitudes.
    L1,
    /// Root of the sum of squares.
    L2,
    /// Largest magnitude.
    Largest,
}

impl Step {
    /// Cells of a row that comes in; `None` where any number is taken.
    #[must_use]
    pub fn features_in(&self) -> Option<usize> {
        match self {
            Step::Affine(affine) => Some(affine.shift.len()),
            Step::OneHot(one_hot) => Some(one_hot.columns.len()),
            Step::Ordinal(ordinal) => Some(ordinal.columns.len()),
            Step::Impute(impute) => Some(impute.fill.len()),
            Step::Parallel { features, .. } => Some(*features),
            Step::Normalize(_) | Step::Round32 | Step::Select(_) => None,
        }
    }

    /// Cells of a row that comes out where `width` cells come in.
    #[must_use]
    pub fn features_out(&self, width: usize) -> usize {
        match self {
            Step::Affine(_) | Step::Ordinal(_) | Step::Normalize(_) | Step::Round32 => width,
            Step::OneHot(one_hot) => one_hot.widths.iter().map(|one| *one as usize).sum(),
            Step::Impute(impute) => {
                impute.fill.iter().filter(|fill| fill.is_some()).count() + impute.indicators.len()
            }
            Step::Select(columns) => columns.len(),
            Step::Parallel { branches, .. } => branches.iter().map(Branch::features_out).sum(),
        }
    }
}

impl Branch {
    /// Cells of its result.
    #[must_use]
    pub fn features_out(&self) -> usize {
        self.steps.iter().fold(self.columns.len(), |width, step| step.features_out(width))
    }
}
