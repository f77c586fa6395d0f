//! Differences between reported and expected start values.

use super::recorded::init_of;
use super::*;

fn asked() -> ExpectedInit {
    let all = ["Bash", "Read", "Edit", "Write", "Grep", "Glob", "Agent"];
    ExpectedInit {
        tools: all.map(str::to_owned).into(),
        permission_mode: "acceptEdits".into(),
        mcp_servers: Vec::new(),
        session_id: "s".into(),
    }
}

fn as_asked() -> Init {
    let all = ["Task", "Bash", "Edit", "Glob", "Grep", "Read", "StructuredOutput", "Write"];
    Init {
        session_id: "s".into(),
        tools: Some(all.map(str::to_owned).into()),
        permission_mode: "acceptEdits".into(),
        mcp_servers: Some(Vec::new()),
        version: "2.1.330".into(),
    }
}

fn tools(init: &mut Init) -> &mut Vec<String> {
    init.tools.as_mut().unwrap()
}

fn servers(init: &mut Init) -> &mut Vec<(String, String)> {
    init.mcp_servers.as_mut().unwrap()
}

#[test]
fn difference_names_every_unexpected_value() {
    type Change = fn(&mut ExpectedInit, &mut Init);
    let rows: [(&str, Change, &str); 20] = [
        ("as asked for", |_, _| {}, ""),
        ("fewer tools", |_, init| tools(init).truncate(2), ""),
        ("under its new name", |_, init| tools(init)[0] = "Agent".into(), ""),
        ("asked for under the old", |asked, _| asked.tools[6] = "Task".into(), ""),
        ("rules name tools", |asked, _| asked.tools[0] = "Bash(git log *)".into(), ""),
        (
            "a tool more",
            |_, init| tools(init).push("WebFetch".into()),
            "unexpected tools: 'WebFetch'",
        ),
        ("none asked for", |asked, _| asked.tools.clear(), "'Task', 'Bash'"),
        ("tools unknown", |_, init| init.tools = None, "does not list its tools"),
        (
            "a mode",
            |_, init| init.permission_mode = "bypassPermissions".into(),
            "'bypassPermissions', not 'acceptEdits'",
        ),
        ("no mode", |_, init| init.permission_mode.clear(), "mode is ''"),
        (
            "a mode with two names",
            |asked, init| {
                asked.permission_mode = "manual".into();
                init.permission_mode = "default".into();
            },
            "",
        ),
        (
            "a server",
            |_, init| servers(init).push(("evil\u{1b}".into(), "failed".into())),
            "unexpected MCP servers: 'evil\\u{1b}'",
        ),
        (
            "a server that was asked for, with its tools",
            |asked, init| {
                asked.mcp_servers.push("my logs".into());
                servers(init).push(("my logs".into(), "connected".into()));
                tools(init).push("mcp__my_logs__search".into());
            },
            "",
        ),
        (
            "a server that did not start",
            |asked, init| {
                asked.mcp_servers.push("logs".into());
                servers(init).push(("logs".into(), "failed".into()));
            },
            "MCP servers that did not start: 'logs'",
        ),
        ("a server that is not there", |asked, _| asked.mcp_servers.push("x".into()), "start: 'x'"),
        ("a tool of a server", |_, init| tools(init).push("mcp__x__y".into()), "'mcp__x__y'"),
        (
            "an old release",
            |_, init| init.version = "2.1.197".into(),
            "is 2.1.197, older than 2.1.212",
        ),
        ("no release", |_, init| init.version = "new".into(), "unknown: 'new'"),
        ("servers unknown", |_, init| init.mcp_servers = None, "does not list its MCP servers"),
        ("another session", |asked, _| asked.session_id = "t".into(), "session is 's', not 't'"),
    ];
    for (rule, change, wanted) in rows {
        let (mut asked, mut init) = (asked(), as_asked());
        change(&mut asked, &mut init);
        match difference(&asked, &init) {
            None => assert_eq!(wanted, "", "{rule}: no difference"),
            Some(found) => {
                assert!(!wanted.is_empty() && found.contains(wanted), "{rule}: {found}");
                assert_eq!(safe(&found), found, "{rule}");
            }
        }
    }
}

#[test]
fn difference_in_recorded_transcripts() {
    let rows = [
        ("golden.ndjson", Some("00000000-0000-4000-8000-0000000000aa"), "acceptEdits", ""),
        ("final-golden.ndjson", Some("00000000-0000-4000-8000-0000000000ab"), "acceptEdits", ""),
        ("p3-accept.ndjson", None, "acceptEdits", ""),
        ("p3-default.ndjson", None, "default", ""),
        ("probe-restricted.ndjson", None, "acceptEdits", ""),
        ("bare.ndjson", None, "default", ""),
        ("final-golden.ndjson", Some("other"), "acceptEdits", "not 'other'"),
        ("p3-default.ndjson", None, "acceptEdits", "'default', not 'acceptEdits'"),
        ("subagent.ndjson", None, "default", "'WebFetch'"),
    ];
    for (file, session, mode, wanted) in rows {
        let init = init_of(file).unwrap();
        let mut asked = asked();
        asked.permission_mode = mode.into();
        asked.session_id = session.unwrap_or(&init.session_id).to_owned();
        let found = difference(&asked, &init).unwrap_or_default();
        assert!(found.contains(wanted) && found.is_empty() == wanted.is_empty(), "{file}: {found}");
    }
}

#[test]
fn difference_names_missing_lists() {
    let line = r#"{"type":"system","subtype":"init","session_id":"s","tools":["Read",{"name":"x"}],"permissionMode":"acceptEdits","claude_code_version":"2.1.330"}"#;
    let found = difference(&asked(), &first_init(&[line.as_bytes()]).unwrap()).unwrap();
    assert!(found.contains("does not list its MCP servers"), "{found}");
    assert!(found.contains(r#"'{"name":"x"}'"#), "{found}");
}

#[test]
fn version_is_parsed() {
    let rows = [
        ("2.1.330 (Claude Code)\n", Some((2, 1, 330))),
        ("2.1.197", Some((2, 1, 197))),
        ("3.0.0-beta.1 (Claude Code)", Some((3, 0, 0))),
        ("2.1", None),
        ("2.1.x", None),
        ("2.1.+3", None),
        ("2.1.", None),
        ("2.1.3.4", None),
        ("2.1.99999999999999999999999", None),
        ("claude: not found", None),
        ("", None),
    ];
    for (text, wanted) in rows {
        assert_eq!(version(text), wanted, "{text:?}");
    }
    assert!((2, 1, 197) < MINIMUM && MINIMUM < (2, 1, 330) && MINIMUM < (2, 10, 0));
}
