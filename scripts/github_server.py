"""A stand-in for GitHub on a free loopback port: REST, GraphQL and git over HTTP, with a state.

    github_server.py FOLDER PARTS

FOLDER holds the repositories and is removed at the end; PARTS is what `scripts/github-server --setup`
has installed: GitHub's schema and its OpenAPI document. Prints one line of JSON, {"url": ...}, when it
answers. Ends at end of input or on a signal. It also answers as a proxy, to requests that name a host.
Tests steer it by paths below /_control; scripts/github_parts/control.py lists them.
"""

import fcntl
import glob
import json
import os
import shutil
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from github_parts.control import Control  # noqa: E402
from github_parts.standin import StandIn  # noqa: E402


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def handle_any(self):
        try:
            body = self.read_body()
            if self.path.startswith("/_control/"):
                self.reply(*control.answer(self.command, self.path, body))
            else:
                self.reply(*standin.answer(self.command, self.path, self.headers, body, self))
        except (BrokenPipeError, ConnectionError):
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = handle_any

    def do_CONNECT(self):
        """Refuses tunnels: the stand-in has no certificate."""
        self.reply(501, {}, b"")

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while (size := int(self.rfile.readline().split(b";")[0], 16)) > 0:
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status, headers, body):
        """Sends an answer. Status 0: the connection is closed instead; `X-Cut`: half of it is sent."""
        if status == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        headers = dict(headers)
        is_cut = headers.pop("X-Cut", None)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204 and status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:len(body) // 2] if is_cut else body)
        if is_cut:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def version_string(self):
        return "github.com"

    def log_message(self, *_arguments):
        """Prints nothing: /_control/log has the requests."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def end(status):
    """Removes the folder and ends at once, whatever the threads do."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(status)


def sweep():
    """Removes the folders of servers that were killed: those whose lock nobody holds."""
    for path in glob.glob(os.path.join(os.path.dirname(folder), "github-work-*", "lock")):
        try:
            with open(path, "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(os.path.dirname(path), ignore_errors=True)
        except OSError:
            pass  # held by a running server, or removed by another sweep


def watch_input():
    while os.read(0, 4096):
        pass
    end(0)


folder, parts = (os.path.abspath(path) for path in sys.argv[1:3])
held = os.open(os.path.join(folder, "lock.new"), os.O_WRONLY | os.O_CREAT, 0o600)
fcntl.flock(held, fcntl.LOCK_EX)
os.rename(os.path.join(folder, "lock.new"), os.path.join(folder, "lock"))
sweep()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda received, _frame: end(128 + received))
standin = StandIn(folder, parts)
control = Control(standin)
server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=watch_input, daemon=True).start()
try:
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
except OSError:  # the reader has closed the pipe
    end(0)
server.serve_forever()
