//! Literals of Python as JSON: what `print(event)` and a logger of Python write of a dictionary.

use serde_json::Value;

/// Returns the dictionary at the begin of a text as a JSON value; none when it is no literal.
pub fn json_value(text: &str) -> Option<Value> {
    if !text.starts_with("{'") {
        return None;
    }
    let mut json = String::with_capacity(text.len() + 16);
    let (mut word, mut depth) = (String::new(), 0_u32);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c.is_ascii_alphanumeric() || "_+.-".contains(c) {
            word.push(c);
            continue;
        }
        push_word(&mut json, &mut word);
        match c {
            '\'' | '"' => json.push_str(&string(&mut rest, c)?),
            '{' | '[' | '(' => {
                depth += 1;
                json.push(if c == '(' { '[' } else { c });
            }
            '}' | ']' | ')' => {
                // A tuple of one has a comma before its end.
                json.truncate(json.trim_end_matches([',', ' ']).len());
                json.push(if c == ')' { ']' } else { c });
                depth = depth.checked_sub(1)?;
            }
            c => json.push(c),
        }
        if depth == 0 {
            break;
        }
    }
    serde_json::from_str(&json).ok()
}

fn push_word(json: &mut String, word: &mut String) {
    json.push_str(match word.as_str() {
        "None" => "null",
        "True" => "true",
        "False" => "false",
        other => other,
    });
    word.clear();
}

/// Returns the string of JSON for a string of Python that ends with `quote`.
fn string(rest: &mut std::str::Chars<'_>, quote: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            c if c == quote => return serde_json::to_string(&text).ok(),
            '\\' => match rest.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                c @ ('\\' | '\'' | '"') => text.push(c),
                // Bytes by number are not needed to compare members.
                c => text.extend(['\\', c]),
            },
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dictionaries_of_python_are_read() {
        let rows = [
            ("{'a': 1}", Some(json!({"a": 1}))),
            (
                "{'a': None, 'b': True, 'c': [False, -1.5e3]} done",
                Some(json!({"a": null, "b": true, "c": [false, -1500.0]})),
            ),
            ("{'a': \"it's\", 'b': 'x\\n\\'y\\''}", Some(json!({"a": "it's", "b": "x\n'y'"}))),
            ("{'a': (1,), 'b': {'c': ()}}", Some(json!({"a": [1], "b": {"c": []}}))),
            ("{'body': '{\"v\": 2}'}", Some(json!({"body": "{\"v\": 2}"}))),
            ("{'a': datetime.datetime(2026, 1, 1)}", None),
            ("{'a': 1", None),
            ("{'a", None),
            ("{\"a\": 1}", None),
            ("'a'", None),
        ];
        for (text, expected) in rows {
            assert_eq!(json_value(text), expected, "{text}");
        }
    }
}
