//! The turn of a pull request: the state of its review, and who has to act next.

use super::reading::{
    ChecksState, MergingItself, PullRequestReading, ReviewDecision, ReviewReading,
};
use crate::event::words;

words! {
    /// The state of the review.
    ReviewState {
        Approved = "approved",
        ChangesRequested = "changes_requested",
        /// A review is required or requested, and none has decided.
        Required = "required",
        /// No review is required, requested or given.
        NoReview = "none",
        /// The token may not read reviews.
        Unavailable = "unavailable",
    }
}

words! {
    /// The one who has to act next.
    WaitingOn {
        /// The author, or for a pull request of ours the owner of the queue.
        Author = "author",
        Reviewer = "reviewer",
        /// Checks run.
        Checks = "checks",
        /// Everything is done, and somebody has to merge.
        Merge = "merge",
        /// A merge queue or auto-merge goes on by itself.
        Nobody = "nobody",
        Unknown = "unknown",
    }
}

/// Returns the state of the review.
///
/// GitHub's own decision is absent where no review is required, even after an approval: the opinions
/// decide there.
pub fn review_state(review: &ReviewReading) -> ReviewState {
    match review.decision {
        Some(ReviewDecision::Approved) => return ReviewState::Approved,
        Some(ReviewDecision::ChangesRequested) => return ReviewState::ChangesRequested,
        Some(ReviewDecision::ReviewRequired) => return ReviewState::Required,
        None => {}
    }
    let Some(opinions) = &review.opinions else {
        return ReviewState::Unavailable;
    };
    if opinions.iter().any(|opinion| !opinion.is_approval) {
        return ReviewState::ChangesRequested;
    }
    match (opinions.is_empty(), review.requested) {
        (_, 1..) => ReviewState::Required,
        (false, 0) => ReviewState::Approved,
        (true, 0) => ReviewState::NoReview,
    }
}

/// Returns who has to act next on an open pull request.
///
/// A merge queue goes on, or throws out what cannot be merged. Auto-merge waits for as long as something
/// is in its way that is the author's turn.
pub fn waiting_on(reading: &PullRequestReading) -> WaitingOn {
    let review = review_state(&reading.review);
    if reading.merging == MergingItself::Queue {
        return WaitingOn::Nobody;
    }
    if reading.is_draft && reading.checks == ChecksState::Pending {
        return WaitingOn::Checks;
    }
    let is_authors = reading.is_draft
        || reading.checks == ChecksState::Failing
        || reading.has_conflicts == Some(true)
        || review == ReviewState::ChangesRequested;
    if is_authors {
        return WaitingOn::Author;
    }
    match reading.merging {
        MergingItself::No => {}
        MergingItself::Queue | MergingItself::Auto => return WaitingOn::Nobody,
        MergingItself::Unavailable => return WaitingOn::Unknown,
    }
    match (review, reading.checks) {
        (ReviewState::Required, _) => WaitingOn::Reviewer,
        (_, ChecksState::Pending) => WaitingOn::Checks,
        (ReviewState::Unavailable, _) => WaitingOn::Unknown,
        // Nobody was asked: the author has to ask somebody.
        (ReviewState::NoReview, _) => WaitingOn::Author,
        (ReviewState::Approved | ReviewState::ChangesRequested, _) => WaitingOn::Merge,
    }
}

