//! The parts of `dlq-status`, which have the rows of the screen, as goldens in `tests/screens`.

use unicode_width::UnicodeWidthStr;

use super::goldens::compare;
use super::states;
use crate::money::Usd;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::page::PageStyle;
use crate::rules::view::part::{PartFacts, PartStyle, StatusPart, change, document, page};
use crate::rules::view::screen::{ScreenFlags, ScreenView, Ui, text};
use crate::rules::view::status::{CauseSpend, SpendSummary};
use crate::text::hidden;

fn budget() -> SpendSummary {
    let usd = |dollars| Usd::from_dollars(dollars).unwrap();
    SpendSummary {
        spent_usd: usd(3.37),
        reserved_usd: usd(2.0),
        limit_usd: usd(25.0),
        left_usd: usd(19.63),
        left_unless_near_usd: usd(14.63),
        fingerprints: vec![CauseSpend { fingerprint: "f3a9c1".into(), usd: usd(13.87) }],
    }
}

fn states() -> [(&'static str, Dashboard, Option<SpendSummary>); 4] {
    [
        ("normal", states::normal(), Some(budget())),
        ("empty", states::empty(), Some(budget())),
        ("error", states::error(), None),
        ("hostile", states::hostile(), Some(budget())),
    ]
}

fn facts<'a>(
    part: StatusPart,
    dashboard: &'a Dashboard,
    budget: Option<&'a SpendSummary>,
) -> PartFacts<'a> {
    PartFacts { part, dashboard, budget, state: "/state", now: states::now() }
}

fn style(width: usize) -> PartStyle {
    PartStyle { page: PageStyle { width, color: false }, ascii: false, lines_max: None }
}

/// Nothing is wider than the page, steers a terminal, or is hidden.
#[track_caller]
fn assert_clean(page: &str, width: usize) {
    for line in page.lines() {
        assert!(!line.chars().any(hidden), "{line:?}");
        assert!(line.width() <= width, "{width}: {line}");
    }
}

#[test]
fn parts_equal_their_goldens() {
    for part in StatusPart::ALL {
        let mut all = String::new();
        for (word, dashboard, budget) in states() {
            for width in [80, 40] {
                let page = page(&facts(part, &dashboard, budget.as_ref()), style(width));
                assert_clean(&page, width);
                all += &format!("== {word}, {width} columns\n{page}");
            }
        }
        let coloured =
            PartStyle { page: PageStyle { width: 80, color: true }, ascii: true, ..style(80) };
        let page = page(&facts(part, &states::normal(), Some(&budget())), coloured);
        all += &format!("== normal, ASCII, in colour\n{}", page.replace('\u{1b}', "ESC"));
        compare(&format!("status-{}", part.as_str()), &all);
    }
}

#[test]
fn documents_equal_their_golden() {
    let mut all = String::new();
    for part in StatusPart::ALL {
        for (word, dashboard, budget) in states().into_iter().take(3) {
            let line = document(&facts(part, &dashboard, budget.as_ref()));
            assert!(!line.contains('\n'), "{line}");
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            all += &format!("== {} {word}\n{value:#}\n", part.as_str());
        }
    }
    compare("status-json", &all);
}

/// Both programs show one state.
#[test]
fn list_is_that_of_the_dashboard() {
    let (state, now) = (states::normal(), states::now());
    let mut ui = Ui { view: ScreenView::Incidents, ..Ui::new(ScreenFlags::default()) };
    let dashboard = text(&state, &mut ui, now, 120, 200);
    let incidents = page(&facts(StatusPart::Incidents, &state, None), style(120));
    assert_eq!(dashboard.split_once('\n').unwrap().1, incidents);
    let overview = text(&state, &mut Ui::new(ScreenFlags::default()), now, 120, 200);
    for part in [StatusPart::Queues, StatusPart::Prs] {
        let page = page(&facts(part, &state, None), style(120));
        assert!(overview.contains(&page), "{page}\n{overview}");
    }
}

#[test]
fn page_has_room_for_its_problems() {
    let state = states::error();
    for most in [1, 2, 5, 10] {
        let style = PartStyle { lines_max: Some(most), ..style(80) };
        let page = page(&facts(StatusPart::Queues, &state, None), style);
        assert!(page.lines().count() <= most, "{most}:\n{page}");
    }
    let spend = PartStyle { lines_max: Some(3), ..style(80) };
    let shown = page(&facts(StatusPart::Spend, &states::normal(), Some(&budget())), spend);
    assert!(shown.ends_with("\nand 14 more lines\n") && shown.lines().count() == 3, "{shown}");
    let style = PartStyle { lines_max: Some(4), ..style(80) };
    let page = page(&facts(StatusPart::Queues, &states::normal(), None), style);
    assert!(page.contains("1-2 of 13") && page.lines().count() == 4, "{page}");
}

#[test]
fn change_has_no_ages() {
    let mut state = states::normal();
    let changes = |state: &Dashboard| StatusPart::ALL.map(|part| change(&facts(part, state, None)));
    let before = changes(&state);
    let later = states::now().plus(std::time::Duration::from_secs(20));
    let aged =
        StatusPart::ALL.map(|part| change(&PartFacts { now: later, ..facts(part, &state, None) }));
    assert_eq!(aged, before, "time passes");
    state.rounds.last = Some(states::now());
    state.source.newest = Some(states::now());
    for queue in state.queues.values_mut() {
        queue.read_at = Some(states::now());
    }
    for request in state.pull_requests.values_mut() {
        request.seen_at = Some(states::now());
    }
    assert_eq!(changes(&state), before, "a round finds nothing new");
    state.queues.get_mut(states::ORDERS).unwrap().depth = Some(4);
    let differs = |state: &Dashboard| {
        let all = changes(state);
        [0, 1, 2, 3].map(|at: usize| all[at] != before[at])
    };
    assert_eq!(differs(&state), [false, true, false, false], "a depth");
    state.source.problems.push("sessions.json cannot be read".into());
    assert_eq!(differs(&state), [true; 4], "a problem");
}
