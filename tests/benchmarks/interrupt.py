"""Time from the Stop button to the end of a cell, with a call in flight, in a real kernel."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path

from fh_notebook.local import LocalHive
from tests.kernel import Kernel

TIMES = 20


def main() -> None:
    began, hold = threading.Semaphore(0), threading.Event()
    hive = LocalHive()

    @hive.workflow("slow", variant="v")
    def slow(text: str) -> str:
        began.release()
        hold.wait(60)
        return text

    cells = {
        "%%fetchhive": "%%fetchhive slow -v v\ntext: x",
        "hive.invoke": "hive.invoke('slow', variant='v', inputs={'text': 'x'})",
        "await hive.ainvoke": "await hive.ainvoke('slow', variant='v', inputs={'text': 'x'})",
    }
    with tempfile.TemporaryDirectory() as folder, hive.serve() as server:
        with Kernel(Path(folder), FETCH_HIVE_BASE_URL=server.url) as kernel:
            kernel.run("%load_ext fh_notebook\nimport fh_notebook as fh\nhive = fh.Client()")
            for name, cell in cells.items():
                took = []
                for _ in range(TIMES):
                    request = kernel.send(cell)
                    began.acquire(timeout=30)
                    pressed = time.monotonic()
                    kernel.interrupt()
                    took.append(kernel.wait(request) - pressed)
                print(f"{name}: median {statistics.median(took):.3f} s, slowest {max(took):.3f} s of {TIMES}")
        hold.set()
