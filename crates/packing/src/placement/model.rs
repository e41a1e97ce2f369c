//! The immutable description of nodes, items and rules, checked once and laid
//! out flat.

use crate::index_set::IndexSet;

/// The topology key whose domain is the node itself; domain id = node index.
pub const NODE_KEY: u32 = 0;

/// "This node has no domain for the key."
pub const NO_DOMAIN: u32 = u32::MAX;

/// One existing bin.
#[derive(Debug, Clone)]
pub struct Node {
    /// Capacity per dimension, already net of whatever is never moved and not
    /// listed as an item.
    pub capacity: Vec<i64>,
    /// Cost per hour in nano-dollars (any integer money works), 0..=2^42.
    pub cost: i64,
    /// Whether a plan may empty and remove it.
    pub removable: bool,
    /// Kind, tested against [`ClassRules::allowed`].
    pub kind: u32,
    /// Domain per topology key: entry `i` belongs to key `i + 1` (key 0 is the
    /// node itself). [`NO_DOMAIN`] or a missing entry: none. Domain ids are
    /// dense per key: below 4 096 or below the number of nodes. At most 63 keys.
    pub domains: Vec<u32>,
}

/// One thing that occupies a node.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// Index into the classes.
    pub class: u32,
    /// The node it is on now; `None` if it waits.
    pub home: Option<u32>,
    /// False pins it, and with it its home.
    pub movable: bool,
    /// Disruption weight of moving it, in the caller's unit.
    pub weight: u64,
}

/// What all items of one class share.
#[derive(Debug, Clone)]
pub struct ClassRules {
    /// Demand per dimension, >= 0.
    pub demand: Vec<i64>,
    /// Node kinds it may be placed on.
    pub allowed: IndexSet,
    /// Roles in topology groups.
    pub groups: Vec<Membership>,
}

/// The role of a class in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Index into the groups.
    pub group: u32,
    /// The class carries the rule: the rule restricts where it goes.
    pub carrier: bool,
    /// The rule counts items of this class.
    pub target: bool,
}

/// A rule over the domains of one topology key.
#[derive(Debug, Clone)]
pub struct Group {
    /// Topology key; [`NODE_KEY`] for the node itself.
    pub key: u32,
    /// What is demanded of a domain.
    pub rule: Rule,
}

/// The kinds of topology rule.
#[derive(Debug, Clone)]
pub enum Rule {
    /// A target may not enter a domain that holds a carrier, nor a carrier one
    /// that holds a target. Host ports are this rule on [`NODE_KEY`] with every
    /// user of the port both carrier and target. A node without a domain is
    /// free of the rule.
    Exclusive,
    /// A carrier must enter a domain that holds a target, unless no target is
    /// placed anywhere and its own class is a target. A node without a domain
    /// is refused.
    Together,
    /// After a carrier enters, the number of targets in its domain may exceed
    /// the smallest number over the eligible domains that still have an open
    /// node by at most `max_skew`. A node without an eligible domain is refused.
    Spread {
        /// Largest allowed difference, >= 1.
        max_skew: u32,
        /// With fewer eligible open domains than this the smallest number
        /// counts as 0. Use 0 or 1 for no such demand.
        min_domains: u32,
        /// Domain ids that count; classes with different sets use different groups.
        eligible: Vec<u32>,
    },
}

/// The parts of a [`Model`], as the caller lists them.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Number of resource dimensions, 1..=16.
    pub dims: usize,
    /// Existing nodes.
    pub nodes: Vec<Node>,
    /// All items, placed or waiting.
    pub items: Vec<Item>,
    /// Item classes.
    pub classes: Vec<ClassRules>,
    /// Topology groups.
    pub groups: Vec<Group>,
}

/// Why [`Model::new`] refused its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelError {
    /// `dims` is 0 or above 16.
    Dims(usize),
    /// Node with a wrong number of capacities, or a cost or capacity out of range.
    Node(usize),
    /// Item whose class or home does not exist, or with which the total demand
    /// leaves the range (2^60).
    Item(usize),
    /// Class with a wrong number of demands, a negative or too large demand, or
    /// an unknown group.
    Class(usize),
    /// Group with a zero skew, an eligible domain of [`NO_DOMAIN`], or one
    /// group × domain table too many (2^28 counters over all groups).
    Group(usize),
}

