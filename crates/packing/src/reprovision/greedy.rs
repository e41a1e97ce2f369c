//! Quick packings: first-fit decreasing per form, keep-every-form first fit,
//! and repeated best-value filling.

use super::load::{Load, Packing};
use super::problem::{Amounts, Ready};

/// Kinds by descending largest share of a reference capacity.
pub(crate) fn by_size(ready: &Ready) -> Vec<u32> {
    let mut top = [1_i64; super::problem::MAX_DIMS];
    for form in &ready.forms {
        for r in 0..ready.dims {
            top[r] = top[r].max(form.capacity[r]);
        }
    }
    let size = |kind: u32| {
        let demand = &ready.kinds[kind as usize].demand;
        (0..ready.dims).map(|r| demand[r] as f64 / top[r] as f64).fold(0.0, f64::max)
    };
    let mut order: Vec<(f64, u32)> =
        (0..ready.kinds.len() as u32).map(|kind| (size(kind), kind)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|pair| pair.1).collect()
}

/// First-fit decreasing with one form for everything that fits it and the
/// cheapest suitable form for the rest; bins shrunk afterwards.
pub(crate) fn one_form(ready: &Ready, form: u32, order: &[u32]) -> Packing {
    let mut packing = Packing { found_by: "one shape", ..Packing::default() };
    let mut left: Vec<u32> = ready.forms.iter().map(|f| f.available).collect();
    for &kind in order {
        let mut copies = ready.kinds[kind as usize].count;
        for bin in &mut packing.bins {
            if copies == 0 {
                break;
            }
            let n = bin.room(ready, kind).min(copies);
            bin.put(ready, kind, n);
            copies -= n;
        }
        while copies > 0 {
            let others = 0..ready.forms.len() as u32;
            let choice = std::iter::once(form)
                .chain(others)
                .find(|&f| left[f as usize] > 0 && ready.allows(kind, f));
            let Some(choice) = choice else {
                packing.left_over.push((kind, copies));
                break;
            };
            if left[choice as usize] != u32::MAX {
                left[choice as usize] -= 1;
            }
            let mut bin = Load::empty(ready, choice);
            let n = bin.room(ready, kind).min(copies).max(1);
            bin.put(ready, kind, n);
            copies -= n;
            packing.bins.push(bin);
        }
    }
    packing.shrink(ready);
    packing
}

/// First fit onto bins that keep every form that would still hold them; the
/// cheapest such form is bought at the end. (The policy of a well-known
/// open-source provisioner.)
pub(crate) fn keep_forms(ready: &Ready) -> Packing {
    let mut order: Vec<u32> = (0..ready.kinds.len() as u32).collect();
    order.sort_by_key(|&kind| std::cmp::Reverse(ready.kinds[kind as usize].demand));
    let mut packing = Packing { found_by: "keep shapes", ..Packing::default() };
    let mut used: Vec<(Amounts, Vec<u32>)> = Vec::new();
    let mut left: Vec<u32> = ready.forms.iter().map(|f| f.available).collect();
    for &kind in &order {
        let facts = &ready.kinds[kind as usize];
        let mut copies = facts.count;
        for (bin, (amounts, forms)) in packing.bins.iter_mut().zip(&mut used) {
            if copies == 0 {
                break;
            }
            let have = bin.contents.iter().find(|c| c.0 == kind).map_or(0, |c| c.1);
            let clash = |c: &(u32, u32)| facts.conflicts.binary_search(&c.0).is_ok();
            if bin.contents.iter().any(clash) {
                continue;
            }
            let most = copies.min(facts.per_bin.saturating_sub(have));
            let n = widest(ready, kind, amounts, forms).min(most);
            if n > 0 {
                grow(ready, kind, n, amounts, forms);
                bin.put(ready, kind, n);
                copies -= n;
            }
        }
        while copies > 0 {
            let all = 0..ready.forms.len() as u32;
            let mut forms: Vec<u32> =
                all.filter(|&f| ready.allows(kind, f) && left[f as usize] > 0).collect();
            let Some(&cheapest) = forms.first() else {
                packing.left_over.push((kind, copies));
                break;
            };
            let mut bin = Load::empty(ready, cheapest);
            let mut amounts = [0; super::problem::MAX_DIMS];
            let n = widest(ready, kind, &amounts, &forms).min(facts.per_bin).min(copies);
            grow(ready, kind, n, &mut amounts, &mut forms);
            bin.put(ready, kind, n);
            copies -= n;
            // With a limited supply the bin takes its cheapest form at once.
            if ready.any_limit {
                forms.truncate(1);
                if left[forms[0] as usize] != u32::MAX {
                    left[forms[0] as usize] -= 1;
                }
            }
            packing.bins.push(bin);
            used.push((amounts, forms));
        }
    }
    for (bin, (_, forms)) in packing.bins.iter_mut().zip(&used) {
        bin.reform(ready, forms[0]);
    }
    packing
}

