//! JSON values read without demanding a shape, so that one odd field spoils one row only.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Fields of one object that are kept; rows of public files have five at most.
const MOST_FIELDS: usize = 16;

/// A scalar as found; objects and lists are read over and remembered as [`Scalar::Nested`].
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Scalar {
    #[default]
    Missing,
    Integer(i64),
    Float(f64),
    Text(String),
    Boolean,
    Nested,
}

impl Scalar {
    /// The value as a whole number; a float counts when it has no fraction.
    pub(crate) fn whole(&self) -> Option<i64> {
        match self {
            Scalar::Integer(value) => Some(*value),
            Scalar::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => {
                Some(*value as i64)
            }
            _ => None,
        }
    }

    /// The text, or an empty one.
    pub(crate) fn text(&self) -> &str {
        if let Scalar::Text(text) = self { text } else { "" }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Missing => formatter.write_str("nothing"),
            Scalar::Integer(value) => write!(formatter, "{value}"),
            Scalar::Float(value) => write!(formatter, "{value}"),
            Scalar::Text(text) => write!(formatter, "`{}`", crate::error::shown(text)),
            Scalar::Boolean => formatter.write_str("a boolean"),
            Scalar::Nested => formatter.write_str("a nested value"),
        }
    }
}

/// One row: the scalar fields of an object. Anything but an object is a row without fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record(Vec<(String, Scalar)>);

impl Record {
    /// The field of this name, or [`Scalar::Missing`].
    pub(crate) fn get(&self, name: &str) -> &Scalar {
        self.0.iter().find(|(key, _)| key == name).map_or(&Scalar::Missing, |(_, value)| value)
    }

    /// Whether there was no object, or an empty one.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(Anything { keep_fields: false }).map(|(scalar, _)| scalar)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Record, D::Error> {
        deserializer.deserialize_any(Anything { keep_fields: true }).map(|(_, record)| record)
    }
}

struct Anything {
    keep_fields: bool,
}

fn scalar<E>(value: Scalar) -> Result<(Scalar, Record), E> {
    Ok((value, Record::default()))
}

impl<'de> Visitor<'de> for Anything {
    type Value = (Scalar, Record);
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        scalar(Scalar::Missing)
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        scalar(Scalar::Boolean)
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        scalar(Scalar::Integer(value))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        scalar(i64::try_from(value).map_or(Scalar::Float(value as f64), Scalar::Integer))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        scalar(Scalar::Float(value))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        scalar(Scalar::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        scalar(Scalar::Nested)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        if self.keep_fields {
            while kept.len() < MOST_FIELDS
                && let Some(entry) = fields.next_entry::<String, Scalar>()?
            {
                kept.push(entry);
            }
        }
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok((Scalar::Nested, Record(kept)))
    }
}
