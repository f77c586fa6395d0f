//! Errors in XML: faults of SOAP, and the errors of AWS's XML interfaces.

use super::{ErrorReport, SourcedText, truncated};

/// Limit on the text that is searched.
const TEXT_MAX: usize = 64 * 1024;
/// Limit on the prefix of a namespace.
const PREFIX_MAX: usize = 32;

/// Returns the error of an XML text, if it is or holds a fault.
pub(super) fn fault(text: &str) -> Option<ErrorReport> {
    let text = truncated(text, TEXT_MAX).trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with('<') {
        return None;
    }
    let first =
        |names: &[&'static str]| names.iter().find_map(|name| Some((*name, element(text, name)?)));
    let (code, message) = if element_start(text, "faultstring").is_some() {
        (first(&["faultcode"]), first(&["faultstring"]))
    } else if element_start(text, "Fault").is_some() {
        (first(&["Value"]), first(&["Text"]))
    } else if element_start(text, "Error").is_some() {
        (first(&["Code"]), first(&["Message"]))
    } else if ["fault", "error"].iter().any(|name| element_start(text, name).is_some()) {
        (first(&["code"]), first(&["message", "reason", "text"]))
    } else {
        return None;
    };
    let (name, message) = message?;
    // `soap:Server` has the prefix of its document.
    let code = code.map(|(name, text)| (name, text.rsplit(':').next().unwrap_or(text)));
    Some(ErrorReport {
        code: code.map(|(name, text)| SourcedText::new(text, name)),
        message: Some(SourcedText::new(message, name)),
        ..ErrorReport::default()
    })
}

/// Returns the text at the start of the first element of a name, in any namespace.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = &text[element_start(text, name)?..];
    let inner = rest[rest.find('>')? + 1..].trim_start();
    let inner = inner.strip_prefix("<![CDATA[").unwrap_or(inner);
    let inner = inner.split(['<', ']']).next().unwrap_or(inner).trim();
    (!inner.is_empty()).then_some(inner)
}

/// Returns the offset behind the name of the first element of that name.
fn element_start(text: &str, name: &str) -> Option<usize> {
    text.match_indices(name).map(|(at, _)| at).find_map(|at| {
        let end = at + name.len();
        let before = truncated_end(&text[..at], PREFIX_MAX);
        let prefix = before.strip_suffix(':').map(|before| {
            before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_-.".contains(c))
        });
        let begins = prefix.unwrap_or(before).ends_with('<');
        let ends = text[end..].starts_with(['>', ' ', '\n', '\t', '\r']);
        (begins && ends).then_some(end)
    })
}

/// Returns at most the last `max` bytes of a text.
fn truncated_end(text: &str, max: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(max))..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_is_found_in_any_namespace() {
        let rows = [
            (
                "<s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>no \
                 stock</faultstring></s:Fault></s:Body>",
                Some((Some("Server"), "no stock")),
            ),
            (
                "<e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code><e:Reason><e:Text \
                 xml:lang='en'>locked</e:Text></e:Reason></e:Fault>",
                Some((Some("Sender"), "locked")),
            ),
            (
                "<Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>",
                Some((Some("NoSuchKey"), "The key does not exist.")),
            ),
            (
                "<reply><fault><code>E1</code><message>no stock</message></fault></reply>",
                Some((Some("E1"), "no stock")),
            ),
            ("<r><error><message>no stock</message></error></r>", Some((None, "no stock"))),
            ("<a><faultstring><![CDATA[x y]]></faultstring></a>", Some((None, "x y"))),
            ("<Order><Message>hello</Message></Order>", None),
            ("<Order><DefaultFault/></Order>", None),
            ("no <faultstring>x</faultstring>", None),
        ];
        for (text, expected) in rows {
            let found = fault(text);
            let found = found.as_ref().map(|error| {
                let text = |part: &Option<SourcedText>| part.as_ref().map(|part| part.text.clone());
                (text(&error.code), text(&error.message).unwrap_or_default())
            });
            let expected = expected.map(|(code, text)| (code.map(str::to_owned), text.to_owned()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
