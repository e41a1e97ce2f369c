//! What `joblib.dump` does beside pickling: the bytes of arrays lie between the opcodes.
//!
//! Where a pickle would hold an array, joblib puts an object that says shape, order and type, and
//! after the opcode that completes it the bytes themselves, moved to an address that can be
//! mapped into memory. Arrays of objects are there a whole pickle instead.
//! Source: `NumpyArrayWrapper` in joblib's `numpy_pickle.py`.

use crate::data_type::{self, Kind};
use crate::graph::{Inline, InlineData, Node, NodeId};
use crate::machine::{Machine, Step};
use crate::{Refusal, Value, numpy};

/// The class whose completed object is followed by bytes.
pub(crate) const WRAPPER: &str = "joblib.numpy_pickle.NumpyArrayWrapper";

/// Replaces the completed wrapper `target` by the array whose bytes follow.
pub(crate) fn inline_array(
    machine: &mut Machine<'_, '_>,
    step: Step,
    target: NodeId,
) -> Result<(), Refusal> {
    let (data_type_id, data_type, shape, fortran, aligned) = {
        let wrapper = Value::new(machine.graph, target);
        let subclass = wrapper.required("subclass")?;
        if !data_type::is_ndarray(subclass) {
            return Err(subclass.expected("a plain ndarray"));
        }
        let data_type_value = wrapper.required("dtype")?;
        let shape = numpy::shape(wrapper.required("shape")?)?;
        let fortran = wrapper.required("order")?.text("the order of an array")? == "F";
        // Files of joblib before 1.2 do not have the attribute, and no padding.
        let alignment = wrapper.attribute("numpy_array_alignment_bytes")?;
        let aligned = alignment.is_some_and(|alignment| !alignment.is_none());
        let data_type = data_type::read(data_type_value)?;
        (NodeId(data_type_value.identity()), data_type, shape, fortran, aligned)
    };
    let data = if data_type.kind == Kind::Object {
        machine.nested_pickle()?
    } else {
        if aligned {
            let padding = machine.cursor.number(1, step.name)?;
            machine.cursor.take(padding, step.name)?;
        }
        let count = numpy::elements(&shape).and_then(|count| count.checked_mul(data_type.size));
        let count = count.and_then(|count| u64::try_from(count).ok()).unwrap_or(u64::MAX);
        machine.spent.array_bytes = machine.spent.array_bytes.saturating_add(count);
        if machine.spent.array_bytes > machine.limits.array_bytes {
            let limit = machine.limits.array_bytes;
            return Err(Refusal::limit(step.offset, "bytes of arrays", limit));
        }
        InlineData::Bytes(machine.cursor.take(count, step.name)?)
    };
    let inline = Inline { data_type: data_type_id, shape, fortran, data };
    if let Some(node) = machine.graph.node_mut(target) {
        *node = Node::Inline(Box::new(inline));
    }
    Ok(())
}
