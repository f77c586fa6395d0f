//! Decompression of gzip and zlib, bounded. Pure.

use flate2::{Decompress, FlushDecompress, Status};

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b, 8];

/// Returns whether data begins as gzip does.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(GZIP_MAGIC)
}

/// Returns whether data begins as zlib does, with a usual compression level.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [0x78, 0x01 | 0x5e | 0x9c | 0xda, _, ..])
}

/// Decompresses gzip or zlib to at most `limit` bytes; `None` if the data is neither. The error is
/// the number of bytes up to the damage or the limit.
pub(super) fn inflate(bytes: &[u8], limit: usize) -> Option<Result<Vec<u8>, usize>> {
    if is_gzip(bytes) {
        return Some(gunzip(bytes, limit));
    }
    is_zlib(bytes).then(|| inflate_from(Decompress::new(true), bytes, limit))
}

/// Decompresses the first member of a gzip file to at most `limit` bytes; the error is the number
/// of bytes up to the damage or the limit. Done by hand, because the crate's reader does I/O. The
/// checksum is not verified, since the content is not trusted anyway.
pub(super) fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, usize> {
    let start = gzip_header(bytes).ok_or(0_usize)?;
    inflate_from(Decompress::new(false), &bytes[start..], limit)
}

fn inflate_from(mut inflate: Decompress, bytes: &[u8], limit: usize) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity((bytes.len() * 4).min(limit));
    loop {
        let before = (inflate.total_in(), out.len());
        let read = usize::try_from(before.0).unwrap_or(usize::MAX);
        let rest = bytes.get(read..).unwrap_or_default();
        match inflate.decompress_vec(rest, &mut out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return Ok(out),
            Ok(_) if out.len() >= limit => return Err(out.len()),
            Ok(_) if out.len() == out.capacity() => {
                out.reserve_exact(out.len().max(1024).min(limit - out.len()));
            }
            Ok(_) if before != (inflate.total_in(), out.len()) => {}
            Ok(_) | Err(_) => return Err(out.len()),
        }
    }
}

/// Returns the offset of the compressed data.
fn gzip_header(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut at = 10;
    if flags & 4 != 0 {
        let extra = bytes.get(at..at + 2)?;
        at += 2 + usize::from(u16::from_le_bytes([extra[0], extra[1]]));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += bytes.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    (at <= bytes.len()).then_some(at)
}
