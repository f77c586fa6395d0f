//! Causes that differ in one word of their text, and repeats that differ in more.

use super::{found, found_in, json, with_attributes};

/// Kind, a text, a repeat of its cause, another cause, and what the title of the first names.
type Row = (&'static str, String, String, String, &'static str);

/// Returns a row of texts in which `X` is what varies.
fn row(what: &'static str, text: &str, [one, again, other]: [&str; 3], title: &'static str) -> Row {
    let with = |x: &str| text.replace("{X}", x);
    (what, with(one), with(again), with(other), title)
}

#[track_caller]
fn assert_causes(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for (what, one, again, other, title) in rows {
        let [a, b, c] = [&one, &again, &other].map(|text| found_in(text));
        if a.id != b.id {
            wrong.push(format!("{what}: split: {:?} {:?}", a.why, b.why));
        }
        if a.id == c.id {
            wrong.push(format!("{what}: merged: {:?}", a.why));
        }
        if !a.title.contains(title) {
            wrong.push(format!("{what}: title: {}", a.title));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn place_in_the_infrastructure_is_part_of_a_cause() {
    assert_causes(vec![
        row(
            "a host of a pool",
            "requests.exceptions.ConnectTimeout: HTTPSConnectionPool(host='{X}', port=443): Max \
             retries exceeded",
            ["api.stripe.com", "api.stripe.com", "api.adyen.com"],
            "api.stripe.com",
        ),
        row(
            "a host of a URL",
            "failed: 503 from https://{X}/v1/charges",
            ["api.stripe.com", "bob:x@api.stripe.com", "api.adyen.com"],
            "https://api.stripe.com/v1/charges",
        ),
        row(
            "a port of a service",
            "connect ECONNREFUSED {X}",
            ["10.0.0.1:5432", "10.7.0.2:5432", "10.0.0.1:6379"],
            "<host>:5432",
        ),
        row(
            "a port of an address of version 6",
            "connect ECONNREFUSED {X}",
            ["[::1]:5432", "[::1]:5432", "[::1]:6379"],
            ":5432",
        ),
        row(
            "a port that the system chose",
            "failed: read tcp {X}: read: connection reset by peer",
            [
                "10.0.0.1:51512->10.0.0.2:5432",
                "10.0.0.9:40112->10.0.0.3:5432",
                "10.0.0.1:51512->10.0.0.2:6379",
            ],
            "5432",
        ),
        row(
            "a port after its word",
            "connection to server at \"db.internal\" (10.0.{X} failed: Connection refused",
            ["1.7), port 5432", "2.9), port 5432", "1.7), port 5433"],
            "port 5432",
        ),
        row(
            "a name that is not found",
            "Error: getaddrinfo ENOTFOUND {X}",
            ["db.internal", "db.internal", "cache.internal"],
            "db.internal",
        ),
        row(
            "an instance, an address, a shard",
            "Error: connect to {X} failed",
            [
                "ip-10-0-1-23.ec2.internal:9200",
                "ip-10-9-8-7.ec2.internal:9200",
                "shard-7f9c.db.internal:9200",
            ],
            "ip-<*>.ec2.internal:9200",
        ),
        row(
            "a shard of a database",
            "Error: lost shard-{X}.db.internal",
            ["003", "017", "003.cache"],
            "shard-<*>.db.internal",
        ),
        row(
            "a table",
            "AccessDeniedException: User: arn:aws:sts::1:assumed-role/worker/{X} because no \
             identity-based policy allows the dynamodb:PutItem action",
            [
                "i-1 is not authorized to perform: dynamodb:PutItem on resource: \
                 arn:aws:dynamodb:eu-west-1:111122223333:table/orders",
                "i-2 is not authorized to perform: dynamodb:PutItem on resource: \
                 arn:aws:dynamodb:us-east-1:444455556666:table/orders",
                "i-1 is not authorized to perform: dynamodb:PutItem on resource: \
                 arn:aws:dynamodb:eu-west-1:111122223333:table/users",
            ],
            "dynamodb:table/orders",
        ),
        row(
            "a function",
            "ResourceNotFoundException: Function not found: \
             arn:aws:lambda:eu-west-1:1:function:{X}",
            ["alpha:12", "alpha:13", "beta:12"],
            "arn:lambda:function:alpha",
        ),
        row(
            "a file of a deployment",
            "Error: ENOENT: no such file or directory, open '{X}'",
            ["/var/task/certs/ca.pem", "/var/task/certs/ca.pem", "/var/task/rules.json"],
            "/var/task/certs/ca.pem",
        ),
    ]);
}

#[test]
fn field_that_a_validator_names_is_part_of_a_cause() {
    let zod = r#"{"error":{"name":"ZodError","issues":[{"code":"invalid_type","expected":"string","received":"undefined","path":["items",{X}],"message":"Required"}]}}"#;
    let joi = r#"{"name":"ValidationError","_original":{},"details":[{"message":"value is required","path":["items",{X}],"type":"any.required"}]}"#;
    let field = [r#"0,"price""#, r#"7,"price""#, r#"0,"sku""#];
    assert_causes(vec![
        row("Zod", zod, field, "items.price"),
        row("Joi", joi, field, "items.price"),
        row(
            "Zod in its own text",
            r#"{"name":"ZodError","message":"[{\"code\":\"invalid_type\",\"path\":[\"items\",{X}],\"message\":\"Required\"}]"}"#,
            [r#"0,\"price\""#, r#"7,\"price\""#, r#"0,\"sku\""#],
            "items.price",
        ),
        row(
            "pydantic",
            r#"{"error":"invalid order","detail":[{"loc":["body","items",{X}],"msg":"field required","type":"value_error.missing"}]}"#,
            field,
            "body.items.price",
        ),
        row(
            "class-validator",
            r#"{"errors":[{"target":{"n":1},"property":"{X}","constraints":{"isInt":"must be an integer number"}}]}"#,
            ["qty", "qty", "price"],
            "qty",
        ),
        row(
            "Nest",
            r#"{"statusCode":400,"error":"Bad Request","message":["{X} must be an integer number"]}"#,
            ["qty", "qty", "price"],
            "qty must be an integer",
        ),
        row(
            "Laravel",
            r#"{"message":"The given data was invalid.","errors":{"{X}":["is required"]}}"#,
            ["qty", "qty", "price"],
            "qty",
        ),
    ]);
}

#[test]
fn function_of_an_error_without_own_words_is_part_of_a_cause() {
    let python = "Traceback (most recent call last):\n  File \"/app/main.py\", line 5, in handle\n    \
                  f(x)\n  File \"/app/{X}\n    return int(raw)\nValueError: invalid literal for \
                  int() with base 10: 'x9'";
    let go = "panic: runtime error: invalid memory address or nil pointer dereference\n[signal \
              SIGSEGV: segmentation violation]\n\ngoroutine 1 [running]:\n{X})\n\t/app/x.go:12 \
              +0x1d\nmain.main()\n\t/app/main.go:5 +0x20";
    let ruby = r#"{"error_class":"NoMethodError","error_message":"undefined method `total' for nil:NilClass","error_backtrace":["/app/{X}'","/usr/gems/sidekiq.rb:2:in `call'"]}"#;
    assert_causes(vec![
        row(
            "Python",
            python,
            [
                "a.py\", line 7, in parse_qty",
                "a.py\", line 9, in parse_qty",
                "b.py\", line 7, in parse_price",
            ],
            "parse_qty",
        ),
        row(
            "Go",
            go,
            ["main.price(0xc000", "main.price(0xc0ff", "main.stock(0xc000"],
            "main.price",
        ),
        row(
            "Rust",
            "thread 'main' panicked at src/{X}:\ncalled `Option::unwrap()` on a `None` value",
            ["price.rs:12:5", "price.rs:19:9", "stock.rs:12:5"],
            "src/price.rs",
        ),
        row("Ruby", ruby, ["a.rb:1:in `price", "a.rb:9:in `price", "b.rb:1:in `stock"], "price"),
    ]);
}

#[test]
fn code_in_a_text_or_beside_it_is_part_of_a_cause() {
    assert_causes(vec![
        row(
            "JSON in a text",
            r#"{"error":"Request failed: {\"code\":\"{X}\",\"id\":\"a1\"}"}"#,
            ["E1", "E1", "E2"],
            "E1",
        ),
        row(
            "a stopped task",
            r#"{"taskArn":"arn:aws:ecs:r:1:task/c/1","lastStatus":"STOPPED","stoppedReason":"{X}"}"#,
            [
                "Task failed ELB health checks",
                "Task failed ELB health checks",
                "Host EC2 was terminated",
            ],
            "health checks",
        ),
        row(
            "a fault in XML",
            "<reply><fault><code>{X}</code><message>it broke</message></fault></reply>",
            ["E1", "E1", "E2"],
            "E1",
        ),
        row(
            "a class in a message",
            r#"{"message":"SqlException (0x80131904): {X}"}"#,
            ["Invalid object name", "Invalid object name", "Login failed"],
            "SqlException: Invalid object name",
        ),
        row(
            "failures of a batch",
            r#"{"failures":[{"id":"a1","reason":"{X}"}]}"#,
            ["no stock left", "no stock left", "card was declined"],
            "no stock left",
        ),
        row("a status", r#"{"statusCode":{X},"order":7}"#, ["500", "500", "404"], "500"),
    ]);
    let attribute = |name: &str, text: &str| found(&with_attributes("{}", &[(name, text)]));
    for (name, one, other) in [
        ("x-death-reason", "rejected", "expired"),
        (
            "CamelExceptionCaught",
            "java.io.IOException: no disk left",
            "java.io.IOException: no such host",
        ),
    ] {
        let (a, b) = (attribute(name, one), attribute(name, other));
        assert!(a.id != b.id, "{name}: {:?}", a.why);
    }
}

#[test]
fn map_by_ids_has_one_shape() {
    let rows = [
        (
            "two maps",
            json!({"prices": {"RAX": 1, "BOL": 2, "KIM": 3}}),
            json!({"prices": {"TUV": 1, "WIX": 2, "ZEN": 4}}),
        ),
        (
            "a map of objects",
            json!({"stock": {"RAX": {"n": 1}, "BOL": {"n": 2}, "KIM": {"n": 3}}}),
            json!({"stock": {"TUV": {"n": 1}, "WIX": {"n": 2}, "ZEN": {"n": 2}, "YAK": {"n": 2}}}),
        ),
        ("ids", json!({"by": {"SKU1": 1}}), json!({"by": {"SKU2": 1, "SKU17": 2}})),
    ];
    for (what, one, other) in rows {
        let [a, b] = [one, other].map(|value| found_in(&value.to_string()));
        assert_eq!(a.id, b.id, "{what}: {} / {}", a.title, b.title);
    }
    let settings =
        [json!({"x": {"host": "a", "name": "b"}}), json!({"x": {"city": "a", "zone": "b"}})];
    let [a, b] = settings.map(|value| found_in(&value.to_string()).id);
    assert_ne!(a, b);
}

#[test]
fn message_and_owner_are_part_of_a_cause() {
    assert_causes(vec![
        row(
            "a class of Jackson",
            r#"{"@class":"com.acme.{X}","n":1}"#,
            ["OrderPlaced", "OrderPlaced", "OrderPaid"],
            "com.acme.OrderPlaced",
        ),
        row(
            "a topic",
            r#"{"Type":"Notification","TopicArn":"arn:aws:sns:r:1:{X}","Message":"{\"n\":1}"}"#,
            ["orders", "orders", "guests"],
            "topic 'orders'",
        ),
        row(
            "a nested exception",
            r#"{"exception":"org.springframework.dao.DataAccessException: could not execute; nested exception is java.sql.SQLException: {X}"}"#,
            ["no table orders", "no table orders", "lock was not granted"],
            "SQLException: no table orders",
        ),
        row(
            "an error before its payload",
            r#"{"error":"ValueError: {X}"}"#,
            [
                r#"no price\nPayload: {\"order\":\"a1\"}"#,
                r#"no price\nPayload: {\"guest\":\"late\"}"#,
                r#"no stock\nPayload: {\"order\":\"a1\"}"#,
            ],
            "ValueError: no price",
        ),
        row(
            "a pipe",
            r#"{"context":{"condition":"RetryAttemptsExhausted","partnerResourceArn":"arn:aws:pipes:r:1:pipe/{X}"},"payload":[{"n":1}]}"#,
            ["billing", "billing", "search"],
            "pipe billing",
        ),
        row(
            "a closure of Laravel",
            r#"{"displayName":"Closure ({X})","job":"Illuminate\\Queue\\CallQueuedHandler@call","maxTries":null,"data":{"commandName":"Illuminate\\Queue\\CallQueuedClosure","command":"O:34"}}"#,
            ["web.php:12", "web.php:19", "api.php:12"],
            "Closure in web.php",
        ),
        row(
            "an operation on a collection",
            "failed: POST https://shop.example.com/v1/{X}",
            ["orders/search", "orders/search", "orders/export"],
            "/orders/search",
        ),
        row(
            "an item of a collection",
            "failed: GET https://shop.example.com/v1/{X}",
            ["orders/abc", "orders/def", "status/abc"],
            "/orders/<*>",
        ),
        row(
            "a site",
            "Error: item {X}",
            [
                "a-12 not found in warehouse BER",
                "b-77 not found in warehouse MUC",
                "a-12 is locked in warehouse BER",
            ],
            "in warehouse <*>",
        ),
    ]);
}

#[test]
fn title_of_binary_body_names_its_format() {
    let rows = [
        ("CgVoZWxsbxAB", "binary, Protocol Buffer with 1 bytes, 2 number"),
        ("OrderCreated", "text: OrderCreated"),
        ("gqVvcmRlcs0BAKVwcmljZctAJAAAAAAAAA==", "binary, MessagePack from 'order' on"),
    ];
    for (text, title) in rows {
        assert_eq!(found_in(text).title, title, "{text}");
    }
    let typed = |name: &str| found(&with_attributes("CgVoZWxsbxAB", &[("proto-type", name)]));
    let (one, other) = (typed("shop.OrderPlaced"), typed("shop.OrderPaid"));
    assert!(one.id != other.id && one.title.contains("shop.OrderPlaced"), "{}", one.title);
}
