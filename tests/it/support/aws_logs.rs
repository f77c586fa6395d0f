//! Stand-in for SQS, Lambda and CloudWatch Logs, for answers that no server can be made to give:
//! refusals, silence, endless pages, a log group of its own.
//!
//! It has one dead letter in `orders-dlq`, which the function `orders` received three times, 30
//! seconds apart, an hour ago unless a test says otherwise. The stand-in records the requests of the
//! `aws` command.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::http::{Closed, HttpRequest, HttpServer, Reply};
use super::requirement::{is_met, sqs_server};

/// Id of the dead letter.
pub const MESSAGE: &str = "059f36b4-87a3-44ab-83d2-661975830a7d";
/// Seconds between two receives.
pub const VISIBILITY: i64 = 30;

/// Way in which the log answers.
#[derive(Debug, Clone)]
pub enum Log {
    /// The lines of the span that was asked for: milliseconds after the first receive, and the text.
    Lines(Vec<(i64, String)>),
    /// Error with this code.
    Refuse(&'static str),
    /// Status 200 with this body.
    Body(&'static str),
    Silent,
    /// Empty pages without end.
    Endless,
    /// An empty page that names itself as the next one.
    SameToken,
}

/// Behavior of the stand-in.
#[derive(Debug, Clone)]
pub struct Setup {
    pub log: Log,
    /// The configured log group of the function.
    pub group: Option<&'static str>,
    /// Whether the functions of a queue may be listed.
    pub may_list: bool,
}

/// Running stand-in.
pub struct FakeAws {
    pub url: String,
    /// Operations of Lambda and CloudWatch Logs that were asked for, with their bodies.
    pub asked: Arc<Mutex<Vec<(String, Value)>>>,
    setup: Arc<Mutex<Setup>>,
    _server: HttpServer,
}

impl FakeAws {
    pub fn start(setup: Setup) -> Self {
        Self::start_after(setup, 3600)
    }

    /// Starts the stand-in so many seconds after the first receive.
    pub fn start_after(setup: Setup, seconds: i64) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let setup = Arc::new(Mutex::new(setup));
        let (shared, current) = (asked.clone(), setup.clone());
        let first = millis() - seconds * 1000;
        let server = HttpServer::start(move |request, reply| {
            let setup = current.lock().unwrap().clone();
            respond(request, &setup, first, &shared, reply)
        });
        FakeAws { url: server.url.clone(), asked, setup, _server: server }
    }

    /// Changes the answers of the log.
    pub fn set_log(&self, log: Log) {
        self.setup.lock().unwrap().log = log;
    }
}

fn millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn respond(
    request: &HttpRequest,
    setup: &Setup,
    first: i64,
    asked: &Mutex<Vec<(String, Value)>>,
    reply: &mut Reply<'_>,
) -> Result<(), Closed> {
    let target = request.header("x-amz-target").unwrap_or_default();
    if let Some(action) = target.strip_prefix("AmazonSQS.") {
        let host = request.header("host").unwrap_or_default();
        return reply.send_json(200, &sqs(action, &request.json(), host, first));
    }
    let path = request.path();
    let operation = match target {
        "" => path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default(),
        target => target,
    };
    asked.lock().unwrap().push((operation.to_owned(), request.json()));
    if path.contains("event-source-mappings") {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:orders";
        let mapping = json!({"FunctionArn": arn, "State": "Enabled", "BatchSize": 10});
        return match setup.may_list {
            true => reply.send_json(200, &json!({"EventSourceMappings": [mapping]})),
            false => reply.send_json(403, &json!({
                "__type": "AccessDeniedException",
                "Message": "User: x is not authorized to perform: lambda:ListEventSourceMappings",
            })),
        };
    }
    if path.contains("/functions/") {
        let mut facts = json!({"FunctionName": "orders", "Timeout": 6});
        if let Some(group) = setup.group {
            facts["LoggingConfig"] = json!({"LogFormat": "Text", "LogGroup": group});
        }
        return reply.send_json(200, &facts);
    }
    let body = request.json();
    let page = |events: &[Value], next: Option<String>| {
        let mut page = json!({"events": events, "searchedLogStreams": []});
        if let Some(next) = next {
            page["nextToken"] = json!(next);
        }
        page
    };
    let answer = match &setup.log {
        Log::Silent => return reply.hang(),
        Log::Body(text) => return reply.send(200, "text/html", text),
        Log::Refuse(code) => {
            let message = "not authorized to perform: logs:FilterLogEvents";
            return reply.send_json(400, &json!({"__type": code, "message": message}));
        }
        Log::SameToken => page(&[], Some("same".into())),
        Log::Endless => {
            let token = body["nextToken"].as_str().unwrap_or("0").parse::<u64>().unwrap();
            page(&[], Some((token + 1).to_string()))
        }
        // A real log of another group does not exist.
        Log::Lines(_) if body["logGroupName"] != setup.group.unwrap_or("/aws/lambda/orders") => {
            let error = json!({"__type": "ResourceNotFoundException", "message": "none"});
            return reply.send_json(400, &error);
        }
        Log::Lines(lines) => {
            let span = body["startTime"].as_i64().unwrap()..=body["endTime"].as_i64().unwrap();
            let event = |(number, (at, text)): (usize, &(i64, String))| {
                let at = first + at;
                let stream = "2026/11/28/[$LATEST]0a1b";
                span.contains(&at).then(|| {
                    json!({
                        "logStreamName": stream, "timestamp": at, "message": text,
                        "ingestionTime": at, "eventId": format!("{number:056}"),
                    })
                })
            };
            page(&lines.iter().enumerate().filter_map(event).collect::<Vec<_>>(), None)
        }
    };
    reply.send(200, "application/x-amz-json-1.1", &answer.to_string())
}

/// Returns the answer of SQS.
fn sqs(action: &str, body: &Value, host: &str, first: i64) -> Value {
    let url = |name: &str| format!("http://{host}/123456789012/{name}");
    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:123456789012:{name}");
    let name = body["QueueUrl"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    match action {
        "GetQueueUrl" => json!({"QueueUrl": url("orders-dlq")}),
        "ListDeadLetterSourceQueues" => json!({"queueUrls": [url("orders")]}),
        "GetQueueAttributes" => {
            let policy = json!({"deadLetterTargetArn": arn("orders-dlq"), "maxReceiveCount": 3});
            let mut attributes = json!({
                "QueueArn": arn(name), "MessageRetentionPeriod": "1209600",
                "VisibilityTimeout": VISIBILITY.to_string(),
                "ApproximateNumberOfMessages": if name == "orders" { "0" } else { "1" },
                "ApproximateNumberOfMessagesNotVisible": "0",
                "ApproximateNumberOfMessagesDelayed": "0",
            });
            if name == "orders" {
                attributes["RedrivePolicy"] = json!(policy.to_string());
            }
            json!({"Attributes": attributes})
        }
        "ReceiveMessage" => {
            let system = json!({
                "SentTimestamp": (first - 60_000).to_string(),
                "ApproximateFirstReceiveTimestamp": first.to_string(),
                "ApproximateReceiveCount": "4", "DeadLetterQueueSourceArn": arn("orders"),
                "SenderId": "AIDAEXAMPLE",
            });
            json!({"Messages": [{
                "MessageId": MESSAGE, "ReceiptHandle": "h", "Body": "{\"order\": 1}",
                "MD5OfBody": "5f66d0d2bb5fd0a6ce6e1b1f2b1a3b0d", "Attributes": system,
            }]})
        }
        _ => json!({"Successful": [{"Id": "0"}], "Failed": []}),
    }
}

/// Returns the folder of version 1 of the `aws` command, which the environment of the SQS server
/// has.
pub fn aws_v1() -> Option<PathBuf> {
    let scripts = sqs_server()?;
    let folder = scripts.parent()?.parent()?.join("target/venv/bin");
    let missing = "target/venv has no aws; run scripts/test, which installs it";
    is_met(folder.join("aws").exists(), missing).then_some(folder)
}

/// Returns the folder of version 2 of the `aws` command.
pub fn aws_v2() -> Option<PathBuf> {
    let folder = PathBuf::from("/usr/bin");
    let version = std::process::Command::new(folder.join("aws")).arg("--version").output();
    let is_v2 = version
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).starts_with("aws-cli/2."));
    let missing = "version 2 of aws is not installed; install the Debian package awscli";
    is_met(is_v2, missing).then_some(folder)
}
