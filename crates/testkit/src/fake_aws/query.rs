//! The query protocol from the side of EC2: forms in, XML out.

use serde_json::Value;

/// The fields of one entry of a flat list.
pub(crate) type Item = Vec<(&'static str, String)>;

/// The parameters of a request.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    pub(crate) fn read(body: &[u8]) -> Form {
        let text = String::from_utf8_lossy(body);
        let pairs = text
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect();
        Form { pairs }
    }

    /// A parameter; empty when it is not given.
    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.pairs.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.text(name).parse().ok()
    }

    /// What a filter or a list parameter allows.
    pub(crate) fn values(&self, filter: &str, list: &str) -> Vec<String> {
        let numbers: Vec<&str> = self
            .pairs
            .iter()
            .filter(|(_, value)| value == filter)
            .filter_map(|(key, _)| key.strip_prefix("Filter.")?.strip_suffix(".Name"))
            .collect();
        let listed = |key: &str| {
            key == list
                || key.strip_prefix(list).is_some_and(|rest| rest.starts_with('.'))
                || numbers.iter().any(|number| key.starts_with(&format!("Filter.{number}.Value.")))
        };
        let found = self.pairs.iter().filter(|(key, _)| listed(key));
        found.map(|(_, value)| value.clone()).collect()
    }

    /// All parameters but some, in order, as one text.
    pub(crate) fn without(&self, names: &[&str]) -> String {
        let mut kept: Vec<String> = self
            .pairs
            .iter()
            .filter(|(key, _)| !names.contains(&key.as_str()))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        kept.sort();
        kept.join("&")
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next(), rest.next()]
                    .map(|digit| char::from(digit.unwrap_or(b'0')).to_digit(16).unwrap_or(0) as u8);
                bytes.push(digits[0] << 4 | digits[1]);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `*` stands for any letters, `?` for any one.
pub(crate) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    loop {
        match pattern.next() {
            None => return text.next().is_none(),
            Some('*') => {
                let rest = pattern.as_str();
                let mut tail = text.as_str();
                loop {
                    if matches_pattern(rest, tail) {
                        return true;
                    }
                    let mut letters = tail.chars();
                    if letters.next().is_none() {
                        return false;
                    }
                    tail = letters.as_str();
                }
            }
            Some('?') => {
                if text.next().is_none() {
                    return false;
                }
            }
            Some(letter) => {
                if text.next() != Some(letter) {
                    return false;
                }
            }
        }
    }
}

/// An answer that is a list of flat entries.
pub(crate) fn answer(operation: &str, list: &str, items: &[Item], next: Option<&str>) -> String {
    let mut body = String::new();
    for item in items {
        body.push_str("        <item>\n");
        for (name, value) in item {
            body.push_str(&format!("            <{name}>{}</{name}>\n", escaped(value)));
        }
        body.push_str("        </item>\n");
    }
    wrapped(operation, list, &body, next)
}

/// An answer that is a list of the JSON that the AWS command line shows, turned back into XML:
/// names start in lower case, and entries of lists are called `item`.
pub(crate) fn answer_of_json(
    operation: &str,
    list: &str,
    items: &[Value],
    next: Option<&str>,
) -> String {
    let mut body = String::new();
    for item in items {
        write_json(&mut body, "item", item);
    }
    wrapped(operation, list, &body, next)
}

fn wrapped(operation: &str, list: &str, body: &str, next: Option<&str>) -> String {
    let next = next.map_or("<nextToken/>".to_owned(), |token| {
        format!("<nextToken>{}</nextToken>", escaped(token))
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n    \
         <requestId>00000000-0000-4000-8000-000000000000</requestId>\n    \
         <{list}>\n{body}    </{list}>\n    {next}\n</{operation}Response>\n"
    )
}

fn write_json(out: &mut String, name: &str, value: &Value) {
    out.push_str(&format!("<{name}>"));
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                let mut letters = key.chars();
                let first = letters.next().map(|letter| letter.to_ascii_lowercase());
                let lower: String = first.into_iter().chain(letters).collect();
                write_json(out, &lower, inner);
            }
        }
        Value::Array(items) => {
            for item in items {
                write_json(out, "item", item);
            }
        }
        Value::String(text) => out.push_str(&escaped(text)),
        other => out.push_str(&other.to_string()),
    }
    out.push_str(&format!("</{name}>\n"));
}

/// An error in the form of EC2.
pub(crate) fn error(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
         <Message>{}</Message></Error></Errors>\
         <RequestID>00000000-0000-4000-8000-000000000000</RequestID></Response>",
        escaped(message)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_patterns_are_read() {
        let form = Form::read(
            b"Action=X&Filter.1.Name=instance-type&Filter.1.Value.1=m5.%2A&Filter.2.Name=other\
              &Filter.2.Value.1=no&InstanceType.1=c5.large",
        );
        assert_eq!(form.values("instance-type", "InstanceType"), ["m5.*", "c5.large"]);
        assert_eq!(form.text("Action"), "X");
        let check = |pattern: &str, text: &str, fits: bool| {
            assert_eq!(matches_pattern(pattern, text), fits, "{pattern} {text}");
        };
        check("m5.*", "m5.large", true);
        check("m5.*", "m5a.large", false);
        check("*.large", "m5.xlarge", false);
        check("m?.large", "m5.large", true);
        check("m5.large", "m5.large", true);
        check("*", "", true);
    }
}
