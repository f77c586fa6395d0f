//! The deduplication id of a message that is sent again. Pure.
//!
//! Within five minutes of the first sending, SQS answers a message with its old deduplication id as if
//! it had been sent, and delivers nothing. So each redrive has ids of its own. They are derived: a send
//! that is repeated because its answer was lost has the same id, and SQS delivers it once.

use sha2::{Digest, Sha256};

use crate::rules::evidence::message::Message;

/// Returns the id for a message of a redrive: 64 hex digits.
pub fn dedup_id(redrive: &str, message: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["dlq-redrive", redrive, message] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the group of a message of a FIFO queue.
pub fn group(message: &Message) -> Option<&str> {
    message.system.get("MessageGroupId").map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_the_same_for_a_repeated_send_and_for_nothing_else() {
        let id = dedup_id("r1", "m1");
        assert_eq!(id, dedup_id("r1", "m1"));
        assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        for (redrive, message) in [("r2", "m1"), ("r1", "m2"), ("r1m", "1"), ("", "r1m1")] {
            assert_ne!(id, dedup_id(redrive, message), "{redrive} {message}");
        }
    }
}
