//! `cloudoptim serve`: the server, its start and its end.

use std::net::SocketAddr;
use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::decide::Desk;
use clock::Clock;
use jiff::Timestamp;
use market::{Market, MarketBuilder};
use store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Serve;
use crate::exit::{Exit, Failure};
use crate::{demo, market_files};

pub(crate) fn run(arguments: &Serve) -> Result<Exit, Failure> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
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
    let market = if arguments.demo {
        demo_market(clock.now())
    } else {
        market_files::market(&arguments.market, clock.now())?
    };
    let store = open_store(arguments).await?;
    let app = Arc::new(App::new(Desk::new(market), store, clock));
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
        decide_demo(&app).await?;
    }
    tell(arguments, address, open);
    let router = api::router(Arc::clone(&app));
    axum::serve(listener, router)
        .with_graceful_shutdown(asked_to_stop())
        .await
        .map_err(|error| Failure::Serve(error.to_string()))?;
    tracing::info!("stopped");
    Ok(Exit::Success)
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

async fn decide_demo(app: &Arc<App>) -> Result<(), Failure> {
    for (decision, request) in demo::requests() {
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
    tracing::info!("asked to stop; requests in flight are answered first");
}
