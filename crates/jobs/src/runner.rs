//! Takes jobs, keeps their leases alive, and fires schedules.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clock::Clock;
use jiff::{SignedDuration, Timestamp};
use store::{EventRow, JobEnd, JobRow, NewJob, ScheduleRow, Store, StoreError, Uuid};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::running::{JobFailure, Running};
use crate::schedule::next_run;

/// How a runner works.
#[derive(Clone, Debug)]
pub struct RunnerConfig {
    /// Who takes leases: different for each process.
    pub worker: String,
    /// How long a lease runs without a sign of life.
    pub lease: SignedDuration,
    /// How often it looks for work.
    pub poll: Duration,
    /// How many jobs at once.
    pub at_once: usize,
    /// What is to be told of the end of a try.
    pub told: fn(&JobRow, &JobEnd, Timestamp) -> Option<EventRow>,
}

impl RunnerConfig {
    /// Leases of 30 seconds, a look every second, two jobs at once, nothing told.
    #[must_use]
    pub fn new(worker: String) -> RunnerConfig {
        RunnerConfig {
            worker,
            lease: SignedDuration::from_secs(30),
            poll: Duration::from_secs(1),
            at_once: 2,
            told: |_, _, _| None,
        }
    }
}

/// A try of a job.
pub type Try = Pin<Box<dyn Future<Output = Result<(), JobFailure>> + Send>>;

/// What a process can do: kinds of jobs, and how one is worked on.
pub struct Runner {
    store: Store,
    clock: Clock,
    config: RunnerConfig,
    kinds: Vec<&'static str>,
    work: Arc<dyn Fn(Running) -> Try + Send + Sync>,
}

/// The longest time between two signs of life, which is also how soon a job hears that it is called
/// off.
const LONGEST_BEAT: Duration = Duration::from_secs(1);

/// The longest wait before another try.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);

impl Runner {
    /// A runner for some kinds of jobs.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Clock,
        config: RunnerConfig,
        kinds: Vec<&'static str>,
        work: Arc<dyn Fn(Running) -> Try + Send + Sync>,
    ) -> Runner {
        Runner { store, clock, config, kinds, work }
    }

    /// Works until it is told to stop. Jobs that are worked on then are put back and go on elsewhere.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let runner = Arc::new(self);
        let mut at_work: JoinSet<()> = JoinSet::new();
        loop {
            if let Err(error) = runner.fire_schedules().await {
                tracing::warn!(%error, "schedules could not be looked at");
            }
            while at_work.len() < runner.config.at_once {
                match runner.claim().await {
                    Ok(Some(job)) => {
                        let (runner, stop) = (Arc::clone(&runner), stop.clone());
                        at_work.spawn(async move { runner.work_on(job, stop).await });
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "no job could be taken");
                        break;
                    }
                }
            }
            let pause = tokio::time::sleep(runner.config.poll);
            tokio::select! {
                () = pause => {}
                Some(_) = at_work.join_next(), if !at_work.is_empty() => {}
                changed = stop.changed() => if changed.is_err() || *stop.borrow() { break },
            }
        }
        while at_work.join_next().await.is_some() {}
    }

    async fn claim(&self) -> Result<Option<JobRow>, StoreError> {
        let now = self.clock.now();
        let until = now.checked_add(self.config.lease).unwrap_or(now);
        self.store.claim_job(&self.config.worker, &self.kinds, until, now).await
    }

    async fn work_on(&self, job: JobRow, mut stop: watch::Receiver<bool>) {
        let (job_id, fence) = (job.job_id, job.fence);
        let called_off = Arc::new(AtomicBool::new(job.cancel_asked));
        let running = Running {
            store: self.store.clone(),
            clock: self.clock.clone(),
            job: Arc::new(job),
            lease: self.config.lease,
            called_off: Arc::clone(&called_off),
        };
        let work = (self.work)(running.clone());
        let done = tokio::select! {
            done = work => Some(done),
            lost = self.stay_alive(&running, &called_off) => Some(Err(lost)),
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let now = self.clock.now();
        let Some(done) = done else {
            return self.hand_back(&running, now).await;
        };
        let end = match done {
            Ok(()) => JobEnd::Completed,
            Err(JobFailure::Cancelled) => JobEnd::Cancelled,
            Err(JobFailure::Never(why)) => JobEnd::Failed(why),
            Err(JobFailure::Later(why, wait)) => self.again(&running, why, wait, now),
            Err(JobFailure::LeaseLost) => {
                tracing::warn!(job.id = %job_id, "the job went to another worker");
                return;
            }
        };
        let told = (self.config.told)(running.job(), &end, now);
        if let Err(error) = self.store.end_job(job_id, fence, &end, told.as_ref(), now).await {
            tracing::warn!(job.id = %job_id, %error, "the end of a job could not be noted");
        }
    }

    /// Puts a job back that cannot be worked on any longer here; that is no failure of the job.
    async fn hand_back(&self, running: &Running, now: Timestamp) {
        let job = running.job();
        let end = JobEnd::Again("the server stopped".to_owned(), now);
        if let Err(error) = self.store.end_job(job.job_id, job.fence, &end, None, now).await {
            tracing::warn!(job.id = %job.job_id, %error, "a job could not be put back");
        }
    }

    /// Lengthens the lease until the job is lost; hears when it is called off. A job that does not
    /// end by itself then, because it waits for somebody's answer, is ended: its step is not kept.
    async fn stay_alive(&self, running: &Running, called_off: &AtomicBool) -> JobFailure {
        let beat = Duration::try_from(self.config.lease / 3).unwrap_or(LONGEST_BEAT);
        let beat = beat.min(LONGEST_BEAT);
        loop {
            tokio::time::sleep(beat).await;
            if called_off.load(Ordering::Relaxed) {
                return JobFailure::Cancelled;
            }
            let now = self.clock.now();
            let until = now.checked_add(self.config.lease).unwrap_or(now);
            let job = running.job();
            match self.store.renew_lease(job.job_id, job.fence, until).await {
                Ok(cancel) => called_off.store(cancel, Ordering::Relaxed),
                Err(StoreError::LeaseLost) => return JobFailure::LeaseLost,
                // The lease still runs for a while, and the database may be back by then.
                Err(error) => tracing::warn!(%error, "a lease could not be lengthened"),
            }
        }
    }

    fn again(
        &self,
        running: &Running,
        why: String,
        wait: Option<SignedDuration>,
        now: Timestamp,
    ) -> JobEnd {
        let job = running.job();
        if job.attempts >= job.max_attempts {
            return JobEnd::Failed(why);
        }
        let wait = wait.unwrap_or_else(|| pause(job.job_id, job.attempts));
        JobEnd::Again(why, now.checked_add(wait).unwrap_or(now))
    }

    async fn fire_schedules(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for due in self.store.schedules().await? {
            if !due.enabled || due.next_run_at > now || !self.kinds.contains(&due.kind.as_str()) {
                continue;
            }
            let Ok(next) = next_run(&due.cron, now) else { continue };
            let job = job_of(&due, now);
            if self.store.fire_schedule(&due, &job, next, now).await? {
                tracing::info!(schedule.name = due.name, job.id = %job.job_id, "schedule fired");
            }
        }
        Ok(())
    }
}

