//! `ColumnTransformer`: several transformers side by side.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Branch, Step};

use super::lowering::{Lowering, present};
use super::pipeline;

pub(super) fn transformer(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<(Step, usize), Refusal> {
    lowering.enter(value)?;
    if value.class() != Some("sklearn.compose._column_transformer.ColumnTransformer") {
        return Err(value.expected("a ColumnTransformer").into());
    }
    if let Some(weights) = present(value, "transformer_weights")? {
        let instead = "a transformer without weights is";
        return Err(Refusal::unsupported("weights", weights.described(), instead));
    }
    // scikit-learn keeps the count under different names; the names of columns have it as well.
    let features = match present(value, "n_features_in_")? {
        Some(count) => count.count("n_features_in_")?,
        None => value.required("_n_features")?.count("_n_features")?,
    };
    Refusal::check("features", features, lowering.limits.features)?;
    let columns = value.required("_transformer_to_input_indices")?;
    let mut branches = Vec::new();
    for entry in value.required("transformers_")?.items("transformers_")? {
        let [name, transformer, ..] = entry.items("transformers_")?[..] else {
            return Err(entry.expected("name, transformer and columns").into());
        };
        let name = name.text("the name of a transformer")?;
        let own = columns.entry(name)?;
        let own = own.ok_or_else(|| columns.expected(&format!("the columns of `{name}`")))?;
        let own = places(own, features, lowering)?;
        let told = transformer.text("a transformer").ok();
        if told == Some("drop") || own.is_empty() {
            continue;
        }
        let steps = if told == Some("passthrough") {
            Vec::new()
        } else {
            let (steps, width) = pipeline::transformer(transformer, lowering)?;
            if !steps.is_empty() && width != own.len() {
                return Err(transformer
                    .expected(&format!("a transformer of {} columns", own.len()))
                    .into());
            }
            steps
        };
        branches.push(Branch { columns: own, steps });
    }
    lowering.leave();
    Ok((Step::Parallel { features, branches }, features))
}

fn places(
    value: Value<'_>,
    features: usize,
    lowering: &mut Lowering<'_>,
) -> Result<Vec<u32>, Refusal> {
    let what = "places of columns";
    let numbers = if value.is_array() {
        lowering.array(value, what)?.integers(what)?
    } else {
        let items = value.items(what)?;
        lowering.charge(items.len(), value)?;
        items.into_iter().map(|item| item.integer(what)).collect::<Result<_, _>>()?
    };
    let place =
        |number: i64| u32::try_from(number).ok().filter(|place| (*place as usize) < features);
    let places: Option<Vec<u32>> = numbers.into_iter().map(place).collect();
    Ok(places.ok_or_else(|| value.expected(&format!("{what} below {features}")))?)
}
