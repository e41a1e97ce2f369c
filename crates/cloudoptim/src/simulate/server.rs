//! A server of its own: in memory, on a port of this machine, with a clock that is moved by hand.

use std::sync::Arc;

use app::App;
use app::access::{Caller, NewKey, Role};
use app::decide::Desk;
use clock::{Clock, Hand};
use jiff::{SignedDuration, Timestamp};
use market::Market;
use reqwest::{Client, Method};
use serde_json::Value;
use simulation::World;
use store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::exit::Failure;

/// A server and everybody's keys.
pub(super) struct Server {
    app: Arc<App>,
    hand: Hand,
    client: Client,
    address: String,
    answering: JoinSet<()>,
    platform: String,
    tenants: Vec<String>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    /// Whoever operates the fleet.
    Platform,
    /// A customer, by its place in the world.
    Customer(usize),
}

impl Server {
    /// Starts a server, and makes a key for the platform and one for each customer.
    pub(super) async fn start(
        market: Arc<Market>,
        world: &World,
        now: Timestamp,
    ) -> Result<Server, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Simulation(error.to_string());
        let (clock, hand) = Clock::manual(now);
        let store = Store::in_memory().await.map_err(|error| failed(&error))?;
        let app = Arc::new(App::new(Desk::over(market), store, clock));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let router = api::router(Arc::clone(&app));
        let mut answering = JoinSet::new();
        answering.spawn(async move {
            // It ends with the simulation; until then each request tells what is wrong.
            let _ = axum::serve(listener, router).await;
        });
        // Nothing is encrypted here, but no client is made without a provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().map_err(|error| failed(&error))?;
        let platform = key(&app, Role::Platform, None).await?;
        let mut tenants = Vec::with_capacity(world.holdings.len());
        for customer in 0..world.holdings.len() {
            tenants.push(key(&app, Role::Tenant, Some(name(customer))).await?);
        }
        let address = format!("http://{address}/api/v1/ml");
        Ok(Server { app, hand, client, address, answering, platform, tenants })
    }

    /// Moves the clock.
    pub(super) fn wait(&self, seconds: i64) {
        self.hand.advance(SignedDuration::from_secs(seconds));
    }

    /// What a server does beside requests every few seconds.
    pub(super) async fn look(&self) -> Result<(), Failure> {
        Ok(self.app.look_after_levels().await?)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Who::Platform, Method::GET, path, None).await
    }

    pub(super) async fn post(
        &self,
        who: Who,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.ask(who, Method::POST, path, body).await
    }

    async fn ask(
        &self,
        who: Who,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let key = match who {
            Who::Platform => Some(&self.platform),
            Who::Customer(customer) => self.tenants.get(customer),
        };
        let wrong = |what: String| Failure::Simulation(format!("{method} {path}: {what}"));
        let mut request = self
            .client
            .request(method.clone(), format!("{}/{path}", self.address))
            .header("authorization", format!("Bearer {}", key.map_or("", String::as_str)));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(|error| wrong(error.to_string()))?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|error| wrong(error.to_string()))?;
        if !status.is_success() {
            return Err(wrong(format!("{status} {}", String::from_utf8_lossy(&bytes))));
        }
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))
    }

    /// Ends it. What was kept was kept in memory, so nothing is to be put away.
    pub(super) async fn stop(mut self) {
        self.answering.shutdown().await;
    }
}

/// A customer's name; its number is found again by [`number`].
pub(super) fn name(customer: usize) -> String {
    format!("customer-{:03}", customer + 1)
}

/// The place of a customer in the world.
pub(super) fn number(name: &str) -> Option<usize> {
    name.strip_prefix("customer-")?.parse::<usize>().ok()?.checked_sub(1)
}

async fn key(app: &App, role: Role, customer_id: Option<String>) -> Result<String, Failure> {
    let label = customer_id.clone().unwrap_or_else(|| "platform".to_owned());
    let wanted = NewKey { label, role, customer_id, expires_at: None, expires_in_days: None };
    Ok(app.make_key(&wanted, &Caller::command_line()).await?.key)
}
