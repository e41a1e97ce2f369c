//! Messages for Slack's incoming webhooks, as blocks.
//!
//! <https://docs.slack.dev/reference/block-kit/blocks>

use serde_json::{Value, json};

use crate::message::{Message, Notice, Severity, cut};

/// Notices that are shown; a message has at most 50 blocks, and each notice needs up to two.
const MOST_SHOWN: usize = 15;
/// The longest heading, text and field, in characters.
const HEADING: usize = 150;
const TEXT: usize = 1500;
const FIELD: usize = 300;
/// Fields of one section.
const MOST_FIELDS: usize = 10;

/// The body of a message.
pub(crate) fn body(message: &Message) -> Value {
    let heading = cut(&message.headline(), HEADING);
    let mut blocks = vec![json!({"type": "header", "text": plain(&heading)})];
    for notice in message.notices.iter().take(MOST_SHOWN) {
        blocks.extend(of_notice(notice, message.count() == 1));
    }
    let hidden = message.count().saturating_sub(MOST_SHOWN as u64);
    let more = if hidden > 0 { format!(" and {hidden} more") } else { String::new() };
    let foot = format!("CloudOptim ML Server · {}{more}", message.created_at);
    blocks.push(json!({"type": "context", "elements": [plain(&foot)]}));
    json!({"text": heading, "blocks": blocks})
}

fn of_notice(notice: &Notice, is_alone: bool) -> Vec<Value> {
    let mut text = String::new();
    if !is_alone {
        text.push_str(&format!("{} *{}*\n", sign(notice.severity), escaped(&notice.title)));
    }
    text.push_str(&format!("`{}`", escaped(&notice.event_type)));
    if let Some(repeated) = notice.repeated() {
        text.push_str(&format!(" · {repeated}"));
    }
    if let Some(link) = notice.link.as_deref().filter(|link| link.starts_with("http")) {
        text.push_str(&format!(" · <{}|open>", unmarked(link).replace('|', "%7C")));
    }
    let mut blocks =
        vec![json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(&text, TEXT)}})];
    if is_alone && !notice.facts.is_empty() {
        let fields = notice.facts.iter().take(MOST_FIELDS);
        let fields: Vec<Value> = fields
            .map(|fact| plain(&cut(&format!("{}\n{}", fact.name, fact.value), FIELD)))
            .collect();
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    blocks
}

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "ℹ️",
        Severity::Warning => "⚠️",
        Severity::Critical => "🚨",
    }
}

/// Without the letters that would format, and those that are markup.
fn escaped(text: &str) -> String {
    unmarked(text).replace(['*', '_', '`', '~'], "\u{2009}")
}

/// With the three letters that Slack reads as markup written as it wants them.
fn unmarked(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::example;

    #[test]
    fn a_message_has_its_parts_and_no_foreign_markup() {
        let mut message = example::message(1);
        message.notices[0].title = "<!channel> & *now*".to_owned();
        message.notices[0].link = Some("https://cloud_optim.example/~a?b=1&c=|".to_owned());
        let body = body(&message);
        assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
        let section = body["blocks"][1]["text"]["text"].as_str().unwrap();
        assert!(!section.contains("<!channel>"), "{section}");
        assert!(
            section.contains("<https://cloud_optim.example/~a?b=1&amp;c=%7C|open>"),
            "{section}"
        );
        assert_eq!(body["blocks"][2]["fields"][0]["type"], "plain_text");
        let several = super::body(&{
            let mut several = example::message(40);
            several.notices[3].title = "<!here>".to_owned();
            several
        });
        let blocks = several["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50);
        assert!(!several["blocks"].to_string().contains("<!here>"));
        let foot = blocks.last().unwrap()["elements"][0]["text"].as_str().unwrap();
        assert!(foot.contains("and 25 more"), "{foot}");
    }
}
