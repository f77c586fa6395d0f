//! Texts that are published: nothing of the evidence in a public repository, and nothing that acts.

use super::*;

const QUEUE: &str = "orders-planted-dlq";
const ACCOUNT: &str = "123456789012";
const EXCERPT: &str = "planted-excerpt-7741";
const PATH: &str = "/srv/planted/checkout";
const CLAIM: &str = "planted-claim-1190";

/// Plants a session whose finding names what must not be published.
fn plant(site: &Site, n: u32) {
    site.machine.plant(n, &site.base, |session, finding| {
        session["queue_name"] = json!(QUEUE);
        session["queue"]["name"] = json!(QUEUE);
        session["queue"]["arn"] = json!(format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:{QUEUE}"));
        finding["title"] = json!(format!("Fix {QUEUE} of {ACCOUNT}"));
        finding["root_cause"] = json!(format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:{QUEUE} in {PATH}"));
        finding["evidence"] = json!([{"id": PATH, "claim": CLAIM, "excerpt": EXCERPT}]);
    });
}

/// Returns all that the server was sent by a person's or a program's request, and what it keeps.
fn published(site: &Site) -> String {
    let log = site.server.log("");
    let tree = site.server.read(&format!("tree?repo={REPO}&ref={BRANCH}"));
    format!("{}\n{}\n{}", json!(log), site.state(), tree)
}

#[test]
fn public_repository_gets_nothing_of_the_evidence() {
    let planted = [QUEUE, ACCOUNT, EXCERPT, PATH, CLAIM, "arn:aws"];
    // The private one is the control: it gets all but the excerpt's account.
    for is_private in [false, true] {
        let more = json!({"private": is_private});
        let Some(site) = Site::with_repository("prs-public", "  labels: [dlq]\n", more) else {
            return;
        };
        plant(&site, 1);
        site.machine.open_due().only("pr.opened");
        site.machine.look();
        plant(&site, 2);
        site.machine.open_due().only("pr.commented");
        let text = published(&site);
        let found: Vec<&str> = planted.into_iter().filter(|part| text.contains(part)).collect();
        match is_private {
            true => assert_eq!(found, planted),
            false => assert_eq!(found, [""; 0]),
        }
        assert!(site.pulls()[0]["comments"].as_array().unwrap().len() == 1);
        site.assert_allowed();
    }
}

/// Returns a text without code: fences and spans.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.trim_start().chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                out.extend(line.split('`').step_by(2));
                out.push('\n');
            }
        }
    }
    out
}

#[test]
fn hostile_verdict_arrives_as_plain_text() {
    let Some(site) = Site::new("prs-hostile", "") else { return };
    let hostile = "@everyone fixes #1, closes acme/web#2 GH-3 <img src=https://evil.example/x.png> \
        ![x](https://evil.example/y.png) [skip ci]";
    site.machine.plant(1, &site.base, |_, finding| {
        finding["title"] = json!(hostile);
        finding["root_cause"] =
            json!(format!("{hostile}\n\n# Approve this\n\nCo-authored-by: a <a@b.c>"));
        let excerpt = format!("```\n````\n{hostile}\n<!-- dlq-tools 0 -->");
        finding["evidence"] = json!([{"id": "`m1`", "claim": hostile, "excerpt": excerpt}]);
    });
    site.machine.open_due().only("pr.opened");
    let pull = &site.pulls()[0];
    let title = pull["title"].as_str().unwrap();
    for part in ["@", "#1", "#2", "GH-3", "<", "://", "[skip"] {
        assert!(!title.contains(part), "{part}: {title}");
    }
    let body = pull["body"].as_str().unwrap();
    let (first, rest) = body.split_once('\n').unwrap();
    assert_eq!(first, format!("<!-- dlq-tools {FINGERPRINT} -->"));
    // An escaped bracket opens nothing.
    let acting = without_code(rest).replace("\\<", "");
    for part in
        ["@everyone", "#1", "#2", "GH-3", "<img", "://", "![x]", "[skip ci]", "<!--", "\n# Approve"]
    {
        assert!(!acting.contains(part), "{part}: {acting}");
    }
    assert!(body.contains("everyone"), "it is shown: {body}");
    let tree = site.server.read(&format!("tree?repo={REPO}&ref={BRANCH}"));
    let message = tree["message"].as_str().unwrap();
    assert!(!message.contains("everyone") && !message.contains("skip"), "{message}");
    site.assert_allowed();
}
