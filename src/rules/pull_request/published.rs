//! The texts that are published on GitHub: title, commit, branch and body of a pull request.
//!
//! Promises: text that a message or a model wrote is inert: it mentions nobody, links nothing, closes
//! nothing, and skips no checks. Where not everybody may see the evidence, nothing of it is there: no
//! ARN, account, name of a queue, path, excerpt, nor a sentence of the model about them.

use serde::{Deserialize, Serialize};

use crate::markdown::{Page, fence, plain, prose, span};
use crate::rules::pull_request::origin::BRANCH_PREFIX;
use crate::text::shorten;

/// The length of a title, in characters.
const TITLE_MAX: usize = 72;
/// The characters of a fingerprint in names.
const FINGERPRINT_MAX: usize = 16;
/// The length of a body, in characters. GitHub takes 65,536.
const BODY_MAX: usize = 60_000;
/// The length of an explanation or a claim, in characters.
const EXPLANATION_MAX: usize = 8_000;
const CLAIM_MAX: usize = 1_000;
/// The length of the cost, in characters.
const COST_MAX: usize = 40;
/// The pieces of evidence that are shown, and the lines of each excerpt: the first that fit into a body.
const EVIDENCE_SIZES: [(usize, usize); 4] = [(10, 20), (10, 5), (5, 3), (0, 0)];

/// The readers of what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The repository is private, or its owner has allowed evidence in it.
    Members,
    /// The repository is public, or its visibility is not known.
    Everybody,
}

/// The known facts of a fix.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FixSummary {
    pub fingerprint: String,
    pub session: String,
    /// The title and the explanation of the model.
    pub title: String,
    pub root_cause: String,
    /// Sentences of the tool about what was seen of the proof.
    pub proof: Vec<String>,
    pub is_proven: bool,
    pub evidence: Vec<EvidenceExcerpt>,
    pub queues: Vec<AffectedQueue>,
    /// A sentence of the tool about what to do with the messages.
    pub redrive: Option<String>,
    pub cost: Option<String>,
    /// The pull request that was merged for this cause before: `owner/repo#12`.
    pub regression_of: Option<String>,
}

/// An item of the evidence that the verdict cites.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceExcerpt {
    /// The id of the item: `m1`, `q.retention_s`, `src/a.py:12`.
    pub id: String,
    pub claim: String,
    /// The redacted text; empty without one.
    pub excerpt: String,
}

/// A queue whose messages have the cause.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AffectedQueue {
    pub name: String,
    pub depth: Option<u64>,
    /// The time of the loss, in words.
    pub loss: String,
}

/// Returns the branch of the `n`th attempt at a cause: `dlq/FINGERPRINT-N`.
pub fn branch(fingerprint: &str, n: u32) -> String {
    format!("{BRANCH_PREFIX}{}-{n}", short(fingerprint))
}

/// Returns the title, on one line.
pub fn title(fix: &FixSummary, audience: Audience) -> String {
    match audience {
        Audience::Members if !fix.title.trim().is_empty() => plain_line(&fix.title),
        _ => format!("Fix the cause {} of dead letters", short(&fix.fingerprint)),
    }
}

/// Returns the message of the commit. It has no text of a model: git and GitHub read trailers, closing
/// words and mentions in it, which nothing can disarm.
pub fn commit_message(fix: &FixSummary) -> String {
    let cause = short(&fix.fingerprint);
    format!(
        "Fix the cause {cause} of dead letters\n\nThe pull request has the explanation and the proof.\n"
    )
}

/// Returns the marker by which a body is recognised. It is hidden, and proves nothing: anybody can
/// write it.
pub fn marker(fingerprint: &str) -> String {
    format!("<!-- dlq-tools {} -->", short(fingerprint))
}

/// Returns the body. Where it would be too long, evidence is left out, and never the proof or how to
/// reject it.
pub fn body(fix: &FixSummary, audience: Audience) -> String {
    fitting(|size| body_with(fix, audience, size))
}

