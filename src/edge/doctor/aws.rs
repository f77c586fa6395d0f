//! The checks of AWS: region, identity, queues, permissions, logs, and the clock by a server's time.

use std::sync::Arc;

use super::DoctorContext;
use super::connection::{ANSWER, connect};
use super::run::{CheckGroup, Reporter};
use crate::clock;
use crate::config::Monitoring;
use crate::edge::aws::{self, Scope, Sqs};
use crate::edge::http::{Client, Method, Request};
use crate::rules::health::Diagnosis;
use crate::rules::health::aws as judge;
use crate::rules::health::aws::Probe;
use crate::rules::health::feature::{AwsFeature, needed};
use crate::rules::queue::address::QueueAddress;
use crate::rules::queue::dlq_name::is_dlq_name;
use crate::rules::queue::reading::ReadError;
use crate::time::Timestamp;

/// Accounts and regions that are checked; those beyond are counted.
const SCOPES_MAX: usize = 16;
/// Bytes of the answer that tells the time; its body is not read.
const ANSWER_MAX: u64 = 4 << 10;

const NAMES: [&str; 5] =
    ["aws.region", "aws.identity", "aws.list", "aws.attributes", "aws.permissions"];

/// Returns the groups of all accounts and regions.
pub fn groups(context: &Arc<DoctorContext>) -> Vec<CheckGroup> {
    let scopes = aws::scopes(&context.settings.aws, &context.env);
    let mut groups = Vec::new();
    if let Some(first) = scopes.first().cloned() {
        let context = context.clone();
        groups.push(CheckGroup::one("clock", move || clock_of(&context, &first)));
    }
    for scope in scopes.iter().take(SCOPES_MAX) {
        let place = if scopes.len() > 1 { format!(" {}", place(scope)) } else { String::new() };
        let names = NAMES.iter().map(|name| format!("{name}{place}")).collect();
        let (own, one) = (context.clone(), scope.clone());
        groups.push(CheckGroup::new(names, move |reporter| check(&own, &one, reporter)));
        groups.push(super::logs::group(context, scope, &place));
    }
    if scopes.len() > SCOPES_MAX {
        let more = format!("{} more accounts and regions", scopes.len() - SCOPES_MAX);
        let why = format!("{more} are not tried: {SCOPES_MAX} at most");
        groups.push(CheckGroup::known("aws.others", Diagnosis::skipped(why)));
    }
    groups
}

