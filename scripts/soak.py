"""The server, the run and the judgement of scripts/soak.

    soak.py FOLDER ROUNDS SEED
"""

import asyncio
import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

WORK, ROUNDS, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
PIPELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pipeline")
QUEUES = 20
# Seconds for which a queue holds messages, and for which it is empty: dlq-poll clears a queue after
# two zeros over a minute.
FULL_S, EMPTY_S = 30, 75
# Every so many requests the server drops all requests, for so many seconds.
OUTAGE_EVERY, OUTAGE_S = 20_000, 2
# Share of the answers to AWS requests that are wrong, by kind.
FAULTS = {"500": 0.003, "throttled": 0.003, "reset": 0.001, "nonsense": 0.001, "denied": 0.001, "silent": 0.0002}
# The most that a stage may grow, in KiB of resident memory, and that the state folder may hold.
GROWTH_KIB, STATE_MIB = 2048, 24
CONFIG = """
aws: {{region: us-east-1, endpoint_url: "{url}"}}
monitoring: {{timeout: 500ms, discover: name, discovery_interval: 10s, growth_factor: 2}}
evidence: {{logs: off}}
auto_investigation: {{enabled: true, target_queues: ["*"], agent: triage, cooldown_hours: 0}}
notifications:
  channels: {{hook: {{type: webhook, url: "{url}/notices"}}}}
  routes: [{{type: ["*"], channels: [hook], group_wait: 0s}}]
metrics: {{listen: "127.0.0.1:0", textfile: "{work}/dlq.prom"}}
state: {{journal_max_mib: 1, journal_keep: 4, sessions_keep: 10}}
"""


class Server:
    """A canned server for SQS and for the webhook, which draws its faults from a seed."""

    def __init__(self) -> None:
        self.dice = random.Random(SEED)
        self.calls: collections.Counter = collections.Counter()
        self.faults: collections.Counter = collections.Counter()
        self.down_until = 0.0
        self.began = time.monotonic()

    def depth(self, name: str) -> int:
        """The depth of a queue at this moment: it fills and empties on a beat of its own."""
        at = time.monotonic() - self.began + int(name.split("-")[1]) * 7
        return 3 if at % (FULL_S + EMPTY_S) < FULL_S else 0

    def fault(self) -> str | None:
        draw = self.dice.random()
        for kind, share in FAULTS.items():
            if draw < share:
                return kind
            draw -= share
        return None

    def is_down(self) -> bool:
        if sum(self.calls.values()) % OUTAGE_EVERY == OUTAGE_EVERY - 1:
            self.down_until = time.monotonic() + OUTAGE_S
        return time.monotonic() < self.down_until

    def answer(self, target: str, request: dict, base: str) -> dict:
        if target == "ListQueues":
            return {"QueueUrls": [f"{base}/000000000000/soak-{n}-dlq" for n in range(QUEUES)]}
        if target == "GetQueueAttributes":
            name = request["QueueUrl"].rsplit("/", 1)[1]
            return {"Attributes": {
                "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{name}",
                "ApproximateNumberOfMessages": str(self.depth(name)),
                "ApproximateNumberOfMessagesNotVisible": "0",
                "ApproximateNumberOfMessagesDelayed": "0",
                "CreatedTimestamp": "1700000000", "LastModifiedTimestamp": "1700000000",
                "MessageRetentionPeriod": "1209600", "VisibilityTimeout": "30",
            }}  # fmt: skip
        if target == "ReceiveMessage":
            return {"Messages": []}
        if target == "ListDeadLetterSourceQueues":
            return {"queueUrls": []}
        return {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                target = headers.get("x-amz-target", "webhook").rpartition(".")[2]
                self.calls[target] += 1
                if not await self.respond(writer, target, headers, body):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def respond(self, writer: asyncio.StreamWriter, target: str, headers: dict, body: bytes) -> bool:
        """Answers, and returns whether the connection stays open."""
        kind = "down" if self.is_down() else self.fault()
        status, text = 200, b""
        if kind:
            self.faults[kind] += 1
        if kind in ("down", "reset"):
            return False
        if kind == "silent":
            await asyncio.sleep(5)
            return False
        if kind == "500":
            status, text = 500, b'{"__type":"com.amazonaws.sqs#InternalFailure"}'
        elif kind == "throttled":
            status, text = 400, b'{"__type":"com.amazonaws.sqs#ThrottlingException","message":"Rate exceeded"}'
        elif kind == "denied":
            status, text = 403, b'{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"no"}'
        elif kind == "nonsense":
            text = b"<html>" + b"\x00\xff" * 500
        elif target != "webhook":
            text = json.dumps(self.answer(target, json.loads(body or b"{}"), f"http://{headers['host']}")).encode()
        writer.write(b"HTTP/1.1 %d X\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n"
                     % (status, len(text)) + text)  # fmt: skip
        return True

    def start(self) -> str:
        """Serves in a thread of its own, and returns the address."""
        address: list[str] = []
        is_bound = threading.Event()

        async def run() -> None:
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=256)
            address.append("http://127.0.0.1:%d" % server.sockets[0].getsockname()[1])
            is_bound.set()
            await server.serve_forever()

        threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
        is_bound.wait()
        return address[0]


def marked() -> dict[int, str]:
    """The programs of this run that live, found by a variable of their environment."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"DLQ_STATE_DIR={WORK}/state".encode() not in file.read().split(b"\0"):
                    continue
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                found[int(pid)] = file.read().strip()
        except OSError:
            continue
    return found


def size_of(pid: int) -> tuple[int, int] | None:
    """The resident memory, in KiB, and the number of descriptors of a process."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            memory = re.search(r"^VmRSS:\s+(\d+)", file.read(), re.M)
        return int(memory.group(1)) if memory else 0, len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def folder_mib(path: str) -> float:
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total / 1024 / 1024


