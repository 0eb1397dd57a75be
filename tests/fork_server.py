"""A process that has imported what every kernel needs, and becomes each kernel of this interpreter by a fork.

A kernel that imports `fh_notebook` takes a second and a half of CPU, most of it for ipykernel and pandas, which a fork
has already. It is a process of its own, with its own environment, folder and session. The package itself is not
imported beforehand: a process that imports it is what tests are about. Nor is anything of which a test asks whether a
cell imports it (ipywidgets, matplotlib). A program whose kernels are not asked that names more in `MORE_IMPORTS`.

Each process of the tests has one server, which ends with it: the pipe that it reads requests from is closed then. A
kernel whose server has ended ends by itself.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests import environment

IS_SUPPORTED: Final = hasattr(os, "fork") and hasattr(os, "pidfd_open")
"""Of Linux only: the end of a process that is not one's own child is seen through its pidfd."""

IMPORTS: Final = (
    "ipykernel.ipkernel", "ipykernel.kernelapp", "pandas", "httpx", "httptools", "regex", "ruamel.yaml", "jsonschema_rs",
    "sqlite3", "starlette.applications", "starlette.routing", "uvicorn", "markdown_it",
)  # fmt: skip

MORE_IMPORTS: Final = "FH_FORK_IMPORTS"
"""The environment variable with names of modules, set for a program whose kernels need them, too."""


class ForkedProcess:
    """A process that a fork server has made; with the part of `subprocess.Popen` that tests and Jupyter use."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd: int | None = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return None while it runs. The exit code of another's child is not known: it is told as 0."""
        if self._pidfd is not None and select.select([self._pidfd], [], [], 0)[0]:
            self._close()
        return None if self._pidfd is not None else 0

    def wait(self) -> int:
        """Wait for its end."""
        if self._pidfd is not None:
            select.select([self._pidfd], [], [])
            self._close()
        return 0

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def _close(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


def start(module: str, *arguments: str, env: Mapping[str, str], cwd: Path, log: Path) -> ForkedProcess:
    """Run ``python -m module arguments`` in a fork of this process's server; its output is added to the file `log`."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    request = {"module": module, "arguments": arguments, "env": dict(env), "cwd": str(cwd), "log": str(log)}
    server.stdin.write(f"{json.dumps(request)}\n")
    server.stdin.flush()
    return ForkedProcess(int(server.stdout.readline()))


@cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.fork_server"],
        # ipykernel reads JPY_PARENT_PID when it is imported.
        env=environment.for_process(Path(tempfile.gettempdir()), JPY_PARENT_PID=str(os.getpid())),
        cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    atexit.register(server.communicate)  # closes its pipes, and waits for its end
    return server


def _serve() -> None:
    for module in (*IMPORTS, *os.environ.get(MORE_IMPORTS, "").split()):
        importlib.import_module(module)
    # pandas takes the width of a terminal where it is imported outside of a kernel.
    importlib.import_module("pandas").set_option("display.max_columns", 20)
    gc.freeze()  # a collection in a fork would copy what is shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks: the system forgets them at their end
    for line in sys.stdin:
        request = json.loads(line)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # numpy has threads, which know of forks
            pid = os.fork()
        if pid == 0:
            break
        print(pid, flush=True)
    else:
        return
    _become(request)


def _become(request: dict[str, Any]) -> None:
    """Make this process what ``python -m`` would have made of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]
    sys.argv = ["", *request["arguments"]]
    if "ipywidgets" in sys.modules:
        # It tells the kernel in which it is imported that a page may ask for the states of all widgets at once, and there
        # was none then. A page that is not answered asks for each by itself, and can show one before it has come.
        sys.argv.append("--IPKernelApp.extra_extensions=ipywidgets")
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