/// The job of a due time: named after it, so that it is the same whoever fires it.
fn job_of(due: &ScheduleRow, now: Timestamp) -> NewJob {
    let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 scheduled job");
    hasher.update(due.schedule_id.as_bytes());
    hasher.update(&due.next_run_at.as_microsecond().to_le_bytes());
    let mut name = [0_u8; 16];
    name.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    NewJob {
        job_id: Uuid::from_bytes(name),
        kind: due.kind.clone(),
        dedupe_key: Some(format!("schedule {}", due.name)),
        payload: due.payload.clone(),
        priority: 5,
        max_attempts: 5,
        run_at: now,
        all_units: None,
        created_by: format!("schedule {}", due.name),
    }
}

/// How long to wait before the next try: somewhere between nothing and twice as long as before, so
/// that many that failed together do not come back together.
/// <https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/>
fn pause(job_id: Uuid, attempts: u32) -> SignedDuration {
    let longest =
        SignedDuration::from_secs(1 << attempts.min(9)).min(LONGEST_WAIT).as_millis().max(1);
    let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 pause between tries");
    hasher.update(job_id.as_bytes()).update(&attempts.to_le_bytes());
    let mut drawn = [0_u8; 8];
    drawn.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    let drawn = i128::from(u64::from_le_bytes(drawn)) % longest;
    SignedDuration::from_millis(i64::try_from(drawn).unwrap_or(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_their_limit() {
        let ids = || (0..200_u128).map(Uuid::from_u128);
        let longest = |attempts| ids().map(|id| pause(id, attempts)).max().unwrap();
        assert!(longest(1) <= SignedDuration::from_secs(2));
        assert!(longest(5) > longest(2));
        assert!(longest(40) <= LONGEST_WAIT);
        assert_eq!(pause(Uuid::from_u128(7), 3), pause(Uuid::from_u128(7), 3));
    }
}
