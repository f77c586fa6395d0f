//! Text for a speech engine: untrusted text made harmless and short, names as words, and numbers in
//! few sizes, so that equal sentences recur and the cache has them.
//!
//! Promises: the text holds no control or invisible character, and no character by which an engine
//! knows markup (`<break>`, `[[rate]]`, `[laughs]`, `&amp;`); it begins with a letter or a digit, so
//! that no program reads it as an option; it has at most [`SENTENCE_MAX`] characters. Pure.

use crate::text::hidden;
use crate::time::{Timestamp, parse_span};

/// The longest sentence, in characters: about 20 seconds.
pub const SENTENCE_MAX: usize = 300;
/// The longest name, in characters and in words.
const NAME_MAX: usize = 60;
const NAME_WORDS: usize = 6;
/// The characters of a name that are read.
const NAME_READ: usize = 256;
/// The longest word. A longer one is an id or noise.
const WORD_MAX: usize = 40;

/// Words of a queue's name that every dead-letter queue of production has.
const OMITTED: [&str; 15] = [
    "dlq",
    "dl",
    "dead",
    "letter",
    "letters",
    "deadletter",
    "deadletters",
    "queue",
    "fifo",
    "sqs",
    "prod",
    "prd",
    "production",
    "live",
    "the",
];

/// Acronyms with a vowel, which are spelled. Short words without a vowel are spelled in any case.
const ACRONYMS: [&str; 18] = [
    "ai", "api", "aws", "cdp", "eu", "erp", "iam", "id", "iot", "ip", "oms", "otp", "rpa", "sap",
    "sso", "ui", "uri", "url",
];

/// Returns a sentence that is safe for a speech engine; empty when nothing can be spoken.
pub fn sentence(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let (mut used, mut cut) = (0, false);
    // Four bytes are one character at least; noise between words is not counted.
    for word in text.chars().take(SENTENCE_MAX * 8).map(spoken).collect::<String>().split(' ') {
        let length = word.chars().count();
        if length == 0 || length > WORD_MAX {
            continue;
        }
        if used + length + 1 > SENTENCE_MAX {
            cut = true;
            break;
        }
        // Punctuation alone is read by its name.
        match words.last_mut() {
            _ if word.chars().any(char::is_alphanumeric) => words.push(word.to_owned()),
            Some(last) if matches!(word, "." | "," | "?" | "!" | ":") => last.push_str(word),
            _ => continue,
        }
        used += length + 1;
    }
    let text = words.join(" ");
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    if cut {
        format!("{}.", text.trim_end_matches(|c: char| !c.is_alphanumeric()))
    } else {
        text.to_owned()
    }
}

/// Returns what is spoken of a character: itself, or a gap.
fn spoken(c: char) -> char {
    let is_plain = match c {
        _ if hidden(c) => false,
        // Wide and small forms of the ASCII marks.
        '\u{fe50}'..='\u{fe6f}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' => false,
        '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}' => false,
        _ if !c.is_ascii() => !c.is_whitespace(),
        _ => c.is_ascii_alphanumeric() || ".,:;'?!%-".contains(c),
    };
    if is_plain { c } else { ' ' }
}

/// Returns the name of a queue or repository as words: `orders-payments-dlq-prod` is 'orders
/// payments'. Environments other than production stay, and so do the words of a name that has no
/// others.
pub fn name(name: &str) -> String {
    let words = split(name);
    let is_omitted = |word: &String| OMITTED.contains(&word.to_lowercase().as_str());
    let mut kept: Vec<&String> = words.iter().filter(|word| !is_omitted(word)).collect();
    if kept.is_empty() {
        kept = words.iter().collect();
    }
    let mut spoken = String::new();
    for word in kept.into_iter().take(NAME_WORDS) {
        if spoken.chars().count() + word.chars().count() + 1 > NAME_MAX {
            break;
        }
        if !spoken.is_empty() {
            spoken.push(' ');
        }
        spoken.push_str(word);
    }
    if spoken.is_empty() { "a queue without a name".to_owned() } else { spoken }
}

