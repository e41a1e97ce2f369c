//! Predictions over HTTP with every one of them kept, beside a bare server with the same sizes.
//!
//! `cargo bench -p benches --bench predict` measures the embedded database;
//! `TEST_POSTGRES=postgres://postgres@127.0.0.1:5432` PostgreSQL. A drawn model of 300 trees of depth 6
//! is uploaded and answers. At the end the server is asked to stop, and the predictions in its
//! database are counted: as many as were asked for.

use std::time::{Duration, Instant};

use benches::scratch::{self, Failure, REGION, Scratch};
use benches::{CONNECTIONS, Connection, Server, build, post, program};
use serde_json::json;

/// Both servers take turns this often; the figures are medians.
const ROUNDS: usize = 7;

/// Requests of a round for one pool each, and for a batch.
const SINGLE: usize = 8_000;
const BATCHES: usize = 120;
const BATCH: usize = 1_000;

/// Requests before anything is measured.
const WARM: usize = 80;

/// Requests of a round with pauses, and the pause of a connection.
const PACED: usize = 4_000;
const PAUSE: Duration = Duration::from_millis(4);

fn main() -> Result<(), Failure> {
    build()?;
    let scratch = Scratch::new("predict")?;
    let outcome = measure(&scratch);
    scratch.remove()?;
    outcome
}

/// The servers, and how many predictions were asked for.
struct Run<'a> {
    scratch: &'a Scratch,
    server: Server,
    echo: Server,
    asked: usize,
}

fn measure(scratch: &Scratch) -> Result<(), Failure> {
    scratch.fill()?;
    let server = scratch.serve()?;
    scratch::activate_model(&server)?;
    let echo = Server::start(&program("echo")?, &[])?;
    let mut run = Run { scratch, server, echo, asked: 0 };
    let pools: Vec<_> = scratch::pools()
        .into_iter()
        .map(|(kind, zone)| json!({ "instance_type": kind, "region": REGION, "az": zone }))
        .collect();
    let single: Vec<String> = pools.iter().map(ToString::to_string).collect();
    let batches: Vec<String> = (0..pools.len() / 200)
        .map(|from| {
            let all: Vec<_> = pools.iter().cycle().skip(from * 200).take(BATCH).collect();
            json!({ "pools": all }).to_string()
        })
        .collect();
    println!(
        "| {} | answer bytes | server CPU µs | echo CPU µs | ratio | p50 µs | p99 µs | echo p99 µs | p99 ratio |",
        scratch.database()
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    run.compare("one pool", &single, SINGLE, 1)?;
    run.compare("1,000 pools", &batches, BATCHES, BATCH)?;
    run.pace("one pool, paced", &single, 1)?;
    let resident = run.server.resident_mb()?;
    run.server.stop()?;
    let kept = scratch.predictions()?;
    println!("{} predictions asked for, {kept} kept; {resident} MB resident", run.asked);
    Ok(())
}

impl Run<'_> {
    /// Sends the same to both as fast as they answer.
    fn compare(
        &mut self,
        name: &str,
        bodies: &[String],
        requests: usize,
        pools: usize,
    ) -> Result<(), Failure> {
        let (ours, theirs) = self.requests(bodies, pools)?;
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let before = self.server.cpu()?;
            let times = load(&self.server, &ours, requests, None)?.0;
            self.asked += times.len() * pools;
            // What is written behind the answers belongs to them, and leaves room for the next ones.
            self.scratch.wait_for_predictions(self.asked as u64)?;
            let cpu = (self.server.cpu()? - before) / times.len() as f64;
            let before = self.echo.cpu()?;
            let bare_times = load(&self.echo, &theirs.1, requests, None)?.0;
            let bare = (self.echo.cpu()? - before) / bare_times.len() as f64;
            let (p99, bare_p99) = (share(&times, 0.99), share(&bare_times, 0.99));
            rounds.push([cpu, bare, cpu / bare, share(&times, 0.5), p99, bare_p99, p99 / bare_p99]);
        }
        let [cpu, bare, ratio, p50, p99, bare_p99, times] = medians(&mut rounds);
        println!(
            "| {name} | {} | {cpu:.1} | {bare:.1} | {ratio:.2} | {p50:.0} | {p99:.0} | {bare_p99:.0} | {times:.2} |",
            theirs.0
        );
        Ok(())
    }

    /// Sends the same to both with pauses, so that the machine is not what is waited for.
    fn pace(&mut self, name: &str, bodies: &[String], pools: usize) -> Result<(), Failure> {
        let (ours, theirs) = self.requests(bodies, pools)?;
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let times = load(&self.server, &ours, PACED, Some(PAUSE))?.0;
            self.asked += times.len() * pools;
            let bare_times = load(&self.echo, &theirs.1, PACED, Some(PAUSE))?.0;
            let (p99, bare_p99) = (share(&times, 0.99), share(&bare_times, 0.99));
            rounds.push([share(&times, 0.5), p99, bare_p99, p99 / bare_p99]);
        }
        let [p50, p99, bare_p99, times] = medians(&mut rounds);
        println!(
            "| {name} | {} | | | | {p50:.0} | {p99:.0} | {bare_p99:.0} | {times:.2} |",
            theirs.0
        );
        Ok(())
    }

    /// Requests for the server, and the size of an answer with such requests for the bare one; both
    /// are warm then.
    fn requests(&mut self, bodies: &[String], pools: usize) -> Result<Paired, Failure> {
        let asked =
            |path: &str| -> Vec<String> { bodies.iter().map(|body| post(path, body)).collect() };
        let ours = asked("/api/v1/ml/predict/spot-interruption");
        let (times, size) = load(&self.server, &ours, WARM, None)?;
        self.asked += times.len() * pools;
        let theirs = asked(&format!("/{size}"));
        load(&self.echo, &theirs, WARM, None)?;
        Ok((ours, (size, theirs)))
    }
}

