use super::*;
use crate::event::{Line, peek};
use crate::rules::notification::message::render;
use crate::text::hidden;
use crate::time::Timestamp;

const LOOK: &str = "dlq-log --incident 1f2e3d4c";
const RAISE: &str =
    "raise the retention first; it holds for messages already there, within 15 minutes:";
const SET: &str = "aws sqs set-queue-attributes \
                   --queue-url=https://sqs.eu-west-1.amazonaws.com/123456789012/payments-parking-lot \
                   --attributes=MessageRetentionPeriod=1209600 --profile=prod --region=eu-west-1";
const REPORT: &str =
    "report: /home/ana/.local/state/dlq/sessions/c0a4f8e3-1111-8222-8333-444455556666/report.md";
const WIDTHS: [usize; 4] = [40, 80, 120, 200];

fn notice(severity: Severity, subject: &str, what: &str, next: &str, below: &[&str]) -> Notice {
    Notice {
        when: "19:57Z".into(),
        severity,
        subject: subject.into(),
        what: what.into(),
        next: (!next.is_empty()).then(|| next.to_owned()),
        below: below.iter().map(|&line| line.to_owned()).collect(),
        ..Notice::default()
    }
}

/// Returns the notice of a failure with a name and a reason from outside.
fn hostile(subject: &str, reason: &str) -> Notice {
    let line = serde_json::json!({
        "specversion": "1.0", "id": "i", "source": "s", "type": "poll.failed", "subject": subject,
        "severitytext": "ERROR", "time": "2026-11-22T19:57:32Z",
        "data": {"account": null, "region": null, "reason": reason},
    })
    .to_string();
    let Line::Event(head) = peek(line.as_bytes()) else { panic!("{line}") };
    render(&head, line.as_bytes(), None, Timestamp::parse("2026-11-22T19:57:32Z").unwrap())
}

fn cases() -> Vec<(&'static str, Notice)> {
    use Severity::{Error, Fatal, Info, Warn};
    let lot = "payments-parking-lot";
    let long = "orders-dlq-of-a-service-with-a-long-name-in-production";
    let storm = |n| (0..n).map(|n| format!("shop-{n:02}-dlq")).collect();
    vec![
        ("begins", notice(Error, lot, "4711 messages, first lost within 12h", LOOK, &[])),
        ("ends", notice(Info, "a-dlq", "empty again after 2h 3m (redriven)", "", &[])),
        (
            "needs a command",
            notice(
                Fatal,
                lot,
                "12 expiring, first lost within 59m, an investigation runs",
                LOOK,
                &[RAISE, SET],
            ),
        ),
        (
            "has a result",
            notice(
                Info,
                lot,
                "likely (80 %): A null customer stops every order, $0.42",
                "",
                &[REPORT],
            ),
        ),
        ("name is long", notice(Warn, long, "no longer exists, before: 3 messages", LOOK, &[])),
        (
            "another day",
            Notice {
                when: "2026-11-20 01:02Z".into(),
                ..notice(Error, lot, "grew from 300 to 1400 messages", LOOK, &[])
            },
        ),
        (
            "several",
            notice(
                Error,
                "2 queues",
                "14 messages, safe for 9d, one cause: TypeError: x is undefined",
                "dlq-status",
                &["orders-dlq: 12 messages, safe for 9d", "users-dlq: 2 messages, safe for 11d"],
            ),
        ),
        (
            "storm",
            Notice {
                names: storm(12),
                ..notice(Error, "12 queues", "99 messages, loss time unknown", "dlq-status", &[])
            },
        ),
        (
            "wide characters",
            notice(Warn, "acme/注文サービス#12", "お客様 3 messages, safe for 9d", LOOK, &[]),
        ),
        ("markup", hostile("<b>&amp;</b>*_`[x](y)", "<script>alert(1)</script>")),
        ("option", hostile("-e", "-n --help")),
        ("new lines", hostile("a\nERROR b\r\n\t", "one\ntwo")),
        ("escapes and bidi", hostile("\u{1b}[2J\u{202e}dlq", "\u{9b}31m\u{200b}\u{2066}x")),
    ]
}

