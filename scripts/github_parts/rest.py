"""The frame of the REST interface: routes, permissions, pages, errors."""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlencode

from .state import Refusal

DOCUMENTATION = "https://docs.github.com/rest"
RANKS = {None: 0, "read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}
ROUTES = []


def route(method, template):
    """Registers the answer to a method and a path of the OpenAPI document."""
    pattern = re.sub(r"\{(\w+)\}", lambda part: (
        f"(?P<{part[1]}>.+)" if part[1] in ("ref", "tail") else f"(?P<{part[1]}>[^/]+)"), template)

    def register(function):
        ROUTES.append((method, re.compile(pattern + "$"), template, function))
        return function
    return register


@dataclass
class Request:
    method: str
    path: str  # without the prefix of GitHub Enterprise
    query: dict
    headers: dict  # names in lower case
    body: bytes
    world: object = None
    git: object = None
    render: object = None
    token: object = None
    values: dict = field(default_factory=dict)
    template: str | None = None

    @property
    def account(self):
        return self.token.account if self.token else None

    def json(self):
        if not self.body:
            return {}
        try:
            found = json.loads(self.body)
        except ValueError:
            raise Refusal(400, "Problems parsing JSON") from None
        if not isinstance(found, dict):
            raise Refusal(400, "Body should be a JSON object")
        return found

    def first(self, name, default=None):
        return self.query.get(name, [default])[0]


@dataclass
class Answer:
    status: int
    body: object = None  # of JSON
    headers: dict = field(default_factory=dict)


def answer(request):
    """Returns the answer to a request; raises `Refusal`."""
    methods = []
    for method, pattern, template, function in ROUTES:
        match = pattern.match(request.path)
        if match and method == request.method:
            request.template = template
            request.values = {name: unquote(value) for name, value in match.groupdict().items()}
            found = function(request, **request.values)
            return found if isinstance(found, Answer) else Answer(200, found)
        if match:
            methods.append(method)
    raise Refusal(404, "Not Found")


def refusal_body(refusal):
    found = {"message": refusal.message}
    if refusal.errors is not None:
        found["errors"] = refusal.errors
    return found | {"documentation_url": DOCUMENTATION, "status": str(refusal.status)} | refusal.more


def find_repo(request, owner, repo):
    """Returns a repository that the token may see. One that was renamed answers with its place."""
    world = request.world
    name = f"{owner}/{repo}".lower()
    found = world.repos.get(name)
    if found is None and name in world.moved:
        found = world.moved[name]
        check_visible(request, found)
        tail = request.path.split("/", 4)[4:]
        place = f"{request.render.api}/repositories/{found.id}" + "".join(f"/{part}" for part in tail)
        if request.query:
            place += "?" + urlencode(request.query, doseq=True)
        is_get = request.method == "GET"
        raise Refusal(
            301 if is_get else 307, "Moved Permanently" if is_get else "Temporary Redirect",
            headers={"Location": place}, url=place)
    if found is None:
        raise Refusal(404, "Not Found")
    check_visible(request, found)
    return found


def by_place(request):
    """Turns a path by the number of a repository, as links and redirections have it, into its name."""
    match = re.match(r"/repositories/(\d+)(/.*)?$", request.path)
    repo = request.world.by_id.get(int(match[1])) if match else None
    if repo is not None:
        request.path = f"/repos/{repo.full_name}" + (match[2] or "")


def is_visible(token, repo):
    if token is not None and token.repos is not None and repo.full_name not in token.repos:
        return not repo.private
    if not repo.private:
        return True
    if token is None or repo.role(token.account) is None:
        return False
    return token.kind != "classic" or "repo" in token.scopes


def check_visible(request, repo):
    if not is_visible(request.token, repo):
        raise Refusal(404, "Not Found")


def need(request, repo, permission, level="write", role="write", author=None):
    """Refuses what the token or the role of its account does not allow. `author`: may do it, too."""
    token = request.token
    if level == "read":
        if token is not None and token.kind != "classic":
            granted = token.permissions.get(permission)
            if granted is None and repo.private or granted == "none":
                inaccessible(token, permission, level)
        return
    if token is None:
        raise Refusal(401, "Requires authentication")
    if repo.archived:
        raise Refusal(403, "Repository was archived so is read-only.")
    if token.kind == "classic":
        if "repo" not in token.scopes and (repo.private or "public_repo" not in token.scopes):
            raise Refusal(404, "Not Found", headers={"X-Accepted-OAuth-Scopes": "repo"})
    elif token.permissions.get(permission) != "write" or (
            token.repos is not None and repo.full_name not in token.repos):
        inaccessible(token, permission, level)
    if author is not None and author is token.account:
        return
    if RANKS[repo.role(token.account)] < RANKS[role]:
        raise Refusal(403, "Must have admin rights to Repository." if role == "admin"
                      else "Resource not accessible by personal access token")


def inaccessible(token, permission, level):
    by = {"fine_grained": "personal access token"}.get(token.kind, "integration")
    raise Refusal(
        403, f"Resource not accessible by {by}",
        headers={"X-Accepted-GitHub-Permissions": f"{permission}={level}"})


def invalid(resource, **error):
    """Returns the refusal of a body: with `message` for code custom, else with field and code."""
    error.setdefault("code", "custom")
    return Refusal(422, "Validation Failed", errors=[{"resource": resource, **error}])


def page(request, repo, items, render, most=100, default=30):
    """Returns one page of a list, with the addresses of the others."""
    number, width = numbers(request, most, default)
    count = len(items)
    shown = items[(number - 1) * width:number * width]
    last = max(1, -(-count // width))
    links = []
    path = request.path
    if repo is not None and path.startswith("/repos/"):
        path = f"/repositories/{repo.id}/" + path.split("/", 4)[4]
    targets = []
    if number > 1:
        targets.append(("prev", number - 1))
    if number < last:
        targets += [("next", number + 1), ("last", last)]
    if number > 1:
        targets.append(("first", 1))
    for name, target in targets:
        query = urlencode(request.query | {"page": [str(target)]}, doseq=True)
        links.append(f'<{request.render.api}{path}?{query}>; rel="{name}"')
    headers = {"Link": ", ".join(links)} if links else {}
    return Answer(200, [render(item) for item in shown], headers)


def numbers(request, most=100, default=30):
    try:
        number, width = int(request.first("page", 1)), int(request.first("per_page", default))
    except ValueError:
        raise Refusal(422, "Validation Failed", errors=[
            {"resource": "Search", "field": "per_page", "code": "invalid"}]) from None
    return max(1, number), min(most, width if width > 0 else default)
