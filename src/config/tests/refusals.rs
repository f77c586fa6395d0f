//! Tests of refusals: what a configuration cannot say, and the message.

use super::super::*;
use super::{OLDER_SYSTEM, origin, read, refusal};
use crate::config::keys::Trust;
use crate::config::settings::specs;
use crate::text;

#[test]
fn unknown_key_is_named_with_line_and_nearest_known() {
    let cases = [
        (
            "a section",
            "# 1\n\nmonitorng:\n  check_interval: 1\n",
            "config.yaml:3: unknown key 'monitorng'; did you mean 'monitoring'?",
        ),
        (
            "a key",
            "monitoring:\n  concurrency: 3\n  chek_interval: 1\n",
            "config.yaml:3: unknown key 'monitoring.chek_interval'; did you mean \
             'monitoring.check_interval'?",
        ),
        (
            "a key outside its section",
            "check_interval: 30\n",
            "config.yaml:1: unknown key 'check_interval'; did you mean 'monitoring.check_interval'?",
        ),
        (
            "a key of an entry",
            "aws:\n  accounts:\n    - profile: a\n      regoin: b\n",
            "config.yaml:4: unknown key 'aws.accounts[0].regoin'; did you mean \
             'aws.accounts[0].region'?",
        ),
        (
            "nothing near",
            "features:\n  telepathy: true\n",
            "config.yaml:2: unknown key 'features.telepathy'; known here: investigate, notify, pull_requests, auto_redrive, archive_before_expiry",
        ),
        (
            "an unknown key without a value",
            "logging: {levle: }",
            "config.yaml:1: unknown key 'logging.levle'; did you mean 'logging.level'?",
        ),
        (
            "a key that steers terminals",
            "\"\\e[2J\": 1",
            "config.yaml:1: unknown key '\\u{1b}[2J'; known here: aws, monitoring, evidence, \
             auto_investigation, notifications, github, metrics, features, logging, state",
        ),
    ];
    for (what, text, expected) in cases {
        assert_eq!(refusal(text), expected, "{what}");
    }
}

