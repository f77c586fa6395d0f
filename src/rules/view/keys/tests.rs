//! Tests of the parser of keys: tables of sequences, then all short ones and many random ones.

use std::collections::HashMap;

use super::*;

/// Returns the keys of some bytes, and of the silence after them.
fn keys(bytes: &[u8]) -> Vec<Key> {
    let mut parser = KeyParser::default();
    let mut keys: Vec<Key> = bytes.iter().filter_map(|byte| parser.byte(*byte)).collect();
    keys.extend(parser.patience().and_then(|_| parser.idle()));
    assert_eq!(parser.patience(), None, "after {bytes:?}");
    keys
}

#[test]
fn key_sequences_are_keys() {
    let rows: [(&str, &[Key]); 37] = [
        ("q", &[Key::Char('q')]),
        (" é€😀", &[Key::Char(' '), Key::Char('é'), Key::Char('€'), Key::Char('😀')]),
        ("\r", &[Key::Enter]),
        ("\n", &[Key::Enter]),
        ("\t", &[Key::Tab]),
        ("\x7f\x08", &[Key::Backspace, Key::Backspace]),
        ("\x03", &[Key::Ctrl('c')]),
        ("\x04\x15\x1a", &[Key::Ctrl('d'), Key::Ctrl('u'), Key::Ctrl('z')]),
        ("\x1b", &[Key::Esc]),
        ("\x1b\x1b", &[Key::Esc, Key::Esc]),
        ("\x1b\x1b[A", &[Key::Esc, Key::Up]),
        ("\x1bx", &[]),
        ("\x1b[A", &[Key::Up]),
        ("\x1bOA", &[Key::Up]),
        ("\x1b[B\x1b[C\x1b[D", &[Key::Down, Key::Right, Key::Left]),
        ("\x1b[1;5A", &[Key::Up]),
        ("\x1b[1;300A", &[Key::Up]),
        ("\x1b[H\x1b[F", &[Key::Home, Key::End]),
        ("\x1bOH\x1bOF", &[Key::Home, Key::End]),
        ("\x1b[1~\x1b[4~\x1b[7~\x1b[8~", &[Key::Home, Key::End, Key::Home, Key::End]),
        ("\x1b[5~\x1b[6~", &[Key::PageUp, Key::PageDown]),
        ("\x1b[3~", &[Key::Delete]),
        ("\x1b[3;5~", &[Key::Delete]),
        ("\x1b[Z", &[Key::BackTab]),
        ("\x1b[1000~", &[]),
        ("\x1b[11~\x1bOP\x1b[[A", &[]),
        ("\x1b[27;5;105~", &[]),
        ("\x1b[105;5u", &[]),
        ("\x1b[M\x03", &[Key::Ctrl('c')]),
        ("\x1b]11;\x1a", &[Key::Ctrl('z')]),
        ("\x1b[1;\x1b[B", &[Key::Down]),
        ("\x1b]0;cut\x1b[B", &[Key::Down]),
        ("\x1b[200~rm -rf\r\x1b[201~q", &[Key::Char('q')]),
        ("\x1b[200~rm\x03q", &[Key::Ctrl('c'), Key::Char('q')]),
        ("\u{9b}\u{202e}\u{200b}\u{ad}", &[]),
        ("\0\x1c\x1f", &[]),
        ("", &[]),
    ];
    for (bytes, expected) in rows {
        assert_eq!(keys(bytes.as_bytes()), expected, "{bytes:?}");
    }
    assert_eq!(keys(b"\xc3q\xff\xe2\x82j"), [Key::Char('q'), Key::Char('j')], "cut characters");
}

/// The answers and reports of terminals, of which none is a key.
const REPLIES: [&str; 18] = [
    "\x1b[?1;2c",
    "\x1b[?62;1;4c",
    "\x1b[>0;276;0c",
    "\x1b[=0;0;0c",
    "\x1b[24;80R",
    "\x1b[?24;80R",
    "\x1b[0n",
    "\x1b[?2026;2$y",
    "\x1b[8;24;80t",
    "\x1b[I",
    "\x1b[O",
    "\x1b[<0;10;20M",
    "\x1b[<0;10;20m",
    "\x1b[M !!",
    "\x1b]11;rgb:0000/2b2b/3636\x07",
    "\x1b]4;1;rgb:dc/32/2f\x1b\\",
    "\x1bP>|tmux 3.3a\x1b\\",
    "\x1b_Gi=31;OK\x1b\\",
];

#[test]
fn replies_of_terminals_are_no_keys() {
    for reply in REPLIES {
        assert_eq!(keys(reply.as_bytes()), [], "{reply:?}");
        let between = format!("j{reply}k");
        assert_eq!(keys(between.as_bytes()), [Key::Char('j'), Key::Char('k')], "{reply:?}");
        // A reply that is cut anywhere and goes silent is at most the key ESC.
        for end in 1..reply.len() {
            let cut = keys(&reply.as_bytes()[..end]);
            assert!(cut.iter().all(|key| *key == Key::Esc), "{:?}: {cut:?}", &reply[..end]);
        }
    }
}

/// Asserts what holds for any bytes: no failure, no more keys than bytes, only visible characters,
/// and Ctrl-C at the end counts.
fn check(bytes: &[u8]) {
    let mut parser = KeyParser::default();
    for byte in bytes {
        match parser.byte(*byte) {
            Some(Key::Char(c)) => assert!(!hidden(c), "{bytes:?}"),
            Some(Key::Ctrl(c)) => assert!(c.is_ascii_lowercase(), "{bytes:?}"),
            _ => {}
        }
        assert!(parser.parameters.len() <= PARAMETERS_MAX && parser.character.len() < 4);
    }
    assert_eq!(parser.byte(3), Some(Key::Ctrl('c')), "{bytes:?}");
    assert_eq!(parser.byte(b'q'), Some(Key::Char('q')), "{bytes:?}");
}

/// Nothing but its state decides what the parser does next: of all sequences that lead to the same
/// state one is enough to go on from.
#[test]
fn parser_accepts_all_sequences_of_three_bytes() {
    let mut begins = vec![Vec::new()];
    for _ in 0..3 {
        let mut states = HashMap::new();
        for begin in &begins {
            for byte in 0..=255 {
                let bytes = [&begin[..], &[byte]].concat();
                check(&bytes);
                let mut parser = KeyParser::default();
                for byte in &bytes {
                    parser.byte(*byte);
                }
                states.entry(format!("{parser:?}")).or_insert(bytes);
            }
        }
        begins = states.into_values().collect();
    }
    assert!(begins.len() > 1000, "{}", begins.len());
}

#[test]
fn parser_accepts_100_000_random_sequences() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..100_000 {
        let length = random() % 65;
        let special = b"\x1b[]OM;<?~P\\\x07";
        let bytes: Vec<u8> = (0..length)
            .map(|_| match random() % 2 {
                0 => special[(random() % special.len() as u64) as usize],
                _ => random() as u8,
            })
            .collect();
        check(&bytes);
    }
}
