use proptest::prelude::*;

use super::*;
use crate::document::Keys;
use crate::store::Store;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(minutes * 60_000)
}

fn usd(dollars: f64) -> Usd {
    Usd::from_dollars(dollars).unwrap()
}

const HOURS: i64 = 60;
const DAYS: i64 = 24 * HOURS;

/// A run of $1 can cost $1.75, and four of them fit into $7.
fn limits() -> BudgetLimits {
    BudgetLimits {
        per_run: usd(1.0),
        per_day: usd(7.0),
        near: NEAR_LOSS,
        ..BudgetLimits::default()
    }
}

fn spend(session: &str, from: i64, reserved: f64, end: Option<(Option<f64>, i64)>) -> Spend {
    Spend {
        session: session.into(),
        queue: "orders-dlq".into(),
        fingerprint: Some("cause".into()),
        at: at(from),
        reserved_usd: usd(reserved),
        cost_usd: end.and_then(|(cost, _)| cost).map(usd),
        settled_at: end.map(|(_, ended)| at(ended)),
        seen_ahead_at: None,
        boot: None,
    }
}

fn budget(spends: Vec<Spend>) -> Budget {
    Budget { spends }
}

fn loss(minutes: i64) -> Option<Timestamp> {
    Some(at(minutes))
}

#[test]
fn worst_case_is_run_limit_plus_margin() {
    for (per_run, worst) in [(0.5, 1.25), (1.0, 1.75), (5.0, 6.0), (100.0, 120.0)] {
        assert_eq!(worst_case(&BudgetLimits { per_run: usd(per_run), ..limits() }), usd(worst));
    }
}

#[test]
fn day_limit_counts_costs_and_reservations() {
    let open = |n: usize| (0..n).map(|_| spend("s", 0, 1.75, None)).collect::<Vec<_>>();
    let ended = |cost, end| vec![spend("s", 0, 6.0, Some((cost, end)))];
    let now = DAYS - 1;
    let rows = [
        ("nothing was spent", vec![], now, true),
        ("the last that fits, to the cent", open(3), now, true),
        ("one more", open(4), now, false),
        ("a cost counts, not its reservation", ended(Some(0.5), now - 1), now, true),
        ("an unknown cost is its reservation", ended(None, now - 1), now, false),
        ("a cost beyond its reservation counts", ended(Some(9.0), now - 1), now, false),
        ("within 24 hours of its end", ended(None, 30), DAYS + 29, false),
        ("24 hours after its end", ended(None, 30), DAYS + 30, true),
        ("an open one counts on the next day too", open(4), 2 * DAYS - 1, false),
        ("nobody runs for two days", open(4), 2 * DAYS, true),
        ("a clock that was ahead", vec![spend("s", 9 * DAYS, 6.0, None)], now, false),
    ];
    for (rule, spends, now, fits) in rows {
        let found = judge(&limits(), &budget(spends), None, None, at(now));
        assert_eq!(found.is_ok(), fits, "{rule}: {found:?}");
    }
}

#[test]
fn day_limit_keeps_a_share_for_incidents_near_loss() {
    let limits = BudgetLimits { reserve_for_expiry: 0.5, ..limits() };
    let taken = |n: usize| budget((0..n).map(|_| spend("s", 0, 1.75, None)).collect());
    let rows = [
        ("before the part that is kept", 1, None, true),
        ("into it", 2, None, false),
        ("the loss is far", 2, loss(6 * HOURS + 1), false),
        ("the loss is near", 2, loss(6 * HOURS), true),
        ("it may have begun", 2, loss(-10), true),
        ("nor is there more than the day", 4, loss(0), false),
    ];
    for (rule, count, loss, fits) in rows {
        assert_eq!(judge(&limits, &taken(count), None, loss, at(0)).is_ok(), fits, "{rule}");
    }
}

#[test]
fn cause_limit_covers_30_days() {
    let limits = BudgetLimits { per_fingerprint: Some(usd(3.0)), per_day: usd(99.0), ..limits() };
    let past = budget(vec![spend("s", 0, 1.75, Some((Some(1.5), 10)))]);
    let rows = [
        ("the same cause", Some("cause"), 10 * DAYS, false),
        ("a month later", Some("cause"), 30 * DAYS + 10, true),
        ("another", Some("other"), 10 * DAYS, true),
        ("not known yet", None, 10 * DAYS, true),
    ];
    for (rule, cause, now, fits) in rows {
        assert_eq!(judge(&limits, &past, cause, None, at(now)).is_ok(), fits, "{rule}");
    }
}

