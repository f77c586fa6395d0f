//! The check of the permissions that a search in logs needs, by the `aws` command, which reads only.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use super::DoctorContext;
use super::connection::connect;
use super::run::CheckGroup;
use crate::clock;
use crate::edge::aws::Scope;
use crate::edge::command;
use crate::edge::evidence::cloudwatch;
use crate::edge::process;
use crate::rules::evidence::logs::answer::AnswerKind;
use crate::rules::evidence::logs::aws_cli::{self, CallScope};
use crate::rules::evidence::logs::query::LogQuery;
use crate::rules::evidence::logs::{LogSource, Window};
use crate::rules::health::Diagnosis;
use crate::rules::health::aws::{self as judge, Probe, ProbedAction};
use crate::rules::health::feature::AwsFeature;

/// The time for one call.
const CALL: Duration = Duration::from_secs(7);
/// Bytes of an answer that are read.
const ANSWER_MAX: u64 = 1 << 20;
/// Logs of queues that are tried.
const SOURCES_MAX: usize = 2;

/// Returns the group of an account and region.
pub fn group(context: &Arc<DoctorContext>, scope: &Scope, place: &str) -> CheckGroup {
    let name = format!("aws.logs{place}");
    if !context.features().contains(&AwsFeature::Logs) {
        return CheckGroup::known(name, Diagnosis::skipped("searching logs is off"));
    }
    let (context, scope) = (context.clone(), scope.clone());
    CheckGroup::one(name, move || check(&context, &scope))
}

fn check(context: &DoctorContext, scope: &Scope) -> Diagnosis {
    if process::find("aws", context.env.get("PATH")).is_none() {
        let why = "not tried: the 'aws' command is not installed, so that no log is searched";
        return Diagnosis::skipped(why);
    }
    let Ok(sqs) = connect(context, scope) else {
        return Diagnosis::skipped("not tried: no region is known");
    };
    let (call, variables) = sqs.call_scope(0);
    let variable = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
    let call = call.with_servers(&sqs.server_url(0), variable);
    if let Some(refusal) = ["lambda", "logs"].into_iter().find_map(|name| call.refusal_of(name)) {
        return Diagnosis::skipped(format!("not tried: {}", refusal.reason));
    }
    let environment = cloudwatch::environment(&variables);
    let ask = |argv: Option<Vec<String>>, operation: &str| {
        let argv = argv.ok_or("a name has characters that cannot be passed to aws");
        let ran = argv.map_err(str::to_owned).and_then(|argv| {
            command::run(&argv, Some(&environment), CALL, ANSWER_MAX, Stdio::piped())
        });
        match ran {
            Err(why) => Probe::Unknown(why),
            Ok(ran) => match ran.status {
                None => Probe::Unknown("aws has not answered in time".into()),
                Some(status) if status.success() && is_json(&ran.output) => Probe::Allowed,
                Some(status) if status.success() => {
                    Probe::Unknown("the answer of aws is not JSON".into())
                }
                Some(_) => refused(&String::from_utf8_lossy(&ran.errors), operation),
            },
        }
    };
    let mappings = ask(call.argv(&aws_cli::MAPPINGS, &[]), aws_cli::MAPPINGS[1]);
    let (functions, groups) = (functions(context, &call), groups(context, &call));
    let all = |argvs: Vec<Option<Vec<String>>>, operation: &str| {
        let probes = argvs.into_iter().map(|argv| ask(argv, operation)).collect::<Vec<_>>();
        let worst = probes.iter().find(|probe| **probe != Probe::Allowed).or(probes.first());
        worst.cloned().unwrap_or(Probe::NotTried)
    };
    let probes: [ProbedAction; 3] = [
        ("lambda:ListEventSourceMappings", AwsFeature::Logs, mappings),
        ("lambda:GetFunctionConfiguration", AwsFeature::Logs, all(functions, aws_cli::FUNCTION[1])),
        ("logs:FilterLogEvents", AwsFeature::Logs, all(groups, aws_cli::EVENTS[1])),
    ];
    judge::permissions(&probes)
}

/// Returns the calls for the functions that the configuration names.
fn functions(context: &DoctorContext, call: &CallScope) -> Vec<Option<Vec<String>>> {
    let named = sources(context).filter_map(|source| match source {
        LogSource::Lambda(name) => Some(call.function(name)),
        LogSource::Group(_) => None,
    });
    named.take(SOURCES_MAX).collect()
}

/// Returns the calls for one line of the log groups that the configuration names, or implies.
fn groups(context: &DoctorContext, call: &CallScope) -> Vec<Option<Vec<String>>> {
    let now = clock::now();
    let window = Window { from: now.minus(Duration::from_secs(60)), to: now };
    let named = sources(context).map(|source| {
        let group = match source {
            LogSource::Lambda(name) => format!("/aws/lambda/{name}"),
            LogSource::Group(group) => group.clone(),
        };
        let asked = LogQuery { group, window, pattern: None, stream: None, pages: 1 };
        call.events(&asked, None)
    });
    named.take(SOURCES_MAX).collect()
}

fn sources(context: &DoctorContext) -> impl Iterator<Item = &LogSource> {
    context.settings.auto_investigation.queues.iter().filter_map(|rule| rule.logs.as_ref())
}

/// Whether an output is one of `--output=json`, which is empty for an empty answer.
fn is_json(output: &[u8]) -> bool {
    output.trim_ascii().is_empty()
        || serde_json::from_slice::<serde::de::IgnoredAny>(output).is_ok()
}

/// Reads a refusal. A group that is not there was looked for with the permission.
fn refused(errors: &str, operation: &str) -> Probe {
    let answer = aws_cli::refusal(errors, operation);
    match answer.kind {
        AnswerKind::Denied => Probe::Denied,
        _ => Probe::Unknown(answer.reason),
    }
}
