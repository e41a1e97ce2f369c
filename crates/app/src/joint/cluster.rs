//! The cluster that every engine is asked about.

use engines::prepared::{ErasedDecision, ReadCluster};
use facts::cluster::DecodeError;
use serde_json::value::RawValue;

use super::carried_out::carried_out;
use crate::decide::Input;

/// A cluster that every engine is asked about: read once.
pub(super) struct Cluster {
    pub(super) read: ReadCluster,
    pub(super) input: Input,
}

impl Cluster {
    pub(super) fn read(state: &RawValue) -> Result<Cluster, DecodeError> {
        let read = ReadCluster::read(state.get()).map_err(|error| error.below("/current_state"))?;
        Ok(Cluster { read, input: Input::of(state.get()) })
    }

    /// The cluster as it would be once plans were carried out.
    pub(super) fn after(&self, decisions: &[&ErasedDecision]) -> Result<Cluster, DecodeError> {
        let state = carried_out(&self.read.state, decisions);
        let text = serde_json::to_string(&state)
            .map_err(|error| DecodeError { pointer: String::new(), message: error.to_string() })?;
        Ok(Cluster { read: self.read.changed(state), input: Input::of(&text) })
    }
}
