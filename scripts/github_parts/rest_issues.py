"""Issues, comments, labels and assignees over REST. A pull request is an issue here, too."""

from .rest import Answer, find_repo, invalid, need, page, route
from .state import Comment, Item, Refusal, seconds_of


def find_item(request, repo, number):
    found = repo.items.get(int(number)) if number.isdigit() else None
    if found is None:
        raise Refusal(404, "Not Found")
    return found


def permission_of(item):
    return "pull_requests" if item.is_pull else "issues"


@route("GET", "/repos/{owner}/{repo}/issues")
def list_issues(request, owner, repo):
    repo = find_repo(request, owner, repo)
    need(request, repo, "issues", "read")
    state = request.first("state", "open")
    labels = [one for one in (request.first("labels") or "").lower().split(",") if one]
    creator = request.first("creator")
    since = request.first("since")
    found = [
        item for item in repo.items.values()
        if state in ("all", item.state)
        and all(one in [label["name"].lower() for label in item.labels] for one in labels)
        and (creator is None or item.author.login.lower() == creator.lower())
        and (since is None or item.updated >= seconds_of(since))]
    by = {"updated": lambda item: item.updated, "comments": lambda item: len(item.comments)}
    key = by.get(request.first("sort"), lambda item: (item.created, item.number))
    found.sort(key=key, reverse=request.first("direction", "desc") != "asc")
    return page(request, repo, found, request.render.issue)


@route("POST", "/repos/{owner}/{repo}/issues")
def create_issue(request, owner, repo):
    repo = find_repo(request, owner, repo)
    need(request, repo, "issues", role="read" if repo.private else None)
    if not repo.has_issues:
        raise Refusal(410, "Issues has been disabled in this repository.")
    body = request.json()
    if not isinstance(body.get("title"), str) or not body["title"].strip():
        raise invalid("Issue", field="title", code="missing_field")
    check_body(body, "Issue")
    item = add_issue(request.world, repo, body, request.account)
    if repo.role(request.account) not in (None, "read"):
        set_labels(request, item, names_of(body.get("labels", [])))
        item.assignees = assignable(request, repo, body.get("assignees", []))
    item.touch(request.world.now())
    url = request.render.issue(item)["url"]
    return Answer(201, request.render.issue(item), {"Location": url})


def add_issue(world, repo, body, account):
    now = world.now()
    item = Item(repo, repo.next_number(), world.new_id(), body["title"], body.get("body"), account,
                now, now)
    keep(world, item)
    return item


def keep(world, item):
    item.repo.items[item.number] = item
    world.nodes[item.node_id] = item
    item.touch(item.created)


def check_body(body, resource):
    text = body.get("body")
    if isinstance(text, str) and len(text) > 65536:
        raise invalid(resource, field="body", message="body is too long (maximum is 65536 characters)")
    if isinstance(body.get("title"), str) and len(body["title"]) > 256:
        raise invalid(
            resource, field="title", message="title is too long (maximum is 256 characters)")


@route("GET", "/repos/{owner}/{repo}/issues/{issue_number}")
def get_issue(request, owner, repo, issue_number):
    repo = find_repo(request, owner, repo)
    need(request, repo, "issues", "read")
    return request.render.issue(find_item(request, repo, issue_number))


@route("PATCH", "/repos/{owner}/{repo}/issues/{issue_number}")
def update_issue(request, owner, repo, issue_number):
    repo = find_repo(request, owner, repo)
    item = find_item(request, repo, issue_number)
    need(request, repo, permission_of(item), author=item.author)
    body = request.json()
    check_body(body, "Issue")
    for name in ("title", "body"):
        if name in body:
            setattr(item, name, body[name])
    if "labels" in body:
        set_labels(request, item, names_of(body["labels"]))
    if "assignees" in body:
        item.assignees = assignable(request, repo, body["assignees"])
    if body.get("state") in ("open", "closed"):
        set_state(request.world, item, body["state"], request.account, body.get("state_reason"))
    item.touch(request.world.now())
    return request.render.issue(item)


def set_state(world, item, state, account, reason=None):
    if state == item.state:
        return
    if state == "open" and item.is_pull and item.merged is not None:
        raise invalid("PullRequest", field="state", code="invalid",
                      message="state cannot be changed. The pull request was merged.")
    item.state = state
    item.closed = world.now() if state == "closed" else None
    item.closed_by = account if state == "closed" else None
    if not item.is_pull:
        item.state_reason = reason or ("completed" if state == "closed" else "reopened")
    world.event(item, "ClosedEvent" if state == "closed" else "ReopenedEvent", account)


@route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/comments")
def list_comments(request, owner, repo, issue_number):
    repo = find_repo(request, owner, repo)
    need(request, repo, "issues", "read")
    item = find_item(request, repo, issue_number)
    since = request.first("since")
    found = [one for one in item.comments if since is None or one.updated >= seconds_of(since)]
    return page(request, repo, found, lambda one: request.render.comment(item, one))


@route("POST", "/repos/{owner}/{repo}/issues/{issue_number}/comments")
def create_comment(request, owner, repo, issue_number):
    repo = find_repo(request, owner, repo)
    item = find_item(request, repo, issue_number)
    need(request, repo, permission_of(item), role="read" if repo.private else None)
    body = request.json()
    if not isinstance(body.get("body"), str) or not body["body"].strip():
        raise invalid("IssueComment", field="body", code="missing_field")
    check_body(body, "IssueComment")
    comment = add_comment(request.world, item, body["body"], request.account)
    shown = request.render.comment(item, comment)
    return Answer(201, shown, {"Location": shown["url"]})


