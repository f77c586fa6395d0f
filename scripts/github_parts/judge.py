"""Judges every request and answer of REST by GitHub's OpenAPI document, in a thread of its own.

A body that the document does not allow, and a status or a parameter that it does not know, is a
violation; /_control/violations lists them.
"""

import json
import queue
import re
import threading

from .recorded import Recorded

# The answers of a path that are kept for the comparison with recorded ones.
ANSWERS_MAX = 20
# Statuses that GitHub answers on any path, whatever the document says.
ANYWHERE = (301, 307, 401, 403, 404, 410, 422, 429)


class Judge:
    def __init__(self, path, recorded):
        self.path, self.found, self.judged = path, [], 0
        self.recorded, self.answers = recorded, {}
        self.waiting = queue.Queue()
        self.validators = {}
        threading.Thread(target=self.run, daemon=True).start()

    def add(self, request, status, body):
        self.waiting.put((
            request.method, request.template, request.path, request.query, request.body, status,
            None if body is None else json.dumps(body)))

    def violations(self):
        """Returns all violations so far, after everything that waits has been judged."""
        self.waiting.join()
        return self.found

    def shapes(self):
        """Returns how the answers so far deviate from those that PyGithub has recorded."""
        self.waiting.join()
        recorded, found, compared = Recorded(self.recorded), [], []
        for (method, template), answers in sorted(self.answers.items()):
            for answer in answers:
                deviations = recorded.deviations(method, template, json.loads(answer))
                if deviations is not None:
                    compared.append(f"{method} {template}")
                    found += [f"{method} {template}: {one}" for one in deviations]
        return {"recorded": recorded.count, "compared": sorted(set(compared)),
                "deviations": sorted(set(found))}

    def run(self):
        try:
            self.load()
        except Exception as error:  # told by the list of violations
            self.found.append({"what": "document", "error": f"{type(error).__name__}: {error}"})
            self.document = None
        while True:
            entry = self.waiting.get()
            try:
                if self.document is not None:
                    self.judge(*entry)
            except Exception as error:  # a fault of the judge is no verdict of innocence
                self.tell(entry[0], entry[2], entry[5], "judge", f"{type(error).__name__}: {error}")
            finally:
                self.waiting.task_done()

    def load(self):
        import referencing
        import referencing.jsonschema
        from openapi_schema_validator import OAS30Validator, oas30_format_checker

        with open(self.path, encoding="utf-8") as file:
            self.document = json.load(file)
        self.paths = {re.sub(r"\{\w+\}", "{}", path): item
                      for path, item in self.document["paths"].items()}
        resource = referencing.Resource(
            contents=self.document, specification=referencing.jsonschema.DRAFT4)
        registry = referencing.Registry().with_resource("urn:github", resource)

        def make(pointer):
            return OAS30Validator({"$ref": f"urn:github#{pointer}"}, registry=registry,
                                  format_checker=oas30_format_checker)
        self.make = make

    def look(self, item):
        """Returns (object, pointer) where a reference leads; the object itself without one."""
        if "$ref" not in item:
            return item, None
        pointer = item["$ref"].lstrip("#")
        found = self.document
        for step in pointer.strip("/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        return found, pointer

    def judge(self, method, template, path, query, body, status, answer):
        self.judged += 1
        if status < 300 and answer is not None and template is not None:
            known = self.answers.setdefault((method, template), [])
            if len(known) < ANSWERS_MAX:
                known.append(answer)
        key = re.sub(r"\{\w+\}", "{}", template or "")
        item = self.paths.get(key)
        if template is None:
            return  # 404 of a path that is not served
        if item is None or method.lower() not in item:
            self.tell(method, path, status, "path", "the document does not know it")
            return
        operation = item[method.lower()]
        at = "/paths/" + escape(self.original(key)) + "/" + method.lower()
        self.judge_query(operation, method, path, query, status)
        if status < 400:
            self.judge_request(operation, at, method, path, body, status)
        self.judge_answer(operation, at, method, path, status, answer)

    def original(self, key):
        return next(path for path in self.document["paths"]
                    if re.sub(r"\{\w+\}", "{}", path) == key)

    def judge_query(self, operation, method, path, query, status):
        known = {}
        for parameter in operation.get("parameters", []):
            found = self.look(parameter)[0]
            if found["in"] == "query":
                known[found["name"]] = found
        for name, values in query.items():
            if name not in known:
                self.tell(method, path, status, "query", f"unknown parameter '{name}'")
                continue
            enum = known[name].get("schema", {}).get("enum")
            if enum and values[0] not in enum:
                self.tell(method, path, status, "query", f"{name}={values[0]} is not in {enum}")

    def judge_request(self, operation, at, method, path, body, status):
        expected = operation.get("requestBody")
        if expected is None:
            if body:
                self.tell(method, path, status, "request", "a body where the document has none")
            return
        if not body:
            if self.look(expected)[0].get("required"):
                self.tell(method, path, status, "request", "the body is missing")
            return
        found, pointer = self.look(expected)
        pointer = (pointer or at + "/requestBody") + "/content/application~1json/schema"
        schema = found["content"]["application/json"]["schema"]
        given = json.loads(body)
        self.validate(pointer, given, method, path, status, "request")
        known = set(self.look(schema)[0].get("properties", {}))
        for name in set(given) - known if known and isinstance(given, dict) else ():
            self.tell(method, path, status, "request", f"unknown field '{name}'")

    def judge_answer(self, operation, at, method, path, status, answer):
        expected = operation["responses"].get(str(status))
        if expected is None:
            if status not in ANYWHERE:
                self.tell(method, path, status, "answer", "the document does not know this status")
            return
        found, pointer = self.look(expected)
        content = found.get("content", {})
        kind = next((one for one in content if one.endswith("json")), None)
        if kind is None:
            if answer is not None and status < 300:
                self.tell(method, path, status, "answer", "a body where the document has none")
            return
        if answer is None:
            self.tell(method, path, status, "answer", "the body is missing")
            return
        base = pointer or f"{at}/responses/{status}"
        pointer = f"{base}/content/{escape(kind)}/schema"
        self.validate(pointer, json.loads(answer), method, path, status, "answer")

    def validate(self, pointer, value, method, path, status, what):
        if pointer not in self.validators:
            self.validators[pointer] = self.make(pointer)
        for error in list(self.validators[pointer].iter_errors(value))[:5]:
            place = "/".join(str(step) for step in error.absolute_path)
            self.tell(method, path, status, what, f"{place}: {error.message[:300]}")

    def tell(self, method, path, status, what, error):
        entry = {"method": method, "path": path, "status": status, "what": what, "error": error}
        if entry not in self.found:
            self.found.append(entry)


def escape(step):
    return step.replace("~", "~0").replace("/", "~1")
