//! `cloudoptim serve`: the server, its start and its end.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use app::App;
use app::access::Caller;
use app::decide::Desk;
use app::fetch::PriceSources;
use app::predict::keeper::Keeper;
use app::predict::shadow::Shadows;
use app::stored_market::{PutBy, StoredMarket};
use clock::Clock;
use facts::names::Region;
use jiff::{SignedDuration, Timestamp};
use jobs::{Runner, RunnerConfig};
use market::{Market, MarketBuilder};
use store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cli::Serve;
use crate::exit::{Exit, Failure, words};
use crate::{demo, market_files};

pub(crate) fn run(arguments: &Serve) -> Result<Exit, Failure> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        // Colours are for people: in a file they are noise.
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("LOG_LEVEL")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Serve(format!("no threads: {error}")))?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: &Serve) -> Result<Exit, Failure> {
    let clock = Clock::system();
    let file = put_by(arguments);
    let reading = file.clone();
    let reading = tokio::task::spawn_blocking(move || PutBy::read(&reading?));
    let store = open_store(arguments).await?;
    let models = arguments.models.folder(&arguments.database.data)?;
    let sources =
        PriceSources { models: Some(models.clone()), ..arguments.aws.sources(&store, &clock)? };
    let found = reading.await.ok().flatten();
    let (market, followed) = market(arguments, &store, (file, found), clock.now()).await?;
    let app = App::new(Desk::over(market), store.clone(), clock);
    let app = app.with_cache(arguments.redis.cache()?);
    let (keeper, waiting) = Keeper::new();
    let (shadows, questions) = Shadows::new();
    let mut app = app
        .with_gap_settings(arguments.gaps.settings())
        .with_cluster_settings(arguments.clusters.settings())
        .with_learning_settings(arguments.learning.settings()?)
        .with_sender(arguments.notifications.sender()?)
        .with_public_address(arguments.public_url.as_deref())
        .with_keeper(keeper)
        .with_shadows(shadows);
    if !arguments.demo {
        app = app.with_model_folder(models);
    }
    let app = Arc::new(app);
    let swept = app.sweep_model_files().await?;
    if swept > 0 {
        tracing::info!(swept, "removed what uploads that were cut off had left");
    }
    app.reload_models().await?;
    let open = app.is_open().await?;
    if open && !arguments.host.is_loopback() {
        // Whoever can reach the port could do everything.
        let reason = "there are no access keys, so only an address of this machine is taken, such as \
                      127.0.0.1; `cloudoptim keys create --role admin --label NAME` makes the first key";
        return Err(Failure::Serve(reason.to_owned()));
    }
    let failed = |error: std::io::Error| {
        Failure::Serve(format!("cannot listen on {}:{}: {error}", arguments.host, arguments.port))
    };
    let listener = TcpListener::bind((arguments.host, arguments.port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    if arguments.demo {
        decide_demo(&app, app.clock().now()).await?;
    }
    see_to_settings(arguments, &app).await?;
    tell(arguments, address, open);
    let (stop, mut stopped) = watch::channel(false);
    let mut background = JoinSet::new();
    background.spawn(runner(arguments, sources, &app)?.run(stopped.clone()));
    background.spawn(Arc::clone(&app).ask_shadows(questions, stopped.clone()));
    background.spawn(see_to_public_prices(Arc::clone(&app), arguments.renewed()));
    if let Some(followed) = followed {
        let (app, stopped) = (Arc::clone(&app), stopped.clone());
        background.spawn(async move { app.follow_store(followed, stopped).await });
    }
    let works = [
        Background::Models,
        Background::Live,
        Background::Outcomes,
        Background::Notices,
        Background::Feedback,
    ];
    for work in works {
        background.spawn(work.run(Arc::clone(&app), stopped.clone()));
    }
    // Predictions of requests that are answered while the server stops are kept too.
    let (last, last_words) = watch::channel(false);
    let mut keeping = JoinSet::new();
    keeping.spawn(waiting.write(store.clone(), last_words));
    background.spawn(async move {
        asked_to_stop().await;
        let _ = stop.send(true);
    });
    let stopped = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    axum::serve(listener, api::router(Arc::clone(&app)))
        .with_graceful_shutdown(stopped)
        .await
        .map_err(|error| Failure::Serve(error.to_string()))?;
    // Jobs are handed back before the process ends.
    while background.join_next().await.is_some() {}
    let _ = last.send(true);
    while keeping.join_next().await.is_some() {}
    drop(app);
    store.close().await;
    tracing::info!("stopped");
    Ok(Exit::Success)
}

/// Has the store know what the settings ask for: what is forgotten, renewed, scanned, watched and told.
async fn see_to_settings(arguments: &Serve, app: &Arc<App>) -> Result<(), Failure> {
    app.keep_spot_prices_for(arguments.price_retention_days).await?;
    app.keep_predictions_for(arguments.prediction_retention_days).await?;
    app.see_to_auto_refresh(&arguments.refresh.wanted()).await?;
    app.see_to_scans(!arguments.clusters.no_scans).await?;
    app.see_to_watching().await?;
    let core_platform = &arguments.notifications;
    let (url, secret) =
        (&core_platform.core_platform_url, &core_platform.core_platform_webhook_secret);
    app.see_to_core_platform(url.as_deref(), secret.as_deref()).await.map_err(|error| {
        let settings = "CORE_PLATFORM_URL with CORE_PLATFORM_WEBHOOK_SECRET";
        Failure::Serve(format!("{settings}: {}", words(&error)))
    })?;
    if arguments.demo && !arguments.clusters.no_scans {
        // Whoever looks around does not wait for the quarter of an hour.
        app.plan_scans().await?;
    }
    Ok(())
}

/// What goes on beside requests.
#[derive(Clone, Copy)]
enum Background {
    /// Models that other servers activate.
    Models,
    /// Predictions for those who watch.
    Live,
    /// What became of predictions.
    Outcomes,
    /// Notices for whoever wants to hear of what happens.
    Notices,
    /// What interruptions teach.
    Feedback,
}

impl Background {
    async fn run(self, app: Arc<App>, stop: watch::Receiver<bool>) {
        match self {
            Background::Models => app.follow_models(stop).await,
            Background::Live => app.follow_live(stop).await,
            Background::Outcomes => app.watch_predictions(stop).await,
            Background::Notices => app.deliver_notices(stop).await,
            Background::Feedback => app.follow_feedback(stop).await,
        }
    }
}

fn runner(arguments: &Serve, sources: PriceSources, app: &Arc<App>) -> Result<Runner, Failure> {
    let lease = SignedDuration::try_from_secs_f64(arguments.job_lease)
        .ok()
        .filter(|lease| *lease >= SignedDuration::from_millis(100))
        .ok_or_else(|| Failure::Serve("--job-lease: expected at least 0.1 seconds".to_owned()))?;
    let poll = Duration::from_secs(1).min(lease.unsigned_abs() / 4);
    let (store, clock) = (sources.store.clone(), sources.clock.clone());
    let started = clock.now().as_microsecond();
    let config = RunnerConfig {
        lease,
        poll,
        told: app::work::told,
        // Two servers of one database, also in containers that count processes alike.
        ..RunnerConfig::new(format!("{}-{started}", std::process::id()))
    };
    let work = app::work::work_with(sources, Some(Arc::clone(app)));
    Ok(Runner::new(store, clock, config, app::work::all_kinds(), work))
}

impl Serve {
    /// The regions whose On-Demand prices are renewed; `None` where nothing is to be.
    fn renewed(&self) -> Option<Vec<Region>> {
        (!self.no_fetch && !self.demo).then(|| vec![self.aws.aws_region.clone()])
    }
}

/// Has public prices fetched where there are none, and renewed, or not.
async fn see_to_public_prices(app: Arc<App>, regions: Option<Vec<Region>>) {
    let done = match regions {
        Some(regions) => app.fetch_public_prices(&regions).await,
        None => app.keep_public_prices().await,
    };
    if let Err(error) = done {
        tracing::warn!(%error, "public prices are not renewed");
    }
}

/// The market that decisions are made on, and what lets it follow the store: files that are named
/// stand for themselves.
async fn market(
    arguments: &Serve,
    store: &Store,
    (file, found): (Option<PathBuf>, Option<PutBy>),
    now: Timestamp,
) -> Result<(Arc<Market>, Option<StoredMarket>), Failure> {
    if arguments.demo {
        return Ok((Arc::new(demo_market(now)), None));
    }
    if !arguments.market.is_empty() {
        return Ok((Arc::new(market_files::market(&arguments.market, now)?), None));
    }
    let stored = StoredMarket::open(store, file, found, now)
        .await
        .map_err(|error| Failure::Database(error.to_string()))?;
    Ok((Arc::clone(stored.market()), Some(stored)))
}

/// The file in which the market is put by; without a folder that can be written the next start takes
/// longer, and that is all. `None` where decisions do not follow the store.
fn put_by(arguments: &Serve) -> Option<PathBuf> {
    if arguments.demo || !arguments.market.is_empty() {
        return None;
    }
    let data = &arguments.database.data;
    match std::fs::create_dir_all(data) {
        Ok(()) => Some(data.join("market.bin")),
        Err(error) => {
            tracing::warn!(folder = %data.display(), %error, "the market is not put by");
            None
        }
    }
}

/// The bundled tables with made-up spot prices on top.
fn demo_market(now: Timestamp) -> Market {
    let made_up = demo::market_file(&market::bundled(), now);
    let mut builder = MarketBuilder::new();
    for file in market::bundled_files().into_iter().chain(made_up) {
        builder.add(file);
    }
    builder.build()
}

async fn open_store(arguments: &Serve) -> Result<Store, Failure> {
    if arguments.demo {
        return Store::in_memory().await.map_err(|error| Failure::Database(error.to_string()));
    }
    arguments.database.open().await
}

/// Keeps the made-up snapshot as any other, and decides on it.
async fn decide_demo(app: &Arc<App>, now: Timestamp) -> Result<(), Failure> {
    let state = demo::state(now);
    let body = state.to_string().into_bytes();
    let kept = app.keep_snapshot(demo::CLUSTER, body, &Caller::development()).await;
    kept.map_err(|error| Failure::Serve(format!("the demo failed: {error}")))?;
    for (decision, request) in demo::requests(&state) {
        let body = request.to_string().into_bytes();
        match app.answer(Some(decision), body, &Caller::development()).await {
            Ok(_) => {}
            Err(app::Error::NotFound(_)) => {}
            Err(error) => return Err(Failure::Serve(format!("the demo failed: {error}"))),
        }
    }
    Ok(())
}

fn tell(arguments: &Serve, address: SocketAddr, open: bool) {
    eprintln!("CloudOptim ML Server answers on http://{address}");
    eprintln!("  decisions   http://{address}/");
    eprintln!("  API         http://{address}/api");
    if arguments.demo {
        eprintln!("  demo: cluster `{}` is made up, and so are its decisions", demo::CLUSTER);
    } else {
        eprintln!("  database    {}", arguments.database.shown());
    }
    if open {
        eprintln!(
            "  DEVELOPMENT MODE: there are no access keys, so everybody on this machine can do"
        );
        eprintln!("  everything; `cloudoptim keys create --role admin --label NAME` ends it");
        tracing::warn!("development mode: no access keys, every call is let in");
    }
}

/// Ends when the process is asked to, by a terminal or by what runs it.
async fn asked_to_stop() {
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut asked) => {
                asked.recv().await;
            }
            // Without the signal there is only the terminal.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
    tracing::info!("asked to stop; requests in flight are answered, jobs are handed back");
}
