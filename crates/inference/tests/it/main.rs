//! Models in, predictions out.
