mod lines;
mod policy;
mod random;
mod recorded;

use super::*;

fn heard(lines: &[&str]) -> Transcript {
    let mut transcript = Transcript::default();
    for line in lines {
        transcript.hear(line.as_bytes());
    }
    transcript
}
