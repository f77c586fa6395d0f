use super::*;
use crate::rules::verdict::patch_gate::{DifferingFile, FileChange};
use serde_json::json;

fn file(was: &str, path: &str, before: &str, after: &str) -> DifferingFile {
    let change = FileChange { was: was.into(), mode: "100644".into(), path: path.into() };
    let (before, after) = (Some(before.to_owned()), Some(after.to_owned()));
    DifferingFile { change, lines: Some(1), before, after }
}

fn patch(files: Vec<DifferingFile>) -> Difference {
    Difference { files, patch_bytes: 1 }
}

/// Returns what is found of the evidence in a file that has one more line.
fn found(added: &str, compare: impl FnOnce(&mut PublishedLines<'_>)) -> Vec<String> {
    let difference = patch(vec![file("100644", "a.py", "old\n", &format!("old\n{added}\n"))]);
    let mut lines = PublishedLines::added_by(&difference);
    compare(&mut lines);
    lines.found().iter().map(|one| one.text.to_owned()).collect()
}

/// A message with what messages have: fields, words, values, numbers, and JSON in a string.
fn message() -> Value {
    let inner = json!({"reason": "Card was stolen in Porto", "trace": "trace-99-1234-aa-bb"});
    json!({
        "type": "order.cancelled", "schema_version": 2, "status": "cancelled", "customer": null,
        "name": "Anna Maria Schmidt", "order_id": "A-83421", "customer_number": 4459812,
        "created_at": "2026-11-30T03:12:44.120Z", "amount": 129_900, "limit": 300_000,
        "currency": "EUR", "max": 2_147_483_648_u64, "charset": "windows-1252", "hash": "sha256",
        "region": "eu-west-1", "day": "2026-11-30", "host": "10.20.30.41", "short": "not found",
        "note": "Please leave the parcel with the neighbour, Mrs. Olsen",
        "items": [{"sku": "SKU-100234-X", "title": "Blue kettle, 1.7 l"}],
        "by_customer": {"c-7712345": 1},
        "detail": inner.to_string(),
    })
}

#[test]
fn value_of_a_message_is_found_and_a_word_of_the_code_is_not() {
    // (added line, texts that are found)
    let rows: [(&str, &[&str]); 43] = [
        // What a fix needs.
        ("customer = order.get(\"customer\")", &[]),
        ("if kind == \"order.cancelled\":", &[]),
        ("CANCELLED = \"cancelled\"", &[]),
        ("schema_version: int = 2", &[]),
        ("limit = 300000", &[]),
        ("assert parse(2147483648) == 2147483648", &[]),
        ("text = raw.decode(\"windows-1252\")", &[]),
        ("digest = hashlib.new(\"sha256\")", &[]),
        ("client(\"eu-west-1\")", &[]),
        ("raise KeyError(\"not found\")", &[]),
        ("## 2026-11-30", &[]),
        (
            "{\"type\": \"order.cancelled\", \"schema_version\": 2, \"status\": \"cancelled\", \"customer\": null}",
            &[],
        ),
        ("{\"name\": \"Jane Doe\", \"order_id\": \"A-1\", \"customer_number\": 1}", &[]),
        ("created_at = \"2020-01-01T00:00:00Z\"", &[]),
        ("for item in order[\"items\"]: total += item[\"title\"]", &[]),
        ("please leave the loop", &[]),
        ("amount = amount or 0", &[]),
        ("reason = detail.get(\"reason\")", &[]),
        // What tells whose message it was.
        ("name = \"Anna Maria Schmidt\"", &["Anna Maria Schmidt"]),
        ("# as Anna  Maria\tSchmidt, told us", &["Anna  Maria\tSchmidt"]),
        ("body = \"{\\\"name\\\": \\\"Anna Maria Schmidt\\\"}\"", &["Anna Maria Schmidt"]),
        ("body = \"\\nAnna Maria Schmidt\\n\"", &["Anna Maria Schmidt"]),
        ("name = \"Anna Maria\"", &[]),
        ("# anna maria schmidt", &["anna maria schmidt"]),
        ("order = A_83421", &["A_83421"]),
        ("order_a83421()", &["a83421"]),
        ("order(\"A-83421\")", &["A-83421"]),
        ("order(\"prefix-A-83421-suffix\")", &["A-83421"]),
        ("order(\"A-834219\")", &[]),
        ("customer(4459812)", &["4459812"]),
        ("customer(14459812)", &[]),
        ("at = \"2026-11-30T03:12:44.120Z\"", &["2026-11-30T03:12:44.120Z"]),
        ("amount = 129900", &["129900"]),
        ("ping(\"10.20.30.41\")", &["10.20.30.41"]),
        ("\"sku\": \"SKU-100234-X\"", &["SKU-100234-X", "100234"]),
        ("title = \"Blue kettle, 1.7 l\"", &["Blue kettle, 1.7 l"]),
        ("key = \"c-7712345\"", &["c-7712345", "7712345"]),
        ("reason = \"Card was stolen in Porto\"", &["Card was stolen in Porto"]),
        ("trace-99-1234-aa-bb", &["trace-99-1234-aa-bb"]),
        (
            "\"leave the parcel with the neighbour, Mrs.\"",
            &["leave the parcel with the neighbour, Mrs"],
        ),
        ("\"leave the parcel with a neighbour, Mrs.\"", &[]),
        ("\"with the neighbour, Mrs. Olsen\"", &[]),
        ("", &[]),
    ];
    for (added, expected) in rows {
        let mut texts = found(added, |lines| lines.compare_json("a text", &message()));
        texts.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(texts, expected, "{added}");
    }
}

#[test]
fn line_of_a_log_is_found_by_its_runs_and_identifiers() {
    let log = "2026-11-30T03:12:44Z ERROR worker-7 cannot charge the card of customer 4459812: KeyError: 'customer'\n\
        Traceback (most recent call last):\n  File \"/srv/acme/shop/orders.py\", line 12, in handle\n    \
        return order[\"customer\"]\n\
        10:12:44 {\"message\": \"declined by Bank of Porto\", \"order\": \"A-83421\", \"level\": \"error\"}";
    let rows: [(&str, &[&str]); 13] = [
        ("raise KeyError(\"customer\")", &[]),
        ("with pytest.raises(KeyError, match=\"KeyError: 'customer'\"):", &[]),
        ("return order[\"customer\"]", &[]),
        ("# Traceback (most recent call last):", &[]),
        ("log.error(\"cannot charge the card\")", &[]),
        (
            "# cannot charge the card of customer 4459812",
            &["cannot charge the card of customer 4459812", "4459812"],
        ),
        ("customer = 4459812", &["4459812"]),
        ("open(\"/srv/acme/shop/orders.py\")", &["/srv/acme/shop/orders.py"]),
        ("cd /srv/acme/shop/orders.py/x", &["/srv/acme/shop/orders.py"]),
        ("open(\"/usr/local/lib/python3/orders.py\")", &[]),
        ("{\"message\": \"m\", \"order\": \"A-1\", \"level\": \"error\"}", &[]),
        ("bank = \"declined by Bank of Porto\"", &["declined by Bank of Porto"]),
        ("order = \"A-83421\"", &["A-83421"]),
    ];
    for (added, expected) in rows {
        assert_eq!(found(added, |lines| lines.compare_text("a log", log)), expected, "{added}");
    }
}

#[test]
fn name_is_found_where_it_stands_by_itself() {
    let arn = "arn:aws:sqs:eu-west-1:123456789012:orders-dlq";
    // (name, added line, found)
    let rows = [
        ("orders-dlq", "queue = \"orders-dlq\"", true),
        ("orders-dlq", "# see orders-dlq.", true),
        ("orders-dlq", "https://sqs.example/1/orders-dlq?x", true),
        ("orders-dlq", "my_orders-dlq_2", true),
        ("orders-dlq", "orders-dlq2", false),
        ("orders-dlq", "reorders-dlq", false),
        ("orders-dlq", "orders_dlq = 1", true),
        ("orders-dlq", "# orders dlq", false),
        ("orders-dlq", "ORDERS_DLQ2", false),
        ("orders-planted-dlq", "os.environ[\"ORDERS_PLANTED_DLQ\"]", true),
        ("orders-planted-dlq", "class OrdersPlantedDlqWorker:", true),
        ("orders-planted-dlq", "const ordersPlantedDlqUrl = url", true),
        ("orders-planted-dlq", "class OrdersPlanted:", false),
        ("OrdersPlantedDLQ", "orders.planted.dlq", true),
        ("0a1b2c3d-1111-4222-8333-444455556666", "0A1B2C3D111142228333444455556666", true),
        ("orders", "orders = []", false),
        ("orders", "for order in orders:", false),
        ("orders", "client.get_queue('orders')", true),
        ("orders", "client.get_queue(\"orders\")", true),
        ("orders", "\"all orders\"", false),
        ("q1", "q1 = \"q1\"", false),
        ("123456789012", "id = 123456789012", true),
        ("123456789012", "id = 9123456789012", false),
        (arn, "x = \"arn:aws:sqs:eu-west-1:123456789012:orders-dlq\"", true),
        ("größe-a", "x = \"größe-a\"", true),
        ("", "x", false),
    ];
    for (name, added, expected) in rows {
        let texts = found(added, |lines| lines.compare_name("the name", name));
        assert_eq!(!texts.is_empty(), expected, "{name}: {added}");
    }
}

#[test]
fn paths_of_new_files_count_and_lines_that_were_there_do_not() {
    let new = "000000";
    let files = vec![
        file(new, "tests/data/orders-dlq.json", "", "{}\n"),
        file("100644", "orders-dlq/a.py", "orders-dlq\nb\n", "b\norders-dlq\n"),
        file("100644", "b.py", "A-83421\n", "A-83421\nx\nA-83421\n"),
        file(new, "data/A-83421/c.py", "", ""),
    ];
    let difference = patch(files);
    let mut lines = PublishedLines::added_by(&difference);
    lines.compare_name("the name of the queue", "orders-dlq");
    lines.compare_value("a text of a message", "A-83421");
    let found = lines.found();
    let places: Vec<(&str, usize)> = found.iter().map(|one| (one.path, one.line)).collect();
    assert_eq!(places, [("tests/data/orders-dlq.json", 0), ("b.py", 3)]);
    assert_eq!(
        sentence(&found),
        "line 3 of 'b.py' has a text of a message, the path of 'tests/data/orders-dlq.json' has the name of \
         the queue"
    );
}

#[test]
fn sentence_names_the_first_places_and_shows_no_text() {
    let of = |line| DisclosedText { path: "a\u{1b}.py", line, text: "secret-1", what: "an ARN" };
    let found: Vec<DisclosedText<'_>> = (1..=5).map(of).collect();
    assert_eq!(
        sentence(&found),
        "line 1 of 'a\\u{1b}.py' has an ARN, line 2 of 'a\\u{1b}.py' has an ARN, line 3 of 'a\\u{1b}.py' has an \
         ARN, and 2 more places"
    );
}

#[test]
fn long_texts_are_compared_in_linear_time() {
    let line = "word ".repeat(20_000);
    let texts = found(&line, |lines| lines.compare_text("a log", &line));
    assert_eq!(texts, ["word word word word word word word word"]);
}
