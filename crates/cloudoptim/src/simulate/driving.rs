//! A fleet's time, loss by loss: customers tell what they have and what they lose, and leave pools when a
//! job says so.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulation::{Alarm, Burst, DAY_SECONDS, Loss, SimulatedPool, World};

use super::BEGINS;
use super::learned::{PoolLearned, Sample, pools_learned, sample};
use super::server::{Server, Who, name, number};
use crate::exit::Failure;

/// A world that a server is told of.
pub(super) struct Driving<'a> {
    server: &'a Server,
    world: &'a World,
    bursts: &'a [Burst],
    losses: &'a [Loss],
    /// What comes next: by the second, and at one second in the order in which it was planned.
    coming: BTreeMap<(i64, usize), Moment>,
    planned: usize,
    second: i64,
    looked: i64,
    /// Customers that a job reached in a burst, and when.
    told: BTreeMap<(usize, usize), i64>,
    /// Customers that left a pool before a burst hit them.
    left: BTreeSet<(usize, usize)>,
    /// Customers that a burst hit.
    hit: BTreeMap<(usize, usize), i64>,
}

/// What became of a fleet.
#[derive(Default)]
pub(super) struct Driven {
    pub(super) samples: Vec<Sample>,
    pub(super) pools: Vec<PoolLearned>,
    pub(super) confirmed: Vec<Alarm>,
    pub(super) uncertain: Vec<Alarm>,
    pub(super) told: BTreeMap<(usize, usize), i64>,
    pub(super) left: BTreeSet<(usize, usize)>,
    pub(super) hit: BTreeMap<(usize, usize), i64>,
}

#[derive(Clone, Debug)]
enum Moment {
    /// The end of a day, counted from 1.
    Midnight(u32),
    /// A loss, by its place.
    Loss(usize),
    /// A customer is through with leaving a pool.
    Left { job: String, instances: u64, burst: Option<usize>, customer: usize },
}

/// So long takes leaving a pool.
pub(super) const LEAVING_SECONDS: i64 = 5 * 60;

/// Days at whose end it is asked what was learned.
const ASKED_AFTER: [u32; 14] = [1, 2, 4, 7, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365];

/// Exposures of one request.
const AT_ONCE: usize = 5_000;

/// Rows of one page.
const PAGE: usize = 500;

const HOUR: i64 = 3_600;

