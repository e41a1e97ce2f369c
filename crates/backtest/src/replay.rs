//! One policy through one world, step by step.
//!
//! At every step losses come first, then the policy decides on what it knows, then the step is paid
//! for. Nothing behind the step is read.

use crate::Settings;
use crate::figures::{Figures, HOUR};
use crate::policy::PolicyName;
use crate::ranking::{Wish, wish};
use crate::seen::Seen;
use crate::world::World;

/// Where an instance is bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A pool, by its position.
    Spot(usize),
    /// On-Demand.
    OnDemand,
}

/// Something that a policy did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// At which step.
    pub step: usize,
    /// Where instances were asked for, or given back.
    pub place: Place,
    /// How many.
    pub instances: u32,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// So many were granted.
    Granted(u32),
    /// They were given back.
    GivenBack,
}

/// A policy's run.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// What was counted on each day.
    pub days: Vec<Figures>,
    /// What the policy did, in order.
    pub requests: Vec<Request>,
}

/// Instances that do not serve yet.
#[derive(Clone, Copy, Debug)]
struct Starting {
    place: Place,
    count: u32,
    /// Whole steps that they take still.
    steps: u32,
    /// Whether On-Demand instances serve in their place meanwhile.
    relieves: bool,
}

/// What a policy has.
struct Fleet<'a> {
    world: &'a World,
    settings: &'a Settings,
    serving: Vec<u32>,
    on_demand: u32,
    starting: Vec<Starting>,
    /// Whole steps of a start, and the seconds of the step in which it ends.
    start_steps: u32,
    start_rest: u32,
    seen: Seen,
    requests: Vec<Request>,
}

/// Replays a policy. The hindsight optimum is no policy that could be followed; see
/// [`crate::hindsight`].
#[must_use]
pub fn replay(world: &World, policy: PolicyName, settings: &Settings) -> Replayed {
    let mut fleet = Fleet {
        world,
        settings,
        serving: vec![0; world.pools.len()],
        on_demand: 0,
        starting: Vec::new(),
        start_steps: settings.startup_seconds / world.step_seconds,
        start_rest: settings.startup_seconds % world.step_seconds,
        seen: Seen::new(world, settings.reports),
        requests: Vec::new(),
    };
    let mut days = Vec::with_capacity(world.days.len());
    for day in &world.days {
        let mut figures = Figures::default();
        for step in day.steps.clone() {
            fleet.seen.shared_reports(world, step);
            fleet.losses(step, &mut figures);
            fleet.decide(step, policy, &mut figures);
            fleet.pass(step, &mut figures);
        }
        days.push(figures);
    }
    Replayed { days, requests: fleet.requests }
}

