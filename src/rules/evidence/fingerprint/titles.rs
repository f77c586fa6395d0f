//! Titles of the groups of one report: no two are equal.

use super::{Fingerprint, TITLE_MAX};
use crate::text::{safe, shorten};

/// Length of what is added to a title, in characters.
const ADDED_MAX: usize = 48;
/// Characters shown before the first difference of two texts.
const BEFORE: usize = 16;

/// Adds to titles that several fingerprints have what tells them apart.
pub(super) fn distinguish(mut prints: Vec<&mut Fingerprint>) {
    for index in 0..prints.len() {
        let same: Vec<usize> =
            (0..prints.len()).filter(|other| prints[*other].title == prints[index].title).collect();
        if same.len() < 2 {
            continue;
        }
        let reasons: Vec<String> = same
            .iter()
            .map(|at| reason(&prints[*at].why, &prints[other_of(&same, *at)].why))
            .collect();
        for (at, reason) in same.iter().zip(reasons) {
            let print = &mut *prints[*at];
            // An id tells apart what words do not.
            let reason = if reason.is_empty() { print.id[..8].to_owned() } else { reason };
            let added = format!(" ({})", shorten(&safe(&reason), ADDED_MAX));
            let kept = TITLE_MAX - added.chars().count();
            print.title = format!("{}{added}", shorten(&print.title, kept));
        }
        // Those that the words left equal.
        let mut seen = std::collections::BTreeSet::new();
        for at in same {
            let print = &mut *prints[at];
            if !seen.insert(print.title.clone()) {
                let added = format!(" ({})", &print.id[..8]);
                print.title = format!("{}{added}", shorten(&print.title, TITLE_MAX - added.len()));
            }
        }
    }
}

/// Returns another index of the list.
fn other_of(all: &[usize], at: usize) -> usize {
    all.iter().copied().find(|other| *other != at).unwrap_or(at)
}

/// Returns the part of a fingerprint's reasons that another lacks, from shortly before the
/// difference on.
fn reason(why: &[String], other: &[String]) -> String {
    let Some((at, part)) = why.iter().enumerate().find(|(_, part)| !other.contains(part)) else {
        return String::new();
    };
    let beside = other.get(at).map_or("", String::as_str);
    let same = part.chars().zip(beside.chars()).take_while(|(a, b)| a == b).count();
    if same <= BEFORE {
        return part.clone();
    }
    let shown: String = part.chars().skip(same - BEFORE).collect();
    format!("…{}", shown.split_once(' ').map_or(&*shown, |(_, rest)| rest))
}