impl<'a> Driving<'a> {
    pub(super) fn new(
        server: &'a Server,
        world: &'a World,
        bursts: &'a [Burst],
        losses: &'a [Loss],
    ) -> Driving<'a> {
        Driving {
            server,
            world,
            bursts,
            losses,
            coming: BTreeMap::new(),
            planned: 0,
            second: 0,
            looked: 0,
            told: BTreeMap::new(),
            left: BTreeSet::new(),
            hit: BTreeMap::new(),
        }
    }

    /// Lets all days pass; asks what was learned now and then, or only which alarms there were.
    pub(super) async fn run(mut self, asks: bool) -> Result<Driven, Failure> {
        let mut driven = Driven::default();
        let days = self.world.settings.days;
        for day in 1..=days {
            self.plan(i64::from(day) * DAY_SECONDS, Moment::Midnight(day));
        }
        for (at, loss) in self.losses.iter().enumerate() {
            self.plan(loss.second, Moment::Loss(at));
        }
        // Nobody comes without having been somewhere yesterday.
        self.tell_exposure(0).await?;
        while let Some(((second, _), moment)) = self.coming.pop_first() {
            self.server.wait(second - self.second);
            self.second = second;
            match moment {
                Moment::Midnight(day) => {
                    self.tell_exposure(second).await?;
                    self.look().await?;
                    if asks && (ASKED_AFTER.contains(&day) || day == days) {
                        driven.samples.push(sample(self.server, self.world, day).await?);
                    }
                }
                Moment::Loss(at) => self.lose(self.losses[at]).await?,
                Moment::Left { job, instances, burst, customer } => {
                    self.leave(&job, instances, burst, customer).await?;
                }
            }
        }
        if asks {
            driven.pools = pools_learned(self.server, self.world).await?;
        }
        (driven.confirmed, driven.uncertain) = self.alarms().await?;
        Ok(Driven { told: self.told, left: self.left, hit: self.hit, ..driven })
    }

    fn plan(&mut self, second: i64, moment: Moment) {
        self.coming.insert((second, self.planned), moment);
        self.planned += 1;
    }

    async fn look(&mut self) -> Result<(), Failure> {
        self.looked = self.second;
        self.server.look().await
    }

    /// Everybody tells of the day that ends now.
    async fn tell_exposure(&self, until: i64) -> Result<(), Failure> {
        let mut rows = Vec::new();
        for (customer, held) in self.world.holdings.iter().enumerate() {
            for (pool, instances) in held {
                let mut row = place(&self.world.pools[*pool]);
                row["customer_id"] = json!(name(customer));
                row["cluster_id"] = json!(format!("{}-prod", name(customer)));
                row["instances"] = json!(instances);
                row["from"] = json!(at(until - DAY_SECONDS));
                row["until"] = json!(at(until));
                rows.push(row);
            }
        }
        for part in rows.chunks(AT_ONCE) {
            let body = json!(part);
            let answer = self.server.post(Who::Platform, "feedback/exposure", Some(&body)).await?;
            if answer["added"] != part.len() {
                let what = format!("of {} exposures {} were taken", part.len(), answer["added"]);
                return Err(Failure::Simulation(what));
            }
        }
        Ok(())
    }

    /// A customer tells of what it lost, unless it has left.
    async fn lose(&mut self, loss: Loss) -> Result<(), Failure> {
        if let Some(burst) = loss.burst {
            if self.left.contains(&(burst, loss.customer)) {
                return Ok(());
            }
            self.hit.insert((burst, loss.customer), loss.second);
        }
        if self.second - self.looked >= HOUR {
            self.look().await?;
        }
        let report = |number: u32| {
            let mut report = place(&self.world.pools[loss.pool]);
            let instance = format!("i-{:x}-{}-{number}", loss.second, loss.pool);
            report["instance_id"] = json!(format!("{instance}-{}", loss.customer));
            report["cluster_id"] = json!(format!("{}-prod", name(loss.customer)));
            report["interruption_timestamp"] = json!(at(loss.second));
            report
        };
        let reports: Vec<Value> = (0..loss.instances).map(report).collect();
        let who = Who::Customer(loss.customer);
        let answers = self.server.post(who, "feedback/interruption", Some(&json!(reports))).await?;
        if answers[0]["risk_level"] == "CONFIRMED_RISKY" {
            self.claim_jobs().await?;
        }
        Ok(())
    }

    /// The platform claims what waits, and the customers begin to leave.
    async fn claim_jobs(&mut self) -> Result<(), Failure> {
        let jobs = self.server.get(&format!("rebalance/jobs?status=PENDING&limit={PAGE}")).await?;
        for job in jobs.as_array().into_iter().flatten() {
            let text = |field: &str| job[field].as_str().unwrap_or_default();
            let Some(customer) = number(text("customer_id")) else { continue };
            let id = text("job_id").to_owned();
            self.server.post(Who::Platform, &format!("rebalance/jobs/{id}/claim"), None).await?;
            let burst = self.bursts.iter().position(|burst| {
                let pool = &self.world.pools[burst.pool];
                pool.instance_type.as_str() == text("source_instance_type")
                    && pool.zone.as_str() == text("source_availability_zone")
                    && (burst.second..=burst.last_second()).contains(&self.second)
            });
            if let Some(burst) = burst {
                self.told.entry((burst, customer)).or_insert(self.second);
            }
            let instances = job["instances"].as_u64().unwrap_or(0);
            let done = Moment::Left { job: id, instances, burst, customer };
            self.plan(self.second + LEAVING_SECONDS, done);
        }
        Ok(())
    }

    /// A customer has left a pool, or was hit while it did.
    async fn leave(
        &mut self,
        job: &str,
        instances: u64,
        burst: Option<usize>,
        customer: usize,
    ) -> Result<(), Failure> {
        let was_hit = burst.is_some_and(|burst| self.hit.contains_key(&(burst, customer)));
        let (end, said) = if was_hit {
            ("fail", json!({ "error_message": "the instances were taken back before they moved" }))
        } else {
            ("complete", json!({ "moved_instances": instances }))
        };
        let path = format!("rebalance/jobs/{job}/{end}");
        self.server.post(Who::Platform, &path, Some(&said)).await?;
        if let Some(burst) = burst.filter(|_| !was_hit) {
            self.left.insert((burst, customer));
        }
        Ok(())
    }

    /// When pools were called risky, and when uncertain, because of reports.
    async fn alarms(&self) -> Result<(Vec<Alarm>, Vec<Alarm>), Failure> {
        let (mut confirmed, mut uncertain) = (Vec::new(), Vec::new());
        for page in 0.. {
            let path = format!("feedback/levels?limit={PAGE}&offset={}", page * PAGE);
            let rows = self.server.get(&path).await?;
            let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
            for row in rows.iter().filter(|row| row["cause"] == "reports") {
                let pool = self.world.pools.iter().position(|pool| {
                    row["instance_type"] == pool.instance_type.as_str()
                        && row["zone"] == pool.zone_id.as_str()
                });
                let when = row["changed_at"].as_str().and_then(|text| text.parse().ok());
                let (Some(pool), Some(when)) = (pool, when) else {
                    return Err(Failure::Simulation(format!("a level of no pool: {row}")));
                };
                let when: Timestamp = when;
                let alarm = Alarm { second: when.duration_since(BEGINS).as_secs(), pool };
                match row["to_level"].as_str() {
                    Some("CONFIRMED_RISKY") => confirmed.push(alarm),
                    _ => uncertain.push(alarm),
                }
            }
            if rows.len() < PAGE {
                break;
            }
        }
        confirmed.sort_unstable();
        uncertain.sort_unstable();
        Ok((confirmed, uncertain))
    }
}

/// Where a pool is, as reports say it.
fn place(pool: &SimulatedPool) -> Value {
    json!({
        "instance_type": pool.instance_type, "region": pool.region,
        "availability_zone": pool.zone, "zone_id": pool.zone_id,
    })
}

fn at(second: i64) -> Timestamp {
    BEGINS.saturating_add(SignedDuration::from_secs(second)).unwrap_or(BEGINS)
}
