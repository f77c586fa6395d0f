//! The outcome of a request to a notification service, by its answer.
//!
//! Promises: an answer that may pass is tried again, with the pause that the service asks for; one that
//! cannot pass is not. No cause repeats what a stranger could have written into the answer: of
//! Slack only its words for errors, of PagerDuty one sentence made safe, of other services nothing.

use serde_json::Value;

use super::delivery::Outcome;
use crate::rules::http::HttpAnswer;
use crate::text::{safe, shorten};
use crate::time::Timestamp;

/// The longest error word of Slack.
const WORD_MAX: usize = 64;
/// The longest sentence of a service, in characters.
const SENTENCE_MAX: usize = 200;

/// A service that takes notices by HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// An incoming webhook of Slack, or of a chat that takes its bodies.
    SlackWebhook,
    /// `chat.postMessage` and `chat.update`, whose errors have status 200.
    SlackApi,
    PagerDuty,
    /// A receiver of Standard Webhooks.
    Webhook,
}

/// Errors of Slack by their effect, with the remedy.
const SLACK: [(&str, Effect, &str); 23] = [
    ("ratelimited", Effect::Later, ""),
    ("rate_limited", Effect::Later, ""),
    ("message_limit_exceeded", Effect::Later, ""),
    ("service_unavailable", Effect::Later, ""),
    ("request_timeout", Effect::Later, ""),
    ("internal_error", Effect::Unknown, ""),
    ("fatal_error", Effect::Unknown, ""),
    ("rollup_error", Effect::Unknown, ""),
    ("channel_is_archived", Effect::Gone, "the channel is archived"),
    ("is_archived", Effect::Gone, "the channel is archived"),
    ("no_service", Effect::Gone, "the webhook was removed; make a new one"),
    ("no_service_id", Effect::Gone, "the webhook was removed; make a new one"),
    ("no_team", Effect::Gone, "the workspace of the webhook is gone"),
    ("team_disabled", Effect::Gone, "the workspace of the webhook is gone"),
    ("account_inactive", Effect::Gone, "the bot was removed"),
    ("token_revoked", Effect::Gone, "the token was revoked; make a new one"),
    ("invalid_auth", Effect::Refused, "check its token"),
    ("not_authed", Effect::Refused, "check its token"),
    ("invalid_token", Effect::Refused, "check its URL"),
    ("missing_scope", Effect::Refused, "the token needs the scope chat:write"),
    (
        "channel_not_found",
        Effect::Refused,
        "check 'channel'; a private one must have the bot in it",
    ),
    ("not_in_channel", Effect::Refused, "invite the bot to the channel"),
    ("action_prohibited", Effect::Refused, "an administrator has restricted the channel"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Delivered,
    /// Another attempt may succeed; this one had no effect.
    Later,
    /// Another attempt may succeed; this one may have had an effect.
    Unknown,
    Refused,
    Gone,
}

/// Judges the answer to one delivery.
pub fn judge(service: Service, answer: &HttpAnswer, now: Timestamp) -> Outcome {
    let by_status = effect_of_status(answer.status);
    let (effect, detail) = match service {
        Service::SlackApi if by_status == Effect::Delivered => match slack_error(answer) {
            SlackResult::Posted(handle) => return Outcome::Delivered { handle },
            SlackResult::Failed(word) => slack(&word, Effect::Refused),
            SlackResult::Unreadable => {
                (Effect::Unknown, "the answer is not one of Slack's".to_owned())
            }
        },
        // A proxy that wants a person to sign in answers with a page and 200: the notice went nowhere.
        Service::SlackWebhook if by_status == Effect::Delivered && is_page(&answer.body) => {
            (Effect::Unknown, "the answer is not one of Slack's".to_owned())
        }
        Service::PagerDuty if by_status == Effect::Delivered && is_page(&answer.body) => {
            (Effect::Unknown, "the answer is not one of PagerDuty's".to_owned())
        }
        Service::SlackApi | Service::SlackWebhook => match slack_word(answer) {
            Some(word) if by_status != Effect::Delivered => slack(&word, by_status),
            _ => (by_status, String::new()),
        },
        Service::PagerDuty if by_status == Effect::Refused => {
            (by_status, pagerduty_sentence(&answer.body).unwrap_or_default())
        }
        Service::PagerDuty | Service::Webhook => (by_status, String::new()),
    };
    let cause = cause(answer.status, &detail);
    let later =
        |unknown| Outcome::Later { cause: cause.clone(), after: answer.retry_after(now), unknown };
    match effect {
        Effect::Delivered => Outcome::Delivered { handle: None },
        Effect::Later => later(false),
        Effect::Unknown => later(true),
        Effect::Refused => Outcome::Refused { cause },
        Effect::Gone => Outcome::Gone { cause },
    }
}

/// Returns whether Slack no longer lets the message be updated, so that it has to be posted anew.
pub fn is_update_impossible(answer: &HttpAnswer) -> bool {
    const ERRORS: [&str; 4] =
        ["message_not_found", "cant_update_message", "edit_window_closed", "invalid_ts"];
    let error = slack_error(answer);
    matches!(error, SlackResult::Failed(word) if ERRORS.contains(&word.as_str()))
}

fn effect_of_status(status: u16) -> Effect {
    match status {
        200..=299 => Effect::Delivered,
        408 | 425 | 429 | 503 => Effect::Later,
        // A gateway may have passed the request on, and a server failed after its work.
        500..=599 => Effect::Unknown,
        410 => Effect::Gone,
        _ => Effect::Refused,
    }
}

fn cause(status: u16, detail: &str) -> String {
    let meaning = match status {
        300..=399 => "a redirect, which is not followed; give the final URL",
        401 | 403 if detail.is_empty() => "access denied",
        404 if detail.is_empty() => "not found",
        408 => "the request took too long",
        410 if detail.is_empty() => "gone",
        413 => "the notice is too large",
        429 => "too many requests",
        500..=599 if detail.is_empty() => "the service has a fault",
        _ => "",
    };
    let parts = [meaning, detail].into_iter().filter(|part| !part.is_empty());
    let told = parts.collect::<Vec<_>>().join(", ");
    match (status, told.as_str()) {
        (200..=299, told) => told.to_owned(),
        (status, "") => format!("answer {status}"),
        (status, told) => format!("answer {status}: {told}"),
    }
}

/// Returns the effect of an error of Slack, and its words; `other` for an error that has no row.
fn slack(word: &str, other: Effect) -> (Effect, String) {
    match SLACK.iter().find(|(known, ..)| *known == word) {
        Some((_, effect, "")) => (*effect, word.to_owned()),
        Some((_, effect, remedy)) => (*effect, format!("{word}: {remedy}")),
        None => (other, word.to_owned()),
    }
}

enum SlackResult {
    /// Posted, with the handle of the message.
    Posted(Option<String>),
    Failed(String),
    Unreadable,
}

/// Reads the answer of a method of Slack's API.
fn slack_error(answer: &HttpAnswer) -> SlackResult {
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return SlackResult::Unreadable;
    };
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    match body.get("ok").and_then(Value::as_bool) {
        Some(true) => {
            let handle = text("channel").zip(text("ts")).and_then(|(channel, at)| {
                let plain = |text: &str| {
                    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.';
                    text.len() <= WORD_MAX && text.chars().all(fits)
                };
                (plain(channel) && plain(at)).then(|| format!("{channel}/{at}"))
            });
            SlackResult::Posted(handle)
        }
        Some(false) => match text("error").filter(|word| is_word(word)) {
            Some(word) => SlackResult::Failed(word.to_owned()),
            None => SlackResult::Failed("an error without a name".to_owned()),
        },
        None => SlackResult::Unreadable,
    }
}

