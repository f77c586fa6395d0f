"""A canned SQS server for benchmarks: many dead-letter queues, constant latency, hardly any state.

    bench_server.py QUEUES LATENCY_MS [MESSAGES [BYTES]]

Speaks the JSON protocol over HTTP/1.1 with keep-alive: ListQueues with pages, GetQueueAttributes,
and, for queues that hold MESSAGES of BYTES (256 KiB), ReceiveMessage, ChangeMessageVisibilityBatch,
SendMessageBatch and DeleteMessageBatch. Each message died in the queue `bench`, and none comes twice.
Prints its address, serves until its standard input closes. GET /stats gives the calls so far and
when (CLOCK_MONOTONIC, which all processes share) the first came; POST /reset starts anew.
"""

import asyncio
import hashlib
import json
import sys
import time

QUEUES, LATENCY_S = int(sys.argv[1]), float(sys.argv[2]) / 1000
MESSAGES = int(sys.argv[3]) if len(sys.argv) > 3 else 0
BYTES = int(sys.argv[4]) if len(sys.argv) > 4 else 261_900
WORDS = ("lorem ipsum dolor sit amet " * 9_700)[:BYTES]
ORIGIN = "arn:aws:sqs:us-east-1:000000000000:bench"
ATTRIBUTES = {
    "ApproximateNumberOfMessagesNotVisible": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "CreatedTimestamp": "1700000000",
    "LastModifiedTimestamp": "1700000000",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "1209600",
    "VisibilityTimeout": "30",
}


class Stats:
    calls: dict[str, int] = {}
    first: float | None = None
    received = 0
    sent = 0
    deleted = 0


def list_queues(request: dict, base: str) -> dict:
    start = int(request.get("NextToken") or 0)
    end = min(start + min(int(request.get("MaxResults") or 1000), 1000), QUEUES)
    answer: dict = {"QueueUrls": [f"{base}/000000000000/bench-{n:05}-dlq" for n in range(start, end)]}
    if end < QUEUES and "MaxResults" in request:
        answer["NextToken"] = str(end)
    return answer


def get_queue_attributes(request: dict, _base: str) -> dict:
    name = request["QueueUrl"].rsplit("/", 1)[1]
    left = MESSAGES - Stats.deleted if name.endswith("-dlq") else 0
    known = ATTRIBUTES | {
        "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{name}",
        "ApproximateNumberOfMessages": str(left),
    }
    asked = request.get("AttributeNames") or []
    if "All" not in asked:
        known = {key: value for key, value in known.items() if key in asked}
    return {"Attributes": known}


def receive_message(request: dict, _base: str) -> dict:
    count = min(int(request.get("MaxNumberOfMessages") or 1), MESSAGES - Stats.received)
    Stats.received += count
    messages = []
    for number in range(Stats.received - count, Stats.received):
        body = json.dumps({"order": number, "error": f"cannot book seat {number}", "text": WORDS})
        messages.append({
            "MessageId": f"00000000-0000-4000-8000-{number:012}",
            "ReceiptHandle": f"handle-{number}",
            "MD5OfBody": hashlib.md5(body.encode()).hexdigest(),
            "Body": body,
            "Attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1700000000000",
                           "DeadLetterQueueSourceArn": ORIGIN},
        })  # fmt: skip
    return {"Messages": messages}


def change_message_visibility_batch(request: dict, _base: str) -> dict:
    return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]], "Failed": []}


def send_message_batch(request: dict, _base: str) -> dict:
    successful = []
    for entry in request["Entries"]:
        Stats.sent += 1
        digest = hashlib.md5(entry["MessageBody"].encode()).hexdigest()
        sent = {"Id": entry["Id"], "MessageId": f"10000000-0000-4000-8000-{Stats.sent:012}"}
        successful.append(sent | {"MD5OfMessageBody": digest})
    return {"Successful": successful, "Failed": []}


def delete_message_batch(request: dict, _base: str) -> dict:
    Stats.deleted += len(request["Entries"])
    return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]], "Failed": []}


def get_queue_url(request: dict, base: str) -> dict:
    return {"QueueUrl": f"{base}/000000000000/{request['QueueName']}"}


def list_dead_letter_source_queues(_request: dict, _base: str) -> dict:
    return {"queueUrls": []}


ACTIONS = {
    "AmazonSQS.ListQueues": list_queues,
    "AmazonSQS.GetQueueAttributes": get_queue_attributes,
    "AmazonSQS.GetQueueUrl": get_queue_url,
    "AmazonSQS.ReceiveMessage": receive_message,
    "AmazonSQS.ChangeMessageVisibilityBatch": change_message_visibility_batch,
    "AmazonSQS.SendMessageBatch": send_message_batch,
    "AmazonSQS.DeleteMessageBatch": delete_message_batch,
    "AmazonSQS.ListDeadLetterSourceQueues": list_dead_letter_source_queues,
}


class Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head, separator, rest = self.buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = {}
            for line in lines[1:]:
                key, _, value = line.partition(":")
                headers[key.lower()] = value.strip()
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            self.respond(lines[0], headers, rest[:length])

    def respond(self, line: str, headers: dict[str, str], body: bytes) -> None:
        if line.startswith("GET /stats"):
            moved = {"sent": Stats.sent, "deleted": Stats.deleted}
            return self.answer(200, {"calls": Stats.calls, "first": Stats.first} | moved)
        if line.startswith("POST /reset"):
            Stats.calls, Stats.first = {}, None
            Stats.received = Stats.sent = Stats.deleted = 0
            return self.answer(200, {})
        if Stats.first is None:
            Stats.first = time.monotonic()
        target = headers.get("x-amz-target", "")
        Stats.calls[target] = Stats.calls.get(target, 0) + 1
        action = ACTIONS.get(target)
        if action is None:
            return self.answer(400, {"__type": "com.amazonaws.sqs#UnsupportedOperation"})
        answer = action(json.loads(body or b"{}"), f"http://{headers['host']}")
        if LATENCY_S:
            asyncio.get_running_loop().call_later(LATENCY_S, self.answer, 200, answer)
        else:
            self.answer(200, answer)

    def answer(self, status: int, answer: dict) -> None:
        body = json.dumps(answer).encode()
        self.transport.write(
            b"HTTP/1.1 %d X\r\ncontent-type: application/x-amz-json-1.0\r\n"
            b"x-amzn-requestid: 0\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body
        )


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


asyncio.run(main())
