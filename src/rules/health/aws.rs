//! Answers of AWS: who the credentials are, what may be read, which permissions are missing, and the
//! time of a server.

use std::time::Duration;

use super::Diagnosis;
use super::feature::{AwsFeature, is_optional};
use crate::rules::queue::reading::ReadError;
use crate::text::count;
use crate::time::{Timestamp, show_span};

/// The difference of clocks from which requests may soon be refused.
const SKEW_WARNING: Duration = Duration::from_secs(60);
/// The difference at which AWS refuses signatures.
const SKEW_FAILED: Duration = Duration::from_secs(5 * 60);
/// Queues of the first page of a list.
const PAGE: usize = 1000;

const NETWORK: &str = "check network, proxy variables and aws.endpoint_url";
const SIGN_IN: &str =
    "sign in again, or correct aws.profile; 'aws sts get-caller-identity' tries the same";
const SET_CLOCK: &str = "set the clock, and let NTP keep it (systemd-timesyncd or chrony)";
const GRANT: &str = "grant it: 'dlq-doctor --policy' prints the policy";

/// Returns the remedy for an error.
fn remedy(error: &ReadError) -> &'static str {
    match error {
        ReadError::Throttled => "run it again later; others use up the rate of this account",
        ReadError::Failed(_) => "run it again later; the service fails at requests",
        ReadError::Denied | ReadError::NotAuthorized(_) => GRANT,
        ReadError::Missing => "check aws.region and aws.profile",
        ReadError::Network(_) | ReadError::TimedOut => NETWORK,
        ReadError::Credentials(_) => SIGN_IN,
        ReadError::Clock(_) => SET_CLOCK,
        ReadError::Other(_) => "see what answers in the place of AWS: a proxy, or another server",
    }
}

/// Judges who the credentials are. `server` is the one that is asked in place of AWS.
pub fn identity(answer: &Result<String, ReadError>, server: Option<&str>) -> Diagnosis {
    match (answer, server) {
        (Ok(arn), _) => Diagnosis::ok(arn),
        (Err(ReadError::Other(_) | ReadError::Failed(_) | ReadError::Missing), Some(server)) => {
            Diagnosis::skipped(format!(
                "unknown: the server '{server}' does not tell who the credentials are"
            ))
        }
        (Err(error), _) => Diagnosis::failed(error.to_string(), remedy(error)),
    }
}

/// Judges the first page of the list of queues, by their number.
pub fn list(answer: &Result<usize, ReadError>) -> Diagnosis {
    match answer {
        Ok(0) => Diagnosis::warning(
            "this account has no queue in this region",
            "check aws.region and aws.profile",
        ),
        Ok(n) if *n >= PAGE => Diagnosis::ok("1000 queues or more"),
        Ok(n) => Diagnosis::ok(count(*n as u64, "queue")),
        Err(error) => Diagnosis::failed(error.to_string(), remedy(error)),
    }
}

/// Judges a reading of the attributes of a queue.
pub fn attributes(queue: &str, answer: Result<u64, &ReadError>) -> Diagnosis {
    match answer {
        Ok(depth) => Diagnosis::ok(format!("'{queue}' has {}", count(depth, "message"))),
        Err(error) => Diagnosis::failed(format!("'{queue}': {error}"), remedy(error)),
    }
}

/// The result of a probe of one permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    Allowed,
    Denied,
    /// Not to be tried without an effect, or without anything to try it on.
    NotTried,
    /// An answer that does not tell.
    Unknown(String),
}

impl Probe {
    /// Reads the answer to a request that has no effect.
    pub fn from_answer<T>(answer: Result<T, ReadError>) -> Self {
        match answer {
            Ok(_) => Probe::Allowed,
            Err(ReadError::Denied | ReadError::NotAuthorized(_)) => Probe::Denied,
            Err(error) => Probe::Unknown(error.to_string()),
        }
    }

    /// Reads the answer to the question for move tasks, which SQS answers only for queues that a redrive
    /// policy names: its refusal of another one is behind that of a missing permission.
    pub fn from_move_tasks<T>(answer: Result<T, ReadError>) -> Self {
        match answer {
            Err(ReadError::Missing) => Probe::Allowed,
            Err(ReadError::Other(text))
                if text.starts_with("Invalid") || text.starts_with("UnsupportedOperation") =>
            {
                Probe::Allowed
            }
            other => Probe::from_answer(other),
        }
    }
}

/// A permission, the feature that needs it, and its probe.
pub type ProbedAction = (&'static str, AwsFeature, Probe);

/// Judges the permissions that the enabled features need.
pub fn permissions(probes: &[ProbedAction]) -> Diagnosis {
    let named = |is_meant: &dyn Fn(&Probe) -> bool| -> Vec<&ProbedAction> {
        probes.iter().filter(|(.., probe)| is_meant(probe)).collect()
    };
    let names = |some: &[&ProbedAction]| {
        some.iter().map(|(action, ..)| *action).collect::<Vec<_>>().join(", ")
    };
    let untried = named(&|probe| *probe == Probe::NotTried);
    let more = match untried.as_slice() {
        [] => String::new(),
        some => format!("; not tried: {}", names(some)),
    };
    let denied = named(&|probe| *probe == Probe::Denied);
    if !denied.is_empty() {
        let lacks: Vec<String> =
            denied.iter().map(|(action, feature, _)| format!("{action} ({feature})")).collect();
        let detail = format!("missing: {}{more}", lacks.join(", "));
        return match denied.iter().all(|(action, ..)| is_optional(action)) {
            true => Diagnosis::warning(format!("{detail}; without it less is known"), GRANT),
            false => Diagnosis::failed(detail, GRANT),
        };
    }
    let unknown = probes.iter().find_map(|(action, _, probe)| match probe {
        Probe::Unknown(why) => Some((action, why)),
        _ => None,
    });
    if let Some((action, why)) = unknown {
        let detail = format!("unknown: {action}: {why}{more}");
        return Diagnosis::failed(
            detail,
            "run it again; 'dlq-doctor --policy' prints what is needed",
        );
    }
    let allowed = named(&|probe| *probe == Probe::Allowed);
    match allowed.as_slice() {
        [] => Diagnosis::skipped(format!("unknown{more}")),
        some => Diagnosis::ok(format!("allowed: {}{more}", names(some))),
    }
}

/// Judges the clock of this machine by the time of a server's answer.
pub fn clock(server: Option<Timestamp>, here: Timestamp) -> Diagnosis {
    let Some(server) = server else {
        return Diagnosis::skipped("unknown: the server does not tell the time");
    };
    let (ahead, behind) = (here.since(server), server.since(here));
    let (span, word) = if ahead > behind { (ahead, "ahead") } else { (behind, "behind") };
    let detail = format!("{} {word}", show_span(Duration::from_secs(span.as_secs())));
    match span {
        _ if span > SKEW_FAILED => {
            Diagnosis::failed(format!("{detail}; AWS refuses the signatures"), SET_CLOCK)
        }
        _ if span > SKEW_WARNING => Diagnosis::warning(detail, SET_CLOCK),
        _ => Diagnosis::ok("within a minute of the server's"),
    }
}

/// Judges a clock that could not be compared.
pub fn clock_unknown(cause: &str) -> Diagnosis {
    Diagnosis::failed(format!("unknown: {cause}"), NETWORK)
}
