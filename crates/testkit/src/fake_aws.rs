//! The server: one thread accepts, one serves each connection.

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::World;

mod answers;
mod credentials;
pub(crate) mod fault;
pub(crate) mod http;
mod pricing;
mod query;
pub(crate) mod signature;
pub(crate) mod spot;

use fault::{Fault, Rule};
use http::{Request, send};

/// A running fake. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeAws {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The operation, by the names that [`Rule::operation`] has.
    pub operation: String,
    /// Its number among the requests of this operation, from 1.
    pub number: u64,
    /// Who signed it; `None` for what was not signed.
    pub key_id: Option<String>,
    /// The parameters or the JSON that was sent.
    pub body: String,
    /// Whether a fault was done to it.
    pub spoiled: bool,
}

pub(crate) struct Shared {
    pub(crate) world: World,
    pub(crate) queries: spot::Queries,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    counts: Mutex<BTreeMap<String, u64>>,
    over: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Shared")
    }
}

impl FakeAws {
    /// Serves a world on a free port of loopback.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(world: World) -> io::Result<FakeAws> {
        FakeAws::start_on(0, world)
    }

    /// Serves a world on this port of loopback; 0 takes a free one.
    ///
    /// # Errors
    /// The port cannot be had.
    pub fn start_on(port: u16, world: World) -> io::Result<FakeAws> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            world,
            queries: spot::Queries::default(),
            rules: Mutex::new(Vec::new()),
            seen: Mutex::new(Vec::new()),
            counts: Mutex::new(BTreeMap::new()),
            over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.over.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&accepting);
                // A connection that breaks is the other side's affair, or was broken on purpose.
                std::thread::spawn(move || shared.serve(stream).ok());
            }
        });
        Ok(FakeAws { address, shared })
    }

    /// Where it is, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a fault. Of several that fit a request, the one that was added last is done.
    pub fn script(&self, rule: Rule) {
        lock(&self.shared.rules).push(rule);
    }

    /// Does nothing wrong from now on.
    pub fn calm(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// How many requests of one operation came.
    #[must_use]
    pub fn count(&self, operation: &str) -> u64 {
        lock(&self.shared.counts).get(operation).copied().unwrap_or(0)
    }

    /// What it serves.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.shared.world
    }
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes whoever accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = Request::read(&mut reader)? {
            if self.over.load(Ordering::Relaxed) || !self.one(&request, &mut writer)? {
                break;
            }
        }
        Ok(())
    }

    /// Answers one request. Whether the connection may be used again.
    fn one(&self, request: &Request, stream: &mut TcpStream) -> io::Result<bool> {
        let operation = answers::operation(request);
        let number = {
            let mut counts = lock(&self.counts);
            let count = counts.entry(operation.to_owned()).or_default();
            *count += 1;
            *count
        };
        let fault = lock(&self.rules)
            .iter()
            .rev()
            .find(|rule| rule.spoils(operation, number))
            .map(|rule| rule.fault.clone());
        lock(&self.seen).push(Seen {
            operation: operation.to_owned(),
            number,
            key_id: signature::check(request).ok().map(|signed| signed.key_id),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            spoiled: fault.is_some(),
        });
        match fault {
            Some(Fault::Reset) => {
                http::reset(stream)?;
                return Ok(false);
            }
            Some(Fault::Hang) => {
                self.hang(stream);
                return Ok(false);
            }
            _ => {}
        }
        if operation == "PriceList"
            && let Some(sent) = self.offer(request, stream, fault.as_ref())
        {
            return sent;
        }
        let response = self.answer(operation, request, number, fault.as_ref());
        send(stream, &response, answers::delivery(fault.as_ref()))
    }

    /// Holds a connection until the other side or the fake is through.
    fn hang(&self, stream: &TcpStream) {
        let mut byte = [0];
        let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
        while !self.over.load(Ordering::Relaxed) {
            match stream.peek(&mut byte) {
                Ok(0) => return,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
