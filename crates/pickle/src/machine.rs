//! The stack machine of a pickle, with every call replaced by a node that says what was asked for.
//!
//! Source: the docstrings of Python's `pickletools` for the effect of each opcode on the stack.

use crate::allow::{Allowed, Role, find, only_use_of_partial};
use crate::cursor::Cursor;
use crate::graph::{Graph, InlineData, Node, NodeId, Object};
use crate::opcodes::{Known, known};
use crate::refusal::shown;
use crate::{Limits, Reason, Refusal, joblib, literals, shape_check};

/// Reads one pickle of any protocol, or one uncompressed joblib file.
///
/// # Errors
/// A [`Refusal`] with the offset: a global that is not listed, an opcode that no model needs, an
/// operand that does not fit, more than a limit allows, bytes after the end.
pub fn read<'a>(content: &'a [u8], limits: &Limits) -> Result<Graph<'a>, Refusal> {
    if content.len() > limits.bytes {
        return Err(Refusal::limit(limits.bytes, "bytes", limits.bytes as u64));
    }
    let mut cursor = Cursor::new(content);
    let mut graph = Graph::new(limits);
    let mut spent = Spent { opcodes: 0, array_bytes: 0 };
    graph.root = Machine::new(&mut cursor, &mut graph, limits, &mut spent, false).run()?;
    if cursor.left() > 0 {
        return Err(Refusal::new(cursor.at(), Reason::Trailing(cursor.left())));
    }
    shape_check::check(&graph, limits)?;
    Ok(graph)
}

/// What all machines of one file have used up together.
pub(crate) struct Spent {
    pub(crate) opcodes: u64,
    pub(crate) array_bytes: u64,
}

pub(crate) struct Machine<'m, 'a> {
    pub(crate) cursor: &'m mut Cursor<'a>,
    pub(crate) graph: &'m mut Graph<'a>,
    pub(crate) limits: &'m Limits,
    pub(crate) spent: &'m mut Spent,
    /// Whether this pickle lies in another one, as the content of an array of objects.
    nested: bool,
    stack: Vec<NodeId>,
    /// How long the stack was at each open mark.
    marks: Vec<usize>,
    memo: Vec<Option<NodeId>>,
    remembered: usize,
}

impl<'m, 'a> Machine<'m, 'a> {
    pub(crate) fn new(
        cursor: &'m mut Cursor<'a>,
        graph: &'m mut Graph<'a>,
        limits: &'m Limits,
        spent: &'m mut Spent,
        nested: bool,
    ) -> Machine<'m, 'a> {
        let (stack, marks, memo) = (Vec::new(), Vec::new(), Vec::new());
        Machine { cursor, graph, limits, spent, nested, stack, marks, memo, remembered: 0 }
    }

    /// Runs to `STOP` and returns the one value that is left.
    pub(crate) fn run(mut self) -> Result<NodeId, Refusal> {
        loop {
            let (offset, code) = self.cursor.opcode()?;
            self.spent.opcodes = self.spent.opcodes.saturating_add(1);
            if self.spent.opcodes > self.limits.opcodes {
                return Err(Refusal::limit(offset, "opcodes", self.limits.opcodes));
            }
            let name = match known(code) {
                Known::Accepted(name) => name,
                Known::Refused(name, why) => {
                    return Err(Refusal::new(offset, Reason::Opcode { name, why }));
                }
                Known::Unknown => return Err(Refusal::new(offset, Reason::NoOpcode(code))),
            };
            let step = Step { offset, name };
            if name == "STOP" {
                let root = self.pop(step)?;
                if !self.stack.is_empty() || !self.marks.is_empty() {
                    return Err(step.wrong("leaves more than one value"));
                }
                return Ok(root);
            }
            self.step(code, step)?;
        }
    }

