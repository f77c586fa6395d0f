"""Incidents of tests/eval, for scripts/eval: description, times, git repository, log.

Promises: the same description and the same first failure give the same commits, to the hash, and the
same log. Never: reads a setting of the user's git.
"""

import json
import os
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
KINDS = (
    "code_bug", "schema_drift", "bad_deploy", "iam", "throttle", "poison_message", "third_party",
    "expired_credential", "two_causes", "injection", "not_reproducible", "configuration",
)  # fmt: skip
LANGUAGES = ("python", "node", "java", "go", "infra")
STATUSES = ("confirmed", "likely", "inconclusive", "not_a_bug")
REDRIVES = ("safe", "after_fix", "do_not")
PLACES_OF_EVIDENCE = ("messages", "logs", "code", "history", "queue")
# Keys of each object: required ones, then optional ones.
INCIDENT = ({"title", "language", "dlq", "source", "consumer", "repository", "commits", "dead_letters"}, set())
TRUTH = (
    {"report", "kind", "cause", "code_to_blame", "statuses", "categories", "says", "place", "redrive", "fix",
     "evidence"}, set(),
)  # fmt: skip
COMMIT = ({"at", "author", "subject"}, {"body", "remove"})
LETTER = ({"at", "body"}, {"sent", "receives", "sender", "attributes"})
# Time between two lines of a block of the log.
LINE_STEP_S = 0.02
SIZE_MAX = 40 * 1024


class Malformed(Exception):
    """A file of an incident that does not have its form."""


@dataclass
class Block:
    """A piece of work in the log: an invocation of a function, or what a task wrote."""

    at: float
    letters: list[int]
    repeats: int
    lines: list[str] = field(default_factory=list)


@dataclass
class Incident:
    name: str
    folder: str
    facts: dict
    truth: dict

    @property
    def letters(self) -> list[dict]:
        return self.facts["dead_letters"]


def seconds(text: str) -> float:
    """Reads a time relative to the first failure, such as `-3d`."""
    found = re.fullmatch(r"([+-])(\d+(?:\.\d+)?)([smhd])", text) if isinstance(text, str) else None
    if not found:
        raise Malformed(f"'{text}' is no time such as -3d, +90s or +2m")
    return float(found[1] + found[2]) * UNITS[found[3]]


def stamp(moment: float) -> str:
    text = datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def check_keys(what: str, value: object, keys: tuple[set, set]) -> None:
    if not isinstance(value, dict):
        raise Malformed(f"{what} is no object")
    required, optional = keys
    if missing := required - value.keys():
        raise Malformed(f"{what} has no '{min(missing)}'")
    if unknown := value.keys() - required - optional:
        raise Malformed(f"{what} has '{min(unknown)}', which has no meaning")


def check_words(what: str, value: object, known: tuple) -> None:
    values = value if isinstance(value, list) else [value]
    if not values or any(one not in known for one in values):
        raise Malformed(f"{what} is {value!r}, and not of {', '.join(known)}")


def load(folder: str) -> Incident:
    """Reads an incident, and refuses one that does not have the form of tests/eval/README.md."""
    name = os.path.basename(folder.rstrip("/"))
    try:
        with open(os.path.join(folder, "incident.json")) as file:
            facts = json.load(file)
        with open(os.path.join(folder, "truth.json")) as file:
            truth = json.load(file)
        incident = Incident(name, folder, facts, truth)
        check(incident)
        return incident
    except (OSError, ValueError, Malformed) as error:
        raise Malformed(str(error)) from None