#[test]
fn invalid_value_is_named_with_line_key_and_expectation() {
    let cases = [
        (
            "monitoring:\n  check_interval: fast",
            "config.yaml:2: 'monitoring.check_interval': \
          expected a duration such as 30s, 15m or 7d, or a number of seconds, from 100ms to \
          1d, found 'fast'",
        ),
        ("monitoring: {check_interval: 0.05}", "from 100ms to 1d, found 0.05"),
        ("monitoring: {check_interval: -30}", "found -30"),
        ("monitoring: {check_interval: 1e300}", "from 100ms to 1d, found 1"),
        ("monitoring: {check_interval: \"30 x\"}", "found '30 x'"),
        ("monitoring: {concurrency: 257}", "expected a whole number from 1 to 256, found 257"),
        ("monitoring: {concurrency: 1.5}", "expected a whole number from 1 to 256, found 1.5"),
        ("monitoring: {notification_threshold: 0}", "from 1 to 1000000000, found 0"),
        ("monitoring: {notification_threshold: 99999999999999999999}", "found 1"),
        ("monitoring: {rate_limit: 0}", "from 1 to 10000, found 0"),
        ("monitoring: {growth_factor: 1}", "from 2 to 1000, found 1"),
        ("monitoring: {clear_after: 0}", "found 0"),
        ("monitoring: {timeout: 2m}", "from 100ms to 1m, found '2m'"),
        ("monitoring: {discover: nmae}", "expected both, redrive or name, found 'nmae'"),
        ("monitoring: {exclude: \"*\"}", "'monitoring.exclude': expected a list, found a text"),
        ("monitoring:\n  match:\n    - a\n    - '[a-'", "'[a-' is not a pattern"),
        (
            "monitoring:\n  match:\n    - a\n    - 5",
            "config.yaml:4: 'monitoring.match[1]': \
          expected text (put it in quotes), found 5",
        ),
        ("monitoring: {expiry_tiers: [1h, 6h]}", "expected durations that become shorter"),
        ("monitoring: {expiry_tiers: [1h, 1h]}", "expected durations that become shorter"),
        ("monitoring: {expiry_tiers: [15d]}", "to 14d, found '15d'"),
        ("monitoring: {shard: 4/3}", "a shard such as 2/3, of at most 1000, found '4/3'"),
        ("monitoring: {shard: 3}", "a shard such as 2/3, of at most 1000, found 3"),
        ("monitoring: {adaptive: 2}", "expected true or false, found 2"),
        ("monitoring: 5", "config.yaml:1: 'monitoring': expected a map, found a number"),
        ("- a", "config.yaml:1: expected a map of sections: aws, "),
        ("aws: {profile: no}", "expected text (put it in quotes), found false"),
        ("aws: {profile: ''}", "expected text of 1 to 4096 bytes"),
        ("aws: {region: evil.example/x}", "expected a region such as sa-east-1"),
        ("aws: {endpoint_url: localhost}", "expected an http or https URL, found 'localhost'"),
        ("aws: {accounts: [{name: a}]}", "'aws.accounts[0]': 'profile' is missing"),
        ("auto_investigation: {enabled: 1}", "expected true or false, found 1"),
        ("auto_investigation: {timeout_minutes: 0}", "from 0.001 to 1440, found 0"),
        ("auto_investigation: {cooldown_hours: -1}", "from 0 to 8760, found -1"),
        ("auto_investigation: {max_concurrent: 65}", "from 1 to 64, found 65"),
        (
            "auto_investigation: {agent: cluade}",
            "unknown agent 'cluade'; the agents known by name \
          are 'auto', 'claude' and 'triage'; give another program as a list",
        ),
        ("auto_investigation: {agent: [./a]}", "this program depends on the current folder; give"),
        ("auto_investigation: {agent: [a/b]}", "its whole path, or a name that is found in PATH"),
        ("auto_investigation: {agent: {command: [~/a]}}", "depends on the current folder"),
        ("github: {token: {command: [./a]}}", "depends on the current folder"),
        ("auto_investigation: {agents_dir: agents}", "begin it with / or ~/"),
        ("auto_investigation: {prompt_file: ./p.md}", "this path depends on the current folder"),
        ("auto_investigation: {agent: []}", "a command needs a program"),
        ("auto_investigation: {agent: {}}", "'command' is missing"),
        ("auto_investigation: {queues: [{repo: a}]}", "'match' is missing"),
        ("auto_investigation: {queues: [{match: a, github: a}]}", "such as owner/name, found 'a'"),
        ("auto_investigation: {queues: [{match: a, base: --x}]}", "the name of a branch"),
        ("github: {repos: [a/../b]}", "expected a repository such as owner/name"),
        ("logging: {level: LOUD}", "expected DEBUG, INFO, WARN, ERROR or CRITICAL"),
        ("state: {shared: {}}", "'dynamodb' is missing"),
        ("state: {shared: {dynamodb: {}}}", "'table' is missing"),
        ("state: {shared: {dynamodb: {table: a}, max_skew: 1s}}", "from 2s to 1m"),
        ("state: {journal_max_mib: 0}", "from 1 to 1024, found 0"),
        ("a: 1\na: 2", "config.yaml:2: "),
        ("aws: [", "config.yaml:"),
    ];
    for (text, expected) in cases {
        let sentence = refusal(text);
        assert!(sentence.starts_with("config.yaml:"), "{text}: {sentence}");
        assert!(sentence.contains(expected), "{text}: {sentence}");
        assert!(!sentence.contains('\n'), "{text}: {sentence}");
    }
}

