"""The fields of GitHub's GraphQL interface that the stand-in knows, by type and name."""

from . import graphql_fields as on
from .graphql_mutations import MUTATIONS
from .graphql_run import Fault
from .render import when
from .state import Account, Comment, Event, Item, Pull, Repo, Review, moment, node_id


def type_name(value, _info, _type):
    if isinstance(value, dict):
        return value["__typename"]
    if isinstance(value, Account):
        return value.kind
    if isinstance(value, Event):
        return value.kind
    return {Pull: "PullRequest", Item: "Issue", Repo: "Repository", Comment: "IssueComment",
            Review: "PullRequestReview"}[type(value)]


def resolve(source, info, **arguments):
    context = info.context
    kind, name = info.parent_type.name, info.field_name
    token = context["request"].token
    # There is no permission for checks that a token of this kind could have.
    is_closed = name == "statusCheckRollup" and token.kind == "fine_grained"
    if is_closed or name in token.forbidden or f"{kind}.{name}" in token.forbidden:
        by = "personal access token" if token.kind == "fine_grained" else "integration"
        raise Fault("FORBIDDEN", f"Resource not accessible by {by}")
    function = FIELDS.get(kind, {}).get(name)
    if function is None and isinstance(source, dict) and name in source:
        value = source[name]
        return value() if callable(value) else value
    if function is None:
        raise Fault("STANDIN", f"the stand-in does not know the field {kind}.{name}")
    found = function(source, arguments, context)
    if not isinstance(found, on.Listed):
        return found
    # GitHub wants a size of the page only from those who read the page.
    shown = {one.name.value for one in info.field_nodes[0].selection_set.selections
             if one.kind == "field"}
    if shown <= {"totalCount", "__typename"} and not {"first", "last"} & set(arguments):
        arguments["first"] = 0
    return on.connection(found, arguments, name)


def the(function):
    """Makes a field of a function of the object alone."""
    return lambda source, _arguments, _context: function(source)


def with_context(function):
    return lambda source, _arguments, context: function(source, context)


def web(source, context):
    return context["request"].render.web


def association(source, context):
    return context["request"].render.association(source.item.repo, source.author)


ACTOR = {
    "login": the(lambda one: one.login), "id": the(lambda one: one.node_id),
    "databaseId": the(lambda one: one.id), "name": the(lambda one: one.login),
    "url": with_context(lambda one, context: f"{web(one, context)}/{one.login}"),
    "avatarUrl": with_context(lambda one, context: f"{web(one, context)}/avatars/u/{one.id}"),
    "resourcePath": the(lambda one: f"/{one.login}"),
    "email": the(lambda one: ""), "isViewer": with_context(
        lambda one, context: one is context["request"].account),
}

COMMENTABLE = {
    "id": the(lambda one: one.node_id), "number": the(lambda one: one.number),
    "title": the(lambda one: one.title), "body": the(lambda one: one.body or ""),
    "url": with_context(on.page_of), "createdAt": the(lambda one: moment(one.created)),
    "updatedAt": the(lambda one: moment(one.updated)), "closedAt": the(lambda one: when(one.closed)),
    "closed": the(lambda one: one.state == "closed"), "author": the(lambda one: one.author),
    "repository": the(lambda one: one.repo), "locked": the(lambda one: one.locked),
    "databaseId": the(lambda one: one.id), "milestone": the(lambda one: None),
    "labels": the(lambda one: on.Listed({"__typename": "Label", **label} for label in one.labels)),
    "assignees": the(lambda one: on.Listed(one.assignees)),
    "comments": the(lambda one: on.Listed(one.comments)), "timelineItems": on.timeline,
    "projectItems": the(lambda one: on.Listed([])),
    "projectCards": the(lambda one: on.Listed([])), "reactionGroups": the(lambda one: []),
    "authorAssociation": with_context(
        lambda one, context: context["request"].render.association(one.repo, one.author)),
    "participants": the(lambda one: on.Listed([one.author])),
}

