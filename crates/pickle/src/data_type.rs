//! Types of array elements: numpy's `dtype`, as its `__reduce__` writes it.
//!
//! A pickle holds the letter and size (`'f8'`, `'U5'`, `'V64'`) as the first argument, and in the
//! state the byte order, names and places of the fields of a record, and its size with padding.
//! Source: `arraydescr_reduce` and `arraydescr_setstate` in numpy's `descriptor.c`.

use crate::graph::Node;
use crate::{Refusal, Value};

/// Records with more fields than this are not of trees.
const MOST_FIELDS: usize = 64;

/// The type of an array's elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataType {
    /// What one element is.
    pub kind: Kind,
    /// Bytes of one element, padding included.
    pub size: usize,
    /// Whether the largest byte comes first.
    pub big_endian: bool,
}

/// What one element is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A float of 4 or 8 bytes.
    Float,
    /// A signed integer of 1, 2, 4 or 8 bytes.
    Signed,
    /// An unsigned integer of 1, 2, 4 or 8 bytes.
    Unsigned,
    /// A byte that is 0 or not.
    Bool,
    /// Text of fixed length, four bytes a character, filled up with zeros.
    Text,
    /// Any value of the pickle.
    Object,
    /// Named fields at fixed places.
    Record(Vec<Field>),
    /// Bytes of fixed length, which are not looked into.
    Opaque,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Bytes before it.
    pub offset: usize,
    /// Its type, never a record.
    pub data_type: DataType,
}

/// The type that a node describes.
pub(crate) fn read(value: Value<'_>) -> Result<DataType, Refusal> {
    read_at(value, true)
}

fn read_at(value: Value<'_>, records: bool) -> Result<DataType, Refusal> {
    let what = "a numpy dtype";
    if value.class() != Some("numpy.dtype") {
        return Err(value.expected(what));
    }
    let arguments = value.arguments();
    let code = arguments.first().ok_or_else(|| value.expected(what))?.text(what)?;
    let code = code.trim_start_matches(['<', '>', '|', '=']);
    let mut letters = code.chars();
    let letter = letters.next().unwrap_or(' ');
    let digits = letters.as_str();
    let number = if digits.is_empty() { Some(0) } else { digits.parse::<usize>().ok() };
    let unknown = || value.expected(&format!("a dtype of a model instead of `{code}`"));
    let number = number.filter(|number| *number <= 1 << 20).ok_or_else(unknown)?;
    let state = value.state().map(|state| state.items(what)).transpose()?.unwrap_or_default();
    let order = state.get(1).map(|order| order.text(what)).transpose()?.unwrap_or("|");
    let big_endian = order == ">";
    let plain = |kind, size| Ok(DataType { kind, size, big_endian });
    match (letter, number) {
        ('f', 4 | 8) => plain(Kind::Float, number),
        ('i', 1 | 2 | 4 | 8) => plain(Kind::Signed, number),
        ('u', 1 | 2 | 4 | 8) => plain(Kind::Unsigned, number),
        ('b', 1) | ('?', 0) => plain(Kind::Bool, 1),
        ('U', characters) => plain(Kind::Text, characters.saturating_mul(4)),
        ('O', _) => plain(Kind::Object, 8),
        ('S', length) => plain(Kind::Opaque, length),
        ('V', size) if records => record(value, &state, size),
        _ => Err(unknown()),
    }
}

fn record(value: Value<'_>, state: &[Value<'_>], size: usize) -> Result<DataType, Refusal> {
    let what = "the fields of a record dtype";
    let at = |place: usize| state.get(place).copied().ok_or_else(|| value.expected(what));
    let names = at(3)?.items(what)?;
    let places = at(4)?;
    if names.len() > MOST_FIELDS {
        return Err(Refusal::limit(value.offset(), "fields of a record", MOST_FIELDS as u64));
    }
    let mut fields = Vec::with_capacity(names.len());
    for name in names {
        let name = name.text(what)?;
        let place = places.entry(name)?.ok_or_else(|| value.expected(what))?.items(what)?;
        let [data_type, offset, ..] = place[..] else {
            return Err(value.expected(what));
        };
        let data_type = read_at(data_type, false)?;
        let offset = offset.count(what)?;
        let inside = offset.checked_add(data_type.size).is_some_and(|end| end <= size);
        if !inside || matches!(data_type.kind, Kind::Object) {
            return Err(value.expected("a field of numbers inside of its record"));
        }
        fields.push(Field { name: name.to_owned(), offset, data_type });
    }
    Ok(DataType { kind: Kind::Record(fields), size, big_endian: false })
}

/// Whether a node is the class `numpy.ndarray` itself.
pub(crate) fn is_ndarray(value: Value<'_>) -> bool {
    matches!(value.node(), Node::Global(allowed) if allowed.name == "numpy.ndarray")
}
