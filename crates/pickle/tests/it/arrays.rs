//! Arrays and scalars as numpy pickles them, and as nobody should.

use pickle::{Kind, Limits, Refusal};

use crate::written::Written;

/// A dtype with its state: order, and for texts their size.
fn data_type(code: &str, order: &str, size: i8) -> Written {
    let state = Written::default().raw(b"(K\x03").text(order).raw(b"NNNJ");
    let size = i32::from(size).to_le_bytes();
    let state = state.raw(&size).raw(b"J\xff\xff\xff\xffK\x00tb");
    Written::default()
        .global("numpy", "dtype")
        .text(code)
        .raw(&[0x89, 0x88, 0x87, b'R'])
        .raw(&state.0)
}

/// `_reconstruct` and a state of shape, dtype, order and content.
fn array(shape: &[u8], data_type: &Written, fortran: bool, content: &[u8]) -> Vec<u8> {
    let head = Written::protocol(4)
        .global("numpy.core.multiarray", "_reconstruct")
        .global("numpy", "ndarray")
        .raw(b"K\x00\x85C\x01b\x87R(K\x01(");
    let sides = shape.iter().fold(head, |written, side| written.raw(&[b'K', *side]));
    let truth = if fortran { 0x88 } else { 0x89 };
    let body = sides.raw(b"t").raw(&data_type.0).raw(&[truth]);
    body.raw(content).raw(b"tb").stop()
}

fn bytes(content: &[u8]) -> Vec<u8> {
    [&[b'C', u8::try_from(content.len()).unwrap()][..], content].concat()
}

fn floats(content: &[u8]) -> Result<Vec<f64>, Refusal> {
    let graph = pickle::read(content, &Limits::default())?;
    graph.root().array("an array")?.floats("numbers")
}

