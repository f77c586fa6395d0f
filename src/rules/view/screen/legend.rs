//! Help: keys, symbols, and the order in which columns leave a narrow screen.

use super::details;
use super::page_lines::PageLines;
use super::rows::ListName;
use super::rows::queues::Standing;
use super::theme::{StyledLine, Tone};

/// Keys and what they do, for people who only look.
const KEYS: [(&str, &str); 16] = [
    ("1 2 3 4, tab", "view: Overview, Analytics, Investigations, Incidents"),
    ("left right", "panel of the Overview that the keys act on"),
    ("j k, up down", "move; on a page, scroll"),
    ("g G", "first and last row; on the first row the selection follows the most urgent"),
    ("ctrl-d ctrl-u", "half a page down and up"),
    ("enter", "open the selected row"),
    ("esc", "back; then clear the filter"),
    ("/", "filter rows by text, with ! first: rows without it; empty: all"),
    ("s", "sort by the next column, after the last by urgency"),
    ("S", "turn the order round"),
    ("o", "open the pull request, or the queue in the console of AWS"),
    ("y", "copy the name, id or address of the selected row"),
    ("r", "read the report of a session again, and draw everything"),
    ("p", "hold the screen still; reading goes on"),
    ("ctrl-z", "stop the pipeline; fg comes back"),
    ("q", "quit"),
];

/// Keys that act, with the program that each runs.
const ACTIONS: [(&str, &str); 5] = [
    ("i", "investigate now (dlq-investigate --retry --no-wait)"),
    ("x", "stop the investigation (dlq-investigate --stop)"),
    ("a", "acknowledge the incident (dlq-status --ack)"),
    ("z", "silence all queues of this name for a time (dlq-status --silence)"),
    ("R", "move the messages back (dlq-redrive)"),
];

/// Adds the page of help.
pub fn page(page: &mut PageLines, can_write: bool, has_redrive: bool) {
    page.heading("Keys", "esc closes this page");
    for (keys, meaning) in KEYS {
        row(page, keys, meaning, Tone::Plain);
    }
    let note = if can_write { "each asks first" } else { "only with --write" };
    page.heading("Actions", note);
    let shown = ACTIONS.into_iter().filter(|(key, _)| has_redrive || *key != "R");
    for (keys, meaning) in shown {
        row(page, keys, meaning, if can_write { Tone::Plain } else { Tone::Faint });
    }
    page.heading("Severity of a queue", "");
    for standing in Standing::ALL {
        let cell = standing.cell(page.look);
        let mut head = StyledLine::new();
        head.pad(2);
        head.push(&cell.text, cell.tone);
        head.pad(17);
        page.hang(head, standing.meaning(), Tone::Plain);
    }
    page.heading("Symbols of news", "");
    for (symbol, meaning) in details::signs(page) {
        row(page, symbol, meaning, Tone::Plain);
    }
    let symbols = page.look.symbols;
    for (symbol, word, meaning) in [
        (symbols.acked, "acked", "a person takes care of the incident, for the time shown"),
        (symbols.silenced, "silenced", "nothing is sent about the queue, for the time shown"),
    ] {
        row(page, &format!("{symbol} {word}"), meaning, Tone::Plain);
    }
    page.heading("Words and numbers", "");
    for (text, meaning) in [
        ("?", "unknown; never zero"),
        ("-", "there is none"),
        ("$0.42+", "at least so much; the cost of a part is unknown"),
        ("IN 1H", "change of the depth in the last hour"),
        ("FLIGHT", "messages that a consumer has received and not deleted"),
        (">9d", "TO LOSS: no message is lost for 9 days"),
        ("<2h", "TO LOSS: the oldest message is lost within 2 hours"),
        ("[08:52]", "minutes and seconds since the incident or investigation began"),
    ] {
        row(page, text, meaning, Tone::Plain);
    }
    page.heading("Columns that leave a narrow screen, the first to leave first", "");
    for list in ListName::ALL {
        let mut leaving: Vec<_> = list.columns().iter().filter(|one| one.leaves > 0).collect();
        leaving.sort_by_key(|one| std::cmp::Reverse(one.leaves));
        let heads: Vec<&str> = leaving.iter().map(|one| one.head).collect();
        row(page, list.title(), &heads.join(", "), Tone::Plain);
    }
}

fn row(page: &mut PageLines, name: &str, text: &str, tone: Tone) {
    let mut head = StyledLine::new();
    head.pad(2);
    head.push(name, Tone::Strong);
    head.push(" ", Tone::Plain);
    head.pad(17);
    page.hang(head, text, tone);
}
