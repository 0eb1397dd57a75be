"""``%%fetchhive NAME --delivery callback``: the cell ends at once, and shows its answers when they come."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from IPython.utils.capture import capture_output

import fh_notebook as fh
from fh_notebook.client import polling
from fh_notebook.client.pending_run import PendingRun
from fh_notebook.local import LocalHive, aask_human
from fh_notebook.notebook.magics import pending_results
from fh_notebook.notebook.magics.pending_results import PendingResults, show
from tests.client.callbacks.senders import KEY, until
from tests.kernel import Kernel
from tests.notebook.magics.test_magic import Shell, shell  # noqa: F401 - a fixture
from tests.told import tells


class Refunds(LocalHive):
    """Deployment ``refund``: ``free`` answers at once, ``paused`` waits for finance."""

    def __init__(self) -> None:
        super().__init__(api_key=KEY)

        @self.workflow("refund", variant="free")
        async def free(amount: int) -> str:
            return f"paid {amount}"

        @self.workflow("refund", variant="paused", human="finance")
        async def paused(amount: int) -> str:
            return f"paid {amount}" if (await aask_human(f"Refund {amount}?")).approved else "refused"


@pytest.fixture
def hive() -> Iterator[Refunds]:
    made = Refunds()
    with made.serve() as server:
        fh.configure(base_url=server.url, api_key=KEY)
        yield made


def _run(shell: Shell, cell: str) -> Any:  # noqa: F811
    result, said = shell.run(cell)
    assert result.error_in_exec is None, said
    return result.result


@pytest.mark.parametrize("delivery", ["callback", "poll"])
def test_a_cell_by_callback_ends_at_once_with_what_goes_on(shell: Shell, hive: Refunds, delivery: str) -> None:  # noqa: F811
    """Its value and its variable are the pending run; a person decides in a later cell."""
    pending = _run(shell, f"%%fetchhive refund -v paused --delivery {delivery} --out refund\namount: 5")
    assert isinstance(pending, PendingRun)
    assert shell.shell.user_ns["refund"] is pending
    hive.wait_approval()
    assert pending.refresh().status == "awaiting_approval"
    hive.decide(pending, approve=True)
    assert pending.refresh().output == "paid 5" or pending.wait(20).output == "paid 5"


def test_several_variants_are_several_that_go_on(shell: Shell, hive: Refunds) -> None:  # noqa: F811
    """Waited for together, they are the frame that a direct cell gives."""
    made = _run(shell, "%%fetchhive refund -v free -v paused --delivery callback --out runs\namount: 5")
    assert isinstance(made, PendingResults)
    assert len(made) == 2
    hive.wait_approval()
    hive.decide(approve=False)
    frame = made.wait(20)
    assert frame[["variant", "output"]].values.tolist() == [["free", "paid 5"], ["paused", "refused"]]
    assert not made.waiting
    assert "paid 5" in made._repr_html_()
    assert "refused" in repr(made)


def test_a_direct_call_that_cannot_be_one_says_what_to_do(shell: Shell, hive: Refunds) -> None:  # noqa: F811
    """With the option that does it."""
    run = _run(shell, "%%fetchhive refund -v paused\namount: 5")
    assert run.status == "failed"
    assert "--delivery callback" in run.error


def test_over_takes_the_option_along(shell: Shell, hive: Refunds) -> None:  # noqa: F811
    """The rows are a batch by callback."""
    _run(shell, "rows = [{'amount': n} for n in range(3)]")
    _run(shell, "%%fetchhive refund -v free --over rows --delivery callback --out out\namount: '{{ row.amount }}'")
    assert shell.shell.user_ns["out"]["output"].tolist() == ["paid 0", "paid 1", "paid 2"]
    assert all(call.callback_url for call in hive.calls)


def test_a_way_that_is_none_is_refused_with_the_nearest(shell: Shell, hive: Refunds) -> None:  # noqa: F811
    """In one line, before any call."""
    _, said = shell.run("%%fetchhive refund -v free --delivery calback\namount: 5")
    assert tells(said, "calback", "'callback'")
    assert not hive.calls


class Ending(PendingResults):
    """A run that ends while its card is put on the page."""

    waiting = True  # type: ignore[assignment]  # a property of the class above
    status = "running"

    def on_change(self, call: Any) -> None:
        """Nothing more will change."""

    def __repr__(self) -> str:
        said, self.status, self.waiting = self.status, "completed", False
        return said


def test_a_card_whose_run_ends_while_it_is_put_on_the_page_says_so(shell: Shell) -> None:  # noqa: F811
    """Nobody listened yet; a card that went on saying "running" would say so for ever."""
    with capture_output() as captured:
        show(Ending([]))
    assert captured.outputs[-1].data["text/plain"] == "completed"


@pytest.mark.long
def test_a_direct_cell_with_a_run_that_ends_later_is_shown_as_other_cells(
    shell: Shell,  # noqa: F811
    hive: Refunds,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the form of ``--show``, with the colours of the variants, and each answer within the cap of a page."""
    for variant in "ab":
        hive.workflow("told", variant=variant)(lambda amount: [{"amount": n} for n in range(amount)])
    monkeypatch.setattr(pending_results, "ending_later", PendingResults)
    with capture_output() as captured:
        shell.shell.run_cell("%%fetchhive told -v a -v b --show text\namount: 90000")
    page = captured.outputs[-1].data["text/html"]
    assert page.count('value="text" checked') == 2
    assert page.count("<svg") == 2
    assert len(re.sub(r"(?s)<style.*?</style>", "", page)) < 295_000


