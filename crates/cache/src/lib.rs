//! Answers that others of our servers have made already, and word of changes between them: Redis,
//! where one is configured.
//!
//! Nothing here is a source of truth. Whoever asks gets what was kept under exactly this key, or
//! nothing; a Redis that is slow, away, empty or wrong makes answers slower and never different.
//! This crate refuses to know what is kept.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long an answer of Redis is waited for. Making an answer anew rarely takes longer.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long Redis is left alone after it failed.
const REST: Duration = Duration::from_secs(2);

/// The channel on which servers tell each other of changed prices.
const CHANNEL: &str = "cloudoptim:prices";

/// The largest content that is kept.
const LARGEST: usize = 8 << 20;

/// Where Redis is and how it is used.
#[derive(Clone)]
pub struct RedisSettings {
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The number of the database.
    pub database: i64,
    /// The password, where one is needed.
    pub password: Option<String>,
    /// How long something is kept.
    pub keep_for: Duration,
    /// Questions under way at once.
    pub at_once: usize,
}

impl fmt::Debug for RedisSettings {
    /// Without what is secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}/{}", self.host, self.port, self.database)
    }
}

/// A cache that servers share, or none. Cheap to clone.
#[derive(Clone, Default)]
pub struct Cache {
    shared: Option<Arc<Shared>>,
}

struct Shared {
    connection: ConnectionManager,
    keep_for: Duration,
    /// Until when Redis is left alone.
    rest_until: Mutex<Option<Instant>>,
    heard: Arc<Notify>,
}

impl fmt::Debug for Cache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.shared.is_some() { "Cache(redis)" } else { "Cache(none)" })
    }
}

impl Cache {
    /// No cache: nothing is ever found.
    #[must_use]
    pub fn none() -> Cache {
        Cache::default()
    }

    /// Redis. Nothing is asked of it yet, and it need not be there.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn redis(settings: &RedisSettings) -> Result<Cache, String> {
        let mut redis = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_db(settings.database);
        if let Some(password) = &settings.password {
            redis = redis.set_password(password);
        }
        let address = (settings.host.as_str(), settings.port)
            .into_connection_info()
            .map_err(|error| error.to_string())?
            .set_redis_settings(redis);
        let client = Client::open(address).map_err(|error| error.to_string())?;
        let heard = Arc::new(Notify::new());
        let bell = Arc::clone(&heard);
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_concurrency_limit(settings.at_once.max(1))
            .set_push_sender(move |_| {
                bell.notify_one();
                Ok::<(), redis::aio::SendError>(())
            })
            .set_automatic_resubscription();
        let connection = ConnectionManager::new_lazy_with_config(client, config)
            .map_err(|error| error.to_string())?;
        Ok(Cache {
            shared: Some(Arc::new(Shared {
                connection,
                keep_for: settings.keep_for,
                rest_until: Mutex::new(None),
                heard,
            })),
        })
    }

    /// Whether there is a Redis to ask.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.shared.is_some()
    }

    /// Whether Redis answers; `None` when none is configured.
    pub async fn is_up(&self) -> Option<bool> {
        let shared = self.shared.as_ref()?;
        let mut connection = shared.connection.clone();
        let asked = async move { redis::cmd("PING").query_async::<String>(&mut connection).await };
        Some(matches!(tokio::time::timeout(PATIENCE, asked).await, Ok(Ok(_))))
    }

    /// What was kept under a key, if it is there and whole.
    pub async fn find(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let shared = self.shared.as_ref()?;
        let mut connection = shared.connection.clone();
        let name = name(key);
        let found: Option<Vec<u8>> =
            shared.ask(async move { connection.get(name).await }).await.flatten();
        let found = found?;
        let (digest, content) = found.split_at_checked(32)?;
        (blake3::hash(content).as_bytes() == digest).then(|| content.to_vec())
    }

    /// Keeps something under a key for a while.
    pub async fn keep(&self, key: &[u8; 32], content: &[u8]) {
        let Some(shared) = self.shared.as_ref() else { return };
        if content.len() > LARGEST {
            return;
        }
        let mut value = blake3::hash(content).as_bytes().to_vec();
        value.extend_from_slice(content);
        let (name, seconds) = (name(key), shared.keep_for.as_secs().max(1));
        let mut connection = shared.connection.clone();
        let _: Option<()> =
            shared.ask(async move { connection.set_ex(name, value, seconds).await }).await;
    }

    /// Tells the other servers that prices have changed.
    pub async fn tell(&self) {
        let Some(shared) = self.shared.as_ref() else { return };
        let mut connection = shared.connection.clone();
        let _: Option<i64> = shared.ask(async move { connection.publish(CHANNEL, "").await }).await;
    }

    /// Waits until another server tells of changed prices; for ever where there is no Redis. A word
    /// may be lost, so this is no more than a hint to look earlier.
    pub async fn hear(&self) {
        let Some(shared) = self.shared.as_ref() else { return std::future::pending().await };
        let mut connection = shared.connection.clone();
        // Asking for the channel again does no harm, and mends a subscription that was lost.
        let subscribed = shared.ask(async move { connection.subscribe(CHANNEL).await }).await;
        match subscribed {
            Some(()) => shared.heard.notified().await,
            None => tokio::time::sleep(REST).await,
        }
    }
}

impl Shared {
    /// Asks Redis, unless it failed a moment ago; `None` when it gave no answer in time.
    async fn ask<T>(&self, question: impl Future<Output = redis::RedisResult<T>>) -> Option<T> {
        let lock = || self.rest_until.lock().unwrap_or_else(PoisonError::into_inner);
        if lock().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let why = match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {PATIENCE:?}"),
        };
        *lock() = Some(Instant::now() + REST);
        tracing::warn!(why, "Redis is left alone for a while; answers are made anew");
        None
    }
}

fn name(key: &[u8; 32]) -> String {
    format!("cloudoptim:{}", blake3::Hash::from_bytes(*key).to_hex())
}
