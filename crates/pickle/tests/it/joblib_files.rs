//! Joblib files: bytes between opcodes, and the compressions around them.

use std::io::Write;

use pickle::{Compression, Limits, compression, decompress};

use crate::refused;
use crate::written::Written;

/// The wrapper of an array of `count` floats, up to the opcode that completes it.
fn wrapper(subclass: (&str, &str), code: &str, count: &[u8], alignment: Option<u8>) -> Written {
    let data_type =
        Written::default().global("numpy", "dtype").text(code).raw(&[0x89, 0x88, 0x87, b'R']);
    let written = Written::protocol(4)
        .global("joblib.numpy_pickle", "NumpyArrayWrapper")
        .raw(b")\x81}(")
        .text("subclass")
        .global(subclass.0, subclass.1)
        .text("shape")
        .raw(count)
        .raw(&[0x85])
        .text("order")
        .text("C")
        .text("dtype")
        .raw(&data_type.0);
    let written = match alignment {
        Some(bytes) => written.text("numpy_array_alignment_bytes").raw(&[b'K', bytes]),
        None => written,
    };
    written.raw(b"ub")
}

const NDARRAY: (&str, &str) = ("numpy", "ndarray");

#[test]
fn bytes_follow_the_wrapper_with_and_without_padding() {
    let number = 1.5_f64.to_le_bytes();
    let plain = wrapper(NDARRAY, "f8", b"K\x01", None).raw(&number).stop();
    let padded = wrapper(NDARRAY, "f8", b"K\x01", Some(16)).raw(b"\x03\xff\xff\xff").raw(&number);
    for content in [plain, padded.stop()] {
        let graph = pickle::read(&content, &Limits::default()).unwrap();
        assert_eq!(graph.root().array("numbers").unwrap().floats("numbers").unwrap(), [1.5]);
    }
}

#[test]
fn wrappers_that_lie_are_refused() {
    let said = refused("long", &wrapper(NDARRAY, "f8", b"K\x02", None).raw(&[0; 8]).stop());
    assert!(said.contains("the opcode BUILD asks for 16 bytes"), "{said}");
    let huge = [&b"\x8a\x08"[..], &(i64::MAX / 16).to_le_bytes()].concat();
    let said = refused("huge", &wrapper(NDARRAY, "f8", &huge, None).stop());
    assert!(said.contains("bytes of arrays"), "{said}");
    let said = refused("negative", &wrapper(NDARRAY, "f8", b"J\xff\xff\xff\xff", None).stop());
    assert!(said.contains("the shape of an array is expected"), "{said}");
    let said = refused("subclass", &wrapper(("builtins", "list"), "f8", b"K\x01", None).stop());
    assert!(said.contains("a plain ndarray"), "{said}");
    let said = refused("memmap", &wrapper(("numpy", "memmap"), "f8", b"K\x01", None).stop());
    assert!(said.contains("`numpy.memmap` is none"), "{said}");
    let said = refused("padding", &wrapper(NDARRAY, "f8", b"K\x01", Some(16)).raw(b"\xff").stop());
    assert!(said.contains("asks for 255 bytes"), "{said}");
    // Where there is no array, the bytes after it are opcodes, and are taken for such.
    let said = refused(
        "state",
        &Written::protocol(4)
            .global("joblib.numpy_pickle", "NumpyArrayWrapper")
            .raw(b")\x81Nb")
            .stop(),
    );
    assert!(said.contains("an object with `subclass`") || said.contains("subclass"), "{said}");
}

#[test]
fn an_array_of_objects_is_a_pickle_under_the_same_rules() {
    let with = |inner: &[u8]| wrapper(NDARRAY, "O", b"K\x01", Some(16)).raw(inner).stop();
    let hostile = Written::protocol(2).global("os", "system").raw(b"Vid\n\x85R").stop();
    let content = with(&hostile);
    let said = refused("nested", &content);
    assert!(said.contains("`os.system`"), "{said}");
    // A pickle of pickles ends at the second.
    let inner = wrapper(NDARRAY, "O", b"K\x01", None).0;
    let said = refused("nested twice", &with(&inner));
    assert!(said.contains("puts a joblib array into an array of objects"), "{said}");
    // Its memo is its own.
    assert!(refused("memo", &with(b"\x80\x02h\x00.")).contains("asks for memo entry 0"));
    assert!(
        refused("missing", &wrapper(NDARRAY, "O", b"K\x01", None).0).contains("STOP is missing")
    );
}

#[test]
fn compressions_are_told_by_their_first_bytes() {
    assert_eq!(compression(b"\x78\x9c\x00"), Some(Compression::Zlib));
    assert_eq!(compression(b"\x78\x00\x00"), None);
    assert_eq!(compression(b"\x80\x04N."), None);
    assert_eq!(compression(b"]\x94."), None);
    assert_eq!(compression(b""), None);
    let refusal = decompress(b"\x04\x22\x4d\x18", Compression::Lz4, &Limits::default());
    assert!(refusal.unwrap_err().to_string().contains("LZ4 is not read"));
}

#[test]
fn bombs_damage_and_rests_are_refused() {
    let packed = |content: &[u8]| {
        let best = flate2::Compression::best();
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), best);
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    let expand = |content: &[u8], limits: &Limits| {
        decompress(content, compression(content).unwrap(), limits)
    };
    let bomb = packed(&vec![0; 64 << 20]);
    let said = expand(&bomb, &Limits::default()).unwrap_err().to_string();
    assert!(said.contains("more than 200 times its size"), "{said}");
    let small = Limits { bytes: 1000, ..Limits::default() };
    let said = expand(&bomb, &small).unwrap_err().to_string();
    assert!(said.contains("more than 1000 decompressed bytes"), "{said}");
    let whole = packed(b"N.");
    assert_eq!(expand(&whole, &small).unwrap(), b"N.");
    assert!(expand(&whole[..whole.len() - 1], &small).is_err());
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(expand(&damaged, &small).is_err());
    let said = expand(&[&whole[..], b"N."].concat(), &small).unwrap_err().to_string();
    assert!(said.contains("2 bytes follow the end"), "{said}");
    // LZMA that asks for four gibibytes of dictionary.
    let greedy = [&[0x5d, 0, 0, 0xff, 0xff][..], &[0xff; 8], &[0; 32]].concat();
    assert!(decompress(&greedy, Compression::Lzma, &small).is_err());
}