fn page(width: usize, color: bool) -> PageStyle {
    PageStyle { width, color }
}

#[test]
fn notice_in_columns_is_as_in_the_table() {
    let mut text = String::new();
    for width in WIDTHS {
        text += &format!("{:=<width$}\n", format!("{width} columns "));
        for (name, notice) in cases() {
            text += &format!("-- {name}\n{}", in_columns(&notice, page(width, false), false));
        }
    }
    text += "== with symbols\n";
    for severity in Severity::ALL {
        let one = notice(severity, "a-dlq", "3 messages, safe for 9d", LOOK, &[]);
        text += &in_columns(&one, page(120, false), true);
    }
    let golden = include_str!("tests/golden.txt");
    assert!(text == golden, "the table should be\n{text}");
}

#[test]
fn line_is_longer_than_the_page_only_for_what_is_copied() {
    let whole = ["aws sqs", "/home/ana/", "-with-a-long-name-"];
    for (name, notice) in cases() {
        for width in 40..=200 {
            let text = in_columns(&notice, page(width, false), width % 2 == 0);
            let is_whole = |line: &str| whole.iter().any(|part| line.contains(part));
            let wide = text.lines().find(|line| columns(line) > width && !is_whole(line));
            assert_eq!(wide, None, "{name} at {width}");
            let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let parts = [Some(&notice.what), notice.next.as_ref()];
            for part in parts.into_iter().flatten().chain(&notice.below).chain(&notice.names) {
                assert!(said.contains(part.as_str()), "{name} at {width}: {part}");
            }
        }
    }
}

#[test]
fn text_from_outside_is_short_and_steers_nothing() {
    let endless = "e\u{301}\u{1b}".repeat(30_000);
    for one in [
        hostile(&endless, "denied"),
        hostile("q", &endless),
        hostile("注".repeat(40_000).as_str(), "-"),
    ] {
        for width in WIDTHS {
            let text = in_columns(&one, page(width, false), false);
            assert!(text.chars().count() < 500, "{}", text.chars().count());
            assert!(!text.chars().any(|c| c != '\n' && hidden(c)), "{text:?}");
        }
    }
}

#[test]
fn colour_adds_escape_sequences_only() {
    for (name, notice) in cases() {
        for width in WIDTHS {
            let [plain, coloured] =
                [false, true].map(|color| in_columns(&notice, page(width, color), false));
            let mut stripped = coloured.clone();
            for code in ["0", "1", "2", "35", "1;31", "1;37;41"] {
                stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
            }
            assert_eq!(stripped, plain, "{name}");
            assert_ne!(coloured, plain, "{name}");
        }
    }
}

#[test]
fn console_has_columns_on_a_terminal_only() {
    let one = notice(Severity::Error, "q", "it broke", "mend it", &[]);
    let line = "19:57Z ERROR q: it broke: mend it";
    let in_columns = "19:57Z ERROR q                         it broke\n                                       mend it";
    let style = ConsoleStyle::default();
    let plain = ConsoleStyle { plain: true, ..style };
    let colour = ConsoleStyle { color: true, ..style };
    let symbols = ConsoleStyle { symbols: true, ..style };
    let bright = "19:57Z \u{1b}[1;31mERROR\u{1b}[0m q: it broke: mend it";
    let rows = [
        (style, None, line),
        (style, Some(80), in_columns),
        (plain, Some(80), line),
        (symbols, None, line),
        (colour, None, bright),
    ];
    for (style, terminal, expected) in rows {
        assert_eq!(style.text(&one, terminal), expected, "{style:?} {terminal:?}");
    }
    assert!(symbols.text(&one, Some(80)).starts_with("19:57Z ✗ ERROR q "));
}
