//! Symbols: each has one cell in every terminal that we know of, unless a person asks for emoji.

/// The symbols of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbols {
    pub worst: &'static str,
    pub bad: &'static str,
    pub warning: &'static str,
    pub good: &'static str,
    pub begin: &'static str,
    pub info: &'static str,
    pub unknown: &'static str,
    pub gone: &'static str,
    pub acked: &'static str,
    pub silenced: &'static str,
    pub selected: &'static str,
    /// The mark of text that was cut.
    pub cut: &'static str,
    /// The line of a heading.
    pub rule: &'static str,
    /// Heights of a bar, the lowest first.
    pub bars: [&'static str; 8],
    pub down: &'static str,
    pub up: &'static str,
    /// The sign between a number and what there is so many times.
    pub times: &'static str,
}

const PLAIN: Symbols = Symbols {
    worst: "✘",
    bad: "✗",
    warning: "!",
    good: "✓",
    begin: "»",
    info: "‣",
    unknown: "⊘",
    gone: "◌",
    acked: "◉",
    silenced: "⊗",
    selected: "❯",
    cut: "…",
    rule: "─",
    bars: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    down: "↓",
    up: "↑",
    times: "×",
};

const ASCII: Symbols = Symbols {
    worst: "X",
    bad: "x",
    warning: "!",
    good: "+",
    begin: ">",
    info: "-",
    unknown: "?",
    gone: "o",
    acked: "*",
    silenced: "%",
    selected: ">",
    cut: "~",
    rule: "-",
    bars: [".", ".", ":", ":", "-", "=", "=", "#"],
    down: "v",
    up: "^",
    times: "x",
};

/// Emoji of two cells in every terminal that we know of.
const EMOJI: Symbols =
    Symbols { worst: "🔥", bad: "❌", good: "✅", begin: "⏳", unknown: "🔴", ..PLAIN };

impl Symbols {
    /// Returns the symbols. Without anything but ASCII there are no emoji.
    pub fn new(ascii: bool, emoji: bool) -> Self {
        match (ascii, emoji) {
            (true, _) => ASCII,
            (false, true) => EMOJI,
            (false, false) => PLAIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::{clean, width};
    use super::*;

    fn all(symbols: Symbols) -> Vec<&'static str> {
        let Symbols { worst, bad, warning, good, begin, info, unknown, gone, selected, .. } =
            symbols;
        let Symbols { acked, silenced, cut, rule, bars, down, up, .. } = symbols;
        let mut all = vec![worst, bad, warning, good, begin, info, unknown, gone, selected];
        all.extend([acked, silenced, cut, rule, down, up]);
        all.extend(bars);
        all
    }

    #[test]
    fn symbols_have_one_cell_and_are_clean() {
        for symbol in all(PLAIN).into_iter().chain(all(ASCII)) {
            assert_eq!((width(symbol), clean(symbol).as_ref()), (1, symbol));
        }
        assert!(all(ASCII).into_iter().all(str::is_ascii));
        assert!(all(EMOJI).into_iter().all(|symbol| clean(symbol) == symbol));
    }
}
