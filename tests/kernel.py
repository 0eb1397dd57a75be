"""A kernel driven over its own protocol, as JupyterLab drives it: several cells at once, clicks, interrupts.

Rule of this file: nothing sleeps. One thread reads what the kernel publishes and wakes whoever waits for it. Runners
that send a cell only when the last one is done (nbclient) cannot see what happens to a queue; this one can.

It speaks over plain zmq sockets: jupyter_client's blocking client runs an event loop in the calling thread and leaves
it open, which other tests would see (and ``ResourceWarning`` is an error here).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import zmq
from jupyter_client.connect import write_connection_file
from jupyter_client.session import Session

from tests import environment, fork_server

PATIENCE_S = 90.0
"""How long a wait may take before the test fails; a machine under load is no reason to fail."""

TRIES = 3
"""Of starting a kernel: another process may take one of its ports before it listens there."""

NO_OFFER = (
    "from fh_notebook.notebook.magics import cell_magic\nfrom fh_notebook.notebook.ui import buttons\n"
    "buttons.DELAY_S = cell_magic.SOON_S = 3600.0"
)
"""A cell after which neither an offer to cancel comes nor an output before the answer: on a busy machine the shortest
cell takes the second, or the 0.3 s, until they do."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message that the kernel published."""

    kind: str
    """The protocol's `msg_type`: ``stream``, ``error``, ``execute_result``, ``display_data``, ``status``, ..."""
    content: Mapping[str, Any]
    parent: str
    """The id of the request that it belongs to: one cell, one click."""
    at_s: float
    """When it was read, by the monotonic clock."""

    @property
    def text(self) -> str:
        """What a person without a browser would read of it."""
        if self.kind == "stream":
            return str(self.content["text"])
        if self.kind == "error":
            return "\n".join(self.content["traceback"])
        return str(self.content.get("data", {}).get("text/plain", ""))


