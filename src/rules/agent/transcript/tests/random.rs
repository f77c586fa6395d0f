//! Random and broken input: nothing panics, and sums do not depend on the order.

use proptest::prelude::*;

use super::recorded::{parsed, read};
use super::*;
use crate::rules::agent::last_line::Exit;

const FILES: [&str; 8] = [
    "subagent.ndjson",
    "golden.ndjson",
    "p3-default.ndjson",
    "injection.ndjson",
    "pr.ndjson",
    "error-401.ndjson",
    "sigint-partial.ndjson",
    "bg-tool-default.ndjson",
];

/// Calls every accessor.
fn call_accessors(transcript: &Transcript) {
    for exit in [Exit::Status(0), Exit::Status(1), Exit::Signal(9)] {
        for schema in [false, true] {
            if let Err((_, detail)) = outcome(exit, transcript, schema) {
                assert_eq!(safe(&detail), detail);
            }
        }
    }
    for tool in transcript.denied_tools() {
        assert_eq!(safe(tool), tool);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn random_bytes_cause_no_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8)) {
        let mut transcript = Transcript::default();
        for line in &lines {
            transcript.read_line(line);
        }
        call_accessors(&transcript);
        let whole = lines.concat();
        call_accessors(&Transcript::from_json(&whole));
        let _ = version(&String::from_utf8_lossy(&whole));
    }

    #[test]
    fn escapes_cause_no_panic(text in "(\\\\(u[dD][0-9a-fA-F]{0,3}|[\\\\\"né])|[a\"é}]){0,20}") {
        let line = format!("{{\"type\":\"result\",\"result\":\"{text}\"}}");
        call_accessors(&transcript_of(&[&line]));
    }

    #[test]
    fn cuts_and_flips_cause_no_panic(file in 0..FILES.len(), at in any::<prop::sample::Index>(), flip in any::<u8>()) {
        let mut bytes = read(FILES[file]);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        for bytes in [&bytes[..], &bytes[..at], &bytes[at..]] {
            call_accessors(&Transcript::from_json(bytes));
        }
    }

    #[test]
    fn cost_and_denials_are_the_same_in_any_order(file in 0..FILES.len(), seeds in prop::collection::vec(any::<u32>(), 64)) {
        let straight = parsed(FILES[file]);
        let bytes = read(FILES[file]);
        let mut lines: Vec<(u32, &[u8])> = seeds.iter().copied().cycle()
            .zip(bytes.split(|byte| *byte == b'\n')).collect();
        lines.sort_unstable();
        let mut shuffled = Transcript::default();
        for (_, line) in lines {
            shuffled.read_line(line);
        }
        prop_assert_eq!(shuffled.cost_usd(), straight.cost_usd());
        prop_assert_eq!(shuffled.turns(), straight.turns());
        prop_assert!(shuffled.denied_tools().eq(straight.denied_tools()));
        prop_assert_eq!(shuffled.structured(), straight.structured());
    }
}
