//! Made-up fleets: who has spot capacity where, how often it is truly lost, and when whole pools are
//! taken back at once.
//!
//! Functions of a seed and the market. This crate refuses to know who is told of a loss, what is
//! believed of it and what time it is: instants are seconds since a simulation began.

mod alarms;
mod bursts;
mod losses;
mod world;

pub use alarms::{Alarm, Judged, judged, three_customers_within_an_hour};
pub use bursts::{Burst, Hit, bursts};
pub use losses::{DAY_SECONDS, Loss, losses};
pub use world::{Settings, SimulatedPool, World};

use learning::random::Random;

/// What is drawn. Each has draws of its own, so that more customers change no pool, and a burst more
/// changes no other loss.
#[derive(Clone, Copy, Debug)]
enum Draw {
    /// Types, zones and hazards.
    Pools,
    /// When and where pools are taken back at once.
    Bursts,
    /// What a customer has.
    Customer(usize),
    /// Ordinary losses of a pool.
    Losses(usize),
}

impl Draw {
    fn of(self, seed: u64) -> Random {
        let part = match self {
            Draw::Pools => 0,
            Draw::Bursts => 1,
            Draw::Customer(customer) => 2 + 2 * customer as u64,
            Draw::Losses(pool) => 3 + 2 * pool as u64,
        };
        Random::of_part(seed, part)
    }
}
