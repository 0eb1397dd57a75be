"""The cure that the service's error catalogue names, wherever a batch, and what is made of it, shows an error."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import httpx
import openpyxl
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.execution.stop_rules import stop_of_answer
from fh_notebook.batching.rendering import digest, error_groups
from fh_notebook.cli.command_line import main
from fh_notebook.client.error_catalog import ErrorCatalogCache
from fh_notebook.comparing.report.mlflow_runs import _rows_table
from fh_notebook.comparing.report.run_records import run_records
from fh_notebook.notebook.results.cards import SideBySide
from tests.client.callbacks.senders import KEY

URL = "https://api.test/v1"
ACTION = "=Choose <b>another</b>."
"""It comes from outside."""
ESCAPED = "=Choose &lt;b&gt;another&lt;/b&gt;."


def _answer(request: httpx.Request) -> httpx.Response:
    variant = json.loads(request.content)["variant"] if request.content else "gone"
    if variant == "good":
        return httpx.Response(200, json={"request_id": "r", "run_status": "completed", "output": "x"})
    if variant == "late":
        return httpx.Response(202, json={"request_id": "r", "status": "queued"})
    status = 500 if variant == "lost" else 422
    return httpx.Response(status, json={"error": "It is gone.", "error_code": "model_deprecated"})


@pytest.fixture
def client() -> Iterator[fh.Client]:
    """A client whose catalogue is cached."""
    cache = ErrorCatalogCache(URL)
    cache.keep(json.dumps({"codes": [{"code": "model_deprecated", "client_action": ACTION}]}).encode())
    made = fh.AsyncClient(api_key=KEY, base_url=URL, transport=httpx.MockTransport(_answer))
    with fh.Client.over(fh.AsyncClient.over(replace(made.connection, error_catalog=cache))) as client:
        yield client


def _batch(client: fh.Client, *variants: str) -> fh.Batch:
    rows = [{"a": "1", "expected_output": "x"}, {"a": "2", "expected_output": "x"}]
    return fh.batch(rows, "d", variants=variants, client=client, name="b", progress=False)


def test_a_table_and_its_files_have_it_beside_the_error(client: fh.Client, tmp_path: Path) -> None:
    """Only where there is some; also of a batch that is opened again, with nobody to be asked."""
    batch = _batch(client, "good", "gone")
    plain = list(_batch(client, "good").frame.columns)
    for read in (batch, fh.open_batch("b", client=client)):
        assert [name for name in read.frame.columns if name != "client_action"] == plain
        assert list(read.frame.columns)[plain.index("error") + 1] == "client_action"
        assert read.failures["client_action"].tolist() == [ACTION] * 2
        assert read.frame["client_action"].isna().sum() == 2
    batch.to_jsonl(tmp_path / "b.jsonl")
    assert pd.read_json(tmp_path / "b.jsonl", lines=True)["client_action"].dropna().tolist() == [ACTION] * 2
    batch.to_csv(tmp_path / "b.csv")
    assert pd.read_csv(tmp_path / "b.csv")["client_action"].dropna().tolist() == [f"'{ACTION}"] * 2
    batch.to_excel(tmp_path / "b.xlsx")
    head, *lines = openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0].values
    assert [line[head.index("client_action")] for line in lines if line[head.index("error")]] == [f"'{ACTION}"] * 2


def test_errors_in_one_line_have_it(client: fh.Client) -> None:
    """As the command line and the text of a batch show them; a stop of the service, too."""
    batch = _batch(client, "gone")
    shown = "2 x model_deprecated 'It is gone.' (Fetch Hive: =Choose <b>another</b>)"
    assert shown in repr(batch)
    runs = [(job.row, job.key, outcome.run) for job, outcome, _ in batch.entries() if outcome]
    assert digest(error_groups(runs)) == f"2 failed: {shown}"
    assert "(It is gone (Fetch Hive: =Choose <b>another</b>))" in stop_of_answer("credits", runs[0][2]).message


def _of_history(client: fh.Client) -> str:
    client.invoke("d", variant="gone")
    return repr(fh.history())


def _of_history_on_the_command_line(client: fh.Client) -> str:
    client.invoke("d", variant="gone")
    told = io.StringIO()
    with redirect_stdout(told):
        main(["history"])
    return told.getvalue()


def _of_runs_side_by_side(client: fh.Client) -> str:
    return repr(SideBySide([client.invoke("d", variant="gone")]))


def _of_cells(client: fh.Client) -> str:
    return fh.compare(_batch(client, "good", "gone"), score=fh.score.exact()).browse()._repr_html_()


def _of_a_search(client: fh.Client) -> str:
    browser = fh.compare(_batch(client, "good", "gone"), score=fh.score.exact()).browse()
    browser.show(search="choose <b>another")
    return browser._repr_html_()


def _of_a_look_up(client: fh.Client) -> str:
    pending = client.submit("d", variant="late", poll=False)
    pending.refresh()
    assert ESCAPED.rstrip(".") in pending._repr_html_()
    return repr(pending)


def _of_a_judge(client: fh.Client) -> str:
    judge = fh.score.judge(fh.Deployment("judge", variants=["gone"]), rubric="good?", client=client, progress=False)
    return str(fh.compare(_batch(client, "good"), score=judge).score_errors()["error"].tolist())


def _of_other_tools(client: fh.Client) -> str:
    comparison = fh.compare(_batch(client, "good", "gone"), score=fh.score.exact())
    records = list(run_records(comparison.data, comparison.score_set.lines_by_name()))
    return str(_rows_table(comparison.data, records)["client_action"].dropna().tolist())


def _of_a_race(client: fh.Client) -> str:
    rows = [{"a": str(i), "expected_output": "x"} for i in range(60)]
    with pytest.raises(fh.errors.CallError) as raised:
        fh.race(rows, "d", variants=["lost", "lost2"], client=client, score=fh.score.exact(), progress=False)
    return str(raised.value)


@pytest.mark.parametrize(
    "shown",
    [
        _of_history, _of_history_on_the_command_line, _of_runs_side_by_side, _of_cells, _of_a_search, _of_a_look_up,
        _of_a_judge, _of_other_tools, _of_a_race,
    ],
)  # fmt: skip
def test_whatever_shows_an_error_has_it(client: fh.Client, shown: Callable[[fh.Client], str]) -> None:
    """Beside the error."""
    assert "=Choose" in shown(client)


@pytest.mark.parametrize("is_table", [False, True])
def test_a_report_has_it_in_the_rows_that_failed(client: fh.Client, tmp_path: Path, is_table: bool) -> None:
    """Of a batch and of a table, escaped in a page."""
    batch = _batch(client, "good", "gone")
    cmp = (
        fh.compare(batch.frame.assign(score=1.0), score="score")
        if is_table
        else fh.compare(batch, score=fh.score.exact())
    )
    page_text = cmp.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert page_text.count(f"→ Fetch Hive: {ESCAPED}") == 2  # without scripts
    assert "<b>another" not in page_text
    assert page_text.count('"client_action":') == 2
    head, *lines = openpyxl.load_workbook(cmp.report(tmp_path / "r.xlsx"))["rows"].values
    assert [line[head.index("gone.client_action")] for line in lines] == [f"'{ACTION}"] * 2
    assert f"(Fetch Hive: {ACTION.rstrip('.')})" in str(cmp.diff(0))
    assert ESCAPED in cmp.diff(0)._repr_html_()


def test_the_opened_row_of_a_browser_has_it(client: fh.Client) -> None:
    """Under the error of its card."""
    browser = fh.compare(_batch(client, "good", "gone"), score=fh.score.exact()).browse()
    assert "→ Fetch Hive" not in browser._repr_html_()
    browser.show(open=0)
    assert f"→ Fetch Hive: {ESCAPED}" in browser._repr_html_()
    assert f"→ Fetch Hive: {ACTION}" in repr(browser)


def test_a_race_that_cannot_decide_says_it(client: fh.Client) -> None:
    """A variant whose runs all fail is of no use to it."""
    rows = [{"a": str(i), "expected_output": "x"} for i in range(60)]
    with pytest.raises(fh.errors.InputError, match=r"'It is gone \(Fetch Hive: =Choose"):
        fh.race(rows, "d", variants=["good", "gone"], client=client, score=fh.score.exact(), progress=False)
