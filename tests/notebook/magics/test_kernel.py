"""``%%fetchhive`` in a real kernel, spoken to as JupyterLab speaks to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.kernel import NO_OFFER, Kernel
from tests.notebook.slow_hive import KEY, PATIENCE_S, SlowHive
from tests.told import tells


@pytest.fixture
def hive() -> Iterator[SlowHive]:
    """It counts what the kernel calls."""
    hive = SlowHive()
    yield hive
    hive.hold.set()


@pytest.fixture
def connected(hive: SlowHive, tmp_path) -> Iterator[Kernel]:
    """A kernel that is configured by its environment, as a user's is, with the extension loaded."""
    with hive.serve() as server, Kernel(tmp_path, FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY) as kernel:
        assert kernel.run("%load_ext fh_notebook") == ""
        yield kernel
        hive.hold.set()


def test_run_all_with_five_queued_cells_runs_all_five(connected: Kernel, hive: SlowHive) -> None:
    """Five cells queued at once, as Run All does: each runs, in order, and each shows its own answer."""
    cells = connected.run_all(
        "%%fetchhive echo -v plain --out a\ntext: one",
        "%%fetchhive echo -v plain -v plain --out b\ntext: two",
        "a.output + ' and ' + b.output",
        "import fh_notebook as fh\nrun = await fh.Client().ainvoke('echo', variant='plain', inputs={'text': 'three'})\nrun",
        "fh.Client().invoke('echo', variant='plain', inputs={'text': 'four'})",
    )
    connected.wait(cells[-1])
    assert [connected.reply(c)["status"] for c in cells] == ["ok"] * 5
    assert [
        ("said " + w) in connected.text(c) for w, c in zip(["one", "two", "one", "three", "four"], cells, strict=True)
    ] == [True] * 5
    assert "said two" in connected.text(cells[2])
    assert len(hive.calls) == 4
    assert "Traceback" not in connected.log


def test_an_interrupt_ends_a_cell_in_one_line_and_the_kernel_stays_usable(connected: Kernel, hive: SlowHive) -> None:
    """Stop while a call is in flight: the cell ends, the call is cancelled, the cells behind it do not run, and the next does."""
    connected.run("import logging; logging.basicConfig(); logging.getLogger('fh_notebook').setLevel(logging.DEBUG)")
    slow, behind = connected.run_all("%%fetchhive echo -v slow -v plain --out runs\ntext: hi", "print('behind')")
    assert hive.began.acquire(timeout=PATIENCE_S)
    connected.wait_for_text(slow, "saved echo/plain: completed")
    connected.interrupt()
    connected.wait(slow)
    assert connected.reply(slow)["status"] == "error"
    assert connected.reply(behind)["status"] == "aborted"
    [error] = [m for m in connected.outputs(slow) if m.kind == "error"]
    assert re.search(r"\bStopped:", error.text)
    assert "1 of 2 " in error.text
    assert len(error.text.splitlines()) == 1
    assert "said hi" in connected.run("runs.output.iloc[0]")
    past = connected.run("import fh_notebook as fh; fh.history()[['variants', 'status', 'error']].to_csv()")
    assert "slow,unknown,cancelled" in past
    assert "said again" in connected.run("%%fetchhive echo -v plain\ntext: again")


def test_an_interrupted_blocking_call_in_python_leaves_the_kernel_usable(connected: Kernel, hive: SlowHive) -> None:
    """The same for hive.invoke, and for an awaited twin."""
    connected.run("import fh_notebook as fh\nhive = fh.Client()")
    for call in ("hive.invoke", "await hive.ainvoke"):
        slow = connected.send(f"{call}('echo', variant='slow', inputs={{'text': 'hi'}})")
        assert hive.began.acquire(timeout=PATIENCE_S)
        connected.interrupt()
        connected.wait(slow)
        assert connected.reply(slow)["status"] == "error", call
        assert connected.reply(slow)["ename"] in ("KeyboardInterrupt", "CancelledError"), call
        [error] = [m for m in connected.outputs(slow) if m.kind == "error"]
        assert re.fullmatch("Stopped: .*", error.text), call
        assert "Run(unknown, echo/slow" in connected.run("%fetchhive last"), call
        assert "said x" in connected.run("hive.invoke('echo', variant='plain', inputs={'text': 'x'}).output")


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("%%fetchhive echo -v plain\ntext: [1", "InputError: echo: .*\\b1 of the"),
        ("%%fetchhive echo\ntext: hi", "InputError: echo: .* -v NAME"),
        ("%%fetchhive echo -v plain --nope\ntext: hi", "UsageError: %%fetchhive: .* --nope\\b"),
        ("import fh_notebook as fh; fh.Client(base_url='http://example.com/v1')", "SettingsError: base_url"),
        (
            "import fh_notebook as fh\n"
            "fh.compare([{'row': 0, 'variant': v, 's': 1} for v in 'ab'], score='s').assert_better('b', than='a')",
            "GateFailed: b .* a\\b",
        ),
    ],
)
def test_errors_of_ours_are_one_line_in_a_kernel(connected: Kernel, cell: str, told: str) -> None:
    """What JupyterLab shows under the cell is one line; the reply is an error, so Run All stops."""
    request = connected.send(cell)
    connected.wait(request)
    assert connected.reply(request)["status"] == "error"
    assert re.match(told, connected.text(request))
    assert len(connected.text(request).splitlines()) == 1


