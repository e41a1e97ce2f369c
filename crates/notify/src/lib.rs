//! Telling people and programs what happened: webhooks as Standard Webhooks signs them, Slack, Teams
//! and mail.
//!
//! One message goes to one target, once. This crate refuses to know why something is told, to whom,
//! how often it was tried, and where any of that is kept. No address is contacted that [`guard`] has
//! not let pass.

pub mod guard;
mod mail;
mod message;
mod networks;
mod secret;
mod send;
mod slack;
mod teams;
mod webhook;

pub use mail::{MailServer, Recipients};
pub use message::{Fact, Message, Notice, Severity};
pub use secret::{Secret, WrongSecret};
pub use send::{Outcome, Sender, Target};
pub use webhook::{LARGEST_BODY, body_of, signature};
