//! Commands to run next, ready for a shell: read-only ones, and at the end the one that has the code
//! investigated, or that purges harmless messages, where a step says so.
//!
//! Promises: every other line asks the account and region of the queue. A function or rule appears only
//! when a producer's own field names it and the name is valid on AWS. A line whose words are not
//! safe is left out.

use std::time::Duration;

use super::basis::Basis;
use super::case::GroupContext;
use super::proof::Authorship;
use super::{Category, MessageFacts};
use crate::rules::aws_command::{AwsScope, is_queue_arn, word};
use crate::shell;

/// Time before the first message in which its cause may lie.
const BEFORE: Duration = Duration::from_secs(3600);

/// Returns the commands for a group, in the order in which to run them.
pub(super) fn next_commands(case: &GroupContext, category: Category, basis: Basis) -> Vec<String> {
    let queue = &case.queue.queue;
    let Some(named) = ResourceNames::new(case) else { return Vec::new() };
    let mut all = Vec::new();
    if !queue.url.is_empty() {
        let options = [("queue-url", queue.url.as_str()), ("attribute-names", "All")];
        all.extend(named.scope.line("aws sqs get-queue-attributes", &options));
    }
    if let Some(source) = case.source() {
        let options = [("queue-name", source.name.as_str())];
        all.extend(named.scope.line("aws sqs get-queue-url", &options));
    }
    all.extend(named.consumers(case));
    all.extend(named.subscription(case));
    match category {
        Category::Throttling => all.extend(named.concurrency(case)),
        Category::Permission => {
            all.extend(named.function("aws lambda get-policy"));
            all.extend(named.rule());
            all.extend(named.changes(case));
        }
        Category::MissingTarget => {
            all.extend(named.function("aws lambda get-function-configuration"));
            all.extend(named.rule());
            all.extend(named.changes(case));
        }
        Category::ThirdPartyBurst | Category::Dependency | Category::ExpiredOrDuplicate => {
            all.extend(named.rule());
            all.extend(named.logs());
        }
        Category::MisconfiguredQueue => {}
        Category::Harmless => all.extend(purge(&case.group.id, &queue.arn)),
        Category::SchemaDrift
        | Category::PoisonMessage
        | Category::TimedOut
        | Category::OutOfMemory
        | Category::ProcessEnded
        | Category::CodeError
        | Category::Unknown => {
            all.extend(named.function("aws lambda get-function-configuration"));
            all.extend(named.logs());
        }
    }
    if category == Category::CodeError || basis == Basis::Claimed {
        all.extend(investigate(&queue.arn));
    }
    all
}

/// Returns the command that archives the messages of a cause and deletes them, after it has asked.
fn purge(fingerprint: &str, arn: &str) -> Option<String> {
    let is_plain = is_queue_arn(arn) && fingerprint.bytes().all(|b| b.is_ascii_hexdigit());
    is_plain.then(|| format!("dlq-purge --fingerprint {fingerprint} {arn}"))
}

/// Returns the command that investigates again. The ARN is the name that only one queue has.
fn investigate(arn: &str) -> Option<String> {
    is_queue_arn(arn).then(|| format!("dlq-investigate --retry {arn}"))
}

/// Names of AWS resources that the commands need.
struct ResourceNames<'a> {
    scope: AwsScope<'a>,
    function: Option<&'a str>,
    /// Event bus, unless it is the default one, and rule.
    rule: Option<(Option<&'a str>, &'a str)>,
    /// ARNs of an SNS topic and of a subscription.
    topic: Option<&'a str>,
    subscription: Option<&'a str>,
}

