//! The output of `dlq-status`, read anew as often as it is asked for: everything, or a part.

use super::{document, look};
use crate::clock;
use crate::config::Settings;
use crate::edge::dash::JournalFold;
use crate::rules::investigation::budget::{Budget, BudgetLimits};
use crate::rules::view::page::{PageStyle, Shade};
use crate::rules::view::part::{self, PartFacts, PartStyle, StatusPart};
use crate::rules::view::screen::problems;
use crate::rules::view::status::{self, StatusView, TableStyle};
use crate::store::Store;
use crate::text;
use crate::time::Timestamp;
use crate::wire;

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusForm {
    /// Whether it is for programs.
    pub json: bool,
    pub color: bool,
    pub ascii: bool,
    /// Whether more than one account or region is configured.
    pub has_scopes: bool,
    /// Whether it is shown again and again.
    pub is_watched: bool,
}

/// A reading, rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusFrame {
    /// The lines, each with its LF; of JSON one without.
    pub text: String,
    /// The content without ages: a frame with an equal one has nothing new.
    pub change: String,
    /// A sentence for each part that could not be read.
    pub problems: Vec<String>,
    /// Whether the text has the problems, too.
    pub has_problems: bool,
}

/// The source of the frames.
pub struct StatusFrames {
    store: Store,
    limits: BudgetLimits,
    form: StatusForm,
    part: Option<(StatusPart, JournalFold)>,
}

impl StatusFrames {
    pub fn new(
        store: Store,
        settings: &Settings,
        part: Option<StatusPart>,
        form: StatusForm,
    ) -> Self {
        let fold = |part| (part, JournalFold::new(store.clone(), settings.state.rotation()));
        let part = part.map(fold);
        StatusFrames { limits: settings.auto_investigation.limits(), form, part, store }
    }

    /// Reads the state, and renders it with so many lines at most.
    pub fn next(&mut self, lines_max: Option<usize>) -> StatusFrame {
        let columns = wire::stdout_width();
        let page = PageStyle::new(columns, self.form.color);
        match &mut self.part {
            Some((part, fold)) => {
                let mut unread = Vec::new();
                let budget = match part {
                    StatusPart::Spend => document::<Budget>(&self.store, &mut unread)
                        .filter(|_| self.store.dir().join("budget.json").exists()),
                    _ => None,
                };
                let dashboard = fold.renew(self.form.is_watched, unread);
                let now = clock::now();
                let budget = budget.map(|budget| status::spend(&budget, &self.limits, now));
                let state = self.store.dir().display().to_string();
                let (part, budget) = (*part, budget.as_ref());
                let facts = PartFacts { part, dashboard, budget, state: &state, now };
                let style = PartStyle { page, ascii: self.form.ascii, lines_max };
                let text = match self.form.json {
                    true => part::document(&facts),
                    false => part::page(&facts, style),
                };
                let has_problems = !self.form.json;
                let mut problems = dashboard.source.problems.clone();
                let is_ahead = dashboard.source.is_ahead_of_clock();
                problems.extend(problems::untimely(dashboard).filter(|_| is_ahead));
                StatusFrame { text, change: part::change(&facts), problems, has_problems }
            }
            None => self.whole(page, columns.is_some(), lines_max),
        }
    }

    fn whole(&self, page: PageStyle, is_terminal: bool, lines_max: Option<usize>) -> StatusFrame {
        let mut view = look(&self.store, &self.limits);
        let mut text = if self.form.json {
            encoded(&view)
        } else if view.is_blank() {
            let dir = self.store.dir().display().to_string();
            let hint = match self.store.dir().join("journal.ndjson").exists() {
                true => {
                    ": no program has recorded a state; for its journal see 'dlq-status incidents'"
                }
                false => "",
            };
            format!("nothing is known yet in '{}'{hint}\n", text::safe(&dir))
        } else {
            let has_scopes = self.form.has_scopes || view.has_scopes();
            status::table(&view, TableStyle { page, short_ids: is_terminal, has_scopes })
        };
        let has_problems = self.form.is_watched && !self.form.json;
        if has_problems {
            text = with_problems(&text, &view.problems, page, lines_max);
        }
        let problems = view.problems.clone();
        without_ages(&mut view);
        StatusFrame { text, change: encoded(&view), problems, has_problems }
    }
}

fn encoded(view: &StatusView) -> String {
    // Strings, numbers and lists of them are always encoded.
    serde_json::to_string(view).unwrap_or_default()
}

/// Takes the moment and the ages out of a view.
fn without_ages(view: &mut StatusView) {
    view.at = Timestamp::default();
    view.sessions.iter_mut().flatten().for_each(|one| one.age_s = 0);
}

/// Returns as many lines of a table as there is room for, and its problems, which have no other place
/// on a screen.
fn with_problems(
    table: &str,
    problems: &[String],
    page: PageStyle,
    lines_max: Option<usize>,
) -> String {
    let sentence = |problem: &String| {
        let head = page.paint(Shade::Warning, "! ");
        page.paragraph(&head, 2, &text::safe(problem), 2)
    };
    let below: String = problems.iter().map(sentence).collect();
    let Some(most) = lines_max else { return format!("{table}{below}") };
    let room = most.saturating_sub(below.lines().count());
    let all = table.lines().count();
    let kept = if all > room { room.saturating_sub(1) } else { all };
    let mut text: String = table.split_inclusive('\n').take(kept).collect();
    if all > kept {
        text += &page.paint(Shade::Faint, &format!("and {} more lines", all - kept));
        text.push('\n');
    }
    (text + &below).split_inclusive('\n').take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_leaves_room_for_its_problems() {
        let table = "1\n2\n3\n4\n5\n";
        let problem = ["acks.json cannot be read".to_owned()];
        let rows: [(&[String], Option<usize>, &str); 5] = [
            (&[], None, table),
            (&[], Some(5), table),
            (&[], Some(4), "1\n2\n3\nand 2 more lines\n"),
            (&problem, Some(3), "1\nand 4 more lines\n! acks.json cannot be read\n"),
            (&problem, Some(1), "and 5 more lines\n"),
        ];
        for (problems, most, expected) in rows {
            let page = PageStyle::new(Some(80), false);
            assert_eq!(with_problems(table, problems, page, most), expected, "{most:?}");
        }
    }
}
