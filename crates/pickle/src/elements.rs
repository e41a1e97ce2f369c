//! Single elements of arrays.

use crate::data_type::{DataType, Kind};

/// Integers up to here are exact as floats.
const EXACT: u64 = 1 << 53;

/// An element as a float: floats, exact integers and truth values.
pub(crate) fn float(data_type: &DataType, bytes: &[u8]) -> Option<f64> {
    match (&data_type.kind, bytes.len()) {
        (Kind::Float, 4) => {
            Some(f64::from(f32::from_bits(u32::try_from(bits(data_type, bytes)).ok()?)))
        }
        (Kind::Float, 8) => Some(f64::from_bits(bits(data_type, bytes))),
        (Kind::Signed | Kind::Unsigned | Kind::Bool, _) => {
            let number = integer(data_type, bytes)?;
            (number.unsigned_abs() <= EXACT).then_some(number as f64)
        }
        _ => None,
    }
}

/// An element as an integer.
pub(crate) fn integer(data_type: &DataType, bytes: &[u8]) -> Option<i64> {
    let bits = bits(data_type, bytes);
    match (&data_type.kind, bytes.len()) {
        (Kind::Bool, 1) => Some(i64::from(bits != 0)),
        (Kind::Unsigned, 1..=8) => i64::try_from(bits).ok(),
        (Kind::Signed, length @ 1..=8) => {
            let unused = 64_u32.saturating_sub(u32::try_from(length).ok()?.saturating_mul(8));
            Some((bits << unused) as i64 >> unused)
        }
        _ => None,
    }
}

/// An element as text: four bytes a character, zeros at the end left out.
pub(crate) fn text(data_type: &DataType, bytes: &[u8]) -> Option<String> {
    if data_type.kind != Kind::Text {
        return None;
    }
    let text: Option<String> = bytes
        .chunks_exact(4)
        .map(|character| char::from_u32(u32::try_from(bits(data_type, character)).ok()?))
        .collect();
    text.map(|text| text.trim_end_matches('\0').to_owned())
}

/// Up to eight bytes as an unsigned number in the order of the type.
fn bits(data_type: &DataType, bytes: &[u8]) -> u64 {
    let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    if data_type.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_and_every_kind() {
        let of = |kind, big_endian| DataType { kind, size: 0, big_endian };
        let one = 1.5_f64;
        assert_eq!(float(&of(Kind::Float, false), &one.to_le_bytes()), Some(1.5));
        assert_eq!(float(&of(Kind::Float, true), &one.to_be_bytes()), Some(1.5));
        assert_eq!(float(&of(Kind::Float, true), &1.5_f32.to_be_bytes()), Some(1.5));
        assert_eq!(integer(&of(Kind::Signed, false), &(-2_i16).to_le_bytes()), Some(-2));
        assert_eq!(integer(&of(Kind::Signed, true), &(-2_i64).to_be_bytes()), Some(-2));
        assert_eq!(integer(&of(Kind::Unsigned, false), &[0xff]), Some(255));
        assert_eq!(integer(&of(Kind::Unsigned, false), &[0xff; 8]), None);
        assert_eq!(float(&of(Kind::Signed, false), &i64::MAX.to_le_bytes()), None);
        assert_eq!(integer(&of(Kind::Bool, false), &[1]), Some(1));
        let ab: Vec<u8> = "ab\0".chars().flat_map(|c| (c as u32).to_be_bytes()).collect();
        assert_eq!(text(&of(Kind::Text, true), &ab).as_deref(), Some("ab"));
        assert_eq!(text(&of(Kind::Text, false), &[0, 0xd8, 0, 0]), None);
    }
}
