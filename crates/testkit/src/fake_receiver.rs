//! Somebody who is told things: a receiver of webhooks and a server for mail, which note what comes and
//! answer as they are told to.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fake_aws::http::Request;

/// A message that came over HTTP.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The path.
    pub path: String,
    /// Headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Posted {
    /// The first header of this name; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// A running receiver of webhooks.
#[derive(Debug)]
pub struct FakeReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    posted: Mutex<Vec<Posted>>,
    /// Answers that are given before 204: a status, and lines of the head.
    answers: Mutex<VecDeque<(u16, String)>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeReceiver {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start() -> io::Result<FakeReceiver> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let served = Arc::clone(&served);
                std::thread::spawn(move || {
                    let _ = receive(&served, stream);
                });
            }
        });
        Ok(FakeReceiver { address, shared })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Has the next message answered so; `head` are lines such as `Retry-After: 5`.
    pub fn answer(&self, status: u16, head: &[&str]) {
        let head: String = head.iter().map(|line| format!("{line}\r\n")).collect();
        held(&self.shared.answers).push_back((status, head));
    }

    /// Everything that came so far.
    #[must_use]
    pub fn posted(&self) -> Vec<Posted> {
        held(&self.shared.posted).clone()
    }
}

fn receive(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(request) = Request::read(&mut reader)? {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let posted = Posted { path: request.path, headers: request.headers, body };
        held(&shared.posted).push(posted);
        let (status, head) = held(&shared.answers).pop_front().unwrap_or((204, String::new()));
        let body = if status == 204 { "" } else { "nobody shows this to anybody" };
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} so\r\n{head}Content-Length: {length}\r\n\r\n{body}")?;
        stream.flush()?;
    }
    Ok(())
}

/// A running server that takes mail without encryption and keeps it.
#[derive(Debug)]
pub struct FakeMail {
    address: SocketAddr,
    letters: Arc<Mutex<Vec<String>>>,
    refusal: Arc<Mutex<Option<String>>>,
}

impl FakeMail {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start() -> io::Result<FakeMail> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let letters = Arc::new(Mutex::new(Vec::new()));
        let refusal = Arc::new(Mutex::new(None));
        let (kept, refused) = (Arc::clone(&letters), Arc::clone(&refusal));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, refused) = (Arc::clone(&kept), Arc::clone(&refused));
                std::thread::spawn(move || {
                    let _ = take_letters(&kept, &refused, stream);
                });
            }
        });
        Ok(FakeMail { address, letters, refusal })
    }

    /// Where it is, as mail programs name it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Has every recipient refused with this line, or none.
    pub fn refuse(&self, line: Option<&str>) {
        *held(&self.refusal) = line.map(str::to_owned);
    }

    /// Every letter that was taken, with its envelope in front.
    #[must_use]
    pub fn letters(&self) -> Vec<String> {
        held(&self.letters).clone()
    }
}

fn take_letters(
    kept: &Mutex<Vec<String>>,
    refused: &Mutex<Option<String>>,
    stream: TcpStream,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    write!(stream, "220 fake\r\n")?;
    let mut letter = String::new();
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let word = line.split(' ').next().unwrap_or_default().trim().to_ascii_uppercase();
        let refusal = held(refused).clone();
        let answer = match (word.as_str(), refusal) {
            ("EHLO" | "HELO", _) => "250 fake".to_owned(),
            ("RCPT", Some(line)) => line,
            ("MAIL" | "RCPT", _) => {
                letter.push_str(&line);
                "250 so".to_owned()
            }
            ("DATA", _) => {
                write!(stream, "354 go on\r\n")?;
                loop {
                    line.clear();
                    if reader.read_line(&mut line)? == 0 || line == ".\r\n" {
                        break;
                    }
                    letter.push_str(&line);
                }
                held(kept).push(std::mem::take(&mut letter));
                "250 taken".to_owned()
            }
            ("QUIT", _) => {
                write!(stream, "221 bye\r\n")?;
                return Ok(());
            }
            _ => "250 so".to_owned(),
        };
        write!(stream, "{answer}\r\n")?;
    }
}
