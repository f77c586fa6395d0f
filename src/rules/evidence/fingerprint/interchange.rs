//! The type of a message of an electronic interchange: X12, EDIFACT, HL7, SWIFT.

/// Limits on the text and the segments that are read.
const TEXT_MAX: usize = 16 * 1024;
const SEGMENTS_MAX: usize = 64;
/// Length of the first segment of X12, which ends with the mark between segments.
const ISA_LEN: usize = 106;

/// Returns the standard and the type of a message: `X12 850`, `EDIFACT ORDERS`, `HL7 ADT^A01`.
pub(super) fn message_type(text: &str) -> Option<String> {
    let text = text[..text.floor_char_boundary(TEXT_MAX)].trim_start();
    let (standard, name) = match text.get(..3)? {
        "ISA" => ("X12", x12(text)?),
        "UNA" | "UNB" => ("EDIFACT", edifact(text)?),
        "MSH" => ("HL7", hl7(text)?),
        "{1:" => ("SWIFT MT", swift(text)?),
        _ => return None,
    };
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'^';
    let is_type = (2..=12).contains(&name.len()) && name.bytes().all(is_name);
    is_type.then(|| format!("{standard} {name}"))
}

fn x12(text: &str) -> Option<&str> {
    let separator = mark(text, 3)?;
    let end = mark(text, ISA_LEN - 1)?;
    // Some senders shorten the fields, so that the mark is elsewhere.
    let segments = text.split(['~', end]).take(SEGMENTS_MAX);
    let mut kinds = segments.filter_map(|segment| {
        let mut fields = segment.trim_start().split(separator);
        (fields.next()? == "ST").then(|| fields.next())?
    });
    kinds.next()
}

fn edifact(text: &str) -> Option<&str> {
    let (component, field, end) = match text.strip_prefix("UNA") {
        Some(marks) => (mark(marks, 0)?, mark(marks, 1)?, mark(marks, 5)?),
        None => (':', '+', '\''),
    };
    let mut headers = text.split(end).take(SEGMENTS_MAX).filter_map(|segment| {
        let mut fields = segment.trim_start().split(field);
        (fields.next()? == "UNH").then(|| fields.nth(1))?
    });
    headers.next()?.split(component).next()
}

/// Returns the type and its trigger, without the structure: `ADT^A01`.
fn hl7(text: &str) -> Option<&str> {
    let separator = mark(text, 3)?;
    let line = text.split(['\r', '\n']).next()?;
    let kind = line.split(separator).nth(8)?;
    let end = kind.match_indices('^').nth(1).map_or(kind.len(), |(at, _)| at);
    Some(&kind[..end])
}

fn swift(text: &str) -> Option<&str> {
    let (_, block) = text.split_once("{2:")?;
    block.strip_prefix(['I', 'O'])?.get(..3)
}

/// Returns the mark between parts that stands at an offset.
fn mark(text: &str, at: usize) -> Option<char> {
    text.get(at..)?.chars().next().filter(|c| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_type_is_read_from_the_header() {
        let isa = format!("ISA*{}*0*P*>~GS*PO*A*B~ST*850*0001~", "0".repeat(ISA_LEN - 11));
        let rows = [
            (isa.as_str(), Some("X12 850")),
            ("UNB+UNOA:1+A+B'UNH+7+ORDERS:D:96A:UN'BGM+220'", Some("EDIFACT ORDERS")),
            ("UNA:+.? 'UNB+x'UNH+7+INVOIC:D:96A:UN'", Some("EDIFACT INVOIC")),
            ("MSH|^~\\&|A|B|C|D|20261128||ADT^A01^ADT_A01|7|P|2.5\rPID|1", Some("HL7 ADT^A01")),
            ("{1:F01BANKBEBBAXXX2222123456}{2:I103BANKDEFFXXXXN}{4:", Some("SWIFT MT 103")),
            ("ISABEL has a question", None),
            ("UNB", None),
            ("MSH|", None),
            ("{1: 2}", None),
        ];
        for (text, expected) in rows {
            assert_eq!(message_type(text).as_deref(), expected, "{text}");
        }
    }
}
