//! Lines of the AWS command line that people are told to run, in the account and region of a queue.
//!
//! Promises: a shell reads every value as one word, and the program reads none as an option or as
//! the name of a file. A line whose place is unknown or has an invalid part is not made: without
//! its profile it would run in another account.

use crate::event::Queue;
use crate::shell;
use crate::text::hidden;

/// The longest retention of SQS, in seconds: 14 days.
pub const RETENTION_MAX_S: u64 = 1_209_600;

/// Limits of values, in bytes.
const PROFILE_MAX: usize = 128;
const VALUE_MAX: usize = 2048;

/// The profile, region and server that a command asks.
#[derive(Debug, Clone, Copy)]
pub struct AwsScope<'a> {
    profile: Option<&'a str>,
    region: Option<&'a str>,
    endpoint: Option<&'a str>,
}

impl<'a> AwsScope<'a> {
    /// Returns the scope of a queue; none when a part of it is invalid.
    pub fn of_queue(queue: &'a Queue) -> Option<Self> {
        let stated = Some(queue.region.as_str()).filter(|region| !region.is_empty());
        let region = stated.or_else(|| queue.arn.split(':').nth(3).filter(|part| !part.is_empty()));
        let (profile, endpoint) = (queue.profile.as_deref(), queue.endpoint.as_deref());
        let is_valid = profile.is_none_or(is_profile)
            && region.is_none_or(is_region)
            && endpoint.is_none_or(is_endpoint);
        is_valid.then_some(AwsScope { profile, region, endpoint })
    }

    /// Returns the line that runs `command` with options; none when the program would read a value
    /// from a file.
    pub fn line(&self, command: &str, options: &[(&str, &str)]) -> Option<String> {
        let scope = [("profile", self.profile), ("region", self.region)];
        let scope = scope.into_iter().chain([("endpoint-url", self.endpoint)]);
        let scope = scope.filter_map(|(option, value)| Some((option, value?)));
        let mut line = command.to_owned();
        for (option, value) in options.iter().copied().chain(scope) {
            line.push_str(&format!(" --{option}={}", word(value)?));
        }
        Some(line)
    }
}

/// Returns the command that moves the messages of a queue back to their source queues, a few first, with
/// an archive; none for a queue without a known source queue: a service has put its messages there.
pub fn move_back(queue: &Queue) -> Option<String> {
    let arn = Some(queue.arn.as_str()).filter(|arn| is_queue_arn(arn))?;
    let scope = AwsScope::of_queue(queue).filter(|_| !queue.sources.is_empty())?;
    Some(format!("{} {arn}", scope.line("dlq-redrive apply", &[])?))
}

/// Returns the command that sets the retention of a queue to 14 days; none when it has that
/// already.
pub fn raise_retention(queue: &Queue, retention_s: Option<u64>) -> Option<String> {
    let is_shorter = retention_s.is_none_or(|seconds| seconds < RETENTION_MAX_S);
    let scope = AwsScope::of_queue(queue).filter(|_| is_shorter && is_endpoint(&queue.url))?;
    let attribute = format!("MessageRetentionPeriod={RETENTION_MAX_S}");
    let options = [("queue-url", queue.url.as_str()), ("attributes", &attribute)];
    scope.line("aws sqs set-queue-attributes", &options)
}

/// Returns a value as one word for a shell; none when the program would read it from a file, or a
/// person could not see it whole.
pub fn word(value: &str) -> Option<String> {
    let reads_file = value.starts_with("file://") || value.starts_with("fileb://");
    let is_plain = value.len() <= VALUE_MAX && !value.chars().any(hidden);
    (is_plain && !reads_file).then(|| shell::quote(value))
}

/// Returns whether a profile may have this name. Names may contain blanks and quotes.
fn is_profile(name: &str) -> bool {
    let is_trimmed = !name.is_empty() && name.trim() == name;
    is_trimmed && name.len() <= PROFILE_MAX && !name.contains("://") && !name.chars().any(hidden)
}

