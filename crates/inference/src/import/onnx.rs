//! Models in ONNX, as converters write them for trees, linear models and what stands before them.
//!
//! Only a graph that takes a row through steps to one predictor is read; there is no general
//! evaluation of tensors here.

use super::ReadOptions;
use super::onnx_graph::Graph;
use super::onnx_messages::ModelProto;
use crate::refusal::{Refusal, shown};
use crate::{Feature, FeatureKind, Model, Predictor, Signature, Source, Step};

/// Reads `model.onnx`.
///
/// # Errors
/// What is no ONNX file, what is larger than the limits, and by their names: operators, attributes
/// and types that are not computed here.
pub fn read_onnx(bytes: &[u8], options: &ReadOptions) -> Result<Model, Refusal> {
    Refusal::check("bytes", bytes.len(), options.limits.bytes)?;
    let model = ModelProto::read(bytes)?;
    let Some(graph) = &model.graph else {
        return Err(Refusal::field("graph", "nothing", "a graph"));
    };
    let graph = Graph::new(graph, &options.limits)?;
    let (operator, answer) = graph.answer()?;
    let features: Vec<Feature> = graph
        .features()
        .map(|(name, kind)| Feature {
            name,
            kind: if kind { FeatureKind::Any } else { FeatureKind::Number },
        })
        .collect();
    let width = features.len();
    let mut steps = answer.row.steps;
    if !answer.row.columns.iter().copied().eq(0..width as u32) {
        steps.insert(0, Step::Select(answer.row.columns));
    }
    let predictor = if steps.is_empty() {
        answer.predictor
    } else {
        Predictor::Pipeline { steps, last: Box::new(answer.predictor) }
    };
    let version = format!("{} {}", model.producer_name, model.producer_version);
    Ok(Model {
        signature: Signature { features, meaning: answer.meaning },
        predictor,
        source: Source {
            format: "ONNX".to_owned(),
            version: Some(shown(&version.trim())),
            objective: Some(operator),
            notes: Vec::new(),
        },
    })
}
