"""Scores of a verdict against what really happened, for scripts/eval.

Each score is a word: `right`, `part`, `open` or `none` (nothing claimed), `wrong`, or `-` where there is
nothing to score. A claim that is wrong is worse than none, and is counted apart.
"""

import glob
import os
import re

from eval_incident import Incident
from eval_run import Outcome, read

# Lines beside the stated ones that still count: a call and the line above it are one place.
LINES_NEAR = 3
POINTS = {"right": 1.0, "part": 0.5}
COLUMNS = ("cause", "place", "redrive")


def claims(outcome: Outcome) -> str:
    """Returns what the verdict says of the cause, in lower case."""
    verdict = outcome.verdict
    words = [str(verdict.get("title") or ""), str(verdict.get("root_cause") or "")]
    if outcome.result is None:
        # The triage has no root cause; its report begins with one.
        kept = ("- Cause: ", "- Seen: ", "As far as ")
        words += [line for line in outcome.report.splitlines() if line.startswith(kept)]
    return "\n".join(words).lower()


def names(incident: Incident, outcome: Outcome) -> bool:
    text = claims(outcome)
    return all(any(word.lower() in text for word in words) for words in incident.truth["says"])


def score_cause(incident: Incident, outcome: Outcome) -> str:
    verdict, truth = outcome.verdict, incident.truth
    category, status = verdict.get("category"), verdict.get("status")
    is_kind = category in truth["categories"]
    if is_kind and status in truth["statuses"]:
        return "right" if names(incident, outcome) else "part"
    if status is None or status == "inconclusive" or category in (None, "unknown"):
        return "open"
    return "part" if is_kind or (truth["says"] and names(incident, outcome)) else "wrong"


def places(outcome: Outcome) -> list[tuple[str, int]]:
    """Returns the places in the code that a verdict names."""
    if outcome.result is None:
        head = "\n".join(line for line in outcome.report.splitlines() if line.startswith("- Cause: "))
        return [(path, int(line)) for path, line in re.findall(r"([\w./-]+\.\w+) line (\d+)", head)]
    found = []
    for item in outcome.result.get("evidence") or []:
        cited = re.fullmatch(r"(.+?\.\w+):(\d+)(?:-\d+)?", str(item.get("id", "")).strip())
        if cited and "/.dlq/" not in "/" + cited[1]:
            found.append((cited[1], int(cited[2])))
    return found


def score_place(incident: Incident, outcome: Outcome) -> str:
    wanted = incident.truth["place"]
    if not wanted:
        return "-"
    named = places(outcome)
    claimed = claims(outcome)
    if outcome.result is not None:
        claimed += "\n".join(str(item.get("claim", "")) for item in outcome.result.get("evidence") or []).lower()
    best = "wrong" if named else "none"
    for place in wanted:
        if "resource" in place:
            if place["resource"].lower() in claimed:
                return "right"
            continue
        first, last = place["lines"]
        for path, line in named:
            if not is_same_file(path, place["file"]):
                continue
            if first - LINES_NEAR <= line <= last + LINES_NEAR:
                return "right"
            best = "part"
    return best


def is_same_file(given: str, path: str) -> bool:
    """Returns whether a path names a file; a stack trace names it without its folder."""
    given = given.removeprefix("./")
    return path == given or given.endswith("/" + path) or path.endswith("/" + given)


def score_redrive(incident: Incident, outcome: Outcome) -> str:
    advice, status = outcome.verdict.get("redrive"), outcome.verdict.get("status")
    if advice in incident.truth["redrive"]:
        return "right"
    # "Do not" is also the word of whoever does not know.
    return "open" if advice is None or (advice == "do_not" and status == "inconclusive") else "wrong"


def citations(outcome: Outcome) -> tuple[int, int]:
    """Returns how many items the report cites, and how many of them exist."""
    part = re.split(r"^#* ?Evidence:?$", outcome.report, flags=re.M)
    cited = [line for text in part[1:] for line in listed(text)]
    return len(cited), sum("(**does not exist**)" not in line for line in cited)


def listed(text: str) -> list[str]:
    """Returns the items of the list with which a text begins."""
    items: list[str] = []
    for line in text.strip("\n").splitlines():
        if line.startswith("- "):
            items.append(line)
        elif line.strip() and not line.startswith(" "):
            break
    return items


