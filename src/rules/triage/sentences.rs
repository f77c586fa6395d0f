//! The sentences of a triage, for somebody who has just been woken. Our own words and numbers
//! only: nothing from outside stands in them.

use super::basis::{Basis, TEXT};
use super::{Category, RedriveAdvice};
use crate::text::count;

/// One line.
pub(super) fn title(category: Category, confidence: f64) -> String {
    let title = match category {
        Category::Throttling => "calls were throttled",
        Category::Permission => "access was denied",
        Category::MissingTarget => "the target does not exist",
        Category::ThirdPartyBurst => "a dependency failed for a while, and has stopped failing",
        Category::Dependency => "a dependency failed, and may still",
        Category::MisconfiguredQueue => "the queue gives up after a single try",
        Category::ExpiredOrDuplicate => "messages came too late or more than once",
        Category::SchemaDrift => "messages have a form that their reader does not expect",
        Category::PoisonMessage => "one message cannot be worked off",
        Category::CodeError => "the code fails on these messages",
        Category::Unknown => "the cause is unknown",
    };
    if category != Category::Unknown && confidence < TEXT {
        return format!("Perhaps {title}");
    }
    let mut letters = title.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// Why: what happened, and how that is known.
pub(super) fn reason(category: Category, basis: Basis, messages: u64, is_few: bool) -> String {
    let what = match category {
        Category::Throttling => "were turned away because too many calls ran at once",
        Category::Permission => "died because whoever handled them lacked a permission",
        Category::MissingTarget => "died because what they were sent to does not exist",
        Category::ThirdPartyBurst => {
            "died while something that the code calls was failing; all were sent in one short \
             span, and none that was sent since has died"
        }
        Category::Dependency => {
            "died because something that the code calls did not answer or was failing; nothing \
             shows that this is over, nor whose fault it is"
        }
        Category::MisconfiguredQueue => {
            "came from a queue that makes a dead letter of the first failure \
             (maxReceiveCount 1): a restart or a slow call is enough; what failed is not told"
        }
        Category::ExpiredOrDuplicate => {
            "were too old for another try, or have the same content more than once; what failed \
             in the first place is not told"
        }
        Category::SchemaDrift => {
            "could not be read: their form is not the one that their reader expects; the sender \
             or the reader has changed"
        }
        Category::PoisonMessage => {
            "died with a content that no other dead message of the sample shares: the content \
             itself is the suspect"
        }
        Category::CodeError => "made the code fail in a way that only a change of it can mend",
        Category::Unknown => "died of something that no rule here knows",
    };
    let how = match basis {
        Basis::CodeAndText => "The service that put them here says so, as a code and in words.",
        Basis::Code => "The service that put them here says so, as a code of its own.",
        Basis::Handed => "The service that put them here only hands on what it was told.",
        Basis::Disagree => "Its code says so, but its text says something else.",
        Basis::Bodies(_) => {
            "Only text says so, and whoever sent the messages may have written it: no proof."
        }
        Basis::Counts => "No error says so; counts and settings suggest it.",
        Basis::Nothing => "Somebody has to look.",
    };
    let few =
        if is_few { " Too few of the queue's messages were seen to speak for all." } else { "" };
    let hedge = match basis {
        Basis::CodeAndText | Basis::Code | Basis::Nothing => "",
        _ => "As far as can be told, ",
    };
    format!("{hedge}{} {what}. {how}{few}", count(messages, "message"))
}

/// What to do next.
pub(super) fn next_steps(
    category: Category,
    advice: RedriveAdvice,
    has_single_try: bool,
) -> Vec<String> {
    let step = match category {
        Category::Throttling => {
            "Find the function's reserved concurrency and raise it, or let its event source call \
             it less at once (MaximumConcurrency)."
        }
        Category::Permission => {
            "Find which policy changed, and give the missing permission back: no more than it."
        }
        Category::MissingTarget => {
            "Find out whether the target was deleted or renamed; point its sender at what exists."
        }
        Category::ThirdPartyBurst => "Make sure that the dependency answers again.",
        Category::Dependency => "Find out which dependency it is, and whether it answers again.",
        Category::MisconfiguredQueue => "Raise maxReceiveCount to 5 or more.",
        Category::ExpiredOrDuplicate => {
            "Ask the owner whether these still have to be worked off, and whether twice does harm."
        }
        Category::SchemaDrift => {
            "Compare a dead message with what the reader expects; find which side changed last."
        }
        Category::PoisonMessage => "Look at this message, and at the log of when it was received.",
        Category::CodeError => "Have the code investigated.",
        Category::Unknown => "Read the log of whoever receives from the source queue.",
    };
    let redrive = match advice {
        // Only what a service has put here is judged safe, and no call of SQS moves that back.
        RedriveAdvice::Safe => {
            "Then send the messages anew to what they were meant for, a few at first: AWS moves back \
             only what came from a queue."
        }
        RedriveAdvice::AfterFix => {
            "Put the messages back only when that is mended: they would die again."
        }
        RedriveAdvice::DoNot => "Do not put the messages back until it is known why they died.",
    };
    let mut steps = vec![step.to_owned()];
    if has_single_try && category != Category::MisconfiguredQueue {
        steps.push("Raise maxReceiveCount from 1: the first failure makes a dead letter.".into());
    }
    steps.push(redrive.to_owned());
    steps
}
