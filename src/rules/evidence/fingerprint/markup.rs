//! The element names of an XML text: neither their number nor their content.

use std::collections::BTreeSet;

use super::mask::is_id;

/// Limits on the text read, the number of names, and the length of a name.
const INPUT_MAX: usize = 64 * 1024;
const NAMES_MAX: usize = 256;
const NAME_MAX: usize = 64;
/// Limit on names in a title.
const NAMES_SHOWN: usize = 6;

/// Returns the elements of an XML text: its root, then every other name once, sorted; and an
/// outline of them: `Order, Id, Line`. HTML is excluded: its text is more telling.
pub(super) fn xml_elements(text: &str) -> Option<(String, String)> {
    let text = text[..text.floor_char_boundary(INPUT_MAX)].trim_start_matches('\u{feff}').trim();
    if !text.starts_with('<') {
        return None;
    }
    let mut root = None;
    let mut names = BTreeSet::new();
    for part in text.split('<').skip(1) {
        let is_end = |c: char| !(c.is_ascii_alphanumeric() || "_-.:".contains(c));
        let name = part.split(is_end).next().unwrap_or_default();
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_data =
            name.len() > NAME_MAX || name.bytes().any(|b| b.is_ascii_digit()) || is_id(name);
        if !begins || names.len() >= NAMES_MAX {
            continue;
        }
        let name = if is_data { "*" } else { name };
        root = root.or(Some(name));
        names.insert(name);
    }
    let root = root?;
    let is_page = root.eq_ignore_ascii_case("html");
    // `<nil>`, `<none>` and the like are plain text; XML has closing tags.
    let closes = text.contains("</") || text.ends_with("/>");
    if is_page || !closes {
        return None;
    }
    names.remove(root);
    let names: Vec<&str> = std::iter::once(root).chain(names).collect();
    let mut outline = names[..names.len().min(NAMES_SHOWN)].join(", ");
    if names.len() > NAMES_SHOWN {
        outline += &format!(", {} more", names.len() - NAMES_SHOWN);
    }
    Some((names.join("\n"), outline))
}
