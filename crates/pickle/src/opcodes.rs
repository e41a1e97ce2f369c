//! The opcodes of protocols 0 to 5: their names, and which of them are refused whatever follows.
//!
//! Source: the table of Python's standard module `pickletools`.

/// What becomes of an opcode.
pub(crate) enum Known {
    /// The machine knows what it does to the stack.
    Accepted(&'static str),
    /// No model needs it; the second text says what it would do.
    Refused(&'static str, &'static str),
    /// No protocol has it.
    Unknown,
}

const REGISTRY: &str = "it names a class by a number of a registry that only Python has";
const PERSISTENT: &str = "it asks the loading program for an object";
const CALLS: &str = "it calls a class from the stack; no library writes it for protocol 2 or later";
const BUFFER: &str = "it refers to data outside of the file";
const PYTHON_2: &str = "Python 2 wrote it; save the model again with Python 3";

/// What becomes of `code`.
pub(crate) fn known(code: u8) -> Known {
    use Known::{Accepted, Refused, Unknown};
    match code {
        b'(' => Accepted("MARK"),
        b'.' => Accepted("STOP"),
        b'0' => Accepted("POP"),
        b'1' => Accepted("POP_MARK"),
        b'2' => Accepted("DUP"),
        b'F' => Accepted("FLOAT"),
        b'I' => Accepted("INT"),
        b'J' => Accepted("BININT"),
        b'K' => Accepted("BININT1"),
        b'L' => Accepted("LONG"),
        b'M' => Accepted("BININT2"),
        b'N' => Accepted("NONE"),
        b'R' => Accepted("REDUCE"),
        b'V' => Accepted("UNICODE"),
        b'X' => Accepted("BINUNICODE"),
        b'a' => Accepted("APPEND"),
        b'b' => Accepted("BUILD"),
        b'c' => Accepted("GLOBAL"),
        b'd' => Accepted("DICT"),
        b'}' => Accepted("EMPTY_DICT"),
        b'e' => Accepted("APPENDS"),
        b'g' => Accepted("GET"),
        b'h' => Accepted("BINGET"),
        b'j' => Accepted("LONG_BINGET"),
        b'l' => Accepted("LIST"),
        b']' => Accepted("EMPTY_LIST"),
        b'p' => Accepted("PUT"),
        b'q' => Accepted("BINPUT"),
        b'r' => Accepted("LONG_BINPUT"),
        b's' => Accepted("SETITEM"),
        b't' => Accepted("TUPLE"),
        b')' => Accepted("EMPTY_TUPLE"),
        b'u' => Accepted("SETITEMS"),
        b'G' => Accepted("BINFLOAT"),
        b'B' => Accepted("BINBYTES"),
        b'C' => Accepted("SHORT_BINBYTES"),
        0x80 => Accepted("PROTO"),
        0x81 => Accepted("NEWOBJ"),
        0x85 => Accepted("TUPLE1"),
        0x86 => Accepted("TUPLE2"),
        0x87 => Accepted("TUPLE3"),
        0x88 => Accepted("NEWTRUE"),
        0x89 => Accepted("NEWFALSE"),
        0x8a => Accepted("LONG1"),
        0x8b => Accepted("LONG4"),
        0x8c => Accepted("SHORT_BINUNICODE"),
        0x8d => Accepted("BINUNICODE8"),
        0x8e => Accepted("BINBYTES8"),
        0x8f => Accepted("EMPTY_SET"),
        0x90 => Accepted("ADDITEMS"),
        0x91 => Accepted("FROZENSET"),
        0x93 => Accepted("STACK_GLOBAL"),
        0x94 => Accepted("MEMOIZE"),
        0x95 => Accepted("FRAME"),
        0x96 => Accepted("BYTEARRAY8"),
        b'P' => Refused("PERSID", PERSISTENT),
        b'Q' => Refused("BINPERSID", PERSISTENT),
        b'i' => Refused("INST", CALLS),
        b'o' => Refused("OBJ", CALLS),
        b'S' => Refused("STRING", PYTHON_2),
        b'T' => Refused("BINSTRING", PYTHON_2),
        b'U' => Refused("SHORT_BINSTRING", PYTHON_2),
        0x82 => Refused("EXT1", REGISTRY),
        0x83 => Refused("EXT2", REGISTRY),
        0x84 => Refused("EXT4", REGISTRY),
        0x92 => Refused("NEWOBJ_EX", "it calls a class with named arguments"),
        0x97 => Refused("NEXT_BUFFER", BUFFER),
        0x98 => Refused("READONLY_BUFFER", BUFFER),
        _ => Unknown,
    }
}
