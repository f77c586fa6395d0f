//! Extremes: a list that is full, a clock that is behind, queues of one name.

use serde_json::json;

use super::claims::{event, fold, line, part, round, shown};
use super::states::now;
use crate::event::ShownEvent;
use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::queues::QUEUES_MAX;
use crate::rules::view::part::StatusPart;
use crate::rules::view::screen::ScreenView;
use crate::time::Timestamp;

/// Returns a state that has read so many empty queues, and one with messages first.
fn crowd(number: usize, round: Option<u64>) -> Dashboard {
    let mut state = Dashboard::default();
    let time = Timestamp::from_millis(now().millis() - 5000);
    let mut apply = |kind: &str, id: usize, data: &str| {
        let line = format!(
            r#"{{"specversion":"1.0","id":"{kind} {id}","source":"s","type":"{kind}","time":"{time}","severitytext":"DEBUG","data":{data}}}"#
        );
        state.apply(&ShownEvent::read(line.as_bytes()).unwrap());
    };
    for id in 0..number {
        let depth = u64::from(id == 0) * 7;
        let queue = format!(r#"{{"name":"q-{id}","arn":"a:b:c:eu-west-1:1:q-{id}"}}"#);
        apply("queue.polled", id, &format!(r#"{{"queue":{queue},"depth":{depth}}}"#));
    }
    if let Some(queues) = round {
        apply("poll.finished", number, &format!(r#"{{"queues":{queues}}}"#));
    }
    state
}

#[test]
fn full_list_of_queues_says_that_it_is_cut() {
    let all = QUEUES_MAX + 3;
    let state = crowd(all, Some(all as u64));
    assert!(state.queues.len() < QUEUES_MAX && state.queues.contains_key("a:b:c:eu-west-1:1:q-0"));
    let left_out = all - state.queues.len();
    let told = format!("the list is cut: {left_out} queues are left out, quiet ones first");
    for view in [ScreenView::Overview, ScreenView::Analytics] {
        let shown = shown(&state, view, 100, 24);
        assert!(shown.contains(&told), "{told}\n{shown}");
    }
    let page = part(StatusPart::Queues, &state);
    let heading = page.lines().next().unwrap();
    assert!(heading.contains(&format!("none raised, {left_out} left out, ")), "{heading}");
    assert!(page.contains(&format!("the list is cut: {left_out} queues")), "{heading}");
    let unknown = part(StatusPart::Queues, &crowd(all, None));
    assert!(unknown.contains("some left out") && unknown.contains("cut: queues are left out"));
    let whole = part(StatusPart::Queues, &crowd(20, Some(23)));
    assert!(!whole.contains("left out"), "{whole}");
}

#[test]
fn clock_behind_is_told_in_place_of_no_event() {
    let state = fold(&[round(-700), round(-650)]);
    let sentence = "the clock is behind, or that of the events is ahead";
    for view in ScreenView::ALL {
        let shown = shown(&state, view, 100, 40);
        assert!(line(&shown, "dlq-dash").ends_with(": clock is behind"), "{shown}");
        assert!(line(&shown, "! ").contains(sentence), "{shown}");
        assert!(!shown.contains("no event"), "{shown}");
    }
    let queues = part(StatusPart::Queues, &state);
    assert!(queues.contains(&format!("unknown: {sentence}")), "{queues}");
    assert!(queues.contains(": none of 2 events has a"), "{queues}");
    let one_of_the_past = fold(&[round(-700), round(5)]);
    assert!(!shown(&one_of_the_past, ScreenView::Overview, 100, 24).contains(sentence));
}

/// Returns a state with a raised queue of one name in each of two accounts.
fn namesakes() -> Dashboard {
    let raised = |account: &str, number: u64| {
        let arn = format!("arn:aws:sqs:eu-west-1:{number}:pay-dlq");
        let queue =
            json!({"name": "pay-dlq", "arn": arn, "region": "eu-west-1", "account": account});
        let data = json!({"queue": queue, "depth": number});
        let incident = format!("incident {number}");
        let line = event("queue.raised", 60 + number as i64, Some(&incident), &data);
        line.replacen('{', r#"{"subject":"pay-dlq","#, 1)
    };
    fold(&[round(900), raised("production", 5), raised("staging", 6), round(9)])
}

#[test]
fn incidents_have_a_place_where_there_is_room() {
    let state = namesakes();
    let wide = shown(&state, ScreenView::Incidents, 170, 24);
    assert!(line(&wide, "STATE").ends_with(" REDRIVE PLACE"), "{wide}");
    for account in ["production", "staging"] {
        assert!(wide.lines().any(|row| row.ends_with(&format!("eu-west-1 {account}"))), "{wide}");
    }
    let narrow = shown(&state, ScreenView::Incidents, 80, 24);
    assert!(!narrow.contains("PLACE") && narrow.contains("pay-dlq (staging)"), "{narrow}");
    let alone = fold(&[round(900), super::claims::raised("a-dlq", 60, 5, None), round(9)]);
    assert!(!shown(&alone, ScreenView::Incidents, 170, 24).contains("PLACE"));
}

#[test]
fn news_and_headings_tell_queues_of_one_name_apart() {
    use crate::rules::view::keys::Key;
    use crate::rules::view::screen::{ScreenFlags, Ui, text};
    let state = namesakes();
    let overview = shown(&state, ScreenView::Overview, 120, 30);
    for account in ["production", "staging"] {
        let news = format!("pay-dlq ({account}): ");
        assert!(overview.contains(&news), "{news}\n{overview}");
    }
    for view in [ScreenView::Overview, ScreenView::Incidents] {
        let mut ui = Ui { view, ..Ui::new(ScreenFlags { ascii: true, ..ScreenFlags::default() }) };
        text(&state, &mut ui, now(), 100, 30);
        ui.press(Key::Enter, &state, now());
        let page = text(&state, &mut ui, now(), 100, 30);
        let heading = page.lines().find(|line| line.contains("Incident of pay-dlq"));
        assert!(heading.is_some_and(|line| line.contains(" of pay-dlq (staging) ")), "{page}");
    }
}
