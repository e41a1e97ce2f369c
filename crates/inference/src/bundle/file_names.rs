//! Names of entries: texts that are looked at before they are shown, and never opened.

use crate::refusal::Refusal;

/// Bytes of a name.
const LONGEST: usize = 255;

/// Folders within one another.
const DEEPEST: usize = 8;

/// The name of an entry, without `./` and the `/` of a folder.
///
/// # Errors
/// Names that are not UTF-8, too long or too deep; absolute ones; `..`; backslashes, drives, and
/// characters that change how a name looks.
pub(super) fn checked(name: &[u8]) -> Result<String, Refusal> {
    let shown = String::from_utf8_lossy(name).into_owned();
    let refuse = |expected: &str| Err(Refusal::field("entry", &shown, expected));
    let Ok(text) = std::str::from_utf8(name) else {
        return refuse("a name in UTF-8");
    };
    if text.len() > LONGEST {
        return refuse("a name of at most 255 bytes");
    }
    if text.chars().any(|c| c.is_control() || "\\:\u{200e}\u{200f}".contains(c) || turns(c)) {
        return refuse("a name without backslashes, colons and invisible characters");
    }
    if text.starts_with('/') {
        return refuse("a name that begins in the archive");
    }
    let parts: Vec<&str> =
        text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return refuse("a name that stays in the archive");
    }
    if parts.len() > DEEPEST {
        return refuse("at most 8 folders within one another");
    }
    Ok(parts.join("/"))
}

/// Characters that turn the direction of writing.
fn turns(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What archivers of desktops add to what they are given.
pub(super) fn is_of_a_desktop(name: &str) -> bool {
    name.split('/').any(|part| {
        part == "__MACOSX" || part == ".DS_Store" || part == "Thumbs.db" || part.starts_with("._")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_archive() {
        assert_eq!(checked(b"./a//b/model.pkl").unwrap(), "a/b/model.pkl");
        for name in [
            &b"/etc/passwd"[..],
            b"../model.pkl",
            b"a/../../b",
            b"a\\..\\b",
            b"C:model.pkl",
            b"a\0b",
            b"a\nb",
            b"\xff",
            "\u{202e}lkp.ledom".as_bytes(),
            &[b'a'; 300],
            b"1/2/3/4/5/6/7/8/9",
        ] {
            assert!(checked(name).is_err(), "{}", String::from_utf8_lossy(name));
        }
        assert!(is_of_a_desktop("__MACOSX/a") && is_of_a_desktop("a/._model.pkl"));
        assert!(!is_of_a_desktop("model.pkl"));
    }
}
