//! Pickles and joblib files, read without running anything.
//!
//! Bytes and [`Limits`] go in; a [`Graph`] of inert nodes comes out, or a [`Refusal`] that names
//! the global or opcode and the byte where it stands.
//! A class that a pickle names is a name here and nothing else: this crate imports, calls and
//! constructs nothing, and it accepts only the names of [`allowed`].
//! It refuses to know what a model predicts, and where bytes came from: no files, no network, no
//! clock.

mod allow;
mod array;
mod compressed;
mod cursor;
mod data_type;
mod effects;
mod elements;
mod graph;
mod joblib;
mod limits;
mod literals;
mod machine;
mod numpy;
mod opcodes;
mod refusal;
mod shape_check;
mod value;

pub use allow::{Allowed, Role, allowed};
pub use array::Array;
pub use compressed::{Compression, compression, decompress};
pub use data_type::{DataType, Field, Kind};
pub use graph::Graph;
pub use limits::Limits;
pub use machine::read;
pub use refusal::{Reason, Refusal};
pub use value::Value;
