//! The stack machine of a pickle: its stack, its marks, its memo, and what all of them may hold.

use crate::cursor::Cursor;
use crate::graph::{Graph, InlineData, Node, NodeId};
use crate::opcodes::{Known, known};
use crate::{Limits, Reason, Refusal, shape_check};

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
    pub(crate) nested: bool,
    pub(crate) stack: Vec<NodeId>,
    /// How long the stack was at each open mark.
    pub(crate) marks: Vec<usize>,
    pub(crate) memo: Vec<Option<NodeId>>,
    pub(crate) remembered: usize,
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

    /// The pickle that starts here and whose value fills an array of objects.
    pub(crate) fn nested_pickle(&mut self) -> Result<InlineData<'a>, Refusal> {
        let machine = Machine::new(self.cursor, self.graph, self.limits, self.spent, true);
        machine.run().map(InlineData::Nested)
    }

    pub(crate) fn index(&mut self, step: Step) -> Result<u64, Refusal> {
        let line = self.cursor.short_line(step.name)?;
        line.parse().map_err(|_| step.wrong("has no number of a memo entry"))
    }

    pub(crate) fn remember(&mut self, step: Step, index: u64) -> Result<(), Refusal> {
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

    pub(crate) fn made(&mut self, step: Step, node: Node<'a>) -> Result<(), Refusal> {
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
    pub(crate) fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(crate) fn pop(&mut self, step: Step) -> Result<NodeId, Refusal> {
        if self.stack.len() <= self.floor() {
            return Err(step.wrong("finds the stack empty"));
        }
        self.stack.pop().ok_or_else(|| step.wrong("finds the stack empty"))
    }

    pub(crate) fn top(&self, step: Step) -> Result<NodeId, Refusal> {
        let top = self.stack.last().filter(|_| self.stack.len() > self.floor());
        top.copied().ok_or_else(|| step.wrong("finds the stack empty"))
    }

    pub(crate) fn since_mark(&mut self, step: Step) -> Result<Vec<NodeId>, Refusal> {
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
