//! The command line of access keys.

use app::access::Role;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::{Database, Kept};

#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it, once. From the first key on, every call to the server needs one.
    Create {
        /// What the key is for, in your words.
        #[arg(long)]
        label: String,
        /// What it may do.
        #[arg(long, value_parser = role())]
        role: Role,
        /// The customer that a tenant's key speaks for.
        #[arg(long, value_name = "NAME")]
        customer: Option<String>,
        /// After how many days it is worth nothing; never when absent.
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
        #[command(flatten)]
        kept: Kept,
    },
    /// List keys, without their secrets.
    List {
        #[command(flatten)]
        kept: Kept,
    },
    /// Make a key worth nothing.
    Revoke {
        /// The key's identifier, or its beginning as `list` shows it.
        key: String,
        #[command(flatten)]
        database: Database,
    },
}

fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::name))
        .map(|name| Role::from_name(&name).unwrap_or(Role::Viewer))
}
