//! dlq-log

fn main() {}
