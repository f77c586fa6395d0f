"""Pull requests, reviews and requests for them over REST."""

from .render_commit import CommitRender
from .rest import Answer, find_repo, invalid, need, page, route
from .rest_issues import check_body, find_item, keep, set_state
from .state import Pull, Refusal, Review


def find_pull(request, repo, number):
    item = find_item(request, repo, number)
    if not item.is_pull:
        raise Refusal(404, "Not Found")
    return item


@route("GET", "/repos/{owner}/{repo}/pulls")
def list_pulls(request, owner, repo):
    repo = find_repo(request, owner, repo)
    need(request, repo, "pull_requests", "read")
    state, head, base = (request.first(name) for name in ("state", "head", "base"))
    found = [
        pull for pull in repo.pulls()
        if (state or "open") in ("all", pull.state) and (base is None or pull.base_ref == base)
        # GitHub ignores a head that does not name its owner.
        and (head is None or ":" not in head or is_head(pull, head))]
    sort = request.first("sort", "created")
    key = (lambda pull: pull.updated) if sort == "updated" else (lambda pull: pull.number)
    order = request.first("direction", "desc" if sort == "created" else "asc")
    found.sort(key=key, reverse=order == "desc")
    return page(request, repo, found, request.render.pull)


def is_head(pull, text):
    owner, ref = text.split(":", 1)
    owner = owner.split("/")[0]
    return pull.head_owner.lower() == owner.lower() and pull.head_ref == ref


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}")
def get_pull(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    need(request, repo, "pull_requests", "read")
    return request.render.pull(find_pull(request, repo, pull_number), whole=True)


@route("POST", "/repos/{owner}/{repo}/pulls")
def create_pull(request, owner, repo):
    repo = find_repo(request, owner, repo)
    need(request, repo, "pull_requests", role="read" if repo.private else None)
    pull = open_pull(request, repo, request.json())
    shown = request.render.pull(pull, whole=True)
    return Answer(201, shown, {"Location": shown["url"]})


def open_pull(request, repo, body):
    """Opens a pull request, or refuses as GitHub does: with one of its five reasons."""
    world, git = request.world, request.git
    head, base = body.get("head") or "", body.get("base") or ""
    title = body.get("title")
    if not isinstance(title, str) or not title.strip():
        raise invalid("PullRequest", field="title", code="missing_field")
    check_body(body, "PullRequest")
    owner, _, ref = head.rpartition(":")
    source = repo
    if owner and owner.lower() != repo.owner.login.lower():
        forks = [one for one in world.repos.values()
                 if one.parent is repo and one.owner.login.lower() == owner.lower()]
        source = forks[0] if forks else None
    # Forks of one owner share the name of a head.
    if body.get("head_repo"):
        source = world.repos.get(f"{owner or repo.owner.login}/{body['head_repo']}".lower())
    ref = ref.removeprefix("refs/heads/")
    base_sha = repo.refs.get(f"refs/heads/{base}")
    head_sha = source.refs.get(f"refs/heads/{ref}") if source else None
    if base_sha is None:
        raise invalid("PullRequest", field="base", code="invalid")
    if head_sha is None:
        raise invalid("PullRequest", field="head", code="invalid")
    for pull in repo.pulls():
        if (pull.head_repo, pull.head_ref, pull.base_ref, pull.state) == (source, ref, base, "open"):
            name = f"{source.owner.login}:{ref}"
            raise invalid("PullRequest", message=f"A pull request already exists for {name}.")
    if source is not repo:
        git.must(repo, "fetch", "--quiet", source.path, head_sha)
    if not git.between(repo, base_sha, head_sha):
        raise invalid("PullRequest", message=f"No commits between {base} and {head}")
    if body.get("draft") and not repo.has_drafts:
        raise Refusal(422, "Draft pull requests are not supported in this repository.")
    return make_pull(world, git, repo, {
        **body, "head_ref": ref, "head_sha": head_sha, "source": source, "base_sha": base_sha},
        request.account)


def make_pull(world, git, repo, body, account, ref=True):
    """Adds a pull request. Without `ref` it has no refs/pull/N/head."""
    now = world.now()
    pull = Pull(
        repo, repo.next_number(), world.new_id(), body["title"], body.get("body"), account, now, now,
        draft=bool(body.get("draft")), base_ref=body["base"], base_sha=body["base_sha"],
        head_ref=body["head_ref"], head_sha=body["head_sha"], head_repo=body["source"],
        head_owner=body["source"].owner.login,
        can_modify=bool(body.get("maintainer_can_modify", body["source"] is not repo)),
    )
    keep(world, pull)
    if ref:
        git.keep_head(pull)
    world.event(pull, "PullRequestCommit", account, after=pull.head_sha)
    return pull


@route("PATCH", "/repos/{owner}/{repo}/pulls/{pull_number}")
def update_pull(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    pull = find_pull(request, repo, pull_number)
    need(request, repo, "pull_requests", author=pull.author)
    body = request.json()
    check_body(body, "PullRequest")
    if "base" in body:
        if f"refs/heads/{body['base']}" not in repo.refs:
            raise invalid("PullRequest", field="base", code="invalid")
        pull.base_ref, pull.base_sha = body["base"], repo.refs[f"refs/heads/{body['base']}"]
    for name in ("title", "body"):
        if name in body:
            setattr(pull, name, body[name])
    if body.get("state") in ("open", "closed"):
        if body["state"] == "open" and pull.state == "closed":
            check_head(pull)
        set_state(request.world, pull, body["state"], request.account)
    pull.touch(request.world.now())
    return request.render.pull(pull, whole=True)


def check_head(pull):
    refs = pull.head_repo.refs if pull.head_repo else {}
    if f"refs/heads/{pull.head_ref}" not in refs:
        raise invalid("PullRequest", field="state", code="invalid",
                      message=f"state cannot be changed. The {pull.head_ref} branch was deleted.")


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/commits")
def list_pull_commits(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    pull = find_pull(request, repo, pull_number)
    listed = request.git.between(repo, pull.base_sha, pull.head_sha)
    known = {one["sha"]: one for one in request.git.details(repo, listed)}
    render = request.render
    render = CommitRender(render.world, render.git, render.api, render.web)
    return page(request, repo, listed, lambda one: render.commit(repo, known[one]))


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/files")
def list_pull_files(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    pull = find_pull(request, repo, pull_number)
    render = request.render
    render = CommitRender(render.world, render.git, render.api, render.web)
    base = request.git.must(repo, "merge-base", pull.base_sha, pull.head_sha).strip()
    return page(request, repo, render.files(repo, base, pull.head_sha), lambda one: one)


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/merge")
def is_merged(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    if find_pull(request, repo, pull_number).merged is None:
        raise Refusal(404, "Not Found")
    return Answer(204)


@route("PUT", "/repos/{owner}/{repo}/pulls/{pull_number}/merge")
def merge(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    pull = find_pull(request, repo, pull_number)
    need(request, repo, "contents")
    if pull.state != "open" or pull.draft:
        raise Refusal(405, "Pull Request is still a draft" if pull.draft
                      else "Pull Request is not mergeable")
    commit = merge_pull(request.world, request.git, pull, request.account, request.json())
    return {"sha": commit, "merged": True, "message": "Pull Request successfully merged"}


def merge_pull(world, git, pull, account, body):
    method = body.get("merge_method") or "merge"
    title = body.get("commit_title") or (
        f"{pull.title} (#{pull.number})" if method == "squash" else
        f"Merge pull request #{pull.number} from {pull.head_owner}/{pull.head_ref}")
    message = body.get("commit_message") or ("" if method == "squash" else pull.title)
    commit = git.merge(pull, method, title, message, account.login, body.get("sha"))
    pull.merge_commit, pull.merged, pull.merged_by = commit, world.now(), account
    pull.state, pull.closed, pull.closed_by = "closed", pull.merged, account
    pull.merge_queue = pull.auto_merge = None
    world.event(pull, "MergedEvent", account, commit=commit)
    pull.touch(pull.merged)
    return commit


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews")
def list_reviews(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    pull = find_pull(request, repo, pull_number)
    return page(request, repo, pull.reviews, lambda one: request.render.review(pull, one))


@route("POST", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews")
def create_review(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    pull = find_pull(request, repo, pull_number)
    need(request, repo, "pull_requests", role="read")
    body = request.json()
    state = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED"}.get(
        body.get("event"), "COMMENTED")
    if pull.author is request.account and state != "COMMENTED":
        raise Refusal(422, "Unprocessable Entity", errors=[
            "Can not approve your own pull request" if state == "APPROVED" else
            "Can not request changes on your own pull request"])
    return request.render.review(
        pull, add_review(request.world, pull, request.account, state, body.get("body") or ""))


def add_review(world, pull, account, state, body=""):
    review = Review(world.new_id(), account, state, body, pull.head_sha, world.now(), pull)
    pull.reviews.append(review)
    if account in pull.reviewers:
        pull.reviewers.remove(account)
    world.event(pull, "PullRequestReview", account, review=review)
    pull.touch(review.at)
    return review


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers")
def list_requested(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    pull = find_pull(request, repo, pull_number)
    return {
        "users": [request.render.user(one) for one in pull.reviewers],
        "teams": [request.render.team(repo, slug) for slug in pull.teams]}


@route("POST", "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers")
def request_reviews(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    pull = find_pull(request, repo, pull_number)
    need(request, repo, "pull_requests", author=pull.author)
    body = request.json()
    ask(request.world, pull, body.get("reviewers") or [], body.get("team_reviewers") or [],
        request.account)
    return Answer(201, request.render.pull(pull))


def ask(world, pull, logins, slugs, account):
    repo, asked = pull.repo, []
    for login in logins:
        known = world.accounts.get(login.lower())
        if known is pull.author:
            raise Refusal(422, "Review cannot be requested from pull request author.")
        if known is None or repo.role(known) is None:
            refuse_reviewer(repo)
        asked.append(known)
    if any(slug not in repo.teams for slug in slugs):
        refuse_reviewer(repo)
    for one in asked:
        if one not in pull.reviewers:
            pull.reviewers.append(one)
            world.event(pull, "ReviewRequestedEvent", account, reviewer=one)
    for slug in slugs:
        if slug not in pull.teams:
            pull.teams.append(slug)
            world.event(pull, "ReviewRequestedEvent", account, team=slug)
    pull.touch(world.now())


def refuse_reviewer(repo):
    raise Refusal(
        422, "Reviews may only be requested from collaborators. One or more of the users or teams "
        f"you specified is not a collaborator of the {repo.full_name} repository.")


@route("DELETE", "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers")
def remove_requested(request, owner, repo, pull_number):
    repo = find_repo(request, owner, repo)
    pull = find_pull(request, repo, pull_number)
    need(request, repo, "pull_requests", author=pull.author)
    body = request.json()
    gone = [login.lower() for login in body.get("reviewers") or []]
    pull.reviewers = [one for one in pull.reviewers if one.login.lower() not in gone]
    pull.teams = [slug for slug in pull.teams if slug not in (body.get("team_reviewers") or [])]
    pull.touch(request.world.now())
    return request.render.pull(pull)