PULL = COMMENTABLE | {
    "isDraft": the(lambda one: one.draft), "state": the(on.pull_state),
    "merged": the(lambda one: one.merged is not None), "mergedAt": the(lambda one: when(one.merged)),
    "mergedBy": the(lambda one: one.merged_by),
    "mergeCommit": the(lambda one: one.merge_commit and on.commit_of(one.repo, one.merge_commit)),
    "potentialMergeCommit": the(lambda one: None),
    "baseRefName": the(lambda one: one.base_ref), "baseRefOid": the(lambda one: one.base_sha),
    "headRefName": the(lambda one: one.head_ref), "headRefOid": the(lambda one: one.head_sha),
    "baseRef": the(lambda one: on.reference(one.repo, one.base_ref)),
    "headRef": the(lambda one: one.head_repo and on.reference(one.head_repo, one.head_ref)),
    "headRepository": the(lambda one: one.head_repo), "baseRepository": the(lambda one: one.repo),
    "headRepositoryOwner": the(lambda one: one.head_repo and one.head_repo.owner),
    "isCrossRepository": the(lambda one: one.head_repo is not one.repo),
    "isMergeQueueEnabled": the(lambda one: False), "viewerCanMergeAsAdmin": the(lambda one: False),
    "isInMergeQueue": the(lambda one: one.merge_queue is not None),
    "mergeQueueEntry": the(lambda one: one.merge_queue and {
        "__typename": "MergeQueueEntry", **one.merge_queue}),
    "autoMergeRequest": the(lambda one: one.auto_merge and {
        "__typename": "AutoMergeRequest", "enabledAt": moment(one.auto_merge["at"]),
        "enabledBy": one.auto_merge["by"], "mergeMethod": "SQUASH", "commitHeadline": one.title,
        "commitBody": "", "authorEmail": None}),
    "mergeable": with_context(on.mergeable), "reviewDecision": the(lambda one: one.decision()),
    "mergeStateStatus": with_context(lambda one, context: {
        "MERGEABLE": "DRAFT" if one.draft else "CLEAN", "CONFLICTING": "DIRTY"}.get(
            on.mergeable(one, context), "UNKNOWN")),
    "latestOpinionatedReviews": on.opinions,
    "latestReviews": the(lambda one: on.Listed(
        {review.author.login: review for review in one.reviews}.values())),
    "reviews": on.reviews, "reviewRequests": on.requests_of, "commits": on.pull_commits,
    "reviewThreads": the(lambda one: on.Listed([])),
    "statusCheckRollup": lambda one, arguments, context: on.status_rollup(
        on.commit_of(one.repo, one.head_sha), arguments, context),
    "maintainerCanModify": the(lambda one: one.can_modify),
    "files": on.files, "changedFiles": on.numbers_of(0),
    "additions": on.numbers_of(1), "deletions": on.numbers_of(2),
    "totalCommentsCount": the(lambda one: len(one.comments)),
    "viewerCanUpdate": with_context(lambda one, context: one.repo.role(
        context["request"].account) in ("write", "maintain", "admin")),
    "viewerDidAuthor": with_context(lambda one, context: one.author is context["request"].account),
}

REPOSITORY = {
    "id": the(lambda one: one.node_id), "name": the(lambda one: one.name),
    "nameWithOwner": the(lambda one: one.full_name), "owner": the(lambda one: one.owner),
    "databaseId": the(lambda one: one.id), "description": the(lambda one: one.description),
    "url": with_context(lambda one, context: f"{web(one, context)}/{one.full_name}"),
    "isPrivate": the(lambda one: one.private), "isArchived": the(lambda one: one.archived),
    "isFork": the(lambda one: one.parent is not None), "parent": the(lambda one: one.parent),
    "isInOrganization": the(lambda one: one.owner.kind == "Organization"),
    "isEmpty": the(lambda one: not one.refs), "isDisabled": the(lambda one: False),
    "visibility": the(lambda one: "PRIVATE" if one.private else "PUBLIC"),
    "hasIssuesEnabled": the(lambda one: one.has_issues), "hasWikiEnabled": the(lambda one: True),
    "hasProjectsEnabled": the(lambda one: True),
    "defaultBranchRef": the(lambda one: on.reference(one, one.default_branch)),
    "viewerPermission": on.permission, "pullRequest": on.numbered(Pull), "issue": on.numbered(Item),
    "issueOrPullRequest": on.numbered(None), "pullRequests": on.pulls, "issues": on.issues,
    "mergeCommitAllowed": the(lambda one: True), "rebaseMergeAllowed": the(lambda one: True),
    "squashMergeAllowed": the(lambda one: True), "deleteBranchOnMerge": the(lambda one: False),
    "autoMergeAllowed": the(lambda one: False), "pushedAt": the(lambda one: when(one.pushed)),
    "createdAt": the(lambda one: moment(one.created)),
    "labels": the(lambda one: on.Listed(
        {"__typename": "Label", **label} for label in one.labels.values())),
    "assignableUsers": with_context(lambda one, context: on.Listed(
        account for account in context["request"].world.accounts.values()
        if account.kind == "User" and one.role(account))),
    "label": lambda one, arguments, _context: (
        lambda label: label and {"__typename": "Label", **label})(
            one.labels.get(arguments["name"].lower())),
    "ref": lambda one, arguments, _context: (
        on.reference(one, arguments["qualifiedName"].removeprefix("refs/heads/"))
        if "refs/heads/" + arguments["qualifiedName"].removeprefix("refs/heads/") in one.refs
        else None),
    "milestones": the(lambda one: on.Listed([])), "projectsV2": the(lambda one: on.Listed([])),
    "issueTemplates": the(lambda one: []), "pullRequestTemplates": the(lambda one: []),
    "object": lambda one, arguments, context: (
        lambda sha: sha and on.commit_of(one, sha))(
            context["request"].git.resolve(one, arguments.get("oid") or arguments.get("expression"))),
    "repositoryTopics": the(lambda one: on.Listed(
        {"__typename": "RepositoryTopic", "topic": {"__typename": "Topic", "name": name}}
        for name in one.topics)),
}

