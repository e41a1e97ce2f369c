//! The messages of an ONNX file that are needed, by the field numbers of `onnx.proto`.

use super::onnx_wire::{self as wire, Counts, Floats, Ints, Texts, Wire, broken, fields};
use crate::refusal::{Refusal, shown};

/// A model: who wrote it, and its graph.
pub(super) struct ModelProto<'a> {
    pub(super) producer_name: String,
    pub(super) producer_version: String,
    pub(super) graph: Option<GraphProto<'a>>,
}

/// A graph, its operators in place.
#[derive(Default)]
pub(super) struct GraphProto<'a> {
    pub(super) node: Vec<NodeProto<'a>>,
    pub(super) initializer: Vec<TensorProto>,
    pub(super) input: Vec<ValueInfoProto>,
    pub(super) output: Vec<ValueInfoProto>,
}

/// An operator; its attributes stay where they are in the file.
#[derive(Default)]
pub(super) struct NodeProto<'a> {
    pub(super) input: Vec<String>,
    pub(super) output: Vec<String>,
    pub(super) op_type: String,
    pub(super) domain: String,
    attributes: Vec<Attribute<'a>>,
}

/// An attribute, looked through and not copied.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a> {
    name: &'a str,
    message: &'a [u8],
    counts: Counts,
}

/// Numbers of the fields of `AttributeProto`.
const FLOATS: u64 = 7;
const INTS: u64 = 8;
const STRINGS: u64 = 9;

fn text(bytes: &[u8]) -> Result<String, Refusal> {
    Ok(borrowed(bytes)?.to_owned())
}

fn borrowed(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| broken("a text that is not UTF-8"))
}

fn decoded<T: prost::Message + Default>(bytes: &[u8]) -> Result<T, Refusal> {
    T::decode(bytes).map_err(|error| broken(&shown(&error)))
}

impl<'a> ModelProto<'a> {
    /// Reads a file, whose operators stay where they are.
    pub(super) fn read(bytes: &'a [u8]) -> Result<ModelProto<'a>, Refusal> {
        let mut model = ModelProto {
            producer_name: String::new(),
            producer_version: String::new(),
            graph: None,
        };
        for field in fields(bytes) {
            match field? {
                (2, Wire::Bytes(name)) => model.producer_name = text(name)?,
                (3, Wire::Bytes(version)) => model.producer_version = text(version)?,
                (7, Wire::Bytes(graph)) => model.graph = Some(GraphProto::read(graph)?),
                (2 | 3 | 7, _) => return Err(broken("a field of the model of another kind")),
                _ => {}
            }
        }
        Ok(model)
    }
}

impl<'a> GraphProto<'a> {
    fn read(bytes: &'a [u8]) -> Result<GraphProto<'a>, Refusal> {
        let mut graph = GraphProto::default();
        for field in fields(bytes) {
            match field? {
                (1, Wire::Bytes(node)) => graph.node.push(NodeProto::read(node)?),
                (5, Wire::Bytes(tensor)) => graph.initializer.push(decoded(tensor)?),
                (11, Wire::Bytes(input)) => graph.input.push(decoded(input)?),
                (12, Wire::Bytes(output)) => graph.output.push(decoded(output)?),
                (1 | 5 | 11 | 12, _) => return Err(broken("a field of the graph of another kind")),
                _ => {}
            }
        }
        Ok(graph)
    }
}

impl<'a> NodeProto<'a> {
    fn read(bytes: &'a [u8]) -> Result<NodeProto<'a>, Refusal> {
        let mut node = NodeProto::default();
        for field in fields(bytes) {
            match field? {
                (1, Wire::Bytes(name)) => node.input.push(text(name)?),
                (2, Wire::Bytes(name)) => node.output.push(text(name)?),
                (4, Wire::Bytes(name)) => node.op_type = text(name)?,
                (5, Wire::Bytes(message)) => node.attributes.push(Attribute::read(message)?),
                (7, Wire::Bytes(name)) => node.domain = text(name)?,
                (1 | 2 | 4 | 5 | 7, _) => {
                    return Err(broken("a field of an operator of another kind"));
                }
                _ => {}
            }
        }
        Ok(node)
    }
}

impl<'a> Attribute<'a> {
    fn read(message: &'a [u8]) -> Result<Attribute<'a>, Refusal> {
        let (name, counts) = wire::looked_through(message, (FLOATS, INTS, STRINGS))?;
        Ok(Attribute { name: borrowed(name)?, message, counts })
    }

    /// The last value of a field, which is the one that counts.
    fn last(&self, tag: u64) -> Option<Wire<'a>> {
        fields(self.message)
            .filter_map(Result::ok)
            .filter(|(one, _)| *one == tag)
            .last()
            .map(|(_, value)| value)
    }

