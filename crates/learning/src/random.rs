//! Seeded draws for simulations and resamples: the same seed gives the same numbers on every machine.
//!
//! This module refuses to know where a seed comes from. Nothing here is a secret.

use crate::elementary::{exp, ln};
use crate::gamma::Gamma;

/// A seeded generator: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed. Neighbouring seeds have nothing in common.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A generator for a part of what this seed is for, such as one customer: what one part draws
    /// changes nothing for the others.
    #[must_use]
    pub fn of_part(seed: u64, part: u64) -> Random {
        let mut whole = Random::new(seed);
        Random::new(whole.next().wrapping_add(part))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..n`; 0 where `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Uniform in (0, 1].
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -ln(self.unit())
    }

    /// Standard normal (Marsaglia and Bray 1964).
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * ln(square) / square).sqrt();
            }
        }
    }

    /// Poisson: as many exponential waits as fit.
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let (mut count, mut waited) = (0, self.exponential());
        while waited < mean {
            waited += self.exponential();
            count += 1;
        }
        count
    }

    /// A rate from a belief, drawn as exponential waits: as many as the shape has whole parts, and a part
    /// of one (Jöhnk 1964).
    pub fn rate(&mut self, belief: Gamma) -> f64 {
        let (whole, part) = (belief.shape.floor(), belief.shape.fract());
        let mut sum: f64 = (0..whole as u32).map(|_| self.exponential()).sum();
        if part > 0.0 {
            loop {
                let x = exp(ln(self.unit()) / part);
                let y = exp(ln(self.unit()) / (1.0 - part));
                if x + y <= 1.0 && x + y > 0.0 {
                    sum += self.exponential() * x / (x + y);
                    break;
                }
            }
        }
        sum / belief.hours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 20_000;

    /// Mean and variance.
    fn moments(mut draw: impl FnMut(&mut Random) -> f64) -> (f64, f64) {
        let mut random = Random::new(7);
        let all: Vec<f64> = (0..DRAWS).map(|_| draw(&mut random)).collect();
        let mean = all.iter().sum::<f64>() / f64::from(DRAWS);
        let square = all.iter().map(|one| (one - mean).powi(2)).sum::<f64>();
        (mean, square / f64::from(DRAWS))
    }

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let check = |name: &str, found: (f64, f64), mean: f64, variance: f64| {
            let near = (found.0 - mean).abs() < 0.05 && (found.1 - variance).abs() < 0.1;
            assert!(near, "{name}: {found:?} for {mean} and {variance}");
        };
        check("unit", moments(Random::unit), 0.5, 1.0 / 12.0);
        check("exponential", moments(Random::exponential), 1.0, 1.0);
        check("normal", moments(Random::normal), 0.0, 1.0);
        check("poisson", moments(|random| f64::from(random.poisson(1.5))), 1.5, 1.5);
        let belief = Gamma { shape: 0.3, hours: 0.5 };
        check("rate below one", moments(|random| random.rate(belief)), 0.6, 1.2);
        let belief = Gamma { shape: 2.5, hours: 2.0 };
        check("rate above one", moments(|random| random.rate(belief)), 1.25, 0.625);
    }

    #[test]
    fn parts_of_a_seed_are_their_own() {
        let first = |mut random: Random| random.next();
        assert_eq!(first(Random::of_part(1, 2)), first(Random::of_part(1, 2)));
        assert_ne!(first(Random::of_part(1, 2)), first(Random::of_part(1, 3)));
        assert_ne!(first(Random::of_part(1, 2)), first(Random::of_part(2, 1)));
        assert!((0..1_000).all(|seed| Random::new(seed).below(3) < 3));
        assert_eq!(Random::new(1).below(0), 0);
    }
}
