//! Small files that ask for much: memory, depth, time.

use pickle::Limits;

use crate::written::Written;
use crate::{read, refused};

#[test]
fn a_memo_bomb_is_looked_at_once_for_each_node() {
    // Each list holds the one before ten times: 10^30 leaves for whoever walks along every way.
    let mut content = Written::protocol(4).raw(b"(]\x94");
    for level in 0..30_u8 {
        content = content.raw(b"](").raw(&[b'h', level].repeat(10)).raw(b"e\x94");
    }
    let content = content.raw(b"t").stop();
    assert!(content.len() < 1000);
    let graph = pickle::read(&content, &Limits::default()).unwrap();
    assert!(graph.nodes() < 100);
    assert_eq!(graph.root().described(), "a tuple of 31");
}

#[test]
fn depth_is_refused_and_dropped_without_recursion() {
    for deep in [300_usize, 200_000, 900_000] {
        let lists = [vec![b']'; deep], vec![b'a'; deep - 1], vec![b'.']].concat();
        assert!(refused("lists", &lists).contains("more than 256 values within one another"));
        let tuples = [vec![b')'], vec![0x85; deep], vec![b'.']].concat();
        assert!(refused("tuples", &tuples).contains("more than 256 values within one another"));
    }
    let fitting = [vec![b']'; 256], vec![b'a'; 255], vec![b'.']].concat();
    assert!(read(&fitting).is_ok());
    // The depth is that of the whole, also where its halves were made apart: 200 lists that are
    // remembered and looked at first, then 100 around them.
    let half = [vec![b']'; 200], vec![b'a'; 199], b"q\x00".to_vec()].concat();
    let around = [vec![b']'; 100], b"h\x00".to_vec(), vec![b'a'; 100]].concat();
    let whole = [&b"("[..], &half, &around, b"t."].concat();
    assert!(refused("halves", &whole).contains("more than 256 values within one another"));
}

#[test]
fn declared_lengths_are_compared_with_what_is_there() {
    let huge = (1_u64 << 62).to_le_bytes();
    for (name, opcode, width) in [
        ("BINUNICODE8", 0x8d, 8),
        ("BINBYTES8", 0x8e, 8),
        ("BYTEARRAY8", 0x96, 8),
        ("FRAME", 0x95, 8),
        ("BINUNICODE", b'X', 4),
        ("BINBYTES", b'B', 4),
        ("LONG4", 0x8b, 4),
    ] {
        let length = if width == 8 { huge.to_vec() } else { vec![0xff; 4] };
        let content = Written::protocol(4).raw(&[opcode]).raw(&length).stop();
        let said = refused(name, &content);
        assert!(said.contains(name) && said.contains("1 are left"), "{said}");
    }
    for (name, opcode) in [("SHORT_BINUNICODE", 0x8c), ("SHORT_BINBYTES", b'C'), ("LONG1", 0x8a)] {
        let said = refused(name, &Written::protocol(4).raw(&[opcode, 200]).stop());
        assert!(said.contains("asks for 200 bytes where 1 are left"), "{said}");
    }
    assert!(refused("line", b"Vendless").contains("has no end of its line"));
    let long = format!("c{}\nx\n.", "a".repeat(2000));
    assert!(refused("name", long.as_bytes()).contains("more than 1024 bytes in a name"));
}

#[test]
fn every_limit_counts() {
    let limits = Limits { opcodes: 10, ..Limits::default() };
    let said = |content: &[u8], limits: &Limits| match pickle::read(content, limits) {
        Ok(_) => panic!("read"),
        Err(refusal) => refusal.to_string(),
    };
    assert!(said(&[b'N'; 20], &limits).contains("byte 10: more than 10 opcodes"));
    let limits = Limits { nodes: 10, ..Limits::default() };
    assert!(said(&[b'N'; 20], &limits).contains("byte 10: more than 10 values"));
    let limits = Limits { stack: 10, ..Limits::default() };
    assert!(said(&[b'N'; 20], &limits).contains("byte 10: more than 10 values on the stack"));
    assert!(said(&[b'('; 20], &limits).contains("byte 10: more than 10 marks"));
    let duplicates = [vec![b'N'], vec![b'2'; 20]].concat();
    assert!(said(&duplicates, &limits).contains("values on the stack"));
    let limits = Limits { memo: 10, ..Limits::default() };
    assert!(said(&[b'N', 0x94].repeat(20), &limits).contains("more than 10 memo entries"));
    let limits = Limits { bytes: 10, ..Limits::default() };
    assert!(said(&[b'N'; 20], &limits).contains("byte 10: more than 10 bytes"));
    // A single entry far away does not make a table that reaches there.
    assert!(refused("far", b"Nr\xff\xff\xff\xff.").contains("more than 1000000 memo entries"));
    assert!(refused("far", b"Np4294967295\n.").contains("more than 1000000 memo entries"));
}

#[test]
fn amplification_within_the_limits_stays_small() {
    // Every byte makes a value: two million are the most.
    let content = [b"(".to_vec(), vec![b'N'; 999_999], b"t.".to_vec()].concat();
    assert!(read(&content).is_ok());
    // A call does not copy what it is called with: half a million with the same long tuple.
    let tuple = [b"\x80\x02((".to_vec(), vec![b'N'; 100_000], b"tq\x000".to_vec()].concat();
    let call = b"cbuiltins\nlist\nh\x00R";
    let content = [tuple, call.repeat(100_000), b"t.".to_vec()].concat();
    assert!(read(&content).is_ok());
    let content = b"N0".repeat(3_000_000);
    assert!(refused("values", &content).contains("more than 2000000 values"));
}
