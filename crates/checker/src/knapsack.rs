//! The most that a machine can hold, by worth: a knapsack of several dimensions, searched to the end.
//!
//! A table over a grid of the two scarcest dimensions bounds what the remaining items can add to a
//! partly filled machine. Demands are rounded down to the grid, so its entries are never too low, and
//! one table serves every machine. Everything is reckoned in integers, and shares nothing with the
//! search whose results it judges.

/// How many branches the searches of one certificate may look at together.
const MOST_BRANCHES: u64 = 200_000_000;
/// Cells of all tables together: eight bytes each.
const MOST_CELLS: usize = 12_000_000;
/// Cells along one dimension of the grid: with fewer it sees next to nothing, with more it costs more
/// than it saves.
const SIDES: std::ops::RangeInclusive<usize> = 24..=400;

/// Pods of one kind.
pub(crate) struct Item {
    /// What each takes, per dimension.
    pub(crate) demand: Vec<u64>,
    /// How many there are.
    pub(crate) count: u64,
    /// What each is worth.
    pub(crate) worth: u64,
}

/// Items in the order in which they are taken, with the tables of what the later ones can add.
pub(crate) struct Knapsack {
    items: Vec<Item>,
    grid: Option<Grid>,
    branches: u64,
}

struct Grid {
    axes: [usize; 2],
    unit: [u64; 2],
    size: [usize; 2],
    /// One table for each place in the order, and one of zeros behind the last.
    cells: Vec<u64>,
}

/// For each place in the order: the most that a unit of each resource can be worth to the items from
/// there on, as a fraction; `None` behind the last.
struct Rates {
    dims: usize,
    best: Vec<Option<(u64, u64)>>,
}

struct Search<'k> {
    items: &'k [Item],
    grid: Option<&'k Grid>,
    rates: Rates,
    limit: u128,
    branches: &'k mut u64,
}

impl Knapsack {
    /// Items, and the most that any machine has of each dimension.
    pub(crate) fn new(mut items: Vec<Item>, largest: &[u64]) -> Knapsack {
        items.retain(|item| item.worth > 0 && item.count > 0);
        let share = |item: &Item| {
            let shares = item.demand.iter().zip(largest);
            shares.map(|(need, room)| *need as f64 / (*room).max(1) as f64).fold(0.0, f64::max)
        };
        // Large items first: they leave few choices, and the small ones fill what is left.
        items.sort_by(|a, b| share(b).total_cmp(&share(a)).then_with(|| b.demand.cmp(&a.demand)));
        let grid = Grid::of(&items, largest);
        Knapsack { items, grid, branches: 0 }
    }

    /// Whether some set of items that fits the capacity is worth more than the limit.
    ///
    /// # Errors
    /// The search did not come to its end.
    pub(crate) fn can_exceed(&mut self, capacity: &[u64], limit: u64) -> Result<bool, String> {
        let mut search = Search {
            rates: Rates::of(&self.items, capacity.len()),
            items: &self.items,
            grid: self.grid.as_ref(),
            limit: u128::from(limit),
            branches: &mut self.branches,
        };
        search.run(0, capacity, 0)
    }
}

impl Grid {
    fn of(items: &[Item], largest: &[u64]) -> Option<Grid> {
        let total = |dim: usize| {
            let sum: f64 =
                items.iter().map(|item| item.demand[dim] as f64 * item.count as f64).sum();
            sum / largest[dim].max(1) as f64
        };
        let mut scarce: Vec<usize> = (0..largest.len()).collect();
        scarce.sort_by(|a, b| total(*b).total_cmp(&total(*a)));
        let axes = [*scarce.first()?, *scarce.get(1).or(scarce.first())?];
        let most = MOST_CELLS / (items.len() + 1);
        let side = most.isqrt().min(*SIDES.end());
        if side < *SIDES.start() || items.is_empty() {
            return None;
        }
        let unit = axes.map(|dim| unit(items, dim, largest[dim], side as u64));
        let size = [0, 1].map(|at| (largest[axes[at]] / unit[at]) as usize + 1);
        let table = size[0] * size[1];
        let mut cells = vec![0; table * (items.len() + 1)];
        for (at, item) in items.iter().enumerate().rev() {
            let (before, behind) = cells.split_at_mut((at + 1) * table);
            let own = &mut before[at * table..];
            own.copy_from_slice(&behind[..table]);
            let step = [0, 1].map(|axis| (item.demand[axes[axis]] / unit[axis]) as usize);
            take(own, size, step, item);
        }
        Some(Grid { axes, unit, size, cells })
    }

    /// The most that the items from a place on can add in this room.
    fn most(&self, at: usize, room: &[u64]) -> u64 {
        let [x, y] = [0, 1].map(|axis| {
            let cell = room[self.axes[axis]] / self.unit[axis];
            (cell as usize).min(self.size[axis] - 1)
        });
        self.cells[(at * self.size[0] + x) * self.size[1] + y]
    }
}

/// The grid's unit: as fine as the sides allow, and of those the one that cuts least off the demands.
fn unit(items: &[Item], dim: usize, largest: u64, side: u64) -> u64 {
    let common = items.iter().fold(0, |common, item| divisor(common, item.demand[dim])).max(1);
    let finest = largest / side + 1;
    let coarsest = finest * 3 / 2;
    let first = finest.div_ceil(common);
    let multiples = (first..=(coarsest / common).max(first)).take(64).map(|times| times * common);
    let lost = |unit: u64| -> u128 {
        items.iter().map(|item| u128::from(item.demand[dim] % unit) * u128::from(item.count)).sum()
    };
    std::iter::once(finest)
        .chain(multiples)
        .min_by_key(|unit| (lost(*unit), *unit))
        .unwrap_or(finest)
}

fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// Lets a table choose how many of an item are taken. Copies come in heaps of 1, 2, 4 … and a rest, of
/// which every number up to the count can be put together.
fn take(table: &mut [u64], size: [usize; 2], step: [usize; 2], item: &Item) {
    if step == [0, 0] {
        // The grid does not see it, so it may be there as often as it is at all.
        let all = item.worth.saturating_mul(item.count);
        table.iter_mut().for_each(|cell| *cell = cell.saturating_add(all));
        return;
    }
    let room = |axis: usize| (size[axis] - 1).checked_div(step[axis]).unwrap_or(usize::MAX);
    let mut left = usize::try_from(item.count).unwrap_or(usize::MAX).min(room(0)).min(room(1));
    let mut heap = 1;
    while left > 0 {
        let copies = heap.min(left);
        left -= copies;
        heap *= 2;
        let (dx, dy) = (step[0] * copies, step[1] * copies);
        let gain = item.worth.saturating_mul(copies as u64);
        for x in (dx..size[0]).rev() {
            for y in (dy..size[1]).rev() {
                let with = table[(x - dx) * size[1] + y - dy].saturating_add(gain);
                let cell = &mut table[x * size[1] + y];
                *cell = (*cell).max(with);
            }
        }
    }
}

impl Rates {
    fn of(items: &[Item], dims: usize) -> Rates {
        let mut best = vec![None; dims * (items.len() + 1)];
        for (at, item) in items.iter().enumerate().rev() {
            for dim in 0..dims {
                let own = (item.worth, item.demand[dim]);
                best[at * dims + dim] = match best[(at + 1) * dims + dim] {
                    // a/b > c/d for b, d > 0; a demand of 0 is worth infinitely much per unit.
                    Some(later) if !dearer(own, later) => Some(later),
                    _ => Some(own),
                };
            }
        }
        Rates { dims, best }
    }

    /// The most that the items from a place on can add in this room.
    fn most(&self, at: usize, room: &[u64]) -> u128 {
        let mut most = u128::MAX;
        for (dim, room) in room.iter().enumerate() {
            match self.best[at * self.dims + dim] {
                None => return 0,
                Some((_, 0)) => {}
                Some((worth, demand)) => {
                    most = most.min(u128::from(worth) * u128::from(*room) / u128::from(demand));
                }
            }
        }
        most
    }
}

fn dearer(one: (u64, u64), other: (u64, u64)) -> bool {
    one.1 == 0 || u128::from(one.0) * u128::from(other.1) > u128::from(other.0) * u128::from(one.1)
}

impl Search<'_> {
    fn run(&mut self, at: usize, room: &[u64], worth: u128) -> Result<bool, String> {
        *self.branches += 1;
        if *self.branches > MOST_BRANCHES {
            return Err("the certificate is too large to be verified".to_owned());
        }
        if worth > self.limit {
            return Ok(true);
        }
        let Some(item) = self.items.get(at) else { return Ok(false) };
        let by_grid = self.grid.map_or(u128::MAX, |grid| u128::from(grid.most(at, room)));
        if worth + by_grid <= self.limit || worth + self.rates.most(at, room) <= self.limit {
            return Ok(false);
        }
        let needs = item.demand.iter().zip(room).filter(|(need, _)| **need > 0);
        let fit = needs.map(|(need, room)| room / need).min().unwrap_or(item.count).min(item.count);
        let mut left: Vec<u64> =
            room.iter().zip(&item.demand).map(|(room, need)| room - need * fit).collect();
        for taken in (0..=fit).rev() {
            if self.run(at + 1, &left, worth + u128::from(item.worth) * u128::from(taken))? {
                return Ok(true);
            }
            for (room, need) in left.iter_mut().zip(&item.demand) {
                *room += need;
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: &mut u64, below: u64) -> u64 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % below
    }

    /// The most that fits, by trying everything.
    fn brute(items: &[Item], room: &[u64]) -> u64 {
        let Some((item, rest)) = items.split_first() else { return 0 };
        let mut room = room.to_vec();
        let mut best = 0;
        for taken in 0..=item.count {
            best = best.max(item.worth * taken + brute(rest, &room));
            for (room, need) in room.iter_mut().zip(&item.demand) {
                match room.checked_sub(*need) {
                    Some(left) => *room = left,
                    None => return best,
                }
            }
        }
        best
    }

    #[test]
    fn the_answer_is_exact_on_either_side_of_the_limit() {
        let mut seed = 11;
        for case in 0..90 {
            let dims = 1 + case % 3;
            let items: Vec<Item> = (0..6)
                .map(|_| Item {
                    demand: (0..dims).map(|_| numbers(&mut seed, 700)).collect(),
                    count: 1 + numbers(&mut seed, 3),
                    worth: numbers(&mut seed, 90),
                })
                .collect();
            let room: Vec<u64> = (0..dims).map(|_| 500 + numbers(&mut seed, 1_500)).collect();
            let best = brute(&items, &room);
            let mut knapsack = Knapsack::new(items, &room);
            assert_eq!(knapsack.can_exceed(&room, best), Ok(false), "case {case}");
            if best > 0 {
                assert_eq!(knapsack.can_exceed(&room, best - 1), Ok(true), "case {case}");
            }
        }
    }
}
