"""The screen of dlq-dash on a terminal of its own, for scripts/bench.

Reads what the program writes, as a terminal does, so that a key can be timed up to the frame that
it changes. Also makes the streams that it shows.
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SEQUENCE = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[2J|\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|([^\x1b])")


class Screen:
    """The program, the cells of its terminal, and the moment of the newest frame."""

    def __init__(self, argv: list[str], env: dict[str, str], stdin: int | None, size: tuple[int, int]):
        self.columns, self.rows = size
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.changed = threading.Condition()
        self.frames = 0
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            if stdin is not None:
                os.dup2(stdin, 0)
            os.execve(argv[0], argv, {**env, "TERM": "xterm-256color"})
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        rest = b""
        while True:
            try:
                part = os.read(self.master, 65536)
            except OSError:
                part = b""
            if not part:
                return
            # A frame ends with the end of synchronized output.
            *frames, rest = (rest + part).split(b"\x1b[?2026l")
            for frame in frames:
                self.draw(frame.decode(errors="replace"))

    def draw(self, frame: str) -> None:
        x = y = 0
        with self.changed:
            for found in SEQUENCE.finditer(frame):
                if found[1]:
                    y, x = int(found[1]) - 1, int(found[2]) - 1
                elif found[0] == "\x1b[2J":
                    self.cells = [[" "] * self.columns for _ in range(self.rows)]
                elif found[3] and y < self.rows and x < self.columns:
                    self.cells[y][x] = found[3]
                    x += 1
            self.frames += 1
            self.changed.notify_all()

    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.cells]

    def wait(self, condition: Callable[[list[str]], bool], seconds: float = 60) -> float:
        """Waits for a frame, and returns its moment."""
        until = time.monotonic() + seconds
        with self.changed:
            while not condition(self.lines()):
                if not self.changed.wait(until - time.monotonic()) and time.monotonic() >= until:
                    raise SystemExit("bench: error: waited in vain for\n" + "\n".join(self.lines()))
            return time.monotonic()

    def key_ms(self, key: bytes, condition: Callable[[list[str]], bool]) -> float:
        """Presses a key, and returns the milliseconds to the frame that it changes."""
        began = time.monotonic()
        os.write(self.master, key)
        return (self.wait(condition) - began) * 1000

    def end(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        os.close(self.master)


@contextmanager
def screen(
    argv: list[str], env: dict[str, str], stdin: int | None = None, size: tuple[int, int] = (120, 40)
) -> Iterator[Screen]:
    shown = Screen(argv, env, stdin, size)
    try:
        yield shown
    finally:
        shown.end()


def cpu_s(pid: int) -> float:
    """The processor time of a process so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Writer(threading.Thread):
    """Writes lines to a pipe at a rate, until it is told to end."""

    def __init__(self, lines: list[bytes], rate: int, out: int):
        super().__init__(daemon=True)
        self.lines, self.rate, self.out = lines, rate, out
        self.is_ended = False
        self.written = 0

    def run(self) -> None:
        began, step = time.monotonic(), self.rate // 100
        while not self.is_ended:
            due = int((time.monotonic() - began) * self.rate)
            while self.written < due and not self.is_ended:
                at = self.written % len(self.lines)
                part = b"".join(self.lines[at : at + step])
                while part:
                    select.select([], [self.out], [], 1)
                    part = part[os.write(self.out, part) :]
                self.written += min(step, len(self.lines) - at)
            time.sleep(0.005)


def event(number: int, kind: str, at: float, queue: str, data: dict, **head: str) -> bytes:
    """An event of a queue; `number` makes its id."""
    arn = f"arn:aws:sqs:us-east-1:000000000000:{queue}"
    data = {"queue": {"name": queue, "arn": arn, "region": "us-east-1", "account": "0"}, **data}
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".000Z"
    line = {"specversion": "1.0", "id": f"{number:012x}", "source": "dlq-poll", "type": kind, "time": moment}
    return json.dumps({**line, **head, "data": data}, separators=(",", ":")).encode() + b"\n"


def hours_left_open(hours: int, until: float) -> Iterator[bytes]:
    """The events of each hour up to now: rounds over 1,000 queues every 30 seconds, of which 50 change, and
    30 incidents with an investigation of 20 steps each."""
    number = 0
    for hour in range(hours):
        lines = []
        for round_number in range(120):
            at = until - (hours - hour) * 3600 + round_number * 30
            for place in range(50):
                number += 1
                name = f"service-{(round_number * 50 + place) % 1000:04}-dlq"
                lines.append(event(number, "queue.polled", at, name, {"depth": number * 7919 % 90, "in_flight": 0}))
            number += 1
            lines.append(event(number, "poll.finished", at, "", {"queues": 1000, "duration_ms": 900}))
            if round_number % 4:
                continue
            name, one = f"service-{number % 1000:04}-dlq", f"{number:08x}"
            head = {"incident": f"incident-{one}", "severitytext": "ERROR"}
            steps = [("queue.raised", {"depth": 3, "previous": 0}), ("investigation.started", {"pid": 7})]
            steps += [("investigation.progressed", {"step": f"reading file {step}"}) for step in range(20)]
            steps += [("investigation.completed", {"verdict": {"status": "likely", "title": one}, "cost_usd": 0.1})]
            steps += [("queue.cleared", {"cause": "redriven", "duration_s": 30})]
            for kind, data in steps:
                number += 1
                lines.append(event(number, kind, at, name, {"session": f"session-{one}", **data}, **head))
        yield b"".join(lines)


def pending(pipe: int) -> int:
    """The bytes in a pipe that nobody has read."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]
