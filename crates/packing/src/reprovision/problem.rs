//! Input and output of re-provisioning, and the prepared form the searches use.

use crate::bound::Bound;
use crate::index_set::IndexSet;

/// Most resource dimensions of a problem.
pub const MAX_DIMS: usize = 8;

/// Quantities above this (2^48) are refused.
const LARGEST: i64 = 1 << 48;
/// Costs above this (2^40, about 1 100 dollars in nano-dollars) are refused;
/// with [`MOST_ITEMS`] no sum of costs overflows.
const LARGEST_COST: i64 = 1 << 40;
/// More items (2^20) are refused.
const MOST_ITEMS: u64 = 1 << 20;

/// Items and the bin shapes that can be bought for them.
#[derive(Debug, Clone, Default)]
pub struct Problem {
    /// Number of resource dimensions, `1..=MAX_DIMS`. A limit on the number of
    /// items per bin is a dimension in which each item counts 1.
    pub dims: usize,
    /// Item classes.
    pub classes: Vec<Class>,
    /// Bin shapes on offer.
    pub shapes: Vec<Shape>,
}

/// Interchangeable items.
#[derive(Debug, Clone, Default)]
pub struct Class {
    /// Demand of one item per dimension, 0..=2^48.
    pub demand: Vec<i64>,
    /// Number of items.
    pub count: u32,
    /// At most so many of the class in one bin.
    pub per_bin: Option<u32>,
    /// Shapes an item may be in.
    pub allowed: IndexSet,
    /// Classes that may not share a bin with this one (either side may list it).
    pub conflicts: Vec<u32>,
}

/// A kind of bin.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// Capacity per dimension, net of whatever every such bin carries.
    pub capacity: Vec<i64>,
    /// Cost per hour in nano-dollars, 1..=2^40.
    pub cost: i64,
    /// At most so many bins; `None` is without limit.
    pub available: Option<u32>,
}

/// One bought bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bin {
    /// Index of the shape.
    pub shape: u32,
    /// Classes and how many of each, by class.
    pub contents: Vec<(u32, u32)>,
}

/// A packing with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solution {
    /// Bought bins, ordered by shape and contents.
    pub bins: Vec<Bin>,
    /// Sum of the costs of the bins.
    pub cost: i64,
    /// Classes and how many of each found no bin, because no shape holds them
    /// or the supply ran out.
    pub unplaced: Vec<(u32, u32)>,
    /// No packing of the placed items costs less.
    pub bound: Bound,
    /// Which search found it: a short fixed name.
    pub found_by: &'static str,
    /// Work units used; this number as a budget reproduces the solution.
    pub work_used: u64,
    /// True if the cancel check ended the search.
    pub cancelled: bool,
}

/// Why a problem was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemError {
    /// `dims` is 0 or above [`MAX_DIMS`].
    Dims(usize),
    /// Class with a wrong number of demands, a demand out of range, or an
    /// unknown conflict.
    Class(usize),
    /// Shape with a wrong number of capacities, or a value out of range.
    Shape(usize),
    /// More than 2^20 items in all.
    Items(u64),
}

impl std::fmt::Display for ProblemError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dims(dims) => write!(f, "{dims} dimensions; 1 to {MAX_DIMS} are possible"),
            Self::Class(i) => write!(f, "class {i}: demand or conflict out of range"),
            Self::Items(n) => write!(f, "{n} items; at most {MOST_ITEMS} are possible"),
            Self::Shape(i) => write!(f, "shape {i}: capacity or cost out of range"),
        }
    }
}

impl std::error::Error for ProblemError {}

pub(crate) type Amounts = [i64; MAX_DIMS];

/// A class with fixed-width demand.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub(crate) demand: Amounts,
    pub(crate) count: u32,
    /// Most copies in one bin, already at most `count`.
    pub(crate) per_bin: u32,
    pub(crate) conflicts: Vec<u32>,
    /// Index in the caller's problem.
    pub(crate) origin: u32,
}

/// A shape with fixed-width capacity.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) capacity: Amounts,
    pub(crate) cost: i64,
    pub(crate) available: u32,
    /// Forms of one group are open to the same classes.
    pub(crate) group: u32,
    /// Index in the caller's problem.
    pub(crate) origin: u32,
}

/// The checked problem: classes that fit somewhere, shapes worth buying in
/// ascending cost.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) dims: usize,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) forms: Vec<Form>,
    /// `allowed[kind * forms + form]`: allowed and fits alone.
    pub(crate) allowed: Vec<bool>,
    pub(crate) any_conflict: bool,
    /// All pairs that fit are allowed.
    pub(crate) free_choice: bool,
    pub(crate) any_limit: bool,
    /// Classes that fit no shape.
    pub(crate) hopeless: Vec<(u32, u32)>,
}

impl Ready {
    pub(crate) fn allows(&self, kind: u32, form: u32) -> bool {
        self.allowed[kind as usize * self.forms.len() + form as usize]
    }

    pub(crate) fn items(&self) -> u64 {
        self.kinds.iter().map(|kind| u64::from(kind.count)).sum()
    }

    /// Total demand per dimension.
    pub(crate) fn demand(&self) -> Vec<i128> {
        let mut total = vec![0_i128; self.dims];
        for kind in &self.kinds {
            for (sum, &need) in total.iter_mut().zip(&kind.demand) {
                *sum += i128::from(need) * i128::from(kind.count);
            }
        }
        total
    }
}

