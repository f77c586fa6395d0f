//! The filter loop of `dlq-investigate`.

pub mod filter;
