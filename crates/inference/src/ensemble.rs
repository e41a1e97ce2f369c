//! Trees exactly as their library compares and sums them.
//!
//! The libraries differ in four things that a representation must not blur: the width in which a
//! feature is compared, whether a split is `<` or `<=`, what counts as missing, and the width and
//! order in which leaves are summed. Each is a field here; nothing is converted on the way in.

use crate::Link;

/// Many trees that vote together.
///
/// A row of `features` numbers gives `groups` sums, each
/// `link(base[group] + scale · Σ weight · leaf)`, where the sum runs over the trees of the group in
/// the order of `trees`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble {
    /// Numbers per row.
    pub features: usize,
    /// Sums per row, before and after the link; at least 1.
    pub groups: usize,
    /// How a feature is compared with a threshold; the same for every split.
    pub comparison: Comparison,
    /// What counts as missing, for each feature: as many as `features`.
    pub absent: Vec<Absent>,
    /// The sets that categorical splits ask for, by number.
    pub category_sets: Vec<CategorySet>,
    /// The trees, in the order of summing.
    pub trees: Vec<Tree>,
    /// How leaves become a sum.
    pub vote: Vote,
    /// From the sums to the answer.
    pub link: Link,
}

/// How a feature is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `(feature as f32) < threshold`; thresholds are f32 values. XGBoost, and `BRANCH_LT` of ONNX.
    Less32,
    /// `(feature as f32) <= threshold`, where the threshold keeps 64 bits. Trees of scikit-learn,
    /// and `BRANCH_LEQ` of ONNX.
    AtMost32,
    /// `feature <= threshold` in f64. LightGBM, histogram boosting of scikit-learn.
    AtMost64,
}

/// What counts as missing in a feature. NaN always does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Absent {
    /// Only NaN.
    Nan,
    /// NaN and everything within 1e-35 of zero: `zero_as_missing` of LightGBM.
    NearZero,
    /// NaN and one more number: `missing=` of XGBoost's Python classes.
    Equal(f64),
}

/// One tree. `nodes[0]` is its root; every other node is the child of exactly one split.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// Splits and leaves; children stand at larger or smaller places, in any order.
    pub nodes: Vec<Node>,
    /// The values of the leaves, one after the other: leaf `n` has `leaf_values[n·width ..][..width]`
    /// where the width is 1 for [`Target::Group`] and `groups` for [`Target::All`].
    pub leaf_values: Vec<f64>,
    /// Which sums the leaves go into.
    pub target: Target,
    /// Every leaf is multiplied by it: 1 mostly, the drop weight in DART, the learning rate in
    /// gradient boosting of scikit-learn.
    pub weight: f64,
}

/// Which sums the leaves of a tree go into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A leaf is one number, for this sum.
    Group(u32),
    /// A leaf is one number for each sum: several outputs, shares of classes.
    All,
}

impl Default for Target {
    fn default() -> Target {
        Target::Group(0)
    }
}

/// A place in a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node {
    /// `comparison` of a number with a threshold.
    Split {
        /// Which number of the row, from 0.
        feature: u32,
        /// What it is compared with; finite, or `+∞` for "every number" under `<=`.
        threshold: f64,
        /// Whether a missing value goes where a true comparison goes.
        missing_is_true: bool,
        /// The node where the comparison is true.
        when_true: u32,
        /// The node where it is false.
        when_false: u32,
    },
    /// Whether a category is in a set.
    Member {
        /// Which number of the row, from 0.
        feature: u32,
        /// Which of [`Ensemble::category_sets`].
        set: u32,
        /// Whether a missing value goes where a member goes.
        missing_is_true: bool,
        /// The node of members.
        when_true: u32,
        /// The node of others.
        when_false: u32,
    },
    /// The end of a path.
    Leaf {
        /// Which of the leaves in [`Tree::leaf_values`].
        leaf: u32,
    },
}

/// A set of categories. A feature is cut to a whole number (towards zero) and looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CategorySet {
    /// Category `c` is a member where bit `c % 32` of `members[c / 32]` is set.
    pub members: Vec<u32>,
    /// What is neither a member nor known to be none.
    pub outside: Outside,
    /// Whether numbers between -1 and 0 are category 0 (LightGBM) or outside (the others).
    pub cut_below_zero: bool,
}

/// Where categories go that are not members of a set; negative numbers and numbers that are too
/// large are never members.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outside {
    /// Where others go.
    #[default]
    False,
    /// Where others go if their bit is set here, and else where a missing value goes: categories
    /// that histogram boosting of scikit-learn never saw.
    MissingUnlessKnown(Vec<u32>),
}

/// How leaves become a sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Vote {
    /// The width in which is summed.
    pub sum: Sum,
    /// What each sum begins with: as many as `groups`. Finite.
    pub base: Vec<f64>,
    /// The sum of the leaves is divided by it before the base is added, in f64: the number of trees
    /// of a forest that averages, 1 for boosting. Not 0.
    pub divisor: f64,
}

/// The width in which leaves are summed, always in the order of the trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// In f32, beginning with the base: XGBoost. Only with a divisor of 1.
    F32FromBase,
    /// In f32, beginning with 0, the base added at the end: ONNX.
    F32ThenBase,
    /// In f64, beginning with the base: gradient boosting and histogram boosting of scikit-learn.
    /// Only with a divisor of 1.
    F64FromBase,
    /// In f64, beginning with 0, divided at the end, the base added then: LightGBM, forests.
    F64ThenBase,
}

impl Tree {
    /// Numbers per leaf in an ensemble of `groups` sums.
    #[must_use]
    pub fn leaf_width(&self, groups: usize) -> usize {
        match self.target {
            Target::Group(_) => 1,
            Target::All => groups,
        }
    }
}

impl CategorySet {
    /// A set of these categories; others go where others go.
    #[must_use]
    pub fn of(categories: impl IntoIterator<Item = u32>) -> CategorySet {
        let mut members = Vec::new();
        for category in categories {
            let word = (category / 32) as usize;
            if members.len() <= word {
                members.resize(word + 1, 0);
            }
            members[word] |= 1 << (category % 32);
        }
        CategorySet { members, ..CategorySet::default() }
    }

    /// Whether a number (not missing) is a member: `None` where it goes with missing values.
    #[must_use]
    pub fn contains(&self, number: f64) -> Option<bool> {
        let lowest = if self.cut_below_zero { -1.0 } else { 0.0 };
        // A comparison with NaN is false, and NaN is nobody's member.
        let inside = if self.cut_below_zero { number > lowest } else { number >= lowest };
        let category = if inside && number < 4_294_967_296.0 { Some(number as u32) } else { None };
        let in_bits = |bits: &[u32]| {
            category.is_some_and(|category| {
                bits.get((category / 32) as usize)
                    .is_some_and(|word| word >> (category % 32) & 1 == 1)
            })
        };
        if in_bits(&self.members) {
            return Some(true);
        }
        match &self.outside {
            Outside::False => Some(false),
            Outside::MissingUnlessKnown(known) => in_bits(known).then_some(false),
        }
    }
}

impl Absent {
    /// Whether a number counts as missing.
    #[must_use]
    pub fn is_missing(self, number: f64) -> bool {
        number.is_nan()
            || match self {
                Absent::Nan => false,
                Absent::NearZero => number.abs() <= f64::from(1e-35_f32),
                Absent::Equal(other) => number == other,
            }
    }
}
