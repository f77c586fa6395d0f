//! Where exports go: a folder for each customer in the bucket of exports.

use crate::export::Order;

pub struct Target {
    bucket: String,
}

impl Target {
    pub fn open() -> Result<Self, String> {
        let bucket = std::env::var("BUCKET").map_err(|error| error.to_string())?;
        Ok(Self { bucket })
    }

    /// Writes the file of the order and returns its rows. The same order writes the same file.
    pub fn put(&self, order: &Order) -> Result<usize, String> {
        let rows = crate::queue::rows(&order.export)?;
        crate::queue::upload(&self.bucket, &format!("{}/{}", order.customer, order.export), &rows)?;
        Ok(rows.len())
    }
}
