//! The HTTP interface: routes, problems, the API document and two pages.
//!
//! The only crate that knows a status code. Handlers translate and nothing more; what they ask for
//! is done in `app`.

mod access;
mod body;
mod document;
mod focus;
mod list;
mod pages;
mod problem;
mod rendering;
mod routes;
mod table;

use std::sync::Arc;

use app::App;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use tower_http::catch_panic::CatchPanicLayer;

use access::Door;

pub use document::openapi;
use routes::Takes;
pub use routes::{ROUTES, Route};

/// The largest body that is read: a snapshot of tens of thousands of pods.
pub const LARGEST_BODY: usize = 256 << 20;

/// The whole interface over an application.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let door = Door { app: Arc::clone(&app), right: route.right };
        let mut handler = (route.handler)().route_layer(from_fn_with_state(door, access::guard));
        if matches!(route.takes, Takes::Upload) {
            // Files go to the disk as they come, and have a limit of their own.
            handler = handler.layer(DefaultBodyLimit::disable());
        }
        router = router.route(route.path, handler);
    }
    router
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CatchPanicLayer::custom(problem::of_panic))
        .with_state(app)
}
