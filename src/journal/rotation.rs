//! The limits of the journal on disk.

/// When the journal is rotated, and how much of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The size, in bytes, beyond which the file is rotated.
    pub size_max: u64,
    /// The number of rotated files that are kept.
    pub keep: u32,
}