#[test]
fn refusal_names_the_figures_the_key_and_the_time() {
    let two = budget(vec![
        spend("a", 0, 4.0, Some((Some(2.5), 60))),
        spend("b", 120, 4.0, Some((None, 180))),
    ]);
    let why = judge(&limits(), &two, None, None, at(240)).unwrap_err();
    assert_eq!((why.word, why.until), ("budget", Some(at(DAYS + 60))));
    assert_eq!(
        why.detail,
        "a run can cost $1.75; $6.50 is spent or reserved of the $7.00 allowed in 24 hours; available \
         at 1970-01-02T01:00:00.000Z (in 21h), or raise auto_investigation.budget_usd_per_day"
    );
    let kept = BudgetLimits { reserve_for_expiry: 0.8, ..limits() };
    let why = judge(&kept, &two, None, None, at(240)).unwrap_err();
    assert_eq!(why.until, None, "however much is given back");
    assert_eq!(
        why.detail,
        "a run can cost $1.75; $6.50 is spent or reserved of the $1.40 allowed in 24 hours when no \
         loss is near ($5.60 more when one is); raise auto_investigation.budget_usd_per_day"
    );
    let cause = BudgetLimits { per_fingerprint: Some(usd(7.0)), ..limits() };
    let why = judge(&cause, &two, Some("cause"), None, at(240)).unwrap_err();
    assert_eq!(why.until, Some(at(30 * DAYS + 60)));
    assert!(why.detail.contains("on this cause in 30 days"), "{why:?}");
    assert!(why.detail.ends_with("auto_investigation.budget_usd_per_fingerprint"), "{why:?}");
}

#[test]
fn reservation_is_made_once_and_settled_at_cost() {
    let limits = limits();
    let mut budget = Budget::default();
    for minute in [0, 1] {
        assert_eq!(
            budget.reserve(&limits, "a", "orders-dlq", Some("cause"), None, at(minute)),
            Ok(usd(1.75))
        );
    }
    assert_eq!(budget.day(at(2)), DaySpend { spent: Usd::NONE, reserved: usd(1.75) });
    let steps = [
        ("of nobody", "nobody", Some(1.0), (0.0, 1.75)),
        ("the end", "a", Some(0.4), (0.4, 0.0)),
        ("less", "a", Some(0.1), (0.4, 0.0)),
        ("more", "a", Some(0.9), (0.4, 0.0)),
        ("nothing known", "a", None, (0.4, 0.0)),
    ];
    for (rule, session, cost, (spent, reserved)) in steps {
        budget.settle(session, cost.map(usd), at(10));
        let day = DaySpend { spent: usd(spent), reserved: usd(reserved) };
        assert_eq!(budget.day(at(20)), day, "{rule}");
    }
    assert_eq!(budget.causes(at(20)), [("cause", usd(0.4))]);
}

#[test]
fn cost_unknown_or_invalid_counts_as_the_reservation() {
    for cost in [None, Some(-1.0), Some(f64::NAN), Some(f64::INFINITY)] {
        let mut budget = Budget::default();
        budget.reserve(&limits(), "a", "q", None, None, at(0)).unwrap();
        for (minute, cost) in [(1, cost), (2, Some(0.2))] {
            budget.settle("a", cost.and_then(Usd::from_dollars), at(minute));
            let day = DaySpend { spent: usd(1.75), reserved: Usd::NONE };
            assert_eq!(budget.day(at(3)), day, "{cost:?}");
        }
    }
}

#[test]
fn spends_are_forgotten_when_no_limit_counts_them() {
    let mut all = budget(vec![
        spend("ended", 0, 1.0, Some((None, 10))),
        spend("never settled", 0, 1.0, None),
        spend("new", 5 * DAYS, 1.0, Some((None, 5 * DAYS))),
    ]);
    all.forget(at(30 * DAYS + 9).into());
    assert_eq!(all.spends.len(), 3);
    all.forget(at(30 * DAYS + 10).into());
    assert_eq!(all.spends.len(), 2);
    all.forget(at(31 * DAYS).into());
    assert_eq!(all.spends[0].session, "new");
}

