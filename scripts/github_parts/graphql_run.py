"""Executes requests in GraphQL against the schema that GitHub publishes."""

import json
import threading

from .state import Refusal, moment

NODES_MAX = 500_000


class Fault(Exception):
    """An error of one field, with GitHub's word for its type."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind, self.message = kind, message


class Engine:
    """The schema is read by a thread of its own, for the server to be ready before it is."""

    def __init__(self, path):
        self.path, self.documents = path, {}
        self.ready = threading.Event()
        self.failure = None
        threading.Thread(target=self.load, daemon=True).start()

    def load(self):
        try:
            import graphql

            from . import graphql_table

            with open(self.path, encoding="utf-8") as file:
                found = json.load(file)
            self.schema = graphql.build_client_schema(found, assume_valid=True)
            self.graphql, self.fields = graphql, graphql_table
        except Exception as error:  # told by each request
            self.failure = error
        self.ready.set()

    def document(self, text):
        """Returns the parsed text, or the errors of it."""
        if text not in self.documents:
            try:
                parsed = self.graphql.parse(text)
                # GitHub's own check of fields that merge is more lenient: gh depends on it.
                errors = [error for error in self.graphql.validate(self.schema, parsed)
                          if "return conflicting types" not in error.message]
            except self.graphql.GraphQLError as error:
                parsed, errors = None, [error]
            self.documents[text] = (parsed, errors)
        return self.documents[text]

    def faults_of(self, text):
        """Returns what the schema does not allow in a text, by the specification's whole rules."""
        self.ready.wait()
        try:
            return [formatted(error) for error in self.graphql.validate(
                self.schema, self.graphql.parse(text))]
        except self.graphql.GraphQLError as error:
            return [formatted(error)]

    def answer(self, request):
        """Returns the status and the body of the answer to a POST."""
        self.ready.wait()
        if self.failure is not None:
            raise Refusal(500, f"the schema was not read: {self.failure}")
        world, body = request.world, request.json()
        text, variables = body.get("query"), body.get("variables") or {}
        if not isinstance(text, str):
            raise Refusal(400, "A query attribute must be specified and must be a string.")
        parsed, errors = self.document(text)
        if errors:
            return 200, {"errors": [formatted(error) for error in errors]}
        cost, nodes = self.cost(parsed, variables, body.get("operationName"))
        login = request.account.login
        used, end, most = world.limit(login, "graphql")
        cost = world.settings["points_per_query"] or cost
        if used + cost > most:
            return 200, {"errors": [{
                "type": "RATE_LIMITED", "message": f"API rate limit exceeded for user ID {login}."}]}
        if nodes > NODES_MAX:
            return 200, {"errors": [{
                "type": "MAX_NODE_LIMIT_EXCEEDED",
                "message": f"This query requests up to {nodes:,} possible nodes which exceeds the "
                f"maximum limit of {NODES_MAX:,}."}]}
        world.spend(login, "graphql", cost)
        refused = self.too_wide(world, parsed, variables)
        if refused:
            return refused
        used = world.limit(login, "graphql")[0]
        context = {"request": request, "rate": {
            "__typename": "RateLimit", "cost": cost, "limit": most, "nodeCount": nodes,
            "remaining": most - used, "used": used, "resetAt": moment(end)}}
        found = self.graphql.execute(
            self.schema, parsed, variable_values=variables, context_value=context,
            operation_name=body.get("operationName"), field_resolver=self.fields.resolve,
            type_resolver=self.fields.type_name)
        answer = {"data": found.data}
        if found.errors:
            answer["errors"] = [formatted(error) for error in found.errors]
        return 200, answer

    def too_wide(self, world, parsed, variables):
        """Gives up on pages that are together wider than the setting, as GitHub does after 10 s."""
        width = world.settings["graphql_width"]
        if width is None:
            return None
        total = sum(self.pages(parsed, variables))
        if total <= width:
            return None
        if world.settings.get("graphql_width_answer") == "502":
            return 502, b"<html><body><h1>502 Bad Gateway</h1></body></html>"
        return 200, {"errors": [{
            "type": "RESOURCE_LIMITS_EXCEEDED",
            "message": "Resource limits for this query exceeded."}]}

    def operation(self, parsed, name=None):
        found = [one for one in parsed.definitions if one.kind == "operation_definition"]
        named = [one for one in found if one.name and one.name.value == name]
        return (named or found)[0]

    def pages(self, parsed, variables):
        for field in self.operation(parsed).selection_set.selections:
            if field.kind == "field" and field.name.value in ("search", "nodes", "repository"):
                yield size(field, variables) or 1

    def cost(self, parsed, variables, name=None):
        """Returns the points and the nodes of a request, by GitHub's published formula."""
        fragments = {
            one.name.value: one for one in parsed.definitions if one.kind == "fragment_definition"}
        totals = [0, 0]

        def walk(selections, times):
            for one in selections:
                if one.kind == "fragment_spread":
                    walk(fragments[one.name.value].selection_set.selections, times)
                elif one.selection_set is not None:
                    inner = times
                    many = size(one, variables) if one.kind == "field" else None
                    if many is not None:
                        totals[0] += times
                        totals[1] += times * many
                        inner = times * many
                    walk(one.selection_set.selections, inner)

        walk(self.operation(parsed, name).selection_set.selections, 1)
        return max(1, round(totals[0] / 100)), totals[1]


def size(field, variables):
    """Returns how many nodes a field asks for; None for one that is no list."""
    for argument in field.arguments or ():
        if argument.name.value in ("first", "last", "ids"):
            value = argument.value
            if value.kind == "variable":
                value = variables.get(value.name.value)
                return len(value) if isinstance(value, list) else int(value or 0)
            return len(value.values) if value.kind == "list_value" else int(value.value)
    return None


def formatted(error):
    found = {"message": error.message}
    cause = getattr(error, "original_error", None)
    if isinstance(cause, Fault):
        found["type"] = cause.kind
    elif isinstance(cause, Refusal):
        found["type"] = cause.kind or ("NOT_FOUND" if cause.status == 404 else "UNPROCESSABLE")
        details = [one["message"] for one in cause.errors or [] if "message" in one]
        found["message"] = "; ".join(details) or cause.message
    elif cause is not None:
        found["type"] = "STANDIN"  # a fault of this server, not of the request
        found["message"] = f"{type(cause).__name__}: {cause}"
    if error.path:
        found["path"] = list(error.path)
    if error.locations:
        found["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if isinstance(cause, Fault) and cause.kind == "FORBIDDEN":
        found["extensions"] = {"saml_failure": False}
    return found
