//! Names of classes, and categories of encoders.

use pickle::{Kind, Value};

use crate::refusal::Refusal;
use crate::{Category, Encoding, Label, Meaning};

use super::lowering::Lowering;

/// The labels of an array: truth values, whole numbers, numbers or texts.
pub(super) fn of(
    value: Value<'_>,
    what: &str,
    lowering: &mut Lowering<'_>,
) -> Result<Vec<Label>, Refusal> {
    let categories = categories(value, what, lowering)?;
    let labels: Option<Vec<Label>> = categories
        .into_iter()
        .map(|category| match category {
            Category::Is(label) => Some(label),
            Category::Missing => None,
        })
        .collect();
    labels.ok_or_else(|| value.expected(&format!("{what} without missing values")).into())
}

/// The values of one encoded column; NaN and `None` are categories too.
pub(super) fn categories(
    value: Value<'_>,
    what: &str,
    lowering: &mut Lowering<'_>,
) -> Result<Vec<Category>, Refusal> {
    let array = lowering.array(value, what)?;
    let number = |number: f64| {
        if number.is_nan() { Category::Missing } else { Category::Is(Label::Number(number)) }
    };
    let integer = |number: i64| Category::Is(Label::Integer(number));
    let flag = |number: i64| Category::Is(Label::Flag(number == 1));
    let text = |text: String| Category::Is(Label::Text(text));
    Ok(match array.data_type().kind {
        Kind::Text => array.texts(what)?.into_iter().map(text).collect(),
        Kind::Bool => array.integers(what)?.into_iter().map(flag).collect(),
        Kind::Signed | Kind::Unsigned => array.integers(what)?.into_iter().map(integer).collect(),
        Kind::Object => {
            let values = array.values(what)?;
            values.into_iter().map(|value| category(value, what)).collect::<Result<_, _>>()?
        }
        _ => array.floats(what)?.into_iter().map(number).collect(),
    })
}

/// A single value as a category.
pub(super) fn category(value: Value<'_>, what: &str) -> Result<Category, Refusal> {
    if value.is_none() {
        return Ok(Category::Missing);
    }
    if let Ok(text) = value.text(what) {
        return Ok(Category::Is(Label::Text(text.to_owned())));
    }
    // The integers 0 and 1 would be taken for truth values, so those are asked for first.
    if let Ok(number) = value.integer(what) {
        let flag = value.described() == "True" || value.described() == "False";
        let label = if flag { Label::Flag(number == 1) } else { Label::Integer(number) };
        return Ok(Category::Is(label));
    }
    let number = value.number(what)?;
    Ok(if number.is_nan() { Category::Missing } else { Category::Is(Label::Number(number)) })
}

/// What a classifier's answers mean: one number where there are two classes.
pub(super) fn probabilities(classes: Vec<Label>) -> Meaning {
    if classes.len() == 2 {
        Meaning::ProbabilityOfSecond { classes }
    } else {
        Meaning::Probabilities { classes }
    }
}

/// The classes of a classifier with one target.
pub(super) fn classes(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<Vec<Label>, Refusal> {
    let classes = value.required("classes_")?;
    if !classes.is_array() {
        return Err(classes.expected("the classes of one target (`classes_`)").into());
    }
    let classes = of(classes, "classes_", lowering)?;
    if classes.len() < 2 {
        return Err(value.expected("a classifier with two classes or more").into());
    }
    Refusal::check("classes or outputs", classes.len(), lowering.limits.groups)?;
    Ok(classes)
}

const ENCODER: &str = "sklearn.preprocessing._label.LabelEncoder";

/// A label encoder, or a dictionary or list of pairs of nothing but label encoders.
pub(super) fn encoders(
    root: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<Option<Vec<Encoding>>, Refusal> {
    if root.class() == Some(ENCODER) {
        let labels = of(root.required("classes_")?, "classes_", lowering)?;
        return Ok(Some(vec![Encoding { column: None, labels }]));
    }
    let Ok(pairs) = root.pairs("a dictionary of label encoders") else {
        return Ok(None);
    };
    let mut encoders = Vec::with_capacity(pairs.len());
    for (name, encoder) in pairs {
        if encoder.class() != Some(ENCODER) {
            return Err(encoder
                .expected("a LabelEncoder, or an estimator instead of the dictionary")
                .into());
        }
        let name = name.text("the name of an encoded column")?.to_owned();
        let labels = of(encoder.required("classes_")?, "classes_", lowering)?;
        encoders.push(Encoding { column: Some(name), labels });
    }
    Ok(Some(encoders))
}
