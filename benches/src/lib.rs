//! What measurements of the running server share: starting it, sending to it, reading what it used.

pub mod drawn;
pub mod scratch;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Connections that stay open while a load is sent.
pub const CONNECTIONS: usize = 8;

/// A process that answers on a port; it ends with the value.
pub struct Server {
    process: Child,
    /// Where it answers.
    pub port: u16,
}

impl Server {
    /// Starts a program and waits for the line that names its port.
    ///
    /// # Errors
    /// It does not start, or names none.
    pub fn start(program: &str, arguments: &[&str]) -> Result<Server, String> {
        let failed = |error: std::io::Error| format!("{program}: {error}");
        let mut process = Command::new(program)
            .args(arguments)
            .env("LOG_LEVEL", "warn")
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stderr = process.stderr.take().ok_or("no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let first = lines.next().ok_or("said nothing")?.map_err(failed)?;
        let port = first.rsplit(':').next().and_then(|port| port.parse().ok());
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Server { process, port: port.ok_or_else(|| format!("no port in `{first}`"))? })
    }

    /// Processor microseconds that the process has used.
    ///
    /// # Errors
    /// The process is gone.
    pub fn cpu(&self) -> Result<f64, String> {
        let path = format!("/proc/{}/schedstat", self.process.id());
        let tasks = format!("/proc/{}/task", self.process.id());
        let mut nanos = 0.0;
        for task in std::fs::read_dir(&tasks).map_err(|error| format!("{path}: {error}"))? {
            let file = task.map_err(|error| error.to_string())?.path().join("schedstat");
            let text = std::fs::read_to_string(file).unwrap_or_default();
            nanos += text.split(' ').next().and_then(|one| one.parse::<f64>().ok()).unwrap_or(0.0);
        }
        Ok(nanos / 1e3)
    }

    /// Resident memory in megabytes.
    ///
    /// # Errors
    /// The process is gone.
    pub fn resident_mb(&self) -> Result<u64, String> {
        let path = format!("/proc/{}/status", self.process.id());
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kib.ok_or("no resident memory")? / 1_000)
    }

    /// Asks the process to end as an operator would, and waits until it has.
    ///
    /// # Errors
    /// It cannot be asked, or ends with a failure.
    pub fn stop(mut self) -> Result<(), String> {
        let failed = |error: std::io::Error| error.to_string();
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().map_err(failed)?;
        let status = self.process.wait().map_err(failed)?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}")) }
    }

    /// CPU per request in microseconds, size of an answer, requests per second.
    ///
    /// # Errors
    /// An answer that is not 200.
    pub fn timed(
        &self,
        path: &str,
        body: &str,
        requests: usize,
    ) -> Result<(f64, usize, f64), String> {
        self.load(path, body, requests / 10)?;
        let (before, started) = (self.cpu()?, Instant::now());
        let (done, size) = self.load(path, body, requests)?;
        let rate = done as f64 / started.elapsed().as_secs_f64();
        Ok(((self.cpu()? - before) / done as f64, size, rate))
    }

    /// Sends a body many times over a few connections. Requests done, and the size of an answer.
    ///
    /// # Errors
    /// An answer that is not 200.
    pub fn load(&self, path: &str, body: &str, requests: usize) -> Result<(usize, usize), String> {
        let each = requests.div_ceil(CONNECTIONS).max(1);
        let connections = CONNECTIONS.min(requests.max(1));
        let request = post(path, body);
        let threads: Vec<_> = (0..connections)
            .map(|_| {
                let (request, port) = (request.clone(), self.port);
                std::thread::spawn(move || send(port, &request, each))
            })
            .collect();
        let mut size = 0;
        for thread in threads {
            size = thread.join().map_err(|_| "a client failed".to_owned())??;
        }
        Ok((each * connections, size))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection that stays open.
pub struct Connection {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    content: Vec<u8>,
}

impl Connection {
    /// Connects to a port of this machine.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn open(port: u16) -> Result<Connection, String> {
        let failed = |error: std::io::Error| error.to_string();
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let reader = BufReader::with_capacity(1 << 16, stream.try_clone().map_err(failed)?);
        Ok(Connection { stream, reader, content: Vec::new() })
    }

    /// Sends a request as it stands and reads the answer; its content.
    ///
    /// # Errors
    /// An answer that is no success.
    pub fn ask(&mut self, request: &str) -> Result<&[u8], String> {
        let failed = |error: std::io::Error| error.to_string();
        self.stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut line = String::new();
        self.reader.read_line(&mut line).map_err(failed)?;
        if !line.contains(" 20") {
            return Err(format!("answered {line}"));
        }
        let mut size = 0;
        while line != "\r\n" {
            if let Some(length) = line.strip_prefix("content-length: ") {
                size = length.trim().parse().unwrap_or(0);
            }
            line.clear();
            self.reader.read_line(&mut line).map_err(failed)?;
        }
        self.content.resize(size, 0);
        self.reader.read_exact(&mut self.content).map_err(failed)?;
        Ok(&self.content)
    }
}

fn send(port: u16, request: &str, times: usize) -> Result<usize, String> {
    let mut connection = Connection::open(port)?;
    let mut size = 0;
    for _ in 0..times {
        size = connection.ask(request)?.len();
    }
    Ok(size)
}

/// A request with a body of JSON.
#[must_use]
pub fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Builds the programs that are measured, in the release profile.
///
/// # Errors
/// They do not build.
pub fn build() -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "-p", "cloudoptim", "-p", "benches"])
        .status()
        .map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err("the build failed".to_owned()) }
}

/// A program of the release profile, beside whose folder this one was built.
///
/// # Errors
/// The own place is not known.
pub fn program(name: &str) -> Result<String, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = own.parent().and_then(std::path::Path::parent).ok_or("no target folder")?;
    Ok(folder.join(name).display().to_string())
}
