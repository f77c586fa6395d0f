//! Fingerprints of messages without an error: by the form of their content.

use serde_json::Value;

use super::subject::Subject;
use super::{Fingerprint, Kind, Parts, TEMPLATE_MAX, TITLE_MAX, WORD_MAX};
use super::{interchange, markup, mask, serialized, shape, table};
use crate::rules::evidence::decode::{Decoded, s3_pointer};
use crate::text::shorten;

/// Limit on the paths that are compared with those of other messages.
const PATHS_MAX: usize = 256;
/// Limit on the fields of bytes in a title.
const FIELDS_SHOWN: usize = 6;

/// Returns the fingerprint of a pointer to a message in S3: the pointer's own form depends on the
/// client that left it.
pub(super) fn by_pointer(decoded: &Decoded) -> Option<Fingerprint> {
    let bucket = mask::mask_code(s3_pointer(decoded.json()?)?, WORD_MAX);
    let mut parts = Parts::new(Kind::Shape);
    parts.explain("bucket", &bucket, format!("a pointer to S3 bucket '{bucket}'"));
    Some(parts.finish(decoded, &format!("pointer to S3 bucket '{bucket}'")))
}

pub(super) fn by_shape(
    mut parts: Parts,
    decoded: &Decoded,
    value: &Value,
    subject: &Subject,
) -> Fingerprint {
    let paths = add_shape(&mut parts, value);
    let outline = shape::outline(value);
    let parts_of_title = [decoded.payload.name(), &subject.title(true), &outline];
    let shown: Vec<&str> = parts_of_title.into_iter().filter(|part| !part.is_empty()).collect();
    Fingerprint { paths, ..parts.finish(decoded, &shown.join(" ")) }
}

/// Adds the shape of a payload to the parts; returns its paths, if they are few enough to be compared.
pub(super) fn add_shape(parts: &mut Parts, value: &Value) -> Vec<String> {
    let paths = shape::paths(value);
    let canonical: String = paths.iter().flat_map(|path| [path, "\n"]).collect();
    parts.add("paths", &canonical);
    let count = crate::text::count(paths.len() as u64, "path");
    parts.why.push(format!("the payload's shape: {count}"));
    if paths.len() > PATHS_MAX { Vec::new() } else { paths }
}

pub(super) fn by_text(mut parts: Parts, decoded: &Decoded, text: &str) -> Fingerprint {
    if let Some((names, outline)) = markup::xml_elements(text) {
        parts.explain("elements", &names, format!("its elements: {outline}"));
        return parts.finish(decoded, &format!("XML with {outline}"));
    }
    if let Some(kind) = interchange::message_type(text) {
        parts.explain("message type", &kind, format!("message type '{kind}'"));
        return parts.finish(decoded, &kind);
    }
    if let Some(class) = serialized::php_class(text) {
        parts.explain("class", &class, format!("class '{class}'"));
        return parts.finish(decoded, &format!("PHP object '{class}'"));
    }
    if let Some(columns) = table::column_names(text) {
        parts.explain("columns", &columns, format!("its columns: {columns}"));
        return parts.finish(decoded, &format!("table with {columns}"));
    }
    let template = mask::template(text, TEMPLATE_MAX, false);
    if template.is_empty() {
        parts.explain("text", "", "no text".into());
        return parts.finish(decoded, "empty body");
    }
    let why = format!("the text '{}'", shorten(&template, TITLE_MAX));
    parts.explain("text", &mask::case_folded(&template), why);
    let base = parts.finish(decoded, &format!("text: {template}"));
    Fingerprint { message: Some(template), ..base }
}

pub(super) fn by_bytes(
    mut parts: Parts,
    decoded: &Decoded,
    len: usize,
    form: &[String],
) -> Fingerprint {
    if !form.is_empty() {
        let is_protobuf = form[0].starts_with('.');
        let shown = match is_protobuf {
            true => format!("Protocol Buffer with {}", fields_shown(form)),
            false => form.join(", "),
        };
        parts.explain("bytes", &form.join("\n"), format!("the bytes: {shown}"));
        let paths = if is_protobuf { form.to_vec() } else { Vec::new() };
        return Fingerprint { paths, ..parts.finish(decoded, &format!("binary, {shown}")) };
    }
    let size = match len {
        0..=0x400 => "up to 1 KiB",
        0x401..=0x4000 => "up to 16 KiB",
        0x4001..=0x4_0000 => "up to 256 KiB",
        0x4_0001..=0x10_0000 => "up to 1 MiB",
        _ => "over 1 MiB",
    };
    parts.explain("binary", size, format!("bytes that are no text, {size}"));
    for wrapping in &decoded.wrapped {
        parts.add("wrapped", wrapping);
    }
    parts.finish(decoded, &format!("binary, {size}"))
}

/// Returns the fields of a Protocol Buffer for people: `1 number, 2 bytes`.
fn fields_shown(form: &[String]) -> String {
    let fields = form.iter().take(FIELDS_SHOWN).map(|field| field[1..].replace(':', " "));
    let more = (form.len() > FIELDS_SHOWN).then(|| format!("{} more", form.len() - FIELDS_SHOWN));
    fields.chain(more).collect::<Vec<_>>().join(", ")
}
