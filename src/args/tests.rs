//! Command lines against a small table.

use super::*;

static TABLE: [Opt; 11] = [
    Opt::flag("dry-run", "write nothing").short('n'),
    Opt::text("retry", "QUEUE", "try again").conflicts(&["dry-run"]),
    Opt::valued("since", "AGE", ValueKind::Span, "only the last"),
    Opt::valued("rounds", "N", ValueKind::Least(1), "end after N"),
    Opt::valued("type", "GLOB", ValueKind::Glob, "only these").repeatable(),
    Opt::setting("max", "10", "evidence.max_messages", "at most"),
    Opt::setting("interval", "30s", "monitoring.check_interval", "how often"),
    Opt::setting("match", "GLOB", "monitoring.match", "only these").repeatable(),
    Opt::valued("incident", "ID", ValueKind::Prefix(3), "only this")
        .requires(Requirement::OneOperand("queue")),
    Opt::flag("messages", "print them").requires(Requirement::Operand("a queue")),
    Opt::flag("raw", "print all").requires(Requirement::Option("messages")),
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
fn settings_are_overridden_by_options() {
    let line = ["--max", "3", "-n", "--interval", "2", "--match", "{a,b}", "--match", "c"];
    let given = parse(&line).unwrap();
    let mut settings = Settings::default();
    given.apply(&mut settings).unwrap();
    assert_eq!(settings.evidence.max_messages, 3);
    assert_eq!(settings.monitoring.check_interval, Duration::from_secs(2));
    assert_eq!(settings.monitoring.matching.patterns(), ["{a,b}", "c"]);
    assert_eq!(given.overriding(), ["--max", "--interval", "--match"]);
}

#[test]
fn wrong_usage_names_the_option() {
    let rows: [(&[&str], &str); 22] = [
        (&["--config"], "option '--config' requires a value"),
        (&["--config", "a", "--config", "b"], "option '--config' is given twice"),
        (&["--log-format", "xml"], "option '--log-format': expected text or json, found 'xml'"),
        (&["--verbose=yes", "-n"], "option '--verbose' takes no value"),
        (&["--no-such"], "unknown option '--no-such'"),
        (&["--intervall", "3"], "unknown option '--intervall'; did you mean '--interval'?"),
        (&["--log-fromat=json"], "unknown option '--log-fromat'; did you mean '--log-format'?"),
        (&["-x"], "unknown option '-x'"),
        (&["--\u{1b}[2J"], "unknown option '--\\u{1b}[2J'"),
        (&["--retry", ""], "option '--retry' requires a value that is not empty"),
        (&["--max", "1", "--max", "2"], "option '--max' is given twice"),
        (&["--max", "x"], "option '--max': expected a whole number from 1 to 1000, found 'x'"),
        (&["--rounds", "0"], "option '--rounds': expected a whole number of at least 1, found '0'"),
        (&["-n", "--retry", "q"], "option '--retry' cannot be combined with '--dry-run'"),
        (
            &["--since", "30x"],
            "option '--since': expected a duration such as 30s, 15m or 7d, or a number of seconds, \
             found '30x'",
        ),
        (&["--interval", "1s", "--interval", "1s"], "option '--interval' is given twice"),
        (
            &["--type", "[a"],
            "option '--type': '[a' is not a pattern: unclosed character class; missing ']'",
        ),
        (
            &["--incident", "ab", "q"],
            "option '--incident': expected at least 3 characters of an id, found 'ab'",
        ),
        (&["--incident", "abc"], "option '--incident' requires exactly one queue, found 0"),
        (
            &["--incident", "abc", "a", "b"],
            "option '--incident' requires exactly one queue, found 2",
        ),
        (&["--messages"], "option '--messages' requires a queue"),
        (&["--raw", "q"], "option '--raw' requires '--messages'"),
    ];
    for (words, sentence) in rows {
        assert_eq!(parse(words).unwrap_err(), ParseExit::Wrong(sentence.into()), "{words:?}");
    }
}

#[test]
fn operands_are_refused_where_the_program_takes_none() {
    let result = Given::new(&TABLE).read(["-n".into(), "a\u{1b}".into()], false);
    assert_eq!(result, Err(ParseExit::Wrong("unexpected argument 'a\\u{1b}'".into())));
    assert_eq!(parse(&["--", "-n"]).unwrap().operands, ["-n"]);
    assert_eq!(parse(&["a", ""]).unwrap_err(), ParseExit::Wrong("unexpected argument ''".into()));
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
    assert!(long.contains("\n      --config, --log-format, --log-file, --schema, -v, --verbose,"));
}