/// Returns the error of a webhook's answer, whose body is one word.
fn slack_word(answer: &HttpAnswer) -> Option<String> {
    let text = str::from_utf8(&answer.body).ok()?.trim();
    // The word of a success states no error, whatever the status.
    (is_word(text) && text != "ok").then(|| text.to_owned())
}

/// Whether a body is a page for a browser.
fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

fn is_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=WORD_MAX).contains(&text.len()) && text.bytes().all(fits)
}

/// Returns PagerDuty's sentence, with the first error that it lists.
fn pagerduty_sentence(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let message = body.get("message").and_then(Value::as_str);
    let first = body.pointer("/errors/0").and_then(Value::as_str);
    let parts: Vec<&str> = message.into_iter().chain(first).collect();
    let sentence = parts.join(": ");
    (!sentence.is_empty()).then(|| shorten(&safe(&sentence), SENTENCE_MAX).into_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(status: u16, body: &str) -> HttpAnswer {
        let headers = match status {
            429 | 503 => vec![("retry-after".to_owned(), "30".to_owned())],
            _ => Vec::new(),
        };
        HttpAnswer { status, headers, body: body.into(), is_whole: true }
    }

    /// Formats an outcome in one line: kind, pause, whether it is unknown, and cause.
    fn shown(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Delivered { handle } => {
                format!("delivered {}", handle.as_deref().unwrap_or_default())
            }
            Outcome::Later { cause, after, unknown } => {
                let after = after.unwrap_or(Duration::ZERO).as_secs();
                format!("later{} {after}: {cause}", if *unknown { "?" } else { "" })
            }
            Outcome::Refused { cause } => format!("refused: {cause}"),
            Outcome::Gone { cause } => format!("gone: {cause}"),
        }
    }

    #[test]
    fn outcome_follows_the_answer_of_each_service() {
        use Service::{PagerDuty, SlackApi, SlackWebhook, Webhook};
        let posted = r#"{"ok":true,"channel":"C01","ts":"1503435956.000247","message":{}}"#;
        let rows = [
            (SlackWebhook, 200, "ok", "delivered "),
            (SlackWebhook, 200, "", "delivered "),
            (SlackWebhook, 200, " <html>", "later? 0: the answer is not one of Slack's"),
            (PagerDuty, 200, "<html>", "later? 0: the answer is not one of PagerDuty's"),
            (Webhook, 200, "<html>", "delivered "),
            (SlackWebhook, 400, "invalid_payload", "refused: answer 400: invalid_payload"),
            (SlackWebhook, 400, "user_not_found", "refused: answer 400: user_not_found"),
            (
                SlackWebhook,
                403,
                "action_prohibited",
                "refused: answer 403: action_prohibited: an administrator has restricted the channel",
            ),
            (
                SlackWebhook,
                404,
                "channel_not_found",
                "refused: answer 404: channel_not_found: check 'channel'; a private one must have the bot in it",
            ),
            (
                SlackWebhook,
                404,
                "no_service",
                "gone: answer 404: no_service: the webhook was removed; make a new one",
            ),
            (SlackWebhook, 404, "<b>hunter2</b>", "refused: answer 404: not found"),
            (
                SlackWebhook,
                410,
                "channel_is_archived",
                "gone: answer 410: channel_is_archived: the channel is archived",
            ),
            (
                SlackWebhook,
                429,
                "rate_limited",
                "later 30: answer 429: too many requests, rate_limited",
            ),
            (SlackWebhook, 500, "rollup_error", "later? 0: answer 500: rollup_error"),
            (SlackWebhook, 500, "ok", "later? 0: answer 500: the service has a fault"),
            (SlackWebhook, 404, "ok", "refused: answer 404: not found"),
            (SlackWebhook, 502, "", "later? 0: answer 502: the service has a fault"),
            (SlackWebhook, 503, "", "later 30: answer 503: the service has a fault"),
            (
                SlackWebhook,
                302,
                "",
                "refused: answer 302: a redirect, which is not followed; give the final URL",
            ),
            (SlackApi, 200, posted, "delivered C01/1503435956.000247"),
            (SlackApi, 200, r#"{"ok":true}"#, "delivered "),
            (SlackApi, 200, r#"{"ok":true,"channel":"C\nX","ts":"1"}"#, "delivered "),
            (
                SlackApi,
                200,
                r#"{"ok":false,"error":"not_in_channel"}"#,
                "refused: not_in_channel: invite the bot to the channel",
            ),
            (
                SlackApi,
                200,
                r#"{"ok":false,"error":"invalid_auth"}"#,
                "refused: invalid_auth: check its token",
            ),
            (
                SlackApi,
                200,
                r#"{"ok":false,"error":"msg_blocks_too_long"}"#,
                "refused: msg_blocks_too_long",
            ),
            (
                SlackApi,
                200,
                r#"{"ok":false,"error":"is_archived"}"#,
                "gone: is_archived: the channel is archived",
            ),
            (
                SlackApi,
                200,
                r#"{"ok":false,"error":"token_revoked"}"#,
                "gone: token_revoked: the token was revoked; make a new one",
            ),
            (SlackApi, 200, r#"{"ok":false,"error":"ratelimited"}"#, "later 0: ratelimited"),
            (SlackApi, 200, r#"{"ok":false,"error":"internal_error"}"#, "later? 0: internal_error"),
            (
                SlackApi,
                200,
                r#"{"ok":false,"error":"a b\u001b"}"#,
                "refused: an error without a name",
            ),
            (SlackApi, 200, r#"{"ok":false}"#, "refused: an error without a name"),
            (SlackApi, 200, r#"{"ok":"#, "later? 0: the answer is not one of Slack's"),
            (SlackApi, 200, "ok", "later? 0: the answer is not one of Slack's"),
            (SlackApi, 429, "", "later 30: answer 429: too many requests"),
            (SlackApi, 503, "", "later 30: answer 503: the service has a fault"),
            (PagerDuty, 202, r#"{"status":"success","dedup_key":"x"}"#, "delivered "),
            (
                PagerDuty,
                400,
                r#"{"status":"invalid event","message":"Event object is invalid","errors":["'severity' is invalid\u001b"]}"#,
                "refused: answer 400: Event object is invalid: 'severity' is invalid\\u{1b}",
            ),
            (PagerDuty, 400, "<html>", "refused: answer 400"),
            (PagerDuty, 403, "", "refused: answer 403: access denied"),
            (PagerDuty, 413, "", "refused: answer 413: the notice is too large"),
            (PagerDuty, 429, "", "later 30: answer 429: too many requests"),
            (PagerDuty, 500, "", "later? 0: answer 500: the service has a fault"),
            (Webhook, 200, "hunter2", "delivered "),
            (Webhook, 204, "", "delivered "),
            (Webhook, 400, "hunter2", "refused: answer 400"),
            (Webhook, 401, "hunter2", "refused: answer 401: access denied"),
            (Webhook, 404, "no_service", "refused: answer 404: not found"),
            (Webhook, 408, "", "later 0: answer 408: the request took too long"),
            (Webhook, 410, "hunter2", "gone: answer 410: gone"),
            (Webhook, 425, "", "later 0: answer 425"),
            (Webhook, 429, "", "later 30: answer 429: too many requests"),
            (Webhook, 504, "", "later? 0: answer 504: the service has a fault"),
            (
                Webhook,
                307,
                "",
                "refused: answer 307: a redirect, which is not followed; give the final URL",
            ),
        ];
        for (service, status, body, expected) in rows {
            let outcome = judge(service, &answer(status, body), Timestamp::from_millis(0));
            assert_eq!(shown(&outcome), expected, "{service:?} {status} {body}");
        }
    }

    #[test]
    fn message_that_cannot_be_updated_is_told_apart() {
        for (body, expected) in [
            (r#"{"ok":false,"error":"message_not_found"}"#, true),
            (r#"{"ok":false,"error":"edit_window_closed"}"#, true),
            (r#"{"ok":false,"error":"invalid_auth"}"#, false),
            (r#"{"ok":true}"#, false),
            ("message_not_found", false),
        ] {
            assert_eq!(is_update_impossible(&answer(200, body)), expected, "{body}");
        }
    }
}
