"""Faults that a test queues: an answer is replaced, delayed, cut, or never given.

A fault has what it matches (`method`, `path` and `body`, regular expressions), `times` (1 unless
given; null: for good), `skip` (matches that pass first), and what happens: a `kind` of KINDS, or its
parts. With `after`, the request takes effect before its answer is lost.
"""

import re
import time

from .rest import DOCUMENTATION

HTML = "<!DOCTYPE html><html><head><title>Unicorn!</title></head><body>502</body></html>"


def body(message, errors=None, status="422"):
    found = {"message": message}
    if errors is not None:
        found["errors"] = errors
    return found | {"documentation_url": DOCUMENTATION, "status": status}


def custom(message):
    return body("Validation Failed", [{
        "resource": "PullRequest", "code": "custom", "message": message}])


SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
KINDS = {
    "bad_gateway": {"status": 502, "body": HTML, "headers": {"Content-Type": "text/html"}},
    "server_error": {"status": 500, "body": body("Server Error", status="500")},
    "unavailable": {"status": 503, "body": "", "headers": {"Content-Type": "text/html"}},
    "non_json": {"status": 200, "body": "<html>login</html>",
                 "headers": {"Content-Type": "text/html"}},
    "secondary_limit": {"status": 403, "body": body(SECONDARY, status="403"),
                        "headers": {"Retry-After": "90"}},
    "secondary_limit_bare": {"status": 403, "body": body(SECONDARY, status="403")},
    "too_many_requests": {"status": 429, "body": body(SECONDARY, status="429"),
                          "headers": {"Retry-After": "30"}},
    "too_many_requests_bare": {"status": 429, "body": body(SECONDARY, status="429")},
    "primary_limit": {"status": 403, "spent": True, "body": body(
        "API rate limit exceeded for user ID 1.", status="403")},
    "forbidden": {"status": 403, "body": body(
        "Resource not accessible by personal access token", status="403"),
        "headers": {"X-Accepted-GitHub-Permissions": "pull_requests=write"}},
    "sso": {"status": 403, "body": body(
        "Resource protected by organization SAML enforcement. You must grant your Personal Access "
        "token access to this organization.", status="403"),
        "headers": {"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso"}},
    "bad_credentials": {"status": 401, "body": body("Bad credentials", status="401")},
    "not_found": {"status": 404, "body": body("Not Found", status="404")},
    "draft_unsupported": {"status": 422, "body": body(
        "Draft pull requests are not supported in this repository.")},
    "pull_exists": {"status": 422, "body": custom("A pull request already exists for acme:branch.")},
    "no_commits": {"status": 422, "body": custom("No commits between main and branch")},
    "ref_exists": {"status": 422, "body": body("Reference already exists")},
    "reviewer": {"status": 422, "body": body(
        "Review cannot be requested from pull request author.")},
    "validation": {"status": 422, "body": body("Validation Failed", [
        {"resource": "PullRequest", "field": "base", "code": "invalid"}])},
    "graphql_limit": {"status": 200, "spent": True, "body": {"errors": [{
        "type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."}]}},
    "graphql_wide": {"status": 200, "body": {"errors": [{
        "type": "RESOURCE_LIMITS_EXCEEDED",
        "message": "Resource limits for this query exceeded."}]}},
    "graphql_timeout": {"status": 200, "body": {"data": None, "errors": [{
        "message": "Something went wrong while executing your query. This may be the result of a "
        "timeout, or it could be a GitHub bug."}]}},
    "close": {"action": "close"},
    "cut": {"action": "cut"},
    "hang": {"action": "hang"},
}


class Faults:
    def __init__(self):
        self.queued = []

    def add(self, fault):
        kind = fault.get("kind")
        if kind is not None and kind not in KINDS:
            raise ValueError(f"no kind '{kind}' of fault; there are {', '.join(sorted(KINDS))}")
        parts = KINDS.get(kind, {})
        headers = parts.get("headers", {}) | fault.get("headers", {})
        self.queued.append(
            {"times": 1, "skip": 0, "hits": 0, **parts, **fault, "headers": headers})

    def take(self, method, path, text):
        """Returns the first fault that a request meets, and counts it."""
        for fault in self.queued:
            if not matches(fault, method, path, text):
                continue
            if fault["skip"] > 0:
                fault["skip"] -= 1
                continue
            if fault["times"] is not None and fault["hits"] >= fault["times"]:
                continue
            fault["hits"] += 1
            return fault
        return None


def matches(fault, method, path, text):
    return (
        re.fullmatch(fault.get("method", ".*"), method) is not None
        and re.search(fault.get("path", ""), path) is not None
        and re.search(fault.get("body_has", ""), text) is not None)


def spoil(fault, found):
    """Sets parts of an answer in GraphQL to null, each with its error."""
    for path in fault.get("null", []):
        steps = [int(step) if step.isdigit() else step for step in path.split("/")]
        at = found.get("data") or {}
        for step in steps[:-1]:
            at = at[step] if at is not None and has(at, step) else None
        if at is None or not has(at, steps[-1]):
            continue
        at[steps[-1]] = None
        found.setdefault("errors", []).append({
            "type": fault.get("type", "FORBIDDEN"), "path": steps,
            "locations": [{"line": 1, "column": 1}], "message": fault.get(
                "message", "Resource not accessible by personal access token")})
    found.setdefault("errors", []).extend(fault.get("errors", []))
    if not found["errors"]:
        del found["errors"]
    return found


def has(at, step):
    return step < len(at) if isinstance(step, int) else step in at


def pause(fault):
    if fault.get("delay_ms"):
        time.sleep(fault["delay_ms"] / 1000)
