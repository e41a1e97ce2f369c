//! The text of a key: made from the system's randomness, and reduced to a digest at once.

use super::Role;
use crate::Error;

/// Letters of the part by which a key is known, which may be shown.
const SHOWN: usize = 8;

/// Letters of the part that may not: 238 bits.
const HIDDEN: usize = 40;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key. It has no `Debug` and no `Display`, so that it ends up in no log.
pub(crate) struct Secret {
    text: String,
}

impl Secret {
    /// A new key: `cok_<role>_<shown>_<hidden>`.
    ///
    /// # Errors
    /// A system without randomness.
    pub(crate) fn draw(role: Role) -> Result<Secret, Error> {
        let letters = letters(SHOWN + HIDDEN)?;
        let (shown, hidden) = letters.split_at(SHOWN);
        Ok(Secret { text: format!("cok_{}_{shown}_{hidden}", role.name()) })
    }

    /// What somebody sent.
    pub(crate) fn sent(text: &str) -> Secret {
        Secret { text: text.to_owned() }
    }

    /// The part that may be shown, by which the key is looked up; `None` for what is no key.
    pub(crate) fn shown_prefix(&self) -> Option<&str> {
        let (shown, hidden) = self.text.rsplit_once('_')?;
        (shown.starts_with("cok_") && hidden.len() == HIDDEN).then_some(shown)
    }

    /// Its digest. A key is random and long, so one fast hash is enough. Digests are compared in
    /// constant time.
    pub(crate) fn digest(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 access key");
        hasher.update(self.text.as_bytes()).finalize()
    }

    /// The text, to be handed out once.
    pub(crate) fn hand_out(self) -> String {
        self.text
    }
}

fn letters(count: usize) -> Result<String, Error> {
    let mut drawn = String::with_capacity(count);
    while drawn.len() < count {
        let mut bytes = [0_u8; 64];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::Internal(format!("no randomness: {error}")))?;
        // Values of the last, incomplete round are drawn anew, so that every letter is as likely.
        let fair = bytes.into_iter().filter(|byte| usize::from(*byte) < 4 * LETTERS.len());
        let letter = |byte: u8| LETTERS.get(usize::from(byte) % LETTERS.len()).copied();
        drawn.extend(fair.filter_map(letter).map(char::from).take(count - drawn.len()));
    }
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_show_their_beginning_only() {
        let (one, two) = (Secret::draw(Role::Admin).unwrap(), Secret::draw(Role::Admin).unwrap());
        assert_ne!(one.digest(), two.digest());
        let prefix = one.shown_prefix().unwrap().to_owned();
        let text = one.hand_out();
        assert!(text.starts_with("cok_admin_") && text.len() == 10 + SHOWN + 1 + HIDDEN, "{text}");
        assert_eq!(prefix, text[..10 + SHOWN]);
        assert_eq!(Secret::sent(&text).shown_prefix(), Some(prefix.as_str()));
    }

    #[test]
    fn what_is_no_key_has_no_prefix() {
        for text in ["", "cok_", "secret", "cok_admin_abc_short", &"x".repeat(80)] {
            assert_eq!(Secret::sent(text).shown_prefix(), None, "{text}");
        }
    }
}
