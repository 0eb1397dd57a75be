"""A deployment or variant that the service does not know: a batch stops calling it after a few answers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching.execution.unknown_names import TRIED
from fh_notebook.batching.model import BatchStopped, Event, Finished, KeptBack
from fh_notebook.cli.command_line import main
from tests.batching.hives import Shouting
from tests.told import tells

ROWS = [{"text": f"row {n}"} for n in range(40)]
ONE_AT_ONCE: dict[str, Any] = {"max_concurrency": 1, "progress": False}


@pytest.fixture
def shouting() -> Shouting:
    return Shouting()


def _ways(rows: list[dict[str, str]]) -> dict[str, Callable[..., fh.Batch]]:
    return {
        "batch": lambda *a, **k: fh.batch(rows, *a, **k),
        "abatch": lambda *a, **k: asyncio.run(fh.abatch(rows, *a, **k)),
        "iterator": lambda *a, **k: fh.batch(iter(rows), *a, **k),
        "poll": lambda *a, **k: fh.batch(rows, *a, delivery="poll", **k),
    }


def _unchecked(name: str) -> fh.Deployment:
    """Return a deployment as it is without a catalogue: nobody knows the name before the service is asked."""
    return fh.Deployment(name, inputs={"text": fh.text()})


@pytest.mark.parametrize("way", ["batch", "abatch", "iterator", "poll"])
@pytest.mark.parametrize(("deployment", "variant"), [("shuot", "loud"), ("shout", "luod")])
def test_a_misspelt_name_costs_a_few_calls_and_no_row(
    shouting: Shouting, way: str, deployment: str, variant: str
) -> None:
    """The batch stops, all rows are pending, and the message names what is known and most likely meant."""
    batch = _ways(ROWS)[way](_unchecked(deployment), variants=variant, client=shouting.hive.client(), **ONE_AT_ONCE)
    assert shouting.hive.counts.requests == batch.counts.calls == TRIED
    assert (batch.counts.failed, batch.counts.done) == (0, 0)
    assert batch.stopped is not None
    assert batch.stopped.reason == "unknown_name"
    assert tells(batch.stopped.message, f"{deployment}/{variant}", "404")
    assert ("'shout'" if deployment == "shuot" else "'loud'") in batch.stopped.message
    assert tells(batch.summary(), "batch.resume()")


def test_a_service_that_says_not_found_by_422_is_understood(shouting: Shouting) -> None:
    """Without a code, as it does for other resources; and any other 422 without one is the failure of its row."""
    shouting.hive.configure(not_found_status=422)
    client = shouting.hive.client()
    batch = fh.batch(ROWS, _unchecked("shuot"), variants="loud", client=client, **ONE_AT_ONCE)
    assert (batch.counts.calls, batch.counts.failed) == (TRIED, 0)
    assert batch.stopped is not None
    assert tells(batch.stopped.message, "shuot/loud", "422")
    shouting.hive.fail_next(5, status=422, body=b'{"error": "inputs are wrong"}')
    rest = fh.batch(ROWS, "shout", variants="loud", client=client, **ONE_AT_ONCE)
    assert (rest.counts.failed, rest.stopped) == (5, None)


@pytest.mark.parametrize("at_once", [1, 2, 8])
def test_calls_that_are_out_when_the_first_answer_comes_are_all_that_it_costs(shouting: Shouting, at_once: int) -> None:
    """Or three calls, where fewer are out: they tell a name from a row."""
    batch = fh.batch(
        ROWS,
        _unchecked("shuot"),
        variants="loud",
        client=shouting.hive.client(),
        max_concurrency=at_once,
        progress=False,
    )
    assert batch.counts.calls <= max(TRIED, at_once)
    assert batch.counts.pending == len(ROWS)


def test_other_variants_go_on(shouting: Shouting) -> None:
    """The known ones are called to the end; the rows of the unknown one are pending, and it is said why."""
    heard: list[Event] = []
    batch = fh.batch(
        ROWS,
        _unchecked("shout"),
        variants=["luod", "soft"],
        client=shouting.hive.client(),
        on_event=heard.append,
        **ONE_AT_ONCE,
    )
    assert batch.counts.done == shouting.calls == len(ROWS)
    assert set(batch.pending["variant"]) == {"luod"}
    assert (batch.counts.pending, batch.counts.failed) == (len(ROWS), 0)
    assert batch.counts.calls == len(ROWS) + TRIED
    assert batch.stopped is not None
    assert tells(batch.stopped.message, "shout/luod")
    assert "shout/soft" not in batch.stopped.message
    assert [type(e) for e in heard].count(KeptBack) == TRIED
    assert [type(e) for e in heard].count(BatchStopped) == 1


def test_an_unknown_variant_is_told_once_however_many_calls_were_out(shouting: Shouting) -> None:
    """Those that were out when it was settled are pending, too."""
    heard: list[Event] = []
    batch = fh.batch(
        ROWS,
        _unchecked("shout"),
        variants=["luod", "soft"],
        client=shouting.hive.client(),
        on_event=heard.append,
        max_concurrency=16,
        progress=False,
    )
    assert (batch.counts.done, batch.counts.pending) == (len(ROWS), len(ROWS))
    assert [type(e) for e in heard].count(BatchStopped) == 1
    assert batch.stopped is not None
    assert tells(batch.stopped.message, "shout/luod")


def test_all_unknown_names_are_told_in_one_line(shouting: Shouting) -> None:
    """A misspelt deployment concerns each of its variants."""
    batch = fh.batch(ROWS, _unchecked("shuot"), variants=["loud", "soft"], client=shouting.hive.client(), **ONE_AT_ONCE)
    assert batch.counts.calls <= 2 * TRIED
    assert batch.stopped is not None
    assert tells(batch.stopped.message, "shuot/loud", "shuot/soft", "404", "6")


@pytest.mark.parametrize("rows", [1, 40])
def test_once_the_service_knows_the_name_nothing_is_lost(shouting: Shouting, rows: int) -> None:
    """`resume` calls what is pending, also the rows whose calls said that the name is unknown."""
    client = shouting.hive.client()
    batch = fh.batch(ROWS[:rows], _unchecked("later"), variants="v", client=client, **ONE_AT_ONCE)
    assert batch.counts.pending == rows

    @shouting.hive.workflow("later", variant="v")
    def later(text: str) -> str:
        return text.upper()

    again = fh.batch(ROWS[:rows], _unchecked("later"), variants="v", client=client, **ONE_AT_ONCE)
    assert (again.counts.done, again.counts.calls, again.stopped) == (rows, rows, None)
    batch.resume()
    assert batch.counts.done == rows


def test_a_row_that_names_what_is_not_there_fails_by_itself(shouting: Shouting) -> None:
    """Once another answer shows that the variant is known: no call is made twice, and the day's count is right."""
    client = shouting.hive.client()
    shouting.hive.fail_next(2, status=404, error_code="not_found", message="No such document")
    heard: list[Event] = []
    batch = fh.batch(ROWS, "shout", variants="loud", client=client, on_event=heard.append, **ONE_AT_ONCE)
    assert (batch.counts.done, batch.counts.failed, batch.stopped) == (38, 2, None)
    assert batch.failures["row"].tolist() == [0, 1]
    assert set(batch.failures["error"]) == {"No such document"}
    assert set(batch.failures["attempts"]) == {1}
    assert shouting.hive.counts.requests == batch.counts.calls == len(ROWS)
    assert sum(isinstance(e, Finished) for e in heard) == len(ROWS)
    store = fh.session.session.store()
    assert store is not None
    assert store.requests.on_day(client.workspace, fh.core.values.utc_now()) == len(ROWS)


