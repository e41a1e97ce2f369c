//! Between our types and the database's.

use jiff::Timestamp;

use crate::StoreError;

/// Compresses content; the length beside it is needed to read it back.
pub(crate) fn pack(content: &[u8]) -> Vec<u8> {
    lz4_flex::block::compress(content)
}

/// Content as it was.
pub(crate) fn unpack(what: &str, packed: &[u8], length: i64) -> Result<Vec<u8>, StoreError> {
    let damaged = |why: String| StoreError::Damaged { what: what.to_owned(), why };
    let length = usize::try_from(length).map_err(|error| damaged(error.to_string()))?;
    lz4_flex::block::decompress(packed, length).map_err(|error| damaged(error.to_string()))
}

/// An instant from microseconds.
pub(crate) fn instant(what: &str, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros)
        .map_err(|error| StoreError::Damaged { what: what.to_owned(), why: error.to_string() })
}

/// The sixteen bytes of a UUID in its usual spelling; `None` for any other text.
pub(crate) fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0_u8; 16];
    let mut digits = text.bytes().filter(|byte| *byte != b'-');
    for byte in &mut bytes {
        let high = char::from(digits.next()?).to_digit(16)?;
        let low = char::from(digits.next()?).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    (digits.next().is_none() && text.len() == 36).then_some(bytes)
}

/// The usual spelling of sixteen bytes.
pub(crate) fn uuid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('?'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('?'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_spelled_as_they_were() {
        let text = "019b8082-9480-7ca5-9a1c-5271be8264b1";
        assert_eq!(uuid_bytes(text).map(|bytes| uuid_text(&bytes)).as_deref(), Some(text));
        for wrong in ["", "019b8082", "019b8082-9480-7ca5-9a1c-5271be8264bz", "not-a-uuid"] {
            assert_eq!(uuid_bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn damaged_content_is_an_error() {
        let packed = pack(b"hello hello hello hello");
        assert_eq!(unpack("x", &packed, 23).unwrap(), b"hello hello hello hello");
        assert!(unpack("x", &packed[..packed.len() - 3], 23).is_err());
        assert!(unpack("x", &packed, -1).is_err());
    }
}
