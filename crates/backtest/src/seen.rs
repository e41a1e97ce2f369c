//! What was reported of pools until now, and nothing else: what policies learn from.

use std::collections::VecDeque;

use jiff::Timestamp;
use learning::{
    ClassEvidence, ClassPriors, Evidence, History, LearnedRisk, PoolEvents, PoolEvidence,
};
use market::AdvisorBucket;

use crate::settings::Reports;
use crate::world::World;

/// What one policy knows of every pool.
pub(crate) struct Seen {
    pools: Vec<SeenPool>,
    siblings: Vec<Vec<usize>>,
    families: Vec<Vec<usize>>,
    reports: Reports,
    /// Risks as they were reckoned last, and when: once an hour and after every loss.
    risks: Option<(i64, Vec<Option<LearnedRisk>>)>,
}

#[derive(Default)]
struct SeenPool {
    history: History,
    exposure_seconds: u64,
    losses: VecDeque<i64>,
    returns: VecDeque<i64>,
    failures: VecDeque<i64>,
    refused_at: Option<i64>,
    /// Whether a request was refused or everything lost, and none was granted since.
    down: bool,
    events: Option<PoolEvents>,
}

/// Events that are older make no difference to recency.
const RECENT_SECONDS: i64 = 72 * 3600;

/// For so long a pool that refused is asked behind others.
const REFUSED_SECONDS: i64 = 3600;

/// How far back failures count for whoever goes by them.
const FAILURE_SECONDS: i64 = 24 * 3600;

impl Seen {
    pub(crate) fn new(world: &World, reports: Reports) -> Seen {
        let pools = &world.pools;
        let others = |same: &dyn Fn(usize, usize) -> bool| {
            (0..pools.len())
                .map(|own| {
                    (0..pools.len()).filter(|other| *other != own && same(own, *other)).collect()
                })
                .collect()
        };
        let region = |at: usize| pools[at].key.region();
        let kind = |at: usize| &pools[at].key.instance_type;
        Seen {
            siblings: others(&|a, b| kind(a) == kind(b) && region(a) == region(b)),
            families: others(&|a, b| {
                kind(a) != kind(b) && kind(a).family() == kind(b).family() && region(a) == region(b)
            }),
            pools: pools.iter().map(|_| SeenPool::default()).collect(),
            reports,
            risks: None,
        }
    }

    /// Notes what everybody reported of the step that begins, where reports are shared.
    pub(crate) fn shared_reports(&mut self, world: &World, step: usize) {
        if self.reports == Reports::Own {
            return;
        }
        let (now, before) = (world.second(step), step.checked_sub(1));
        for (at, pool) in world.pools.iter().enumerate() {
            let held = u32::from(pool.held[step]);
            let Some(before) = before else {
                self.pools[at].down = held == 0;
                continue;
            };
            let had = u32::from(pool.held[before]);
            // A share in thousandths is no number of instances: it counts as one.
            let counted = |part: u32| if pool.asked > 100 { part.min(1) } else { part };
            self.exposed(at, counted(had), world.second(before), now);
            if held < had {
                self.lost(at, counted(had - held), held == 0, now);
            }
            if had == 0 && held > 0 {
                self.came_back(at, now);
            }
        }
    }

    /// Notes that own instances were taken back.
    pub(crate) fn own_loss(&mut self, pool: usize, instances: u32, all: bool, now: i64) {
        if self.reports == Reports::Own {
            self.lost(pool, instances, all, now);
        }
        self.pools[pool].failures.push_back(now);
    }

    /// Notes that a request was granted.
    pub(crate) fn own_grant(&mut self, pool: usize, now: i64) {
        if self.reports == Reports::Own && self.pools[pool].down {
            self.came_back(pool, now);
        }
    }

    /// Notes that a request was refused.
    pub(crate) fn own_refusal(&mut self, pool: usize, now: i64) {
        self.pools[pool].failures.push_back(now);
        self.pools[pool].refused_at = Some(now);
        if self.reports == Reports::Own {
            self.pools[pool].down = true;
        }
    }

    /// Notes that own instances were at risk.
    pub(crate) fn own_exposure(&mut self, pool: usize, instances: u32, from: i64, until: i64) {
        if self.reports == Reports::Own {
            self.exposed(pool, instances, from, until);
        }
    }

    /// Losses and refusals of a pool in the last day.
    pub(crate) fn failures(&mut self, pool: usize, now: i64) -> usize {
        forget(&mut self.pools[pool].failures, now - FAILURE_SECONDS, 0);
        self.pools[pool].failures.len()
    }

