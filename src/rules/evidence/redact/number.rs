//! Card numbers, telephone numbers and numbers of persons among all the other numbers.
//!
//! Promises: bare digits are no telephone number, and of 13 to 19 digits only what an issuer could
//! have given out is a card: timestamps, account ids, versions, addresses and dates stay. A look
//! is bounded by the digits that such a number can have.

use super::bytes::digits;
use super::{CARD, Found, PERSON, PHONE};

/// The most digits of a card.
const CARD_MAX: usize = 19;
/// The fewest and the most digits of an international telephone number (E.164).
const PHONE_MIN: usize = 8;
const PHONE_MAX: usize = 15;
/// The most groups that a number is written in.
const GROUPS: usize = 8;

/// Groups of digits with a separator between them: no more than can matter.
struct Cluster {
    /// Start and end.
    groups: [(usize, usize); GROUPS],
    /// What stands before each group; the first has none.
    separators: [u8; GROUPS],
    count: usize,
}

impl Cluster {
    fn read(bytes: &[u8], start: usize) -> Self {
        let mut cluster = Cluster { groups: [(0, 0); GROUPS], separators: [0; GROUPS], count: 0 };
        let (mut at, mut separator) = (start, 0);
        while cluster.count < GROUPS {
            // One more than a card has is enough to know that it is none.
            let limit = bytes.len().min(at + CARD_MAX + 1);
            let end = at + digits(&bytes[at..limit]);
            cluster.groups[cluster.count] = (at, end);
            cluster.separators[cluster.count] = separator;
            cluster.count += 1;
            let next = match bytes.get(end..).unwrap_or_default() {
                [b')', b' ' | b'-', digit, ..] if digit.is_ascii_digit() => end + 2,
                [b' ' | b'-' | b'.' | b'+' | b')', digit, ..] if digit.is_ascii_digit() => end + 1,
                _ => break,
            };
            (at, separator) = (next, bytes[end]);
        }
        cluster
    }

    fn length(&self, group: usize) -> usize {
        self.groups[group].1 - self.groups[group].0
    }

    fn end(&self) -> usize {
        self.groups[self.count - 1].1
    }
}

/// What the digits at `start`, the first of their run, begin.
pub(super) fn number<'k>(bytes: &[u8], floor: usize, start: usize) -> Option<Found<'k>> {
    let cluster = Cluster::read(bytes, start);
    // The digits after a decimal point are a fraction.
    let fraction =
        start >= floor + 2 && bytes[start - 1] == b'.' && bytes[start - 2].is_ascii_digit();
    if !fraction && let Some(end) = card(bytes, &cluster) {
        return Some(Found { start, end, kind: CARD });
    }
    local(bytes, floor, start, &cluster)
}

/// The end of the card number that the groups begin with.
fn card(bytes: &[u8], cluster: &Cluster) -> Option<usize> {
    let mut number = [0; CARD_MAX];
    let mut count = 0;
    let mut best = None;
    for group in 0..cluster.count {
        let (start, end) = cluster.groups[group];
        let apart = group > 0 || cluster.count > 1 && end - start < 13;
        let alike = group < 2 || cluster.separators[group] == cluster.separators[1];
        if count + end - start > CARD_MAX || apart && !(3..8).contains(&(end - start)) || !alike {
            break;
        }
        for byte in &bytes[start..end] {
            number[count] = byte - b'0';
            count += 1;
        }
        if issued(&number[..count]) && luhn(&number[..count]) {
            best = Some(end);
        }
    }
    best
}

/// Whether an issuer of cards has numbers that begin so and are as long.
fn issued(number: &[u8]) -> bool {
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

/// The check digit is right, and the digits are not all the same.
fn luhn(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit) * 2) {
            (0, twice) => twice / 2,
            (_, twice) => twice / 10 + twice % 10,
        })
        .sum();
    sum.is_multiple_of(10) && number.iter().any(|digit| *digit != number[0])
}

/// A number in one of the common written forms, when all the groups together are one.
fn local<'k>(bytes: &[u8], floor: usize, start: usize, cluster: &Cluster) -> Option<Found<'k>> {
    if !(2..=5).contains(&cluster.count) {
        return None;
    }
    let end = cluster.end();
    let joined = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/:.@".contains(&byte);
    let before = (start > floor).then(|| bytes[start - 1]);
    if bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return None;
    }
    let mut lengths = [0; 5];
    for (group, length) in lengths.iter_mut().enumerate().take(cluster.count) {
        *length = cluster.length(group);
    }
    let lengths = &lengths[..cluster.count];
    let separators = &cluster.separators[1..cluster.count];
    if before == Some(b'(') && separators[0] == b')' {
        let rest: usize = lengths[1..].iter().sum();
        let is = (2..=4).contains(&lengths[0]) && (6..=9).contains(&rest);
        return is.then_some(Found { start: start - 1, end, kind: PHONE });
    }
    if before.is_some_and(joined) || separators.contains(&b')') {
        return None;
    }
    let first = |group: usize| bytes[cluster.groups[group].0];
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
    Some(Found { start, end, kind })
}

/// `+55 11 98765-4321`: a plus sign, which may be an escape, and 8 to 15 digits.
pub(super) fn international<'k>(
    bytes: &[u8],
    floor: usize,
    start: usize,
    after: usize,
) -> Option<Found<'k>> {
    if start > floor && bytes[start - 1].is_ascii_digit() {
        return None;
    }
    let exponent = start > floor + 1
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
    end.map(|end| Found { start, end, kind: PHONE })
}
