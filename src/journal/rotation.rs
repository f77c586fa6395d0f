//! The limits of journal rotation; `Journal` rotates.

/// The size at which the newest segment is rotated, and the number of older ones that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The size, in bytes, beyond which the newest segment is rotated.
    pub size_max: u64,
    /// The number of older segments that are kept.
    pub keep: u32,
}
