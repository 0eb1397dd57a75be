"""The block of a batch in a real kernel: what its buttons do, which of them there are, and what is never in a widget."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fh_notebook.notebook.progress.batch_block import NOT_OPEN, TOO_SOON
from tests.kernel import Kernel
from tests.notebook.paced_hive import KEY, PacedHive

SETUP = "%load_ext fh_notebook\nimport fh_notebook as fh\nfh.configure(store='own.sqlite3')"
PASSWORD = "hunter2-of-the-broker"
DEPLOYED = (
    "paced = fh.Deployment('paced', variants=['v'], inputs={'type': 'object', 'properties': "
    "{'text': {'type': 'string', 'format': 'password'}}, 'required': ['text']})"
)


@pytest.fixture
def loaded(paced_hive: PacedHive, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel that calls the hive, whose calls end at once."""
    paced_hive.ended.set()
    with (
        paced_hive.serve() as server,
        Kernel(tmp_path, FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY) as kernel,
    ):
        assert kernel.run(SETUP) == ""
        yield kernel


def _page(kernel: Kernel) -> str:
    """What the newest block shows."""
    states = [state for state in kernel.widgets().values() if "fh-live" in state.get("_dom_classes", ())]
    return str(states[-1]["value"]) if states else ""


def _acts(kernel: Kernel) -> list[str]:
    return re.findall(r'data-act="([^"]*)"', _page(kernel))


def _act(kernel: Kernel, name: str) -> str:
    """Click what has this name for the kernel."""
    return kernel.comm(
        kernel.widget("fh-keys"), {"method": "custom", "content": {"act": name}}, subshell=kernel.subshell()
    )


def _show(kernel: Kernel, rows: str, more: str = "") -> None:
    kernel.run(f"b = fh.batch({rows}, 'paced', variants='v', name='b', progress=False{more})")
    cell = kernel.send("b", person=True)
    kernel.wait(cell)
    kernel.wait_until(lambda: "data-act" in _page(kernel), "the buttons")


def test_each_thing_that_can_be_done_has_a_button(loaded: Kernel) -> None:
    """No Retry where nothing failed, no Compare of one variant."""
    _show(loaded, "[{'text': 'a'}]")
    assert _acts(loaded) == ["browse", "save"]


def test_retry_is_called_once_however_often_it_is_clicked(loaded: Kernel, paced_hive: PacedHive) -> None:
    """Jobs that are the same are one call; a second click while it runs, or on what is not there any more, is none."""
    _show(loaded, "[{'text': 'bad'}, {'text': 'bad'}, {'text': 'a'}, {'text': 'bad too'}]")
    assert _acts(loaded) == ["show:0", "retry:0", "show:1", "retry:1", "browse", "save"]
    assert "Retry (1 call)" in _page(loaded)
    calls = int(loaded.run("b.counts.calls"))
    paced_hive.ended.clear()  # it runs until all clicks are heard
    for _ in range(3):
        _act(loaded, "retry:0")
    _act(loaded, "retry:7")
    paced_hive.ended.set()
    told = r"\(1 call\): 0 of 2 \w+ \w+, 2 \w+ failed\."
    loaded.wait_until(lambda: re.search(told, str(loaded.widgets())), "what came of it")
    assert int(loaded.run("b.counts.calls")) == calls + 1


def test_a_button_of_an_old_state_calls_nothing(loaded: Kernel, paced_hive: PacedHive) -> None:
    """What failed was called again in a cell meanwhile, and less is left: the block says so and shows what there is."""
    _show(loaded, "[{'text': 'bad'}, {'text': 'a'}]")
    loaded.run("fh.forget('b')")
    paced_hive.wait_for(2)
    _act(loaded, "retry:0")
    loaded.wait_until(lambda: re.search(r'class="fh-dim" role="status">\w', str(loaded.widgets())), "the reason")
    assert paced_hive.none_begins()


def test_a_password_is_in_no_widget(loaded: Kernel) -> None:
    """Errors repeat what was sent: the block, its rows and its code have a mask in place of it, and a retry finds them."""
    loaded.run(DEPLOYED)
    loaded.run(f"b = fh.batch([{{'text': 'bad {PASSWORD}'}}], paced, name='b', progress=False)")
    loaded.wait(loaded.send("b", person=True))
    loaded.wait_until(lambda: "retry:0" in _acts(loaded), "the buttons")
    _act(loaded, "show:0")
    loaded.wait_until(lambda: "1 failed row: " in str(loaded.widgets()), "the rows")
    calls = int(loaded.run("b.counts.calls"))
    _act(loaded, "retry:0")
    loaded.wait_until(lambda: "(1 call): 0 of 1 " in str(loaded.widgets()), "the retry")
    assert int(loaded.run("b.counts.calls")) == calls + 1
    states = str(loaded.widgets())
    assert PASSWORD not in states
    assert KEY not in states
    assert all(PASSWORD not in m.text for m in loaded.messages)


