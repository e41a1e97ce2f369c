//! A server tells the Core Platform what happens, and is refused where it may not go.

use std::time::{Duration, Instant};

use notify::{Secret, signature};
use testkit::FakeReceiver;

use super::*;

#[test]
fn a_job_that_fails_reaches_the_core_platform() {
    let receiver = FakeReceiver::start().unwrap();
    let secret = Secret::of_bytes(&[9; 32]).unwrap();
    let data = folder("notified").display().to_string();
    let mut command = binary();
    command.args(["serve", "--port", "0", "--data", &data]);
    command.env("CORE_PLATFORM_URL", receiver.url("/events"));
    command.env("CORE_PLATFORM_WEBHOOK_SECRET", secret.hand_out());
    command.env("NOTIFICATION_PRIVATE_NETWORKS", "127.0.0.1");
    command.env("CLOUDOPTIM_PUBLIC_URL", "https://cost.example");
    // Keys that no AWS knows are not asked about: there is nobody at this address.
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("PRICING_DATA_RETRY_ATTEMPTS", "1");
    command.env_remove("AWS_PROFILE").env_remove("AWS_ACCESS_KEY_ID");
    command.env("AWS_CONFIG_FILE", "/nowhere").env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
    let server = Server::of(command);
    let wanted =
        r#"{"data_type":"spot_prices","instance_types":["m5.large"],"regions":["us-east-1"]}"#;
    let (status, answer) = server.ask("POST /api/v1/ml/pricing/fetch", wanted);
    assert_eq!(status, 202, "{answer}");
    // The job gives up at once, since there are no credentials; the patience is for slow machines.
    let begun = Instant::now();
    while receiver.posted().is_empty() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let posted = receiver.posted();
    let message = posted.first().expect("nothing was told");
    let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(body["type"], "job.failed", "{body}");
    assert_eq!(body["data"]["details"]["kind"], "fetch_prices");
    assert!(body["data"]["link"].as_str().unwrap().starts_with("https://cost.example/api/"));
    let at = jiff_second(message.header("webhook-timestamp"));
    let expected = signature(&[secret], message.header("webhook-id"), at, &message.body);
    assert_eq!(message.header("webhook-signature"), expected);
    let (_, log) = server.ask("GET /api/v1/ml/notifications/deliveries", "");
    assert!(log.contains("\"delivered\"") && !log.contains("whsec_"), "{log}");
    assert_eq!(server.stop(), 0);
}

fn jiff_second(text: &str) -> jiff::Timestamp {
    jiff::Timestamp::from_second(text.parse().unwrap()).unwrap()
}

#[test]
fn settings_that_cannot_be_meant_end_the_start() {
    let data = folder("not_notified").display().to_string();
    let check = |variables: &[(&str, &str)], expected: &str| {
        let mut command = binary();
        command.args(["serve", "--port", "0", "--data", &data]);
        command.envs(variables.iter().copied());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        assert_ne!(code(&output), 0, "{said}");
        assert!(said.contains(expected) && !said.contains("hunter2"), "{said}");
    };
    let secret = Secret::of_bytes(&[9; 32]).unwrap().hand_out();
    check(&[("NOTIFICATION_PRIVATE_NETWORKS", "ten")], "NOTIFICATION_PRIVATE_NETWORKS");
    check(&[("CLOUDOPTIM_PUBLIC_URL", "cost.example")], "--public-url");
    check(
        &[("SMTP_URL", "https://me:hunter2@mail.example"), ("SMTP_FROM", "a@b.example")],
        "SMTP_URL",
    );
    check(&[("SMTP_URL", "smtp://mail.example")], "SMTP_FROM");
    check(&[("CORE_PLATFORM_URL", "https://core.example")], "--core-platform-webhook-secret");
    check(
        &[("CORE_PLATFORM_URL", "http://10.0.0.1/"), ("CORE_PLATFORM_WEBHOOK_SECRET", &secret)],
        "CORE_PLATFORM_URL",
    );
    check(
        &[
            ("CORE_PLATFORM_URL", "https://core.example/"),
            ("CORE_PLATFORM_WEBHOOK_SECRET", "hunter2"),
        ],
        "CORE_PLATFORM_WEBHOOK_SECRET: secret: expected",
    );
}
