"""Tools of the call, later, hive and command line suites: a recording service, a shell, a process, a signature."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import fh_notebook as fh
from tests import environment
from tests.ipython_shell import open_shell
from tests.raw_server import Script, says

KEY = "fhk_c4f1d0e97b3a2586"
PATIENCE_S = 60.0
HEADER = "X-Fetch-Hive-Signature"


def answers(status: int, /, *headers: bytes, **body: Any) -> Script:
    """Answer with a JSON body."""
    return says(status, json.dumps(body).encode(), *headers)


GOOD = answers(200, request_id="req_good", run_status="completed", output="good")


def json_sent(request: bytes) -> dict[str, Any]:
    """Return the JSON body of a raw request."""
    sent: dict[str, Any] = json.loads(request.partition(b"\r\n\r\n")[2])
    return sent


def signature(body: bytes, secret: str, spelling: str = "hex") -> str:
    """Sign as the service does, in one of the accepted spellings."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256)
    if spelling == "base64":
        return base64.b64encode(digest.digest()).decode()
    return ("sha256=" if spelling == "prefixed" else "") + digest.hexdigest()


def until(condition: Callable[[], Any]) -> Any:
    """Return what `condition()` is once it is true."""
    end = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < end, "it did not come true in good time"
        time.sleep(0.005)
    return value


def echo_hive(**options: Any) -> fh.local.LocalHive:
    """Return a hive with the deployment ``echo`` in three variants, one of which fails."""
    hive = fh.local.LocalHive(**{"api_key": KEY, **options})

    @hive.workflow("echo", variant="plain")
    def plain(text: str, times: int = 1) -> str:
        return text * times

    @hive.workflow("echo", variant="loud")
    def loud(text: str, times: int = 1) -> dict[str, str]:
        return {"said": text.upper() * times}

    @hive.workflow("echo", variant="broken")
    def broken(text: str) -> str:
        raise RuntimeError(f"cannot say {text}")

    return hive


class Held:
    """A hive whose workflow ``held`` begins, says so, and ends when it is let go."""

    def __init__(self, **options: Any) -> None:
        self.hive = fh.local.LocalHive(**{"api_key": KEY, **options})
        self.began: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.go = threading.Semaphore(0)

        @self.hive.workflow("held", variant="v")
        def held(text: str) -> str:
            self.began.put(text)
            assert self.go.acquire(timeout=PATIENCE_S)
            return text.upper()

    def wait_begun(self) -> str:
        return self.began.get(timeout=PATIENCE_S)

    def let_go(self, runs: int = 1) -> None:
        self.go.release(runs)


class Shell:
    """A real IPython shell with the extension loaded."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def run(self, cell: str) -> tuple[Any, str]:
        """Run a cell; return its value, or its exception, and everything that it showed."""
        with capture_output() as captured:
            result = self.shell.run_cell(cell, store_history=True)
        shown = "\n".join(str(value) for output in captured.outputs for value in output.data.values())
        return result.error_in_exec or result.result, captured.stdout + captured.stderr + shown


@contextlib.contextmanager
def loaded_shell() -> Iterator[Shell]:
    """Open a shell, and load the extension, which prints nothing."""
    with open_shell() as instance:
        instance.colors = "nocolor"
        made = Shell(instance)
        assert made.run("%load_ext fh_notebook\nimport fh_notebook as fh")[1] == ""
        yield made


class Delivered(NamedTuple):
    """One request that a `Receiver` got."""

    headers: dict[str, str]
    body: bytes


class Receiver:
    """A plain HTTP server of somebody else's that takes callbacks; it answers the statuses that it is given, then 200."""

    def __init__(self, *statuses: int) -> None:
        self.requests: queue.SimpleQueue[Delivered] = queue.SimpleQueue()
        left, requests = list(statuses), self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                requests.put(Delivered({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(left.pop(0) if left else 200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/callback"

    def next(self) -> Delivered:
        return self.requests.get(timeout=PATIENCE_S)

    def __enter__(self) -> Receiver:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


COMMAND = [str(Path(sys.executable).with_name("fh-notebook"))]


def command(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``fh-notebook`` as a process in `folder`."""
    return subprocess.run(
        [*COMMAND, *words], cwd=folder, env=environment.for_process(folder, **variables), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE_S,
    )  # fmt: skip
