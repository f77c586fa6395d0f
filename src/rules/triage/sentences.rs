//! Sentences of a triage, for the engineer on call.
//!
//! Promises: they hold this tool's words and numbers only, no external text.

use super::basis::Basis;
use super::{Category, RedriveAdvice};
use crate::rules::evidence::logs::FoundBy;
use crate::text::count;

/// Returns the title, one line.
pub(super) fn title(category: Category, basis: Basis) -> String {
    let title = match category {
        Category::Throttling => "calls were throttled",
        Category::Permission => "access was denied",
        Category::MissingTarget => "the target does not exist",
        Category::ThirdPartyBurst => "a dependency failed for a while, and has stopped failing",
        Category::Dependency => "a dependency failed or did not answer",
        Category::MisconfiguredQueue => "the source queue allows a single try",
        Category::ExpiredOrDuplicate => "messages came too late or more than once",
        Category::SchemaDrift => "messages have a form that the consumer does not expect",
        Category::PoisonMessage => "one message cannot be processed",
        Category::TimedOut => "the consumer needed longer than it was given",
        Category::OutOfMemory => "the consumer ran out of memory",
        Category::ProcessEnded => "the consumer's process ended before it had finished",
        Category::Harmless => "these are test messages of S3, with nothing in them to process",
        Category::CodeError => "the code fails on these messages",
        Category::Unknown => "the cause is unknown",
    };
    if basis == Basis::Claimed {
        return format!("Perhaps {title}; a person has to confirm it");
    }
    // Only a service that has proven to be the sender states a fact.
    if category != Category::Unknown && !matches!(basis, Basis::CodeAndText | Basis::Code) {
        return format!("Perhaps {title}");
    }
    let mut letters = title.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// Returns the explanation: what happened, and the basis of that.
pub(super) fn reason(category: Category, basis: Basis, messages: u64, is_few: bool) -> String {
    let (what, how) = (what_happened(category, basis), how_known(basis));
    let few = if is_few { " The sample is too small to represent the whole queue." } else { "" };
    let hedge = match basis {
        Basis::CodeAndText | Basis::Code | Basis::UnknownError | Basis::Nothing => "",
        _ => "As far as the evidence shows, ",
    };
    format!("{hedge}{} {what}. {how}{few}", count(messages, "message"))
}

fn what_happened(category: Category, basis: Basis) -> &'static str {
    match category {
        Category::Throttling => "were rejected because too many calls ran at once",
        Category::Permission => {
            "failed because a permission was missing, or a credential was not accepted"
        }
        Category::MissingTarget => "failed because their target does not exist",
        Category::ThirdPartyBurst => {
            "failed while a dependency was failing; all were sent within a short time, and no \
             message sent since has failed"
        }
        Category::Dependency => {
            "failed because a dependency did not answer or was failing; nothing shows that this is \
             over, or where the fault lies"
        }
        Category::MisconfiguredQueue => {
            "came from a queue that makes a dead letter of the first failure \
             (maxReceiveCount 1): a restart or a slow call is enough; the failure itself is unknown"
        }
        Category::ExpiredOrDuplicate => {
            "were too old for another try, or have the same content more than once; the first \
             failure is unknown"
        }
        Category::SchemaDrift => {
            "could not be read: their form is not the one that the consumer expects; the sender or \
             the consumer has changed"
        }
        Category::PoisonMessage => {
            "failed with a content that no other message of the sample shares: the content itself is \
             the suspect"
        }
        Category::TimedOut => {
            "failed because their consumer did not finish in the time it was given"
        }
        Category::OutOfMemory => "failed because their consumer ran out of memory",
        Category::ProcessEnded => {
            "failed because the process of their consumer ended before it had finished"
        }
        Category::Harmless => {
            "are the test that S3 sends when a notification is configured (s3:TestEvent): the \
             consumer expects records, and there are none"
        }
        Category::CodeError => "made the code fail in a way that only a code change can fix",
        Category::Unknown if basis == Basis::UnknownError => {
            "failed with an error that no rule knows"
        }
        Category::Unknown => "failed for a reason that no rule knows",
    }
}

