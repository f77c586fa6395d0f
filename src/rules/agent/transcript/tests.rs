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

fn first_init(lines: &[&[u8]]) -> Option<Init> {
    let mut transcript = Transcript::default();
    lines.iter().find_map(|line| match transcript.read_line(line)? {
        TranscriptEvent::Init(init) => Some(init),
        _ => None,
    })
}
