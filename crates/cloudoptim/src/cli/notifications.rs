//! How `cloudoptim serve` tells what happens.

use clap::Args;
use notify::guard::Rules;
use notify::{MailServer, Sender};

use crate::exit::Failure;

/// How notices leave the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Notifications")]
pub(crate) struct NotificationArguments {
    /// Networks beside the internet to which notices may go, over http too, such as 10.20.0.0/16.
    #[arg(
        long,
        env = "NOTIFICATION_PRIVATE_NETWORKS",
        value_name = "NETWORKS",
        value_delimiter = ','
    )]
    pub(crate) notification_private_networks: Vec<String>,
    /// The server that takes mail, such as smtps://user:password@mail.example.com; better given by the
    /// environment than on the command line. No mail when absent.
    #[arg(long, env = "SMTP_URL", value_name = "ADDRESS", hide_env_values = true)]
    pub(crate) smtp_url: Option<String>,
    /// Who mails are from, such as `CloudOptim <alerts@example.com>`.
    #[arg(long, env = "SMTP_FROM", value_name = "ADDRESS", requires = "smtp_url")]
    pub(crate) smtp_from: Option<String>,
    /// The Core Platform, which gets every event as a signed webhook through the channel
    /// `core-platform`.
    #[arg(
        long,
        env = "CORE_PLATFORM_URL",
        value_name = "ADDRESS",
        requires = "core_platform_webhook_secret"
    )]
    pub(crate) core_platform_url: Option<String>,
    /// The secret of that webhook, `whsec_` and base64; better given by the environment than on the
    /// command line.
    #[arg(
        long,
        env = "CORE_PLATFORM_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub(crate) core_platform_webhook_secret: Option<String>,
}

impl NotificationArguments {
    pub(crate) fn sender(&self) -> Result<Sender, Failure> {
        let rules = Rules::allowing(self.notification_private_networks.iter().map(String::as_str));
        let rules =
            rules.map_err(|why| Failure::Serve(format!("NOTIFICATION_PRIVATE_NETWORKS: {why}")))?;
        let mail = match (&self.smtp_url, &self.smtp_from) {
            (None, _) => None,
            (Some(_), None) => {
                let why = "SMTP_FROM: expected who mails are from, beside SMTP_URL";
                return Err(Failure::Serve(why.to_owned()));
            }
            (Some(url), Some(from)) => Some(MailServer::new(url, from).map_err(Failure::Serve)?),
        };
        Ok(Sender::new(rules, mail))
    }
}
