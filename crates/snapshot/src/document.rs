//! Reading JSON of any size object by object: a list is never held as a whole.

use std::fmt;
use std::io::Read;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::aws;

/// An object as it was found.
pub(crate) struct Found<'a> {
    /// The kind that the list around it says, such as `Pod` of a `PodList`.
    pub(crate) list_kind: Option<&'a str>,
    /// The object's text.
    pub(crate) text: &'a str,
    /// Whether it stood in a list.
    pub(crate) listed: bool,
}

/// What a document is told to.
pub(crate) trait Sink {
    /// An object of the Kubernetes API.
    fn object(&mut self, found: Found<'_>);
    /// A list was seen, even if it was empty.
    fn list(&mut self, kind: Option<&str>);
    /// An object of a list of the AWS command line, by the list's key.
    fn aws_item(&mut self, key: &str, text: &str);
    /// A list of the AWS command line was seen, even if it was empty.
    fn aws_list(&mut self, key: &str);
    /// A result of Prometheus.
    fn series(&mut self, text: &str);
    /// An answer of Prometheus was seen, even if it was empty.
    fn answer(&mut self);
}

/// Reads every JSON document of an input, one after the other.
///
/// # Errors
/// Where the text stops being JSON. Everything before it has been told.
pub(crate) fn read(reader: impl Read, sink: &mut dyn Sink) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    // Only between documents may the text end.
    while deserializer.end().is_err() {
        (Document { sink }).deserialize(&mut deserializer)?;
    }
    Ok(())
}

struct Document<'s> {
    sink: &'s mut dyn Sink,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or a list of objects")
    }

    /// A bare list of objects, as `jq .items` prints it.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(raw) = list.next_element::<Box<RawValue>>()? {
            self.sink.object(Found { list_kind: None, text: raw.get(), listed: true });
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut list_kind: Option<String> = None;
        let mut is_list = false;
        // Items that came before the kind of their list, and do not say theirs.
        let mut waiting: Vec<Box<RawValue>> = Vec::new();
        let mut rest = String::from("{");
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "items" => {
                    is_list = true;
                    map.next_value_seed(Items {
                        list_kind: list_kind.as_deref(),
                        waiting: &mut waiting,
                        sink: self.sink,
                    })?;
                }
                // Of Prometheus; of a Secret or a ConfigMap it is of no interest.
                "data" => {
                    if map.next_value_seed(Data { sink: self.sink })? {
                        self.sink.answer();
                        is_list = true;
                    }
                }
                key if aws::LISTS.contains(&key) => {
                    self.sink.aws_list(key);
                    map.next_value_seed(Each(&mut |text| self.sink.aws_item(key, text)))?;
                    is_list = true;
                }
                _ => {
                    let value = map.next_value::<Box<RawValue>>()?;
                    if key == "kind" {
                        let kind: Option<String> = serde_json::from_str(value.get()).ok();
                        list_kind =
                            kind.and_then(|kind| Some(kind.strip_suffix("List")?.to_owned()));
                    }
                    if !is_list {
                        if rest.len() > 1 {
                            rest.push(',');
                        }
                        rest.push_str(&serde_json::to_string(&key).map_err(de::Error::custom)?);
                        rest.push(':');
                        rest.push_str(value.get());
                    }
                }
            }
        }
        if is_list {
            let kind = list_kind.as_deref().filter(|kind| !kind.is_empty());
            self.sink.list(kind);
            for raw in waiting {
                self.sink.object(Found { list_kind: kind, text: raw.get(), listed: true });
            }
        } else {
            rest.push('}');
            self.sink.object(Found { list_kind: None, text: &rest, listed: false });
        }
        Ok(())
    }
}

struct Items<'s, 'k> {
    list_kind: Option<&'k str>,
    waiting: &'s mut Vec<Box<RawValue>>,
    sink: &'s mut dyn Sink,
}

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of objects")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let kind = self.list_kind.filter(|kind| !kind.is_empty());
        while let Some(raw) = list.next_element::<Box<RawValue>>()? {
            if kind.is_none() && !says_its_kind(raw.get()) {
                self.waiting.push(raw);
                continue;
            }
            self.sink.object(Found { list_kind: kind, text: raw.get(), listed: true });
        }
        Ok(())
    }
}

/// The part of an answer of Prometheus that holds results; whether it was one.
struct Data<'s> {
    sink: &'s mut dyn Sink,
}

impl<'de> DeserializeSeed<'de> for Data<'_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Data<'_> {
    type Value = bool;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let (mut typed, mut found) = (false, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "result" => found |= map.next_value_seed(Results { sink: &mut *self.sink })?,
                "resultType" => {
                    typed = true;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(typed && found)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }
    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }
}

/// The results, one after the other; what is no list is none of Prometheus.
struct Results<'s> {
    sink: &'s mut dyn Sink,
}

impl<'de> DeserializeSeed<'de> for Results<'_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Results<'_> {
    type Value = bool;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of results")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while let Some(raw) = list.next_element::<Box<RawValue>>()? {
            self.sink.series(raw.get());
        }
        Ok(true)
    }
    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }
}

struct Each<'s>(&'s mut dyn FnMut(&str));

impl<'de> DeserializeSeed<'de> for Each<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(raw) = list.next_element::<Box<RawValue>>()? {
            (self.0)(raw.get());
        }
        Ok(())
    }
}

/// Whether an object has a `kind` of its own, looking no deeper than its first level.
fn says_its_kind(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Head {
        kind: Option<IgnoredAny>,
    }
    serde_json::from_str::<Head>(text).is_ok_and(|head| head.kind.is_some())
}
