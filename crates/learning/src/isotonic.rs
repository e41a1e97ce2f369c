//! The closest numbers that never fall: pool adjacent violators (Ayer et al. 1955).

/// A value and how much it weighs, above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    /// The value.
    pub value: f64,
    /// Its weight.
    pub weight: f64,
}

/// The never falling values with the least weighted squared distance from those given, in their
/// order.
#[must_use]
pub fn never_falling(given: &[Weighed]) -> Vec<f64> {
    // Blocks of neighbours that share their mean, and how many they are.
    let mut blocks: Vec<(Weighed, usize)> = Vec::new();
    for next in given {
        let mut block = (*next, 1);
        while let Some((before, count)) = blocks.last().filter(|last| last.0.value > block.0.value)
        {
            let weight = before.weight + block.0.weight;
            let sum = before.value * before.weight + block.0.value * block.0.weight;
            block = (Weighed { value: sum / weight, weight }, count + block.1);
            blocks.pop();
        }
        blocks.push(block);
    }
    blocks.into_iter().flat_map(|(block, count)| std::iter::repeat_n(block.value, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn violators_share_their_mean() {
        let given = [(1.0, 1.0), (3.0, 1.0), (2.0, 3.0), (5.0, 1.0)];
        let given = given.map(|(value, weight)| Weighed { value, weight });
        assert_eq!(never_falling(&given), [1.0, 2.25, 2.25, 5.0]);
        assert!(never_falling(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_falls_and_the_weighted_sum_stays(
            given in prop::collection::vec((-5.0..5.0_f64, 0.1..9.0_f64), 1..40),
        ) {
            let given: Vec<Weighed> =
                given.into_iter().map(|(value, weight)| Weighed { value, weight }).collect();
            let found = never_falling(&given);
            prop_assert!(found.windows(2).all(|pair| pair[0] <= pair[1]));
            let sum = |values: &[f64]| {
                values.iter().zip(&given).map(|(value, given)| value * given.weight).sum::<f64>()
            };
            let before: Vec<f64> = given.iter().map(|given| given.value).collect();
            prop_assert!((sum(&found) - sum(&before)).abs() < 1e-9);
        }
    }
}
