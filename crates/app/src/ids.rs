//! Names of records that are made here.

use jiff::Timestamp;
use store::Uuid;

/// A version 7 UUID: the instant in front, so that names sort by time, and behind it what makes it
/// this record's own.
pub(crate) fn timed_id(now: Timestamp, own: &[u8]) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 record");
    hasher.update(own).update(&now.as_microsecond().to_le_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    let millis = now.as_millisecond().clamp(0, (1 << 48) - 1) as u64;
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes)
}

/// The name that follows from a caller's own name for a request: a version 8 UUID. Callers and kinds of
/// work do not meet each other's names.
pub(crate) fn named_id(kind: &str, caller: &str, key: &str) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 named request");
    for part in [kind, caller, key] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes)
}

/// A name as text.
pub(crate) fn written<S: serde::Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_differ_by_content() {
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        assert!(timed_id(at(1_700_000_000_000), b"z") < timed_id(at(1_700_000_000_001), b"a"));
        assert_ne!(timed_id(at(5), b"a"), timed_id(at(5), b"b"));
        assert_eq!(timed_id(at(5), b"a").get_version_num(), 7);
    }
}
