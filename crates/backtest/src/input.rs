//! Files of events, told apart by their content.

use facts::names::NameError;

use crate::Settings;
use crate::episode::Episode;
use crate::events::{Window, episode_of_events, read_events};
use crate::trace::{episodes_of_traces, read_trace};

/// Why there is nothing to replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// A setting is out of range.
    #[error("{field}: expected {expected}")]
    Setting {
        /// Which.
        field: &'static str,
        /// What may stand there.
        expected: String,
    },
    /// Events cannot be used.
    #[error("{name}: {message}")]
    Events {
        /// The file or episode.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// No pool of an episode has prices.
    #[error("{name}: no pool can be priced: {reason}")]
    Unpriced {
        /// The episode.
        name: String,
        /// What is missing of the first pool, and what helps.
        reason: String,
    },
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// A file of events.
#[derive(Clone, Copy, Debug)]
pub struct EventFile<'a> {
    /// Its path: traces are told by it.
    pub path: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
}

/// A file of which nothing was used.
#[derive(
    Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct LeftOutFile {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What files hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// What can be replayed, in order of their names.
    pub episodes: Vec<Episode>,
    /// What cannot.
    pub left_out: Vec<LeftOutFile>,
}

/// Reads traces and events. A single file must be readable; of several, those that are not are left
/// out by name.
///
/// # Errors
/// Nothing can be used.
pub fn read_files(
    files: &[EventFile<'_>],
    window: Window,
    settings: &Settings,
) -> Result<Read, InputError> {
    settings.checked()?;
    let (mut traces, mut read) = (Vec::new(), Read::default());
    let mut first = None;
    for file in files {
        let refused = match is_trace(file.bytes) {
            true => read_trace(file.path, file.bytes).map(|trace| traces.push(trace)).err(),
            false => {
                let name = last_of(file.path);
                let events = read_events(name, file.bytes);
                let episode =
                    events.and_then(|events| episode_of_events(name, &events, window, settings));
                episode.map(|episode| read.episodes.push(episode)).err()
            }
        };
        if let Some(error) = refused {
            let reason = match &error {
                InputError::Events { message, .. } => message.clone(),
                other => other.to_string(),
            };
            read.left_out.push(LeftOutFile { name: last_of(file.path).to_owned(), reason });
            first.get_or_insert(error);
        }
    }
    read.episodes.extend(episodes_of_traces(traces)?);
    read.episodes.sort_by(|a, b| (&a.name, a.start).cmp(&(&b.name, b.start)));
    read.left_out.sort_by(|a, b| a.name.cmp(&b.name));
    if read.episodes.is_empty() {
        let name = "events".to_owned();
        let message = "there is no file of events".to_owned();
        return Err(first.unwrap_or(InputError::Events { name, message }));
    }
    Ok(read)
}

fn is_trace(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(200)];
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    first == Some(&b'{') && head.windows(10).any(|part| part == b"\"metadata\"")
}

fn last_of(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
