//! Naming the account and the region of a queue in a notice, where there are several.
//!
//! Promises: with one account and one region a notice names neither; from the second one on, known
//! from the configuration or seen in the stream, every notice names it.

use serde_json::Value;

use super::message::Notice;
use crate::text::{safe, shorten};

/// The longest name of an account or region in a notice, in characters.
const NAME_MAX: usize = 64;

/// The accounts and regions of a run, as far as they decide what a notice names.
#[derive(Debug, Default)]
pub struct SeenScopes {
    accounts: Distinct,
    regions: Distinct,
}

/// A set of names of which only the first, and whether there are more, matters.
#[derive(Debug, Default)]
struct Distinct {
    first: Option<String>,
    has_more: bool,
}

impl Distinct {
    fn add(&mut self, name: &str) {
        match &self.first {
            None => self.first = Some(name.to_owned()),
            Some(first) => self.has_more |= first != name,
        }
    }
}

impl SeenScopes {
    /// Starts with the accounts and regions that are given.
    pub fn new<'a>(
        accounts: impl IntoIterator<Item = &'a str>,
        regions: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut scopes = SeenScopes::default();
        accounts.into_iter().for_each(|name| scopes.accounts.add(name));
        regions.into_iter().for_each(|name| scopes.regions.add(name));
        scopes
    }

    /// Adds the region and account of an event's queue to the subject of its notice, each if there
    /// are several.
    pub fn qualify(&mut self, notice: &mut Notice, line: &[u8]) {
        notice.subject.push_str(&self.of_line(line));
    }

    /// Returns the region and account of an event's queue as [`SeenScopes::place`] does.
    pub fn of_line(&mut self, line: &[u8]) -> String {
        let event = serde_json::from_slice::<Value>(line).unwrap_or_default();
        let Some(queue) = event.pointer("/data/queue") else { return String::new() };
        let [region, account] = ["region", "account"].map(|key| {
            queue.get(key).and_then(Value::as_str).filter(|name| !name.trim().is_empty())
        });
        self.place(region, account)
    }

    /// Returns the region and account of a queue in parentheses, each if there are several.
    pub fn place(&mut self, region: Option<&str>, account: Option<&str>) -> String {
        region.into_iter().for_each(|name| self.regions.add(name));
        account.into_iter().for_each(|name| self.accounts.add(name));
        let region = region.filter(|_| self.regions.has_more);
        let account = account.filter(|_| self.accounts.has_more);
        let named = |name: &str| shorten(&safe(name.trim()), NAME_MAX).into_owned();
        let names: Vec<String> = region.into_iter().chain(account).map(named).collect();
        if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Severity;
    use crate::time::Timestamp;

    fn subject(scopes: &mut SeenScopes, region: &str, account: &str) -> String {
        let now = Timestamp::from_millis(0);
        let mut notice = Notice::plain(Severity::Error, "orders-dlq", "it broke", "mend it", now);
        let queue = serde_json::json!({"region": region, "account": account});
        let line = serde_json::json!({"data": {"queue": queue}}).to_string();
        scopes.qualify(&mut notice, line.as_bytes());
        notice.subject
    }

    #[test]
    fn account_and_region_are_named_from_the_second_on() {
        let mut seen = SeenScopes::default();
        let rows = [
            ("eu-west-1", "1", "orders-dlq"),
            ("eu-west-1", "1", "orders-dlq"),
            ("us-east-1", "1", "orders-dlq (us-east-1)"),
            ("eu-west-1", "1", "orders-dlq (eu-west-1)"),
            ("eu-west-1", "2\u{1b}[2J", "orders-dlq (eu-west-1, 2\\u{1b}[2J)"),
            ("eu-west-1", "1", "orders-dlq (eu-west-1, 1)"),
            ("", "", "orders-dlq"),
        ];
        for (region, account, expected) in rows {
            assert_eq!(subject(&mut seen, region, account), expected);
        }
        let mut configured = SeenScopes::new(["prod", "test"], ["eu-west-1"]);
        assert_eq!(subject(&mut configured, "eu-west-1", "prod"), "orders-dlq (prod)");
        let mut notice = Notice::plain(Severity::Info, "s", "w", "n", Timestamp::from_millis(0));
        configured.qualify(&mut notice, b"{\"data\":{}}");
        assert_eq!(notice.subject, "s", "an event without a queue");
    }
}