def test_errors_that_name_their_rows_are_shown_and_called_again_together(loaded: Kernel) -> None:
    """One line with one example, one Show of all their rows, one Retry of all their calls."""
    loaded.run(
        "b = fh.batch([{'text': f'bad {n}'} for n in range(3)], 'paced', variants='v', name='b', progress=False)"
    )
    loaded.wait(loaded.send("b", person=True))
    loaded.wait_until(lambda: "retry:0" in _acts(loaded), "the buttons")
    assert "retry:1" not in _acts(loaded)
    assert re.search(r"\(\w+ 2 \w+ \w+\)", str(loaded.widgets()))
    _act(loaded, "show:0")
    loaded.wait_until(lambda: "3 failed rows: " in str(loaded.widgets()), "the rows")
    assert all(str(loaded.widgets()).count(f"bad {n}") for n in range(3))
    _act(loaded, "retry:0")
    loaded.wait_until(lambda: "(3 calls): 0 of 3 " in str(loaded.widgets()), "the retry")
    assert int(loaded.run("b.counts.calls")) == 6


def test_where_a_program_runs_the_cell_a_batch_is_html_with_code(loaded: Kernel) -> None:
    """No widget; `watch()` shows it once."""
    loaded.run("b = fh.batch([{'text': 'bad'}], 'paced', variants='v', name='b', progress=False)")
    for code in ("b", "b.watch()"):
        cell = loaded.send(code)
        loaded.wait(cell)
        [shown] = loaded.shown(cell)
        assert ".retry_failed(error=" in shown["text/html"].replace("<wbr>", "")
        assert "data-act" not in shown["text/html"]
    assert loaded.widgets() == {}


@pytest.mark.long
def test_an_old_block_is_left_as_the_file_has_it(loaded: Kernel) -> None:
    """A cell that is shown again and again leaves no widgets without end: of the oldest block the HTML stays."""
    loaded.run("from fh_notebook.notebook.progress import batch_block\nbatch_block.BLOCKS = 2")
    loaded.run("b = fh.batch([{'text': 'bad'}], 'paced', variants='v', name='b', progress=False)")
    cells = [loaded.send("b", person=True) for _ in range(3)]
    for cell in cells:
        loaded.wait(cell)
    assert [["widget-view" in str(part) for part in loaded.shown(cell)] for cell in cells] == [
        [False, False],
        [False, True],
        [False, True],
    ]
    assert ".retry_failed(error=" in loaded.shown(cells[0])[0]["text/html"].replace("<wbr>", "")
    assert "fh-in-widgets" not in loaded.shown(cells[0])[0]["text/html"]


FAST = "{} fh.batch([{{'text': 'bad'}}, {{'text': 'a'}}], 'paced', variants='v', name='b')"


def _live_blocks(kernel: Kernel) -> list[str]:
    """What each block shows that is in the page."""
    return [str(state["value"]) for state in kernel.widgets().values() if "fh-live" in state.get("_dom_classes", ())]


@pytest.mark.long
def test_a_batch_that_ends_at_once_has_its_buttons_in_its_own_block(loaded: Kernel) -> None:
    """However short it is: under the cell that made it, also where that cell ends with something else."""
    cell = loaded.send(FAST.format("b ="), person=True)
    loaded.wait(cell)
    loaded.wait_until(lambda: "data-act" in _page(loaded), "the buttons")
    assert _acts(loaded) == ["show:0", "retry:0", "browse", "save"]
    assert any("widget-view" in str(part) for part in loaded.shown(cell))
    _act(loaded, "retry:0")
    loaded.wait_until(lambda: "(1 call): 0 of 1 row" in str(loaded.widgets()), "what came of it")


def test_a_cell_that_ends_with_its_batch_shows_it_once(loaded: Kernel) -> None:
    """The block of the start is what the cell shows; what the file keeps has code in place of buttons."""
    cell = loaded.send(FAST.format(""), person=True)
    loaded.wait(cell)
    loaded.wait_until(lambda: "data-act" in _page(loaded), "the buttons")
    assert len(_live_blocks(loaded)) == 1
    kept = [str(part.get("text/html", "")).replace("<wbr>", "") for part in loaded.shown(cell)]
    assert sum(".retry_failed(error=" in page for page in kept) == 1


