//! Files in a bucket.

use aws::{Aws, AwsConfig, Bucket, Error, Keys, Secret};
use clock::Clock;
use testkit::{ACCESS_KEY_ID, FakeBucket, SECRET_ACCESS_KEY};

fn bucket(fake: &FakeBucket, address: &str) -> Result<Bucket, Error> {
    let keys = Keys::Fixed {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: Secret::new(SECRET_ACCESS_KEY),
        session_token: None,
    };
    let aws = Aws::new(AwsConfig { keys, ..AwsConfig::default() }, Clock::system()).unwrap();
    Bucket::new(aws, address, Some(&fake.url()), "eu-central-1")
}

#[tokio::test]
async fn files_come_back_as_they_were_put() {
    let fake = FakeBucket::start().unwrap();
    let bucket = bucket(&fake, "s3://models/prod/").unwrap();
    assert_eq!(bucket.get("sha256/ab/abc").await.unwrap(), None);
    let content: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    for name in ["sha256/ab/abc", "sha256/cd/cde", "sha256/ef/eff"] {
        bucket.put(name, content.clone()).await.unwrap();
    }
    fake.put_since("models/other/x", b"", "2026-01-01T00:00:00Z");
    assert_eq!(bucket.get("sha256/ab/abc").await.unwrap(), Some(content));
    // Lists have several pages, and none of what lies beside the prefix.
    let names: Vec<String> =
        bucket.list().await.unwrap().into_iter().map(|stored| stored.name).collect();
    assert_eq!(names, ["sha256/ab/abc", "sha256/cd/cde", "sha256/ef/eff"]);
    assert_eq!(fake.names()[1], "models/prod/sha256/ab/abc");
    bucket.delete("sha256/ab/abc").await.unwrap();
    bucket.delete("sha256/ab/abc").await.unwrap();
    assert_eq!(bucket.get("sha256/ab/abc").await.unwrap(), None);
    fake.refuse(true);
    let refused = bucket.put("sha256/ab/abc", vec![1]).await.unwrap_err();
    assert!(matches!(refused, Error::Denied { .. }), "{refused:?}");
}

#[test]
fn addresses_name_a_bucket() {
    let fake = FakeBucket::start().unwrap();
    for wrong in ["models", "s3://", "s3:///x", "s3://a b", "s3://a//b", "https://a"] {
        let error = bucket(&fake, wrong).unwrap_err();
        assert!(error.to_string().contains("s3://bucket"), "{wrong}: {error}");
    }
    assert!(bucket(&fake, "s3://models").is_ok());
}
