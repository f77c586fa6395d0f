//! The words for what a round is to ask, by which rounds of several selections are told apart. Pure.

use std::time::Duration;

use super::shard::Shard;
use crate::event::derived_id;
use crate::text::safe;

/// A failure to poll that lasts is reported again after this time, so that who reads the stream knows that
/// it goes on.
pub const TELL_AGAIN: Duration = Duration::from_secs(12 * 3600);
/// The time after which a failure is over for the rounds of any selection, when it is not reported again:
/// nobody asks any more for what a changed configuration no longer has.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(25 * 3600);

/// The longest text: it is a part of each `poll.finished`.
const LENGTH_MAX: usize = 120;
/// The beginning of a longer one that remains, before the hash of all of it.
const KEPT: usize = 100;

/// Returns the accounts and regions of the scopes with the shard, or the queues that a run was given. Equal selections
/// have equal texts, in whatever order they were given; name patterns are no part of it, so that another
/// pattern is not another selection.
pub fn text<'a>(
    scopes: impl Iterator<Item = (&'a str, &'a str)>,
    queues: &[String],
    shard: Option<Shard>,
) -> String {
    let mut parts: Vec<String> = match queues {
        [] => scopes.map(|(account, region)| format!("{account} {region}")).collect(),
        queues => queues.iter().map(|queue| format!("queue {queue}")).collect(),
    };
    parts.iter_mut().for_each(|part| *part = safe(part.trim()).into_owned());
    parts.sort_unstable();
    parts.dedup();
    parts.extend(shard.map(|shard| format!("shard {shard}")));
    let all = parts.join(", ");
    if all.len() <= LENGTH_MAX {
        return all;
    }
    let hash = derived_id(&[&all]);
    let kept = all.floor_char_boundary(KEPT);
    format!("{}… #{}", &all[..kept], &hash[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_selections_have_equal_texts() {
        let of = |scopes: &[(&str, &str)], queues: &[&str]| {
            let queues: Vec<String> = queues.iter().map(|queue| (*queue).to_owned()).collect();
            text(scopes.iter().copied(), &queues, None)
        };
        let shard = |text: &str| Shard::parse(text);
        let (eu, us) = (("", "eu-west-1"), ("prod", "us-east-1"));
        let rows = [
            ("a region", of(&[eu], &[]), "eu-west-1"),
            ("an account and a region", of(&[us, eu], &[]), "eu-west-1, prod us-east-1"),
            ("in another order, and twice", of(&[eu, us, eu], &[]), "eu-west-1, prod us-east-1"),
            ("queues", of(&[eu, us], &["b", "a"]), "queue a, queue b"),
            ("a name with a line break", of(&[eu], &["a\nb"]), "queue a\\nb"),
            ("a shard", text([eu].into_iter(), &[], shard("2/3")), "eu-west-1, shard 2/3"),
        ];
        for (rule, found, expected) in rows {
            assert_eq!(found, expected, "{rule}");
        }
    }

    #[test]
    fn failure_that_lasts_is_told_again_before_it_is_forgotten() {
        assert!(FORGOTTEN_AFTER > 2 * TELL_AGAIN, "one report may be missing");
    }

    #[test]
    fn long_selections_are_cut_and_stay_apart() {
        let names = |last: &str| -> Vec<String> {
            (0..40).map(|n| format!("ü-queue-{n}")).chain([last.to_owned()]).collect()
        };
        let (one, two) =
            (text([].into_iter(), &names("y"), None), text([].into_iter(), &names("z"), None));
        assert_ne!(one, two);
        assert_eq!(one, text([].into_iter(), &names("y"), None));
        assert!(one.len() <= LENGTH_MAX, "{one}");
        assert!(one.starts_with("queue y, queue ü-queue-0, queue ü-queue-1, "), "{one}");
    }
}
