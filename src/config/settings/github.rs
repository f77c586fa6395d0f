//! Reader of what concerns pull requests: `github`.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::notifications::{DAY, TIME_OF_DAY, is_day, is_time_of_day};
use super::{REPOSITORY, Settings};
use crate::config::keys::Trust::{Anyone, NoCommand, OffOnly, Owner};
use crate::config::keys::{read_entry, section};
use crate::config::valid;
use crate::config::value::{Field, Result};
use crate::rules::pull_request::reminder::ReminderStep;
use crate::rules::verdict::patch_gate::ForbiddenPaths;
use crate::rules::working_time::{DAYS, WeekWindow, parse_time};
use crate::secret::Secret;
use crate::text::{safe, shorten};
use crate::time::parse_span;

const SECOND: Duration = Duration::from_secs(1);
const DAY_LONG: Duration = Duration::from_secs(86_400);
/// Most steps of a ladder of reminders.
const STEPS_MAX: usize = 8;

section! {
    /// `github`: pull requests that dlq-prs opens and watches.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Github, GITHUB for settings: Settings [github] in "github";
    /// Token of the API; without it, the variables that gh(1) reads, then gh auth token.
    token: Option<Secret> = none, file NoCommand => secret();
    /// Host of a GitHub Enterprise server, in place of github.com.
    host: Option<String> = none, env Owner("choose the server that gets the token") =>
        text_like("a host such as github.example.com", valid::host);
    /// Base URL of the API, in place of that of the host.
    endpoint: Option<String> = none, env Owner("name the server that gets the token") => https_url();
    /// Repositories whose pull requests are watched, as owner/name.
    repos: Vec<String> = [], env Anyone =>
        list(|item| item.text_like(REPOSITORY, valid::repository));
    /// Organisations whose pull requests are watched.
    orgs: Vec<String> = [], env Anyone =>
        list(|item| item.text_like("an organisation such as acme", valid::owner));
    /// Whether the pull requests of the account of the token are watched.
    mine: bool = "false", env Anyone => flag();
    /// Whether those are watched that the account was asked to review.
    review_requested: bool = "false", env Anyone => flag();
    /// Time from one look at the pull requests to the next.
    interval: Duration = "60s", env Anyone => span(10 * SECOND..=DAY_LONG);
    /// Ages in working time at which the owner is reminded of a pull request of ours; the last one repeats.
    remind_ours: Vec<ReminderStep> = "[10m]", file Anyone => reminder_steps();
    /// Ages in working time at which people are reminded of any other; the last one repeats.
    remind: Vec<ReminderStep> = "[4h, 1d, 3d]", file Anyone => reminder_steps();
    /// Hours that count for reminders; without them, all do.
    working_hours: Option<WeekWindow> = none, file Anyone => working_hours();
    /// Fork that branches are pushed to, as owner/name; without it, the repository itself.
    push_to: Option<String> = none, file Owner("choose where code is pushed") =>
        text_like(REPOSITORY, valid::repository);
    /// Whether a fix that no test proves becomes a pull request, too.
    unproven: bool = "false", file OffOnly("open pull requests that no test proves") => flag();
    /// Whether a fix may change files that a build or a test run executes.
    allow_build_files: bool = "false", file OffOnly("let a fix change build files") => flag();
    /// Paths that no fix may change, beside the built-in ones.
    forbidden_paths: Vec<String> = [], file Anyone => forbidden_paths();
    /// Files that a fix changes at most.
    max_files: u32 = "20", file Anyone => whole(1..=500);
    /// Lines that a fix adds and removes at most.
    max_lines: u32 = "1000", file Anyone => whole(1..=100_000);
    /// Whether evidence may be published in a public repository.
    public_evidence: bool = "false", file OffOnly("publish evidence") => flag();
    /// Open pull requests of ours in a repository at most.
    max_open: u32 = "5", file Anyone => whole(1..=100);
    /// Pull requests and issues that are opened in a repository in 24 hours at most.
    max_per_day: u32 = "5", file Anyone => whole(1..=100);
    /// Labels of the pull requests that are opened.
    labels: Vec<String> = [], file Anyone => texts();
    /// Accounts and teams that are asked for a review, as login or owner/team.
    reviewers: Vec<String> = [], file Anyone => texts();
    /// Whether a cause without a fix to offer becomes an issue.
    issues: bool = "false", file OffOnly("open issues") => flag();
}

section! {
    /// Entry `working_hours`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct WorkingHoursKeys, HOURS for entry: WorkingHoursKeys [] in "github.working_hours";
    /// Time zone of the hours.
    zone: String = required, file Anyone => text();
    /// Time of day at which they begin.
    from: String = "09:00", file Anyone => text_like(TIME_OF_DAY, is_time_of_day);
    /// Time of day at which they end, on the next day unless it is later.
    to: String = "17:00", file Anyone => text_like(TIME_OF_DAY, is_time_of_day);
    /// Days on which they begin.
    days: Vec<String> = "[mon, tue, wed, thu, fri]", file Anyone =>
        list(|item| item.text_like(DAY, is_day));
}

impl Field<'_> {
    fn forbidden_paths(&self) -> Result<Vec<String>> {
        let patterns = self.texts()?;
        ForbiddenPaths::new(&patterns).map_err(|why| self.problem(why))?;
        Ok(patterns)
    }

    fn working_hours(&self) -> Result<WeekWindow> {
        let keys: WorkingHoursKeys = read_entry(HOURS, self)?;
        self.week_window(&keys.zone, &keys.from, &keys.to, &keys.days)
    }

    /// Reads a window of the week from the texts of its keys.
    pub(super) fn week_window(
        &self,
        zone: &str,
        from: &str,
        to: &str,
        days: &[String],
    ) -> Result<WeekWindow> {
        let found = TimeZone::get(zone).map_err(|_| {
            let zone = safe(&shorten(zone, 60)).into_owned();
            self.problem(format!("the system has no time zone '{zone}', such as Europe/Berlin"))
        })?;
        let (Some(from), Some(to)) = (parse_time(from), parse_time(to)) else {
            return Err(self.problem(format!("expected {TIME_OF_DAY}")));
        };
        let is_wanted = |name: &str| days.iter().any(|day| day == name);
        let days = DAYS.iter().filter(|(name, _)| is_wanted(name)).map(|(_, day)| *day).collect();
        Ok(WeekWindow { zone: found, from, to, days })
    }

    /// Reads the steps of a ladder: durations, and working days such as `1d`, that become longer.
    fn reminder_steps(&self) -> Result<Vec<ReminderStep>> {
        let steps = self.list(|item| {
            let found = item.text().ok().and_then(|text| reminder_step(text.trim()));
            found.ok_or_else(|| item.expected("a duration from 1m to 30d, such as 4h or 1d"))
        })?;
        if steps.len() > STEPS_MAX {
            return Err(self.problem(format!("expected up to {STEPS_MAX} durations")));
        }
        Ok(steps)
    }
}

/// Reads a step: `10m`, `4h`, or days of working time, `3d`.
fn reminder_step(text: &str) -> Option<ReminderStep> {
    if let Some(days) = text.strip_suffix('d') {
        let days: u32 = days.parse().ok()?;
        return (1..=30).contains(&days).then_some(ReminderStep::Days(days));
    }
    let span = parse_span(text)?;
    let is_allowed = (60 * SECOND..=30 * DAY_LONG).contains(&span);
    is_allowed.then_some(ReminderStep::Span(span))
}
