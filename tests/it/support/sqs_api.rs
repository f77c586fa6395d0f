//! A small stand-in for SQS on loopback, for what a real server cannot be made to show: refusals,
//! broken connections, silence, names that no server would accept.
//!
//! It answers ListQueues (paged as SQS does), GetQueueAttributes, GetQueueUrl and
//! ListMessageMoveTasks, and remembers who asked for what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Closed, HttpRequest, HttpServer, Reply};

/// How a request is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Mood {
    /// As it should be.
    Well,
    /// With this status, code and message.
    Refuse(u16, &'static str),
    /// With these bytes as the body, and status 200.
    Page(&'static str),
    /// The connection is closed.
    Drop,
    /// Not at all.
    Silent,
    /// When this mood has passed.
    Held,
}

/// A queue.
#[derive(Debug, Clone)]
pub struct FakeQueue {
    /// It has a URL and answers, but is not in any list.
    pub hidden: bool,
    pub mood: Mood,
    pub attributes: BTreeMap<String, String>,
}

impl FakeQueue {
    /// Sets an attribute.
    pub fn with(&mut self, name: &str, value: impl ToString) -> &mut Self {
        self.attributes.insert(name.into(), value.to_string());
        self
    }

    /// Sets the number of messages that can be received.
    pub fn depth(&mut self, visible: u64) -> &mut Self {
        self.with("ApproximateNumberOfMessages", visible)
    }

    /// Sends its dead letters to a queue.
    pub fn redrives_to(&mut self, target: &str, count: u64) -> &mut Self {
        let arn = arn(target);
        let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": count});
        self.with("RedrivePolicy", policy)
    }
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub action: String,
    /// The queue's name, for what is asked of one.
    pub queue: String,
    /// The access key in the signature.
    pub key: String,
    /// The region in the signature.
    pub region: String,
}

/// What there is.
#[derive(Debug)]
pub struct World {
    pub queues: BTreeMap<String, FakeQueue>,
    pub list: Mood,
    pub tasks: Mood,
    /// The move tasks of every queue, as ListMessageMoveTasks has them.
    pub moved: Vec<Value>,
    pub asked: Vec<Asked>,
}

impl World {
    /// The queue; a new one is empty and well.
    pub fn queue(&mut self, name: &str) -> &mut FakeQueue {
        self.queues.entry(name.into()).or_insert_with(|| {
            let mut queue =
                FakeQueue { hidden: false, mood: Mood::Well, attributes: BTreeMap::new() };
            queue
                .with("QueueArn", arn(name))
                .depth(0)
                .with("ApproximateNumberOfMessagesNotVisible", 0)
                .with("ApproximateNumberOfMessagesDelayed", 0)
                .with("MessageRetentionPeriod", 1_209_600)
                .with("VisibilityTimeout", 60);
            queue
        })
    }

    /// How often something was asked.
    pub fn count(&self, action: &str) -> usize {
        self.asked.iter().filter(|one| one.action == action).count()
    }
}

/// The server.
pub struct FakeSqs {
    pub url: String,
    world: Arc<Mutex<World>>,
    _server: HttpServer,
}

/// The ARN of a queue of this server.
pub fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:123456789012:{name}")
}

impl FakeSqs {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let world = Arc::new(Mutex::new(World {
            queues: BTreeMap::new(),
            list: Mood::Well,
            tasks: Mood::Well,
            moved: Vec::new(),
            asked: Vec::new(),
        }));
        let shared = world.clone();
        let server = HttpServer::start(move |request, reply| respond(request, &shared, reply));
        FakeSqs { url: server.url.clone(), world, _server: server }
    }

    /// What there is, to look at and to change.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Queues with these numbers of messages.
    pub fn with(self, queues: &[(&str, u64)]) -> Self {
        for (name, depth) in queues {
            self.world().queue(name).depth(*depth);
        }
        self
    }

    /// So many more, `job-0-dlq` and so on, with this number of messages each.
    pub fn jobs(self, count: usize, depth: u64) -> Self {
        for n in 0..count {
            self.world().queue(&format!("job-{n}-dlq")).depth(depth);
        }
        self
    }

    /// The URL of a queue.
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
    world: &Mutex<World>,
    reply: &mut Reply<'_>,
) -> Result<(), Closed> {
    let body = request.json();
    let asked = note(request, &body);
    // The address that the client uses, which is not this one when the server is its proxy.
    let base = format!("http://{}", request.header("host").unwrap_or_default());
    world.lock().unwrap().asked.push(asked.clone());
    loop {
        let (mood, said) = answer(&asked, &body, &world.lock().unwrap(), &base);
        let (status, text) = match mood {
            Mood::Well => (200, said.to_string()),
            Mood::Page(page) => (200, page.to_owned()),
            Mood::Refuse(status, code) => {
                let words = json!({"__type": code, "message": "said the stand-in"});
                (status, words.to_string())
            }
            Mood::Drop => return Err(Closed),
            Mood::Silent => return reply.hang(),
            Mood::Held => {
                reply.pause(Duration::from_millis(5))?;
                continue;
            }
        };
        return reply.send(status, "application/x-amz-json-1.0", &text);
    }
}

/// Who asks for what.
fn note(request: &HttpRequest, body: &Value) -> Asked {
    let action = request.headers["x-amz-target"].trim_start_matches("AmazonSQS.");
    let last = |key: &str, mark: char| {
        let text = body[key].as_str().unwrap_or_default();
        text.rsplit(mark).next().unwrap_or_default().to_owned()
    };
    // Credential=AKID/20260101/us-east-1/sqs/aws4_request
    let scope = request.headers["authorization"].split("Credential=").nth(1);
    let mut scope = scope.unwrap().split('/');
    Asked {
        queue: match action {
            "GetQueueUrl" => last("QueueName", '/'),
            "ListMessageMoveTasks" => last("SourceArn", ':'),
            _ => last("QueueUrl", '/'),
        },
        action: action.to_owned(),
        key: scope.next().unwrap().to_owned(),
        region: scope.nth(1).unwrap().to_owned(),
    }
}

fn answer(asked: &Asked, body: &Value, world: &World, base: &str) -> (Mood, Value) {
    let missing = (Mood::Refuse(400, "com.amazonaws.sqs#QueueDoesNotExist"), Value::Null);
    match (asked.action.as_str(), world.queues.get(&asked.queue)) {
        ("ListQueues", _) => (world.list.clone(), list(world, body, base)),
        ("ListMessageMoveTasks", _) => (world.tasks.clone(), json!({"Results": world.moved})),
        ("GetQueueUrl", Some(_)) => {
            let url = queue_url(base, &asked.queue);
            (Mood::Well, json!({"QueueUrl": url}))
        }
        ("GetQueueAttributes", Some(known)) => {
            let wanted = body["AttributeNames"].as_array().unwrap();
            let mut said = known.attributes.clone();
            said.retain(|name, _| wanted.contains(&json!(name)));
            (known.mood.clone(), json!({"Attributes": said}))
        }
        _ => missing,
    }
}

/// Pages of 1,000; without MaxResults the list is cut there, and nothing says so.
fn list(world: &World, body: &Value, base: &str) -> Value {
    let urls: Vec<String> = world
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
