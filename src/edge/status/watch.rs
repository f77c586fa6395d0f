//! The status, shown again and again.
//!
//! A terminal shows the newest frame in place, as an editor of lines would: no mode of it is changed and
//! no other screen is used, so that whatever ends or stops the program leaves it as it was. Elsewhere
//! a frame is printed when it has something new.

use std::convert::Infallible;
use std::time::Duration;

use super::frames::StatusFrame;
use crate::error::Error;
use crate::wire::{self, Output};

/// The interval of the readings.
const INTERVAL: Duration = Duration::from_secs(1);

/// Shows frames until the reader closes the pipe, or a signal ends the program. `next` gets the most
/// lines that there is room for. JSON is lines on a terminal, too.
pub fn watch(
    is_json: bool,
    mut next: impl FnMut(Option<usize>) -> StatusFrame,
) -> Result<Infallible, Error> {
    let mut out = Output::new();
    let mut screen = ScreenSize::default();
    let mut before: Option<String> = None;
    loop {
        let size = wire::stdout_size().filter(|_| !is_json);
        // The last line is the cursor's.
        let frame = next(size.map(|(_, rows)| rows.saturating_sub(1).max(1)));
        match size {
            Some(size) => out.put_text(&screen.frame(size, &frame.text))?,
            None if before.as_ref() == Some(&frame.change) => {}
            None if is_json => out.put(frame.text.as_bytes())?,
            None => {
                let gap = if before.is_some() { "\n" } else { "" };
                out.put_text(&format!("{gap}{}", frame.text))?;
            }
        }
        before = Some(frame.change);
        out.flush()?;
        out.pause(INTERVAL)?;
    }
}

/// The size of the terminal at the last frame; None before the first.
#[derive(Debug, Default)]
struct ScreenSize(Option<(usize, usize)>);

impl ScreenSize {
    /// Returns the bytes of a frame: each line over the former one, and what is left of that is erased.
    fn frame(&mut self, size: (usize, usize), text: &str) -> String {
        let begin = match self.0.replace(size) {
            // What was on the screen moves up and stays in the history of the terminal.
            None => "\n".repeat(size.1.saturating_sub(1)) + "\u{1b}[H",
            Some(before) if before != size => "\u{1b}[H\u{1b}[2J".to_owned(),
            Some(_) => "\u{1b}[H".to_owned(),
        };
        format!("{begin}{}\u{1b}[J", text.replace('\n', "\u{1b}[K\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_stand_in_the_place_of_the_former_one() {
        let mut screen = ScreenSize::default();
        let rows = [
            ((80, 3), "a\nb\n", "\n\n\u{1b}[Ha\u{1b}[K\nb\u{1b}[K\n\u{1b}[J"),
            ((80, 3), "c\n", "\u{1b}[Hc\u{1b}[K\n\u{1b}[J"),
            ((40, 3), "c\n", "\u{1b}[H\u{1b}[2Jc\u{1b}[K\n\u{1b}[J"),
        ];
        for (size, text, expected) in rows {
            assert_eq!(screen.frame(size, text), expected);
        }
    }
}
