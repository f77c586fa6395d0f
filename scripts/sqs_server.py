"""Runs LocalStack's SQS service in this process, on a loopback port of its own.

    sqs_server.py FOLDER

Prints one line, the server's address, once it answers. Ends at end of input or on a signal, after
it has removed FOLDER. LocalStack's own output goes to FOLDER/log, and to stderr when the start
fails. All state is in memory, so the server can stop at once.
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
import time
import urllib.request
from typing import NoReturn

START_LIMIT_S = 120  # about 2 s on an idle machine


def end(status: int) -> NoReturn:
    """Removes the folder and ends the process at once, whatever its threads do."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(status)


def fail(reason: str) -> NoReturn:
    with open(log_path, "rb") as log:
        os.write(stderr, log.read() + f"sqs-server: error: {reason}\n".encode())
    end(1)


def watch_input() -> None:
    """Ends the server at end of input: the process that started it has closed the pipe or died."""
    while os.read(0, 4096):
        pass
    end(0)


def sweep() -> None:
    """Removes the folders of servers that were killed: those whose log is not locked."""
    for path in glob.glob(os.path.join(os.path.dirname(folder), "sqs-*", "log")):
        try:
            with open(path, "rb") as log:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - os.stat(os.path.dirname(path)).st_mtime > START_LIMIT_S:
                    shutil.rmtree(os.path.dirname(path), ignore_errors=True)
        except OSError:
            pass  # locked by a running server, or removed by another sweep


def announce() -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        try:
            with opener.open(f"{address}/_localstack/health", timeout=5) as answer:
                json.load(answer)
        except (OSError, ValueError):
            time.sleep(0.05)
            continue
        try:
            os.write(stdout, f"{address}\n".encode())
        except OSError:  # the reader has closed the pipe
            end(0)
        os.close(stdout)
        return
    fail(f"the server did not answer within {START_LIMIT_S} s")


folder = os.path.abspath(sys.argv[1])
log_path = os.path.join(folder, "log")
stdout, stderr = os.dup(1), os.dup(2)
log_file = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
fcntl.flock(log_file, fcntl.LOCK_EX)
sweep()
os.dup2(log_file, 1)
os.dup2(log_file, 2)

# The port is bound, not guessed: no other process can take it between now and the first request.
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
listener.setblocking(False)
port = listener.getsockname()[1]
address = f"http://127.0.0.1:{port}"

for name in [n for n in os.environ if n.startswith(("AWS_", "LOCALSTACK_"))]:
    del os.environ[name]
os.environ.update(
    HOME=folder,
    TMPDIR=folder,
    SERVICES="sqs",
    EAGER_SERVICE_LOADING="1",
    LOCALSTACK_HOST=f"127.0.0.1:{port}",
    GATEWAY_LISTEN=f"127.0.0.1:{port}",
    SQS_ENDPOINT_STRATEGY="path",
    DISABLE_EVENTS="1",
    SKIP_SSL_CERT_DOWNLOAD="1",
    # The default is one file for all servers of the machine, which each rewrites while others read it.
    CUSTOM_SSL_CERT_PATH=os.path.join(folder, "server.pem"),
    DNS_ADDRESS="0",
    LOCALSTACK_VOLUME_DIR=os.path.join(folder, "vol"),
    FILESYSTEM_ROOT=folder,
    NO_PROXY="127.0.0.1,localhost",
    no_proxy="127.0.0.1,localhost",
)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda received, _frame: end(128 + received))
threading.Thread(target=watch_input, daemon=True).start()

try:
    from localstack.logging.setup import setup_logging_from_config
    from localstack.runtime import current
    from twisted.internet import endpoints

    def listen_on_loopback(reactor, *_args, **_kwargs):
        """Replaces LocalStack's listener on every interface by the loopback socket."""
        listener.listen(1024)
        return endpoints.AdoptedStreamServerEndpoint(reactor, listener.fileno(), socket.AF_INET)

    endpoints.TCP4ServerEndpoint = listen_on_loopback
    setup_logging_from_config()
    runtime = current.initialize_runtime()
    threading.Thread(target=announce, daemon=True).start()
    runtime.run()
except Exception as error:  # any failure: print it with the log
    fail(f"the server did not start: {error}")
fail("the server ended by itself")