def add_comment(world, item, text, account):
    now = world.now()
    comment = Comment(world.new_id(), account, text, now, now, item)
    item.comments.append(comment)
    world.event(item, "IssueComment", account, comment=comment)
    item.touch(now)
    return comment


def find_comment(request, repo, comment_id):
    for item in repo.items.values():
        for comment in item.comments:
            if str(comment.id) == comment_id:
                return item, comment
    raise Refusal(404, "Not Found")


@route("GET", "/repos/{owner}/{repo}/issues/comments/{comment_id}")
def get_comment(request, owner, repo, comment_id):
    repo = find_repo(request, owner, repo)
    return request.render.comment(*find_comment(request, repo, comment_id))


@route("PATCH", "/repos/{owner}/{repo}/issues/comments/{comment_id}")
def update_comment(request, owner, repo, comment_id):
    repo = find_repo(request, owner, repo)
    item, comment = find_comment(request, repo, comment_id)
    need(request, repo, permission_of(item), author=comment.author)
    comment.body, comment.updated = request.json().get("body", comment.body), request.world.now()
    item.touch(comment.updated)
    return request.render.comment(item, comment)


@route("DELETE", "/repos/{owner}/{repo}/issues/comments/{comment_id}")
def delete_comment(request, owner, repo, comment_id):
    repo = find_repo(request, owner, repo)
    item, comment = find_comment(request, repo, comment_id)
    need(request, repo, permission_of(item), author=comment.author)
    item.comments.remove(comment)
    return Answer(204)


@route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/labels")
def list_item_labels(request, owner, repo, issue_number):
    repo = find_repo(request, owner, repo)
    item = find_item(request, repo, issue_number)
    return page(request, repo, item.labels, lambda one: request.render.label(repo, one))


@route("POST", "/repos/{owner}/{repo}/issues/{issue_number}/labels")
def add_labels(request, owner, repo, issue_number):
    repo = find_repo(request, owner, repo)
    item = find_item(request, repo, issue_number)
    need(request, repo, permission_of(item), role="triage")
    wanted = [label["name"] for label in item.labels] + names_of(request.json().get("labels", []))
    set_labels(request, item, wanted)
    item.touch(request.world.now())
    return [request.render.label(repo, one) for one in item.labels]


@route("DELETE", "/repos/{owner}/{repo}/issues/{issue_number}/labels/{name}")
def remove_label(request, owner, repo, issue_number, name):
    repo = find_repo(request, owner, repo)
    item = find_item(request, repo, issue_number)
    need(request, repo, permission_of(item), role="triage")
    left = [one for one in item.labels if one["name"].lower() != name.lower()]
    if len(left) == len(item.labels):
        raise Refusal(404, "Label does not exist")
    item.labels = left
    item.touch(request.world.now())
    return [request.render.label(repo, one) for one in left]


def names_of(labels):
    return [one if isinstance(one, str) else one.get("name", "") for one in labels]


def set_labels(request, item, names):
    """Sets the labels. One that the repository does not have is created, as GitHub does."""
    item.labels = []
    for name in names:
        if not name or len(name) > 50:
            raise invalid("Label", field="name", code="invalid")
        label = add_label(request.world, item.repo, name)
        if label not in item.labels:
            item.labels.append(label)


def add_label(world, repo, name, color="ededed", description=None):
    if name.lower() not in repo.labels:
        repo.labels[name.lower()] = {
            "id": world.new_id(), "name": name, "color": color, "description": description,
            "default": False}
    return repo.labels[name.lower()]


@route("GET", "/repos/{owner}/{repo}/labels")
def list_labels(request, owner, repo):
    repo = find_repo(request, owner, repo)
    found = list(repo.labels.values())
    return page(request, repo, found, lambda one: request.render.label(repo, one))


@route("GET", "/repos/{owner}/{repo}/labels/{name}")
def get_label(request, owner, repo, name):
    repo = find_repo(request, owner, repo)
    if name.lower() not in repo.labels:
        raise Refusal(404, "Not Found")
    return request.render.label(repo, repo.labels[name.lower()])


@route("POST", "/repos/{owner}/{repo}/labels")
def create_label(request, owner, repo):
    repo = find_repo(request, owner, repo)
    need(request, repo, "issues")
    body = request.json()
    name = body.get("name", "")
    if name.lower() in repo.labels:
        raise invalid("Label", field="name", code="already_exists")
    label = add_label(
        request.world, repo, name, body.get("color") or "ededed", body.get("description"))
    shown = request.render.label(repo, label)
    return Answer(201, shown, {"Location": shown["url"]})


@route("POST", "/repos/{owner}/{repo}/issues/{issue_number}/assignees")
def add_assignees(request, owner, repo, issue_number):
    repo = find_repo(request, owner, repo)
    item = find_item(request, repo, issue_number)
    need(request, repo, permission_of(item), role="triage")
    for account in assignable(request, repo, request.json().get("assignees", [])):
        if account not in item.assignees:
            item.assignees.append(account)
    item.touch(request.world.now())
    return Answer(201, request.render.issue(item))


def assignable(request, repo, logins):
    """Returns the accounts that may be assigned. GitHub leaves out the others without a word."""
    known = [request.world.accounts.get(login.lower()) for login in logins]
    return [one for one in known if one is not None and repo.role(one) is not None]
