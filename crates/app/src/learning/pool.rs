//! One pool as it is held in memory: what each customer saw of it, and what happened lately.

use std::collections::BTreeMap;

use facts::names::{InstanceType, Region};
use jiff::Timestamp;
use learning::cross_customer::{
    Baseline, Contribution, Customer, Report, Reporter, SharedEvidence,
};
use learning::{Evidence, Origin, RunningSum, day_of};
use store::{ExposureRow, InterruptionRow, LevelKey, PoolDay};

/// A pool: a type in a zone, by the zone's id where it is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PoolKey {
    // In this order, so that a type's zones lie together, and all of a region.
    pub(crate) region: Region,
    pub(crate) instance_type: InstanceType,
    pub(crate) zone_key: String,
}

/// A pool.
#[derive(Default)]
pub(crate) struct Pool {
    pub(super) holdings: BTreeMap<u32, Holding>,
    /// Reports of the last days, in no order.
    pub(super) recent: Vec<Recent>,
    /// What all say together, and of which day that is.
    shared: Option<(i64, SharedEvidence)>,
    /// What is usual here, and until when that is believed.
    pub(super) usual: Option<(Timestamp, Baseline)>,
    /// Whether what was learned of it is to be written down anew.
    pub(super) is_dirty: bool,
}

/// What a customer saw of a pool. There are millions of these, so what most lack is elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holding {
    exposure: RunningSum,
    pub(super) exposure_seconds: u64,
    losses: Option<Box<Losses>>,
    /// The most instances of one report.
    most: u32,
    /// The one cluster that most customers have there.
    cluster: Option<ClusterHold>,
    others: Option<Box<OtherClusters>>,
}

/// What is known of a customer's interruptions in a pool.
#[derive(Clone, Debug, Default)]
struct Losses {
    all: RunningSum,
    /// Those that others do not believe: more on a day than there were instances.
    excess: RunningSum,
    total: u64,
    /// The last days with interruptions, and how many.
    days: [(i64, u32); DAYS_HELD],
}

/// The further clusters of a customer in a pool.
#[derive(Clone, Debug, Default)]
struct OtherClusters(Vec<ClusterHold>);

/// What a cluster had in a pool when it was last heard of.
#[derive(Clone, Copy, Debug)]
struct ClusterHold {
    cluster: u32,
    /// Seconds since 1970.
    until: u32,
    instances: u32,
}

/// A report of an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recent {
    pub(super) customer: u32,
    pub(super) second: i64,
    pub(super) instance: Option<u64>,
    pub(super) reporter: Reporter,
}

/// Others believe a single customer with so many hours, where they have less themselves.
pub(super) const LEAST_HOURS: f64 = 1_000.0;

/// Reports of one customer and pool that are held one by one within a day; beyond, none of them counts
/// any more.
const MOST_A_DAY: u32 = 256;

/// Instances are taken to be there for so long after they were last reported.
const BELIEVED_SECONDS: i64 = 24 * 3600;

impl PoolKey {
    pub(crate) fn level_key(&self) -> LevelKey {
        LevelKey {
            region: self.region.to_string(),
            zone_key: self.zone_key.clone(),
            instance_type: self.instance_type.to_string(),
        }
    }

    pub(crate) fn of_level(key: &LevelKey) -> Option<PoolKey> {
        Some(PoolKey {
            region: key.region.parse().ok()?,
            zone_key: key.zone_key.clone(),
            instance_type: key.instance_type.parse().ok()?,
        })
    }

    /// Whether the zone is known by a name, which may mean another place in another account.
    pub(crate) fn is_by_name(&self) -> bool {
        self.zone_key.starts_with(self.region.as_str())
    }
}

/// Days of which it is known how many interruptions there were.
const DAYS_HELD: usize = 4;

impl Losses {
    /// Counts interruptions on a day; how many of them are more than there were instances.
    fn beyond(&mut self, day: i64, interruptions: u64, most: u32) -> u64 {
        let more = u32::try_from(interruptions).unwrap_or(u32::MAX);
        let most = most.max(1);
        let known = self.days.iter().position(|(held, count)| *held == day && *count > 0);
        let oldest = (0..DAYS_HELD).min_by_key(|at| self.days[*at]).unwrap_or(0);
        let at = known.unwrap_or(oldest);
        if known.is_none() {
            let (held, count) = self.days[at];
            if count > 0 && held > day {
                // So long ago nothing is known but what comes now.
                return u64::from(more.saturating_sub(most));
            }
            self.days[at] = (day, 0);
        }
        let before = self.days[at].1;
        let after = before.saturating_add(more);
        self.days[at].1 = after;
        u64::from(after.saturating_sub(most.max(before)))
    }
}

