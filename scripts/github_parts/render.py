"""Objects of GitHub's REST interface, in the form that its OpenAPI document asks for."""

import hashlib
import zlib

from .state import moment, node_id

USER_URLS = {
    "followers_url": "/followers", "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}", "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions", "organizations_url": "/orgs", "repos_url": "/repos",
    "events_url": "/events{/privacy}", "received_events_url": "/received_events",
}
REPO_URLS = {
    "archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}", "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}", "contributors_url": "/contributors",
    "deployments_url": "/deployments", "downloads_url": "/downloads", "events_url": "/events",
    "forks_url": "/forks", "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}", "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}",
    "languages_url": "/languages", "merges_url": "/merges", "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}", "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers",
    "subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
MERGING = {
    "allow_squash_merge": True, "allow_merge_commit": True, "allow_rebase_merge": True,
    "allow_auto_merge": False, "delete_branch_on_merge": False, "allow_update_branch": False,
    "use_squash_pr_title_as_default": False, "squash_merge_commit_message": "COMMIT_MESSAGES",
    "squash_merge_commit_title": "COMMIT_OR_PR_TITLE", "merge_commit_message": "PR_TITLE",
    "merge_commit_title": "MERGE_MESSAGE",
}


def when(seconds):
    return None if seconds is None else moment(seconds)


class Render:
    """Renders for one request: `api` and `web` are the addresses by which it came."""

    def __init__(self, world, git, api, web):
        self.world, self.git, self.api, self.web = world, git, api, web

    def user(self, account):
        if account is None:
            return None
        url = f"{self.api}/users/{account.login}"
        return {
            "login": account.login, "id": account.id, "node_id": account.node_id,
            "avatar_url": f"{self.web}/avatars/u/{account.id}?v=4", "gravatar_id": "", "url": url,
            "html_url": f"{self.web}/{account.login}",
            **{name: url + tail for name, tail in USER_URLS.items()},
            "type": account.kind, "user_view_type": "public", "site_admin": False,
        }

    def own_user(self, account):
        owned = [one for one in self.world.repos.values() if one.owner is account]
        public = sum(not one.private for one in owned)
        return self.user(account) | {
            "name": account.login, "company": None, "blog": "", "location": None, "email": None,
            "hireable": None, "bio": None, "twitter_username": None,
            "notification_email": f"{account.login}@example.com",
            "public_repos": public, "public_gists": 0, "followers": 0, "following": 0,
            "created_at": "2012-01-01T00:00:00Z", "updated_at": "2012-01-01T00:00:00Z",
        }

    def repo_url(self, repo):
        return f"{self.api}/repos/{repo.full_name}"

    def minimal_repo(self, repo):
        url = self.repo_url(repo)
        return {
            "id": repo.id, "node_id": repo.node_id, "name": repo.name, "full_name": repo.full_name,
            "private": repo.private, "owner": self.user(repo.owner),
            "html_url": f"{self.web}/{repo.full_name}", "description": repo.description,
            "fork": repo.parent is not None, "url": url,
            **{name: url + tail for name, tail in REPO_URLS.items()},
        }

    def repo(self, repo, account=None):
        host = self.web.split("://", 1)[1]
        open_items = sum(item.state == "open" for item in repo.items.values())
        role = repo.role(account)
        rank = {None: 0, "read": 0, "triage": 1, "write": 2, "maintain": 3, "admin": 4}[role]
        found = self.minimal_repo(repo) | {
            "git_url": f"git://{host}/{repo.full_name}.git",
            "ssh_url": f"git@{host}:{repo.full_name}.git",
            "clone_url": f"{self.web}/{repo.full_name}.git",
            "svn_url": f"{self.web}/{repo.full_name}", "mirror_url": None, "homepage": None,
            "language": None, "size": 1, "stargazers_count": 0, "watchers_count": 0,
            "forks_count": 0, "forks": 0, "watchers": 0, "open_issues": open_items,
            "open_issues_count": open_items, "default_branch": repo.default_branch,
            "has_issues": repo.has_issues, "has_projects": True, "has_downloads": True,
            "has_wiki": True, "has_pages": False, "has_discussions": False,
            "has_pull_requests": True, "pull_request_creation_policy": "all",
            "archived": repo.archived, "disabled": False, "license": None, "allow_forking": True,
            "is_template": False, "web_commit_signoff_required": False, "topics": repo.topics,
            "visibility": "private" if repo.private else "public",
            "created_at": moment(repo.created), "updated_at": moment(repo.created),
            "pushed_at": moment(repo.pushed or repo.created),
        }
        if account is not None:
            names = ("pull", "triage", "push", "maintain", "admin")
            found["permissions"] = {
                name: rank >= at and (role is not None or name == "pull")
                for at, name in enumerate(names)}
        return found

    def full_repo(self, repo, account):
        found = self.repo(repo, account) | {"network_count": 0, "subscribers_count": 0}
        if found.get("permissions", {}).get("push"):
            found |= MERGING | {"temp_clone_token": ""}
        if repo.parent is not None:
            found["parent"] = found["source"] = self.repo(repo.parent)
        if repo.owner.kind == "Organization":
            found["organization"] = self.user(repo.owner)
        return found

    def label(self, repo, label):
        return {
            "id": label["id"], "node_id": node_id("LA", label["id"]),
            "url": f"{self.repo_url(repo)}/labels/{label['name']}", "name": label["name"],
            "color": label["color"], "default": label["default"],
            "description": label["description"],
        }

    def team(self, repo, slug):
        org = repo.owner
        number = sum(ord(letter) * 31**at for at, letter in enumerate(slug)) % 10**6 + 1
        url = f"{self.api}/organizations/{org.id}/team/{number}"
        return {
            "name": slug, "id": number, "node_id": node_id("T", number), "slug": slug,
            "description": None, "privacy": "closed", "notification_setting": "notifications_enabled",
            "url": url, "html_url": f"{self.web}/orgs/{org.login}/teams/{slug}",
            "members_url": url + "/members{/member}", "repositories_url": url + "/repos",
            "permission": "push", "parent": None, "type": "organization", "organization_id": org.id,
        }

    def association(self, repo, account):
        if account.login == repo.owner.login:
            return "OWNER"
        if account.login in repo.owner.members:
            return "MEMBER"
        return "COLLABORATOR" if repo.role(account) else "NONE"

    def item(self, item):
        """What an issue and a pull request have in common."""
        return {
            "id": item.id, "node_id": item.node_id, "number": item.number, "state": item.state,
            "locked": item.locked, "title": item.title, "body": item.body,
            "user": self.user(item.author), "active_lock_reason": None, "milestone": None,
            "labels": [self.label(item.repo, label) for label in item.labels],
            "assignee": self.user(item.assignees[0]) if item.assignees else None,
            "assignees": [self.user(one) for one in item.assignees],
            "created_at": moment(item.created), "updated_at": moment(item.updated),
            "closed_at": when(item.closed),
            "author_association": self.association(item.repo, item.author),
        }

    def issue(self, item, closed_by=True):
        url = f"{self.repo_url(item.repo)}/issues/{item.number}"
        kind = "pull" if item.is_pull else "issues"
        page = f"{self.web}/{item.repo.full_name}/{kind}/{item.number}"
        found = self.item(item) | {
            "url": url, "repository_url": self.repo_url(item.repo), "html_url": page,
            "labels_url": url + "/labels{/name}", "comments_url": url + "/comments",
            "events_url": url + "/events", "timeline_url": url + "/timeline",
            "comments": len(item.comments), "performed_via_github_app": None,
            "state_reason": item.state_reason, "reactions": self.reactions(url),
        }
        if closed_by:
            found["closed_by"] = self.user(item.closed_by)
        if item.is_pull:
            found["draft"] = item.draft
            found["pull_request"] = {
                "url": f"{self.repo_url(item.repo)}/pulls/{item.number}", "html_url": page,
                "diff_url": page + ".diff", "patch_url": page + ".patch",
                "merged_at": when(item.merged),
            }
        return found

    def reactions(self, url):
        names = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
        return {"url": url + "/reactions", "total_count": 0, **{name: 0 for name in names}}

    def comment(self, item, comment):
        url = f"{self.repo_url(item.repo)}/issues/comments/{comment.id}"
        kind = "pull" if item.is_pull else "issues"
        page = f"{self.web}/{item.repo.full_name}/{kind}/{item.number}#issuecomment-{comment.id}"
        return {
            "url": url, "html_url": page, "id": comment.id, "node_id": node_id("IC", comment.id),
            "issue_url": f"{self.repo_url(item.repo)}/issues/{item.number}",
            "user": self.user(comment.author), "created_at": moment(comment.at),
            "updated_at": moment(comment.updated), "body": comment.body,
            "author_association": self.association(item.repo, comment.author),
            "reactions": self.reactions(url), "performed_via_github_app": None,
        }

    def side(self, repo, login, ref, sha):
        owner = repo.owner if repo else self.world.account(login)
        return {
            "label": f"{owner.login}:{ref}", "ref": ref, "sha": sha, "user": self.user(owner),
            "repo": self.repo(repo) if repo else None,
        }

    def pull(self, pull, whole=False):
        url = f"{self.repo_url(pull.repo)}/pulls/{pull.number}"
        issue = f"{self.repo_url(pull.repo)}/issues/{pull.number}"
        page = f"{self.web}/{pull.repo.full_name}/pull/{pull.number}"
        status = f"{self.repo_url(pull.repo)}/statuses/{pull.head_sha}"
        # Before a merge it is that of a merge on trial: no proof of one.
        trial = hashlib.sha1(f"{pull.base_sha} {pull.head_sha}".encode()).hexdigest()
        merge_commit = pull.merge_commit or trial
        found = self.item(pull) | {
            "url": url, "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch",
            "issue_url": issue, "merged_at": when(pull.merged), "merge_commit_sha": merge_commit,
            "requested_reviewers": [self.user(one) for one in pull.reviewers],
            "requested_teams": [self.team(pull.repo, slug) for slug in pull.teams],
            "draft": pull.draft, "commits_url": url + "/commits",
            "review_comments_url": url + "/comments",
            "review_comment_url": f"{self.repo_url(pull.repo)}/pulls/comments{{/number}}",
            "comments_url": issue + "/comments", "statuses_url": status,
            "head": self.side(pull.head_repo, pull.head_owner, pull.head_ref, pull.head_sha),
            "base": self.side(pull.repo, "", pull.base_ref, pull.base_sha),
            "auto_merge": self.auto_merge(pull),
        }
        links = {
            "self": url, "html": page, "issue": issue, "comments": issue + "/comments",
            "review_comments": url + "/comments", "commits": url + "/commits", "statuses": status,
            "review_comment": found["review_comment_url"],
        }
        found["_links"] = {name: {"href": link} for name, link in links.items()}
        return found | self.pull_rest(pull) if whole else found

    def pull_rest(self, pull):
        files, added, removed = self.git.numbers(pull)
        can_merge = self.git.is_mergeable(pull)
        state = "unknown" if can_merge is None else "clean" if can_merge else "dirty"
        return {
            "merged": pull.merged is not None, "mergeable": can_merge, "rebaseable": can_merge,
            "mergeable_state": "draft" if pull.draft and can_merge else state,
            "merged_by": self.user(pull.merged_by), "comments": len(pull.comments),
            "review_comments": 0, "maintainer_can_modify": pull.can_modify,
            "commits": len(self.git.between(pull.repo, pull.base_sha, pull.head_sha)),
            "additions": added, "deletions": removed, "changed_files": files,
        }

    def auto_merge(self, pull):
        if pull.auto_merge is None:
            return None
        return {
            "enabled_by": self.user(pull.auto_merge["by"]), "merge_method": "squash",
            "commit_title": pull.title, "commit_message": "",
        }

    def review(self, pull, review):
        url = f"{self.repo_url(pull.repo)}/pulls/{pull.number}"
        page = f"{self.web}/{pull.repo.full_name}/pull/{pull.number}#pullrequestreview-{review.id}"
        return {
            "id": review.id, "node_id": node_id("PRR", review.id), "user": self.user(review.author),
            "body": review.body, "state": review.state, "html_url": page, "pull_request_url": url,
            "author_association": self.association(pull.repo, review.author),
            "_links": {"html": {"href": page}, "pull_request": {"href": url}},
            "submitted_at": moment(review.at), "commit_id": review.commit,
        }

    def ref(self, repo, ref):
        sha = repo.refs[ref]
        return {
            "ref": ref, "node_id": node_id("REF", zlib.crc32(f"{repo.id} {ref}".encode())),
            "url": f"{self.repo_url(repo)}/git/{ref}",
            "object": {
                "sha": sha, "type": "commit", "url": f"{self.repo_url(repo)}/git/commits/{sha}"},
        }
