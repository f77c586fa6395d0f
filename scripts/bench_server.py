"""A canned SQS server for benchmarks: many empty dead-letter queues, an even latency, no state.

    bench_server.py QUEUES LATENCY_MS

Speaks the JSON protocol over HTTP/1.1 with keep-alive: ListQueues with pages, GetQueueAttributes.
Prints its address, serves until its standard input closes. GET /stats gives the calls so far and
when (CLOCK_MONOTONIC, which all processes share) the first came; POST /reset starts anew.
"""

import asyncio
import json
import sys
import time

QUEUES, LATENCY_S = int(sys.argv[1]), float(sys.argv[2]) / 1000
ATTRIBUTES = {
    "ApproximateNumberOfMessages": "0",
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


def list_queues(request: dict, base: str) -> dict:
    start = int(request.get("NextToken") or 0)
    end = min(start + min(int(request.get("MaxResults") or 1000), 1000), QUEUES)
    answer: dict = {"QueueUrls": [f"{base}/000000000000/bench-{n:05}-dlq" for n in range(start, end)]}
    if end < QUEUES and "MaxResults" in request:
        answer["NextToken"] = str(end)
    return answer


def get_queue_attributes(request: dict, _base: str) -> dict:
    name = request["QueueUrl"].rsplit("/", 1)[1]
    known = ATTRIBUTES | {"QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{name}"}
    asked = request.get("AttributeNames") or []
    if "All" not in asked:
        known = {key: value for key, value in known.items() if key in asked}
    return {"Attributes": known}


ACTIONS = {
    "AmazonSQS.ListQueues": list_queues,
    "AmazonSQS.GetQueueAttributes": get_queue_attributes,
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
            return self.answer(200, {"calls": Stats.calls, "first": Stats.first})
        if line.startswith("POST /reset"):
            Stats.calls, Stats.first = {}, None
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