#[test]
fn orders_of_bytes_and_sides_are_undone() {
    let numbers = [1.0_f64, 2.0, 3.0, 4.0, 5.0, 6.0];
    let little: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let big: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    let plain = data_type("f8", "<", -1);
    assert_eq!(floats(&array(&[2, 3], &plain, false, &bytes(&little))).unwrap(), numbers);
    let swapped = data_type("f8", ">", -1);
    assert_eq!(floats(&array(&[6], &swapped, false, &bytes(&big))).unwrap(), numbers);
    // The first side runs fastest in the file: columns of two.
    let columns = array(&[2, 3], &plain, true, &bytes(&little));
    assert_eq!(floats(&columns).unwrap(), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    let cube: Vec<u8> = (0..8_u8).collect();
    let cube = array(&[2, 2, 2], &data_type("u1", "|", -1), true, &bytes(&cube));
    assert_eq!(floats(&cube).unwrap(), [0.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 7.0]);
}

#[test]
fn texts_and_objects_are_read_in_order() {
    let texts: Vec<u8> = "ab\0cde".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
    let content = array(&[2], &data_type("U3", "<", 12), false, &bytes(&texts));
    let graph = pickle::read(&content, &Limits::default()).unwrap();
    assert_eq!(graph.root().array("texts").unwrap().texts("texts").unwrap(), ["ab", "cde"]);
    let objects = Written::default().raw(b"](").text("a").raw(b"K\x07Ne").0;
    let content = array(&[3], &data_type("O", "|", -1), false, &objects);
    let graph = pickle::read(&content, &Limits::default()).unwrap();
    let array = graph.root().array("objects").unwrap();
    assert_eq!(array.data_type().kind, Kind::Object);
    let shown: Vec<String> =
        array.values("values").unwrap().iter().map(|value| value.described()).collect();
    assert_eq!(shown, ["the text `a`", "the integer 7", "None"]);
}

#[test]
fn content_that_does_not_fit_its_shape_is_refused() {
    let plain = data_type("f8", "<", -1);
    let seven = [0_u8; 7];
    for (name, content) in [
        ("too short", array(&[1], &plain, false, &bytes(&seven))),
        ("too long", array(&[1], &plain, false, &bytes(&[0; 16]))),
        ("a product beyond 64 bits", array(&[255; 8], &plain, false, &bytes(&[]))),
        ("too many sides", array(&[1; 9], &plain, false, &bytes(&[0; 8]))),
        ("no content", array(&[1], &plain, false, b"N")),
        ("objects as bytes", array(&[1], &data_type("O", "|", -1), false, &bytes(&[0; 8]))),
        ("numbers as objects", array(&[1], &plain, false, b"](K\x01e")),
        ("a size of nothing", array(&[255, 255], &data_type("U0", "<", 0), false, &bytes(&[]))),
        ("dates", array(&[1], &data_type("M8", "<", -1), false, &bytes(&[0; 8]))),
        ("complex numbers", array(&[1], &data_type("c16", "<", -1), false, &bytes(&[0; 16]))),
        ("no number", array(&[1], &data_type("fx", "<", -1), false, &bytes(&[0; 8]))),
        (
            "a long number",
            array(&[1], &data_type("U99999999999999999999", "<", 4), false, &bytes(&[])),
        ),
    ] {
        let said = floats(&content).map(|_| ()).expect_err(name).to_string();
        assert!(said.starts_with("byte "), "{name}: {said}");
    }
}

#[test]
fn records_are_read_by_name_with_their_padding() {
    // {'left': i4 at 0, 'value': f8 at 8} in 20 bytes: four after the first, four at the end.
    let field = |code: &str, offset: u8| data_type(code, "<", -1).raw(&[b'K', offset, 0x86]);
    let record = |size: u8, second: u8| {
        Written::default()
            .global("numpy", "dtype")
            .text("V20")
            .raw(&[0x89, 0x88, 0x87, b'R'])
            .raw(b"(K\x03")
            .text("|")
            .raw(b"N(")
            .text("left")
            .text("value")
            .raw(b"t}(")
            .text("left")
            .raw(&field("i4", 0).0)
            .text("value")
            .raw(&field("f8", second).0)
            .raw(&[b'u', b'K', size, b'K', 1, b'K', 16, b't', b'b'])
    };
    let one = [&7_i32.to_le_bytes()[..], &[0xee; 4], &1.5_f64.to_le_bytes(), &[0xee; 4]].concat();
    let two = [one.clone(), one].concat();
    let content = array(&[2], &record(20, 8), false, &bytes(&two));
    let graph = pickle::read(&content, &Limits::default()).unwrap();
    let records = graph.root().array("records").unwrap();
    assert_eq!(records.integer_field("left").unwrap(), [7, 7]);
    assert_eq!(records.float_field("value").unwrap(), [1.5, 1.5]);
    assert!(records.has_field("left") && !records.has_field("right"));
    assert!(records.float_field("right").is_err() && records.floats("numbers").is_err());
    // A field that reaches beyond its record.
    let content = array(&[2], &record(20, 13), false, &bytes(&two));
    let said = floats(&content).unwrap_err().to_string();
    assert!(said.contains("a field of numbers inside of its record"), "{said}");
}

#[test]
fn bytes_of_old_protocols_are_latin_1() {
    let encoded = Written::protocol(2).global("_codecs", "encode");
    let encoded = encoded.raw("X\x03\0\0\0\u{e9}a".as_bytes()).raw(b"X\x06\0\0\0latin1\x86R");
    let content = encoded.clone().stop();
    let graph = pickle::read(&content, &Limits::default()).unwrap();
    assert_eq!(graph.root().bytes("bytes").unwrap().as_ref(), b"\xe9a");
    let other = Written::protocol(2).global("_codecs", "encode").text("a").text("zlib");
    let content = other.raw(&[0x86, b'R']).stop();
    let graph = pickle::read(&content, &Limits::default()).unwrap();
    let said = graph.root().bytes("bytes").unwrap_err().to_string();
    assert!(said.contains("text that is encoded as latin1"), "{said}");
    let beyond = Written::protocol(2).global("_codecs", "encode").text("\u{20ac}").text("latin1");
    let content = beyond.raw(&[0x86, b'R']).stop();
    assert!(pickle::read(&content, &Limits::default()).unwrap().root().bytes("bytes").is_err());
}

#[test]
fn scalars_are_numbers() {
    let scalar = |code: &str, content: &[u8]| {
        Written::protocol(4)
            .global("numpy._core.multiarray", "scalar")
            .raw(&data_type(code, "<", -1).0)
            .raw(&bytes(content))
            .raw(&[0x86, b'R'])
            .stop()
    };
    let content = scalar("f8", &2.5_f64.to_le_bytes());
    let graph = pickle::read(&content, &Limits::default()).unwrap();
    assert_eq!(graph.root().number("a number"), Ok(2.5));
    assert!(graph.root().integer("an integer").is_err());
    let content = scalar("i8", &(-3_i64).to_le_bytes());
    let graph = pickle::read(&content, &Limits::default()).unwrap();
    assert_eq!(graph.root().integer("an integer"), Ok(-3));
    assert!(graph.root().count("a count").is_err());
    let content = scalar("i8", &[0; 7]);
    assert!(pickle::read(&content, &Limits::default()).unwrap().root().number("x").is_err());
}
