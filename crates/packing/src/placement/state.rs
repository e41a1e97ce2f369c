//! Where every item is, kept so that testing or making one placement costs
//! O(dimensions + groups of the class) and allocates nothing.

use super::model::{Model, NO_DOMAIN, Rule};

const NONE: u32 = u32::MAX;

/// The first rule that forbids a placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blocked {
    /// The node is closed (removed by the plan under construction).
    Closed,
    /// The node's kind is not allowed for the class.
    Kind,
    /// Too little free capacity in this dimension.
    Capacity {
        /// Index of the dimension.
        dim: u32,
    },
    /// An exclusive group of this index.
    Exclusive {
        /// Index of the group.
        group: u32,
    },
    /// A together group of this index.
    Together {
        /// Index of the group.
        group: u32,
    },
    /// A spread group of this index.
    Spread {
        /// Index of the group.
        group: u32,
    },
}

/// A mutable assignment of items to nodes over one [`Model`].
#[derive(Debug, Clone)]
pub struct State<'m> {
    model: &'m Model,
    free: Vec<i64>,
    open: Vec<bool>,
    at: Vec<u32>,
    head: Vec<u32>,
    next: Vec<u32>,
    prev: Vec<u32>,
    /// Start of each group's counters.
    base: Vec<u32>,
    carriers: Vec<u32>,
    targets: Vec<u32>,
    /// Placed targets per group, wherever they are.
    placed_targets: Vec<u32>,
    /// Open nodes per (key, domain); `key_base` says where a key starts.
    open_nodes: Vec<u32>,
    key_base: Vec<u32>,
    /// Spread groups that watch each key, flat.
    spreads: Vec<u32>,
    floor: Vec<Floor>,
}

/// The smallest target count of a spread group over eligible open domains,
/// kept by counting domains per target count.
#[derive(Debug, Clone, Default)]
struct Floor {
    eligible: Vec<bool>,
    domains_with: Vec<u32>,
    live: u32,
    min: u32,
}

impl Floor {
    fn enter(&mut self, count: u32) {
        let at = count as usize;
        if self.domains_with.len() <= at {
            self.domains_with.resize(at + 1, 0);
        }
        self.domains_with[at] += 1;
        if self.live == 0 || count < self.min {
            self.min = count;
        }
        self.live += 1;
    }

    fn leave(&mut self, count: u32) {
        self.domains_with[count as usize] -= 1;
        self.live -= 1;
        if self.live > 0 {
            while self.domains_with[self.min as usize] == 0 {
                self.min += 1;
            }
        }
    }
}

impl<'m> State<'m> {
    /// Every item at its home (existing placements are facts, not tested), all
    /// nodes open, homeless items unplaced.
    #[must_use]
    pub fn new(model: &'m Model) -> Self {
        let nodes = model.nodes().len();
        let mut base = Vec::with_capacity(model.groups().len());
        let mut counters = 0_u32;
        for group in model.groups() {
            base.push(counters);
            counters += model.domain_counts[group.key as usize] as u32;
        }
        let mut key_base = Vec::with_capacity(model.keys);
        let mut cells = 0_u32;
        for &count in &model.domain_counts {
            key_base.push(cells);
            cells += count as u32;
        }
        let is_spread =
            |group: &u32| matches!(model.groups()[*group as usize].rule, Rule::Spread { .. });
        let spreads = (0..model.groups().len() as u32).filter(is_spread).collect();
        let mut state = Self {
            model,
            free: model.capacity.clone(),
            open: vec![true; nodes],
            at: vec![NONE; model.items().len()],
            head: vec![NONE; nodes],
            next: vec![NONE; model.items().len()],
            prev: vec![NONE; model.items().len()],
            base,
            carriers: vec![0; counters as usize],
            targets: vec![0; counters as usize],
            placed_targets: vec![0; model.groups().len()],
            open_nodes: vec![0; if model.groups().is_empty() { 0 } else { cells as usize }],
            key_base,
            spreads,
            floor: Vec::new(),
        };
        state.count_open_domains();
        // Lists are built back to front so that they run in item order.
        for (item, facts) in model.items().iter().enumerate().rev() {
            if let Some(home) = facts.home {
                state.place(item as u32, home);
            }
        }
        state
    }

