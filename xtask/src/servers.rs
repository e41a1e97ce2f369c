//! The servers that tests talk to: started on free ports, stopped at the end.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A PostgreSQL server of its own, with an empty data folder.
pub(crate) struct Postgres {
    pub(crate) programs: PathBuf,
    data: PathBuf,
    settings: String,
    /// Where it answers, without the name of a database.
    pub(crate) url: String,
}

impl Postgres {
    /// Starts a server, installing PostgreSQL first where it is missing and Debian's packages can be
    /// had.
    pub(crate) fn start() -> Result<Postgres, String> {
        let programs = match programs() {
            Some(found) => found,
            None => {
                install("postgresql")?;
                programs().ok_or("PostgreSQL was installed and its `initdb` was not found")?
            }
        };
        let port = free_port()?;
        let data = std::env::temp_dir().join(format!("cloudoptim-postgres-{port}"));
        let shown = data.display().to_string();
        let program = |name: &str| programs.join(name).display().to_string();
        let initdb = program("initdb");
        let trust = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D", &shown];
        run_unprivileged(&initdb, &trust)?;
        // What is tested is what the server says, not this machine's disk.
        let settings = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off \
             -c max_connections=200"
        );
        let url = format!("postgres://postgres@127.0.0.1:{port}");
        let postgres = Postgres { programs, data, settings, url };
        postgres.start_again()?;
        eprintln!("== PostgreSQL answers on port {port}");
        Ok(postgres)
    }

    /// Starts the server on its folder.
    pub(crate) fn start_again(&self) -> Result<(), String> {
        let (control, data) = (self.control(), self.data.display().to_string());
        let log = self.data.join("server.log").display().to_string();
        let start = ["start", "-w", "-D", &data, "-l", &log, "-o", &self.settings];
        run_unprivileged(&control, &start)
    }

    /// Stops the server as a loss of power would, as far as its processes see.
    pub(crate) fn stop(&self) -> Result<(), String> {
        let data = self.data.display().to_string();
        run_unprivileged(&self.control(), &["stop", "-m", "immediate", "-D", &data])
    }

    fn control(&self) -> String {
        self.programs.join("pg_ctl").display().to_string()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{error}");
        }
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// A Redis server of its own that keeps nothing on the disk.
pub(crate) struct Redis {
    process: Child,
    /// Where it answers on this machine.
    pub(crate) port: u16,
}

impl Redis {
    /// Starts a server, installing Redis first where it is missing and Debian's packages can be had.
    pub(crate) fn start() -> Result<Redis, String> {
        let port = free_port()?;
        let start = || {
            Command::new("redis-server")
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
                .current_dir(std::env::temp_dir())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
        };
        let process = match start() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                install("redis-server")?;
                start()
            }
            started => started,
        };
        let process = process.map_err(|error| format!("redis-server: {error}"))?;
        eprintln!("== Redis answers on port {port}");
        Ok(Redis { process, port })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder with PostgreSQL's programs: Debian keeps them apart by version, the newest is taken.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    found.sort();
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file())
    };
    found.pop().or_else(on_path)
}

/// Installs a Debian package.
fn install(package: &str) -> Result<(), String> {
    eprintln!("== {package} is missing and is installed");
    let get = |arguments: &[&str]| {
        let status = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null())
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            _ => Err(format!(
                "{package} is missing and could not be installed; install it and run this again"
            )),
        }
    };
    get(&["update", "-q"])?;
    get(&["install", "-q", "-y", "--no-install-recommends", package])
}

/// Runs a program as somebody whom PostgreSQL serves: it refuses to run as root.
fn run_unprivileged(program: &str, arguments: &[&str]) -> Result<(), String> {
    let root = is_root();
    let mut command = if root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", program]);
        command
    } else {
        Command::new(program)
    };
    let output = command
        .args(arguments)
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr)))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|own| own.uid() == 0)
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