impl Fleet<'_> {
    /// Takes back what a pool does not hold any more: instances that start first, the latest of them
    /// before the others.
    fn losses(&mut self, step: usize, figures: &mut Figures) {
        let now = self.world.second(step);
        for pool in 0..self.serving.len() {
            let have = self.have(Place::Spot(pool));
            let holds = self.world.holds(pool, step, self.settings.instances);
            let lost = have.saturating_sub(holds);
            if lost == 0 {
                continue;
            }
            let mut left = lost;
            let of_pool = |start: &&mut Starting| start.place == Place::Spot(pool);
            for start in self.starting.iter_mut().rev().filter(of_pool) {
                let part = start.count.min(left);
                start.count -= part;
                left -= part;
            }
            self.starting.retain(|start| start.count > 0);
            self.serving[pool] -= left;
            figures.interruptions += u64::from(lost);
            figures.interruption +=
                i128::from(self.settings.interruption_cost_usd.nanos()) * HOUR * i128::from(lost);
            self.seen.own_loss(pool, lost, holds == 0, now);
        }
    }

    /// Lets the policy replace what is missing, and relieve On-Demand instances that it does not want.
    fn decide(&mut self, step: usize, policy: PolicyName, figures: &mut Figures) {
        let all = self.settings.instances;
        let relieving: u32 =
            self.starting.iter().filter(|start| start.relieves).map(|start| start.count).sum();
        let replacing: u32 =
            self.starting.iter().filter(|start| !start.relieves).map(|start| start.count).sum();
        let serving: u32 = self.serving.iter().sum::<u32>() + self.on_demand;
        let mut missing = all - (serving + replacing);
        let kept = if policy.has_a_score() { self.settings.kept_on_demand() } else { all };
        let mut surplus = self.on_demand.saturating_sub(kept).saturating_sub(relieving);
        if missing == 0 && surplus == 0 {
            return;
        }
        let mine: Vec<u32> =
            (0..self.serving.len()).map(|pool| self.have(Place::Spot(pool))).collect();
        let Wish { pools, most_in_a_pool, on_demand, falls_back } =
            wish(policy, self.world, step, &mut self.seen, &mine, self.settings);
        let first = on_demand.saturating_sub(self.have(Place::OnDemand)).min(missing);
        self.buy_on_demand(step, first);
        missing -= first;
        let mut refused = 0;
        for pool in pools {
            let room = most_in_a_pool.saturating_sub(mine[pool]);
            let wanted = (missing + surplus).min(room);
            if wanted == 0 || refused >= self.settings.attempts {
                continue;
            }
            let granted = self.ask(step, pool, wanted, figures);
            refused += u32::from(granted < wanted);
            let replaced = granted.min(missing);
            self.start(Place::Spot(pool), replaced, false);
            self.start(Place::Spot(pool), granted - replaced, true);
            missing -= replaced;
            surplus -= granted - replaced;
        }
        if falls_back {
            self.buy_on_demand(step, missing);
        }
    }

    /// Asks a pool for instances; how many it grants.
    fn ask(&mut self, step: usize, pool: usize, wanted: u32, figures: &mut Figures) -> u32 {
        let now = self.world.second(step);
        let holds = self.world.holds(pool, step, self.settings.instances);
        let granted = holds.saturating_sub(self.have(Place::Spot(pool))).min(wanted);
        figures.requests += 1;
        if granted > 0 {
            self.seen.own_grant(pool, now);
        }
        if granted < wanted {
            figures.refusals += 1;
            self.seen.own_refusal(pool, now);
        }
        let outcome = Outcome::Granted(granted);
        self.requests.push(Request { step, place: Place::Spot(pool), instances: wanted, outcome });
        granted
    }

    fn buy_on_demand(&mut self, step: usize, instances: u32) {
        if instances > 0 {
            let outcome = Outcome::Granted(instances);
            self.requests.push(Request { step, place: Place::OnDemand, instances, outcome });
            self.start(Place::OnDemand, instances, false);
        }
    }

    fn start(&mut self, place: Place, count: u32, relieves: bool) {
        if count > 0 {
            self.starting.push(Starting { place, count, steps: self.start_steps, relieves });
        }
    }

    /// Pays for a step: everything that runs, and everything that is missing.
    fn pass(&mut self, step: usize, figures: &mut Figures) {
        let world = self.world;
        let seconds = u64::from(world.step_seconds);
        // Whoever is ready within the step serves from then on.
        let rest = u64::from(self.start_rest);
        let mut late = 0_u64;
        let mut given_back = 0;
        for start in std::mem::take(&mut self.starting) {
            if start.steps > 0 {
                self.starting.push(Starting { steps: start.steps - 1, ..start });
                continue;
            }
            match start.place {
                Place::Spot(pool) => self.serving[pool] += start.count,
                Place::OnDemand => self.on_demand += start.count,
            }
            if start.relieves {
                // On-Demand serves and is paid for until its relief is ready.
                self.on_demand -= start.count;
                given_back += start.count;
                let overlap = u64::from(start.count) * rest;
                figures.on_demand_seconds += overlap;
                figures.compute += amount(world.on_demand[step], overlap);
            } else {
                late += u64::from(start.count) * rest;
            }
        }
        if given_back > 0 {
            let (place, outcome) = (Place::OnDemand, Outcome::GivenBack);
            self.requests.push(Request { step, place, instances: given_back, outcome });
        }
        let (from, until) = (world.second(step), world.second(step + 1));
        for pool in 0..self.serving.len() {
            let have = self.have(Place::Spot(pool));
            let paid = u64::from(have) * seconds;
            figures.spot_seconds += paid;
            figures.compute += amount(world.pools[pool].spot[step], paid);
            self.seen.own_exposure(pool, have, from, until);
        }
        let paid = u64::from(self.have(Place::OnDemand)) * seconds;
        figures.on_demand_seconds += paid;
        figures.compute += amount(world.on_demand[step], paid);
        let serving = self.serving.iter().sum::<u32>() + self.on_demand;
        let missing = u64::from(self.settings.instances - serving) * seconds + late;
        figures.unavailable_seconds += missing;
        figures.unavailable += amount(world.unavailable[step], missing);
    }

    /// Instances at a place, those that start among them.
    fn have(&self, place: Place) -> u32 {
        let starting = self.starting.iter().filter(|start| start.place == place);
        let serving = match place {
            Place::Spot(pool) => self.serving[pool],
            Place::OnDemand => self.on_demand,
        };
        serving + starting.map(|start| start.count).sum::<u32>()
    }
}

/// What so many seconds cost.
pub(crate) fn amount(rate: units::UsdPerHour, seconds: u64) -> i128 {
    i128::from(rate.nanos()) * i128::from(seconds)
}