fn body_with(fix: &FixSummary, audience: Audience, size: (usize, usize)) -> String {
    let mut out = Page::default();
    out.line(marker(&fix.fingerprint));
    if !fix.is_proven {
        out.line("**No test proves this fix.** Read it as a proposal.\n");
    }
    if let Some(before) = &fix.regression_of {
        out.line(format!("A regression: {} was merged for the same cause.\n", span(before)));
    }
    let is_shown = audience == Audience::Members;
    cause(&mut out, fix, audience);
    if is_shown {
        evidence(&mut out, &fix.evidence, size);
    }
    out.heading("Proof");
    fix.proof.iter().for_each(|sentence| out.line(format!("- {sentence}")));
    if fix.proof.is_empty() {
        out.line("None.");
    }
    if is_shown {
        queues(&mut out, &fix.queues);
    }
    if let Some(redrive) = &fix.redrive {
        out.heading("Messages");
        out.line(redrive);
    }
    out.heading("About this pull request");
    out.line(
        "A model has written the change, and dlq-tools has checked which files it touches. The checks of this \
         repository run it. Close the pull request to reject it: no other is opened for \
         this cause without new evidence. Commits of yours on the branch are never overwritten.",
    );
    out.facts([("Session", span(&fix.session)), ("Cause", span(&fix.fingerprint))]);
    if let Some(cost) = fix.cost.as_ref().filter(|_| is_shown) {
        out.facts([("Cost", plain(cost, COST_MAX))]);
    }
    out.text()
}

/// Returns the explanation of the model. It does not begin its line: there, bots take words such as
/// `/approve` or `recheck` for the commands of the account that has written the body.
fn explanation(fix: &FixSummary) -> String {
    format!("The model says: {}", prose(&inert(&shorten(&fix.root_cause, EXPLANATION_MAX))))
}

fn cause(out: &mut Page, fix: &FixSummary, audience: Audience) {
    out.heading("Cause");
    match audience {
        Audience::Members => out.line(explanation(fix)),
        Audience::Everybody => out.line(
            "The explanation stays in the report of the session, because this repository is public. Its \
             maintainers can ask for it by the number of the session below.",
        ),
    }
}

fn evidence(out: &mut Page, evidence: &[EvidenceExcerpt], (items, lines): (usize, usize)) {
    out.heading("Evidence");
    if evidence.is_empty() {
        out.line("None cited.");
    }
    for item in evidence.iter().take(items) {
        let claim = inert(&shorten(&item.claim, CLAIM_MAX));
        out.line(format!("- {}: {}", span(&inert(&item.id)), prose(&claim)));
        if !item.excerpt.is_empty() {
            let lines = item.excerpt.lines().take(lines);
            let lines: Vec<String> = lines.map(|line| plain(&inert(line), 200)).collect();
            let text = lines.join("\n  ");
            let fence = fence(&text, 3);
            out.line(format!("\n  {fence}text\n  {text}\n  {fence}\n"));
        }
    }
    if evidence.len() > items {
        out.line(format!("- … and {} more in the report.", evidence.len() - items));
    }
}

/// Returns the first of the bodies that GitHub takes.
fn fitting(body: impl Fn((usize, usize)) -> String) -> String {
    let mut bodies = EVIDENCE_SIZES.into_iter().map(body);
    let first = bodies.next().unwrap_or_default();
    match first.chars().count() <= BODY_MAX {
        true => first,
        false => bodies.find(|body| body.chars().count() <= BODY_MAX).unwrap_or_default(),
    }
}

fn queues(out: &mut Page, queues: &[AffectedQueue]) {
    out.heading("Queues");
    out.list(queues, "queue", "None known.", |queue| {
        let depth = queue.depth.map_or_else(|| "unknown".to_owned(), |depth| depth.to_string());
        format!("- {}: {depth} messages, {}", span(&queue.name), queue.loss)
    });
}

/// Returns the body of an issue for a cause that has no fix to offer. The cause is in its marker, so that
/// an interrupted opening finds it, and other machines do.
pub fn issue_body(fix: &FixSummary, audience: Audience) -> String {
    fitting(|size| issue_body_with(fix, audience, size))
}

