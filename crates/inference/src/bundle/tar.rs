//! Tar archives: files and folders, and nothing that points elsewhere.

use std::borrow::Cow;

use tar::EntryType;

use super::archive::{BundleLimits, Packed};
use super::file_names;
use crate::refusal::{Refusal, shown};

pub(super) fn files<'a>(
    bytes: &'a [u8],
    limits: &BundleLimits,
) -> Result<Vec<Packed<'a>>, Refusal> {
    let wrong = |error: std::io::Error| Refusal::Syntax {
        format: "tar",
        at: "an entry".to_owned(),
        detail: shown(&error),
    };
    let mut archive = tar::Archive::new(bytes);
    let mut files = Vec::new();
    let mut total = 0_usize;
    for (at, entry) in archive.entries().map_err(wrong)?.enumerate() {
        Refusal::check("entries", at.saturating_add(1), limits.entries)?;
        let entry = entry.map_err(wrong)?;
        let name = file_names::checked(&entry.path_bytes())?;
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            other => {
                return Err(Refusal::unsupported(
                    "entry",
                    format!("{name} ({other:?})"),
                    "files and folders are; links are not followed",
                ));
            }
        }
        // The content lies in the archive as it is: it is borrowed, and no length is believed.
        let start = usize::try_from(entry.raw_file_position()).ok();
        let end = start.and_then(|start| start.checked_add(usize::try_from(entry.size()).ok()?));
        let content = start.zip(end).and_then(|(start, end)| bytes.get(start..end));
        let Some(content) = content else {
            return Err(Refusal::field(name, "a length beyond the end", "the whole file"));
        };
        total = total.saturating_add(content.len());
        Refusal::check("bytes of a bundle", total, limits.bytes)?;
        files.push(Packed { name, bytes: Cow::Borrowed(content) });
    }
    Ok(files)
}