class Kernel:
    """A running kernel; a context manager.

    Parameters
    ----------
    folder : Path
        For its kernelspec, its log and everything that it may write.
    python : str, optional
        The interpreter with ipykernel in it. The environment variable ``FH_KERNEL_PYTHON``, else this test's own: so
        one suite can be run against several versions of ipykernel.
    **variables : str
        More environment variables.
    """

    def __init__(self, folder: Path, *, python: str | None = None, **variables: str) -> None:
        self.folder = folder
        self._python = python or os.environ.get("FH_KERNEL_PYTHON") or sys.executable
        self._variables = variables
        self.messages: list[Message] = []
        self._idle: dict[str, float] = {}
        self._replies: dict[str, Mapping[str, Any]] = {}
        self._changed = threading.Condition()
        self._closing = threading.Event()

    def __enter__(self) -> Kernel:
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(TRIES)):
            self._start()
            try:
                self._wait_for_ready()
                break
            except BaseException:
                self.__exit__()
                if not left or "Address already in use" not in self.log:
                    raise
                (self.folder / "kernel.log").unlink()
        return self

    def _start(self) -> None:
        self._closing.clear()
        file, facts = write_connection_file(str(self.folder / f"kernel-{uuid4().hex}.json"), key=uuid4().hex.encode())
        self._session = Session(key=facts["key"].encode(), signature_scheme=facts["signature_scheme"])
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._shell = self._connect(zmq.DEALER, facts["shell_port"])
        self._control = self._connect(zmq.DEALER, facts["control_port"])
        self._stdin = self._connect(zmq.DEALER, facts["stdin_port"])
        self._iopub = self._connect(zmq.SUB, facts["iopub_port"])
        self._iopub.setsockopt(zmq.SUBSCRIBE, b"")
        # JPY_PARENT_PID: the kernel ends by itself when this process dies.
        env = environment.for_process(self.folder, JPY_PARENT_PID=str(os.getpid()), **self._variables)
        self.process = self._start_process(file, env)
        self._reader = threading.Thread(target=self._read, name="iopub", daemon=True)
        self._reader.start()

    def _start_process(self, file: str, env: Mapping[str, str]) -> subprocess.Popen[bytes] | fork_server.ForkedProcess:
        log = self.folder / "kernel.log"
        if self._python == sys.executable and fork_server.IS_SUPPORTED:
            return fork_server.start("ipykernel_launcher", "-f", file, env=env, cwd=self.folder, log=log)
        with log.open("ab") as output:
            return subprocess.Popen(
                [self._python, "-m", "ipykernel_launcher", "-f", file],
                env=env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        self._reader.join()
        self.process.kill()
        self.process.wait()
        self._context.destroy(linger=0)

    def _connect(self, kind: int, port: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        if kind == zmq.DEALER:
            socket.identity = self._session.bsession  # the kernel asks on stdin by the name of who sent on shell
        socket.connect(f"tcp://127.0.0.1:{port}")
        return socket

    def _wait_for_ready(self) -> None:
        """Wait until the kernel answers, and until this side of its publishing socket is heard as well."""
        end = time.monotonic() + 2 * PATIENCE_S
        while time.monotonic() < end and self.process.poll() is None:
            request = self._request("kernel_info_request", {})
            info = self._receive(self._shell, request, timeout=2)  # then look whether it has ended
            if info is None:
                continue
            self.features: list[str] = info.get("supported_features", [])
            with self._changed:
                # What was published before the subscription arrived is lost: then ask again.
                if self._changed.wait_for(lambda sent=request: sent in self._idle, 0.2):
                    return
        raise AssertionError(f"the kernel did not start; log:\n{self.log[-2000:]}")

    @property
    def log(self) -> str:
        """What the kernel's process itself wrote: empty when all is well."""
        return (self.folder / "kernel.log").read_text(errors="replace")

    # ------------------------------------------------------------------ reading

    def _read(self) -> None:
        while not self._closing.is_set():
            if not self._iopub.poll(100):
                continue
            _, raw = self._session.recv(self._iopub, mode=0)
            parent = raw["parent_header"].get("msg_id", "")
            message = Message(raw["msg_type"], raw["content"], parent, time.monotonic())
            with self._changed:
                self.messages.append(message)
                if message.kind == "status" and message.content["execution_state"] == "idle":
                    self._idle[message.parent] = message.at_s
                self._changed.notify_all()

    def _request(self, kind: str, content: Mapping[str, Any], *, subshell: str | None = None) -> str:
        """Send a message on the shell channel and return its id."""
        message = self._session.msg(kind, dict(content))
        if subshell:
            message["header"]["subshell_id"] = subshell
        self._session.send(self._shell, message)
        return str(message["header"]["msg_id"])

    def _receive(self, socket: zmq.Socket[bytes], request: str, timeout: float) -> Mapping[str, Any] | None:
        """Return the reply to `request`, or None when it does not come; replies to others are kept."""
        end = time.monotonic() + timeout
        while request not in self._replies:
            if not socket.poll(max(0, int(1000 * (end - time.monotonic())))):
                return None
            _, raw = self._session.recv(socket, mode=0)
            self._replies[raw["parent_header"].get("msg_id", "")] = raw["content"]
        return self._replies[request]

    def wait_until(self, happened: Callable[[], Any], what: str, timeout: float = PATIENCE_S) -> Any:
        """Wait until `happened()` is true, asking again after each message, and return its value.

        Raises
        ------
        AssertionError
            It did not happen within `timeout` seconds; with everything that was published.
        """
        with self._changed:
            value = self._changed.wait_for(happened, timeout)
        if not value:
            seen = "\n".join(f"  {m.kind}: {m.text.strip()[:200]}" for m in self.messages[-40:] if m.kind != "status")
            raise AssertionError(f"{what}: not within {timeout:g} s; published was\n{seen}\nlog:\n{self.log[-2000:]}")
        return value

    def outputs(self, request: str) -> list[Message]:
        """Return what `request` has published so far, without the protocol's own notes (status, echoes, comms)."""
        kinds = ("stream", "error", "execute_result", "display_data", "update_display_data", "clear_output")
        with self._changed:
            return [m for m in self.messages if m.parent == request and m.kind in kinds]

    def text(self, request: str) -> str:
        """Return the plain text of all outputs of `request`, in the order of their arrival."""
        return "".join(m.text if m.kind == "stream" else f"{m.text}\n" for m in self.outputs(request)).strip()

    def shown(self, request: str) -> list[Mapping[str, Any]]:
        """Return the displays that a reader of `request`'s cell sees in the end, updates of a display applied."""
        with self._changed:
            everything = list(self.messages)
        updates = {
            m.content["transient"]["display_id"]: m.content["data"]
            for m in everything
            if m.kind == "update_display_data"
        }
        displays = [m for m in everything if m.parent == request and m.kind in ("display_data", "execute_result")]
        return [updates.get(m.content.get("transient", {}).get("display_id"), m.content["data"]) for m in displays]

    # ------------------------------------------------------------------ cells

    def send(self, code: str, *, person: bool = False) -> str:
        """Queue a cell and return its request id at once. As Run All does, an error stops the cells behind it.

        With a `person`, as a page sends it: somebody is there to be asked. Without, as nbclient and papermill do.
        """
        return self._request(
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": person,
                "stop_on_error": True,
            },
        )

    def run_all(self, *cells: str, person: bool = False) -> list[str]:
        """Queue all `cells` at once, as Run All does, and return their request ids."""
        return [self.send(code, person=person) for code in cells]

    def wait(self, request: str, timeout: float = PATIENCE_S) -> float:
        """Wait until the kernel is done with `request` and return when it was, by the monotonic clock."""
        return float(self.wait_until(lambda: self._idle.get(request), "the end of a cell", timeout))

    def run(self, code: str, timeout: float = PATIENCE_S) -> str:
        """Run a cell, wait for it, and return the text of its outputs."""
        request = self.send(code)
        self.wait(request, timeout)
        return self.text(request)

    def reply(self, request: str, timeout: float = PATIENCE_S) -> Mapping[str, Any]:
        """Return the content of the reply to `request`: its ``status`` is ``ok``, ``error`` or ``aborted``."""
        content = self._receive(self._shell, request, timeout)
        if content is None:
            raise AssertionError(f"no reply within {timeout:g} s; log:\n{self.log[-2000:]}")
        return content

    def wait_for_text(self, request: str, text: str, timeout: float = PATIENCE_S) -> None:
        """Wait until `request` has published `text`: the way to know that a cell is running."""
        self.wait_until(lambda: text in self.text(request), f"the output {text!r}", timeout)

    def asked(self, timeout: float = PATIENCE_S) -> Mapping[str, Any]:
        """Wait until a cell (sent with a `person`) asks for a line, and return its ``prompt`` and ``password``."""
        if not self._stdin.poll(1000 * timeout):
            raise AssertionError(f"nothing was asked within {timeout:g} s; log:\n{self.log[-2000:]}")
        _, raw = self._session.recv(self._stdin, mode=0)
        assert raw["msg_type"] == "input_request"
        content: Mapping[str, Any] = raw["content"]
        return content

    def answer(self, text: str) -> None:
        """Type `text` into the box that :meth:`asked` has seen, and press Enter."""
        self._session.send(self._stdin, self._session.msg("input_reply", {"value": text}))

    def complete(self, code: str, cursor: int | None = None, timeout: float = PATIENCE_S) -> Mapping[str, Any]:
        """Ask, as Tab in a page does, for what can stand at `cursor` (characters; the end unless given) of a cell.

        The reply's ``matches`` take the place of the text from ``cursor_start`` to ``cursor_end``; its ``metadata``
        says more of each.
        """
        place = len(code) if cursor is None else cursor
        return self.reply(self._request("complete_request", {"code": code, "cursor_pos": place}), timeout)

    def interrupt(self) -> None:
        """Do what the Stop button does."""
        os.killpg(self.process.pid, signal.SIGINT)

    # ------------------------------------------------------------------ widgets

    def widgets(self) -> dict[str, dict[str, Any]]:
        """Return the state of every open widget by its id, updates from the kernel applied."""
        states: dict[str, dict[str, Any]] = {}
        with self._changed:
            everything = list(self.messages)
        for message in everything:
            comm, data = message.content.get("comm_id", ""), message.content.get("data", {})
            if message.kind == "comm_open" and "state" in data:
                states[comm] = dict(data["state"])
            elif message.kind == "comm_msg" and data.get("method") == "update" and comm in states:
                states[comm].update(data["state"])
            elif message.kind == "comm_close":
                states.pop(comm, None)
        return states

    def widget(self, dom_class: str, timeout: float = PATIENCE_S) -> str:
        """Wait for a widget with the DOM class `dom_class` and return its id (of several, the newest)."""

        def found() -> str | None:
            return next(
                (w for w, s in reversed(self.widgets().items()) if dom_class in s.get("_dom_classes", ())), None
            )

        return str(self.wait_until(found, f"a widget of class {dom_class}", timeout))

    def comm(self, widget: str, data: Mapping[str, Any], *, subshell: str | None = None) -> str:
        """Send `data` to a widget, as the page does, and return the request id."""
        return self._request("comm_msg", {"comm_id": widget, "data": dict(data)}, subshell=subshell)

    def click(self, widget: str, *, subshell: str | None = None) -> str:
        """Click a button and return the request id."""
        return self.comm(widget, {"method": "custom", "content": {"event": "click"}}, subshell=subshell)

    def set(self, widget: str, *, subshell: str | None = None, **state: Any) -> str:
        """Change a widget's state from the page's side and return the request id."""
        return self.comm(widget, {"method": "update", "state": state, "buffer_paths": []}, subshell=subshell)

    def subshell(self, timeout: float = PATIENCE_S) -> str | None:
        """Open a subshell, over which JupyterLab 4.4 and later send clicks, or return None where there are none."""
        if "kernel subshells" not in self.features:
            return None
        message = self._session.msg("create_subshell_request", {})
        self._session.send(self._control, message)
        content = self._receive(self._control, str(message["header"]["msg_id"]), timeout)
        return content.get("subshell_id") if content else None
