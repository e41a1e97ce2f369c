//! Foreign texts made fit for messages and logs: short, printable, without keys.
//!
//! AWS repeats parts of a request in its errors, among them key ids, canonical headers with session
//! tokens, and authorization headers.

/// Longest message that is kept of AWS.
const LONGEST: usize = 300;

/// A run of this many letters of base64 is no word of a sentence.
const LONGEST_WORD: usize = 32;

/// The text without what looks like a key, at most `LONGEST` characters long.
pub(crate) fn redact(text: &str) -> String {
    let mut shown = String::new();
    let mut word = String::new();
    for letter in text.chars().take(LONGEST * 8) {
        if letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=' | '_' | '-') {
            word.push(letter);
        } else {
            push_word(&mut shown, &word);
            word.clear();
            shown.push(if letter.is_control() { ' ' } else { letter });
        }
        if shown.len() > LONGEST {
            break;
        }
    }
    push_word(&mut shown, &word);
    shown.chars().take(LONGEST).collect()
}

/// The first characters of a body.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let head = body.get(..400).unwrap_or(body);
    redact(&String::from_utf8_lossy(head)).trim().chars().take(120).collect()
}

fn push_word(shown: &mut String, word: &str) {
    let has = |kind: fn(&u8) -> bool| word.bytes().any(|byte| kind(&byte));
    let mixed =
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    let long_part = word.split(['/', '_', '-']).any(|part| part.len() >= LONGEST_WORD);
    if long_part || (mixed && word.len() >= LONGEST_WORD) {
        shown.push('…');
        return;
    }
    for part in word.split_inclusive(['/', '=', '+', '_', '-']) {
        let bare = part.trim_end_matches(['/', '=', '+', '_', '-']);
        if is_key_id(bare) {
            shown.push_str(bare.get(..4).unwrap_or_default());
            shown.push('…');
            shown.push_str(part.get(bare.len()..).unwrap_or_default());
        } else {
            shown.push_str(part);
        }
    }
}

fn is_key_id(word: &str) -> bool {
    word.len() >= 16
        && ["AKIA", "ASIA", "AROA", "AIDA"].iter().any(|start| word.starts_with(start))
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_disappear_and_sentences_stay() {
        let check = |text: &str, expected: &str| assert_eq!(redact(text), expected, "{text}");
        check("You are not authorized.", "You are not authorized.");
        check("The key AKIAIOSFODNN7EXAMPLE is unknown", "The key AKIA… is unknown");
        check("secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "secret …");
        check("Credential=ASIAIOSFODNN7EXAMPLE/20260101/us-east-1/ec2", "…");
        check("key=ASIAIOSFODNN7EXAMPLE/ec2", "key=ASIA…/ec2");
        check(&"x".repeat(50), "…");
        check("two\nlines", "two lines");
        assert!(redact(&"word ".repeat(1000)).chars().count() <= LONGEST);
    }
}
