//! The room as a whole: text and environment in, settings or one sentence out.

mod layers;
mod refusals;

use std::time::Duration;

use super::*;

/// What the system that this one succeeds was configured with.
const OLDER_SYSTEM: &str = r#"
aws: {profile: "FABIO-PROD", region: "sa-east-1"}
monitoring: {check_interval: 30, notification_threshold: 1}
auto_investigation:
  enabled: true
  target_queues: ["fm-digitalguru-api-update-dlq-prod", "fm-transaction-processor-dlq-prd"]
  timeout_minutes: 30
  cooldown_hours: 1
"#;

fn origin(trusted: bool) -> Origin {
    Origin { path: Some("config.yaml".into()), trusted }
}

fn read(text: &str) -> Result<Settings, Error> {
    parse(text, &origin(true))
}

/// The sentence with which a text is refused, which is always exit status 2.
fn refusal(text: &str) -> String {
    match read(text) {
        Err(Error::Wrong(sentence)) => sentence,
        other => panic!("{text} gave {other:?}"),
    }
}

#[test]
fn a_configuration_of_the_older_system_loads_unchanged() {
    let settings = read(OLDER_SYSTEM).unwrap();
    assert_eq!(settings.aws.profile.as_deref(), Some("FABIO-PROD"));
    assert_eq!(settings.aws.region.as_deref(), Some("sa-east-1"));
    assert_eq!(settings.monitoring.check_interval, Duration::from_secs(30));
    let investigation = &settings.auto_investigation;
    assert!(investigation.enabled);
    assert!(investigation.target_queues.matches("fm-transaction-processor-dlq-prd"));
    assert!(!investigation.target_queues.matches("fm-transaction-processor-dlq"));
    assert_eq!(investigation.timeout, Duration::from_secs(1800));
    assert_eq!(investigation.cooldown, Duration::from_secs(3600));
}

#[test]
fn nothing_configured_is_the_defaults() {
    let defaults = Settings { origin: origin(true), ..Settings::default() };
    let mut sections = String::new();
    for section in SECTIONS {
        sections.push_str(&format!("{section}:\n"));
    }
    let nulls = "monitoring:\n  check_interval:\n  patterns: ~\nnotifications:\n  channels:\n";
    for text in ["", "# only a comment\n", "---\n", "{}", &sections, nulls] {
        assert_eq!(read(text).unwrap(), defaults, "{text}");
    }
}

#[test]
fn the_example_is_the_defaults_and_names_every_key() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/config.yaml"));
    let defaults = Settings { origin: origin(true), ..Settings::default() };
    assert_eq!(read(text).unwrap(), defaults);
    // It is what a checkout of this project has in ./config/config.yaml.
    let found = parse(text, &origin(false)).unwrap();
    assert_eq!(found, Settings { origin: origin(false), ..Settings::default() });
    let has = |section: &str, name: &str| {
        let lines = text.lines().skip_while(|line| *line != format!("{section}:")).skip(1);
        let mut own = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
        own.any(|line| line.trim_start_matches([' ', '#', '-']).starts_with(&format!("{name}:")))
    };
    for key in KEYS {
        let (section, name) = key.path.split_once('.').unwrap();
        assert!(has(section, name), "config/config.yaml lacks {}", key.path);
    }
    for (path, names) in keys::NESTED {
        let (section, _) = path.split_once('.').unwrap();
        for name in names {
            assert!(has(section, name), "config/config.yaml lacks {name} of {path}");
        }
    }
}

#[test]
fn the_man_page_names_every_key_and_variable_rule() {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/man/dlq-config.5"));
    let item = |name: &str| page.lines().any(|line| line.starts_with(&format!(".It Cm {name} ")));
    for section in SECTIONS {
        assert!(page.contains(&format!(".Ss {section}\n")), "man page lacks section {section}");
    }
    let marker = "These keys are set in the file only:\n";
    let (_, after) = page.split_once(marker).unwrap();
    let file_only: Vec<&str> = after.lines().map_while(|line| line.strip_prefix(".Cm ")).collect();
    for key in KEYS {
        assert!(item(key.name()), "man page lacks {}", key.path);
        let listed =
            file_only.iter().any(|line| line.trim_end_matches([' ', ',', '.']) == key.path);
        assert_eq!(listed, !key.variable, "man page, ENVIRONMENT: {}", key.path);
    }
    for (path, names) in keys::NESTED {
        for name in names {
            assert!(item(name), "man page lacks {name} of {path}");
        }
    }
}

#[test]
fn the_man_page_has_the_limits_of_the_code() {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/man/dlq-config.5"));
    let (_, after) = page.split_once(".Sh LIMITS\n").unwrap();
    let (limits, _) = after.split_once(".Sh ").unwrap();
    let numbers = [
        value::MAX_LIST,
        value::MAX_TEXT,
        yaml::MAX_DEPTH,
        yaml::MAX_NODES,
        yaml::MAX_REPLAYED,
        crate::glob::MAX_PATTERN,
    ];
    for number in numbers {
        let stands =
            limits.split([' ', '\n']).any(|word| word.replace(',', "") == number.to_string());
        assert!(stands, "man page, LIMITS: {number}");
    }
}

