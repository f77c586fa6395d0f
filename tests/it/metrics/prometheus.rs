//! Prometheus itself: `promtool` judges the text and the rules, and a real Prometheus and Alertmanager
//! fire and resolve an alert from a real run.

use std::process::Command;

use super::documents::{dashboard_expressions, deployed, read};
use super::{add, once, with_journal};
use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::requirement::is_met;
use crate::support::workbench::Bench;

fn has(program: &str, package: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    is_met(found, &format!("{program} is not installed; install the package {package}"))
}

fn has_promtool() -> bool {
    has("promtool", "prometheus")
}

/// Runs `promtool`, and returns whether it accepts, with all that it says.
fn promtool(bench: &Bench, line: &str) -> (bool, String) {
    let output = bench.shell(line);
    (output.status.success(), output.text() + &output.stderr)
}

#[test]
fn promtool_accepts_the_text_also_with_hostile_names() {
    if !has_promtool() {
        return;
    }
    let bench = with_journal("metrics-promtool");
    let hostile =
        ["q\"uo\"te", "back\\slash", "new\nline", "\u{202e}\u{1b}[2J", &"x".repeat(80), ""];
    let queue = |(n, name): (usize, &&str)| {
        let record = serde_json::json!({
            "seq": 1, "sampled_at": "2026-11-22T20:00:00Z",
            "read": ["2026-11-22T20:00:00Z", {"visible": 2, "in_flight": 1, "delayed": 0}],
            "incident": null, "zeros": null, "misses": 0,
            "cohorts": [{"after": "2026-11-22T19:00:00Z", "by": "2026-11-22T20:00:00Z"}],
            "retention_s": 3600, "fall": null,
        });
        let queue = serde_json::json!({
            "name": name, "url": "", "arn": format!("arn:{n}"), "region": "sa-east-1", "account": "1",
            "fifo": false, "sources": [], "profile": null, "endpoint": null,
        });
        (format!("arn:{n}"), serde_json::json!({"queue": queue, "record": record}))
    };
    let queues: serde_json::Map<String, serde_json::Value> =
        hostile.iter().enumerate().map(queue).collect();
    let document = serde_json::json!({"version": 1, "floor": 1, "rounds": {}, "queues": queues});
    std::fs::write(bench.state("queues.json"), document.to_string()).unwrap();
    add(&bench, &raised("a\\\"b", "i-7", seconds_ago(4), None));
    add(&bench, &heartbeat(seconds_ago(1)));
    let text = once(&bench);
    assert_eq!(text.matches("\ndlq_queue_depth{").count(), hostile.len(), "{text}");
    bench.write("text", &text);
    let (accepts, said) = promtool(&bench, "promtool check metrics < text");
    assert!(accepts && said.is_empty(), "{said}\n{text}");
}

#[test]
fn promtool_accepts_rules_and_their_tests() {
    if !has_promtool() {
        return;
    }
    let bench = Bench::new("metrics-rules");
    let folder = deployed("prometheus");
    let (rules, tests) = (folder.join("dlq.rules.yml"), folder.join("dlq.rules.test.yml"));
    let check = format!("promtool check rules '{}'", rules.display());
    let (accepts, said) = promtool(&bench, &check);
    assert!(accepts && said.contains("rules found"), "{said}");
    let test = format!("promtool test rules '{}'", tests.display());
    let (accepts, said) = promtool(&bench, &test);
    assert!(accepts && said.contains("SUCCESS"), "{said}");
    // Each alert has a test in which it fires.
    let (text, tested) = (read("prometheus/dlq.rules.yml"), read("prometheus/dlq.rules.test.yml"));
    let alerts: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in alerts {
        let case = tested.split("- eval_time: ").find(|case| {
            case.contains(&format!("alertname: {alert}\n")) && case.contains("exp_labels:")
        });
        assert!(case.is_some(), "no test in which {alert} fires");
    }
}

#[test]
fn promtool_accepts_the_expressions_of_the_dashboard() {
    if !has_promtool() {
        return;
    }
    let bench = Bench::new("metrics-grafana");
    let rules: Vec<String> = dashboard_expressions()
        .iter()
        .enumerate()
        .map(|(n, expr)| {
            format!("      - record: dlq:panel:{n}\n        expr: {}\n", serde_json::json!(expr))
        })
        .collect();
    bench.write("rules.yml", format!("groups:\n  - name: a\n    rules:\n{}", rules.concat()));
    let (accepts, said) = promtool(&bench, "promtool check rules rules.yml");
    assert!(accepts, "{said}");
}

#[cfg(feature = "aws")]
mod real {
    use std::net::{TcpListener, TcpStream};
    use std::process::Stdio;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;
    use crate::metrics::server::get;
    use crate::support::http::{HttpRequest, HttpServer};
    use crate::support::poll::bench;
    use crate::support::sqs_server::SqsServer;
    use crate::support::workbench::{Running, wait_for};

