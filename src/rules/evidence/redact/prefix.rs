//! Redaction of tokens and keys that begin with a prefix of their provider.
//!
//! Promises: rejecting a candidate takes bounded time, or none of its bytes is scanned again. A new
//! form of token is a row of `UNDERSCORE_FORMS`, `DASH_FORMS` or `PLAIN_FORMS`.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::bytes::{finders, is_base64, is_base64url, run};
use super::{Match, TOKEN};

/// Bytes of a candidate that are checked before it is accepted.
const LOOKAHEAD: usize = 64;

type ByteClass = fn(u8) -> bool;

/// A form of token: the bytes that it begins with, those that may follow, and their minimum number.
type TokenForm = (&'static [u8], ByteClass, usize);

/// Tokens whose prefix ends in `_`.
const UNDERSCORE_FORMS: [TokenForm; 39] = [
    // GitHub.
    (b"ghp_", is_alphanumeric, 20),
    (b"gho_", is_alphanumeric, 20),
    (b"ghu_", is_alphanumeric, 20),
    (b"ghs_", is_alphanumeric, 20),
    (b"ghr_", is_alphanumeric, 20),
    (b"github_pat_", is_word, 20),
    // npm, RubyGems, Docker.
    (b"npm_", is_alphanumeric, 20),
    (b"rubygems_", is_alphanumeric, 32),
    (b"dckr_pat_", is_base64url, 20),
    // Stripe, Shippo.
    (b"sk_live_", is_alphanumeric, 10),
    (b"rk_live_", is_alphanumeric, 10),
    (b"sk_test_", is_alphanumeric, 10),
    (b"rk_test_", is_alphanumeric, 10),
    (b"whsec_", is_alphanumeric, 16),
    (b"shippo_live_", is_alphanumeric, 20),
    // Shopify.
    (b"shpat_", is_alphanumeric, 20),
    (b"shpss_", is_alphanumeric, 20),
    (b"shpca_", is_alphanumeric, 20),
    (b"shppa_", is_alphanumeric, 20),
    // DigitalOcean, Hugging Face, Grafana, Linear, Notion, Figma.
    (b"dop_v1_", is_alphanumeric, 20),
    (b"hf_", is_alphanumeric, 30),
    (b"glsa_", is_word, 20),
    (b"glc_", is_base64, 32),
    (b"lin_api_", is_alphanumeric, 30),
    (b"ntn_", is_alphanumeric, 40),
    (b"figd_", is_base64url, 30),
    // PlanetScale, Supabase, Groq, Replicate, Typeform, ReadMe, Prefect, Sentry.
    (b"pscale_tkn_", is_base64url, 30),
    (b"pscale_pw_", is_base64url, 30),
    (b"sbp_", is_alphanumeric, 40),
    (b"gsk_", is_alphanumeric, 40),
    (b"r8_", is_alphanumeric, 36),
    (b"tfp_", is_base64url, 40),
    (b"rdme_", is_alphanumeric, 50),
    (b"pnu_", is_alphanumeric, 30),
    (b"sntrys_", is_base64, 40),
    (b"sntryu_", is_alphanumeric, 40),
    // PostHog; Notion, the older form.
    (b"phx_", is_alphanumeric, 40),
    (b"phc_", is_alphanumeric, 40),
    (b"secret_", is_alphanumeric, 43),
];

/// Tokens whose prefix ends in `-`.
const DASH_FORMS: [TokenForm; 24] = [
    // GitLab, Slack.
    (b"glpat-", is_base64url, 16),
    (b"glrt-", is_base64url, 16),
    (b"gldt-", is_base64url, 16),
    (b"glptt-", is_base64url, 16),
    (b"glcbt-", is_base64url, 16),
    (b"xapp-", is_base64url, 10),
    // PyPI, Square, Google, New Relic, Postman, HubSpot.
    (b"pypi-", is_base64url, 20),
    (b"sq0atp-", is_base64url, 20),
    (b"sq0csp-", is_base64url, 20),
    (b"GOCSPX-", is_base64url, 20),
    (b"NRAK-", is_alphanumeric, 24),
    (b"PMAK-", is_hex_or_dash, 40),
    (b"pat-na1-", is_hex_or_dash, 36),
    (b"pat-eu1-", is_hex_or_dash, 36),
    // Mailgun, Brevo, xAI, Perplexity, NVIDIA, Pulumi, Heroku, Plaid.
    (b"key-", is_alphanumeric, 32),
    (b"xkeysib-", is_base64url, 32),
    (b"xsmtpsib-", is_base64url, 32),
    (b"xai-", is_alphanumeric, 40),
    (b"pplx-", is_alphanumeric, 40),
    (b"nvapi-", is_base64url, 40),
    (b"pul-", is_alphanumeric, 40),
    (b"HRKU-", is_base64url, 36),
    (b"access-production-", is_hex_or_dash, 36),
    (b"AGE-SECRET-KEY-", is_upper_or_digit, 40),
];

/// Tokens that are searched for by their whole prefix.
const PLAIN_FORMS: [TokenForm; 21] = [
    // AWS, Google, SendGrid, Twilio.
    (b"AKIA", is_upper_or_digit, 16),
    (b"ASIA", is_upper_or_digit, 16),
    (b"AIza", is_base64url, 30),
    (b"ya29.", is_base64url, 20),
    (b"1//0", is_base64url, 30),
    (b"SG.", |byte| is_base64url(byte) || byte == b'.', 40),
    (b"SK", is_lower_hex, 32),
    // Keys of SSH: RSA, DSS and Ed25519; ECDSA.
    (b"AAAAB3NzaC1", is_base64, 20),
    (b"AAAAC3NzaC1", is_base64, 20),
    (b"AAAAE2VjZHNhLXNoYTItbmlzdHA", is_base64, 20),
    // Databricks, Atlassian, Bitbucket, Vault, Doppler, Facebook and Square, Azure.
    (b"dapi", is_lower_hex, 32),
    (b"ATATT3", |byte| is_base64url(byte) || byte == b'=', 40),
    (b"ATCTT3", |byte| is_base64url(byte) || byte == b'=', 40),
    (b"ATBB", is_alphanumeric, 28),
    (b"hvs.", is_base64url, 20),
    (b"hvb.", is_base64url, 20),
    (b"dp.pt.", is_alphanumeric, 40),
    (b"EAAC", is_alphanumeric, 40),
    (b"EAAA", is_base64url, 40),
    (b"8Q~", |byte| is_base64url(byte) || byte == b'~' || byte == b'.', 30),
    (b"7Q~", |byte| is_base64url(byte) || byte == b'~' || byte == b'.', 30),
];

static PLAIN_FINDERS: LazyLock<Vec<Finder<'static>>> =
    LazyLock::new(|| finders(PLAIN_FORMS.iter().map(|(prefix, ..)| *prefix)));

/// Matches a token of `forms`, whose prefix ends at `at`.
fn formed<'k>(bytes: &[u8], lowest: usize, at: usize, forms: &[TokenForm]) -> Option<Match<'k>> {
    let before = &bytes[lowest..=at];
    let form = |(prefix, class, min): &TokenForm| {
        // Fast path: the last letters of the prefix.
        let last = prefix.len() - 2;
        (before.len() >= prefix.len()
            && before[before.len() - 2..] == prefix[last..]
            && before.ends_with(prefix))
        .then(|| match_from(bytes, at + 1 - prefix.len(), at + 1, *min, class))
        .flatten()
    };
    forms.iter().find_map(form)
}

/// Matches a token whose prefix ends in the `_` at `at`.
pub(super) fn underscored<'k>(bytes: &[u8], lowest: usize, at: usize) -> Option<Match<'k>> {
    formed(bytes, lowest, at, &UNDERSCORE_FORMS)
}

/// Adds the tokens of `PLAIN_FORMS`.
pub(super) fn find_plain(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    for ((prefix, class, min), finder) in PLAIN_FORMS.iter().zip(&*PLAIN_FINDERS) {
        if bytes.len() < prefix.len() + min {
            continue;
        }
        let mut lowest = 0;
        for at in finder.find_iter(bytes) {
            if at >= lowest
                && let Some(hit) = match_from(bytes, at, at + prefix.len(), *min, class)
            {
                lowest = hit.end;
                found.push(hit);
            }
        }
    }
    find_telegram(bytes, found);
    find_terraform(bytes, found);
}

/// Adds tokens of bots of Telegram: `123456789:AA…`.
fn find_telegram(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    for at in memchr::memmem::find_iter(bytes, b":AA") {
        let digits = bytes[..at].iter().rev().take(12).take_while(|b| b.is_ascii_digit()).count();
        if (8..=10).contains(&digits) {
            found.extend(match_from(bytes, at - digits, at + 1, 35, is_base64url));
        }
    }
}

/// Adds tokens of Terraform: 14 letters and digits, `.atlasv1.`, and the key.
fn find_terraform(bytes: &[u8], found: &mut Vec<Match<'_>>) {
    const MIDDLE: &[u8] = b".atlasv1.";
    if bytes.len() < MIDDLE.len() + 60 {
        return;
    }
    for at in memchr::memmem::find_iter(bytes, MIDDLE) {
        let head = bytes[..at].iter().rev().take(14).take_while(|byte| is_alphanumeric(**byte));
        found.extend(match_from(bytes, at - head.count(), at + MIDDLE.len(), 40, is_base64url));
    }
}

/// Matches a token whose prefix ends in the dash at `at`, such as those of Slack, Anthropic and
/// OpenAI.
pub(super) fn dashed<'k>(bytes: &[u8], lowest: usize, at: usize) -> Option<Match<'k>> {
    if let Some(hit) = formed(bytes, lowest, at, &DASH_FORMS) {
        return Some(hit);
    }
    let before = &bytes[lowest..at];
    if let [.., b'x', b'o', b'x', b'a'..=b'z'] = before {
        return match_from(bytes, at - 4, at + 1, 10, is_base64url);
    }
    // Mailchimp: `…-us12`
    if let [b'-', b'u', b's', digit, ..] = bytes[at..]
        && digit.is_ascii_digit()
    {
        let key = before.iter().rev().take(33).take_while(|byte| is_lower_hex(**byte)).count();
        return (key == 32).then_some(Match { start: at - key, end: at + 4, kind: TOKEN });
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

/// Returns the match from `start` through the bytes of `class` at `from`, if there are at least
/// `min` of these.
pub(super) fn match_from<'k>(
    bytes: &[u8],
    start: usize,
    from: usize,
    min: usize,
    class: impl Fn(u8) -> bool,
) -> Option<Match<'k>> {
    let length = run(&bytes[from..], class);
    (length >= min).then_some(Match { start, end: from + length, kind: TOKEN })
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')
}

fn is_hex_or_dash(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b'-'
}
