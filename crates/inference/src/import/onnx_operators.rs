//! What each operator of ONNX becomes.

use super::onnx_graph::{Answer, Graph, Row, Value};
use super::onnx_messages::NodeProto;
use super::onnx_trees::{Leaves, ensemble};
use crate::refusal::Refusal;
use crate::{
    Affine, AffineOrder, Categories, Category, Cell, Impute, Label, Linear, Link, Meaning, Norm,
    OneHot, Predictor, Step, Unknown,
};

/// The value that an operator makes.
pub(super) fn apply(
    graph: &Graph<'_>,
    node: &NodeProto<'_>,
    output: usize,
    left: usize,
) -> Result<Value, Refusal> {
    let known_domain = matches!(node.domain.as_str(), "" | "ai.onnx" | "ai.onnx.ml");
    match node.op_type.as_str() {
        _ if !known_domain => Err(unknown(node)),
        "TreeEnsembleClassifier" | "LinearClassifier" if output == 0 => Ok(Value::Label),
        "TreeEnsembleClassifier" => {
            answer(graph.row(node, 0, left)?, |row| trees(graph, node, row))
        }
        "TreeEnsembleRegressor" => {
            answer(graph.row(node, 0, left)?, |row| targets(graph, node, row))
        }
        "LinearClassifier" | "LinearRegressor" => {
            answer(graph.row(node, 0, left)?, |row| linear(node, row))
        }
        "Identity" | "ZipMap" | "Cast" | "Normalizer" => {
            let name = node.input.first().map_or("", String::as_str);
            match graph.value(name, left)? {
                Value::Row(row) => row_through(node, row).map(Value::Row),
                Value::Answer(answer) if node.op_type == "Normalizer" => normalized(node, *answer),
                other => Ok(other),
            }
        }
        "Scaler" => {
            let row = graph.row(node, 0, left)?;
            let wide = |name: &str| widened(node, name, row.width);
            let (shift, factor) = (wide("offset")?, wide("scale")?);
            let order = AffineOrder::SubtractMultiply32;
            Ok(Value::Row(row.then(Step::Affine(Affine { order, shift, factor, clip: None }))))
        }
        "Add" | "Sub" | "Mul" | "Div" => arithmetic(graph, node, left),
        "Concat" => {
            let rows: Result<Vec<Row>, Refusal> =
                (0..node.input.len()).map(|at| graph.row(node, at, left)).collect();
            Ok(Value::Row(Row::concat(rows?)))
        }
        "ArrayFeatureExtractor" => {
            let row = graph.row(node, 0, left)?;
            let name = node.input.get(1).map_or("", String::as_str);
            let columns = graph.constant(name).ok_or_else(|| unknown(node))?;
            if columns.iter().any(|at| !(*at >= 0.0 && *at < row.width as f64)) {
                return Err(Refusal::field(
                    name,
                    "a column outside of the row",
                    "one of its columns",
                ));
            }
            Ok(Value::Row(row.then(Step::Select(columns.iter().map(|at| *at as u32).collect()))))
        }
        "Imputer" => imputer(graph.row(node, 0, left)?, node),
        "OneHotEncoder" => one_hot(graph.row(node, 0, left)?, node),
        // The encoder has a third dimension, which is laid flat again.
        "Reshape" | "Flatten" => {
            let row = graph.row(node, 0, left)?;
            match row.steps.last() {
                Some(Step::OneHot(_)) => Ok(Value::Row(row)),
                _ => Err(unknown(node)),
            }
        }
        _ => Err(unknown(node)),
    }
}

fn unknown(node: &NodeProto<'_>) -> Refusal {
    let name = match node.domain.as_str() {
        "" => node.op_type.clone(),
        domain => format!("{domain}.{}", node.op_type),
    };
    Refusal::unsupported(
        "operator",
        name,
        "tree ensembles, linear models, scalers, imputers and one-hot encoders are",
    )
}

fn answer(
    row: Row,
    made: impl FnOnce(&Row) -> Result<(Predictor, Meaning), Refusal>,
) -> Result<Value, Refusal> {
    let (predictor, meaning) = made(&row)?;
    Ok(Value::Answer(Box::new(Answer { row, predictor, meaning })))
}

fn row_through(node: &NodeProto<'_>, row: Row) -> Result<Row, Refusal> {
    match node.op_type.as_str() {
        "Identity" => Ok(row),
        "Normalizer" => match node.text("norm", "MAX").as_str() {
            "L1" => Ok(row.then(Step::Normalize(Norm::L1))),
            "L2" => Ok(row.then(Step::Normalize(Norm::L2))),
            "MAX" => Ok(row.then(Step::Normalize(Norm::Largest))),
            other => Err(Refusal::unsupported("norm", other, "L1, L2 and MAX are")),
        },
        // To f32 (1) or f64 (11); whole numbers and truth values would cut.
        "Cast" => match node.attribute("to").map_or(0, |to| to.i()) {
            1 => Ok(row.then(Step::Round32)),
            11 => Ok(row),
            other => Err(Refusal::unsupported("cast to type", other, "FLOAT and DOUBLE are")),
        },
        _ => Err(unknown(node)),
    }
}

