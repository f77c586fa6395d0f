//! The `aws` command line: arguments of its calls, and what its output means.
//!
//! Knows versions 1 and 2. A failure is read from what they write, never from the exit status:
//! each version has its own. Output that is no answer is a failure, never an empty log.

use std::time::Duration;

use serde::Deserialize;

use super::answer::{AnswerKind, LogAnswer};
use super::query::{self, LogQuery};
use super::{LogEvent, windows::Window};
use crate::text::{safe, shorten};
use crate::time::Timestamp;

/// Characters of a refusal that are shown.
const REFUSAL_MAX: usize = 400;
/// First versions that pass on the log group of a function.
const KNOWS_LOG_GROUP: [[u32; 3]; 2] = [[1, 30, 2], [2, 13, 37]];

/// Region, profile and endpoint of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallScope {
    pub region: String,
    /// The profile of the scope; its credentials are used alone.
    pub profile: Option<String>,
    /// The configured endpoint of all services.
    pub endpoint: Option<String>,
    /// Endpoints of single services, by the word of the command line.
    pub service_endpoints: Vec<(&'static str, String)>,
    /// The server of SQS, when it is none of AWS.
    pub sqs_server: Option<String>,
}

impl CallScope {
    /// Returns the words of a call for a person, without the options that only a program needs.
    pub fn shown(&self, service: &[&str], options: &[(&str, String)]) -> Vec<String> {
        self.words(service, options, &[])
    }

    /// Returns the words of a call; none when a value could be read as something else.
    pub fn argv(&self, service: &[&str], options: &[(&str, String)]) -> Option<Vec<String>> {
        const FIXED: [&str; 4] =
            ["--output=json", "--no-paginate", "--cli-connect-timeout=5", "--cli-read-timeout=10"];
        let plain = |text: &str| !text.contains("://") && !text.contains(char::is_control);
        let is_region =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_safe = self.profile.as_deref().is_none_or(plain)
            && !self.region.is_empty()
            && self.region.bytes().all(is_region)
            && options.iter().all(|(_, value)| plain(value));
        is_safe.then(|| self.words(service, options, &FIXED))
    }

    fn words(&self, service: &[&str], options: &[(&str, String)], fixed: &[&str]) -> Vec<String> {
        let mut words = vec!["aws".to_owned()];
        words.extend(service.iter().map(|word| (*word).to_owned()));
        words.extend(options.iter().map(|(name, value)| format!("--{name}={value}")));
        words.push(format!("--region={}", self.region));
        words.extend(self.profile.iter().map(|profile| format!("--profile={profile}")));
        let endpoint = service.first().and_then(|service| self.endpoint_for(service));
        words.extend(endpoint.map(|url| format!("--endpoint-url={url}")));
        words.extend(fixed.iter().map(|word| (*word).to_owned()));
        words
    }

    /// Returns the call that lists the functions that read a queue.
    pub fn mappings(&self, queue_arn: &str, marker: Option<&str>) -> Option<Vec<String>> {
        let mut options = vec![("event-source-arn", queue_arn.to_owned())];
        options.extend(marker.map(|marker| ("marker", marker.to_owned())));
        query::is_arn(queue_arn).then_some(())?;
        self.argv(&MAPPINGS, &options)
    }

    /// Returns the call for the settings of a function, given by its name or ARN.
    pub fn function(&self, function: &str) -> Option<Vec<String>> {
        (query::is_arn(function) || query::is_function(function)).then_some(())?;
        self.argv(&FUNCTION, &[("function-name", function.to_owned())])
    }

    /// Returns the call for one page of lines.
    pub fn events(&self, asked: &LogQuery, token: Option<&str>) -> Option<Vec<String>> {
        let is_stream = asked.stream.as_deref().is_none_or(query::is_stream);
        (query::is_group(&asked.group) && is_stream).then_some(())?;
        let mut options = event_options(asked);
        options.push(("limit", query::LIMIT.to_string()));
        options.extend(token.map(|token| ("next-token", token.to_owned())));
        self.argv(&EVENTS, &options)
    }
}

pub const MAPPINGS: [&str; 2] = ["lambda", "list-event-source-mappings"];
pub const FUNCTION: [&str; 2] = ["lambda", "get-function-configuration"];
pub const EVENTS: [&str; 2] = ["logs", "filter-log-events"];

/// Returns the options of a question for lines.
pub fn event_options(asked: &LogQuery) -> Vec<(&'static str, String)> {
    let Window { from, to } = asked.window;
    let mut options = vec![
        ("log-group-name", asked.group.clone()),
        ("start-time", from.millis().max(0).to_string()),
        ("end-time", to.millis().max(0).to_string()),
    ];
    options.extend(asked.pattern.iter().map(|pattern| ("filter-pattern", pattern.clone())));
    options.extend(asked.stream.iter().map(|stream| ("log-stream-names", stream.clone())));
    options
}

/// A page of lines.
#[derive(Debug, Default, PartialEq)]
pub struct EventsPage {
    pub events: Vec<LogEvent>,
    pub next: Option<String>,
}

/// A function that reads a queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mapping {
    pub function_arn: String,
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub maximum_batching_window_in_seconds: u64,
}

impl Mapping {
    fn is_enabled(&self) -> bool {
        self.state.is_empty() || self.state.starts_with("Enabl")
    }

