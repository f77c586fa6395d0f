//! dlq-investigate

fn main() {}
