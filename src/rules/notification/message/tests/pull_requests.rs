//! Notices about pull requests and issues.

use super::{in_hours, line_of, now};
use crate::event::{
    self, IssueClosed, IssueFacts, IssueOpened, PrApproved, PrChangesRequested, PrChecksFailed,
    PrClosed, PrCommented, PrDeployed, PrFound, PrMerged, PrOpened, PrRefused, PrReviewDue,
    PrUnreadable, PullRequestFacts,
};

const URL: &str = "https://github.com/acme/orders/pull/431";

fn pr(ours: bool) -> PullRequestFacts {
    PullRequestFacts {
        repo: "acme/orders".into(),
        number: 431,
        title: "Read who ordered".into(),
        url: URL.into(),
        author: Some("ana".into()),
        draft: ours,
        waiting_on: Some("ana".into()),
        ours,
        ..PullRequestFacts::default()
    }
}

fn due(loss: bool) -> PrReviewDue {
    PrReviewDue {
        pr: pr(true),
        reminder: 2,
        waiting_s: 14_400,
        detail: "its checks pass: mark it ready for review".into(),
        loss_at: in_hours(5).filter(|_| loss),
    }
}

fn issue() -> IssueFacts {
    IssueFacts {
        repo: "acme/orders".into(),
        number: 12,
        title: "t".into(),
        url: "https://github.com/acme/orders/issues/12".into(),
    }
}

fn opened(grade: &str, regression_of: Option<&str>) -> PrOpened {
    PrOpened {
        pr: pr(true),
        session: "s".into(),
        fingerprint: "f".into(),
        base: "b".into(),
        grade: grade.into(),
        regression_of: regression_of.map(str::to_owned),
    }
}

/// Events and their notices from the severity on, without the subject.
#[allow(clippy::too_many_lines)] // A table.
pub(super) fn table() -> Vec<(Vec<u8>, String)> {
    const TITLE: &str = "Read who ordered";
    let row = |line: Vec<u8>, text: String| (line, text);
    let (session, fingerprint) = (|| "s".to_owned(), || "f".to_owned());
    vec![
        row(
            line_of(PrFound { pr: pr(false), baseline: false }),
            format!("INFO: a pull request by ana is open: {TITLE}\n    {URL}"),
        ),
        row(
            line_of(opened("proven", None)),
            format!("INFO: draft pull request opened, proven: {TITLE}\n    {URL}"),
        ),
        row(
            line_of(opened("unproven", Some("acme/orders#7"))),
            format!(
                "INFO: draft pull request opened, not proven: {TITLE}\n    {URL}\n    \
                 a regression: acme/orders#7 was merged for it"
            ),
        ),
        row(
            line_of(PrCommented {
                pr: PullRequestFacts { title: "t".into(), ..pr(true) },
                session: Some(session()),
                fingerprint: Some(fingerprint()),
                reason: "same_cause".into(),
            }),
            format!("INFO: the cause came again, our pull request is open: t\n    {URL}"),
        ),
        row(
            line_of(PrRefused {
                session: session(),
                fingerprint: Some(fingerprint()),
                repo: None,
                reason: "secret".into(),
                detail: "'src/a.py' holds a secret".into(),
                patch: Some("/state/s/patch.diff".into()),
            }),
            "WARN: no pull request: 'src/a.py' holds a secret\n    \
             the patch is kept: /state/s/patch.diff"
                .into(),
        ),
        row(
            line_of(due(true)),
            format!(
                "WARN: our pull request waits for ana, 4h: {TITLE}\n    {URL}\n    \
                 first messages are lost in 5h\n    its checks pass: mark it ready for review"
            ),
        ),
        row(
            line_of(PrApproved { pr: pr(false) }),
            format!("INFO: pull request was approved: {TITLE}\n    {URL}"),
        ),
        row(
            line_of(PrChangesRequested { pr: pr(true) }),
            format!("WARN: our pull request needs changes: {TITLE}\n    {URL}"),
        ),
        row(
            line_of(PrChecksFailed { pr: pr(true) }),
            format!("WARN: our pull request fails its checks: {TITLE}\n    {URL}"),
        ),
        row(
            line_of(PrMerged { pr: pr(true), merge_commit: None, base: "main".into() }),
            format!("INFO: our pull request was merged: {TITLE}\n    {URL}"),
        ),
        row(
            line_of(PrDeployed { pr: pr(true), merge_commit: None, by: "command".into() }),
            format!("INFO: our pull request is deployed: {TITLE}\n    {URL}"),
        ),
        row(
            line_of(PrClosed { pr: pr(true) }),
            format!("WARN: our pull request was closed without a merge: {TITLE}\n    {URL}"),
        ),
        row(
            line_of(PrUnreadable { pr: None, reason: "GitHub answered 502".into() }),
            "WARN: pull requests are unreadable: GitHub answered 502".into(),
        ),
        row(
            line_of(IssueOpened { issue: issue(), session: session(), fingerprint: fingerprint() }),
            "INFO: issue opened: t: https://github.com/acme/orders/issues/12".into(),
        ),
        row(
            line_of(IssueClosed { issue: issue(), session: session(), fingerprint: fingerprint() }),
            "INFO: issue closed: t: https://github.com/acme/orders/issues/12".into(),
        ),
    ]
}

#[test]
fn address_of_another_form_is_left_out() {
    for url in ["javascript:alert(1)", "https://x y", "", "--help"] {
        let line =
            line_of(event::PrApproved { pr: PullRequestFacts { url: url.into(), ..pr(true) } });
        assert_eq!(super::notice(&line).next, None, "{url}");
    }
    assert!(
        super::notice(&line_of(due(true)))
            .when
            .starts_with(&super::notice(&line_of(due(false))).when)
    );
    let late = PrReviewDue { loss_at: Some(now()), ..due(false) };
    assert!(!super::notice(&line_of(late)).text().contains("lost"));
}
