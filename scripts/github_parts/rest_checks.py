"""Check runs, commit statuses and deployments over REST."""

from .render_commit import CommitRender
from .rest import Answer, find_repo, invalid, need, page, route
from .state import Refusal

BAD = ("failure", "cancelled", "timed_out", "action_required", "startup_failure")


def rendered(request):
    render = request.render
    return CommitRender(render.world, render.git, render.api, render.web)


def find_commit(request, repo, ref):
    sha = request.git.resolve(repo, ref)
    if sha is None:
        raise Refusal(422, f"No commit found for SHA: {ref}")
    return sha


@route("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs")
def list_check_runs(request, owner, repo, ref):
    repo = find_repo(request, owner, repo)
    token = request.token
    if token is not None and token.kind == "fine_grained":
        raise Refusal(403, "Resource not accessible by personal access token",
                      headers={"X-Accepted-GitHub-Permissions": "checks=read"})
    need(request, repo, "checks", "read")
    runs = latest(repo.check_runs.get(find_commit(request, repo, ref), []), "name")
    render = rendered(request)
    shown = page(request, repo, runs, lambda one: render.check_run(repo, one))
    shown.body = {"total_count": len(runs), "check_runs": shown.body}
    return shown


@route("POST", "/repos/{owner}/{repo}/check-runs")
def create_check_run(request, owner, repo):
    repo = find_repo(request, owner, repo)
    if request.token is None or request.token.kind not in ("app", "actions"):
        raise Refusal(403, "You must authenticate via a GitHub App.")
    need(request, repo, "checks", role=None)
    body = request.json()
    sha = find_commit(request, repo, body.get("head_sha", ""))
    run = add_check_run(request.world, repo, sha, body["name"], body.get("status") or "queued",
                        body.get("conclusion"))
    return Answer(201, rendered(request).check_run(repo, run))


def add_check_run(world, repo, sha, name, status="completed", conclusion=None):
    if conclusion:
        status = "completed"
    now = world.now()
    run = {"id": world.new_id(), "name": name, "sha": sha, "status": status, "at": now,
           "conclusion": conclusion, "ended": now if status == "completed" else None}
    repo.check_runs.setdefault(sha, []).insert(0, run)
    return run


def latest(entries, key):
    """Returns the newest entry of each name; the list has the newest first."""
    found = {}
    for one in entries:
        found.setdefault(one[key], one)
    return list(found.values())


def rollup(repo, sha):
    """Returns the state of all checks and statuses of a commit, in GraphQL; None without any."""
    words = []
    for run in latest(repo.check_runs.get(sha, []), "name"):
        if run["status"] != "completed":
            words.append("PENDING")
        elif run["conclusion"] in BAD:
            words.append("FAILURE")
        else:
            words.append("SUCCESS")
    words += [one["state"].upper() for one in latest(repo.statuses.get(sha, []), "context")]
    for word in ("ERROR", "FAILURE", "PENDING", "SUCCESS"):
        if word in words:
            return word
    return None


@route("POST", "/repos/{owner}/{repo}/statuses/{sha}")
def create_status(request, owner, repo, sha):
    repo = find_repo(request, owner, repo)
    need(request, repo, "statuses")
    body = request.json()
    if body.get("state") not in ("error", "failure", "pending", "success"):
        raise invalid("Status", field="state", code="invalid")
    find_commit(request, repo, sha)
    status = add_status(request.world, repo, sha, body["state"], body.get("context") or "default",
                        request.account, body.get("description"))
    return Answer(201, rendered(request).status(repo, status))


def add_status(world, repo, sha, state, context, account, description=None):
    status = {"id": world.new_id(), "sha": sha, "state": state, "context": context, "by": account,
              "description": description, "at": world.now()}
    repo.statuses.setdefault(sha, []).insert(0, status)
    return status


@route("GET", "/repos/{owner}/{repo}/commits/{ref}/statuses")
def list_statuses(request, owner, repo, ref):
    repo = find_repo(request, owner, repo)
    need(request, repo, "statuses", "read")
    found = repo.statuses.get(find_commit(request, repo, ref), [])
    render = rendered(request)
    return page(request, repo, found, lambda one: render.status(repo, one))