impl Holding {
    /// Counts interruptions on a day, and how many of them others believe.
    fn lose(&mut self, origin: Origin, day: i64, interruptions: u64) {
        let losses = self.losses.get_or_insert_default();
        losses.all.add(origin, day, interruptions);
        losses.total = losses.total.saturating_add(interruptions);
        let beyond = losses.beyond(day, interruptions, self.most);
        losses.excess.add(origin, day, beyond);
    }

    /// Counts instance-seconds at risk on a day.
    fn expose(&mut self, origin: Origin, day: i64, seconds: u64) {
        self.exposure.add(origin, day, seconds);
        self.exposure_seconds = self.exposure_seconds.saturating_add(seconds);
    }

    /// Whether more was reported on a day than is believed.
    fn exceeds(&self) -> bool {
        self.losses.as_ref().is_some_and(|losses| losses.excess != RunningSum::default())
    }

    /// Interruptions, undiscounted.
    pub(super) fn interruptions(&self) -> u64 {
        self.losses.as_ref().map_or(0, |losses| losses.total)
    }

    /// What it says, in full for itself and as far as it is believed for others.
    fn contribution(
        &self,
        customer: u32,
        origin: Origin,
        now: Timestamp,
        is_own: bool,
    ) -> Contribution {
        let interruptions = self.losses.as_ref().map_or(0.0, |losses| {
            let all = losses.all.discounted(origin, now);
            let excess = losses.excess.discounted(origin, now);
            if is_own { all } else { (all - excess).max(0.0) }
        });
        let exposure_hours = self.exposure.discounted(origin, now) / 3600.0;
        Contribution {
            customer: Customer(customer.into()),
            evidence: Evidence { interruptions, exposure_hours },
            instances: self.most,
        }
    }

    /// What its clusters have there now, as far as anybody said.
    fn there(&self, now: Timestamp) -> impl Iterator<Item = &ClusterHold> {
        let since = now.as_second() - BELIEVED_SECONDS;
        let others = self.others.iter().flat_map(|others| &others.0);
        let all = self.cluster.iter().chain(others);
        all.filter(move |hold| i64::from(hold.until) > since && hold.instances > 0)
    }

    /// Instances that the customer has there now.
    pub(super) fn instances(&self, now: Timestamp) -> u32 {
        self.there(now).fold(0, |sum, hold| sum.saturating_add(hold.instances))
    }

    /// The cluster with most of them.
    pub(super) fn largest_cluster(&self, now: Timestamp) -> Option<u32> {
        let largest =
            self.there(now).max_by_key(|hold| (hold.instances, std::cmp::Reverse(hold.cluster)));
        largest.map(|hold| hold.cluster)
    }
}

impl Pool {
    fn changed(&mut self) {
        self.shared = None;
        self.is_dirty = true;
    }

    /// Counts a day that was kept.
    pub(super) fn add_day(&mut self, customer: u32, origin: Origin, day: &PoolDay) {
        let holding = self.holdings.entry(customer).or_default();
        holding.expose(origin, day.day, day.exposure_seconds);
        if day.interruptions > 0 {
            holding.lose(origin, day.day, day.interruptions);
        }
        self.changed();
    }

    /// Counts an interruption.
    pub(super) fn interrupt(&mut self, customer: u32, origin: Origin, row: &InterruptionRow) {
        let holding = self.holdings.entry(customer).or_default();
        holding.lose(origin, day_of(row.happened_at.as_second()), 1);
        self.changed();
    }

    /// Counts a report among those of the last days.
    pub(super) fn note(&mut self, customer: u32, row: &InterruptionRow) {
        let second = row.happened_at.as_second();
        let holding = self.holdings.entry(customer).or_default();
        let day = day_of(second);
        let days = holding.losses.as_ref().map_or(&[][..], |losses| &losses.days);
        let many = days.iter().find(|(held, _)| *held == day).map_or(0, |(_, many)| *many);
        if many > MOST_A_DAY {
            return;
        }
        self.recent.push(Recent {
            customer,
            second,
            instance: row.instance_id.as_deref().map(numbered),
            reporter: match row.vouched_by.as_str() {
                "own_key" => Reporter::OwnKey,
                "platform" => Reporter::Platform,
                _ => Reporter::Nobody,
            },
        });
    }

