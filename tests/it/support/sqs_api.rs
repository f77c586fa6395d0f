//! Stand-in for SQS, for cases that a real server cannot be made to show: refusals, broken
//! connections, missing answers, and names that no server accepts.
//!
//! The stand-in answers ListQueues (in pages, as SQS does), GetQueueAttributes, GetQueueUrl,
//! ListMessageMoveTasks, ListDeadLetterSourceQueues, ReceiveMessage, ChangeMessageVisibilityBatch,
//! SendMessageBatch, DeleteMessageBatch and PurgeQueue, and records every request; and GetCallerIdentity
//! of STS. Every region has the same queues.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::http::{Closed, HttpRequest, HttpServer, Reply};

/// Way in which a request is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Behavior {
    /// Correct answer.
    Normal,
    /// Error with this status and code.
    Refuse(u16, &'static str),
    /// Status 200 with this body.
    Body(&'static str),
    /// Closed connection.
    Disconnect,
    /// No answer.
    Silent,
    /// Answer by the next behavior, once a test sets it.
    Hold,
}

/// Queue of the stand-in.
#[derive(Debug, Clone)]
pub struct FakeQueue {
    /// Whether the queue answers, but is missing from ListQueues.
    pub hidden: bool,
    pub behavior: Behavior,
    pub attributes: BTreeMap<String, String>,
}

impl FakeQueue {
    /// Sets an attribute.
    pub fn set(&mut self, name: &str, value: impl ToString) -> &mut Self {
        self.attributes.insert(name.into(), value.to_string());
        self
    }

    /// Sets the number of messages that can be received.
    pub fn depth(&mut self, visible: u64) -> &mut Self {
        self.set("ApproximateNumberOfMessages", visible)
    }

    /// Sets a redrive policy.
    pub fn redrives_to(&mut self, target: &str, count: u64) -> &mut Self {
        let arn = arn(target);
        let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": count});
        self.set("RedrivePolicy", policy)
    }
}

/// Recorded request.
#[derive(Debug, Clone)]
pub struct SqsRequest {
    pub action: String,
    /// Name of the queue; empty for ListQueues.
    pub queue: String,
    /// Access key of the signature.
    pub key: String,
    /// Region of the signature.
    pub region: String,
    pub body: Value,
}

/// Queues, behaviors and recorded requests.
#[derive(Debug)]
pub struct SqsState {
    pub queues: BTreeMap<String, FakeQueue>,
    /// Behavior of ListQueues.
    pub list: Behavior,
    /// Behavior of ListQueues in some regions.
    pub lists: BTreeMap<&'static str, Behavior>,
    /// Behavior of the pages of ListQueues after the first one.
    pub later_pages: Behavior,
    /// Behavior of GetQueueUrl.
    pub look_up: Behavior,
    /// Behavior of the first ReceiveMessage.
    pub receive: Behavior,
    /// Behavior of the other ones.
    pub later_receives: Behavior,
    /// Behavior of ChangeMessageVisibilityBatch.
    pub put_back: Behavior,
    /// Behavior of ListMessageMoveTasks.
    pub tasks: Behavior,
    /// Receipt handles that ChangeMessageVisibilityBatch fails for, each with the error code.
    pub not_put_back: BTreeMap<String, &'static str>,
    /// Behavior of DeleteMessageBatch.
    pub delete: Behavior,
    /// Receipt handles that DeleteMessageBatch fails for, each with the error code.
    pub not_deleted: BTreeMap<String, &'static str>,
    /// Behavior of the first SendMessageBatch.
    pub send: Behavior,
    /// Behavior of the other ones.
    pub later_sends: Behavior,
    /// Behavior of PurgeQueue.
    pub purge: Behavior,
    /// Results of ListMessageMoveTasks for any queue.
    pub move_tasks: Vec<Value>,
    /// The time by which the dates of the answers are ahead of this machine; None: no dates.
    pub ahead: Option<Duration>,
    pub requests: Vec<SqsRequest>,
}

impl SqsState {
    /// Returns a queue, which is created empty.
    pub fn queue(&mut self, name: &str) -> &mut FakeQueue {
        self.queues.entry(name.into()).or_insert_with(|| {
            let mut queue = FakeQueue {
                hidden: false,
                behavior: Behavior::Normal,
                attributes: BTreeMap::new(),
            };
            queue
                .set("QueueArn", arn(name))
                .depth(0)
                .set("ApproximateNumberOfMessagesNotVisible", 0)
                .set("ApproximateNumberOfMessagesDelayed", 0)
                .set("MessageRetentionPeriod", 1_209_600)
                .set("VisibilityTimeout", 60);
            queue
        })
    }

    /// Counts the requests of an action.
    pub fn count(&self, action: &str) -> usize {
        self.requests.iter().filter(|one| one.action == action).count()
    }
}

/// Running stand-in; it stops when the value is dropped.
pub struct FakeSqs {
    pub url: String,
    state: Arc<Mutex<SqsState>>,
    _server: HttpServer,
}

/// Returns the ARN of a queue of the stand-in.
pub fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:123456789012:{name}")
}

