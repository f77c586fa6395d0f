"""Functions that find what a field of GraphQL holds; graphql_table.py names them."""

import base64

from .graphql_run import Fault
from .render import when
from .rest import is_visible
from .rest_checks import latest, rollup
from .search import find_items
from .state import Pull, Repo, moment, node_id


class Listed:
    """The nodes of a connection, of which a page is shown. `more`: fields beside them."""

    def __init__(self, nodes, **more):
        self.nodes, self.more = list(nodes), more


def connection(listed, arguments, name):
    first, last = arguments.get("first"), arguments.get("last")
    if first is None and last is None:
        raise Fault("MISSING_PAGINATION_BOUNDARIES", (
            f"You must provide a `first` or `last` value to properly paginate the `{name}` "
            "connection."))
    for word, value in (("first", first), ("last", last)):
        if value is not None and value > 100:
            raise Fault("EXCESSIVE_PAGINATION", (
                f"Requesting {value} records on the `{name}` connection exceeds the `{word}` limit "
                "of 100 records."))
    nodes = listed.nodes
    start = min(cursor_number(arguments.get("after")) or 0, len(nodes))
    end = len(nodes)
    before = cursor_number(arguments.get("before"))
    if before is not None:
        end = min(end, before - 1)
    if first is not None:
        end = min(end, start + first)
    else:
        start = max(start, end - last)
    shown = nodes[start:end]
    return {
        "nodes": shown, "totalCount": len(nodes), **listed.more,
        "edges": [{"node": one, "cursor": cursor(start + at + 1)} for at, one in enumerate(shown)],
        "pageInfo": {
            "hasNextPage": end < len(nodes), "hasPreviousPage": start > 0,
            "startCursor": cursor(start + 1) if shown else None,
            "endCursor": cursor(end) if shown else None},
    }


def cursor(number):
    return base64.b64encode(f"cursor:{number}".encode()).decode()


def cursor_number(text):
    if text is None:
        return None
    try:
        return int(base64.b64decode(text).decode().removeprefix("cursor:"))
    except ValueError:
        raise Fault("INVALID_CURSOR_ARGUMENTS", f"`{text}` does not appear to be a valid cursor."
                    ) from None


def named_repo(arguments, context):
    request, world = context["request"], context["request"].world
    name = f"{arguments['owner']}/{arguments['name']}"
    found = world.repos.get(name.lower()) or world.moved.get(name.lower())
    if found is None or not is_visible(request.token, found):
        raise Fault("NOT_FOUND", f"Could not resolve to a Repository with the name '{name}'.")
    return found


def node(identity, context):
    request = context["request"]
    found = request.world.nodes.get(identity)
    repo = found if isinstance(found, Repo) else getattr(found, "repo", None)
    if found is None or repo is not None and not is_visible(request.token, repo):
        raise Fault("NOT_FOUND", f"Could not resolve to a node with the global id of '{identity}'.")
    return found


def nodes(arguments, context):
    found = []
    for identity in arguments["ids"]:
        try:
            found.append(node(identity, context))
        except Fault as fault:
            found.append(fault)  # becomes null, with an error of its own
    return found


def account_named(kinds):
    def find(_source, arguments, context):
        found = context["request"].world.accounts.get(arguments["login"].lower())
        if found is None or found.kind not in kinds:
            raise Fault("NOT_FOUND", (
                f"Could not resolve to a User with the login of '{arguments['login']}'."))
        return found
    return find


def search(_source, arguments, context):
    found = find_items(context["request"], arguments["query"])
    return Listed(found[:1000], issueCount=len(found))


def numbered(kind):
    def find(repo, arguments, _context):
        item = repo.items.get(arguments["number"])
        if item is None or (kind is Pull) != item.is_pull and kind is not None:
            raise Fault("NOT_FOUND", (
                f"Could not resolve to a PullRequest with the number of {arguments['number']}."))
        return item
    return find


def pulls(repo, arguments, context):
    found = [
        pull for pull in repo.pulls()
        if (not arguments.get("states") or pull_state(pull) in arguments["states"])
        and arguments.get("headRefName") in (None, pull.head_ref)
        and arguments.get("baseRefName") in (None, pull.base_ref)
        and (not arguments.get("labels")
             or {label["name"] for label in pull.labels} & set(arguments["labels"]))]
    return Listed(ordered(found, arguments))


def issues(repo, arguments, _context):
    wanted = arguments.get("states")
    found = [item for item in repo.items.values() if not item.is_pull
             and (not wanted or item.state.upper() in wanted)]
    return Listed(ordered(found, arguments))


def ordered(found, arguments):
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    key = (lambda item: item.updated) if order["field"] == "UPDATED_AT" else (
        lambda item: (item.created, item.number))
    return sorted(found, key=key, reverse=order["direction"] == "DESC")


