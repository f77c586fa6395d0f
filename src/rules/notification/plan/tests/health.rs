//! Plans of the checks of an installation, which recorded streams have.

use super::*;
use crate::rules::notification::message::merged::compose;
use crate::rules::notification::scope::SeenScopes;

/// Writes the event of checks: the names of those that fail, joined by a plus sign.
fn checked(failing: &str, severity: &str, number: usize, minute: f64) -> String {
    let check = |name: &str, ok: bool| serde_json::json!({"name": name, "ok": ok, "detail": "why", "ms": 1});
    let failing = failing.split('+').filter(|name| !name.is_empty()).map(|name| check(name, false));
    let checks: Vec<_> = failing.chain([check("aws", true)]).collect();
    let event = serde_json::json!({
        "specversion": "1.0", "id": format!("h{number}"), "source": "dlq-doctor",
        "type": "health.checked", "time": at(minute), "severitytext": severity,
        "data": {"checks": checks},
    });
    event.to_string()
}

#[test]
fn checks_that_fail_are_told_once_and_again_when_they_change() {
    let mut story = Story::new(RoutePolicy::default());
    // A route that lets no end through: it is told to those who know of the problem.
    story.notifications.routes[0].severity = Some(Severity::Warn);
    let rows = [
        (0.0, "", "INFO", None),
        (1.0, "disk", "WARN", Some("new WARN dlq-doctor: check 'disk' fails: why")),
        (60.0, "disk", "WARN", None),
        (1440.0, "disk", "WARN", None),
        (1441.0, "disk+github", "WARN", Some("new_cause WARN dlq-doctor: now: 2 of 3 checks fail")),
        (1500.0, "github+disk", "WARN", None),
        (
            1501.0,
            "github",
            "WARN",
            Some("new_cause WARN dlq-doctor: now: check 'github' fails: why"),
        ),
        (
            1502.0,
            "github",
            "ERROR",
            Some("new_cause ERROR dlq-doctor: now: check 'github' fails: why"),
        ),
        (1503.0, "", "INFO", None),
        (1509.0, "", "INFO", Some("ended INFO dlq-doctor: all checks succeed")),
        (1510.0, "", "INFO", None),
        (1520.0, "disk", "WARN", Some("again WARN dlq-doctor: again: check 'disk' fails: why")),
    ];
    for (number, (minute, failing, severity, expected)) in rows.into_iter().enumerate() {
        let line = checked(failing, severity, number, minute);
        let arrived = [read(&Router::new(&story.notifications), &line, at(minute))];
        story.plan(&arrived, false, at(minute));
        let told = story.last.iter().map(|delivery| {
            let mut scopes = SeenScopes::default();
            let notice = compose(&delivery.notices, None, &mut scopes, at(minute));
            let (severity, text) = (notice.severity.as_str(), notice.text());
            format!("{} {severity} {}", delivery.reason.as_str(), text.lines().next().unwrap())
        });
        let told: Vec<String> = told.collect();
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "at minute {minute}");
    }
}

#[test]
fn checks_that_change_while_they_wait_are_told_at_the_next_run() {
    let group_wait = RoutePolicy { group_wait: MINUTE * 3, ..RoutePolicy::default() };
    let mut story = Story::new(group_wait);
    let rows = [
        (0.0, "disk", None),
        (1.0, "github", None),
        (3.0, "github", Some("new")),
        (4.0, "github", Some("new_cause")),
        (5.0, "github", None),
    ];
    for (number, (minute, failing, expected)) in rows.into_iter().enumerate() {
        let line = checked(failing, "ERROR", number, minute);
        let arrived = [read(&Router::new(&story.notifications), &line, at(minute))];
        let told = story.plan(&arrived, false, at(minute));
        let told: Vec<&str> = told.iter().map(|(reason, _)| reason.as_str()).collect();
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "at minute {minute}");
    }
}
