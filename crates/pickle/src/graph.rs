//! The graph that a pickle describes: an arena of inert nodes.
//!
//! Nodes refer to one another by place, so a value that is shared is stored once, a value that
//! contains itself is no trouble, and dropping a deep graph is dropping one list.

use std::borrow::Cow;

use crate::allow::Allowed;
use crate::{Limits, Refusal, Value};

/// The place of a node in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits: states of random generators have them, and nobody reads them.
    Big,
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    List(Vec<NodeId>),
    Tuple(Vec<NodeId>),
    Set(Vec<NodeId>),
    Dict(Vec<(NodeId, NodeId)>),
    Global(&'static Allowed),
    Object(Box<Object>),
    /// An array whose bytes a joblib file holds between opcodes.
    Inline(Box<Inline<'a>>),
}

/// What a pickle would have made by calling a listed global.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    pub(crate) class: &'static Allowed,
    /// The tuple of what it was called with; it may be shared with other calls.
    pub(crate) arguments: Option<NodeId>,
    pub(crate) state: Option<NodeId>,
    /// What was put into it as into a dictionary (`OrderedDict` and its like).
    pub(crate) pairs: Vec<(NodeId, NodeId)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inline<'a> {
    pub(crate) data_type: NodeId,
    pub(crate) shape: Vec<usize>,
    pub(crate) fortran: bool,
    pub(crate) data: InlineData<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum InlineData<'a> {
    Bytes(&'a [u8]),
    /// The root of the pickle that a joblib file holds for an array of objects.
    Nested(NodeId),
}

/// Everything that a pickle describes; it borrows texts and bytes from the content.
#[derive(Debug)]
pub struct Graph<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    /// The byte at which each node's opcode stands.
    offsets: Vec<u32>,
    pub(crate) root: NodeId,
    limit: usize,
}

impl<'a> Graph<'a> {
    /// The value that unpickling would have returned.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value::new(self, self.root)
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn new(limits: &Limits) -> Graph<'a> {
        Graph { nodes: Vec::new(), offsets: Vec::new(), root: NodeId(0), limit: limits.nodes }
    }

    pub(crate) fn add(&mut self, offset: usize, node: Node<'a>) -> Result<NodeId, Refusal> {
        let place = u32::try_from(self.nodes.len()).ok().filter(|_| self.nodes.len() < self.limit);
        let Some(place) = place else {
            return Err(Refusal::limit(offset, "values", self.limit as u64));
        };
        self.nodes.push(node);
        self.offsets.push(u32::try_from(offset).unwrap_or(u32::MAX));
        Ok(NodeId(place))
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node<'a> {
        self.nodes.get(id.0 as usize).unwrap_or(&Node::None)
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node<'a>> {
        self.nodes.get_mut(id.0 as usize)
    }

    pub(crate) fn offset(&self, id: NodeId) -> usize {
        self.offsets.get(id.0 as usize).map_or(0, |offset| *offset as usize)
    }
}
