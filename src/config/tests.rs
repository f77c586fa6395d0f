//! Tests of all readers together: a text and an environment become settings or a refusal.

mod documents;
mod layers;
mod refusals;

use std::time::Duration;

use super::settings::{Discover, Level, LogFormat, Severity};
use super::*;
use crate::glob::GlobList;
use crate::rules::notification::connection::ChannelUrl;

/// The configuration of the system that this one succeeds.
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
    Origin { path: Some("config.yaml".into()), trusted, ..Origin::default() }
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
fn older_configuration_loads_unchanged() {
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
fn empty_configuration_gives_the_defaults() {
    let defaults = Settings { origin: origin(true), ..Settings::default() };
    let mut sections = String::new();
    for section in super::sections() {
        sections.push_str(&format!("{section}:\n"));
    }
    let nulls = "monitoring:\n  check_interval:\n  patterns: ~\nnotifications:\n  channels:\n";
    for text in ["", "# only a comment\n", "---\n", "{}", &sections, nulls] {
        assert_eq!(read(text).unwrap(), defaults, "{text}");
    }
}

#[test]
fn values_are_read_by_type() {
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
fn agent_is_a_name_or_a_command_in_either_form() {
    let agent = |text: &str| read(text).unwrap().auto_investigation.agent;
    let command = Agent::Command(
        vec!["/opt/a.sh".into(), "--flag".into()],
        crate::config::ResultFormat::Text,
    );
    for (name, known) in
        [("auto", Agent::Auto), ("claude", Agent::Claude), ("triage", Agent::Triage)]
    {
        assert_eq!(agent(&format!("auto_investigation: {{agent: {name}}}")), known);
    }
    assert_eq!(agent("auto_investigation: {agent: [/opt/a.sh, --flag]}"), command);
    assert_eq!(agent("auto_investigation: {agent: {command: [/opt/a.sh, --flag]}}"), command);
}

#[test]
fn routes_keep_their_order_and_need_known_channels() {
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
        ("notifications: {routes: [{type: pr.*}]}", "'channels' is missing: Channels that get"),
        (
            "notifications: {channels: {a: {type: desktop, voice: x}}}",
            "no such key; one of type speech has",
        ),
        ("notifications: {channels: {a: {type: speech, engine: elevenlabs}}}", "needs 'voice'"),
        ("notifications: {channels: {a: {type: speech, voice: ../x}}}", "the id of a voice"),
        ("notifications: {channels: {a: {type: speech, format: pcm_16000}}}", "mp3_, wav_ or"),
        ("notifications: {channels: {a: {type: speech, api_key: x}}}", "cannot be in the file"),
        ("notifications: {channels: {a: {type: speech, volume: 101}}}", "from 0 to 100"),
        (
            "notifications: {channels: {a: {type: speech, settings: {speed: 9}}}}",
            "from 0.5 to 2, found 9",
        ),
        (
            "notifications: {channels: {a: {type: speech, base_url: 'http://evil.example'}}}",
            "only https is used",
        ),
        ("notifications: {channels: {a: {}}}", "'type' is missing: Type of the channel: console, "),
        (
            "notifications: {channels: {a: {type: slak}}}",
            "expected console, desktop, speech, slack, ",
        ),
    ];
    for (text, expected) in cases {
        assert!(refusal(text).contains(expected), "{text}: {}", refusal(text));
    }
}

#[test]
fn notifications_that_reach_nobody_are_refused_at_their_key() {
    let route =
        |text: &str| format!("notifications: {{routes: [{{channels: [console], {text}}}]}}");
    let rows = [
        (
            "notifications: {channels: {}}".into(),
            "'notifications.channels': no channels: nobody would be notified; leave the key out",
        ),
        (
            route("type: queue.rised"),
            "'notifications.routes[0].type': no event has the type 'queue.rised'; did you mean \
             'queue.raised'?",
        ),
        (
            route("type: [queue.raised, queue.rised]"),
            "'notifications.routes[0].type[1]': no event has the type 'queue.rised'",
        ),
        (route("type: 'queues.*'"), "did you mean 'queue.*'?"),
        (route("type: Queue.Rised"), "did you mean 'queue.raised'?"),
        (route("type: health.check"), "did you mean 'health.checked'?"),
        (route("type: weather"), "known: archive.*, health.*, investigation.*, issue.*, notice.*,"),
        (
            route("fallback: consle"),
            "'notifications.routes[0].fallback': unknown channel 'consle'; did you mean 'console'?",
        ),
        (
            route("escalate: {after: 1h, to: consle}"),
            "'notifications.routes[0].escalate.to': unknown channel 'consle'",
        ),
        (
            route("escalate: [{after: 2h, to: console}, {after: 1h, to: pager}]"),
            "'notifications.routes[0].escalate[1].to': unknown channel 'pager'; known: console",
        ),
        (
            route("fallback: console"),
            "'notifications.routes[0].fallback': channel 'console' is told by this route anyway",
        ),
        (
            route("escalate: [{after: 1h, to: console}]"),
            "'notifications.routes[0].escalate': channel 'console' is told by this route anyway",
        ),
        (
            "notifications: {routes: [{channels: [console, pager]}]}".into(),
            "'notifications.routes[0].channels[1]': unknown channel 'pager'",
        ),
        (
            "notifications: {quiet_hours: {zone: UTC, from: '22:00', to: '7:00'}}".into(),
            "'notifications.quiet_hours.to': expected a time of day with two digits each, such as \
             07:00 or 22:00, found '7:00'",
        ),
    ];
    for (text, expected) in rows {
        assert!(refusal(&text).contains(expected), "{text}: {}", refusal(&text));
    }
    for known in
        ["none", "pr.merged", "'redrive.*'", "health.checked", "'*'", "'*.raised'", "QUEUE.raised"]
    {
        let text = route(&format!("type: {known}"));
        assert!(read(&text).is_ok(), "{text}: {}", refusal(&text));
    }
}

#[test]
fn channel_has_the_keys_of_its_type() {
    let channel = |text: &str| format!("notifications: {{channels: {{a: {{{text}}}}}}}");
    let good = [
        "type: slack, token: {env: T}, channel: '#ops', rate: 30/m, endpoint: 'http://localhost:1'",
        "type: slack, url: {file: /run/hook}",
        "type: webhook, url: 'https://example.org/hook', secret: {env: S}",
        "type: webhook, url: {env: HOOK}, rate: 1000/s",
        "type: pagerduty, key: {env: K}, endpoint: 'https://events.eu.pagerduty.com'",
        "type: exec, command: [apprise, --config, /etc/apprise], rate: 1/s",
        "type: desktop, rate: 2/s",
        "type: speech, engine: elevenlabs, voice: v-1, api_key: {file: /k}, settings: {speed: 1.1}",
    ];
    for text in good {
        assert!(read(&channel(text)).is_ok(), "{text}: {}", refusal(&channel(text)));
    }
    let bad = [
        ("type: slack", "needs 'token' and 'channel', or the 'url' of a webhook"),
        ("type: slack, channel: a", "needs 'token' and 'channel', or the 'url' of a webhook"),
        ("type: slack, token: {env: T}", "with a token needs 'channel'"),
        ("type: slack, url: {env: T}, channel: a", "not both"),
        ("type: slack, url: {env: T}, token: {env: T}", "not both"),
        ("type: slack, token: {env: T}, channel: 'a b'", "1 to 80 bytes without blanks"),
        ("type: slack, url: 'https://hooks.example/hunter2'", "a secret cannot be in the file"),
        ("type: slack, token: hunter2, channel: a", "a secret cannot be in the file"),
        ("type: pagerduty, key: hunter2", "a secret cannot be in the file"),
        ("type: webhook, secret: {env: S}", "a channel of type webhook needs 'url'"),
        ("type: webhook, url: 'http://example.org'", "only https is used, except on this machine"),
        ("type: webhook, url: 'https://me:hunter2@example.org'", "a user or a password"),
        ("type: webhook, url: [a]", "give it as {env: NAME}"),
        ("type: pagerduty", "a channel of type pagerduty needs 'key'"),
        ("type: pagerduty, key: {env: K}, endpoint: 'http://example.org'", "only https is used"),
        ("type: exec", "a channel of type exec needs 'command'"),
        ("type: exec, command: []", "a command needs a program"),
        ("type: exec, command: [./notify]", "depends on the current folder"),
        ("type: exec, command: notify", "expected a list"),
        ("type: exec, command: [a], rate: 0/s", "a rate such as 1/s, 30/m or 100/h"),
        ("type: exec, command: [a], rate: 5", "a rate such as 1/s, 30/m or 100/h"),
        (
            "type: console, token: {env: T}",
            "'notifications.channels.a.token': a channel of type console has no such key; one of \
             type slack has",
        ),
        ("command: [a], type: desktop", "one of type exec has"),
        ("type: pagerduty, url: hunter2", "one of type slack or webhook has"),
        ("type: console, rate: 1/s", "desktop, speech, slack, webhook, pagerduty or exec has"),
        ("type: webhook, ulr: 'https://example.org'", "did you mean"),
    ];
    for (text, expected) in bad {
        let sentence = refusal(&channel(text));
        assert!(sentence.contains(expected), "{text}: {sentence}");
        assert!(!sentence.contains("hunter2"), "{text}: {sentence}");
    }
    let env = Env::from_pairs([("HOME", "/h")]);
    let text = channel("type: slack, url: {file: ~/hook}");
    let mut settings = read(&text).unwrap();
    overlay(&mut settings, &env).unwrap();
    let expected = ChannelUrl::Secret(Secret::File("/h/hook".into()));
    assert_eq!(settings.notifications.channels[0].connection.url, Some(expected));
}

#[test]
fn secret_is_a_reference_to_variable_file_or_command() {
    let token = |text: &str| read(text).unwrap().github.token.unwrap();
    assert_eq!(token("github: {token: {env: GH_X}}"), Secret::Env("GH_X".into()));
    assert_eq!(token("github: {token: {file: /run/t}}"), Secret::File("/run/t".into()));
    let command = Secret::Command(vec!["gh".into(), "auth".into(), "token".into()]);
    assert_eq!(token("github: {token: {command: [gh, auth, token]}}"), command);
}

#[test]
fn selection_matches_and_excludes() {
    let globs = |list: &[&str]| GlobList::any(list).unwrap();
    let cases: [(&[&str], &[&str], bool); 6] = [
        (&[], &[], true),
        (&["orders*"], &[], true),
        (&["billing*"], &[], false),
        (&[], &["*-dlq"], false),
        (&["orders*"], &["*-test-*"], true),
        (&["orders*"], &["ORDERS-*"], false),
    ];
    for (matching, exclude, expected) in cases {
        let monitoring = Monitoring {
            matching: globs(matching),
            exclude: globs(exclude),
            ..Settings::default().monitoring
        };
        assert_eq!(monitoring.selects("orders-dlq"), expected, "{matching:?} {exclude:?}");
    }
}
