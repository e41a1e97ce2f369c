//! `OneHotEncoder` and `OrdinalEncoder`.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Categories, OneHot, Ordinal, Step, Unknown};

use super::labels;
use super::lowering::{Lowering, flag_or, present, text_or};

pub(super) fn one_hot(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<(Step, usize), Refusal> {
    let columns = categories(value, lowering)?;
    let grouping = grouping(value, columns.len(), lowering)?;
    let dropped = dropped(value, columns.len(), lowering)?;
    let handling = text_or(value, "handle_unknown", "error")?;
    let mut one_hot =
        OneHot { columns, places: Vec::new(), widths: Vec::new(), unknown: Vec::new() };
    let each = one_hot.columns.iter().zip(&grouping).zip(&dropped);
    for ((categories, grouping), dropped) in each {
        let count = categories.values.len();
        // Rare categories share the last place.
        let grouped = |category: usize| match grouping {
            Some(places) => places.get(category).copied().unwrap_or(0),
            None => category,
        };
        let all = (0..count).map(grouped).max().map_or(0, |last| last.saturating_add(1));
        let place = |place: usize| match dropped {
            Some(dropped) if place == *dropped => None,
            Some(dropped) if place > *dropped => u32::try_from(place.saturating_sub(1)).ok(),
            _ => u32::try_from(place).ok(),
        };
        let left = all.saturating_sub(usize::from(dropped.is_some()));
        one_hot.places.push((0..count).map(|category| place(grouped(category))).collect());
        one_hot.widths.push(u32::try_from(left).unwrap_or(u32::MAX));
        one_hot.unknown.push(match handling {
            "error" => Unknown::Refuse,
            "ignore" => Unknown::Nothing,
            "infrequent_if_exist" | "warn" => match grouping {
                Some(_) => place(all.saturating_sub(1))
                    .map_or(Unknown::Nothing, |place| Unknown::As(f64::from(place))),
                None => Unknown::Nothing,
            },
            other => return Err(Refusal::unsupported("handle_unknown", other, "`ignore` is")),
        });
    }
    let features = one_hot.columns.len();
    Ok((Step::OneHot(one_hot), features))
}

pub(super) fn ordinal(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<(Step, usize), Refusal> {
    let columns = categories(value, lowering)?;
    let grouping = grouping(value, columns.len(), lowering)?;
    let handling = text_or(value, "handle_unknown", "error")?;
    let unknown = match handling {
        "error" => Unknown::Refuse,
        "use_encoded_value" => {
            Unknown::As(value.required("unknown_value")?.number("unknown_value")?)
        }
        other => return Err(Refusal::unsupported("handle_unknown", other, "`error` is")),
    };
    let missing = match value.attribute("encoded_missing_value")? {
        Some(code) => code.number("encoded_missing_value")?,
        None => f64::NAN,
    };
    let codes = columns
        .iter()
        .zip(&grouping)
        .map(|(categories, grouping)| {
            let code = |(at, category): (usize, &crate::Category)| match (category, grouping) {
                (crate::Category::Missing, _) => missing,
                (_, Some(places)) => places.get(at).map_or(f64::NAN, |place| *place as f64),
                _ => at as f64,
            };
            categories.values.iter().enumerate().map(code).collect()
        })
        .collect();
    let features = columns.len();
    Ok((Step::Ordinal(Ordinal { columns, codes, unknown }), features))
}

fn categories(value: Value<'_>, lowering: &mut Lowering<'_>) -> Result<Vec<Categories>, Refusal> {
    let columns = value.required("categories_")?.items("categories_")?;
    Refusal::check("features", columns.len(), lowering.limits.features)?;
    let mut all = Vec::with_capacity(columns.len());
    for column in columns {
        all.push(Categories { values: labels::categories(column, "categories_", lowering)? });
    }
    Ok(all)
}

/// For each column with rare categories: the place of each category after they were put together.
fn grouping(
    value: Value<'_>,
    columns: usize,
    lowering: &mut Lowering<'_>,
) -> Result<Vec<Option<Vec<usize>>>, Refusal> {
    if !flag_or(value, "_infrequent_enabled", false)? {
        return Ok(vec![None; columns]);
    }
    let what = "_default_to_infrequent_mappings";
    let mappings = value.required(what)?;
    let items = mappings.items(what)?;
    if items.len() != columns {
        return Err(mappings.expected(&format!("mappings of {columns} columns")).into());
    }
    let mut all = Vec::with_capacity(columns);
    for mapping in items {
        if mapping.is_none() {
            all.push(None);
            continue;
        }
        let places = lowering.array(mapping, what)?.integers(what)?;
        let places: Option<Vec<usize>> =
            places.into_iter().map(|place| usize::try_from(place).ok()).collect();
        all.push(Some(places.ok_or_else(|| mapping.expected("places from 0"))?));
    }
    Ok(all)
}

/// For each column the place of the category that has no column of its own.
fn dropped(
    value: Value<'_>,
    columns: usize,
    lowering: &mut Lowering<'_>,
) -> Result<Vec<Option<usize>>, Refusal> {
    let name = match value.attribute("_drop_idx_after_grouping")? {
        Some(_) => "_drop_idx_after_grouping",
        None => "drop_idx_",
    };
    let Some(places) = present(value, name)? else {
        return Ok(vec![None; columns]);
    };
    let array = lowering.array(places, name)?;
    let wrong = || places.expected(&format!("places of dropped categories of {columns} columns"));
    if array.len() != columns {
        return Err(wrong().into());
    }
    let place = |number: i64| usize::try_from(number).ok();
    let dropped: Option<Vec<Option<usize>>> = match array.values(name) {
        Ok(values) => values
            .into_iter()
            .map(
                |value| if value.is_none() { Some(None) } else { value.count(name).ok().map(Some) },
            )
            .collect(),
        Err(_) => array.integers(name)?.into_iter().map(|number| place(number).map(Some)).collect(),
    };
    Ok(dropped.ok_or_else(wrong)?)
}
