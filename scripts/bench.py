"""The benchmarks behind scripts/bench.

    bench.py PROGRAMS WORK [NAME]...    PROGRAMS and WORK are folders
    bench.py --check [NAME]...          only checks the names
    bench.py --boto3-round ADDRESS      the peer: every queue, one call at a time
    bench.py --boto3-peek ADDRESS       the peer: every message of the first queue, kept and put back
    bench.py --boto3-move ADDRESS       the peer: every message of the first queue moved by four threads
    bench.py --mask FILE                the peer: JSON decoded, error texts masked, messages a second

Each benchmark is a function that yields rows: what, ours, the peer's, their ratio, the goal and
whether it is met. A program's processor time comes from wait4, its peak memory from the kernel's
own mark (VmHWM), because ru_maxrss also counts the process that started it.
"""

import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MIB = 1024 * 1024


def boto3_round(address: str) -> None:
    import boto3

    sqs = boto3.client("sqs", endpoint_url=address)
    for page in sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1000}):
        for url in page.get("QueueUrls", []):
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])


def boto3_peek(address: str) -> None:
    import boto3

    sqs = boto3.client("sqs", endpoint_url=address)
    url = sqs.list_queues(MaxResults=1)["QueueUrls"][0]
    held: list[dict] = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        held += batch
    for start in range(0, len(held), 10):
        entries = [
            {"Id": str(n), "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 0}
            for n, one in enumerate(held[start : start + 10])
        ]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def boto3_move(address: str) -> None:
    """Receives, sends and deletes batches of ten with four threads: the usual script, without an archive."""
    import boto3

    def work() -> None:
        sqs = boto3.session.Session().client("sqs", endpoint_url=address)
        source = sqs.list_queues(MaxResults=1)["QueueUrls"][0]
        target = sqs.get_queue_url(QueueName="bench")["QueueUrl"]
        while batch := sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10).get("Messages"):
            entries = [{"Id": str(n), "MessageBody": one["Body"]} for n, one in enumerate(batch)]
            sent = sqs.send_message_batch(QueueUrl=target, Entries=entries)["Successful"]
            handles = [{"Id": one["Id"], "ReceiptHandle": batch[int(one["Id"])]["ReceiptHandle"]} for one in sent]
            sqs.delete_message_batch(QueueUrl=source, Entries=handles)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def mask(path: str) -> None:
    """The work of a typical script: decode, find the error, mask variable parts, hash."""
    varies = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+(\.\d+)*|https?://\S+")
    with open(path) as file:
        messages = [json.loads(line) for line in file]
    began, count = time.process_time(), 0
    while time.process_time() - began < 2:
        for message in messages:
            text = message["body"]
            try:
                body = json.loads(text)
                text = str(body.get("error") or body.get("errorMessage") or sorted(body))
            except (ValueError, AttributeError):
                pass
            hashlib.sha256(varies.sub("#", text).encode()).hexdigest()
            count += 1
    print(f"{count / (time.process_time() - began):.0f}")


@dataclass
class Run:
    """The cost of one run of a program."""

    began: float
    wall_s: float
    cpu_s: float
    peak_kib: int


@dataclass
class Row:
    what: str
    ours: str
    peer: str = "-"
    ratio: str = "-"
    goal: str = "-"
    met: bool | None = None