@pytest.mark.parametrize("limit", [{"max_calls": 3}, {"fail_on_error": 1}])
def test_a_limit_that_is_reached_loses_no_answer_that_was_kept_back(shouting: Shouting, limit: dict[str, Any]) -> None:
    """What another answer has settled is a failure of its row, and its call is not made again."""
    shouting.hive.fail_next(2, status=404, error_code="not_found")
    client = shouting.hive.client()
    batch = fh.batch(ROWS, "shout", variants="loud", client=client, **limit, **ONE_AT_ONCE)
    assert batch.failures["row"].tolist()[:1] == [0]
    assert (batch.counts.failed, batch.counts.done) == (2, batch.counts.calls - 2)
    batch.resume()
    calls = shouting.hive.counts.requests
    assert calls == batch.counts.calls == batch.counts.done + 2


def test_after_an_answer_any_number_of_rows_may_meet_a_404(shouting: Shouting) -> None:
    """They are failures of their rows."""

    def failing(event: Event) -> None:
        if isinstance(event, Finished) and event.job.position == 0:
            shouting.hive.fail_next(10, status=404)

    client = shouting.hive.client()
    batch = fh.batch(ROWS, "shout", variants="loud", client=client, on_event=failing, **ONE_AT_ONCE)
    assert (batch.counts.failed, batch.counts.done, batch.stopped) == (10, 30, None)


