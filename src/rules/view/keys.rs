//! The keys of a terminal, parsed from its bytes.
//!
//! Promises: no input makes it fail; what a terminal answers to a question (its type, its colours,
//! the place of the cursor) or reports (mouse, focus, pasted text) is no key; Ctrl-C and Ctrl-Z
//! count in the middle of any sequence. Pure: the caller waits, by [`KeyParser::patience`].

use std::time::Duration;

use crate::text::hidden;

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A visible character, or a space.
    Char(char),
    /// A small letter, or `\x18` as `x`.
    Ctrl(char),
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Tab,
    BackTab,
    Enter,
    Backspace,
    Delete,
    Esc,
}

/// The part of a sequence that was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Between two keys.
    #[default]
    Ground,
    /// ESC: the key, or the begin of a sequence.
    Escape,
    /// `ESC [`: a key or an answer.
    Control,
    /// `ESC O`: one letter follows.
    Letter,
    /// `ESC ]` and its like: text up to BEL or `ESC \`.
    Text,
    /// ESC within the text.
    TextEscape,
    /// A sequence without a key, of so many further bytes.
    Rest(u8),
}

/// The parameters of a sequence that are kept; those of keys are shorter.
const PARAMETERS_MAX: usize = 64;

/// The parser, with what it has read of an unfinished sequence.
#[derive(Debug, Default)]
pub struct KeyParser {
    stage: Stage,
    parameters: Vec<u8>,
    /// The first bytes of a character.
    character: Vec<u8>,
    /// Whether pasted text is being read, which is no input here.
    is_pasted: bool,
}

impl KeyParser {
    /// Returns how long to wait for the next byte before [`KeyParser::idle`]: briefly after a lone
    /// ESC, longer within a sequence, because a slow line may cut an answer.
    pub fn patience(&self) -> Option<Duration> {
        match self.stage {
            Stage::Ground if !self.is_pasted => None,
            Stage::Escape => Some(Duration::from_millis(30)),
            _ => Some(Duration::from_millis(500)),
        }
    }

    /// Ends an unfinished sequence. Returns the key that a lone ESC is.
    pub fn idle(&mut self) -> Option<Key> {
        let is_escape = self.stage == Stage::Escape;
        *self = KeyParser::default();
        is_escape.then_some(Key::Esc)
    }

    /// Takes a byte. Returns the key that it completes.
    pub fn byte(&mut self, byte: u8) -> Option<Key> {
        // Ctrl-C, CAN and Ctrl-Z.
        if matches!(byte, 0x03 | 0x18 | 0x1a) {
            *self = KeyParser::default();
            return Some(control(byte));
        }
        match self.stage {
            Stage::Ground => self.ground(byte),
            Stage::Escape => self.escape(byte),
            Stage::Control => self.control(byte),
            Stage::Letter => {
                self.stage = Stage::Ground;
                final_letter(byte)
            }
            Stage::Text => {
                self.stage = match byte {
                    0x07 => Stage::Ground,
                    0x1b => Stage::TextEscape,
                    _ => Stage::Text,
                };
                None
            }
            Stage::TextEscape => {
                match byte {
                    b'\\' => self.stage = Stage::Ground,
                    // The text was cut, and another sequence begins.
                    b'[' => self.begin_control(),
                    _ => self.stage = Stage::Text,
                }
                None
            }
            Stage::Rest(more) => {
                self.stage = if more > 1 { Stage::Rest(more - 1) } else { Stage::Ground };
                None
            }
        }
    }

    fn begin_control(&mut self) {
        self.parameters.clear();
        self.stage = Stage::Control;
    }

    /// Takes the byte after ESC. A character there is Alt with it, which is no key here.
    fn escape(&mut self, byte: u8) -> Option<Key> {
        match byte {
            0x1b => return Some(Key::Esc),
            b'[' => self.begin_control(),
            b'O' => self.stage = Stage::Letter,
            b']' | b'P' | b'_' | b'^' | b'X' => self.stage = Stage::Text,
            _ => self.stage = Stage::Ground,
        }
        None
    }

    /// Takes a byte after `ESC [`.
    fn control(&mut self, byte: u8) -> Option<Key> {
        match byte {
            0x1b => self.stage = Stage::Escape,
            0x20..=0x3f if self.parameters.len() < PARAMETERS_MAX => self.parameters.push(byte),
            // F1 on the console of Linux is `ESC [ [ A`.
            b'[' if self.parameters.is_empty() => self.stage = Stage::Rest(1),
            // A report of the mouse.
            b'M' if self.parameters.is_empty() => self.stage = Stage::Rest(3),
            0x40..=0x7e => {
                self.stage = Stage::Ground;
                return self.control_end(byte);
            }
            _ => {}
        }
        None
    }

    /// Returns the key of a sequence that begins with `ESC [` and ends with this byte. Parameters
    /// other than numbers are those of answers.
    fn control_end(&mut self, byte: u8) -> Option<Key> {
        let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b';';
        if !self.parameters.iter().all(is_number) {
            return None;
        }
        if byte != b'~' {
            return final_letter(byte);
        }
        match self.parameters.split(|byte| *byte == b';').next()? {
            b"1" | b"7" => Some(Key::Home),
            b"3" => Some(Key::Delete),
            b"4" | b"8" => Some(Key::End),
            b"5" => Some(Key::PageUp),
            b"6" => Some(Key::PageDown),
            b"200" => {
                self.is_pasted = true;
                None
            }
            b"201" => {
                self.is_pasted = false;
                None
            }
            _ => None,
        }
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        let key = match byte {
            0x80..=0xff => self.part(byte),
            _ => {
                self.character.clear();
                match byte {
                    0x1b => {
                        self.stage = Stage::Escape;
                        None
                    }
                    b'\r' | b'\n' => Some(Key::Enter),
                    b'\t' => Some(Key::Tab),
                    0x08 | 0x7f => Some(Key::Backspace),
                    0x01..=0x1a => Some(control(byte)),
                    0x20..=0x7e => Some(Key::Char(byte.into())),
                    _ => None,
                }
            }
        };
        key.filter(|_| !self.is_pasted)
    }

    /// Takes a byte of a character of several. Returns the character when it is whole and visible.
    fn part(&mut self, byte: u8) -> Option<Key> {
        if !is_inner(byte) {
            self.character.clear();
        }
        self.character.push(byte);
        let whole = match std::str::from_utf8(&self.character) {
            Ok(text) => text.chars().next(),
            Err(error) if error.error_len().is_none() => return None,
            Err(_) => None,
        };
        self.character.clear();
        whole.filter(|c| !hidden(*c)).map(Key::Char)
    }
}

/// Whether a byte continues a character.
fn is_inner(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Returns the key of a control character up to `\x1a`.
fn control(byte: u8) -> Key {
    Key::Ctrl((byte | 0x60).into())
}

/// Returns the key of the letter that ends a sequence.
fn final_letter(byte: u8) -> Option<Key> {
    match byte {
        b'A' => Some(Key::Up),
        b'B' => Some(Key::Down),
        b'C' => Some(Key::Right),
        b'D' => Some(Key::Left),
        b'F' => Some(Key::End),
        b'H' => Some(Key::Home),
        b'Z' => Some(Key::BackTab),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