def check(incident: Incident) -> None:
    facts, truth = incident.facts, incident.truth
    check_keys("incident.json", facts, INCIDENT)
    check_keys("truth.json", truth, TRUTH)
    check_words("language", facts["language"], LANGUAGES)
    if not incident.name.startswith(facts["language"] + "-"):
        raise Malformed(f"the name does not begin with '{facts['language']}-'")
    check_truth(truth)
    for commit in facts["commits"]:
        check_keys("a commit", commit, COMMIT)
        seconds(commit["at"])
    for letter in facts["dead_letters"]:
        check_keys("a dead letter", letter, LETTER)
        if not 0 <= seconds(letter["at"]) <= 3000:
            raise Malformed("a dead letter is not within +0s to +50m")
    if not facts["dead_letters"]:
        raise Malformed("there is no dead letter")
    if bool(facts["commits"]) != (facts["repository"] is not None):
        raise Malformed("a repository has commits, and only a repository has")
    for number in range(1, len(facts["commits"]) + 1):
        if not (os.path.isdir(commit_folder(incident, number)) or facts["commits"][number - 1].get("remove")):
            raise Malformed(f"commit {number} has no folder repo/{number}")
    if bool(facts["consumer"]) != os.path.exists(os.path.join(incident.folder, "log.txt")):
        raise Malformed("a consumer has a log.txt, and only a consumer has")
    size = sum(os.path.getsize(os.path.join(at, one)) for at, _, all in os.walk(incident.folder) for one in all)
    if size > SIZE_MAX:
        raise Malformed(f"it has {size} bytes, more than {SIZE_MAX}")
    blocks(incident)


def check_truth(truth: dict) -> None:
    check_keys("report", truth["report"], ({"url", "title", "fact"}, set()))
    if not truth["report"]["url"].startswith("https://"):
        raise Malformed("the report has no https URL")
    check_words("kind", truth["kind"], KINDS)
    check_words("statuses", truth["statuses"], STATUSES)
    check_words("redrive", truth["redrive"], REDRIVES)
    if truth["code_to_blame"] and "not_a_bug" in truth["statuses"]:
        raise Malformed("the code is to blame, and 'not_a_bug' is among the right statuses")
    for place in truth["place"]:
        if not ({"file", "lines"} == place.keys() or {"resource"} == place.keys()):
            raise Malformed(f"{place} is no place")
    if not truth["evidence"]:
        raise Malformed("there is no evidence")
    for one in truth["evidence"]:
        check_keys("an item of evidence", one, ({"in", "find"}, set()))
        check_words("in", one["in"], PLACES_OF_EVIDENCE)


def verify(incident: Incident, folder: str) -> None:
    """Checks a truth against the repository, which it builds twice in a folder."""
    truth, first = incident.truth, 1767225600.0
    unnamed = [words for words in truth["says"] if not any(word.lower() in truth["cause"].lower() for word in words)]
    if unnamed:
        raise Malformed(f"'cause' names none of {unnamed[0]}")
    if incident.facts["repository"] is None:
        return
    one, two = os.path.join(folder, "one"), os.path.join(folder, "two")
    if build_repository(incident, one, first) != build_repository(incident, two, first):
        raise Malformed("the same description gives two histories")
    for place in truth["place"]:
        if "file" in place:
            with open(os.path.join(one, place["file"])) as file:
                if not 1 <= place["lines"][0] <= min(place["lines"][1], len(file.readlines())):
                    raise Malformed(f"{place} is no place of the last commit")
    for path in truth["fix"]:
        if not os.path.exists(os.path.join(one, path)):
            raise Malformed(f"the last commit has no '{path}'")


def commit_folder(incident: Incident, number: int) -> str:
    return os.path.join(incident.folder, "repo", str(number))


def build_repository(incident: Incident, folder: str, first: float) -> list[str]:
    """Builds the git repository, and returns the hashes of its commits."""
    # Settings of the machine, a template with hooks for example, would change what is built.
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "TZ": "UTC"}

    def git(*words: str, **more: str) -> str:
        command = ["git", "-C", folder, *words]
        return subprocess.run(command, env=clean | more, check=True, capture_output=True, text=True).stdout.strip()

    os.makedirs(folder)
    git("init", "--quiet", "--initial-branch=main", "--template=")
    hashes = []
    for number, commit in enumerate(incident.facts["commits"], 1):
        for path in commit.get("remove", []):
            os.unlink(os.path.join(folder, path))
        if os.path.isdir(source := commit_folder(incident, number)):
            # With the times of the source, git would take a file of the same size as unchanged.
            shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=shutil.copy)
        author, mail = commit["author"], commit["author"].lower().replace(" ", ".") + "@example.com"
        date = f"{int(first + seconds(commit['at']))} +0000"
        person = {"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": mail, "GIT_AUTHOR_DATE": date}
        person |= {"GIT_COMMITTER_NAME": author, "GIT_COMMITTER_EMAIL": mail, "GIT_COMMITTER_DATE": date}
        message = "\n\n".join([commit["subject"]] + ([commit["body"]] if commit.get("body") else []))
        git("add", "--all")
        git("commit", "--quiet", "--no-verify", "--message", message, **person)
        hashes.append(git("rev-parse", "HEAD"))
    return hashes


