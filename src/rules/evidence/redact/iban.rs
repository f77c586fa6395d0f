//! International bank account numbers (ISO 13616).
//!
//! Promises: country, length and check digits are right. The search is bounded.

use super::{IBAN, Match};

/// Country codes and the length of their numbers.
const LENGTHS: &[u8] = b"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27\
    DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27\
    JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24\
    PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24\
    XK20YE30";

/// Matches a number whose check digits begin at `digits`. Its groups may be apart.
pub(super) fn iban<'k>(bytes: &[u8], lowest: usize, digits: usize) -> Option<Match<'k>> {
    let start = digits.checked_sub(2).filter(|start| *start >= lowest)?;
    let country = &bytes[start..digits];
    let joined = bytes[lowest..start].last().is_some_and(u8::is_ascii_alphanumeric);
    if joined || !country.iter().all(u8::is_ascii_uppercase) {
        return None;
    }
    let known = LENGTHS.chunks(4).find(|known| known.starts_with(country))?;
    let length = usize::from(known[2] - b'0') * 10 + usize::from(known[3] - b'0');
    let mut number = Vec::with_capacity(length);
    let mut at = start;
    while number.len() < length {
        match bytes.get(at..)? {
            [byte, ..] if byte.is_ascii_uppercase() || byte.is_ascii_digit() => {
                number.push(*byte);
                at += 1;
            }
            [b' ' | b'-' | b'+', next, ..] if next.is_ascii_alphanumeric() && number.len() >= 4 => {
                at += 1;
            }
            _ => return None,
        }
    }
    let ends = !bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    (ends && remainder(&number) == 1).then_some(Match { start, end: at, kind: IBAN })
}

/// Returns the number modulo 97, its first four characters moved to the end.
fn remainder(number: &[u8]) -> u32 {
    number[4..].iter().chain(&number[..4]).fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}
