mod lines;
mod policy;
mod random;
mod recorded;

use super::*;

fn transcript_of(lines: &[&str]) -> Transcript {
    let mut transcript = Transcript::default();
    for line in lines {
        transcript.read_line(line.as_bytes());
    }
    transcript
}

/// Returns the first start values in these lines.
fn first_init<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Option<Init> {
    let mut transcript = Transcript::default();
    lines.find_map(|line| match transcript.read_line(line) {
        Some(TranscriptEvent::Init(init)) => Some(init),
        _ => None,
    })
}