@route("GET", "/repos/{owner}/{repo}/commits/{ref}/status")
def get_status(request, owner, repo, ref):
    """The combined status: 'pending' also where there is none, as GitHub answers."""
    repo = find_repo(request, owner, repo)
    need(request, repo, "statuses", "read")
    sha = find_commit(request, repo, ref)
    found = latest(repo.statuses.get(sha, []), "context")
    states = {one["state"] for one in found}
    state = "failure" if states & {"error", "failure"} else (
        "success" if states == {"success"} else "pending")
    render = rendered(request)
    url = f"{render.repo_url(repo)}/commits/{sha}"
    return {
        "state": state, "statuses": [render.status(repo, one, whole=False) for one in found],
        "sha": sha, "total_count": len(found), "repository": render.minimal_repo(repo),
        "commit_url": url, "url": url + "/status"}


@route("GET", "/repos/{owner}/{repo}/commits/{ref}/pulls")
def list_pulls_of_commit(request, owner, repo, ref):
    repo = find_repo(request, owner, repo)
    sha = find_commit(request, repo, ref)
    found = [
        pull for pull in repo.pulls() if sha in (pull.merge_commit, pull.head_sha)
        or sha in request.git.between(repo, pull.base_sha, pull.head_sha)]
    return page(request, repo, found, request.render.pull)


@route("GET", "/repos/{owner}/{repo}/commits/{ref}")
def get_commit(request, owner, repo, ref):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents", "read")
    sha, render = find_commit(request, repo, ref), rendered(request)
    known = request.git.details(repo, [sha])[0]
    empty = request.git.must(repo, "hash-object", "-t", "tree", "-w", "--stdin").strip()
    files = render.files(repo, known["parents"][0] if known["parents"] else empty, sha)
    added, removed = (sum(one[name] for one in files) for name in ("additions", "deletions"))
    return render.commit(repo, known) | {
        "stats": {"total": added + removed, "additions": added, "deletions": removed},
        "files": files}


@route("GET", "/repos/{owner}/{repo}/deployments")
def list_deployments(request, owner, repo):
    repo = find_repo(request, owner, repo)
    need(request, repo, "deployments", "read")
    wanted = {name: request.first(name) for name in ("sha", "ref", "task", "environment")}
    found = [
        one for one in reversed(repo.deployments)
        if all(value in (None, "none", one[name]) for name, value in wanted.items())]
    render = rendered(request)
    return page(request, repo, found, lambda one: render.deployment(repo, one))


@route("POST", "/repos/{owner}/{repo}/deployments")
def create_deployment(request, owner, repo):
    repo = find_repo(request, owner, repo)
    need(request, repo, "deployments")
    body = request.json()
    sha = request.git.resolve(repo, body.get("ref", ""))
    if sha is None:
        raise Refusal(422, f"No ref found for: {body.get('ref')}")
    one = add_deployment(request.world, repo, sha, body["ref"], body.get("environment"),
                         request.account)
    return Answer(201, rendered(request).deployment(repo, one))


def add_deployment(world, repo, sha, ref, environment, account):
    one = {"id": world.new_id(), "sha": sha, "ref": ref, "task": "deploy", "by": account,
           "environment": environment or "production", "description": None, "at": world.now(),
           "updated": world.now(), "statuses": []}
    one["production"] = one["environment"] == "production"
    repo.deployments.append(one)
    return one


def find_deployment(repo, deployment_id):
    for one in repo.deployments:
        if str(one["id"]) == deployment_id:
            return one
    raise Refusal(404, "Not Found")


@route("GET", "/repos/{owner}/{repo}/deployments/{deployment_id}")
def get_deployment(request, owner, repo, deployment_id):
    repo = find_repo(request, owner, repo)
    return rendered(request).deployment(repo, find_deployment(repo, deployment_id))


@route("GET", "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses")
def list_deployment_statuses(request, owner, repo, deployment_id):
    repo = find_repo(request, owner, repo)
    need(request, repo, "deployments", "read")
    one, render = find_deployment(repo, deployment_id), rendered(request)
    return page(request, repo, list(reversed(one["statuses"])),
                lambda status: render.deployment_status(repo, one, status))


@route("POST", "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses")
def create_deployment_status(request, owner, repo, deployment_id):
    repo = find_repo(request, owner, repo)
    need(request, repo, "deployments")
    one = find_deployment(repo, deployment_id)
    status = add_deployment_status(request.world, one, request.json()["state"], request.account)
    return Answer(201, rendered(request).deployment_status(repo, one, status))


def add_deployment_status(world, one, state, account):
    status = {"id": world.new_id(), "state": state, "by": account, "description": "",
              "at": world.now()}
    one["statuses"].append(status)
    one["updated"] = status["at"]
    return status
