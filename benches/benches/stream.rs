//! The stream of predictions with thousands of readers.
//!
//! `cargo bench -p benches --bench stream [-- CLIENTS]` starts the server on the embedded database and
//! opens 5,000 streams where nothing else is said, every second one over WebSocket. Predictions come
//! at a steady rate; readers say how long each took from the request for it to its frame: first those
//! who read by themselves, and then beside the fifth of all clients that never reads. A few readers
//! stand still meanwhile, and are asked afterwards what they were told. Readers live in
//! this process, on the same processors as the server. Says a table in Markdown.

use std::io::{Read, Write};
use std::net::TcpStream as Blocking;
use std::time::{Duration, Instant};

use benches::scratch::{self, Failure, REGION, Scratch};
use benches::{Connection, Server, build, post};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

const CLIENTS: usize = 5_000;

/// Readers that stand still while predictions come.
const SLOW: usize = 20;

/// One of so many clients never reads what it asked for.
const ONE_OF: usize = 5;

/// The room that such a client has, in bytes, and predictions that fill it and the server's side of it.
const ROOM: u32 = 2_048;
const FILLING: usize = 400;

/// How many predictions a second come, and for how long.
const RATES: &[(usize, u64)] = &[(1, 15), (5, 15)];

/// What is published at once at the end, in so many requests: more than a reader may be behind.
const BURST: usize = 12;
const POOLS: usize = 1_000;

const PATH: &str = "/api/v1/ml/predictions/live";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    // Two ends for each reader would not fit into one process, so each has its own limit.
    let raised = std::env::var_os("STREAM_RAISED").is_some();
    if !raised {
        let own = std::env::current_exe()?;
        let status = std::process::Command::new("sh")
            .args(["-c", "ulimit -n $(ulimit -H -n); exec \"$0\" \"$@\""])
            .arg(own)
            .args(&arguments)
            .env("STREAM_RAISED", "yes")
            .status()?;
        return if status.success() { Ok(()) } else { Err(format!("ended with {status}").into()) };
    }
    let clients = arguments.first().map_or(Ok(CLIENTS), |text| text.parse())?;
    build()?;
    let scratch = Scratch::new("stream")?;
    let outcome = measure(&scratch, clients);
    scratch.remove()?;
    outcome
}

/// What a reader saw: the number of a prediction, and when.
type Seen = (u64, Instant);

