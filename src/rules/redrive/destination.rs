//! The queue that a message may be sent to. Pure.
//!
//! SQS writes the origin of a message that its redrive policy has moved, `DeadLetterQueueSourceArn`;
//! no sender can. A plan is a file that anybody can edit: its destination is compared, never
//! believed.

use std::fmt;

use crate::rules::evidence::message::Message;

/// The queues that messages of a dead-letter queue may go to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destinations {
    /// The ARN of the dead-letter queue.
    pub own: String,
    /// The ARN that the command line gives for all messages.
    pub given: Option<String>,
    /// The ARNs of the queues whose redrive policy names the dead-letter queue.
    pub sources: Vec<String>,
}

/// The reason why a message has no destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoDestination {
    /// The message carries no origin, and the queue has this many sources.
    Unknown { sources: usize },
    /// The plan names a queue that is neither the origin nor given on the command line.
    Edited { planned: String, origin: Option<String> },
    /// The message would return to its own queue.
    Own,
    /// A standard and a FIFO queue.
    OtherKind { to: String },
    /// The ARN is not one of a queue.
    Malformed { to: String },
}

impl fmt::Display for NoDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoDestination::Unknown { sources: 0 } => {
                f.write_str("it has no origin, and its queue has no source; give --to")
            }
            NoDestination::Unknown { sources } => {
                write!(f, "it has no origin, and its queue has {sources} sources; give --to")
            }
            NoDestination::Edited { planned, origin: Some(origin) } => write!(
                f,
                "the plan sends it to '{planned}', but it came from '{origin}'; give --to if that \
                 is meant"
            ),
            NoDestination::Edited { planned, origin: None } => write!(
                f,
                "the plan sends it to '{planned}', which is not the source of its queue; give --to \
                 if that is meant"
            ),
            NoDestination::Own => f.write_str("its destination is the queue that it is in"),
            NoDestination::OtherKind { to } => {
                write!(f, "'{to}' is not of its kind: one is a FIFO queue, the other is not")
            }
            NoDestination::Malformed { to } => write!(f, "'{to}' is not the ARN of a queue"),
        }
    }
}

impl NoDestination {
    /// Returns whether the message does not stop the redrive, and is left in its queue.
    pub fn is_of_one_message(&self) -> bool {
        matches!(self, NoDestination::Unknown { .. })
    }
}

/// Returns the queue that a message came from, as SQS reports it.
pub fn origin(message: &Message) -> Option<&str> {
    message.system.get("DeadLetterQueueSourceArn").map(String::as_str).filter(|arn| !arn.is_empty())
}

impl Destinations {
    /// Foresees where a plan sends a message whose origin is not known yet: to one of the sources.
    pub fn foresee(&self, planned: Option<&str>) -> Result<String, NoDestination> {
        let is_source =
            |arn: &&str| self.sources.is_empty() || self.sources.iter().any(|one| one == arn);
        self.judge(planned.filter(is_source), planned)
    }

    /// Decides where a message goes, by its origin and by what a plan says of it.
    pub fn judge(
        &self,
        origin: Option<&str>,
        planned: Option<&str>,
    ) -> Result<String, NoDestination> {
        let only_source = match self.sources.as_slice() {
            [one] => Some(one.as_str()),
            _ => None,
        };
        let home = origin.or(only_source);
        let given = self.given.as_deref();
        let to = match (planned, given.or(home)) {
            // All messages go there, whatever a plan says of them.
            (_, Some(to)) if given.is_some() => to,
            (Some(planned), _) if Some(planned) == home => planned,
            (Some(planned), _) => {
                let (planned, origin) = (planned.to_owned(), origin.map(str::to_owned));
                return Err(NoDestination::Edited { planned, origin });
            }
            (None, Some(to)) => to,
            (None, None) => return Err(NoDestination::Unknown { sources: self.sources.len() }),
        };
        let owned = to.to_owned();
        match () {
            () if to == self.own => Err(NoDestination::Own),
            () if queue_name(to).is_none() => Err(NoDestination::Malformed { to: owned }),
            () if to.ends_with(".fifo") != self.own.ends_with(".fifo") => {
                Err(NoDestination::OtherKind { to: owned })
            }
            () => Ok(owned),
        }
    }
}

