//! The limits of journal rotation; `Journal` rotates.

/// The size at which the journal is rotated, and the number of files that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The size, in bytes, beyond which the file is rotated.
    pub size_max: u64,
    /// The number of rotated files that are kept.
    pub keep: u32,
}
