//! Which reader a file is for, told by its first bytes: names of files are for people.

use super::{
    Pickled, ReadOptions, read_lightgbm, read_onnx, read_pickle, read_xgboost_json,
    read_xgboost_ubj,
};
use crate::refusal::Refusal;

/// Reads a file of any format that this crate reads.
///
/// Pickles and joblib files may hold transformers and label encoders too, which is why the answer
/// is a [`Pickled`].
///
/// # Errors
/// What the reader of the format refuses; content of no known format.
pub fn read_any(bytes: &[u8], options: &ReadOptions) -> Result<Pickled, Refusal> {
    let model = match format(bytes) {
        Some(Format::XgboostJson) => read_xgboost_json(bytes, options),
        Some(Format::XgboostUbj) => read_xgboost_ubj(bytes, options),
        Some(Format::LightgbmText) => read_lightgbm(bytes, options),
        Some(Format::Onnx) => read_onnx(bytes, options),
        Some(Format::Pickle) => return read_pickle(bytes, options),
        None => Err(Refusal::unsupported(
            "content",
            String::from_utf8_lossy(bytes.get(..16).unwrap_or(bytes)),
            "XGBoost JSON and UBJ, LightGBM text, ONNX, pickle and joblib are",
        )),
    }?;
    crate::validate(&model, &options.limits)?;
    Ok(Pickled::Model(Box::new(model)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    XgboostJson,
    XgboostUbj,
    LightgbmText,
    Onnx,
    Pickle,
}

fn format(bytes: &[u8]) -> Option<Format> {
    if pickle::compression(bytes).is_some() {
        return Some(Format::Pickle);
    }
    let text = bytes.trim_ascii_start();
    match bytes {
        // Protocols 2 to 5 begin with their number.
        [0x80, 2..=5, ..] => Some(Format::Pickle),
        // The version of the format is the first field of a model in protocol buffers.
        [0x08, ..] => Some(Format::Onnx),
        _ if text.starts_with(b"tree\n") || text.starts_with(b"tree\r\n") => {
            Some(Format::LightgbmText)
        }
        _ => match text {
            [b'{', rest @ ..] if matches!(rest.trim_ascii_start(), [b'"' | b'}', ..]) => {
                Some(Format::XgboostJson)
            }
            [b'{', ..] => Some(Format::XgboostUbj),
            // Protocols 0 and 1 have no mark of their own: objects begin with the name of a
            // function, dictionaries with one of these.
            [b'c' | b'(' | b'}' | b']', ..] => Some(Format::Pickle),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b"{\"learner\":{}}"[..], Some(Format::XgboostJson)),
            (b" {\n \"version\": [3,0,0]}", Some(Format::XgboostJson)),
            (b"{L\0\0\0\0\0\0\0\x07learner{", Some(Format::XgboostUbj)),
            (b"tree\nversion=v4\n", Some(Format::LightgbmText)),
            (b"\x08\x0a\x12\x08skl2onnx", Some(Format::Onnx)),
            (b"\x80\x04\x95", Some(Format::Pickle)),
            (b"ccopy_reg\n_reconstructor\n", Some(Format::Pickle)),
            (b"\x78\x9c", Some(Format::Pickle)),
            (b"\x80\x09", None),
            (b"PK\x03\x04", None),
            (b"#!/bin/sh", None),
            (b"", None),
        ] {
            assert_eq!(format(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
