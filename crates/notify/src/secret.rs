//! Secrets of webhooks: 24 to 64 bytes, written as `whsec_` and base64.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "whsec_";

/// A secret that whoever sends and whoever receives share.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// A text that is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `whsec_` and the base64 of 24 to 64 bytes")]
pub struct WrongSecret;

impl Secret {
    /// Of random bytes; fewer than 24 or more than 64 are none.
    ///
    /// # Errors
    /// Another number of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Result<Secret, WrongSecret> {
        match bytes.len() {
            24..=64 => Ok(Secret(bytes.to_vec())),
            _ => Err(WrongSecret),
        }
    }

    /// As it is handed out and given; without the prefix it is taken too.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Secret, WrongSecret> {
        let encoded = text.trim();
        let encoded = encoded.strip_prefix(PREFIX).unwrap_or(encoded);
        Secret::of_bytes(&STANDARD.decode(encoded).map_err(|_| WrongSecret)?)
    }

    /// As it is handed out, once.
    #[must_use]
    pub fn hand_out(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    /// Without what is secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_their_length_and_are_not_shown() {
        let secret = Secret::of_bytes(&[7; 32]).unwrap();
        assert_eq!(Secret::parse(&secret.hand_out()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "Secret");
        for wrong in ["", "whsec_", "whsec_AAAA", "not base64 at all", "whsec_****"] {
            assert_eq!(Secret::parse(wrong), Err(WrongSecret), "{wrong}");
        }
        assert_eq!(Secret::of_bytes(&[0; 23]), Err(WrongSecret));
        assert_eq!(Secret::of_bytes(&[0; 65]), Err(WrongSecret));
    }
}
