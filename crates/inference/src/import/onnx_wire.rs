//! The wire format of protocol buffers, read in place: no list of a large file is copied.
//!
//! <https://protobuf.dev/programming-guides/encoding/>. A message is looked through once when it is
//! met; the iterators that are handed out afterwards cannot fail.

use crate::refusal::Refusal;

/// The value of a field.
#[derive(Clone, Copy)]
pub(super) enum Wire<'a> {
    Number(u64),
    Fixed32(u32),
    Fixed64,
    Bytes(&'a [u8]),
}

/// The fields of a message, one after the other.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

pub(super) fn broken(what: &str) -> Refusal {
    Refusal::Syntax { format: "ONNX", at: "the file".to_owned(), detail: what.to_owned() }
}

pub(super) fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

impl<'a> Fields<'a> {
    fn one(&mut self) -> Option<(u64, Wire<'a>)> {
        let key = number(&mut self.rest)?;
        let value = match key & 7 {
            0 => Wire::Number(number(&mut self.rest)?),
            1 => {
                self.take(8)?;
                Wire::Fixed64
            }
            2 => {
                let length = usize::try_from(number(&mut self.rest)?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                let bytes = self.take(4)?;
                Wire::Fixed32(u32::from_le_bytes(bytes.try_into().ok()?))
            }
            _ => return None,
        };
        (key >> 3 > 0).then_some((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    /// The number of a field and its value; `Err` where the message breaks off, which ends it.
    type Item = Result<(u64, Wire<'a>), Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let one = self.one();
        if one.is_none() {
            self.rest = &[];
        }
        Some(one.ok_or_else(|| broken("a field that breaks off, or of an unknown kind")))
    }
}

/// A number of variable length: seven bits a byte, the lowest first.
fn number(rest: &mut &[u8]) -> Option<u64> {
    // Most numbers of a model are below 128.
    if let Some((first, after)) = rest.split_first()
        && *first < 0x80
    {
        *rest = after;
        return Some(u64::from(*first));
    }
    let mut value = 0_u64;
    for (at, byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        if byte & 0x80 == 0 {
            *rest = &rest[at + 1..];
            return Some(value);
        }
    }
    None
}

/// Whole numbers of a repeated field, packed or not.
#[derive(Clone)]
pub(super) struct Ints<'a> {
    fields: Fields<'a>,
    packed: &'a [u8],
    tag: u64,
}

/// Floats of a repeated field, packed or not.
#[derive(Clone)]
pub(super) struct Floats<'a> {
    fields: Fields<'a>,
    packed: &'a [u8],
    tag: u64,
}

/// Texts of a repeated field.
#[derive(Clone)]
pub(super) struct Texts<'a> {
    fields: Fields<'a>,
    tag: u64,
}

pub(super) fn ints(message: &[u8], tag: u64) -> Ints<'_> {
    Ints { fields: fields(message), packed: &[], tag }
}

pub(super) fn floats(message: &[u8], tag: u64) -> Floats<'_> {
    Floats { fields: fields(message), packed: &[], tag }
}

pub(super) fn texts(message: &[u8], tag: u64) -> Texts<'_> {
    Texts { fields: fields(message), tag }
}

impl Iterator for Ints<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        loop {
            if !self.packed.is_empty() {
                return number(&mut self.packed).map(|value| value as i64);
            }
            match self.fields.next()?.ok()? {
                (tag, Wire::Number(value)) if tag == self.tag => return Some(value as i64),
                (tag, Wire::Bytes(packed)) if tag == self.tag => self.packed = packed,
                _ => {}
            }
        }
    }
}

impl Iterator for Floats<'_> {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        loop {
            if let Some((first, rest)) = self.packed.split_first_chunk::<4>() {
                self.packed = rest;
                return Some(f32::from_le_bytes(*first));
            }
            match self.fields.next()?.ok()? {
                (tag, Wire::Fixed32(bits)) if tag == self.tag => return Some(f32::from_bits(bits)),
                (tag, Wire::Bytes(packed)) if tag == self.tag => self.packed = packed,
                _ => {}
            }
        }
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            match self.fields.next()?.ok()? {
                (tag, Wire::Bytes(text)) if tag == self.tag => return Some(text),
                _ => {}
            }
        }
    }
}

/// How many entries the lists of a message have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) floats: usize,
    pub(super) ints: usize,
    pub(super) texts: usize,
}

/// Looks a message through: every field is whole, lists of floats and of numbers too. Its name, which
/// is field 1, and how long its lists are.
pub(super) fn looked_through(
    message: &[u8],
    (floats, ints, texts): (u64, u64, u64),
) -> Result<(&[u8], Counts), Refusal> {
    let mut counts = Counts::default();
    let mut name: &[u8] = &[];
    for field in fields(message) {
        match field? {
            (1, Wire::Bytes(bytes)) => name = bytes,
            (tag, Wire::Fixed32(_)) if tag == floats => counts.floats += 1,
            (tag, Wire::Number(_)) if tag == ints => counts.ints += 1,
            (tag, Wire::Bytes(_)) if tag == texts => counts.texts += 1,
            (tag, Wire::Bytes(packed)) if tag == floats && packed.len() % 4 == 0 => {
                counts.floats += packed.len() / 4;
            }
            (tag, Wire::Bytes(mut packed)) if tag == ints => {
                while !packed.is_empty() {
                    number(&mut packed)
                        .ok_or_else(|| broken("a list of numbers that breaks off"))?;
                    counts.ints += 1;
                }
            }
            (tag, _) if tag == floats || tag == ints || tag == texts => {
                return Err(broken("an entry of a list of another kind, or one that breaks off"));
            }
            _ => {}
        }
    }
    Ok((name, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_packed_and_one_by_one() {
        // Field 8: 5, then packed 300 and -1; field 7: packed 1.5.
        let mut message = vec![0x40, 5, 0x42, 12, 0xac, 0x02];
        message.extend([0xff; 9]);
        message.push(0x01);
        message.extend([0x3a, 4]);
        message.extend(1.5_f32.to_le_bytes());
        let (_, counts) = looked_through(&message, (7, 8, 9)).unwrap();
        assert_eq!(counts, Counts { floats: 1, ints: 3, texts: 0 });
        assert_eq!(ints(&message, 8).collect::<Vec<_>>(), [5, 300, -1]);
        assert_eq!(floats(&message, 7).collect::<Vec<_>>(), [1.5]);
        assert_eq!(texts(&message, 8).count(), 1);
        for length in 1..message.len() {
            // A message that is cut is refused, unless the cut falls between two fields.
            let whole = [2, 16].contains(&length);
            assert_eq!(looked_through(&message[..length], (7, 8, 9)).is_ok(), whole, "{length}");
        }
        assert!(looked_through(&[0x0b], (7, 8, 9)).is_err(), "a group");
    }
}