fn issue_body_with(fix: &FixSummary, audience: Audience, size: (usize, usize)) -> String {
    let mut out = Page::default();
    out.line(issue_marker(&fix.fingerprint));
    let is_shown = audience == Audience::Members;
    cause(&mut out, fix, audience);
    if is_shown {
        evidence(&mut out, &fix.evidence, size);
        queues(&mut out, &fix.queues);
    }
    if let Some(redrive) = &fix.redrive {
        out.heading("Messages");
        out.line(redrive);
    }
    out.heading("About this issue");
    out.line(
        "Messages of a queue have died of this cause, and no fix could be offered as a pull request. A model has \
         written the explanation. The issue is closed when the messages are gone; close it to hear no more of \
         this cause.",
    );
    out.facts([("Session", span(&fix.session)), ("Cause", span(&fix.fingerprint))]);
    out.text()
}

/// Returns the marker of the issue of a cause. It is hidden, and proves nothing.
pub fn issue_marker(fingerprint: &str) -> String {
    format!("<!-- dlq-tools issue {} -->", short(fingerprint))
}

/// The comment with which an issue is closed.
pub const INCIDENT_OVER: &str =
    "The queue is empty again, and the incident is over. The cause may still be there.";

/// Returns the comment that the cause of an open pull request has come again.
pub fn same_cause(fix: &FixSummary, audience: Audience) -> String {
    let mut out = Page::default();
    out.line(marker(&fix.fingerprint));
    out.line("Messages have died again of the cause that this pull request removes.\n");
    out.facts([("Session", span(&fix.session)), ("Cause", span(&fix.fingerprint))]);
    if audience == Audience::Members {
        queues(&mut out, &fix.queues);
    }
    out.text()
}

/// Returns what to do with the messages, by the word of the verdict.
pub fn redrive_advice(word: Option<&str>) -> Option<String> {
    let advice = match word? {
        "safe" => "They can be put back at any time.",
        "after_fix" => "They can be put back when this change is deployed, not before.",
        "do_not" => "They must not be put back: the change does not make them safe to handle.",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// Returns a text of a model as one inert line without markup, for a place that is not Markdown.
pub fn plain_line(text: &str) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let spaced = inert(&folded).replace("://", ": //");
    let shown = spaced.chars().map(|c| match c {
        '[' => '(',
        ']' => ')',
        '<' | '>' | '`' | '|' => '\'',
        other => other,
    });
    plain(&shown.collect::<String>(), TITLE_MAX)
}

/// Returns a text that mentions nobody, names no issue and skips no checks.
///
/// Markdown alone does not ensure that: GitHub links and notifies in titles, and a squashed merge can take
/// title and body as the message of its commit, where fences and code spans mean nothing.
fn inert(text: &str) -> String {
    // `***NO_CI***` switches off the checks of Azure Pipelines.
    let spaced = text.replace("***", "* * *");
    let mut out = String::with_capacity(spaced.len());
    for (at, c) in spaced.char_indices() {
        let rest = &spaced[at + c.len_utf8()..];
        let is_before_digit = rest.starts_with(|c: char| c.is_ascii_digit());
        match c {
            '@' => out.push_str("(at)"),
            '#' if is_before_digit => out.push_str("no. "),
            '-' if is_before_digit && ends_in_gh(&out) => out.push(' '),
            '[' if skips_checks(rest) => out.push('('),
            _ => out.push(c),
        }
    }
    out
}

/// Whether the text behind a bracket is one of the words by which servers skip the checks of a commit.
fn skips_checks(rest: &str) -> bool {
    let start: String = rest.chars().take(16).filter(|c| c.is_alphanumeric()).collect();
    let start = start.to_ascii_lowercase();
    ["skip", "noci", "ciskip", "actionsskip"].iter().any(|word| start.starts_with(word))
}

/// Returns whether a text ends in the word by which GitHub knows its issues: `GH-12`.
fn ends_in_gh(text: &str) -> bool {
    let word = text.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    word.eq_ignore_ascii_case("gh")
}

/// Returns the beginning of a fingerprint, of letters and digits only.
fn short(fingerprint: &str) -> String {
    let kept = fingerprint.chars().filter(char::is_ascii_alphanumeric).take(FINGERPRINT_MAX);
    let kept: String = kept.collect();
    if kept.is_empty() { "unknown".to_owned() } else { kept }
}

#[cfg(test)]
mod tests;
