//! Texts that are published: nothing of the evidence in a public repository, and nothing that acts.

use super::*;

const QUEUE: &str = "orders-planted-dlq";
const ACCOUNT: &str = "123456789012";
const EXCERPT: &str = "planted-excerpt-7741";
const PATH: &str = "/srv/planted/checkout";
const CLAIM: &str = "planted-claim-1190";
const MESSAGE: &str = "0b0e55d2-7f1c-4f8e-9a52-3c1d55e4f001";

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
    plant_bundle(site, n);
}

/// Writes the evidence of a session: a message, and a line of a log.
fn plant_bundle(site: &Site, n: u32) {
    let bundle = site.machine.bench.state("evidence").join(id(n));
    std::fs::create_dir_all(&bundle).unwrap();
    let write = |name: &str, text: String| std::fs::write(bundle.join(name), text).unwrap();
    let source = "planted-orders";
    let arn = format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:{source}");
    let facts = json!({
        "q.queue": queue(), "q.lint": [],
        "q.sources": [{"name": source, "arn": arn, "depth": 0, "in_flight": 0, "retention_s": 1,
            "visibility_s": 1, "max_receive_count": 1}],
    });
    write("queue.json", facts.to_string());
    let body =
        json!({"v": 2, "type": "order.cancelled", "name": "Anna Maria Schmidt", "id": "A-83421"});
    let message = json!({
        "id": "m1", "message_id": MESSAGE, "fingerprint": FINGERPRINT, "untrusted": true, "sent_at": null,
        "first_received_at": null, "receives": 3, "source_arn": arn, "system": {}, "attributes": {},
        "wrapped": [], "form": "json", "size": 40, "body": body,
    });
    write("messages.ndjson", format!("{message}\n"));
    let log = json!({"id": "log:1", "command": ["x"], "status": 0, "detail": null, "file": "log-1.txt",
        "truncated": false, "group": "/aws/lambda/planted-group"});
    write("logs.json", json!({"logs": [log]}).to_string());
    write("log-1.txt", "cannot charge the planted card of somebody in Porto\n".into());
    let plan = json!({"version": 1, "bundle": bundle});
    std::fs::write(site.machine.folder(n).join("plan.json"), plan.to_string()).unwrap();
}

/// Returns a patch that adds a line to a file, and a file with a line.
fn patch_with(line: &str, path: &str, text: &str) -> String {
    format!(
        "diff --git a/src/a.py b/src/a.py\n--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1,2 @@\n-x = 1\n+x = 2\n\
         +{line}\ndiff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n\
         @@ -0,0 +1 @@\n+{text}\n"
    )
}

#[test]
fn patch_with_evidence_is_refused_in_a_public_repository() {
    let arn = format!("q = \"arn:aws:sqs:eu-west-1:{ACCOUNT}:x\"");
    let (plain, file) = ("x += 1", "tests/test_a.py");
    // (added line, new file, its line, part of the reason)
    let rows: [(&str, &str, &str, Option<&str>); 12] = [
        (
            "# see orders-planted-dlq",
            file,
            plain,
            Some("line 2 of 'src/a.py' has the name of the queue"),
        ),
        (
            plain,
            "tests/orders-planted-dlq.py",
            plain,
            Some("the path of 'tests/orders-planted-dlq.py' has"),
        ),
        (&arn, file, plain, Some("the account of the queue")),
        ("# as in planted-orders", file, plain, Some("the name of a source queue")),
        (plain, file, MESSAGE, Some("line 1 of 'tests/test_a.py' has the id of a message")),
        (INCIDENT, file, plain, Some("the id of the incident")),
        ("n = \"Anna Maria Schmidt\"", file, plain, Some("a text of a message")),
        (plain, file, "f(\"A-83421\")", Some("a text of a message")),
        ("# planted-group", file, plain, None),
        ("g = \"/aws/lambda/planted-group\"", file, plain, Some("the name of a log group")),
        ("# cannot charge the planted card of somebody", file, plain, Some("a text of a log")),
        // A field, a value that the code has to handle, and what the repository has already.
        ("if type == \"order.cancelled\": v = 2", file, "# A-77777", None),
    ];
    for (n, (line, path, text, part)) in (1..).zip(rows) {
        let more =
            json!({"private": false, "files": {"src/a.py": "x = 1\n", "README.md": "A-77777\n"}});
        let Some(site) = Site::with_repository("prs-evidence", "", more) else { return };
        plant(&site, 1);
        let change = |session: &mut Value, _: &mut Value| {
            session["queue_name"] = json!(QUEUE);
            session["patch"] = json!(patch_with(line, path, text));
        };
        site.machine.plant(1, &site.base, change);
        let report = site.machine.folder(1).join("report.md");
        std::fs::write(&report, "# Report\n").unwrap();
        let ran = site.machine.open_due();
        let Some(part) = part else {
            ran.only("pr.opened");
            continue;
        };
        let data = ran.only("pr.refused");
        assert_eq!(data["reason"], json!("evidence"), "{n}");
        let detail = data["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{n}: {detail}");
        assert!(!detail.contains("Schmidt") && !detail.contains("83421"), "{detail}");
        assert!(site.branches().is_empty() && site.pulls().is_empty(), "{n}");
        assert!(
            std::path::Path::new(data["patch"].as_str().unwrap()).is_file(),
            "the patch is kept"
        );
        let report = || std::fs::read_to_string(&report).unwrap();
        assert!(
            report().starts_with("# Report\n\n## Pull request\n\nNone was opened (evidence): ")
        );
        // A person who asks gets the same answer, and the switch of the user another one.
        let mut site = site;
        let ran = site.machine.prs(&["--open", "00000001"]);
        assert!(ran.code == 1 && ran.stderr.contains(part), "{n}: {ran:?}");
        assert_eq!(report().matches("## Pull request").count(), 1);
        let url = site.server.url.clone();
        site.machine.configure(&url, "  public_evidence: true\n");
        site.machine.prs(&["--open", "00000001"]).only("pr.opened");
        site.assert_allowed();
    }
}