#[test]
fn every_section_has_keys_and_no_variable_has_two_meanings() {
    let mut variables: Vec<String> = KEYS.iter().map(keys::Known::variable_name).collect();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), KEYS.len());
    for section in SECTIONS {
        assert!(KEYS.iter().any(|key| key.within(section)), "{section}");
    }
    for key in KEYS {
        assert!(SECTIONS.iter().any(|section| key.within(section)), "{}", key.path);
    }
}

#[test]
fn values_take_their_types() {
    let settings = read(
        "monitoring: {check_interval: 0x10, timeout: 1.5, expiry_tiers: [2h, 60], discover: NAME}\n\
         auto_investigation: {timeout_minutes: 0.05, cooldown_hours: 0, stop_grace_seconds: 0.5}\n\
         logging: {level: debug, format: json}\n",
    )
    .unwrap();
    let (monitoring, investigation) = (&settings.monitoring, &settings.auto_investigation);
    assert_eq!(monitoring.check_interval, Duration::from_secs(16));
    assert_eq!(monitoring.timeout, Duration::from_millis(1500));
    assert_eq!(monitoring.expiry_tiers, [7200, 60].map(Duration::from_secs));
    assert_eq!(monitoring.discover, Discover::Name);
    assert_eq!(investigation.timeout, Duration::from_secs(3));
    assert_eq!(investigation.cooldown, Duration::ZERO);
    assert_eq!(investigation.stop_grace, Duration::from_millis(500));
    assert_eq!((settings.logging.level, settings.logging.format), (Level::Debug, LogFormat::Json));
}

#[test]
fn an_agent_is_a_name_or_a_command_in_either_form() {
    let agent = |text: &str| read(text).unwrap().auto_investigation.agent;
    let command =
        Agent::Command(vec!["/opt/a.sh".into(), "--flag".into()], crate::config::Format::Text);
    for (name, known) in
        [("auto", Agent::Auto), ("claude", Agent::Claude), ("triage", Agent::Triage)]
    {
        assert_eq!(agent(&format!("auto_investigation: {{agent: {name}}}")), known);
    }
    assert_eq!(agent("auto_investigation: {agent: [/opt/a.sh, --flag]}"), command);
    assert_eq!(agent("auto_investigation: {agent: {command: [/opt/a.sh, --flag]}}"), command);
}

#[test]
fn channels_and_routes_are_kept_in_order_and_routes_name_channels_that_exist() {
    // The routes stand before the channels on purpose.
    let text = "notifications:\n  routes:\n    - {type: 'queue.*', channels: [page]}\n    \
                - {queue: [a, b], severity: error, channels: [page, term]}\n  channels:\n    \
                term: {type: console, min_severity: WARN}\n    page: {type: desktop}\n";
    let notifications = read(text).unwrap().notifications;
    let names: Vec<_> = notifications.channels.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["term", "page"]);
    assert_eq!(notifications.channels[0].min_severity, Some(Severity::Warn));
    assert_eq!(notifications.channels[1].kind, ChannelKind::Desktop);
    let [first, second] = &notifications.routes[..] else { panic!("two routes") };
    assert!(first.types.as_ref().unwrap().matches("queue.raised") && first.queues.is_none());
    assert!(second.queues.as_ref().unwrap().matches("b"));
    assert_eq!(second.severity, Some(Severity::Error));
    assert_eq!(second.channels, ["page", "term"]);
    let cases = [
        (
            "notifications: {routes: [{channels: [consle]}]}",
            "unknown channel 'consle'; did you \
          mean 'console'?",
        ),
        (
            "notifications: {channels: {a: {type: desktop}}, routes: [{channels: [console]}]}",
            "unknown channel 'console'; known: a",
        ),
        ("notifications: {routes: [{type: x}]}", "'channels' is missing"),
        ("notifications: {channels: {a: {}}}", "'type' is missing: console or desktop"),
        ("notifications: {channels: {a: {type: slack}}}", "expected one of console, desktop"),
    ];
    for (text, expected) in cases {
        assert!(refusal(text).contains(expected), "{text}: {}", refusal(text));
    }
}

#[test]
fn a_secret_is_a_reference_in_one_of_three_forms() {
    let token = |text: &str| read(text).unwrap().github.token.unwrap();
    assert_eq!(token("github: {token: {env: GH_X}}"), Secret::Env("GH_X".into()));
    assert_eq!(token("github: {token: {file: /run/t}}"), Secret::File("/run/t".into()));
    let command = Secret::Command(vec!["gh".into(), "auth".into(), "token".into()]);
    assert_eq!(token("github: {token: {command: [gh, auth, token]}}"), command);
}
