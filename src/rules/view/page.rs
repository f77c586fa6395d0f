//! The form of text for people: width and colour.
//!
//! Promises: nothing is told by colour alone. The callers pass text that is safe for a terminal.

use crate::event::Severity;
use crate::text::{spaces, wrap};

/// The columns of text that is not shown on a terminal.
const WIDTH: usize = 120;
/// The narrowest text. A terminal that is narrower wraps the lines itself.
const WIDTH_MIN: usize = 40;

/// The width and the colour of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageStyle {
    pub width: usize,
    pub color: bool,
}

/// The parts of a page that have a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shade {
    Heading,
    Faint,
    Good,
    Warning,
    Bad,
    Alarm,
}

impl Shade {
    pub const ALL: [Shade; 6] =
        [Shade::Heading, Shade::Faint, Shade::Good, Shade::Warning, Shade::Bad, Shade::Alarm];
}

impl PageStyle {
    /// Returns the style for a terminal of so many columns, or for another output.
    pub fn new(columns: Option<usize>, color: bool) -> Self {
        PageStyle { width: columns.unwrap_or(WIDTH).max(WIDTH_MIN), color }
    }

    pub fn paint(self, shade: Shade, text: &str) -> String {
        let code = match shade {
            Shade::Heading => "1",
            Shade::Faint => "2",
            // As the tones of the dashboard: green and yellow are not legible on a light background.
            Shade::Good => return text.to_owned(),
            Shade::Warning => "35",
            Shade::Bad => "1;31",
            Shade::Alarm => "1;37;41",
        };
        if self.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Returns the word of a severity.
    pub fn severity(self, severity: Severity) -> String {
        let shade = match severity {
            Severity::Debug => Shade::Faint,
            Severity::Info => Shade::Good,
            Severity::Warn => Shade::Warning,
            Severity::Error => Shade::Bad,
            Severity::Fatal => Shade::Alarm,
        };
        self.paint(shade, severity.as_str())
    }

    /// Returns a paragraph of its own: every line is indented, and none is longer than the width but
    /// for what has to be copied whole.
    pub fn indented(self, indent: usize, text: &str) -> String {
        self.paragraph(&" ".repeat(indent), indent, text, indent)
    }

    /// Returns a paragraph as lines: `head`, then the text, of which further lines are indented by
    /// `indent` columns. `columns` is the width of the head without its colours.
    pub fn paragraph(self, head: &str, columns: usize, text: &str, indent: usize) -> String {
        let first = self.width.saturating_sub(columns);
        let mut lines = wrap(text, first);
        if lines.len() > 1 && indent != columns {
            let rest = lines.split_off(1).join(" ");
            lines.extend(wrap(&rest, self.width.saturating_sub(indent)));
        }
        format!("{head}{}\n", lines.join(&format!("\n{}", spaces(indent))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraph_fits_the_width_with_hanging_indent() {
        let style = PageStyle::new(Some(40), false);
        let text = "three messages died and nobody knows the reason yet, which is a pity";
        let expected = "12:00:00Z three messages died and nobody\n    \
                        knows the reason yet, which is a\n    pity\n";
        assert_eq!(style.paragraph("12:00:00Z ", 10, text, 4), expected);
        let expected = "    three messages died and nobody knows\n    the reason yet, which is a \
                        pity\n";
        assert_eq!(style.paragraph("    ", 4, text, 4), expected);
    }

    #[test]
    fn colour_adds_escape_sequences_only() {
        let [plain, coloured] = [false, true].map(|color| PageStyle::new(None, color));
        assert_eq!(plain.severity(Severity::Error), "ERROR");
        assert_eq!(coloured.severity(Severity::Error), "\u{1b}[1;31mERROR\u{1b}[0m");
        assert_eq!(coloured.paint(Shade::Faint, ""), "");
    }
}