impl std::fmt::Display for ModelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dims(dims) => write!(f, "{dims} dimensions; 1 to 16 are possible"),
            Self::Node(i) => write!(f, "node {i}: capacities or cost out of range"),
            Self::Item(i) => write!(f, "item {i}: unknown class or home"),
            Self::Class(i) => write!(f, "class {i}: demands or groups out of range"),
            Self::Group(i) => write!(f, "group {i}: skew or domain out of range"),
        }
    }
}

impl std::error::Error for ModelError {}

/// Quantities above 2^56, costs above 2^42, more than 2^20 nodes and a total
/// demand above 2^60 are refused so that no sum can overflow.
const LARGEST: i64 = 1 << 56;
const LARGEST_COST: i64 = 1 << 42;
const MOST_NODES: usize = 1 << 20;
const LARGEST_TOTAL: i128 = 1 << 60;

/// Most counters all groups may have together (groups × domains of their key).
const LARGEST_TABLE: usize = 1 << 28;

/// A checked, flat, immutable model.
#[derive(Debug, Clone)]
pub struct Model {
    parts: Parts,
    pub(crate) demand: Vec<i64>,
    pub(crate) capacity: Vec<i64>,
    /// Number of domains per key.
    pub(crate) domain_counts: Vec<usize>,
    /// Domain of node `n` for key `k` at `n * keys + k`.
    pub(crate) domains: Vec<u32>,
    pub(crate) keys: usize,
    /// Memberships class by class, one entry per (class, group).
    pub(crate) roles: Vec<Membership>,
    /// Where each class starts in `roles`, and one past the end.
    pub(crate) role_start: Vec<u32>,
}

impl Model {
    /// Checks the parts and lays them out.
    ///
    /// # Errors
    /// The first part that is out of range.
    pub fn new(parts: Parts) -> Result<Self, ModelError> {
        check(&parts)?;
        let keys = 1 + parts
            .nodes
            .iter()
            .map(|node| node.domains.len())
            .chain(parts.groups.iter().map(|group| group.key as usize))
            .max()
            .unwrap_or(0);
        let mut domains = Vec::with_capacity(keys * parts.nodes.len());
        for (index, node) in parts.nodes.iter().enumerate() {
            domains.push(index as u32);
            domains.extend((1..keys).map(|k| *node.domains.get(k - 1).unwrap_or(&NO_DOMAIN)));
        }
        let mut domain_counts = vec![0_usize; keys];
        for (at, &domain) in domains.iter().enumerate() {
            if domain != NO_DOMAIN {
                let count = &mut domain_counts[at % keys];
                *count = (*count).max(domain as usize + 1);
            }
        }
        let mut counters = 0_usize;
        for (index, group) in parts.groups.iter().enumerate() {
            counters += domain_counts[group.key as usize];
            if counters > LARGEST_TABLE {
                return Err(ModelError::Group(index));
            }
        }
        let (roles, role_start) = merged_roles(&parts.classes);
        let demand = parts.classes.iter().flat_map(|c| c.demand.iter().copied());
        let capacity = parts.nodes.iter().flat_map(|n| n.capacity.iter().copied());
        Ok(Self {
            demand: demand.collect(),
            capacity: capacity.collect(),
            domain_counts,
            domains,
            keys,
            roles,
            role_start,
            parts,
        })
    }

