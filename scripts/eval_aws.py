"""AWS as an incident of tests/eval sees it, for scripts/eval.

SQS is the real server of scripts/sqs-server. In front of it stands a server on loopback that hands every
request on, and gives the messages of an incident the times and senders that its description states.
It answers for Lambda and CloudWatch Logs itself, from the incident's log.
"""

import json
import re
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import eval_incident
from eval_incident import Incident, seconds

ACCOUNT = "000000000000"
PRODUCER = "AROAEXAMPLEPRODUCER01:producer"
SCOPE = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
PAGE = 1000
MOVE_LIMIT_S = 20


class Sqs:
    """Calls of the real server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, action: str, **body: object) -> dict:
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonSQS.{action}"}
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers | {"authorization": SCOPE})
        with self.opener.open(request, timeout=60) as answer:
            return json.loads(answer.read() or b"{}")

    def forward(self, headers: dict, body: bytes) -> tuple[int, bytes]:
        request = urllib.request.Request(self.url, body, headers)
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def attribute(value: object) -> dict:
    if isinstance(value, dict):
        return {"DataType": value["type"], "StringValue": value["value"]}
    return {"DataType": "String", "StringValue": str(value)}


def send(sqs: Sqs, incident: Incident) -> list[str]:
    """Makes the queues, sends the messages, and lets SQS move them. Returns the message ids."""
    facts, source = incident.facts, incident.facts["source"]
    dlq = target = sqs.call("CreateQueue", QueueName=facts["dlq"])["QueueUrl"]
    if source:
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{facts['dlq']}"
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": source["max_receives"]})
        settings = {"VisibilityTimeout": str(source["visibility_s"]), "RedrivePolicy": policy}
        target = sqs.call("CreateQueue", QueueName=source["name"], Attributes=settings)["QueueUrl"]
    ids = []
    for letter in incident.letters:
        body = letter["body"]
        text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        attributes = {name: attribute(value) for name, value in letter.get("attributes", {}).items()}
        sent = sqs.call("SendMessage", QueueUrl=target, MessageBody=text, MessageAttributes=attributes)
        ids.append(sent["MessageId"])
    count, deadline = "ApproximateNumberOfMessages", time.monotonic() + MOVE_LIMIT_S
    while int(sqs.call("GetQueueAttributes", QueueUrl=dlq, AttributeNames=[count])["Attributes"][count]) < len(ids):
        if time.monotonic() > deadline:
            raise RuntimeError(f"SQS has not moved the messages to {facts['dlq']}")
        sqs.call("ReceiveMessage", QueueUrl=target, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return ids


def remove(sqs: Sqs) -> None:
    for url in sqs.call("ListQueues").get("QueueUrls", []):
        sqs.call("DeleteQueue", QueueUrl=url)


def system_attributes(incident: Incident, ids: list[str], first: float) -> dict[str, dict]:
    """Returns the attributes that SQS would have given each message at the time of the incident."""
    found = {}
    for message, letter in zip(ids, incident.letters, strict=True):
        at = first + seconds(letter["at"])
        sent = first + seconds(letter["sent"]) if "sent" in letter else at - 1
        stated = {"SenderId": letter.get("sender", PRODUCER), "SentTimestamp": str(int(sent * 1000))}
        if incident.facts["source"]:
            stated["ApproximateFirstReceiveTimestamp"] = str(int(at * 1000))
        if "receives" in letter:
            stated["ApproximateReceiveCount"] = str(letter["receives"])
        found[message] = stated
    return found


class Front(ThreadingHTTPServer):
    """The one address of AWS for the programs under evaluation."""

    daemon_threads = True

    def __init__(self, sqs: Sqs, incident: Incident, ids: list[str], first: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.sqs, self.incident = sqs, incident
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.stated = system_attributes(incident, ids, first)
        self.lines = eval_incident.log_lines(incident, first, ids)
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def consumer(self, key: str) -> str | None:
        return (self.incident.facts["consumer"] or {}).get(key)

    def restate(self, body: bytes) -> bytes:
        """Puts the stated attributes into an answer with messages."""
        answer = json.loads(body)
        for message in answer.get("Messages", []):
            given = message.get("Attributes")
            if given is not None:
                given.update(self.stated.get(message["MessageId"], {}))
        return json.dumps(answer).encode()

    def mappings(self, arn: str) -> dict:
        name, source = self.consumer("lambda"), self.incident.facts["source"]
        if not name or not source or not arn.endswith(f":{source['name']}"):
            return {"EventSourceMappings": []}
        function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
        return {"EventSourceMappings": [{"FunctionArn": function, "State": "Enabled", "BatchSize": 10}]}

    def events(self, asked: dict) -> dict | None:
        """Returns a page of the log, as FilterLogEvents does; none for a group that does not exist."""
        function = self.consumer("lambda")
        if asked.get("logGroupName") != (f"/aws/lambda/{function}" if function else self.consumer("log_group")):
            return None
        words = re.findall(r'"([^"]*)"|\?(\w+)', asked.get("filterPattern") or "")
        words = [quoted or plain for quoted, plain in words]
        span = asked.get("startTime", 0), asked.get("endTime", 1 << 62)
        found = [
            {"logStreamName": stream, "timestamp": int(at * 1000), "message": text, "eventId": f"{number:056}"}
            for number, (at, stream, text) in enumerate(self.lines)
            if span[0] <= int(at * 1000) <= span[1] and (not words or any(word in text for word in words))
        ]
        begin = int(asked.get("nextToken") or 0)
        page = {"events": found[begin : begin + PAGE], "searchedLogStreams": []}
        if begin + PAGE < len(found):
            page["nextToken"] = str(begin + PAGE)
        return page


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def log_message(self, *_words: object) -> None:
        pass

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_json(self, value: dict | None) -> None:
        if value is None:
            missing = {"__type": "ResourceNotFoundException", "message": "The specified log group does not exist."}
            return self.answer(400, json.dumps(missing).encode())
        return self.answer(200, json.dumps(value).encode())

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if "event-source-mappings" in path:
            arn = urllib.parse.parse_qs(query).get("EventSourceArn", [""])[0]
            return self.answer_json(self.server.mappings(arn))
        name = urllib.parse.unquote(path).removesuffix("/configuration").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
        if "/functions/" not in path or name != self.server.consumer("lambda"):
            return self.answer_json(None)
        timeout = self.server.incident.facts["consumer"].get("timeout_s", 30)
        group = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
        return self.answer_json({"FunctionName": name, "Timeout": timeout, "LoggingConfig": group})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        target = self.headers.get("x-amz-target", "")
        if target.endswith(".FilterLogEvents"):
            return self.answer_json(self.server.events(json.loads(body)))
        if not target.startswith("AmazonSQS."):
            return self.answer_json(None)
        kept = ("content-type", "x-amz-target", "authorization", "x-amz-date")
        headers = {name: self.headers[name] for name in kept if name in self.headers}
        real, own = self.server.sqs.url.encode(), self.server.url.encode()
        status, answer = self.server.sqs.forward(headers, body.replace(own, real))
        answer = answer.replace(real, own)
        if status == 200 and target.endswith(".ReceiveMessage"):
            answer = self.server.restate(answer)
        return self.answer(status, answer)