@dataclass
class Server:
    """The canned server as a context manager; it ends when its standard input closes."""

    queues: int
    latency_ms: int
    messages: int = 0
    size: int = 261_900
    address: str = field(init=False)

    def __enter__(self) -> "Server":
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench_server.py")
        self.process = subprocess.Popen(
            [sys.executable, script, str(self.queues), str(self.latency_ms), str(self.messages), str(self.size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def ask(self, path: str, data: bytes | None = None) -> dict:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.address + path, data=data) as answer:
            return json.load(answer)

    def reset(self) -> None:
        self.ask("/reset", b"")

    def reads(self) -> int:
        return self.ask("/stats")["calls"].get("AmazonSQS.GetQueueAttributes", 0)


def memory_kib(pid: int, key: str) -> int:
    """A value of /proc/PID/status; 0 where there is none (the process has ended, or macOS)."""
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def fresh_environment() -> dict[str, str]:
    """An empty state and the default configuration for every run."""
    state = os.path.join(WORK, "state")
    shutil.rmtree(state, ignore_errors=True)
    config = os.path.join(WORK, "config.yaml")
    with open(config, "w") as file:
        file.write("aws: {region: us-east-1}\n")
    return os.environ | {"DLQ_STATE_DIR": state, "DLQ_CONFIG": config}


def run(
    argv: list[str],
    stdin: str = os.devnull,
    sample: bool = False,
    environment: dict[str, str] | None = None,
    quiet: bool = False,
) -> Run:
    """Runs a program to its end, output to /dev/null. `sample` polls its memory, which costs time."""
    environment = environment or fresh_environment()
    errors = subprocess.DEVNULL if quiet else None
    with open(stdin, "rb") as source:
        began = time.monotonic()
        child = subprocess.Popen(
            argv, stdin=source, stdout=subprocess.DEVNULL, stderr=errors, env=environment
        )
    peak = 0
    try:
        while sample:
            peak = max(peak, memory_kib(child.pid, "VmHWM"))
            if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
                break
            time.sleep(0.005)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if child.returncode is None:
            child.kill()
    if child.returncode != 0:
        sys.exit(f"bench: error: {' '.join(argv)} ended with {child.returncode}")
    if sample and not peak:
        peak = usage.ru_maxrss // (1024 if platform.system() == "Darwin" else 1)
    return Run(began, wall, usage.ru_utime + usage.ru_stime, peak)


def program(name: str) -> str:
    return os.path.join(PROGRAMS, name)


def poll(server: Server, *more: str) -> list[str]:
    argv = [program("dlq-poll"), "--endpoint-url", server.address, "--discover", "name"]
    return argv + list(more)


def peer(server: Server) -> list[str]:
    return [sys.executable, "-W", "ignore", os.path.abspath(__file__), "--boto3-round", server.address]


def median(values: list[float]) -> float:
    return statistics.median(values)


def checked(server: Server, argv: list[str], sample: bool = False) -> Run:
    """Runs a round, and fails unless it has read every queue exactly once."""
    server.reset()
    result = run(argv, sample=sample)
    if server.reads() != server.queues:
        sys.exit(f"bench: error: {server.reads()} reads of {server.queues} queues: {' '.join(argv)}")
    return result


def bench_round() -> Iterator[Row]:
    with Server(250, 130) as server:
        ours = median([checked(server, poll(server)).wall_s for _ in range(5)])
        theirs = checked(server, peer(server)).wall_s
    ratio = theirs / ours
    yield Row(
        "round, 250 DLQs, 130 ms latency", f"{ours:.2f} s", f"boto3 one by one {theirs:.1f} s",
        f"{ratio:.0f}x", ">= 20x", ratio >= 20,
    )  # fmt: skip


def bench_cpu() -> Iterator[Row]:
    for queues, times in ((1_000, 5), (10_000, 3)):
        with Server(queues, 0) as server:
            ours = median([checked(server, poll(server)).cpu_s for _ in range(times)])
            ours *= 1_000 / queues
            theirs = checked(server, peer(server)).cpu_s * 1_000 / queues if queues == 1_000 else 0
        yield Row(
            f"processor time for 1,000 reads ({queues:,} queues)", f"{ours:.3f} s",
            f"boto3 {theirs:.2f} s" if theirs else "-", f"{theirs / ours:.0f}x" if theirs else "-",
            "<= 0.15 s", ours <= 0.15,
        )  # fmt: skip


def first_request_ms(server: Server, argv: list[str]) -> float:
    server.reset()
    began = run(argv).began
    return (server.ask("/stats")["first"] - began) * 1000


def bench_start() -> Iterator[Row]:
    with Server(1, 0) as server:
        ours = median([first_request_ms(server, poll(server)) for _ in range(20)])
        theirs = median([first_request_ms(server, peer(server)) for _ in range(5)])
    yield Row(
        "start to first request", f"{ours:.1f} ms", f"boto3 {theirs:.0f} ms",
        f"{theirs / ours:.0f}x", "<= 60 ms", ours <= 60,
    )  # fmt: skip


def bench_memory() -> Iterator[Row]:
    with Server(10_000, 0) as server:
        ours = checked(server, poll(server), sample=True).peak_kib / 1024
    with Server(1_000, 0) as server:
        theirs = checked(server, peer(server), sample=True).peak_kib / 1024
    yield Row(
        "peak memory, 10,000 queues", f"{ours:.1f} MiB", f"boto3, 1,000 queues {theirs:.0f} MiB",
        f"{theirs / ours:.1f}x", "<= 28 MiB", ours <= 28,
    )  # fmt: skip
    with Server(10_000, 0, messages=1) as server:
        raised = checked(server, poll(server), sample=True).peak_kib / 1024
    yield Row("the same, all raised in one round", f"{raised:.1f} MiB", goal="<= 30 MiB", met=raised <= 30)


def bench_peek() -> Iterator[Row]:
    messages = 1_000
    argv = ["--visibility", "10m", "--max", str(messages), "bench-00000-dlq"]
    with Server(1, 0, messages) as server:
        us, them = [], []
        for _ in range(3):
            server.reset()
            us.append(run([program("dlq-peek"), "--endpoint-url", server.address, *argv], sample=True))
            server.reset()
            script = [sys.executable, "-W", "ignore", os.path.abspath(__file__), "--boto3-peek"]
            them.append(run([*script, server.address], sample=True))
    ours, theirs = (median([run.peak_kib / 1024 for run in runs]) for runs in (us, them))
    yield Row(
        f"peak memory of a peek, {messages:,} of 256 KiB", f"{ours:.1f} MiB",
        f"boto3, held {theirs:.0f} MiB", f"{theirs / ours:.1f}x", "<= 64 MiB", ours <= 64,
    )  # fmt: skip
    ours, theirs = (median([run.wall_s for run in runs]) for runs in (us, them))
    yield Row(
        "the same, time", f"{ours:.1f} s", f"boto3, held {theirs:.1f} s", f"{theirs / ours:.1f}x"
    )  # fmt: skip


def move(server: Server, argv: list[str], sample: bool = False) -> Run:
    """Moves the messages of the first queue, and fails unless each was sent and deleted once."""
    server.reset()
    result = run(argv, sample=sample)
    stats = server.ask("/stats")
    if (stats["sent"], stats["deleted"]) != (server.messages, server.messages):
        sys.exit(f"bench: error: {stats} of {server.messages} messages: {' '.join(argv)}")
    return result


def redrive(server: Server) -> list[str]:
    argv = [program("dlq-redrive"), "apply", "--endpoint-url", server.address, "--canary", "0", "--no-verify"]
    return [*argv, "bench-00000-dlq"]


def bench_redrive() -> Iterator[Row]:
    script = [sys.executable, "-W", "ignore", os.path.abspath(__file__), "--boto3-move"]
    for latency_ms, count in ((0, 20_000), (20, 5_000)):
        us, them = [], []
        with Server(1, latency_ms, count, 1_000) as server:
            for _ in range(5):
                us.append(count / move(server, redrive(server)).wall_s)
                them.append(count / move(server, [*script, server.address]).wall_s)
        ours, theirs = median(us), median(them)
        yield Row(
            f"redrive, {count:,} of 1 KiB, {latency_ms} ms latency", f"{ours:,.0f} /s",
            f"boto3, 4 threads {theirs:,.0f} /s", f"{ours / theirs:.1f}x", ">= 0.8x", ours >= 0.8 * theirs,
        )  # fmt: skip
    peaks = []
    for count in (10_000, 100_000):
        with Server(1, 0, count, 1_000) as server:
            peaks.append(move(server, redrive(server), sample=True).peak_kib / 1024)
    growth = peaks[1] - peaks[0]
    yield Row(
        "redrive, peak memory of 10,000 and 100,000", f"{peaks[0]:.1f}, {peaks[1]:.1f} MiB",
        ratio=f"{growth:+.1f} MiB", goal="<= 40 MiB", met=peaks[1] <= 40,
    )  # fmt: skip


def fingerprint_messages(path: str) -> None:
    """Writes the messages of the corpus; JSON bodies are padded to about 1 KiB."""
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests/fixtures/messages")
    with open(path, "w") as out:
        for name in sorted(name for name in os.listdir(folder) if name[0].isdigit()):
            with open(os.path.join(folder, name)) as file:
                line = json.load(file)
            try:
                body = json.loads(line["body"])
            except ValueError:
                body = None
            texts = [text for text in line.get("attributes", {}).values() if isinstance(text, str)]
            size = len(line["body"]) + sum(map(len, texts))
            if isinstance(body, dict) and size < 1024:
                items = [{"sku": f"sku-{n}", "quantity": n, "gift": False} for n in range((1024 - size) // 46)]
                line["body"] = json.dumps(body | {"items": items})
            out.write(json.dumps(line) + "\n")


def bench_fingerprint() -> Iterator[Row]:
    path = os.path.join(WORK, "messages.ndjson")
    fingerprint_messages(path)
    ours_argv = [os.environ["DLQ_BENCH_FINGERPRINT"], path]
    theirs_argv = [sys.executable, os.path.abspath(__file__), "--mask", path]
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(5):
        for argv, found in zip((ours_argv, theirs_argv), rates):
            said = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
            found.append(float(said.split()[0]))
    ours, theirs = median(rates[0]), median(rates[1])
    yield Row(
        "fingerprints of messages of 1 KiB", f"{ours / 1000:.0f} k/s",
        f"Python, json and re {theirs / 1000:.0f} k/s", f"{ours / theirs:.1f}x", ">= 50 k/s",
        ours >= 50_000,
    )  # fmt: skip


def bench_flat() -> Iterator[Row]:
    queues, rounds = 20, 1_000
    with Server(queues, 0) as server:
        argv = poll(server, "--follow", "--rounds", str(rounds), "--interval", "100ms")
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=fresh_environment())
        early = late = 0
        try:
            while child.poll() is None:
                done = server.reads() / queues
                now = memory_kib(child.pid, "VmRSS")
                if done >= 10 and not early:
                    early = now
                late = now or late
                time.sleep(0.02)
        finally:
            child.kill()
            child.wait()
        done = server.reads() // queues
    growth = late - early
    if not early:
        yield Row(f"memory over {done:,} rounds", "cannot tell", goal="flat")
        return
    yield Row(
        f"memory after 10 and after {done:,} rounds", f"{early / 1024:.1f}, {late / 1024:.1f} MiB",
        ratio=f"{growth:+,} KiB", goal="flat (< 1 MiB)", met=growth < 1024 and done >= rounds,
    )  # fmt: skip


def polled_line(number: int) -> bytes:
    """A `queue.polled` event of about 300 bytes; only its numbers vary."""
    name = f"orders-{number % 250:03}-dlq"
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    event = {
        "specversion": "1.0",
        "id": f"018f0000-0000-7000-8000-{number:012x}",
        "source": "dlq-poll",
        "type": "queue.polled",
        "subject": name,
        "time": "2026-01-01T00:%02d:%02dZ" % (number // 60 % 60, number % 60),
        "severitytext": "DEBUG",
        "data": {"queue": {"name": name, "arn": arn}, "depth": number % 7},
    }
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def bench_lines() -> Iterator[Row]:
    count = 1_000_000
    path = os.path.join(WORK, "events.ndjson")
    with open(path, "wb") as file:
        file.writelines(polled_line(number) for number in range(count))
    size = os.path.getsize(path) / count
    filters = {name: [program(name)] for name in ("dlq-notify", "dlq-investigate")}
    jq = shutil.which("jq")
    if jq:
        filters["jq -c ."] = [jq, "-c", "."]
    speeds: dict[str, list[float]] = {name: [] for name in filters}
    for _ in range(5):
        for name, argv in filters.items():
            speeds[name].append(count / run(argv, stdin=path).wall_s)
    os.remove(path)
    theirs = median(speeds["jq -c ."]) if jq else 0
    for name in ("dlq-notify", "dlq-investigate"):
        ours = median(speeds[name])
        yield Row(
            f"{name}, lines of {size:.0f} bytes", f"{ours / 1e6:.2f} M/s",
            f"jq {theirs / 1e6:.2f} M/s" if jq else "no jq", f"{ours / theirs:.1f}x" if jq else "-",
            ">= 1 M/s", ours >= 1e6,
        )  # fmt: skip


def recorded_day(path: str, count: int, queues: int) -> None:
    """Writes a day of events: the two scripted days of the tests again and again, with other queues, ids and
    times. One heartbeat in six stays: they are read faster than the rest."""
    fixtures = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests/fixtures")
    templates = []
    for name in ("monday", "tuesday"):
        with open(os.path.join(fixtures, f"{name}.ndjson")) as file:
            templates += [line.rstrip("\n") for line in file]
    beats = [line for line in templates if '"poll.finished"' in line]
    templates = [line for line in templates if line not in beats or beats.index(line) % 6 == 0]
    names = re.compile(r"(orders|payments-events|user-export|invoice-graveyard|emails)(-dlq)?")
    queues //= 5  # as many names as the templates have
    cuts = []
    for line in templates:
        event = json.loads(line)
        parts = re.split(re.escape(f'"id":"{event["id"]}"'), line, maxsplit=1)
        head, tail = parts[0], names.sub(lambda name: name[0] + "-%(queue)05d", parts[1].replace("%", "%%"))
        tail = tail.replace(f'"time":"{event["time"]}"', '"time":"%(time)s"')
        for key in ("incident", "session"):
            tail = re.sub(rf'"{key}":"([^"]{{8}})[^"]*"', rf'"{key}":"\1-%(queue)05d-%(round)04d"', tail)
        cuts.append(head.replace("%", "%%") + '"id":"018f0000-0000-8000-8000-%(number)012x"' + tail + "\n")
    with open(path, "w") as file:
        for number in range(count):
            ms = number * 86_400_000 // count
            s = ms // 1000
            file.write(cuts[number % len(cuts)] % {
                "number": number, "queue": number // len(cuts) % queues, "round": number // len(cuts) // queues,
                "time": "2026-11-18T%02d:%02d:%02d.%03dZ" % (s // 3600, s // 60 % 60, s % 60, ms % 1000),
            })  # fmt: skip


def bench_dashboard() -> Iterator[Row]:
    count = 1_000_000
    path = os.path.join(WORK, "day.ndjson")
    recorded_day(path, count, 10_000)
    ours_argv, jq = [os.environ["DLQ_BENCH_DASHBOARD"], path], shutil.which("jq")
    ours, theirs = [], []
    for _ in range(5):
        ours.append(run(ours_argv).wall_s)
        if jq:
            theirs.append(run([jq, "-c", ".", path]).wall_s)
    frames = subprocess.run([*ours_argv, "--frames"], check=True, stdout=subprocess.PIPE, text=True).stdout
    overview, analytics = (float(line.split()[0]) for line in frames.splitlines())
    peak = run(ours_argv, sample=True).peak_kib / 1024
    size = os.path.getsize(path) / count
    os.remove(path)
    seconds, peer_s = median(ours), median(theirs) if jq else 0
    yield Row(
        f"a day of {count:,} events of {size:.0f} bytes", f"{seconds:.2f} s",
        f"jq -c . {peer_s:.2f} s" if jq else "no jq", f"{peer_s / seconds:.1f}x" if jq else "-",
        "<= 2 s, >= 8x", seconds <= 2 and (not jq or peer_s >= 8 * seconds),
    )  # fmt: skip
    yield Row("peak memory of it", f"{peak:.1f} MiB", goal="<= 100 MiB", met=peak <= 100)
    yield Row("figures of a frame: overview, analytics", f"{overview:.1f}, {analytics:.1f} ms")


def bench_screen() -> Iterator[Row]:
    sys.dont_write_bytecode = True  # no file outside target/
    import bench_screen as on

    dash, now = program("dlq-dash"), time.time()
    lines_of = {True: "esc closes this page", False: "DLQ status"}

    def turned(is_help: bool) -> Callable[[list[str]], bool]:
        return lambda lines: any(lines_of[is_help] in line for line in lines)

    rate, path = 50_000, os.path.join(WORK, "day.ndjson")
    recorded_day(path, 200_000, 10_000)
    with open(path, "rb") as file:
        day = file.readlines()
    os.remove(path)
    reader, out = os.pipe()
    with on.screen([dash], fresh_environment(), reader) as shown:
        os.close(reader)
        writer = on.Writer(day, rate, out)
        writer.start()
        shown.wait(turned(False))
        began, written = time.monotonic(), writer.written
        times = []
        for number in range(60):
            time.sleep(0.2)
            times.append(shown.key_ms(b"?", turned(number % 2 == 0)))
        kept = (writer.written - written) / (time.monotonic() - began)
        writer.is_ended = True
        writer.join()
        os.close(out)
    del day, writer
    yield Row(
        f"a key to its frame, {kept / 1000:.1f} k events/s", f"p50 {median(times):.0f}, max {max(times):.0f} ms",
        goal="<= 100 ms", met=max(times) <= 100 and kept >= 0.98 * rate,
    )  # fmt: skip

    count = 10_000
    with open(path, "wb") as file:
        names = [f"service-{number:05}-dlq" for number in range(count)]
        file.writelines(on.event(n, "queue.polled", now, name, {"depth": n % 97}) for n, name in enumerate(names))
    with open(path, "rb") as file, on.screen([dash], fresh_environment(), file.fileno()) as shown:
        shown.wait(lambda lines: any(f"of {count}" in line for line in lines) and "ended" in lines[0])
        time.sleep(1)  # the first order has been drawn
        times = []
        for key in [b"j"] * 100 + [b"\x04"] * 50 + [b"G", b"g"] * 10 + [b"k", b"j"] * 10:
            before = [line for line in shown.lines() if line.startswith("\u276f")]
            moved = lambda lines: [line for line in lines if line.startswith("\u276f")] != before  # noqa: E731, B023
            if key != b"k":
                times.append(shown.key_ms(key, moved))
    os.remove(path)
    yield Row(
        f"a key to its frame, {count:,} queues scroll", f"p50 {median(times):.1f}, max {max(times):.0f} ms",
        goal="<= 100 ms", met=max(times) <= 100,
    )  # fmt: skip

    memory, hours = [], 32
    reader, out = os.pipe()
    with on.screen([dash], fresh_environment(), reader) as shown:
        for lines in on.hours_left_open(hours, now):
            while lines:
                lines = lines[os.write(out, lines) :]
            while on.pending(reader):
                time.sleep(0.01)
            time.sleep(0.2)  # what was read has been taken, and a frame was drawn
            memory.append(memory_kib(shown.pid, "VmRSS"))
        os.close(reader)
        os.close(out)
    day_old, later = memory[hours - 9], memory[hours - 8 :]
    growth = max(later) - day_old
    yield Row(
        "memory after a day, and 8 hours more", f"{day_old / 1024:.1f}, {max(later) / 1024:.1f} MiB",
        ratio=f"{growth:+d} KiB", goal="flat (< 1 MiB)", met=growth < 1024,
    )  # fmt: skip

    environment, seconds = fresh_environment(), 20
    os.makedirs(environment["DLQ_STATE_DIR"])
    with open(os.path.join(environment["DLQ_STATE_DIR"], "journal.ndjson"), "wb") as file:
        file.writelines(on.event(n, "queue.polled", now, name, {"depth": n % 97}) for n, name in enumerate(names))
        file.write(on.event(count, "poll.finished", now, "", {"queues": count}))
    with open(os.devnull) as null, on.screen([dash], environment, null.fileno()) as shown:
        shown.wait(lambda lines: any(f"of {count}" in line for line in lines))
        time.sleep(2)
        used = on.cpu_s(shown.pid)
        time.sleep(seconds)
        used = on.cpu_s(shown.pid) - used
    yield Row(
        f"processor while idle, {count:,} queues", f"{used / seconds * 100:.2f} %",
        goal="< 1 % of a core", met=used < 0.01 * seconds,
    )  # fmt: skip


def pass_through(child: subprocess.Popen, lines: bytes) -> tuple[float, float]:
    """Returns the seconds until all lines are written, and the peak memory until then, in MiB."""
    writer = threading.Thread(target=child.stdin.write, args=(lines,))
    got = bytearray()
    began = time.monotonic()
    writer.start()
    while len(got) < len(lines) and (part := child.stdout.read(65536)):
        got += part
    took = time.monotonic() - began
    peak = memory_kib(child.pid, "VmHWM") / 1024
    writer.join()
    if got != lines:
        sys.exit(f"bench: error: lines came out changed: {child.args}")
    return took, peak


def bench_investigate() -> Iterator[Row]:
    sys.dont_write_bytecode = True  # no file outside target/
    import bench_agents

    count, investigations, folder = 100_000, 3, os.path.join(WORK, "investigate")
    ours: list[tuple[float, float]] = []
    theirs: list[float] = []
    for _ in range(5):
        # After a round of 250 queues all open incidents are judged; this happens 400 times.
        each = [polled_line(number) for number in range(count)]
        each[249::250] = [bench_agents.round_line()] * len(each[249::250])
        lines = b"".join(each)
        with bench_agents.waiting(program("dlq-investigate"), folder, investigations) as child:
            ours.append(pass_through(child, lines))
        shutil.rmtree(folder)
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
            theirs.append(pass_through(child, lines)[0])
    took, peak = (median([run[at] for run in ours]) for at in (0, 1))
    yield Row(
        f"{count:,} lines beside {investigations} investigations", f"{took:.2f} s",
        f"cat {median(theirs):.3f} s", f"1/{took / median(theirs):.1f}", "< 1 s", took < 1,
    )  # fmt: skip
    yield Row("the same, peak memory", f"{peak:.1f} MiB", goal="<= 20 MiB", met=peak <= 20)


def notify_environment(config: str, keep_state: bool = False) -> dict[str, str]:
    """The environment of a dlq-notify with a configuration of its own."""
    if not keep_state:
        fresh_environment()
    environment = os.environ | {"DLQ_STATE_DIR": os.path.join(WORK, "state"), "BENCH_KEY": "k" * 32}
    environment["DLQ_CONFIG"] = os.path.join(WORK, "notify.yaml")
    with open(environment["DLQ_CONFIG"], "w") as file:
        file.write(config)
    return environment


def bench_routes() -> Iterator[Row]:
    sys.dont_write_bytecode = True  # no file outside target/
    import bench_notify

    count, routes = 300_000, 50
    path = os.path.join(WORK, "events.ndjson")
    with open(path, "wb") as file:
        file.writelines(bench_notify.events(count))
    configured = notify_environment(bench_notify.routes_config(routes))
    jq = shutil.which("jq")
    ours, theirs = [], []
    for _ in range(5):
        shutil.rmtree(configured["DLQ_STATE_DIR"], ignore_errors=True)
        ours.append(count / run([program("dlq-notify")], stdin=path, environment=configured).wall_s)
        if jq:
            argv = [jq, "-c", bench_notify.routes_jq(routes)]
            theirs.append(count / run(argv, stdin=path).wall_s)
    os.remove(path)
    us, them = median(ours), median(theirs) if jq else 0
    yield Row(
        f"dlq-notify, {routes} routes, none takes an event", f"{us / 1000:.0f} k/s",
        f"jq {them / 1000:.0f} k/s" if jq else "no jq", f"{us / them:.1f}x" if jq else "-",
        ">= 100 k/s", us >= 100_000,
    )  # fmt: skip


def bench_dead() -> Iterator[Row]:
    sys.dont_write_bytecode = True
    import bench_notify

    channels, runs = 50, itertools.count()
    # 100 events reach every channel, so that a dead one has an attempt that hangs.
    events = [bench_notify.event("odd.event", number, f"orders-{number}-dlq") for number in range(100)]
    each = [polled_line(number) for number in range(200_000)]
    each[:100_000:1000] = events
    paced = [polled_line(number) for number in range(3000)]
    paced[:1000:10] = events
    took: dict[str, list[float]] = {"none": [], "answering": [], "dead": []}
    held: dict[str, list[float]] = {kind: [] for kind in took}

    def pass_beside(kind: str, address: str, lines: list[bytes], pause_s: float) -> tuple[float, list[float]]:
        config = bench_notify.webhooks_config(0 if kind == "none" else channels, address)
        environment = notify_environment(config, keep_state=True)
        # Where 5,000 files were removed, some file systems are slow for minutes.
        environment["DLQ_STATE_DIR"] = os.path.join(WORK, f"dead-{next(runs)}")
        with subprocess.Popen(
            [program("dlq-notify"), "--drain", "0s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, bufsize=0, env=environment,
        ) as child:  # fmt: skip
            passed = bench_notify.pass_lines(child, lines, pause_s)
            child.stdin.close()
            child.stdout.read()
        return passed

    with bench_notify.silent() as silent, bench_notify.receiver() as answering:
        for _ in range(5):
            for kind in took:
                address = answering if kind == "answering" else silent
                took[kind].append(pass_beside(kind, address, each, 0)[0])
                held[kind].append(pass_beside(kind, address, paced, 0.001)[1][-1])
    none, alive, dead = (median(took[kind]) for kind in took)
    yield Row(
        f"{len(each):,} lines beside {channels} dead channels", f"{dead:.2f} s",
        f"beside {channels} that answer {alive:.2f} s, none {none:.2f} s", f"1/{dead / alive:.1f}",
        "<= 1/1.2", dead <= alive * 1.2,
    )  # fmt: skip
    none, alive, dead = (median(held[kind]) for kind in held)
    yield Row(
        f"a line a millisecond, the longest hold beside {channels} dead channels", f"{dead:.0f} ms",
        f"that answer {alive:.0f} ms, none {none:.0f} ms", f"1/{dead / alive:.1f}",
        "<= 1/1.2", dead <= alive * 1.2,
    )  # fmt: skip


def bench_backlog() -> Iterator[Row]:
    sys.dont_write_bytecode = True
    import bench_agents
    import bench_notify

    count, path = 10_000, os.path.join(WORK, "events.ndjson")
    with open(path, "wb") as file:
        file.writelines(bench_agents.raised_line(f"orders-{number:05}-dlq") for number in range(count))
    argv = [program("dlq-notify"), "--drain"]
    environment = notify_environment(bench_notify.pager_config("http://127.0.0.1:9"))
    queued = run([*argv, "0s"], stdin=path, sample=True, environment=environment, quiet=True)
    os.remove(path)
    waiting = bench_notify.waiting(environment["DLQ_STATE_DIR"])
    with bench_notify.receiver() as address:
        environment = notify_environment(bench_notify.pager_config(address), keep_state=True)
        drained = run([*argv, "10m"], sample=True, environment=environment)
        left = bench_notify.waiting(environment["DLQ_STATE_DIR"])
        peer_s = bench_notify.post_all(address, count, 600)
    if (waiting, left) != (count, 0):
        sys.exit(f"bench: error: {waiting} notices of {count} were queued, {left} were not sent")
    ours, theirs = count / drained.wall_s, count / peer_s
    yield Row(
        f"{count:,} queued notices, rate 1000/s", f"{ours:.0f} /s",
        f"http.client, no rate {theirs:.0f} /s", f"1/{theirs / ours:.1f}", ">= 800 /s", ours >= 800,
    )  # fmt: skip
    peak = drained.peak_kib / 1024
    yield Row("the same, peak memory", f"{peak:.1f} MiB", goal="<= 40 MiB", met=peak <= 40)
    peak = queued.peak_kib / 1024
    yield Row("peak memory while they are queued", f"{peak:.1f} MiB", goal="<= 40 MiB", met=peak <= 40)


def stage_latencies(stages: list[list[str]]) -> list[float]:
    """Sends 200 lines, each 5 ms after the previous one came out; returns the microseconds of each."""
    environment = fresh_environment()
    children: list[subprocess.Popen] = []
    for argv in stages:
        source = children[-1].stdout if children else subprocess.PIPE
        children.append(
            subprocess.Popen(
                argv, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=environment, bufsize=0,
            )  # fmt: skip
        )
        if len(children) > 1:
            source.close()
    into, out = children[0].stdin, children[-1].stdout
    times = []
    for number in range(210):
        line = polled_line(number)
        began = time.monotonic_ns()
        into.write(line)
        got = b""
        while not got.endswith(b"\n"):
            part = out.read(65536)
            if not part:
                sys.exit(f"bench: error: {' | '.join(' '.join(argv) for argv in stages)} ended")
            got += part
        times.append((time.monotonic_ns() - began) / 1000)
        if got != line:
            sys.exit("bench: error: a line came out changed")
        time.sleep(0.005)
    into.close()
    for child in children:
        child.wait()
    return sorted(times[10:])  # the first ten warm up


def bench_latency() -> Iterator[Row]:
    notify = [program("dlq-notify"), "--json"]
    ours = stage_latencies([notify, [program("dlq-investigate")], notify])
    theirs = stage_latencies([["cat"]] * 3)
    p50, peer50 = ours[len(ours) // 2], theirs[len(theirs) // 2]
    p99, peer99 = ours[len(ours) * 99 // 100], theirs[len(theirs) * 99 // 100]
    yield Row(
        "a line through three stages, p50", f"{p50:.0f} us", f"cat {peer50:.0f} us",
        f"1/{p50 / peer50:.1f}", "<= 250 us", p50 <= 250,
    )  # fmt: skip
    yield Row(
        "a line through three stages, p99", f"{p99:.0f} us", f"cat {peer99:.0f} us",
        f"1/{p99 / peer99:.1f}",
    )  # fmt: skip


def spawn_ms(argv: list[str]) -> float:
    """Times starts by posix_spawn, which leaves the size of this interpreter out of the figure."""
    actions = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    times = []
    for _ in range(50):
        began = time.monotonic()
        pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
        os.waitpid(pid, 0)
        times.append((time.monotonic() - began) * 1000)
    return median(times)


def bench_size() -> Iterator[Row]:
    for name in ("dlq-log", "dlq-investigate", "dlq-dash", "dlq-notify", "dlq-poll"):
        ours, theirs = spawn_ms([program(name), "--version"]), spawn_ms(["true"])
        size = os.path.getsize(program(name)) / MIB
        without_aws = name != "dlq-poll"
        limit = 6 if name == "dlq-notify" else 3  # it has an HTTP client
        yield Row(
            f"{name} --version", f"{ours:.2f} ms", f"true {theirs:.2f} ms", f"1/{ours / theirs:.1f}",
            "<= 5 ms" if without_aws else "-", ours <= 5 if without_aws else None,
        )  # fmt: skip
        yield Row(
            f"{name}, size", f"{size:.2f} MiB",
            goal=f"<= {limit} MiB" if without_aws else "-", met=size <= limit if without_aws else None,
        )  # fmt: skip


BENCHMARKS = {
    "round": bench_round,
    "cpu": bench_cpu,
    "start": bench_start,
    "memory": bench_memory,
    "peek": bench_peek,
    "redrive": bench_redrive,
    "fingerprint": bench_fingerprint,
    "flat": bench_flat,
    "lines": bench_lines,
    "routes": bench_routes,
    "dead": bench_dead,
    "backlog": bench_backlog,
    "dashboard": bench_dashboard,
    "screen": bench_screen,
    "investigate": bench_investigate,
    "latency": bench_latency,
    "size": bench_size,
}
COLUMNS = "{:<46} {:<18} {:<30} {:<9} {:<15} {}"


def check(names: list[str]) -> None:
    for name in names:
        if name not in BENCHMARKS:
            known = " ".join(BENCHMARKS)
            print(f"bench: error: no benchmark '{name}'; there are: {known}", file=sys.stderr)
            sys.exit(2)


def main(names: list[str]) -> None:
    print(f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores, "
          f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    print(COLUMNS.format("what", "ours", "peer", "ratio", "goal", ""), flush=True)
    for name in names or BENCHMARKS:
        for row in BENCHMARKS[name]():
            verdict = {None: "", True: "met", False: "MISSED"}[row.met]
            line = COLUMNS.format(row.what, row.ours, row.peer, row.ratio, row.goal, verdict)
            print(line.rstrip(), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--boto3-round":
        boto3_round(sys.argv[2])
    elif sys.argv[1] == "--boto3-peek":
        boto3_peek(sys.argv[2])
    elif sys.argv[1] == "--boto3-move":
        boto3_move(sys.argv[2])
    elif sys.argv[1] == "--mask":
        mask(sys.argv[2])
    elif sys.argv[1] == "--check":
        check(sys.argv[2:])
    else:
        signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
        PROGRAMS, WORK = sys.argv[1:3]
        main(sys.argv[3:])