fn how_known(basis: Basis) -> &'static str {
    match basis {
        Basis::CodeAndText => "The service that put them here says so, as a code and in words.",
        Basis::Code => "The service that put them here says so, as a code of its own.",
        Basis::Claimed => {
            "Their attributes name a service that says so; anybody can write these attributes, and \
             nothing proves that the service did: a person has to confirm it."
        }
        Basis::PassedOn => {
            "The service that put them here only passes on an error that it received."
        }
        Basis::Disagree => "Its code says so, but its text says something else.",
        Basis::Bodies(_) => {
            "Only their text says so, and the sender may have written it: no proof."
        }
        Basis::Logged(FoundBy::MessageId) => {
            "The log of the consumer says so, where it names a message by its id."
        }
        Basis::Logged(FoundBy::Recurrence) => {
            "One error recurs in the log of the consumer whenever these messages were received, and \
             not between: likely, and no proof."
        }
        Basis::Counts => "No error says so; counts and settings suggest it.",
        Basis::UnknownError => "The error that they state is the first thing to read.",
        Basis::Nothing => "Manual investigation needed.",
    }
}

/// Returns what a person does first.
fn first_step(category: Category) -> &'static str {
    match category {
        Category::Throttling => {
            "Find the function's reserved concurrency and raise it, or let its event source call \
             it less at once (MaximumConcurrency)."
        }
        Category::Permission => {
            "Find which policy changed, and restore the missing permission and no other. Renew a \
             credential that has expired, and compare the clocks where a signature was refused."
        }
        Category::MissingTarget => {
            "Find out whether the target was deleted or renamed; configure the sender with an \
             existing target."
        }
        Category::ThirdPartyBurst => "Make sure that the dependency answers again.",
        Category::Dependency => {
            "Find out which dependency it is, and whether it answers again. Renew a certificate that \
             has expired."
        }
        Category::MisconfiguredQueue => "Raise maxReceiveCount to 5 or more.",
        Category::ExpiredOrDuplicate => {
            "Ask the owner whether these messages still have to be processed, and whether processing \
             them twice does harm."
        }
        Category::SchemaDrift => {
            "Compare a message with what the consumer expects; find which side changed last."
        }
        Category::PoisonMessage => {
            "Read this message, and the log of the times when it was received."
        }
        Category::TimedOut => {
            "Compare the duration of a normal run with the timeout; find out what the consumer \
             waited for."
        }
        Category::OutOfMemory => {
            "Compare the memory of a normal run with the limit, and the size of these messages with \
             that of others."
        }
        Category::ProcessEnded => "Read the last lines of the consumer's log before its end.",
        Category::Harmless => {
            "These messages are harmless: purge them by fingerprint. Let the consumer ignore \
             s3:TestEvent, which comes again with every change of the bucket's notifications."
        }
        Category::CodeError => {
            "Have the code investigated, with an agent that reads it (auto_investigation.agent: \
             claude), by 'dlq-investigate --retry' below."
        }
        Category::Unknown => "Read the log of the consumer of the source queue.",
    }
}

/// Returns the next steps for a person.
pub(super) fn next_steps(
    category: Category,
    basis: Basis,
    advice: RedriveAdvice,
    has_single_try: bool,
) -> Vec<String> {
    let step = first_step(category);
    if category == Category::Harmless {
        return vec![step.to_owned()];
    }
    let redrive = match advice {
        // Only messages from a service are judged safe, and SQS cannot move those back.
        RedriveAdvice::Safe => {
            "Then send the messages to their target again, a few at first: AWS moves back only \
             messages that came from a queue."
        }
        RedriveAdvice::AfterFix => {
            "Redrive the messages only after that is fixed: before, they would fail again."
        }
        RedriveAdvice::DoNot => {
            "Do not redrive the messages until the reason of their failure is known."
        }
    };
    let confirm = (basis == Basis::Claimed).then_some(
        "Confirm with the commands below that the service could not deliver these messages. If it \
         could, have the code investigated by 'dlq-investigate --retry'.",
    );
    let mut steps: Vec<String> = confirm.into_iter().chain([step]).map(str::to_owned).collect();
    if has_single_try && category != Category::MisconfiguredQueue {
        steps.push("Raise maxReceiveCount from 1: the first failure makes a dead letter.".into());
    }
    steps.push(redrive.to_owned());
    steps
}