    /// The model this state is over.
    #[must_use]
    pub fn model(&self) -> &'m Model {
        self.model
    }

    /// Free capacity of a node, one entry per dimension; negative where the
    /// node was over-committed from the start.
    #[inline]
    #[must_use]
    pub fn free(&self, node: u32) -> &[i64] {
        let dims = self.model.dims();
        &self.free[node as usize * dims..node as usize * dims + dims]
    }

    /// The node an item is on.
    #[inline]
    #[must_use]
    pub fn node_of(&self, item: u32) -> Option<u32> {
        let node = self.at[item as usize];
        (node != NONE).then_some(node)
    }

    /// Whether a node is open.
    #[inline]
    #[must_use]
    pub fn is_open(&self, node: u32) -> bool {
        self.open[node as usize]
    }

    /// The items on a node, in a reproducible order.
    pub fn items_on(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let first = self.head[node as usize];
        std::iter::successors((first != NONE).then_some(first), |&item| {
            let next = self.next[item as usize];
            (next != NONE).then_some(next)
        })
    }

    /// Tests whether an unplaced item may enter a node now.
    ///
    /// # Errors
    /// The first rule that forbids it, in the order of [`Blocked`].
    #[inline]
    pub fn can_place(&self, item: u32, node: u32) -> Result<(), Blocked> {
        self.can_enter(self.model.items()[item as usize].class, node)
    }

    /// Tests whether one more item of a class may enter a node now.
    ///
    /// # Errors
    /// The first rule that forbids it, in the order of [`Blocked`].
    #[inline]
    pub fn can_enter(&self, class: u32, node: u32) -> Result<(), Blocked> {
        if !self.open[node as usize] {
            return Err(Blocked::Closed);
        }
        let model = self.model;
        let kind = model.nodes()[node as usize].kind;
        if !model.classes()[class as usize].allowed.contains(kind) {
            return Err(Blocked::Kind);
        }
        let free = self.free(node);
        for (dim, (&need, &have)) in model.demand_of(class).iter().zip(free).enumerate() {
            if need > have && need > 0 {
                return Err(Blocked::Capacity { dim: dim as u32 });
            }
        }
        if model.roles_of(class).is_empty() {
            return Ok(());
        }
        self.groups_allow(class, node)
    }

    fn groups_allow(&self, class: u32, node: u32) -> Result<(), Blocked> {
        for role in self.model.roles_of(class) {
            let (group, index) = (role.group, role.group as usize);
            let facts = &self.model.groups()[index];
            let domain = self.model.domain_of(node, facts.key);
            let at = self.base[index] as usize + domain as usize;
            match &facts.rule {
                Rule::Exclusive => {
                    if domain != NO_DOMAIN
                        && (role.carrier && self.targets[at] > 0
                            || role.target && self.carriers[at] > 0)
                    {
                        return Err(Blocked::Exclusive { group });
                    }
                }
                Rule::Together => {
                    let first = role.target && self.placed_targets[index] == 0;
                    if role.carrier && (domain == NO_DOMAIN || self.targets[at] == 0 && !first) {
                        return Err(Blocked::Together { group });
                    }
                }
                Rule::Spread { max_skew, min_domains, .. } => {
                    if !role.carrier {
                        continue;
                    }
                    let floor = &self.floor[index];
                    if domain == NO_DOMAIN || !floor.eligible[domain as usize] {
                        return Err(Blocked::Spread { group });
                    }
                    let least = if floor.live < *min_domains { 0 } else { floor.min };
                    let after = self.targets[at] + u32::from(role.target);
                    if after > least.saturating_add(*max_skew) {
                        return Err(Blocked::Spread { group });
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts an unplaced item on a node without testing any rule; does nothing
    /// if it is already placed.
    #[inline]
    pub fn place(&mut self, item: u32, node: u32) {
        if self.at[item as usize] != NONE {
            return;
        }
        let class = self.model.items()[item as usize].class;
        let dims = self.model.dims();
        let free = &mut self.free[node as usize * dims..node as usize * dims + dims];
        for (have, &need) in free.iter_mut().zip(self.model.demand_of(class)) {
            *have = have.saturating_sub(need);
        }
        let first = self.head[node as usize];
        self.next[item as usize] = first;
        self.prev[item as usize] = NONE;
        if first != NONE {
            self.prev[first as usize] = item;
        }
        self.head[node as usize] = item;
        self.at[item as usize] = node;
        if !self.model.roles.is_empty() {
            self.count(class, node, true);
        }
    }

    /// Takes an item off its node and returns that node; `None` if it was
    /// nowhere.
    #[inline]
    pub fn remove(&mut self, item: u32) -> Option<u32> {
        let node = self.node_of(item)?;
        let class = self.model.items()[item as usize].class;
        let dims = self.model.dims();
        let free = &mut self.free[node as usize * dims..node as usize * dims + dims];
        for (have, &need) in free.iter_mut().zip(self.model.demand_of(class)) {
            *have = have.saturating_add(need);
        }
        let (before, after) = (self.prev[item as usize], self.next[item as usize]);
        if before == NONE {
            self.head[node as usize] = after;
        } else {
            self.next[before as usize] = after;
        }
        if after != NONE {
            self.prev[after as usize] = before;
        }
        self.at[item as usize] = NONE;
        if !self.model.roles.is_empty() {
            self.count(class, node, false);
        }
        Some(node)
    }

    /// Closes a node: nothing may enter, and its domains stop being eligible
    /// for spreading once they have no open node left. Its items stay on it
    /// until removed.
    pub fn close(&mut self, node: u32) {
        if std::mem::replace(&mut self.open[node as usize], false) {
            self.shift_open(node, false);
        }
    }

    /// Opens a closed node again.
    pub fn reopen(&mut self, node: u32) {
        if !std::mem::replace(&mut self.open[node as usize], true) {
            self.shift_open(node, true);
        }
    }

    /// Whether a placed item would be allowed where it is if it came last.
    #[must_use]
    pub fn holds(&mut self, item: u32) -> bool {
        let Some(node) = self.remove(item) else {
            return true;
        };
        let fine = self.can_place(item, node).is_ok();
        self.place(item, node);
        fine
    }

    /// Becomes a copy of another state over the same model, reusing memory.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.free.clone_from(&other.free);
        self.open.clone_from(&other.open);
        self.at.clone_from(&other.at);
        self.head.clone_from(&other.head);
        self.next.clone_from(&other.next);
        self.prev.clone_from(&other.prev);
        self.carriers.clone_from(&other.carriers);
        self.targets.clone_from(&other.targets);
        self.placed_targets.clone_from(&other.placed_targets);
        self.open_nodes.clone_from(&other.open_nodes);
        self.floor.clone_from(&other.floor);
    }

    /// Rough number of cells a copy writes.
    pub(crate) fn size(&self) -> usize {
        self.free.len() + 3 * self.at.len() + self.targets.len() * 2 + self.open.len()
    }

    /// Whether carriers of a [`Rule::Together`] group would be left without a
    /// target in the domain of `node` among the items of `class` gone from it.
    #[must_use]
    pub fn strands(&self, class: u32, node: u32) -> bool {
        let model = self.model;
        model.roles_of(class).iter().any(|role| {
            let index = role.group as usize;
            let facts = &model.groups()[index];
            let domain = model.domain_of(node, facts.key);
            let at = self.base[index] as usize + domain as usize;
            role.target
                && domain != NO_DOMAIN
                && matches!(facts.rule, Rule::Together)
                && self.carriers[at] > 0
                && self.targets[at] == 0
        })
    }

    fn count(&mut self, class: u32, node: u32, arrives: bool) {
        let model = self.model;
        for role in model.roles_of(class) {
            let index = role.group as usize;
            let facts = &model.groups()[index];
            let domain = model.domain_of(node, facts.key);
            let step = |value: &mut u32| {
                *value = if arrives { *value + 1 } else { *value - 1 };
            };
            if role.target {
                step(&mut self.placed_targets[index]);
            }
            if domain == NO_DOMAIN {
                continue;
            }
            let at = self.base[index] as usize + domain as usize;
            if role.carrier {
                step(&mut self.carriers[at]);
            }
            if role.target {
                let before = self.targets[at];
                step(&mut self.targets[at]);
                let after = self.targets[at];
                if self.watches(index, facts.key, domain) {
                    // Enter first: the minimum must never lack a domain.
                    self.floor[index].enter(after);
                    self.floor[index].leave(before);
                }
            }
        }
    }

    fn watches(&self, group: usize, key: u32, domain: u32) -> bool {
        let cell = self.key_base[key as usize] + domain;
        let eligible = &self.floor[group].eligible;
        eligible.get(domain as usize) == Some(&true) && self.open_nodes[cell as usize] > 0
    }

    fn count_open_domains(&mut self) {
        let model = self.model;
        if model.groups().is_empty() {
            return;
        }
        for (at, &domain) in model.domains.iter().enumerate() {
            if domain != NO_DOMAIN {
                self.open_nodes[(self.key_base[at % model.keys] + domain) as usize] += 1;
            }
        }
        self.floor = vec![Floor::default(); model.groups().len()];
        for (group, facts) in model.groups().iter().enumerate() {
            let Rule::Spread { eligible, .. } = &facts.rule else {
                continue;
            };
            let domains = model.domain_counts[facts.key as usize];
            self.floor[group].eligible = vec![false; domains];
            for &domain in eligible.iter().filter(|&&d| (d as usize) < domains) {
                self.floor[group].eligible[domain as usize] = true;
            }
            for domain in 0..domains as u32 {
                if self.watches(group, facts.key, domain) {
                    self.floor[group].enter(0);
                }
            }
        }
    }

    fn shift_open(&mut self, node: u32, opens: bool) {
        let model = self.model;
        if model.groups().is_empty() {
            return;
        }
        for key in 0..model.keys as u32 {
            let domain = model.domain_of(node, key);
            if domain == NO_DOMAIN {
                continue;
            }
            let cell = (self.key_base[key as usize] + domain) as usize;
            self.open_nodes[cell] =
                if opens { self.open_nodes[cell] + 1 } else { self.open_nodes[cell] - 1 };
            let changed = self.open_nodes[cell] == u32::from(opens);
            for at in 0..if changed { self.spreads.len() } else { 0 } {
                let group = self.spreads[at] as usize;
                let watched = self.floor[group].eligible.get(domain as usize) == Some(&true);
                if model.groups()[group].key == key && watched {
                    let count = self.targets[(self.base[group] + domain) as usize];
                    if opens {
                        self.floor[group].enter(count);
                    } else {
                        self.floor[group].leave(count);
                    }
                }
            }
        }
    }
}