    /// Number of resource dimensions.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.parts.dims
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.parts.nodes
    }

    /// The items.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.parts.items
    }

    /// The classes.
    #[must_use]
    pub fn classes(&self) -> &[ClassRules] {
        &self.parts.classes
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.parts.groups
    }

    /// Demand of a class, one entry per dimension.
    #[inline]
    #[must_use]
    pub fn demand_of(&self, class: u32) -> &[i64] {
        let at = class as usize * self.parts.dims;
        &self.demand[at..at + self.parts.dims]
    }

    /// Capacity of a node, one entry per dimension.
    #[inline]
    #[must_use]
    pub fn capacity_of(&self, node: u32) -> &[i64] {
        let at = node as usize * self.parts.dims;
        &self.capacity[at..at + self.parts.dims]
    }

    /// Domain of a node for a key, or [`NO_DOMAIN`].
    #[inline]
    #[must_use]
    pub fn domain_of(&self, node: u32, key: u32) -> u32 {
        self.domains[node as usize * self.keys + key as usize]
    }

    /// Roles of a class, at most one per group.
    #[inline]
    pub(crate) fn roles_of(&self, class: u32) -> &[Membership] {
        let at = class as usize;
        &self.roles[self.role_start[at] as usize..self.role_start[at + 1] as usize]
    }

    /// Per dimension: what all nodes hold together, at least 1 so that shares of it are finite.
    pub(crate) fn total_capacity(&self) -> Vec<f64> {
        let mut total = vec![1.0_f64; self.dims()];
        for node in self.capacity.chunks_exact(self.dims()) {
            for (sum, &amount) in total.iter_mut().zip(node) {
                *sum += amount.max(0) as f64;
            }
        }
        total
    }

    /// Sum of all node costs.
    #[must_use]
    pub fn total_cost(&self) -> i64 {
        self.parts.nodes.iter().fold(0, |sum, node| sum.saturating_add(node.cost))
    }
}

fn merged_roles(classes: &[ClassRules]) -> (Vec<Membership>, Vec<u32>) {
    let mut roles: Vec<Membership> = Vec::new();
    let mut starts = vec![0_u32];
    for class in classes {
        let start = roles.len();
        for role in &class.groups {
            match roles[start..].iter_mut().find(|r| r.group == role.group) {
                Some(known) => {
                    known.carrier |= role.carrier;
                    known.target |= role.target;
                }
                None => roles.push(*role),
            }
        }
        starts.push(roles.len() as u32);
    }
    (roles, starts)
}

fn check(parts: &Parts) -> Result<(), ModelError> {
    let dims = parts.dims;
    if dims == 0 || dims > 16 {
        return Err(ModelError::Dims(dims));
    }
    let small = |value: &i64| (-LARGEST..=LARGEST).contains(value);
    let demand = |value: &i64| (0..=LARGEST).contains(value);
    for (index, node) in parts.nodes.iter().enumerate() {
        let cost = (0..=LARGEST_COST).contains(&node.cost)
            && index < MOST_NODES
            && node.domains.len() < 64;
        // Domain ids index tables, so a hostile id must not size one.
        let domains = node
            .domains
            .iter()
            .all(|&d| d == NO_DOMAIN || (d as usize) < parts.nodes.len().max(4096));
        if node.capacity.len() != dims || !cost || !domains || !node.capacity.iter().all(small) {
            return Err(ModelError::Node(index));
        }
    }
    for (index, class) in parts.classes.iter().enumerate() {
        let known = |m: &Membership| (m.group as usize) < parts.groups.len();
        if class.demand.len() != dims
            || !class.demand.iter().all(demand)
            || !class.groups.iter().all(known)
        {
            return Err(ModelError::Class(index));
        }
    }
    let mut total = vec![0_i128; dims];
    for (index, item) in parts.items.iter().enumerate() {
        let home = item.home.is_none_or(|n| (n as usize) < parts.nodes.len());
        let Some(class) = parts.classes.get(item.class as usize).filter(|_| home) else {
            return Err(ModelError::Item(index));
        };
        for (sum, &need) in total.iter_mut().zip(&class.demand) {
            *sum += i128::from(need);
        }
        if total.iter().any(|&sum| sum > LARGEST_TOTAL) {
            return Err(ModelError::Item(index));
        }
    }
    for (index, group) in parts.groups.iter().enumerate() {
        let rule = match &group.rule {
            Rule::Spread { max_skew, eligible, .. } => {
                *max_skew > 0 && !eligible.contains(&NO_DOMAIN)
            }
            Rule::Exclusive | Rule::Together => true,
        };
        if !rule || group.key > 64 {
            return Err(ModelError::Group(index));
        }
    }
    Ok(())
}
