//! Operations: where pure decisions meet what is kept and what is asked.
//!
//! One file per verb. This crate refuses to know status codes, SQL and command lines.

pub mod bundle;
pub mod decide;

/// The build that answers, as it is written into evidence: two builds with the same text give the
/// same bytes.
pub const BUILD: &str = match option_env!("CLOUDOPTIM_BUILD") {
    Some(build) => build,
    None => concat!("cloudoptim ", env!("CARGO_PKG_VERSION")),
};
