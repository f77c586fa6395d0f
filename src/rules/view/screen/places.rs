//! Queues of one name: the account and the region that tell them apart.

use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::dashboard::queues::ShownQueue;

/// The places that a sentence names.
const PLACES_MAX: usize = 4;

/// Returns the name of a queue for a row, with what tells it from others where another queue has the
/// same name: `pay-dlq (production)`.
pub fn named(state: &Dashboard, arn: &str, name: &str) -> String {
    if !has_namesake(state, arn, name) {
        return name.to_owned();
    }
    let place = QueuePlace::new(state, arn);
    let others: Vec<QueuePlace> =
        namesakes(state, name).map(|(arn, _)| QueuePlace::new(state, arn)).collect();
    let told = match place {
        QueuePlace { account, region } if others.iter().all(|other| other.region == region) => {
            account
        }
        QueuePlace { account, region } if others.iter().all(|other| other.account == account) => {
            region
        }
        place => place.text(),
    };
    format!("{name} ({told})")
}

/// Returns the region and the account of a queue, for a column of its own.
pub fn column(state: &Dashboard, arn: &str) -> String {
    let QueuePlace { account, region } = QueuePlace::new(state, arn);
    format!("{region} {account}")
}

/// Returns a text with the name of its queue as [`named`] tells it.
pub fn told(state: &Dashboard, arn: &str, text: &str) -> String {
    let name = arn.rsplit(':').next().unwrap_or_default();
    let parts = text.split_once(name).filter(|_| !name.is_empty());
    match parts.filter(|_| has_namesake(state, arn, name)) {
        Some((before, after)) => format!("{before}{}{after}", named(state, arn, name)),
        None => text.to_owned(),
    }
}

/// Returns what follows the name of a queue in a question: its whole place, where another queue has the
/// same name.
pub fn behind(state: &Dashboard, arn: &str, name: &str) -> String {
    match has_namesake(state, arn, name) {
        true => format!(" ({})", QueuePlace::new(state, arn).text()),
        false => String::new(),
    }
}

/// Returns the places of all queues of a name, when there are several: `2 queues: production
/// eu-west-1, staging eu-west-1`.
pub fn all_of(state: &Dashboard, name: &str) -> Option<String> {
    let mut all: Vec<String> =
        namesakes(state, name).map(|(arn, _)| QueuePlace::new(state, arn).text()).collect();
    let count = all.len();
    if count < 2 {
        return None;
    }
    all.sort_unstable();
    all.truncate(PLACES_MAX);
    let more = match count - all.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("{count} queues: {}{more}", all.join(", ")))
}

fn has_namesake(state: &Dashboard, arn: &str, name: &str) -> bool {
    namesakes(state, name).any(|(other, _)| other != arn)
}

fn namesakes<'a>(
    state: &'a Dashboard,
    name: &'a str,
) -> impl Iterator<Item = (&'a str, &'a ShownQueue)> {
    let arns = state.names.arns(name).iter();
    let all = arns.filter_map(|arn| Some((&**arn, state.queues.get(arn)?)));
    all.filter(|(_, queue)| !queue.is_gone)
}

/// The account and the region of a queue. An account of which another one has the same name is told by
/// its number, too.
#[derive(Debug, PartialEq, Eq)]
struct QueuePlace {
    account: String,
    region: String,
}

impl QueuePlace {
    fn new(state: &Dashboard, arn: &str) -> Self {
        let mut parts = arn.split(':').skip(3);
        let (region, number) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let Some(queue) = state.queues.get(arn) else {
            return QueuePlace { account: number.into(), region: region.into() };
        };
        let is_shared = namesakes(state, &queue.name).any(|(other, one)| {
            other.split(':').nth(4) != Some(number) && one.account == queue.account
        });
        let account = match &*queue.account {
            "" => number.to_owned(),
            account if is_shared && account != number => format!("{account} {number}"),
            account => account.to_owned(),
        };
        QueuePlace { account, region: queue.region.to_string() }
    }

    fn text(&self) -> String {
        format!("{} {}", self.account, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::view::dashboard::names::QueueNames;

    fn state(queues: &[(&str, &str)]) -> Dashboard {
        let mut state = Dashboard::default();
        for (arn, account) in queues {
            let queue = ShownQueue {
                name: arn.rsplit(':').next().unwrap_or_default().into(),
                region: arn.split(':').nth(3).unwrap_or_default().into(),
                account: (*account).into(),
                ..ShownQueue::default()
            };
            state.queues.insert((*arn).into(), queue);
        }
        state.names = QueueNames::collect(&state.queues);
        state
    }

    #[test]
    fn place_is_named_where_a_name_is_not_alone() {
        let [one, two, three] =
            ["1", "2", "3"].map(|n| format!("arn:aws:sqs:eu-west-1:{n}:pay-dlq"));
        let other = "arn:aws:sqs:eu-west-1:1:other-dlq";
        let two_accounts = state(&[(&one, "production"), (&two, "staging"), (other, "production")]);
        assert_eq!(named(&two_accounts, &one, "pay-dlq"), "pay-dlq (production)");
        assert_eq!(behind(&two_accounts, &one, "pay-dlq"), " (production eu-west-1)");
        assert_eq!(behind(&two_accounts, other, "other-dlq"), "");
        assert_eq!(named(&two_accounts, other, "other-dlq"), "other-dlq");
        assert_eq!(named(&two_accounts, &three, "pay-dlq"), "pay-dlq (3)", "unknown");
        let all = "2 queues: production eu-west-1, staging eu-west-1";
        assert_eq!(all_of(&two_accounts, "pay-dlq").as_deref(), Some(all));
        assert_eq!(all_of(&two_accounts, "other-dlq"), None);
        let same_word = state(&[(&one, "prod"), (&two, "prod")]);
        assert_eq!(named(&same_word, &two, "pay-dlq"), "pay-dlq (prod 2)");
        let without = state(&[(&one, ""), (&two, "")]);
        assert_eq!(named(&without, &two, "pay-dlq"), "pay-dlq (2)");
        let mut gone = two_accounts;
        gone.queues.get_mut(two.as_str()).unwrap().is_gone = true;
        assert_eq!(named(&gone, &one, "pay-dlq"), "pay-dlq");
        let many: Vec<String> =
            (1..=9).map(|n| format!("arn:aws:sqs:eu-west-{n}:1:pay-dlq")).collect();
        let many: Vec<_> = many.iter().map(|arn| (arn.as_str(), "a")).collect();
        let many = state(&many);
        assert_eq!(
            named(&many, "arn:aws:sqs:eu-west-3:1:pay-dlq", "pay-dlq"),
            "pay-dlq (eu-west-3)"
        );
        let text = all_of(&many, "pay-dlq").unwrap();
        assert!(text.starts_with("9 queues: ") && text.ends_with(" and 5 more"), "{text}");
    }
}
