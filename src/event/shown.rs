//! An event with the fields that the dashboard shows, borrowed from its line and read in one pass.

use super::Head;

/// An event with the fields that the dashboard shows.
#[derive(Debug)]
pub struct ShownEvent<'a> {
    pub head: Head<'a>,
}
