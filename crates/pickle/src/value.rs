//! A look at one value of a graph.

use std::borrow::Cow;
use std::fmt;

use crate::allow::Role;
use crate::graph::{Graph, Node, NodeId};
use crate::refusal::shown;
use crate::{Array, Reason, Refusal, numpy};

/// Dictionaries of attributes are looked through from end to start; this many entries are looked
/// at.
const MOST_ATTRIBUTES: usize = 4096;

/// A value of a graph. It is copied freely; the graph is not.
#[derive(Clone, Copy)]
pub struct Value<'g> {
    graph: &'g Graph<'g>,
    id: NodeId,
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.described())
    }
}

impl<'g> Value<'g> {
    pub(crate) fn new(graph: &'g Graph<'g>, id: NodeId) -> Value<'g> {
        Value { graph, id }
    }

    pub(crate) fn node(self) -> &'g Node<'g> {
        self.graph.node(self.id)
    }

    pub(crate) fn at(self, id: NodeId) -> Value<'g> {
        Value { graph: self.graph, id }
    }

    pub(crate) fn graph_nodes(self) -> usize {
        self.graph.nodes()
    }

    /// A number that only this value of its graph has: equal for a value that is shared.
    #[must_use]
    pub fn identity(self) -> u32 {
        self.id.0
    }

    /// The byte at which it stands.
    #[must_use]
    pub fn offset(self) -> usize {
        self.graph.offset(self.id)
    }

    /// Whether it is Python's `None`.
    #[must_use]
    pub fn is_none(self) -> bool {
        matches!(self.node(), Node::None)
    }

    /// The dotted name of the class (or function) whose object it is, unless it is inert.
    #[must_use]
    pub fn class(self) -> Option<&'static str> {
        match self.node() {
            Node::Object(object) if object.class.role != Role::Inert => Some(object.class.name),
            _ => None,
        }
    }

    /// Whether it is an array in any form.
    #[must_use]
    pub fn is_array(self) -> bool {
        let functions = ["numpy._core.multiarray._reconstruct", "numpy._core.numeric._frombuffer"];
        matches!(self.node(), Node::Inline(_))
            || self.class().is_some_and(|class| functions.contains(&class))
    }

    /// The dotted name of the global that it is.
    #[must_use]
    pub fn global(self) -> Option<&'static str> {
        match self.node() {
            Node::Global(allowed) => Some(allowed.name),
            _ => None,
        }
    }

    /// An attribute of an object: an entry of its state.
    ///
    /// # Errors
    /// Not an object with a state.
    pub fn attribute(self, name: &str) -> Result<Option<Value<'g>>, Refusal> {
        let state = self.state().ok_or_else(|| self.expected(&format!("an object with `{name}`")));
        state?.entry(name)
    }

    /// An attribute that has to be there.
    ///
    /// # Errors
    /// Not an object with that attribute.
    pub fn required(self, name: &str) -> Result<Value<'g>, Refusal> {
        let missing = || self.expected(&format!("an object with `{name}`"));
        self.attribute(name)?.ok_or_else(missing)
    }

    /// The entry of a dictionary under a text; of equal keys the last one counts.
    ///
    /// # Errors
    /// Not a dictionary, or one that is too large to be one of attributes.
    pub fn entry(self, name: &str) -> Result<Option<Value<'g>>, Refusal> {
        let pairs = self.pair_ids(&format!("a dictionary with `{name}`"))?;
        if pairs.len() > MOST_ATTRIBUTES {
            return Err(Refusal::limit(self.offset(), "attributes", MOST_ATTRIBUTES as u64));
        }
        let named = |id: NodeId| matches!(self.graph.node(id), Node::Text(text) if text == name);
        Ok(pairs.iter().rev().find(|(key, _)| named(*key)).map(|(_, value)| self.at(*value)))
    }

    /// The entries of a dictionary, in the order of the file.
    ///
    /// # Errors
    /// Not a dictionary.
    pub fn pairs(self, what: &str) -> Result<Vec<(Value<'g>, Value<'g>)>, Refusal> {
        let pairs = self.pair_ids(what)?;
        Ok(pairs.iter().map(|(key, value)| (self.at(*key), self.at(*value))).collect())
    }

    fn pair_ids(self, what: &str) -> Result<&'g [(NodeId, NodeId)], Refusal> {
        match self.node() {
            Node::Dict(pairs) => Ok(pairs),
            Node::Object(object) if object.class.name.starts_with("collections.") => {
                Ok(&object.pairs)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// The elements of a list or tuple.
    ///
    /// # Errors
    /// Neither of them.
    pub fn items(self, what: &str) -> Result<Vec<Value<'g>>, Refusal> {
        match self.node() {
            Node::List(items) | Node::Tuple(items) => {
                Ok(items.iter().map(|item| self.at(*item)).collect())
            }
            _ => Err(self.expected(what)),
        }
    }

    /// What the class was called with.
    #[must_use]
    pub fn arguments(self) -> Vec<Value<'g>> {
        match self.node() {
            Node::Object(object) if object.class.role != Role::Inert => {
                let arguments = object.arguments.map(|arguments| self.at(arguments));
                arguments.and_then(|tuple| tuple.items("arguments").ok()).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// The state that was given to an object.
    #[must_use]
    pub fn state(self) -> Option<Value<'g>> {
        match self.node() {
            Node::Object(object) if object.class.role != Role::Inert => {
                object.state.map(|state| self.at(state))
            }
            _ => None,
        }
    }

    /// A text.
    ///
    /// # Errors
    /// Not a text.
    pub fn text(self, what: &str) -> Result<&'g str, Refusal> {
        match self.node() {
            Node::Text(text) => Ok(text),
            _ => Err(self.expected(what)),
        }
    }

    /// A truth value, Python's or numpy's.
    ///
    /// # Errors
    /// Not one. The integers 0 and 1 are taken too: numpy writes its flags so.
    pub fn boolean(self, what: &str) -> Result<bool, Refusal> {
        match self.node() {
            Node::Bool(truth) => Ok(*truth),
            Node::Int(number @ 0..=1) => Ok(*number == 1),
            _ => match self.scalar(what)?.integers(what)?.first() {
                Some(number @ 0..=1) => Ok(*number == 1),
                _ => Err(self.expected(what)),
            },
        }
    }

    /// An integer of 64 bits, Python's or numpy's.
    ///
    /// # Errors
    /// Not one.
    pub fn integer(self, what: &str) -> Result<i64, Refusal> {
        match self.node() {
            Node::Int(number) => Ok(*number),
            Node::Bool(truth) => Ok(i64::from(*truth)),
            _ => {
                let integers = self.scalar(what)?.integers(what)?;
                integers.first().copied().ok_or_else(|| self.expected(what))
            }
        }
    }

    /// An integer that counts or is a place: not negative.
    ///
    /// # Errors
    /// Not one.
    pub fn count(self, what: &str) -> Result<usize, Refusal> {
        usize::try_from(self.integer(what)?).map_err(|_| self.expected(what))
    }

    /// A number, Python's or numpy's.
    ///
    /// # Errors
    /// Not one.
    pub fn number(self, what: &str) -> Result<f64, Refusal> {
        match self.node() {
            Node::Float(number) => Ok(*number),
            Node::Int(number) if number.unsigned_abs() <= 1 << 53 => Ok(*number as f64),
            Node::Bool(truth) => Ok(f64::from(u8::from(*truth))),
            _ => {
                let floats = self.scalar(what)?.floats(what)?;
                floats.first().copied().ok_or_else(|| self.expected(what))
            }
        }
    }

    fn scalar(self, what: &str) -> Result<Array<'g>, Refusal> {
        if self.class() != Some("numpy._core.multiarray.scalar") {
            return Err(self.expected(what));
        }
        numpy::scalar(self, what)
    }

    /// Bytes, also as protocols 0 to 2 spell them: as a text of Latin-1 that is to be encoded.
    ///
    /// # Errors
    /// Neither of them.
    pub fn bytes(self, what: &str) -> Result<Cow<'g, [u8]>, Refusal> {
        if let Node::Bytes(bytes) = self.node() {
            return Ok(Cow::Borrowed(bytes));
        }
        let class = self.class().unwrap_or_default();
        let arguments = self.arguments();
        let spelled = ["_codecs.encode", "builtins.bytearray", "builtins.bytes"];
        if !spelled.contains(&class) {
            return Err(self.expected(what));
        }
        match (class, &arguments[..]) {
            ("builtins.bytearray" | "builtins.bytes", []) => Ok(Cow::Borrowed(&[])),
            // One level: `bytearray(b'…')` and `bytearray(encode('…'))`, never deeper.
            ("builtins.bytearray", [inner]) if inner.class() != Some(class) => inner.bytes(what),
            ("_codecs.encode" | "builtins.bytearray", [text, encoding]) => {
                let encoding = encoding.text(what)?;
                if encoding != "latin1" && encoding != "latin-1" {
                    return Err(self.expected("text that is encoded as latin1"));
                }
                let bytes: Option<Vec<u8>> =
                    text.text(what)?.chars().map(|c| u8::try_from(c).ok()).collect();
                bytes.map(Cow::Owned).ok_or_else(|| self.expected(what))
            }
            _ => Err(self.expected(what)),
        }
    }

    /// An array in any form.
    ///
    /// # Errors
    /// Not an array, or one whose content does not fit its shape.
    pub fn array(self, what: &str) -> Result<Array<'g>, Refusal> {
        numpy::array(self, what)
    }

    /// A refusal at this value: `what` was expected.
    #[must_use]
    pub fn expected(self, what: &str) -> Refusal {
        let reason = Reason::Expected { what: what.to_owned(), found: self.described() };
        Refusal { offset: self.offset(), reason }
    }

    /// What it is, for people.
    #[must_use]
    pub fn described(self) -> String {
        match self.node() {
            Node::None => "None".to_owned(),
            Node::Bool(true) => "True".to_owned(),
            Node::Bool(false) => "False".to_owned(),
            Node::Int(number) => format!("the integer {number}"),
            Node::Big => "an integer beyond 64 bits".to_owned(),
            Node::Float(number) => format!("the number {number}"),
            Node::Text(text) => format!("the text `{}`", shown(text)),
            Node::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Node::List(items) => format!("a list of {}", items.len()),
            Node::Tuple(items) => format!("a tuple of {}", items.len()),
            Node::Set(items) => format!("a set of {}", items.len()),
            Node::Dict(pairs) => format!("a dictionary of {}", pairs.len()),
            Node::Global(allowed) => format!("the name `{}`", allowed.name),
            Node::Object(object) => format!("an object of `{}`", object.class.name),
            Node::Inline(inline) => format!("an array of shape {:?}", inline.shape),
        }
    }
}
