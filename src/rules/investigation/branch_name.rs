//! The name of an investigation's branch.
//!
//! Promises: git accepts the name (git-check-ref-format(1)), whatever the queue is called, and the
//! same cause in the same queue gets the same name.

use crate::rules::queue::dlq_name::stem;

/// The prefix of every branch.
pub const ROOT: &str = "dlq";

/// The characters of a fingerprint, or of a session's id, in the name.
const SHORT: usize = 8;

/// The characters of a queue's name in the branch: as many as SQS allows.
const QUEUE_MAX: usize = 80;

/// The number of branches of one name, including the one without a number.
pub const SAME_MAX: u32 = 99;

/// Returns `dlq/QUEUE/FINGERPRINT`, or the session's id when the cause is unknown.
pub fn branch(queue: &str, fingerprint: Option<&str>, session: &str) -> String {
    let cause = fingerprint.map(|text| short(text, SHORT)).filter(|text| !text.is_empty());
    let last = cause.unwrap_or_else(|| short(session, SHORT));
    format!("{ROOT}/{}/{}", named(short(stem(queue), QUEUE_MAX)), named(last))
}

/// Whether a branch has the form of those of investigations, or of a proof.
pub fn is_own(branch: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && named(part.to_owned()) == part;
    let mut parts = branch.split('/');
    let is_rooted = parts.next() == Some(ROOT);
    let rest: Vec<&str> = parts.collect();
    is_rooted && (1..=2).contains(&rest.len()) && rest.into_iter().all(is_part)
}

/// Returns the `n`th branch of a name, with the suffix `-2`, `-3` and so on.
pub fn numbered(branch: &str, n: u32) -> String {
    if n < 2 { branch.to_owned() } else { format!("{branch}-{n}") }
}

/// Returns one part of the name. Only letters, digits, dash and underscore are kept, so that there
/// is no `..`, `.lock` or `@{`, no shell metacharacter, and no leading dash.
fn named(text: String) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let plain: String = text.chars().map(kept).collect();
    match plain.trim_matches('-') {
        "" => "unnamed".to_owned(),
        plain => plain.to_owned(),
    }
}

fn short(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branch_of_an_investigation_is_told_from_others() {
        let own = [
            branch("orders-dlq", Some("4f2a91c0"), "s"),
            branch("a.b", None, "x"),
            numbered("dlq/a/b", 2),
        ];
        for name in own.iter().map(String::as_str).chain(["dlq/proof-baed08e6"]) {
            assert!(is_own(name), "{name}");
        }
        for name in [
            "main",
            "dlq",
            "dlq/",
            "dlq//a",
            "dlq/a/b/c",
            "feature/dlq",
            "dlq/a b",
            "-D",
            "dlq/..",
            "dlq/-x",
        ] {
            assert!(!is_own(name), "{name}");
        }
    }

    #[test]
    fn branch_is_named_by_queue_and_cause() {
        let (cause, session) = (Some("0123456789abcdef"), "01890a5d-ac96-774b-bcce-b302099a8057");
        let long = "q".repeat(200);
        let rows = [
            ("plain", "orders-dlq", cause, "dlq/orders-dlq/01234567"),
            ("FIFO", "orders-dlq.fifo", cause, "dlq/orders-dlq/01234567"),
            ("no cause", "orders-dlq", None, "dlq/orders-dlq/01890a5d"),
            ("an empty cause", "orders-dlq", Some(""), "dlq/orders-dlq/01890a5d"),
            ("the case stays", "Orders_DLQ", cause, "dlq/Orders_DLQ/01234567"),
            ("a lock", "a.lock", cause, "dlq/a-lock/01234567"),
            ("dots", "a..b", cause, "dlq/a--b/01234567"),
            ("dashes", "--upload-pack=x-", cause, "dlq/upload-pack-x/01234567"),
            ("a path", "../../etc", cause, "dlq/etc/01234567"),
            ("what git minds", "a~b^c:d?e*f[g\\h@{i", cause, "dlq/a-b-c-d-e-f-g-h--i/01234567"),
            ("what a shell minds", "$(id);`id` &", cause, "dlq/id---id/01234567"),
            ("not ASCII", "größe\n\u{202e}", cause, "dlq/gr--e/01234567"),
            ("nothing that is left", "...", cause, "dlq/unnamed/01234567"),
            ("nothing", "", Some("//"), "dlq/unnamed/unnamed"),
            ("long", &long, cause, &format!("dlq/{}/01234567", &long[..80])),
        ];
        for (rule, queue, cause, name) in rows {
            assert_eq!(branch(queue, cause, session), name, "{rule}");
        }
        assert_eq!(numbered("dlq/a/b", 1), "dlq/a/b");
        assert_eq!(numbered("dlq/a/b", 2), "dlq/a/b-2");
    }
}
