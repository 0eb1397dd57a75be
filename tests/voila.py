"""Voila in a process of its own: a notebook, or a folder of notebooks, served as apps."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests import kernel_provisioner
from tests.lab import PATIENCE_MS, end_process
from tests.ports import free_port

OPTIONS: Final = (
    "--VoilaExecutor.iopub_timeout=120",  # its own 4 s are less than a busy machine takes, and outputs are lost then
    "--Voila.tornado_settings={'disable_check_xsrf': True}",  # else a page that is left may not end its kernel (403)
)


@contextmanager
def run_voila(served: Path, **variables: str) -> Iterator[str]:
    """Serve a notebook as an app at the address that is yielded, or a folder's notebooks below ``/voila/render/``."""
    folder = served if served.is_dir() else served.parent
    options = ["--no-browser", f"--port={free_port()}", "--Voila.ip=127.0.0.1", "--show_tracebacks=True", *OPTIONS]
    with (folder / "voila.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "voila", str(served), *options],
            stdout=log, stderr=subprocess.STDOUT, env=kernel_provisioner.for_program(folder, **variables), cwd=folder,
        )  # fmt: skip
    try:
        yield _address(process, folder / "voila.log")
    finally:
        end_process(process)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address of which Voila says that it listens there: it takes the next port where one is taken."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while process.poll() is None and time.monotonic() < end:
        if said := re.search(r"is running at:\s+http://[^:]+:(\d+)/\s", log.read_text(errors="replace")):
            return f"http://127.0.0.1:{said[1]}"
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError(f"Voila did not start:\n{log.read_text(errors='replace')[-4000:]}")