    /// Returns the sentence about a mapping that does not run, so that messages wait until they
    /// expire, or another consumer receives them.
    pub fn disabled(&self) -> Option<String> {
        let is_word = self.state.chars().all(|c| c.is_ascii_alphabetic());
        let state = if is_word { self.state.as_str() } else { "unknown" };
        let name = query::function_name(&self.function_arn)?;
        (!self.is_enabled()).then(|| {
            format!("the event source mapping of '{name}' is not enabled now (state {state})")
        })
    }
}

/// A page of the functions that read a queue.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MappingsPage {
    pub event_source_mappings: Vec<Mapping>,
    #[serde(default)]
    pub next_marker: Option<String>,
}

/// Settings of a function.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionFacts {
    /// Seconds.
    pub timeout: u64,
    /// Absent at versions of the command line that drop it.
    #[serde(default)]
    pub logging_config: Option<LoggingConfig>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoggingConfig {
    #[serde(default)]
    pub log_group: Option<String>,
}

/// Reads a page of lines; none for what is no answer.
pub fn read_events(output: &[u8]) -> Option<EventsPage> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        events: Vec<Event>,
        next_token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Event {
        #[serde(default)]
        log_stream_name: String,
        timestamp: i64,
        message: String,
        #[serde(default)]
        event_id: String,
    }
    let answer: Answer = serde_json::from_slice(output).ok()?;
    let event = |event: Event| LogEvent {
        at: Timestamp::from_millis(event.timestamp),
        stream: event.log_stream_name,
        id: event.event_id,
        text: event.message,
    };
    let next = answer.next_token.filter(|token| !token.is_empty());
    Some(EventsPage { events: answer.events.into_iter().map(event).collect(), next })
}

/// Selects the consumer of a queue among the functions that read it: the enabled one, or the only
/// one.
pub fn consumer_of(mappings: &[Mapping]) -> Result<&Mapping, LogAnswer> {
    let mut enabled: Vec<&Mapping> =
        mappings.iter().filter(|mapping| mapping.is_enabled()).collect();
    if enabled.is_empty() {
        enabled = mappings.iter().collect();
    }
    enabled.dedup_by_key(|mapping| query::function_name(&mapping.function_arn));
    let unknown = |reason| Err(LogAnswer::new(AnswerKind::UnknownGroup, reason));
    match enabled.as_slice() {
        [one] => Ok(one),
        [] => unknown(format!("no Lambda function reads the source queue; {REMEDY}")),
        several => {
            let names: Vec<&str> =
                several.iter().filter_map(|one| query::function_name(&one.function_arn)).collect();
            unknown(format!(
                "several functions read the source queue ({}); {REMEDY}",
                names.join(", ")
            ))
        }
    }
}

/// Remedy where the log group cannot be told.
pub const REMEDY: &str = "set 'logs' of the queue in auto_investigation.queues";

/// Returns the version of the command line, as `aws --version` writes it.
pub fn version(output: &str) -> Option<[u32; 3]> {
    let rest = output.split_once("aws-cli/")?.1;
    let mut parts = rest.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// Returns whether a version passes on the log group of a function.
pub fn knows_log_group(version: [u32; 3]) -> bool {
    KNOWS_LOG_GROUP.iter().any(|first| first[0] == version[0] && version >= *first)
        || version[0] > 2
}

/// Returns the answer for a call that AWS or the command line refused: from what it wrote to
/// standard error.
pub fn refusal(errors: &str, operation: &str) -> LogAnswer {
    let text = errors.trim();
    let shown = safe(&shorten(text.lines().next().unwrap_or(text), REFUSAL_MAX)).into_owned();
    let code = code_of(text).unwrap_or_default();
    let starts = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let (kind, reason) = match code {
        _ if text.contains("INFREQUENT_ACCESS") || text.contains("log class") => {
            (AnswerKind::Failed, format!("the class of the log group cannot be searched: {shown}"))
        }
        "ResourceNotFoundException" if operation == "filter-log-events" => {
            (AnswerKind::UnknownGroup, format!("there is no such log group; {REMEDY}"))
        }
        "ResourceNotFoundException" => {
            (AnswerKind::UnknownGroup, format!("there is no such function; {REMEDY}"))
        }
        code if code.contains("AccessDenied") || code.contains("Unauthorized") => {
            (AnswerKind::Denied, shown)
        }
        code if code.contains("Throttling") || code.contains("TooManyRequests") => {
            (AnswerKind::Cut, "CloudWatch Logs is asked too often".to_owned())
        }
        "" if starts(&["Unable to locate credentials", "profile (", "must specify a region"]) => {
            (AnswerKind::Denied, shown)
        }
        code if code.contains("Token") || code.contains("Signature") || code == "AuthFailure" => {
            (AnswerKind::Denied, shown)
        }
        _ if text.is_empty() => (AnswerKind::Failed, "aws has failed without a reason".to_owned()),
        _ => (AnswerKind::Failed, shown),
    };
    LogAnswer { kind, reason }
}

/// Returns the code in `An error occurred (CODE) when calling the OPERATION operation: …`.
fn code_of(text: &str) -> Option<&str> {
    let (head, _) = text.split_once(") when calling the ")?;
    let code = head.rsplit_once('(')?.1;
    code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.').then_some(code)
}

/// Returns the answer for output that is no answer, such as the page of a proxy.
pub fn unreadable() -> LogAnswer {
    let reason = "the answer is not one of AWS: a proxy may stand between";
    LogAnswer::new(AnswerKind::Failed, reason)
}

/// Returns the answer for a call that did not end in time.
pub fn silent(deadline: Duration) -> LogAnswer {
    LogAnswer::new(AnswerKind::Cut, format!("aws has not answered within {}s", deadline.as_secs()))
}
