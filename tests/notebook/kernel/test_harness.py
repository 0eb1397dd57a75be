"""The kernel harness itself, against plain cells: what it reports is what happened."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.connect import write_connection_file

from tests.kernel import Kernel


def test_a_cell_shows_its_result(kernel: Kernel) -> None:
    """A cell's value is its output, and its reply is ok."""
    request = kernel.send("1 + 1")
    kernel.wait(request)
    assert kernel.text(request) == "2"
    assert kernel.reply(request)["status"] == "ok"
    assert "Traceback" not in kernel.log


def test_five_queued_cells_all_run_in_their_order(kernel: Kernel) -> None:
    """Cells that are queued at once run one after the other, each with its own output."""
    requests = kernel.run_all("steps = []", *(f"steps.append({i}); print(steps)" for i in range(4)))
    ends = [kernel.wait(request) for request in requests]
    assert [kernel.text(r) for r in requests] == ["", "[0]", "[0, 1]", "[0, 1, 2]", "[0, 1, 2, 3]"]
    assert ends == sorted(ends)


def test_an_error_stops_the_cells_behind_it(kernel: Kernel) -> None:
    """As Run All does: a cell behind a failed one is aborted, and the harness says so."""
    broken, behind = kernel.run_all("import time; time.sleep(0.3); 1 / 0", "print('never')")
    kernel.wait(behind)
    assert "ZeroDivisionError" in kernel.text(broken)
    assert (kernel.reply(broken)["status"], kernel.reply(behind)["status"]) == ("error", "aborted")
    assert kernel.text(behind) == ""


def test_an_interrupt_ends_an_endless_cell_and_leaves_the_kernel_usable(kernel: Kernel) -> None:
    """Stop reaches a cell that would run for ever; the next cell works."""
    endless = kernel.send("print('started', flush=True)\nwhile True: pass")
    kernel.wait_for_text(endless, "started")
    kernel.interrupt()
    kernel.wait(endless)
    assert "KeyboardInterrupt" in kernel.text(endless)
    assert kernel.run("'still here'") == "'still here'"


@pytest.mark.parametrize("over_subshell", [False, True], ids=["main shell", "subshell"])
def test_a_click_reaches_the_button(kernel: Kernel, over_subshell: bool) -> None:
    """A click is handled in the kernel, over the main shell and over a subshell, as JupyterLab sends it."""
    subshell = kernel.subshell() if over_subshell else None
    if over_subshell and subshell is None:
        pytest.skip("this ipykernel has no subshells")
    kernel.run(
        "import ipywidgets\n"
        "button = ipywidgets.Button(description='0'); button.add_class('fh-test')\n"
        "def clicked(b): b.description = str(int(b.description) + 1)\n"
        "button.on_click(clicked)"
    )
    button = kernel.widget("fh-test")
    kernel.click(button, subshell=subshell)
    kernel.wait_until(lambda: kernel.widgets()[button]["description"] == "1", "the click's effect")


def test_updates_of_a_display_are_seen_in_their_place(kernel: Kernel) -> None:
    """A display that was updated later, even by another cell, shows its last content."""
    first = kernel.send("handle = display('old', display_id=True)")
    kernel.wait(first)
    kernel.run("handle.update('new')")
    assert [data["text/plain"] for data in kernel.shown(first)] == ["'new'"]


def test_a_kernel_sees_neither_key_nor_keyring(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the outer environment does not reach a kernel of a test, and its store lies in the test's folder."""
    monkeypatch.setenv("FETCH_HIVE_API_KEY", "fhk_outer")
    with Kernel(kernel.folder / "second") as second:
        code = "import os; print(*[os.environ.get(n) for n in ('FETCH_HIVE_API_KEY', 'FH_NOTEBOOK_STORE')])"
        assert second.run(code) == f"None {second.folder / 'store.sqlite3'}"


@pytest.mark.long
def test_a_port_that_another_process_has_taken_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the choice of a kernel's ports and its start another process may take one: it starts on others."""
    with socket.socket() as other:

        def taken(file: str, **options: Any) -> tuple[str, dict[str, Any]]:
            monkeypatch.undo()
            name, facts = write_connection_file(file, **options)
            other.bind(("127.0.0.1", facts["shell_port"]))
            return name, facts

        monkeypatch.setattr("tests.kernel.write_connection_file", taken)
        with Kernel(tmp_path) as kernel:
            assert kernel.run("1 + 1") == "2"
            assert "Traceback" not in kernel.log
            assert other.getsockname()[1] > 0
