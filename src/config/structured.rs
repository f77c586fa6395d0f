//! The values that have a shape of their own: accounts, agents, queues, channels, routes, tiers.

use std::time::Duration;

use super::investigation::{Agent, Format, QueueRule};
use super::keys::region;
use super::settings::{Account, Channel, ChannelKind, Route, Severity};
use super::value::{Field, Problem};
use super::yaml::Value;
use crate::glob::GlobList;
use crate::text::{nearest, safe, shorten};

pub(super) const ACCOUNT: [&str; 4] = ["name", "profile", "region", "regions"];
pub(super) const QUEUE: [&str; 7] =
    ["match", "repo", "github", "base", "test_command", "fix", "evidence"];
pub(super) const CHANNEL: [&str; 2] = ["type", "min_severity"];
pub(super) const ROUTE: [&str; 4] = ["type", "queue", "severity", "channels"];

/// What `github.repos` and `auto_investigation.queues[].github` hold.
pub(super) const REPO: &str = "a repository such as owner/name";

const SEVERITIES: [(&str, Severity); 5] = [
    ("DEBUG", Severity::Debug),
    ("INFO", Severity::Info),
    ("WARN", Severity::Warn),
    ("ERROR", Severity::Error),
    ("FATAL", Severity::Fatal),
];

const KINDS: [(&str, ChannelKind); 2] =
    [("console", ChannelKind::Console), ("desktop", ChannelKind::Desktop)];

const FORMATS: [(&str, Format); 3] =
    [("text", Format::Text), ("json", Format::Json), ("stream-json", Format::StreamJson)];

type Got<T> = Result<T, Problem>;

/// `owner/name`, which becomes part of a URL.
pub(super) fn repo(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.len() <= 100
            && part.chars().all(fits)
    };
    text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

pub(super) fn accounts(field: &Field<'_>) -> Got<Vec<Account>> {
    field.items()?.iter().map(account).collect()
}

fn account(field: &Field<'_>) -> Got<Account> {
    const REGION: &str = "a region such as sa-east-1";
    let (mut name, mut profile, mut one, mut regions) = (None, None, None, Vec::new());
    for (key, value) in field.entries(&ACCOUNT)? {
        match key {
            "name" => name = Some(value.text()?),
            "profile" => profile = Some(value.text()?),
            "region" => one = Some(value.text_like(REGION, region)?),
            _ => regions = value.texts_like(REGION, region)?,
        }
    }
    let profile = profile.ok_or_else(|| field.problem("'profile' is missing"))?;
    Ok(Account { name, profile, region: one, regions })
}

pub(super) fn tiers(field: &Field<'_>) -> Got<Vec<Duration>> {
    const MAX_TIERS: usize = 8;
    // A queue keeps messages for 14 days at most.
    const RANGE: std::ops::RangeInclusive<Duration> =
        Duration::from_secs(1)..=Duration::from_secs(14 * 86_400);
    let tiers: Vec<Duration> = match &field.node.value {
        Value::Text(_) => {
            let spans = field.texts()?.into_iter().map(|text| crate::time::parse_span(&text));
            let spans: Result<Vec<_>, _> = spans.collect();
            spans.map_err(|why| field.problem(safe(&why)))?
        }
        _ => field.items()?.iter().map(|item| item.span(RANGE)).collect::<Got<_>>()?,
    };
    if tiers.len() > MAX_TIERS || tiers.iter().any(|tier| !RANGE.contains(tier)) {
        return Err(field.problem(format!("expected up to {MAX_TIERS} durations from 1s to 14d")));
    }
    if !tiers.is_sorted_by(|longer, shorter| longer > shorter) {
        return Err(field.problem("expected durations that become shorter, such as [24h, 6h, 1h]"));
    }
    Ok(tiers)
}

/// A name, a list, or `{command: [...]}`. In a variable, a value with a slash is a command.
pub(super) fn agent(field: &Field<'_>) -> Got<Agent> {
    const REMEDY: &str = "the agents known by name are 'auto', 'claude' and 'triage'; give another \
                          program as a list: [PROGRAM, ARGUMENT, ...]";
    match &field.node.value {
        Value::Text(name) if name == "auto" => Ok(Agent::Auto),
        Value::Text(name) if name == "claude" => Ok(Agent::Claude),
        Value::Text(name) if name == "triage" => Ok(Agent::Triage),
        Value::Text(text) => match field.giver {
            super::value::Giver::Variable { .. } if text.contains('/') => {
                Ok(Agent::Command(field.program()?, Format::Text))
            }
            _ => {
                let name = shorten(text, 60);
                Err(field.problem(format!("unknown agent '{}'; {REMEDY}", safe(&name))))
            }
        },
        Value::Map(_) => {
            let (mut argv, mut format) = (None, Format::Text);
            for (key, value) in field.entries(&["command", "format"])? {
                match key {
                    "command" => argv = Some(value.program()?),
                    _ => format = value.choice(&FORMATS)?,
                }
            }
            let argv = argv.ok_or_else(|| field.problem("'command' is missing"))?;
            Ok(Agent::Command(argv, format))
        }
        Value::List(_) => Ok(Agent::Command(field.program()?, Format::Text)),
        _ => Err(field.problem(REMEDY)),
    }
}

