//! Decompression with a cap on the output and on how much larger it may be than the input.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::{ImportError, Limits};

/// Output below this size is never suspicious, whatever the ratio.
const ALWAYS_ALLOWED: usize = 1 << 20;

/// Whether the content starts as a gzip member does (RFC 1952 section 2.3.1).
#[must_use]
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b, 0x08])
}

/// Decompresses gzip content of one or more members.
///
/// # Errors
/// Damaged or truncated content, more output than `limits.bytes`, or more than a mebibyte of
/// output at over `limits.gzip_ratio` times the input.
pub fn gunzip(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, ImportError> {
    let by_ratio = bytes.len().saturating_mul(limits.gzip_ratio).max(ALWAYS_ALLOWED);
    let cap = by_ratio.min(limits.bytes);
    let mut output = Vec::new();
    // One byte beyond the cap tells "exactly full" from "too much".
    MultiGzDecoder::new(bytes)
        .take((cap as u64).saturating_add(1))
        .read_to_end(&mut output)
        .map_err(|error| ImportError::Gzip(error.to_string()))?;
    if output.len() <= cap {
        return Ok(output);
    }
    if cap == limits.bytes {
        return Err(ImportError::TooLarge { what: "decompressed bytes", limit: cap as u64 });
    }
    Err(ImportError::Gzip(format!(
        "expands to more than {} times its size; refused as a decompression bomb",
        limits.gzip_ratio
    )))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn content_survives_and_members_are_joined() {
        let mut both = gzip(b"one,");
        both.extend(gzip(b"two"));
        assert!(is_gzip(&both));
        assert_eq!(gunzip(&both, &Limits::default()).unwrap(), b"one,two");
    }

    #[test]
    fn bombs_and_damage_are_refused() {
        let bomb = gzip(&vec![0; 8 << 20]);
        let by_ratio = gunzip(&bomb, &Limits::default()).unwrap_err();
        assert!(by_ratio.to_string().contains("decompression bomb"), "{by_ratio}");
        let small = Limits { bytes: 1000, ..Limits::default() };
        let by_size = gunzip(&bomb, &small).unwrap_err();
        assert_eq!(by_size, ImportError::TooLarge { what: "decompressed bytes", limit: 1000 });
        let whole = gzip(b"instance_type,region,usd_per_hour\n");
        assert!(gunzip(&whole[..whole.len() - 5], &Limits::default()).is_err());
        assert_eq!(gunzip(&gzip(&[7; 1000]), &small).unwrap().len(), 1000);
    }
}
