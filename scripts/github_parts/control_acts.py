"""What a test can do to the stand-in by POST /_control/NAME: a function do_NAME each.

The keys of the JSON are the parameters. `login` is who does it; an account that is not known is made.
"""

import os
import time

from .git_store import change, data
from .rest import Request
from .rest_checks import add_check_run, add_deployment, add_deployment_status, add_status
from .rest_issues import add_comment, add_issue, add_label, set_state
from .rest_pulls import add_review, ask, make_pull, merge_pull, open_pull
from .state import Repo, Token, seconds_of


def repo_of(world, name):
    found = world.repos.get(name.lower())
    if found is None:
        raise LookupError(f"no repository '{name}'")
    return found


def item_of(world, repo, number):
    found = repo_of(world, repo).items.get(number)
    if found is None:
        raise LookupError(f"no number {number} in '{repo}'")
    return found


def do_account(standin, login, kind="User", members=None):
    account = standin.world.account(login, kind)
    for member in members or []:
        account.members.add(standin.world.account(member).login)
    return {"id": account.id, "node_id": account.node_id}


def do_token(standin, token, login=None, kind=None, scopes=None, permissions=None, repos=None,
             forbidden=None, expires_in_s=None, requests_left=None, remove=False):
    """Makes or changes a token: classic with scopes, or fine_grained, app, actions with permissions."""
    world = standin.world
    if remove:
        del world.tokens[token]
        return {}
    known = world.tokens.get(token)
    if known is None:
        is_app = kind in ("app", "actions")
        known = Token(token, world.account(login, "Bot" if is_app else "User"))
        world.tokens[token] = known
    for name, value in (("kind", kind), ("scopes", scopes), ("permissions", permissions),
                        ("repos", repos), ("forbidden", forbidden),
                        ("requests_left", requests_left)):
        if value is not None:
            setattr(known, name, value)
    if known.kind != "classic":
        known.scopes = []
    if expires_in_s is not None:
        known.expires_at = world.now() + expires_in_s
    return {"fingerprint": known.fingerprint}


def do_repo(standin, name, files=None, fork_of=None, roles=None, organization=False, message="begin",
            **settings):
    """Makes a repository, or changes one: private, default_branch, has_drafts, has_issues, archived,
    required_reviews, topics, teams, description."""
    world, git = standin.world, standin.git
    if name.lower() in world.repos:
        repo = world.repos[name.lower()]
    else:
        owner, short = name.split("/")
        account = world.account(owner, "Organization" if organization else "User")
        number = world.new_id()
        path = os.path.join(world.folder, "repos", f"{number}.git")
        parent = repo_of(world, fork_of) if fork_of else None
        repo = Repo(account, short, number, path, world.now(), parent=parent)
        repo.default_branch = settings.pop("default_branch", "main")
        git.create(repo, parent)
        world.add_repo(repo)
        git.refresh(repo)
        if parent is None:
            files = {"README.md": f"# {short}\n"} if files is None else files
    for key, value in settings.items():
        if not hasattr(repo, key):
            raise ValueError(f"a repository has no '{key}'")
        setattr(repo, key, value)
    for login, role in (roles or {}).items():
        repo.roles[world.account(login).login] = role
    if files:
        git.commit(repo, repo.default_branch, files, message, who=repo.owner.login)
    return {"id": repo.id, "node_id": repo.node_id, "path": repo.path,
            "sha": repo.refs.get(f"refs/heads/{repo.default_branch}")}


def do_rename(standin, repo, to):
    standin.world.rename(repo_of(standin.world, repo), to)
    return {}


def do_delete_repo(standin, repo):
    world = standin.world
    found = world.repos.pop(repo.lower())
    world.by_id.pop(found.id)
    for one in (found, *found.items.values()):
        world.nodes.pop(one.node_id, None)
    for other in world.repos.values():
        for pull in other.pulls():
            if pull.head_repo is found:
                pull.head_repo = None
    return {}


def do_commit(standin, repo, files, branch="main", message="change", login="person", base=None,
              at=None):
    """A person's push: one commit on a branch, which is made if it is not there."""
    account = standin.world.account(login)
    sha = standin.git.commit(
        repo_of(standin.world, repo), branch, files, message, who=account.login, base=base,
        at=at and seconds_of(at))
    return {"sha": sha}


def do_ref(standin, repo, ref, sha=None):
    """Sets a ref by force; without sha it is deleted."""
    repo = repo_of(standin.world, repo)
    if sha is None:
        standin.git.delete(repo, ref)
    else:
        standin.git.update(repo, ref, sha)
    return {}


