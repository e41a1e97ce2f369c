//! Redis as a cache that servers share, as the command line and the environment name it.

use std::time::Duration;

use cache::{Cache, RedisSettings};
use clap::Args;

use crate::exit::Failure;

/// A cache that servers share. Without it answers are the same, and are made anew.
#[derive(Debug, Args)]
#[command(next_help_heading = "Redis")]
pub(crate) struct Redis {
    /// The host of Redis; no Redis when absent.
    #[arg(long, env = "REDIS_HOST", value_name = "HOST")]
    pub(crate) redis_host: Option<String>,
    /// The port of Redis.
    #[arg(long, env = "REDIS_PORT", value_name = "PORT", default_value_t = 6379)]
    pub(crate) redis_port: u16,
    /// The number of the database on Redis.
    #[arg(long, env = "REDIS_DB", value_name = "NUMBER", default_value_t = 0)]
    pub(crate) redis_db: i64,
    /// The password; better given by the environment than on the command line.
    #[arg(long, env = "REDIS_PASSWORD", value_name = "PASSWORD", hide_env_values = true)]
    pub(crate) redis_password: Option<String>,
    /// Seconds for which an answer is kept there.
    #[arg(long, env = "REDIS_CACHE_TTL", value_name = "SECONDS", default_value_t = 3600)]
    pub(crate) redis_cache_ttl: u64,
    /// Questions to Redis at once.
    #[arg(long, env = "REDIS_POOL_SIZE", value_name = "COUNT", default_value_t = 10)]
    pub(crate) redis_pool_size: usize,
}

impl Redis {
    /// The cache. Redis need not be there yet.
    pub(crate) fn cache(&self) -> Result<Cache, Failure> {
        let Some(host) = self.redis_host.clone().filter(|host| !host.is_empty()) else {
            return Ok(Cache::none());
        };
        let settings = RedisSettings {
            host,
            port: self.redis_port,
            database: self.redis_db,
            password: self.redis_password.clone(),
            keep_for: Duration::from_secs(self.redis_cache_ttl),
            at_once: self.redis_pool_size,
        };
        Cache::redis(&settings).map_err(|error| Failure::Serve(format!("Redis: {error}")))
    }
}
