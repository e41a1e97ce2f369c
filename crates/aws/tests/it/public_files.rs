//! The Spot Advisor and the bulk price list: no credentials, versions, and bounded memory.

use std::io::{self, Read};
use std::time::Duration;

use aws::{AwsConfig, Error, Fetched, Keys};
use market::{Limits, OnDemandFile, Origin, read_price_list};
use testkit::{FakeAws, Fault, Offer, Rule, World};

use crate::{aws, aws_with, now, quick, region, small};

fn new<T>(fetched: Fetched<T>) -> (T, Option<String>) {
    match fetched {
        Fetched::New { content, version } => (content, version),
        Fetched::Unchanged => panic!("unchanged"),
    }
}

#[tokio::test]
async fn public_files_need_no_credentials_and_never_ask_for_any() {
    let fake = FakeAws::start(small()).unwrap();
    let aws = aws_with(AwsConfig { keys: Keys::None, ..quick(&fake) });
    assert_eq!(new(aws.advisor(None).await.unwrap()).0.rows.len(), 10);
    let index = aws.price_list_regions().await.unwrap();
    assert!(!new(aws.price_list(&index, &region(), None).await.unwrap()).0.rows.is_empty());
    assert!(fake.seen().iter().all(|seen| seen.key_id.is_none()));
    let error = aws.zones(&region()).await.unwrap_err();
    assert!(matches!(error, Error::NoCredentials { .. }), "{error}");
    assert_eq!(fake.count("DescribeAvailabilityZones"), 0);
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let fake = FakeAws::start(small()).unwrap();
    let aws = aws(&fake);
    let (_, tag) = new(aws.advisor(None).await.unwrap());
    let tag = tag.unwrap();
    assert_eq!(aws.advisor(Some(&tag)).await.unwrap(), Fetched::Unchanged);
    assert!(matches!(aws.advisor(Some("\"other\"")).await.unwrap(), Fetched::New { .. }));
    let index = aws.price_list_regions().await.unwrap();
    let (_, path) = new(aws.price_list(&index, &region(), None).await.unwrap());
    let path = path.unwrap();
    let again = aws.price_list(&index, &region(), Some(&path)).await.unwrap();
    assert_eq!((again, fake.count("PriceList")), (Fetched::Unchanged, 1));
    let elsewhere = "eu-west-1".parse().unwrap();
    let error = aws.price_list(&index, &elsewhere, None).await.unwrap_err();
    assert_eq!(error, Error::NoSuchRegion { region: "eu-west-1".to_owned() });
}

#[tokio::test]
async fn an_advisor_without_rows_does_not_replace_the_last_one() {
    let empty = World { advisor: br#"{"ranges":[],"spot_advisor":{}}"#.to_vec(), ..small() };
    let fake = FakeAws::start(empty).unwrap();
    let error = aws(&fake).advisor(None).await.unwrap_err();
    assert!(matches!(error, Error::WrongBody { .. }), "{error}");
}

async fn offer_of(fake: &FakeAws) -> Result<OnDemandFile, Error> {
    // An unoptimised fake compresses slowly.
    let aws = aws_with(AwsConfig { read_timeout: Duration::from_secs(20), ..quick(fake) });
    let index = aws.price_list_regions().await?;
    aws.price_list(&index, &region(), None).await.map(|fetched| new(fetched).0)
}

fn with_offer(bytes: u64, gzip: bool) -> World {
    let mut world = small();
    world.offers.insert(region(), Offer::Generated { bytes });
    World { gzip, ..world }
}

#[tokio::test]
async fn a_large_offer_file_flows_through_compressed_or_not() {
    const BYTES: u64 = 30_000_000;
    let plain = offer_of(&FakeAws::start(with_offer(BYTES, false)).unwrap()).await.unwrap();
    let expected = Offer::Generated { bytes: BYTES }.ordinary().unwrap();
    assert_eq!(plain.rows.len() as u64, expected);
    assert!(plain.report.rows_read > 9_000, "{:?}", plain.report);
    assert_eq!(plain.report.quarantined, 0, "{:?}", plain.report.quarantine);
    let few = BYTES / 6;
    let plain = offer_of(&FakeAws::start(with_offer(few, false)).unwrap()).await.unwrap();
    let zipped = offer_of(&FakeAws::start(with_offer(few, true)).unwrap()).await.unwrap();
    assert_eq!(zipped.rows, plain.rows);
}

#[tokio::test]
async fn an_offer_file_that_breaks_off_is_fetched_again() {
    for gzip in [false, true] {
        for fault in [Fault::Truncated, Fault::BrokenChunks, Fault::HalfText, Fault::Reset] {
            let fake = FakeAws::start(with_offer(1_000_000, gzip)).unwrap();
            fake.script(Rule::at("PriceList", 1..=2, fault.clone()));
            let file = offer_of(&fake).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            assert_eq!(file.report.quarantined, 0, "{fault:?}");
            assert_eq!(fake.count("PriceList"), 3, "{fault:?} gzip {gzip}");
        }
    }
    let fake = FakeAws::start(with_offer(1_000_000, false)).unwrap();
    fake.script(Rule::always("PriceList", Fault::Truncated));
    let error = offer_of(&fake).await.unwrap_err();
    assert!(matches!(error, Error::Cut { attempts: 5, .. }) && error.passes(), "{error}");
    let fake = FakeAws::start(with_offer(1_000_000, false)).unwrap();
    fake.script(Rule::always("PriceList", Fault::Html));
    let error = offer_of(&fake).await.unwrap_err();
    assert!(error.to_string().contains("starts with `<html>"), "{error}");
    assert_eq!(fake.count("PriceList"), 1);
}

#[tokio::test]
async fn a_file_above_the_limit_is_refused_while_it_comes() {
    let fake = FakeAws::start(with_offer(3_000_000, true)).unwrap();
    let aws = aws_with(AwsConfig { bulk_bytes: 1_000_000, ..quick(&fake) });
    let index = aws.price_list_regions().await.unwrap();
    let error = aws.price_list(&index, &region(), None).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    let aws = aws_with(AwsConfig { answer_bytes: 100, ..quick(&fake) });
    let error = aws.advisor(None).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

/// What the parser keeps does not grow with what it skips: the whole file is made while it is
/// read, and at no time is more of it there than one piece.
#[test]
fn the_parser_reads_a_file_that_nobody_holds() {
    struct Endless {
        head: &'static [u8],
        left: u64,
        tail: &'static [u8],
    }
    const PRODUCT: &[u8] =
        b"\"S\":{\"sku\":\"S\",\"productFamily\":\"Dedicated Host\",\"attributes\":{\"a\":\"b\"}},";
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.head.is_empty() {
                self.head = match self.left.checked_sub(1) {
                    Some(left) => {
                        self.left = left;
                        PRODUCT
                    }
                    None => std::mem::take(&mut self.tail),
                };
            }
            let count = self.head.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.head[..count]);
            self.head = &self.head[count..];
            Ok(count)
        }
    }
    let file =
        Endless { head: b"{\"products\":{", left: 200_000, tail: b"\"T\":{}},\"terms\":{}}" };
    let read = read_price_list(file, &Origin::new("test", now()), &Limits::default()).unwrap();
    assert_eq!((read.rows.len(), read.report.rows_read), (0, 200_001));
}