#[test]
fn patch_whose_evidence_cannot_be_read_is_refused_in_a_public_repository() {
    for name in ["plan.json", "queue.json", "messages.ndjson", "logs.json", "log-1.txt"] {
        let more = json!({"private": false});
        let Some(site) = Site::with_repository("prs-no-evidence", "", more) else { return };
        plant(&site, 1);
        let bundle = site.machine.bench.state("evidence").join(id(1));
        let path = if name == "plan.json" { site.machine.folder(1) } else { bundle };
        std::fs::remove_file(path.join(name)).unwrap();
        let ran = site.machine.open_due();
        let data = ran.only("pr.refused");
        assert_eq!(data["reason"], json!("evidence"), "{name}");
        let detail = data["detail"].as_str().unwrap();
        assert!(detail.contains("cannot be compared") && detail.contains(name), "{name}: {detail}");
        assert!(site.branches().is_empty() && site.pulls().is_empty(), "{name}");
    }
}

/// A branch of a private repository that is pushed to a public one.
#[test]
fn public_fork_makes_everybody_a_reader() {
    let github = "  push_to: robot/web\n";
    let Some(site) = Site::new("prs-public-fork", github) else { return };
    let fork =
        json!({"name": "robot/web", "fork_of": REPO, "private": false, "roles": {"bot": "write"}});
    site.act("repo", fork);
    plant(&site, 1);
    site.machine.open_due().only("pr.opened");
    let body = site.pulls()[0]["body"].as_str().unwrap().to_owned();
    assert!(!body.contains(QUEUE) && !body.contains(EXCERPT), "{body}");
    site.machine.plant(2, &site.base, |session, _| {
        session["fingerprint"] = json!("aaaaaaaaaaaa");
        session["patch"] = json!(PATCH.replace("x = 2", "x = \"A-83421\""));
    });
    plant_bundle(&site, 2);
    assert_eq!(site.machine.open_due().only("pr.refused")["reason"], json!("evidence"));
    site.assert_allowed();
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

/// What an agent has left in the place of the plan names no evidence to compare with: that fix is not
/// published, and the other is.
#[test]
fn strange_plan_publishes_nothing_and_stops_no_other_fix() {
    for make in ["mkfifo", "mkdir", "ln -s /dev/zero"] {
        let more = json!({"private": false});
        let Some(site) = Site::with_repository("prs-strange-plan", "", more) else { return };
        site.plant(1);
        let other = |session: &mut Value, finding: &mut Value| {
            session["fingerprint"] = json!("aaaaaaaaaaaa");
            finding["causes"] = json!(["aaaaaaaaaaaa"]);
        };
        site.machine.plant(2, &site.base, other);
        plant_bundle(&site, 1);
        plant_bundle(&site, 2);
        let folder = site.machine.folder(1);
        let line = format!("cd '{}' && rm plan.json && {make} plan.json", folder.display());
        assert_eq!(site.machine.bench.shell(&line).code(), 0, "{make}");
        let ran = site.machine.open_due();
        assert_eq!(ran.types(), ["pr.refused", "pr.opened"], "{make}: {ran:?}");
        let [refused, opened] = [0, 1].map(|n| &ran.events[n]["data"]);
        assert_eq!((&refused["session"], &refused["reason"]), (&json!(id(1)), &json!("evidence")));
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("plan.json': it is "), "{make}: {detail}");
        assert_eq!(opened["session"], json!(id(2)), "{make}");
        assert_eq!(site.pulls().len(), 1, "{make}");
        site.assert_allowed();
    }
}