#[test]
fn inline_secret_is_refused_with_the_remedy_and_not_shown() {
    let values = [
        "hunter2",
        "'hunter2'",
        "[hunter2]",
        "{hunter2: x}",
        "{env: hunter2}",
        "{hunter2}",
        "{env: [hunter2]}",
        "{file: [hunter2]}",
        "{command: hunter2}",
        "{value: hunter2}",
        "{env: A, hunter2: B}",
        "|\n    hunter2\n",
    ];
    for value in values {
        for (section, key) in [("github", "token"), ("auto_investigation", "auth")] {
            let sentence = refusal(&format!("{section}:\n  {key}: {value}\n"));
            let line = if value.starts_with('|') { 3 } else { 2 };
            assert!(sentence.starts_with(&format!("config.yaml:{line}: ")), "{sentence}");
            assert!(sentence.contains(&format!("{section}.{key}")), "{value}: {sentence}");
            assert!(!sentence.contains("hunter2"), "{value}: {sentence}");
        }
    }
    let sentence = refusal("github: {token: hunter2}");
    for form in ["{env: NAME}", "{file: PATH}", "{command: [PROGRAM, ARGUMENT, ...]}"] {
        assert!(sentence.contains(form), "{sentence}");
    }
}

/// Covers each state of parser and reader in which a secret can occur.
#[test]
fn misplaced_secret_is_not_shown() {
    let cases = [
        "github: hunter2",
        "github: [hunter2]",
        "github:\n  token:hunter2",
        "github:hunter2",
        "auto_investigation: hunter2",
        "aws: hunter2",
        "aws: {accounts: hunter2}",
        "aws: {accounts: [hunter2]}",
        "aws: {regions: hunter2}",
        "github: {repos: hunter2}",
        "monitoring: {expiry_tiers: {a: hunter2}}",
        "notifications: {channels: hunter2}",
        "notifications: {channels: {a: hunter2}}",
        "notifications: {routes: hunter2}",
        "auto_investigation: {queues: [hunter2]}",
        "auto_investigation: {agent: {command: hunter2}}",
        "github: {token: {command: [hunter2/x]}}",
        "aws: {endpoint_url: 'https://me:hunter2@example.org'}",
        "aws: {endpoint_url: 'me:hunter2@example.org'}",
        "aws: {endpoint_url: 'ftp://me:hunter2@example.org'}",
        "aws: {endpoint_url: 'http://me:hunter2@example.org/a b'}",
        "aws: {endpoint_url: 'http://me:hunter2@local\\\\host'}",
        // The parser's own sentences.
        "github:\n  token: hunter2: x",
        "github:\n  token: 'hunter2",
        "github:\n  token: \"hunter2\\q\"",
        "github:\n  token: hunter2\n bad",
        "github:\n  token: [hunter2",
        "github:\n  token: hunter2]\n  x: }",
        "github:\n\ttoken: hunter2",
        "github:\n  token: !hunter2 x",
        "github:\n  token: !!hunter2 x",
        "github:\n  token: !hunter2!x y",
        "github:\n  token: !!int hunter2",
        "github:\n  token: !!float hunter2",
        "github:\n  token: !!bool hunter2",
        "github:\n  token: !!binary hunter2",
        "github:\n  token: *hunter2",
        "github:\n  token: &hunter2 *hunter2",
        "github:\n  token: @hunter2",
        "github:\n  token: `hunter2",
        "github:\n  token: %hunter2",
        "github:\n  token: |hunter2",
        "github:\n  token: >2hunter2\n",
        "github: {hunter2: 1, hunter2: 2}",
        "github:\n  <<: hunter2",
        "%hunter2 x\n--- a",
        "hunter2\n---\nhunter2",
        "? [hunter2]\n: x",
        "hunter2\ngithub: x",
    ];
    for text in cases {
        let sentence = refusal(text);
        assert!(sentence.starts_with("config.yaml:"), "{text}: {sentence}");
        assert!(!sentence.contains("hunter2"), "{text}: {sentence}");
    }
}

