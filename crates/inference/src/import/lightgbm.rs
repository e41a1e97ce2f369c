//! Text models of LightGBM, versions v2 to v4 of the format.

use std::collections::BTreeMap;

use super::ReadOptions;
use super::lightgbm_tree::tree;
use crate::refusal::{Refusal, shown};
use crate::{
    Absent, Comparison, Ensemble, Feature, FeatureKind, Label, Link, Meaning, Model, Predictor,
    Signature, Source, Sum, Vote,
};

/// The lines `key=value` of a section, with the number of the line.
pub(super) type Section<'a> = BTreeMap<&'a str, (usize, &'a str)>;

/// Reads a model that `save_model` or `model_to_string` wrote.
///
/// # Errors
/// What is no text model, what is larger than the limits, and by their names: objectives, versions
/// and linear trees, which are not computed here. The structure of trees is left to
/// [`crate::validate`].
pub fn read_lightgbm(bytes: &[u8], options: &ReadOptions) -> Result<Model, Refusal> {
    let limits = &options.limits;
    Refusal::check("bytes", bytes.len(), limits.bytes)?;
    let text = std::str::from_utf8(bytes)
        .map_err(|error| syntax(1, &format!("no UTF-8 after {} bytes", error.valid_up_to())))?;
    let file = sections(text, limits.trees)?;
    let header = &file.header;
    let version = header.get("version").map(|(_, value)| *value);
    if let Some(version) = version
        && !matches!(version, "v2" | "v3" | "v4")
    {
        return Err(Refusal::unsupported("version", version, "v2, v3 and v4 are"));
    }
    let features = number(header, "max_feature_idx")?.saturating_add(1);
    Refusal::check("features", features, limits.features)?;
    let classes = number(header, "num_class")?;
    let groups = match header.get("num_tree_per_iteration") {
        Some(_) => number(header, "num_tree_per_iteration")?,
        None => classes,
    };
    Refusal::check("classes or outputs", groups, limits.groups)?;
    if groups == 0 || !file.trees.len().is_multiple_of(groups) {
        return Err(Refusal::field(
            "num_tree_per_iteration",
            format!("{groups} for {} trees", file.trees.len()),
            "a number from 1 that divides the trees",
        ));
    }
    let objective = header.get("objective").map_or("custom", |(_, value)| *value);
    let (link, meaning) = objective_of(objective, groups)?;
    let mut ensemble = Ensemble {
        features,
        groups,
        comparison: Comparison::AtMost64,
        absent: vec![Absent::Nan; features],
        category_sets: Vec::new(),
        trees: Vec::with_capacity(file.trees.len()),
        vote: Vote { sum: Sum::F64ThenBase, base: vec![0.0; groups], divisor: 1.0 },
        link,
    };
    let mut absent = vec![None; features];
    for (at, section) in file.trees.iter().enumerate() {
        let group = (at % groups) as u32;
        let tree = tree(section, at, group, &mut ensemble.category_sets, &mut absent)?;
        ensemble.trees.push(tree);
    }
    for (known, absent) in ensemble.absent.iter_mut().zip(absent) {
        *known = absent.unwrap_or(Absent::Nan);
    }
    if header.contains_key("average_output") {
        ensemble.vote.divisor = (file.trees.len() / groups).max(1) as f64;
    }
    Ok(Model {
        signature: Signature { features: names(&file, features), meaning },
        predictor: Predictor::Trees(Box::new(ensemble)),
        source: Source {
            format: "LightGBM text".to_owned(),
            version: version.map(|version| shown(&version)),
            objective: Some(shown(&objective)),
            notes: Vec::new(),
        },
    })
}

struct File<'a> {
    header: Section<'a>,
    trees: Vec<Section<'a>>,
    /// The JSON after `pandas_categorical:`.
    pandas: Option<&'a str>,
}

fn sections(text: &str, most_trees: usize) -> Result<File<'_>, Refusal> {
    let mut file = File { header: Section::new(), trees: Vec::new(), pandas: None };
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    match lines.find(|(_, line)| !line.is_empty()) {
        Some((_, "tree")) => {}
        _ => return Err(syntax(1, "the first line is not `tree`")),
    }
    let mut ended = false;
    for (at, line) in lines {
        if let Some(json) = line.strip_prefix("pandas_categorical:") {
            file.pandas = Some(json);
            continue;
        }
        if line == "end of trees" {
            ended = true;
        }
        // Behind the trees there are importances and parameters, which change no prediction.
        if ended || line.is_empty() {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if key == "Tree" {
            if value.parse::<usize>().ok() != Some(file.trees.len()) {
                return Err(syntax(at, &format!("expected `Tree={}`", file.trees.len())));
            }
            Refusal::check("trees", file.trees.len() + 1, most_trees)?;
            file.trees.push(Section::new());
            continue;
        }
        let section = file.trees.last_mut().unwrap_or(&mut file.header);
        if section.insert(key, (at, value)).is_some() {
            return Err(syntax(at, &format!("`{}` a second time", shown(&key))));
        }
    }
    if !ended {
        return Err(syntax(text.lines().count(), "the file ends before `end of trees`"));
    }
    Ok(file)
}

