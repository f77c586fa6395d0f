//! Redaction of tokens and keys, which are recognised by their form: those of the large providers,
//! JSON web tokens, PEM blocks.
//!
//! Promises: rejecting a candidate takes bounded time, or none of its bytes is scanned again.

use super::bytes::run;
use super::{JWT, Match, PEM, SECRET, TOKEN};

/// Bytes of a candidate that are checked before it is accepted.
const LOOKAHEAD: usize = 64;

/// Length of a secret key of AWS.
const AWS_SECRET_KEY: usize = 40;
const PEM_BEGIN: &[u8] = b"-----BEGIN ";

type ByteClass = fn(u8) -> bool;

/// State of one pass, which keeps it linear.
#[derive(Default)]
pub(super) struct ScanState {
    /// No JSON web token begins before this offset.
    jwt: usize,
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// Returns the match from `start` through the bytes of `class` at `from`, if there are at least
/// `min` of these.
fn match_from<'k>(
    bytes: &[u8],
    start: usize,
    from: usize,
    min: usize,
    class: impl Fn(u8) -> bool,
) -> Option<Match<'k>> {
    let length = run(&bytes[from..], class);
    (length >= min).then_some(Match { start, end: from + length, kind: TOKEN })
}

/// Tokens by prefix: the offset of the byte in the prefix that triggers the examination, the bytes
/// that may follow the prefix, and their minimum number.
const PREFIXES: [(&[u8], usize, ByteClass, usize); 28] = [
    // GitHub.
    (b"ghp_", 3, is_alphanumeric, 20),
    (b"gho_", 3, is_alphanumeric, 20),
    (b"ghu_", 3, is_alphanumeric, 20),
    (b"ghs_", 3, is_alphanumeric, 20),
    (b"ghr_", 3, is_alphanumeric, 20),
    (b"github_pat_", 10, |byte| is_alphanumeric(byte) || byte == b'_', 20),
    // npm, Stripe, GitLab, Slack.
    (b"npm_", 3, is_alphanumeric, 20),
    (b"sk_live_", 7, is_alphanumeric, 10),
    (b"rk_live_", 7, is_alphanumeric, 10),
    (b"sk_test_", 7, is_alphanumeric, 10),
    (b"rk_test_", 7, is_alphanumeric, 10),
    (b"whsec_", 5, is_alphanumeric, 16),
    (b"glpat-", 5, is_base64url, 16),
    (b"xapp-", 4, is_base64url, 10),
    // Shopify, DigitalOcean, Hugging Face, Grafana, PyPI, Square, SendGrid.
    (b"shpat_", 5, is_alphanumeric, 20),
    (b"shpss_", 5, is_alphanumeric, 20),
    (b"dop_v1_", 6, is_alphanumeric, 20),
    (b"hf_", 2, is_alphanumeric, 30),
    (b"glsa_", 4, |byte| is_alphanumeric(byte) || byte == b'_', 20),
    (b"pypi-", 4, is_base64url, 20),
    (b"sq0atp-", 6, is_base64url, 20),
    (b"SG.", 0, |byte| is_base64url(byte) || byte == b'.', 40),
    // Keys of SSH: RSA, DSS and Ed25519; ECDSA.
    (b"AAAAB3NzaC1", 7, is_base64, 20),
    (b"AAAAC3NzaC1", 7, is_base64, 20),
    (b"AAAAE2VjZHNhLXNoYTItbmlzdHA", 23, is_base64, 20),
    // AWS, Google.
    (b"AKIA", 1, is_upper_or_digit, 16),
    (b"ASIA", 1, is_upper_or_digit, 16),
    (b"AIza", 2, is_base64url, 30),
];

/// Matches a token of `PREFIXES` whose triggering byte is at `at`.
pub(super) fn prefixed<'k>(bytes: &[u8], lowest: usize, at: usize) -> Option<Match<'k>> {
    PREFIXES.iter().find_map(|(prefix, offset, class, min)| {
        let start = at.checked_sub(*offset).filter(|start| *start >= lowest)?;
        let is = bytes[start..].starts_with(prefix);
        is.then(|| match_from(bytes, start, start + prefix.len(), *min, class)).flatten()
    })
}