    /// Returns a port that is free at this moment.
    fn port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    /// Starts a server whose output is of no interest.
    fn start(bench: &Bench, program: &str, args: &[String]) -> Running {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = bench.command(program, &args);
        Running::spawn(command.stdin(Stdio::null()))
    }

    /// Starts Alertmanager, which tells the webhook, and Prometheus with the rules of `deploy/`, whose
    /// pauses are left out.
    fn servers(bench: &Bench, webhook: &str, target: &str) -> [Running; 2] {
        let (alertmanager, prometheus) = (port(), port());
        let route = "route: {receiver: test, group_by: [alertname], group_wait: 0s, \
                     group_interval: 1s, repeat_interval: 1h}";
        let receiver = format!(
            "receivers: [{{name: test, webhook_configs: [{{url: '{webhook}', send_resolved: true}}]}}]"
        );
        bench.write("alertmanager.yml", format!("{route}\n{receiver}\n"));
        let rules = read("prometheus/dlq.rules.yml");
        let rules: Vec<&str> =
            rules.lines().filter(|line| !line.trim().starts_with("for:")).collect();
        bench.write("rules.yml", rules.join("\n"));
        bench.write(
            "prometheus.yml",
            format!(
                "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\n\
                 alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}\n\
                 scrape_configs: [{{job_name: dlq, static_configs: [{{targets: ['{target}']}}]}}]\n"
            ),
        );
        let path = |name: &str| bench.path(name).display().to_string();
        let alertmanager = start(
            bench,
            "prometheus-alertmanager",
            &[
                format!("--config.file={}", path("alertmanager.yml")),
                format!("--storage.path={}", path("alerts")),
                format!("--web.listen-address=127.0.0.1:{alertmanager}"),
                "--cluster.listen-address=".into(),
            ],
        );
        let prometheus = start(
            bench,
            "prometheus",
            &[
                format!("--config.file={}", path("prometheus.yml")),
                format!("--storage.tsdb.path={}", path("data")),
                format!("--web.listen-address=127.0.0.1:{prometheus}"),
            ],
        );
        [alertmanager, prometheus]
    }

    /// Whether the webhook was told of an alert with this status.
    fn is_told(seen: &Mutex<Vec<HttpRequest>>, alert: &str, status: &str) -> bool {
        let seen = seen.lock().unwrap();
        seen.iter().any(|request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            body["alerts"].as_array().is_some_and(|alerts| {
                alerts.iter().any(|one| {
                    one["labels"]["alertname"] == alert
                        && one["status"] == status
                        && (one["labels"]["queue"].is_null()
                            || one["labels"]["queue"] == "orders-dlq")
                })
            })
        })
    }

    #[test]
    fn alert_of_a_real_run_fires_and_is_resolved() {
        if !has("prometheus", "prometheus")
            || !has("prometheus-alertmanager", "prometheus-alertmanager")
        {
            return;
        }
        let Some(server) = SqsServer::start() else { return };
        let mut sqs = server.client();
        let url = sqs.create("orders-dlq", &json!({}));
        sqs.create_source("orders", "orders-dlq");
        let bench = bench("metrics-alert", &server.url);
        let (webhook, seen): (HttpServer, Arc<_>) =
            HttpServer::recording(|_, reply| reply.send(200, "text/plain", ""));
        let target = format!("127.0.0.1:{}", port());
        let pipe = format!(
            "exec sh -c 'dlq-poll --follow --interval 1s | dlq-metrics --listen {target} > /dev/null'"
        );
        let mut command = bench.command("sh", &["-c", &pipe]);
        let mut pipeline = Running::spawn(command.stdin(Stdio::null()));
        wait_for("it serves", || TcpStream::connect(&target).is_ok());
        wait_for("a round", || get(&target, "/readyz").starts_with("HTTP/1.1 200"));
        let _servers = servers(&bench, &webhook.url, &target);
        sqs.send(&url, "a dead letter");
        wait_for("the alert fires", || is_told(&seen, "DlqDeadLetters", "firing"));
        while let Some(handle) = sqs.receive(&url, 30) {
            sqs.call("DeleteMessage", &json!({"QueueUrl": url, "ReceiptHandle": handle}));
        }
        wait_for("it is resolved", || is_told(&seen, "DlqDeadLetters", "resolved"));
        // The pipeline that is missing is told, too.
        crate::support::workbench::signal("TERM", pipeline.pid());
        for pid in crate::support::workbench::processes_of(&bench) {
            if crate::support::workbench::arguments_of(pid).contains("dlq-poll") {
                crate::support::workbench::signal("TERM", pid);
            }
        }
        pipeline.kill();
        wait_for("the missing one is told", || is_told(&seen, "DlqMetricsMissing", "firing"));
    }
}
