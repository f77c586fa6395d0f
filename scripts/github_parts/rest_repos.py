"""Accounts, repositories, refs and commits over REST."""

import base64

from .render_commit import CommitRender
from .rest import Answer, find_repo, need, page, route
from .search import find_items
from .state import Refusal


@route("GET", "/user")
def get_user(request):
    if request.token is None:
        raise Refusal(401, "Requires authentication")
    if request.token.kind in ("app", "actions"):
        raise Refusal(403, "Resource not accessible by integration")
    return request.render.own_user(request.account)


@route("GET", "/users/{username}")
def get_user_by_name(request, username):
    known = request.world.accounts.get(username.lower())
    if known is None:
        raise Refusal(404, "Not Found")
    found = request.render.own_user(known)
    return {name: value for name, value in found.items() if name != "notification_email"}


@route("GET", "/rate_limit")
def get_rate_limit(request):
    login = request.account.login if request.account else None
    resources = {}
    for bucket in ("core", "search", "graphql"):
        used, end, most = request.world.limit(login, bucket)
        resources[bucket] = {
            "limit": most, "used": min(used, most), "remaining": max(0, most - used),
            "reset": int(end)}
    return {"resources": resources, "rate": resources["core"]}


@route("GET", "/search/issues")
def search_issues(request):
    found = find_items(request, request.first("q"), over_rest=True)
    found = sorted(found, key=lambda item: item.created, reverse=True) if (
        request.first("sort") == "created") else found
    shown = page(request, None, found[:1000], lambda item: (
        request.render.issue(item, closed_by=False) | {"score": 1.0}))
    shown.body = {
        "total_count": len(found), "incomplete_results": False, "search_type": "lexical",
        "items": shown.body}
    return shown


@route("GET", "/repos/{owner}/{repo}")
def get_repo(request, owner, repo):
    return request.render.full_repo(find_repo(request, owner, repo), request.account)


@route("GET", "/repos/{owner}/{repo}/branches/{ref}")
def get_branch(request, owner, repo, ref):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents", "read")
    sha = repo.refs.get(f"refs/heads/{ref}")
    if sha is None:
        raise Refusal(404, "Branch not found")
    url = f"{request.render.repo_url(repo)}/branches/{ref}"
    commit = commits(request)
    return {
        "name": ref, "commit": commit.commit(repo, request.git.details(repo, [sha])[0]),
        "_links": {"self": url, "html": f"{request.render.web}/{repo.full_name}/tree/{ref}"},
        "protected": False, "protection_url": url + "/protection",
        "protection": {
            "enabled": False,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []}},
    }


def commits(request):
    render = request.render
    return CommitRender(render.world, render.git, render.api, render.web)


@route("GET", "/repos/{owner}/{repo}/git/ref/{ref}")
def get_ref(request, owner, repo, ref):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents", "read")
    if f"refs/{ref}" not in repo.refs:
        raise Refusal(404, "Not Found")
    return request.render.ref(repo, f"refs/{ref}")


@route("GET", "/repos/{owner}/{repo}/git/matching-refs/{ref}")
def list_refs(request, owner, repo, ref):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents", "read")
    found = sorted(one for one in repo.refs if one.startswith(f"refs/{ref}"))
    return [request.render.ref(repo, one) for one in found]


@route("POST", "/repos/{owner}/{repo}/git/refs")
def create_ref(request, owner, repo):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents")
    body = request.json()
    ref, sha = body.get("ref", ""), body.get("sha", "")
    if not ref.startswith("refs/") or ref.count("/") < 2:
        raise Refusal(
            422, "Reference name must start with 'refs/' and have at least two slashes.")
    if ref in repo.refs:
        raise Refusal(422, "Reference already exists")
    if request.git.git(repo, "check-ref-format", ref) is None:
        raise Refusal(422, f"{ref} is not a valid ref name.")
    if request.git.git(repo, "cat-file", "-e", sha) is None:
        raise Refusal(422, "Object does not exist")
    if not request.git.update(repo, ref, sha, old="0" * 40):
        raise Refusal(422, "Reference already exists")
    headers = {"Location": f"{request.render.repo_url(repo)}/git/{ref}"}
    return Answer(201, request.render.ref(repo, ref), headers)


@route("PATCH", "/repos/{owner}/{repo}/git/refs/{ref}")
def update_ref(request, owner, repo, ref):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents")
    body, ref = request.json(), f"refs/{ref}"
    if ref not in repo.refs:
        raise Refusal(422, "Reference does not exist")
    sha = body.get("sha", "")
    if request.git.resolve(repo, sha) is None:
        raise Refusal(422, "Object does not exist")
    forward = request.git.git(repo, "merge-base", "--is-ancestor", repo.refs[ref], sha)
    if forward is None and not body.get("force"):
        raise Refusal(422, "Update is not a fast forward")
    request.git.update(repo, ref, sha)
    return request.render.ref(repo, ref)