def test_cards_change_when_answers_come(tmp_path: Path) -> None:
    """In a real kernel: who is waited for shows, and then the answer, in the first cell's own display."""
    hive = Refunds()
    with hive.serve() as server, Kernel(tmp_path, FETCH_HIVE_BASE_URL=server.url, FETCH_HIVE_API_KEY=KEY) as kernel:
        kernel.run("%load_ext fh_notebook")
        cell = kernel.send("%%fetchhive refund -v free -v paused --delivery callback --out runs\namount: 5")
        kernel.wait(cell)
        hive.wait_approval()
        kernel.run("_ = runs[1].refresh()")
        kernel.wait_until(lambda: "Refund 5?" in kernel.shown(cell)[0]["text/html"], "who it waits for")
        hive.decide(approve=True)
        kernel.wait_until(
            lambda: kernel.shown(cell)[0]["text/html"].count("paid 5") == 2 and "output=paid 5" in kernel.shown(cell)[0]["text/plain"],
            "the answers",
        )  # fmt: skip


def test_a_card_counts_look_ups(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """As long as the run goes on; one with a question, which may be unfolded, stays as it is."""
    monkeypatch.setattr(polling, "FIRST_S", 3_600.0)
    words = iter(["running", "awaiting_approval", "awaiting_approval"])

    def answer(request: httpx.Request) -> httpx.Response:
        body = {"request_id": "req_1", "status": "running" if request.method == "POST" else next(words)}
        return httpx.Response(200, json=body)

    transport = httpx.MockTransport(answer)
    with (
        fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=transport) as client,
        capture_output() as captured,
    ):
        pending = client.submit("d", variant="v")
        show(pending)
        shown = []
        for _ in range(3):
            asyncio.run(pending.look())
            shown.append(captured.outputs[-1].data["text/plain"].partition("req_1, ")[2])
        pending.cancel_waiting()
    looks = [re.findall(r"\b\d+ times?\b", text) for text in shown]
    assert looks == [["1 time"], ["2 times"], ["2 times"]]
    assert tells(captured.outputs[-2].data["text/html"], "2 times", "req_1")


@pytest.mark.long
def test_pending_runs_are_a_table_that_says_what_looks_them_up(shell: Shell, hive: Refunds) -> None:  # noqa: F811
    """``%fetchhive pending``: the frame of ``fh.pending()``, read as a table; a line where each outcome is here."""
    result, said = shell.run("%fetchhive pending")
    assert (result.result, len(said.strip().splitlines())) == (None, 1)
    pending = _run(shell, "%%fetchhive refund -v paused --delivery poll\namount: 5")
    hive.wait_approval()
    result, said = shell.run("%fetchhive pending")
    assert result.result[["deployment", "variant", "inputs", "waits_in"]].values.tolist() == [
        ["refund", "paused", "amount: 5", "this kernel"]
    ]
    head, line = said.splitlines()[-2:]
    assert head.split() == ["submitted", "(UTC)", "deployment", "variant", "first", "words", "status", "next"]
    assert "fh.reattach" not in line
    pending.cancel_waiting()
    until(lambda: fh.pending()["waits_in"].tolist() == ["nobody"])
    assert "fh.reattach()" in shell.run("%fetchhive pending")[1]
    [again] = fh.reattach()
    hive.decide(again, approve=True)
    assert again.wait(20).output == "paid 5"
    assert shell.run("%fetchhive pending")[0].result is None


@pytest.mark.long
def test_a_pending_run_of_another_client_is_told_to_need_it(shell: Shell, hive: Refunds) -> None:  # noqa: F811
    """What the table says is what finds the run: without its client, ``fh.reattach()`` has nothing to wait for."""
    with hive.serve() as server, fh.Client(base_url=server.url, api_key=hive.api_key or "any") as client:
        pending = client.submit("refund", variant="paused", inputs={"amount": 5})
        hive.wait_approval()
        pending.cancel_waiting()
        until(lambda: fh.pending()["waits_in"].tolist() == ["nobody"])
        assert tells(shell.run("%fetchhive pending")[1], "fh.reattach(client=...)", client.workspace)
        assert fh.reattach() == []
        [again] = fh.reattach(client=client)
        hive.decide(again, approve=True)
        assert again.wait(20).output == "paid 5"
    own = fh.local.LocalHive()
    own.workflow("wait", variant="v", human="x")(lambda: fh.local.ask_human("Yes?").approved)
    left = own.client().submit("wait", variant="v")
    own.wait_approval()
    left.cancel_waiting()
    until(lambda: fh.pending()["waits_in"].tolist() == ["nobody"])
    assert re.search(r"\bfh\.reattach\(client=\.\.\.\)", shell.run("%fetchhive pending")[1])
    assert fh.reattach() == []
    [again] = fh.reattach(client=own.client())
    own.decide(again, approve=False)
    assert again.wait(20).output is False


def test_a_secret_is_in_no_table_of_pending_runs(shell: Shell, hive: Refunds) -> None:  # noqa: F811
    """Inputs are masked where they are kept; what is shown of them is made of that."""
    inputs = {"amount": fh.integer(), "token": fh.text(secret=True)}
    refund = fh.Deployment("guarded", variants=["paused"], inputs=inputs)

    @hive.workflow("guarded", variant="paused", human="finance")
    async def paused(amount: int, token: str) -> str:
        return f"paid {amount}" if (await aask_human(f"Refund {amount}?")).approved else "refused"

    with fh.Client() as client:
        run = client.submit(refund, inputs={"amount": 5, "token": "opensesame-1"})
        result, said = shell.run("%fetchhive pending")
        assert "opensesame-1" not in said + result.result.to_csv() + result.result._repr_html_()
        (inputs,) = result.result["inputs"]
        assert re.fullmatch(r"amount: 5\b.* token: \*\*\*", inputs)
        run.cancel_waiting()
