//! Whatever the bytes are, reading ends with a graph or a refusal.

use pickle::{Graph, Limits, Value};
use proptest::prelude::*;

use crate::genuine;

/// Small enough that a file which passes them is read in no time.
fn limits() -> Limits {
    Limits { opcodes: 100_000, nodes: 50_000, memo: 10_000, stack: 10_000, ..Limits::default() }
}

/// Asks a value for everything that it might be.
fn ask(value: Value<'_>) {
    let what = "anything";
    let _ = (value.text(what), value.integer(what), value.number(what), value.boolean(what));
    let _ = (value.bytes(what), value.described(), value.class(), value.attribute("tree_"));
    if let Ok(array) = value.array(what) {
        let _ = (array.floats(what), array.integers(what), array.texts(what), array.values(what));
        let _ = (array.float_field("threshold"), array.integer_field("left_child"));
    }
}

/// Asks the root and what lies below it, a bounded number of values.
fn walk(graph: &Graph<'_>) {
    let mut waiting = vec![graph.root()];
    for _ in 0..2_000 {
        let Some(value) = waiting.pop() else { return };
        ask(value);
        waiting.extend(value.items("items").unwrap_or_default());
        waiting.extend(value.arguments());
        waiting.extend(value.state());
        for (key, inner) in value.pairs("pairs").unwrap_or_default() {
            waiting.extend([key, inner]);
        }
        if let Ok(array) = value.array("array") {
            waiting.extend(array.values("values").unwrap_or_default());
        }
    }
}

fn try_to_read(content: &[u8]) {
    if let Ok(graph) = pickle::read(content, &limits()) {
        assert!(graph.nodes() <= limits().nodes);
        walk(&graph);
    }
    if let Some(how) = pickle::compression(content) {
        let small = Limits { bytes: 1 << 20, ..limits() };
        if let Ok(expanded) = pickle::decompress(content, how, &small) {
            assert!(expanded.len() <= 1 << 20);
        }
    }
}

/// Opcodes and short operands, so that more of a file means something.
fn opcode_soup() -> impl Strategy<Value = Vec<u8>> {
    let names = ["cnumpy\nndarray\n", "cnumpy\ndtype\n", "ccollections\nOrderedDict\n"];
    let more = ["cnumpy.core.multiarray\n_reconstruct\n", "csklearn.pipeline\nPipeline\n"];
    let wrapper = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}".to_vec();
    let texts = ["Vdtype\n", "Vshape\n", "Vorder\n", "Vsubclass\n", "Vf8\n", "K\x03", "K\x00"];
    let pieces: Vec<Vec<u8>> = names
        .iter()
        .chain(&more)
        .chain(&texts)
        .map(|text| text.as_bytes().to_vec())
        .chain([wrapper])
        .chain(
            b"(.012NRabd}elst)u]GBC\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x93\x94".map(|b| vec![b]),
        )
        .collect();
    let piece = proptest::sample::select(pieces);
    proptest::collection::vec(piece, 0..60)
        .prop_map(|pieces| [pieces.concat(), vec![b'.']].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(content in proptest::collection::vec(any::<u8>(), 0..400)) {
        try_to_read(&content);
    }

    #[test]
    fn arbitrary_opcodes_never_panic(content in opcode_soup()) {
        try_to_read(&content);
    }

    #[test]
    fn starts_of_compressed_files_never_panic(
        start in proptest::sample::select(vec![
            vec![0x78, 0x9c], vec![0x1f, 0x8b, 8], b"BZh9".to_vec(), vec![0x5d, 0, 0],
            vec![0xfd, b'7', b'z', b'X', b'Z', 0],
        ]),
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        try_to_read(&[start, rest].concat());
    }
}

#[test]
fn changed_genuine_files_never_panic() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below.max(1)).unwrap()).unwrap()
    };
    let mut changed = 0;
    for (_, content) in genuine::files() {
        for _ in 0..40 {
            let mut content = content.clone();
            for _ in 0..=draw(3) {
                let at = draw(content.len());
                match draw(4) {
                    0 => content[at] = u8::try_from(draw(256)).unwrap(),
                    1 => content[at] ^= 1 << draw(8),
                    2 => drop(content.remove(at)),
                    _ => content.insert(at, u8::try_from(draw(256)).unwrap()),
                }
            }
            try_to_read(&content);
            changed += 1;
        }
    }
    assert!(changed >= 1_000);
}
