//! `cloudoptim keys`: access keys, made on the database itself, which is how the first one comes about.

use app::access::{Caller, NewKey};

use crate::cli::{Format, Keys, KeysCommand};
use crate::database::with_app;
use crate::exit::{Exit, Failure};
use crate::output;

const COLUMNS: [&str; 8] = [
    "key_id",
    "shown_prefix",
    "label",
    "role",
    "customer_id",
    "status",
    "created_at",
    "expires_at",
];

pub(crate) fn run(arguments: &Keys) -> Result<Exit, Failure> {
    let caller = Caller::command_line();
    match &arguments.command {
        KeysCommand::Create { label, role, customer, expires_in_days, kept } => {
            let wanted = NewKey {
                label: label.clone(),
                role: *role,
                customer_id: customer.clone(),
                expires_at: None,
                expires_in_days: *expires_in_days,
            };
            let made =
                with_app(&kept.database, async |app| Ok(app.make_key(&wanted, &caller).await?))?;
            eprintln!("The key is shown this once; only a digest of it is kept.");
            match kept.output {
                // Alone, so that a script can take it as it is.
                Format::Table => output::print(&made.key)?,
                Format::Json => output::print_json(&made)?,
                Format::Yaml => output::print_yaml(&made)?,
                Format::Csv => {
                    let columns = ["key", "key_id", "role"];
                    let row = vec![made.key, made.item.key_id, made.item.role];
                    output::print_csv(&columns, &[row])?;
                }
            }
            Ok(Exit::Success)
        }
        KeysCommand::List { kept } => {
            let keys = with_app(&kept.database, async |app| Ok(app.keys().await?))?;
            if keys.is_empty() {
                eprintln!("there are no keys: the server takes calls from its own machine only");
            }
            output::rows(&COLUMNS, &keys, kept.output)?;
            Ok(Exit::Success)
        }
        KeysCommand::Revoke { key, database } => {
            let revoked = with_app(database, async |app| Ok(app.revoke_key(key, &caller).await?))?;
            eprintln!("{} ({}) is revoked", revoked.label, revoked.shown_prefix);
            Ok(Exit::Success)
        }
    }
}
