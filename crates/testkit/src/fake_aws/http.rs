//! HTTP/1.1 by hand, as far as a fake needs it: whole requests in, answers out, and every way of
//! breaking an answer on its way.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The largest head or body that is read.
const LARGEST: usize = 4 << 20;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The first header of this name; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The next request of a connection; `None` when the other side has gone.
    pub(crate) fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
        let Some(first) = line(stream)? else { return Ok(None) };
        let mut parts = first.split(' ');
        let method = parts.next().unwrap_or_default().to_owned();
        let target = parts.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let mut headers = Vec::new();
        while let Some(text) = line(stream)? {
            if text.is_empty() {
                break;
            }
            if let Some((name, value)) = text.split_once(':') {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let mut request = Request { method, path, query, headers, body: Vec::new() };
        let length: usize = request.header("content-length").parse().unwrap_or(0);
        if length > LARGEST {
            return Err(io::Error::other("body too large"));
        }
        request.body = vec![0; length];
        stream.read_exact(&mut request.body)?;
        Ok(Some(request))
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut text = String::new();
    let count = stream.by_ref().take(LARGEST as u64).read_line(&mut text)?;
    Ok((count > 0).then(|| text.trim_end().to_owned()))
}

/// A whole answer, or the start of one that is written piece by piece.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        let headers = vec![("content-type", content_type.to_owned())];
        Response { status, headers, body: body.into() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }
}

/// How an answer gets to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    /// The announced length is never reached.
    Truncated,
    /// The last chunk never comes.
    BrokenChunks,
    /// Half the body, then a reset.
    ResetHalfway,
    /// In ten pieces, with a pause before each.
    Slow(Duration),
}

/// Sends an answer. Whether the connection may be used again.
pub(crate) fn send(
    stream: &mut TcpStream,
    response: &Response,
    delivery: Delivery,
) -> io::Result<bool> {
    let body = response.body.as_slice();
    let half = body.get(..body.len() / 2).unwrap_or_default();
    let chunked = delivery == Delivery::BrokenChunks;
    let length = (!chunked).then_some(body.len());
    stream.write_all(head(response, length).as_bytes())?;
    match delivery {
        Delivery::Whole => stream.write_all(body)?,
        Delivery::Truncated => stream.write_all(half)?,
        Delivery::BrokenChunks => {
            write!(stream, "{:x}\r\n", body.len().max(1))?;
            stream.write_all(half)?;
        }
        Delivery::ResetHalfway => {
            stream.write_all(half)?;
            stream.flush()?;
            // What was sent must be on its way before the reset overtakes it.
            std::thread::sleep(Duration::from_millis(20));
            reset(stream)?;
        }
        Delivery::Slow(pause) => {
            for piece in body.chunks(body.len().div_ceil(10).max(1)) {
                std::thread::sleep(pause);
                stream.write_all(piece)?;
                stream.flush()?;
            }
        }
    }
    stream.flush()?;
    Ok(matches!(delivery, Delivery::Whole | Delivery::Slow(_)))
}

/// Where a body that is written piece by piece ends too early.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Behind this many bytes; `None` for nowhere.
    pub(crate) most: Option<u64>,
    /// Whether the end looks like one.
    pub(crate) framed: bool,
}

/// Sends an answer whose body is written while it is sent, in chunks.
pub(crate) fn send_written(
    stream: &mut TcpStream,
    response: &Response,
    cut: Cut,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<bool> {
    stream.write_all(head(response, None).as_bytes())?;
    let mut chunks =
        io::BufWriter::with_capacity(1 << 12, Chunks { stream, left: cut.most, over: false });
    let written = write(&mut chunks).and_then(|()| chunks.flush());
    let over = chunks.get_ref().over;
    if over && !cut.framed {
        return Ok(false);
    }
    if !over {
        written?;
    }
    // What the buffer still holds must not follow the end.
    let (chunks, _) = chunks.into_parts();
    chunks.stream.write_all(b"0\r\n\r\n")?;
    Ok(true)
}

/// Every write becomes a chunk.
struct Chunks<'a> {
    stream: &'a mut TcpStream,
    left: Option<u64>,
    over: bool,
}

impl Write for Chunks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(left) = &mut self.left {
            let Some(rest) = left.checked_sub(bytes.len() as u64) else {
                self.over = true;
                return Err(io::Error::other("cut on purpose"));
            };
            *left = rest;
        }
        write!(self.stream, "{:x}\r\n", bytes.len())?;
        self.stream.write_all(bytes)?;
        self.stream.write_all(b"\r\n")?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Ends a connection with a reset instead of an orderly end.
pub(crate) fn reset(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    Ok(())
}

fn head(response: &Response, length: Option<usize>) -> String {
    let mut head = format!("HTTP/1.1 {} Fake\r\n", response.status);
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match length {
        // RFC 9110: these have no body.
        _ if response.status == 304 => {}
        Some(length) => head.push_str(&format!("content-length: {length}\r\n")),
        None => head.push_str("transfer-encoding: chunked\r\n"),
    }
    head.push_str("\r\n");
    head
}
