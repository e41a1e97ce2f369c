//! What a way of buying capacity would have cost, and how often it would have been interrupted.
//!
//! Capacity and prices as they were go in, and a report on every policy that was asked for comes out.
//! A policy knows at an instant what was known then; only the hindsight optimum knows more, and is what
//! regret is measured to.
//! This crate refuses to know files, networks, clocks and chance: the same input gives the same bytes.
//! The model, every policy and the limits: `docs/backtest.md`.

mod bootstrap;
mod digest;
mod episode;
mod events;
mod figures;
mod hindsight;
mod html;
mod input;
mod plots;
mod policy;
mod ranking;
mod replay;
mod report;
mod run;
mod seen;
mod settings;
mod text;
mod trace;
mod world;

pub use digest::of_world;
pub use episode::{Episode, EpisodePool, Measured, PoolKey};
pub use events::{EventKind, PoolEvent, Window, episode_of_events, read_events};
pub use figures::Figures;
pub use hindsight::{Bound, Hindsight, hindsight};
pub use html::html;
pub use input::{EventFile, InputError, LeftOutFile, Read, read_files};
pub use policy::{POLICIES, PolicyEntry, PolicyName};
pub use replay::{Outcome, Place, Replayed, Request, replay};
pub use report::{DayRow, Estimate, PolicyReport, PoolReport, Report, RunReport, SummaryRow};
pub use run::{backtest, backtest_of, summary};
pub use settings::{Reports, Settings};
pub use text::markdown;
pub use trace::{PoolTrace, episodes_of_traces, read_trace};
pub use world::{LeftOutPool, PriceHours, World, WorldPool};