    fn step(&mut self, code: u8, step: Step) -> Result<(), Refusal> {
        let name = step.name;
        match code {
            0x80 => {
                let protocol = self.cursor.number(1, name)?;
                if protocol > 5 {
                    return Err(step.wrong(format!("names protocol {protocol}; 5 is the highest")));
                }
                Ok(())
            }
            0x95 => {
                let length = self.cursor.number(8, name)?;
                if length > self.cursor.left() as u64 {
                    let left = self.cursor.left();
                    return Err(
                        step.wrong(format!("declares {length} bytes where {left} are left"))
                    );
                }
                Ok(())
            }
            b'(' => {
                if self.marks.len() >= self.limits.stack {
                    return Err(Refusal::limit(step.offset, "marks", self.limits.stack as u64));
                }
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' if self.stack.len() == self.floor() && !self.marks.is_empty() => {
                self.marks.pop();
                Ok(())
            }
            b'0' => self.pop(step).map(drop),
            b'1' => self.since_mark(step).map(drop),
            b'2' => {
                let top = self.top(step)?;
                self.push(step, top)
            }
            b'N' => self.made(step, Node::None),
            0x88 => self.made(step, Node::Bool(true)),
            0x89 => self.made(step, Node::Bool(false)),
            b'I' | b'L' => {
                let line = self.cursor.short_line(name)?;
                self.made(step, literals::decimal(line, step.offset, name)?)
            }
            b'F' => {
                let line = self.cursor.short_line(name)?;
                self.made(step, literals::float(line, step.offset)?)
            }
            b'J' => {
                let bits = self.cursor.number(4, name)?;
                self.made(step, literals::long(&bits.to_le_bytes()[..4]))
            }
            b'K' | b'M' => {
                let number = self.cursor.number(if code == b'K' { 1 } else { 2 }, name)?;
                self.made(step, literals::long(&number.to_le_bytes()))
            }
            0x8a | 0x8b => {
                let length = self.cursor.number(if code == 0x8a { 1 } else { 4 }, name)?;
                let bytes = self.cursor.take(length, name)?;
                self.made(step, literals::long(bytes))
            }
            b'G' => {
                let bits = self.cursor.number(8, name)?;
                self.made(step, Node::Float(f64::from_bits(bits.swap_bytes())))
            }
            b'V' => {
                let line = self.cursor.line(name)?;
                self.made(step, literals::raw_escapes(line, step.offset)?)
            }
            b'X' | 0x8c | 0x8d => {
                let width = if code == b'X' { 4 } else { u64::from(code == 0x8d) * 7 + 1 };
                let length = self.cursor.number(width, name)?;
                let bytes = self.cursor.take(length, name)?;
                self.made(step, literals::utf8(bytes, step.offset, name)?)
            }
            b'B' | b'C' | 0x8e | 0x96 => {
                let width = match code {
                    b'B' => 4,
                    b'C' => 1,
                    _ => 8,
                };
                let length = self.cursor.number(width, name)?;
                let bytes = self.cursor.take(length, name)?;
                self.made(step, Node::Bytes(bytes))
            }
            b')' => self.made(step, Node::Tuple(Vec::new())),
            b']' => self.made(step, Node::List(Vec::new())),
            b'}' => self.made(step, Node::Dict(Vec::new())),
            0x8f => self.made(step, Node::Set(Vec::new())),
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let mut items = Vec::with_capacity(count);
                for _ in 0..count {
                    items.push(self.pop(step)?);
                }
                items.reverse();
                self.made(step, Node::Tuple(items))
            }
            b't' | b'l' | 0x91 => {
                let items = self.since_mark(step)?;
                let node = match code {
                    b't' => Node::Tuple(items),
                    b'l' => Node::List(items),
                    _ => Node::Set(items),
                };
                self.made(step, node)
            }
            b'd' => {
                let items = self.since_mark(step)?;
                let pairs = pairs(step, &items)?;
                self.made(step, Node::Dict(pairs))
            }
            b'a' => {
                let item = self.pop(step)?;
                self.extend(step, &[item])
            }
            b'e' | 0x90 => {
                let items = self.since_mark(step)?;
                self.extend(step, &items)
            }
            b's' => {
                let value = self.pop(step)?;
                let key = self.pop(step)?;
                self.set(step, &[(key, value)])
            }
            b'u' => {
                let items = self.since_mark(step)?;
                self.set(step, &pairs(step, &items)?)
            }
            b'p' | b'q' | b'r' | 0x94 => {
                let index = match code {
                    b'p' => self.index(step)?,
                    b'q' => self.cursor.number(1, name)?,
                    b'r' => self.cursor.number(4, name)?,
                    _ => self.remembered as u64,
                };
                self.remember(step, index)
            }
            b'g' | b'h' | b'j' => {
                let index = match code {
                    b'g' => self.index(step)?,
                    b'h' => self.cursor.number(1, name)?,
                    _ => self.cursor.number(4, name)?,
                };
                let place = usize::try_from(index).unwrap_or(usize::MAX);
                let Some(id) = self.memo.get(place).copied().flatten() else {
                    return Err(step.wrong(format!("asks for memo entry {index}, which is empty")));
                };
                self.push(step, id)
            }
            b'c' => {
                let module = self.cursor.short_line(name)?;
                let global = self.cursor.short_line(name)?;
                self.global(step, module, global)
            }
            0x93 => {
                let (name, module) = (self.pop(step)?, self.pop(step)?);
                let (Node::Text(module), Node::Text(name)) =
                    (self.graph.node(module).clone(), self.graph.node(name).clone())
                else {
                    return Err(step.wrong("has a module or name that is no text"));
                };
                self.global(step, &module, &name)
            }
            b'R' | 0x81 => self.call(step),
            b'b' => self.build(step),
            other => Err(Refusal::new(step.offset, Reason::NoOpcode(other))),
        }
    }

    fn global(&mut self, step: Step, module: &str, name: &str) -> Result<(), Refusal> {
        match find(module, name) {
            Some(allowed) => self.made(step, Node::Global(allowed)),
            None => {
                let dotted = format!("{}.{}", shown(module), shown(name));
                Err(Refusal::new(step.offset, Reason::Global(dotted)))
            }
        }
    }

    /// `REDUCE` and `NEWOBJ`: in Python the call of a function or class.
    fn call(&mut self, step: Step) -> Result<(), Refusal> {
        let (arguments, callee) = (self.pop(step)?, self.pop(step)?);
        let mut class = self.callee(step, callee)?;
        let Node::Tuple(arguments) = self.graph.node(arguments) else {
            return Err(step.wrong("has arguments that are no tuple"));
        };
        let mut arguments = arguments.clone();
        // Protocols 0 and 1 make every object by this function: its class is the first argument.
        if class.name == "copyreg._reconstructor" {
            let Some(first) = arguments.first().copied() else {
                return Err(step.wrong("names no class to be made"));
            };
            class = self.callee(step, first)?;
            arguments.clear();
        }
        let first = arguments.first().and_then(|first| match self.graph.node(*first) {
            Node::Global(allowed) => Some(allowed.name),
            _ => None,
        });
        if !only_use_of_partial(class, first) {
            return Err(Refusal::new(step.offset, Reason::NotCalled(class.name)));
        }
        let object = Object { class, arguments, state: None, pairs: Vec::new() };
        self.made(step, Node::Object(Box::new(object)))
    }

    fn callee(&self, step: Step, id: NodeId) -> Result<&'static Allowed, Refusal> {
        match self.graph.node(id) {
            Node::Global(allowed) if allowed.role == Role::Named => {
                Err(Refusal::new(step.offset, Reason::NotCalled(allowed.name)))
            }
            Node::Global(allowed) => Ok(allowed),
            _ => Err(step.wrong("calls something that is no global")),
        }
    }

    /// `BUILD`: in Python a call of `__setstate__`, or attributes set one by one.
    fn build(&mut self, step: Step) -> Result<(), Refusal> {
        let state = self.pop(step)?;
        let target = self.top(step)?;
        let Some(Node::Object(object)) = self.graph.node_mut(target) else {
            return Err(step.wrong("would set attributes of something that is no new object"));
        };
        if object.state.is_some() {
            return Err(step.wrong("gives an object a second state"));
        }
        object.state = Some(state);
        if object.class.name != joblib::WRAPPER {
            return Ok(());
        }
        if self.nested {
            return Err(step.wrong("puts a joblib array into an array of objects"));
        }
        joblib::inline_array(self, step, target)
    }

    /// The pickle that starts here and whose value fills an array of objects.
    pub(crate) fn nested_pickle(&mut self) -> Result<InlineData<'a>, Refusal> {
        let machine = Machine::new(self.cursor, self.graph, self.limits, self.spent, true);
        machine.run().map(InlineData::Nested)
    }

    fn extend(&mut self, step: Step, items: &[NodeId]) -> Result<(), Refusal> {
        let target = self.top(step)?;
        match self.graph.node_mut(target) {
            Some(Node::List(list)) if step.name != "ADDITEMS" => list.extend_from_slice(items),
            Some(Node::Set(set)) if step.name == "ADDITEMS" => set.extend_from_slice(items),
            _ => return Err(step.wrong("adds to something that is no list or set")),
        }
        Ok(())
    }

    fn set(&mut self, step: Step, pairs: &[(NodeId, NodeId)]) -> Result<(), Refusal> {
        let target = self.top(step)?;
        match self.graph.node_mut(target) {
            Some(Node::Dict(dictionary)) => dictionary.extend_from_slice(pairs),
            Some(Node::Object(object)) if object.class.name.starts_with("collections.") => {
                object.pairs.extend_from_slice(pairs);
            }
            _ => return Err(step.wrong("sets an item of something that is no dictionary")),
        }
        Ok(())
    }

    fn index(&mut self, step: Step) -> Result<u64, Refusal> {
        let line = self.cursor.short_line(step.name)?;
        line.parse().map_err(|_| step.wrong("has no number of a memo entry"))
    }

    fn remember(&mut self, step: Step, index: u64) -> Result<(), Refusal> {
        let top = self.top(step)?;
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        if place >= self.limits.memo {
            return Err(Refusal::limit(step.offset, "memo entries", self.limits.memo as u64));
        }
        if place >= self.memo.len() {
            self.memo.resize(place.saturating_add(1), None);
        }
        let Some(entry) = self.memo.get_mut(place) else {
            return Ok(());
        };
        // Whoever looks at a file without following the memo is deceived by a second meaning.
        if entry.is_some() {
            return Err(step.wrong(format!("writes memo entry {index} a second time")));
        }
        *entry = Some(top);
        self.remembered = self.remembered.saturating_add(1);
        Ok(())
    }

    fn made(&mut self, step: Step, node: Node<'a>) -> Result<(), Refusal> {
        let id = self.graph.add(step.offset, node)?;
        self.push(step, id)
    }

    pub(crate) fn push(&mut self, step: Step, id: NodeId) -> Result<(), Refusal> {
        if self.stack.len() >= self.limits.stack {
            return Err(Refusal::limit(
                step.offset,
                "values on the stack",
                self.limits.stack as u64,
            ));
        }
        self.stack.push(id);
        Ok(())
    }

    /// Values below the last mark belong to whoever set the mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self, step: Step) -> Result<NodeId, Refusal> {
        if self.stack.len() <= self.floor() {
            return Err(step.wrong("finds the stack empty"));
        }
        self.stack.pop().ok_or_else(|| step.wrong("finds the stack empty"))
    }

    fn top(&self, step: Step) -> Result<NodeId, Refusal> {
        let top = self.stack.last().filter(|_| self.stack.len() > self.floor());
        top.copied().ok_or_else(|| step.wrong("finds the stack empty"))
    }

    fn since_mark(&mut self, step: Step) -> Result<Vec<NodeId>, Refusal> {
        let Some(mark) = self.marks.pop() else {
            return Err(step.wrong("finds no mark"));
        };
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }
}

/// The opcode at work: where it stands and what it is called.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) offset: usize,
    pub(crate) name: &'static str,
}

impl Step {
    pub(crate) fn wrong(self, problem: impl Into<String>) -> Refusal {
        Refusal::operand(self.offset, self.name, problem)
    }
}

fn pairs(step: Step, items: &[NodeId]) -> Result<Vec<(NodeId, NodeId)>, Refusal> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(step.wrong("has a key without a value"));
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}