/// Most copies of a kind that at least one of the forms still holds.
fn widest(ready: &Ready, kind: u32, amounts: &Amounts, forms: &[u32]) -> u32 {
    let demand = &ready.kinds[kind as usize].demand;
    let room = |form: u32| {
        let capacity = &ready.forms[form as usize].capacity;
        let per_dim = (0..ready.dims)
            .filter(|&r| demand[r] > 0)
            .map(|r| ((capacity[r] - amounts[r]) / demand[r]).max(0));
        u32::try_from(per_dim.min().unwrap_or(i64::MAX)).unwrap_or(u32::MAX)
    };
    let open = forms.iter().filter(|&&form| ready.allows(kind, form));
    open.map(|&form| room(form)).max().unwrap_or(0)
}

/// Adds copies and drops the forms that no longer hold everything.
fn grow(ready: &Ready, kind: u32, copies: u32, amounts: &mut Amounts, forms: &mut Vec<u32>) {
    let demand = &ready.kinds[kind as usize].demand;
    for r in 0..ready.dims {
        amounts[r] += demand[r] * i64::from(copies);
    }
    forms.retain(|&form| {
        let capacity = &ready.forms[form as usize].capacity;
        ready.allows(kind, form) && (0..ready.dims).all(|r| amounts[r] <= capacity[r])
    });
}

/// Fills one bin of every form by value per worst share of what is left, buys
/// the form with the best value per cost, repeats its filling while the items
/// last, and starts over.
pub(crate) fn best_value(ready: &Ready, value: &[f64]) -> Packing {
    let mut packing = Packing { found_by: "best value", ..Packing::default() };
    let mut need: Vec<u32> = ready.kinds.iter().map(|kind| kind.count).collect();
    let mut left: Vec<u32> = ready.forms.iter().map(|f| f.available).collect();
    let order = by_size(ready);
    loop {
        let live: Vec<u32> = order.iter().copied().filter(|&k| need[k as usize] > 0).collect();
        if live.is_empty() {
            break;
        }
        let mut best: Option<(f64, Load)> = None;
        for form in (0..ready.forms.len() as u32).filter(|&f| left[f as usize] > 0) {
            let bin = fill(ready, form, &live, &need, value);
            let worth: f64 =
                bin.contents.iter().map(|c| value[c.0 as usize] * f64::from(c.1)).sum();
            let ratio = worth / ready.forms[form as usize].cost as f64;
            if ratio > 0.0 && best.as_ref().is_none_or(|b| ratio > b.0) {
                best = Some((ratio, bin));
            }
        }
        let Some((_, bin)) = best else {
            break;
        };
        let times = bin.contents.iter().map(|c| need[c.0 as usize] / c.1).min().unwrap_or(0);
        let times = times.min(left[bin.form as usize]);
        for c in &bin.contents {
            need[c.0 as usize] -= c.1 * times;
        }
        if left[bin.form as usize] != u32::MAX {
            left[bin.form as usize] -= times;
        }
        packing.bins.extend(std::iter::repeat_n(bin, times as usize));
    }
    for (kind, &copies) in need.iter().enumerate().filter(|n| *n.1 > 0) {
        packing.left_over.push((kind as u32, copies));
    }
    packing.shrink(ready);
    packing
}

/// Fills a bin with the items whose demand points where room is left, large
/// values first.
pub(crate) fn fill(ready: &Ready, form: u32, live: &[u32], need: &[u32], value: &[f64]) -> Load {
    let mut bin = Load::empty(ready, form);
    let capacity = ready.forms[form as usize].capacity;
    let mut taken: Vec<(u32, u32)> = live.iter().map(|&k| (k, need[k as usize])).collect();
    loop {
        let mut best: Option<(f64, usize)> = None;
        for (at, &(kind, copies)) in taken.iter().enumerate() {
            if copies == 0 || !bin.takes(ready, kind) {
                continue;
            }
            let demand = &ready.kinds[kind as usize].demand;
            let (mut dot, mut norm, mut own) = (0.0, 0.0, 0.0);
            for r in 0..ready.dims {
                let scale = 1.0 / capacity[r].max(1) as f64;
                let (d, f) = (demand[r] as f64 * scale, bin.rest[r] as f64 * scale);
                dot += d * f;
                norm += d * d;
                own += f * f;
            }
            // Direction matters most, then size: large items first.
            let cosine = dot / (norm * own).sqrt().max(1e-12);
            let score = cosine * cosine * value[kind as usize].max(1e-12);
            if best.is_none_or(|b| score > b.0) {
                best = Some((score, at));
            }
        }
        let Some((_, at)) = best else {
            return bin;
        };
        taken[at].1 -= 1;
        bin.put(ready, taken[at].0, 1);
    }
}
