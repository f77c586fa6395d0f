//! The layers over each other: files, `.env`, variables and flags.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::settings::{Level, LogFormat};
use super::super::*;
use super::read;
use crate::glob::GlobList;

fn with_env(text: &str, pairs: &[(&str, &str)]) -> Result<Settings, Error> {
    let mut settings = read(text)?;
    overlay(&mut settings, &Env::from_pairs(pairs.iter().copied()))?;
    Ok(settings)
}

#[test]
fn variable_overrides_the_file_and_is_read_by_type() {
    let pairs = [
        ("DLQ_MONITORING_CHECK_INTERVAL", "10s"),
        ("DLQ_MONITORING_TIMEOUT", "2"),
        ("DLQ_MONITORING_MATCH", "a-*, b-*"),
        ("DLQ_MONITORING_EXPIRY_TIERS", "2h,1h"),
        ("DLQ_AUTO_INVESTIGATION_ENABLED", "true"),
        ("DLQ_AUTO_INVESTIGATION_TIMEOUT_MINUTES", "0.05"),
        ("DLQ_AUTO_INVESTIGATION_AGENT", "/opt/agent.sh,--flag"),
        ("DLQ_AUTO_INVESTIGATION_MODEL", ""),
        ("DLQ_LOGGING_LEVEL", "info"),
        ("DLQ_STATE_DIR", "~/dlq"),
        ("DLQ_CONFIG", "x"),
        ("DLQ_PRIVATE", "somebody else's"),
        ("HOME", "/h"),
    ];
    let settings = with_env("monitoring: {check_interval: 5, concurrency: 7}", &pairs).unwrap();
    assert_eq!(settings.monitoring.check_interval, Duration::from_secs(10));
    assert_eq!(settings.monitoring.concurrency, 7);
    assert_eq!(settings.monitoring.timeout, Duration::from_secs(2));
    assert_eq!(settings.monitoring.matching.patterns(), ["a-*", "b-*"]);
    assert_eq!(settings.monitoring.expiry_tiers, [7200, 3600].map(Duration::from_secs));
    assert!(settings.auto_investigation.enabled);
    assert_eq!(settings.auto_investigation.timeout, Duration::from_secs(3));
    let agent = Agent::Command(
        vec!["/opt/agent.sh".into(), "--flag".into()],
        crate::config::ResultFormat::Text,
    );
    assert_eq!(settings.auto_investigation.agent, agent);
    assert_eq!(settings.auto_investigation.claude.model, "claude-sonnet-5-5");
    assert_eq!(settings.logging.level, Level::Info);
    assert_eq!(settings.state.dir.as_deref(), Some(Path::new("/h/dlq")));
}

#[test]
fn invalid_variable_is_named_with_nearest_or_expected() {
    let cases = [
        (
            "DLQ_MONITORING_CHEK_INTERVAL",
            "1s",
            "environment: 'DLQ_MONITORING_CHEK_INTERVAL': \
          unknown variable; did you mean 'DLQ_MONITORING_CHECK_INTERVAL'?",
        ),
        (
            "DLQ_MONITORING_CHECK_INTERVAL",
            "fast",
            "environment: 'DLQ_MONITORING_CHECK_INTERVAL': \
          expected a duration such as 30s",
        ),
        ("DLQ_AUTO_INVESTIGATION_ENABLED", "maybe", "expected true or false, found 'maybe'"),
        ("DLQ_AUTO_INVESTIGATION_AGENT", "cluade", "unknown agent 'cluade'"),
        ("DLQ_MONITORING_EXPIRY_TIERS", "1h,x", "found 'x'"),
        ("DLQ_GITHUB_TOKEN", "hunter2", "'github.token' is set in the configuration file only"),
        ("AWS_REGION", "no/region", "environment: 'AWS_REGION': expected a region"),
    ];
    for (name, value, expected) in cases {
        let error = with_env("", &[(name, value)]).unwrap_err();
        assert!(matches!(error, Error::Wrong(_)), "{name}");
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{name}: {error}");
    }
}

