//! The table of metrics in dlq-metrics(1), and the names in `deploy/`, agree with the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dlq::rules::view::metrics::{Metric, MetricKind};
use serde_json::Value;

pub(super) fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

pub(super) fn read(name: &str) -> String {
    std::fs::read_to_string(deployed(name)).unwrap()
}

#[test]
fn man_page_has_the_table_of_metrics() {
    let page = include_str!("../../../man/dlq-metrics.1");
    let (_, table) = page.split_once(".Ss Metrics\n").unwrap();
    let table = &table[..table.find("\n.El").unwrap()];
    let lines: Vec<&str> = table.lines().collect();
    let documented: Vec<String> = lines
        .windows(2)
        .filter(|pair| pair[0].starts_with(".It Cm "))
        .map(|pair| pair.join("\n"))
        .collect();
    let expected = Metric::ALL.iter().map(|metric| {
        let labels = match metric.labels() {
            [] => String::new(),
            labels => format!("; {}", labels.join(" ")),
        };
        let (name, kind, unit) = (metric.name(), metric.kind().as_str(), metric.unit());
        format!(".It Cm {name} Pq {kind}, {unit}{labels}\n{}", metric.help())
    });
    assert_eq!(documented, expected.collect::<Vec<_>>());
}

/// Returns every name in an expression that is one of a metric.
fn names(expression: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c: char| !is_name(c));
    let known = words.filter(|word| word.starts_with("dlq_") || word.starts_with("process_"));
    known.map(str::to_owned).collect()
}

/// The families and, of histograms, their series.
fn emitted() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for metric in Metric::ALL {
        let name = metric.name();
        match metric.kind() {
            MetricKind::Histogram(_) => {
                all.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
            }
            _ => drop(all.insert(name.to_owned())),
        }
    }
    all
}

/// Returns the expressions of the panels of the dashboard, each as Prometheus would get it.
pub(super) fn dashboard_expressions() -> Vec<String> {
    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(expression) = fields.get("expr").and_then(Value::as_str) {
                    into.push(expression.replace("$__rate_interval", "5m"));
                }
                fields.values().for_each(|value| collect(value, into));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, into)),
            _ => {}
        }
    }
    let dashboard: Value = serde_json::from_str(&read("grafana/dlq.json")).unwrap();
    let mut all = Vec::new();
    collect(&dashboard, &mut all);
    all
}

#[test]
fn dashboard_names_metrics_that_the_program_emits() {
    let expressions = dashboard_expressions();
    assert!(expressions.len() >= 20, "{}", expressions.len());
    for expression in expressions {
        let named = names(&expression);
        assert!(!named.is_empty(), "{expression}");
        assert_eq!(named.difference(&emitted()).next(), None, "{expression}");
    }
    let dashboard: Value = serde_json::from_str(&read("grafana/dlq.json")).unwrap();
    let ids: Vec<&Value> =
        dashboard["panels"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    let once: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(once.len(), ids.len());
}

#[test]
fn alerts_and_template_name_metrics_that_the_program_emits() {
    for file in ["prometheus/dlq.rules.yml", "cloudwatch/dlq-metrics.yml"] {
        let text = read(file);
        let words = names(&text);
        assert!(words.len() >= 8, "{file}: {words:?}");
        assert_eq!(words.difference(&emitted()).next(), None, "{file}");
    }
}
