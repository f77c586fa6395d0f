use super::*;

const LEAST: &str = "---\ndescription: d\ntools: Read\n---\np\n";

fn agent(name: &str, prompt: &str) -> Subagent {
    let tools = vec!["Read".to_owned()];
    Subagent {
        name: name.into(),
        description: "d".into(),
        prompt: prompt.into(),
        tools,
        model: None,
    }
}

#[test]
fn builtin_subagents_parse_and_cannot_write() {
    let all = builtin();
    let names: Vec<&str> = all.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, BUILTIN.map(|(stem, _)| stem));
    for agent in &all {
        assert!(
            !agent.tools.iter().any(|tool| ["Edit", "Write"].contains(&tool.as_str())),
            "{}",
            agent.name
        );
        let bash = agent.tools.iter().any(|tool| tool == "Bash");
        assert_eq!(bash, agent.name == "test-runner");
        for said in ["Never delete, purge, move or send messages", "tool calls", "Return at most"] {
            assert!(agent.prompt.contains(said), "{}: {said}", agent.name);
        }
        assert!(!agent.prompt.contains('@'), "{}", agent.name);
    }
}

#[test]
fn builtin_subagents_are_the_files_of_the_folder() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/agents");
    let mut found: Vec<(String, String)> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        found.push((stem, std::fs::read_to_string(&path).unwrap()));
    }
    found.sort();
    let mut known = BUILTIN.map(|(stem, text)| (stem.to_owned(), text.to_owned()));
    known.sort();
    assert_eq!(found, known);
}

#[test]
fn parse_accepts_common_forms_of_yaml() {
    let full = "\u{feff}---\r\n# mine\r\nname: a-1\r\ndescription: \"What: it 'does'\"\r\n\r\n\
                tools: [Read, \"Bash\", Read]\r\nmodel: 'us.x-5:0/y'\r\n---\r\n\r\nOne.\r\n---\r\nTwo.\r\n";
    assert_eq!(
        parse("a-1", full).unwrap(),
        Subagent {
            name: "a-1".into(),
            description: "What: it 'does'".into(),
            prompt: "One.\n---\nTwo.".into(),
            tools: vec!["Read".into(), "Bash".into()],
            model: Some("us.x-5:0/y".into()),
        }
    );
    assert_eq!(parse("x", LEAST).unwrap(), agent("x", "p"));
    let inherits = LEAST.replace("tools: Read", "tools: Read,Edit\nmodel: inherit");
    let read = parse("x", &inherits).unwrap();
    assert_eq!((read.model, read.tools.len()), (None, 2));
}

#[test]
fn parse_error_names_the_line_and_the_remedy() {
    let long = format!("---\ndescription: {}\ntools: Read\n---\np", "d".repeat(1025));
    let rows = [
        ("x", "", "x.md:1: expected '---'"),
        ("x", "no head", "x.md:1: expected '---'"),
        ("x", "---\ndescription: d\n", "x.md:2: the lines in front are not closed; end them"),
        ("x", "---\n---\np", "x.md:2: 'description' is missing; add a line 'description: ...'"),
        ("x", "---\ndescription: d\n---\np", "x.md:3: 'tools' is missing"),
        ("x", "---\ndescription: d\ntools: Read\n---\n \n", "x.md:4: the prompt is empty"),
        ("x", "---\ndescription\n", "x.md:2: expected 'key: value', found 'description'"),
        ("x", "---\ntolls: Read\n", "x.md:2: unknown key 'tolls'; did you mean 'tools'? known: "),
        ("x", "---\nhooks: x\n", "known: name, description, tools, model"),
        ("x", "---\ntools: Read\ntools: Bash\n", "x.md:3: 'tools' is given twice; keep one"),
        ("x", "---\nmodel: inherit\nmodel: x\n", "x.md:3: 'model' is given twice"),
        ("x", "---\ndescription: |\n  d\n", "x.md:2: 'description' has no value on its line"),
        ("x", "---\ntools:\n  - Read\n", "x.md:2: 'tools' has no value on its line; write it"),
        ("x", "---\ntools: [Read, Wirte]\n", "unknown tool 'Wirte'; did you mean 'Write'? known:"),
        ("x", "---\ntools: Read, Bash(git log:*)\n", "x.md:2: unknown tool 'Bash(git log:*)'; "),
        ("x", "---\ntools: Read, WebFetch\n", "known: Read, Grep, Glob, Bash, Edit, Write"),
        ("x", "---\ntools: [read]\n", "did you mean 'Read'?"),
        ("x", "---\ntools: []\n", "unknown tool ''"),
        ("x", "---\ntools: [Edit, Write]\n", "x.md:2: 'tools' lacks 'Read'"),
        ("x", "---\nmodel: -x\n", "expected 'inherit' or the name of a model, found '-x'"),
        ("x", "---\nmodel: a b\n", "expected 'inherit' or the name of a model"),
        ("x", "---\nname: y\ndescription: d\ntools: Read\n---\np", "'name' is 'y'; give it the fi"),
        ("X", LEAST, "X.md:4: a name has 1 to 40 of a-z, 0-9 and '-'; rename the file"),
        ("", LEAST, "a name has 1 to 40"),
        ("a\u{1b}b", LEAST, "a\\u{1b}b.md:4: a name has"),
        ("x", &long, "x.md:2: 'description' is longer than 1024 bytes"),
    ];
    for (stem, text, why) in rows {
        let refused = parse(stem, text).unwrap_err();
        assert!(refused.contains(why), "{text:?}: {refused}");
        assert!(!refused.chars().any(crate::text::hidden), "{text:?}: {refused}");
    }
    assert!(parse(&"x".repeat(41), LEAST).is_err() && parse(&"x".repeat(40), LEAST).is_ok());
}