impl FakeSqs {
    /// Starts a stand-in without queues.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(SqsState {
            queues: BTreeMap::new(),
            list: Behavior::Normal,
            lists: BTreeMap::new(),
            later_pages: Behavior::Normal,
            look_up: Behavior::Normal,
            receive: Behavior::Normal,
            later_receives: Behavior::Normal,
            put_back: Behavior::Normal,
            not_put_back: BTreeMap::new(),
            delete: Behavior::Normal,
            not_deleted: BTreeMap::new(),
            send: Behavior::Normal,
            later_sends: Behavior::Normal,
            purge: Behavior::Normal,
            tasks: Behavior::Normal,
            move_tasks: Vec::new(),
            ahead: None,
            requests: Vec::new(),
        }));
        let shared = state.clone();
        let server = HttpServer::start(move |request, reply| respond(request, &shared, reply));
        FakeSqs { url: server.url.clone(), state, _server: server }
    }

    /// Locks the state, to read and to change.
    pub fn state(&self) -> MutexGuard<'_, SqsState> {
        self.state.lock().unwrap()
    }

    /// Adds queues with these numbers of messages.
    pub fn with_queues(self, queues: &[(&str, u64)]) -> Self {
        for (name, depth) in queues {
            self.state().queue(name).depth(*depth);
        }
        self
    }

    /// Adds `count` queues, `job-0-dlq` and so on, with `depth` messages each.
    pub fn with_job_queues(self, count: usize, depth: u64) -> Self {
        for n in 0..count {
            self.state().queue(&format!("job-{n}-dlq")).depth(depth);
        }
        self
    }

    /// Returns the URL of a queue.
    pub fn queue_url(&self, name: &str) -> String {
        queue_url(&self.url, name)
    }
}

fn queue_url(base: &str, name: &str) -> String {
    format!("{base}/123456789012/{name}")
}

/// Records a request and answers it as its queue or the listing is set to.
fn respond(
    request: &HttpRequest,
    state: &Mutex<SqsState>,
    reply: &mut Reply<'_>,
) -> Result<(), Closed> {
    if request.header("x-amz-target").is_none() {
        return identity(request, reply);
    }
    let body = request.json();
    let parsed = parse(request, &body);
    // The host that the client means: another one when the stand-in is its proxy.
    let base = format!("http://{}", request.header("host").unwrap_or_default());
    state.lock().unwrap().requests.push(parsed.clone());
    loop {
        let (behavior, result) = answer(&parsed, &body, &state.lock().unwrap(), &base);
        let (status, text) = match behavior {
            Behavior::Normal => (200, result.to_string()),
            Behavior::Body(body) => (200, body.to_owned()),
            Behavior::Refuse(status, code) => {
                let error = json!({"__type": code, "message": "from the stand-in"});
                (status, error.to_string())
            }
            Behavior::Disconnect => return Err(Closed),
            Behavior::Silent => return reply.hang(),
            Behavior::Hold => {
                reply.pause(Duration::from_millis(5))?;
                continue;
            }
        };
        let ahead = state.lock().unwrap().ahead;
        let date = ahead.map(|ahead| {
            let date = chrono::DateTime::<chrono::Utc>::from(SystemTime::now() + ahead);
            date.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
        });
        let headers: Vec<_> = date.iter().map(|date| ("date", date.as_str())).collect();
        return reply.send_with(status, "application/x-amz-json-1.0", &headers, &text);
    }
}

/// Answers STS, who the credentials are, and refuses what is no request of AWS.
fn identity(request: &HttpRequest, reply: &mut Reply<'_>) -> Result<(), Closed> {
    if !request.text().contains("Action=GetCallerIdentity") {
        return reply.send(404, "text/plain", "nothing here");
    }
    let arn = "arn:aws:iam::123456789012:user/tester";
    let result = format!("<Arn>{arn}</Arn><UserId>U</UserId><Account>123456789012</Account>");
    let result = format!("<GetCallerIdentityResult>{result}</GetCallerIdentityResult>");
    let body = format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>");
    reply.send(200, "text/xml", &body)
}

/// Reads action, queue, key and region of a request.
fn parse(request: &HttpRequest, body: &Value) -> SqsRequest {
    let action = request.headers["x-amz-target"].trim_start_matches("AmazonSQS.");
    let last = |key: &str, mark: char| {
        let text = body[key].as_str().unwrap_or_default();
        text.rsplit(mark).next().unwrap_or_default().to_owned()
    };
    // Credential=AKID/20260101/us-east-1/sqs/aws4_request
    let scope = request.headers["authorization"].split("Credential=").nth(1);
    let mut scope = scope.unwrap().split('/');
    SqsRequest {
        queue: match action {
            "GetQueueUrl" => last("QueueName", '/'),
            "ListMessageMoveTasks" => last("SourceArn", ':'),
            _ => last("QueueUrl", '/'),
        },
        action: action.to_owned(),
        key: scope.next().unwrap().to_owned(),
        region: scope.nth(1).unwrap().to_owned(),
        body: body.clone(),
    }
}

