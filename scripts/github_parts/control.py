"""The interface by which a test steers the stand-in: JSON below /_control.

    GET    log?method=&path=&token=   requests so far (regular expressions), oldest first
    GET    count?method=&path=        their number
    DELETE log | faults | violations  forgets them
    GET    violations                 what GitHub's OpenAPI document does not allow
    GET    shapes                     how the answers of REST deviate from recorded ones (recorded.py)
    GET    state?repo=                refs, pull requests, issues and more of a repository
    GET    tree?repo=&ref=            the files of a commit, by path
    GET    faults                     queued faults, with how often each was met
    POST   query                      {"text"}: what GitHub's schema does not allow in a text
    POST   faults                     queues faults (faults.py)
    POST   NAME                       a function of control_acts.py: account, token, repo, pull ...

A mistake in a call is answered with status 400 and {"error": ...}.
"""

import inspect
import json
import re
from urllib.parse import parse_qs, urlsplit

from . import control_acts
from .rest_checks import latest, rollup
from .state import Refusal, moment


class Control:
    def __init__(self, standin):
        self.standin, self.world = standin, standin.world

    def answer(self, method, target, body):
        split = urlsplit(target)
        name = split.path.removeprefix("/_control/").replace("-", "_")
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        try:
            if method == "POST":
                found = self.act(name, json.loads(body or b"{}"))
            elif method in ("GET", "DELETE"):
                found = getattr(self, f"{method.lower()}_{name}")(**query)
            else:
                raise ValueError(f"no method {method} here")
            status = 200
        except Refusal as refusal:
            status, found = 400, {"error": refusal.message, "errors": refusal.errors}
        except (AttributeError, KeyError, LookupError, TypeError, ValueError, RuntimeError) as error:
            status, found = 400, {"error": f"{type(error).__name__}: {error}"}
        return status, {"Content-Type": "application/json"}, json.dumps(found).encode()

    def act(self, name, given):
        if name == "faults":
            for fault in given if isinstance(given, list) else [given]:
                self.standin.faults.add(fault)
            return {"queued": len(self.standin.faults.queued)}
        if name == "query":
            return {"errors": self.standin.engine.faults_of(given["text"])}
        function = getattr(control_acts, f"do_{name}")
        known = inspect.signature(function).parameters
        is_open = any(one.kind is one.VAR_KEYWORD for one in known.values())
        unknown = set(given) - set(known)
        if unknown and not is_open:
            raise ValueError(f"'{name}' does not know {', '.join(sorted(unknown))}")
        with self.world.lock:
            return function(self.standin, **given)

    def get_log(self, method=".*", path="", token=None):
        with self.standin.log_lock:
            return [
                entry for entry in self.standin.log
                if re.fullmatch(method, entry["method"]) and re.search(path, entry["path"])
                and token in (None, entry.get("token"))]

    def get_count(self, **query):
        return {"count": len(self.get_log(**query))}

    def delete_log(self):
        with self.standin.log_lock:
            self.standin.log.clear()
        return {}

    def get_faults(self):
        return self.standin.faults.queued

    def delete_faults(self):
        self.standin.faults.queued.clear()
        return {}

    def get_violations(self):
        found = self.standin.judge.violations()
        return {"judged": self.standin.judge.judged, "violations": found}

    def get_shapes(self):
        return self.standin.judge.shapes()

    def delete_violations(self):
        self.standin.judge.violations().clear()
        return {}

    def get_tree(self, repo, ref):
        with self.world.lock:
            return control_acts.tree(self.standin, repo, ref)

    def get_state(self, repo):
        with self.world.lock:
            repo = control_acts.repo_of(self.world, repo)
            return {
                "id": repo.id, "node_id": repo.node_id, "name": repo.full_name, "refs": repo.refs,
                "private": repo.private, "archived": repo.archived,
                "pulls": [pull_state(one) for one in repo.pulls()],
                "issues": [item_state(one) for one in repo.items.values() if not one.is_pull],
                "deployments": [{
                    "id": one["id"], "sha": one["sha"], "environment": one["environment"],
                    "states": [status["state"] for status in one["statuses"]]}
                    for one in repo.deployments]}


def item_state(item):
    return {
        "number": item.number, "node_id": item.node_id, "title": item.title, "body": item.body,
        "state": item.state, "state_reason": item.state_reason, "author": item.author.login,
        "labels": [one["name"] for one in item.labels],
        "assignees": [one.login for one in item.assignees],
        "comments": [{"author": one.author.login, "body": one.body} for one in item.comments],
        "created_at": moment(item.created), "updated_at": moment(item.updated),
        "events": [one.kind for one in item.timeline]}


def pull_state(pull):
    checks = latest(pull.repo.check_runs.get(pull.head_sha, []), "name")
    return item_state(pull) | {
        "draft": pull.draft, "merged": pull.merged is not None, "merge_commit": pull.merge_commit,
        "base": pull.base_ref, "head": pull.head_ref, "head_sha": pull.head_sha,
        "head_repo": pull.head_repo and pull.head_repo.full_name,
        "reviewers": [one.login for one in pull.reviewers], "teams": pull.teams,
        "reviews": [{"author": one.author.login, "state": one.state} for one in pull.reviews],
        "decision": pull.decision(), "rollup": rollup(pull.repo, pull.head_sha),
        "checks": {one["name"]: one["conclusion"] or one["status"] for one in checks}}
