//! Masking of addresses: hosts, ports, URLs and ARNs.
//!
//! Names that the infrastructure of a team keeps stay, because they tell causes apart: names of DNS,
//! ports of services, the resource of an ARN. Masked are the numbers and hashes in a name, IP addresses, ports
//! that the system chose for one connection, accounts, regions, ids and users.

use super::MaskedText;
use super::random::is_random;

/// Least port that Linux chooses for a connection.
const CHOSEN_PORT_MIN: u16 = 32_768;
/// Limits on the lengths of a host and of the file of a deployment.
const HOST_MAX: usize = 128;
const FILE_MAX: usize = 96;
/// Words after a collection that name an operation on it rather than one of its items.
const OPERATIONS: [&str; 26] = [
    "batch", "bulk", "cancel", "capture", "complete", "confirm", "count", "create", "delete",
    "download", "export", "import", "list", "login", "logout", "notify", "refund", "register",
    "search", "send", "submit", "sync", "update", "upload", "validate", "verify",
];

/// Returns whether a number is the port of a service.
pub(super) fn is_service_port(number: &str) -> bool {
    number.parse::<u16>().is_ok_and(|port| port < CHOSEN_PORT_MIN)
}

/// Writes the port behind a host; none if it is empty.
pub(super) fn write_port(port: &str, out: &mut MaskedText) {
    if port.is_empty() {
        return;
    }
    out.text.push(':');
    if is_service_port(port) { out.push_word(port) } else { out.push_mask("<num>") }
}

/// Writes the port of an IP address that was masked as `<host>`.
pub(super) fn write_port_of(address: &str, mask: &str, out: &mut MaskedText) {
    if let Some((host, port)) = address.split_once(':')
        && mask == "<host>"
        && !host.is_empty()
        && !port.contains(':')
    {
        write_port(port, out);
    }
}

/// Writes the name of a host, label by label.
pub(super) fn write_host(host: &str, out: &mut MaskedText) {
    for (index, label) in host.split('.').enumerate() {
        if index > 0 {
            out.text.push('.');
        }
        if is_region(label) { out.push_mask("<*>") } else { write_name(label, out) }
    }
}

/// Writes a name of the infrastructure without its numbers and hashes: `shard-<*>`.
fn write_name(name: &str, out: &mut MaskedText) {
    for part in name.split_inclusive(['-', '_', '.']) {
        let word = part.trim_end_matches(['-', '_', '.']);
        if is_varying(word) {
            out.push_mask("<*>")
        } else {
            out.push_word(word)
        }
        out.text.push_str(&part[word.len()..]);
    }
}

/// Returns whether a part of a name is a number or a hash: has a digit, no vowel, or is hex.
fn is_varying(part: &str) -> bool {
    const WITH_DIGIT: [&str; 3] = ["s3", "ec2", "route53"];
    const WITHOUT_VOWEL: [&str; 4] = ["https", "mssql", "rdbms", "grpcs"];
    let bytes = part.as_bytes();
    let is_vowel = |byte: &u8| b"aeiouy".contains(&byte.to_ascii_lowercase());
    let no_vowel = bytes.len() >= 5 && !bytes.iter().any(is_vowel);
    let is_hex = bytes.len() > 7 && bytes.iter().all(u8::is_ascii_hexdigit);
    (bytes.iter().any(u8::is_ascii_digit) && !WITH_DIGIT.contains(&part))
        || !bytes.iter().all(u8::is_ascii_alphanumeric)
        || (no_vowel && !WITHOUT_VOWEL.contains(&part))
        || is_hex
        || is_random(part)
}

/// Returns whether a label is a region: `eu-west-1`.
fn is_region(label: &str) -> bool {
    let mut parts = label.split('-');
    let [first, middle, last] = [(); 3].map(|()| parts.next().unwrap_or_default());
    parts.next().is_none()
        && first.len() == 2
        && middle.len() >= 4
        && matches!(last.as_bytes(), [b'1'..=b'9'])
}

/// Writes an ARN as its service and its resource, without qualifiers: `arn:dynamodb:table/orders`.
pub(super) fn write_arn(rest: &str, out: &mut MaskedText) {
    let mut parts = rest.splitn(5, ':');
    let service = parts.nth(1).unwrap_or_default();
    let resource = parts.nth(2).unwrap_or_default();
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let plain = service.len() <= 32 && service.bytes().all(is_plain);
    out.push_word("arn:");
    out.push_word(if plain { service } else { "" });
    out.text.push(':');
    let mut names = resource.split([':', '/']);
    let Some(first) = names.next().filter(|first| plain && !first.is_empty()) else {
        return out.push_mask("<*>");
    };
    write_name(first, out);
    // A bucket, a queue and a topic have no type before their name.
    let Some(second) = names.next().filter(|_| !matches!(service, "s3" | "sqs" | "sns")) else {
        return;
    };
    out.text.push_str(&resource[first.len()..=first.len()]);
    if first == "user" { out.push_mask("<*>") } else { write_name(second, out) }
}

/// Writes a URL with its host and the words of its path, which tell the operation; masks user and
/// query.
pub(super) fn write_url(chunk: &str, out: &mut MaskedText) {
    let (scheme, rest) = chunk.split_once("://").unwrap_or(("", chunk));
    out.push_word(scheme);
    out.push_word("://");
    let path = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..path];
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
    let is_host = (1..=HOST_MAX).contains(&host.len()) && host.bytes().all(is_plain);
    let is_address = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !is_host || is_address || !port.bytes().all(|b| b.is_ascii_digit()) {
        out.push_mask("<host>");
    } else {
        write_host(host, out);
    }
    if port.bytes().all(|b| b.is_ascii_digit()) {
        write_port(port, out);
    }
    write_url_path(&rest[path..], out);
}

/// Writes the path of a URL and masks its query. Segments with digits, names of files, and what
/// follows a collection such as `customers` are values.
pub(super) fn write_url_path(chunk: &str, out: &mut MaskedText) {
    let path = chunk.split(['?', '#']).next().unwrap_or_default();
    let mut is_item = false;
    for part in path.split('/').skip(1) {
        out.text.push('/');
        let is_version = part.len() <= 3
            && part.starts_with('v')
            && part[1..].bytes().all(|b| b.is_ascii_digit());
        let plain = part.bytes().all(|b| b.is_ascii_alphabetic() || b"-_".contains(&b));
        let is_word = plain
            && part.len() <= 40
            && !is_random(part)
            && !part.split(['-', '_']).any(is_varying);
        let is_collection = is_word
            && part.len() > 3
            && part.ends_with('s')
            && !["ss", "us", "is"].iter().any(|end| part.ends_with(end));
        let is_operation = !is_item || OPERATIONS.contains(&part);
        if part.is_empty() || is_version || (is_word && is_operation) {
            out.push_word(part);
            is_item = is_collection;
        } else {
            out.push_mask("<*>");
            is_item = false;
        }
    }
    if path.len() < chunk.len() {
        out.push_word("?");
        out.push_mask("<*>");
    }
}

/// Returns whether a text is the path of a file that a deployment brings along.
pub(super) fn is_deployed_file(text: &str) -> bool {
    const ROOTS: [&str; 4] = ["/etc/", "/opt/", "/usr/", "/var/task/"];
    let is_path = |b: u8| b.is_ascii_alphabetic() || b"/._-".contains(&b);
    text.len() <= FILE_MAX
        && ROOTS.iter().any(|root| text.starts_with(root))
        && text.bytes().all(is_path)
        && !is_random(text)
}