pub(super) fn syntax(line: usize, detail: &str) -> Refusal {
    Refusal::Syntax {
        format: "LightGBM text",
        at: format!("line {line}"),
        detail: detail.to_owned(),
    }
}

fn number(section: &Section<'_>, key: &'static str) -> Result<usize, Refusal> {
    let Some((line, value)) = section.get(key) else {
        return Err(Refusal::field(key, "nothing", "a whole number from 0"));
    };
    value
        .parse()
        .map_err(|_| Refusal::field(format!("line {line}, {key}"), value, "a whole number from 0"))
}

/// From the words of the objective line to what is done with sums.
fn objective_of(text: &str, groups: usize) -> Result<(Link, Meaning), Refusal> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or("custom");
    let (mut sigmoid, mut square_root) = (1.0, false);
    for word in words {
        if let Some(value) = word.strip_prefix("sigmoid:") {
            sigmoid = value
                .parse()
                .map_err(|_| Refusal::field("objective", word, "sigmoid: and a number"))?;
        }
        square_root |= word == "sqrt";
    }
    let values = Meaning::Values { outputs: groups };
    let classes = || (0..groups).map(|class| Label::Integer(class as i64)).collect();
    let logistic = Link::Logistic { scale: sigmoid };
    Ok(match name {
        "regression" if square_root => (Link::SignedSquare, values),
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
        | "rank_xendcg" | "custom" | "none" => (Link::Identity, values),
        "poisson" | "gamma" | "tweedie" => (Link::Exponential, values),
        "binary" if groups == 1 => (logistic, Meaning::counted_classes(2)),
        "cross_entropy" => (Link::Logistic { scale: 1.0 }, values),
        "cross_entropy_lambda" => (Link::Softplus, values),
        "multiclass" if groups > 1 => {
            (Link::Softmax, Meaning::Probabilities { classes: classes() })
        }
        // One against the rest: the library does not make them sum up to 1.
        "multiclassova" if groups > 1 => (logistic, Meaning::Scores { classes: classes() }),
        _ => {
            return Err(Refusal::unsupported(
                "objective",
                text,
                "the objectives that LightGBM brings along are",
            ));
        }
    })
}

fn names(file: &File<'_>, features: usize) -> Vec<Feature> {
    let words = |key: &str| -> Vec<&str> {
        file.header
            .get(key)
            .map(|(_, value)| value.split_whitespace().collect())
            .unwrap_or_default()
    };
    let names = words("feature_names");
    let infos = words("feature_infos");
    // `[smallest:largest]` of a number, `0:1:2` of a category, `none` of what was never used.
    let is_category =
        |at: usize| infos.get(at).is_some_and(|info| !info.starts_with('[') && *info != "none");
    let categorical = (0..features).filter(|at| is_category(*at)).count();
    let pandas: Vec<Vec<serde_json::Value>> = file
        .pandas
        .and_then(|json| serde_json::from_str(json).ok())
        // Another number of columns: which is which is not known.
        .filter(|columns: &Vec<_>| columns.len() == categorical)
        .unwrap_or_default();
    let mut pandas = pandas.into_iter();
    (0..features)
        .map(|at| Feature {
            name: (names.len() == features).then(|| names[at].to_owned()),
            kind: if is_category(at) {
                let values = pandas.next().unwrap_or_default();
                FeatureKind::Code { values: values.iter().map(label).collect() }
            } else {
                FeatureKind::Number
            },
        })
        .collect()
}

fn label(value: &serde_json::Value) -> Label {
    match value {
        serde_json::Value::Bool(flag) => Label::Flag(*flag),
        serde_json::Value::String(text) => Label::Text(text.clone()),
        other => match (other.as_i64(), other.as_f64()) {
            (Some(number), _) => Label::Integer(number),
            (None, Some(number)) => Label::Number(number),
            (None, None) => Label::Text(other.to_string()),
        },
    }
}