    /// Its float, 0 where it has none.
    pub(super) fn f(&self) -> f32 {
        match self.last(2) {
            Some(Wire::Fixed32(bits)) => f32::from_bits(bits),
            _ => 0.0,
        }
    }

    /// Its whole number, 0 where it has none.
    pub(super) fn i(&self) -> i64 {
        match self.last(3) {
            Some(Wire::Number(value)) => value as i64,
            _ => 0,
        }
    }

    /// Its text, empty where it has none.
    fn s(&self) -> &'a [u8] {
        match self.last(4) {
            Some(Wire::Bytes(text)) => text,
            _ => &[],
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorProto {
    #[prost(int32, tag = "2")]
    pub(super) data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub(super) float_data: Vec<f32>,
    #[prost(int64, repeated, tag = "7")]
    pub(super) int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub(super) name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub(super) raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    pub(super) double_data: Vec<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "2")]
    pub(super) r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(super) tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub(super) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub(super) dim: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DimensionProto {
    #[prost(int64, tag = "1")]
    pub(super) dim_value: i64,
}

impl TensorProto {
    /// Its numbers, where they are of 32 or 64 bits: FLOAT 1, INT64 7, DOUBLE 11.
    pub(super) fn numbers(&self) -> Option<Vec<f64>> {
        let raw = &self.raw_data;
        match self.data_type {
            1 if raw.is_empty() => Some(self.float_data.iter().map(|x| f64::from(*x)).collect()),
            1 => Some(
                raw.chunks_exact(4)
                    .map(|bytes| {
                        f64::from(f32::from_le_bytes(bytes.try_into().unwrap_or_default()))
                    })
                    .collect(),
            ),
            7 if raw.is_empty() => Some(self.int64_data.iter().map(|x| *x as f64).collect()),
            7 => Some(
                raw.chunks_exact(8)
                    .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap_or_default()) as f64)
                    .collect(),
            ),
            11 if raw.is_empty() => Some(self.double_data.clone()),
            11 => Some(
                raw.chunks_exact(8)
                    .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap_or_default()))
                    .collect(),
            ),
            _ => None,
        }
    }
}

impl<'a> NodeProto<'a> {
    /// An attribute by its name.
    pub(super) fn attribute(&self, name: &str) -> Option<Attribute<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name).copied()
    }

    fn message(&self, name: &str) -> &'a [u8] {
        self.attribute(name).map_or(&[], |attribute| attribute.message)
    }

    /// How many entries the lists of an attribute have.
    pub(super) fn counts(&self, name: &str) -> Counts {
        self.attribute(name).map_or_else(Counts::default, |attribute| attribute.counts)
    }

    pub(super) fn floats(&self, name: &str) -> Floats<'a> {
        wire::floats(self.message(name), FLOATS)
    }

    pub(super) fn ints(&self, name: &str) -> Ints<'a> {
        wire::ints(self.message(name), INTS)
    }

    pub(super) fn strings(&self, name: &str) -> Texts<'a> {
        wire::texts(self.message(name), STRINGS)
    }

    /// A text, or what it is where the attribute is missing.
    pub(super) fn text(&self, name: &str, otherwise: &str) -> String {
        match self.attribute(name) {
            Some(attribute) => String::from_utf8_lossy(attribute.s()).into_owned(),
            None => otherwise.to_owned(),
        }
    }
}
