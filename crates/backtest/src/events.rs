//! Our own form: interruptions and returns of pools, as CSV, JSON Lines or rows.
//!
//! A pool is whole until it is interrupted and whole again when it returns; `share` says that only a
//! part of it went or came.

use std::collections::BTreeMap;

use facts::names::{InstanceType, Zone};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Fraction;

use crate::episode::{Episode, EpisodePool, Measured, PoolKey, within_limits};
use crate::{InputError, Settings};

/// Something that happened to a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolEvent {
    /// When.
    #[schemars(with = "String")]
    pub timestamp: Timestamp,
    /// The instance type.
    pub instance_type: InstanceType,
    /// The zone.
    pub zone: Zone,
    /// What.
    pub event: EventKind,
    /// The share of the wanted capacity that the pool has from then on; 0 after an interruption and 1
    /// after a return when absent.
    #[serde(default)]
    pub share: Option<Fraction>,
}

/// What happens to pools.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Capacity was taken back.
    Interruption,
    /// Capacity can be had again.
    Return,
}

/// Which time is replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Window {
    /// From this instant on; the first event when absent.
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// Up to before this instant; a step after the last event when absent.
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
}

/// Shares are kept as thousandths.
const WHOLE: u16 = 1000;

/// Reads a table with the header `timestamp,instance_type,zone,event[,share]`, or one JSON object for
/// each line with the same names.
///
/// # Errors
/// The first line that cannot be read.
pub fn read_events(name: &str, bytes: &[u8]) -> Result<Vec<PoolEvent>, InputError> {
    let bad = |message: String| InputError::Events { name: name.to_owned(), message };
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
        let lines = lines.filter(|(line, _)| !line.iter().all(u8::is_ascii_whitespace));
        return lines
            .map(|(line, number)| {
                serde_json::from_slice(line).map_err(|error| bad(format!("line {number}: {error}")))
            })
            .collect();
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    reader.deserialize().map(|row| row.map_err(|error| bad(error.to_string()))).collect()
}

/// Events as an episode. The order of the events does not matter.
///
/// # Errors
/// A window without time, or an interruption without a return where nothing says how long it lasts.
pub fn episode_of_events(
    name: &str,
    events: &[PoolEvent],
    window: Window,
    settings: &Settings,
) -> Result<Episode, InputError> {
    let bad = |message: String| InputError::Events { name: name.to_owned(), message };
    let mut pools: BTreeMap<PoolKey, Vec<(Timestamp, EventKind, u16)>> = BTreeMap::new();
    for event in events {
        let key = PoolKey { instance_type: event.instance_type.clone(), zone: event.zone.clone() };
        let usual = if event.event == EventKind::Return { 1.0 } else { 0.0 };
        let share = event.share.map_or(usual, Fraction::value);
        let held = (share * f64::from(WHOLE)).round() as u16;
        pools.entry(key).or_default().push((event.timestamp, event.event, held));
    }
    let all = || events.iter().map(|event| event.timestamp);
    let step = i64::from(settings.step_seconds);
    let start =
        window.from.or_else(|| all().min()).ok_or_else(|| bad("there is no event".to_owned()))?;
    // Steps lie on the grid of their own length, so that the first event does not shift them.
    let start = Timestamp::from_second(start.as_second().div_euclid(step) * step).unwrap_or(start);
    let last = all().max().unwrap_or(start);
    let until = window.until.map_or_else(|| last.as_second() + step, Timestamp::as_second);
    let steps = usize::try_from((until - start.as_second()).div_euclid(step)).unwrap_or(0);
    if steps == 0 {
        return Err(bad("the window holds no step".to_owned()));
    }
    within_limits(name, steps, pools.len())?;
    let mut notes = Vec::new();
    let mut assumed = 0_u64;
    let mut columns = Vec::new();
    for (key, mut changes) in pools {
        // Of what happens at one instant the lower share counts last.
        changes.sort_by_key(|(at, kind, held)| (*at, std::cmp::Reverse(*held), *kind));
        changes.dedup();
        let added = returns(&key, &changes, settings.down_for_seconds).map_err(&bad)?;
        assumed += added.len() as u64;
        changes.extend(added);
        changes.sort_by_key(|(at, kind, held)| (*at, std::cmp::Reverse(*held), *kind));
        // Before anything happened a pool is the contrary of what happened first.
        let mut held = match changes.first() {
            Some((_, EventKind::Return, _)) => 0,
            _ => WHOLE,
        };
        let mut column = Vec::with_capacity(steps);
        let mut next = changes.iter().peekable();
        for number in 0..steps {
            let begins = start.as_second() + step * i64::try_from(number).unwrap_or(0);
            // What happens within a step is seen at its end: a short absence is not lost.
            let mut lowest = None;
            while let Some((_, _, to)) = next.next_if(|(at, ..)| at.as_second() <= begins) {
                lowest = Some(lowest.map_or(*to, |low: u16| low.min(*to)));
                held = *to;
            }
            column.push(lowest.unwrap_or(held).min(held));
        }
        columns.push(EpisodePool { key, asked: WHOLE, held: column });
    }
    if assumed > 0 {
        notes.push(format!(
            "{assumed} interruptions are followed by no return; the pool was taken to be down for {} seconds",
            settings.down_for_seconds.unwrap_or(0)
        ));
    }
    let episode = Episode {
        name: name.to_owned(),
        measured: Measured::Preemption,
        start,
        step_seconds: settings.step_seconds,
        steps,
        pools: columns,
        notes,
    };
    episode.checked()
}

