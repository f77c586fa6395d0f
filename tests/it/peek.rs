//! `dlq-peek`: its passes over a queue, and hostile messages.

mod hostile;
mod logs;
mod passes;