/// Every key that a found file may not set freely, with a value that is refused there.
const GUARDED: [(&str, &str); 60] = [
    ("auto_investigation.enabled", "auto_investigation: {enabled: true}"),
    ("auto_investigation.enabled", OLDER_SYSTEM),
    ("aws.endpoint_url", "aws: {endpoint_url: 'https://evil.example'}"),
    ("aws.endpoint_url", "aws: {endpoint_url: 'http://localhost.evil.example'}"),
    ("aws.endpoint_url", "aws: {endpoint_url: 'http://127.0.0.1.evil.example'}"),
    ("aws.endpoint_url", "aws: {endpoint_url: 'http://[::2]:1'}"),
    ("aws.endpoint_url", "aws: {endpoint_url: 'http://evil.example/localhost'}"),
    ("aws.endpoint_url", "aws: {endpoint_url: 'http://evil.example?@localhost'}"),
    ("aws.endpoint_url", "aws: {endpoint_url: 'http://localhost:'}"),
    ("auto_investigation.base_url", "auto_investigation: {base_url: 'https://evil.example'}"),
    // On a machine with several users, a port of it is not the user's own.
    ("auto_investigation.base_url", "auto_investigation: {base_url: 'http://127.0.0.1:1'}"),
    ("github.endpoint", "github: {endpoint: 'http://127.0.0.1:1'}"),
    (
        "notifications.channels[].base_url",
        "notifications: {channels: {a: {type: speech, base_url: 'http://127.0.0.1:1'}}}",
    ),
    (
        "notifications.channels[].endpoint",
        "notifications: {channels: {a: {endpoint: 'http://127.0.0.1:1', type: pagerduty, key: {env: A}}}}",
    ),
    (
        "notifications.channels[].base_url",
        "notifications: {channels: {a: {type: speech, base_url: 'https://evil.example'}}}",
    ),
    ("notifications.channels[].voice", "notifications: {channels: {a: {type: speech, voice: x}}}"),
    (
        "notifications.channels[].api_key",
        "notifications: {channels: {a: {type: speech, api_key: {file: /x}}}}",
    ),
    ("evidence.allow_fifo", "evidence: {allow_fifo: true}"),
    ("evidence.redact_allow", "evidence: {redact_allow: ['*']}"),
    ("metrics.listen", "metrics: {listen: '127.0.0.1:9187'}"),
    ("metrics.textfile", "metrics: {textfile: /tmp/x.prom}"),
    ("state.dir", "state: {dir: /tmp/x}"),
    ("state.shared", "state: {shared: {dynamodb: {table: x}}}"),
    ("logging.file", "logging: {file: /tmp/x}"),
    ("auto_investigation.agents_dir", "auto_investigation: {agents_dir: ~/x}"),
    ("auto_investigation.prompt_file", "auto_investigation: {prompt_file: /tmp/x}"),
    ("auto_investigation.mcp_config", "auto_investigation: {mcp_config: /tmp/x}"),
    (
        "auto_investigation.dangerously_skip_permissions",
        "auto_investigation: {dangerously_skip_permissions: true}",
    ),
    (
        "auto_investigation.queues[].fix",
        "auto_investigation: {queues: [{match: a, repo: r, fix: true}]}",
    ),
    ("auto_investigation.sandbox", "auto_investigation: {sandbox: off}"),
    ("auto_investigation.sandbox", "auto_investigation: {sandbox: 'Off'}"),
    ("auto_investigation.sandbox_paths", "auto_investigation: {sandbox_paths: [/x]}"),
    (
        "auto_investigation.queues[].bind",
        "auto_investigation: {queues: [{match: a, repo: r, bind: [/x]}]}",
    ),
    (
        "auto_investigation.queues[].test_network",
        "auto_investigation: {queues: [{match: a, repo: r, test_network: true}]}",
    ),
    (
        "auto_investigation.queues[].prepare",
        "auto_investigation: {queues: [{match: a, repo: r, prepare: [touch]}]}",
    ),
    ("github.token", "github: {token: {command: [touch, x]}}"),
    ("github.host", "github: {host: evil.example}"),
    ("github.endpoint", "github: {endpoint: 'https://evil.example'}"),
    ("github.push_to", "github: {push_to: evil/orders}"),
    ("github.unproven", "github: {unproven: true}"),
    ("github.allow_build_files", "github: {allow_build_files: true}"),
    ("github.public_evidence", "github: {public_evidence: true}"),
    ("github.issues", "github: {issues: true}"),
    (
        "auto_investigation.queues[].github",
        "auto_investigation: {queues: [{match: a, repo: r, github: evil/orders}]}",
    ),
    (
        "auto_investigation.queues[].deployed",
        "auto_investigation: {queues: [{match: a, repo: r, deployed: [touch]}]}",
    ),
    ("auto_investigation.auth", "auto_investigation: {auth: {command: [touch, x]}}"),
    ("auto_investigation.agent", "auto_investigation: {agent: [touch, x]}"),
    (
        "auto_investigation.queues[].test_command",
        "auto_investigation: {queues: [{match: a, repo: r, test_command: [touch]}]}",
    ),
    (
        "auto_investigation.queues[].evidence",
        "auto_investigation: {queues: [{match: a, evidence: [[touch]]}]}",
    ),
    (
        "auto_investigation.queues[].logs",
        "auto_investigation: {queues: [{match: a, logs: {log_group: /ecs/a}}]}",
    ),
    (
        "notifications.channels[].token",
        "notifications: {channels: {a: {type: slack, token: {env: A}, channel: b}}}",
    ),
    (
        "notifications.channels[].url",
        "notifications: {channels: {a: {type: slack, url: {env: A}}}}",
    ),
    (
        "notifications.channels[].url",
        "notifications: {channels: {a: {type: webhook, url: {env: A}}}}",
    ),
    (
        "notifications.channels[].url",
        "notifications: {channels: {a: {type: webhook, url: 'https://evil.example'}}}",
    ),
    (
        "notifications.channels[].secret",
        "notifications: {channels: {a: {type: webhook, url: 'http://localhost', secret: {command: [touch, x]}}}}",
    ),
    (
        "notifications.channels[].key",
        "notifications: {channels: {a: {type: pagerduty, key: {env: A}}}}",
    ),
    (
        "notifications.channels[].endpoint",
        "notifications: {channels: {a: {type: slack, endpoint: 'https://evil.example', token: {env: A}, channel: b}}}",
    ),
    (
        "notifications.channels[].endpoint",
        "notifications: {channels: {a: {type: pagerduty, endpoint: 'https://evil.example', key: {env: A}}}}",
    ),
    (
        "notifications.channels[].command",
        "notifications: {channels: {a: {type: exec, command: [touch, x]}}}",
    ),
    ("notifications.heartbeat_url", "notifications: {heartbeat_url: {env: A}}"),
];