type Change = (Timestamp, EventKind, u16);

/// The returns of interruptions that none follows before the next interruption.
fn returns(
    key: &PoolKey,
    changes: &[Change],
    down_for_seconds: Option<u32>,
) -> Result<Vec<Change>, String> {
    let mut added = Vec::new();
    for (position, (at, kind, _)) in changes.iter().enumerate() {
        let next = changes.get(position + 1);
        if *kind == EventKind::Return || next.is_some_and(|next| next.1 == EventKind::Return) {
            continue;
        }
        let Some(seconds) = down_for_seconds else {
            return Err(format!(
                "no return follows the interruption of {} in {} at {at}; down_for_seconds says how \
                 long a pool is down then",
                key.instance_type, key.zone
            ));
        };
        let back = at.as_second().saturating_add(seconds.into());
        // Where it is interrupted again before, it was not down but taken twice.
        if next.is_none_or(|next| next.0.as_second() > back)
            && let Ok(back) = Timestamp::from_second(back)
        {
            added.push((back, EventKind::Return, WHOLE));
        }
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(text: &str, settings: &Settings) -> Result<Vec<u16>, InputError> {
        let events = read_events("test", text.as_bytes())?;
        let episode = episode_of_events("test", &events, Window::default(), settings)?;
        Ok(episode.pools[0].held.clone())
    }

    #[test]
    fn both_forms_say_the_same() {
        let settings = Settings { step_seconds: 60, ..Settings::default() };
        let table = "timestamp,instance_type,zone,event,share\n\
            2026-01-01T00:01:30Z,m5.large,us-east-1a,interruption,\n\
            2026-01-01T00:03:00Z,m5.large,us-east-1a,return,0.5\n\
            2026-01-01T00:04:10Z,m5.large,us-east-1a,return,\n";
        assert_eq!(column(table, &settings).unwrap(), [1000, 0, 500, 500]);
        let lines = r#"{"timestamp":"2026-01-01T00:04:10Z","instance_type":"m5.large","zone":"us-east-1a","event":"return"}
            {"timestamp":"2026-01-01T00:03:00Z","instance_type":"m5.large","zone":"us-east-1a","event":"return","share":0.5}
            {"timestamp":"2026-01-01T00:01:30Z","instance_type":"m5.large","zone":"us-east-1a","event":"interruption"}"#;
        assert_eq!(column(lines, &settings).unwrap(), [1000, 0, 500, 500]);
    }

    #[test]
    fn an_interruption_without_an_end_needs_a_word() {
        let table = "timestamp,instance_type,zone,event\n\
            2026-01-01T00:00:00Z,m5.large,us-east-1a,interruption\n\
            2026-01-01T00:10:00Z,m5.large,us-east-1a,interruption\n";
        let settings = Settings { step_seconds: 120, ..Settings::default() };
        let error = column(table, &settings).unwrap_err().to_string();
        assert!(error.contains("down_for_seconds"), "{error}");
        let settings = Settings { down_for_seconds: Some(240), ..settings };
        assert_eq!(column(table, &settings).unwrap(), [0, 0, 1000, 1000, 1000, 0]);
    }

    #[test]
    fn a_window_without_end_is_refused_before_it_is_laid_out() {
        let table = "timestamp,instance_type,zone,event\n\
            2026-01-01T00:00:00Z,m5.large,us-east-1a,return\n";
        let settings = Settings { step_seconds: 1, ..Settings::default() };
        let events = read_events("test", table.as_bytes()).unwrap();
        let window = Window { from: None, until: Some(Timestamp::MAX) };
        let error = episode_of_events("test", &events, window, &settings).unwrap_err();
        assert!(error.to_string().contains("longer step"), "{error}");
    }

    #[test]
    fn an_absence_within_a_step_is_seen() {
        let table = "timestamp,instance_type,zone,event\n\
            2026-01-01T00:00:00Z,m5.large,us-east-1a,return\n\
            2026-01-01T00:06:00Z,m5.large,us-east-1a,interruption\n\
            2026-01-01T00:07:00Z,m5.large,us-east-1a,return\n\
            2026-01-01T00:14:00Z,m5.large,us-east-1a,return\n";
        let settings = Settings { step_seconds: 300, ..Settings::default() };
        assert_eq!(column(table, &settings).unwrap(), [1000, 1000, 0]);
    }
}
