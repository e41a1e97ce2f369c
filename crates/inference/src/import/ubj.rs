//! Universal Binary JSON, draft 12 (ubjson.org), as far as XGBoost writes it: a `serde` deserializer
//! over bytes, so that the same structs are read from JSON and from this.
//!
//! A count is never larger than the bytes that are left, and containers whose elements take no bytes
//! are refused, so that a short file cannot ask for much memory or time.

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// Nesting of containers.
const DEEPEST: u32 = 64;

/// Bytes that are being read.
pub(super) struct Ubj<'de> {
    bytes: &'de [u8],
    at: usize,
    depth: u32,
}

/// What is wrong, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UbjError(pub(super) usize, pub(super) String);

impl std::fmt::Display for UbjError {
    fn fmt(&self, into: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(into, "byte {}: {}", self.0, self.1)
    }
}

impl std::error::Error for UbjError {}

impl de::Error for UbjError {
    fn custom<T: std::fmt::Display>(message: T) -> UbjError {
        UbjError(0, crate::refusal::shown(&message))
    }
}

impl<'de> Ubj<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Ubj<'de> {
        Ubj { bytes, at: 0, depth: 0 }
    }

    /// Reads one value; nothing may follow it.
    pub(super) fn document<T: de::Deserialize<'de>>(mut self) -> Result<T, UbjError> {
        let value = T::deserialize(&mut self).map_err(|UbjError(at, text)| {
            // What `serde` finds wrong carries no place of its own.
            UbjError(if at == 0 { self.at } else { at }, text)
        })?;
        if self.at == self.bytes.len() { Ok(value) } else { Err(self.wrong("the end")) }
    }

    fn wrong(&self, expected: &str) -> UbjError {
        UbjError(self.at, format!("expected {expected}"))
    }

    fn take(&mut self, count: usize) -> Result<&'de [u8], UbjError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or_else(|| self.wrong("more bytes"))?;
        self.at += count;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], UbjError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.wrong("more bytes"))
    }

    /// The next marker that says something.
    fn marker(&mut self) -> Result<u8, UbjError> {
        loop {
            let [marker] = self.fixed()?;
            if marker != b'N' {
                return Ok(marker);
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn integer(&mut self, marker: u8) -> Result<i64, UbjError> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.fixed()?)),
            b'U' => i64::from(u8::from_be_bytes(self.fixed()?)),
            b'I' => i64::from(i16::from_be_bytes(self.fixed()?)),
            b'l' => i64::from(i32::from_be_bytes(self.fixed()?)),
            b'L' => i64::from_be_bytes(self.fixed()?),
            _ => return Err(self.wrong("a whole number")),
        })
    }

    /// A length with its marker: never more than the bytes that are left.
    fn length(&mut self) -> Result<usize, UbjError> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        let left = self.bytes.len() - self.at;
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= left)
            .ok_or_else(|| self.wrong("a length within the file"))
    }

    fn text(&mut self) -> Result<&'de str, UbjError> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("UTF-8"))
    }

    /// What stands at the beginning of a container: the type of all elements, and their number.
    fn container(&mut self) -> Result<(Option<u8>, Option<usize>), UbjError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("less nesting"));
        }
        let mut one_type = None;
        if self.peek() == Some(b'$') {
            self.at += 1;
            let [marker] = self.fixed()?;
            if !b"iUIlLdDSC[{".contains(&marker) {
                return Err(self.wrong("a type whose values take bytes"));
            }
            one_type = Some(marker);
            if self.peek() != Some(b'#') {
                return Err(self.wrong("a count after a type"));
            }
        }
        let mut count = None;
        if self.peek() == Some(b'#') {
            self.at += 1;
            count = Some(self.length()?);
        }
        Ok((one_type, count))
    }

    /// Passes over a value that nobody asks for.
    fn skip(&mut self, marker: u8) -> Result<(), UbjError> {
        let size = match marker {
            b'Z' | b'T' | b'F' => 0,
            b'i' | b'U' | b'C' => 1,
            b'I' => 2,
            b'l' | b'd' => 4,
            b'L' | b'D' => 8,
            b'S' => self.length()?,
            b'[' | b'{' => {
                let end = if marker == b'[' { b']' } else { b'}' };
                let (one_type, left) = self.container()?;
                let mut elements = Elements { ubj: self, one_type, left };
                elements.skip(end)?;
                self.depth -= 1;
                return Ok(());
            }
            _ => {
                self.at -= 1;
                return Err(self.wrong("the marker of a value"));
            }
        };
        self.take(size).map(|_| ())
    }

    fn value<V: Visitor<'de>>(&mut self, marker: u8, visitor: V) -> Result<V::Value, UbjError> {
        match marker {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'i' | b'U' | b'I' | b'l' | b'L' => visitor.visit_i64(self.integer(marker)?),
            b'd' => visitor.visit_f32(f32::from_be_bytes(self.fixed()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(self.fixed()?)),
            b'C' => visitor.visit_char(char::from(self.fixed::<1>()?[0])),
            b'S' => visitor.visit_borrowed_str(self.text()?),
            b'[' => {
                let (one_type, left) = self.container()?;
                let value = visitor.visit_seq(Elements { ubj: self, one_type, left })?;
                self.depth -= 1;
                Ok(value)
            }
            b'{' => {
                let (one_type, left) = self.container()?;
                let value = visitor.visit_map(Elements { ubj: self, one_type, left })?;
                self.depth -= 1;
                Ok(value)
            }
            _ => {
                self.at -= 1;
                Err(self.wrong("the marker of a value"))
            }
        }
    }
}

