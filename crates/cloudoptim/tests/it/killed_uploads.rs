//! Uploads whose server is killed: afterwards there is the model with its file, or neither.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{Made, made_model};

use super::*;

const BOUNDARY: &str = "----cloudoptim-test";

/// A form with a model of other bytes for each version, and the place in it where the content of the file
/// begins.
fn form(version: u64) -> (Vec<u8>, usize) {
    let padding = (2 << 20) + version as usize;
    let version = version.to_string();
    let mut form = Vec::new();
    for (name, value) in [
        ("model_name", "mine"),
        ("model_version", version.as_str()),
        ("model_type", "spot_predictor"),
    ] {
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"");
        form.extend_from_slice(format!("{head}\r\n\r\n{value}\r\n").as_bytes());
    }
    let head = "content-disposition: form-data; name=\"file\"; filename=\"model.json\"";
    form.extend_from_slice(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").as_bytes());
    let start = form.len();
    form.extend(made_model(&["age_hours"], true, Made::Probability(0.25), padding));
    let head = "content-disposition: form-data; name=\"trained_until_date\"";
    let end = format!("\r\n--{BOUNDARY}\r\n{head}\r\n\r\n2026-07-01\r\n--{BOUNDARY}--\r\n");
    form.extend_from_slice(end.as_bytes());
    (form, start)
}

/// Begins an upload and sends so many bytes of the form.
fn begin(server: &Server, form: &[u8], sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let head = "POST /api/v1/ml/models/upload HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let kind = format!("content-type: multipart/form-data; boundary={BOUNDARY}\r\n");
    write!(stream, "{head}{kind}content-length: {}\r\n\r\n", form.len()).unwrap();
    stream.write_all(&form[..sent]).unwrap();
    stream
}

/// Files of models, and bytes on their way in.
fn files(data: &Path) -> (BTreeSet<String>, u64) {
    let (mut whole, mut incoming) = (BTreeSet::new(), 0);
    let mut look = vec![data.join("models")];
    while let Some(folder) = look.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            match entry.metadata() {
                Ok(about) if about.is_dir() => look.push(entry.path()),
                Ok(about) if folder.ends_with("incoming") => incoming += about.len() + 1,
                Ok(_) if name != "lock" => drop(whole.insert(name)),
                // It was put into its place while it was looked at.
                Ok(_) | Err(_) => {}
            }
        }
    }
    (whole, incoming)
}

fn listed(server: &Server) -> BTreeSet<String> {
    let list = server.ask("GET /api/v1/ml/models/list", "").1;
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    list.iter().map(|model| model["sha256"].as_str().unwrap().to_owned()).collect()
}

fn kill(mut server: Server) {
    server.process.kill().unwrap();
    server.process.wait().unwrap();
}

#[test]
fn an_upload_that_is_killed_at_any_byte_leaves_nothing() {
    let data = folder("killed_upload");
    let start = || Server::start(&["--no-fetch", "--data", &data.display().to_string()]);
    let (form, file) = form(1);
    let last = form.len() - 1;
    let places =
        [0, 1, 60, file - 1, file, file + 1, file + 70_000, file + (1 << 20), last - 70, last];
    let mut server = start();
    for sent in places {
        let stream = begin(&server, &form, sent);
        // What was sent of the file is on the disk before the server is killed, as far as it is written
        // at once: buffers hold the rest.
        let written = sent.saturating_sub(file + 300_000) as u64;
        while files(&data).1 < written {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        kill(server);
        drop(stream);
        server = start();
        assert_eq!(files(&data), (BTreeSet::new(), 0), "killed after {sent} bytes");
        assert_eq!(listed(&server), BTreeSet::new(), "killed after {sent} bytes");
    }
    // One that goes away by itself leaves nothing either, without a restart.
    let stream = begin(&server, &form, file + 500_000);
    while files(&data).1 == 0 {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    drop(stream);
    while files(&data).1 > 0 {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let mut stream = begin(&server, &form, form.len());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!((files(&data).0.len(), files(&data).0), (1, listed(&server)));
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_server_that_is_killed_while_it_reads_a_model_has_it_whole_or_not_at_all() {
    let data = folder("killed_reading");
    let start = || Server::start(&["--no-fetch", "--data", &data.display().to_string()]);
    let mut server = start();
    for round in 0..12_u64 {
        let (form, _) = form(round);
        let stream = begin(&server, &form, form.len());
        std::thread::sleep(std::time::Duration::from_millis(round * 12));
        kill(server);
        drop(stream);
        server = start();
        let (whole, incoming) = files(&data);
        assert_eq!((whole, incoming), (listed(&server), 0), "round {round}");
    }
    assert_eq!(server.stop(), 0);
}