@route("DELETE", "/repos/{owner}/{repo}/git/refs/{ref}")
def delete_ref(request, owner, repo, ref):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents")
    if f"refs/{ref}" not in repo.refs:
        raise Refusal(422, "Reference does not exist")
    request.git.delete(repo, f"refs/{ref}")
    return Answer(204)


@route("GET", "/repos/{owner}/{repo}/git/commits/{commit_sha}")
def get_git_commit(request, owner, repo, commit_sha):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents", "read")
    sha = request.git.resolve(repo, commit_sha)
    if sha is None:
        raise Refusal(404, "Not Found")
    return commits(request).git_commit(repo, request.git.details(repo, [sha])[0])


@route("GET", "/repos/{owner}/{repo}/commits")
def list_commits(request, owner, repo):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents", "read")
    sha = request.git.resolve(repo, request.first("sha", repo.default_branch))
    if sha is None:
        raise Refusal(404, "Not Found")
    listed = request.git.must(repo, "rev-list", "--max-count=1000", sha).split()
    known = {one["sha"]: one for one in request.git.details(repo, listed)}
    return page(request, repo, listed, lambda one: commits(request).commit(repo, known[one]))


@route("GET", "/repos/{owner}/{repo}/compare/{basehead}")
def compare(request, owner, repo, basehead):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents", "read")
    names = basehead.split("...")
    sides = [request.git.resolve(repo, name.split(":")[-1]) for name in names]
    if len(sides) != 2 or None in sides:
        raise Refusal(404, "Not Found")
    base, head = sides
    git, render = request.git, commits(request)
    fork = git.git(repo, "merge-base", base, head)
    if fork is None:
        raise Refusal(404, f"No common ancestor between {names[0]} and {names[1]}.")
    fork = fork.strip()
    ahead, behind = git.between(repo, base, head), git.between(repo, head, base)
    known = {one["sha"]: one for one in git.details(repo, [base, fork, *ahead])}
    words = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    page_url = f"{render.web}/{repo.full_name}/compare/{basehead}"
    return {
        "url": f"{render.repo_url(repo)}/compare/{basehead}", "html_url": page_url,
        "permalink_url": page_url, "diff_url": page_url + ".diff", "patch_url": page_url + ".patch",
        "base_commit": render.commit(repo, known[base]),
        "merge_base_commit": render.commit(repo, known[fork]),
        "status": words.get((bool(ahead), bool(behind)), "identical"), "ahead_by": len(ahead),
        "behind_by": len(behind), "total_commits": len(ahead),
        "commits": [render.commit(repo, known[one]) for one in ahead],
        "files": render.files(repo, fork, head),
    }


@route("GET", "/repos/{owner}/{repo}/contents/{tail}")
def get_file(request, owner, repo, tail):
    repo = find_repo(request, owner, repo)
    need(request, repo, "contents", "read")
    ref = request.first("ref", repo.default_branch)
    sha = request.git.resolve(repo, ref)
    blob = sha and request.git.git(repo, "rev-parse", "--verify", "--quiet", f"{sha}:{tail}")
    content = blob and request.git.git(repo, "cat-file", "blob", blob.strip())
    if content is None:  # also a folder: a list of files is not served
        raise Refusal(404, "Not Found")
    blob, url = blob.strip(), f"{request.render.repo_url(repo)}/contents/{tail}?ref={ref}"
    page_url = f"{request.render.web}/{repo.full_name}/blob/{ref}/{tail}"
    git_url = f"{request.render.repo_url(repo)}/git/blobs/{blob}"
    return {
        "type": "file", "encoding": "base64", "size": len(content.encode()), "sha": blob,
        "name": tail.split("/")[-1], "path": tail, "url": url, "html_url": page_url,
        "content": base64.encodebytes(content.encode()).decode(), "git_url": git_url,
        "download_url": f"{request.render.web}/{repo.full_name}/raw/{ref}/{tail}",
        "_links": {"self": url, "git": git_url, "html": page_url},
    }


@route("GET", "/repos/{owner}/{repo}/collaborators/{username}")
def is_collaborator(request, owner, repo, username):
    repo = find_repo(request, owner, repo)
    account = request.world.accounts.get(username.lower())
    if account is None or repo.role(account) is None:
        raise Refusal(404, "Not Found")
    return Answer(204)


