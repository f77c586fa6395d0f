//! Real SQS server, and a plain client to prepare queues and messages.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::requirement::sqs_server;
use super::workbench::wait_for;

/// Running server, which keeps regions apart and stops when the value is dropped.
pub struct SqsServer {
    pub url: String,
    child: Child,
}

impl SqsServer {
    /// Starts a server; `None` when its program is missing.
    pub fn start() -> Option<Self> {
        let program = sqs_server()?;
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut url = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut url).unwrap();
        let url = url.trim_end().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "it did not start: {url:?}");
        Some(SqsServer { url, child })
    }

    /// Connects a client in the region us-east-1.
    pub fn client(&self) -> Client {
        self.client_in("us-east-1")
    }

    pub fn client_in(&self, region: &str) -> Client {
        let host = self.url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = BufReader::new(stream);
        Client { host, key: "test".into(), region: region.into(), stream, used_at: Instant::now() }
    }
}

impl Drop for SqsServer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The time after which a client takes a new connection.
const IDLE_MAX: Duration = Duration::from_secs(1);

/// Client with one connection that is kept open. The server closes one that is idle for some seconds.
pub struct Client {
    host: String,
    key: String,
    region: String,
    stream: BufReader<TcpStream>,
    used_at: Instant,
}

impl Client {
    /// Changes the access key; a key of twelve digits is the number of an account.
    pub fn with_key(mut self, key: &str) -> Self {
        self.key = key.into();
        self
    }

    /// Calls an action, and fails when the server refuses it.
    #[track_caller]
    pub fn call(&mut self, action: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(action, body);
        assert_eq!(status, 200, "{action} {body}: {answer}");
        answer
    }