fn measure(scratch: &Scratch, clients: usize) -> Result<(), Failure> {
    scratch.fill()?;
    let server = scratch.serve()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let before = server.resident_mb()?;
    let slow: Vec<Blocking> =
        (0..SLOW).map(|_| stands_still(server.port)).collect::<Result<_, _>>()?;
    let never = clients / ONE_OF;
    let (into, seen) = unbounded_channel();
    let started = Instant::now();
    let all = runtime.block_on(open_all(server.port, clients - never, &into))?;
    let opened = all.len();
    let opening = started.elapsed().as_secs_f64();
    let with_readers = server.resident_mb()?;
    println!(
        "{opened} readers, every second one over WebSocket, opened within {opening:.1} s; the server on \
         SQLite. Latency is from sending the request for a prediction to the frame of it at a reader, with \
         readers and server on the same machine. Then {never} clients come that ask for the stream and \
         never read it.\n"
    );
    println!(
        "| clients that never read | predictions a second | seconds | frames | missing | p50 ms | p99 ms | largest ms | server CPU, share of one processor | server MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let connection = Connection::open(server.port)?;
    let mut run = Run { server, connection, seen, opened, number: 0 };
    let alone = run.rates(0)?;
    let held = runtime.block_on(never_read(run.server.port, never))?;
    run.fill()?;
    let beside = run.rates(held.len())?;
    for ((rate, _), (alone, beside)) in RATES.iter().zip(alone.iter().zip(&beside)) {
        println!(
            "\nAt {rate} a second the p99 of those who read is {:.2} times what it is without the others.",
            beside / alone
        );
    }
    println!(
        "\nMemory of the server: {before} MB without readers, {with_readers} MB with them: {:.0} kB a reader.",
        (with_readers as f64 - before as f64) * 1e3 / opened as f64
    );
    // The readers go; those that stood still stay, and more comes than a reader may be behind.
    drop((all, held));
    runtime.shutdown_timeout(Duration::from_secs(5));
    burst(&run.server, &mut run.connection, slow)
}

/// The server with its readers, and how many predictions have come.
struct Run {
    server: Server,
    connection: Connection,
    seen: UnboundedReceiver<Seen>,
    opened: usize,
    number: u64,
}

impl Run {
    /// Publishes at every rate. The p99 of each.
    fn rates(&mut self, never: usize) -> Result<Vec<f64>, Failure> {
        RATES.iter().map(|(rate, seconds)| self.rate(*rate, *seconds, never)).collect()
    }

    fn rate(&mut self, rate: usize, seconds: u64, never: usize) -> Result<f64, Failure> {
        let cpu = self.server.cpu()?;
        let began = Instant::now();
        let mut asked: Vec<Instant> = Vec::new();
        let from = self.number;
        for at in 0..rate as u64 * seconds {
            let due = began + Duration::from_secs_f64(at as f64 / rate as f64);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            asked.push(Instant::now());
            self.number += publish(&mut self.connection, 1)?;
        }
        std::thread::sleep(Duration::from_secs(3));
        let took = began.elapsed().as_secs_f64() * 1e6;
        let mut latencies = Vec::new();
        while let Ok((number, when)) = self.seen.try_recv() {
            let sent = (number.checked_sub(from + 1)).and_then(|at| asked.get(at as usize));
            if let Some(sent) = sent {
                latencies.push(when.duration_since(*sent).as_secs_f64() * 1e3);
            }
        }
        latencies.sort_by(f64::total_cmp);
        let share = |share: f64| {
            let at = (latencies.len() as f64 * share) as usize;
            latencies.get(at.min(latencies.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
        };
        println!(
            "| {never} | {rate} | {seconds} | {} | {} | {:.1} | {:.1} | {:.1} | {:.2} | {} |",
            latencies.len(),
            (asked.len() * self.opened).saturating_sub(latencies.len()),
            share(0.5),
            share(0.99),
            share(1.0),
            (self.server.cpu()? - cpu) / took,
            self.server.resident_mb()?,
        );
        Ok(share(0.99))
    }

    /// Publishes what no client has room for that does not read, and waits until the others have it.
    fn fill(&mut self) -> Result<(), Failure> {
        self.number += publish(&mut self.connection, FILLING)?;
        let patience = Instant::now() + Duration::from_secs(60);
        let mut left = FILLING * self.opened;
        while left > 0 {
            if Instant::now() > patience {
                return Err(format!("{left} frames did not come within a minute").into());
            }
            match self.seen.try_recv() {
                Ok(_) => left -= 1,
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        Ok(())
    }
}

/// Clients that ask for the stream, have next to no room for it, and read nothing.
async fn never_read(port: u16, clients: usize) -> Result<Vec<TcpStream>, Failure> {
    let mut held = Vec::with_capacity(clients);
    for at in 0..clients {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(ROOM)?;
        let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await?;
        stream.write_all(request(at % 2 == 0).as_bytes()).await?;
        held.push(stream);
        if at % 50 == 49 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(held)
}

/// Publishes much at once to readers that stand still, and reads what they were told.
fn burst(server: &Server, connection: &mut Connection, slow: Vec<Blocking>) -> Result<(), Failure> {
    let mut published = 0;
    for _ in 0..BURST {
        published += publish(connection, POOLS)?;
    }
    std::thread::sleep(Duration::from_secs(2));
    let (mut told, mut gaps, mut ended, mut whole) = (0, 0, 0, 0);
    let readers = slow.len();
    for mut stream in slow {
        stream.set_read_timeout(Some(Duration::from_millis(1_500)))?;
        let mut text = Vec::new();
        let closed = stream.read_to_end(&mut text).is_ok();
        let frames = events(&String::from_utf8_lossy(&text));
        let (mut last, mut missed, mut silent) = (None, 0, 0);
        for frame in &frames {
            let number = |key: &str| frame[key].as_u64();
            match frame["type"].as_str() {
                Some("missed") => {
                    missed += 1;
                    last = number("to");
                }
                Some("prediction") => {
                    let now = number("sequence").unwrap_or(0);
                    silent += usize::from(last.is_some_and(|last| now != last + 1));
                    last = Some(now);
                }
                _ => {}
            }
        }
        told += usize::from(missed > 0);
        gaps += silent;
        ended += usize::from(closed);
        whole += usize::from(missed == 0 && silent == 0 && !closed);
    }
    println!(
        "\n{readers} readers stood still while {published} predictions came at once: {told} were told which \
         numbers they missed, {whole} missed nothing, {ended} were ended; {gaps} gaps that nobody was told of. \
         The server had {} MB then.",
        server.resident_mb()?
    );
    if gaps > 0 || told + whole + ended < readers {
        return Err("a reader missed predictions and was not told".into());
    }
    Ok(())
}

/// The frames of server-sent events.
fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.trim_end().strip_prefix("data: "));
    data.filter_map(|json| serde_json::from_str(json).ok()).collect()
}

/// Asks for predictions of so many pools; how many there are.
fn publish(connection: &mut Connection, pools: usize) -> Result<u64, Failure> {
    let pool = json!({ "instance_type": "m5.large", "region": REGION, "az": scratch::ZONES[0] });
    let body = if pools == 1 { pool } else { json!({ "pools": vec![pool; pools] }) };
    connection.ask(&post("/api/v1/ml/predict/spot-interruption", &body.to_string()))?;
    Ok(pools as u64)
}

/// A reader of server-sent events that reads no further than the answer's head.
fn stands_still(port: u16) -> Result<Blocking, Failure> {
    let mut stream = Blocking::connect(("127.0.0.1", port))?;
    stream.write_all(format!("GET {PATH} HTTP/1.0\r\nhost: localhost\r\n\r\n").as_bytes())?;
    let mut first = [0];
    stream.read_exact(&mut first)?;
    Ok(stream)
}

/// Opens streams until there are enough; all of them have said hello then.
async fn open_all(
    port: u16,
    readers: usize,
    into: &UnboundedSender<Seen>,
) -> Result<JoinSet<std::io::Result<()>>, Failure> {
    let (hello, mut hellos) = unbounded_channel();
    let mut all = JoinSet::new();
    for at in 0..readers {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        all.spawn(reader(stream, at % 2 == 0, into.clone(), hello.clone()));
        // As many as a server takes from its queue meanwhile.
        if at % 50 == 49 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    drop(hello);
    let mut opened = 0;
    let patience = Duration::from_secs(60);
    while opened < readers {
        match tokio::time::timeout(patience, hellos.recv()).await {
            Ok(Some(())) => opened += 1,
            Ok(None) | Err(_) => return Err(format!("{opened} of {readers} were opened").into()),
        }
    }
    Ok(all)
}

/// Reads a stream to its end, and tells every prediction with its instant.
async fn reader(
    mut stream: TcpStream,
    socket: bool,
    into: UnboundedSender<Seen>,
    hello: UnboundedSender<()>,
) -> std::io::Result<()> {
    stream.write_all(request(socket).as_bytes()).await?;
    // Frames are found by the words in them: both ways carry the same JSON as it stands.
    let mut kept = Vec::with_capacity(2_048);
    loop {
        if stream.read_buf(&mut kept).await? == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let mut from = 0;
        while let Some(start) = find(&kept[from..], b"{\"") {
            let start = from + start;
            let Some(length) = whole(&kept[start..]) else { break };
            let frame = &kept[start..start + length];
            from = start + length;
            let Ok(frame) = serde_json::from_slice::<Value>(frame) else { continue };
            match (frame["type"].as_str(), frame["sequence"].as_u64()) {
                (Some("hello"), _) => {
                    let _ = hello.send(());
                }
                (Some("prediction"), Some(number)) => {
                    let _ = into.send((number, now));
                }
                _ => {}
            }
        }
        kept.drain(..from);
    }
}

/// The request for a stream, over WebSocket or as server-sent events.
fn request(socket: bool) -> String {
    let upgrade = if socket {
        "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    } else {
        ""
    };
    format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\n{upgrade}\r\n")
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window == word)
}

/// How long the object at the beginning is; `None` where its end has not come.
fn whole(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' if !in_text => depth += 1,
            b'}' if !in_text => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}
