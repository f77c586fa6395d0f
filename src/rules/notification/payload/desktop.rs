//! Command lines of the notifiers of desktops.
//!
//! Text follows `--` and is data to every program: nothing in it can be an option, a script or
//! markup.

use super::{LineRoom, Texts};
use crate::event::Severity;
use crate::rules::notification::delivery::Delivery;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    MacOs,
    Other,
}

/// Abilities of a `notify-send`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacing {
    /// Printing the id of a notice, and replacing the notice of an id: from libnotify 0.8 on.
    Possible,
    Impossible,
}

/// Returns the program and its arguments that show a notice.
pub fn command(system: Platform, replacing: Replacing, delivery: &Delivery) -> Vec<String> {
    let texts = Texts::new(&delivery.notice, &LineRoom::USUAL);
    let severity = delivery.notice.severity;
    let when =
        format!("{} {}", severity.as_str(), super::bounded(&delivery.notice.when, super::NAME_MAX));
    let mut lines = vec![when];
    lines.extend(texts.lines);
    let (title, body) = (texts.title, lines.join("\n"));
    match system {
        Platform::MacOs => osascript(severity, title, body),
        Platform::Other => {
            notify_send(severity, replacing, delivery.handle.as_deref(), title, &body)
        }
    }
}

fn notify_send(
    severity: Severity,
    replacing: Replacing,
    handle: Option<&str>,
    title: String,
    body: &str,
) -> Vec<String> {
    let urgency = match severity {
        Severity::Debug | Severity::Info => "low",
        Severity::Warn => "normal",
        Severity::Error | Severity::Fatal => "critical",
    };
    let mut argv = vec![
        "notify-send".to_owned(),
        "--app-name=dlq-tools".to_owned(),
        format!("--urgency={urgency}"),
    ];
    if replacing == Replacing::Possible {
        argv.push("--print-id".to_owned());
        argv.extend(handle.and_then(id).map(|id| format!("--replace-id={id}")));
    }
    argv.extend(["--".to_owned(), title, escape_markup(body)]);
    argv
}

fn osascript(severity: Severity, title: String, body: String) -> Vec<String> {
    let show = match severity {
        Severity::Error | Severity::Fatal => {
            "display notification (item 2 of argv) with title (item 1 of argv) sound name \"Basso\""
        }
        _ => "display notification (item 2 of argv) with title (item 1 of argv)",
    };
    let script = ["on run argv", show, "end run"].into_iter().flat_map(|line| ["-e", line]);
    let program = ["osascript"].into_iter().chain(script).chain(["--"]);
    program.map(str::to_owned).chain([title, body]).collect()
}

/// Reads the id of a notice, which `notify-send` prints on a line of its own.
pub fn id(output: &str) -> Option<u32> {
    output.trim().parse().ok().filter(|id| *id > 0)
}

/// Escapes a body, which most notification daemons read as markup. Before them `notify-send` reads
/// a backslash as an escape: `\033` would arrive as ESC.
pub fn escape_markup(text: &str) -> String {
    text.replace('\\', "\\\\").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::notification::delivery::{Action, ProblemKeys};
    use crate::rules::notification::message::Notice;
    use crate::time::Timestamp;

    fn delivery(what: &str, handle: Option<&str>) -> Delivery {
        let next = "<b>bold</b> & \"quoted\" 'text' \\033";
        let at = Timestamp::from_millis(0);
        Delivery {
            id: "id".into(),
            action: Action::Trigger,
            key: String::new(),
            problems: ProblemKeys::default(),
            incident: None,
            event: None,
            notice: Notice::plain(Severity::Error, "--help", what, next, at),
            handle: handle.map(str::to_owned),
            at,
        }
    }

    #[test]
    fn notice_text_is_data_to_notify_send() {
        let body = "ERROR 00:00Z\n&lt;b&gt;bold&lt;/b&gt; &amp; \"quoted\" 'text' \\\\033";
        let head = ["notify-send", "--app-name=dlq-tools", "--urgency=critical"];
        let tail = ["--", "--help: -n", body];
        let rows: [(Replacing, Option<&str>, &[&str]); 5] = [
            (Replacing::Possible, None, &["--print-id"]),
            (Replacing::Possible, Some("42"), &["--print-id", "--replace-id=42"]),
            (Replacing::Possible, Some("0"), &["--print-id"]),
            (Replacing::Possible, Some("1 --app-name=x"), &["--print-id"]),
            (Replacing::Impossible, Some("42"), &[]),
        ];
        for (replacing, handle, options) in rows {
            let argv = command(Platform::Other, replacing, &delivery("-n", handle));
            assert_eq!(argv, [&head, options, &tail].concat(), "{replacing:?} {handle:?}");
        }
    }

    #[test]
    fn notice_text_is_data_to_osascript() {
        let hostile = "\" & do shell script \"x\0";
        let argv = command(Platform::MacOs, Replacing::Possible, &delivery(hostile, None));
        let dashes = argv.iter().position(|argument| argument == "--").unwrap();
        assert_eq!(argv[dashes + 1], "--help: \" & do shell script \"x\\u{0}");
        assert!(argv[..dashes].iter().all(|argument| !argument.contains("do shell")));
        assert!(argv[4].ends_with("sound name \"Basso\""), "{}", argv[4]);
        assert_eq!((argv[0].as_str(), argv.len()), ("osascript", dashes + 3));
    }
}
