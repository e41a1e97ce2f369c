//! Every source over real HTTP against a fake AWS, in good weather and under each fault.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it panics")]

mod bucket;
mod credentials;
mod faults;
mod paging;
mod poison;
mod public_files;
mod published_files;
mod signed;

use std::time::Duration;

use aws::{Aws, AwsConfig, Keys, Secret, SpotCursor, SpotQuery};
use clock::Clock;
use facts::names::Region;
use jiff::{SignedDuration, Timestamp};
use market::SpotRow;
use testkit::{ACCESS_KEY_ID, FakeAws, SECRET_ACCESS_KEY, World, generated};

fn now() -> Timestamp {
    "2026-08-01T12:00:00Z".parse().unwrap()
}

fn region() -> Region {
    "us-east-1".parse().unwrap()
}

/// A small generated world: ten pools, ten days.
fn small() -> World {
    generated(&region(), 10, 10, now(), 7)
}

/// Configured for a fake, with keys that it knows and waits that no test notices.
fn quick(fake: &FakeAws) -> AwsConfig {
    AwsConfig {
        keys: Keys::Fixed {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: Secret::new(SECRET_ACCESS_KEY),
            session_token: None,
        },
        // Generous: other tests share the machine. Who waits for silence asks for less.
        read_timeout: Duration::from_secs(20),
        answer_timeout: Duration::from_secs(40),
        bulk_timeout: Duration::from_secs(60),
        backoff: Duration::from_millis(2),
        backoff_most: Duration::from_millis(10),
        slowdown: Duration::from_millis(1),
        ..AwsConfig::at(&fake.url())
    }
}

fn aws(fake: &FakeAws) -> Aws {
    aws_with(quick(fake))
}

fn aws_with(config: AwsConfig) -> Aws {
    Aws::new(config, Clock::fixed(now())).unwrap()
}

fn query() -> SpotQuery {
    SpotQuery {
        region: region(),
        instance_types: Vec::new(),
        products: Vec::new(),
        zones: Vec::new(),
    }
}

fn window(days: i64) -> SpotCursor {
    SpotCursor::start(now() - SignedDuration::from_hours(24 * days), now())
}

/// Every row of a window, its pages, and how many rows were quarantined.
async fn all(
    aws: &Aws,
    query: &SpotQuery,
    start: SpotCursor,
) -> Result<(Vec<SpotRow>, u32, u64), aws::Error> {
    let (mut rows, mut pages, mut quarantined) = (Vec::new(), 0, 0);
    let mut cursor = Some(start);
    while let Some(place) = cursor {
        let page = aws.spot_prices(query, &place).await?;
        rows.extend(page.rows);
        pages += 1;
        quarantined += page.report.quarantined;
        cursor = page.next;
    }
    Ok((rows, pages, quarantined))
}

/// Rows in an order of their own, for comparison.
fn sorted(rows: &[SpotRow]) -> Vec<String> {
    let mut texts: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    texts.sort();
    texts
}
