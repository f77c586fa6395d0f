"""Configurations, events and receivers for the benchmarks of dlq-notify in scripts/bench.py.

Promises: receivers listen on loopback, on ports that the kernel chooses, and end with the block that
started them.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

# Answers every POST at once. Prints its address, and serves until its standard input closes.
RECEIVER = r"""
import asyncio, sys

class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while True:
            head, separator, rest = self.buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n")
                          if line.startswith(b"content-length:"))
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            self.transport.write(b"HTTP/1.1 202 X\r\ncontent-length: 2\r\n\r\n{}")

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)

asyncio.run(main())
"""
KINDS = ("queue.raised", "queue.grew", "queue.expiring", "investigation.started", "queue.polled", "odd.event")
# The types in routes: a configuration may not name an unknown one.
ROUTED = (*KINDS[:5], "notice.*")


@contextmanager
def receiver() -> Iterator[str]:
    """Yields the address of a server that takes everything."""
    child = subprocess.Popen(
        [sys.executable, "-c", RECEIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield child.stdout.readline().strip()
    finally:
        child.communicate()


@contextmanager
def silent() -> Iterator[str]:
    """Yields the address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def event(kind: str, number: int, queue: str) -> bytes:
    """An event of about 900 bytes, with the payload that each of `KINDS` needs."""
    address = f"arn:aws:sqs:us-east-1:0:{queue}"
    about = {"name": queue, "url": f"http://127.0.0.1:9/0/{queue}", "arn": address, "region": "us-east-1"}
    about |= {"account": "0", "fifo": False, "sources": [], "profile": None, "endpoint": None}
    depth = number % 7
    data = {"queue": about, "depth": depth, "visible": depth, "in_flight": 0, "delayed": 0, "previous": 0}
    data |= {"threshold": 1, "retention_s": 345600, "expires_after": None, "expires_before": None}
    data |= {"raised_depth": 1, "tier": "6h", "certain": True, "session": "1", "agent": "a", "pid": 1}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {
        "specversion": "1.0",
        "id": f"018f0000-0000-7000-8000-{number:012x}",
        "source": "dlq-poll",
        "type": kind,
        "subject": queue,
        "time": now,
        "incident": f"incident-{queue}",
        "severitytext": "ERROR",
        "data": data | {"timeout_at": now},
    }
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def events(count: int) -> Iterator[bytes]:
    """Events of several types, of which one in six is of a type without rules of its own."""
    return (event(KINDS[n % 6], n, f"orders-{n % 250:03}-dlq") for n in range(count))


def routes_config(count: int) -> str:
    """Routes of which each looks at type, queue, severity and account; none takes an event of `event`."""
    routes = "".join(
        f"    - {{type: ['{ROUTED[n % 6]}', 'issue.*'], queue: ['team{n}-*', '*-service{n}-dlq'], "
        f"severity: WARN, account: 'prod-{n}', channels: [console]}}\n"
        for n in range(count)
    )
    return f"aws: {{region: us-east-1}}\nnotifications:\n  routes:\n{routes}"


def routes_jq(count: int) -> str:
    """The same conditions as a program of jq, which passes a line on whether or not one holds."""
    conditions = " or ".join(
        f'((.type=="{KINDS[n % 6]}" or (.type|startswith("issue."))) '
        f'and ((.subject|startswith("team{n}-")) or (.subject|endswith("-service{n}-dlq"))))'
        for n in range(count)
    )
    return f"if {conditions} then . else . end"


def webhooks_config(count: int, address: str) -> str:
    """Webhooks, and a console that prints nothing."""
    hook = f"{{type: webhook, rate: 1000/s, url: '{address}/"
    channels = "".join(f"    hook{n}: {hook}{n}'}}\n" for n in range(count))
    none = "    none: {type: console, min_severity: FATAL}\n"
    return f"aws: {{region: us-east-1}}\nnotifications:\n  channels:\n{none}{channels}"


def pass_lines(child: subprocess.Popen, lines: list[bytes], pause_s: float) -> tuple[float, list[float]]:
    """Writes lines, with a pause between two of them if it is not 0. Returns the seconds until the last has
    come out, and the milliseconds that each was held, sorted. Without pauses the second says nothing."""
    sent: list[float] = []

    def write() -> None:
        begun = time.monotonic()
        if not pause_s:
            child.stdin.write(b"".join(lines))
        for number, line in enumerate(lines if pause_s else []):
            time.sleep(max(0.0, begun + number * pause_s - time.monotonic()))
            sent.append(time.monotonic())
            child.stdin.write(line)

    got: list[float] = []
    rest, begun = b"", time.monotonic()
    writer = threading.Thread(target=write)
    writer.start()
    while len(got) < len(lines) and (part := child.stdout.read(65536)):
        *whole, rest = (rest + part).split(b"\n")
        # What it reports of its notices comes between the lines.
        own = sum(b'"source":"dlq-notify"' in line for line in whole)
        got += [time.monotonic()] * (len(whole) - own)
    writer.join()
    if len(got) != len(lines):
        sys.exit(f"bench: error: {len(got)} lines of {len(lines)} came out: {child.args}")
    return got[-1] - begun, sorted((out - into) * 1000 for into, out in zip(sent, got, strict=False))


def pager_config(address: str) -> str:
    """A channel that has a notice for each incident."""
    channel = f"{{type: pagerduty, key: {{env: BENCH_KEY}}, endpoint: '{address}', rate: 1000/s}}"
    return f"aws: {{region: us-east-1}}\nnotifications: {{channels: {{pager: {channel}}}}}\n"


def post_all(address: str, count: int, size: int) -> float:
    """The peer: as many requests over one connection, one after the other. Returns the seconds."""
    where = urllib.parse.urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname, where.port)
    body, began = b"x" * size, time.monotonic()
    for _ in range(count):
        connection.request("POST", "/v2/enqueue", body)
        connection.getresponse().read()
    return time.monotonic() - began


def waiting(state: str) -> int:
    """The number of entries in the outbox."""
    return sum(name.endswith(".json") for name in os.listdir(os.path.join(state, "outbox/pager")))
