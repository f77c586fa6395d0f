//! Actions: what a key acts on, the question before it, and the program that it runs.
//!
//! Promises: nothing runs without `--write` and a confirmation; what events say becomes an argument
//! only when no program reads it as an option and a person sees it whole.

use super::places;
use super::rows::{ListName, RowKey, incidents, investigations};
use super::ui::{Command, OpenPage, Prompt, Ui};
use crate::rules::aws_command::is_queue_arn;
use crate::rules::view::dashboard::Dashboard;
use crate::text::{hidden, safe, shorten};

/// The span that is suggested for a silence.
const SILENCE: &str = "4h";
/// The bytes of an argument, and the characters of a name in a question: as many as a queue can have.
const ARGUMENT_MAX: usize = 256;
const NAME_MAX: usize = 80;

/// The objects that a key acts on; those that do not exist are None.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// The ARN of the queue, and its name.
    pub arn: Option<Box<str>>,
    pub name: Box<str>,
    pub incident: Option<Box<str>>,
    pub session: Option<Box<str>>,
    pub request: Option<Box<str>>,
    /// The text that is copied.
    pub copied: Box<str>,
}

impl Target {
    pub fn from_row(list: ListName, key: &RowKey, state: &Dashboard) -> Self {
        match list {
            ListName::Queues => Target::of_queue(&key.id, state),
            ListName::Investigators | ListName::Investigations => {
                Target::of_session(&key.id, state)
            }
            ListName::Requests => Target::of_request(&key.id, state),
            ListName::Incidents => Target::of_incident(&key.id, state),
            ListName::Timeline => {
                let entry = state.timeline.entries.get(key.index);
                let incident = entry.and_then(|entry| entry.incident.as_deref());
                Target { copied: key.part.clone(), ..Target::of_news(incident, state) }
            }
        }
    }

    pub fn from_page(page: &OpenPage, state: &Dashboard) -> Self {
        match page {
            OpenPage::Queue(arn) => Target::of_queue(arn, state),
            OpenPage::Incident(id) => Target::of_incident(id, state),
            OpenPage::Session(id) => Target::of_session(id, state),
            OpenPage::Request(key) => Target::of_request(key, state),
            OpenPage::News(text, incident) => {
                Target { copied: text.clone(), ..Target::of_news(incident.as_deref(), state) }
            }
        }
    }

    fn of_queue(arn: &str, state: &Dashboard) -> Self {
        let Some(queue) = state.queues.get(arn) else { return Target::default() };
        let incident = queue.incident.as_deref().map(|id| Target::of_incident(id, state));
        Target {
            arn: Some(arn.into()),
            name: queue.name.clone(),
            copied: queue.name.clone(),
            ..incident.unwrap_or_default()
        }
    }

    fn of_incident(id: &str, state: &Dashboard) -> Self {
        let Some(one) = state.incidents.get(id) else { return Target::default() };
        Target {
            arn: Some(one.queue.clone()),
            name: incidents::queue_name(one).into(),
            incident: Some(id.into()),
            session: one.session.clone(),
            request: one.requests_of("").first().map(|one| one.key.clone()),
            copied: id.into(),
        }
    }

    fn of_session(id: &str, state: &Dashboard) -> Self {
        let Some(one) = state.investigations.get(id) else { return Target::default() };
        Target {
            arn: Some(one.queue.clone()),
            name: investigations::queue_name(state, one).into(),
            session: Some(id.into()),
            copied: id.into(),
            ..Target::of_news(Some(&one.incident), state)
        }
    }

    fn of_request(key: &str, state: &Dashboard) -> Self {
        let Some(one) = state.pull_requests.get(key) else { return Target::default() };
        let copied = one.url.clone().unwrap_or_else(|| key.into());
        let incident = Target::of_news(one.incident.as_deref(), state);
        Target { request: Some(key.into()), copied, ..incident }
    }

    fn of_news(incident: Option<&str>, state: &Dashboard) -> Self {
        incident.map_or_else(Target::default, |id| Target::of_incident(id, state))
    }

    /// Returns the page of the queue in the console of AWS.
    fn console_page(&self) -> Option<String> {
        let arn = self.arn.as_deref().filter(|arn| is_queue_arn(arn))?;
        let parts: Vec<&str> = arn.split(':').collect();
        let [_, partition, _, region, account, name] = parts[..] else { return None };
        // A region with other characters would lead to another host.
        let is_plain = |text: &str, more: &[u8]| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        if !is_plain(region, b"-") || !is_plain(account, b"") || !is_plain(name, b"-_.") {
            return None;
        }
        let (console, server) = match partition {
            "aws-cn" => ("console.amazonaws.cn", "amazonaws.com.cn"),
            "aws-us-gov" => ("console.amazonaws-us-gov.com", "amazonaws.com"),
            _ => ("console.aws.amazon.com", "amazonaws.com"),
        };
        let queue = format!("https%3A%2F%2Fsqs.{region}.{server}%2F{account}%2F{name}");
        Some(format!("https://{region}.{console}/sqs/v3/home?region={region}#/queues/{queue}"))
    }
}