/// Matches tokens of Slack, Anthropic and OpenAI, whose prefix ends in the dash at `at`.
pub(super) fn dash_prefixed<'k>(bytes: &[u8], lowest: usize, at: usize) -> Option<Match<'k>> {
    let before = &bytes[lowest..at];
    if let [.., b'x', b'o', b'x', b'a'..=b'z'] = before {
        return match_from(bytes, at - 4, at + 1, 10, is_base64url);
    }
    // `sk-` also ends "task-" and "disk-", which words may follow.
    let [rest @ .., b's', b'k'] = before else { return None };
    let whole = !rest.last().is_some_and(u8::is_ascii_alphanumeric);
    let head = &bytes[at + 1..bytes.len().min(at + 1 + LOOKAHEAD)];
    let seen = run(head, is_base64url);
    let named = head.starts_with(b"ant-") || head.starts_with(b"proj-");
    let mixed = head[..seen].iter().any(u8::is_ascii_digit);
    let is = mixed && (named && seen >= 14 || whole && seen >= 20);
    is.then(|| match_from(bytes, at - 2, at + 1, 0, is_base64url)).flatten()
}

/// Schemes of an authorization, and the minimum length of their credentials in a text.
const SCHEMES: [(&[u8], usize); 8] = [
    (b"bearer", 8),
    (b"basic", 8),
    (b"negotiate", 16),
    (b"ntlm", 16),
    (b"apikey", 16),
    (b"token", 16),
    (b"ssws", 16),
    (b"splunk", 16),
];

/// Adds the credentials after `Bearer`, `Basic` and others, unless they look like a word.
pub(super) fn find_authorization(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    let mut lowest = 0;
    for at in memchr::memchr3_iter(b' ', b'+', b'%', bytes) {
        let apart: &[u8] = if bytes[at] == b'%' { b"%20" } else { &bytes[at..=at] };
        let (head, rest) = bytes.split_at(at);
        // Fast path: the last letters of the schemes.
        let last = head.last().map(u8::to_ascii_lowercase);
        if at < lowest || !last.is_some_and(|byte| b"rcemynsk".contains(&byte)) {
            continue;
        }
        let ends = |scheme: &[u8]| {
            head.len().checked_sub(scheme.len()).is_some_and(|from| {
                head[from..].eq_ignore_ascii_case(scheme)
                    && !(from > 0 && head[from - 1].is_ascii_alphabetic() && scheme.len() < 6)
            })
        };
        let scheme = SCHEMES.iter().find(|(scheme, _)| ends(scheme));
        let Some((min, rest)) = scheme.and_then(|(_, min)| Some((*min, rest.strip_prefix(apart)?)))
        else {
            continue;
        };
        let start = at + apart.len() + run(&rest[..rest.len().min(2)], |byte| byte == b' ');
        if let Some(hit) = credentials(bytes, start, min) {
            lowest = hit.end;
            found.push(hit);
        }
    }
}

/// Matches credentials of at least `min` bytes that do not look like a word.
fn credentials<'k>(bytes: &[u8], start: usize, min: usize) -> Option<Match<'k>> {
    let class = |byte: u8| is_base64url(byte) || b"+/.~=:".contains(&byte);
    let head = &bytes[start..bytes.len().min(start + LOOKAHEAD)];
    let head = &head[..run(head, class)];
    let mixed = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    let random = head.iter().any(|byte| byte.is_ascii_digit() || *byte == b'=')
        || head.windows(2).any(mixed);
    (head.len() >= min && random).then(|| match_from(bytes, start, start, 0, class)).flatten()
}

