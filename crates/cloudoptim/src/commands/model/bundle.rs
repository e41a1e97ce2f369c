//! What a path offers: the bytes of a file, or a folder packed as a tar, which is what the server would
//! keep of it.

use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::input;

/// The most bytes of a model or a bundle, and the most files of one: what readers take anyway.
const MOST_BYTES: u64 = 500 << 20;
const MOST_FILES: usize = 256;

/// Bytes of a model or bundle.
pub(super) struct Offered {
    /// The path for people.
    pub(super) shown: String,
    /// What the file is called where it is kept.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Reads a path.
pub(super) fn offered(path: &Path) -> Result<Offered, Failure> {
    let shown = input::shown(path);
    let failed = |source| Failure::File { path: shown.clone(), source };
    let stem = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = stem.filter(|name| name != "-").unwrap_or_else(|| "model".to_owned());
    if path != Path::new("-") {
        let about = std::fs::metadata(path).map_err(failed)?;
        if about.is_dir() {
            let bytes = packed(path)?;
            return Ok(Offered { shown, name: format!("{name}.tar"), bytes });
        }
        if about.len() > MOST_BYTES {
            return Err(too_large(shown));
        }
    }
    let bytes = input::read(path)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(too_large(shown));
    }
    Ok(Offered { shown, name, bytes })
}

/// A folder as a tar that depends on names and contents alone: packed again it has the same digest.
fn packed(folder: &Path) -> Result<Vec<u8>, Failure> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut total = 0_u64;
    for path in files(folder)? {
        let failed = |source| Failure::File { path: path.display().to_string(), source };
        let name = path.strip_prefix(folder).unwrap_or(&path);
        let length = std::fs::metadata(&path).map_err(failed)?.len();
        total = total.saturating_add(length);
        if total > MOST_BYTES {
            return Err(too_large(input::shown(folder)));
        }
        let bytes = std::fs::read(&path).map_err(failed)?;
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &*bytes).map_err(failed)?;
    }
    let failed = |source| Failure::File { path: input::shown(folder), source };
    builder.into_inner().map_err(failed)
}

/// The files of a folder, sorted; hidden ones are passed over, and links lead nowhere.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |source| Failure::File { path: folder.display().to_string(), source };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            } else {
                return Err(Failure::Refused {
                    path: entry.path().display().to_string(),
                    message: "expected a file; links are not followed into a bundle".to_owned(),
                });
            }
            if found.len() > MOST_FILES || folders.len() > MOST_FILES {
                return Err(Failure::Refused {
                    path: input::shown(&folder),
                    message: format!("a bundle has at most {MOST_FILES} files"),
                });
            }
        }
    }
    found.sort();
    Ok(found)
}

fn too_large(path: String) -> Failure {
    let message = format!("a model or bundle has at most {} MiB", MOST_BYTES >> 20);
    Failure::Refused { path, message }
}
