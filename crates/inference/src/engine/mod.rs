//! From a checked model to answers.

mod apply;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod batch;
mod blocks;
mod columns;
mod flat;
mod instructions;
#[cfg(target_arch = "x86_64")]
mod one_row;
mod parts;
mod rank;
mod tile;
mod trees;

pub use instructions::Instructions;
pub use rank::Number;

use crate::refusal::Refusal;
use crate::{Cell, Limits, Model, Signature};
use apply::Value;
use parts::Part;

/// A model ready to answer. Cheap to share, never changed.
#[derive(Clone, Debug)]
pub struct Engine {
    signature: Signature,
    part: Part,
    outputs: usize,
}

/// Rows that a model cannot be asked with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} values are no whole number of rows; a row of this model has {features} features")]
pub struct RowsDoNotFit {
    /// How many values were given.
    pub found: usize,
    /// How many one row has.
    pub features: usize,
}

impl Engine {
    /// Checks a model and compiles it.
    ///
    /// # Errors
    /// What [`crate::validate`] finds.
    pub fn new(
        model: &Model,
        limits: &Limits,
        instructions: Instructions,
    ) -> Result<Engine, Refusal> {
        crate::validate(model, limits)?;
        Ok(Engine {
            signature: model.signature.clone(),
            part: Part::new(&model.predictor, instructions),
            outputs: model.predictor.outputs(),
        })
    }

    /// What a row has and what an answer means.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Numbers per answer.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// How the trees were laid out, where there are some: for people.
    #[must_use]
    pub fn layout(&self) -> Option<&'static str> {
        self.part.layout()
    }

    /// Answers for rows of numbers, one after the other, NaN where a feature is missing: as many
    /// answers of [`Engine::outputs`] numbers. The bits do not depend on how many rows are asked
    /// for at once, nor on the number of threads, which is at least one whatever is given.
    ///
    /// An answer is NaN where an encoder refuses a value that it does not know.
    ///
    /// # Errors
    /// When the values are no whole number of rows.
    pub fn predict<V: Number>(&self, rows: &[V], threads: usize) -> Result<Vec<f64>, RowsDoNotFit> {
        let count = self.count(rows.len())?;
        let mut into = vec![0.0; count * self.outputs];
        batch::run(
            &self.part,
            rows,
            self.signature.features.len(),
            self.outputs,
            threads,
            &mut into,
        );
        Ok(into)
    }

    /// The answer for one row, into a place of [`Engine::outputs`] numbers: no memory is taken for
    /// it where the model is trees alone.
    ///
    /// # Errors
    /// When the row or the place has another length.
    pub fn predict_one<V: Number>(&self, row: &[V], into: &mut [f64]) -> Result<(), RowsDoNotFit> {
        if self.count(row.len())? != 1 || into.len() != self.outputs {
            return Err(self.does_not_fit(row.len()));
        }
        self.part.answer(row, row.len(), into);
        Ok(())
    }

    /// Answers for rows with texts. An answer is NaN where a text stands in a place for a number, or
    /// where an encoder refuses a value that it does not know.
    ///
    /// # Errors
    /// When the cells are no whole number of rows.
    pub fn predict_cells(&self, rows: &[Cell]) -> Result<Vec<f64>, RowsDoNotFit> {
        let count = self.count(rows.len())?;
        let values: Vec<Value<'_>> = rows.iter().map(Value::of).collect();
        let mut into = vec![0.0; count * self.outputs];
        self.part.answer_values(&values, self.signature.features.len(), &mut into);
        Ok(into)
    }

    fn count(&self, values: usize) -> Result<usize, RowsDoNotFit> {
        let features = self.signature.features.len();
        if features == 0 || !values.is_multiple_of(features) {
            return Err(self.does_not_fit(values));
        }
        Ok(values / features)
    }

    fn does_not_fit(&self, found: usize) -> RowsDoNotFit {
        RowsDoNotFit { found, features: self.signature.features.len() }
    }
}
