//! The console channel: one line an event on standard error.
//!
//! Promises: colour only where it is wanted; the severity is also a word. The notice is safe for a
//! terminal already.

use crate::config::Env;
use crate::event::{Severity, words};
use crate::log;
use crate::rules::notification::message::Notice;

words! {
    #[derive(Default)]
    /// The choices of `--color`.
    Color {
        #[default]
        /// Colour on a terminal that has colours, unless `NO_COLOR` is set.
        Auto = "auto",
        Always = "always",
        Never = "never",
    }
}

impl Color {
    /// Returns whether the output is coloured.
    pub fn is_wanted(self, env: &Env, terminal: bool) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal && env.real("NO_COLOR").is_none() && env.real("TERM") != Some("dumb")
            }
        }
    }
}

pub fn show(notice: &Notice, color: bool) {
    log::write_stderr(&line(notice, color));
}

fn line(notice: &Notice, color: bool) -> String {
    let shade = match notice.severity {
        Severity::Debug => "2",
        Severity::Info => "32",
        Severity::Warn => "33",
        Severity::Error => "1;31",
        Severity::Fatal => "1;37;41",
    };
    if !color {
        return notice.line();
    }
    let severity = notice.severity.as_str();
    let (when, text) = (&notice.when, notice.text());
    format!("{when} \u{1b}[{shade}m{severity}\u{1b}[0m {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn colour_adds_escape_sequences_only() {
        let at = Timestamp::from_millis(0);
        let notice = Notice::plain(Severity::Error, "q", "it broke", "mend it", at);
        assert_eq!(line(&notice, false), "00:00Z ERROR q: it broke: mend it");
        let coloured = line(&notice, true);
        assert_ne!(coloured, line(&notice, false));
        let plain = coloured.replace("\u{1b}[1;31m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain, line(&notice, false));
    }

    #[test]
    fn colour_depends_on_option_terminal_and_environment() {
        let env = |name: &str, value: &str| Env::from_pairs([(name, value)]);
        let rows = [
            (Color::Auto, env("TERM", "xterm"), true, true),
            (Color::Auto, env("TERM", "xterm"), false, false),
            (Color::Auto, env("NO_COLOR", "1"), true, false),
            (Color::Auto, env("NO_COLOR", ""), true, true),
            (Color::Auto, env("TERM", "dumb"), true, false),
            (Color::Always, env("NO_COLOR", "1"), false, true),
            (Color::Never, env("TERM", "xterm"), true, false),
        ];
        for (color, env, terminal, expected) in rows {
            assert_eq!(color.is_wanted(&env, terminal), expected, "{color:?} {env:?} {terminal}");
        }
    }
}
