//! Quoting for POSIX shells and zsh.

/// Returns the text as one word: bare where no shell reads more into it, in single quotes
/// otherwise.
pub fn quote(word: &str) -> String {
    if is_bare(word) { word.to_owned() } else { single_quote(word) }
}

/// Returns whether a shell reads nothing more into the word.
pub fn is_bare(word: &str) -> bool {
    // zsh replaces a leading `=` with the path of a command.
    !word.is_empty() && !word.starts_with('=') && word.bytes().all(is_plain)
}

/// Returns the text as one word in single quotes.
pub fn single_quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns whether a byte has no meaning to a shell.
pub fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_./:@=-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quote_leaves_plain_words_bare() {
        let rows = [
            ("make", "make"),
            ("--option=a.b", "--option=a.b"),
            ("", "''"),
            ("=ls", "'=ls'"),
            ("a b", "'a b'"),
            ("$(id)", "'$(id)'"),
            ("it's", r"'it'\''s'"),
        ];
        for (word, quoted) in rows {
            assert_eq!(quote(word), quoted);
        }
        assert_eq!(single_quote("make"), "'make'");
    }
}