/// Returns the name in the ARN of a queue: `arn:aws:sqs:REGION:ACCOUNT:NAME`.
pub fn queue_name(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "sqs", region, account, name]
            if !region.is_empty() && !account.is_empty() && !name.is_empty() =>
        {
            Some(name)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DLQ: &str = "arn:aws:sqs:eu-west-1:000000000000:orders-dlq";
    const A: &str = "arn:aws:sqs:eu-west-1:000000000000:orders";
    const B: &str = "arn:aws:sqs:eu-west-1:000000000000:bills";
    const FIFO: &str = "arn:aws:sqs:eu-west-1:000000000000:orders.fifo";

    #[test]
    fn destination_is_the_origin_or_what_the_command_line_gives() {
        let unknown = |sources| Err(NoDestination::Unknown { sources });
        let edited = |planned: &str, origin: Option<&str>| {
            let origin = origin.map(str::to_owned);
            Err(NoDestination::Edited { planned: planned.into(), origin })
        };
        let to = |arn: &str| Ok(arn.to_owned());
        // given, sources, origin, planned
        type Row<'a> = (
            &'a str,
            Option<&'a str>,
            &'a [&'a str],
            Option<&'a str>,
            Option<&'a str>,
            Result<String, NoDestination>,
        );
        let rows: [Row<'_>; 18] = [
            ("origin", None, &[A, B], Some(B), None, to(B)),
            ("origin before the only source", None, &[A], Some(B), None, to(B)),
            ("only source", None, &[A], None, None, to(A)),
            ("several sources", None, &[A, B], None, None, unknown(2)),
            ("no source", None, &[], None, None, unknown(0)),
            ("given", Some(B), &[A], Some(A), None, to(B)),
            ("given without an origin", Some(B), &[], None, None, to(B)),
            ("plan agrees", None, &[A, B], Some(A), Some(A), to(A)),
            ("plan agrees with the only source", None, &[A], None, Some(A), to(A)),
            ("plan was edited", None, &[A], Some(A), Some(B), edited(B, Some(A))),
            ("plan names another source", None, &[A, B], None, Some(B), edited(B, None)),
            ("plan and command line agree", Some(B), &[A], Some(A), Some(B), to(B)),
            ("command line and no plan of it", Some(B), &[A], Some(A), Some(A), to(B)),
            ("command line beside an edited plan", Some(B), &[A], Some(A), Some(FIFO), to(B)),
            ("its own queue", Some(DLQ), &[], None, None, Err(NoDestination::Own)),
            (
                "an origin that is its own queue",
                None,
                &[],
                Some(DLQ),
                None,
                Err(NoDestination::Own),
            ),
            (
                "another kind",
                Some(FIFO),
                &[],
                None,
                None,
                Err(NoDestination::OtherKind { to: FIFO.into() }),
            ),
            (
                "no ARN",
                None,
                &[],
                Some("orders"),
                None,
                Err(NoDestination::Malformed { to: "orders".into() }),
            ),
        ];
        for (rule, given, sources, origin, planned, expected) in rows {
            let destinations = Destinations {
                own: DLQ.into(),
                given: given.map(str::to_owned),
                sources: sources.iter().map(|&arn| arn.to_owned()).collect(),
            };
            assert_eq!(destinations.judge(origin, planned), expected, "{rule}");
        }
    }

    #[test]
    fn refusals_name_the_remedy() {
        let edited = NoDestination::Edited { planned: B.into(), origin: Some(A.into()) };
        assert_eq!(
            edited.to_string(),
            format!(
                "the plan sends it to '{B}', but it came from '{A}'; give --to if that is meant"
            )
        );
        assert!(!edited.is_of_one_message());
        let unknown = NoDestination::Unknown { sources: 2 };
        assert_eq!(unknown.to_string(), "it has no origin, and its queue has 2 sources; give --to");
        assert!(unknown.is_of_one_message());
    }

    #[test]
    fn plan_is_foreseen_to_go_to_a_source_only() {
        let edited =
            |planned: &str| Err(NoDestination::Edited { planned: planned.into(), origin: None });
        // given, sources, planned
        type Row<'a> =
            (&'a str, Option<&'a str>, &'a [&'a str], &'a str, Result<String, NoDestination>);
        let rows: [Row<'_>; 6] = [
            ("a source", None, &[A, B], B, Ok(B.into())),
            ("the only source", None, &[A], A, Ok(A.into())),
            ("no source", None, &[A], B, edited(B)),
            ("none of several", None, &[A, B], FIFO, edited(FIFO)),
            ("the sources are not known", None, &[], B, Ok(B.into())),
            ("given", Some(B), &[A], A, Ok(B.into())),
        ];
        for (rule, given, sources, planned, expected) in rows {
            let given = given.map(str::to_owned);
            let sources = sources.iter().map(|arn| (*arn).to_owned()).collect();
            let all = Destinations { own: DLQ.into(), given, sources };
            assert_eq!(all.foresee(Some(planned)), expected, "{rule}");
        }
    }
}