/// Checks and prepares a problem.
pub(crate) fn prepare(problem: &Problem) -> Result<Ready, ProblemError> {
    check(problem)?;
    let dims = problem.dims;
    let wide = |values: &[i64]| {
        let mut out = [0; MAX_DIMS];
        out[..dims].copy_from_slice(values);
        out
    };
    let mut forms: Vec<Form> = Vec::new();
    for (origin, shape) in problem.shapes.iter().enumerate() {
        forms.push(Form {
            capacity: wide(&shape.capacity),
            cost: shape.cost,
            available: shape.available.unwrap_or(u32::MAX),
            group: 0,
            origin: origin as u32,
        });
    }
    forms.retain(|form| form.available > 0 && form.capacity[..dims].iter().all(|&c| c >= 0));
    forms.sort_by_key(|form| (form.cost, form.origin));
    let signatures = class_signatures(problem);
    let allowed_by =
        |origin: u32| -> Vec<bool> { signatures.iter().map(|set| set.contains(origin)).collect() };
    let mut kept: Vec<(Form, Vec<bool>)> = Vec::new();
    // Cheapest first, so that whatever dominates a form is already kept; among
    // equal costs the larger one must come first.
    forms.sort_by_key(|form| (form.cost, std::cmp::Reverse(form.capacity), form.origin));
    for form in forms {
        let mine = allowed_by(form.origin);
        let dominated = kept.iter().any(|(other, theirs)| {
            other.available == u32::MAX
                && (0..dims).all(|r| other.capacity[r] >= form.capacity[r])
                && mine.iter().zip(theirs).all(|(m, t)| !m || *t)
        });
        if !dominated {
            kept.push((form, mine));
        }
    }
    let mut groups: Vec<Vec<bool>> = Vec::new();
    let grouped = kept.into_iter().map(|(form, mine)| {
        let known = groups.iter().position(|group| *group == mine);
        let group = known.unwrap_or_else(|| {
            groups.push(mine);
            groups.len() - 1
        });
        Form { group: group as u32, ..form }
    });
    let forms: Vec<Form> = grouped.collect();
    let mut ready = Ready {
        dims,
        kinds: Vec::new(),
        any_conflict: false,
        free_choice: true,
        any_limit: forms.iter().any(|form| form.available != u32::MAX),
        forms,
        allowed: Vec::new(),
        hopeless: Vec::new(),
    };
    let mut place = vec![u32::MAX; problem.classes.len()];
    for (origin, class) in problem.classes.iter().enumerate().filter(|c| c.1.count > 0) {
        let demand = wide(&class.demand);
        let fits = |form: &Form| (0..dims).all(|r| demand[r] <= form.capacity[r]);
        let row: Vec<bool> = ready
            .forms
            .iter()
            .map(|form| fits(form) && class.allowed.contains(form.origin))
            .collect();
        let per_bin = class.per_bin.unwrap_or(u32::MAX).min(class.count);
        if per_bin == 0 || !row.contains(&true) {
            ready.hopeless.push((origin as u32, class.count));
            continue;
        }
        let all = ready.forms.iter().zip(&row).all(|(form, &ok)| ok || !fits(form));
        ready.free_choice &= all;
        ready.allowed.extend(row);
        place[origin] = ready.kinds.len() as u32;
        ready.kinds.push(Kind {
            demand,
            count: class.count,
            per_bin,
            conflicts: Vec::new(),
            origin: origin as u32,
        });
    }
    for (origin, class) in problem.classes.iter().enumerate() {
        for &other in &class.conflicts {
            let (a, b) = (place[origin], place[other as usize]);
            if a != u32::MAX && b != u32::MAX && a != b {
                ready.kinds[a as usize].conflicts.push(b);
                ready.kinds[b as usize].conflicts.push(a);
                ready.any_conflict = true;
            } else if a != u32::MAX && a == b {
                ready.kinds[a as usize].per_bin = 1;
            }
        }
    }
    for kind in &mut ready.kinds {
        kind.conflicts.sort_unstable();
        kind.conflicts.dedup();
    }
    Ok(ready)
}

/// The distinct sets of allowed shapes.
fn class_signatures(problem: &Problem) -> Vec<IndexSet> {
    let mut sets: Vec<IndexSet> = Vec::new();
    for class in &problem.classes {
        if !sets.contains(&class.allowed) {
            sets.push(class.allowed.clone());
        }
    }
    sets
}

fn check(problem: &Problem) -> Result<(), ProblemError> {
    let dims = problem.dims;
    if dims == 0 || dims > MAX_DIMS {
        return Err(ProblemError::Dims(dims));
    }
    let items = problem.classes.iter().map(|class| u64::from(class.count)).sum();
    if items > MOST_ITEMS {
        return Err(ProblemError::Items(items));
    }
    for (index, class) in problem.classes.iter().enumerate() {
        let demand = class.demand.iter().all(|d| (0..=LARGEST).contains(d));
        let known = |&other: &u32| (other as usize) < problem.classes.len();
        if class.demand.len() != dims || !demand || !class.conflicts.iter().all(known) {
            return Err(ProblemError::Class(index));
        }
    }
    for (index, shape) in problem.shapes.iter().enumerate() {
        let capacity = shape.capacity.iter().all(|c| (-LARGEST..=LARGEST).contains(c));
        if shape.capacity.len() != dims || !capacity || !(1..=LARGEST_COST).contains(&shape.cost) {
            return Err(ProblemError::Shape(index));
        }
    }
    Ok(())
}
