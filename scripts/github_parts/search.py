"""Searches for issues and pull requests, by the words that REST and GraphQL share.

The index may lag: an item is judged as it was `search_lag_s` ago, or when the index was frozen, and
one created since is not found.
"""

import re
import time

from .rest import invalid, is_visible
from .state import seconds_of

WORD = re.compile(r'\s*(?:([()])|(-?)([\w-]+):("[^"]*"|[^\s()]+)|("[^"]*"|[^\s()]+))')


def parse(text):
    """Returns (test, sort, qualifiers), where `test` decides about an item, its past and a login."""
    words, at = [], 0
    while text[at:].strip():
        match = WORD.match(text, at)
        words.append(match)
        at = match.end()
    operators = sum(word[5] in ("AND", "OR", "NOT") for word in words)
    if operators > 5:
        raise invalid("Search", field="q", code="invalid",
                      message="More than five AND / OR / NOT operators were used.")
    plain = " ".join(word[5] for word in words if word[5])
    if len(plain) > 256:
        raise invalid("Search", field="q", code="invalid",
                      message="The search is longer than 256 characters.")
    qualifiers = [(word[3].lower(), word[4].strip('"')) for word in words if word[3]]
    sort = next((value for key, value in qualifiers if key == "sort"), "created-desc")
    return Parser(words).disjunction(), sort, qualifiers


class Parser:
    def __init__(self, words):
        self.words = list(words)

    def next_is(self, *texts):
        return bool(self.words) and (self.words[0][1] in texts or self.words[0][5] in texts)

    def disjunction(self):
        tests = [self.conjunction()]
        while self.next_is("OR"):
            self.words.pop(0)
            tests.append(self.conjunction())
        return lambda *given: any(test(*given) for test in tests)

    def conjunction(self):
        tests = []
        while self.words and not self.next_is("OR", ")"):
            if self.next_is("AND"):
                self.words.pop(0)
                continue
            tests.append(self.factor())
        return lambda *given: all(test(*given) for test in tests)

    def factor(self):
        word = self.words.pop(0)
        if word[5] == "NOT":
            test = self.factor()
            return lambda *given: not test(*given)
        if word[1] == "(":
            test = self.disjunction()
            if self.next_is(")"):
                self.words.pop(0)
            return test
        if word[3]:
            key, value = word[3].lower(), word[4].strip('"')
            if word[2] == "-":
                return lambda *given: not qualifies(key, value, *given)
            return lambda *given: qualifies(key, value, *given)
        text = (word[5] or "").strip('"').lower()
        return lambda item, seen, login: text in (seen["title"] + " " + seen["body"]).lower()


def qualifies(key, value, item, seen, login):
    who = login if value == "@me" else value.lower()
    lower = value.lower()
    if key in ("is", "type", "state"):
        return is_state(lower, item, seen)
    simple = {
        "repo": lambda: lower in item.repo.search_names(),
        "org": lambda: item.repo.owner.login.lower() == lower,
        "user": lambda: item.repo.owner.login.lower() == who,
        "author": lambda: item.author.login.lower() == who.removeprefix("app/"),
        "assignee": lambda: who in seen["assignees"],
        "commenter": lambda: who in seen["commenters"],
        "archived": lambda: item.repo.archived == (lower == "true"),
        "label": lambda: lower in seen["labels"],
        "draft": lambda: seen.get("draft", False) == (lower == "true"),
        "head": lambda: seen.get("head") == value,
        "base": lambda: seen.get("base") == value,
        "user-review-requested": lambda: who in seen.get("reviewers", []),
        "review-requested": lambda: who in seen.get("reviewers", []),
        "team-review-requested": lambda: lower.split("/")[-1] in seen.get("teams", []),
        "involves": lambda: who in (
            item.author.login.lower(), *seen["assignees"], *seen["commenters"]),
        "review": lambda: seen.get("decision") == {
            "required": "REVIEW_REQUIRED", "approved": "APPROVED",
            "changes_requested": "CHANGES_REQUESTED"}.get(lower, "") or (
                lower == "none" and seen.get("decision") in (None, "REVIEW_REQUIRED")),
        "updated": lambda: compares(value, seen["updated"]),
        "created": lambda: compares(value, item.created),
        "sort": lambda: True,
        "in": lambda: True,
    }
    return simple[key]() if key in simple else False


def is_state(word, item, seen):
    tests = {
        "pr": lambda: item.is_pull, "issue": lambda: not item.is_pull,
        "open": lambda: seen["state"] == "open", "closed": lambda: seen["state"] == "closed",
        "merged": lambda: seen.get("merged", False), "draft": lambda: seen.get("draft", False),
        "unmerged": lambda: item.is_pull and not seen.get("merged", False),
        "private": lambda: item.repo.private, "public": lambda: not item.repo.private,
    }
    return tests[word]() if word in tests else False


def compares(value, moment):
    match = re.match(r"(>=|<=|>|<)?(.*)", value)
    edge = match[2].split("..")[0]
    edge = seconds_of(edge if "T" in edge else edge + "T00:00:00Z")
    order = {">=": moment >= edge, "<=": moment <= edge, ">": moment > edge, "<": moment < edge}
    return order.get(match[1] or "", abs(moment - edge) < 86400)


def find_items(request, text, over_rest=False):
    """Returns the items that a search finds, in its order."""
    world = request.world
    if not text or not text.strip():
        raise invalid("Search", field="q", code="missing")
    test, sort, qualifiers = parse(text)
    visible = [repo for repo in world.repos.values() if is_visible(request.token, repo)]
    named = [value.lower() for key, value in qualifiers if key in ("repo", "org", "user")]
    known = {repo.full_name.lower() for repo in visible} | {
        repo.owner.login.lower() for repo in visible} | set(world.accounts) | {"@me"}
    if world.settings["search_follows_renames"]:
        known |= set(world.moved)
    if over_rest and named and not any(name in known for name in named):
        raise invalid("Search", field="q", code="invalid", message=(
            "The listed users and repositories cannot be searched either because the resources do "
            "not exist or you do not have permission to view them."))
    login = request.account.login.lower() if request.account else ""
    edge = (world.settings["search_frozen"] or time.time()) - world.settings["search_lag_s"]
    found = []
    for repo in visible:
        for item in repo.items.values():
            past = [seen for moment, seen in item.history if moment <= edge]
            if past and test(item, past[-1], login):
                found.append((item, past[-1]))
    key, _, order = sort.partition("-")
    by = {"updated": lambda one: (one[1]["updated"], one[0].id),
          "comments": lambda one: (len(one[0].comments), one[0].id)}
    found.sort(key=by.get(key, lambda one: (one[0].created, one[0].id)), reverse=order != "asc")
    return [item for item, _ in found]


