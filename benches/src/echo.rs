//! The yardstick: a bare axum server that reads a body and answers with as many bytes as it is
//! asked for. What it costs is what HTTP costs on this machine.

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let router = Router::new().route("/{size}", post(answer));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    eprintln!("echo answers on http://{}", listener.local_addr()?);
    axum::serve(listener, router).await
}

async fn answer(Path(size): Path<usize>, body: Bytes) -> impl IntoResponse {
    let filler = body.first().copied().unwrap_or(b' ');
    ([(header::CONTENT_TYPE, "application/json")], vec![filler; size.min(1 << 26)])
}
