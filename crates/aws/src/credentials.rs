//! Credentials: asked of the SDK's chain when the first request must be signed, kept until shortly
//! before they expire, and asked again once when AWS says that they have expired.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use clock::Clock;
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::redact::redact;
use crate::{Error, Keys};

/// Credentials that expire within this are replaced before they are used.
const SPARE: Duration = Duration::from_secs(300);

/// Keeps the credentials in use.
pub(crate) struct Keyring {
    keys: Keys,
    region: String,
    clock: Clock,
    /// Held while the chain is asked, so that many requests at once ask it once.
    cached: Mutex<Option<Arc<Credentials>>>,
}

impl Keyring {
    pub(crate) fn new(keys: Keys, region: String, clock: Clock) -> Keyring {
        Keyring { keys, region, clock, cached: Mutex::new(None) }
    }

    /// Credentials that are valid for some minutes.
    pub(crate) async fn credentials(
        &self,
        operation: &'static str,
    ) -> Result<Arc<Credentials>, Error> {
        let mut cached = self.cached.lock().await;
        if let Some(credentials) = cached.as_ref()
            && !self.expires_soon(credentials)
        {
            return Ok(Arc::clone(credentials));
        }
        let fresh = Arc::new(self.load(operation).await?);
        *cached = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Drops credentials that AWS refused, unless others have taken their place already.
    pub(crate) async fn forget(&self, refused: &Credentials) {
        let mut cached = self.cached.lock().await;
        if cached.as_ref().is_some_and(|kept| kept.access_key_id() == refused.access_key_id()) {
            *cached = None;
        }
    }

    fn expires_soon(&self, credentials: &Credentials) -> bool {
        let Some(expiry) = credentials.expiry().and_then(|at| Timestamp::try_from(at).ok()) else {
            return false;
        };
        self.clock.now().saturating_add(SPARE).map_or(true, |soon| soon >= expiry)
    }

    async fn load(&self, operation: &'static str) -> Result<Credentials, Error> {
        let profile = match &self.keys {
            Keys::Chain { profile } => profile.clone(),
            Keys::Fixed { access_key_id, secret_access_key, session_token } => {
                return Ok(Credentials::new(
                    access_key_id,
                    secret_access_key.reveal(),
                    session_token.as_ref().map(|token| token.reveal().to_owned()),
                    None,
                    "fixed",
                ));
            }
            Keys::None => {
                let detail = "none are configured".to_owned();
                return Err(Error::NoCredentials { operation, detail });
            }
        };
        // Token services are regional. The chain's own search would end at the metadata service of
        // a machine that may not be one of Amazon's.
        let mut from_profile = ProfileFileRegionProvider::builder();
        if let Some(profile) = &profile {
            from_profile = from_profile.profile_name(profile);
        }
        let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(from_profile.build())
            .or_else(Region::new(self.region.clone()));
        // As the SDK's own client, proxies of the environment included, but with ring.
        let client = Builder::new().build_with_connector_fn(|settings, components| {
            let mut connector =
                Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
            connector.set_connector_settings(settings.cloned());
            if let Some(components) = components {
                connector.set_sleep_impl(components.sleep_impl());
            }
            connector.proxy_config(ProxyConfig::from_env()).build()
        });
        let mut loader =
            aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(client).region(region);
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        let Some(provider) = config.credentials_provider() else {
            let detail = "the chain is empty".to_owned();
            return Err(Error::NoCredentials { operation, detail });
        };
        provider.provide_credentials().await.map_err(|error| {
            let detail = redact(&chain_of(&error));
            match error {
                CredentialsError::CredentialsNotLoaded(_) => {
                    Error::NoCredentials { operation, detail }
                }
                _ => Error::CredentialsFailed { operation, detail },
            }
        })
    }
}

/// An error and what it came from, in one line.
pub(crate) fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
