"""A scripted model behind the API that Claude Code asks, for scripts/eval without a key.

It is no model: it knows the truth of the incident, searches the workspace for what proves it by the tools of
the real Claude Code, and cites only what they show. Its score says what the pipeline lets through, and
nothing about a model.
"""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from eval_incident import Incident

MISSING = "nothing was found"
# Tokens of one answer, for the cost that Claude Code computes.
TOKENS = {"input_tokens": 1200, "output_tokens": 60, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
FOLDERS = {"code": ".", "messages": ".dlq", "logs": ".dlq", "history": ".dlq", "queue": ".dlq"}
GLOBS = {"messages": "m*.json", "logs": "log*", "history": "{history.txt,*.diff}", "queue": "queue.json"}


def search(item: dict) -> dict:
    """Returns the call of a tool that looks for an item of evidence."""
    words = {"pattern": re.escape(item["find"]).replace(r"\ ", " "), "path": FOLDERS[item["in"]]}
    words |= {"output_mode": "content", "-n": True}
    if item["in"] in GLOBS:
        words["glob"] = GLOBS[item["in"]]
    return {"name": "Grep", "input": words}


def citation(item: dict, shown: str) -> str | None:
    """Returns the id of the first place that the answer of a search shows; none without one."""
    found = re.findall(r"^(?:\./)?([^\s:]+):(\d+):", shown, flags=re.M)
    if item["in"] == "code":
        found = [place for place in found if not place[0].startswith(".dlq/")]
    if not found:
        return None
    path, line = found[0]
    path = ".dlq/" + path.rsplit("/.dlq/")[-1].removeprefix(".dlq/") if item["in"] != "code" else path
    if item["in"] == "messages" and (message := re.match(r"\.dlq/(m\d+)\.", path)):
        return message[1]
    if commit := re.match(r"\.dlq/commits/([0-9a-f]{40})\.diff", path):
        return commit[1]
    return "q.sources" if item["in"] == "queue" else f"{path}:{line}"


def results(messages: list[dict]) -> list[str]:
    """Returns the answers of the tools so far, as text."""
    found = []
    for message in messages:
        blocks = message["content"] if message["role"] == "user" and isinstance(message["content"], list) else []
        for block in blocks:
            if block.get("type") == "tool_result":
                content = block.get("content")
                texts = [part.get("text", "") for part in content] if isinstance(content, list) else [str(content)]
                found.append("".join(texts))
    return found


def verdict(incident: Incident, shown: list[str]) -> dict:
    truth = incident.truth
    cited = [citation(item, text) for item, text in zip(truth["evidence"], shown, strict=False)]
    evidence = [
        {"id": one, "claim": f"it has '{item['find']}'"[:600]}
        for one, item in zip(cited, truth["evidence"], strict=False)
        if one
    ]
    places = [place["resource"] for place in truth["place"] if "resource" in place]
    cause = truth["cause"] + "".join(f" ({name})" for name in places)
    is_found = len(evidence) == len(truth["evidence"])
    status = "likely" if "likely" in truth["statuses"] else truth["statuses"][0]
    return {
        "status": status if is_found else "inconclusive",
        "title": truth["cause"][:200],
        "category": truth["categories"][0] if is_found else "unknown",
        "root_cause": cause if is_found else None,
        "confidence": 0.8 if is_found else None,
        "evidence": evidence,
        "hypotheses": [],
        "fix": None,
        "prevention": None,
        "redrive": truth["redrive"][0] if is_found else "do_not",
        "next_steps": [] if is_found else [MISSING],
    }


class Model(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, incident: Incident) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.incident = incident
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def next_block(self, body: dict) -> dict:
        if not body.get("tools"):
            return {"type": "text", "text": "{}"}
        shown = results(body["messages"])
        wanted = self.incident.truth["evidence"]
        if len(shown) < len(wanted):
            call = search(wanted[len(shown)])
        else:
            call = {"name": "StructuredOutput", "input": verdict(self.incident, shown)}
        return {"type": "tool_use", "id": f"toolu_scripted_{len(shown)}", **call}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Model

    def log_message(self, *_words: object) -> None:
        pass

    def send_all(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.send_all(200, "text/plain", b"")

    def body(self) -> dict:
        if "chunked" not in self.headers.get("transfer-encoding", "").lower():
            return json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        whole = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return json.loads(whole)

    def do_POST(self) -> None:
        body = self.body()
        if self.path.split("?")[0].endswith("/count_tokens"):
            return self.send_all(200, "application/json", b'{"input_tokens": 1200}')
        block = self.server.next_block(body)
        stop = "tool_use" if block["type"] == "tool_use" else "end_turn"
        message = {
            "id": f"msg_scripted_{len(body.get('messages', []))}", "type": "message", "role": "assistant",
            "model": body.get("model"), "content": [], "stop_reason": None, "stop_sequence": None, "usage": TOKENS,
        }  # fmt: skip
        if not body.get("stream"):
            whole = message | {"content": [block], "stop_reason": stop}
            return self.send_all(200, "application/json", json.dumps(whole).encode())
        return self.send_all(200, "text/event-stream; charset=utf-8", events(message, block, stop))


def events(message: dict, block: dict, stop: str) -> bytes:
    """Returns an answer as the events of a stream."""
    if block["type"] == "text":
        begun, delta = block | {"text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        begun, delta = block | {"input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    end = {"stop_reason": stop, "stop_sequence": None}
    parts = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": begun},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": TOKENS},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {part['type']}\ndata: {json.dumps(part)}\n\n" for part in parts).encode()
