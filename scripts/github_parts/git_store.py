"""The bare repositories on disk, by the real git, and how pull requests follow their branches."""

import os
import subprocess

from .state import Refusal, World

ZERO = "0" * 40


class GitStore:
    def __init__(self, world: World):
        self.world, self.seen = world, {}
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": world.folder, "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
        }

    def git(self, repo, *arguments, given=None, accept=(0,), who=None, at=None):
        """Runs git in a repository; returns its output, or None for a status not in `accept`."""
        environment = dict(self.environment)
        name = who or "standin"
        date = f"{int(at or self.world.now())} +0000"
        for role in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{role}_NAME"] = name
            environment[f"GIT_{role}_EMAIL"] = f"{name}@users.noreply.github.com"
            environment[f"GIT_{role}_DATE"] = date
        given = given.encode() if isinstance(given, str) else given
        done = subprocess.run(
            ["git", "-C", repo.path, *arguments], input=given if given is not None else b"",
            env=environment, capture_output=True, check=False,
        )
        if done.returncode in accept:
            return done.stdout.decode("utf-8", "replace")
        self.last_error = done.stderr.decode("utf-8", "replace")
        return None

    def must(self, repo, *arguments, **options):
        output = self.git(repo, *arguments, **options)
        if output is None:
            raise RuntimeError(f"git {arguments[0]}: {self.last_error}")
        return output

    def create(self, repo, source=None):
        template = os.path.join(self.world.folder, "template")
        os.makedirs(template, exist_ok=True)
        os.makedirs(os.path.dirname(repo.path), exist_ok=True)
        base = ["git", "init", "--quiet", "--bare", f"--template={template}"]
        start = ["git", "clone", "--quiet", "--bare", source.path] if source else [
            *base, f"--initial-branch={repo.default_branch}"]
        subprocess.run([*start, repo.path], env=self.environment, check=True)
        with open(os.path.join(repo.path, "config"), "a", encoding="utf-8") as config:
            config.write(
                "[core]\n\tquotePath = false\n[http]\n\treceivepack = true\n[uploadpack]\n\tallowAnySHA1InWant = true\n"
                "\tallowFilter = true\n[receive]\n\thideRefs = refs/pull\n\tautogc = false\n"
                "[gc]\n\tauto = 0\n"
            )

    def commit(self, repo, branch, files, message, who="standin", at=None, base=None):
        """Writes a commit with these files (null: removed) to a branch, and returns its id.

        A branch that is not there begins at `base`, else at the default branch, if that is there.
        """
        parent = repo.refs.get(f"refs/heads/{branch}") or (
            self.resolve(repo, base or repo.default_branch))
        at = int(at or self.world.now())
        stamp = f"{who} <{who}@users.noreply.github.com> {at} +0000"
        text = [f"commit refs/heads/{branch}\nauthor {stamp}\ncommitter {stamp}\n".encode()]
        text.append(data(message))
        if parent:
            text.append(f"from {parent}\n".encode())
        text += [change(path, content) for path, content in files.items()]
        self.must(repo, "fast-import", "--quiet", "--force", given=b"".join(text))
        self.refresh(repo)
        return repo.refs[f"refs/heads/{branch}"]

    def resolve(self, repo, name):
        """Returns the commit of a branch, tag, ref or id; None when there is none."""
        for ref in (f"refs/heads/{name}", f"refs/tags/{name}", name):
            if ref in repo.refs:
                return repo.refs[ref]
        if not name or name.startswith("-"):
            return None
        found = self.git(repo, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return found.strip() if found else None

    def update(self, repo, ref, new, old=None):
        """Sets a ref. `old`: what it must be now; 40 zeros: nothing. Returns whether it was set."""
        arguments = ["update-ref", ref, new] + ([old] if old is not None else [])
        done = self.git(repo, *arguments) is not None
        self.refresh(repo)
        return done

    def delete(self, repo, ref):
        self.must(repo, "update-ref", "-d", ref)
        self.refresh(repo)

    def refresh(self, repo, actor=None):
        """Reads the refs anew after a change, and lets the pull requests follow."""
        listed = self.must(repo, "for-each-ref", "--format=%(refname) %(objectname)")
        refs = dict(line.split(" ") for line in listed.splitlines())
        if refs == repo.refs:
            return
        repo.refs = refs
        repo.pushed = self.world.now()
        for other in {repo, *(one for one in self.world.repos.values() if one.parent is repo)}:
            self.follow(other, repo, actor)
        if repo.parent is not None:
            self.follow(repo.parent, repo, actor)

    def follow(self, repo, changed, actor):
        world = self.world
        for pull in repo.pulls():
            if pull.head_repo is not changed or pull.state != "open":
                continue
            head = changed.refs.get(f"refs/heads/{pull.head_ref}")
            if head is None:
                pull.state, pull.closed = "closed", world.now()
                world.event(pull, "HeadRefDeletedEvent", actor)
                world.event(pull, "ClosedEvent", actor)
                pull.touch(world.now())
            elif head != pull.head_sha:
                before, pull.head_sha = pull.head_sha, head
                forward = self.git(changed, "merge-base", "--is-ancestor", before, head)
                kind = "PullRequestCommit" if forward is not None else "HeadRefForcePushedEvent"
                world.event(pull, kind, actor, before=before, after=head)
                self.keep_head(pull)
                pull.touch(world.now())

    def keep_head(self, pull):
        """Stores the head as refs/pull/N/head, also when it lies in a fork."""
        repo, ref = pull.repo, f"refs/pull/{pull.number}/head"
        if pull.head_repo is not repo:
            self.must(repo, "fetch", "--quiet", pull.head_repo.path, pull.head_sha)
        self.must(repo, "update-ref", ref, pull.head_sha)
        repo.refs[ref] = pull.head_sha

    def between(self, repo, base, head):
        """Returns the commits of `head` that `base` has not, oldest first."""
        listed = self.git(repo, "rev-list", "--reverse", f"{base}..{head}")
        return (listed or "").split()

    def numbers(self, pull):
        """Returns (files, added lines, removed lines) of a pull request."""
        base = self.git(pull.repo, "merge-base", pull.base_sha, pull.head_sha)
        base = base.strip() if base else pull.base_sha
        listed = self.git(pull.repo, "diff", "--numstat", base, pull.head_sha) or ""
        rows = [line.split("\t")[:2] for line in listed.splitlines()]
        count = [sum(int(row[n]) for row in rows if row[n] != "-") for n in (0, 1)]
        return len(rows), count[0], count[1]

    def is_mergeable(self, pull):
        if pull.state != "open":
            return None
        base = pull.repo.refs.get(f"refs/heads/{pull.base_ref}", pull.base_sha)
        if not pull.mergeable or pull.mergeable[0] != (base, pull.head_sha):
            tree = self.git(pull.repo, "merge-tree", "--write-tree", base, pull.head_sha)
            pull.mergeable = ((base, pull.head_sha), tree is not None)
        return pull.mergeable[1]

    def merge(self, pull, method, title, message, who, expected=None):
        """Merges a pull request into its base, and returns the commit."""
        repo, ref = pull.repo, f"refs/heads/{pull.base_ref}"
        base = repo.refs[ref]
        if expected and expected != pull.head_sha:
            raise Refusal(409, "Head branch was modified. Review and try the merge again.")
        tree = self.git(repo, "merge-tree", "--write-tree", base, pull.head_sha)
        if tree is None:
            raise Refusal(405, "Pull Request is not mergeable")
        parents = ["-p", base] + (["-p", pull.head_sha] if method == "merge" else [])
        text = title + (f"\n\n{message}" if message else "")
        commit = self.must(
            repo, "commit-tree", tree.splitlines()[0], *parents, given=text, who=who).strip()
        self.must(repo, "update-ref", ref, commit, base)
        repo.refs[ref] = commit
        return commit

    def known(self, repo, commit):
        """Returns what is known of one commit; a commit never changes, so git is asked once."""
        key = (repo.id, commit)
        if key not in self.seen:
            self.seen[key] = self.details(repo, [commit])[0]
        return self.seen[key]

    def details(self, repo, commits):
        """Returns what is known of commits: one call of git for all."""
        if not commits:
            return []
        form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x01"
        listed = self.must(
            repo, "log", "--no-walk=unsorted", "--stdin", f"--format={form}",
            given="\n".join(commits) + "\n")
        found = []
        for entry in listed.split("\x01")[:-1]:
            one = entry.lstrip("\n").split("\x00")
            found.append({
                "sha": one[0], "tree": one[1], "parents": one[2].split(),
                "author": (one[3], one[4], float(one[5])),
                "committer": (one[6], one[7], float(one[8])), "message": one[9].rstrip("\n"),
            })
        return found


def data(text):
    content = text.encode() if isinstance(text, str) else text
    return b"data %d\n%s\n" % (len(content), content)


def change(path, content):
    if content is None:
        return f"D {path}\n".encode()
    return f"M 100644 inline {path}\n".encode() + data(content)