@pytest.mark.parametrize("code", ["deployment_not_found", "variant_not_found", "unknown_variant"])
@pytest.mark.parametrize("status", [404, 422])
def test_a_code_that_says_so_stops_at_the_first_answer(shouting: Shouting, code: str, status: int) -> None:
    """Also where other rows were answered before: the deployment may have been removed."""
    shouting.hive.fail_next(40, status=status, body=json.dumps({"error_code": code, "error": "Nicht da."}).encode())
    batch = fh.batch(ROWS, "shout", variants="loud", client=shouting.hive.client(), **ONE_AT_ONCE)
    assert batch.counts.calls == 1
    assert batch.counts.pending == len(ROWS)
    assert batch.stopped is not None
    assert tells(batch.stopped.message, "shout/loud", status)
    assert "the inputs of row" not in batch.stopped.message


def test_the_rows_that_may_be_at_fault_are_named(shouting: Shouting) -> None:
    """Where the answers do not say whether the name or what the inputs name is not there."""
    batch = fh.batch(ROWS[:2], _unchecked("shuot"), variants="loud", client=shouting.hive.client(), **ONE_AT_ONCE)
    assert batch.stopped is not None
    assert re.search(r"\b0 and 1\b", batch.stopped.message)


def test_another_reason_to_stop_does_not_hide_it(shouting: Shouting) -> None:
    """Both are told, before one goes on."""
    batch = fh.batch(
        ROWS, _unchecked("shout"), variants=["luod", "soft"], max_calls=8, client=shouting.hive.client(), **ONE_AT_ONCE
    )
    assert batch.stopped is not None
    assert batch.stopped.reason == "max_calls"
    assert tells(batch.stopped.detail, "8", "max_calls")
    assert tells(batch.stopped.detail, "shout/luod", "404")
    assert batch.stopped.message.count("batch.resume()") == 1


@pytest.mark.parametrize("lookahead", [None, 1])
@pytest.mark.parametrize("rows", [2, 40])
def test_a_race_ends_at_a_variant_that_is_unknown(shouting: Shouting, rows: int, lookahead: int | None) -> None:
    """Without it nothing can be decided; what the others answered is kept."""
    table = [{**row, "expected_output": "x"} for row in ROWS[:rows]]
    race = fh.race(
        table,
        _unchecked("shout"),
        variants=["luod", "soft"],
        score=fh.score.exact(),
        lookahead=lookahead,
        client=shouting.hive.client(),
        **ONE_AT_ONCE,
    )
    assert race.winner is None
    assert race.calls <= 2 * TRIED + 8
    assert tells(race.verdict, "shout/luod")
    assert race.batch.counts.failed == 0


def test_the_command_line_says_so_with_the_code_of_a_refusal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """4, and the words of whoever types commands: no cell, and no answers to write where none came."""
    data = tmp_path / "data.csv"
    data.write_text("text\n" + "\n".join(f"row {n}" for n in range(40)))
    hive = Shouting().hive
    with hive.serve() as server:
        code = main(["batch", str(data), "-d", "shuot", "-v", "loud", "--base-url", server.url, "--max-concurrency=1"])
        assert hive.counts.requests == TRIED
    assert code == 4
    out, told = capsys.readouterr()
    assert tells(told, "shuot/loud")
    assert "batch.resume()" not in told
    assert "the cell" not in told
    assert "-o answers.csv" not in out
