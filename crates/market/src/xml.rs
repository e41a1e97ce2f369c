//! The XML that EC2 answers with, as a small tree: elements, texts, no attributes.
//!
//! An answer is one page of at most a few thousand elements, so a tree is cheap. Entities beyond
//! the five of XML are refused, so that nothing can expand.

use quick_xml::Reader;
use quick_xml::errors::IllFormedError;
use quick_xml::events::Event;

use crate::ImportError;
use crate::error::shown;

/// Answers of EC2 nest less than ten deep.
const DEEPEST: usize = 32;

/// One element with its text and children.
#[derive(Debug, Default)]
pub(crate) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text at the end of a path of names; empty when there is none.
    pub(crate) fn text(&self, path: &[&str]) -> &str {
        let mut place = Some(self);
        for name in path {
            place = place.and_then(|element| element.child(name));
        }
        place.map_or("", |element| element.text.trim())
    }

    /// The entries of the list at the end of a path.
    pub(crate) fn items(&self, path: &[&str]) -> impl Iterator<Item = &Element> {
        let mut place = Some(self);
        for name in path {
            place = place.and_then(|element| element.child(name));
        }
        place
            .into_iter()
            .flat_map(|list| list.children.iter())
            .filter(|child| matches!(child.name.as_str(), "item" | "member"))
    }

    /// The text of the element itself.
    pub(crate) fn own_text(&self) -> &str {
        self.text.trim()
    }
}

/// Reads one document whose outermost element has the expected name.
pub(crate) fn parse_xml(
    bytes: &[u8],
    root: &str,
    expected: &'static str,
) -> Result<Element, ImportError> {
    let wrong = |position: u64, detail: String| ImportError::Xml {
        position,
        detail: shown(&detail),
        expected,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| match error.error_len() {
        None => ImportError::Cut { detail: "in the middle of a letter".to_owned(), expected },
        Some(_) => wrong(error.valid_up_to() as u64, "not UTF-8".to_owned()),
    })?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut whole: Option<Element> = None;
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            // An element, comment or name that the end of the bytes cuts through.
            Err(quick_xml::Error::Syntax(fault)) => {
                return Err(ImportError::Cut { detail: shown(&fault.to_string()), expected });
            }
            Err(quick_xml::Error::IllFormed(IllFormedError::UnclosedReference))
                if ends_in_reference(text) =>
            {
                let detail = "an entity is not closed".to_owned();
                return Err(ImportError::Cut { detail, expected });
            }
            Err(error) => return Err(wrong(reader.error_position(), error.to_string())),
        };
        match event {
            Event::Start(start) => {
                let name = name_of(start.local_name().as_ref());
                if open.is_empty() && (whole.is_some() || name != root) {
                    return Err(wrong(reader.buffer_position(), format!("element `{name}`")));
                }
                if open.len() >= DEEPEST {
                    return Err(wrong(reader.buffer_position(), "nested too deep".to_owned()));
                }
                open.push(Element { name, ..Element::default() });
            }
            Event::Empty(start) => {
                let element =
                    Element { name: name_of(start.local_name().as_ref()), ..Element::default() };
                close(element, &mut open, &mut whole);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut whole);
                }
            }
            Event::Text(text) => add_text(&mut open, &text.xml10_content()),
            Event::CData(text) => add_text(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(letter)) => Some(letter),
                    _ => match &*reference.xml10_content() {
                        "amp" => Some('&'),
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        _ => None,
                    },
                };
                let Some(letter) = resolved else {
                    return Err(wrong(reader.buffer_position(), "unknown entity".to_owned()));
                };
                add_text(&mut open, letter.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => {
                return Err(wrong(reader.buffer_position(), "a document type".to_owned()));
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => {
                return match whole {
                    Some(whole) if open.is_empty() && whole.name == root => Ok(whole),
                    None if open.is_empty() && !text.trim().is_empty() => {
                        Err(wrong(0, "no element".to_owned()))
                    }
                    _ => Err(ImportError::Cut {
                        detail: format!("{} elements are still open", open.len()),
                        expected,
                    }),
                };
            }
        }
    }
}

/// Whether the last `&` of the text has neither its end nor markup behind it.
fn ends_in_reference(text: &str) -> bool {
    text.rsplit_once('&').is_some_and(|(_, rest)| !rest.contains([';', '<']))
}

fn name_of(name: &str) -> String {
    name.to_owned()
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn close(element: Element, open: &mut [Element], whole: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *whole = Some(element),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_read_and_cuts_are_told_from_other_faults() {
        let text = "<?xml version=\"1.0\"?>\n<A xmlns=\"x\"><b>1 &amp; &#50;</b><c/>\
                    <d><item>x</item><item>y</item></d></A>";
        let tree = parse_xml(text.as_bytes(), "A", "an A").unwrap();
        assert_eq!(tree.text(&["b"]), "1 & 2");
        assert_eq!(tree.text(&["c"]), "");
        let items: Vec<&str> = tree.items(&["d"]).map(Element::own_text).collect();
        assert_eq!(items, ["x", "y"]);
        // Wherever the document is cut, the cut is recognised.
        for end in 1..text.len() {
            let error = parse_xml(&text.as_bytes()[..end], "A", "an A").unwrap_err();
            let declaration = end <= 22;
            assert!(declaration || error.is_cut(), "{end}: {error}");
        }
        let check = |text: &str, part: &str| {
            let error = parse_xml(text.as_bytes(), "A", "an A").unwrap_err();
            assert!(!error.is_cut() && error.to_string().contains(part), "{text}: {error}");
        };
        check("<html><body>", "element `html`");
        check("<A><b></A>", "b");
        check("<A>&lol;</A>", "unknown entity");
        check("<!DOCTYPE x><A/>", "document type");
        check("busy", "no element");
        check(&"<A>".repeat(50), "nested too deep");
    }
}