/// The key table decides for every key; a guarded one needs a case here and a line in the manual.
#[test]
fn trust_of_every_guarded_key_is_tested() {
    for spec in specs().into_iter().filter(|spec| spec.trust != Trust::Anyone) {
        // The command of an agent is refused with the agent.
        let parent = match spec.path {
            "auto_investigation.agent.command" => "auto_investigation.agent",
            path => path,
        };
        assert!(GUARDED.iter().any(|(path, _)| *path == parent), "{}", spec.path);
    }
    for (path, text) in GUARDED {
        let guarded = |spec: &&KeySpec| spec.path == path && spec.trust != Trust::Anyone;
        assert!(specs().iter().any(guarded), "{path}");
        assert!(read(text).is_ok(), "{text}");
        let sentence = parse(text, &origin(false)).unwrap_err().to_string();
        let key = path.replace("channels[]", "channels.a").replace("[]", "[0]");
        for part in ["config.yaml:", &key, "found in the current folder", "--config or $DLQ_CONFIG"]
        {
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
    }
}

#[test]
fn untrusted_file_may_set_harmless_values() {
    // A user before an @ is refused in every file.
    let user = "aws: {endpoint_url: 'http://localhost:1@evil.example'}";
    assert!(refusal(user).contains("a user or a password"));
    let harmless = [
        "auto_investigation: {enabled: false, target_queues: [a]}",
        "auto_investigation: {sandbox: require, sandbox_paths: []}",
        "evidence: {allow_fifo: false, redact_allow: []}",
        "aws: {endpoint_url: 'http://localhost:4566'}",
        "aws: {endpoint_url: 'https://127.0.0.1/x'}",
        "aws: {endpoint_url: 'http://[::1]:80?x'}",
        "aws: {endpoint_url: 'http://localhost'}",
        "state: {journal_keep: 3, dir: }",
        "notifications: {channels: {a: {type: webhook, url: 'http://localhost:1/x', secret: {env: A}}}}",
        "notifications: {channels: {a: {type: desktop, rate: 1/s}}}",
    ];
    for text in harmless {
        assert!(parse(text, &origin(false)).is_ok(), "{text}");
    }
}

#[test]
fn untrusted_file_runs_no_command() {
    let cases = [
        ("github.token", "github: {token: {command: [touch, x]}}"),
        (
            "auto_investigation.queues[0].deployed",
            "auto_investigation: {queues: [{match: a, repo: r, deployed: [touch]}]}",
        ),
        ("auto_investigation.auth", "auto_investigation: {auth: {command: [touch, x]}}"),
        ("auto_investigation.agent", "auto_investigation: {agent: [touch, x]}"),
        ("auto_investigation.agent.command", "auto_investigation: {agent: {command: [touch]}}"),
        (
            "test_command",
            "auto_investigation: {queues: [{match: a, repo: r, test_command: [touch]}]}",
        ),
        ("queues[0].evidence", "auto_investigation: {queues: [{match: a, evidence: [[touch]]}]}"),
    ];
    for (key, text) in cases {
        assert!(read(text).is_ok(), "{text}");
        let sentence = parse(text, &origin(false)).unwrap_err().to_string();
        for part in ["config.yaml:1: ", key, "may not run commands", "--config"] {
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
    }
    let named = "auto_investigation: {agent: claude, auth: {env: KEY}}";
    let older = OLDER_SYSTEM.replace("enabled: true", "enabled: false");
    for text in [named, &older] {
        assert!(parse(text, &origin(false)).is_ok(), "{text}");
    }
}

#[test]
fn refusals_are_safe_for_a_terminal() {
    let cases = [
        "aws: {region: \"\\e[2J\"}",
        "logging: {level: \"\\e[2J\"}",
        "monitoring: {match: [\"[\\e\"]}",
        "auto_investigation: {agent: \"\\e\"}",
        "notifications: {channels: {\"a\\eb\": {type: console}}}",
    ];
    for case in cases {
        let sentence = refusal(case);
        assert_eq!(text::safe(&sentence), sentence, "{case}");
    }
}

proptest::proptest! {
    #[test]
    fn random_text_causes_no_panic_and_a_safe_refusal(
        text in "[a-z: \\n\\[\\]{}'\"&*#,|>!~0-9-]{0,80}",
        value in "\\PC{0,30}",
        at in 0..setters().count(),
    ) {
        let _ = read(&text);
        let spec = setters().map(|key| &key.spec).nth(at).unwrap();
        let (section, key) = (spec.section(), spec.name());
        for text in [format!("{section}:\n  {key}: {value}\n"), format!("{section}: {value}")] {
            if let Err(error) = parse(&text, &origin(false)) {
                proptest::prop_assert!(matches!(error, Error::Wrong(_)));
                let sentence = error.to_string();
                proptest::prop_assert_eq!(text::safe(&sentence), sentence.as_str());
            }
        }
        let _ = Env::default().add_file(&format!("A={value}"), std::path::Path::new("x"), true);
    }
}
