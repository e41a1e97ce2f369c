//! Jobs are made once, worked on by one, and write nothing after their lease went to another.

use jiff::Timestamp;
use store::{JobEnd, JobFilter, JobState, NewJob, Progress, ScheduleRow, Store, StoreError, Uuid};

use crate::access::{note, noted};
use crate::backends;
use crate::prices::{all_of, at, batch};

pub(crate) fn job(number: u128, key: Option<&str>) -> NewJob {
    NewJob {
        job_id: Uuid::from_u128(number),
        kind: "fetch".to_owned(),
        dedupe_key: key.map(str::to_owned),
        payload: serde_json::json!({"region": "us-east-1"}),
        priority: 0,
        max_attempts: 2,
        run_at: at(0),
        all_units: Some(4),
        created_by: "test".to_owned(),
    }
}

async fn claim(store: &Store, worker: &str, until: i64, now: i64) -> Option<store::JobRow> {
    store.claim_job(worker, &["fetch"], at(until), at(now)).await.unwrap()
}

fn progress(fence: i64, done: u64) -> Progress {
    Progress {
        job_id: Uuid::from_u128(1),
        fence,
        cursor: serde_json::json!({"page": done}),
        done_units: done,
        all_units: Some(4),
        lease_until: at(10),
    }
}

#[tokio::test]
async fn a_job_in_flight_is_not_made_twice() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        assert_eq!(store.add_job(&job(1, Some("k")), at(0)).await.unwrap(), Ok(()), "{name}");
        let second = store.add_job(&job(2, Some("k")), at(0)).await.unwrap();
        assert_eq!(second, Err(Uuid::from_u128(1)), "{name}");
        assert!(
            store.cancel_job(Uuid::from_u128(1), &note("job.cancel", 1)).await.unwrap(),
            "{name}"
        );
        assert_eq!(store.add_job(&job(2, Some("k")), at(0)).await.unwrap(), Ok(()), "{name}");
        assert_eq!(store.add_job(&job(3, None), at(0)).await.unwrap(), Ok(()), "{name}");
        let count = async |filter: JobFilter| {
            store.jobs(&JobFilter { limit: 10, ..filter }).await.unwrap().len()
        };
        let in_flight = JobFilter { in_flight: true, ..JobFilter::default() };
        assert_eq!(count(in_flight).await, 2, "{name}");
        let in_state = |state| JobFilter { state: Some(state), ..JobFilter::default() };
        assert_eq!(count(in_state(JobState::Cancelled)).await, 1, "{name}");
        assert_eq!(count(in_state(JobState::Completed)).await, 0, "{name}");
        let by =
            |maker: &str| JobFilter { created_by: Some(maker.to_owned()), ..JobFilter::default() };
        assert_eq!(count(by("test")).await, 3, "{name}");
        assert_eq!(count(by("nobody")).await, 0, "{name}");
    }
}

#[tokio::test]
async fn a_lease_is_one_workers_and_its_fence_guards_the_rows() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.add_job(&job(1, None), at(0)).await.unwrap().unwrap();
        let first = claim(store, "a", 1, 0).await.unwrap();
        assert_eq!((first.attempts, first.fence, first.state), (1, 1, JobState::Running), "{name}");
        assert!(claim(store, "b", 1, 0).await.is_none(), "{name}: leased");
        store.keep_prices(&batch(0..2), Some(&progress(1, 1)), at(0)).await.unwrap();
        // The lease was lengthened with the rows; at hour 11 it has run out.
        assert!(claim(store, "b", 12, 9).await.is_none(), "{name}");
        let second = claim(store, "b", 12, 11).await.unwrap();
        assert_eq!((second.attempts, second.fence), (2, 2), "{name}");
        assert_eq!(second.cursor, Some(serde_json::json!({"page": 1})), "{name}");
        let late = store.keep_prices(&batch(2..4), Some(&progress(1, 2)), at(11)).await;
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{name}");
        assert_eq!(all_of(store, "m5.large").await.len(), 2, "{name}: nothing was written");
        assert!(store.renew_lease(first.job_id, 1, at(20)).await.is_err(), "{name}");
        store.keep_prices(&batch(1..4), Some(&progress(2, 2)), at(11)).await.unwrap();
        store.end_job(second.job_id, 2, &JobEnd::Completed, None, at(12)).await.unwrap();
        let done = store.job(second.job_id).await.unwrap().unwrap();
        assert_eq!((done.state, done.row_count, done.done_units), (JobState::Completed, 8, 2));
        assert_eq!(done.finished_at, Some(at(12)), "{name}");
        assert!(claim(store, "a", 30, 20).await.is_none(), "{name}: over");
    }
}

#[tokio::test]
async fn tries_are_counted_and_end() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.add_job(&job(1, None), at(0)).await.unwrap().unwrap();
        let first = claim(store, "a", 1, 0).await.unwrap();
        let again = JobEnd::Again("throttled".to_owned(), at(5));
        store.end_job(first.job_id, first.fence, &again, None, at(0)).await.unwrap();
        assert!(claim(store, "a", 6, 4).await.is_none(), "{name}: not before its time");
        let second = claim(store, "a", 6, 5).await.unwrap();
        assert_eq!(second.error.as_deref(), Some("throttled"), "{name}");
        // The second worker is lost, and there is no third try.
        assert!(claim(store, "b", 9, 7).await.is_none(), "{name}");
        let failed = store.job(first.job_id).await.unwrap().unwrap();
        assert_eq!(failed.state, JobState::Failed, "{name}");
        assert!(failed.error.is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_running_job_hears_that_it_is_called_off() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.add_job(&job(1, None), at(0)).await.unwrap().unwrap();
        let running = claim(store, "a", 1, 0).await.unwrap();
        assert!(!store.renew_lease(running.job_id, 1, at(2)).await.unwrap(), "{name}");
        assert!(store.cancel_job(running.job_id, &note("job.cancel", 1)).await.unwrap(), "{name}");
        assert!(store.renew_lease(running.job_id, 1, at(2)).await.unwrap(), "{name}");
        store.end_job(running.job_id, 1, &JobEnd::Cancelled, None, at(1)).await.unwrap();
        assert!(
            !store.cancel_job(running.job_id, &note("job.cancel", 2)).await.unwrap(),
            "{name}: it is over"
        );
    }
}