    fn ask(&mut self, action: &str, body: &Value) -> (u16, Value) {
        let (body, key, region) = (body.to_string(), &self.key, &self.region);
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: AmazonSQS.{action}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={key}/20260101/{region}/sqs/aws4_request, SignedHeaders=host, Signature=x\r\n\
             Content-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        let request = [head.as_bytes(), body.as_bytes()].concat();
        if self.used_at.elapsed() > IDLE_MAX {
            self.stream = BufReader::new(TcpStream::connect(&self.host).unwrap());
        }
        self.used_at = Instant::now();
        self.stream.get_mut().write_all(&request).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> (u16, Value) {
        let status = self.line().split(' ').nth(1).unwrap().parse().unwrap();
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line().to_ascii_lowercase();
            match line.split_once(": ") {
                None => break,
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(("transfer-encoding", value)) => chunked = value == "chunked",
                Some(_) => {}
            }
        }
        let mut bytes = Vec::new();
        if chunked {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).unwrap();
                self.take(size, &mut bytes);
                self.line();
                if size == 0 {
                    break;
                }
            }
        } else {
            self.take(length, &mut bytes);
        }
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn take(&mut self, size: usize, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.resize(start + size, 0);
        self.stream.read_exact(&mut bytes[start..]).unwrap();
    }

    /// Creates a queue with these attributes and returns its URL.
    #[track_caller]
    pub fn create(&mut self, name: &str, attributes: &Value) -> String {
        let mut attributes = attributes.clone();
        if name.ends_with(".fifo") {
            attributes["FifoQueue"] = json!("true");
            attributes["ContentBasedDeduplication"] = json!("true");
        }
        let made = self.call("CreateQueue", &json!({"QueueName": name, "Attributes": attributes}));
        made["QueueUrl"].as_str().unwrap().into()
    }

    /// Creates a queue whose messages die after one receive, and returns its URL.
    #[track_caller]
    pub fn create_source(&mut self, name: &str, dlq: &str) -> String {
        let target = self.arn(dlq);
        let policy = json!({"deadLetterTargetArn": target, "maxReceiveCount": 1}).to_string();
        self.create(name, &json!({"RedrivePolicy": policy}))
    }

    pub fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:000000000000:{name}", self.region)
    }

    /// Sends a message with attributes that are texts, directly to a queue, as Lambda, SNS and
    /// EventBridge do.
    pub fn send_with(&mut self, url: &str, body: &str, attributes: &[(&str, &str)]) {
        let attribute = |(name, text): &(&str, &str)| {
            ((*name).to_owned(), json!({"DataType": "String", "StringValue": text}))
        };
        let attributes: serde_json::Map<_, _> = attributes.iter().map(attribute).collect();
        let message =
            json!({"QueueUrl": url, "MessageBody": body, "MessageAttributes": attributes});
        self.call("SendMessage", &message);
    }

    #[track_caller]
    pub fn send(&mut self, url: &str, body: &str) {
        let mut message = json!({"QueueUrl": url, "MessageBody": body});
        if url.ends_with(".fifo") {
            message["MessageGroupId"] = json!("group");
        }
        self.call("SendMessage", &message);
    }

    /// Receives one message for this many seconds and returns its receipt handle.
    #[track_caller]
    pub fn receive(&mut self, url: &str, seconds: u64) -> Option<String> {
        let body = json!({"QueueUrl": url, "VisibilityTimeout": seconds, "MaxNumberOfMessages": 1});
        let answer = self.call("ReceiveMessage", &body);
        let receipt = &answer["Messages"][0]["ReceiptHandle"];
        receipt.as_str().map(str::to_owned)
    }

    /// Receives every message for two seconds and returns the receive counts by message id.
    #[track_caller]
    pub fn receive_counts(&mut self, url: &str) -> BTreeMap<String, u64> {
        let body = json!({
            "QueueUrl": url, "VisibilityTimeout": 2, "MaxNumberOfMessages": 10,
            "MessageSystemAttributeNames": ["All"],
        });
        let mut receive_counts = BTreeMap::new();
        loop {
            let answer = self.call("ReceiveMessage", &body);
            let Some(messages) = answer["Messages"].as_array() else { return receive_counts };
            for message in messages {
                let count = message["Attributes"]["ApproximateReceiveCount"].as_str().unwrap();
                let id = message["MessageId"].as_str().unwrap().to_owned();
                receive_counts.insert(id, count.parse().unwrap());
            }
        }
    }

    /// Returns the bodies of all messages of a queue by their id, those in flight included, without a
    /// receive.
    #[track_caller]
    pub fn messages(&self, url: &str) -> BTreeMap<String, String> {
        let (key, region) = (&self.key, &self.region);
        let request = format!(
            "GET /_aws/sqs/messages?QueueUrl={url}&ShowInvisible=true HTTP/1.1\r\nHost: {}\r\n\
             Accept: application/json\r\nConnection: close\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={key}/20260101/{region}/sqs/aws4_request, SignedHeaders=host, Signature=x\r\n\r\n",
            self.host
        );
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut client = Client {
            host: self.host.clone(),
            key: self.key.clone(),
            region: self.region.clone(),
            stream: BufReader::new(stream),
            used_at: Instant::now(),
        };
        let (status, answer) = client.answer();
        assert_eq!(status, 200, "{answer}");
        let found = &answer["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"];
        let found = match found {
            Value::Array(all) => all.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        found.iter().map(|one| (text(&one["MessageId"]), text(&one["Body"]))).collect()
    }

    /// Returns the number of messages in flight.
    #[track_caller]
    pub fn in_flight(&mut self, url: &str) -> u64 {
        let name = "ApproximateNumberOfMessagesNotVisible";
        let body = json!({"QueueUrl": url, "AttributeNames": [name]});
        let answer = self.call("GetQueueAttributes", &body);
        answer["Attributes"][name].as_str().unwrap().parse().unwrap()
    }

    /// Returns the number of messages that can be received.
    #[track_caller]
    pub fn depth(&mut self, url: &str) -> u64 {
        let body = json!({"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"]});
        let answer = self.call("GetQueueAttributes", &body);
        let count = answer["Attributes"]["ApproximateNumberOfMessages"].as_str();
        count.unwrap().parse().unwrap()
    }

    /// Sends messages and receives them without success until SQS moves them to the DLQ.
    #[track_caller]
    pub fn dead_letter(&mut self, source: &str, dlq: &str, bodies: &[&str]) {
        let until = self.depth(dlq) + bodies.len() as u64;
        for body in bodies {
            self.send(source, body);
        }
        wait_for("SQS moves the dead letters", || {
            self.receive(source, 0);
            self.depth(dlq) == until
        });
    }
}