def test_nothing_that_a_kernel_says_has_the_key_in_it(connected: Kernel, hive: SlowHive, tmp_path) -> None:
    """Not an output, not an echo, not the log, not the store, in Verbose tracebacks either."""
    connected.run("%xmode Verbose")
    connected.run("import logging; logging.basicConfig(level=logging.DEBUG)")
    connected.run("import fh_notebook as fh; hive = fh.Client(); print(hive, hive.check(), vars(hive.aclient))")
    connected.run("%%fetchhive echo -v plain\ntext: hi")
    connected.run(
        "fh.configure(tracebacks='full'); fh.Client(api_key=''.join(['fhk_wrong_', 'key_0123'])).invoke('echo', variant='plain')"
    )
    said = json.dumps([[m.kind, m.content] for m in connected.messages], default=str) + connected.log
    assert "said hi" in said
    assert "AuthError" in said
    for secret in (KEY, "fhk_wrong_key_0123"):
        outputs = [m for m in connected.messages if m.kind != "execute_input"]
        assert secret not in json.dumps([m.content for m in outputs], default=str)
    assert KEY.encode() not in b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())


def test_a_batch_shows_one_live_display_and_resumes(connected: Kernel, hive: SlowHive) -> None:
    """One block, updated: its last state says what came of it; nothing on standard error; the same cell calls nothing."""
    cell = "import fh_notebook as fh\nrows = [{'text': str(i)} for i in range(20)]\nb = fh.batch(rows, 'echo', variants=['plain'])"
    connected.run(NO_OFFER)
    first = connected.send(cell, person=True)
    connected.wait(first)
    connected.wait_until(lambda: "widget-view" in str(connected.shown(first)), "the buttons")
    kinds = [m.kind for m in connected.outputs(first)]
    assert kinds.count("display_data") == 2  # what the file keeps, and the widgets in its place
    assert set(kinds) <= {"display_data", "update_display_data"}
    shown, _ = connected.shown(first)
    assert tells(shown["text/plain"], "20 of 20", "20 calls")
    assert 'role="progressbar"' in shown["text/html"]
    again = connected.send(cell, person=True)
    connected.wait(again)
    connected.wait_until(lambda: "widget-view" in str(connected.shown(again)), "the buttons")
    assert "20 reused, 0 calls" in connected.shown(again)[0]["text/plain"]
    assert len(hive.calls) == 20


def test_an_interrupted_batch_keeps_what_is_finished(connected: Kernel, hive: SlowHive) -> None:
    """Stop during a batch: finished rows are kept, what was in flight is unknown, and the batch is there to go on."""
    connected.run("import fh_notebook as fh\nrows = [{'text': str(i)} for i in range(3)]")
    request = connected.send(
        "b = fh.batch(rows, 'echo', variants=['plain', 'slow'], max_concurrency=2)\nprint(b.counts)", person=True
    )
    # Two calls fit in: row 0's slow one and, after the plain ones before it, row 1's.
    assert hive.began.acquire(timeout=PATIENCE_S)
    assert hive.began.acquire(timeout=PATIENCE_S)
    connected.wait_until(lambda: "2 of 6" in str(connected.shown(request)), "the progress of two answers")
    connected.interrupt()
    connected.wait(request)
    said = connected.text(request)
    assert "planned=6, done=2, failed=0, unknown=2, pending=2" in said, said
    hive.hold.set()
    assert "done=4, failed=0, unknown=2, pending=0" in connected.run("b.resume()\nprint(b.counts)")
    assert "done=6" in connected.run(
        "b = fh.batch(rows, 'echo', variants=['plain', 'slow'], retry_unknown=True)\nprint(b.counts)"
    )
    assert len(hive.calls) == 8  # six jobs, and the two that may have run once more, because it was asked for
