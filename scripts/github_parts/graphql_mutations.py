"""The mutations of GitHub's GraphQL interface that the stand-in knows."""

from .rest import invalid, is_visible, need
from .rest_issues import add_comment, add_issue, names_of, set_labels, set_state
from .rest_pulls import ask, merge_pull, open_pull
from .state import Refusal


def find(context, identity):
    request = context["request"]
    found = request.world.nodes.get(identity)
    repo = getattr(found, "repo", found)
    if found is None or not is_visible(request.token, repo):
        raise Refusal(404, f"Could not resolve to a node with the global id of '{identity}'")
    return found


def payload(name, given, **parts):
    return {"__typename": name, "clientMutationId": given.get("clientMutationId"), **parts}


def create_pull(_source, arguments, context):
    given, request = arguments["input"], context["request"]
    repo = find(context, given["repositoryId"])
    need(request, repo, "pull_requests", role="read" if repo.private else None)
    pull = open_pull(request, repo, {
        "title": given["title"], "body": given.get("body"), "head": given["headRefName"],
        "base": given["baseRefName"], "draft": given.get("draft"),
        "maintainer_can_modify": given.get("maintainerCanModify")})
    return payload("CreatePullRequestPayload", given, pullRequest=pull)


def update_pull(_source, arguments, context):
    given, request = arguments["input"], context["request"]
    pull = find(context, given["pullRequestId"])
    need(request, pull.repo, "pull_requests", author=pull.author)
    for name in ("title", "body"):
        if given.get(name) is not None:
            setattr(pull, name, given[name])
    if given.get("labelIds") is not None:
        known = {request.render.label(pull.repo, one)["node_id"]: one
                 for one in pull.repo.labels.values()}
        pull.labels = [known[one] for one in given["labelIds"] if one in known]
    if given.get("assigneeIds") is not None:
        pull.assignees = [find_account(context, one) for one in given["assigneeIds"]]
    pull.touch(request.world.now())
    return payload("UpdatePullRequestPayload", given, pullRequest=pull)


def find_account(context, identity):
    found = context["request"].world.nodes.get(identity)
    if found is None:
        raise Refusal(404, f"Could not resolve to User node with the global id of '{identity}'.")
    return found


def request_reviews(_source, arguments, context):
    given, request = arguments["input"], context["request"]
    pull = find(context, given["pullRequestId"])
    need(request, pull.repo, "pull_requests", author=pull.author)
    logins = [find_account(context, one).login for one in given.get("userIds") or []]
    ask(request.world, pull, logins, [], request.account)
    return payload("RequestReviewsPayload", given, pullRequest=pull)


def set_draft(name, is_draft, kind):
    def change(_source, arguments, context):
        given, request = arguments["input"], context["request"]
        pull = find(context, given["pullRequestId"])
        need(request, pull.repo, "pull_requests", author=pull.author)
        if pull.draft != is_draft:
            pull.draft = is_draft
            request.world.event(pull, kind, request.account)
            pull.touch(request.world.now())
        return payload(name, given, pullRequest=pull)
    return change


def change_state(name, key, part, state):
    def change(_source, arguments, context):
        given, request = arguments["input"], context["request"]
        item = find(context, given[key])
        need(request, item.repo, "pull_requests" if item.is_pull else "issues", author=item.author)
        reason = given.get("stateReason")
        set_state(request.world, item, state, request.account, reason and reason.lower())
        item.touch(request.world.now())
        return payload(name, given, **{part: item})
    return change


def merge(_source, arguments, context):
    given, request = arguments["input"], context["request"]
    pull = find(context, given["pullRequestId"])
    need(request, pull.repo, "contents")
    if pull.draft or pull.state != "open":
        raise Refusal(422, "Pull Request is not mergeable")
    merge_pull(request.world, request.git, pull, request.account, {
        "merge_method": (given.get("mergeMethod") or "MERGE").lower(),
        "commit_title": given.get("commitHeadline"), "commit_message": given.get("commitBody"),
        "sha": given.get("expectedHeadOid")})
    return payload("MergePullRequestPayload", given, pullRequest=pull, actor=request.account)


def comment(_source, arguments, context):
    given, request = arguments["input"], context["request"]
    item = find(context, given["subjectId"])
    need(request, item.repo, "pull_requests" if item.is_pull else "issues",
         role="read" if item.repo.private else None)
    made = add_comment(request.world, item, given["body"], request.account)
    return payload("AddCommentPayload", given, subject=item, commentEdge={
        "__typename": "IssueCommentEdge", "node": made, "cursor": "Y3Vyc29yOjE="})


def create_issue(_source, arguments, context):
    given, request = arguments["input"], context["request"]
    repo = find(context, given["repositoryId"])
    need(request, repo, "issues", role="read" if repo.private else None)
    if not repo.has_issues:
        raise Refusal(410, "Issues has been disabled in this repository.")
    if not given["title"].strip():
        raise invalid("Issue", message="Title can't be blank")
    item = add_issue(request.world, repo, given, request.account)
    return payload("CreateIssuePayload", given, issue=item)


def add_labels(_source, arguments, context):
    given, request = arguments["input"], context["request"]
    item = find(context, given["labelableId"])
    need(request, item.repo, "issues", role="triage")
    known = {request.render.label(item.repo, one)["node_id"]: one for one in item.repo.labels.values()}
    set_labels(request, item, names_of(item.labels) + [
        known[one]["name"] for one in given["labelIds"] if one in known])
    item.touch(request.world.now())
    return payload("AddLabelsToLabelablePayload", given, labelable=item)


MUTATIONS = {
    "createPullRequest": create_pull, "updatePullRequest": update_pull,
    "requestReviews": request_reviews, "mergePullRequest": merge, "addComment": comment,
    "createIssue": create_issue, "addLabelsToLabelable": add_labels,
    "markPullRequestReadyForReview": set_draft(
        "MarkPullRequestReadyForReviewPayload", False, "ReadyForReviewEvent"),
    "convertPullRequestToDraft": set_draft(
        "ConvertPullRequestToDraftPayload", True, "ConvertToDraftEvent"),
    "closePullRequest": change_state(
        "ClosePullRequestPayload", "pullRequestId", "pullRequest", "closed"),
    "reopenPullRequest": change_state(
        "ReopenPullRequestPayload", "pullRequestId", "pullRequest", "open"),
    "closeIssue": change_state("CloseIssuePayload", "issueId", "issue", "closed"),
    "reopenIssue": change_state("ReopenIssuePayload", "issueId", "issue", "open"),
}
