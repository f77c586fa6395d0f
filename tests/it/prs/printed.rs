//! What is printed and published of a verdict: a terminal obeys none of it, and secrets are redacted.

use super::*;

/// Sequences that a terminal obeys, and characters that turn a line around.
const CONTROLS: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\r\u{8}\u{9b}31m\u{202e}live\u{200b}";
/// Secrets, each with the text around it.
const SECRETS: [(&str, &str); 3] = [
    ("AKIAIOSFODNN7EXAMPLE", "the key is AKIAIOSFODNN7EXAMPLE."),
    ("tr0ub4dor-3x9", "password=tr0ub4dor-3x9 is in src/a.py"),
    ("s3cr3t-of-the-shop", "it calls postgres://shop:s3cr3t-of-the-shop@db/orders"),
];

fn hostile() -> String {
    let secrets: Vec<&str> = SECRETS.iter().map(|(_, text)| *text).collect();
    format!("{CONTROLS} {}", secrets.join("; "))
}

/// Makes a session whose verdict has the hostile text at each place that a model fills.
fn plant(site: &Site, n: u32, offers_patch: bool) {
    let text = hostile();
    site.machine.plant(n, &site.base, |session, finding| {
        session["offers_patch"] = json!(offers_patch);
        for key in ["root_cause", "cost"] {
            finding[key] = json!(text);
        }
        // A title is cut: each secret is in that of one session.
        finding["title"] = json!(format!("{CONTROLS}{}", SECRETS[n as usize % 3].1));
        finding["evidence"] =
            json!([{"id": text, "claim": text, "excerpt": format!("{text}\n{text}")}]);
    });
    site.machine.raise(None, None);
}

#[track_caller]
fn assert_harmless(text: &str, what: &str) {
    let obeyed = |c: &char| {
        c.is_control() && *c != '\n'
            || matches!(*c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
    };
    assert_eq!(text.chars().find(obeyed), None, "{what}: {text:?}");
    for (secret, _) in SECRETS {
        assert!(!text.contains(secret), "{what}: {text}");
    }
    assert!(
        text.contains("<secret:") || text.contains("<token:") || text.contains("'token:"),
        "{what}: {text}"
    );
}

#[test]
fn dry_run_and_what_is_published_have_no_control_and_no_secret() {
    for n in 1..=3 {
        let Some(site) = Site::new("prs-printed", "") else { return };
        plant(&site, n, true);
        for args in [&["-n", "--open-due"][..], &["-n", "--open", "0000000"]] {
            let ran = site.machine.prs(args);
            assert_eq!((ran.code, ran.types().len()), (0, 0), "{ran:?}");
            assert!(ran.text.contains("The model says: "), "{ran:?}");
            assert_harmless(&ran.text, "printed");
        }
        site.machine.open_due().only("pr.opened");
        let pull = &site.pulls()[0];
        let published = [&pull["title"], &pull["body"]].map(|part| part.as_str().unwrap());
        assert_harmless(&published.join("\n"), "published");
        site.assert_allowed();
    }
}

#[test]
fn issue_has_no_control_and_no_secret() {
    let Some(site) = Site::new("prs-printed-issue", "  issues: true\n") else { return };
    plant(&site, 1, false);
    let ran = site.machine.prs(&["-n", "--open-due"]);
    assert!(ran.text.starts_with("issue in acme/web: "), "{ran:?}");
    assert_harmless(&ran.text, "printed");
    site.machine.open_due().only("issue.opened");
    let issue = &site.state()["issues"][0];
    let published = [&issue["title"], &issue["body"]].map(|part| part.as_str().unwrap());
    assert_harmless(&published.join("\n"), "published");
    site.assert_allowed();
}

/// A pattern of the configuration, and a text that it lets pass.
#[test]
fn configured_redaction_holds_for_what_is_published() {
    let Some(mut site) = Site::new("prs-printed-patterns", "") else { return };
    let config = std::fs::read_to_string(site.machine.bench.path("config.yaml")).unwrap();
    let redact = "evidence:\n  redact: {badge: 'BADGE-[0-9]+'}\n";
    site.machine.bench.configure(&format!("{config}{redact}"));
    site.machine.plant(1, &site.base, |_, finding| {
        finding["root_cause"] = json!("Orders of BADGE-4711 have no customer.");
    });
    let ran = site.machine.prs(&["-n", "--open-due"]);
    assert!(ran.text.contains("badge:") && !ran.text.contains("4711"), "{ran:?}");
    site.assert_allowed();
}
