//! Environment of an agent: no credentials, profile or account of the filter, and no repository but
//! that of its queue.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::event_lines::{raised, seconds_ago};
use crate::support::investigate::{
    QUICK_AGENT, agent, assert_no_process_left, investigate, own_events, read_text, summaries,
};
use crate::support::workbench::{Bench, Running};

/// Returns the line for a queue in another account and region.
fn in_other_account(line: &str) -> String {
    line.replace("us-east-1", "sa-east-1")
        .replace("000000000000", "210987654321")
        .replace("\"account\":\"0\"", "\"account\":\"billing\"")
}

/// Finds runs of twelve digits and words in the form of a region.
fn accounts_and_regions(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let account = |word: &str| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit());
    let region = |word: &str| {
        let parts: Vec<&str> = word.split('-').collect();
        matches!(parts[..], [area, place, number]
            if area.len() == 2 && place.len() > 3 && number.len() == 1
            && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    words.filter(|word| account(word) || region(word)).map(str::to_owned).collect()
}

#[test]
fn agent_sees_neither_profile_nor_account_of_filter() {
    let mut bench = Bench::new("profile");
    let body = format!(
        r#"cat > "@/prompt"; env > "@/env"; printf '%s\n' "$0" "$@" > "@/argv"
{QUICK_AGENT}"#
    );
    agent(&mut bench, &body, "");
    let config = read_text(&bench, "config.yaml");
    bench.configure(&format!("{config}aws: {{profile: profile-of-config, region: eu-north-1}}\n"));
    for (name, value) in [
        ("AWS_PROFILE", "profile-of-env"),
        ("AWS_DEFAULT_PROFILE", "profile-of-env"),
        ("AWS_REGION", "ap-south-1"),
        ("AWS_DEFAULT_REGION", "ap-south-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SESSION_TOKEN", "token-of-env"),
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/of-env"),
        ("AWS_CONFIG_FILE", "/nonexistent/of-env"),
        ("DLQ_AWS_PROFILE", "profile-of-env"),
    ] {
        bench.set(name, value);
    }
    let input = in_other_account(&raised("orders", "i", seconds_ago(0), None));
    let output = investigate(&bench, &[], input);
    assert_eq!(summaries(&output.text()), ["started orders", "completed orders"]);
    let prompt = read_text(&bench, "prompt");
    let named: Vec<String> = accounts_and_regions(&prompt).into_iter().collect();
    assert_eq!(named, ["210987654321", "sa-east-1"], "{prompt}");
    let env = read_text(&bench, "env");
    let aws_variables: Vec<&str> = env.lines().filter(|line| line.starts_with("AWS_")).collect();
    assert_eq!(aws_variables, [""; 0]);
    for text in [&prompt, &env, &read_text(&bench, "argv")] {
        for secret in ["of-env", "of-config", "AKIA", "111122223333"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    assert_no_process_left(&bench);
}

#[test]
fn queue_without_repository_gives_agent_empty_folder() {
    let mut bench = Bench::new("unmapped");
    let body = format!(
        r#"{{ pwd; echo "${{DLQ_REPO-unset}}"; ls -A; git rev-parse --show-toplevel 2>&1; }} > "@/$DLQ_QUEUE"
cat > "@/prompt-$DLQ_QUEUE"; {QUICK_AGENT}"#
    );
    let commit = "git -c user.name=n -c user.email=e commit -q --allow-empty -m m";
    let made = bench.shell(&format!("git init -q repo && cd repo && {commit}"));
    assert_eq!(made.code(), 0, "{}", made.stderr);
    let repo = bench.path("repo").display().to_string();
    agent(&mut bench, &body, &format!("queues: [{{match: 'mapped-*', repo: '{repo}'}}]"));
    // The filter runs in a repository that is not that of the queue.
    let mut command = bench.command("dlq-investigate", &[]);
    command.current_dir(bench.path("repo")).stdin(std::process::Stdio::piped());
    command.env("PWD", bench.path("repo")).env("DLQ_REPO", bench.path("repo"));
    let mut filter = Running::spawn(&mut command);
    filter.write(
        raised("mapped-1", "m", seconds_ago(0), None) + &raised("other", "o", seconds_ago(0), None),
    );
    let output = filter.finish();
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    let session = |queue: &str| {
        let all = own_events(&output.text());
        let of_queue = |message: &&Value| message["data"]["queue"]["name"] == queue;
        let session = all.iter().find(of_queue).unwrap()["data"]["session"].clone();
        std::fs::canonicalize(bench.state("sessions").join(session.as_str().unwrap())).unwrap()
    };
    let lines = |queue: &str| -> Vec<String> {
        read_text(&bench, queue).lines().map(str::to_owned).collect()
    };
    let (unmapped, mapped) = (lines("other"), lines("mapped-1"));
    let work: PathBuf = session("other").join("work");
    assert_eq!(unmapped[0], work.display().to_string());
    assert_eq!(unmapped[1], "unset");
    assert!(!read_text(&bench, "prompt-other").contains(&repo));
    assert!(!unmapped.iter().any(|line| line.contains(&repo)), "{unmapped:?}");
    // The mapped queue has a repository, so the unmapped one could have got it.
    assert_ne!(mapped[1], "unset");
    assert_no_process_left(&bench);
}

#[test]
fn agent_gets_no_secret_and_empty_folder() {
    let mut bench = Bench::new("secrets");
    let body = r#"env > "@/env"; pwd > "@/cwd"; ls -A > "@/ls"; cat > "@/prompt"
echo '{"status":"likely"}'"#;
    agent(&mut bench, body, "");
    for name in
        ["AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "ELEVENLABS_API_KEY", "DLQ_X", "HTTPS_PROXY"]
    {
        bench.set(name, "hush-hush");
    }
    let output = investigate(&bench, &[], raised("orders", "inc-7", seconds_ago(0), None));
    let session = own_events(&output.text())[0]["data"]["session"].clone();
    let session = session.as_str().unwrap();
    let env = read_text(&bench, "env");
    assert!(!env.contains("hush-hush"), "{env}");
    for pair in
        [format!("DLQ_SESSION={session}"), "DLQ_QUEUE=orders".into(), "DLQ_INCIDENT=inc-7".into()]
    {
        assert!(env.lines().any(|line| line == pair), "{pair}: {env}");
    }
    let work = bench.state("sessions").join(session).join("work");
    assert_eq!(read_text(&bench, "cwd").trim(), work.canonicalize().unwrap().to_str().unwrap());
    assert_eq!(read_text(&bench, "ls"), "");
    let prompt = read_text(&bench, "prompt");
    assert!(prompt.contains("queue: orders") && prompt.contains("inc-7"), "{prompt}");
    assert_no_process_left(&bench);
}
