//! Opcodes that call by another way, hide a name, or say what they do not do.

use pickle::{Limits, Reason};

use crate::written::Written;
use crate::{read, refused};

#[test]
fn opcodes_that_no_model_needs_are_refused_by_name_and_place() {
    for (name, opcode) in [
        ("PERSID", &b"Pmodel\n"[..]),
        ("BINPERSID", b"Q"),
        ("INST", b"ios\nsystem\n"),
        ("OBJ", b"o"),
        ("EXT1", b"\x82\x01"),
        ("EXT2", b"\x83\x01\x00"),
        ("EXT4", b"\x84\x01\x00\x00\x00"),
        ("NEWOBJ_EX", b"\x92"),
        ("NEXT_BUFFER", b"\x97"),
        ("READONLY_BUFFER", b"\x98"),
        ("STRING", b"S'id'\n"),
        ("BINSTRING", b"T\x02\0\0\0id"),
        ("SHORT_BINSTRING", b"U\x02id"),
    ] {
        let content = Written::protocol(4).raw(b"(N").raw(opcode).stop();
        let said = refused(name, &content);
        assert!(said.starts_with(&format!("byte 4: the opcode {name} is refused")), "{said}");
    }
    for code in (0..=u8::MAX).filter(|code| !b"0".contains(code)) {
        // No byte makes the reader panic, whatever stands on the stack.
        let _ = read(&Written::protocol(4).raw(b"(N}]").raw(&[code]).raw(&[0; 16]).stop());
    }
    assert!(refused("0xff", &[0xff]).contains("0xff is no opcode"));
}

#[test]
fn the_memo_has_one_meaning() {
    // A scanner that does not follow the memo sees `numpy.ndarray`; Python sees `os.system`.
    let twice = Written::protocol(4).text("os").raw(b"q\x00").text("numpy").raw(b"q\x00");
    let said = refused("memo", &twice.raw(b"h\x00").text("system").raw(&[0x93]).stop());
    assert!(said.contains("BINPUT writes memo entry 0 a second time"), "{said}");
    let through = Written::protocol(4).text("os").raw(b"\x94").text("system").raw(b"\x940");
    let said = refused("memo", &through.raw(b"0h\x00h\x01\x93").stop());
    assert!(said.contains("`os.system`"), "{said}");
    // An index that is counted by hand, and one that `MEMOIZE` gives, are the same entry.
    let mixed = Written::protocol(4).text("os").raw(b"q\x01").raw(b"N\x94");
    assert!(refused("memo", &mixed.stop()).contains("memo entry 1 a second time"));
    for (name, get) in
        [("GET", &b"g7\n"[..]), ("BINGET", b"h\x07"), ("LONG_BINGET", b"j\x07\0\0\0")]
    {
        let said = refused(name, get);
        assert!(said.contains(&format!("{name} asks for memo entry 7, which is empty")), "{said}");
    }
    assert!(refused("PUT", b"Np-1\n.").contains("PUT has no number"));
    assert!(refused("GET", b"gx\n.").contains("GET has no number"));
}

#[test]
fn build_sets_attributes_of_new_objects_alone() {
    for (name, content) in [
        ("of a class", Written::protocol(2).global("sklearn.pipeline", "Pipeline").raw(b"}b")),
        ("of a function", Written::protocol(2).global("_codecs", "encode").raw(b"}b")),
        ("of a list", Written::protocol(2).raw(b"]}b")),
        ("of a dictionary", Written::protocol(2).raw(b"}}b")),
        ("of a text", Written::protocol(4).text("a").raw(b"}b")),
    ] {
        let said = refused(name, &content.stop());
        assert!(said.contains("the opcode BUILD would set attributes"), "{name}: {said}");
    }
    let twice = Written::protocol(2).global("sklearn.pipeline", "Pipeline").raw(b")\x81}b}b");
    assert!(refused("twice", &twice.stop()).contains("a second state"));
}

#[test]
fn calls_of_what_is_no_listed_name_are_refused() {
    for (name, content) in [
        ("a text", Written::protocol(4).text("os.system").raw(b")R")),
        ("a made object", Written::protocol(2).global("builtins", "list").raw(b")R)R")),
        ("a class without a tuple", Written::protocol(2).global("builtins", "list").raw(b"]R")),
        ("names that are no texts", Written::protocol(4).raw(b"K\x01K\x02\x93")),
        ("a name of bytes", Written::protocol(4).raw(b"C\x02osC\x06system\x93")),
        ("no class", Written::protocol(2).global("copy_reg", "_reconstructor").raw(b")R")),
        (
            "a class by text",
            Written::protocol(2).global("copy_reg", "_reconstructor").raw(b"Vos\n\x85R"),
        ),
    ] {
        let said = refused(name, &content.stop());
        assert!(said.contains("the opcode "), "{name}: {said}");
    }
}

#[test]
fn one_file_holds_one_pickle_and_nothing_else() {
    let said = refused("two", b"N.N.");
    assert!(said.starts_with("byte 2: 2 bytes follow the end (STOP)"), "{said}");
    assert!(refused("rest", b"N. ").contains("1 bytes follow the end"));
    let hidden = [&b"N."[..], &Written::default().global("os", "system").0].concat();
    assert!(refused("hidden", &hidden).contains("follow the end"));
    assert!(refused("empty", b"").contains("STOP is missing"));
    assert!(refused("no end", b"N").contains("byte 1: the opcode STOP is missing"));
    assert!(refused("two values", b"NN.").contains("leaves more than one value"));
    assert!(refused("an open mark", b"(N.").contains("leaves more than one value"));
    assert!(refused("no value", b".").contains("finds the stack empty"));
    assert!(refused("protocol 6", b"\x80\x06N.").contains("names protocol 6"));
}

#[test]
fn the_stack_is_not_left() {
    for (name, content) in [
        ("POP", &b"0."[..]),
        ("POP_MARK", b"N1."),
        ("DUP", b"2."),
        ("APPEND", b"]a."),
        ("APPENDS", b"]Ne."),
        ("SETITEM", b"}Ns."),
        ("SETITEMS", b"}(Nu."),
        ("DICT", b"(Nd."),
        ("TUPLE", b"Nt."),
        ("TUPLE3", b"NN\x87."),
        ("REDUCE", b")R."),
        ("BUILD", b"}b."),
        ("MEMOIZE", b"\x94."),
        ("STACK_GLOBAL", b"N\x93."),
        // Below a mark the stack belongs to somebody else.
        ("APPEND", b"](Na."),
        ("ADDITEMS", b"](N\x90."),
    ] {
        let said = refused(name, content);
        assert!(said.contains(&format!("the opcode {name} ")), "{name}: {said}");
    }
    assert_eq!(read(b"(0N.").unwrap(), "None");
    assert_eq!(read(b"(NN1(K\x01K\x02t.").unwrap(), "a tuple of 2");
}

#[test]
fn values_that_contain_themselves_are_refused() {
    for (name, content) in [
        ("a list", &b"]q\x00h\x00a."[..]),
        ("a dictionary", b"}q\x00Nh\x00s."),
        ("a state", b"\x80\x02csklearn.pipeline\nPipeline\n)\x81q\x00h\x00b."),
        ("two lists", b"]q\x00]q\x01h\x00ah\x00h\x01a0."),
    ] {
        let said = refused(name, content);
        assert!(
            said.contains("contains itself") || said.contains("more than one"),
            "{name}: {said}"
        );
    }
    let refusal = pickle::read(b"]q\x00h\x00a.", &Limits::default()).unwrap_err();
    assert_eq!(refusal.reason, Reason::Cycle);
}
