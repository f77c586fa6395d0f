//! Colours and styles, and lines of text that have them.
//!
//! Promises: nothing is told by colour alone; no background is set, so that light and dark terminals
//! both stay legible; without colour only bold, dim, underlined and reverse remain.

use std::num::NonZeroU16;
use std::ops::Range;

use ratatui::buffer::{Buffer, CellDiffOption, CellWidth};
use ratatui::style::{Color, Modifier, Style};

use super::cells;

/// The meaning of a piece of text, which decides its style.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    /// Less important text: headings of columns, quiet rows.
    Faint,
    Strong,
    Warning,
    Bad,
    /// The worst of all, and the only reverse text beside the selected row.
    Worst,
    /// Names of what can be opened.
    Link,
}

impl Tone {
    /// All of them.
    pub const ALL: [Tone; 7] =
        [Tone::Plain, Tone::Faint, Tone::Strong, Tone::Warning, Tone::Bad, Tone::Worst, Tone::Link];

    /// Returns the style. Of the eight colours of terminals, red and magenta alone are legible on a light
    /// background and on a dark one, so all else has the colour of the terminal.
    fn style(self) -> Style {
        let style = Style::new();
        match self {
            Tone::Plain => style,
            Tone::Faint => style.add_modifier(Modifier::DIM),
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Warning => style.fg(Color::Magenta),
            Tone::Bad => style.fg(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Worst => {
                style.fg(Color::Red).add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED)
            }
            Tone::Link => style.add_modifier(Modifier::UNDERLINED),
        }
    }

    /// Returns the codes of the style in an escape sequence.
    fn code(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Faint => "2",
            Tone::Strong => "1",
            Tone::Warning => "35",
            Tone::Bad => "1;31",
            Tone::Worst => "1;7;31",
            Tone::Link => "4",
        }
    }
}

/// A line of the screen: pieces of clean text, each with its meaning.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StyledLine {
    pieces: Vec<(String, Tone)>,
    width: usize,
    /// The cells of the selected row, which a line shares with the panel beside it.
    selected: Range<usize>,
}

impl StyledLine {
    pub fn new() -> Self {
        StyledLine::default()
    }

    /// Returns a line of one piece.
    pub fn from_text(text: &str, tone: Tone) -> Self {
        StyledLine::new().with(text, tone)
    }

    /// Returns the line with another piece, made harmless.
    #[must_use]
    pub fn with(mut self, text: &str, tone: Tone) -> Self {
        self.push(text, tone);
        self
    }

    /// Adds a piece, made harmless.
    pub fn push(&mut self, text: &str, tone: Tone) {
        let text = cells::clean(text);
        if text.is_empty() {
            return;
        }
        self.width += cells::width(&text);
        match self.pieces.last_mut() {
            Some((last, same)) if *same == tone => last.push_str(&text),
            _ => self.pieces.push((text.into_owned(), tone)),
        }
    }

    /// Adds blanks up to a column.
    pub fn pad(&mut self, column: usize) {
        if let Some(blanks) = column.checked_sub(self.width).filter(|blanks| *blanks > 0) {
            self.width = column;
            let blanks = " ".repeat(blanks);
            match self.pieces.last_mut() {
                Some((last, Tone::Plain)) => last.push_str(&blanks),
                _ => self.pieces.push((blanks, Tone::Plain)),
            }
        }
    }

    /// Cuts the line to so many cells.
    #[must_use]
    pub fn cut(mut self, width: usize, mark: &str) -> Self {
        let mut left = width;
        if self.width <= width {
            return self;
        }
        let mut kept = Vec::new();
        for (text, tone) in std::mem::take(&mut self.pieces) {
            let wide = cells::width(&text);
            if wide < left {
                left -= wide;
                kept.push((text, tone));
            } else {
                kept.push((cells::cut_sentence(&(text + mark), left, mark).into_owned(), tone));
                break;
            }
        }
        self.width = kept.iter().map(|(text, _)| cells::width(text)).sum();
        self.pieces = kept;
        self
    }

    /// Adds the pieces of another line behind this one.
    pub fn append(&mut self, other: StyledLine) {
        if !other.selected.is_empty() {
            self.selected = self.width + other.selected.start..self.width + other.selected.end;
        }
        self.width += other.width;
        self.pieces.extend(other.pieces);
    }

