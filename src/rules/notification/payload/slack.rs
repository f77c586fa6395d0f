//! Messages of Slack: for `chat.postMessage`, `chat.update` and incoming webhooks.
//!
//! Blocks hold text from outside as `plain_text`, in which Slack reads neither markup nor mentions.
//! The text beside them is what a phone shows, and all that chats without blocks show. Slack
//! documents limits for each part, and has one for the whole that it does not: messages of more than
//! about 12,000 characters were refused. All parts together stay below [`MESSAGE_MAX`].

use serde_json::{Value, json};

use super::{LineRoom, NAME_MAX, Texts, bounded};
use crate::rules::notification::delivery::Delivery;

/// The longest message, in characters of all its texts.
pub const MESSAGE_MAX: usize = 10_000;
const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 2500;
const CONTEXT_MAX: usize = 500;
const TEXT_MAX: usize = 3000;
/// The lines: the text has them below the sentence.
const ROOM: LineRoom = LineRoom { max: TEXT_MAX - 1000, length: escaped_length };

/// Returns the body for an incoming webhook.
pub fn webhook_body(delivery: &Delivery) -> Value {
    let mut body = message(delivery);
    body["unfurl_links"] = false.into();
    body["unfurl_media"] = false.into();
    body
}

/// Returns the body for `chat.postMessage` to a channel.
pub fn post_body(delivery: &Delivery, channel: &str) -> Value {
    let mut body = webhook_body(delivery);
    body["channel"] = channel.into();
    body
}

/// Returns the body for `chat.update` of the message of a handle; None when the handle names none.
pub fn update_body(delivery: &Delivery, handle: &str) -> Option<Value> {
    let (channel, at) = handle.split_once('/')?;
    let mut body = message(delivery);
    body["channel"] = channel.into();
    body["ts"] = at.into();
    Some(body)
}

fn message(delivery: &Delivery) -> Value {
    let texts = Texts::new(&delivery.notice, &ROOM);
    let mut blocks = vec![json!({"type": "header", "text": plain(&texts.title, HEADER_MAX)})];
    if escaped(&texts.title, HEADER_MAX) != escaped(&texts.sentence, usize::MAX) {
        blocks.push(json!({"type": "section", "text": plain(&texts.sentence, SECTION_MAX)}));
    }
    if !texts.lines.is_empty() {
        let text = plain(&texts.lines.join("\n"), SECTION_MAX);
        blocks.push(json!({"type": "section", "text": text}));
    }
    let severity = delivery.notice.severity.as_str();
    let mut context = format!("{severity} {}", bounded(&delivery.notice.when, NAME_MAX));
    if let Some(incident) = &delivery.incident {
        context += &format!(" · incident {}", bounded(incident, NAME_MAX));
    }
    blocks.push(json!({"type": "context", "elements": [plain(&context, CONTEXT_MAX)]}));
    let text = escaped(&format!("{severity} {}", texts.whole()), TEXT_MAX);
    json!({"text": text, "blocks": blocks})
}

fn plain(text: &str, max: usize) -> Value {
    json!({"type": "plain_text", "text": escaped(text, max), "emoji": false})
}

fn escaped_length(text: &str) -> usize {
    escaped(text, usize::MAX).encode_utf16().count()
}

/// Escapes text for Slack to at most `max` units of UTF-16. No escape is cut.
fn escaped(text: &str, max: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    let (mut used, mut kept) = (0, 0);
    for c in text.chars() {
        let mut buffer = [0; 4];
        let part = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            c => &*c.encode_utf8(&mut buffer),
        };
        let length = part.encode_utf16().count();
        if used + length > max {
            shown.truncate(kept);
            shown.push('…');
            break;
        }
        used += length;
        shown.push_str(part);
        if used < max {
            kept = shown.len();
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_is_never_cut() {
        let rows = [
            ("a<b", 20, "a&lt;b"),
            ("a<b", 6, "a&lt;b"),
            ("a<b", 5, "a…"),
            ("a<b", 4, "a…"),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("🚚🚚🚚", 5, "🚚🚚…"),
            ("🚚🚚🚚", 4, "🚚…"),
            ("<", 1, "…"),
            ("", 0, ""),
        ];
        for (text, max, expected) in rows {
            let shown = escaped(text, max);
            assert_eq!(shown, expected, "{text} {max}");
            assert!(shown.encode_utf16().count() <= max, "{text} {max}");
        }
    }
}
