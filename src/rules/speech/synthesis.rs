//! The answer of ElevenLabs to a sentence: audio, or the reason why there is none.
//!
//! Promises: a status of 401 is told apart by the word of its body, because a quota that is used up
//! and a restricted key have it, too; text of the server is made safe and short. Pure.

use serde_json::Value;

use super::audio::{self, AudioFormat};
use super::fallback::{FallbackReason, SynthesisFailure};
use crate::text::{safe, shorten};

/// The longest text of the server that is shown, in characters.
const DETAIL_MAX: usize = 200;

/// Judges an answer by its status, its type and its body.
pub fn judge(
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<AudioFormat, SynthesisFailure> {
    if status == 200 {
        let checked = audio::check(content_type, body);
        return checked.map_err(|why| SynthesisFailure::new(FallbackReason::NotAudio, safe(&why)));
    }
    let refusal = RefusalBody::read(body);
    let reason = refusal.reason(status);
    let text = match (refusal.word.as_str(), refusal.message.as_str()) {
        ("", "") => format!("status {status}"),
        (word, "") => format!("{word} (status {status})"),
        ("", message) => message.to_owned(),
        (word, message) => format!("{word}, {message}"),
    };
    Err(SynthesisFailure::new(reason, shorten(&safe(&text), DETAIL_MAX)))
}

/// Returns whether a subscription has too few characters left for a text and the reserve. None: the
/// answer does not tell, as for a key that may not read it.
pub fn is_quota_short(status: u16, body: &[u8], text: &str, reserve: u64) -> Option<bool> {
    let value: Value = serde_json::from_slice(body).ok().filter(|_| status == 200)?;
    let (used, limit) = (value["character_count"].as_u64()?, value["character_limit"].as_u64()?);
    let needed = (text.chars().count() as u64).saturating_add(reserve);
    Some(limit.saturating_sub(used) < needed)
}

/// The body of a refusal: `{"detail": {"status", "message"}}`, `{"detail": [{"loc", "msg"}]}` or
/// `{"detail": "text"}`.
#[derive(Default)]
struct RefusalBody {
    /// The word for programs; empty when the body has none.
    word: String,
    message: String,
}

impl RefusalBody {
    fn read(body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
        match &value["detail"] {
            Value::Object(detail) => {
                let word = ["status", "code"].iter().find_map(|key| detail.get(*key));
                RefusalBody {
                    word: word.map(text).unwrap_or_default(),
                    message: detail.get("message").map(text).unwrap_or_default(),
                }
            }
            Value::Array(problems) => {
                let problem = problems.iter().map(|problem| {
                    let place = problem["loc"].as_array().into_iter().flatten();
                    let place: Vec<String> =
                        place.map(text).filter(|word| !word.is_empty()).collect();
                    format!("{}: {}", place.join("."), text(&problem["msg"]))
                });
                RefusalBody {
                    message: problem.take(3).collect::<Vec<_>>().join("; "),
                    ..Self::default()
                }
            }
            detail => RefusalBody { message: text(detail), ..Self::default() },
        }
    }

    fn reason(&self, status: u16) -> FallbackReason {
        match (self.word.as_str(), status) {
            ("quota_exceeded", _) | (_, 402) => FallbackReason::Quota,
            ("missing_permissions", _) => FallbackReason::MissingPermission,
            ("invalid_api_key", _) | ("", 401) => FallbackReason::InvalidKey,
            ("too_many_concurrent_requests" | "concurrent_limit_exceeded" | "system_busy", _) => {
                FallbackReason::Busy
            }
            (_, 429) => FallbackReason::Busy,
            (_, 408 | 500..) => FallbackReason::Unavailable,
            _ => FallbackReason::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answer_has_one_reason() {
        use FallbackReason::{Busy, InvalidKey, MissingPermission, Quota, Refused, Unavailable};
        let of_status = |status: &str| json!({"detail": {"status": status, "message": "m"}});
        let rows = [
            (401, of_status("quota_exceeded"), Quota, "quota_exceeded, m"),
            (
                401,
                json!({"detail": {"code": "quota_exceeded"}}),
                Quota,
                "quota_exceeded (status 401)",
            ),
            (401, of_status("invalid_api_key"), InvalidKey, "invalid_api_key, m"),
            (401, of_status("missing_permissions"), MissingPermission, "missing_permissions, m"),
            (401, of_status("detected_unusual_activity"), Refused, "detected_unusual_activity, m"),
            (401, json!("?"), InvalidKey, "status 401"),
            (402, json!({}), Quota, "status 402"),
            (403, of_status("only_for_creator+"), Refused, "only_for_creator+, m"),
            (400, of_status("voice_not_found"), Refused, "voice_not_found, m"),
            (404, json!({"detail": "Not Found"}), Refused, "Not Found"),
            (
                422,
                json!({"detail": [{"loc": ["body", "text"], "msg": "field required", "type": "x"}]}),
                Refused,
                "body.text: field required",
            ),
            (
                429,
                of_status("too_many_concurrent_requests"),
                Busy,
                "too_many_concurrent_requests, m",
            ),
            (429, of_status("system_busy"), Busy, "system_busy, m"),
            (429, of_status("quota_exceeded"), Quota, "quota_exceeded, m"),
            (429, json!(null), Busy, "status 429"),
            (500, json!("oops"), Unavailable, "status 500"),
            (503, of_status("x"), Unavailable, "x, m"),
            (302, json!(null), Refused, "status 302"),
        ];
        for (status, body, reason, detail) in rows {
            let failure = judge(status, Some("application/json"), body.to_string().as_bytes());
            assert_eq!(failure, Err(SynthesisFailure::new(reason, detail)), "{status} {body}");
        }
    }

    #[test]
    fn audio_is_taken_and_other_bodies_are_dropped() {
        let mut mp3 = b"ID3\x04".to_vec();
        mp3.resize(1000, 0);
        assert_eq!(judge(200, Some("audio/mpeg"), &mp3), Ok(AudioFormat::Mp3));
        let failure = judge(200, Some("audio/mpeg"), b"string").unwrap_err();
        assert_eq!(failure.reason, FallbackReason::NotAudio);
        let failure = judge(200, Some("a\u{1b}[2J"), &mp3).unwrap_err();
        assert!(!failure.detail.contains('\u{1b}'), "{failure}");
    }

    #[test]
    fn hostile_refusal_is_made_safe_and_short() {
        let body = json!({"detail": {"status": "\u{1b}[2J", "message": "x".repeat(100_000)}});
        let failure = judge(400, None, body.to_string().as_bytes()).unwrap_err();
        assert!(failure.detail.starts_with("\\u{1b}[2J"), "{failure}");
        assert!(failure.detail.chars().count() <= DETAIL_MAX);
    }

    #[test]
    fn quota_is_short_when_text_and_reserve_do_not_fit() {
        let body = |used: u64| json!({"character_count": used, "character_limit": 100}).to_string();
        let rows = [
            (200, body(0), Some(false)),
            (200, body(88), Some(false)),
            (200, body(89), Some(true)),
            (200, body(200), Some(true)),
            (401, body(100), None),
            (200, "{}".to_owned(), None),
        ];
        for (status, body, expected) in rows {
            assert_eq!(is_quota_short(status, body.as_bytes(), "ab", 10), expected, "{body}");
        }
    }
}
