//! Pull requests of fixes: which of them was opened, refused or is watched.

pub mod document;