fn place(scope: &Scope) -> String {
    let parts = [Some(scope.account.as_str()), scope.region.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    parts.join("/")
}

fn check(context: &DoctorContext, scope: &Scope, reporter: &Reporter) {
    let rest = |count: usize, why: &str| {
        (0..count).for_each(|_| reporter.report(Diagnosis::skipped(format!("not tried: {why}"))));
    };
    let sqs = match connect(context, scope) {
        Ok(sqs) => sqs,
        Err(error) => {
            let remedy =
                "set aws.region, AWS_REGION or the region of the profile; see dlq-config(5)";
            reporter.report(Diagnosis::failed(error.to_string(), remedy));
            return rest(NAMES.len() - 1, "no region is known");
        }
    };
    let server = sqs.other_server(0).map(str::to_owned);
    reporter.report(Diagnosis::ok(match &server {
        Some(server) => format!("{} at '{server}'", sqs.region(0)),
        None => sqs.region(0).to_owned(),
    }));
    let who = sqs.identity(0);
    reporter.report(judge::identity(&who, server.as_deref()));
    match who {
        Err(ReadError::Credentials(_)) => return rest(NAMES.len() - 2, "there are no credentials"),
        Err(ReadError::Clock(_)) => return rest(NAMES.len() - 2, "the clock is wrong"),
        _ => {}
    }
    let listed = sqs.first_queues(0);
    reporter.report(judge::list(&listed.as_ref().map(Vec::len).map_err(Clone::clone)));
    let urls = match &listed {
        Ok(urls) => urls.as_slice(),
        Err(error) => {
            reporter.report(Diagnosis::skipped("not tried: no queue is known"));
            return reporter.report(unlisted(error));
        }
    };
    let Some((url, is_dlq)) = chosen(urls, &context.settings.monitoring) else {
        return rest(2, "there is no queue");
    };
    let name = QueueAddress::Url(url.to_owned()).name().to_owned();
    let reading = sqs.read(&[(0, url.to_owned())]).pop();
    let reading = reading.map_or(Err(ReadError::Other("no answer".into())), |one| one.result);
    reporter.report(judge::attributes(&name, reading.as_ref().map(|found| found.counts.depth())));
    let arn = reading.as_ref().map(|found| found.arn.clone()).unwrap_or_default();
    let probed = ProbedQueue { sqs: &sqs, url, name: &name, arn: &arn, is_dlq };
    let actions = needed(&context.features()).into_iter();
    let actions = actions.filter(|(action, _)| {
        // Those of logs are asked of other services.
        action.starts_with("sqs:") || action.starts_with("kms:")
    });
    let read = Probe::from_answer(reading.map(drop));
    let probes = actions.map(|(action, feature)| (action, feature, probed.probe(action, &read)));
    reporter.report(judge::permissions(&probes.collect::<Vec<_>>()));
}

/// Returns the permissions when queues cannot be listed: that one is missing, or nothing is known.
fn unlisted(error: &ReadError) -> Diagnosis {
    match Probe::from_answer::<()>(Err(error.clone())) {
        Probe::Denied => judge::permissions(&[("sqs:ListQueues", AwsFeature::Read, Probe::Denied)]),
        _ => Diagnosis::skipped("not tried: queues cannot be listed"),
    }
}

/// Chooses the queue that is read: a dead-letter queue by its name, else any. The flag tells which.
fn chosen<'a>(urls: &'a [String], monitoring: &Monitoring) -> Option<(&'a str, bool)> {
    let is_dlq = |url: &&String| {
        let name = url.rsplit('/').next().unwrap_or(url);
        is_dlq_name(name, monitoring.patterns.as_ref()) && monitoring.selects(name)
    };
    let found = urls.iter().find(is_dlq).map(|url| (url.as_str(), true));
    found.or_else(|| urls.first().map(|url| (url.as_str(), false)))
}

/// A queue whose permissions are probed.
struct ProbedQueue<'a> {
    sqs: &'a Sqs,
    url: &'a str,
    name: &'a str,
    arn: &'a str,
    is_dlq: bool,
}

impl ProbedQueue<'_> {
    /// Probes an action, where that has no effect.
    fn probe(&self, action: &str, read: &Probe) -> Probe {
        let ProbedQueue { sqs, url, name, arn, is_dlq } = *self;
        match action {
            "sqs:ListQueues" => Probe::Allowed,
            "sqs:GetQueueAttributes" => read.clone(),
            "sqs:GetQueueUrl" => Probe::from_answer(sqs.probe_url(0, name)),
            "sqs:ListMessageMoveTasks" if !arn.is_empty() => {
                Probe::from_move_tasks(sqs.move_tasks(0, arn))
            }
            "sqs:ListDeadLetterSourceQueues" => Probe::from_answer(sqs.source_queues(0, url)),
            "sqs:ChangeMessageVisibility" if is_dlq => {
                Probe::from_answer(sqs.probe_visibility(0, url))
            }
            "sqs:DeleteMessage" if is_dlq => Probe::from_answer(sqs.probe_delete(0, url)),
            _ => Probe::NotTried,
        }
    }
}

/// Compares the clock with the time of the server of a scope.
fn clock_of(context: &DoctorContext, scope: &Scope) -> Diagnosis {
    let Ok(sqs) = connect(context, scope) else {
        return Diagnosis::skipped("not tried: no region is known");
    };
    let url = sqs.server_url(0);
    let client = match Client::new(&context.env) {
        Ok(client) => client,
        Err(error) => return judge::clock_unknown(&error.to_string()),
    };
    let request = Request {
        method: Method::Get,
        url: &url,
        headers: &[],
        body: &[],
        deadline: ANSWER,
        answer_max: ANSWER_MAX,
    };
    match client.send(&request) {
        Err(crate::rules::http::RequestError::Refused(why)) => {
            Diagnosis::skipped(format!("unknown: {why}"))
        }
        Err(error) => judge::clock_unknown(&error.to_string()),
        Ok(answer) => {
            let now = clock::now();
            judge::clock(answer.header("date").and_then(Timestamp::parse_http_date), now)
        }
    }
}