/// A norm of probabilities: L1 makes them sum up to 1.
fn normalized(node: &NodeProto<'_>, mut answer: Answer) -> Result<Value, Refusal> {
    let norm = node.text("norm", "MAX");
    let link = match &mut answer.predictor {
        Predictor::Linear(linear) => &mut linear.link,
        Predictor::Trees(trees) => &mut trees.link,
        _ => return Err(unknown(node)),
    };
    if norm != "L1" {
        return Err(Refusal::unsupported("norm of an answer", norm, "L1 is"));
    }
    // A single probability stands for two that sum up to 1 already.
    if answer.meaning.outputs() > 1 {
        *link = match *link {
            Link::Logistic { scale } => Link::LogisticShares { scale },
            Link::Identity => Link::Shares,
            other => other,
        };
        if let Meaning::Scores { classes } = answer.meaning {
            answer.meaning = Meaning::Probabilities { classes };
        }
    }
    Ok(Value::Answer(Box::new(answer)))
}

/// As many numbers as columns; one number stands for all.
fn widened(node: &NodeProto<'_>, name: &str, width: usize) -> Result<Vec<f64>, Refusal> {
    let found: Vec<f32> = node.floats(name).collect();
    match found.len() {
        1 => Ok(vec![f64::from(found[0]); width]),
        count if count == width => Ok(found.iter().map(|x| f64::from(*x)).collect()),
        count => Err(Refusal::field(
            format!("{}.{name}", node.op_type),
            format!("{count} numbers"),
            format!("1 or {width}"),
        )),
    }
}

/// A row and a constant.
fn arithmetic(graph: &Graph<'_>, node: &NodeProto<'_>, left: usize) -> Result<Value, Refusal> {
    let name = node.input.get(1).map_or("", String::as_str);
    let constant = graph.constant(name).ok_or_else(|| unknown(node))?;
    let row = graph.row(node, 0, left)?;
    let width = row.width;
    let numbers = match constant.len() {
        1 => vec![constant[0]; width],
        count if count == width => constant,
        count => {
            return Err(Refusal::field(name, format!("{count} numbers"), format!("1 or {width}")));
        }
    };
    let (zeros, ones) = (vec![0.0; width], vec![1.0; width]);
    let multiply = AffineOrder::SubtractMultiply32;
    let (order, shift, factor) = match node.op_type.as_str() {
        "Add" => (multiply, numbers.iter().map(|x| -x).collect(), ones),
        "Sub" => (multiply, numbers, ones),
        "Mul" => (multiply, zeros, numbers),
        _ => (AffineOrder::SubtractDivide, zeros, numbers),
    };
    let row = row.then(Step::Affine(Affine { order, shift, factor, clip: None }));
    Ok(Value::Row(row.then(Step::Round32)))
}

fn imputer(row: Row, node: &NodeProto<'_>) -> Result<Value, Refusal> {
    if row.steps.is_empty() && node.floats("imputed_value_floats").next().is_none() {
        return Err(Refusal::unsupported("imputer of", "whole numbers", "those of floats are"));
    }
    let fill = widened(node, "imputed_value_floats", row.width)?;
    let fill = fill.into_iter().map(|value| Some(Cell::Number(value))).collect();
    let replaced = node.attribute("replaced_value_float").map_or(f32::NAN, |one| one.f());
    let missing = (!replaced.is_nan()).then(|| Cell::Number(f64::from(replaced)));
    Ok(Value::Row(row.then(Step::Impute(Impute { missing, fill, indicators: Vec::new() }))))
}

fn one_hot(row: Row, node: &NodeProto<'_>) -> Result<Value, Refusal> {
    let values: Vec<Category> =
        labels(node, "cats_int64s", "cats_strings").into_iter().map(Category::Is).collect();
    let width = values.len() as u32;
    let zeros = node.attribute("zeros").is_none_or(|one| one.i() != 0);
    let columns = row.width;
    let step = OneHot {
        places: vec![(0..width).map(Some).collect(); columns],
        columns: vec![Categories { values }; columns],
        widths: vec![width; columns],
        unknown: vec![if zeros { Unknown::Nothing } else { Unknown::Refuse }; columns],
    };
    Ok(Value::Row(row.then(Step::OneHot(step))))
}

fn labels(node: &NodeProto<'_>, numbers: &str, texts: &str) -> Vec<Label> {
    let texts =
        node.strings(texts).map(|text| Label::Text(String::from_utf8_lossy(text).into_owned()));
    node.ints(numbers).map(Label::Integer).chain(texts).collect()
}

fn link(node: &NodeProto<'_>) -> Result<Link, Refusal> {
    match node.text("post_transform", "NONE").as_str() {
        "NONE" => Ok(Link::Identity),
        "LOGISTIC" => Ok(Link::Logistic { scale: 1.0 }),
        "SOFTMAX" => Ok(Link::Softmax),
        other => Err(Refusal::unsupported("post_transform", other, "NONE, LOGISTIC, SOFTMAX are")),
    }
}

