//! The stream of predictions over both of its ways.

use std::collections::VecDeque;

use app::access::{Caller, NewKey, Role};
use app::predict::keeper::Keeper;
use futures_util::StreamExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use super::*;

/// Where these servers are said to be.
pub(crate) const PUBLIC: &str = "https://ml.example.com/";

const STREAM: &str = "/api/v1/ml/predictions/live";

/// A server that keeps predictions and tells of them.
pub(crate) struct Lively {
    app: Arc<App>,
    pub(crate) router: Router,
    stop: watch::Sender<bool>,
    background: JoinSet<()>,
}

impl Lively {
    pub(crate) async fn new() -> Lively {
        let now = "2026-08-01T00:00:00Z".parse().unwrap();
        let store = Store::in_memory().await.unwrap();
        let (keeper, waiting) = Keeper::new();
        let app = App::new(Desk::new(market::bundled()), store.clone(), Clock::fixed(now));
        let app = Arc::new(app.with_keeper(keeper).with_public_address(Some(PUBLIC)));
        let (stop, stopped) = watch::channel(false);
        let mut background = JoinSet::new();
        background.spawn(waiting.write(store, stopped.clone()));
        let followed = Arc::clone(&app);
        background.spawn(async move { followed.follow_live(stopped).await });
        Lively { router: api::router(Arc::clone(&app)), app, stop, background }
    }

    /// Asks for so many predictions, with a key or without, and waits until they are kept.
    async fn predict(&self, key: Option<&str>, count: usize) {
        let before = self.app.store().last_prediction().await.unwrap();
        let pool = json!({ "instance_type": "m5.large", "region": "us-east-1" });
        let body = json!({ "pools": vec![pool; count] }).to_string();
        let mut request = Request::post("/api/v1/ml/predict/spot-interruption")
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        let answer = ask(&self.router, request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        while self.app.store().last_prediction().await.unwrap() < before + count as u64 {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn key(&self, role: Role, customer: Option<&str>) -> String {
        let wanted = NewKey {
            label: "test".to_owned(),
            role,
            customer_id: customer.map(str::to_owned),
            expires_at: None,
            expires_in_days: None,
        };
        self.app.make_key(&wanted, &Caller::command_line()).await.unwrap().key
    }

    pub(crate) async fn events(&self, path: &str, header: (&str, &str)) -> Events {
        let request = Request::get(path).header(header.0, header.1).body(Body::empty()).unwrap();
        let answer = ask(&self.router, request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Events { body: answer.into_body(), text: String::new(), ready: VecDeque::new() }
    }

    pub(crate) async fn end(self) {
        self.stop.send(true).unwrap();
        self.background.join_all().await;
    }
}

/// Server-sent events as they come: the id, and the frame.
pub(crate) struct Events {
    body: Body,
    text: String,
    ready: VecDeque<(Option<u64>, Value)>,
}

impl Events {
    pub(crate) async fn next(&mut self) -> Option<(Option<u64>, Value)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let frame = self.body.frame().await?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned))
                };
                let id = field("id: ").map(|id| id.parse().unwrap());
                let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                self.ready.push_back((id, data));
                self.text = rest.to_owned();
            }
        }
    }

    /// The next predictions by their numbers.
    async fn sequences(&mut self, count: usize) -> Vec<u64> {
        let mut found = Vec::new();
        while found.len() < count {
            let (id, frame) = self.next().await.unwrap();
            assert_eq!(frame["type"], "prediction", "{frame}");
            assert_eq!(frame["sequence"].as_u64(), id);
            found.extend(id);
        }
        found
    }
}

pub(crate) const NO_HEADER: (&str, &str) = ("accept", "text/event-stream");

#[tokio::test]
async fn a_reader_gets_what_comes_and_takes_up_where_it_was() {
    let server = Lively::new().await;
    server.predict(None, 3).await;
    let mut live = server.events(STREAM, NO_HEADER).await;
    let (id, hello) = live.next().await.unwrap();
    assert_eq!((id, &hello["type"], &hello["sequence"]), (None, &json!("hello"), &json!(3)));
    server.predict(None, 2).await;
    assert_eq!(live.sequences(2).await, [4, 5]);

    // From a place on, by the query or as browsers do it; what comes meanwhile follows.
    let after = format!("{STREAM}?after=1");
    let mut by_query = server.events(&after, NO_HEADER).await;
    let mut by_header = server.events("/api/v1/ml/stream", ("last-event-id", "1")).await;
    server.predict(None, 1).await;
    for events in [&mut by_query, &mut by_header] {
        let (_, hello) = events.next().await.unwrap();
        assert_eq!((&hello["sequence"], &hello["newest"]), (&json!(1), &json!(5)));
        assert_eq!(events.sequences(5).await, [2, 3, 4, 5, 6]);
    }
    // Of what lies ahead nothing is known: it begins now.
    let mut ahead = server.events(&format!("{STREAM}?after=1000"), NO_HEADER).await;
    assert_eq!(ahead.next().await.unwrap().1["sequence"], 6);
    let wrong = get(&server.router, &format!("{STREAM}?after=x")).await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);

    assert_eq!(live.sequences(1).await, [6]);
    server.end().await;
    assert!(live.next().await.is_none(), "the stream ends with the server");
}