#[test]
fn future_time_of_spend_counts_as_when_it_was_first_seen() {
    const YEARS: i64 = 100 * 365 * DAYS;
    // From when, the end, and until when it counts in the budget of a day.
    let rows = [
        ("settled before", 0, Some(10), 10 + DAYS),
        ("open", 0, None, 2 * DAYS),
        ("reserved now, settled now", 20, Some(20), 20 + DAYS),
        ("settled ahead", 0, Some(YEARS), 20 + DAYS),
        ("reserved and settled ahead", YEARS, Some(YEARS), 20 + DAYS),
        ("open, reserved ahead", YEARS, None, 20 + 2 * DAYS),
        ("reserved ahead, settled before", YEARS, Some(10), 10 + DAYS),
    ];
    let refusal = |all: &mut Budget, now| {
        all.reserve(&limits(), "new", "q", None, loss(now), at(now)).unwrap_err()
    };
    for (row, from, end, until) in rows {
        let mut all = budget(vec![spend("s", from, 7.0, end.map(|end| (Some(7.0), end)))]);
        assert_eq!(refusal(&mut all, 20).until, Some(at(until)), "{row}");
        assert_eq!(refusal(&mut all, 30).until, Some(at(until)), "{row}: it stands still");
    }
}

#[test]
fn clock_that_steps_back_and_forth_frees_no_budget() {
    // The clock at each refused run, then at the one that must be refused, too.
    let rows: [(&str, &[i64], i64); 5] = [
        ("a day back and forth", &[-DAYS], 10),
        ("twice", &[-DAYS, 0, -DAYS], 20),
        ("by parts", &[-HOURS, -DAYS, -3 * DAYS], HOURS),
        ("a month back and forth", &[-30 * DAYS], 10),
        ("back for good", &[-DAYS], -DAYS + HOURS),
    ];
    for (row, clocks, last) in rows {
        let mut all = budget(vec![spend("s", 0, 7.0, Some((Some(7.0), 5)))]);
        for now in clocks.iter().chain([&last]) {
            let found = all.reserve(&limits(), "new", "q", None, None, at(*now));
            assert!(found.is_err(), "{row} at {now}");
        }
        assert_eq!((all.spends[0].at, all.spends[0].settled_at), (at(0), Some(at(5))), "{row}");
    }
    // A month forth and back: the refused run has forgotten nothing.
    let month = vec![
        spend("s", 0, 7.0, Some((Some(7.0), 5))),
        spend("t", 31 * DAYS, 7.0, Some((Some(7.0), 31 * DAYS))),
    ];
    let mut all = budget(month);
    assert!(all.reserve(&limits(), "new", "q", None, None, at(31 * DAYS)).is_err());
    assert_eq!(all.spends.len(), 2);
}

#[test]
fn clock_that_steps_forward_frees_no_budget() {
    let reading = |minutes, boot, since: i64| ClockReading {
        wall: at(minutes),
        boot: Some(BootTime { boot, ms: u64::try_from(since * 60_000).unwrap() }),
    };
    // The clock, the start of the machine and the minutes since it when a run asks for money.
    let rows = [
        ("no step", reading(10, 1, 110), false),
        ("a day forward", reading(DAYS + 10, 1, 110), false),
        ("years forward", reading(5000 * DAYS, 1, 110), false),
        ("a day forward, and the day almost over", reading(2 * DAYS, 1, 100 + DAYS + 4), false),
        ("a day forward, and the day over", reading(2 * DAYS, 1, 100 + DAYS + 5), true),
        ("no step, and the day over", reading(DAYS + 5, 1, 100 + DAYS + 5), true),
        ("a machine that did not count a pause", reading(DAYS + 5, 1, 100 + HOURS), false),
        ("another start", reading(DAYS + 10, 2, 110), true),
        ("a time before the run", reading(DAYS + 10, 1, 90), true),
        ("no such time", at(DAYS + 10).into(), true),
    ];
    for (row, now, is_free) in rows {
        let mut all = Budget::default();
        let limits = BudgetLimits { per_day: usd(1.75), ..limits() };
        all.reserve(&limits, "s", "q", None, None, reading(0, 1, 100)).unwrap();
        all.settle("s", Some(usd(1.75)), reading(5, 1, 105));
        let found = all.reserve(&limits, "new", "q", None, None, now);
        assert_eq!(found.is_ok(), is_free, "{row}: {found:?}");
        if let Err(why) = found {
            let left = why.until.unwrap().since(now.wall);
            assert!(left <= DAY && !left.is_zero(), "{row}: {left:?}");
        }
    }
    // A run that is granted forgets nothing that is not 30 days old.
    let mut all = Budget::default();
    all.reserve(&limits(), "s", "q", None, None, reading(0, 1, 100)).unwrap();
    all.reserve(&limits(), "t", "q", None, None, reading(90 * DAYS, 1, 110)).unwrap();
    assert_eq!(all.spends.len(), 2);
    assert!(all.spends[0].is_open(reading(90 * DAYS, 1, 110)));
}