pub(super) fn queue_rules(field: &Field<'_>) -> Got<Vec<QueueRule>> {
    field.items()?.iter().map(queue_rule).collect()
}

fn queue_rule(field: &Field<'_>) -> Got<QueueRule> {
    let mut rule = QueueRule {
        matching: GlobList::default(),
        repo: None,
        github: None,
        base: None,
        test_command: None,
        fix: false,
        evidence: Vec::new(),
    };
    for (key, value) in field.entries(&QUEUE)? {
        match key {
            "match" => rule.matching = value.glob()?,
            "repo" => rule.repo = Some(value.path()?),
            "github" => rule.github = Some(value.text_like(REPO, repo)?),
            "base" => rule.base = Some(value.text_like("the name of a branch", branch)?),
            "test_command" => rule.test_command = Some(value.argv()?),
            "fix" => {
                rule.fix = value.flag()?;
                if rule.fix {
                    value.ours("have files changed")?;
                }
            }
            _ => rule.evidence = value.items()?.iter().map(Field::program).collect::<Got<_>>()?,
        }
    }
    if rule.matching.is_empty() {
        return Err(field.problem("'match' is missing"));
    }
    if rule.repo.is_none() && (rule.fix || rule.test_command.is_some()) {
        return Err(field.problem("'fix' and 'test_command' need a 'repo'"));
    }
    Ok(rule)
}

/// Not an option for git, and no range.
fn branch(text: &str) -> bool {
    !text.starts_with('-') && !text.contains("..") && !text.contains(|c: char| c.is_whitespace())
}

pub(super) fn channels(field: &Field<'_>) -> Got<Vec<Channel>> {
    field.any_entries()?.iter().map(|(name, entry)| channel(name, entry)).collect()
}

fn channel(name: &str, field: &Field<'_>) -> Got<Channel> {
    // Journal and state carry the name.
    if name.is_empty() || name.len() > 64 || name.contains(char::is_control) {
        return Err(field.problem("expected a name of 1 to 64 bytes"));
    }
    let (mut kind, mut min_severity) = (None, None);
    for (key, value) in field.entries(&CHANNEL)? {
        match key {
            "type" => kind = Some(value.choice(&KINDS)?),
            _ => min_severity = Some(value.choice(&SEVERITIES)?),
        }
    }
    let kind = kind.ok_or_else(|| field.problem("'type' is missing: console or desktop"))?;
    Ok(Channel { name: name.to_owned(), kind, min_severity })
}

pub(super) fn routes(field: &Field<'_>, channels: &[Channel]) -> Got<Vec<Route>> {
    field.items()?.iter().map(|item| route(item, channels)).collect()
}

fn route(field: &Field<'_>, known: &[Channel]) -> Got<Route> {
    let mut route = Route { types: None, queues: None, severity: None, channels: Vec::new() };
    let mut named = false;
    for (key, value) in field.entries(&ROUTE)? {
        match key {
            "type" => route.types = Some(value.glob_or_globs()?),
            "queue" => route.queues = Some(value.glob_or_globs()?),
            "severity" => route.severity = Some(value.choice(&SEVERITIES)?),
            _ => {
                named = true;
                for item in value.items()? {
                    route.channels.push(channel_name(&item, known)?);
                }
            }
        }
    }
    // An empty list is a decision (these events go nowhere); no list is an oversight.
    if named { Ok(route) } else { Err(field.problem("'channels' is missing")) }
}

fn channel_name(field: &Field<'_>, known: &[Channel]) -> Got<String> {
    let name = field.text()?;
    let mut names = known.iter().map(|channel| channel.name.as_str());
    if names.clone().any(|known| known == name) {
        return Ok(name);
    }
    let hint = match nearest(&name, names.clone()) {
        Some(near) => format!("did you mean '{}'?", safe(near)),
        None if known.is_empty() => "there are no channels".to_owned(),
        None => format!("known: {}", safe(&names.by_ref().collect::<Vec<_>>().join(", "))),
    };
    Err(field.problem(format!("unknown channel '{}'; {hint}", safe(&shorten(&name, 60)))))
}
