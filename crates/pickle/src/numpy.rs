//! Arrays and scalars in the forms in which numpy and joblib pickle them.

use std::borrow::Cow;

use crate::array::{Array, Data};
use crate::data_type::{self, DataType, Kind};
use crate::graph::{InlineData, Node};
use crate::{Reason, Refusal, Value};

/// More dimensions than this are not of models.
const MOST_DIMENSIONS: usize = 8;

/// The array that a value is, of any of the three forms.
pub(crate) fn array<'g>(value: Value<'g>, what: &str) -> Result<Array<'g>, Refusal> {
    if let Node::Inline(inline) = value.node() {
        let data_type = data_type::read(value.at(inline.data_type))?;
        let data = match inline.data {
            InlineData::Bytes(bytes) => Data::Bytes(Cow::Borrowed(bytes)),
            InlineData::Nested(root) => objects(value.at(root), what)?,
        };
        return whole(value, data_type, inline.shape.clone(), inline.fortran, data);
    }
    match value.class() {
        Some("numpy._core.multiarray._reconstruct") => reconstructed(value, what),
        Some("numpy._core.numeric._frombuffer") => from_buffer(value, what),
        _ => Err(value.expected(what)),
    }
}

/// `_reconstruct(ndarray, (0,), b'b')` with the state (version, shape, dtype, order, content).
fn reconstructed<'g>(value: Value<'g>, what: &str) -> Result<Array<'g>, Refusal> {
    let first = value.arguments().first().copied();
    if !first.is_some_and(data_type::is_ndarray) {
        return Err(value.expected("a plain ndarray"));
    }
    let state = value.state().ok_or_else(|| value.expected(what))?.items(what)?;
    let [_, shape_value, data_type, fortran, content] = state[..] else {
        return Err(value.expected(what));
    };
    let data_type = data_type::read(data_type)?;
    let fortran = fortran.boolean(what)?;
    let data = if data_type.kind == Kind::Object {
        Data::Objects(content.items(what)?)
    } else {
        Data::Bytes(content.bytes(what)?)
    };
    whole(value, data_type, shape(shape_value)?, fortran, data)
}

/// `_frombuffer(buffer, dtype, shape, order)`, written from protocol 5 on.
fn from_buffer<'g>(value: Value<'g>, what: &str) -> Result<Array<'g>, Refusal> {
    let arguments = value.arguments();
    let [content, data_type, shape_value, order, ..] = arguments[..] else {
        return Err(value.expected(what));
    };
    let data_type = data_type::read(data_type)?;
    let fortran = order.text(what)? == "F";
    let data = Data::Bytes(content.bytes(what)?);
    whole(value, data_type, shape(shape_value)?, fortran, data)
}

/// Inside of joblib's nested pickle stands a whole array of objects.
fn objects<'g>(value: Value<'g>, what: &str) -> Result<Data<'g>, Refusal> {
    match reconstructed(value, what)?.data {
        Data::Objects(items) => Ok(Data::Objects(items)),
        Data::Bytes(_) => Err(value.expected("an array of objects")),
    }
}

pub(crate) fn shape(value: Value<'_>) -> Result<Vec<usize>, Refusal> {
    let what = "the shape of an array";
    let items = value.items(what)?;
    if items.len() > MOST_DIMENSIONS {
        return Err(Refusal::limit(value.offset(), "dimensions", MOST_DIMENSIONS as u64));
    }
    items.into_iter().map(|item| item.count(what)).collect()
}

/// How many elements a shape has, where that can be counted.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, side| product.checked_mul(*side))
}

fn whole<'g>(
    value: Value<'g>,
    data_type: DataType,
    shape: Vec<usize>,
    fortran: bool,
    data: Data<'g>,
) -> Result<Array<'g>, Refusal> {
    let declared = elements(&shape);
    let fits = match (&data, declared) {
        (Data::Objects(items), Some(count)) => items.len() == count,
        // Elements without bytes could be declared in any number.
        (Data::Bytes(bytes), Some(count)) if data_type.size == 0 => {
            bytes.is_empty() && count <= value.graph_nodes()
        }
        (Data::Bytes(bytes), Some(count)) => count.checked_mul(data_type.size) == Some(bytes.len()),
        (_, None) => false,
    };
    if !fits || (matches!(data, Data::Bytes(_)) && data_type.kind == Kind::Object) {
        let what = format!("content for an array of shape {shape:?}");
        let found = format!("{} bytes or values", data.len());
        return Err(Refusal::new(value.offset(), Reason::Expected { what, found }));
    }
    Ok(Array { offset: value.offset(), data_type, shape, fortran, data })
}

/// A numpy scalar (`scalar(dtype, bytes)`) as an array of one element.
pub(crate) fn scalar<'g>(value: Value<'g>, what: &str) -> Result<Array<'g>, Refusal> {
    let arguments = value.arguments();
    let [data_type, content] = arguments[..] else {
        return Err(value.expected(what));
    };
    let data_type = data_type::read(data_type)?;
    if data_type.kind == Kind::Object {
        return Err(value.expected(what));
    }
    let data = Data::Bytes(content.bytes(what)?);
    whole(value, data_type, vec![1], false, data)
}
