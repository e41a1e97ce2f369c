//! Processor time per request over HTTP, beside a bare server with the same sizes.
//!
//! `cargo bench -p benches --bench http`. Starts `cloudoptim serve` on a scratch database and the
//! yardstick, sends the same bodies to both over a few connections that stay open, and reads what
//! each process has used from `/proc`. On a shared machine ratios mean more than single figures.

use benches::{Server, build, program};
use serde_json::{Value, json};

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