fn trees(
    graph: &Graph<'_>,
    node: &NodeProto<'_>,
    row: &Row,
) -> Result<(Predictor, Meaning), Refusal> {
    let classes = labels(node, "classlabels_int64s", "classlabels_strings");
    let count = classes.len();
    let link = link(node)?;
    let ids = node.ints("class_ids");
    let first = ids.clone().next();
    // Two classes of which one alone has weights: its score stands for both. Shares of two classes
    // need but the second.
    let single = count == 2 && ids.clone().all(|id| Some(id) == first);
    let second = count == 2 && link == Link::Identity && !single;
    let groups = if single || second { 1 } else { count };
    let base: Vec<f64> = node.floats("base_values").map(f64::from).collect();
    let base = match (base.len(), groups) {
        (0, _) => vec![0.0; groups],
        (found, groups) if found == groups => base,
        (2, 1) => vec![base[1]],
        (found, groups) => {
            return Err(Refusal::field("base_values", found, format!("none or {groups}")));
        }
    };
    let group_of = |id: i64| match u32::try_from(id) {
        Ok(id) if single && (id as usize) < count => Some(Some(0)),
        Ok(id) if second && (id as usize) < count => Some((id == 1).then_some(0)),
        Ok(id) if (id as usize) < count => Some(Some(id)),
        _ => None,
    };
    let negative = node.floats("class_weights").any(|weight| weight < 0.0);
    let leaves =
        Leaves { prefix: "class", group_of: &group_of, groups, base, link, average: false };
    let ensemble = ensemble(node, row.width, leaves, graph.limits)?;
    let meaning = match link {
        Link::Identity if negative && groups == 1 => Meaning::Values { outputs: 1 },
        Link::Identity if negative => Meaning::Scores { classes },
        _ if groups == 1 => Meaning::ProbabilityOfSecond { classes },
        Link::Logistic { .. } => Meaning::Scores { classes },
        _ => Meaning::Probabilities { classes },
    };
    Ok((Predictor::Trees(Box::new(ensemble)), meaning))
}

fn targets(
    graph: &Graph<'_>,
    node: &NodeProto<'_>,
    row: &Row,
) -> Result<(Predictor, Meaning), Refusal> {
    let groups = node.attribute("n_targets").map_or(1, |one| one.i());
    let groups = usize::try_from(groups)
        .ok()
        .filter(|groups| *groups > 0)
        .ok_or_else(|| Refusal::field("n_targets", groups, "a number from 1"))?;
    Refusal::check("classes or outputs", groups, graph.limits.groups)?;
    let average = match node.text("aggregate_function", "SUM").as_str() {
        "SUM" => false,
        "AVERAGE" => true,
        other => {
            return Err(Refusal::unsupported("aggregate_function", other, "SUM and AVERAGE are"));
        }
    };
    let base: Vec<f64> = node.floats("base_values").map(f64::from).collect();
    let base = if base.is_empty() { vec![0.0; groups] } else { base };
    let group_of = |id: i64| u32::try_from(id).ok().filter(|id| (*id as usize) < groups).map(Some);
    let link = link(node)?;
    let leaves = Leaves { prefix: "target", group_of: &group_of, groups, base, link, average };
    let ensemble = ensemble(node, row.width, leaves, graph.limits)?;
    Ok((Predictor::Trees(Box::new(ensemble)), Meaning::Values { outputs: groups }))
}

fn linear(node: &NodeProto<'_>, row: &Row) -> Result<(Predictor, Meaning), Refusal> {
    let features = row.width;
    let mut weights: Vec<f64> = node.floats("coefficients").map(f64::from).collect();
    let mut groups = weights.len() / features.max(1);
    let mut intercepts: Vec<f64> = node.floats("intercepts").map(f64::from).collect();
    if intercepts.is_empty() {
        intercepts = vec![0.0; groups];
    }
    let link = link(node)?;
    let classes = labels(node, "classlabels_ints", "classlabels_strings");
    let meaning = if node.op_type == "LinearRegressor" {
        Meaning::Values { outputs: groups }
    } else {
        // Two rows of weights for two classes say the same twice, but under softmax.
        if classes.len() == 2 && groups == 2 && link != Link::Softmax {
            weights.drain(..features);
            intercepts.drain(..1.min(intercepts.len()));
            groups = 1;
        }
        match (link, groups) {
            (Link::Identity, 1) => Meaning::Values { outputs: 1 },
            (Link::Identity | Link::Logistic { .. }, 2..) => Meaning::Scores { classes },
            (_, 1) => Meaning::ProbabilityOfSecond { classes },
            _ => Meaning::Probabilities { classes },
        }
    };
    let linear = Linear { features, groups, weights, intercepts, link, missing: None };
    Ok((Predictor::Linear(linear), meaning))
}