    /// Marks all cells as those of the selected row.
    pub fn select(&mut self) {
        self.selected = 0..self.width;
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the text without styles.
    pub fn text(&self) -> String {
        self.pieces.iter().map(|(text, _)| text.as_str()).collect()
    }

    /// Returns the text with the escape sequences of its styles, as [`Tone::style`] has them.
    pub fn painted(&self) -> String {
        let piece = |(text, tone): &(String, Tone)| match tone.code() {
            "" => text.clone(),
            code => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// Draws the line.
    pub fn draw(&self, buffer: &mut Buffer, y: u16) {
        let area = buffer.area;
        let mut x = 0;
        for (text, tone) in &self.pieces {
            // Dim text in reverse is hard to read.
            let reverse =
                tone.style().remove_modifier(Modifier::DIM).add_modifier(Modifier::REVERSED);
            for one in cells::characters(text) {
                let is_selected = self.selected.contains(&usize::from(x));
                let style = if is_selected { reverse } else { tone.style() };
                let wide = u16::try_from(cells::width(one)).unwrap_or(0);
                if wide == 0 {
                    continue;
                }
                if x + wide > area.width {
                    return;
                }
                put(buffer, (area.x + x, area.y + y), one, wide, style);
                x += wide;
            }
        }
    }
}

/// Puts a character into its cells. Not by `set_stringn`: it puts a whole grapheme into one cell, of
/// which terminals make two, and counts Japanese voiced marks twice.
fn put(buffer: &mut Buffer, (x, y): (u16, u16), one: &str, wide: u16, style: Style) {
    for more in 1..wide {
        buffer[(x + more, y)].reset();
    }
    let cell = &mut buffer[(x, y)];
    cell.set_symbol(one).set_style(style);
    if let Some(wide) = NonZeroU16::new(wide).filter(|wide| one.cell_width() != wide.get()) {
        cell.set_diff_option(CellDiffOption::ForcedWidth(wide));
    }
}

/// Takes every colour out of a frame.
pub fn without_colors(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::view::page::{PageStyle, Shade};

    /// The eight colours as xterm, VGA and GNOME have them.
    const PALETTES: [[[u8; 3]; 8]; 3] = [
        [
            [0, 0, 0],
            [205, 0, 0],
            [0, 205, 0],
            [205, 205, 0],
            [0, 0, 238],
            [205, 0, 205],
            [0, 205, 205],
            [229, 229, 229],
        ],
        [
            [0, 0, 0],
            [170, 0, 0],
            [0, 170, 0],
            [170, 85, 0],
            [0, 0, 170],
            [170, 0, 170],
            [0, 170, 170],
            [170, 170, 170],
        ],
        [
            [46, 52, 54],
            [204, 0, 0],
            [78, 154, 6],
            [196, 160, 0],
            [52, 101, 164],
            [117, 80, 123],
            [6, 152, 154],
            [211, 215, 207],
        ],
    ];
    /// The least contrast between text and background: below, one does not see that there is text.
    const LEAST: f64 = 2.5;

    /// Returns the contrast of two colours as WCAG 2 defines it.
    fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
        let light = |color: [u8; 3]| {
            let [red, green, blue] = color.map(|value| {
                let value = f64::from(value) / 255.0;
                if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
        };
        let (one, other) = (light(one), light(other));
        one.max(other) / one.min(other)
    }

    fn is_legible(color: usize) -> bool {
        let backgrounds = [[255; 3], [0; 3]];
        let pairs = PALETTES.iter().flat_map(|all| backgrounds.map(|ground| (all[color], ground)));
        pairs.into_iter().all(|(color, ground)| contrast(color, ground) >= LEAST)
    }

    /// Returns the colours of an escape sequence: of the text, and of the background.
    fn colors(codes: &str) -> [Option<usize>; 2] {
        let code = |base: usize| {
            let codes = codes.split(';').filter_map(|code| code.parse::<usize>().ok());
            codes.rev().find(|code| (base..base + 8).contains(code)).map(|code| code - base)
        };
        let is_bright = codes.split(';').any(|code| code.len() > 1 && !"34".contains(&code[..1]));
        assert!(!is_bright && !codes.contains("38") && !codes.contains("48"), "{codes}");
        [code(30), code(40)]
    }

    #[test]
    fn selection_ends_where_the_panel_beside_begins() {
        let reversed = |is_left: bool| -> Vec<u16> {
            let mut line = StyledLine::from_text("left", Tone::Plain);
            let mut right = StyledLine::from_text("right", Tone::Faint);
            if is_left {
                line.select()
            } else {
                right.select()
            }
            line.pad(6);
            line.append(right);
            let mut buffer = Buffer::empty(ratatui::layout::Rect::new(0, 0, 12, 1));
            line.draw(&mut buffer, 0);
            let is_reversed = |x: &u16| buffer[(*x, 0)].modifier.contains(Modifier::REVERSED);
            (0..12).filter(is_reversed).collect()
        };
        assert_eq!(reversed(true), [0, 1, 2, 3]);
        assert_eq!(reversed(false), [6, 7, 8, 9, 10]);
    }

    #[test]
    fn text_is_legible_on_light_and_dark_terminals() {
        assert_eq!([1, 3, 5, 6, 7].map(is_legible), [true, false, true, false, false]);
        for tone in Tone::ALL {
            let style = tone.style();
            let [text, ground] = colors(tone.code());
            assert_eq!((style.bg, ground), (None, None), "{tone:?}");
            let same = text.map(|code| [Color::Red, Color::Magenta][usize::from(code == 5)]);
            assert_eq!(style.fg, same, "{tone:?}");
            assert!(text.is_none_or(is_legible), "{tone:?}");
        }
        for shade in Shade::ALL {
            let painted = PageStyle::new(Some(80), true).paint(shade, "x");
            let codes = painted.split(['[', 'm']).nth(1).unwrap_or_default();
            let is_visible = match colors(codes) {
                [None, None] => true,
                [Some(text), None] => is_legible(text),
                // Both are set: the terminal's own do not matter.
                [Some(text), Some(ground)] => {
                    PALETTES.iter().all(|all| contrast(all[text], all[ground]) >= LEAST)
                }
                [None, Some(_)] => false,
            };
            assert!(is_visible, "{shade:?}: {codes}");
        }
    }
}
