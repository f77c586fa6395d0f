//! Stand-in for the services that sign in (STS, SSO, the instance metadata service, the endpoint of
//! a container), for SQS with one queue, and for a proxy.
//!
//! Every service gives working credentials or a correct answer until a test scripts another one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::http::{Closed, HttpRequest, HttpServer, Reply};

const JSON: &str = "application/x-amz-json-1.0";
/// The time by which a server is ahead; half a minute more than the three hours of the messages, as
/// a test takes time.
const DATE_AHEAD: Duration = Duration::from_secs(3 * 3600 + 30);

/// Scripted answer of a service.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Status and body.
    Body(u16, String),
    /// Status and body, with a `Date` that is three hours ahead.
    Ahead(u16, String),
    /// No answer.
    Silent,
}

impl Answer {
    /// Returns an error of SQS.
    pub fn sqs_error(status: u16, code: &str, message: &str) -> Self {
        Answer::Body(status, json!({"__type": code, "message": message}).to_string())
    }

    /// Returns an error of STS.
    pub fn sts_error(code: &str, message: &str) -> Self {
        let error = format!("<Code>{code}</Code><Message>{message}</Message>");
        Answer::Body(403, format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>"))
    }

    /// Returns an error of SSO.
    pub fn sso_error(status: u16, code: &str, message: &str) -> Self {
        Answer::Body(status, json!({"__type": code, "message": message}).to_string())
    }
}

/// Running stand-in; it stops when the value is dropped.
pub struct FakeAws {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
    _server: HttpServer,
}

impl FakeAws {
    /// Starts a stand-in with answers by service and action, such as `sts AssumeRole`.
    pub fn start(script: &[(&str, Answer)]) -> Self {
        let script: BTreeMap<String, Answer> =
            script.iter().map(|(key, answer)| ((*key).to_owned(), answer.clone())).collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let asked = requests.clone();
        let server = HttpServer::start(move |request, reply| {
            let key = service(request);
            asked.lock().unwrap().push(key.clone());
            match script.get(&key) {
                Some(Answer::Silent) => reply.hang(),
                Some(Answer::Ahead(status, body)) => {
                    let date =
                        chrono::DateTime::<chrono::Utc>::from(SystemTime::now() + DATE_AHEAD);
                    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
                    reply.send_with(*status, JSON, &[("date", &date)], body)
                }
                Some(Answer::Body(status, body)) => {
                    let code = body.split('"').nth(3).filter(|_| key.starts_with("sso"));
                    let headers = [("x-amzn-errortype", code.unwrap_or_default())];
                    let more = if code.is_some() { &headers[..] } else { &[] };
                    reply.send_with(*status, JSON, more, body)
                }
                None => answer(&key, request, reply),
            }
        });
        FakeAws { url: server.url.clone(), requests, _server: server }
    }

    /// Returns how many requests were for this service and action.
    pub fn count(&self, key: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|one| *one == key).count()
    }
}

/// Returns the service and the action that a request is for.
fn service(request: &HttpRequest) -> String {
    if request.method == "CONNECT" {
        return "proxy CONNECT".into();
    }
    if let Some(target) = request.header("x-amz-target") {
        return format!("sqs {}", target.trim_start_matches("AmazonSQS."));
    }
    match request.path() {
        path if path.starts_with("/federation/credentials") => "sso GetRoleCredentials".into(),
        "/latest/api/token" => "imds token".into(),
        path if path.ends_with("/security-credentials/") => "imds roles".into(),
        path if path.starts_with("/latest/") => "imds role".into(),
        "/container" => "container".into(),
        _ => {
            let body = request.text();
            let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
            format!("sts {}", action.unwrap_or_default())
        }
    }
}

/// Sends the correct answer.
fn answer(key: &str, request: &HttpRequest, reply: &mut Reply<'_>) -> Result<(), Closed> {
    const END: &str = "2099-01-01T00:00:00Z";
    let host = request.header("host").unwrap_or_default();
    let attributes = json!({
        "QueueArn": "arn:aws:sqs:us-east-1:123456789012:orders-dlq",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
    });
    let keys = |id: &str, secret: &str, token: &str| json!({id: "AKIDTEMPORARY", secret: "hunter2", token: "hunter2"});
    let body = match key {
        "proxy CONNECT" => return reply.send(502, "text/plain", "bad gateway"),
        "sqs ListQueues" => {
            json!({"QueueUrls": [format!("http://{host}/123456789012/orders-dlq")]})
        }
        "sqs GetQueueAttributes" => json!({"Attributes": attributes}),
        "sso GetRoleCredentials" => {
            let mut keys = keys("accessKeyId", "secretAccessKey", "sessionToken");
            keys["expiration"] = json!(4_070_908_800_000_u64);
            json!({"roleCredentials": keys})
        }
        "imds token" => {
            let ttl = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
            return reply.send_with(200, "text/plain", &ttl, "hunter2");
        }
        "imds roles" => return reply.send(200, "text/plain", "role"),
        "imds role" | "container" => {
            let mut keys = keys("AccessKeyId", "SecretAccessKey", "Token");
            keys["Expiration"] = json!(END);
            keys["Code"] = json!("Success");
            keys["Type"] = json!("AWS-HMAC");
            keys
        }
        _ => {
            let action = key.trim_start_matches("sts ");
            let keys = format!(
                "<AccessKeyId>AKIDTEMPORARY</AccessKeyId><SecretAccessKey>hunter2\
                 </SecretAccessKey><SessionToken>hunter2</SessionToken><Expiration>{END}\
                 </Expiration>"
            );
            let result =
                format!("<{action}Result><Credentials>{keys}</Credentials></{action}Result>");
            let body = format!("<{action}Response>{result}</{action}Response>");
            return reply.send(200, "text/xml", &body);
        }
    };
    reply.send_json(200, &body)
}
