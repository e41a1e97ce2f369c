//! The chain of the SDKs, in processes of their own, because it reads the environment.

use std::process::{Command, Output};

use aws::{Aws, AwsConfig, Cursor, Error, Keys};
use clock::Clock;
use testkit::{ACCESS_KEY_ID, FakeAws, Fault, Rule, SECRET_ACCESS_KEY};

use crate::{aws, now, region, small};

/// Runs one of the ignored tests below as a process with this environment and no other.
fn process(name: &str, fake: &FakeAws, environment: &[(&str, &str)]) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("credentials::{name}"), "--ignored", "--nocapture"])
        .env_clear()
        .env("FAKE_URL", fake.url())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn succeeded(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

/// In the process: the sources with the chain.
fn chained() -> Aws {
    let config = AwsConfig {
        keys: Keys::Chain { profile: None },
        backoff: std::time::Duration::from_millis(2),
        ..AwsConfig::at(&std::env::var("FAKE_URL").unwrap())
    };
    Aws::new(config, Clock::fixed(now())).unwrap()
}

fn signers(fake: &FakeAws) -> Vec<String> {
    fake.seen().into_iter().filter_map(|seen| seen.key_id).collect()
}

#[tokio::test]
#[ignore = "run by the tests below with an environment"]
async fn asks_for_zones() {
    assert_eq!(chained().zones(&region()).await.unwrap().rows.len(), 6);
}

#[tokio::test]
#[ignore = "run by the tests below with an environment"]
async fn finds_none() {
    let aws = chained();
    let error = aws.zones(&region()).await.unwrap_err();
    assert!(matches!(error, Error::NoCredentials { .. }), "{error:?}");
    assert!(error.to_string().contains("AWS_PROFILE"), "{error}");
    aws.advisor(None).await.unwrap();
}

#[test]
fn the_environment_signs() {
    let fake = FakeAws::start(small()).unwrap();
    let keys = [("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID), ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)];
    succeeded(&process("asks_for_zones", &fake, &keys));
    assert_eq!(signers(&fake), [ACCESS_KEY_ID]);
}

#[test]
fn a_profile_signs() {
    let fake = FakeAws::start(small()).unwrap();
    let folder = std::env::temp_dir().join(format!("aws-profile-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("credentials");
    let content = format!(
        "[work]\naws_access_key_id = {ACCESS_KEY_ID}\n\
         aws_secret_access_key = {SECRET_ACCESS_KEY}\n"
    );
    std::fs::write(&file, content).unwrap();
    let environment =
        [("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()), ("AWS_PROFILE", "work")];
    let output = process("asks_for_zones", &fake, &environment);
    std::fs::remove_dir_all(&folder).unwrap();
    succeeded(&output);
    assert_eq!(signers(&fake), [ACCESS_KEY_ID]);
}

#[test]
fn a_container_signs_and_expired_keys_are_replaced_once() {
    let fake = FakeAws::start(small()).unwrap();
    let url = format!("{}/credentials", fake.url());
    let environment = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str())];
    fake.script(Rule::at("DescribeAvailabilityZones", 1..=1, Fault::ExpiredCredentials));
    succeeded(&process("asks_for_zones", &fake, &environment));
    assert_eq!(signers(&fake), ["ASIAFAKEFAKEFAKE0001", "ASIAFAKEFAKEFAKE0002"]);
}

#[test]
fn an_instance_role_signs() {
    let fake = FakeAws::start(small()).unwrap();
    let url = fake.url();
    let environment = [
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()),
    ];
    succeeded(&process("asks_for_zones", &fake, &environment));
    assert_eq!(signers(&fake), ["ASIAFAKEFAKEFAKE0001"]);
}

/// IRSA: a pod's token is exchanged at the token service.
#[test]
fn a_web_identity_signs() {
    let fake = FakeAws::start(small()).unwrap();
    let token = std::env::temp_dir().join(format!("aws-token-{}", std::process::id()));
    std::fs::write(&token, "a.b.c").unwrap();
    let url = fake.url();
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/fake"),
        ("AWS_ENDPOINT_URL_STS", url.as_str()),
        ("AWS_REGION", "eu-west-1"),
    ];
    let output = process("asks_for_zones", &fake, &environment);
    std::fs::remove_file(&token).unwrap();
    succeeded(&output);
    assert_eq!(signers(&fake), ["ASIAFAKEFAKEFAKE0001"]);
}

#[test]
fn without_any_the_public_files_still_come() {
    let fake = FakeAws::start(small()).unwrap();
    succeeded(&process("finds_none", &fake, &[("HOME", "/nonexistent")]));
    assert_eq!(signers(&fake), [""; 0]);
    assert_eq!((fake.count("Advisor"), fake.count("DescribeAvailabilityZones")), (1, 0));
}

#[tokio::test]
async fn keys_that_stay_expired_are_reported() {
    let fake = FakeAws::start(small()).unwrap();
    fake.script(Rule::always("GetProducts", Fault::ExpiredCredentials));
    let linux = facts::names::OperatingSystem::Linux;
    let error = aws(&fake).products(&region(), linux, None, &Cursor::first()).await.unwrap_err();
    assert!(matches!(error, Error::ExpiredCredentials { .. }) && !error.passes(), "{error}");
    assert_eq!(fake.count("GetProducts"), 2);
}
