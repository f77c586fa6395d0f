//! Single decisions; `tests/model.rs` has all their sequences.

mod model;

use super::*;

const RULES: LeaseRules = LeaseRules {
    span: Duration::from_secs(30),
    max_skew: Duration::from_secs(5),
    margin: Duration::from_secs(2),
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn between(earliest: i64, latest: i64) -> Option<TableMoment> {
    Some(TableMoment { earliest: at(earliest), latest: at(latest) })
}

fn claim(seen: u64, now: Option<TableMoment>) -> LeaseClaim {
    LeaseClaim::new(&RULES, Nonce(7), seen, now).unwrap()
}

#[test]
fn doubt_about_the_time_forbids_to_claim_and_to_act() {
    let held = match claim(0, between(1000, 1001)).judge(&LeaseAnswer::Done) {
        ClaimVerdict::Held(lease) => lease,
        other => panic!("{other:?}"),
    };
    for (now, doubt) in
        [(None, TimeDoubt::Unknown), (between(1000, 1006), TimeDoubt::Wide(Duration::from_secs(6)))]
    {
        assert_eq!(LeaseClaim::new(&RULES, Nonce(7), 0, now), Err(doubt));
        assert_eq!(held.renewal(&RULES, now), Err(doubt));
        assert!(!held.may_act(&RULES, now));
    }
    // The end is 30 s after the earliest present, and 2 s before it the last act begins.
    assert!(held.may_act(&RULES, between(1024, 1027)));
    assert!(!held.may_act(&RULES, between(1024, 1028)));
}

#[test]
fn claim_meets_what_stands_in_the_table() {
    let mine = claim(1, between(1040, 1041));
    let item = |nonce, until, fence| LeaseItem {
        nonce: Nonce(nonce),
        until: at(until),
        fence,
        ..LeaseItem::default()
    };
    // What the condition and the verdict say of an item.
    let rows = [
        ("held by another", item(8, 1050, 1), false, "Busy"),
        ("ended within the skew", item(8, 1035, 1), false, "Busy"),
        ("ended before", item(8, 1034, 1), true, "Again { seen: 1 }"),
        ("released", item(0, 0, 1), true, "Again { seen: 1 }"),
        ("released by a clock ahead", item(0, 0, 2_000_000), false, "Again { seen: 2000000 }"),
        ("our own", item(7, 1070, 9), false, "Held"),
        ("our own, and over", item(7, 1000, 9), true, "Held"),
    ];
    for (rule, item, is_met, verdict) in rows {
        assert_eq!(mine.write().condition.holds(Some(&item)), is_met, "{rule}");
        let judged = format!("{:?}", mine.judge(&LeaseAnswer::Refused(item)));
        assert!(judged.starts_with(verdict), "{rule}: {judged}");
    }
    assert!(mine.write().condition.holds(None));
    assert_eq!(mine.judge_item(None), ClaimVerdict::Again { seen: 0 });
    // The number is above what was seen, and not below the time.
    let fence = |seen| match mine_after(seen) {
        LeaseChange::Take { fence, .. } => fence,
        other => panic!("{other:?}"),
    };
    assert_eq!([fence(1), fence(2_000_000)], [1_040_000, 2_000_001]);
}

fn mine_after(seen: u64) -> LeaseChange {
    claim(seen, between(1040, 1041)).write().change
}