@pytest.mark.long
def test_batches_of_one_after_another_keep_to_their_cells(loaded: Kernel) -> None:
    """What came of a batch is read when its cell has ended, and shown under it all the same."""
    cells = [
        loaded.send(f"fh.batch([{{'text': '{n}'}}], 'paced', variants='v', name='b{n}')", person=True) for n in "abc"
    ]
    for cell in cells:
        loaded.wait(cell)
    loaded.wait_until(lambda: sum("data-act" in page for page in _live_blocks(loaded)) == 3, "three blocks")
    for name, cell in zip("abc", cells, strict=True):
        kept = " ".join(str(part.get("text/html", "")) for part in loaded.shown(cell))
        assert re.findall(r"Batch '(b[abc])'<", html.unescape(kept)) == [f"b{name}"]


LATE_SETUP = """
import httpx, itertools, json
from fh_notebook.client import polling
from fh_notebook.contract.signing import sign
polling.FIRST_BESIDE_RECEIVER_S = 0.01
numbers = itertools.count()
def answer(request):
    if request.method == "POST":
        return httpx.Response(200, json={"request_id": f"req_{next(numbers)}", "run_status": "running"})
    return httpx.Response(200, json={"status": "completed"})
client = fh.Client(api_key="fhk_" + "0123456789abcdef", base_url="https://api.test/v1", transport=httpx.MockTransport(answer))
receiver = fh.CallbackReceiver(secrets="whsec_of_the_tests", public_url="https://hooks.example.com").__enter__()
def deliver(request_id, output):
    body = json.dumps({"event_type": "workflow.completed", "request_id": request_id, "data": {"output": output}}).encode()
    signature = {"X-Fetch-Hive-Signature": sign(body, "whsec_of_the_tests")}
    return httpx.post(receiver.local_url, content=body, headers=signature).status_code
"""


@pytest.mark.long
def test_a_block_that_has_ended_shows_an_output_that_comes_late(loaded: Kernel) -> None:
    """In the block of its start and in that of the batch in another cell; what a button has shown stays open."""
    assert loaded.run(LATE_SETUP) == ""
    start = (
        "late = fh.batch([{'text': 'a'}], 'shout', variants='v', name='late', client=client, receiver=receiver,"
        " delivery='callback'); late"
    )
    loaded.wait(loaded.send(start, person=True))
    loaded.wait_until(lambda: "data-act" in _page(loaded), "the buttons")
    loaded.wait(loaded.send("late", person=True))

    def rows() -> list[str]:
        return [str(state["value"]) for state in loaded.widgets().values() if "<th" in str(state.get("value", ""))]

    loaded.wait_until(lambda: len(rows()) == 2, "the first rows of both")
    _act(loaded, "save")
    loaded.wait_until(lambda: "fh-save" in str(loaded.widgets()), "the panel")
    assert loaded.run("deliver(late.frame['request_id'][0], 'of <b>late</b>')") == "200"
    loaded.wait_until(lambda: sum("of &lt;b&gt;late" in page for page in rows()) == 2, "the output in both")
    assert "fh-save" in str(loaded.widgets())


LATE_WHILE_READ = """
import threading
from dataclasses import replace
from fh_notebook.batching.batch import ShownBatch
from fh_notebook.batching.model import OutputArrived
from fh_notebook.notebook.progress.batch_block import BatchBlock
arrived = threading.Event()
late = fh.batch([{'text': 'a'}], 'shout', variants='v', name='read', client=client, receiver=receiver,
                delivery='callback', progress=False,
                on_event=lambda event: arrived.set() if isinstance(event, OutputArrived) else None)
shown = ShownBatch.of(late)
def overview():
    read = shown.overview()
    if not arrived.is_set():
        deliver(late.frame['request_id'][0], 'of <b>late</b>')
        assert arrived.wait(20)
    return read
block = BatchBlock(replace(shown, overview=overview))
shown.control.watch(block)
block.show_ended()
"""


@pytest.mark.long
def test_an_output_that_comes_while_the_block_is_read_is_shown(loaded: Kernel) -> None:
    """What was read before it is shown first."""
    assert loaded.run(LATE_SETUP) == ""
    cell = loaded.send(LATE_WHILE_READ, person=True)
    loaded.wait(cell)
    assert "Traceback" not in loaded.text(cell)
    loaded.wait_until(lambda: "of &lt;b&gt;late" in str(loaded.widgets()), "the output")


STEPS = """hive = fh.local.LocalHive()
asked = fh.local.ask_human

@hive.workflow('refund', variant='v', human='finance')
def refund(amount: int) -> str:
    return 'paid' if asked(f'Refund {amount}?').approved else 'refused'

@hive.workflow('letter', variant='v', human='finance')
def letter(amount: int) -> str:
    return asked('What do we write?', text=True).text"""
BEGIN = "{0} = fh.batch([{{'amount': n}} for n in (7, 8)], '{0}', variants='v', delivery='poll', client=hive.client(), wait=False)"


