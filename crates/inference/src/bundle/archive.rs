//! An archive as named files, within limits.

use std::borrow::Cow;

use super::{file_names, tar, zip};
use crate::refusal::Refusal;

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed<'a> {
    /// Its path in the bundle, with `/`: for people, and for telling what it is.
    pub name: String,
    /// Its content.
    pub bytes: Cow<'a, [u8]>,
}

/// How much is taken out of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleLimits {
    /// Entries, folders included.
    pub entries: usize,
    /// Bytes of all files together, unpacked.
    pub bytes: usize,
    /// Unpacked bytes for each byte of the archive, beyond the first mebibyte.
    pub ratio: usize,
}

impl Default for BundleLimits {
    /// 256 entries, 500 MiB, 200 to 1.
    fn default() -> BundleLimits {
        BundleLimits { entries: 256, bytes: 500 << 20, ratio: 200 }
    }
}

impl BundleLimits {
    /// The most that an archive of `length` bytes may become.
    pub(super) fn room(&self, length: usize) -> usize {
        length.saturating_mul(self.ratio).max(1 << 20).min(self.bytes)
    }
}

/// The files of a zip, a tar or a gzipped tar.
///
/// Nothing is written anywhere: names stay texts. Files that desktops add (`__MACOSX`, `.DS_Store`)
/// are passed over.
///
/// # Errors
/// What is no archive; damaged content; links, devices and sparse files; encrypted entries; names
/// that lead out of the archive, that are absolute, or that two entries have; more than the limits.
pub fn read_archive<'a>(
    bytes: &'a [u8],
    limits: &BundleLimits,
) -> Result<Vec<Packed<'a>>, Refusal> {
    let files = match bytes {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => zip::files(bytes, limits),
        [0x1f, 0x8b, ..] => {
            let room = pickle::Limits {
                bytes: limits.bytes,
                ratio: limits.ratio,
                ..pickle::Limits::default()
            };
            let unpacked = pickle::decompress(bytes, pickle::Compression::Gzip, &room)?;
            let files = tar::files(&unpacked, limits)?;
            Ok(files.into_iter().map(owned).collect())
        }
        _ if is_tar(bytes) => tar::files(bytes, limits),
        _ => Err(Refusal::unsupported("archive", "of another kind", "zip, tar and tar.gz are")),
    }?;
    let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    names.sort_unstable();
    if let Some([name, _]) = names.array_windows().find(|[one, other]| one == other) {
        return Err(Refusal::field(*name, "two entries", "one entry of that name"));
    }
    Ok(files.into_iter().filter(|file| !file_names::is_of_a_desktop(&file.name)).collect())
}

fn owned(file: Packed<'_>) -> Packed<'static> {
    Packed { name: file.name, bytes: Cow::Owned(file.bytes.into_owned()) }
}

/// `ustar` at its place, as POSIX and GNU tar write it.
fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}