fn is_region(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= 64 && !name.starts_with('-') && name.bytes().all(is_plain)
}

fn is_endpoint(url: &str) -> bool {
    let is_http = url.starts_with("https://") || url.starts_with("http://");
    is_http && url.bytes().all(|b| b.is_ascii_graphic()) && !url.contains(['@', '\\'])
}

pub fn is_queue_arn(arn: &str) -> bool {
    let is_sqs = arn.starts_with("arn:") && arn.split(':').nth(2) == Some("sqs");
    is_sqs && arn.bytes().all(shell::is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue {
            name: "orders-dlq".into(),
            url: "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq".into(),
            arn: "arn:aws:sqs:eu-west-1:123456789012:orders-dlq".into(),
            region: "eu-west-1".into(),
            sources: vec!["orders".into()],
            ..Queue::default()
        }
    }

    #[test]
    fn line_names_the_scope_of_the_queue() {
        const ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:orders-dlq";
        let of = |profile: &str, endpoint: &str| Queue {
            profile: Some(profile.into()).filter(|name: &String| !name.is_empty()),
            endpoint: Some(endpoint.into()).filter(|url: &String| !url.is_empty()),
            ..queue()
        };
        let no_region = Queue { region: String::new(), ..queue() };
        let local = "http://127.0.0.1:4566";
        let rows = [
            ("the default chain", queue(), Some("--region=eu-west-1")),
            ("the region of the ARN", no_region, Some("--region=eu-west-1")),
            ("a profile", of("prod", ""), Some("--profile=prod --region=eu-west-1")),
            ("a blank", of("my prod", ""), Some("--profile='my prod' --region=eu-west-1")),
            (
                "quotes",
                of("a'; reboot; '", ""),
                Some(r"--profile='a'\''; reboot; '\''' --region=eu-west-1"),
            ),
            (
                "a server",
                of("", local),
                Some("--region=eu-west-1 --endpoint-url=http://127.0.0.1:4566"),
            ),
            ("a second line", of("a\nreboot", ""), None),
            ("a hidden character", of("a\u{202e}b", ""), None),
            ("a file as profile", of("file:///etc/passwd", ""), None),
            ("an edge of blanks", of(" prod", ""), None),
            ("a server that is no URL", of("", "$(id)"), None),
            ("a password", of("", "https://a:b@example.com"), None),
            ("a region that is none", Queue { region: "$(id)".into(), ..queue() }, None),
            ("a file as ARN", Queue { arn: "file:///etc/passwd".into(), ..queue() }, None),
            (
                "an ARN with a command",
                Queue { arn: "arn:aws:sqs:a:1:a;id".into(), ..queue() },
                None,
            ),
            ("no source queue", Queue { sources: Vec::new(), ..queue() }, None),
        ];
        for (rule, queue, options) in rows {
            let expected = options.map(|options| format!("dlq-redrive apply {options} {ARN}"));
            assert_eq!(move_back(&queue), expected, "{rule}");
        }
    }

    #[test]
    fn retention_is_raised_below_14_days_only() {
        const RAISE: &str = "aws sqs set-queue-attributes \
             --queue-url=https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq \
             --attributes=MessageRetentionPeriod=1209600 --region=eu-west-1";
        let of_url = |url: &str| Queue { url: url.into(), ..queue() };
        let rows = [
            ("the default of SQS", queue(), Some(345_600), true),
            ("unknown", queue(), None, true),
            ("14 days", queue(), Some(1_209_600), false),
            ("no URL", of_url(""), Some(60), false),
            ("a file as URL", of_url("file:///etc/passwd"), Some(60), false),
        ];
        for (rule, queue, retention, is_raised) in rows {
            let expected = is_raised.then(|| RAISE.to_owned());
            assert_eq!(raise_retention(&queue, retention), expected, "{rule}");
        }
    }
}
