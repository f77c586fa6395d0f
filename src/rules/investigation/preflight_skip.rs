//! The reasons why a session ends before its agent starts.

use crate::event::Queue;
use crate::shell;

/// The word for a cause that is not in the code.
pub const NOT_A_CODE_BUG: &str = "not_a_code_bug";
/// The word for a cause that is not in the code as far as unproven fields say.
pub const NEEDS_PERSON: &str = "needs_person";

/// The word for a cause that another session has.
pub const KNOWN_CAUSE: &str = "known_cause";
/// The word for messages of the same shape as those that another session investigates.
pub const SAME_SHAPE: &str = "same_shape";
/// The word for logs that may lack lines.
pub const LOGS_NOT_YET: &str = "logs_not_yet";
/// The word for a cause or shape that was investigated in vain.
pub const UNEXPLAINED: &str = "unexplained";

/// The reason why no agent is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightSkip {
    /// The reason as one word, for programs.
    pub word: &'static str,
    /// The reason as a sentence, for people.
    pub detail: String,
    pub retry: Retry,
}

/// The time at which the incident is judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// The next change of the incident.
    Never,
    AfterCooldown,
    /// The time by which the logs have all lines.
    AfterLogs,
    /// The end of this session.
    AfterSession(String),
    /// A request by a person, or the next change of the incident.
    ByPerson,
}

impl Retry {
    /// Returns the session that is waited for.
    pub fn session(&self) -> Option<&str> {
        match self {
            Retry::AfterSession(id) => Some(id),
            _ => None,
        }
    }
}

/// Returns the command that investigates a queue in spite of a refusal, in quotes.
pub(super) fn retry_command(queue: &Queue) -> String {
    match shell::is_bare(&queue.name) {
        true => format!("'dlq-investigate --retry {}'", queue.name),
        false => "'dlq-investigate --retry' with the name of the queue".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_command_is_one_that_a_shell_runs() {
        let rows = [
            ("orders-dlq", "'dlq-investigate --retry orders-dlq'"),
            ("a; rm -r b", "'dlq-investigate --retry' with the name of the queue"),
        ];
        for (name, expected) in rows {
            let queue = Queue { name: name.into(), ..Queue::default() };
            assert_eq!(retry_command(&queue), expected);
        }
    }

    #[test]
    fn retry_after_a_session_names_it() {
        assert_eq!(Retry::AfterSession("s".into()).session(), Some("s"));
        for other in [Retry::Never, Retry::AfterCooldown, Retry::AfterLogs, Retry::ByPerson] {
            assert_eq!(other.session(), None, "{other:?}");
        }
    }
}
