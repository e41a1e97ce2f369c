//! YAML as JSON: every document becomes the text that the JSON reader takes.

use serde_json::Value;

/// The documents of a YAML stream as JSON texts.
///
/// # Errors
/// The first document that is no YAML, with its line.
pub(crate) fn to_json(text: &str) -> Result<Vec<String>, String> {
    let mut documents = Vec::new();
    for part in split(text) {
        if part.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            continue;
        }
        let value: Value = serde_saphyr::from_str(part).map_err(|error| error.to_string())?;
        documents.push(value.to_string());
    }
    Ok(documents)
}

/// Splits a stream at its document markers. Kubernetes writes no directives and no markers inside
/// of block texts at the start of a line.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if bare == "---" || bare == "..." || bare.starts_with("--- ") {
            parts.push(&text[start..at]);
            start = at + line.len();
        }
        at += line.len();
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_become_json() {
        let yaml = "# comment\n---\nkind: Pod\nmetadata:\n  name: a\n---\n\n---\nkind: Node\nspec: {unschedulable: true}\n";
        let documents = to_json(yaml).unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0], r#"{"kind":"Pod","metadata":{"name":"a"}}"#);
        assert_eq!(documents[1], r#"{"kind":"Node","spec":{"unschedulable":true}}"#);
        assert!(to_json("a: [1,\n").is_err());
    }
}
