"""What the stand-in for GitHub knows: accounts, tokens, repositories, issues, pull requests.

An object is changed only under `World.lock`. `Item.touch` follows each change: it sets the moment and
adds an entry to the history from which searches with a lagging index answer.
"""

import base64
import hashlib
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Refusal(Exception):
    """An answer that is not a success: status, message, and what else the body holds."""

    def __init__(self, status, message, errors=None, headers=None, kind=None, **more):
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors
        self.headers, self.kind, self.more = headers or {}, kind, more


@dataclass
class Account:
    login: str
    id: int
    kind: str = "User"  # or Bot, Organization
    members: set = field(default_factory=set)  # of an organization

    @property
    def node_id(self):
        letter = {"User": "U", "Bot": "BOT", "Organization": "O"}[self.kind]
        return node_id(letter, self.id)


@dataclass
class Token:
    text: str
    account: Account
    kind: str = "classic"  # or fine_grained, app, actions
    scopes: list = field(default_factory=lambda: ["repo", "read:org"])
    permissions: dict = field(default_factory=dict)  # of the kinds other than classic
    repos: list | None = None  # the repositories it reaches; None: all of its account
    expires_at: float | None = None
    requests_left: int | None = None
    forbidden: list = field(default_factory=list)  # names of fields in GraphQL

    @property
    def fingerprint(self):
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]


@dataclass
class Review:
    id: int
    author: Account
    state: str  # APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED, PENDING
    body: str
    commit: str
    at: float
    item: object = None


@dataclass
class Comment:
    id: int
    author: Account
    body: str
    at: float
    updated: float
    item: object = None


@dataclass
class Event:
    """An entry of the timeline; `kind` is the name of the type in GraphQL."""

    id: int
    kind: str
    actor: Account | None
    at: float
    data: dict = field(default_factory=dict)


@dataclass(eq=False)
class Item:
    """An issue; also what a pull request has in common with one."""

    repo: "Repo"
    number: int
    id: int
    title: str
    body: str | None
    author: Account
    created: float
    updated: float = 0
    state: str = "open"
    state_reason: str | None = None
    closed: float | None = None
    closed_by: Account | None = None
    labels: list = field(default_factory=list)
    assignees: list = field(default_factory=list)
    comments: list = field(default_factory=list)
    timeline: list = field(default_factory=list)
    locked: bool = False
    history: list = field(default_factory=list)  # (moment, what a search sees)
    is_pull = False

    @property
    def node_id(self):
        return node_id("PR" if self.is_pull else "I", self.id)

    def seen(self):
        return {
            "state": self.state, "title": self.title, "updated": self.updated,
            "labels": [label["name"].lower() for label in self.labels],
            "assignees": [one.login.lower() for one in self.assignees],
            "commenters": [one.author.login.lower() for one in self.comments],
            "body": self.body or "",
        }

    def touch(self, now):
        self.updated = now
        self.history.append((time.time(), self.seen()))


@dataclass(eq=False)
class Pull(Item):
    draft: bool = False
    base_ref: str = ""
    base_sha: str = ""
    head_ref: str = ""
    head_sha: str = ""
    head_repo: "Repo | None" = None
    head_owner: str = ""
    merged: float | None = None
    merged_by: Account | None = None
    merge_commit: str | None = None
    reviewers: list = field(default_factory=list)  # accounts, asked and silent
    teams: list = field(default_factory=list)  # slugs
    reviews: list = field(default_factory=list)
    auto_merge: dict | None = None
    merge_queue: dict | None = None
    can_modify: bool = True
    mergeable: tuple = ()  # ((base, head), what the last merge found)
    is_pull = True

    def seen(self):
        return super().seen() | {
            "draft": self.draft, "merged": self.merged is not None, "head": self.head_ref,
            "base": self.base_ref, "reviewers": [one.login.lower() for one in self.reviewers],
            "teams": list(self.teams), "decision": self.decision(), "sha": self.head_sha,
        }

    def opinions(self):
        """Returns the last review of each reviewer that is no mere comment."""
        last = {}
        for review in self.reviews:
            if review.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
                last[review.author.login] = review
        return list(last.values())

    def decision(self):
        """Returns the decision, which is null where no review is required, also after one."""
        required = self.repo.required_reviews
        if not required:
            return None
        states = [review.state for review in self.opinions()]
        if "CHANGES_REQUESTED" in states:
            return "CHANGES_REQUESTED"
        return "APPROVED" if states.count("APPROVED") >= required else "REVIEW_REQUIRED"


