//! The console: one line an event on standard error.
//!
//! Promises: plain unless colour is wanted; the severity is a word, so that nothing is told by
//! colour alone. The sentence has been made safe for a terminal.

use crate::config::Env;
use crate::event::Severity;
use crate::log;
use crate::rules::notification::message::Sentence;

/// `--color`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// On a terminal that has colours, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// The choice of that name.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Color::Auto),
            "always" => Some(Color::Always),
            "never" => Some(Color::Never),
            _ => None,
        }
    }

    /// Whether it comes to colour.
    pub fn wanted(self, env: &Env, terminal: bool) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal && env.real("NO_COLOR").is_none() && env.real("TERM") != Some("dumb")
            }
        }
    }
}

/// Shows a sentence.
pub fn show(sentence: &Sentence, color: bool) {
    log::say(&line(sentence, color));
}

fn line(sentence: &Sentence, color: bool) -> String {
    let shade = match sentence.severity {
        Severity::Debug => "2",
        Severity::Info => "32",
        Severity::Warn => "33",
        Severity::Error => "1;31",
        Severity::Fatal => "1;37;41",
    };
    if !color {
        return sentence.line();
    }
    let severity = sentence.severity.as_str();
    let (when, told) = (&sentence.when, sentence.told());
    format!("{when} \u{1b}[{shade}m{severity}\u{1b}[0m {told}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn colour_adds_nothing_that_the_words_do_not_say() {
        let at = Timestamp::from_millis(0);
        let sentence = Sentence::plain(Severity::Error, "q", "it broke", "mend it", at);
        assert_eq!(line(&sentence, false), "00:00:00Z ERROR q: it broke: mend it");
        let coloured = line(&sentence, true);
        assert_ne!(coloured, line(&sentence, false));
        let plain = coloured.replace("\u{1b}[1;31m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain, line(&sentence, false));
    }

    #[test]
    fn colour_needs_a_terminal_that_wants_it() {
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
            assert_eq!(color.wanted(&env, terminal), expected, "{color:?} {env:?} {terminal}");
        }
    }
}
