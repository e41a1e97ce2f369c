//! Jobs that fetch prices: counts, faults, words, cancellation and resumption.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use app::App;
use app::decide::Desk;
use app::fetch::{DataType, FetchRequest, FetchStatus, PriceSources};
use app::models::folder::ModelFolder;
use aws::{Aws, AwsConfig, Keys, Secret};
use clock::Clock;
use jiff::{SignedDuration, Timestamp};
use jobs::{Runner, RunnerConfig};
use store::{PriceFilter, Store};
use testkit::{ACCESS_KEY_ID, FakeAws, Fault, Rule, SECRET_ACCESS_KEY, World, generated};
use tokio::sync::watch;

/// Ten pools with eight days of prices that end now.
pub(crate) fn world() -> World {
    let now = Clock::system().now();
    generated(&"us-east-1".parse().unwrap(), 10, 8, now, 7)
}

pub(crate) struct Place {
    pub(crate) app: Arc<App>,
    pub(crate) fake: FakeAws,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) running: tokio::task::JoinHandle<()>,
}

impl Place {
    pub(crate) async fn new(world: World, rules: &[Rule], keys: Keys) -> Place {
        Place::at(world, rules, keys, Clock::system()).await
    }

    /// A place where it is always the same time.
    pub(crate) async fn at(world: World, rules: &[Rule], keys: Keys, clock: Clock) -> Place {
        let place = Place::over(Store::in_memory().await.unwrap(), world, keys, clock);
        rules.iter().for_each(|rule| place.fake.script(rule.clone()));
        place
    }

    /// A place whose store holds something already.
    pub(crate) fn over(store: Store, world: World, keys: Keys, clock: Clock) -> Place {
        let fake = FakeAws::start(world).unwrap();
        let app = App::new(Desk::new(market::bundled()), store.clone(), clock.clone());
        let app = app.with_model_folder(model_folder());
        let (stop, running) = start(&fake, &store, keys, clock);
        Place { app: Arc::new(app), fake, stop, running }
    }

    pub(crate) async fn ask(&self, request: &FetchRequest) -> String {
        self.app.start_fetch(request, None, "test").await.unwrap().task_id
    }

    /// How a job ended.
    pub(crate) async fn end(&self, task_id: &str) -> FetchStatus {
        self.when(task_id, |status| status.completed_at.is_some()).await
    }

    async fn when(&self, task_id: &str, wish: impl Fn(&FetchStatus) -> bool) -> FetchStatus {
        for _ in 0..3000 {
            let status = self.app.fetch_status(task_id).await.unwrap();
            if wish(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.app.fetch_status(task_id).await);
    }

    async fn log(&self, task_id: &str) -> Vec<String> {
        let lines = self.app.fetch_log(task_id, 0, 1000).await.unwrap();
        lines.into_iter().map(|line| line.message).collect()
    }

    pub(crate) async fn stored(&self) -> u64 {
        self.app.price_stats().await.unwrap().spot_prices_count
    }

    pub(crate) async fn stop(self) -> Arc<App> {
        self.stop.send(true).unwrap();
        self.running.await.unwrap();
        self.app
    }
}

/// One folder for the models of all places: files go by digest.
fn model_folder() -> ModelFolder {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("models-of-places");
    ModelFolder::new(&path, crate::registry::LARGEST)
}

/// Sources that nobody asks.
pub(crate) fn sources(store: &Store, clock: &Clock) -> PriceSources {
    PriceSources {
        store: store.clone(),
        aws: Aws::new(AwsConfig::at("http://127.0.0.1:9"), clock.clone()).unwrap(),
        clock: clock.clone(),
        lanes: 1,
        models: None,
    }
}

#[allow(clippy::disallowed_methods, reason = "the handle is kept and awaited")]
pub(crate) fn start(
    fake: &FakeAws,
    store: &Store,
    keys: Keys,
    clock: Clock,
) -> (watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let config = AwsConfig {
        keys,
        attempts: 2,
        backoff: Duration::from_millis(5),
        slowdown: Duration::from_millis(5),
        ..AwsConfig::at(&fake.url())
    };
    let aws = Aws::new(config, clock.clone()).unwrap();
    let sources = PriceSources {
        store: store.clone(),
        aws,
        clock: clock.clone(),
        lanes: 3,
        models: Some(model_folder()),
    };
    let config = RunnerConfig {
        lease: SignedDuration::from_secs(1),
        poll: Duration::from_millis(10),
        ..RunnerConfig::new("test".to_owned())
    };
    let kinds = app::work::KINDS.to_vec();
    let runner = Runner::new(store.clone(), clock, config, kinds, app::work::work(sources));
    let (stop, stopped) = watch::channel(false);
    (stop, tokio::spawn(runner.run(stopped)))
}

pub(crate) fn keys() -> Keys {
    Keys::Fixed {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: Secret::new(SECRET_ACCESS_KEY),
        session_token: None,
    }
}

pub(crate) fn request(data_type: DataType, regions: &[&str]) -> FetchRequest {
    FetchRequest {
        data_type,
        instance_types: Vec::new(),
        regions: regions.iter().map(|name| (*name).to_owned()).collect(),
        start_date: None,
        end_date: None,
        products: Vec::new(),
    }
}

fn spot() -> FetchRequest {
    FetchRequest {
        start_date: Some((Clock::system().now() - SignedDuration::from_hours(240)).to_string()),
        ..request(DataType::SpotPrices, &["us-east-1"])
    }
}

#[tokio::test]
async fn every_price_is_kept_once_and_counted() {
    let place = Place::new(world(), &[], keys()).await;
    let prices = place.fake.world().spot.len() as u64;
    let first = place.ask(&spot()).await;
    let status = place.end(&first).await;
    assert_eq!((status.status, status.records_inserted), ("completed", prices), "{status:?}");
    assert_eq!(place.stored().await, prices);
    assert_eq!(status.percent_complete, 100.0);
    assert_eq!(status.units_total, Some(11));
    // The price in force at the start of each day comes again with the day.
    assert!(status.records_fetched > prices);
    assert_eq!(place.log(&first).await.len(), 11);

    let again = place.ask(&spot()).await;
    assert_ne!(first, again);
    assert_eq!(place.end(&again).await.records_inserted, 0);
    let list = place.app.fetches(10, 0).await.unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0].task_id, again);
    place.stop().await;
}

