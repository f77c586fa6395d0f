//! The column names of a text table, independent of its rows.

use super::mask::is_id;

/// Limits on the rows checked, and on the length of the header.
const ROWS_MAX: usize = 16;
const HEAD_MAX: usize = 512;

/// Returns the column names of a table: `article, pieces, price`.
pub(super) fn column_names(text: &str) -> Option<String> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let head = lines.next().filter(|head| head.len() <= HEAD_MAX)?;
    let separator = [',', ';', '\t', '|'].into_iter().max_by_key(|c| head.matches(*c).count())?;
    let names: Vec<&str> =
        head.split(separator).map(|name| name.trim().trim_matches('"')).collect();
    if names.len() < 2 || !names.iter().all(|name| is_column_name(name)) {
        return None;
    }
    // A quoted value may contain the separator. Require a digit in every row: lines of words alone
    // may be people's names, without a header.
    let is_row = |line: &str| {
        line.matches(separator).count() + 1 >= names.len()
            && line.bytes().any(|b| b.is_ascii_digit())
    };
    let mut rows = lines.take(ROWS_MAX).peekable();
    rows.peek()?;
    rows.all(is_row).then(|| names.join(", "))
}

fn is_column_name(name: &str) -> bool {
    (1..=48).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphabetic() || b"_-. ".contains(&b))
        && name.matches(' ').count() <= 2
        && !is_id(name)
}