def pull_state(pull):
    return "MERGED" if pull.merged is not None else pull.state.upper()


def page_of(item, context):
    kind = "pull" if item.is_pull else "issues"
    return f"{context['request'].render.web}/{item.repo.full_name}/{kind}/{item.number}"


def commit_of(repo, sha):
    return {"__typename": "Commit", "oid": sha, "repo": repo}


def details(commit, context):
    return context["request"].git.known(commit["repo"], commit["oid"])


def pull_commits(pull, _arguments, context):
    listed = context["request"].git.between(pull.repo, pull.base_sha, pull.head_sha)
    return Listed({"__typename": "PullRequestCommit", "pull": pull,
                   "commit": commit_of(pull.repo, sha)} for sha in listed or [pull.head_sha])


def requests_of(pull, _arguments, context):
    render = context["request"].render
    asked = list(pull.reviewers) + [
        {"__typename": "Team", "repo": pull.repo, "slug": slug, "name": slug,
         "id": render.team(pull.repo, slug)["node_id"],
         "combinedSlug": f"{pull.repo.owner.login}/{slug}", "organization": pull.repo.owner}
        for slug in pull.teams]
    return Listed({"__typename": "ReviewRequest", "requestedReviewer": one, "asCodeOwner": False,
                   "pullRequest": pull} for one in asked)


def timeline(item, arguments, _context):
    wanted = {word.title().replace("_", "") for word in arguments.get("itemTypes") or []}
    found = [entry(item, one) for one in item.timeline if not wanted or one.kind in wanted]
    return Listed(found, filteredCount=len(found), updatedAt=moment(item.updated))


def entry(item, event):
    """Returns what an entry of the timeline shows: the event, or the object that it is about."""
    if event.kind == "PullRequestCommit":
        return {"__typename": "PullRequestCommit", "pull": item,
                "commit": commit_of(item.repo, event.data["after"])}
    return event.data.get("review") or event.data.get("comment") or event


def reviews(pull, arguments, _context):
    states = arguments.get("states")
    return Listed(one for one in pull.reviews if not states or one.state in states)


def opinions(pull, arguments, _context):
    """Returns the last opinions: with `writersOnly`, of those who may push."""
    found = pull.opinions()
    if arguments.get("writersOnly"):
        writers = ("write", "maintain", "admin")
        found = [one for one in found if pull.repo.role(one.author) in writers]
    return Listed(found)


def files(pull, _arguments, context):
    listed = context["request"].git.git(
        pull.repo, "diff", "--numstat", f"{pull.base_sha}...{pull.head_sha}") or ""
    rows = [line.split("\t") for line in listed.splitlines()]
    return Listed({"__typename": "PullRequestChangedFile", "path": path, "changeType": "MODIFIED",
                   "additions": int(added), "deletions": int(removed)}
                  for added, removed, path in rows)


def mergeable(pull, context):
    found = context["request"].git.is_mergeable(pull)
    return {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}[found]


def numbers_of(at):
    return lambda pull, _arguments, context: context["request"].git.numbers(pull)[at]


def check_contexts(commit, _arguments, _context):
    repo, sha = commit["repo"], commit["oid"]
    runs = [{"__typename": "CheckRun", "name": one["name"], "status": one["status"].upper(),
             "conclusion": one["conclusion"] and one["conclusion"].upper(),
             "startedAt": moment(one["at"]), "completedAt": when(one["ended"]),
             "detailsUrl": None, "isRequired": False,
             "checkSuite": {"__typename": "CheckSuite", "workflowRun": None}}
            for one in latest(repo.check_runs.get(sha, []), "name")]
    statuses = [{"__typename": "StatusContext", "context": one["context"], "targetUrl": None,
                 "isRequired": False, "state": one["state"].upper(), "createdAt": moment(one["at"])}
                for one in latest(repo.statuses.get(sha, []), "context")]
    return Listed(runs + statuses)


def status_rollup(commit, _arguments, _context):
    state = rollup(commit["repo"], commit["oid"])
    return state and {**commit, "__typename": "StatusCheckRollup", "state": state,
                      "id": node_id("SCR", commit["repo"].id) + commit["oid"][:8]}


def reference(repo, name):
    return {"__typename": "Ref", "name": name, "prefix": "refs/heads/", "repo": repo,
            "id": node_id("REF", repo.id), "target": (
                commit_of(repo, repo.refs[f"refs/heads/{name}"])
                if f"refs/heads/{name}" in repo.refs else None)}


def permission(repo, _arguments, context):
    role = repo.role(context["request"].account)
    return role.upper() if role else None

