//! In which order pods leave, so that each finds its place the moment it is evicted.
//!
//! A plan that holds in the end may pass through states in which a pod could not be scheduled: one
//! that must be near another cannot go first. It refuses to change where anything goes.

use packing::consolidate::Move;
use packing::placement::{Model, ModelError, NODE_KEY, Node, Parts, Rule, State};

use super::Scene;
use super::offers::Offer;

/// A node that the plan adds: which joining node it is like, and what it offers.
pub(super) struct Arrival<'o> {
    /// Place in the list of joining nodes.
    pub joining: usize,
    /// In the dimensions of the model.
    pub capacity: &'o [i64],
    /// Billionths of a dollar per hour.
    pub cost: i64,
}

/// Moves off one node that follow each other.
pub(super) struct Leg {
    /// The node they leave.
    pub from: u32,
    /// The moves; `to` counts on beyond the model's nodes for arrivals.
    pub moves: Vec<Move>,
    /// Whether the node is empty then.
    pub last: bool,
}

/// The model with the arrivals behind its own nodes.
///
/// # Errors
/// Amounts so large that sums could overflow.
pub(super) fn extended(scene: &Scene<'_>, arrivals: &[Arrival<'_>]) -> Result<Model, ModelError> {
    let (compiled, model) = (&scene.compiled, &scene.compiled.model);
    let mut parts = Parts {
        dims: model.dims(),
        nodes: model.nodes().to_vec(),
        items: model.items().to_vec(),
        classes: model.classes().to_vec(),
        groups: model.groups().to_vec(),
    };
    let first = parts.nodes.len() as u32;
    for arrival in arrivals {
        let (kind, domains) = compiled.joining[arrival.joining].clone();
        let (capacity, cost) = (arrival.capacity.to_vec(), arrival.cost);
        parts.nodes.push(Node { capacity, cost, removable: false, kind, domains });
    }
    for group in parts.groups.iter_mut().filter(|group| group.key == NODE_KEY) {
        if let Rule::Spread { eligible, .. } = &mut group.rule {
            eligible.extend((0..arrivals.len() as u32).map(|at| first + at));
        }
    }
    Model::new(parts)
}

/// An order in which every move is allowed when its turn comes.
///
/// # Errors
/// The items that find no turn.
pub(super) fn in_turn(
    scene: &Scene<'_>,
    model: &Model,
    (offers, arrivals): (&[Offer<'_>], &[Arrival<'_>]),
    removed: &[u32],
    moves: &[Move],
) -> Result<Vec<Leg>, Vec<u32>> {
    let mut state = State::new(model);
    for node in removed {
        state.close(*node);
    }
    let pending = |item: u32| scene.compiled.pods[item as usize].pending;
    let mut turn = vec![usize::MAX; model.nodes().len()];
    for (at, node) in removed.iter().enumerate() {
        turn[*node as usize] = at;
    }
    let mut waiting: Vec<Vec<Move>> = vec![Vec::new(); removed.len()];
    for step in moves {
        waiting[turn[step.from as usize]].push(*step);
    }
    // Pods that wait are on no node yet, so that nobody is near them or kept away by them.
    for item in (0..model.items().len() as u32).filter(|item| pending(*item)) {
        state.remove(item);
    }
    let kept_away = |step: &Move| {
        let (compiled, pod) = (&scene.compiled, scene.compiled.pods[step.item as usize].pod);
        match (step.to as usize).checked_sub(compiled.nodes.len()) {
            None => compiled.guards.keep_away(pod, compiled.nodes[step.to as usize]),
            Some(at) => compiled.daemons_keep_away(pod, &offers[arrivals[at].joining].node),
        }
    };
    let mut legs: Vec<Leg> = Vec::with_capacity(removed.len());
    let mut done = vec![false; removed.len()];
    loop {
        let mut progress = false;
        for (at, node) in
            removed.iter().enumerate().filter(|(at, _)| !done[*at]).collect::<Vec<_>>()
        {
            let leaves = leave(&mut state, &mut waiting[at], &pending, &kept_away);
            let last = waiting[at].is_empty();
            done[at] = last;
            progress |= last || !leaves.is_empty();
            if last || !leaves.is_empty() {
                legs.push(Leg { from: *node, moves: leaves, last });
            }
        }
        if done.iter().all(|done| *done) {
            return Ok(legs);
        }
        if !progress {
            return Err(waiting.into_iter().flatten().map(|step| step.item).collect());
        }
    }
}

/// Carries out what can be carried out of one node's moves, again and again.
fn leave(
    state: &mut State<'_>,
    waiting: &mut Vec<Move>,
    pending: &impl Fn(u32) -> bool,
    kept_away: &impl Fn(&Move) -> bool,
) -> Vec<Move> {
    let mut leaves = Vec::new();
    loop {
        let before = waiting.len();
        waiting.retain(|step| {
            if pending(step.item) {
                leaves.push(*step);
                return false;
            }
            let class = state.model().items()[step.item as usize].class;
            state.remove(step.item);
            let free = state.can_enter(class, step.to).is_ok() && !kept_away(step);
            state.place(step.item, if free { step.to } else { step.from });
            if free {
                leaves.push(*step);
            }
            !free
        });
        if waiting.len() == before {
            return leaves;
        }
    }
}
