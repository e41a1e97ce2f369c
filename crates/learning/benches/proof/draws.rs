//! Draws that only the tables of the proof need.

use std::f64::consts::TAU;

use learning::random::Random;

/// Standard normal (Box and Muller 1958): the generator's own way would draw other worlds than those
/// that the tables show.
pub(crate) fn normal(random: &mut Random) -> f64 {
    (2.0 * random.exponential()).sqrt() * (TAU * random.unit()).cos()
}
