//! Why AWS could not be read, by what a caller can do about it. No variant carries a secret.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

/// Why a source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot work. Change it.
    #[error("{field}: {detail}")]
    Configuration {
        /// The setting or argument.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The credential chain found nothing. Configure credentials; public sources work without.
    #[error(
        "{operation} needs AWS credentials and none were found ({detail}); set AWS_PROFILE or \
         AWS_ACCESS_KEY_ID, or give the pod or instance a role"
    )]
    NoCredentials {
        /// What was asked.
        operation: &'static str,
        /// What the chain said.
        detail: String,
    },
    /// A part of the credential chain exists and failed: a token service, a file, a process.
    #[error("{operation}: AWS credentials could not be loaded: {detail}")]
    CredentialsFailed {
        /// What was asked.
        operation: &'static str,
        /// What the chain said.
        detail: String,
    },
    /// Temporary credentials have expired, and asking the chain again gave no better ones.
    #[error("{operation}: the AWS credentials have expired ({code}); sign in again")]
    ExpiredCredentials {
        /// What was asked.
        operation: &'static str,
        /// The code of AWS.
        code: String,
    },
    /// This machine's clock differs so much from that of AWS that no signature is accepted.
    #[error("{operation}: {code}: this machine's clock is {}; set it by NTP", Skew(skew))]
    ClockSkew {
        /// What was asked.
        operation: &'static str,
        /// The code of AWS.
        code: String,
        /// The clock of AWS minus ours: positive where ours is behind. `None` when AWS refused our
        /// time without telling its own.
        skew: Option<SignedDuration>,
    },
    /// AWS knows who asks and does not allow it, or does not know who asks.
    #[error("{operation} is not allowed: {code}: {message}")]
    Denied {
        /// What was asked; the IAM action is `ec2:` or `pricing:` and this.
        operation: &'static str,
        /// The code of AWS.
        code: String,
        /// Its message, redacted.
        message: String,
    },
    /// AWS does not understand the request. Asking again gives the same answer.
    #[error("{operation} was refused: {code}: {message}")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// The code of AWS, or the status.
        code: String,
        /// Its message, redacted.
        message: String,
    },
    /// The token of a page is no longer known. Start the window again; rows are the same.
    #[error("{operation}: the page token is no longer valid ({code}); start the query again")]
    StaleCursor {
        /// What was asked.
        operation: &'static str,
        /// The code of AWS.
        code: String,
    },
    /// Pages repeat or never end.
    #[error("{operation}: paging does not end: {detail}")]
    EndlessPages {
        /// What was asked.
        operation: &'static str,
        /// What was seen.
        detail: String,
    },
    /// The price list has no file for the region.
    #[error("the price list has no region {region}")]
    NoSuchRegion {
        /// The region.
        region: String,
    },
    /// AWS asked to be asked more slowly, to the last attempt.
    #[error("{operation}: throttled by AWS ({code}) in each of {attempts} attempts")]
    Throttled {
        /// What was asked.
        operation: &'static str,
        /// The code of AWS, or the status.
        code: String,
        /// How often it was asked.
        attempts: u32,
        /// When to come back, if AWS said so.
        retry_after: Option<Duration>,
    },
    /// AWS failed on its side, to the last attempt.
    #[error("{operation}: AWS failed ({detail}) in each of {attempts} attempts")]
    Unavailable {
        /// What was asked.
        operation: &'static str,
        /// Status and code.
        detail: String,
        /// How often it was asked.
        attempts: u32,
        /// When to come back, if AWS said so.
        retry_after: Option<Duration>,
    },
    /// No connection, or none that lasted.
    #[error("{operation}: not reachable: {detail} ({attempts} attempts)")]
    Unreachable {
        /// What was asked.
        operation: &'static str,
        /// What the connection said.
        detail: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// Every answer stopped in the middle.
    #[error("{operation}: the answer is cut off: {detail} ({attempts} attempts)")]
    Cut {
        /// What was asked.
        operation: &'static str,
        /// Where it stopped.
        detail: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// A whole answer that is not what the source documents: often a proxy's page.
    #[error("{operation}: unexpected answer: {detail}; it starts with `{excerpt}`")]
    WrongBody {
        /// What was asked.
        operation: &'static str,
        /// What was met and what was expected.
        detail: String,
        /// The first characters, redacted.
        excerpt: String,
    },
    /// More than is accepted of one source.
    #[error("{operation}: {detail}")]
    TooLarge {
        /// What was asked.
        operation: &'static str,
        /// What was counted, and the limit.
        detail: String,
    },
}

impl Error {
    /// Whether the same request may succeed later without anybody doing something.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Error::Throttled { .. }
                | Error::Unavailable { .. }
                | Error::Unreachable { .. }
                | Error::Cut { .. }
                | Error::CredentialsFailed { .. }
        )
    }

    /// How long AWS asked to be left alone, if it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Throttled { retry_after, .. } | Error::Unavailable { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }
}

struct Skew<'a>(&'a Option<SignedDuration>);

impl fmt::Display for Skew<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => formatter.write_str("wrong by an unknown amount"),
            Some(skew) => {
                let side = if skew.is_negative() { "ahead of" } else { "behind" };
                let (minutes, seconds) = {
                    let seconds = skew.as_secs().unsigned_abs();
                    (seconds / 60, seconds % 60)
                };
                write!(formatter, "{minutes} min {seconds} s {side} AWS")
            }
        }
    }
}