#[tokio::test]
async fn a_log_is_read_while_it_grows() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let id = Uuid::from_u128(1);
        store.add_job(&job(1, None), at(0)).await.unwrap().unwrap();
        for line in ["one", "two", "three"] {
            store.log_of_job(id, line, at(1)).await.unwrap();
        }
        let rest = store.job_log(id, 1, 10).await.unwrap();
        let texts: Vec<&str> = rest.iter().map(|line| line.2.as_str()).collect();
        assert_eq!((rest[0].0, texts), (2, vec!["two", "three"]), "{name}");
    }
}

#[tokio::test]
async fn workers_at_once_share_the_jobs() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        for number in 1..=20 {
            store.add_job(&job(number, None), at(0)).await.unwrap().unwrap();
        }
        let worker = |who: &'static str| {
            let store = store.clone();
            async move {
                let mut taken = Vec::new();
                while let Some(job) = claim(&store, who, 5, 0).await {
                    taken.push(job.job_id);
                }
                taken
            }
        };
        let (a, b, c) = tokio::join!(worker("a"), worker("b"), worker("c"));
        let mut all: Vec<Uuid> = [a, b, c].concat();
        all.sort_unstable();
        let expected: Vec<Uuid> = (1..=20).map(Uuid::from_u128).collect();
        assert_eq!(all, expected, "{name}");
    }
}

fn nightly() -> ScheduleRow {
    ScheduleRow {
        schedule_id: Uuid::from_u128(7),
        name: "nightly".to_owned(),
        kind: "fetch".to_owned(),
        payload: serde_json::json!({}),
        cron: "0 2 * * *".to_owned(),
        enabled: true,
        next_run_at: at(2),
        last_run_at: None,
        created_by: "test".to_owned(),
        created_at: at(0),
    }
}

#[tokio::test]
async fn a_due_time_fires_once() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let schedule = nightly();
        store.set_schedule(&schedule, &note("schedule.set", 0)).await.unwrap();
        let renamed = ScheduleRow { schedule_id: Uuid::from_u128(8), ..schedule.clone() };
        assert_eq!(
            store.set_schedule(&renamed, &note("schedule.set", 0)).await.unwrap(),
            schedule.schedule_id,
            "{name}"
        );
        // Two servers saw it due; three days were missed and make one job.
        let fire = |number| {
            let (store, schedule) = (store.clone(), schedule.clone());
            async move {
                let next: Timestamp = at(98);
                store.fire_schedule(&schedule, &job(number, Some("nightly")), next, at(80)).await
            }
        };
        let (one, two) = tokio::join!(fire(1), fire(2));
        assert_eq!(u8::from(one.unwrap()) + u8::from(two.unwrap()), 1, "{name}");
        let jobs = store.jobs(&JobFilter { limit: 10, ..JobFilter::default() }).await.unwrap();
        assert_eq!(jobs.len(), 1, "{name}");
        let now = store.schedules().await.unwrap();
        assert_eq!((now[0].next_run_at, now[0].last_run_at), (at(98), Some(at(80))), "{name}");
    }
}

#[tokio::test]
async fn schedules_are_switched_and_removed() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let schedule = nightly();
        let id = schedule.schedule_id;
        store.set_schedule(&schedule, &note("schedule.set", 0)).await.unwrap();
        let switched = note("schedule.switch", 1);
        assert!(store.enable_schedule(id, false, at(9), &switched).await.unwrap(), "{name}");
        let off = store.schedules().await.unwrap();
        assert_eq!((off[0].enabled, off[0].next_run_at), (false, at(9)), "{name}");
        let fired = store.fire_schedule(&off[0], &job(1, None), at(20), at(10)).await.unwrap();
        assert!(!fired, "{name}: it is switched off");
        let nobody = Uuid::from_u128(99);
        assert!(!store.enable_schedule(nobody, true, at(9), &switched).await.unwrap(), "{name}");
        let removed = note("schedule.remove", 2);
        assert!(store.remove_schedule(id, &removed).await.unwrap(), "{name}");
        assert!(!store.remove_schedule(id, &removed).await.unwrap(), "{name}");
        assert!(store.schedules().await.unwrap().is_empty(), "{name}");
        let expected = ["schedule.remove", "schedule.switch", "schedule.set"];
        assert_eq!(noted(store).await, expected, "{name}");
    }
}

#[tokio::test]
async fn several_jobs_are_looked_up_at_once_and_noted() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        for number in 1..=3 {
            store.add_job(&job(number, Some("one at a time")), at(0)).await.unwrap().ok();
            store.add_job(&job(10 + number, None), at(0)).await.unwrap().unwrap();
        }
        let wanted = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(12)];
        let mut found: Vec<Uuid> =
            store.jobs_of(&wanted).await.unwrap().iter().map(|job| job.job_id).collect();
        found.sort();
        assert_eq!(found, [wanted[0], wanted[2]], "{name}");
        assert!(store.jobs_of(&[]).await.unwrap().is_empty(), "{name}");
        assert_eq!(noted(store).await, ["job.queue"; 4], "{name}");
    }
}