def do_push_rule(standin, repo, text=None):
    """Lets the server refuse every push with a text, as rulesets do; without one, lets it in again."""
    path = os.path.join(repo_of(standin.world, repo).path, "hooks", "pre-receive")
    if text is None:
        os.remove(path)
        return {}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as hook:
        hook.write(f"#!/bin/sh\ncat >&2 <<'END'\n{text}\nEND\nexit 1\n")
    os.chmod(path, 0o755)
    return {}


def do_pull(standin, repo, title, login="person", head=None, base="main", body="", draft=False,
            files=None, labels=None, head_repo=None, at=None):
    """Opens a pull request; with `files`, its branch gets a commit first."""
    world = standin.world
    target, source = repo_of(world, repo), repo_of(world, head_repo or repo)
    head = head or f"branch-{target.next_number()}"
    if files:
        standin.git.commit(source, head, files, title, who=world.account(login).login, base=base)
    request = Request("POST", "", {}, {}, b"", world, standin.git)
    request.token = Token("", world.account(login))
    pull = open_pull(request, target, {
        "title": title, "body": body, "draft": draft, "base": base,
        "head": head if source is target else f"{source.owner.login}:{head}"})
    pull.labels = [add_label(world, target, name) for name in labels or []]
    if at is not None:
        pull.created = seconds_of(at)
        for event in pull.timeline:
            event.at = pull.created
    pull.touch(world.now())
    return {"number": pull.number, "node_id": pull.node_id, "sha": pull.head_sha}


def do_merge(standin, repo, number, login="person", method="merge"):
    pull = item_of(standin.world, repo, number)
    pull.draft = False
    sha = merge_pull(standin.world, standin.git, pull, standin.world.account(login),
                     {"merge_method": method})
    return {"sha": sha}


def do_state(standin, repo, number, state, login="person", reason=None):
    """Closes or opens an issue or a pull request."""
    item = item_of(standin.world, repo, number)
    set_state(standin.world, item, state, standin.world.account(login), reason)
    item.touch(standin.world.now())
    return {}


def do_draft(standin, repo, number, draft, login="person"):
    pull = item_of(standin.world, repo, number)
    pull.draft = draft
    kind = "ConvertToDraftEvent" if draft else "ReadyForReviewEvent"
    standin.world.event(pull, kind, standin.world.account(login))
    pull.touch(standin.world.now())
    return {}


def do_edit(standin, repo, number, title=None, body=None, labels=None, assignees=None):
    world, item = standin.world, item_of(standin.world, repo, number)
    item.title, item.body = title or item.title, item.body if body is None else body
    if labels is not None:
        item.labels = [add_label(world, item.repo, name) for name in labels]
    if assignees is not None:
        item.assignees = [world.account(login) for login in assignees]
    item.touch(world.now())
    return {}


def do_review(standin, repo, number, login, state="APPROVED", body=""):
    world = standin.world
    review = add_review(
        world, item_of(world, repo, number), world.account(login), state.upper(), body)
    return {"id": review.id}


def do_request(standin, repo, number, logins=None, teams=None, login="person"):
    """Asks for reviews. Accounts and teams become able to review first."""
    world, pull = standin.world, item_of(standin.world, repo, number)
    for one in logins or []:
        if pull.repo.role(world.account(one)) is None:
            pull.repo.roles[world.account(one).login] = "read"
    pull.repo.teams += [slug for slug in teams or [] if slug not in pull.repo.teams]
    ask(world, pull, logins or [], teams or [], world.account(login))
    return {}


def sha_of(standin, repo, number=None, ref=None):
    if number is not None:
        return item_of(standin.world, repo, number).head_sha
    found = standin.git.resolve(repo_of(standin.world, repo), ref or "HEAD")
    if found is None:
        raise LookupError(f"no commit '{ref}'")
    return found


def do_check(standin, repo, number=None, ref=None, name="ci", status="completed", conclusion=None):
    """Sets a check run of a commit: of a pull request's head, or of a ref."""
    sha = sha_of(standin, repo, number, ref)
    run = add_check_run(
        standin.world, repo_of(standin.world, repo), sha, name, status, conclusion)
    return {"id": run["id"], "sha": sha}


def do_status(standin, repo, state, number=None, ref=None, context="ci", login="person"):
    sha = sha_of(standin, repo, number, ref)
    account = standin.world.account(login)
    add_status(standin.world, repo_of(standin.world, repo), sha, state, context, account)
    return {"sha": sha}


