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

/// Groups of digits with a separator between them.
struct DigitGroups {
    /// Start and end of each group.
    ranges: [(usize, usize); GROUPS_MAX],
    /// The separator before each group; 0 before the first.
    separators: [u8; GROUPS_MAX],
    count: usize,
}

impl DigitGroups {
    fn read(bytes: &[u8], start: usize) -> Self {
        let mut groups =
            DigitGroups { ranges: [(0, 0); GROUPS_MAX], separators: [0; GROUPS_MAX], count: 0 };
        let (mut at, mut separator) = (start, 0);
        while groups.count < GROUPS_MAX {
            // One digit more than a card has is enough to reject it.
            let limit = bytes.len().min(at + CARD_MAX + 1);
            let end = at + digits(&bytes[at..limit]);
            groups.ranges[groups.count] = (at, end);
            groups.separators[groups.count] = separator;
            groups.count += 1;
            let next = match bytes.get(end..).unwrap_or_default() {
                [b')', b' ' | b'-', digit, ..] if digit.is_ascii_digit() => end + 2,
                [b' ' | b'-' | b'.' | b'+' | b')', digit, ..] if digit.is_ascii_digit() => end + 1,
                _ => break,
            };
            (at, separator) = (next, bytes[end]);
        }
        groups
    }

    fn length(&self, group: usize) -> usize {
        self.ranges[group].1 - self.ranges[group].0
    }

    fn end(&self) -> usize {
        self.ranges[self.count - 1].1
    }
}

/// Matches a card or telephone number at `start`, the first digit of its run.
pub(super) fn card_or_phone<'k>(bytes: &[u8], lowest: usize, start: usize) -> Option<Match<'k>> {
    let groups = DigitGroups::read(bytes, start);
    // Digits after a decimal point are a fraction.
    let fraction =
        start >= lowest + 2 && bytes[start - 1] == b'.' && bytes[start - 2].is_ascii_digit();
    if !fraction && let Some(end) = card_end(bytes, &groups) {
        return Some(Match { start, end, kind: CARD });
    }
    grouped_number(bytes, lowest, start, &groups)
}

/// Returns the end of the card number that the groups begin with.
fn card_end(bytes: &[u8], groups: &DigitGroups) -> Option<usize> {
    let mut number = [0; CARD_MAX];
    let mut count = 0;
    let mut best = None;
    for group in 0..groups.count {
        let (start, end) = groups.ranges[group];
        let apart = group > 0 || groups.count > 1 && end - start < 13;
        let alike = group < 2 || groups.separators[group] == groups.separators[1];
        if count + end - start > CARD_MAX || apart && !(3..8).contains(&(end - start)) || !alike {
            break;
        }
        for byte in &bytes[start..end] {
            number[count] = byte - b'0';
            count += 1;
        }
        if is_issued_range(&number[..count]) && passes_luhn(&number[..count]) {
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
        _ => matches!(head, 3528..=3589 | 4000..=4999 | 6011 | 6200..=6299 | 6300..=6399
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
fn grouped_number<'k>(
    bytes: &[u8],
    lowest: usize,
    start: usize,
    groups: &DigitGroups,
) -> Option<Match<'k>> {
    if !(2..=5).contains(&groups.count) {
        return None;
    }
    let end = groups.end();
    let joined = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/:.@".contains(&byte);
    let before = (start > lowest).then(|| bytes[start - 1]);
    if bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return None;
    }
    let mut lengths = [0; 5];
    for (group, length) in lengths.iter_mut().enumerate().take(groups.count) {
        *length = groups.length(group);
    }
    let lengths = &lengths[..groups.count];
    let separators = &groups.separators[1..groups.count];
    if before == Some(b'(') && separators[0] == b')' {
        let rest: usize = lengths[1..].iter().sum();
        let is = (2..=4).contains(&lengths[0]) && (6..=9).contains(&rest);
        return is.then_some(Match { start: start - 1, end, kind: PHONE });
    }
    if before.is_some_and(joined) || separators.contains(&b')') {
        return None;
    }
    let first = |group: usize| bytes[groups.ranges[group].0];
    let second = || bytes[start + 1];
    let same = separators.iter().all(|byte| *byte == separators[0] && *byte != b'+');
    let national = |group: usize| first(group) > b'1' && first(group + 1) > b'1';
    let kind = match (lengths, separators) {
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
    if start > lowest && bytes[start - 1].is_ascii_digit() {
        return None;
    }
    let exponent = start > lowest + 1
        && matches!(bytes[start - 1], b'e' | b'E')
        && bytes[start - 2].is_ascii_digit();
    if exponent {
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
