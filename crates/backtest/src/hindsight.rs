//! The least that the capacity could have cost whoever knew the future: what regret is measured to.
//!
//! One instance is followed by dynamic programming over the place where it serves; its work is linear
//! in steps times pools. Every instance of every policy takes one of the ways that are searched, so no
//! policy costs less than all instances on the best way. Where pools hold all instances or none, all
//! of them can take that way together and the bound is reached.

use crate::Settings;
use crate::figures::{Figures, HOUR};
use crate::replay::amount;
use crate::world::World;

/// How good the bound is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// All instances could have done it.
    Reached,
    /// One instance could have, and no policy can cost less; pools were too small for all at some step.
    Lower,
}

/// What hindsight would have done.
#[derive(Clone, Debug, PartialEq)]
pub struct Hindsight {
    /// What is counted on each day.
    pub days: Vec<Figures>,
    /// Whether it could have been done by all instances together.
    pub bound: Bound,
    /// Where the instance serves, by step: 0 nowhere, 1 On-Demand, pools from 2 on.
    pub path: Vec<u16>,
}

const DOWN: usize = 0;
const ON_DEMAND: usize = 1;
const POOLS: usize = 2;

/// No way leads here.
const NEVER: i128 = i128::MAX / 4;

/// Finds the cheapest way.
///
/// `F(x, t)` is the least cost up to the end of step `t` for an instance that serves in `x` during it:
/// it stayed, or came from the cheapest other place, having been started in time for it, at that
/// place's price, while the other one served. Leaving a pool at a step is free while it holds the
/// instance, and an interruption otherwise.
#[must_use]
pub fn hindsight(world: &World, settings: &Settings) -> Hindsight {
    let places = world.pools.len() + POOLS;
    let steps = world.steps();
    let way = Way::new(world, settings);
    let mut least = vec![NEVER; places];
    least[DOWN] = 0;
    // Where the instance served before, by step and place.
    let mut before: Vec<u16> = Vec::with_capacity(steps * places);
    for step in 0..steps {
        let left = |place: usize| least[place].saturating_add(way.leaving(place, step));
        let down = (0..places).min_by_key(|place| left(*place)).unwrap_or(DOWN);
        let moved = |place: usize| left(place).saturating_add(way.handing_over(place, step));
        let from = (0..places).min_by_key(|place| moved(*place)).unwrap_or(DOWN);
        let (stopped, handed_over) = (left(down), moved(from));
        let next: Vec<(i128, usize)> = (0..places)
            .map(|place| {
                if place == DOWN {
                    return (stopped.saturating_add(way.nothing(step)), down);
                }
                if !way.is_up(place, step) {
                    return (NEVER, place);
                }
                let stays = least[place];
                let comes = way
                    .starting(place, step)
                    .map_or(NEVER, |start| handed_over.saturating_add(start));
                let (cost, from) = if stays <= comes { (stays, place) } else { (comes, from) };
                (cost.saturating_add(way.running(place, step)).min(NEVER), from)
            })
            .collect();
        for (place, (cost, from)) in next.into_iter().enumerate() {
            least[place] = cost;
            before.push(u16::try_from(from).unwrap_or(0));
        }
    }
    let mut place = (0..places).min_by_key(|place| least[*place]).unwrap_or(DOWN);
    let mut path = vec![0_u16; steps];
    for step in (0..steps).rev() {
        path[step] = u16::try_from(place).unwrap_or(0);
        place = usize::from(before[step * places + place]);
    }
    let days = way.walked(&path);
    Hindsight { days, bound: way.bound(), path }
}

/// Costs of one instance.
struct Way<'a> {
    world: &'a World,
    settings: &'a Settings,
    start_steps: usize,
    start_rest: u64,
    /// For each pool and step, since how many steps it has been up, this one among them.
    up_for: Vec<Vec<u32>>,
    /// For each place but the first, what the steps before cost together.
    paid: Vec<Vec<i128>>,
}

