"""Compares the form of answers with those that GitHub gave when PyGithub recorded its tests.

A key that GitHub has never answered at this place, or with a value of this type, is a deviation. The
recordings are from 2012 to 2026 and few: where a place has no such key, an object of the same kind
elsewhere (a user, a repository) may have it.
"""

import glob
import json
import os
import re

from .rest import ROUTES

# Keys that hold an object of the same kind, and the name of that kind. What stands at the root of an
# answer, or in one of these lists, may have the keys of any other root.
KINDS = {
    "user": ("user", "owner", "author", "committer", "assignee", "assignees", "creator", "merged_by",
             "closed_by", "requested_reviewers", "users", "enabled_by", "organization"),
    "root": ("", "repo", "repository", "parent", "source", "items", "teams", "requested_teams",
             "statuses"),
}
OF_KIND = {key: kind for kind, keys in KINDS.items() for key in keys}
# What no recording has, because it is rare or newer; GitHub's OpenAPI document has it.
NOT_RECORDED = (
    "auto_merge", "auto_merge.enabled_by", "auto_merge.merge_method", "auto_merge.commit_title",
    "auto_merge.commit_message", "search_type", "context", "notification_setting",
    "organization_id",
)


def exchanges(folder):
    """Yields (method, path, status, body) of each recorded exchange: ten lines and an empty one."""
    for name in sorted(glob.glob(os.path.join(folder, "*.txt"))):
        with open(name, encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")
        for at in range(0, len(lines) - 9, 11):
            method, path, status, body = (lines[at + line] for line in (1, 4, 7, 9))
            if not status.isdigit():
                break  # a body with line ends, of a download
            yield method, path.split("?")[0], int(status), body


def template_of(method, path):
    path = re.sub(r"^/repositories/\d+", "/repos/o/r", path)
    for known, pattern, template, _ in ROUTES:
        if known == method and pattern.match(path):
            return template
    return None


def type_of(value):
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "string", list: "array", dict: "object", type(None): "null"}[type(value)]


def shapes(value, place=""):
    """Yields (place, type) of a value and of everything in it: `head.repo.owner.login`."""
    yield place, type_of(value)
    if isinstance(value, dict):
        for key, part in value.items():
            yield from shapes(part, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for part in value:
            yield from shapes(part, f"{place}[]")


def kind_of(place):
    """Returns (kind, key) of a place; the kind is that of the object that has the key."""
    parent, _, key = place.rpartition(".")
    holder = parent.rpartition(".")[2].removesuffix("[]")
    return OF_KIND.get(holder, holder), key


class Recorded:
    def __init__(self, folder):
        self.places, self.kinds, self.count = {}, {}, 0
        for method, path, status, body in exchanges(folder):
            if not 200 <= status < 300 or not body.startswith(("{", "[")):
                continue
            try:
                value = json.loads(body)
            except ValueError:
                continue
            self.count += 1
            known = self.places.setdefault((method, template_of(method, path)), {})
            for place, kind in shapes(value):
                known.setdefault(place, set()).add(kind)
                self.kinds.setdefault(kind_of(place), set()).add(kind)

    def deviations(self, method, template, value):
        """Returns what GitHub has not answered; None when it has recorded nothing of this path."""
        known = self.places.get((method, template))
        if known is None:
            return None
        found = []
        for place, kind in shapes(value):
            if f".{place}".endswith(tuple(f".{key}" for key in NOT_RECORDED)):
                continue
            types = known.get(place, set()) | self.kinds.get(kind_of(place), set())
            if not types:
                found.append(f"{place}: GitHub has no such key")
            elif kind not in types:
                found.append(f"{place}: {kind}, where GitHub has {', '.join(sorted(types))}")
        return sorted(set(found))