def do_deployment(standin, repo, ref="main", environment="production", state="success",
                  login="person"):
    """Makes a deployment of a commit, with a status unless `state` is null."""
    world, found = standin.world, repo_of(standin.world, repo)
    account = world.account(login)
    sha = sha_of(standin, repo, ref=ref)
    one = add_deployment(world, found, sha, ref, environment, account)
    if state is not None:
        add_deployment_status(world, one, state, account)
    return {"id": one["id"], "sha": sha}


def do_comment(standin, repo, number, body, login="person"):
    world = standin.world
    comment = add_comment(world, item_of(world, repo, number), body, world.account(login))
    return {"id": comment.id}


def do_issue(standin, repo, title, body="", login="person", labels=None):
    world = standin.world
    item = add_issue(world, repo_of(world, repo), {"title": title, "body": body}, world.account(login))
    item.labels = [add_label(world, item.repo, name) for name in labels or []]
    item.touch(world.now())
    return {"number": item.number, "node_id": item.node_id}


def do_merging(standin, repo, number, queue=None, auto=None, login="person"):
    """Puts a pull request into the merge queue, or lets it merge itself; false takes it out."""
    world, pull = standin.world, item_of(standin.world, repo, number)
    if queue is not None:
        pull.merge_queue = {"state": "QUEUED", "position": 1, "id": "MQE_1"} if queue else None
    if auto is not None:
        pull.auto_merge = {"by": world.account(login), "at": world.now()} if auto else None
    pull.touch(world.now())
    return {}


def do_settings(standin, **settings):
    """Sets how the server behaves: search_lag_s, search_frozen (whether the index stands still),
    search_follows_renames; limits core, graphql, search, and points_per_query; graphql_width, with
    graphql_width_answer: "502" or else RESOURCE_LIMITS_EXCEEDED."""
    unknown = set(settings) - set(standin.world.settings)
    if unknown:
        raise ValueError(f"no setting {', '.join(sorted(unknown))}")
    if "search_frozen" in settings:
        settings["search_frozen"] = time.time() if settings["search_frozen"] else None
    standin.world.settings.update(settings)
    return standin.world.settings


def do_limit(standin, login, bucket, used, reset_in_s=3600):
    """Sets how much of the budget of an account is spent: bucket core, graphql or search."""
    world = standin.world
    world.used[(login, bucket)] = [used, float(int(world.now()) + reset_in_s)]
    return {}


def do_clock(standin, advance_s):
    """Moves the clock of the stand-in: windows of limits, tokens, and the moments it writes."""
    standin.world.skew += advance_s
    return {}


def do_seed(standin, repos=40, pulls=300, owner="acme", login="person", files=None):
    """Makes many repositories with pull requests over them, each with a branch of one commit."""
    world, git = standin.world, standin.git
    account, made = world.account(login), []
    for index in range(repos):
        name = f"{owner}/seed-{index:03}"
        do_repo(standin, name, files=files, organization=True)
        repo = repo_of(world, name)
        base = repo.refs["refs/heads/main"]
        mine = range(index, pulls, repos)
        text = []
        for number in mine:
            stamp = f"{login} <{login}@users.noreply.github.com> {int(world.now())} +0000"
            text += [
                f"commit refs/heads/change-{number}\nauthor {stamp}\ncommitter {stamp}\n".encode(),
                data(f"change {number}"), f"from {base}\n".encode(),
                change(f"file-{number}.txt", f"{number}\n")]
        git.must(repo, "fast-import", "--quiet", given=b"".join(text))
        git.refresh(repo)
        heads = {number: repo.refs[f"refs/heads/change-{number}"] for number in mine}
        for commit in git.details(repo, list(heads.values())):
            git.seen[(repo.id, commit["sha"])] = commit
        for number, sha in heads.items():
            pull = make_pull(world, git, repo, {
                "title": f"change {number}", "body": "", "base": "main", "base_sha": base,
                "head_ref": f"change-{number}", "head_sha": sha, "source": repo}, account, ref=False)
            made.append({"repo": name, "number": pull.number, "node_id": pull.node_id})
    return {"pulls": made}


def tree(standin, repo, ref):
    repo = repo_of(standin.world, repo)
    sha = standin.git.resolve(repo, ref)
    if sha is None:
        raise LookupError(f"no commit '{ref}'")
    listed = standin.git.must(repo, "ls-tree", "-r", "-z", sha)
    found = {}
    for line in listed.split("\0"):
        if line:
            facts, path = line.split("\t", 1)
            mode, _, blob = facts.split(" ")
            found[path] = {"mode": mode, "text": standin.git.must(repo, "cat-file", "blob", blob)}
    parents = standin.git.known(repo, sha)
    return {"sha": sha, "files": found, "parents": parents["parents"], "message": parents["message"],
            "author": parents["author"][:2], "committer": parents["committer"][:2]}