impl Way<'_> {
    fn new<'a>(world: &'a World, settings: &'a Settings) -> Way<'a> {
        let seconds = u64::from(world.step_seconds);
        let sums = |prices: &[units::UsdPerHour]| {
            let mut sum = 0;
            let mut sums = Vec::with_capacity(prices.len() + 1);
            sums.push(0);
            for price in prices {
                sum += amount(*price, seconds);
                sums.push(sum);
            }
            sums
        };
        let mut paid = vec![Vec::new(), sums(&world.on_demand)];
        paid.extend(world.pools.iter().map(|pool| sums(&pool.spot)));
        let up_for = (0..world.pools.len())
            .map(|pool| {
                let up = |step: usize| world.holds(pool, step, settings.instances) > 0;
                let mut length = 0_u32;
                (0..world.steps())
                    .map(|step| {
                        length = if up(step) { length + 1 } else { 0 };
                        length
                    })
                    .collect()
            })
            .collect();
        Way {
            world,
            settings,
            start_steps: (settings.startup_seconds / world.step_seconds) as usize,
            start_rest: u64::from(settings.startup_seconds % world.step_seconds),
            up_for,
            paid,
        }
    }

    fn is_up(&self, place: usize, step: usize) -> bool {
        place < POOLS || self.up_for[place - POOLS][step] > 0
    }

    /// What it costs that an instance which served there does not any more.
    fn leaving(&self, place: usize, step: usize) -> i128 {
        if self.is_up(place, step) {
            0
        } else {
            i128::from(self.settings.interruption_cost_usd.nanos()) * HOUR
        }
    }

    /// What is paid or missing until another instance is ready within the step.
    fn handing_over(&self, place: usize, step: usize) -> i128 {
        let missing = amount(self.world.unavailable[step], self.start_rest);
        if place == DOWN || !self.is_up(place, step) {
            missing
        } else {
            missing.min(amount(self.price(place, step), self.start_rest))
        }
    }

    /// What the steps cost in which an instance starts that serves from this one on; `None` where it
    /// cannot have been started.
    fn starting(&self, place: usize, step: usize) -> Option<i128> {
        let from = step.checked_sub(self.start_steps)?;
        let through = place < POOLS || self.up_for[place - POOLS][step] as usize > self.start_steps;
        through.then(|| self.paid[place][step] - self.paid[place][from])
    }

    fn running(&self, place: usize, step: usize) -> i128 {
        amount(self.price(place, step), u64::from(self.world.step_seconds))
    }

    fn nothing(&self, step: usize) -> i128 {
        amount(self.world.unavailable[step], u64::from(self.world.step_seconds))
    }

    fn price(&self, place: usize, step: usize) -> units::UsdPerHour {
        match place.checked_sub(POOLS) {
            Some(pool) => self.world.pools[pool].spot[step],
            None => self.world.on_demand[step],
        }
    }

    /// What a way costs by day, for all instances.
    fn walked(&self, path: &[u16]) -> Vec<Figures> {
        let seconds = u64::from(self.world.step_seconds);
        let mut days = Vec::with_capacity(self.world.days.len());
        let mut at = DOWN;
        for day in &self.world.days {
            let mut figures = Figures::default();
            for step in day.steps.clone() {
                let place = usize::from(path[step]);
                if place != at {
                    let lost = self.leaving(at, step);
                    figures.interruption += lost;
                    figures.interruptions += u64::from(!self.is_up(at, step));
                    if place != DOWN {
                        self.hand_over(at, place, step, &mut figures);
                    }
                }
                if place == DOWN {
                    figures.unavailable_seconds += seconds;
                    figures.unavailable += self.nothing(step);
                } else {
                    figures.compute += self.running(place, step);
                    *paid_seconds(&mut figures, place) += seconds;
                }
                at = place;
            }
            days.push(figures.times(self.settings.instances));
        }
        days
    }

    fn hand_over(&self, from: usize, to: usize, step: usize, figures: &mut Figures) {
        figures.compute += self.starting(to, step).unwrap_or(0);
        *paid_seconds(figures, to) += self.start_steps as u64 * u64::from(self.world.step_seconds);
        let missing = amount(self.world.unavailable[step], self.start_rest);
        let cost = self.handing_over(from, step);
        if cost == missing {
            figures.unavailable_seconds += self.start_rest;
            figures.unavailable += cost;
        } else {
            figures.compute += cost;
            *paid_seconds(figures, from) += self.start_rest;
        }
    }

    fn bound(&self) -> Bound {
        let all = self.settings.instances;
        let whole = (0..self.world.pools.len()).all(|pool| {
            (0..self.world.steps()).all(|step| {
                let holds = self.world.holds(pool, step, all);
                holds == 0 || holds >= all
            })
        });
        if whole { Bound::Reached } else { Bound::Lower }
    }
}

fn paid_seconds(figures: &mut Figures, place: usize) -> &mut u64 {
    if place == ON_DEMAND { &mut figures.on_demand_seconds } else { &mut figures.spot_seconds }
}
