//! The form of bytes that are no text.

/// Limits on the fields that are read, and on the number of one.
const FIELDS_MAX: usize = 200;
const NUMBER_MAX: u64 = 10_000;

/// Returns what the bytes are, as parts: the fields of a Protocol Buffer with their wire types, the
/// schema of a record of a schema registry, or the name of a format. Empty if nothing fits.
pub(super) fn form(bytes: &[u8]) -> Vec<String> {
    const MAGICS: [(&[u8], &str); 8] = [
        (b"Obj\x01", "Avro file"),
        (b"\xac\xed\x00\x05", "Java object"),
        (b"\x80\x04\x95", "Python pickle"),
        (b"\x89PNG", "PNG image"),
        (b"\xff\xd8\xff", "JPEG image"),
        (b"PK\x03\x04", "ZIP archive"),
        (b"\x28\xb5\x2f\xfd", "Zstandard data"),
        (b"\x1f\x8b", "gzip data"),
    ];
    if let Some(class) = java_class(bytes) {
        return vec![format!("Java object {class}")];
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return vec![(*name).to_owned()];
    }
    // AWS Glue writes a version, a compression and the id of the schema; Avro a mark and a hash.
    match bytes {
        [3, 0 | 5, id @ ..] if id.len() >= 16 => return vec![format!("schema {}", hex(&id[..16]))],
        [0xc3, 1, id @ ..] if id.len() >= 8 => return vec![format!("schema {}", hex(&id[..8]))],
        _ => {}
    }
    if let Some(key) = messagepack_key(bytes) {
        return vec![format!("MessagePack from '{key}' on")];
    }
    // A schema registry's records begin with a zero and the number of the schema.
    if let [0, a, b, c, d, _, ..] = *bytes {
        let schema = u32::from_be_bytes([a, b, c, d]);
        if u64::from(schema) <= NUMBER_MAX * 100 {
            return vec![format!("schema {schema}")];
        }
    }
    protobuf(bytes).unwrap_or_default()
}

/// Returns the class of a serialized object of Java.
fn java_class(bytes: &[u8]) -> Option<&str> {
    let [high, low, rest @ ..] = bytes.strip_prefix(b"\xac\xed\x00\x05sr")? else { return None };
    let name = rest.get(..usize::from(u16::from_be_bytes([*high, *low])))?;
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"._$".contains(b);
    std::str::from_utf8(name)
        .ok()
        .filter(|name| name.len() <= 96 && name.bytes().all(|b| is_name(&b)))
}

/// Returns the first key of a map of MessagePack.
fn messagepack_key(bytes: &[u8]) -> Option<&str> {
    let [0x81..=0x8f, len @ 0xa1..=0xbf, rest @ ..] = bytes else { return None };
    let key = rest.get(..usize::from(len & 0x1f))?;
    let is_name = |b: &u8| b.is_ascii_alphabetic() || *b == b'_';
    std::str::from_utf8(key).ok().filter(|_| key.iter().all(is_name))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the fields of a Protocol Buffer; none unless all bytes are fields.
fn protobuf(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut fields = std::collections::BTreeSet::new();
    for _ in 0..FIELDS_MAX {
        if bytes.is_empty() {
            break;
        }
        let tag = varint(&mut bytes)?;
        let number = Some(tag >> 3).filter(|number| (1..=NUMBER_MAX).contains(number))?;
        let (kind, len) = match tag & 7 {
            0 => ("number", varint(&mut bytes).map(|_| 0)?),
            1 => ("fixed64", 8),
            2 => ("bytes", usize::try_from(varint(&mut bytes)?).ok()?),
            5 => ("fixed32", 4),
            _ => return None,
        };
        bytes = bytes.get(len..)?;
        fields.insert(format!(".{number}:{kind}"));
    }
    (bytes.is_empty() && !fields.is_empty()).then(|| fields.into_iter().collect())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_is_told_by_the_bytes() {
        let rows: [(&[u8], &[&str]); 12] = [
            (b"\x82\xa5order\x01\xa1n\x02", &["MessagePack from 'order' on"]),
            (b"\x82\xa5o", &[]),
            (&[8, 150, 1, 18, 2, 7, 7, 8, 1], &[".1:number", ".2:bytes"]),
            (&[0, 0, 0, 0, 41, 6, 98], &["schema 41"]),
            (b"Obj\x01x", &["Avro file"]),
            (b"\xac\xed\x00\x05sr\x00\x08a.Placed\x00", &["Java object a.Placed"]),
            (b"\xac\xed\x00\x05sr\x00\x08a.Pl", &["Java object"]),
            (b"\x03\x000123456789abcdef\x02", &["schema 30313233343536373839616263646566"]),
            (b"\xc3\x0101234567\x02", &["schema 3031323334353637"]),
            (&[8], &[]),
            (&[18, 200, 1], &[]),
            (&[255; 40], &[]),
        ];
        for (bytes, expected) in rows {
            assert_eq!(form(bytes), expected, "{bytes:?}");
        }
    }
}