/// Requests for the server; the size of its answer, with such requests for the bare one.
type Paired = (Vec<String>, (usize, Vec<String>));

fn medians<const N: usize>(rounds: &mut [[f64; N]]) -> [f64; N] {
    std::array::from_fn(|at| {
        rounds.sort_by(|a, b| a[at].total_cmp(&b[at]));
        rounds[rounds.len() / 2][at]
    })
}

/// Sends requests in turn over a few connections, with a pause after each where one is given; how many
/// microseconds each took, sorted, and the size of an answer.
fn load(
    server: &Server,
    requests: &[String],
    count: usize,
    pause: Option<Duration>,
) -> Result<(Vec<f64>, usize), Failure> {
    let each = count / CONNECTIONS;
    let mut times = Vec::with_capacity(count);
    let mut size = 0;
    std::thread::scope(|scope| -> Result<(), Failure> {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|client| {
                scope.spawn(move || -> Result<(Vec<f64>, usize), String> {
                    let mut connection = Connection::open(server.port)?;
                    let mut times = Vec::with_capacity(each);
                    let mut size = 0;
                    for at in 0..each {
                        let request = &requests[(client + at * CONNECTIONS) % requests.len()];
                        let started = Instant::now();
                        size = connection.ask(request)?.len();
                        times.push(started.elapsed().as_nanos() as f64 / 1e3);
                        pause.into_iter().for_each(std::thread::sleep);
                    }
                    Ok((times, size))
                })
            })
            .collect();
        for client in clients {
            let (more, last) = client.join().map_err(|_| "a client failed")??;
            times.extend(more);
            size = last;
        }
        Ok(())
    })?;
    times.sort_by(f64::total_cmp);
    Ok((times, size))
}

fn share(sorted: &[f64], share: f64) -> f64 {
    sorted.get((sorted.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}