#[test]
fn cost_of_more_than_ten_worst_cases_is_not_believed() {
    for (cost, is) in [(0.0, true), (17.5, true), (17.51, false), (1e300, false)] {
        assert_eq!(is_believable(&limits(), usd(cost)), is, "{cost}");
    }
}

#[test]
fn invalid_amount_is_refused() {
    let good = serde_json::to_value(budget(vec![spend("a", 0, 1.5, None)])).unwrap();
    assert!(serde_json::from_value::<Budget>(good.clone()).is_ok());
    for key in ["reserved_usd", "cost_usd"] {
        let mut bad = good.clone();
        bad["spends"][0][key] = serde_json::json!(-0.5);
        let error = serde_json::from_value::<Budget>(bad).unwrap_err().to_string();
        assert_eq!(error, "-0.5 is not an amount of money");
    }
}

/// Eight at once, each with its own handles, as processes have them.
#[test]
fn concurrent_reservations_stay_within_the_limit() {
    let dir = std::env::temp_dir().join(format!("dlq-budget-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let granted = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (dir, granted) = (&dir, &granted);
            scope.spawn(move || {
                let store = Store::open(dir).unwrap();
                for run in 0..4 {
                    let session = format!("{thread}-{run}");
                    let reserve = |budget: &mut Budget| {
                        Ok(budget.reserve(&limits(), &session, "q", None, None, at(run)).is_ok())
                    };
                    if store.update(&Keys::all(), reserve).unwrap() {
                        granted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let budget: Budget = Store::open(&dir).unwrap().read(&Keys::all()).unwrap();
    assert_eq!((granted.into_inner(), budget.spends.len()), (4, 4));
    assert_eq!(budget.day(at(10)).reserved, usd(7.0));
    std::fs::remove_dir_all(&dir).unwrap();
}

/// The next event: so many minutes pass, then a run asks to start, or one ends.
#[derive(Debug, Clone)]
enum Step {
    Start { near: bool },
    End { which: usize, cost: Option<f64> },
}

fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let start = any::<bool>().prop_map(|near| Step::Start { near });
    let cost = prop::option::of(0.0..1.75);
    let end = (0_usize..50, cost).prop_map(|(which, cost)| Step::End { which, cost });
    prop::collection::vec((0_i64..200, prop_oneof![start, end]), 1..120)
}

proptest! {
    #[test]
    fn day_limit_holds_in_any_24_hours(steps in steps(), share in 0.0..0.6) {
        let limits = BudgetLimits { reserve_for_expiry: share, ..limits() };
        let kept = usd(7.0).share(share);
        let (mut budget, mut minute, mut ordinary) = (Budget::default(), 0, Vec::new());
        for (number, (wait, step)) in steps.into_iter().enumerate() {
            minute += wait;
            let now = at(minute);
            match step {
                Step::Start { near } => {
                    let loss = near.then_some(now);
                    let session = number.to_string();
                    match budget.reserve(&limits, &session, "q", None, loss, now) {
                        Ok(_) if !near => ordinary.push(budget.day(now)),
                        Ok(_) => {}
                        // Nothing is refused that would fit, and the moment is the right one.
                        Err(why) => {
                            let day = budget.day(now);
                            let taken = day.spent.plus(day.reserved).plus(worst_case(&limits));
                            let kept = if near { Usd::NONE } else { kept };
                            prop_assert!(taken > usd(7.0).less(kept));
                            if let Some(until) = why.until {
                                let early = Timestamp::from_millis(until.millis() - 1);
                                let fits = |now| {
                                    judge(&limits, &budget, None, near.then_some(now), now).is_ok()
                                };
                                prop_assert!(fits(until) && !fits(early));
                            }
                        }
                    }
                }
                Step::End { which, cost } => {
                    let open = budget.spends.get(which).filter(|s| s.settled_at.is_none());
                    if let Some(session) = open.map(|spend| spend.session.clone()) {
                        budget.settle(&session, cost.map(usd), now);
                    }
                }
            }
            // Reckoned another way: the windows that begin with a grant.
            for first in &budget.spends {
                let within = |s: &&Spend| s.at >= first.at && s.at < first.at.plus(DAY);
                let sum: Usd = budget.spends.iter().filter(within).map(Spend::counts).sum();
                prop_assert!(sum <= usd(7.0), "{sum} from {}", first.at);
            }
        }
        let most = usd(7.0).less(kept);
        for day in ordinary {
            prop_assert!(day.spent.plus(day.reserved) <= most);
        }
    }
}
