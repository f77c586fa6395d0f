//! A text of rows under a line of names: known by the names, whatever the rows are.

use super::mask::is_id;

/// Rows that are looked at, and how long the line of names may be.
const ROWS_MAX: usize = 16;
const HEAD_MAX: usize = 512;

/// The names of the columns, when the text is a table: `article, pieces, price`.
pub(super) fn column_names(text: &str) -> Option<String> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let head = lines.next().filter(|head| head.len() <= HEAD_MAX)?;
    let separator = [',', ';', '\t', '|'].into_iter().max_by_key(|c| head.matches(*c).count())?;
    let names: Vec<&str> =
        head.split(separator).map(|name| name.trim().trim_matches('"')).collect();
    if names.len() < 2 || !names.iter().all(|name| is_column_name(name)) {
        return None;
    }
    // A value in quotes may have the separator in it. Rows have a number somewhere: lines of words
    // alone may be people's names, and the first of them no names of columns.
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
