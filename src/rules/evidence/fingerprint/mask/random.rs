//! Recognition of random letters and digits: ids, keys, hashes.

/// Returns whether a lone word is an id or a key: random letters, or capitals and digits.
pub(in crate::rules::evidence::fingerprint) fn is_id(word: &str) -> bool {
    let has = |class: fn(&u8) -> bool| word.as_bytes().iter().any(class);
    let (has_digit, has_small) = (has(u8::is_ascii_digit), has(u8::is_ascii_lowercase));
    let has_capital = has(u8::is_ascii_uppercase);
    let is_run =
        |joints: &[u8]| word.bytes().all(|b| b.is_ascii_alphanumeric() || joints.contains(&b));
    (word.len() >= 16 && has_digit && !has_small && is_run(b""))
        || (word.len() >= 32 && has_digit && has_small && has_capital && is_run(b"+/="))
        || is_random(word)
}

/// Returns whether letters and digits look random.
pub(super) fn is_random(word: &str) -> bool {
    const LONG: usize = 64;
    if word.len() < 16 {
        return false;
    }
    let longest = word.split(|c: char| !c.is_ascii_alphanumeric()).max_by_key(|part| part.len());
    let bytes = longest.unwrap_or_default().as_bytes();
    if bytes.len() < 16 {
        return false;
    }
    let count = |class: fn(&u8) -> bool| bytes.iter().filter(|byte| class(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let upper = count(u8::is_ascii_uppercase);
    let vowels = count(|byte| b"aeiouyAEIOUY".contains(byte));
    let is_hump = |pair: &&[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    let humps = bytes.windows(2).filter(is_hump).count();
    let len = bytes.len();
    len > LONG || digits >= 3 || vowels * 5 < len || (humps * 9 > len * 2 && upper * 10 > len * 3)
}
