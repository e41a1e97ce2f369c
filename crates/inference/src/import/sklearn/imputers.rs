//! `SimpleImputer`, with the indicator that it may add.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Category, Cell, Impute, Label, Step};

use super::labels;
use super::lowering::{Lowering, flag_or, present, text_or};

pub(super) fn simple(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<(Step, usize), Refusal> {
    let features = lowering.features(value)?;
    let statistics = value.required("statistics_")?;
    let learnt = labels::categories(statistics, "statistics_", lowering)?;
    if learnt.len() != features {
        return Err(statistics.expected(&format!("{features} values (`statistics_`)")).into());
    }
    let strategy = text_or(value, "strategy", "mean")?;
    let keeps = strategy == "constant" || flag_or(value, "keep_empty_features", false)?;
    let fill = learnt
        .into_iter()
        .map(|category| match category {
            Category::Is(label) => Ok(Some(cell(label))),
            // Nothing was seen of the column, and it is left out.
            Category::Missing if !keeps => Ok(None),
            Category::Missing => Err(statistics.expected("a value to fill every column with")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let missing = match present(value, "missing_values")? {
        None => None,
        Some(marker) => match labels::category(marker, "missing_values")? {
            Category::Missing => None,
            Category::Is(label) => Some(cell(label)),
        },
    };
    let mut indicators = Vec::new();
    if let Some(indicator) = present(value, "indicator_")? {
        let columns = indicator.required("features_")?;
        for column in lowering.array(columns, "features_")?.integers("features_")? {
            let column = u32::try_from(column).ok().filter(|column| (*column as usize) < features);
            indicators.push(column.ok_or_else(|| columns.expected("places of columns"))?);
        }
    }
    Ok((Step::Impute(Impute { missing, fill, indicators }), features))
}

fn cell(label: Label) -> Cell {
    match label {
        Label::Flag(flag) => Cell::Number(f64::from(u8::from(flag))),
        Label::Integer(number) => Cell::Number(number as f64),
        Label::Number(number) => Cell::Number(number),
        Label::Text(text) => Cell::Text(text),
    }
}