    /// Counts exposure.
    pub(super) fn expose(&mut self, customer: u32, origin: Origin, row: &ExposureRow) {
        let holding = self.holdings.entry(customer).or_default();
        for (day, seconds) in learning::exposed_days(row.instances, row.from, row.until) {
            holding.expose(origin, day, seconds);
        }
        self.changed();
    }

    /// Takes note of the most instances that a customer had there. Whether more of what it reported is
    /// believed now, so that its days are to be read again.
    pub(super) fn raise_most(&mut self, customer: u32, instances: u32) -> bool {
        let holding = self.holdings.entry(customer).or_default();
        let grows = instances > holding.most;
        holding.most = holding.most.max(instances);
        grows && holding.exceeds()
    }

    /// Takes note of how many instances a cluster has there. Rows that end at one instant add up.
    pub(super) fn hold(&mut self, customer: u32, cluster: u32, row: &ExposureRow) {
        let holding = self.holdings.entry(customer).or_default();
        let instances = row.instances;
        let until = u32::try_from(row.until.as_second()).unwrap_or(0);
        let new = ClusterHold { cluster, until, instances };
        let is_first = holding.cluster.is_none();
        let others = holding.others.iter_mut().flat_map(|others| &mut others.0);
        let known = holding.cluster.iter_mut().chain(others).find(|hold| hold.cluster == cluster);
        let before = known.as_ref().map(|hold| hold.instances);
        match known {
            None if is_first => holding.cluster = Some(new),
            None => holding.others.get_or_insert_default().0.push(new),
            Some(hold) if until > hold.until => *hold = new,
            Some(hold) if until == hold.until => {
                hold.instances = hold.instances.saturating_add(instances);
            }
            Some(_) => {}
        }
        if before != Some(instances) {
            self.usual = None;
        }
    }

    /// Forgets a customer.
    pub(super) fn forget(&mut self, customer: u32) {
        if self.holdings.remove(&customer).is_some() {
            self.recent.retain(|one| one.customer != customer);
            self.usual = None;
            self.changed();
        }
    }

    /// What all say together today.
    pub(super) fn shared(&mut self, origin: Origin, now: Timestamp) -> SharedEvidence {
        let today = day_of(now.as_second());
        if let Some((_, shared)) = self.shared.filter(|(day, _)| *day == today) {
            return shared;
        }
        let parts: Vec<Contribution> = self
            .holdings
            .iter()
            .map(|(customer, holding)| holding.contribution(*customer, origin, now, false))
            .collect();
        let shared = SharedEvidence::of(&parts, LEAST_HOURS);
        self.shared = Some((today, shared));
        shared
    }

    /// What a customer learns of the pool; `None` for whoever has nothing there.
    pub(super) fn learned_by(
        &mut self,
        customer: Option<u32>,
        origin: Origin,
        now: Timestamp,
    ) -> Evidence {
        let shared = self.shared(origin, now);
        let own = customer.and_then(|customer| {
            Some(self.holdings.get(&customer)?.contribution(customer, origin, now, true))
        });
        shared.learned_by(own.as_ref())
    }

    /// Reports of the last day as detection reads them.
    pub(super) fn reports(&self, now: Timestamp) -> Vec<Report> {
        let since = now.as_second() - BELIEVED_SECONDS;
        self.recent
            .iter()
            .filter(|one| one.second > since)
            .filter_map(|one| {
                Some(Report {
                    at: Timestamp::from_second(one.second).ok()?,
                    customer: Customer(one.customer.into()),
                    instance: one.instance,
                    reporter: one.reporter,
                })
            })
            .collect()
    }

    /// How many instances each customer has there now.
    pub(super) fn instances(&self, now: Timestamp) -> BTreeMap<Customer, u32> {
        let held = self
            .holdings
            .iter()
            .map(|(customer, holding)| (Customer((*customer).into()), holding.instances(now)));
        held.filter(|(_, instances)| *instances > 0).collect()
    }

    /// Reports within so many seconds before an instant: how many, and of one customer where one is
    /// named.
    pub(super) fn within(&self, now: Timestamp, seconds: i64, of: Option<u32>) -> u64 {
        let until = now.as_second();
        let counts = |one: &&Recent| {
            one.second <= until
                && one.second > until - seconds
                && of.is_none_or(|customer| one.customer == customer)
        };
        self.recent.iter().filter(counts).count() as u64
    }
}

/// A number for the name of an instance.
fn numbered(name: &str) -> u64 {
    let mut bytes = [0_u8; 8];
    bytes.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}
