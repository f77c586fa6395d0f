"""A dlq-investigate with investigations that wait, for scripts/bench.py.

Promises: inside `waiting` the agents run and do nothing; afterwards neither they nor their supervisors
are left. They end with a pipe that this process keeps open, and so also when the benchmark is
killed; without that pipe the deadline of the configuration ends them.
"""

import fcntl
import glob
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

AGENT = """#!/bin/sh
exec 3< '{gate}'
: > "{ready}/$DLQ_SESSION"
cat <&3
echo '{{"status":"inconclusive"}}'
"""
CONFIG = """aws: {{region: us-east-1}}
auto_investigation:
  enabled: true
  target_queues: ["*"]
  max_concurrent: 64
  require_evidence: false
  timeout_minutes: 2
  agent: {{command: ["{agent}"]}}
"""


def line_of_now(kind: str, name: str, **data: object) -> bytes:
    """An event as dlq-poll writes it, with the present time: older events are not judged."""
    event = {
        "specversion": "1.0",
        "id": f"{kind}-{name}",
        "source": "dlq-poll",
        "type": kind,
        "subject": name,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "incident": f"incident-{name}",
        "severitytext": "ERROR",
        "data": data,
    }
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def raised_line(name: str) -> bytes:
    queue = {"name": name, "url": f"http://127.0.0.1:9/0/{name}", "arn": f"arn:aws:sqs:us-east-1:0:{name}"}
    queue |= {"region": "us-east-1", "account": "0", "fifo": False, "sources": [], "profile": None, "endpoint": None}
    return line_of_now(
        "queue.raised", name, queue=queue, depth=3, visible=3, in_flight=0, delayed=0, previous=0,
        threshold=1, retention_s=345600, expires_after=None, expires_before=None,
    )  # fmt: skip


def round_line() -> bytes:
    """The end of a round, at which all open incidents are judged."""
    return line_of_now(
        "poll.finished", "", round=1, queues=250, unreadable=0, raised=3, duration_ms=9, api_calls=250,
        usd_month=None,
    )  # fmt: skip


def prepare(folder: str) -> tuple[str, str, str]:
    """Makes a named pipe, a folder that lists its readers, and a configuration with agents that open it."""
    gate, ready, agent, config = (os.path.join(folder, name) for name in ("gate", "ready", "agent", "config.yaml"))
    os.mkdir(folder)
    os.mkdir(ready)
    os.mkfifo(gate)
    with open(agent, "w") as file:
        file.write(AGENT.format(gate=gate, ready=ready))
    os.chmod(agent, 0o700)
    with open(config, "w") as file:
        file.write(CONFIG.format(agent=agent))
    return gate, ready, config


@contextmanager
def waiting(program: str, folder: str, count: int) -> Iterator[subprocess.Popen]:
    """Yields the program once the agents that it started run and its output so far is read."""
    gate, ready, config = prepare(folder)
    # Without credentials dlq-peek, which is found beside the program, fails before it sends a request.
    environment = {name: value for name, value in os.environ.items() if "ACCESS_KEY" not in name}
    environment |= {"DLQ_STATE_DIR": os.path.join(folder, "state"), "DLQ_CONFIG": config}
    held = os.open(gate, os.O_RDWR)  # O_WRONLY would wait for the first agent
    child = subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0
    )
    try:
        child.stdin.write(b"".join(raised_line(f"orders-{n}-dlq") for n in range(count)) + round_line())
        said = b""
        while said.count(b'"investigation.started"') < count:
            part = child.stdout.read(65536)
            if not part or b'"investigation.skipped"' in part or b'"investigation.failed"' in part:
                sys.exit(f"bench: error: {count} agents should have started: {said + part!r}")
            said += part
        while len(os.listdir(ready)) < count:
            time.sleep(0.01)
        yield child
    finally:
        os.unlink(gate)  # so that a late agent does not wait on it
        os.close(held)
        child.stdin.close()
        said = child.stdout.read()
        child.wait()
        # A supervisor holds its lock until it ends.
        for lock in glob.glob(os.path.join(folder, "state/sessions/*/supervisor.lock")):
            with open(lock) as file:
                fcntl.flock(file, fcntl.LOCK_SH)
    if (child.returncode, said.count(b'"investigation.completed"')) != (0, count):
        sys.exit(f"bench: error: {count} agents should have run to the end, and status 0: {said!r}")