/// Returns a text as an argument of a program.
fn argument(text: &str) -> Option<String> {
    let is_plain = !text.is_empty() && text.len() <= ARGUMENT_MAX && !text.starts_with('-');
    (is_plain && !text.chars().any(hidden)).then(|| text.to_owned())
}

impl Ui {
    /// Returns the address of the pull request of the target, or of its queue in the console.
    pub(super) fn open_address(&mut self, state: &Dashboard) -> Option<Command> {
        let target = self.target(state);
        let request = target.request.as_deref().and_then(|key| state.pull_requests.get(key));
        let url = request.and_then(|one| one.url.as_deref()).filter(|url| is_address(url));
        let url = url.map(str::to_owned).or_else(|| target.console_page());
        if url.is_none() {
            self.note = Some("there is no page to open".into());
        }
        url.map(Command::Open)
    }

    pub(super) fn copy(&mut self, state: &Dashboard) -> Option<Command> {
        let copied = safe(&self.target(state).copied).into_owned();
        if copied.is_empty() {
            self.note = Some("there is nothing to copy".into());
            return None;
        }
        self.note = Some(format!("copied: {copied}"));
        Some(Command::Copy(copied))
    }

    /// Asks before an action, or says why it is not possible.
    pub(super) fn ask(&mut self, letter: char, state: &Dashboard) {
        if !self.flags.write {
            self.note = Some("read-only: dlq-dash --write can act".into());
            return;
        }
        match action(letter, &self.target(state), state, self.flags.has_redrive) {
            Ok(Prompt::Confirm { argv, .. } | Prompt::Span { argv, .. }) if self.runs(&argv) => {
                self.note = Some(format!("it runs already: {}", argv.join(" ")));
            }
            Ok(prompt) => self.prompt = prompt,
            Err(reason) => self.note = Some(reason.to_owned()),
        }
    }

    /// Returns whether a program runs with these arguments, whatever the span behind them.
    fn runs(&self, argv: &[String]) -> bool {
        self.running.iter().any(|one| one.argv.starts_with(argv))
    }

    /// Takes the end of a program, with a sentence about it.
    pub fn end_action(&mut self, argv: &[String], note: String) {
        if let Some(at) = self.running.iter().position(|one| one.argv == argv) {
            self.running.remove(at);
        }
        self.note = Some(note);
    }
}

/// Returns whether a browser may be sent to an address.
fn is_address(url: &str) -> bool {
    url.len() <= 2048
        && (url.starts_with("https://") || url.starts_with("http://"))
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`'))
}

/// Returns whether a queue is known to have no message.
fn is_empty(target: &Target, state: &Dashboard) -> bool {
    let queue = target.arn.as_deref().and_then(|arn| state.queues.get(arn));
    queue.is_some_and(|queue| queue.depth == Some(0) || queue.is_gone)
}

fn action(
    letter: char,
    target: &Target,
    state: &Dashboard,
    has_redrive: bool,
) -> Result<Prompt, &'static str> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let confirm =
        |question: String, argv: &[&str]| Ok(Prompt::Confirm { question, argv: words(argv) });
    let short = shorten(&target.name, NAME_MAX);
    let place = target.arn.as_deref().map(|arn| places::behind(state, arn, &target.name));
    let one = format!("'{short}'{}", place.unwrap_or_default());
    let one = safe(&one).into_owned();
    let arn = target.arn.as_deref().filter(|arn| is_queue_arn(arn)).map(str::to_owned);
    let queue = arn.or_else(|| argument(&target.name)).ok_or("this row has no queue");
    match letter {
        'i' => {
            // The supervisor goes on: its end is not waited for.
            let argv = ["dlq-investigate", "--retry", &queue?, "--no-wait"];
            confirm(format!("investigate {one} now"), &argv)
        }
        'x' => {
            let running = target
                .session
                .as_deref()
                .filter(|id| state.investigations.get(*id).is_some_and(investigations::is_running));
            let session = running.and_then(argument).ok_or("no investigation is running here")?;
            let question = format!("stop the investigation of {one}");
            confirm(question, &["dlq-investigate", "--stop", &session])
        }
        'a' => {
            let incident = target.incident.as_deref().and_then(argument);
            let incident = incident.ok_or("this row has no incident")?;
            let question = format!("acknowledge the incident of {one} for 24h");
            confirm(question, &["dlq-status", "--ack", &incident])
        }
        'z' => {
            let pattern = argument(&target.name).ok_or("this row has no queue")?;
            if pattern.contains(['*', '?', '[', '{', '\\', '!']) {
                return Err("the name of this queue is no plain pattern");
            }
            // A silence is by the name: it holds for all queues that have it.
            let all = places::all_of(state, &target.name).map(|all| format!(" ({all})"));
            let question = format!("silence '{short}'{} for", all.unwrap_or_default());
            Ok(Prompt::Span {
                question: safe(&question).into_owned(),
                argv: words(&["dlq-status", "--silence", &pattern]),
                typed: SILENCE.into(),
                is_suggested: true,
            })
        }
        'R' if !has_redrive => Err("dlq-redrive is not installed"),
        'R' if is_empty(target, state) => Err("the queue has no message to move back"),
        _ => confirm(format!("move the messages of {one} back"), &["dlq-redrive", &queue?]),
    }
}
