//! The graph of an ONNX file, followed from its answer back to its inputs.

use std::collections::BTreeMap;

use super::onnx_messages::{GraphProto, NodeProto, TensorProto};
use super::onnx_operators as operators;
use crate::refusal::Refusal;
use crate::{Branch, Limits, Meaning, Predictor, Step};

/// The most operators between an answer and an input.
const LONGEST: usize = 64;
/// Texts, in the numbering of `TensorProto.DataType`.
const STRING: i32 = 8;

pub(super) struct Graph<'a> {
    proto: &'a GraphProto<'a>,
    producers: BTreeMap<&'a str, (usize, &'a NodeProto<'a>)>,
    constants: BTreeMap<&'a str, &'a TensorProto>,
    /// The columns of each input in a row that holds all of them.
    inputs: BTreeMap<&'a str, Input>,
    pub(super) limits: &'a Limits,
}

struct Input {
    first: u32,
    width: u32,
    texts: bool,
}

/// Columns of the row and what is done to them.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) columns: Vec<u32>,
    pub(super) steps: Vec<Step>,
    pub(super) width: usize,
}

/// What a model answers.
pub(super) struct Answer {
    pub(super) row: Row,
    pub(super) predictor: Predictor,
    pub(super) meaning: Meaning,
}

/// What a value of the graph is.
pub(super) enum Value {
    Row(Row),
    Answer(Box<Answer>),
    /// The label of the likeliest class, which follows from the answer.
    Label,
}

impl<'a> Graph<'a> {
    pub(super) fn new(proto: &'a GraphProto<'a>, limits: &'a Limits) -> Result<Graph<'a>, Refusal> {
        Refusal::check("operators", proto.node.len(), limits.parts)?;
        let constants: BTreeMap<&str, &TensorProto> =
            proto.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut producers = BTreeMap::new();
        for node in &proto.node {
            for (at, output) in node.output.iter().enumerate() {
                if producers.insert(output.as_str(), (at, node)).is_some() {
                    return Err(Refusal::field(output.as_str(), "two producers", "one"));
                }
            }
        }
        let (mut inputs, mut next) = (BTreeMap::new(), 0_usize);
        // Old files list constants among the inputs.
        for input in proto.input.iter().filter(|one| !constants.contains_key(one.name.as_str())) {
            let tensor = input.r#type.as_ref().and_then(|one| one.tensor_type.as_ref());
            let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
            let width = shape.and_then(|shape| shape.dim.get(1)).map_or(0, |dim| dim.dim_value);
            let width = usize::try_from(width).unwrap_or(0);
            if width == 0 {
                return Err(Refusal::field(
                    format!("graph.input.{}", input.name),
                    "no number of columns",
                    "a shape of [rows, columns] with a known number of columns",
                ));
            }
            Refusal::check("features", next.saturating_add(width), limits.features)?;
            let texts = tensor.is_some_and(|tensor| tensor.elem_type == STRING);
            let columns = Input { first: next as u32, width: width as u32, texts };
            inputs.insert(input.name.as_str(), columns);
            next += width;
        }
        Ok(Graph { proto, producers, constants, inputs, limits })
    }

    /// For each feature its name, where each has an input of its own, and whether it may be a text.
    pub(super) fn features(&self) -> impl Iterator<Item = (Option<String>, bool)> {
        let mut inputs: Vec<_> = self.inputs.iter().collect();
        inputs.sort_by_key(|(_, input)| input.first);
        inputs.into_iter().flat_map(|(name, input)| {
            let name = (input.width == 1).then(|| (*name).to_owned());
            (0..input.width).map(move |_| (name.clone(), input.texts))
        })
    }

    /// The first output that is no label, with the operator that it comes from.
    pub(super) fn answer(&self) -> Result<(String, Answer), Refusal> {
        for output in &self.proto.output {
            if let Value::Answer(answer) = self.value(&output.name, LONGEST)? {
                let operator = match &answer.predictor {
                    Predictor::Linear(_) => "linear model",
                    _ => "tree ensemble",
                };
                return Ok((operator.to_owned(), *answer));
            }
        }
        Err(Refusal::field(
            "graph.output",
            format!("{} outputs, none of a predictor", self.proto.output.len()),
            "an output of a tree ensemble or a linear model",
        ))
    }

    /// What a value is.
    pub(super) fn value(&self, name: &str, left: usize) -> Result<Value, Refusal> {
        if let Some(input) = self.inputs.get(name) {
            let columns: Vec<u32> = (input.first..input.first + input.width).collect();
            let width = columns.len();
            return Ok(Value::Row(Row { columns, steps: Vec::new(), width }));
        }
        let Some((output, node)) = self.producers.get(name) else {
            return Err(Refusal::field(format!("value {name}"), "no producer", "an operator"));
        };
        let Some(left) = left.checked_sub(1) else {
            return Err(Refusal::TooLarge {
                what: "operators in a chain",
                limit: LONGEST,
                found: LONGEST + 1,
            });
        };
        operators::apply(self, node, *output, left)
    }

    /// The row that an operator takes.
    pub(super) fn row(&self, node: &NodeProto<'_>, at: usize, left: usize) -> Result<Row, Refusal> {
        let name = node.input.get(at).map_or("", String::as_str);
        match self.value(name, left)? {
            Value::Row(row) => Ok(row),
            Value::Answer(_) | Value::Label => Err(Refusal::unsupported(
                "operator after a predictor",
                &node.op_type,
                "Identity, Cast, Normalizer and ZipMap are",
            )),
        }
    }

    /// The numbers of a constant.
    pub(super) fn constant(&self, name: &str) -> Option<Vec<f64>> {
        self.constants.get(name).and_then(|tensor| tensor.numbers())
    }
}

impl Row {
    pub(super) fn then(mut self, step: Step) -> Row {
        self.width = step.features_out(self.width);
        self.steps.push(step);
        self
    }

    /// Rows side by side.
    pub(super) fn concat(rows: Vec<Row>) -> Row {
        if rows.iter().all(|row| row.steps.is_empty()) {
            let columns: Vec<u32> = rows.into_iter().flat_map(|row| row.columns).collect();
            return Row { width: columns.len(), columns, steps: Vec::new() };
        }
        let columns: Vec<u32> = rows.iter().flat_map(|row| row.columns.iter().copied()).collect();
        let mut next = 0_u32;
        let branches = rows
            .into_iter()
            .map(|row| {
                let first = next;
                next += row.columns.len() as u32;
                Branch { columns: (first..next).collect(), steps: row.steps }
            })
            .collect();
        let step = Step::Parallel { features: columns.len(), branches };
        Row { width: columns.len(), columns, steps: Vec::new() }.then(step)
    }
}
