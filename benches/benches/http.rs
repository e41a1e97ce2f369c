//! Processor time per request over HTTP, beside a bare server with the same sizes.
//!
//! `cargo bench -p benches --bench http`. Starts `cloudoptim serve` on a scratch database and the
//! yardstick, sends the same bodies to both over a few connections that stay open, and reads what
//! each process has used from `/proc`. On a shared machine ratios mean more than single figures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

const CONNECTIONS: usize = 8;
/// Both servers take turns this often; the figures are medians.
const ROUNDS: usize = 5;

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), String> {
    build()?;
    let scratch = std::env::temp_dir().join(format!("cloudoptim-bench-{}", std::process::id()));
    let data = scratch.display().to_string();
    let server =
        Server::start(&program("cloudoptim")?, &["serve", "--port", "0", "--data", &data])?;
    let echo = Server::start(&program("echo")?, &[])?;
    println!("| case | body | answer | server CPU µs | echo CPU µs | ratio | requests/s |");
    println!("|---|---|---|---|---|---|---|");
    let spot = json!({
        "current_state": { "region": "us-east-1", "nodes": [{ "name": "a", "cpu": 64, "memory": "256Gi", "architecture": "amd64" }], "pods": [] },
        "requirements": { "allocate": false, "top": 5, "rejected_limit": 1 },
    });
    measure("spot-optimize, ranking", &server, &echo, "spot-optimize", &spot.to_string(), 15_000)?;
    for pods in [100, 1_000, 5_000] {
        let body = packing(pods).to_string();
        let requests = 6_000_000 / (pods + 600);
        measure(
            &format!("bin-pack fast, {pods} pods"),
            &server,
            &echo,
            "bin-pack",
            &body,
            requests,
        )?;
    }
    unseen(&server, 1_000, 500)?;
    drop(server);
    let _ = std::fs::remove_dir_all(scratch);
    Ok(())
}

/// Pods with names and requests only, on nodes that are half full.
fn packing(pods: usize) -> Value {
    let nodes = pods / 10;
    let node = |at: usize| json!({ "name": format!("node-{at}"), "cpu": "16", "memory": "64Gi", "usd_per_hour": 0.768 });
    let pod = |at: usize| {
        let (cpu, memory) = (250 * (1 + at * 7 % 6), 512 * (1 + at * 11 % 8));
        json!({ "name": format!("pod-{at}"), "node": format!("node-{}", at * 31 % nodes),
            "cpu": format!("{cpu}m"), "memory": format!("{memory}Mi") })
    };
    json!({
        "current_state": {
            "nodes": (0..nodes).map(node).collect::<Vec<_>>(),
            "pods": (0..pods).map(pod).collect::<Vec<_>>(),
        },
        "requirements": { "effort": "fast" },
    })
}

fn measure(
    name: &str,
    server: &Server,
    echo: &Server,
    decision: &str,
    body: &str,
    requests: usize,
) -> Result<(), String> {
    let path = format!("/api/v1/ml/decision/{decision}");
    let size = server.load(&path, body, 20)?.1;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let (cpu, _, rate) = server.timed(&path, body, requests / ROUNDS)?;
        let (bare, ..) = echo.timed(&format!("/{size}"), body, requests / ROUNDS)?;
        rounds.push([cpu, bare, cpu / bare, rate]);
    }
    let [cpu, bare, ratio, rate] = std::array::from_fn(|at| {
        rounds.sort_by(|a, b| a[at].total_cmp(&b[at]));
        rounds[ROUNDS / 2][at]
    });
    println!(
        "| {name} | {} | {size} | {cpu:.1} | {bare:.1} | {ratio:.1} | {rate:.0} |",
        body.len()
    );
    Ok(())
}

/// Bodies that the store has not seen: each has a node of another name.
fn unseen(server: &Server, pods: usize, requests: usize) -> Result<(), String> {
    let body = packing(pods).to_string();
    let before = server.cpu()?;
    for at in 0..requests {
        let fresh = body.replacen("node-0", &format!("fresh-{at}"), usize::MAX);
        server.load("/api/v1/ml/decision/bin-pack", &fresh, 1)?;
    }
    let cpu = (server.cpu()? - before) / requests as f64;
    println!("| bin-pack fast, {pods} pods, never seen | {} | | {cpu:.1} | | | |", body.len());
    Ok(())
}

struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(program: &str, arguments: &[&str]) -> Result<Server, String> {
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
    fn cpu(&self) -> Result<f64, String> {
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

    /// CPU per request, size of an answer, requests per second.
    fn timed(&self, path: &str, body: &str, requests: usize) -> Result<(f64, usize, f64), String> {
        self.load(path, body, requests / 10)?;
        let (before, started) = (self.cpu()?, Instant::now());
        let (done, size) = self.load(path, body, requests)?;
        let rate = done as f64 / started.elapsed().as_secs_f64();
        Ok(((self.cpu()? - before) / done as f64, size, rate))
    }

    /// Sends a body many times over a few connections. Requests done, and the size of an answer.
    fn load(&self, path: &str, body: &str, requests: usize) -> Result<(usize, usize), String> {
        let each = requests.div_ceil(CONNECTIONS).max(1);
        let connections = CONNECTIONS.min(requests.max(1));
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
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

fn send(port: u16, request: &str, times: usize) -> Result<usize, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let mut reader = BufReader::with_capacity(1 << 16, stream.try_clone().map_err(failed)?);
    let mut size = 0;
    let mut content = Vec::new();
    for _ in 0..times {
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut line = String::new();
        reader.read_line(&mut line).map_err(failed)?;
        if !line.contains(" 200 ") {
            return Err(format!("answered {line}"));
        }
        while line != "\r\n" {
            if let Some(length) = line.strip_prefix("content-length: ") {
                size = length.trim().parse().unwrap_or(0);
            }
            line.clear();
            reader.read_line(&mut line).map_err(failed)?;
        }
        content.resize(size, 0);
        reader.read_exact(&mut content).map_err(failed)?;
    }
    Ok(size)
}

fn build() -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "-p", "cloudoptim", "-p", "benches"])
        .status()
        .map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err("the build failed".to_owned()) }
}

/// A program of the release profile, beside whose folder this one was built.
fn program(name: &str) -> Result<String, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = own.parent().and_then(std::path::Path::parent).ok_or("no target folder")?;
    Ok(folder.join(name).display().to_string())
}
