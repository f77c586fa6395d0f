//! The Overview: queues, investigators, pull requests and news, one below the other; on a wide screen
//! in two columns, and on a low one with one panel open.

use super::panel::Panel;
use super::rows::{ListName, Look};
use super::theme::StyledLine;
use super::ui::{OVERVIEW, Ui};

/// The width from which there are two columns.
const TWO_COLUMNS: usize = 190;
/// The height from which every panel has rows: a heading, the columns and two rows each.
const ALL_OPEN: usize = 14;
/// The fewest lines of a panel.
const LEAST: usize = 3;
/// The space between two columns.
const GAP: usize = 2;

/// Returns the lines of the view.
pub fn body(
    ui: &mut Ui,
    look: &Look,
    width: usize,
    height: usize,
    is_live: bool,
) -> Vec<StyledLine> {
    if height < ALL_OPEN {
        return accordion(ui, look, width, height, is_live);
    }
    if width < TWO_COLUMNS {
        return column(ui, look, &OVERVIEW, width, height, is_live);
    }
    let left_width = (width - GAP) / 2;
    let left = [ListName::Queues, ListName::Requests];
    let right = [ListName::Investigators, ListName::Timeline];
    let left = column(ui, look, &left, left_width, height, is_live);
    let right = column(ui, look, &right, width - GAP - left_width, height, is_live);
    beside(left, right, left_width + GAP)
}

/// Returns two columns of lines side by side.
pub fn beside(left: Vec<StyledLine>, right: Vec<StyledLine>, start: usize) -> Vec<StyledLine> {
    let rows = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let row = |_| {
        let mut line = left.next().unwrap_or_default();
        if let Some(other) = right.next() {
            line.pad(start);
            line.append(other);
        }
        line
    };
    (0..rows).map(row).collect()
}

fn panel<'a>(ui: &'a Ui, look: &'a Look<'a>, name: ListName, is_live: bool) -> Panel<'a> {
    let is_focused = ui.focused() == Some(name);
    Panel { name, look, filter: ui.filter(), is_focused, is_live }
}

/// Returns the panels one below the other.
fn column(
    ui: &mut Ui,
    look: &Look,
    names: &[ListName],
    width: usize,
    height: usize,
    is_live: bool,
) -> Vec<StyledLine> {
    let needs: Vec<usize> = names
        .iter()
        .map(|name| panel(ui, look, *name, is_live).needs(&ui.lists[*name as usize]))
        .collect();
    let heights = shares(&needs, height);
    let mut lines = Vec::with_capacity(height);
    for (name, share) in names.iter().zip(heights) {
        let end = lines.len() + share;
        let mut list = std::mem::take(&mut ui.lists[*name as usize]);
        lines.extend(panel(ui, look, *name, is_live).lines(&mut list, width, share));
        ui.lists[*name as usize] = list;
        lines.resize_with(end, StyledLine::new);
    }
    lines
}

/// Divides lines among panels: each gets the least, then what it needs in turn, and the last one the
/// rest.
fn shares(needs: &[usize], height: usize) -> Vec<usize> {
    let mut shares = vec![LEAST.min(height / needs.len().max(1)); needs.len()];
    let mut left = height.saturating_sub(shares.iter().sum());
    while left > 0 {
        let before = left;
        for (share, need) in shares.iter_mut().zip(needs) {
            if *share < *need && left > 0 {
                *share += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    if let Some(last) = shares.last_mut() {
        *last += left;
    }
    shares
}

/// Returns the headings of all panels, and the rows of the focused one.
fn accordion(
    ui: &mut Ui,
    look: &Look,
    width: usize,
    height: usize,
    is_live: bool,
) -> Vec<StyledLine> {
    let mut lines = Vec::with_capacity(height);
    let share = height.saturating_sub(OVERVIEW.len() - 1);
    for (at, name) in OVERVIEW.into_iter().enumerate() {
        let mut list = std::mem::take(&mut ui.lists[name as usize]);
        let panel = panel(ui, look, name, is_live);
        if at == ui.focus {
            let end = lines.len() + share;
            lines.extend(panel.lines(&mut list, width, share));
            lines.resize_with(end, StyledLine::new);
        } else {
            // A closed panel shows no rows, so it has no part that is shown.
            list.scroll(list.len());
            lines.push(panel.heading(&list, width));
        }
        ui.lists[name as usize] = list;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_share_the_height_by_their_needs() {
        let rows = [
            ([30, 2, 2, 40], 22, vec![8, 3, 3, 8]),
            ([5, 2, 2, 3], 38, vec![5, 3, 3, 27]),
            ([10_000, 10_000, 10_000, 10_000], 22, vec![6, 6, 5, 5]),
        ];
        for (needs, height, expected) in rows {
            let shares = shares(&needs, height);
            assert_eq!((shares.iter().sum::<usize>(), shares), (height, expected));
        }
    }
}
