//! The list of dead-letter queues for people: aligned, escaped, and no wider than the terminal.
//!
//! Promises: no name of a queue is cut, so that it can be copied; a name that is too long for its
//! column has a line of its own. A depth that was not read is `?`, never 0.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::rules::queue::redrive_graph::DeadLetterQueue;
use crate::text;

/// The narrowest column of names, and the room that is kept for the names of sources.
const NAME_MIN: usize = 12;
const SOURCES_MIN: usize = 20;
/// The space between columns.
const GAP: &str = "  ";

/// Renders the queues, each with its depth, for a terminal of so many columns. Region and account
/// have columns when they differ.
pub fn render(queues: &[(&DeadLetterQueue, Option<u64>)], columns: usize) -> String {
    if queues.is_empty() {
        return "no dead-letter queue was found\n".to_owned();
    }
    let place = |known: &DeadLetterQueue| (known.queue.region.clone(), known.queue.account.clone());
    let places: BTreeSet<_> = queues.iter().map(|(known, _)| place(known)).collect();
    let mut rows =
        vec![["QUEUE", "DEPTH", "REGION", "ACCOUNT", "FOUND BY", "FED BY"].map(String::from)];
    rows.extend(queues.iter().map(|(known, depth)| row(known, *depth)));
    if places.len() < 2 {
        for [_, _, region, account, ..] in &mut rows {
            (*region, *account) = (String::new(), String::new());
        }
    }
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = text::columns(cell).max(*width);
        }
    }
    let middle: usize =
        widths[1..5].iter().filter(|width| **width > 0).map(|w| w + GAP.len()).sum();
    let room = columns.saturating_sub(middle + GAP.len() + SOURCES_MIN);
    let name_width = widths[0].min(room.max(NAME_MIN));
    let mut page = String::new();
    for [name, depth, cells @ .., sources] in rows {
        if text::columns(&name) > name_width {
            let _ = writeln!(page, "{name}");
            page.push_str(&" ".repeat(name_width));
        } else {
            page.push_str(&text::padded(&name, name_width));
        }
        let before = text::spaces(widths[1].saturating_sub(text::columns(&depth)));
        let mut line = format!("{GAP}{before}{depth}");
        for (cell, width) in cells.iter().zip(&widths[2..5]).filter(|(_, width)| **width > 0) {
            let _ = write!(line, "{GAP}{}", text::padded(cell, *width));
        }
        let _ = write!(line, "{GAP}{sources}");
        let _ = writeln!(page, "{}", text::shorten(&line, columns.saturating_sub(name_width)));
    }
    page
}

fn row(known: &DeadLetterQueue, depth: Option<u64>) -> [String; 6] {
    let DeadLetterQueue { queue, found_by, .. } = known;
    let sources = match queue.sources.is_empty() {
        true => "unknown".into(),
        false => queue.sources.join(", "),
    };
    [
        text::safe(&queue.name).into_owned(),
        depth.map_or_else(|| "?".into(), |depth| depth.to_string()),
        text::safe(&queue.region).into_owned(),
        text::safe(&queue.account).into_owned(),
        found_by.to_string(),
        text::safe(&sources).into_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::queue::redrive_graph::queue_at;
    use crate::time::Timestamp;

    fn queue(name: &str, region: &str, sources: &[&str]) -> DeadLetterQueue {
        let url = format!("https://sqs.{region}.amazonaws.com/123456789012/{name}");
        let mut queue = queue_at(&url, region, "prod").unwrap();
        queue.sources = sources.iter().map(|source| (*source).to_owned()).collect();
        DeadLetterQueue::given(0, queue, Timestamp::from_millis(0))
    }

    #[test]
    fn queue_list_is_aligned_and_keeps_long_names_whole() {
        let long = "n".repeat(80);
        let many = ["first-source-queue"; 9];
        let queues = [
            queue("orders-dlq", "eu-west-1", &["orders"]),
            queue(&long, "eu-west-1", &many),
            queue("x\u{1b}[2J-dlq", "eu-west-1", &[]),
        ];
        let [a, b, c] = &queues;
        assert_eq!(render(&[], 80), "no dead-letter queue was found\n");
        let page = render(&[(a, Some(3)), (b, Some(12_000)), (c, None)], 80);
        let expected = format!(
            "QUEUE                                      DEPTH  FOUND BY  FED BY\n\
             orders-dlq                                     3  given     orders\n\
             {long}\n                                           12000  given     first-source-queue,…\n\
             x\\u{{1b}}[2J-dlq                                 ?  given     unknown\n"
        );
        assert_eq!(page, expected);
        for columns in [20, 80, 100, 200] {
            let page = render(&[(a, Some(3)), (b, Some(12_000))], columns);
            let longest = page.lines().filter(|line| *line != long).map(|l| l.chars().count());
            assert!(longest.max() <= Some(columns), "{columns}: {page}");
            assert!(page.contains(&long));
        }
    }

    /// A width in a format panics beyond 65,535.
    #[test]
    fn column_may_be_wider_than_a_format_allows() {
        let mut queues = [queue("a-dlq", "eu-west-1", &["a"]), queue("b-dlq", "eu-west-1", &["b"])];
        queues[0].queue.region = "r".repeat(70_000);
        let [a, b] = &queues;
        assert!(render(&[(a, Some(0)), (b, Some(1))], 80).contains("b-dlq"));
    }

    #[test]
    fn region_and_account_have_columns_when_they_differ() {
        let queues = [queue("a-dlq", "eu-west-1", &["a"]), queue("a-dlq", "sa-east-1", &["a"])];
        let [a, b] = &queues;
        let expected = "QUEUE  DEPTH  REGION     ACCOUNT  FOUND BY  FED BY\n\
                        a-dlq      0  eu-west-1  prod     given     a\n\
                        a-dlq      1  sa-east-1  prod     given     a\n";
        assert_eq!(render(&[(a, Some(0)), (b, Some(1))], 80), expected);
    }
}
