//! Whole amounts in proportion, so that nothing is lost and nothing is made.

/// Weights are brought below this sum, so that a product with any amount fits.
const MOST: i128 = 1 << 62;

/// An amount shared out in proportion to weights: everybody gets the whole units of its share, and
/// what is left goes one by one to those with the largest remainders, the first of equals first
/// (the method of Hamilton). The shares add up to the amount unless no weight is above 0.
pub(super) fn shares(amount: i64, weights: &[i128]) -> Vec<i64> {
    let positive = || weights.iter().map(|weight| (*weight).max(0));
    let sum = positive().fold(0_i128, i128::saturating_add);
    let shift = (0..128).find(|shift| sum >> shift < MOST).unwrap_or(127);
    // A weight that is there stays there, however small beside the others.
    let weights: Vec<i128> =
        positive().map(|weight| (weight >> shift).max(i128::from(weight > 0))).collect();
    let sum: i128 = weights.iter().sum();
    let amount = i128::from(amount.max(0));
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let parts = weights.iter().map(|weight| (amount * weight / sum, amount * weight % sum));
    let (mut whole, remainders): (Vec<i128>, Vec<i128>) = parts.unzip();
    let left = amount - whole.iter().sum::<i128>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| remainders[*b].cmp(&remainders[*a]));
    for place in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        whole[place] += 1;
    }
    whole.into_iter().map(|one| i64::try_from(one).unwrap_or(i64::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let check = |amount: i64, weights: &[i128], expected: &[i64]| {
            assert_eq!(shares(amount, weights), expected);
        };
        check(10, &[1, 1, 1], &[4, 3, 3]);
        check(10, &[0, 0, 5], &[0, 0, 10]);
        check(7, &[1, 2], &[2, 5]);
        check(7, &[], &[]);
        check(7, &[0, -3], &[0, 0]);
        check(-7, &[1], &[0]);
        check(i64::MAX, &[i128::MAX, i128::MAX], &[i64::MAX / 2 + 1, i64::MAX / 2]);
    }
}
