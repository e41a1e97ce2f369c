//! `StandardScaler`, `MinMaxScaler`, `RobustScaler` and `MaxAbsScaler`.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Affine, AffineOrder, Step};

use super::lowering::{Lowering, flag_or};

/// `(x - shift) / factor`, either of which may have been switched off.
pub(super) fn subtract_divide(
    value: Value<'_>,
    shift: Option<(&str, &str)>,
    factor: Option<&str>,
    lowering: &mut Lowering<'_>,
) -> Result<(Step, usize), Refusal> {
    let features = lowering.features(value)?;
    let shift = match shift {
        Some((attribute, switch)) if flag_or(value, switch, true)? => {
            column_numbers(value, attribute, features, lowering)?
        }
        _ => vec![0.0; features],
    };
    let scaled = match factor {
        Some(switch) => flag_or(value, switch, true)?,
        None => true,
    };
    let factor = if scaled {
        column_numbers(value, "scale_", features, lowering)?
    } else {
        vec![1.0; features]
    };
    let order = AffineOrder::SubtractDivide;
    Ok((Step::Affine(Affine { order, shift, factor, clip: None }), features))
}

pub(super) fn minmax(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<(Step, usize), Refusal> {
    let features = lowering.features(value)?;
    let factor = column_numbers(value, "scale_", features, lowering)?;
    let shift = column_numbers(value, "min_", features, lowering)?;
    let clip = if flag_or(value, "clip", false)? {
        let range = value.required("feature_range")?;
        match range.items("feature_range")?[..] {
            [low, high] => Some((low.number("feature_range")?, high.number("feature_range")?)),
            _ => return Err(range.expected("two numbers (`feature_range`)").into()),
        }
    } else {
        None
    };
    let order = AffineOrder::MultiplyAdd;
    Ok((Step::Affine(Affine { order, shift, factor, clip }), features))
}

fn column_numbers(
    value: Value<'_>,
    name: &str,
    features: usize,
    lowering: &mut Lowering<'_>,
) -> Result<Vec<f64>, Refusal> {
    let attribute = value.required(name)?;
    let numbers = lowering.floats(attribute, name)?;
    if numbers.len() != features {
        return Err(attribute.expected(&format!("{features} numbers (`{name}`)")).into());
    }
    Ok(numbers)
}
