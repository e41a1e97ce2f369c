//! What each opcode does to the stack, with every call replaced by a node that says what was asked
//! for.
//!
//! Source: the docstrings of Python's `pickletools`.

use crate::allow::{Allowed, Role, find, only_use_of_partial};
use crate::graph::{Node, NodeId, Object};
use crate::machine::{Machine, Step};
use crate::refusal::shown;
use crate::{Reason, Refusal, joblib, literals};

impl Machine<'_, '_> {
    /// Does what `code` says; all but `STOP`.
    pub(crate) fn step(&mut self, code: u8, step: Step) -> Result<(), Refusal> {
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
                let allowed = listed(step, module, global)?;
                self.made(step, Node::Global(allowed))
            }
            0x93 => {
                let (name, module) = (self.pop(step)?, self.pop(step)?);
                let (Node::Text(module), Node::Text(name)) =
                    (self.graph.node(module), self.graph.node(name))
                else {
                    return Err(step.wrong("has a module or name that is no text"));
                };
                let allowed = listed(step, module, name)?;
                self.made(step, Node::Global(allowed))
            }
            b'R' | 0x81 => self.call(step),
            b'b' => self.build(step),
            other => Err(Refusal::new(step.offset, Reason::NoOpcode(other))),
        }
    }

    /// `REDUCE` and `NEWOBJ`: in Python the call of a function or class.
    fn call(&mut self, step: Step) -> Result<(), Refusal> {
        let (arguments, callee) = (self.pop(step)?, self.pop(step)?);
        let mut class = self.callee(step, callee)?;
        let Node::Tuple(items) = self.graph.node(arguments) else {
            return Err(step.wrong("has arguments that are no tuple"));
        };
        let first = items.first().copied();
        let mut arguments = Some(arguments);
        // Protocols 0 and 1 make every object by this function: its class is the first argument.
        if class.name == "copyreg._reconstructor" {
            let Some(first) = first else {
                return Err(step.wrong("names no class to be made"));
            };
            class = self.callee(step, first)?;
            arguments = None;
        }
        let first = first.and_then(|first| match self.graph.node(first) {
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
}

fn listed(step: Step, module: &str, name: &str) -> Result<&'static Allowed, Refusal> {
    find(module, name).ok_or_else(|| {
        let dotted = format!("{}.{}", shown(module), shown(name));
        Refusal::new(step.offset, Reason::Global(dotted))
    })
}

fn pairs(step: Step, items: &[NodeId]) -> Result<Vec<(NodeId, NodeId)>, Refusal> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(step.wrong("has a key without a value"));
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}
