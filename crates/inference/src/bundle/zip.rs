//! Zip archives: stored and deflated files, unpacked under a cap.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use zip::{CompressionMethod, ZipArchive};

use super::archive::{BundleLimits, Packed};
use super::file_names;
use crate::refusal::{Refusal, shown};

pub(super) fn files<'a>(
    bytes: &'a [u8],
    limits: &BundleLimits,
) -> Result<Vec<Packed<'a>>, Refusal> {
    let wrong = |at: &str, error: &dyn std::fmt::Display| Refusal::Syntax {
        format: "zip",
        at: shown(&at),
        detail: shown(error),
    };
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| wrong("directory", &error))?;
    Refusal::check("entries", archive.len(), limits.entries)?;
    let room = limits.room(bytes.len());
    let mut left = room;
    let mut packed = 0_u64;
    let mut files = Vec::new();
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(|error| wrong(&format!("entry {at}"), &error))?;
        let name = file_names::checked(entry.name_raw())?;
        // Entries that share their bytes add up to more than the archive has.
        packed = packed.saturating_add(entry.compressed_size());
        if packed > bytes.len() as u64 {
            return Err(Refusal::field(name, "bytes of another entry", "bytes of its own"));
        }
        if entry.is_symlink() {
            let instead = "files and folders are; links are not followed";
            return Err(Refusal::unsupported("entry", format!("{name} (symbolic link)"), instead));
        }
        let method = entry.compression();
        if entry.encrypted()
            || !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated)
        {
            let instead = "stored and deflated entries without a password are";
            return Err(Refusal::unsupported("entry", format!("{name} ({method:?})"), instead));
        }
        if entry.is_dir() {
            continue;
        }
        let mut content = Vec::new();
        // One byte beyond tells "exactly full" from "too much"; the declared size is not believed.
        entry
            .take((left as u64).saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|error| wrong(&name, &error))?;
        left = left.checked_sub(content.len()).ok_or(Refusal::TooLarge {
            what: "bytes of a bundle (at most 200 for each of the archive)",
            limit: room,
            found: room.saturating_add(1),
        })?;
        files.push(Packed { name, bytes: Cow::Owned(content) });
    }
    Ok(files)
}
