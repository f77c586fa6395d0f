//! Lines of the journal that are no events, as a crash leaves them.

use super::Tail;

/// Counts corrupt lines, and reports them in one sentence.
#[derive(Debug, Default)]
pub struct CorruptLines {
    count: u64,
    first: String,
}

impl CorruptLines {
    /// Counts the line at which `tail` stands.
    pub fn add(&mut self, tail: &Tail) {
        if self.count == 0 {
            let (path, number) = tail.position();
            self.first = format!("line {number} of '{}'", path.display());
        }
        self.count += 1;
    }

    /// Returns a sentence about the lines that were counted since the last call.
    pub fn take_sentence(&mut self) -> Option<String> {
        let (count, first) = (std::mem::take(&mut self.count), &self.first);
        let left_out = "not whole, as after a crash: left out";
        match count {
            0 => None,
            1 => Some(format!("{first} is {left_out}")),
            _ => Some(format!("{count} lines are {left_out}; the first is {first}")),
        }
    }
}
