//! Numbers and texts as the opcodes spell them.

use std::borrow::Cow;

use crate::Refusal;
use crate::graph::Node;

/// The number of `LONG1` and `LONG4`: two's complement, the smallest byte first.
pub(crate) fn long<'a>(bytes: &[u8]) -> Node<'a> {
    if bytes.len() > 8 {
        return Node::Big;
    }
    let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
    let mut filled = [if negative { 0xff } else { 0 }; 8];
    for (place, byte) in filled.iter_mut().zip(bytes) {
        *place = *byte;
    }
    Node::Int(i64::from_le_bytes(filled))
}

/// The line of `INT`, which is also how protocol 0 spells truth values, or of `LONG`.
pub(crate) fn decimal<'a>(
    line: &str,
    offset: usize,
    name: &'static str,
) -> Result<Node<'a>, Refusal> {
    if name == "INT" && (line == "00" || line == "01") {
        return Ok(Node::Bool(line == "01"));
    }
    let line = line.strip_suffix('L').filter(|_| name == "LONG").unwrap_or(line);
    let digits = line.strip_prefix('-').unwrap_or(line);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::operand(offset, name, "has no decimal number"));
    }
    // Whole digits that do not fit are a number that is too large, and nothing else.
    Ok(line.parse().map_or(Node::Big, Node::Int))
}

/// The line of `FLOAT`.
pub(crate) fn float<'a>(line: &str, offset: usize) -> Result<Node<'a>, Refusal> {
    line.parse()
        .map(Node::Float)
        .map_err(|_| Refusal::operand(offset, "FLOAT", "has no number in its line"))
}

/// Text in UTF-8. Lone surrogates, which Python lets pass, are refused.
pub(crate) fn utf8<'a>(
    bytes: &'a [u8],
    offset: usize,
    name: &'static str,
) -> Result<Node<'a>, Refusal> {
    std::str::from_utf8(bytes)
        .map(|text| Node::Text(Cow::Borrowed(text)))
        .map_err(|_| Refusal::operand(offset, name, "has text that is not UTF-8"))
}

/// The line of `UNICODE`: Latin-1 with `\uXXXX` and `\UXXXXXXXX` (Python's `raw-unicode-escape`).
pub(crate) fn raw_escapes<'a>(line: &[u8], offset: usize) -> Result<Node<'a>, Refusal> {
    let mut text = String::with_capacity(line.len());
    let mut at = 0_usize;
    // A backslash after a backslash starts nothing.
    let mut escaped = false;
    while let Some(byte) = line.get(at).copied() {
        let digits = match line.get(at.saturating_add(1)) {
            Some(b'u') if byte == b'\\' && !escaped => 4,
            Some(b'U') if byte == b'\\' && !escaped => 8,
            _ => 0,
        };
        if digits == 0 {
            text.push(char::from(byte));
            escaped = byte == b'\\' && !escaped;
            at = at.saturating_add(1);
            continue;
        }
        let start = at.saturating_add(2);
        let end = start.saturating_add(digits);
        let character = line
            .get(start..end)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32);
        let Some(character) = character else {
            return Err(Refusal::operand(offset, "UNICODE", "has an escape that is no character"));
        };
        text.push(character);
        at = end;
    }
    Ok(Node::Text(Cow::Owned(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_width_and_sign() {
        assert_eq!(long(&[]), Node::Int(0));
        assert_eq!(long(&[0xff]), Node::Int(-1));
        assert_eq!(long(&[0xff, 0]), Node::Int(255));
        assert_eq!(long(&[0; 9]), Node::Big);
        assert_eq!(decimal("01", 0, "INT").unwrap(), Node::Bool(true));
        assert_eq!(decimal("-12L", 0, "LONG").unwrap(), Node::Int(-12));
        assert_eq!(decimal("99999999999999999999", 0, "LONG").unwrap(), Node::Big);
        assert!(decimal("0x10", 0, "INT").is_err());
        assert!(decimal("-", 0, "INT").is_err());
    }

    #[test]
    fn escapes_are_undone_as_python_undoes_them() {
        let text = |line: &[u8]| match raw_escapes(line, 0) {
            Ok(Node::Text(text)) => Some(text.into_owned()),
            _ => None,
        };
        assert_eq!(text(b"a\\u000ab").as_deref(), Some("a\nb"));
        assert_eq!(text(b"\\u005cu0041").as_deref(), Some("\\u0041"));
        assert_eq!(text(b"\\\\u0041").as_deref(), Some("\\\\u0041"));
        assert_eq!(text(b"\\U0001f600").as_deref(), Some("😀"));
        assert_eq!(text(b"\xe9").as_deref(), Some("é"));
        assert_eq!(text(b"\\ud800"), None);
        assert_eq!(text(b"\\u12"), None);
        assert_eq!(text(b"\\u+123"), None);
    }
}
