//! Messages for webhooks of Microsoft Teams' workflows, as adaptive cards.
//!
//! <https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>

use serde_json::{Value, json};

use crate::message::{Message, Notice, Severity, cut};

/// Notices that are shown: a card has at most 28 kB.
const MOST_SHOWN: usize = 15;
const TEXT: usize = 400;
const MOST_FACTS: usize = 12;

/// The body of a message.
pub(crate) fn body(message: &Message) -> Value {
    let heading = cut(&message.headline(), TEXT);
    let mut parts = vec![json!({
        "type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true,
        "text": escaped(&heading), "color": colour(message.severity()),
    })];
    let is_alone = message.count() == 1;
    for notice in message.notices.iter().take(MOST_SHOWN) {
        parts.extend(of_notice(notice, is_alone));
    }
    let hidden = message.count().saturating_sub(MOST_SHOWN as u64);
    let more = if hidden > 0 { format!(" and {hidden} more") } else { String::new() };
    parts.push(json!({
        "type": "TextBlock", "isSubtle": true, "wrap": true, "size": "Small",
        "text": format!("CloudOptim ML Server · {}{more}", message.created_at),
    }));
    let link = message.notices.first().filter(|_| is_alone).and_then(|one| one.link.as_deref());
    let actions: Vec<Value> = link
        .filter(|link| link.starts_with("http"))
        .map(|link| json!({"type": "Action.OpenUrl", "title": "Open", "url": link}))
        .into_iter()
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": parts,
                "actions": actions,
            },
        }],
    })
}

fn of_notice(notice: &Notice, is_alone: bool) -> Vec<Value> {
    let mut line = notice.event_type.clone();
    if !is_alone {
        line = format!("{}: {}", line, notice.title);
    }
    if let Some(repeated) = notice.repeated() {
        line = format!("{line} ({repeated})");
    }
    let mut parts = vec![json!({
        "type": "TextBlock", "wrap": true, "text": escaped(&cut(&line, TEXT)),
        "color": colour(notice.severity),
    })];
    if is_alone && !notice.facts.is_empty() {
        let facts: Vec<Value> = notice
            .facts
            .iter()
            .take(MOST_FACTS)
            .map(|fact| {
                let value = escaped(&cut(&fact.value, TEXT));
                json!({"title": escaped(&cut(&fact.name, TEXT)), "value": value})
            })
            .collect();
        parts.push(json!({"type": "FactSet", "facts": facts}));
    }
    parts
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Default",
        Severity::Warning => "Warning",
        Severity::Critical => "Attention",
    }
}

/// Cards read a part of Markdown; a backslash takes the meaning of a letter away.
fn escaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '*' | '_' | '[' | ']' | '(' | ')' | '`' | '#' | '\\') {
            plain.push('\\');
        }
        plain.push(letter);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::example;

    #[test]
    fn a_card_has_its_parts_and_no_foreign_links() {
        let mut message = example::message(1);
        message.notices[0].title = "[click](https://evil.example)".to_owned();
        let body = body(&message);
        let card = &body["attachments"][0]["content"];
        assert_eq!(card["type"], "AdaptiveCard");
        assert_eq!(card["body"][0]["text"], "\\[click\\]\\(https://evil.example\\)");
        assert_eq!(card["body"][2]["facts"][0]["title"], "cluster");
        assert_eq!(card["actions"][0]["type"], "Action.OpenUrl");
        let many = super::body(&example::message(1000));
        assert!(many.to_string().len() < 28_000);
    }
}
