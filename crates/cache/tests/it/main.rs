//! The cache finds what was kept, and bears a Redis that is away or wrong. Cases that need one run
//! where `TEST_REDIS` names its port on this machine.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::time::Duration;

use cache::{Cache, RedisSettings};

fn settings(port: u16) -> RedisSettings {
    RedisSettings {
        host: "127.0.0.1".to_owned(),
        port,
        database: 0,
        password: None,
        keep_for: Duration::from_secs(60),
        at_once: 4,
    }
}

/// A key that no other case has.
fn key(text: &str) -> [u8; 32] {
    *blake3::hash(format!("{} {text}", std::process::id()).as_bytes()).as_bytes()
}

fn redis() -> Option<Cache> {
    let Some(port) = std::env::var("TEST_REDIS").ok() else {
        println!("skipped: TEST_REDIS is not set");
        return None;
    };
    Some(Cache::redis(&settings(port.parse().unwrap())).unwrap())
}

#[tokio::test]
async fn what_was_kept_is_found_by_every_server() {
    let (Some(one), Some(other)) = (redis(), redis()) else { return };
    assert_eq!(one.is_up().await, Some(true));
    assert_eq!(one.find(&key("a")).await, None);
    one.keep(&key("a"), b"content").await;
    assert_eq!(other.find(&key("a")).await.as_deref(), Some(b"content".as_slice()));
    assert_eq!(other.find(&key("b")).await, None);
}

#[tokio::test]
async fn content_that_was_changed_is_not_found() {
    let Some(cache) = redis() else { return };
    cache.keep(&key("spoiled"), b"content").await;
    let port: u16 = std::env::var("TEST_REDIS").unwrap().parse().unwrap();
    let client = redis::Client::open(("127.0.0.1", port)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let name = format!("cloudoptim:{}", blake3::Hash::from_bytes(key("spoiled")).to_hex());
    let _: () =
        redis::cmd("APPEND").arg(&name).arg("more").query_async(&mut connection).await.unwrap();
    assert_eq!(cache.find(&key("spoiled")).await, None);
}

#[tokio::test]
async fn servers_tell_each_other() {
    let (Some(one), Some(other)) = (redis(), redis()) else { return };
    let hearing = async {
        tokio::time::timeout(Duration::from_secs(20), other.hear()).await.unwrap();
    };
    let telling = async {
        for _ in 0..100 {
            one.tell().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = hearing => {}
        () = telling => panic!("nothing was heard"),
    }
}

#[tokio::test]
async fn a_redis_that_is_away_is_asked_once_in_a_while() {
    // Nobody answers on this port, and then nobody is asked.
    let cache = Cache::redis(&settings(1)).unwrap();
    assert_eq!(cache.is_up().await, Some(false));
    for _ in 0..1000 {
        cache.keep(&key("away"), b"content").await;
        assert_eq!(cache.find(&key("away")).await, None);
    }
    let none = Cache::none();
    assert_eq!((none.is_configured(), none.is_up().await), (false, None));
    none.keep(&key("none"), b"content").await;
    assert_eq!(none.find(&key("none")).await, None);
}
