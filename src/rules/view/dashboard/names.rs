//! The queues of each name: accounts and regions may have queues of one name.

use std::collections::HashMap;

use super::queues::ShownQueue;

/// The ARNs by name. Those of queues that were dropped may still be there.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct QueueNames {
    arns: HashMap<Box<str>, Vec<Box<str>>>,
}

impl QueueNames {
    pub(super) fn add(&mut self, name: &str, arn: &str) {
        if name.is_empty() {
            return;
        }
        let arns = self.arns.entry(name.into()).or_default();
        if !arns.iter().any(|known| &**known == arn) {
            arns.push(arn.into());
        }
    }

    /// Forgets the queues that were dropped.
    pub(super) fn keep(&mut self, queues: &HashMap<Box<str>, ShownQueue>) {
        self.arns.retain(|_, arns| {
            arns.retain(|arn| queues.contains_key(arn));
            !arns.is_empty()
        });
    }

    /// Returns the ARNs of the queues of a name.
    pub fn arns(&self, name: &str) -> &[Box<str>] {
        self.arns.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the names of queues.
    #[cfg(test)]
    pub fn collect(queues: &HashMap<Box<str>, ShownQueue>) -> Self {
        let mut names = QueueNames::default();
        queues.iter().for_each(|(arn, queue)| names.add(&queue.name, arn));
        names
    }
}