/// Splits a name at punctuation and at changes of case. Words that are ids are left out.
fn split(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().take(NAME_READ).collect();
    let has_case = chars.iter().any(|c| c.is_lowercase());
    let mut words = vec![String::new()];
    for (at, &c) in chars.iter().enumerate() {
        let is_letter = c.is_alphanumeric() && !hidden(c);
        let before = at.checked_sub(1).map(|at| chars[at]);
        let after = chars.get(at + 1).copied();
        // `paymentEvents`, and the `P` of `XMLParser`.
        let begins = has_case
            && c.is_uppercase()
            && (before.is_some_and(char::is_lowercase)
                || before.is_some_and(char::is_uppercase) && after.is_some_and(char::is_lowercase));
        if begins || !is_letter {
            words.push(String::new());
        }
        if is_letter && let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let words = words.into_iter().filter(|word| !word.is_empty() && !is_id(word));
    words.map(|word| cased(&word, has_case)).collect()
}

/// Returns whether a word is a number of an account, a hash, or too long to be spoken.
fn is_id(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let is_hex = word.len() >= 7 && digits > 0 && word.chars().all(|c| c.is_ascii_hexdigit());
    word.chars().count() > WORD_MAX || digits >= 5 || is_hex
}

/// Returns a word in small letters, or in capitals when it is spelled.
fn cased(word: &str, has_case: bool) -> String {
    let lower = word.to_lowercase();
    let vowels = |c: char| "aeiouy".contains(c);
    let is_spelled = word.len() <= 4
        && lower.chars().all(|c| c.is_ascii_alphabetic())
        && (!lower.chars().any(vowels) || ACRONYMS.contains(&lower.as_str()));
    let is_acronym =
        has_case && (2..=5).contains(&word.len()) && word.chars().all(char::is_uppercase);
    if is_spelled || is_acronym { word.to_uppercase() } else { lower }
}

/// Returns a number of things in one of few sizes: the exact number stands in the other channels.
pub fn quantity(number: Option<u64>, one: &str, many: &str) -> String {
    let size = match number {
        None => return format!("an unknown number of {many}"),
        Some(0) => "no",
        Some(1) => return format!("one {one}"),
        Some(2..=10) => "a few",
        Some(11..=100) => "more than ten",
        Some(101..=1000) => "more than a hundred",
        Some(1001..=10_000) => "more than a thousand",
        Some(_) => "more than ten thousand",
    };
    format!("{size} {many}")
}

/// Returns a text with its numbers and times in few sizes, and without ids: `12 queues, first lost within
/// 5h` is 'more than ten queues, first lost within hours'.
pub fn in_sizes(text: &str) -> String {
    let word = |word: &str| {
        let plain = word.trim_end_matches([',', '.', ':', ';', '?', '!']);
        let mark = &word[plain.len()..];
        let number = plain.replace(',', "");
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            // A number that is too large to be read is larger than any size.
            let size = quantity(Some(number.parse().unwrap_or(u64::MAX)), "", "");
            return Some(format!("{}{mark}", size.trim_end()));
        }
        if Timestamp::parse(plain).is_some() {
            return Some(format!("earlier{mark}"));
        }
        let is_span = plain.starts_with(|c: char| c.is_ascii_digit());
        if let Some(span) = parse_span(plain).filter(|_| is_span) {
            let unit = match span.as_secs() {
                0..60 => "seconds",
                60..3600 => "minutes",
                3600..86_400 => "hours",
                _ => "days",
            };
            return Some(format!("{unit}{mark}"));
        }
        (!is_id(plain)).then(|| word.to_owned())
    };
    let words: Vec<String> = text.split_whitespace().filter_map(word).collect();
    words.join(" ")
}

