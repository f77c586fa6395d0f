//! Judgement of one group of dead letters: its category, the basis of it and the confidence.
//!
//! Never: reads a body.

use super::basis::{Basis, CODE, CODE_AND_TEXT, SUGGESTION, TEXT};
use super::case::{GroupContext, SEVERAL};
use super::proof::Authorship;
use super::{
    Category, CodeFault, RedriveAdvice, Triage, commands, error, error_patterns, has_error,
    sentences,
};
use crate::rules::evidence::bundle::Group;

/// Most messages that are cited for a group.
const CITED: usize = 3;

pub(super) fn triage(case: &GroupContext) -> Triage {
    let (sign, basis) = judge_error(case);
    let (category, basis) = match sign {
        Some(Category::Dependency) if case.has_stopped() => (Category::ThirdPartyBurst, basis),
        // One message proves no schema drift: others of its kind may be readable.
        Some(Category::SchemaDrift) if case.group.distinct < 2 => {
            let basis = if let Basis::Logged(_) = basis { basis } else { Basis::Bodies(1) };
            (Category::PoisonMessage, basis)
        }
        Some(category) => (category, basis),
        // Counts never overrule an error that the messages have.
        None if has_error(case.group) => (Category::Unknown, Basis::UnknownError),
        None => judge_counts(case),
    };
    let confidence = confidence(case, category, basis);
    let is_coded = matches!(basis, Basis::Code | Basis::CodeAndText | Basis::Claimed);
    let fault = match category {
        Category::Throttling
        | Category::Permission
        | Category::MissingTarget
        | Category::ThirdPartyBurst
            if is_coded && case.stands_for_all() =>
        {
            if basis == Basis::Claimed {
                CodeFault::Unconfirmed
            } else {
                CodeFault::NotACodeBug
            }
        }
        Category::CodeError if confidence >= TEXT => CodeFault::CodeBug,
        _ => CodeFault::Unknown,
    };
    let redrive = match category {
        Category::ThirdPartyBurst if fault == CodeFault::NotACodeBug => RedriveAdvice::Safe,
        Category::ExpiredOrDuplicate | Category::Harmless | Category::Unknown => {
            RedriveAdvice::DoNot
        }
        _ => RedriveAdvice::AfterFix,
    };
    let is_few = is_coded && !case.stands_for_all();
    Triage {
        group: case.group.item.clone(),
        fingerprint: case.group.id.clone(),
        states_error: has_error(case.group),
        error: error(case.group),
        place: case.group.place.clone(),
        count: case.group.count,
        category,
        fault,
        confidence,
        title: sentences::title(category, basis),
        reason: sentences::reason(category, basis, case.group.count, is_few),
        unseen: case.unseen(),
        evidence: evidence(case, category),
        commands: commands::next_commands(case, category, basis),
        redrive,
        next: sentences::next_steps(category, basis, redrive, case.has_single_try()),
    }
}

/// Returns the category of the group's error, if any, and its basis.
fn judge_error(case: &GroupContext) -> (Option<Category>, Basis) {
    let group = case.group;
    let text =
        || error_patterns::category_of_error(group.exception.as_deref(), group.message.as_deref());
    // Whoever sends messages can have a consumer log a text: a log proves as much as they do.
    let bodies = group.found_by.map_or(Basis::Bodies(group.count), Basis::Logged);
    if group.payload == "s3_test_event" && group.kind == "shape" {
        return (Some(Category::Harmless), bodies);
    }
    match group.kind.as_str() {
        "error_text" => (text(), bodies),
        "producer_error" => {
            let code = case.stated_category(text().is_some() || group.exception.is_some());
            let (sign, basis) = match (code, text()) {
                (Some(code), _) if !case.states(code) => (Some(code), Basis::PassedOn),
                (Some(code), Some(text)) if code == text => (Some(code), Basis::CodeAndText),
                (Some(code), Some(Category::CodeError | Category::SchemaDrift)) => {
                    (Some(code), Basis::Disagree)
                }
                (Some(code), _) => (Some(code), Basis::Code),
                (None, Some(Category::CodeError))
                    if group.code.as_deref().is_some_and(error_patterns::is_function_error) =>
                {
                    (Some(Category::CodeError), Basis::Code)
                }
                (None, Some(text)) => (Some(text), Basis::PassedOn),
                (None, None) if group.exception.is_none() && case.are_too_old() => {
                    (Some(Category::ExpiredOrDuplicate), Basis::PassedOn)
                }
                (None, None) => (None, Basis::Nothing),
            };
            let is_coded = matches!(basis, Basis::Code | Basis::CodeAndText);
            let basis = match case.authorship() {
                Authorship::Proven => basis,
                Authorship::Claimed if is_coded => Basis::Claimed,
                Authorship::Claimed => basis,
                Authorship::Anybody => bodies,
            };
            (sign, basis)
        }
        _ => (None, Basis::Nothing),
    }
}

/// Returns the category that counts and settings suggest when there is no error.
fn judge_counts(case: &GroupContext) -> (Category, Basis) {
    let Group { count, distinct, .. } = *case.group;
    let category = if count >= SEVERAL && distinct > 0 && distinct * 2 <= count {
        Category::ExpiredOrDuplicate
    } else if case.is_poison() {
        Category::PoisonMessage
    } else if case.has_single_try() {
        Category::MisconfiguredQueue
    } else {
        return (Category::Unknown, Basis::Nothing);
    };
    (category, Basis::Counts)
}

fn confidence(case: &GroupContext, category: Category, basis: Basis) -> f64 {
    let confidence = match basis {
        Basis::CodeAndText => CODE_AND_TEXT,
        Basis::Code => CODE,
        Basis::Claimed | Basis::PassedOn | Basis::Bodies(SEVERAL..) | Basis::Logged(_) => TEXT,
        Basis::Disagree | Basis::Bodies(_) | Basis::Counts => SUGGESTION,
        Basis::UnknownError | Basis::Nothing => 0.0,
    };
    // No code names the fault in a lasting failure, or the reason why a message became too old.
    let is_open = matches!(category, Category::Dependency | Category::ExpiredOrDuplicate);
    let is_weak = is_open || !case.stands_for_all();
    confidence.min(if is_weak { TEXT } else { case.share_covered() })
}

fn evidence(case: &GroupContext, category: Category) -> Vec<String> {
    let queue = case.queue;
    let mut cited = vec![case.group.item.clone()];
    cited.extend(case.messages.iter().take(CITED).map(|seen| seen.id.clone()));
    cited.extend(case.group.logs.iter().take(CITED).cloned());
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
