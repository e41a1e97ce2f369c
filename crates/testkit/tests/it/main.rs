//! The fake as a process, and what it refuses.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use testkit::{FakeAws, Seen, generated};

/// One request without any client; the whole answer.
fn ask(url: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn now() -> Timestamp {
    "2026-08-01T00:00:00Z".parse().unwrap()
}

#[test]
fn as_a_process_it_prints_its_address_and_serves() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_fake-aws"))
        .args([
            "--now",
            "2026-08-01T00:00:00Z",
            "--pools",
            "3",
            "--fault",
            "Advisor:2:status=500,X",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let answers = ["/advisor.json", "/advisor.json"].map(|path| ask(url.trim(), "GET", path, ""));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(answers[0].starts_with("HTTP/1.1 200 ") && answers[0].contains("spot_advisor"));
    assert!(answers[1].starts_with("HTTP/1.1 500 "), "{}", answers[1]);
}

#[test]
fn an_odd_command_line_is_refused_with_the_usage() {
    let check = |arguments: &[&str], part: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_fake-aws")).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(part) && text.contains("usage:"), "{text}");
    };
    check(&[], "--now is needed");
    check(&["--nonsense", "1"], "--nonsense is not an option");
    check(&["--now"], "--now lacks its value");
    check(&["--fault", "x"], "is no rule such as");
    check(&["--reference", "/nonexistent"], "/nonexistent");
}

#[test]
fn what_is_not_signed_is_refused_and_remembered() {
    let region = "us-east-1".parse().unwrap();
    let fake = FakeAws::start(generated(&region, 1, 1, now(), 1)).unwrap();
    let form = "Action=DescribeAvailabilityZones&Version=2016-11-15";
    let answer = ask(&fake.url(), "POST", "/ec2/us-east-1/", form);
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("<Code>MissingAuthenticationToken</Code>"), "{answer}");
    assert!(answer.contains("date: Sat, 01 Aug 2026 00:00:00 GMT\r\n"), "{answer}");
    let seen = Seen {
        operation: "DescribeAvailabilityZones".to_owned(),
        number: 1,
        key_id: None,
        body: form.to_owned(),
        spoiled: false,
    };
    assert_eq!(fake.seen(), [seen]);
}

#[test]
fn a_seed_is_a_world() {
    let region = "us-east-1".parse().unwrap();
    let world = |seed: u64| generated(&region, 50, 90, now(), seed).spot;
    let first = world(1);
    assert_eq!(first, world(1));
    assert_ne!(first, world(2));
    // About as many rows as fifty real pools have in ninety days.
    assert!((9_000..20_000).contains(&first.len()), "{}", first.len());
    let moved =
        generated(&region, 1, 2, now(), 1).moved_to("2026-09-01T00:00:00Z".parse().unwrap());
    let last = moved.spot.iter().map(|row| row.at).max().unwrap();
    assert!(last > "2026-08-30T00:00:00Z".parse().unwrap(), "{last}");
}