/// Returns the text with a capital at its beginning.
pub fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_spoken_as_words() {
        let rows = [
            ("orders-payments-dlq-prod", "orders payments"),
            ("orders_payments_dlq", "orders payments"),
            ("OrdersPaymentsDLQ", "orders payments"),
            ("ORDERS_DLQ", "orders"),
            ("fm-digitalguru-api-update-dlq-prod", "FM digitalguru API update"),
            ("fm-transaction-processor-dlq-prd", "FM transaction processor"),
            ("XMLParserQueue.fifo", "XML parser"),
            ("sendSMSToUser-dead-letter", "send SMS to user"),
            // Staging is not production.
            ("orders-dlq-staging", "orders staging"),
            ("orders-v2-dlq", "orders v2"),
            ("orders-123456789012-1f2e3d4c-dlq", "orders"),
            ("dlq", "DLQ"),
            ("dead-letter-queue", "dead letter queue"),
            ("pedidos-ação-dlq", "pedidos ação"),
            ("注文-dlq", "注文"),
            ("one-two-three-four-five-six-seven-dlq", "one two three four five six"),
            ("", "a queue without a name"),
            ("---", "a queue without a name"),
            ("123456789012", "a queue without a name"),
        ];
        for (given, expected) in rows {
            assert_eq!(name(given), expected, "{given}");
        }
    }

    /// Texts that would be obeyed, hidden or endless.
    fn hostile() -> Vec<String> {
        let texts = [
            "-e \u{1b}[2J\u{202e}gnp\u{200b}\u{feff}\r\nb\u{e0041}",
            "--help <break time=\"600s\"/> & <speak>x</speak> &lt;",
            "[[rate 500]] [[volm 1]] [laughs] {x} | `id` $(id) \\033 ~ ^ # * _ \" @",
            "＜break＞ ﹤break﹥ ［x］ ｛y｝",
            "\" & do shell script \"x",
        ];
        let mut all: Vec<String> = texts.map(str::to_owned).into();
        all.extend(
            ["a", "a ", "\u{1b}", " ", "-", "é", "<b>", "ab-"].map(|part| part.repeat(100 << 10)),
        );
        all
    }

    #[test]
    fn hostile_text_becomes_short_and_harmless() {
        for given in hostile() {
            for spoken in [sentence(&given), name(&given)] {
                let shown = crate::text::shorten(&given, 30);
                assert!(spoken.chars().count() <= SENTENCE_MAX, "{shown}");
                assert!(!spoken.chars().any(hidden), "{shown}: {spoken:?}");
                assert!(
                    !spoken.contains(|c| "<>&[]{}|`$\\~^#*_\"@＜＞﹤﹥［］()/".contains(c)),
                    "{spoken}"
                );
                assert!(spoken.chars().next().is_none_or(char::is_alphanumeric), "{spoken:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_becomes_short_and_harmless(
            chars in proptest::collection::vec(proptest::char::any(), 0..600),
        ) {
            let text: String = chars.into_iter().collect();
            for spoken in [sentence(&text), name(&text)] {
                assert!(spoken.chars().count() <= SENTENCE_MAX);
                assert!(spoken.chars().all(|c| self::spoken(c) == c), "{spoken:?}");
                assert!(spoken.chars().next().is_none_or(char::is_alphanumeric), "{spoken:?}");
            }
        }
    }

    #[test]
    fn sentence_keeps_words_and_their_marks() {
        let rows = [
            (
                "Orders payments: more than ten messages.",
                "Orders payments: more than ten messages.",
            ),
            ("  two \n lines\t", "two lines"),
            ("it's 100% , really ?", "it's 100%, really?"),
            ("- - -", ""),
            ("", ""),
            ("<break/>", "break"),
            ("pedidos ação", "pedidos ação"),
        ];
        for (given, expected) in rows {
            assert_eq!(sentence(given), expected, "{given}");
        }
        let long = sentence(&"word, ".repeat(100));
        assert!(long.ends_with("word.") && long.chars().count() <= SENTENCE_MAX, "{long}");
    }

    #[test]
    fn numbers_and_times_of_a_text_have_few_sizes() {
        let rows = [
            ("12 queues", "more than ten queues"),
            ("1 queue", "one queue"),
            (
                "1,234 messages, first lost within 5h, one cause: timeout",
                "more than a thousand messages, first lost within hours, one cause: timeout",
            ),
            ("still open after 45m: 3 messages", "still open after minutes: a few messages"),
            ("safe for 9d", "safe for days"),
            ("timeout of 30s", "timeout of seconds"),
            ("order 184467440737095516161", "order more than ten thousand"),
            ("request 1f2e3d4c-77 of account x123456 failed", "request of account failed"),
            ("waiting since 2026-11-29T10:00:00.000Z", "waiting since earlier"),
            ("sha256 in v2", "sha256 in v2"),
            ("  two\nlines ", "two lines"),
            ("", ""),
        ];
        for (given, expected) in rows {
            assert_eq!(in_sizes(given), expected, "{given}");
        }
    }

    #[test]
    fn quantity_has_few_sizes() {
        let sizes = |numbers: std::ops::Range<u64>| {
            let sizes = numbers.map(|n| quantity(Some(n), "message", "messages"));
            sizes.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!(sizes(0..100_000), 7);
        let rows = [
            (None, "an unknown number of messages"),
            (Some(0), "no messages"),
            (Some(1), "one message"),
            (Some(10), "a few messages"),
            (Some(11), "more than ten messages"),
            (Some(101), "more than a hundred messages"),
            (Some(u64::MAX), "more than ten thousand messages"),
        ];
        for (number, expected) in rows {
            assert_eq!(quantity(number, "message", "messages"), expected);
        }
    }
}
