//! Draws from distributions.

use std::f64::consts::TAU;

use learning::Gamma;

use crate::random::Random;

/// Standard normal (Box and Muller 1958).
pub(crate) fn normal(random: &mut Random) -> f64 {
    (2.0 * random.exponential()).sqrt() * (TAU * random.unit()).cos()
}

/// Poisson: as many exponential waits as fit.
pub(crate) fn poisson(random: &mut Random, mean: f64) -> f64 {
    let (mut count, mut waited) = (0.0, random.exponential());
    while waited < mean {
        waited += random.exponential();
        count += 1.0;
    }
    count
}

/// A rate from a belief, drawn as exponential waits: as many as the shape has whole parts, and a part
/// of one (Jöhnk 1964).
pub(crate) fn gamma(random: &mut Random, belief: Gamma) -> f64 {
    let (whole, part) = (belief.shape.floor(), belief.shape.fract());
    let mut sum: f64 = (0..whole as u32).map(|_| random.exponential()).sum();
    if part == 0.0 {
        return sum / belief.hours;
    }
    loop {
        let (x, y) = (random.unit().powf(1.0 / part), random.unit().powf(1.0 / (1.0 - part)));
        if x + y <= 1.0 {
            sum += random.exponential() * x / (x + y);
            return sum / belief.hours;
        }
    }
}
