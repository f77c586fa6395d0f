"""Cuts GitHub's OpenAPI document to the paths that the stand-in serves.

    cut_openapi.py DOCUMENT OUT

Keeps the parts that these paths refer to. The whole document has 13 MB.
"""

import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from github_parts import rest, rest_checks, rest_issues, rest_pulls, rest_repos  # noqa: E402, F401


def with_known_faults_mended(schemas):
    """Allows what GitHub answers although its document does not: see the recorded answers of PyGithub.

    A null where a list of words is nullable, and a label without a description in a list.
    """
    def mend(part):
        if isinstance(part, dict):
            if part.get("nullable") and None not in part.get("enum", [None]):
                part["enum"].append(None)
            for value in part.values():
                mend(value)
        elif isinstance(part, list):
            for value in part:
                mend(value)

    mend(schemas)
    label = schemas["pull-request-simple"]["properties"]["labels"]["items"]["properties"]
    label["description"]["nullable"] = True


def references(part):
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def without_examples(part):
    if isinstance(part, dict):
        return {key: without_examples(value) for key, value in part.items()
                if key not in ("examples", "example", "description", "summary", "externalDocs")
                or key in ("description", "summary") and not isinstance(value, str)}
    return [without_examples(one) for one in part] if isinstance(part, list) else part


with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
served = {re.sub(r"\{\w+\}", "{}", template) for _, _, template, _ in rest.ROUTES}
paths = {path: without_examples(item) for path, item in document["paths"].items()
         if re.sub(r"\{\w+\}", "{}", path) in served}
missing = served - {re.sub(r"\{\w+\}", "{}", path) for path in paths}
if missing:
    sys.exit(f"GitHub's document has no path {', '.join(sorted(missing))}")

components, waiting = {}, [paths]
while waiting:
    for reference in set(references(waiting.pop())):
        kind, name = reference.split("/")[2:4]
        if name not in components.setdefault(kind, {}):
            part = without_examples(document["components"][kind][name])
            components[kind][name] = part
            waiting.append(part)
with_known_faults_mended(components["schemas"])
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump({"openapi": document["openapi"], "info": document["info"], "paths": paths,
               "components": components}, file)