#[test]
fn merged_replaces_and_adds_up_to_the_limit() {
    let some = || vec![agent("a", "1"), agent("b", "1")];
    let all = merged(some(), vec![agent("c", "2"), agent("a", "2")]).unwrap();
    let names: Vec<(&str, &str)> =
        all.iter().map(|agent| (agent.name.as_str(), agent.prompt.as_str())).collect();
    assert_eq!(names, [("a", "2"), ("b", "1"), ("c", "2")]);
    let many = |n: usize| (0..n).map(|n| agent(&format!("n{n}"), "2")).collect();
    assert_eq!(merged(some(), many(14)).unwrap().len(), MAX_AGENTS);
    let refused = merged(some(), many(15)).unwrap_err();
    assert_eq!(refused, "17 subagents with the built-in ones, and at most 16 are allowed");
}

#[test]
fn json_holds_granted_tools_only() {
    let writer = "---\ndescription: d\ntools: [Edit, Read, Write, Bash]\nmodel: m\n---\np";
    let agents = [parse("w", writer).unwrap(), agent("r", "q")];
    let reads = json!({"description": "d", "prompt": "q", "tools": ["Read"]});
    let with = |tools: Value| {
        let writer = json!({"description": "d", "prompt": "p", "tools": tools, "model": "m"});
        json!({"w": writer, "r": reads})
    };
    assert_eq!(to_json(&agents, &["Read", "Bash"]), with(json!(["Read", "Bash"])));
    assert_eq!(
        to_json(&agents, &["Read", "Bash", "Edit", "Write"]),
        with(json!(["Edit", "Read", "Write", "Bash"]))
    );
}

#[test]
fn useful_removes_subagents_without_work() {
    let names = |code, tests, logs| -> Vec<String> {
        useful(builtin(), code, tests, logs).into_iter().map(|agent| agent.name).collect()
    };
    assert_eq!(names(true, true, true).len(), 5);
    let without_tests = ["dlq-analysis", "log-analysis", "code-review", "config-check"];
    assert_eq!(names(true, false, true), without_tests);
    assert_eq!(names(false, false, true), ["dlq-analysis", "log-analysis", "config-check"]);
    assert_eq!(names(false, false, false), ["dlq-analysis", "config-check"]);
}

#[test]
fn builtin_subagents_say_how_to_search_and_to_cite() {
    for agent in builtin() {
        for part in ["`path: .dlq`", "`index.md`", "`.dlq/log-1.txt:20`", "`m1-m7`"] {
            assert!(agent.prompt.contains(part), "{}: {part}", agent.name);
        }
        assert!(!agent.prompt.contains("messages.ndjson"), "{}", agent.name);
        let has_shell = agent.tools.iter().any(|tool| tool == "Bash");
        assert_eq!(has_shell, agent.name == "test-runner", "{}", agent.name);
    }
}
