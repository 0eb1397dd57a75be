"""A canary in a cell of a real kernel, run again as papermill runs it, its calls counted at the hive."""

from __future__ import annotations

from pathlib import Path

import pytest

from fh_notebook.local import demo_hive
from tests.kernel import Kernel

KEY = "fhk_0123456789abcdef"
SETUP = "%load_ext fh_notebook\nimport fh_notebook as fh\ntickets = fh.local.tickets()[:30]"
CELL = """watched = fh.canary(tickets, "support-triage", variant="keywords", score=fh.score.exact(), name="w")
watched"""


@pytest.mark.long
def test_a_notebook_that_is_run_twice_on_one_day_makes_its_calls_once(tmp_path: Path) -> None:
    """Each time by a new kernel: the same page, the answer first; 30 calls altogether."""
    hive = demo_hive(pace=0, api_key=KEY)
    pages = []
    with hive.serve() as server:
        for _ in range(2):
            with Kernel(tmp_path, FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY) as kernel:
                kernel.run(SETUP)
                cell = kernel.send(CELL)
                kernel.wait(cell)
                assert kernel.reply(cell)["status"] == "ok", kernel.text(cell)
                (shown,) = [m for m in kernel.outputs(cell) if m.kind == "execute_result"]
                assert "30 of 30 rows" in shown.text.splitlines()[1], "below its name"
                pages.append(shown.content["data"]["text/html"])
    assert hive.counts.calls == 30
    assert pages[0] == pages[1]
