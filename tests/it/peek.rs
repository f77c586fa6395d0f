//! `dlq-peek`: its passes over a queue, and hostile messages.

mod hostile;
pub mod passes;