COMMIT = {
    "oid": the(lambda one: one["oid"]), "id": the(lambda one: node_id("C", 1) + one["oid"][:8]),
    "abbreviatedOid": the(lambda one: one["oid"][:7]), "repository": the(lambda one: one["repo"]),
    "statusCheckRollup": on.status_rollup,
    "committedDate": with_context(lambda one, context: moment(on.details(one, context)["committer"][2])),
    "authoredDate": with_context(lambda one, context: moment(on.details(one, context)["author"][2])),
    "pushedDate": the(lambda one: None),
    "message": with_context(lambda one, context: on.details(one, context)["message"]),
    "messageHeadline": with_context(
        lambda one, context: on.details(one, context)["message"].split("\n")[0]),
    "messageBody": with_context(
        lambda one, context: on.details(one, context)["message"].partition("\n\n")[2]),
    "authors": with_context(lambda one, context: on.Listed([{
        "__typename": "GitActor", "name": on.details(one, context)["author"][0],
        "email": on.details(one, context)["author"][1], "user": None}])),
}

REVIEW = {
    "id": the(lambda one: node_id("PRR", one.id)), "state": the(lambda one: one.state),
    "author": the(lambda one: one.author), "body": the(lambda one: one.body),
    "submittedAt": the(lambda one: moment(one.at)), "createdAt": the(lambda one: moment(one.at)),
    "commit": the(lambda one: on.commit_of(one.item.repo, one.commit)),
    "authorAssociation": with_context(association), "includesCreatedEdit": the(lambda one: False),
    "reactionGroups": the(lambda one: []), "url": with_context(
        lambda one, context: f"{on.page_of(one.item, context)}#pullrequestreview-{one.id}"),
}

COMMENT = {
    "id": the(lambda one: node_id("IC", one.id)), "author": the(lambda one: one.author),
    "body": the(lambda one: one.body), "createdAt": the(lambda one: moment(one.at)),
    "authorAssociation": with_context(association), "includesCreatedEdit": the(lambda one: False),
    "isMinimized": the(lambda one: False), "minimizedReason": the(lambda one: None),
    "reactionGroups": the(lambda one: []), "url": with_context(
        lambda one, context: f"{on.page_of(one.item, context)}#issuecomment-{one.id}"),
    "viewerDidAuthor": with_context(lambda one, context: one.author is context["request"].account),
}

EVENT = {
    "id": the(lambda one: node_id("EV", one.id)), "createdAt": the(lambda one: moment(one.at)),
    "actor": the(lambda one: one.actor),
}

FIELDS = {
    "Query": {
        "viewer": with_context(lambda _one, context: context["request"].account),
        "rateLimit": with_context(lambda _one, context: context["rate"]),
        "repository": lambda _one, arguments, context: on.named_repo(arguments, context),
        "node": lambda _one, arguments, context: on.node(arguments["id"], context),
        "nodes": lambda _one, arguments, context: on.nodes(arguments, context),
        "search": on.search, "user": on.account_named(("User",)),
        "organization": on.account_named(("Organization",)),
        "repositoryOwner": on.account_named(("User", "Organization")),
    },
    "Mutation": MUTATIONS, "PullRequest": PULL, "Repository": REPOSITORY, "Commit": COMMIT,
    "Issue": COMMENTABLE | {
        "state": the(lambda one: one.state.upper()),
        "stateReason": the(lambda one: one.state_reason and one.state_reason.upper())},
    "User": ACTOR, "Bot": ACTOR, "Organization": ACTOR | {"teams": the(lambda one: on.Listed([]))},
    "PullRequestReview": REVIEW, "IssueComment": COMMENT,
    "PullRequestCommit": {
        "id": the(lambda one: node_id("PRC", 1)), "pullRequest": the(lambda one: one.get("pull")),
        "commit": lambda one, _arguments, _context: one["commit"]},
    "Label": {"id": the(lambda one: node_id("LA", one["id"])),
              "isDefault": the(lambda one: one["default"])},
    "StatusCheckRollup": {"contexts": on.check_contexts},
    **{name: EVENT for name in (
        "ReadyForReviewEvent", "HeadRefForcePushedEvent", "ConvertToDraftEvent", "ClosedEvent",
        "ReopenedEvent", "MergedEvent", "HeadRefDeletedEvent", "AddedToMergeQueueEvent",
        "RemovedFromMergeQueueEvent", "AutoMergeEnabledEvent")},
    "ReviewRequestedEvent": EVENT | {"requestedReviewer": the(lambda one: one.data.get("reviewer"))},
}
