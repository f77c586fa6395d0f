//! Cases of every category, near misses and forgeries.

use super::*;

/// Rule, story, and the expected category, fault and confidence of its first group.
pub(super) type Row = (&'static str, Story, Category, CodeFault, f64);

pub(super) fn rows() -> Vec<Row> {
    use Category::*;
    use CodeFault::{CodeBug, NotACodeBug, Unconfirmed};
    let open = CodeFault::Unknown;
    let rate = "Rate Exceeded.";
    let denied = "User: <x> is not authorized to perform: sqs:SendMessage";
    let from_source = |seen: &mut MessageFacts| seen.source_arn = Some(SOURCE.into());
    let old = |seen: &mut MessageFacts| seen.exhausted = Some("MaximumEventAgeInSeconds".into());
    let error = "producer_error";
    let no_sender = |seen: &mut MessageFacts| seen.sender_id = None;
    let no_number = |seen: &mut MessageFacts| seen.codes.is_number = false;
    let function = |seen: &mut MessageFacts| {
        seen.sender_id = Some("AROAEXAMPLE7ID:awslambda_x".into());
    };
    vec![
        // Throttling.
        ("429, said twice", lambda(12).code("429").says(rate), Throttling, NotACodeBug, 0.9),
        ("429 alone", lambda(12).code("429"), Throttling, NotACodeBug, 0.8),
        ("throttling, in words handed on", lambda(12).says(rate), Throttling, open, 0.6),
        ("throttling, in bodies", text(12).says(rate), Throttling, open, 0.6),
        ("throttling, in two bodies", text(2).says(rate), Throttling, open, 0.4),
        (
            "a number that only looks like 429",
            text(12).says("order 429 failed"),
            Unknown,
            open,
            0.0,
        ),
        (
            "429, and a bug in words",
            lambda(12).code("429").class("TypeError"),
            Throttling,
            open,
            0.4,
        ),
        // Permission.
        ("no permission", rule(3).code("NO_PERMISSIONS"), Permission, Unconfirmed, 0.6),
        ("403", lambda(3).code("403").says("Access denied"), Permission, NotACodeBug, 0.9),
        ("a class handed on", lambda(3).class("x.AccessDeniedException"), Permission, open, 0.6),
        ("'AccessDenied' in bodies", text(50).says("AccessDenied"), Permission, open, 0.6),
        (
            "a bug in the same words",
            text(5).says("TypeError: access denied"),
            CodeError,
            CodeBug,
            0.6,
        ),
        // Whoever forges a producer's fields has to pass SQS, and SQS names the queue.
        ("forged fields", rule(12).code("NO_PERMISSIONS").each(from_source), Permission, open, 0.6),
        (
            "forged fields in one of many",
            {
                let mut story = rule(12).code("NO_PERMISSIONS");
                story.seen[7].source_arn = Some(SOURCE.into());
                story
            },
            Permission,
            open,
            0.6,
        ),
        ("an unknown producer", Story::new(error, "unknown", 3).code("403"), Permission, open, 0.6),
        ("a subscription", Story::new(error, "sns", 3).code("403"), Permission, Unconfirmed, 0.6),
        (
            "a subscription that SQS moved",
            Story::new(error, "sns", 3).code("403").each(from_source),
            Permission,
            open,
            0.6,
        ),
        // Lambda's own letters and records are told by their sender.
        (
            "a record of Lambda",
            Story::new(error, "lambda_destination", 3).code("429").each(no_number),
            Throttling,
            NotACodeBug,
            0.8,
        ),
        (
            "a record that anybody wrote",
            Story::new(error, "lambda_destination", 3).code("429").each(function),
            Throttling,
            open,
            0.6,
        ),
        ("a letter of an old bundle", lambda(3).code("403").each(no_sender), Permission, open, 0.6),
        (
            "a letter that a function wrote",
            lambda(3).code("403").each(function),
            Permission,
            open,
            0.6,
        ),
        ("a letter without a number", lambda(3).code("403").each(no_number), Permission, open, 0.6),
        (
            "one letter of three without the sender",
            {
                let mut story = lambda(3).code("403");
                story.seen[2].sender_id = None;
                story
            },
            Permission,
            open,
            0.6,
        ),
        (
            "one letter of three without a number",
            {
                let mut story = lambda(3).code("403");
                story.seen[0].codes.is_number = false;
                story
            },
            Permission,
            open,
            0.6,
        ),
        (
            "a code in a text that Lambda passes on",
            lambda(3).code("429").each(|seen| seen.codes = codes("200")),
            Throttling,
            open,
            0.6,
        ),
        ("a letter that SQS moved", lambda(3).code("403").each(from_source), Permission, open, 0.6),
        ("a proven outage", lambda(12).code("503"), ThirdPartyBurst, NotACodeBug, 0.8),
        (
            "messages that are not at hand",
            Story { seen: Vec::new(), ..rule(12).code("NO_PERMISSIONS") },
            Permission,
            open,
            0.6,
        ),
        (
            "one of five thousand",
            rule(1).code("NO_PERMISSIONS").queue(|queue| queue.depth = Some(5000)),
            Permission,
            open,
            0.6,
        ),
        (
            "one of nobody knows how many",
            rule(1).code("NO_PERMISSIONS").queue(|queue| queue.depth = None),
            Permission,
            open,
            0.6,
        ),
        (
            "a full receive of five thousand",
            rule(10).code("NO_PERMISSIONS").queue(|queue| queue.depth = Some(5000)),
            Permission,
            Unconfirmed,
            0.6,
        ),
        // A missing target.
        ("no resource", rule(3).code("NO_RESOURCE"), MissingTarget, Unconfirmed, 0.6),
        (
            "a missing queue",
            Story::new(error, "scheduler", 3)
                .code("AWS.SimpleQueueService.NonExistentQueue")
                .says("The specified queue does not exist."),
            MissingTarget,
            Unconfirmed,
            0.6,
        ),
        ("a missing row", text(3).says("user 7 does not exist"), Unknown, open, 0.0),
        (
            "a missing queue, in bodies",
            text(3).says("queue does not exist"),
            MissingTarget,
            open,
            0.6,
        ),
        // A dependency.
        ("503 for a while", rule(12).code("503"), ThirdPartyBurst, Unconfirmed, 0.6),
        (
            "503 until a moment ago",
            rule(12).code("503").queue(|queue| queue.asked_at = Some(at(60))),
            Dependency,
            open,
            0.6,
        ),
        (
            "503, and who knows when",
            rule(12).code("503").each(|seen| seen.sent_at = None),
            Dependency,
            open,
            0.6,
        ),
        (
            "503 for days",
            {
                let mut story = rule(12).code("503").queue(|q| q.asked_at = Some(at(9_000_000)));
                story.seen[11].sent_at = Some(at(400_000));
                story
            },
            Dependency,
            open,
            0.6,
        ),
        (
            "503, and newer ones may be unseen",
            rule(12).code("503").queue(|queue| queue.depth = Some(13)),
            Dependency,
            open,
            0.6,
        ),
        ("503 once", rule(1).code("503"), Dependency, open, 0.6),
        ("500 may be our own", rule(12).code("500"), Unknown, open, 0.0),
        ("refused, in bodies", text(3).says("Connection refused"), ThirdPartyBurst, open, 0.6),
        (
            "refused, and the source is full of others",
            text(3).says("Connection refused").source(|source| source.depth = Some(9)),
            Dependency,
            open,
            0.6,
        ),
        (
            "refused, and the source is not known",
            text(3).says("Connection refused").queue(|queue| queue.sources = None),
            Dependency,
            open,
            0.6,
        ),
        (
            "refused, and still being tried",
            text(3).says("Connection refused").source(|source| source.visibility_s = Some(43_200)),
            Dependency,
            open,
            0.6,
        ),
        (
            "the function's own limit",
            text(3).says("Task timed out after <n> s"),
            TimedOut,
            open,
            0.6,
        ),
        (
            "a call within the limit",
            text(3).says("Connection timed out after <n> s"),
            ThirdPartyBurst,
            open,
            0.6,
        ),
        (
            "a deadline of Go",
            text(3).says("bill: context deadline exceeded"),
            ThirdPartyBurst,
            open,
            0.6,
        ),
        (
            "a database",
            text(3).class("SqlException").says("Timeout expired"),
            ThirdPartyBurst,
            open,
            0.6,
        ),
        ("a read", text(3).class("requests.exceptions.ReadTimeout"), ThirdPartyBurst, open, 0.6),
        ("a connection", text(3).says("connect timed out"), ThirdPartyBurst, open, 0.6),
        ("Celery's limit", text(3).class("billiard.SoftTimeLimitExceeded"), TimedOut, open, 0.6),
        ("Lambda's limit", text(3).class("Sandbox.Timedout"), TimedOut, open, 0.6),
        ("Step Functions' limit", text(3).class("States.Timeout"), TimedOut, open, 0.6),
        ("memory", text(3).says("JavaScript heap out of memory"), OutOfMemory, open, 0.6),
        ("a class of memory", text(3).class("java.lang.OutOfMemoryError"), OutOfMemory, open, 0.6),
        (
            "killed by Lambda",
            text(3).says("Runtime exited with error: signal: killed"),
            OutOfMemory,
            open,
            0.6,
        ),
        (
            "an exit",
            text(3).says("Runtime exited with error: exit status 101"),
            ProcessEnded,
            open,
            0.6,
        ),
        (
            "a host that was taken",
            text(3).says("Host EC2 (instance <id>) terminated."),
            ProcessEnded,
            open,
            0.6,
        ),
        (
            "a destination refuses a key",
            text(3).says("returned HTTP status code 401. bad"),
            Permission,
            open,
            0.6,
        ),
        (
            "a destination is not there",
            text(3).says("HTTP/2 404 returned for '<*>'"),
            MissingTarget,
            open,
            0.6,
        ),
        (
            "a destination fails",
            text(3).says("Request failed with status code 503"),
            ThirdPartyBurst,
            open,
            0.6,
        ),
        (
            "a destination's own timeout",
            text(3).says("Request failed with status code 408"),
            ThirdPartyBurst,
            open,
            0.6,
        ),
        ("a number that is no status", text(3).says("order 503 of 504"), Unknown, open, 0.0),
        (
            "S3's test",
            shape(3).group(|group| group.payload = "s3_test_event".into()),
            Harmless,
            open,
            0.6,
        ),
        // Messages of a form that nobody expects.
        ("a field is missing", text(3).says("missing field `id`"), SchemaDrift, open, 0.6),
        (
            "JSON for JavaScript",
            text(3).class("SyntaxError").says("in JSON"),
            SchemaDrift,
            open,
            0.6,
        ),
        (
            "serde",
            text(3).says("invalid type: string '<*>', expected a map"),
            SchemaDrift,
            open,
            0.6,
        ),
        (
            "kotlinx",
            text(3).class("kotlinx.serialization.MissingFieldException"),
            SchemaDrift,
            open,
            0.6,
        ),
        ("pydantic", text(3).says("<num> validation errors for Order"), SchemaDrift, open, 0.6),
        (
            "Newtonsoft",
            text(3).class("Newtonsoft.Json.JsonReaderException"),
            SchemaDrift,
            open,
            0.6,
        ),
        (
            "System.Text.Json",
            text(3).says("The JSON value could not be converted to System.Int32"),
            SchemaDrift,
            open,
            0.6,
        ),
        ("Go", text(3).says("json: cannot unmarshal string into Go value"), SchemaDrift, open, 0.6),
        ("Avro", text(3).says("Unknown magic byte!"), SchemaDrift, open, 0.6),
        (
            "Protocol Buffers",
            text(3).class("google.protobuf.message.DecodeError"),
            SchemaDrift,
            open,
            0.6,
        ),
        ("a field in one message", text(1).says("missing field `id`"), PoisonMessage, open, 0.4),
        // One message.
        ("one, again and again", shape(1), PoisonMessage, open, 0.4),
        ("one, once", shape(1).each(|seen| seen.receives = Some(1)), Unknown, open, 0.0),
        (
            "one, who knows how often",
            shape(1).each(|seen| seen.receives = None),
            Unknown,
            open,
            0.0,
        ),
        (
            "one, and the source is stuck",
            shape(1).source(|source| source.depth = Some(40)),
            Unknown,
            open,
            0.0,
        ),
        ("one of two", shape(1).and("shape", "sqs", 1), Unknown, open, 0.0),
        // Settings, age and repeats.
        (
            "a single try",
            shape(4).source(|source| source.max_receive_count = Some(1)),
            MisconfiguredQueue,
            open,
            0.4,
        ),
        (
            "a single try, in another queue",
            shape(4)
                .source(|source| source.max_receive_count = Some(1))
                .each(|seen| seen.source_arn = Some("arn:aws:sqs:eu-west-1:1:other".into())),
            Unknown,
            open,
            0.0,
        ),
        ("settings alone", shape(4), Unknown, open, 0.0),
        // An error counts more than numbers.
        (
            "an error, repeated",
            lambda(5).says("row 17 has no currency").group(|group| group.distinct = 1),
            Unknown,
            open,
            0.0,
        ),
        (
            "an error in bodies, repeated",
            text(5).says("row 17 has no currency").group(|group| group.distinct = 1),
            Unknown,
            open,
            0.0,
        ),
        (
            "an error after a single try",
            text(4).says("no currency").source(|source| source.max_receive_count = Some(1)),
            Unknown,
            open,
            0.0,
        ),
        ("an error, one message", text(1).says("row 17 has no currency"), Unknown, open, 0.0),
        ("repeats", shape(4).group(|group| group.distinct = 2), ExpiredOrDuplicate, open, 0.4),
        ("a repeat", shape(4).group(|group| group.distinct = 3), Unknown, open, 0.0),
        ("too old", rule(4).each(old), ExpiredOrDuplicate, open, 0.6),
        ("too old, and why", rule(4).each(old).code("THROTTLING"), Throttling, Unconfirmed, 0.6),
        ("an age that a sender wrote", shape(4).each(old), Unknown, open, 0.0),
        // The code.
        ("a bug, said twice", lambda(4).code("200").class("KeyError"), CodeError, CodeBug, 0.8),
        (
            "a bug, handed on",
            lambda(4).class("java.lang.NullPointerException"),
            CodeError,
            CodeBug,
            0.6,
        ),
        ("a bug, in bodies", text(4).class("TypeError"), CodeError, CodeBug, 0.6),
        ("a bug, in one body", text(1).class("TypeError"), CodeError, open, 0.4),
        ("an error that says little", text(4).class("ValueError"), Unknown, open, 0.0),
        // Groups whose kind proves no error.
        ("a shape with an error's words", shape(4).code("403").says(denied), Unknown, open, 0.0),
        ("nothing to read", Story::new("opaque", "sqs", 4), Unknown, open, 0.0),
    ]
}
