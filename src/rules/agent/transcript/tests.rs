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
