//! Steps of a pipeline on one row.

use crate::{
    Affine, AffineOrder, Categories, Category, Cell, Impute, Label, Norm, OneHot, Ordinal, Step,
    Unknown,
};

/// A cell of a row on its way through a pipeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Number(f64),
    Text(&'a str),
}

impl<'a> Value<'a> {
    pub(super) fn of(cell: &'a Cell) -> Value<'a> {
        match cell {
            Cell::Number(number) => Value::Number(*number),
            Cell::Text(text) => Value::Text(text),
        }
    }

    pub(super) fn number(self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(number),
            Value::Text(_) => None,
        }
    }

    fn is(self, category: &Category) -> bool {
        match (category, self) {
            (Category::Missing, Value::Number(number)) => number.is_nan(),
            (Category::Is(Label::Text(text)), Value::Text(value)) => text == value,
            (Category::Is(Label::Integer(known)), Value::Number(value)) => *known as f64 == value,
            (Category::Is(Label::Number(known)), Value::Number(value)) => *known == value,
            (Category::Is(Label::Flag(known)), Value::Number(value)) => {
                f64::from(u8::from(*known)) == value
            }
            _ => false,
        }
    }
}

/// The row after a step; `None` where the step refuses it.
pub(super) fn apply<'a>(step: &'a Step, mut row: Vec<Value<'a>>) -> Option<Vec<Value<'a>>> {
    match step {
        Step::Affine(affine) => {
            for (at, value) in row.iter_mut().enumerate() {
                *value = Value::Number(shifted(affine, at, value.number()?)?);
            }
            Some(row)
        }
        Step::OneHot(one_hot) => one_hot_row(one_hot, &row),
        Step::Ordinal(ordinal) => ordinal_row(ordinal, row),
        Step::Impute(impute) => Some(imputed(impute, &row)),
        Step::Normalize(norm) => normalized(*norm, row),
        Step::Round32 => {
            for value in &mut row {
                *value = Value::Number(f64::from(value.number()? as f32));
            }
            Some(row)
        }
        Step::Select(columns) => columns.iter().map(|at| row.get(*at as usize).copied()).collect(),
        Step::Parallel { branches, .. } => {
            let mut whole = Vec::new();
            for branch in branches {
                let columns = branch.columns.iter();
                let mut part: Vec<Value<'a>> =
                    columns.map(|at| row.get(*at as usize).copied()).collect::<Option<_>>()?;
                for step in &branch.steps {
                    part = apply(step, part)?;
                }
                whole.extend(part);
            }
            Some(whole)
        }
    }
}

fn shifted(affine: &Affine, at: usize, x: f64) -> Option<f64> {
    let (shift, factor) = (*affine.shift.get(at)?, *affine.factor.get(at)?);
    let y = match affine.order {
        AffineOrder::SubtractDivide => (x - shift) / factor,
        AffineOrder::SubtractMultiply32 => f64::from((x as f32 - shift as f32) * factor as f32),
        AffineOrder::MultiplyAdd => x * factor + shift,
    };
    Some(affine.clip.map_or(y, |(low, high)| y.clamp(low, high)))
}

fn code(categories: &Categories, value: Value<'_>) -> Option<usize> {
    categories.values.iter().position(|known| value.is(known))
}

fn one_hot_row<'a>(one_hot: &OneHot, row: &[Value<'a>]) -> Option<Vec<Value<'a>>> {
    let mut encoded = Vec::with_capacity(one_hot.widths.iter().map(|one| *one as usize).sum());
    for (at, value) in row.iter().enumerate() {
        let place = match code(one_hot.columns.get(at)?, *value) {
            Some(code) => *one_hot.places.get(at)?.get(code)?,
            None => match one_hot.unknown.get(at)? {
                Unknown::Refuse => return None,
                Unknown::Nothing => None,
                Unknown::As(place) => Some(*place as u32),
            },
        };
        for column in 0..*one_hot.widths.get(at)? {
            encoded.push(Value::Number(if place == Some(column) { 1.0 } else { 0.0 }));
        }
    }
    Some(encoded)
}

fn ordinal_row<'a>(ordinal: &Ordinal, mut row: Vec<Value<'a>>) -> Option<Vec<Value<'a>>> {
    for (at, value) in row.iter_mut().enumerate() {
        let number = match code(ordinal.columns.get(at)?, *value) {
            Some(code) => *ordinal.codes.get(at)?.get(code)?,
            None => match ordinal.unknown {
                Unknown::As(number) => number,
                Unknown::Refuse | Unknown::Nothing => return None,
            },
        };
        *value = Value::Number(number);
    }
    Some(row)
}

fn imputed<'a>(impute: &'a Impute, row: &[Value<'a>]) -> Vec<Value<'a>> {
    let absent = |value: &Value<'_>| match (*value, &impute.missing) {
        (Value::Number(number), _) if number.is_nan() => true,
        (value, Some(missing)) => value == Value::of(missing),
        _ => false,
    };
    let filled = row.iter().zip(&impute.fill).filter_map(|(value, fill)| {
        let fill = fill.as_ref()?;
        Some(if absent(value) { Value::of(fill) } else { *value })
    });
    let indicators = impute.indicators.iter().map(|at| {
        let missing = row.get(*at as usize).is_some_and(absent);
        Value::Number(if missing { 1.0 } else { 0.0 })
    });
    filled.chain(indicators).collect()
}

fn normalized(norm: Norm, mut row: Vec<Value<'_>>) -> Option<Vec<Value<'_>>> {
    let mut size: f64 = 0.0;
    for value in &row {
        let magnitude = value.number()?.abs();
        match norm {
            Norm::L1 => size += magnitude,
            Norm::L2 => size += magnitude * magnitude,
            Norm::Largest => size = size.max(magnitude),
        }
    }
    if norm == Norm::L2 {
        size = size.sqrt();
    }
    if size != 0.0 {
        for value in &mut row {
            *value = Value::Number(value.number()? / size);
        }
    }
    Some(row)
}
