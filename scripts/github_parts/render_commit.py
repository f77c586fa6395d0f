"""Commits, checks, statuses and deployments in the form of GitHub's REST interface."""

from .render import Render, when
from .state import moment, node_id

UNVERIFIED = {
    "verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None,
}


class CommitRender(Render):
    def people(self, known):
        return {
            role: {"name": known[role][0], "email": known[role][1], "date": moment(known[role][2])}
            for role in ("author", "committer")}

    def git_commit(self, repo, known):
        url = self.repo_url(repo)
        page = f"{self.web}/{repo.full_name}/commit/"
        return {
            "sha": known["sha"], "node_id": node_id("C", repo.id) + known["sha"][:8],
            "url": f"{url}/git/commits/{known['sha']}", "html_url": page + known["sha"],
            **self.people(known), "message": known["message"], "verification": UNVERIFIED,
            "tree": {"sha": known["tree"], "url": f"{url}/git/trees/{known['tree']}"},
            "parents": [
                {"sha": one, "url": f"{url}/git/commits/{one}", "html_url": page + one}
                for one in known["parents"]],
        }

    def writer(self, person):
        """Returns the account whose address a commit names, if there is one."""
        login = person[1].removesuffix("@users.noreply.github.com").split("+")[-1]
        return self.user(self.world.accounts.get(login.lower()))

    def commit(self, repo, known):
        url = self.repo_url(repo)
        page = f"{self.web}/{repo.full_name}/commit/"
        return {
            "sha": known["sha"], "node_id": node_id("C", repo.id) + known["sha"][:8],
            "url": f"{url}/commits/{known['sha']}", "html_url": page + known["sha"],
            "comments_url": f"{url}/commits/{known['sha']}/comments",
            "commit": {
                **self.people(known), "message": known["message"], "comment_count": 0,
                "tree": {"sha": known["tree"], "url": f"{url}/git/trees/{known['tree']}"},
                "url": f"{url}/git/commits/{known['sha']}", "verification": UNVERIFIED,
            },
            "author": self.writer(known["author"]), "committer": self.writer(known["committer"]),
            "parents": [
                {"sha": one, "url": f"{url}/commits/{one}", "html_url": page + one}
                for one in known["parents"]],
        }

    def files(self, repo, base, head):
        """Returns the changed files; from the numbers and letters that git prints."""
        letters = self.git.git(repo, "diff", "--no-renames", "--raw", "--abbrev=40", base, head) or ""
        counts = self.git.git(repo, "diff", "--no-renames", "--numstat", base, head) or ""
        numbers = {
            line.split("\t")[2]: [0 if part == "-" else int(part) for part in line.split("\t")[:2]]
            for line in counts.splitlines()}
        words = {"A": "added", "M": "modified", "D": "removed", "T": "changed"}
        found = []
        for line in letters.splitlines():
            facts, path = line.split("\t", 1)
            parts = facts.split(" ")
            added, removed = numbers.get(path, [0, 0])
            found.append({
                "sha": parts[3] if parts[4] != "D" else parts[2], "filename": path,
                "status": words[parts[4][0]], "additions": added, "deletions": removed,
                "changes": added + removed,
                "blob_url": f"{self.web}/{repo.full_name}/blob/{head}/{path}",
                "raw_url": f"{self.web}/{repo.full_name}/raw/{head}/{path}",
                "contents_url": f"{self.repo_url(repo)}/contents/{path}?ref={head}",
            })
        return found

    def app(self):
        """Returns the app that runs workflows; it owns all check runs here."""
        owner = self.world.account("github", "Organization")
        page = f"{self.web}/apps/github-actions"
        return {
            "id": 15368, "node_id": node_id("A", 15368), "slug": "github-actions",
            "name": "GitHub Actions", "description": "Automate your workflow", "html_url": page,
            "owner": self.user(owner), "client_id": "Iv1.05c79e9ad1f6bdfa",
            "external_url": page, "permissions": {"checks": "write", "contents": "read"},
            "events": ["push"], "created_at": "2018-07-30T09:30:17Z",
            "updated_at": "2024-04-10T20:33:16Z"}

    def check_run(self, repo, run):
        url = f"{self.repo_url(repo)}/check-runs/{run['id']}"
        page = f"{self.web}/{repo.full_name}/runs/{run['id']}"
        return {
            "id": run["id"], "name": run["name"], "node_id": node_id("CR", run["id"]),
            "head_sha": run["sha"], "external_id": "", "url": url, "html_url": page,
            "details_url": page, "status": run["status"], "conclusion": run["conclusion"],
            "started_at": moment(run["at"]), "completed_at": when(run["ended"]),
            "output": {
                "title": None, "summary": None, "text": None, "annotations_count": 0,
                "annotations_url": url + "/annotations"},
            "check_suite": {"id": repo.id}, "app": self.app(), "pull_requests": [],
        }

    def status(self, repo, status, whole=True):
        account = status["by"]
        found = {
            "url": f"{self.repo_url(repo)}/statuses/{status['sha']}", "id": status["id"],
            "avatar_url": f"{self.web}/avatars/u/{account.id}?v=4",
            "node_id": node_id("SC", status["id"]), "state": status["state"],
            "description": status["description"] or "",
            "target_url": f"{self.web}/{repo.full_name}/commit/{status['sha']}/checks",
            "context": status["context"], "created_at": moment(status["at"]),
            "updated_at": moment(status["at"]),
        }
        return found | {"creator": self.user(account)} if whole else found

    def deployment(self, repo, one):
        url = f"{self.repo_url(repo)}/deployments/{one['id']}"
        return {
            "url": url, "id": one["id"], "node_id": node_id("DE", one["id"]), "sha": one["sha"],
            "ref": one["ref"], "task": one["task"], "payload": {},
            "original_environment": one["environment"], "environment": one["environment"],
            "description": one["description"], "creator": self.user(one["by"]),
            "created_at": moment(one["at"]), "updated_at": moment(one["updated"]),
            "statuses_url": url + "/statuses", "repository_url": self.repo_url(repo),
            "transient_environment": False, "production_environment": one["production"],
            "performed_via_github_app": None,
        }

    def deployment_status(self, repo, one, status):
        url = f"{self.repo_url(repo)}/deployments/{one['id']}"
        return {
            "url": f"{url}/statuses/{status['id']}", "id": status["id"],
            "node_id": node_id("DES", status["id"]), "state": status["state"],
            "creator": self.user(status["by"]), "description": status["description"],
            "environment": one["environment"], "target_url": "", "environment_url": "",
            "log_url": "", "created_at": moment(status["at"]), "updated_at": moment(status["at"]),
            "deployment_url": url, "repository_url": self.repo_url(repo),
            "performed_via_github_app": None,
        }
