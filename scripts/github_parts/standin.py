"""Answers of the stand-in: who asks, by which interface, within which limits, with which fault."""

import base64
import hashlib
import json
import os
import threading
import time
import traceback
from urllib.parse import parse_qs, urlsplit

from . import rest_checks, rest_issues, rest_pulls, rest_repos  # noqa: F401 - they register routes
from . import smart
from .faults import Faults, pause, spoil
from .git_store import GitStore
from .graphql_run import Engine
from .judge import Judge
from .render import Render
from .rest import Request, answer, by_place, refusal_body
from .state import Refusal, World

VERSIONS = ("2022-11-28", "2026-03-10")
HIDDEN = ("authorization", "cookie")


class StandIn:
    def __init__(self, folder, parts):
        self.world = World(folder)
        self.git = GitStore(self.world)
        self.engine = Engine(os.path.join(parts, "schema.json"))
        self.judge = Judge(os.path.join(parts, "openapi.json"), os.path.join(
            os.path.dirname(parts), "github-recorded", "ReplayData"))
        self.faults = Faults()
        self.log, self.log_lock = [], threading.Lock()

    def answer(self, method, target, headers, body, handler):
        """Returns (status, headers, body) of one request."""
        began = time.time()
        split = urlsplit(target)
        host = split.netloc if split.scheme else headers.get("Host", "127.0.0.1")
        path, prefix = split.path, ""
        for start in ("/api/v3", "/api"):
            if path.startswith(start + "/") and (start == "/api/v3" or path == "/api/graphql"):
                path, prefix = path[len(start):], start
        web = "http://" + host.removeprefix("api.")
        request = Request(
            method, path, parse_qs(split.query, keep_blank_values=True),
            {name.lower(): value for name, value in headers.items()}, body, self.world, self.git)
        request.render = Render(self.world, self.git, f"http://{host}{prefix}", web)
        text = body.decode("utf-8", "replace")
        entry = {
            "method": method, "path": target if not split.scheme else path, "at": began,
            "headers": {name: value for name, value in request.headers.items()
                        if name not in HIDDEN},
            "body": text if len(text) < 1 << 20 and not smart.is_git(path) else ""}
        with self.log_lock:
            self.log.append(entry)
            fault = self.faults.take(method, path + (f"?{split.query}" if split.query else ""), text)
        try:
            found = self.with_fault(fault, request, entry, split.query, prefix, handler)
        except Exception as error:  # a fault of the stand-in: no test may pass with it
            where = traceback.format_exc(limit=-2)
            self.judge.tell(method, path, 500, "server", f"{type(error).__name__}: {where}")
            found = 500, {}, b""
        entry["status"], entry["ms"] = found[0], round((time.time() - began) * 1000, 1)
        return found

    def with_fault(self, fault, request, entry, query, prefix, handler):
        if fault is None:
            return self.plain(request, entry, query, prefix)
        entry["fault"] = fault.get("kind", True)
        pause(fault)
        replaces = "status" in fault or "action" in fault
        if not replaces or fault.get("after") or fault.get("action") == "cut":
            status, headers, body = self.plain(request, entry, query, prefix)
        else:
            self.identify(request, entry)
            status, headers, body = 200, {}, b""
        action = fault.get("action")
        if action == "close":
            return 0, {}, b""
        if action == "hang":
            handler.connection.settimeout(fault.get("hang_s", 600))
            try:
                handler.rfile.read(1)  # until the client gives up
            except OSError:
                pass
            return 0, {}, b""
        if action == "cut":
            return status, headers | {"X-Cut": "1"}, body
        if not replaces:
            if ("null" in fault or "errors" in fault) and body[:1] == b"{":
                body = json.dumps(spoil(fault, json.loads(body))).encode()
            return status, headers | fault["headers"], body
        return self.replaced(fault, request)

    def replaced(self, fault, request):
        body = fault.get("body", "")
        headers = {"Content-Type": "application/json; charset=utf-8"}
        # A secondary limit comes without the headers of the hour's budget.
        headers |= {} if fault["status"] in (403, 429) else self.limit_headers(request)
        if fault.get("spent"):
            headers |= self.limit_headers(request) | {"X-RateLimit-Remaining": "0"}
        body = body if isinstance(body, str) else json.dumps(body)
        return fault["status"], headers | fault["headers"], body.encode()

    def plain(self, request, entry, query, prefix):
        try:
            with self.world.lock:
                self.identify(request, entry)
        except Refusal as refusal:
            if smart.is_git(request.path):
                return smart.wants_login()
            return self.refused(request, refusal)
        if smart.is_git(request.path):
            return smart.serve(request, query)
        with self.world.lock:
            try:
                if request.path == "/graphql":
                    return self.graphql(request, prefix)
                return self.rest(request)
            except Refusal as refusal:
                return self.refused(request, refusal)

    def identify(self, request, entry):
        """Finds the token of a request; refuses one that is not known, or not any more."""
        given = request.headers.get("authorization", "")
        scheme, _, text = given.partition(" ")
        if scheme.lower() == "basic":
            user, _, text = base64.b64decode(text + "==").decode("utf-8", "replace").partition(":")
            entry["user"] = user
        if not text:
            return
        entry["auth"] = scheme.lower()
        entry["token"] = hashlib.sha256(text.encode()).hexdigest()[:12]
        token = self.world.tokens.get(text)
        is_over = token is not None and (
            token.requests_left == 0
            or token.expires_at is not None and token.expires_at <= self.world.now())
        if token is None or is_over:
            raise Refusal(401, "Bad credentials")
        if token.requests_left is not None:
            token.requests_left -= 1
        request.token = token

    def bucket(self, request):
        if request.path == "/graphql":
            return "graphql"
        return "search" if request.path.startswith("/search/") else "core"

    def limit_headers(self, request):
        login, bucket = request.account and request.account.login, self.bucket(request)
        used, end, most = self.world.limit(login, bucket)
        return {
            "X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(max(0, most - used)),
            "X-RateLimit-Used": str(min(used, most)), "X-RateLimit-Reset": str(int(end)),
            "X-RateLimit-Resource": bucket}

    def common_headers(self, request):
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": f"{len(self.log):04X}:{id(request) & 0xffff:04X}",
            "X-GitHub-Api-Version-Selected": request.headers.get(
                "x-github-api-version", VERSIONS[0]), **self.limit_headers(request)}
        if request.render.api.endswith("/api/v3"):
            headers["X-GitHub-Enterprise-Version"] = "3.19.0"
        token = request.token
        if token is not None and token.kind == "classic":
            headers["X-OAuth-Scopes"] = ", ".join(token.scopes)
        if token is not None and token.expires_at is not None:
            headers["GitHub-Authentication-Token-Expiration"] = time.strftime(
                "%Y-%m-%d %H:%M:%S UTC", time.gmtime(token.expires_at))
        return headers

    def refused(self, request, refusal):
        headers = self.common_headers(request) | refusal.headers
        body = refusal_body(refusal)
        self.judge.add(request, refusal.status, body)
        return refusal.status, headers, json.dumps(body).encode()

    def rest(self, request):
        login, bucket = request.account and request.account.login, self.bucket(request)
        used, _, most = self.world.limit(login, bucket)
        if request.path != "/rate_limit" and used >= most:
            return self.refused(request, Refusal(
                403, f"API rate limit exceeded for user ID {login}."))
        if not request.headers.get("user-agent"):
            raise Refusal(403, "Request forbidden by administrative rules. Please make sure your "
                          "request has a User-Agent header.")
        version = request.headers.get("x-github-api-version", VERSIONS[0])
        if version not in VERSIONS:
            raise Refusal(410, f"The API version '{version}' is not supported.")
        by_place(request)
        try:
            found = answer(request)
        finally:
            if request.path != "/rate_limit":
                self.world.spend(login, bucket)
        return self.shown(request, found, login, bucket)

    def shown(self, request, found, login, bucket):
        body = b"" if found.body is None else json.dumps(found.body).encode()
        self.judge.add(request, found.status, found.body)
        headers = self.common_headers(request) | found.headers
        if found.body is None:
            headers.pop("Content-Type")
        if request.method in ("GET", "HEAD") and found.status == 200 and body and (
                request.path != "/rate_limit"):
            tag = 'W/"' + hashlib.sha256(body).hexdigest() + '"'
            headers["ETag"] = tag
            headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
            headers["Vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP"
            if request.headers.get("if-none-match") in (tag, tag[2:]):
                # It is free: the budget is as before.
                self.world.spend(login, bucket, -1)
                headers |= self.limit_headers(request)
                headers.pop("Content-Type")
                return 304, headers, b""
        return found.status, headers, body

    def graphql(self, request, prefix):
        if request.method != "POST":
            raise Refusal(404, "Not Found")
        if request.token is None:
            raise Refusal(401, "This endpoint requires you to be authenticated.")
        status, found = self.engine.answer(request)
        headers = self.common_headers(request)
        for error in found.get("errors", []) if isinstance(found, dict) else ():
            if error.get("type") == "STANDIN":
                self.judge.tell("POST", "/graphql", status, "server", error["message"])
        if isinstance(found, bytes):
            return status, headers | {"Content-Type": "text/html"}, found
        return status, headers, json.dumps(found).encode()
