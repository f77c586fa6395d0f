//! Command lines against a small table.

use super::*;

static TABLE: [Opt; 7] = [
    Opt::flag("dry-run", "write nothing").short('n'),
    Opt::text("retry", "QUEUE", "try again").conflicts(&["dry-run"]),
    Opt::valued("since", "AGE", ValueKind::Span, "only the last"),
    Opt::valued("rounds", "N", ValueKind::Number(1, 9), "end after N"),
    Opt::valued("type", "GLOB", ValueKind::Glob, "only these").repeatable(),
    Opt::setting("max", "10", "evidence.max_messages", "at most"),
    Opt::valued("interval", "30s", ValueKind::Span, "how often")
        .overriding("monitoring.check_interval"),
];

fn parse(words: &[&str]) -> Result<Given, ParseExit> {
    let mut given = Given::new(&TABLE);
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    given.read(words, true).map(|()| given)
}

#[test]
fn common_options_are_read_anywhere() {
    let given = parse(&["a", "--config", "f.yaml", "--log-format=json", "-v", "-n", "b"]).unwrap();
    assert_eq!(given.operands, ["a", "b"]);
    assert!(given.has("dry-run"));
    assert_eq!(given.text("config").as_deref(), Some("f.yaml"));
    assert_eq!(given.text("log-format").as_deref(), Some("json"));
    assert!(given.has("verbose"));
}

#[test]
fn values_are_read_by_their_kind() {
    let line = ["--since", "1h", "--rounds=3", "--type", "a*", "--type", "b", "--retry", "q"];
    let given = parse(&line).unwrap();
    assert_eq!(given.span("since"), Some(Duration::from_secs(3600)));
    assert_eq!(given.number("rounds"), Some(3));
    assert_eq!(given.text("retry").as_deref(), Some("q"));
    assert_eq!(given.globs("type").unwrap().unwrap().patterns(), ["a*", "b"]);
    assert_eq!(parse(&[]).unwrap().globs("type"), Ok(None));
}

#[test]
fn settings_of_options_have_their_keys() {
    let given = parse(&["--max", "3", "-n", "--interval", "2s"]).unwrap();
    let expected = [
        ("evidence.max_messages", "3", "--max".to_owned()),
        ("monitoring.check_interval", "2s", "--interval".to_owned()),
    ];
    assert_eq!(given.settings().collect::<Vec<_>>(), expected);
}

#[test]
fn wrong_usage_names_the_option() {
    let rows: [(&[&str], &str); 13] = [
        (&["--config"], "option '--config' requires a value"),
        (&["--config", "a", "--config", "b"], "option '--config' is given twice"),
        (&["--log-format", "xml"], "option '--log-format': 'xml' is not text or json"),
        (&["--verbose=yes", "-n"], "option '--verbose' takes no value"),
        (&["--no-such"], "unknown option '--no-such'"),
        (&["-x"], "unknown option '-x'"),
        (&["--\u{1b}[2J"], "unknown option '--\\u{1b}[2J'"),
        (&["--retry", ""], "option '--retry' requires a value that is not empty"),
        (&["--max", "1", "--max", "2"], "option '--max' is given twice"),
        (&["--rounds", "0"], "option '--rounds': '0' is not a whole number from 1 to 9"),
        (&["-n", "--retry", "q"], "option '--retry' cannot be combined with '--dry-run'"),
        (
            &["--since", "30"],
            "option '--since': '30' is not a duration such as 500ms, 30s, 15m, 4h or 7d",
        ),
        (&["--interval", "1s", "--interval", "1s"], "option '--interval' is given twice"),
    ];
    for (words, sentence) in rows {
        assert_eq!(parse(words).unwrap_err(), ParseExit::Wrong(sentence.into()), "{words:?}");
    }
}

#[test]
fn operands_are_refused_where_the_program_takes_none() {
    let result = Given::new(&TABLE).read(["-n".into(), "a\u{1b}".into()], false);
    assert_eq!(result, Err(ParseExit::Wrong("unexpected argument 'a\\u{1b}'".into())));
    assert_eq!(parse(&["--", "-n", ""]).unwrap().operands, ["-n", ""]);
}

#[test]
fn help_version_and_schema_end_parsing() {
    for (word, exit) in [
        ("-h", ParseExit::Help),
        ("--version", ParseExit::Version),
        ("--schema", ParseExit::Schema),
    ] {
        assert_eq!(parse(&["-n", word, "--no-such"]).unwrap_err(), exit);
    }
}

#[test]
fn long_help_joins_the_options_of_a_group() {
    let short = help::text("usage: x\n\n", &TABLE, "");
    assert!(short.contains("\n  -n, --dry-run          write nothing\n"), "{short}");
    assert!(short.contains("\n      --type GLOB        only these; may be repeated\n"), "{short}");
    assert!(short.contains("\n      --version          print the version\n"), "{short}");
    let long = help::text(&"usage: x\n".repeat(20), &TABLE, "");
    assert!(long.contains("\n      --config FILE, --log-format FORM, --schema, -v, --verbose,"));
}