@dataclass(eq=False)
class Repo:
    owner: Account
    name: str
    id: int
    path: str  # of the bare repository
    created: float
    private: bool = False
    default_branch: str = "main"
    description: str | None = None
    has_drafts: bool = True
    has_issues: bool = True
    archived: bool = False
    required_reviews: int = 0
    topics: list = field(default_factory=list)
    roles: dict = field(default_factory=dict)  # login: read, triage, write, maintain, admin
    teams: list = field(default_factory=list)  # slugs that may be asked for reviews
    parent: "Repo | None" = None
    refs: dict = field(default_factory=dict)
    items: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)
    statuses: dict = field(default_factory=dict)  # commit: statuses, newest first
    check_runs: dict = field(default_factory=dict)
    deployments: list = field(default_factory=list)
    pushed: float = 0

    former: list = field(default_factory=list)  # names that a search finds as well

    @property
    def full_name(self):
        return f"{self.owner.login}/{self.name}"

    @property
    def node_id(self):
        return node_id("R", self.id)

    def search_names(self):
        return [self.full_name.lower(), *self.former]

    def role(self, account):
        if account is None:
            return None
        if account.login == self.owner.login:
            return "admin"
        if account.login in self.owner.members:
            return self.roles.get(account.login, "write")
        return self.roles.get(account.login)

    def pulls(self):
        return [item for item in self.items.values() if item.is_pull]

    def next_number(self):
        return max(self.items, default=0) + 1


def node_id(kind, number):
    tail = base64.urlsafe_b64encode(number.to_bytes(6, "big")).decode()
    return f"{kind}_kwDO{tail}"


class World:
    """Everything, found by name and by id."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.RLock()
        self.accounts, self.tokens = {}, {}
        self.repos = {}  # lower-case full name: repository
        self.moved = {}  # former lower-case full name: repository
        self.by_id, self.nodes = {}, {}
        self.settings = {
            "search_lag_s": 0.0, "search_frozen": None,
            "search_follows_renames": False, "graphql_width": None, "graphql_width_answer": None,
            "core": 5000, "graphql": 5000, "search": 30, "points_per_query": None,
        }
        self.used = {}  # (login, bucket): [used, end of the window]
        self._last_id = 1000
        self.skew = 0.0

    def now(self):
        return time.time() + self.skew

    def new_id(self):
        self._last_id += 1
        return self._last_id

    def account(self, login, kind="User"):
        known = self.accounts.get(login.lower())
        if known is None:
            known = Account(login, self.new_id(), kind)
            self.accounts[login.lower()] = known
            self.nodes[known.node_id] = known
        return known

    def add_repo(self, repo):
        self.repos[repo.full_name.lower()] = repo
        self.by_id[repo.id] = repo
        self.nodes[repo.node_id] = repo

    def rename(self, repo, full_name):
        owner, name = full_name.split("/")
        self.moved[repo.full_name.lower()] = repo
        if self.settings["search_follows_renames"]:
            repo.former.append(repo.full_name.lower())
        self.repos.pop(repo.full_name.lower())
        repo.owner, repo.name = self.account(owner, repo.owner.kind), name
        self.repos[repo.full_name.lower()] = repo

    def event(self, item, kind, actor, **data):
        event = Event(self.new_id(), kind, actor, self.now(), data)
        item.timeline.append(event)
        return event

    def limit(self, login, bucket):
        """Returns [used, end, limit] of the window of an account."""
        window = 60 if bucket == "search" else 3600
        entry = self.used.setdefault((login, bucket), [0, 0.0])
        if entry[1] <= self.now():
            entry[:] = [0, float(int(self.now()) + window)]
        most = self.settings[bucket]
        if login is None:
            most = min(most, 10 if bucket == "search" else 60)
        return [entry[0], entry[1], most]

    def spend(self, login, bucket, points=1):
        self.limit(login, bucket)
        self.used[(login, bucket)][0] += points