/// Returns the names of those who have to act next. `author` is whoever is responsible: of a pull request of
/// ours, whose author is a program, the owner.
pub fn names_waited_on(
    waiting_on: WaitingOn,
    reading: &PullRequestReading,
    author: &str,
) -> Option<String> {
    let names = match waiting_on {
        WaitingOn::Author | WaitingOn::Merge => author.to_owned(),
        WaitingOn::Reviewer => reading.review.asked.join(", "),
        WaitingOn::Checks | WaitingOn::Nobody | WaitingOn::Unknown => String::new(),
    };
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::super::reading::ReviewOpinion;
    use super::super::watch::fixtures::reading;
    use super::*;

    fn opinions(approvals: &[bool]) -> Option<Vec<ReviewOpinion>> {
        let opinion = |(n, is_approval): (usize, &bool)| ReviewOpinion {
            id: format!("R{n}"),
            is_approval: *is_approval,
        };
        Some(approvals.iter().enumerate().map(opinion).collect())
    }

    #[test]
    fn review_is_decided_by_github_or_else_by_the_opinions() {
        use ReviewDecision::{Approved, ChangesRequested, ReviewRequired};
        let rows = [
            ("required", Some(ReviewRequired), opinions(&[true]), 0, ReviewState::Required),
            ("approved", Some(Approved), opinions(&[]), 1, ReviewState::Approved),
            ("changes", Some(ChangesRequested), None, 0, ReviewState::ChangesRequested),
            ("approved, none required", None, opinions(&[true]), 0, ReviewState::Approved),
            ("one of two asked has answered", None, opinions(&[true]), 1, ReviewState::Required),
            ("one is against", None, opinions(&[true, false]), 0, ReviewState::ChangesRequested),
            ("asked", None, opinions(&[]), 2, ReviewState::Required),
            ("nobody was asked", None, opinions(&[]), 0, ReviewState::NoReview),
            ("may not read", None, None, 0, ReviewState::Unavailable),
        ];
        for (rule, decision, opinions, requested, expected) in rows {
            let review = ReviewReading { decision, opinions, requested, asked: Vec::new() };
            assert_eq!(review_state(&review), expected, "{rule}");
        }
    }

    #[test]
    fn turn_follows_draft_checks_review_and_merge() {
        use ChecksState::{Failing, NoChecks, Passing, Pending, Unavailable};
        use MergingItself as Merging;
        use MergingItself::{Auto, No, Queue};
        let asked =
            || ReviewReading { opinions: opinions(&[]), requested: 1, ..Default::default() };
        let approved = || ReviewReading { opinions: opinions(&[true]), ..Default::default() };
        let refused = || ReviewReading { opinions: opinions(&[false]), ..Default::default() };
        let rows = [
            ("draft and green", true, Passing, asked(), Some(false), No, WaitingOn::Author),
            ("draft whose checks run", true, Pending, asked(), None, No, WaitingOn::Checks),
            ("red", false, Failing, approved(), Some(false), No, WaitingOn::Author),
            ("conflicts", false, Passing, approved(), Some(true), No, WaitingOn::Author),
            ("asked for review", false, Passing, asked(), Some(false), No, WaitingOn::Reviewer),
            ("asked while checks run", false, Pending, asked(), None, No, WaitingOn::Reviewer),
            ("approved, checks run", false, Pending, approved(), None, No, WaitingOn::Checks),
            ("approved", false, Passing, approved(), None, No, WaitingOn::Merge),
            ("approved without checks", false, NoChecks, approved(), None, No, WaitingOn::Merge),
            ("checks unknown", false, Unavailable, approved(), None, No, WaitingOn::Merge),
            ("in the merge queue", false, Pending, approved(), None, Queue, WaitingOn::Nobody),
            ("red in the merge queue", false, Failing, approved(), None, Queue, WaitingOn::Nobody),
            ("auto-merge", false, Passing, asked(), None, Auto, WaitingOn::Nobody),
            ("auto-merge of a draft", true, Passing, asked(), None, Auto, WaitingOn::Author),
            ("auto-merge, red", false, Failing, approved(), None, Auto, WaitingOn::Author),
            ("auto-merge, conflicts", false, Passing, asked(), Some(true), Auto, WaitingOn::Author),
            (
                "auto-merge, told to change",
                false,
                Passing,
                refused(),
                None,
                Auto,
                WaitingOn::Author,
            ),
            (
                "merging unknown",
                false,
                Passing,
                approved(),
                None,
                Merging::Unavailable,
                WaitingOn::Unknown,
            ),
            (
                "merging unknown, red",
                false,
                Failing,
                asked(),
                None,
                Merging::Unavailable,
                WaitingOn::Author,
            ),
        ];
        for (rule, is_draft, checks, review, has_conflicts, merging, expected) in rows {
            let reading = PullRequestReading {
                is_draft,
                checks,
                review,
                has_conflicts,
                merging,
                ..reading()
            };
            assert_eq!(waiting_on(&reading), expected, "{rule}");
        }
        let review = ReviewReading { opinions: opinions(&[]), ..Default::default() };
        let unasked = PullRequestReading { review, ..reading() };
        assert_eq!(waiting_on(&unasked), WaitingOn::Author, "nobody was asked");
    }
}
