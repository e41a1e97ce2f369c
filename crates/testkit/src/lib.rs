//! What tests lean on: a fake AWS that speaks real HTTP on loopback and fails when told to, receivers of
//! notices, and models whose answers are known.
//!
//! Used by tests and development only; nothing that is shipped depends on it. It refuses to know
//! how the product reads AWS: it shares no code with the sources that it tries out.

mod busy_cluster;
mod fake_aws;
mod fake_bucket;
mod fake_receiver;
mod generated;
mod made_model;
mod offer;
mod reference;
mod world;

pub use busy_cluster::busy_cluster;
pub use fake_aws::fault::{Fault, Rule, RuleError};
pub use fake_aws::spot::POISONED_ROWS;
pub use fake_aws::{FakeAws, Seen};
pub use fake_bucket::FakeBucket;
pub use fake_receiver::{FakeMail, FakeReceiver, Posted};
pub use generated::generated;
pub use made_model::{Made, made_model};
pub use offer::Offer;
pub use reference::{ReferenceError, from_reference, published_folder};
pub use world::{SpotPrice, World};

/// The key id that the fake knows for ever.
pub const ACCESS_KEY_ID: &str = "AKIAFAKEFAKEFAKEFAKE";

/// The secret of every key of the fake.
pub const SECRET_ACCESS_KEY: &str = "fake/secret/that/opens/nothing/at/all+00";

/// The token that temporary keys (`ASIA…`) must carry.
pub const SESSION_TOKEN: &str = "fake-session-token";