def missing_evidence(incident: Incident, outcome: Outcome) -> list[dict]:
    """Returns the evidence of the truth that no line of the workspace of an agent has."""
    globs = {
        "messages": [".dlq/m*.json"], "logs": [".dlq/log-*.txt", ".dlq/logs.json"], "queue": [".dlq/queue.json"],
        "history": [".dlq/history.txt", ".dlq/commits/*.diff"], "code": ["**/*"],
    }  # fmt: skip
    missing = []
    if outcome.is_settled and not incident.truth["code_to_blame"]:
        return missing
    for item in incident.truth["evidence"]:
        # Without hidden files, as .dlq and .git, where the pattern does not name them.
        found = [glob.glob(os.path.join(outcome.workspace, one), recursive=True) for one in globs[item["in"]]]
        if not any(item["find"] in read(path) for paths in found for path in paths):
            missing.append(item)
    return missing


def changed_files(patch: str) -> list[str]:
    """Returns the files that a patch changes, without tests."""
    files = re.findall(r"^\+\+\+ b/(.+)$|^--- a/(.+)$", patch, flags=re.M)
    paths = {one or other for one, other in files}
    return sorted(path for path in paths if "test" not in os.path.basename(path).lower() and "/test" not in "/" + path)


def score_fix(incident: Incident, outcome: Outcome) -> str:
    changed = changed_files(outcome.patch)
    if not changed:
        return "none" if incident.truth["fix"] else "-"
    return "right" if set(changed) & set(incident.truth["fix"]) else "false"


def score(incident: Incident, outcome: Outcome) -> dict:
    """Returns all scores of one incident, as one object of the NDJSON."""
    verdict, end, truth = outcome.verdict, outcome.end, incident.truth
    cited, resolved = citations(outcome)
    return {
        "incident": incident.name,
        "kind": truth["kind"],
        "end": end["type"].removeprefix("investigation."),
        "reason": end["data"].get("reason"),
        "status": verdict.get("status"),
        "category": verdict.get("category"),
        "confidence": verdict.get("confidence"),
        "redrive_advice": verdict.get("redrive"),
        "cause": score_cause(incident, outcome),
        "place": score_place(incident, outcome),
        "cited": cited,
        "resolved": resolved,
        "redrive": score_redrive(incident, outcome),
        "fix": score_fix(incident, outcome),
        # The worst mistake: somebody believes it, and the code stays as it is.
        "denies_bug": truth["code_to_blame"] and verdict.get("status") == "not_a_bug",
        "says_bug": not truth["code_to_blame"] and verdict.get("category") == "code_error"
        and verdict.get("status") in ("confirmed", "likely"),
        "cost_usd": 0.0 if outcome.is_settled else end["data"].get("cost_usd"),
        "seconds": round(outcome.seconds, 1),
    }


def table(scores: list[dict]) -> str:
    """Returns the scores as a table for people, with the sums below."""
    head = ["incident", "kind", "status", "category", "cause", "place", "redrive", "fix", "cited", "$", "s"]
    rows = [head]
    for one in scores:
        status = one["status"] or one["reason"] or one["end"]
        cost = "?" if one["cost_usd"] is None else f"{one['cost_usd']:.2f}"
        rows.append([
            one["incident"], one["kind"], status, one["category"] or "-", one["cause"], one["place"], one["redrive"],
            one["fix"], f"{one['resolved']}/{one['cited']}", cost, f"{one['seconds']:.1f}",
        ])  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines + [""] + sums(scores))


def sums(scores: list[dict]) -> list[str]:
    lines = []
    for column in COLUMNS:
        counted = [one[column] for one in scores if one[column] != "-"]
        points = sum(POINTS.get(word, 0) for word in counted)
        words = ", ".join(f"{counted.count(word)} {word}" for word in dict.fromkeys(sorted(counted)))
        lines.append(f"{column:8} {points:g} of {len(counted)} points: {words}")
    resolved, cited = sum(one["resolved"] for one in scores), sum(one["cited"] for one in scores)
    lines.append(f"evidence {resolved} of {cited} citations exist")
    lines.append(f"mistakes {sum(one['denies_bug'] for one in scores)} times 'not a bug' of a bug, "
                 f"{sum(one['says_bug'] for one in scores)} times 'a bug' of none, "
                 f"{sum(one['fix'] == 'false' for one in scores)} false fixes")  # fmt: skip
    cost = sum(one["cost_usd"] or 0 for one in scores)
    lines.append(f"spent    ${cost:.2f}, {sum(one['seconds'] for one in scores):.0f} s of investigations")
    return lines
