//! What both databases promise alike: every case runs on SQLite in memory, on SQLite in a file, and
//! on PostgreSQL where `TEST_POSTGRES` names a server (`cargo xtask check` starts one).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod access;
mod backends;
mod backtests;
mod decisions;
mod findings;
mod forgotten;
mod jobs;
mod learning;
mod news;
mod notifications;
mod predictions;
mod prices;
mod records;
mod snapshots;
mod tables;
