//! Secrets in manifests of Kubernetes: the values of `data` and `stringData` in a `kind: Secret`.
//!
//! Promises: a document is read at most twice.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::bytes::run;
use super::{Match, SECRET};

const KIND: &[u8] = b"kind: Secret";

static KIND_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(KIND));

/// Adds the values of Secrets in YAML.
pub(super) fn find(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    if bytes.len() <= KIND.len() {
        return;
    }
    let mut lowest = 0;
    for at in KIND_FINDER.find_iter(bytes) {
        let is_whole = bytes[at + KIND.len()..].first().is_none_or(u8::is_ascii_whitespace);
        if at < lowest || !is_whole {
            continue;
        }
        // `data` may stand before `kind`. Documents are apart by three dashes.
        let start = memchr::memmem::rfind(&bytes[lowest..at], b"\n---").map_or(0, |mark| mark + 4);
        let start = lowest + start;
        let end =
            memchr::memmem::find(&bytes[at..], b"\n---").map_or(bytes.len(), |mark| at + mark);
        add_data(bytes, start, end, found);
        lowest = end;
    }
}

/// Adds the values of the blocks `data` and `stringData` of a document.
fn add_data(bytes: &[u8], start: usize, end: usize, found: &mut Vec<Match<'_>>) {
    // Indentation of the block under way.
    let mut block = None;
    let mut at = start;
    while at < end {
        let length = memchr::memchr(b'\n', &bytes[at..end]).unwrap_or(end - at);
        let line = bytes[at..at + length].trim_ascii_end();
        let indent = run(line, |byte| byte == b' ');
        if block.is_none_or(|block| indent <= block) && indent < line.len() {
            let is_data = [&b"data:"[..], b"stringData:"].contains(&&line[indent..]);
            block = is_data.then_some(indent);
        } else if block.is_some() {
            let name = memchr::memchr(b':', line).map_or(indent, |colon| colon + 1);
            let from = name + run(&line[name..], |byte| byte == b' ');
            if from < line.len() && !b"|>".contains(&line[from]) {
                found.push(Match { start: at + from, end: at + line.len(), kind: SECRET });
            }
        }
        at += length + 1;
    }
}
