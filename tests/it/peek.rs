//! `dlq-peek`: its passes over a queue, and hostile messages.

mod hostile;
mod passes;
