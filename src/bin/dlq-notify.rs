//! dlq-notify

fn main() {}
