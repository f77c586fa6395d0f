//! Searches in CloudWatch Logs, by the `aws` command where that is installed.
//!
//! Promises: no shell; pages are asked for one by one, with limits on calls, bytes and time of a
//! search; calls keep the pace that all processes share; a value that the command could read as a
//! file is never passed; what is returned is redacted. Never: asks again after a refusal.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::call_pace;
use crate::clock;
use crate::edge::command;
use crate::rules::evidence::bundle::{Log, SearchCost, SourceFacts};
use crate::rules::evidence::logs::answer::{AnswerKind, LogAnswer};
use crate::rules::evidence::logs::aws_cli::{self, CallScope, FunctionFacts, MappingsPage};
use crate::rules::evidence::logs::query::{self, LogPage, LogQuery};
use crate::rules::evidence::logs::search::search;
use crate::rules::evidence::logs::{
    Consumer, Letter, LogEvent, LogSource, LoggedCause, neighbours::neighbours,
};
use crate::time::Timestamp;

/// Limits of one search: calls, bytes of all answers, and time.
const CALLS_MAX: u64 = 30;
const BYTES_MAX: u64 = 4 << 20;
const SEARCH_MAX: Duration = Duration::from_secs(60);
/// The time for one call, with the second attempt that the command makes.
const CALL_MAX: Duration = Duration::from_secs(20);
/// Time limit of an invocation that is not known.
const TIMEOUT_UNKNOWN: Duration = Duration::from_secs(60);
/// Pages of functions that read a queue.
const MAPPING_PAGES_MAX: usize = 3;

/// Settings of a search about the messages of a queue.
#[derive(Debug)]
pub(crate) struct LogSettings<'a> {
    pub(crate) scope: CallScope,
    /// Variables beside those of this process.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// The configured log of the consumer.
    pub(crate) source: Option<&'a LogSource>,
    /// The state folder.
    pub(crate) state: &'a Path,
}

/// A search under way.
struct Caller<'a> {
    settings: &'a LogSettings<'a>,
    environment: Vec<(OsString, OsString)>,
    until: Instant,
    cost: SearchCost,
    /// The command line that shows a person what is searched.
    shown: Vec<String>,
    /// The sentence about the mapping, when it does not run.
    disabled: Option<String>,
    /// Whether the command line may have dropped the log group of the function.
    may_have_dropped_group: bool,
}

/// Searches in the log of the consumer of `source`. `seen` is when the messages were seen in the
/// dead-letter queue. The log and the lines around its own that are returned are not redacted, and the
/// log has no id.
pub(super) fn search_log(
    letters: &[Letter],
    source: &SourceFacts,
    seen: Timestamp,
    settings: &LogSettings<'_>,
) -> (Log, Vec<LoggedCause>, Vec<LogEvent>) {
    let begun = clock::tick();
    let mut caller = Caller::new(settings, begun + SEARCH_MAX);
    let mut around = Vec::new();
    let (mut answer, mut causes, mut group) = match caller.consumer(source) {
        Err(answer) => (answer, Vec::new(), None),
        Ok(consumer) => {
            let mut ask = |asked: &LogQuery| caller.lines(asked);
            let found = search(letters, &consumer, seen, clock::now(), &mut ask);
            around = neighbours(&found, letters, &consumer, seen, &mut ask);
            (found.answer, found.causes, Some(consumer.group))
        }
    };
    let is_empty = matches!(answer.kind, AnswerKind::NeverRun | AnswerKind::NoCause);
    let is_missing = answer.kind == AnswerKind::UnknownGroup && group.is_some();
    if (is_empty || is_missing)
        && caller.may_have_dropped_group
        && causes.is_empty()
        && let Some(why) = caller.old_version()
    {
        (answer, causes, group) = (why, Vec::new(), None);
        around.clear();
    }
    caller.cost.millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(disabled) = caller.disabled {
        answer.reason = format!("{}; {disabled}", answer.reason);
    }
    let log = Log {
        command: caller.shown,
        detail: Some(answer.reason),
        answer: Some(answer.kind),
        group,
        cost: Some(caller.cost),
        ..Log::default()
    };
    (log, causes, around)
}

