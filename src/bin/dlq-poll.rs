//! dlq-poll

fn main() {}
