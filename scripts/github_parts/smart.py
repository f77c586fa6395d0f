"""git over HTTP: the real `git http-backend`, behind GitHub's rules about tokens."""

import gzip
import re
import subprocess

from .rest import RANKS, is_visible

PATH = re.compile(
    r"^/([^/]+)/([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)$")


def is_git(path):
    return PATH.match(path) is not None


def refused(status, text, **headers):
    return status, {"Content-Type": "text/plain", **headers}, (text + "\n").encode()


def wants_login():
    return refused(401, "Authentication required.", **{"WWW-Authenticate": 'Basic realm="GitHub"'})


def check(request, world, repo, is_push):
    """Returns the refusal of a request, or None."""
    token = request.token
    if repo is None or not is_visible(token, repo):
        return wants_login() if token is None else refused(404, "Repository not found.")
    if not is_push:
        return None
    if token is None:
        return wants_login()
    if repo.archived:
        return refused(403, "This repository was archived so it is read-only.")
    allowed = "repo" in token.scopes or not repo.private and "public_repo" in token.scopes
    if token.kind != "classic":
        allowed = token.permissions.get("contents") == "write" and (
            token.repos is None or repo.full_name in token.repos)
    if not allowed or RANKS[repo.role(token.account)] < RANKS["write"]:
        name = token.account.login
        return refused(403, f"Permission to {repo.full_name}.git denied to {name}.")
    return None


def serve(request, query):
    """Returns (status, headers, body) of a request of git."""
    world = request.world
    owner, name, service = PATH.match(request.path).groups()
    is_push = "git-receive-pack" in (service, request.first("service"))
    key = f"{owner}/{name}".lower()
    with world.lock:
        repo = world.repos.get(key)
        if repo is None and key in world.moved:
            repo = world.moved[key]
            if request.token is None and service == "info/refs" and not repo.private:
                place = f"{request.render.web}/{repo.full_name}.git/{service}?{query}"
                return refused(301, "Moved", Location=place)
            # With a token, the former name is served: git follows no redirection after a login.
        refusal = check(request, world, repo, is_push)
    if refusal is not None:
        return refusal
    body = request.body
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    environment = request.git.environment | {
        "GIT_PROJECT_ROOT": repo.path, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": f"/{service}",
        "QUERY_STRING": query, "REQUEST_METHOD": request.method, "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": request.headers.get("content-type", ""), "REMOTE_ADDR": "127.0.0.1",
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "REMOTE_USER": request.account.login if request.account else "",
    }
    done = subprocess.run(
        ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
    if service == "git-receive-pack":
        with world.lock:
            request.git.refresh(repo, request.account)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split(" ")[0])
    return status, headers, content