impl<'de> de::Deserializer<'de> for &mut Ubj<'de> {
    type Error = UbjError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjError> {
        let marker = self.marker()?;
        self.value(marker, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjError> {
        if self.peek() == Some(b'Z') {
            self.at += 1;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjError> {
        let marker = self.marker()?;
        self.skip(marker)?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// The elements of a container that are left.
struct Elements<'u, 'de> {
    ubj: &'u mut Ubj<'de>,
    one_type: Option<u8>,
    left: Option<usize>,
}

impl Elements<'_, '_> {
    /// Whether another element follows; eats the end.
    fn more(&mut self, end: u8) -> Result<bool, UbjError> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => {
                while self.ubj.peek() == Some(b'N') {
                    self.ubj.at += 1;
                }
                if self.ubj.peek() == Some(end) {
                    self.ubj.at += 1;
                    self.left = Some(0);
                    return Ok(false);
                }
                Ok(true)
            }
        }
    }
}

impl Elements<'_, '_> {
    /// Passes over all that are left, at once where they are numbers of one size.
    fn skip(&mut self, end: u8) -> Result<(), UbjError> {
        let size = match self.one_type {
            Some(b'i' | b'U' | b'C') => Some(1),
            Some(b'I') => Some(2),
            Some(b'l' | b'd') => Some(4),
            Some(b'L' | b'D') => Some(8),
            _ => None,
        };
        if let (b']', Some(size), Some(left)) = (end, size, self.left) {
            self.ubj.take(left.saturating_mul(size))?;
            self.left = Some(0);
            return Ok(());
        }
        while self.more(end)? {
            if end == b'}' {
                self.ubj.text()?;
            }
            let marker = match self.one_type {
                Some(marker) => marker,
                None => self.ubj.marker()?,
            };
            self.ubj.skip(marker)?;
        }
        Ok(())
    }
}

/// One value whose marker may stand before all of them.
struct Element<'u, 'de>(&'u mut Ubj<'de>, Option<u8>);

impl<'de> de::Deserializer<'de> for Element<'_, 'de> {
    type Error = UbjError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjError> {
        match self.1 {
            Some(marker) => self.0.value(marker, visitor),
            None => de::Deserializer::deserialize_any(self.0, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjError> {
        match self.1 {
            Some(_) => visitor.visit_some(self),
            None => de::Deserializer::deserialize_option(self.0, visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjError> {
        let marker = match self.1 {
            Some(marker) => marker,
            None => self.0.marker()?,
        };
        self.0.skip(marker)?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = UbjError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, UbjError> {
        if !self.more(b']')? {
            return Ok(None);
        }
        seed.deserialize(Element(self.ubj, self.one_type)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.left
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = UbjError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, UbjError> {
        if !self.more(b'}')? {
            return Ok(None);
        }
        let key = self.ubj.text()?;
        seed.deserialize(de::value::BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, UbjError> {
        seed.deserialize(Element(self.ubj, self.one_type))
    }
}
