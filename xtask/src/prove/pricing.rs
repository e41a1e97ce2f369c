//! Fills that are killed, on both databases, end with the table of an undisturbed one: the released
//! program against the fake AWS, 90 days of 50 pools.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fake_aws::{self, FakeAws};
use super::{Setting, price_list};
use crate::servers::Postgres;

/// How often each fill is killed, and PostgreSQL is restarted.
const KILLS: u64 = 20;
const RESTARTS: u64 = 5;

/// The longest that a fill may take.
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) fn run(setting: &Setting) -> Result<String, String> {
    fake_aws::build()?;
    let postgres = Postgres::start()?;
    // Both fakes have the same prices at the same instants.
    let now = now()?;
    let calm = fake(setting, &now, &[])?;
    let data = setting.scratch.join("undisturbed");
    let done =
        setting.program(&calm, &data, None, &["pricing", "fetch", "spot", "--from", FROM])?;
    ended_well(done)?;
    let expected = table(setting, &calm, &data, None)?;
    let slow = ["--fault", "DescribeSpotPriceHistory:1-:slow=5"];
    let fake = fake(setting, &now, &slow)?;
    let mut text = heading(expected.len());
    let mut differ = false;
    let mut row = |name: &str, found: Found| {
        differ |= found.table != expected || found.counted != expected.len() as u64;
        let same = if found.table == expected { "the same" } else { "**differs**" };
        let twice = found.table.windows(2).filter(|pair| pair[0] == pair[1]).count();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {same} | {twice} | {} | {:.1} |",
            found.disturbed,
            found.table.len(),
            found.counted,
            found.seconds,
        );
    };
    let sqlite = setting.scratch.join("killed");
    row("SQLite, SIGKILL", killed(setting, &fake, &sqlite, None)?);
    let url = postgres.database("killed")?;
    row("PostgreSQL, SIGKILL", killed(setting, &fake, &setting.scratch.join("a"), Some(&url))?);
    let url = postgres.database("restarted")?;
    row(
        "PostgreSQL, the database stopped and started",
        restarted(setting, &fake, &url, &postgres)?,
    );
    let url = postgres.database("shared")?;
    let (found, workers) = shared(setting, &fake, &url, &postgres)?;
    row("PostgreSQL, two servers, five jobs", found);
    let _ = writeln!(text, "\nIn the last line {workers} servers held leases at the same time.");
    if differ {
        return Err(format!("a fill differs:\n{text}"));
    }
    text += &price_list::run(setting, &now)?;
    Ok(text)
}

/// A fake with 90 days of 50 pools up to an instant.
fn fake(setting: &Setting, now: &str, more: &[&str]) -> Result<FakeAws, String> {
    let world = ["--pools", "50", "--days", "90", "--seed", "3", "--now", now];
    FakeAws::start(setting, &[&world, more].concat())
}

/// Before all that the fake has; what is older than AWS answers is left out.
const FROM: &str = "2020-01-01";

struct Found {
    disturbed: u64,
    table: Vec<String>,
    counted: u64,
    seconds: f64,
}

fn heading(rows: usize) -> String {
    format!(
        "# Fills that were disturbed\n\n\
         Written by `cargo xtask prove pricing`: 90 days of 50 pools of a fake AWS, fetched by the \
         released program under leases of one second.\n\
         The undisturbed fill has {rows} prices.\n\n\
         | fill | disturbed | prices | against the undisturbed one | twice | counted by its jobs | seconds |\n\
         |---|---|---|---|---|---|---|\n"
    )
}

/// Kills the server again and again while it fills.
fn killed(
    setting: &Setting,
    fake: &FakeAws,
    data: &Path,
    database: Option<&str>,
) -> Result<Found, String> {
    let started = Instant::now();
    let mut server = Server::start(setting, fake, data, database)?;
    let path = server.ask_for(&[])?;
    let mut last = 0;
    for _ in 0..KILLS {
        // The next kill comes when it got a little further.
        let status = server.until(&path, |status| {
            inserted(status) > last + 200 || status["completed_at"].is_string()
        })?;
        last = inserted(&status);
        server.kill();
        server = Server::start(setting, fake, data, database)?;
    }
    let status = server.until(&path, |status| status["completed_at"].is_string())?;
    server.kill();
    let seconds = started.elapsed().as_secs_f64();
    let table = table(setting, fake, data, database)?;
    Ok(Found { disturbed: KILLS, table, counted: inserted(&status), seconds })
}

/// Stops and starts the database while a server fills it.
fn restarted(
    setting: &Setting,
    fake: &FakeAws,
    url: &str,
    postgres: &Postgres,
) -> Result<Found, String> {
    let started = Instant::now();
    let data = setting.scratch.join("restarted");
    let server = Server::start(setting, fake, &data, Some(url))?;
    let path = server.ask_for(&[])?;
    let mut last = 0;
    for _ in 0..RESTARTS {
        let status = server.until(&path, |status| {
            inserted(status) > last + 1000 || status["completed_at"].is_string()
        })?;
        last = inserted(&status);
        postgres.stop()?;
        std::thread::sleep(Duration::from_millis(500));
        postgres.start_again()?;
    }
    let status = server.until(&path, |status| status["completed_at"].is_string())?;
    drop(server);
    let seconds = started.elapsed().as_secs_f64();
    let table = table(setting, fake, &data, Some(url))?;
    Ok(Found { disturbed: RESTARTS, table, counted: inserted(&status), seconds })
}