def blocks(incident: Incident) -> list[Block]:
    """Reads log.txt. A function writes an indented line into the event before it, a container does not."""
    path = os.path.join(incident.folder, "log.txt")
    if not os.path.exists(path):
        return []
    joined = "| \t" if "lambda" in (incident.facts["consumer"] or {}) else "|"
    with open(path) as file:
        lines = file.read().splitlines()
    found: list[Block] = []
    for line in lines:
        if line.startswith("== "):
            at, *words = line[3:].split()
            letters = [int(word[1:]) - 1 for word in words if re.fullmatch(r"m\d+", word)]
            repeats = [int(word[1:]) for word in words if re.fullmatch(r"x\d+", word)]
            if len(letters) + len(repeats) != len(words) or len(repeats) > 1:
                raise Malformed(f"'{line}' is no head of a block of log.txt")
            if any(not 0 <= letter < len(incident.letters) for letter in letters):
                raise Malformed(f"'{line}' names a dead letter that there is not")
            found.append(Block(seconds(at), letters, (repeats or [1])[0]))
        elif not found:
            raise Malformed("log.txt does not begin with a block, '== +0s'")
        elif line and line[0] in joined and found[-1].lines:
            found[-1].lines[-1] += "\n" + line.removeprefix("|")
        elif line.strip():
            found[-1].lines.append(line)
    return found


def log_lines(incident: Incident, first: float, ids: list[str]) -> list[tuple[float, str, str]]:
    """Returns the log: moment, stream and text of each line, block after block."""
    consumer, source = incident.facts["consumer"] or {}, incident.facts["source"] or {}
    is_function, timeout = "lambda" in consumer, consumer.get("timeout_s", 30)
    runs = [
        (first + block.at + number * source.get("visibility_s", 30), block)
        for block in blocks(incident)
        for number in range(block.repeats)
    ]
    runs.sort(key=lambda run: run[0])
    lines, busy = [], []
    for count, (begin, block) in enumerate(runs):
        request = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{incident.name} {count}"))
        texts = invocation(block.lines, request, timeout, begin) if is_function else block.lines
        ends = begin + (timeout if any("timed out after" in text for text in texts) else len(texts) * LINE_STEP_S)
        # An instance of a function, and so a stream of its log, does one invocation at a time.
        at = next((at for at, until in enumerate(busy) if until < begin), len(busy)) if is_function else 0
        busy[at : at + 1] = [ends]
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{incident.name} stream {at}").hex
        stream = f"{datetime.fromtimestamp(first, timezone.utc):%Y/%m/%d}/[$LATEST]{name}"
        for step, text in enumerate(texts):
            moment = begin + step * LINE_STEP_S
            if is_function and ends - begin >= timeout and step >= len(texts) - 3:
                moment = ends
            text = text.replace("{time}", stamp(moment)).replace("{request}", request)
            for letter, message in enumerate(ids, 1):
                text = text.replace("{m%d}" % letter, message)
            lines.append((moment, stream if is_function else "task/" + name, text))
    return lines


def invocation(texts: list[str], request: str, timeout: float, begin: float) -> list[str]:
    """Adds the lines that Lambda writes around the output of an invocation."""
    texts, duration = list(texts), f"{len(texts) * LINE_STEP_S * 1000:.2f}"
    if texts and texts[-1] == "!timeout":
        texts[-1] = f"{stamp(begin + timeout)} {request} Task timed out after {timeout:.2f} seconds"
        duration = f"{timeout * 1000:.2f}"
    report = f"REPORT RequestId: {request}\tDuration: {duration} ms\tMemory Size: 256 MB\tMax Memory Used: 91 MB"
    return [f"START RequestId: {request} Version: $LATEST", *texts, f"END RequestId: {request}", report]
