//! `dlq-peek`: its passes over a queue, hostile messages, and secrets.

mod hostile;
mod logs;
mod passes;
mod secrets;