/// Matches a JSON web token around the `J` of `eyJ`: two parts of which the second is an object
/// too, or at least three parts.
pub(super) fn jwt<'k>(
    bytes: &[u8],
    lowest: usize,
    at: usize,
    state: &mut ScanState,
) -> Option<Match<'k>> {
    if at < state.jwt || !bytes[lowest..at].ends_with(b"ey") {
        return None;
    }
    let start = at - 2;
    let mut end = at + run(&bytes[at..], is_base64url);
    // A later candidate within the first part has the same rest.
    state.jwt = end;
    let header = end - start;
    let mut parts = 1;
    let object = bytes.get(end + 1..).is_some_and(|rest| rest.starts_with(b"eyJ"));
    while parts < 5 && bytes.get(end) == Some(&b'.') {
        let length = run(&bytes[end + 1..], is_base64url);
        if length == 0 && parts > 1 {
            break;
        }
        parts += 1;
        end += 1 + length;
    }
    let is = header >= 8 && (parts > 2 || parts > 1 && object);
    is.then_some(Match { start, end, kind: JWT })
}

/// Adds the PEM blocks.
pub(super) fn find_pem(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    if bytes.len() < PEM_BEGIN.len() {
        return;
    }
    let (mut lowest, mut close) = (0, 0);
    for at in memchr::memmem::find_iter(bytes, PEM_BEGIN) {
        if let Some(hit) =
            Some(at).filter(|at| *at >= lowest).and_then(|at| pem(bytes, at, &mut close))
        {
            lowest = hit.end;
            found.push(hit);
        }
    }
}

/// Matches a PEM block from its first dash to its last; without an end, up to the last byte that
/// can belong to it. `known_end` is the last end that was searched, `usize::MAX` if none follows:
/// it keeps the search linear.
fn pem<'k>(bytes: &[u8], at: usize, known_end: &mut usize) -> Option<Match<'k>> {
    let dashes = b"-----";
    let label = bytes[at..].strip_prefix(PEM_BEGIN)?;
    let label = &label[..label.len().min(LOOKAHEAD)];
    let length =
        run(label, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    if length == 0 || !label[length..].starts_with(dashes) {
        return None;
    }
    let body = at + 11 + length + dashes.len();
    if *known_end < body {
        let close = memchr::memmem::find(&bytes[body..], b"-----END ");
        *known_end = close.map_or(usize::MAX, |offset| body + offset);
    }
    let end = if *known_end == usize::MAX {
        let inside =
            |byte: u8| is_base64(byte) || byte.is_ascii_whitespace() || b"=\\:,-".contains(&byte);
        body + run(&bytes[body..], inside)
    } else {
        let from = *known_end + 9;
        let rest = &bytes[from..bytes.len().min(from + LOOKAHEAD + 5)];
        from + memchr::memmem::find(rest, dashes).map_or(0, |label| label + 5)
    };
    Some(Match { start: at, end, kind: PEM })
}

/// Adds secret keys of AWS. They have no prefix: 40 characters of base64 near the word "secret" or
/// an access key id.
pub(super) fn find_aws_secret_keys(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    if bytes.len() < AWS_SECRET_KEY {
        return;
    }
    let is_id = |hit: &&Match| matches!(bytes[hit.start..], [b'A', b'K' | b'S', b'I', b'A', ..]);
    let ids: Vec<usize> = found.iter().filter(is_id).map(|hit| hit.end).collect();
    let words = memchr::memmem::find_iter(bytes, b"ecret")
        .chain(memchr::memmem::find_iter(bytes, b"ECRET"))
        .map(|word| word + 5);
    for from in ids.into_iter().chain(words) {
        let (mut at, limit) = (from, bytes.len().min(from + LOOKAHEAD + AWS_SECRET_KEY + 1));
        while at < limit.min(from + LOOKAHEAD) {
            let length = run(&bytes[at..limit], is_base64);
            let text = &bytes[at..at + length];
            let mixed = text.iter().any(u8::is_ascii_uppercase)
                && text.iter().any(u8::is_ascii_lowercase)
                && text.iter().any(u8::is_ascii_digit);
            if length == AWS_SECRET_KEY && mixed {
                found.push(Match { start: at, end: at + length, kind: SECRET });
                break;
            }
            at += length.max(1);
        }
    }
}