#[tokio::test]
async fn a_stream_ends_with_its_key() {
    let server = Lively::new().await;
    let mut keyless = server.events(STREAM, NO_HEADER).await;
    assert_eq!(keyless.next().await.unwrap().1["type"], "hello");
    let admin = server.key(Role::Admin, None).await;
    let viewer = server.key(Role::Viewer, None).await;
    let mut live = server.events(STREAM, ("x-api-key", &viewer)).await;
    assert_eq!(live.next().await.unwrap().1["type"], "hello");
    server.predict(Some(&admin), 1).await;
    assert_eq!(live.sequences(1).await, [1]);
    assert!(keyless.next().await.is_none(), "from the first key on everybody needs one");
    let (shown, _) = viewer.rsplit_once('_').unwrap();
    server.app.revoke_key(shown, &Caller::command_line()).await.unwrap();
    server.predict(Some(&admin), 1).await;
    assert!(live.next().await.is_none(), "what comes now is not for it");
    server.end().await;
}

#[tokio::test]
async fn a_slow_reader_is_told_exactly_what_it_missed() {
    let server = Lively::new().await;
    let mut slow = server.events(STREAM, NO_HEADER).await;
    assert_eq!(slow.next().await.unwrap().1["type"], "hello");
    let mut quick = server.events(STREAM, NO_HEADER).await;
    quick.next().await.unwrap();
    for _ in 0..3 {
        server.predict(None, 2_000).await;
        quick.sequences(2_000).await;
    }
    let mut next = 1;
    let mut missed = 0;
    while next <= 6_000 {
        let (id, frame) = slow.next().await.unwrap();
        match id {
            Some(id) => {
                assert_eq!(id, next, "nothing is passed over in silence");
                next += 1;
            }
            None => {
                assert_eq!((&frame["type"], &frame["from"]), (&json!("missed"), &json!(next)));
                let to = frame["to"].as_u64().unwrap();
                missed += to + 1 - next;
                next = to + 1;
            }
        }
    }
    assert!(missed > 0, "4,096 wait at the most");
    server.end().await;
}

#[tokio::test]
async fn a_tenant_hears_of_its_own_predictions_alone() {
    let server = Lively::new().await;
    let admin = server.key(Role::Admin, None).await;
    let acme = server.key(Role::Tenant, Some("acme")).await;
    let other = server.key(Role::Tenant, Some("other")).await;
    let stranger = get(&server.router, STREAM).await;
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    let mut live = server.events(STREAM, ("x-api-key", &acme)).await;
    live.next().await.unwrap();
    for key in [&other, &acme, &admin, &acme] {
        server.predict(Some(key), 1).await;
    }
    assert_eq!(live.sequences(2).await, [2, 4]);
    let again = format!("{STREAM}?after=0");
    let mut replayed = server.events(&again, ("x-api-key", &acme)).await;
    replayed.next().await.unwrap();
    assert_eq!(replayed.sequences(2).await, [2, 4], "as it was when it was live");
    let mut all = server.events(&again, ("x-api-key", &admin)).await;
    all.next().await.unwrap();
    assert_eq!(all.sequences(4).await, [1, 2, 3, 4]);
    let history = Request::get("/api/v1/ml/predictions/history").header("x-api-key", &other);
    let history = ask(&server.router, history.body(Body::empty()).unwrap()).await;
    assert_eq!(history.headers()["x-total-count"], "1");
    server.end().await;
}

#[tokio::test]
async fn websockets_carry_the_same_frames() {
    let server = Lively::new().await;
    server.predict(None, 2).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(axum::serve(listener, server.router.clone()).into_future());
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}{STREAM}?after=1");
    let (mut socket, _) = client_async(url, stream).await.unwrap();
    server.predict(None, 1).await;
    let mut frames = Vec::new();
    while frames.len() < 3 {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => frames.push(serde_json::from_str::<Value>(&text).unwrap()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((&frames[0]["type"], &frames[0]["sequence"]), (&json!("hello"), &json!(1)));
    let mut events = server.events(&format!("{STREAM}?after=1"), NO_HEADER).await;
    events.next().await.unwrap();
    assert_eq!(frames[1], events.next().await.unwrap().1);
    assert_eq!((&frames[1]["sequence"], &frames[2]["sequence"]), (&json!(2), &json!(3)));
    assert_eq!(frames[1]["instance_type"], "m5.large");
    server.end().await;
    let last = socket.next().await.unwrap().unwrap();
    assert!(matches!(last, Message::Close(_)), "{last:?}");
}
