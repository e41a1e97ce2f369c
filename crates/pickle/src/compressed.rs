//! Compressed files: what joblib writes with `compress=`, expanded under a cap.
//!
//! Which compression it is is told by the first bytes, as joblib tells it.

use std::io::Read;

use crate::{Limits, Reason, Refusal};

/// Output below this size is never suspicious, whatever the ratio.
const ALWAYS_ALLOWED: usize = 1 << 20;

/// The most memory that LZMA may ask for as its dictionary, in KiB.
const LZMA_MEMORY: u32 = 128 << 10;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1950.
    Zlib,
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// The old container of LZMA, `.lzma`.
    Lzma,
    /// The container `.xz`.
    Xz,
    /// LZ4 frames, which are not read.
    Lz4,
}

/// How the content is compressed; `None` where it is not.
#[must_use]
pub fn compression(content: &[u8]) -> Option<Compression> {
    match content {
        [0x1f, 0x8b, 0x08, ..] => Some(Compression::Gzip),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Compression::Bzip2),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
        [0x5d, 0, 0, ..] => Some(Compression::Lzma),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(Compression::Lz4),
        // Method 8, a window of 32 KiB, and a check that makes both a multiple of 31.
        [0x78, flags, ..] if (0x7800_u16 | u16::from(*flags)).is_multiple_of(31) => {
            Some(Compression::Zlib)
        }
        _ => None,
    }
}

/// The content of a compressed file.
///
/// # Errors
/// LZ4, damaged or truncated content, bytes after the end, more than `limits.bytes`, or more than
/// a mebibyte at over `limits.ratio` times the input.
pub fn decompress(
    content: &[u8],
    compression: Compression,
    limits: &Limits,
) -> Result<Vec<u8>, Refusal> {
    let mut rest = content;
    match compression {
        Compression::Zlib => capped(flate2::bufread::ZlibDecoder::new(&mut rest), content, limits),
        Compression::Gzip => capped(flate2::bufread::GzDecoder::new(&mut rest), content, limits),
        Compression::Bzip2 => capped(bzip2::bufread::BzDecoder::new(&mut rest), content, limits),
        Compression::Lzma => {
            let decoder = lzma_rust2::LzmaReader::new_mem_limit(&mut rest, LZMA_MEMORY, None)
                .map_err(|error| refused(&error.to_string()))?;
            capped(decoder, content, limits)
        }
        Compression::Xz => {
            let decoder = lzma_rust2::XzReader::new_mem_limit(&mut rest, false, LZMA_MEMORY);
            capped(decoder, content, limits)
        }
        Compression::Lz4 => Err(refused(
            "LZ4 is not read; write the file again with compress=('zlib', 3) or without compress",
        )),
    }
    .and_then(|output| {
        if rest.is_empty() {
            return Ok(output);
        }
        let offset = content.len().saturating_sub(rest.len());
        Err(Refusal::new(offset, Reason::Trailing(rest.len())))
    })
}

fn refused(why: &str) -> Refusal {
    Refusal::new(0, Reason::Compressed(why.to_owned()))
}

fn capped(mut decoder: impl Read, content: &[u8], limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let by_ratio = content.len().saturating_mul(limits.ratio).max(ALWAYS_ALLOWED);
    let cap = by_ratio.min(limits.bytes);
    let mut output = Vec::new();
    // One byte beyond the cap tells "exactly full" from "too much", and reading on to the end of
    // the stream has its checksum looked at.
    decoder
        .by_ref()
        .take((cap as u64).saturating_add(1))
        .read_to_end(&mut output)
        .map_err(|error| refused(&format!("the compressed content is damaged: {error}")))?;
    if output.len() <= cap {
        return Ok(output);
    }
    if cap == limits.bytes {
        return Err(Refusal::limit(cap, "decompressed bytes", cap as u64));
    }
    Err(Refusal::new(
        cap,
        Reason::Compressed(format!(
            "the content expands to more than {} times its size; refused as a bomb",
            limits.ratio
        )),
    ))
}