#[tokio::test]
async fn types_and_pages_are_followed() {
    let mut world = world();
    // One day with three pages.
    let model = world.spot[0].clone();
    let noon: Timestamp = world.now - SignedDuration::from_hours(30);
    for second in 0..2500 {
        let at = noon + SignedDuration::from_secs(second);
        world.spot.push(testkit::SpotPrice { at, ..model.clone() });
    }
    let wanted = model.instance_type.to_string();
    let expected = world.spot.iter().filter(|row| *row.instance_type == *wanted).count() as u64;
    let place = Place::new(world, &[], keys()).await;
    let pattern = format!("{}*", &wanted[..wanted.len() - 1]);
    let task = place.ask(&FetchRequest { instance_types: vec![pattern], ..spot() }).await;
    let status = place.end(&task).await;
    assert_eq!((status.status, status.records_inserted), ("completed", expected), "{status:?}");
    let filter = PriceFilter {
        instance_type: wanted,
        region: "us-east-1".to_owned(),
        zone: None,
        product: None,
        from: Timestamp::UNIX_EPOCH,
        until: Clock::system().now(),
        limit: 100_000,
    };
    let rows = place.app.spot_prices(&filter, None).await.unwrap();
    assert_eq!(rows.len() as u64, expected);
    place.stop().await;
}

#[tokio::test]
async fn faults_are_lived_through_and_poison_is_set_apart() {
    let operation = "DescribeSpotPriceHistory";
    let rules = [
        Rule::at(operation, 2..=2, Fault::Poison),
        Rule::at(operation, 4..=5, Fault::Reset),
        Rule::at(operation, 7..=7, Fault::Truncated),
        Rule::at(operation, 9..=9, Fault::EmptyPage),
        // More than one question is patient: the job comes back after what AWS asked for.
        Rule::at(operation, 11..=18, Fault::Throttle(Some(0))),
    ];
    let place = Place::new(world(), &rules, keys()).await;
    let prices = place.fake.world().spot.len() as u64;
    let task = place.ask(&spot()).await;
    let status = place.end(&task).await;
    assert_eq!((status.status, status.records_inserted), ("completed", prices), "{status:?}");
    assert_eq!(status.records_quarantined, testkit::POISONED_ROWS);
    let set_apart = place.app.store().quarantined("spot_prices", 100).await.unwrap();
    assert_eq!(set_apart.len() as u64, testkit::POISONED_ROWS);
    place.stop().await;
}

#[tokio::test]
async fn what_cannot_be_had_is_said_in_plain_words() {
    let operation = "DescribeSpotPriceHistory";
    let check = async |rule: Option<Rule>, keys: Keys, part: &str| {
        let rules: Vec<Rule> = rule.into_iter().collect();
        let place = Place::new(world(), &rules, keys).await;
        let task = place.ask(&spot()).await;
        let status = place.end(&task).await;
        assert_eq!(status.status, "failed");
        let why = status.error_message.unwrap();
        assert!(why.contains(part) && why.contains("us-east-1"), "{why}");
        place.stop().await;
    };
    check(None, Keys::None, "needs AWS credentials").await;
    let denied = Fault::Status(403, "UnauthorizedOperation".to_owned());
    check(Some(Rule::always(operation, denied)), keys(), "is not allowed").await;
    let skewed = Rule::always(operation, Fault::SkewedClock(3600));
    check(Some(skewed), keys(), "clock is").await;
}

