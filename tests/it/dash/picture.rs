//! The picture of the README: the text in it is what the program shows, and nothing in it names a
//! machine or loads anything.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use regex_lite::Regex;

use crate::support::pty::Pty;
use crate::support::workbench::Bench;

/// The size, the end of the recording, and the last moment in it, as `scripts/dashboard-picture` has
/// them.
const SIZE: (u16, u16) = (110, 30);
const UNTIL: &str = "\"time\":\"2026-11-17T11";
const SHOWN: &str = "2026-11-17 10:55:00Z";
/// The size of the file, in bytes.
const LARGEST: usize = 60_000;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Returns the words of each line of the picture.
fn lines(picture: &str) -> Vec<Vec<String>> {
    let text =
        Regex::new(r#"<text class="d-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<"#).unwrap();
    let mut lines: BTreeMap<u64, BTreeMap<u64, String>> = BTreeMap::new();
    for found in text.captures_iter(picture) {
        let number = |at: usize| (found[at].parse::<f64>().unwrap() * 100.0) as u64;
        lines.entry(number(2)).or_default().insert(number(1), found[3].to_owned());
    }
    let unescaped = |text: &String| {
        text.replace("&#160;", " ")
            .replace("&#x27;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&amp;", "&")
    };
    let words = |line: BTreeMap<u64, String>| {
        let text: Vec<String> = line.values().map(unescaped).collect();
        text.join(" ").split_whitespace().map(str::to_owned).collect()
    };
    lines.into_values().map(words).collect()
}

/// Returns the words of each line that has any.
fn words(text: &str) -> Vec<Vec<String>> {
    let words = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect());
    words.filter(|words: &Vec<String>| !words.is_empty()).collect()
}

#[test]
fn picture_has_the_text_of_the_screen() {
    let bench = Bench::new("dash-picture");
    let day = read("tests/fixtures/tuesday.ndjson");
    let part = day.split_inclusive('\n').take_while(|line| !line.contains(UNTIL));
    bench.write("day.ndjson", part.collect::<String>());
    let line = "dlq-dash --replay day.ndjson --speed 100000";
    let mut pty = Pty::start(&bench, line, SIZE.0, SIZE.1);
    pty.wait_for_text(SHOWN);
    let picture = lines(&read("docs/dashboard.svg"));
    // The rest of a frame may arrive later than its first line.
    let until = Instant::now() + Duration::from_secs(5);
    while words(&pty.text()) != picture && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    let shown = words(&pty.text());
    pty.write("q");
    pty.finish();
    for (line, (drawn, shown)) in picture.iter().zip(&shown).enumerate() {
        let hint = "run scripts/dashboard-picture, and look at it";
        assert_eq!(drawn, shown, "line {}: {hint}", line + 1);
    }
    assert_eq!(picture.len(), shown.len());
}

#[test]
fn picture_names_no_machine_and_loads_nothing() {
    let picture = read("docs/dashboard.svg");
    assert!(picture.len() < LARGEST, "{} bytes", picture.len());
    let rest = picture.replacen("http://www.w3.org/2000/svg", "", 1);
    for part in
        ["://", "@import", "@font-face", "href", "<script", "<image", "/home", "/tmp", "/work"]
    {
        assert!(!rest.contains(part), "{part}");
    }
    assert!(
        !rest.contains("url(") || rest.matches("url(").count() == rest.matches("url(#").count()
    );
    assert!(read("README.md").contains("](docs/dashboard.svg)"), "the README shows it");
}
