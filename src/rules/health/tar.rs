//! An archive of files, in the format ustar: a block of 512 bytes before each, and two empty ones at the end.

const BLOCK: usize = 512;
/// Bytes of a name.
const NAME_MAX: usize = 99;
/// Bytes of a file that its length has digits for; more than any file of ours.
const SIZE_MAX: usize = 0o7777_7777;

/// Returns the archive of files with names of at most 99 bytes. `seconds` is their time since 1970. A file
/// that is too long is cut.
pub fn tar(files: &[(String, Vec<u8>)], seconds: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        let content = &content[..content.len().min(SIZE_MAX)];
        bytes.extend(header(name, content.len(), seconds));
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

/// Returns the header of a file that only its owner can read.
fn header(name: &str, size: usize, seconds: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, &name.as_bytes()[..name.len().min(NAME_MAX)]);
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, format!("{:011o}\0", seconds.min(0o777_7777_7777)).as_bytes());
    // The sum is made as if its own field held blanks.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    block[148..156].copy_from_slice(sum.as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_has_whole_blocks_and_a_sum() {
        let files = [("a/b.txt".to_owned(), b"hello\n".to_vec()), ("c".to_owned(), vec![7; 512])];
        let bytes = tar(&files, 0o17);
        assert_eq!(bytes.len(), BLOCK * (1 + 1 + 1 + 1 + 2));
        assert_eq!(&bytes[..8], b"a/b.txt\0");
        assert_eq!(&bytes[124..136], b"00000000006\0");
        assert_eq!(&bytes[136..148], b"00000000017\0");
        let mut head = bytes[..BLOCK].to_vec();
        let sum = String::from_utf8(head[148..154].to_vec()).unwrap();
        head[148..156].fill(b' ');
        let expected: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(u32::from_str_radix(&sum, 8).unwrap(), expected);
        assert_eq!(&bytes[BLOCK..BLOCK + 6], b"hello\n");
    }
}
