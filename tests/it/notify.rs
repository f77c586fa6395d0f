//! `dlq-notify`: the filter and its channels.

mod desktop;
mod filter;
