//! Card, telephone and personal identification numbers among other numbers.
//!
//! Promises: bare digits are no telephone number, and 13 to 19 digits are a card only in a range
//! that issuers use: timestamps, account ids, versions, addresses and dates stay. Every search is
//! bounded by the maximum number of digits.

use super::bytes::digits;
use super::{CARD, Match, PERSON, PHONE};

/// Maximum digits of a card number.
const CARD_MAX: usize = 19;
/// Minimum and maximum digits of an international telephone number (E.164).
const PHONE_MIN: usize = 8;
const PHONE_MAX: usize = 15;
/// Maximum groups of digits in a number.
const GROUPS_MAX: usize = 8;

/// A group of digits in a number.
struct DigitGroup {
    start: usize,
    end: usize,
    /// The separator before the group; 0 before the first.
    separator: u8,
}

fn read_groups(bytes: &[u8], start: usize) -> Vec<DigitGroup> {
    let mut groups = Vec::new();
    let (mut start, mut separator) = (start, 0);
    while groups.len() < GROUPS_MAX {
        // One digit more than a card has is enough to reject it.
        let limit = bytes.len().min(start + CARD_MAX + 1);
        let end = start + digits(&bytes[start..limit]);
        groups.push(DigitGroup { start, end, separator });
        start = match bytes.get(end..).unwrap_or_default() {
            [b')', b' ' | b'-', digit, ..] if digit.is_ascii_digit() => end + 2,
            [b' ' | b'-' | b'.' | b'+' | b')', digit, ..] if digit.is_ascii_digit() => end + 1,
            _ => break,
        };
        separator = bytes[end];
    }
    groups
}

/// Matches a card or telephone number at `start`, the first digit of its run.
pub(super) fn card_or_phone<'k>(bytes: &[u8], lowest: usize, start: usize) -> Option<Match<'k>> {
    let groups = read_groups(bytes, start);
    // Digits after a decimal point are a fraction.
    let fraction = matches!(bytes[lowest..start], [.., b'0'..=b'9', b'.']);
    if !fraction && let Some(end) = card_end(bytes, &groups) {
        return Some(Match { start, end, kind: CARD });
    }
    grouped_number(bytes, lowest, &groups)
}

/// Returns the end of the card number that the groups begin with.
fn card_end(bytes: &[u8], groups: &[DigitGroup]) -> Option<usize> {
    let mut number = Vec::with_capacity(CARD_MAX);
    let mut best = None;
    for (index, &DigitGroup { start, end, separator }) in groups.iter().enumerate() {
        let length = end - start;
        let apart = index > 0 || groups.len() > 1 && length < 13;
        let alike = index < 2 || separator == groups[1].separator;
        if number.len() + length > CARD_MAX || apart && !(3..8).contains(&length) || !alike {
            break;
        }
        number.extend(bytes[start..end].iter().map(|byte| byte - b'0'));
        if is_issued_range(&number) && passes_luhn(&number) {
            best = Some(end);
        }
    }
    best
}

/// Returns whether the first digits and the length belong to a card issuer.
fn is_issued_range(number: &[u8]) -> bool {
    if number.len() < 13 {
        return false;
    }
    let head = number[..4].iter().fold(0, |head, digit| head * 10 + u32::from(*digit));
    match number.len() {
        13 => head / 1000 == 4,
        14 => matches!(head, 3000..=3059 | 3090..=3099 | 3600..=3699 | 3800..=3999),
        15 => matches!(head / 100, 34 | 37),
        16 => matches!(head,
            2221..=2720 | 3528..=3589 | 3600..=3699 | 3800..=3999 | 4000..=5899 | 6000..=6999),
        17 | 18 => matches!(head, 6011 | 6200..=6299 | 6440..=6599),
        // Not 4000 to 4999: most of them are trace ids of 64 bits.
        _ => matches!(head, 3528..=3589 | 6011 | 6200..=6299 | 6300..=6399
            | 6440..=6599 | 6700..=6799),
    }
}

/// Returns whether the Luhn check digit is right and the digits are not all equal.
fn passes_luhn(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, u32::from(*digit) * 2) {
            (0, twice) => twice / 2,
            (_, twice) => twice / 10 + twice % 10,
        })
        .sum();
    sum.is_multiple_of(10) && number.iter().any(|digit| *digit != number[0])
}

/// Matches a number in a common national format that all groups together form.
fn grouped_number<'k>(bytes: &[u8], lowest: usize, groups: &[DigitGroup]) -> Option<Match<'k>> {
    let ([DigitGroup { start, .. }, .., DigitGroup { end, .. }], 2..=5) = (groups, groups.len())
    else {
        return None;
    };
    let (start, end) = (*start, *end);
    let joined = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/:.@".contains(&byte);
    let before = (start > lowest).then(|| bytes[start - 1]);
    if bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return None;
    }
    let lengths: Vec<usize> = groups.iter().map(|group| group.end - group.start).collect();
    let separators: Vec<u8> = groups[1..].iter().map(|group| group.separator).collect();
    if before == Some(b'(') && separators[0] == b')' {
        let rest: usize = lengths[1..].iter().sum();
        let is = (2..=4).contains(&lengths[0]) && (6..=9).contains(&rest);
        return is.then_some(Match { start: start - 1, end, kind: PHONE });
    }
    if before.is_some_and(joined) || separators.contains(&b')') {
        return None;
    }
    let first = |group: usize| bytes[groups[group].start];
    let second = || bytes[start + 1];
    let same = separators.iter().all(|byte| *byte == separators[0] && *byte != b'+');
    let national = |group: usize| first(group) > b'1' && first(group + 1) > b'1';
    let kind = match (&lengths[..], &separators[..]) {
        ([3, 3, 3, 2], b"..-") | ([3, 2, 4], b"--") => PERSON,
        ([3, 3, 4], _) if same && national(0) => PHONE,
        ([1, 3, 3, 4], _) if same && first(0) == b'1' && national(1) => PHONE,
        ([2, 4 | 5, 4], b" -" | b"--") if first(0) > b'0' && second() > b'0' => PHONE,
        ([2, 2, 2, 2, 2] | [3, 4, 4] | [4, 3, 4] | [5, 3, 3], _)
            if same && first(0) == b'0' && second() > b'0' =>
        {
            PHONE
        }
        _ => return None,
    };
    Some(Match { start, end, kind })
}

/// Matches `+55 11 98765-4321`: a plus sign, possibly escaped, and 8 to 15 digits.
pub(super) fn international_phone<'k>(
    bytes: &[u8],
    lowest: usize,
    start: usize,
    after: usize,
) -> Option<Match<'k>> {
    // Neither a sum nor an exponent.
    if let [.., b'0'..=b'9'] | [.., b'0'..=b'9', b'e' | b'E'] = bytes[lowest..start] {
        return None;
    }
    let (mut at, mut count, mut end) = (after, 0, None);
    loop {
        let apart = bytes[at..].iter().take(3).take_while(|byte| b" -.()".contains(byte)).count();
        let limit = bytes.len().min(at + apart + PHONE_MAX + 1);
        let more = digits(&bytes[at + apart..limit]);
        let zero = count == 0 && bytes.get(at + apart) == Some(&b'0');
        if more == 0 || zero || apart > 2 || count + more > PHONE_MAX || count == 0 && apart > 1 {
            break;
        }
        count += more;
        at += apart + more;
        end = (count >= PHONE_MIN).then_some(at).or(end);
    }
    end.map(|end| Match { start, end, kind: PHONE })
}
