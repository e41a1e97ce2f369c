//! Jobs end, go on after a loss, hear that they are called off, and are made by schedules.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use jiff::SignedDuration;
use jobs::{JobFailure, Runner, RunnerConfig, Running};
use store::{AuditRow, JobFilter, JobRow, JobState, NewJob, ScheduleRow, Store, Uuid};
use tokio::sync::watch;

fn note() -> AuditRow {
    AuditRow {
        happened_at: Clock::system().now(),
        actor: "test".to_owned(),
        action: "test".to_owned(),
        subject: String::new(),
        detail: serde_json::json!({}),
    }
}

fn job(number: u128) -> NewJob {
    NewJob {
        job_id: Uuid::from_u128(number),
        kind: "count".to_owned(),
        dedupe_key: None,
        payload: serde_json::json!({"to": 5}),
        priority: 0,
        max_attempts: 3,
        run_at: Clock::system().now(),
        all_units: Some(5),
        created_by: "test".to_owned(),
    }
}

/// What happens before a step is taken.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    /// The first try fails before step 2.
    Stumble,
    /// The first try hangs before step 2 and shows no more sign of life.
    Hang,
    /// It waits until somebody calls it off.
    Wait,
}

/// Counts up to what the payload says, one step at a time, from where the last try ended.
async fn count(store: Store, running: Running, before: Before) -> Result<(), JobFailure> {
    let to = running.payload::<serde_json::Value>()?["to"].as_u64().unwrap();
    let from: u64 = running.cursor()?.unwrap_or(0);
    for step in from..to {
        let first = step == 2 && running.job().attempts == 1;
        match before {
            Before::Stumble if first => {
                let soon = Some(SignedDuration::from_millis(5));
                return Err(JobFailure::Later("stumbled".to_owned(), soon));
            }
            Before::Hang if first => std::future::pending().await,
            Before::Wait => loop {
                running.go_on()?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            },
            _ => running.go_on()?,
        }
        running.log(&format!("step {step}")).await?;
        let progress = running.step(&(step + 1), step + 1, Some(to))?;
        store.advance_job(&progress, 1).await?;
    }
    Ok(())
}

struct Server {
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl Server {
    #[allow(clippy::disallowed_methods, reason = "the handle is kept and awaited")]
    fn start(store: &Store, name: &str, before: Before) -> Server {
        let config = RunnerConfig {
            lease: SignedDuration::from_millis(300),
            poll: Duration::from_millis(10),
            ..RunnerConfig::new(name.to_owned())
        };
        let kept = store.clone();
        let work = move |running| -> jobs::Try { Box::pin(count(kept.clone(), running, before)) };
        let runner =
            Runner::new(store.clone(), Clock::system(), config, vec!["count"], Arc::new(work));
        let (stop, stopped) = watch::channel(false);
        Server { stop, running: tokio::spawn(runner.run(stopped)) }
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.running.await.unwrap();
    }
}

/// The job once it satisfies a wish; gives up after a while.
async fn when(store: &Store, number: u128, wish: impl Fn(&JobRow) -> bool) -> JobRow {
    for _ in 0..1000 {
        if let Some(job) = store.job(Uuid::from_u128(number)).await.unwrap()
            && wish(&job)
        {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the job never got there: {:?}", store.job(Uuid::from_u128(number)).await);
}

#[tokio::test]
async fn a_job_runs_to_its_end_and_logs() {
    let store = Store::in_memory().await.unwrap();
    store.add_job(&job(1), Clock::system().now()).await.unwrap().unwrap();
    let server = Server::start(&store, "a", Before::Nothing);
    let done = when(&store, 1, |job| job.state.is_over()).await;
    assert_eq!((done.state, done.done_units, done.row_count), (JobState::Completed, 5, 5));
    assert_eq!(store.job_log(done.job_id, 0, 100).await.unwrap().len(), 5);
    server.stop().await;
}

#[tokio::test]
async fn a_try_that_failed_goes_on_where_it_ended() {
    let store = Store::in_memory().await.unwrap();
    store.add_job(&job(1), Clock::system().now()).await.unwrap().unwrap();
    let server = Server::start(&store, "a", Before::Stumble);
    let done = when(&store, 1, |job| job.state.is_over()).await;
    // Five steps in two tries: none is taken twice.
    assert_eq!((done.state, done.fence, done.row_count), (JobState::Completed, 2, 5));
    server.stop().await;
}

#[tokio::test]
async fn a_lost_workers_job_goes_on_elsewhere() {
    let store = Store::in_memory().await.unwrap();
    store.add_job(&job(1), Clock::system().now()).await.unwrap().unwrap();
    let lost = Server::start(&store, "lost", Before::Hang);
    when(&store, 1, |job| job.done_units == 2).await;
    // As a kill would end it: no word to anybody.
    lost.running.abort();
    let server = Server::start(&store, "b", Before::Nothing);
    let done = when(&store, 1, |job| job.state.is_over()).await;
    assert_eq!((done.state, done.fence, done.row_count), (JobState::Completed, 2, 5));
    server.stop().await;
}

#[tokio::test]
async fn a_job_that_is_called_off_ends() {
    let store = Store::in_memory().await.unwrap();
    store.add_job(&job(1), Clock::system().now()).await.unwrap().unwrap();
    let server = Server::start(&store, "a", Before::Wait);
    when(&store, 1, |job| job.state == JobState::Running).await;
    assert!(store.cancel_job(Uuid::from_u128(1), &note()).await.unwrap());
    let done = when(&store, 1, |job| job.state.is_over()).await;
    assert_eq!(done.state, JobState::Cancelled);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_puts_its_jobs_back() {
    let store = Store::in_memory().await.unwrap();
    store.add_job(&job(1), Clock::system().now()).await.unwrap().unwrap();
    let server = Server::start(&store, "a", Before::Wait);
    when(&store, 1, |job| job.state == JobState::Running).await;
    server.stop().await;
    let waiting = store.job(Uuid::from_u128(1)).await.unwrap().unwrap();
    assert_eq!(waiting.state, JobState::Queued);
    let server = Server::start(&store, "b", Before::Nothing);
    assert_eq!(when(&store, 1, |job| job.state.is_over()).await.state, JobState::Completed);
    server.stop().await;
}

#[tokio::test]
async fn two_servers_fire_a_missed_schedule_once() {
    let store = Store::in_memory().await.unwrap();
    let now = Clock::system().now();
    let schedule = ScheduleRow {
        schedule_id: Uuid::from_u128(9),
        name: "nightly".to_owned(),
        kind: "count".to_owned(),
        payload: serde_json::json!({"to": 1}),
        cron: "0 2 * * *".to_owned(),
        enabled: true,
        // Three nights were missed.
        next_run_at: now - SignedDuration::from_hours(72),
        last_run_at: None,
        created_by: "test".to_owned(),
        created_at: now,
    };
    store.set_schedule(&schedule, &note()).await.unwrap();
    let one = Server::start(&store, "a", Before::Nothing);
    let two = Server::start(&store, "b", Before::Nothing);
    let all = JobFilter { limit: 10, ..JobFilter::default() };
    for _ in 0..500 {
        if store.jobs(&all).await.unwrap().iter().any(|job| job.state.is_over()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    one.stop().await;
    two.stop().await;
    let jobs = store.jobs(&all).await.unwrap();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    assert!(store.schedules().await.unwrap()[0].next_run_at > now);
}
