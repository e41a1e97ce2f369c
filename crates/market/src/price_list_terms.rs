//! The pieces of a price list that stand for prices: terms, their dimensions, and a way to look at
//! the entries of a large object one by one.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::json_scalar::Scalar;
use crate::lenient::Lenient;

/// One term of one product: from when it holds, and its prices.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Term {
    pub(crate) effective_date: Scalar,
    pub(crate) price_dimensions: Lenient<BTreeMap<String, Lenient<Dimension>>>,
}

/// One price of a term.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Dimension {
    pub(crate) unit: Scalar,
    pub(crate) price_per_unit: Lenient<BTreeMap<String, Scalar>>,
}

/// What stands under a key of `OnDemand`: one term, or several by their code.
pub(crate) struct TermOrTerms(pub(crate) Vec<Term>);

impl<'de> Deserialize<'de> for TermOrTerms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TermOrTerms, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = TermOrTerms;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a term, or terms by code")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<TermOrTerms, A::Error> {
                let mut single = Term::default();
                let mut several = Vec::new();
                while let Some(key) = fields.next_key::<String>()? {
                    match key.as_str() {
                        "effectiveDate" => single.effective_date = fields.next_value()?,
                        "priceDimensions" => single.price_dimensions = fields.next_value()?,
                        // Codes of terms carry the product's code and a dot.
                        code if code.contains('.') => {
                            several.extend(fields.next_value::<Lenient<Term>>()?.0)
                        }
                        _ => {
                            fields.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                if several.is_empty() {
                    several.push(single);
                }
                Ok(TermOrTerms(several))
            }
        }
        deserializer.deserialize_map(Either)
    }
}

/// A seed that hands every entry of an object to a closure, so that none is kept.
pub(crate) fn entries<V, F>(each: F) -> Entries<V, F> {
    Entries { each, value: PhantomData }
}

pub(crate) struct Entries<V, F> {
    each: F,
    value: PhantomData<V>,
}

impl<'de, V: Deserialize<'de>, F: FnMut(String, V) -> Result<(), serde_json::Error>>
    DeserializeSeed<'de> for Entries<V, F>
{
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, V: Deserialize<'de>, F: FnMut(String, V) -> Result<(), serde_json::Error>> Visitor<'de>
    for Entries<V, F>
{
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object keyed by code")
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        while let Some((key, value)) = fields.next_entry::<String, V>()? {
            (self.each)(key, value).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
