//! Making, changing and removing channels.

use jiff::SignedDuration;
use notify::{Recipients, Secret};
use serde_json::{Value, json};
use store::ChannelRow;

use super::Wants;
use super::channel::{
    Address, ChannelChange, ChannelItem, ChannelKind, KeptSecret, LONGEST_NAME, MadeChannel,
    NewChannel, item, read, stored,
};
use crate::access::Caller;
use crate::gaps::field;
use crate::ids::timed_id;
use crate::{App, Error};

/// How long the secret before the last one counts too, so that a receiver can be changed over.
const BOTH_COUNT: SignedDuration = SignedDuration::from_hours(24);

/// The channel that the operator's settings make.
const CORE_PLATFORM: &str = "core-platform";

impl App {
    /// Makes a channel.
    ///
    /// # Errors
    /// A name that is taken, an address that may not be contacted, wishes that cannot be meant; a store
    /// that does not answer.
    pub async fn make_channel(
        &self,
        wanted: &NewChannel,
        caller: &Caller,
    ) -> Result<MadeChannel, Error> {
        let now = self.clock.now();
        let name = wanted.name.trim();
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            let detail = format!("expected a name of 1 to {LONGEST_NAME} bytes");
            return Err(field("/name", "invalid", &detail));
        }
        wanted.wants.checked()?;
        let mut address =
            Address { url: wanted.url.clone(), to: wanted.to.clone(), secrets: Vec::new() };
        self.check_address(wanted.kind, &address)?;
        let secret = match (wanted.kind, &wanted.secret) {
            (ChannelKind::Webhook, Some(text)) => Some(
                Secret::parse(text)
                    .map_err(|error| field("/secret", "invalid", &error.to_string()))?,
            ),
            (ChannelKind::Webhook, None) => Some(drawn()?),
            (_, Some(_)) => {
                return Err(field("/secret", "unexpected", "only a webhook has a secret"));
            }
            (_, None) => None,
        };
        let secret = secret.map(|secret| secret.hand_out());
        address.secrets = secret
            .iter()
            .map(|secret| KeptSecret { secret: secret.clone(), until: None })
            .collect();
        let row = ChannelRow {
            channel_id: timed_id(now, name.as_bytes()),
            name: name.to_owned(),
            kind: wanted.kind.name().to_owned(),
            target: stored(&address)?,
            rules: stored(&wanted.wants)?,
            enabled: true,
            disabled_reason: None,
            revision: 0,
            created_by: caller.name.clone(),
            created_at: now,
            changed_at: now,
        };
        let item = item(&row)?;
        let note = self.note(caller, "channel.create", row.channel_id.to_string(), detail(&item)?);
        if !self.store.add_channel(&row, &note).await? {
            return Err(Error::Taken(format!("there is a channel `{name}` already")));
        }
        Ok(MadeChannel { secret, item })
    }

    /// Has every event sent to the Core Platform through a channel of its own, made or changed as the
    /// operator has set it; without an address nothing is done.
    ///
    /// # Errors
    /// An address that may not be contacted, a secret that is none, a store that does not answer.
    pub async fn see_to_core_platform(
        &self,
        url: Option<&str>,
        secret: Option<&str>,
    ) -> Result<(), Error> {
        let (Some(url), Some(secret)) = (url, secret) else { return Ok(()) };
        let caller = Caller::server();
        let wanted = NewChannel {
            name: CORE_PLATFORM.to_owned(),
            kind: ChannelKind::Webhook,
            url: Some(url.to_owned()),
            to: Vec::new(),
            secret: Some(secret.to_owned()),
            wants: Wants {
                events: vec!["*".to_owned()],
                repeat_after_hours: 0,
                ..Wants::default()
            },
        };
        let rows = self.store.channels().await?;
        let Some(mut row) = rows.into_iter().find(|row| row.name == CORE_PLATFORM) else {
            return match self.make_channel(&wanted, &caller).await {
                // Another server that started at the same time has made it.
                Ok(_) | Err(Error::Taken(_)) => Ok(()),
                Err(error) => Err(error),
            };
        };
        let secret = Secret::parse(secret)
            .map_err(|error| field("/secret", "invalid", &error.to_string()))?;
        let kept = KeptSecret { secret: secret.hand_out(), until: None };
        let address = Address { url: Some(url.to_owned()), to: Vec::new(), secrets: vec![kept] };
        self.check_address(ChannelKind::Webhook, &address)?;
        if row.kind == ChannelKind::Webhook.name() && row.target == stored(&address)? {
            return Ok(());
        }
        row.kind = ChannelKind::Webhook.name().to_owned();
        row.target = stored(&address)?;
        match self.keep_channel(row, "channel.change", &caller).await {
            Ok(_) | Err(Error::Taken(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Every channel by name.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn channels(&self) -> Result<Vec<ChannelItem>, Error> {
        self.store.channels().await?.iter().map(item).collect()
    }

    /// One channel, by its identifier or its name.
    ///
    /// # Errors
    /// There is none, or the store does not answer.
    pub async fn channel(&self, channel: &str) -> Result<ChannelItem, Error> {
        item(&self.channel_row(channel).await?)
    }

    /// Changes a channel. Switching one on that the server had switched off forgets why.
    ///
    /// # Errors
    /// As [`App::make_channel`]; no such channel; somebody else was quicker.
    pub async fn change_channel(
        &self,
        channel: &str,
        change: &ChannelChange,
        caller: &Caller,
    ) -> Result<ChannelItem, Error> {
        let mut row = self.channel_row(channel).await?;
        let mut address: Address = read(&row.target)?;
        if change.url.is_some() || change.to.is_some() {
            address.url = change.url.clone().or(address.url);
            address.to = change.to.clone().unwrap_or(address.to);
            self.check_address(ChannelKind::of(&row)?, &address)?;
            row.target = stored(&address)?;
        }
        if let Some(wants) = &change.wants {
            wants.checked()?;
            row.rules = stored(wants)?;
        }
        if let Some(enabled) = change.enabled {
            row.enabled = enabled;
            row.disabled_reason = None;
        }
        self.keep_channel(row, "channel.change", caller).await
    }

    /// Draws a new secret for a webhook. The one before counts for another day.
    ///
    /// # Errors
    /// No such channel, or none with a secret; somebody else was quicker; the store does not answer.
    pub async fn renew_channel_secret(
        &self,
        channel: &str,
        caller: &Caller,
    ) -> Result<MadeChannel, Error> {
        let mut row = self.channel_row(channel).await?;
        if ChannelKind::of(&row)? != ChannelKind::Webhook {
            return Err(Error::Taken(format!("channel `{}` is signed with no secret", row.name)));
        }
        let until = self.clock.now().checked_add(BOTH_COUNT).ok();
        let mut address: Address = read(&row.target)?;
        let secret = drawn()?.hand_out();
        let old = address.secrets.into_iter().next().map(|old| KeptSecret { until, ..old });
        let new = KeptSecret { secret: secret.clone(), until: None };
        address.secrets = [Some(new), old].into_iter().flatten().collect();
        row.target = stored(&address)?;
        let item = self.keep_channel(row, "channel.secret", caller).await?;
        Ok(MadeChannel { secret: Some(secret), item })
    }

    /// Removes a channel; what waited for it is not sent any more.
    ///
    /// # Errors
    /// There is none, or the store does not answer.
    pub async fn remove_channel(
        &self,
        channel: &str,
        caller: &Caller,
    ) -> Result<ChannelItem, Error> {
        let row = self.channel_row(channel).await?;
        let item = item(&row)?;
        let note = self.note(caller, "channel.remove", row.channel_id.to_string(), detail(&item)?);
        if !self.store.remove_channel(row.channel_id, &note).await? {
            return Err(unknown(channel));
        }
        Ok(item)
    }

    async fn keep_channel(
        &self,
        row: ChannelRow,
        action: &str,
        caller: &Caller,
    ) -> Result<ChannelItem, Error> {
        let row = ChannelRow { changed_at: self.clock.now(), ..row };
        let item = item(&row)?;
        let note = self.note(caller, action, row.channel_id.to_string(), detail(&item)?);
        if !self.store.change_channel(&row, &note).await? {
            return Err(Error::Taken("the channel was changed just now; read it again".to_owned()));
        }
        Ok(item)
    }

    pub(super) async fn channel_row(&self, channel: &str) -> Result<ChannelRow, Error> {
        let named = |row: &ChannelRow| row.name == channel || row.channel_id.to_string() == channel;
        let rows = self.store.channels().await?;
        rows.into_iter().find(named).ok_or_else(|| unknown(channel))
    }

    fn check_address(&self, kind: ChannelKind, address: &Address) -> Result<(), Error> {
        let sender = &self.sender;
        match (kind, &address.url) {
            (ChannelKind::Email, Some(_)) => {
                Err(field("/url", "unexpected", "mail goes to the addresses of `to`"))
            }
            (ChannelKind::Email, None) if !sender.has_mail() => {
                let detail = "this server sends no mail: SMTP_URL and SMTP_FROM name none";
                Err(field("/kind", "unavailable", detail))
            }
            (ChannelKind::Email, None) => Recipients::parse(&address.to)
                .map(|_| ())
                .map_err(|why| field("/to", "invalid", &why)),
            (_, None) => Err(field("/url", "required", "expected the address of the receiver")),
            (_, Some(_)) if !address.to.is_empty() => {
                Err(field("/to", "unexpected", "only mail goes to people"))
            }
            (_, Some(url)) => sender
                .rules()
                .look(url)
                .map(|_| ())
                .map_err(|refused| field("/url", "refused", &refused.to_string())),
        }
    }
}

fn detail(item: &ChannelItem) -> Result<Value, Error> {
    Ok(json!({ "name": item.name, "kind": item.kind.name(), "goes_to": item.goes_to,
               "enabled": item.enabled, "wants": stored(&item.wants)? }))
}

fn drawn() -> Result<Secret, Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Internal(format!("no randomness: {error}")))?;
    Secret::of_bytes(&bytes).map_err(|error| Error::Internal(error.to_string()))
}

fn unknown(channel: &str) -> Error {
    let shown: String = channel.chars().take(LONGEST_NAME).collect();
    Error::NotFound(format!("there is no channel `{shown}`"))
}
