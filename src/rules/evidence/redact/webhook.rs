//! URLs of webhooks: their path is a credential by itself.
//!
//! Promises: the search after a host ends with the path found.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::bytes::{finders, run};
use super::{Match, TOKEN};

/// Minimum length of the secret part of a path.
const PATH_MIN: usize = 8;
/// Minimum length of a URL with a host and a secret path.
const URL_MIN: usize = 24;
/// Hosts, the end of the public part of the path, and the number of words that follow it.
const HOOKS: [(&[u8], &[u8], usize); 10] = [
    (b"hooks.slack.com", b"/", 1),
    (b"discord.com", b"/api/webhooks/", 0),
    (b"discordapp.com", b"/api/webhooks/", 0),
    (b"webhook.office.com", b"/webhookb2/", 0),
    (b"outlook.office.com", b"/webhook/", 0),
    (b"hooks.zapier.com", b"/hooks/catch/", 0),
    (b"api.telegram.org", b"/bot", 0),
    (b"events.pagerduty.com", b"/integration/", 0),
    (b"maker.ifttt.com", b"/trigger/", 1),
    (b"hook.integromat.com", b"/", 0),
];

static HOST_FINDERS: LazyLock<Vec<Finder<'static>>> =
    LazyLock::new(|| finders(HOOKS.iter().map(|(host, ..)| *host)));

/// Adds the secret paths.
pub(super) fn find(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    // Fast path: no host without a path.
    if bytes.len() < URL_MIN || memchr::memchr(b'/', bytes).is_none() {
        return;
    }
    for ((host, path, words), finder) in HOOKS.iter().zip(&*HOST_FINDERS) {
        let mut lowest = 0;
        for at in finder.find_iter(bytes) {
            let after = Some(at + host.len()).filter(|_| at >= lowest);
            let Some(mut start) = after.and_then(|at| skip_path(bytes, at, path)) else { continue };
            for _ in 0..*words {
                start += run(&bytes[start..], |byte| byte.is_ascii_alphanumeric() || byte == b'_');
                start = skip_path(bytes, start, b"/").unwrap_or(start);
            }
            let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/\\:@.~".contains(&byte);
            let length = run(&bytes[start..], is_path);
            lowest = start + length;
            if length >= PATH_MIN {
                found.push(Match { start, end: start + length, kind: TOKEN });
            }
        }
    }
}

/// Returns the end of a path at `at`, whose slashes may be escaped.
fn skip_path(bytes: &[u8], mut at: usize, path: &[u8]) -> Option<usize> {
    for expected in path {
        if *expected == b'/' {
            let escapes = &bytes[at..bytes.len().min(at + 4)];
            at += run(escapes, |byte| byte == b'\\');
        }
        if bytes.get(at) != Some(expected) {
            return None;
        }
        at += 1;
    }
    Some(at)
}