    /// Whether a pool is known to have no capacity, or was so a while ago: it is asked behind others.
    pub(crate) fn asked_last(&self, pool: usize, now: i64) -> bool {
        let pool = &self.pools[pool];
        let refused = pool.refused_at.is_some_and(|at| now - at < REFUSED_SECONDS);
        refused || (self.reports == Reports::All && pool.down)
    }

    /// Whether anything of a pool was ever at risk.
    pub(crate) fn was_exposed(&self, pool: usize) -> bool {
        self.pools[pool].exposure_seconds > 0
    }

    /// Instance-hours of all pools: what the feedback weight counts.
    pub(crate) fn hours(&self) -> u64 {
        self.pools.iter().map(|pool| pool.exposure_seconds).sum::<u64>() / 3600
    }

    /// The learned risk of a pool; `None` where it has no class.
    pub(crate) fn risk(
        &mut self,
        pool: usize,
        classes: &[Option<AdvisorBucket>],
        now: i64,
    ) -> Option<LearnedRisk> {
        let is_fresh = self.risks.as_ref().is_some_and(|(at, _)| now - at < 3600);
        if !is_fresh {
            self.risks = Some((now, self.risks(classes, now)));
        }
        self.risks.as_ref().and_then(|(_, risks)| *risks.get(pool)?)
    }

    fn risks(&self, classes: &[Option<AdvisorBucket>], now: i64) -> Vec<Option<LearnedRisk>> {
        let now = instant(now);
        let own: Vec<Evidence> =
            self.pools.iter().map(|pool| pool.history.discounted(now)).collect();
        let mut by_class: [ClassEvidence; 5] = Default::default();
        for (evidence, class) in own.iter().zip(classes) {
            if let Some(class) = class
                && let Some(entry) = by_class.get_mut(usize::from(class.index()))
            {
                entry.pools.push(*evidence);
            }
        }
        let priors = ClassPriors::learned(&by_class);
        let together =
            |of: &[usize]| of.iter().fold(Evidence::default(), |sum, at| sum.plus(own[*at]));
        (0..self.pools.len())
            .map(|at| {
                let evidence = PoolEvidence {
                    own: own[at],
                    other_zones: together(&self.siblings[at]),
                    other_types: together(&self.families[at]),
                };
                (*classes.get(at)?).map(|class| LearnedRisk::of(&priors, class, &evidence))
            })
            .collect()
    }

    /// What the last three days of a pool say.
    pub(crate) fn recency(&mut self, pool: usize, now: i64) -> learning::Recency {
        if self.pools[pool].events.is_none() {
            let instants = |of: &VecDeque<i64>| of.iter().copied().map(instant).collect::<Vec<_>>();
            let siblings: Vec<Vec<Timestamp>> =
                self.siblings[pool].iter().map(|at| instants(&self.pools[*at].losses)).collect();
            let own = &self.pools[pool];
            let events = PoolEvents::new(instants(&own.losses), instants(&own.returns), siblings);
            self.pools[pool].events = Some(events);
        }
        let events = self.pools[pool].events.as_ref();
        events.map_or_else(
            || PoolEvents::default().at(instant(now)),
            |events| events.at(instant(now)),
        )
    }

    fn lost(&mut self, pool: usize, instances: u32, all: bool, now: i64) {
        self.risks = None;
        for at in self.siblings[pool].iter().copied().chain([pool]) {
            self.pools[at].events = None;
        }
        let pool = &mut self.pools[pool];
        for _ in 0..instances {
            pool.history.interrupted(instant(now));
        }
        pool.losses.push_back(now);
        pool.down |= all;
        // Of older ones it matters that there was one.
        forget(&mut pool.losses, now - RECENT_SECONDS - 3600, 1);
    }

    fn came_back(&mut self, pool: usize, now: i64) {
        let pool = &mut self.pools[pool];
        pool.events = None;
        pool.down = false;
        pool.returns.push_back(now);
        forget(&mut pool.returns, now - RECENT_SECONDS - 3600, 1);
    }

    fn exposed(&mut self, pool: usize, instances: u32, from: i64, until: i64) {
        if instances == 0 {
            return;
        }
        let pool = &mut self.pools[pool];
        pool.history.exposed(instances, instant(from), instant(until));
        pool.exposure_seconds += until.abs_diff(from) * u64::from(instances);
    }
}

/// Forgets what lies at or before an instant, but for so many of the latest.
fn forget(events: &mut VecDeque<i64>, until: i64, kept: usize) {
    while events.len() > kept && events.front().is_some_and(|at| *at <= until) {
        events.pop_front();
    }
}

fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
}