#[tokio::test]
async fn a_job_is_called_off_while_aws_keeps_silent() {
    let silent = Rule::at("DescribeSpotPriceHistory", 4..=u64::MAX, Fault::Hang);
    let place = Place::new(world(), &[silent], keys()).await;
    let task = place.ask(&spot()).await;
    place.when(&task, |status| status.records_inserted > 0).await;
    place.app.cancel_fetch(&task, &app::access::Caller::command_line()).await.unwrap();
    let status = place.end(&task).await;
    assert_eq!(status.status, "cancelled");
    assert_eq!(status.records_inserted, place.stored().await);
    place.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_hands_its_job_to_the_next() {
    let slow = Rule::always("DescribeSpotPriceHistory", Fault::Slow(Duration::from_millis(4)));
    let place = Place::new(world(), &[slow], keys()).await;
    let prices = place.fake.world().spot.len() as u64;
    let task = place.ask(&spot()).await;
    place.when(&task, |status| status.records_inserted > 0).await;
    place.stop.send(true).unwrap();
    let (stop, running) = start(&place.fake, place.app.store(), keys(), Clock::system());
    let place = Place { stop, running, ..place };
    let status = place.end(&task).await;
    assert_eq!((status.status, status.records_inserted), ("completed", prices), "{status:?}");
    place.stop().await;
}

#[tokio::test]
async fn public_files_need_no_credentials() {
    let place = Place::new(world(), &[], Keys::None).await;
    let advisor = place.ask(&request(DataType::SpotAdvisor, &[])).await;
    let list = place.ask(&request(DataType::OnDemandPrices, &["us-east-1"])).await;
    let status = place.end(&advisor).await;
    assert_eq!((status.status, status.records_inserted), ("completed", 10), "{status:?}");
    let status = place.end(&list).await;
    assert_eq!(status.status, "completed", "{status:?}");
    let stats = place.app.price_stats().await.unwrap();
    assert_eq!(stats.spot_advisor_count, 10);
    assert_eq!(stats.on_demand_prices_count, status.records_inserted);
    assert!(status.records_inserted > 0);
    let elsewhere = request(DataType::OnDemandPrices, &["us-east-1", "eu-west-3"]);
    let task = place.ask(&elsewhere).await;
    let status = place.end(&task).await;
    let why = status.error_message.unwrap();
    assert!(why.contains("eu-west-3") && !why.contains("us-east-1"), "{why}");
    place.stop().await;
}

#[tokio::test]
async fn requests_are_checked_and_made_once() {
    let place = Place::new(world(), &[], keys()).await;
    let check = async |request: FetchRequest, pointer: &str| {
        let Err(app::Error::Invalid(fields)) = place.app.start_fetch(&request, None, "test").await
        else {
            panic!("{request:?} was taken");
        };
        assert!(fields.iter().any(|field| field.pointer == pointer), "{fields:?}");
    };
    check(request(DataType::SpotPrices, &[]), "/regions").await;
    check(request(DataType::SpotPrices, &["moon"]), "/regions/0").await;
    let text = |text: &str| Some(text.to_owned());
    check(FetchRequest { start_date: text("yesterday"), ..spot() }, "/start_date").await;
    check(FetchRequest { end_date: text("2020-01-01"), ..spot() }, "/start_date").await;
    check(FetchRequest { products: vec!["Plan 9".to_owned()], ..spot() }, "/products/0").await;
    check(FetchRequest { instance_types: vec!["M5;".to_owned()], ..spot() }, "/instance_types/0")
        .await;

    let old = FetchRequest { start_date: text("2020-01-01"), ..spot() };
    let started = place.app.start_fetch(&old, Some("key"), "test").await.unwrap();
    assert!(started.notes[0].contains("stays missing"), "{:?}", started.notes);
    assert!(started.estimated_records.unwrap() > 1000);
    let again = place.app.start_fetch(&old, Some("key"), "test").await.unwrap();
    assert_eq!((again.known, &again.task_id), (true, &started.task_id));
    let other = place.app.start_fetch(&spot(), Some("key"), "test").await;
    assert!(matches!(other, Err(app::Error::Conflict(_))));
    let missing = place.app.fetch_status("nonsense").await;
    assert!(matches!(missing, Err(app::Error::NotFound(_))));
    place.stop().await;
}
