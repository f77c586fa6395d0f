"""What people do on the stand-in for GitHub in the demo.

    demo_github.py URL begin FOLDER     makes the repository acme/shop of a folder; prints its path
    demo_github.py URL review           marks the draft ready, approves it, and merges it
    demo_github.py URL deploy           says that branch main is deployed
    demo_github.py URL show             prints the pull request with its comments
"""

import json
import os
import sys
import urllib.request

REPO = "acme/shop"
url, what = sys.argv[1:3]


def control(method: str, name: str, body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/_control/{name}", data, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def act(name: str, **body: object) -> dict:
    return control("POST", name, {"repo": REPO, **body})


def begin(folder: str) -> None:
    control("POST", "token", {"token": "demo", "login": "dlq-tools"})
    files = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            files[name] = file.read()
    roles = {"dlq-tools": "write", "ann": "write", "bob": "write"}
    repo = {"name": REPO, "organization": True, "private": True, "roles": roles, "files": files}
    print(control("POST", "repo", repo)["path"])


def review() -> None:
    act("draft", number=1, draft=False, login="ann")
    act("review", number=1, login="bob")
    act("merge", number=1, login="bob", method="squash")
    print("ann marks it ready, bob approves and merges it.")


def show() -> None:
    pull = control("GET", f"state?repo={REPO}")["pulls"][0]
    state = "merged" if pull["merged"] else "draft" if pull["draft"] else pull["state"]
    print(f"{REPO}#{pull['number']} ({state}): {pull['title']}")
    print(f"branch {pull['head']}, opened by {pull['author']} for {', '.join(pull['assignees'])}")
    for comment in pull["comments"]:
        text = [line for line in comment["body"].splitlines() if not line.startswith("<!--")]
        print(f"{comment['author']} comments: {' '.join(text)}")


if what == "begin":
    begin(sys.argv[3])
elif what == "review":
    review()
elif what == "deploy":
    act("deployment", ref="main")
elif what == "show":
    show()
else:
    sys.exit(f"demo: error: no '{what}'")