#[test]
fn aws_variables_are_a_layer_and_keep_configured_lists() {
    let env = [
        ("AWS_PROFILE", "env"),
        ("AWS_DEFAULT_REGION", "us-west-1"),
        ("AWS_ENDPOINT_URL", "http://a"),
        ("AWS_ENDPOINT_URL_SQS", "http://b"),
    ];
    let aws = with_env("aws: {profile: file, region: sa-east-1}", &env).unwrap().aws;
    assert_eq!(aws.profile.as_deref(), Some("env"));
    assert_eq!(aws.region.as_deref(), Some("us-west-1"));
    assert_eq!(aws.endpoint_url.as_deref(), Some("http://b"));
    let aws = with_env("aws: {region: x, regions: [a, b]}", &env).unwrap().aws;
    assert_eq!((aws.region.as_deref(), aws.profile.as_deref()), (Some("x"), Some("env")));
    let aws = with_env("aws: {accounts: [{profile: a}]}", &env).unwrap().aws;
    assert_eq!((aws.region, aws.profile), (None, None));
    let own = [env[0], ("DLQ_AWS_PROFILE", "own")];
    assert_eq!(with_env("", &own).unwrap().aws.profile.as_deref(), Some("own"));
}

#[test]
fn profile_beside_access_key_is_resolved_by_the_sdk() {
    let (profile, key) = (("AWS_PROFILE", "env"), ("AWS_ACCESS_KEY_ID", "AKIA"));
    let own = ("DLQ_AWS_PROFILE", "own");
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
    let cases: [(Case<'_>, &str, Option<&str>); 9] = [
        (("a profile alone", "", &[profile]), "", Some("env")),
        (("with a key: the SDK's chain", "", &[profile, key]), "", None),
        (("an empty key is none", "", &[profile, ("AWS_ACCESS_KEY_ID", "")]), "", Some("env")),
        (("the file has one", "aws: {profile: file}", &[profile, key]), "", Some("env")),
        (("only the file has one", "aws: {profile: file}", &[key]), "", Some("file")),
        (("meant for these programs", "", &[profile, key, own]), "", Some("own")),
        (("both in .env", "", &[]), "AWS_PROFILE=env\nAWS_ACCESS_KEY_ID=AKIA", None),
        (("a key of the layer below", "", &[profile]), "AWS_ACCESS_KEY_ID=AKIA", Some("env")),
        (("a profile of the layer below", "", &[key]), "AWS_PROFILE=env", None),
    ];
    for ((what, text, real), file, expected) in cases {
        let mut env = Env::from_pairs(real.iter().copied());
        env.add_file(file, Path::new(".env"), true).unwrap();
        let mut settings = read(text).unwrap();
        overlay(&mut settings, &env).unwrap();
        assert_eq!(settings.aws.profile.as_deref(), expected, "{what}");
    }
}

#[test]
fn env_file_is_named_with_line_and_guarded_if_untrusted() {
    let beside = |text: &str, trusted: bool| {
        let mut env = Env::from_pairs([("DLQ_MONITORING_CONCURRENCY", "9")]);
        env.add_file(text, Path::new("config/.env"), trusted)?;
        let mut settings = Settings::default();
        overlay(&mut settings, &env).map(|()| settings)
    };
    let text = "# x\nDLQ_MONITORING_CONCURRENCY=5\nDLQ_MONITORING_RATE_LIMIT=7\n";
    let monitoring = beside(text, false).unwrap().monitoring;
    assert_eq!((monitoring.concurrency, monitoring.rate_limit), (9, 7));
    let agent = "\nDLQ_AUTO_INVESTIGATION_AGENT=/opt/evil.sh\n";
    assert!(beside(agent, true).is_ok());
    let harmful = [
        "DLQ_AUTO_INVESTIGATION_ENABLED=true",
        "DLQ_AWS_ENDPOINT_URL=https://evil.example",
        "AWS_ENDPOINT_URL=https://evil.example",
        "AWS_ENDPOINT_URL_SQS=http://localhost.evil.example",
        "DLQ_STATE_DIR=/tmp",
    ];
    for line in harmful {
        assert!(beside(line, true).is_ok(), "{line}");
        let error = beside(line, false).unwrap_err().to_string();
        let (name, _) = line.split_once('=').unwrap();
        assert!(error.starts_with(&format!("config/.env:1: '{name}': a configuration")), "{error}");
        assert!(error.contains("--config or $DLQ_CONFIG"), "{error}");
    }
    let harmless = "DLQ_AUTO_INVESTIGATION_ENABLED=false\nAWS_ENDPOINT_URL=http://127.0.0.1:9\n";
    assert!(beside(harmless, false).is_ok());
    let cases = [
        (
            agent,
            "config/.env:2: 'DLQ_AUTO_INVESTIGATION_AGENT': a configuration found in the \
          current folder may not run commands",
        ),
        ("DLQ_MONITORING_RATE_LIMIT=x", "config/.env:1: 'DLQ_MONITORING_RATE_LIMIT': expected"),
        (
            "DLQ_STATE_DRI=x",
            "config/.env:1: 'DLQ_STATE_DRI': unknown variable; did you mean \
          'DLQ_STATE_DIR'?",
        ),
    ];
    for (text, expected) in cases {
        let error = beside(text, false).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn flag_value_is_set_and_refusal_names_the_option() {
    let mut settings = Settings::default();
    set(&mut settings, "monitoring.check_interval", "10", "--interval").unwrap();
    assert_eq!(settings.monitoring.check_interval, Duration::from_secs(10));
    let error = set(&mut settings, "monitoring.check_interval", "0s", "--interval").unwrap_err();
    let expected = "option '--interval': expected a duration such as 30s, 15m or 7d, or a number \
                    of seconds, from 100ms to 1d, found '0s'";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn flag_with_several_values_replaces_the_list_and_keeps_commas() {
    let mut settings = Settings::default();
    settings.monitoring.matching = GlobList::any(&["of-the-file"]).unwrap();
    set_list(&mut settings, "monitoring.match", &["{a,b}-dlq", "c"], "--match").unwrap();
    assert_eq!(settings.monitoring.matching.patterns(), ["{a,b}-dlq", "c"]);
    let error = set_list(&mut settings, "monitoring.match", &["a", "[b"], "--match").unwrap_err();
    assert!(error.to_string().starts_with("option '--match': '[b' is not a pattern"), "{error}");
}

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dlq-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn named_file_precedes_found_one_and_must_exist() {
    let folder = Folder::new("order");
    let flag = folder.write("flag.yaml", "logging: {level: INFO}");
    let variable = folder.write("variable.yaml", "logging: {level: ERROR}");
    folder.write("x/dlq/config.yaml", "logging: {level: DEBUG}");
    let xdg = folder.0.join("x").to_string_lossy().into_owned();
    let named = ("DLQ_CONFIG".to_owned(), variable.to_string_lossy().into_owned());
    let xdg = ("XDG_CONFIG_HOME".to_owned(), xdg);
    let level = |explicit: Option<&Path>, pairs: &[(String, String)]| {
        let settings = load(explicit, &mut Env::from_pairs(pairs.iter().cloned())).unwrap();
        assert!(settings.origin.trusted);
        settings.logging.level
    };
    assert_eq!(level(Some(&flag), &[named.clone(), xdg.clone()]), Level::Info);
    assert_eq!(level(None, &[named, xdg.clone()]), Level::Error);
    let missing = folder.0.join("missing.yaml");
    let error = load(Some(&missing), &mut Env::from_pairs([xdg])).unwrap_err();
    assert!(matches!(error, Error::Wrong(_)), "{error}");
    assert!(error.to_string().ends_with("missing.yaml': no such file or directory"), "{error}");
}

#[test]
fn dlq_env_selects_the_file_of_an_environment() {
    let folder = Folder::new("environment");
    let named = folder.write("named.yaml", "logging: {level: ERROR}");
    folder.write("x/dlq/config.yaml", "logging: {level: DEBUG, format: json}");
    folder.write("x/dlq/config.prod.yaml", "logging: {level: INFO}");
    let load_in = |environment: &str, explicit: Option<&Path>| {
        let xdg = folder.0.join("x").to_string_lossy().into_owned();
        let pairs = [("XDG_CONFIG_HOME".to_owned(), xdg), ("DLQ_ENV".into(), environment.into())];
        let mut env = Env::from_pairs(pairs);
        load(explicit, &mut env).map(|settings| (in_force(&settings, &env, &[]), settings))
    };
    let (sentence, settings) = load_in("prod", None).unwrap();
    // The two files are not merged.
    assert_eq!((settings.logging.level, settings.logging.format), (Level::Info, LogFormat::Text));
    let file = "dlq/config.prod.yaml', selected by DLQ_ENV 'prod'; ";
    assert!(sentence.contains(file), "{sentence}");
    let (sentence, settings) = load_in("prod", Some(&named)).unwrap();
    assert_eq!(settings.logging.level, Level::Error);
    let file = "named.yaml', named, which leaves no effect to DLQ_ENV 'prod'; ";
    assert!(sentence.contains(file), "{sentence}");

    let missing = load_in("stage", None).unwrap_err();
    assert!(matches!(missing, Error::Wrong(_)), "{missing}");
    let x = folder.0.display();
    assert_eq!(
        missing.to_string(),
        format!(
            "no configuration for DLQ_ENV 'stage': looked for 'config/config.stage.yaml', \
             '{x}/x/dlq/config.stage.yaml', '/etc/dlq/config.stage.yaml'; make one of them, or \
             unset DLQ_ENV"
        )
    );
}

#[test]
fn dlq_env_is_a_plain_name() {
    let long = "x".repeat(65);
    for value in ["../prod", "a/b", "..", "prod.", "a b", "prod\n", "\u{202e}dorp", &long] {
        let mut env = Env::from_pairs([("DLQ_ENV", value)]);
        let error = load(None, &mut env).unwrap_err();
        assert!(matches!(error, Error::Wrong(_)), "{value}: {error}");
        let error = error.to_string();
        let expected = "DLQ_ENV: expected at most 64 letters, digits, '-' and '_', found '";
        assert!(error.starts_with(expected), "{value}: {error}");
        assert!(!error.contains(['\n', '\u{202e}']), "{error:?}");
    }
}

#[test]
fn env_file_beside_the_configuration_is_read() {
    let folder = Folder::new("beside");
    let path = folder.write("c.yaml", "github: {token: {env: MY_TOKEN}}");
    folder.write(".env", "export MY_TOKEN='hunter2'\nDLQ_LOGGING_FORMAT=json\n");
    let mut env = Env::default();
    let settings = load(Some(&path), &mut env).unwrap();
    assert_eq!(settings.logging.format, LogFormat::Json);
    assert_eq!(settings.github.token.unwrap().resolve(&env).unwrap().expose(), "hunter2");
    folder.write(".env", "A=1\nnonsense\n");
    let error = load(Some(&path), &mut Env::default()).unwrap_err().to_string();
    assert!(error.ends_with(".env:2: expected NAME=VALUE"), "{error}");
}

#[test]
fn file_over_its_limit_or_not_in_utf8_is_refused() {
    let folder = Folder::new("limits");
    let most = format!("#{}", "x".repeat((1 << 20) - 1));
    assert!(load(Some(&folder.write("most.yaml", &most)), &mut Env::default()).is_ok());
    let cases = [
        (folder.write("large.yaml", format!("{most}x")), "larger than 1024 KiB"),
        (folder.write("latin1.yaml", b"a: 1\nb: \xe7\n"), "latin1.yaml:2: not UTF-8"),
        (folder.0.clone(), "is a directory"),
    ];
    for (path, expected) in cases {
        let error = load(Some(&path), &mut Env::default()).unwrap_err();
        assert!(matches!(error, Error::Wrong(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn log_search_is_switched_off_by_the_bare_word() {
    let logs = |text: &str| read(text).map(|settings| settings.evidence.logs).ok();
    let rows = [
        ("evidence: {logs: off}", Some(LogSearch::Off)),
        ("evidence: {logs: 'off'}", Some(LogSearch::Off)),
        ("evidence: {logs: auto}", Some(LogSearch::Auto)),
        ("evidence: {logs: on}", None),
        ("evidence: {logs: sometimes}", None),
    ];
    for (text, expected) in rows {
        assert_eq!(logs(text), expected, "{text}");
    }
}