impl<'a> ResourceNames<'a> {
    fn new(case: &'a GroupContext<'a>) -> Option<Self> {
        let is_own = case.authorship() != Authorship::Anybody;
        let own = |value: fn(&'a MessageFacts) -> &'a Option<String>| {
            case.shared(value).filter(|_| is_own)
        };
        let (function, rule) = (own(|seen| &seen.target_arn), own(|seen| &seen.rule_arn));
        Some(ResourceNames {
            scope: AwsScope::of_queue(&case.queue.queue)?,
            topic: own(|seen| &seen.topic_arn).filter(|arn| is_sns(arn)),
            subscription: own(|seen| &seen.subscription_arn).filter(|arn| is_sns(arn)),
            function: function.and_then(function_of),
            rule: rule.and_then(rule_of),
        })
    }

    fn function(&self, command: &str) -> Option<String> {
        self.scope.line(command, &[("function-name", self.function?)])
    }

    fn logs(&self) -> Option<String> {
        let group = format!("/aws/lambda/{}", self.function?);
        self.scope.line(&format!("aws logs tail {}", word(&group)?), &[("since", "1h")])
    }

    fn rule(&self) -> Option<String> {
        let (bus, rule) = self.rule?;
        let mut options = vec![("rule", rule)];
        options.extend(bus.map(|bus| ("event-bus-name", bus)));
        self.scope.line("aws events list-targets-by-rule", &options)
    }

    /// Returns the command that lists the functions that receive from the source, or that have this
    /// queue as their dead-letter queue.
    fn consumers(&self, case: &GroupContext) -> Option<String> {
        if let Some(source) = case.source() {
            let options = [("event-source-arn", source.arn.as_str())];
            return self.scope.line("aws lambda list-event-source-mappings", &options);
        }
        let arn = &case.queue.queue.arn;
        let is_lambda = case.group.producer == "lambda_async" && self.function.is_none();
        if !is_lambda || !arn.bytes().all(shell::is_plain) {
            return None;
        }
        let query = format!("Functions[?DeadLetterConfig.TargetArn=='{arn}'].FunctionName");
        self.scope.line("aws lambda list-functions", &[("query", &query)])
    }

    /// Returns the commands about the SNS subscription that could not deliver. Without its name they
    /// list the subscriptions.
    fn subscription(&self, case: &GroupContext) -> Vec<String> {
        if case.group.producer != "sns" {
            return Vec::new();
        }
        let line = |command: &str, options: &[(&str, &str)]| self.scope.line(command, options);
        let mut all = Vec::new();
        all.extend(self.subscription.and_then(|arn| {
            line("aws sns get-subscription-attributes", &[("subscription-arn", arn)])
        }));
        all.extend(match self.topic {
            Some(arn) => line("aws sns list-subscriptions-by-topic", &[("topic-arn", arn)]),
            None => line("aws sns list-subscriptions", &[]),
        });
        let topic = self.topic;
        all.extend(
            topic.and_then(|arn| line("aws sns get-topic-attributes", &[("topic-arn", arn)])),
        );
        all
    }

    fn concurrency(&self, case: &GroupContext) -> Vec<String> {
        let mut all: Vec<String> =
            self.function("aws lambda get-function-concurrency").into_iter().collect();
        all.extend(self.scope.line("aws lambda get-account-settings", &[]));
        let (first, last) = (case.group.first_sent_at, case.group.last_sent_at);
        if let (Some(function), Some(first), Some(last)) = (self.function, first, last) {
            let dimension = format!("Name=FunctionName,Value={function}");
            let options = [
                ("namespace", "AWS/Lambda"),
                ("metric-name", "Throttles"),
                ("dimensions", &dimension),
                ("start-time", &first.minus(BEFORE).to_string()),
                ("end-time", &last.plus(BEFORE).to_string()),
                ("period", "300"),
                ("statistics", "Sum"),
            ];
            all.extend(self.scope.line("aws cloudwatch get-metric-statistics", &options));
        }
        all
    }

    /// Returns the command that lists recent changes of the function or rule.
    fn changes(&self, case: &GroupContext) -> Option<String> {
        let name = self.function.or(self.rule.map(|(_, rule)| rule))?;
        let lookup = format!("AttributeKey=ResourceName,AttributeValue={name}");
        let start = case.group.first_sent_at.map(|at| at.minus(BEFORE * 24).to_string());
        let mut options = vec![("lookup-attributes", lookup.as_str())];
        options.extend(start.as_deref().map(|start| ("start-time", start)));
        self.scope.line("aws cloudtrail lookup-events", &options)
    }
}

/// Returns whether a text is the ARN of an SNS topic or subscription.
fn is_sns(arn: &str) -> bool {
    arn.starts_with("arn:aws")
        && arn.split(':').nth(2) == Some("sns")
        && arn.split(':').all(is_name)
}

/// Returns the name in `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:VERSION]`.
fn function_of(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let is_lambda = parts.nth(2) == Some("lambda") && parts.nth(2) == Some("function");
    parts.next().filter(|name| is_lambda && is_name(name))
}

/// Returns the bus and the name in `arn:aws:events:REGION:ACCOUNT:rule/[BUS/]NAME`.
fn rule_of(arn: &str) -> Option<(Option<&str>, &str)> {
    let mut parts = arn.splitn(6, ':');
    let is_events = parts.nth(2) == Some("events");
    let rest = parts.nth(2).filter(|_| is_events)?.strip_prefix("rule/")?;
    let (bus, name) = match rest.rsplit_once('/') {
        Some((bus, name)) => (Some(bus), name),
        None => (None, rest),
    };
    (is_name(name) && bus.is_none_or(is_name)).then_some((bus, name))
}

/// Returns whether `text` is a valid name of a function, a rule or a bus. `file://…`, which the AWS
/// command line would read from a file, is not.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.len() <= 256 && !text.starts_with('-') && text.chars().all(plain)
}
