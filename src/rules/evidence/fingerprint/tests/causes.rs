//! Causes that differ in one word of their text, and repeats that differ in more.

use super::found_in;

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
