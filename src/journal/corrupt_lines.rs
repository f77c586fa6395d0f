//! Lines of the journal that are none: what a crash leaves of a line.

use super::Tail;

/// Counts them, and says so in one sentence.
#[derive(Debug, Default)]
pub struct Torn {
    count: u64,
    first: String,
}

impl Torn {
    /// The line at which `tail` stands is one.
    pub fn add(&mut self, tail: &Tail) {
        if self.count == 0 {
            let (path, number) = tail.place();
            self.first = format!("line {number} of '{}'", path.display());
        }
        self.count += 1;
    }

    /// The sentence about those that were added since the last.
    pub fn sentence(&mut self) -> Option<String> {
        let (count, first) = (std::mem::take(&mut self.count), &self.first);
        let left_out = "not whole, as after a crash: left out";
        match count {
            0 => None,
            1 => Some(format!("{first} is {left_out}")),
            _ => Some(format!("{count} lines are {left_out}; the first is {first}")),
        }
    }
}