def _below(kernel: Kernel) -> str:
    states = [state for state in kernel.widgets().values() if "fh-after" in state.get("_dom_classes", ())]
    return str(states[-1]["value"]) if states else ""


@pytest.mark.long
def test_a_step_of_a_local_hive_in_this_process_is_decided_by_buttons(loaded: Kernel) -> None:
    """A yes and a no, each once; what asks for a text says how it is answered."""
    loaded.run(STEPS)
    loaded.wait(loaded.send(BEGIN.format("refund"), person=True))
    loaded.wait_until(lambda: _below(loaded).count("data-act") == 4, "two buttons for each")
    acts = dict(re.findall(r'data-act="(step:(?:yes|no):[^"]*)"[^>]*aria-label="([^"]*)"', _below(loaded)))
    assert set(acts.values()) == {
        f"{word}: finance: Refund {amount}?" for word in ("Approve", "Deny") for amount in (7, 8)
    }
    assert "hive.decide" not in _below(loaded)
    named = {label: act for act, label in acts.items()}
    for label in ("Approve: finance: Refund 7?", "Deny: finance: Refund 7?"):
        _act(loaded, named[label])
    loaded.wait_until(lambda: ">Approved: finance: Refund 7?<" in _page(loaded), "what came of it")
    assert loaded.run("hive.decide(approve=False).question") == "'Refund 8?'"
    loaded.wait_until(lambda: loaded.run("refund.running") == "False", "its end")
    assert loaded.run("refund.frame.output.tolist()") == "['paid', 'refused']"
    loaded.wait(loaded.send(BEGIN.format("letter"), person=True))
    loaded.wait_until(lambda: "What do we write?" in _below(loaded), "the question")
    assert ("data-act" in _below(loaded), "hive.decide" in _below(loaded)) == (False, True)
    loaded.run("letter.cancel()")


SEVERAL = """
from fh_notebook.batching.batch import ShownBatch
from fh_notebook.notebook.progress.batch_block import BatchBlock
answers, now = [], [0.0]

@hive.workflow('drafts', variant='v', human='finance')
def drafts(amount: int) -> str:
    for question in ('Send a draft to yourself?', 'Delete all customers?', 'Tell everybody?'):
        answers.append(asked(question).approved)
    return ''

def begin(name):
    started = fh.batch([{'amount': 7}], name, variants='v', delivery='poll', client=hive.client(), wait=False, progress=False)
    return started, BatchBlock(ShownBatch.of(started), clock=lambda: now[0])

other, other_block = begin('refund')"""
DRAFTS = """drafts, block = begin('drafts')
ShownBatch.of(drafts).control.watch(block)"""


@pytest.mark.long
def test_a_button_decides_the_question_that_it_shows_and_no_other(loaded: Kernel) -> None:
    """Not the next question of that run, by a double click or on an old page; nor that of another batch."""
    loaded.run(f"{STEPS}\n{SEVERAL}")
    loaded.wait(loaded.send(DRAFTS, person=True))

    def approve_of(question: str) -> str:
        found = rf'data-act="(step:yes:[^"]*)" aria-label="Approve: finance: {re.escape(question)}"'
        loaded.wait_until(lambda: re.search(found, _below(loaded)), question)
        return re.findall(found, _below(loaded))[0]

    def expect(said: str, answers: str) -> None:
        loaded.wait_until(lambda: re.search(f">{said}", _page(loaded)), said)
        assert loaded.run("answers") == answers

    first = approve_of("Send a draft to yourself?")
    _act(loaded, first)
    second = approve_of("Delete all customers?")
    _act(loaded, first)
    expect("Approved: finance: Send a draft to yourself[?]", "[True]")
    _act(loaded, second)
    expect(TOO_SOON, "[True]")
    loaded.run("now[0] = 9.0")
    loaded.run("hive.decide(next(a.request_id for a in hive.approvals if a.deployment == 'drafts'), approve=False)")
    third = approve_of("Tell everybody?")
    _act(loaded, second)
    expect(NOT_OPEN, "[True, False]")
    loaded.run(f"other_block._act({third!r})")
    assert loaded.run("answers") == "[True, False]"
    _act(loaded, third)
    loaded.wait_until(lambda: loaded.run("drafts.running") == "False", "its end")
    assert loaded.run("answers") == "[True, False, True]"
    loaded.run("other.cancel()")


def test_a_batch_elsewhere_imports_no_local_hive(loaded: Kernel) -> None:
    """It is shown while it runs and when it has ended, and has no step to decide here."""
    loaded.wait(loaded.send("b = fh.batch([{'text': 'a'}], 'paced', variants='v')", person=True))
    loaded.wait_until(lambda: "data-act" in _page(loaded), "the buttons")
    assert loaded.run("import sys; [name for name in sys.modules if name.startswith('fh_notebook.local')]") == "[]"