/// Returns the environment of the command: that of this process, with a pager and retries that suit
/// a program.
pub(crate) fn environment(variables: &[(&'static str, String)]) -> Vec<(OsString, OsString)> {
    let fixed = [("AWS_PAGER", ""), ("AWS_MAX_ATTEMPTS", "2"), ("AWS_CLI_AUTO_PROMPT", "off")];
    let own = variables.iter().map(|(name, value)| (*name, value.as_str()));
    let set: Vec<(OsString, OsString)> =
        fixed.into_iter().chain(own).map(|(name, value)| (name.into(), value.into())).collect();
    let is_kept =
        |name: &OsString| name != "PYTHONIOENCODING" && set.iter().all(|(set, _)| set != name);
    let inherited: Vec<_> = std::env::vars_os().filter(|(name, _)| is_kept(name)).collect();
    inherited.into_iter().chain(set).collect()
}

impl<'a> Caller<'a> {
    fn new(settings: &'a LogSettings<'a>, until: Instant) -> Self {
        Caller {
            settings,
            environment: environment(&settings.variables),
            until,
            cost: SearchCost::default(),
            shown: Vec::new(),
            disabled: None,
            may_have_dropped_group: false,
        }
    }

    /// Finds the consumer of a queue: the configured one, else the function that the queue invokes.
    fn consumer(&mut self, source: &SourceFacts) -> Result<Consumer, LogAnswer> {
        let visibility = Duration::from_secs(source.visibility_s.unwrap_or(30));
        let base = Consumer {
            group: String::new(),
            function: None,
            timeout: TIMEOUT_UNKNOWN,
            batching: Duration::ZERO,
            visibility,
            // Without the settings of the source queue, no receive can be told.
            receives: source.visibility_s.and(source.max_receive_count).unwrap_or(1),
        };
        let scope = &self.settings.scope;
        match self.settings.source {
            Some(LogSource::Group(group)) => Ok(Consumer { group: group.clone(), ..base }),
            Some(LogSource::Lambda(name)) => {
                self.shown = scope.shown(&aws_cli::FUNCTION, &[("function-name", name.clone())]);
                self.function(name, name, base)
            }
            None => {
                let options = [("event-source-arn", source.arn.clone())];
                self.shown = scope.shown(&aws_cli::MAPPINGS, &options);
                let mappings = self.mappings(&source.arn)?;
                let mapping = aws_cli::consumer_of(&mappings)?;
                self.disabled = mapping.disabled();
                let arn = mapping.function_arn.as_str();
                let name = query::function_name(arn).ok_or_else(aws_cli::unreadable)?;
                let batching =
                    Duration::from_secs(mapping.maximum_batching_window_in_seconds.min(300));
                self.function(arn, name, Consumer { batching, ..base })
            }
        }
    }

    fn mappings(&mut self, arn: &str) -> Result<Vec<aws_cli::Mapping>, LogAnswer> {
        let (mut all, mut marker) = (Vec::new(), None::<String>);
        for _ in 0..MAPPING_PAGES_MAX {
            let argv = self.settings.scope.mappings(arn, marker.as_deref());
            let output = self.call(argv, aws_cli::MAPPINGS[1])?;
            let page: MappingsPage =
                serde_json::from_slice(&output).map_err(|_| aws_cli::unreadable())?;
            all.extend(page.event_source_mappings);
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// Completes a consumer by the settings of its function, given by its ARN or name. Where they
    /// may not be read, the group is the default one.
    fn function(&mut self, asked: &str, name: &str, base: Consumer) -> Result<Consumer, LogAnswer> {
        let default = format!("/aws/lambda/{name}");
        let argv = self.settings.scope.function(asked);
        let facts = match self.call(argv, aws_cli::FUNCTION[1]) {
            Ok(output) => Some(
                serde_json::from_slice::<FunctionFacts>(&output)
                    .map_err(|_| aws_cli::unreadable())?,
            ),
            Err(answer) if answer.kind == AnswerKind::Denied && self.settings.source.is_none() => {
                None
            }
            Err(answer) => return Err(answer),
        };
        let timeout = facts.as_ref().map(|facts| Duration::from_secs(facts.timeout.clamp(1, 900)));
        let group = facts.and_then(|facts| facts.logging_config?.log_group);
        self.may_have_dropped_group = group.is_none();
        let group = group.unwrap_or(default);
        if !query::is_group(&group) {
            return Err(LogAnswer::new(AnswerKind::UnknownGroup, aws_cli::REMEDY));
        }
        Ok(Consumer {
            group,
            function: Some(name.to_owned()),
            timeout: timeout.unwrap_or(TIMEOUT_UNKNOWN),
            ..base
        })
    }

    /// Returns the answer when the command is of a version that drops the log group of a function.
    fn old_version(&mut self) -> Option<LogAnswer> {
        let argv = ["aws", "--version"].map(str::to_owned);
        let ran =
            command::run(&argv, Some(&self.environment), CALL_MAX, 4096, Stdio::piped()).ok()?;
        // Some releases of version 1 write it to standard error.
        let text = [ran.output, ran.errors].concat();
        let version = aws_cli::version(&String::from_utf8_lossy(&text))?;
        let [major, minor, patch] = version;
        (!aws_cli::knows_log_group(version)).then(|| {
            let reason = format!(
                "awscli {major}.{minor}.{patch} does not tell the log group of a function, and the \
                 default one shows nothing; {}, or install a newer one",
                aws_cli::REMEDY
            );
            LogAnswer::new(AnswerKind::UnknownGroup, reason)
        })
    }

    /// Asks for lines, page after page.
    fn lines(&mut self, asked: &LogQuery) -> Result<LogPage, LogAnswer> {
        // The first question shows best what is searched: the ids of the messages.
        if !self.shown.iter().any(|word| word.starts_with("--log-group-name=")) {
            let options = aws_cli::event_options(asked);
            self.shown = self.settings.scope.shown(&aws_cli::EVENTS, &options);
        }
        let mut page = LogPage::default();
        let mut token: Option<String> = None;
        for _ in 0..asked.pages {
            let argv = self.settings.scope.events(asked, token.as_deref());
            let output = self.call(argv, aws_cli::EVENTS[1])?;
            let answer = aws_cli::read_events(&output).ok_or_else(aws_cli::unreadable)?;
            page.events.extend(answer.events);
            // The same token twice has been seen; the rest cannot be had.
            let is_repeated = answer.next.is_some() && answer.next == token;
            page.complete = answer.next.is_none();
            if page.complete || is_repeated {
                break;
            }
            token = answer.next;
        }
        Ok(page)
    }

    /// Makes one call and returns its output.
    fn call(&mut self, argv: Option<Vec<String>>, operation: &str) -> Result<Vec<u8>, LogAnswer> {
        let cut = |why: &str| Err(LogAnswer::new(AnswerKind::Cut, why));
        let Some(argv) = argv else {
            let reason = "a name has characters that cannot be passed to aws";
            return Err(LogAnswer::new(AnswerKind::Failed, reason));
        };
        let service = argv.get(1).map_or("", String::as_str);
        if let Some(answer) = self.settings.scope.refusal_of(service) {
            return Err(answer);
        }
        if self.cost.calls >= CALLS_MAX {
            return cut(&format!("{CALLS_MAX} calls were made"));
        }
        let bytes = BYTES_MAX.saturating_sub(self.cost.bytes);
        if bytes == 0 {
            return cut("4 MiB were read");
        }
        let settings = self.settings;
        match call_pace::wait_for_turn(settings.state, &settings.scope.region, self.until) {
            Ok(true) => {}
            Ok(false) => return cut("60 seconds have passed"),
            Err(error) => return Err(LogAnswer::new(AnswerKind::Failed, error.to_string())),
        }
        let deadline = self.until.saturating_duration_since(clock::tick()).min(CALL_MAX);
        self.cost.calls += 1;
        let ran = command::run(&argv, Some(&self.environment), deadline, bytes, Stdio::piped());
        let ran = ran.map_err(|cause| {
            let reason = format!("'aws' cannot be started ({cause})");
            LogAnswer::new(AnswerKind::NoCommand, reason)
        })?;
        self.cost.bytes += ran.output.len() as u64;
        match ran.status {
            None if ran.more => cut("4 MiB were read"),
            None => Err(aws_cli::silent(deadline)),
            Some(status) if status.success() => Ok(ran.output),
            Some(_) => Err(aws_cli::refusal(&String::from_utf8_lossy(&ran.errors), operation)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;
    use crate::rules::evidence::logs::Window;

    /// Folder with an `aws` command of its own.
    struct Stub {
        folder: PathBuf,
    }

    impl Stub {
        fn new(name: &str, script: &str) -> Self {
            let name = format!("dlq-cloudwatch-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            let path = folder.join("aws");
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
            Stub { folder }
        }

        fn caller<'a>(&self, settings: &'a LogSettings<'a>, until: Instant) -> Caller<'a> {
            let mut caller = Caller::new(settings, until);
            caller.environment.retain(|(name, _)| name != "PATH");
            let path = format!("{}:/usr/bin:/bin", self.folder.display());
            caller.environment.push(("PATH".into(), path.into()));
            caller
        }

        fn settings(&self) -> LogSettings<'_> {
            let scope = CallScope { region: "eu-west-1".into(), ..CallScope::default() };
            LogSettings { scope, variables: Vec::new(), source: None, state: &self.folder }
        }
    }

    impl Drop for Stub {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    fn asked() -> LogQuery {
        let at = Timestamp::from_millis(1_700_000_000_000);
        let window = Window { from: at, to: at };
        LogQuery { group: "/ecs/orders".into(), window, pattern: None, stream: None, pages: 9 }
    }

    fn cut(answer: Result<LogPage, LogAnswer>) -> String {
        let answer = answer.unwrap_err();
        assert_eq!(answer.kind, AnswerKind::Cut, "{answer}");
        answer.reason
    }

    #[test]
    fn search_ends_at_4_mib_of_answers() {
        // Each page has 1.5 MB, and names a next one.
        let page = "printf '{\"events\":[],\"nextToken\":\"%s\",\"x\":\"' $$; head -c 1500000 /dev/zero | tr '\\0' x; echo '\"}'";
        let stub = Stub::new("bytes", page);
        let settings = stub.settings();
        let mut caller = stub.caller(&settings, clock::tick() + SEARCH_MAX);
        assert_eq!(cut(caller.lines(&asked())), "4 MiB were read");
        assert_eq!(caller.cost.calls, 3, "two pages and a part of the third");
        assert!(caller.cost.bytes <= BYTES_MAX, "{:?}", caller.cost);
        // Nothing more is asked for.
        caller.cost.bytes = BYTES_MAX;
        assert_eq!(cut(caller.lines(&asked())), "4 MiB were read");
        assert_eq!(caller.cost.calls, 3);
    }

    #[test]
    fn search_ends_at_its_deadline() {
        let stub = Stub::new("time", "exec sleep 30");
        let settings = stub.settings();
        let begun = clock::tick();
        let mut caller = stub.caller(&settings, begun + Duration::from_millis(700));
        let silent = caller.lines(&asked()).unwrap_err();
        assert!([AnswerKind::Failed, AnswerKind::Cut].contains(&silent.kind), "{silent}");
        assert!(begun.elapsed() < Duration::from_secs(10), "the command was stopped");
        assert_eq!(caller.cost.calls, 1);
        assert_eq!(cut(caller.lines(&asked())), "60 seconds have passed");
        assert_eq!(caller.cost.calls, 1, "nothing is started after the deadline");
        assert_eq!(SEARCH_MAX, Duration::from_secs(60));
        assert_eq!(BYTES_MAX, 4 * 1024 * 1024);
    }

    #[test]
    fn search_ends_after_30_calls() {
        let stub = Stub::new("calls", "echo '{\"events\":[]}'");
        let settings = stub.settings();
        let mut caller = stub.caller(&settings, clock::tick() + SEARCH_MAX);
        caller.cost.calls = CALLS_MAX - 1;
        assert!(caller.lines(&asked()).is_ok_and(|page| page.complete));
        assert_eq!(cut(caller.lines(&asked())), "30 calls were made");
    }
}
