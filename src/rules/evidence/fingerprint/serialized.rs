//! The class of an object that PHP serialized.

use super::subject::is_framework;

/// Limits on the text that is read, on the objects in it, and on the name of a class.
const TEXT_MAX: usize = 64 * 1024;
const OBJECTS_MAX: usize = 64;
const NAME_MAX: usize = 96;

/// Returns the outermost class that is not one of a framework, else the first one. Symfony puts a
/// backslash before every quote and every backslash.
pub(super) fn php_class(text: &str) -> Option<String> {
    let text = text[..text.floor_char_boundary(TEXT_MAX)].trim_start();
    if !text.starts_with("O:") && !text.starts_with("a:") {
        return None;
    }
    let mut names = text.match_indices("O:").take(OBJECTS_MAX).filter_map(|(at, _)| {
        let begins = at == 0 || text[..at].ends_with([';', '{']);
        begins.then(|| class_name(&text[at + 2..]))?
    });
    let first = names.next()?;
    if !is_framework(&first) {
        return Some(first);
    }
    Some(names.find(|name| !is_framework(name)).unwrap_or(first))
}

/// Returns the name in `36:"Symfony\\Envelope"`.
fn class_name(text: &str) -> Option<String> {
    let (len, rest) = text.split_once(':')?;
    let name = rest.strip_prefix('\\').unwrap_or(rest).strip_prefix('"')?;
    let name = name.split('"').next()?.trim_end_matches('\\').replace("\\\\", "\\");
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_\\".contains(&b);
    let is_class = (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_name);
    (is_class && len.parse() == Ok(name.len())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn php_class_is_the_outermost_of_the_application() {
        let rows = [
            (r#"O:9:"App\Order":1:{s:2:"id";i:7;}"#, Some(r"App\Order")),
            (r#"O:11:\"Symfony\\Env\":1:{s:1:\"m\";O:9:\"App\\Order\":0:{}}"#, Some(r"App\Order")),
            (r#"a:1:{i:0;O:3:"Job":0:{}}"#, Some("Job")),
            (r#"O:11:"Symfony\Env":0:{}"#, Some(r"Symfony\Env")),
            (r#"O:3:"Too long":0:{}"#, None),
            ("O: a text", None),
            ("a:1:{i:0;i:1;}", None),
        ];
        for (text, expected) in rows {
            assert_eq!(php_class(text).as_deref(), expected, "{text}");
        }
    }
}
