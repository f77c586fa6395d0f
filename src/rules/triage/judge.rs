//! The judgement of one group of dead letters: a category, who reports it, and how far the report
//! can be believed. Never reads a body.

use super::basis::{Ground, HINT, SAID, SAID_TWICE, TEXT};
use super::case::{Case, SEVERAL};
use super::{Advice, Bug, Category, Triage, commands, error_patterns, sentences};
use crate::rules::evidence::bundle::Group;

/// No more messages than this are cited for a group.
const CITED: usize = 3;

pub(super) fn triage(case: &Case) -> Triage {
    let (sign, ground) = sign(case);
    let (category, ground) = match sign {
        Some(Category::Dependency) if case.has_stopped() => (Category::ThirdPartyBurst, ground),
        // One message is no drift: the others of its kind may well be read.
        Some(Category::SchemaDrift) if case.group.distinct < 2 => {
            (Category::PoisonMessage, Ground::Bodies(1))
        }
        Some(category) => (category, ground),
        None => shape(case),
    };
    let confidence = confidence(case, category, ground);
    let bug = match category {
        Category::Throttling
        | Category::Permission
        | Category::MissingTarget
        | Category::ThirdPartyBurst
            if confidence >= SAID =>
        {
            Bug::NotACodeBug
        }
        Category::CodeError if confidence >= TEXT => Bug::CodeBug,
        _ => Bug::Unknown,
    };
    let redrive = match category {
        Category::ThirdPartyBurst if bug == Bug::NotACodeBug => Advice::Safe,
        Category::ExpiredOrDuplicate | Category::Unknown => Advice::DoNot,
        _ => Advice::AfterFix,
    };
    let is_few = matches!(ground, Ground::Code | Ground::CodeAndText) && !case.stands_for_all();
    Triage {
        group: case.group.item.clone(),
        fingerprint: case.group.id.clone(),
        count: case.group.count,
        category,
        bug,
        confidence,
        title: sentences::title(category, confidence),
        reason: sentences::reason(category, ground, case.group.count, is_few),
        evidence: evidence(case, category),
        commands: commands::next(case, category),
        redrive,
        next: sentences::next(category, redrive, case.has_single_try()),
    }
}

/// What the words of the error are a sign of, and who says them.
fn sign(case: &Case) -> (Option<Category>, Ground) {
    let group = case.group;
    let text = || error_patterns::of_error(group.exception.as_deref(), group.message.as_deref());
    let bodies = Ground::Bodies(group.count);
    match group.kind.as_str() {
        "error_text" => (text(), bodies),
        "producer_error" => {
            let code = group.code.as_deref().and_then(error_patterns::of_code);
            let (sign, ground) = match (code, text()) {
                (Some(code), Some(text)) if code == text => (Some(code), Ground::CodeAndText),
                (Some(code), Some(Category::CodeError | Category::SchemaDrift)) => {
                    (Some(code), Ground::Disagree)
                }
                (Some(code), _) => (Some(code), Ground::Code),
                (None, Some(Category::CodeError))
                    if group.code.as_deref().is_some_and(error_patterns::ran) =>
                {
                    (Some(Category::CodeError), Ground::Code)
                }
                (None, Some(text)) => (Some(text), Ground::Handed),
                (None, None) if case.are_too_old() => {
                    (Some(Category::ExpiredOrDuplicate), Ground::Handed)
                }
                (None, None) => (None, Ground::Nothing),
            };
            (sign, if case.is_producers_own() { ground } else { bodies })
        }
        _ => (None, Ground::Nothing),
    }
}

/// What counts and settings suggest where no error is told.
fn shape(case: &Case) -> (Category, Ground) {
    let Group { count, distinct, .. } = *case.group;
    let category = if count >= SEVERAL && distinct > 0 && distinct * 2 <= count {
        Category::ExpiredOrDuplicate
    } else if case.is_poison() {
        Category::PoisonMessage
    } else if case.has_single_try() {
        Category::MisconfiguredQueue
    } else {
        return (Category::Unknown, Ground::Nothing);
    };
    (category, Ground::Counts)
}

fn confidence(case: &Case, category: Category, ground: Ground) -> f64 {
    let sure = match ground {
        Ground::CodeAndText => SAID_TWICE,
        Ground::Code => SAID,
        Ground::Handed | Ground::Bodies(SEVERAL..) => TEXT,
        Ground::Disagree | Ground::Bodies(_) | Ground::Counts => HINT,
        Ground::Nothing => 0.0,
    };
    // Who is to blame for a failure that goes on, or why a message grew old, no code tells.
    let is_open = matches!(category, Category::Dependency | Category::ExpiredOrDuplicate);
    if is_open || !case.stands_for_all() { sure.min(TEXT) } else { sure }
}

fn evidence(case: &Case, category: Category) -> Vec<String> {
    let queue = case.queue;
    let mut cited = vec![case.group.item.clone()];
    cited.extend(case.own.iter().take(CITED).map(|seen| seen.id.clone()));
    let mut cite = |id: &str, is_known: bool| {
        if is_known {
            cited.push(id.to_owned());
        }
    };
    cite("q.depth", queue.depth.is_some());
    let is_timed = category == Category::ThirdPartyBurst;
    cite("q.asked_at", is_timed && queue.asked_at.is_some());
    cite("q.sources", case.source().is_some());
    let has = |rule: &str| queue.lint.iter().any(|finding| finding.rule == rule);
    cite("lint.max-receive-count", case.has_single_try() && has("max-receive-count"));
    cited
}