/// Returns the behavior that a request meets, and the correct answer.
fn answer(request: &SqsRequest, body: &Value, state: &SqsState, base: &str) -> (Behavior, Value) {
    let missing = (Behavior::Refuse(400, "com.amazonaws.sqs#QueueDoesNotExist"), Value::Null);
    match (request.action.as_str(), state.queues.get(&request.queue)) {
        ("ListQueues", _) => {
            let behavior = match state.lists.get(request.region.as_str()) {
                Some(behavior) => behavior,
                None if body["NextToken"].is_string() => &state.later_pages,
                None => &state.list,
            };
            (behavior.clone(), list(state, body, base))
        }
        ("ListDeadLetterSourceQueues", _) => (Behavior::Normal, json!({"queueUrls": []})),
        ("ReceiveMessage", Some(known)) => {
            let earlier = state.count("ReceiveMessage") - 1;
            let behavior = if earlier == 0 { &state.receive } else { &state.later_receives };
            // A request that was refused took nothing.
            let refused = earlier > 0 && matches!(state.receive, Behavior::Refuse(..));
            (behavior.clone(), receive(known, earlier - usize::from(refused)))
        }
        ("ChangeMessageVisibilityBatch", _) => {
            (state.put_back.clone(), entries(&state.not_put_back, body))
        }
        ("DeleteMessageBatch", Some(_)) => {
            (state.delete.clone(), entries(&state.not_deleted, body))
        }
        ("SendMessageBatch", Some(_)) => {
            let is_first = state.count("SendMessageBatch") == 1;
            let behavior = if is_first { &state.send } else { &state.later_sends };
            (behavior.clone(), sent(state.count("SendMessageBatch"), body))
        }
        ("PurgeQueue", Some(_)) => (state.purge.clone(), json!({})),
        ("ListMessageMoveTasks", _) => (state.tasks.clone(), json!({"Results": state.move_tasks})),
        ("GetQueueUrl", Some(_)) => {
            let url = queue_url(base, &request.queue);
            (state.look_up.clone(), json!({"QueueUrl": url}))
        }
        ("GetQueueAttributes", Some(known)) => {
            let wanted = body["AttributeNames"].as_array().unwrap();
            let mut attributes = known.attributes.clone();
            attributes.retain(|name, _| wanted.contains(&json!(name)));
            (known.behavior.clone(), json!({"Attributes": attributes}))
        }
        ("GetQueueUrl", None) if state.look_up != Behavior::Normal => {
            (state.look_up.clone(), Value::Null)
        }
        _ => missing,
    }
}

/// Returns up to ten of a queue's messages; `earlier` receives have taken ten each.
fn receive(queue: &FakeQueue, earlier: usize) -> Value {
    let visible = &queue.attributes["ApproximateNumberOfMessages"];
    let left = visible.parse::<usize>().unwrap().saturating_sub(earlier * 10);
    let message = |n: usize| {
        let id = format!("m{}", earlier * 10 + n);
        json!({"MessageId": id, "ReceiptHandle": id, "Body": "{}", "Attributes": {}})
    };
    json!({"Messages": (0..left.min(10)).map(message).collect::<Vec<_>>()})
}

/// Accepts each message of a batch.
fn sent(count: usize, body: &Value) -> Value {
    let entry = |entry: &Value| {
        let id = format!("new-{count}-{}", entry["Id"].as_str().unwrap());
        json!({"Id": entry["Id"], "MessageId": id, "MD5OfMessageBody": "x"})
    };
    let all: Vec<Value> = body["Entries"].as_array().unwrap().iter().map(entry).collect();
    json!({"Successful": all, "Failed": []})
}

/// Returns the result of each entry of a batch; those of some receipt handles fail with a code.
fn entries(failing: &BTreeMap<String, &'static str>, body: &Value) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in body["Entries"].as_array().unwrap() {
        match failing.get(entry["ReceiptHandle"].as_str().unwrap()) {
            None => successful.push(json!({"Id": entry["Id"]})),
            Some(code) => {
                failed.push(json!({"Id": entry["Id"], "Code": code, "SenderFault": true}));
            }
        }
    }
    json!({"Successful": successful, "Failed": failed})
}

/// Lists URLs in pages of at most 1,000. As in SQS, a request without MaxResults gets the first
/// page and no token.
fn list(state: &SqsState, body: &Value, base: &str) -> Value {
    let urls: Vec<String> = state
        .queues
        .iter()
        .filter(|(_, queue)| !queue.hidden)
        .map(|(name, _)| queue_url(base, name))
        .collect();
    let start = body["NextToken"].as_str().map_or(0, |n| n.parse().unwrap());
    let size = body["MaxResults"].as_u64().unwrap_or(1000);
    let end = urls.len().min(start + usize::try_from(size).unwrap());
    let mut page = json!({"QueueUrls": urls[start..end]});
    if end < urls.len() && body["MaxResults"].is_u64() {
        page["NextToken"] = json!(end.to_string());
    }
    page
}
