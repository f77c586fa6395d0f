//! Addresses of queues as people give them: a name, a URL or an ARN; and words about a name that
//! does not exist.

use super::redrive_graph::queue_at;
use crate::text;

/// The address of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueAddress {
    Name(String),
    /// A URL without slashes at its end.
    Url(String),
    Arn {
        region: String,
        /// The number of the account.
        account: String,
        name: String,
    },
}

impl QueueAddress {
    /// Reads an address. Text that is neither a URL nor an ARN of SQS is a name.
    pub fn parse(text: &str) -> Self {
        let text = text.trim().trim_end_matches('/');
        if text.contains("://") {
            return QueueAddress::Url(text.to_owned());
        }
        match text.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "sqs", region, account, name]
                if ![region, account, name].iter().any(|part| part.is_empty()) =>
            {
                let [region, account, name] = [region, account, name].map(|part| (*part).into());
                QueueAddress::Arn { region, account, name }
            }
            _ => QueueAddress::Name(text.to_owned()),
        }
    }

    /// Returns the name of the queue.
    pub fn name(&self) -> &str {
        match self {
            QueueAddress::Name(name) | QueueAddress::Arn { name, .. } => name,
            QueueAddress::Url(url) => url.rsplit('/').next().unwrap_or(url),
        }
    }

    /// Whether a scope of this region may have the queue.
    pub fn may_be_in(&self, region: &str) -> bool {
        match self {
            QueueAddress::Name(_) => true,
            QueueAddress::Url(url) => url.contains(&format!(".{region}.")),
            QueueAddress::Arn { region: own, .. } => own == region,
        }
    }
}

/// The queues among which a name was not found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameHint {
    /// The number of the account that was asked; empty when it has no queues.
    pub account: String,
    nearest: Option<String>,
    queues: u64,
}

impl NameHint {
    /// Compares a name with those of the URLs of an account.
    pub fn new(name: &str, urls: &[String]) -> Self {
        let queues: Vec<_> = urls.iter().filter_map(|url| queue_at(url, "", "")).collect();
        let nearest = text::nearest(name, queues.iter().map(|queue| queue.name.as_str()));
        NameHint {
            account: queues.first().map(|queue| queue.account.clone()).unwrap_or_default(),
            nearest: nearest.map(str::to_owned),
            queues: queues.len() as u64,
        }
    }

    /// Returns the end of a sentence about the missing name; empty when nothing was listed.
    pub fn sentence(&self) -> String {
        let queues = text::count(self.queues, "queue");
        match &self.nearest {
            _ if self.queues == 0 => String::new(),
            Some(name) => format!("; of {queues} there, '{name}' has the nearest name"),
            None => format!("; none of {queues} there has a similar name"),
        }
    }
}

/// Names a scope in a sentence: `of 'prod' in 'eu-west-1'`. An empty account is left out.
pub fn place(account: &str, region: &str) -> String {
    match account {
        "" => format!("in '{region}'"),
        account => format!("of '{account}' in '{region}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_address_is_name_url_or_arn() {
        let name = |name: &str| QueueAddress::Name(name.into());
        let url = |url: &str| QueueAddress::Url(url.into());
        let arn = |region: &str, name: &str| QueueAddress::Arn {
            region: region.into(),
            account: "123456789012".into(),
            name: name.into(),
        };
        let bare = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq";
        let cases = [
            ("orders-dlq", name("orders-dlq"), "orders-dlq"),
            (" orders-dlq\n", name("orders-dlq"), "orders-dlq"),
            (bare, url(bare), "orders-dlq"),
            (&format!("{bare}/"), url(bare), "orders-dlq"),
            (&format!("{bare}//"), url(bare), "orders-dlq"),
            ("arn:aws:sqs:eu-west-1:123456789012:o.fifo", arn("eu-west-1", "o.fifo"), "o.fifo"),
            ("arn:aws:sqs:eu-west-1:123456789012:o/", arn("eu-west-1", "o"), "o"),
            ("arn:aws-cn:sqs:cn-north-1:123456789012:o", arn("cn-north-1", "o"), "o"),
            (
                "arn:aws:sns:eu-west-1:123456789012:o",
                name("arn:aws:sns:eu-west-1:123456789012:o"),
                "arn:aws:sns:eu-west-1:123456789012:o",
            ),
            (
                "arn:aws:sqs:eu-west-1::o",
                name("arn:aws:sqs:eu-west-1::o"),
                "arn:aws:sqs:eu-west-1::o",
            ),
        ];
        for (text, expected, name) in cases {
            let address = QueueAddress::parse(text);
            assert_eq!((address.name(), &address), (name, &expected), "{text}");
        }
    }

    #[test]
    fn queue_address_excludes_other_regions() {
        let cases = [
            ("orders-dlq", "eu-west-1", true),
            ("https://sqs.eu-west-1.amazonaws.com/1/o", "eu-west-1", true),
            ("https://sqs.eu-west-1.amazonaws.com/1/o", "eu-west-2", false),
            ("arn:aws:sqs:eu-west-1:1:o", "eu-west-1", true),
            ("arn:aws:sqs:eu-west-1:1:o", "eu-west-2", false),
        ];
        for (text, region, expected) in cases {
            assert_eq!(QueueAddress::parse(text).may_be_in(region), expected, "{text} {region}");
        }
    }

    #[test]
    fn place_is_a_region_with_its_account_if_that_has_a_name() {
        assert_eq!(place("", "eu-west-1"), "in 'eu-west-1'");
        assert_eq!(place("prod", "eu-west-1"), "of 'prod' in 'eu-west-1'");
    }

    #[test]
    fn missing_name_is_answered_with_nearest_one() {
        let url = |name: &str| format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}");
        let urls = [url("orders-dlq"), url("billing-dlq"), url("orders")];
        let cases = [
            ("ordes-dlq", &urls[..], "; of 3 queues there, 'orders-dlq' has the nearest name"),
            ("zebra", &urls, "; none of 3 queues there has a similar name"),
            ("zebra", &urls[..1], "; none of 1 queue there has a similar name"),
            ("ordes-dlq", &[], ""),
        ];
        for (name, urls, expected) in cases {
            assert_eq!(NameHint::new(name, urls).sentence(), expected, "{name}");
        }
        assert_eq!(NameHint::new("x", &urls).account, "123456789012");
    }
}
