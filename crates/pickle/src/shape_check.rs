//! How deep the values of a graph lie, each looked at once.

use crate::graph::{Graph, InlineData, Node, NodeId};
use crate::{Limits, Reason, Refusal};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Not,
    Open,
    /// With the number of values that lie within one another from here on.
    Closed(u32),
}

/// Refuses values that contain themselves or lie too deep.
///
/// The list of open nodes takes the place of recursion, so that the depth of the file cannot
/// become the depth of this program's stack.
pub(crate) fn check(graph: &Graph<'_>, limits: &Limits) -> Result<(), Refusal> {
    let mut seen = vec![Seen::Not; graph.nodes()];
    let mut open: Vec<(NodeId, usize, u32)> = vec![(graph.root, 0, 0)];
    while let Some((id, next, height)) = open.pop() {
        // The values that are open now lie within one another.
        if open.len() >= limits.depth {
            return Err(too_deep(graph, id, limits));
        }
        let Some(place) = seen.get_mut(id.0 as usize) else { continue };
        *place = Seen::Open;
        let Some(child) = child(graph.node(id), next) else {
            let height = height.saturating_add(1);
            *place = Seen::Closed(height);
            if height as usize > limits.depth {
                return Err(too_deep(graph, id, limits));
            }
            if let Some(parent) = open.last_mut() {
                parent.2 = parent.2.max(height);
            }
            continue;
        };
        match seen.get(child.0 as usize).copied().unwrap_or(Seen::Not) {
            Seen::Closed(below) => open.push((id, next.saturating_add(1), height.max(below))),
            Seen::Open => return Err(Refusal::new(graph.offset(child), Reason::Cycle)),
            Seen::Not => {
                open.push((id, next.saturating_add(1), height));
                open.push((child, 0, 0));
            }
        }
    }
    Ok(())
}

fn too_deep(graph: &Graph<'_>, id: NodeId, limits: &Limits) -> Refusal {
    Refusal::limit(graph.offset(id), "values within one another", limits.depth as u64)
}

fn child(node: &Node<'_>, at: usize) -> Option<NodeId> {
    match node {
        Node::List(items) | Node::Tuple(items) | Node::Set(items) => items.get(at).copied(),
        Node::Dict(pairs) => of_pairs(pairs, at),
        Node::Object(object) => {
            let mut own = object.arguments.into_iter().chain(object.state);
            let before = own.clone().count();
            own.nth(at).or_else(|| of_pairs(&object.pairs, at.checked_sub(before)?))
        }
        Node::Inline(inline) => match (at, &inline.data) {
            (0, _) => Some(inline.data_type),
            (1, InlineData::Nested(root)) => Some(*root),
            _ => None,
        },
        _ => None,
    }
}

fn of_pairs(pairs: &[(NodeId, NodeId)], at: usize) -> Option<NodeId> {
    let (key, value) = pairs.get(at / 2)?;
    Some(if at.is_multiple_of(2) { *key } else { *value })
}
