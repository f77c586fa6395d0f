//! The table of metrics in dlq-metrics(1) agrees with the program.

use dlq::rules::view::metrics::Metric;

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