/// Lets two servers share five jobs; how many of them were at work at once.
fn shared(
    setting: &Setting,
    fake: &FakeAws,
    url: &str,
    postgres: &Postgres,
) -> Result<(Found, usize), String> {
    let started = Instant::now();
    let data = setting.scratch.join("shared");
    let one = Server::start(setting, fake, &data, Some(url))?;
    let two = Server::start(setting, fake, &setting.scratch.join("shared two"), Some(url))?;
    let mut paths = Vec::new();
    for pattern in ["m5.*", "c5.*", "r5.*", "m6g.*", "c7a.*"] {
        paths.push(one.ask_for(&[pattern])?);
    }
    let mut workers = 0;
    let mut counted = 0;
    for path in &paths {
        let status = two.until(path, |status| {
            let owners = "SELECT count(DISTINCT lease_owner) FROM jobs WHERE state = 'running'";
            let at_work = postgres.query(url, owners).ok().and_then(|text| text.parse().ok());
            workers = workers.max(at_work.unwrap_or(0));
            status["completed_at"].is_string()
        })?;
        counted += inserted(&status);
    }
    drop((one, two));
    let seconds = started.elapsed().as_secs_f64();
    let table = table(setting, fake, &data, Some(url))?;
    Ok((Found { disturbed: 0, table, counted, seconds }, workers))
}

fn inserted(status: &Value) -> u64 {
    status["records_inserted"].as_u64().unwrap_or(0)
}

/// Every price of a store, in an order of its own.
fn table(
    setting: &Setting,
    fake: &FakeAws,
    data: &Path,
    database: Option<&str>,
) -> Result<Vec<String>, String> {
    let output = setting.program(fake, data, database, &["pricing", "export", "spot"])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines.sort();
    ended_well(output)?;
    Ok(lines)
}

fn ended_well(output: std::process::Output) -> Result<(), String> {
    if output.status.success() {
        return Ok(());
    }
    Err(format!("it ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// The present, to the second.
fn now() -> Result<String, String> {
    let output = Command::new("date").args(["-u", "+%FT%TZ"]).output();
    let output = output.map_err(|error| format!("date: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl Setting {
    fn command(&self, fake: &FakeAws, data: &Path, database: Option<&str>) -> Command {
        let url = &fake.url;
        let mut command = Command::new(&self.program);
        command
            .env("CLOUDOPTIM_DATA_DIR", data)
            .env("CLOUDOPTIM_NO_FETCH", "true")
            .env("CLOUDOPTIM_JOB_LEASE", "1")
            .env("PRICING_DATA_RETRY_BACKOFF", "0.05")
            .env("AWS_ENDPOINT_URL_EC2", format!("{url}/ec2/{{region}}/"))
            .env("AWS_ACCESS_KEY_ID", "AKIAFAKEFAKEFAKEFAKE")
            .env("AWS_SECRET_ACCESS_KEY", "fake/secret/that/opens/nothing/at/all+00")
            .env_remove("DB_HOST")
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null());
        if let Some(database) = database {
            command.env("DATABASE_URL", database);
        }
        command
    }

    fn program(
        &self,
        fake: &FakeAws,
        data: &Path,
        database: Option<&str>,
        arguments: &[&str],
    ) -> Result<std::process::Output, String> {
        let output = self.command(fake, data, database).args(arguments).output();
        output.map_err(|error| format!("{}: {error}", self.program.display()))
    }
}

/// The server as a process.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(
        setting: &Setting,
        fake: &FakeAws,
        data: &Path,
        database: Option<&str>,
    ) -> Result<Server, String> {
        let mut process = setting
            .command(fake, data, database)
            .args(["serve", "--port", "0"])
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut lines = BufReader::new(process.stderr.take().ok_or("no words")?).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.rsplit_once("answers on http://").map(|(_, at)| at.to_owned()))
            .ok_or("the server did not start")?;
        // Whoever writes to a closed pipe ends; so the rest is read to the end.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Server { process, address })
    }

    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Asks for the whole fill, or for that of some types; the path of its job.
    fn ask_for(&self, patterns: &[&str]) -> Result<String, String> {
        let body = serde_json::json!({
            "data_type": "spot_prices", "regions": ["us-east-1"], "start_date": FROM,
            "instance_types": patterns,
        });
        let started = self.ask("POST /api/v1/ml/pricing/fetch", &body.to_string())?;
        let task = started["task_id"].as_str().ok_or_else(|| started.to_string())?;
        Ok(format!("/api/v1/ml/pricing/fetch/{task}"))
    }

    fn until(&self, path: &str, mut wish: impl FnMut(&Value) -> bool) -> Result<Value, String> {
        let started = Instant::now();
        let mut last = Value::Null;
        while started.elapsed() < PATIENCE {
            // While the database is away the server says so, and that passes.
            if let Ok(status) = self.ask(&format!("GET {path}"), "") {
                if status["task_id"].is_string() && wish(&status) {
                    return Ok(status);
                }
                last = status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(format!("it did not get there: {last}"))
    }

    fn ask(&self, head: &str, body: &str) -> Result<Value, String> {
        let failed = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(&self.address).map_err(failed)?;
        write!(
            stream,
            "{head} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .map_err(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(failed)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        serde_json::from_str(body).map_err(|error| error.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Postgres {
    /// An empty database of its own; its address.
    fn database(&self, name: &str) -> Result<String, String> {
        self.query(&format!("{}/postgres", self.url), &format!("CREATE DATABASE {name}"))?;
        Ok(format!("{}/{name}", self.url))
    }

    fn query(&self, url: &str, sql: &str) -> Result<String, String> {
        let program: PathBuf = self.programs.join("psql");
        let output = Command::new(&program)
            .args(["-qAt", "-d", url, "-c", sql])
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ended_well(output).map(|()| text)
    }
}