def rounds() -> int:
    """The rounds that dlq-metrics has counted; 0 while it has written nothing."""
    try:
        with open(f"{WORK}/dlq.prom", encoding="utf-8") as file:
            return int(sum(float(number) for number in re.findall(r"^dlq_rounds_total\S* (\S+)$", file.read(), re.M)))
    except OSError:
        return 0


class Watch:
    """The sizes of the stages, sampled over the run."""

    def __init__(self) -> None:
        self.stages: dict[int, str] = {}
        self.samples: dict[int, list[tuple[float, int, int]]] = collections.defaultdict(list)
        self.disk: list[float] = []
        self.children: list[int] = []

    def find_stages(self) -> set[str]:
        """Looks which stages run, and returns the names of those that do not, or that run twice: what a stage
        is about to start has its name for a moment."""
        self.stages = {pid: name for pid, name in marked().items() if name in STAGES}
        names = list(self.stages.values())
        return {name for name in STAGES if names.count(name) != 1}

    def sample(self, share: float) -> None:
        programs = marked()
        for pid in self.stages:
            if size := size_of(pid):
                self.samples[pid].append((share, *size))
        self.children.append(sum(name not in STAGES for name in programs.values()))
        self.disk.append(folder_mib(f"{WORK}/state"))

    def faults(self) -> list[str]:
        """What does not hold; prints the figures of each stage."""
        wrong = []
        for pid, name in self.stages.items():
            early = [sample for sample in self.samples[pid] if 0.15 <= sample[0] < 0.35]
            late = [sample for sample in self.samples[pid] if sample[0] >= 0.8]
            if not early or not late:
                wrong.append(f"{name} was not there to the end")
                continue
            grown = max(size for _, size, _ in late) - max(size for _, size, _ in early)
            opened = max(count for *_, count in late) - max(count for *_, count in early)
            print(f"{name:16} {max(size for _, size, _ in late) / 1024:5.1f} MiB ({grown:+} KiB), "
                  f"{max(count for *_, count in late)} descriptors ({opened:+})")  # fmt: skip
            if grown >= GROWTH_KIB:
                wrong.append(f"{name} grew by {grown} KiB")
            if opened > DESCRIPTORS:
                wrong.append(f"{name} opened {opened} descriptors more")
        disk, children = max(self.disk, default=0.0), max(self.children, default=0)
        print(f"state folder      {disk:5.1f} MiB at most, {(self.disk or [0.0])[-1]:.1f} at the end")
        print(f"other processes   {children} at most")
        if children > CHILDREN:
            wrong.append(f"{children} other processes ran at once")
        if disk >= STATE_MIB:
            wrong.append(f"the state folder had {disk:.1f} MiB")
        return wrong


STAGES = {"dlq-poll", "dlq-purge", "dlq-investigate", "dlq-prs", "dlq-redrive", "dlq-notify", "dlq-metrics"}
# Connections come and go with the requests in flight: so many more are no leak.
DESCRIPTORS = 8
# Processes that the stages start, at once: at most 21 were measured with 20 queues.
CHILDREN = 40
# Seconds until all stages run.
STARTED_S = 60


def main() -> None:
    server = Server()
    url = server.start()
    config = f"{WORK}/config.yaml"
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG.format(url=url, work=WORK))
    os.chmod(config, 0o600)
    environment = os.environ | {"DLQ_STATE_DIR": f"{WORK}/state", "DLQ_CONFIG": config}
    began = time.monotonic()
    with open(f"{WORK}/errors", "w+", encoding="utf-8") as errors:
        loop = subprocess.Popen([PIPELINE, "--since", "1h", "--interval", "100ms"], env=environment,
                                stdout=subprocess.DEVNULL, stderr=errors)  # fmt: skip
        watch, wrong = Watch(), []
        while (missing := watch.find_stages()) and time.monotonic() < began + STARTED_S and loop.poll() is None:
            time.sleep(0.1)
        if missing:
            wrong.append(f"stages that do not run, once each: {', '.join(sorted(missing))}")
        # A round takes 0.1 s, and no longer than ten times as long with all faults.
        deadline = began + 60 + ROUNDS
        while (done := rounds()) < ROUNDS and not missing and time.monotonic() < deadline and loop.poll() is None:
            watch.sample(done / ROUNDS)
            time.sleep(1)
        if done < ROUNDS:
            wrong.append(f"{done} of {ROUNDS} rounds were counted; status {loop.poll()}")
        restarted = [pid for pid in watch.stages if pid not in marked()]
        if restarted:
            wrong.append(f"stages that ended: {[watch.stages[pid] for pid in restarted]}")
        loop.send_signal(signal.SIGTERM)
        loop.wait(60)
        deadline = time.monotonic() + 60
        while (left := marked()) and time.monotonic() < deadline:
            time.sleep(0.1)
        if left:
            wrong.append(f"processes that are left: {left}")
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        errors.seek(0)
        said = errors.read()
    print(f"{done} rounds in {time.monotonic() - began:.0f} s; requests: {dict(server.calls)}; "
          f"faults: {dict(server.faults)}; {said.count(chr(10))} lines of errors")  # fmt: skip
    wrong = watch.faults() + wrong
    for what in wrong:
        print(f"soak: error: {what}", file=sys.stderr)
    if wrong:
        print(said[-3000:], file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
