"""The history of the store: its table, and deployments guessed from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.history.history import COLUMNS, deployment_from_history, last_run, shown_cells
from fh_notebook.contract.run import Run
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from fh_notebook.store.store import Store
from fh_notebook.store.tables.batches import BatchRecord
from tests.notebook.hostile import Page
from tests.told import tells

DTYPES = {**COLUMNS, "at": "datetime64[ns, UTC]"}


@pytest.fixture
def hive() -> LocalHive:
    """A hive with a workflow of two variants, one of which fails for one text."""
    hive = LocalHive(name="past")

    @hive.workflow("echo", variant="plain")
    def plain(text: str, times: int = 1) -> str:
        return text * times

    @hive.workflow("echo", variant="picky")
    def picky(text: str, times: int = 1) -> str:
        if text == "bad":
            raise RuntimeError("cannot say this")
        return text

    return hive


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> str:
    """The workspace of the session's client, which calls nothing here."""
    fh.configure(base_url="http://127.0.0.1:1/v1")
    return session.client_for(None).workspace


def _keep(workspace: str, *runs: Run) -> None:
    store = session.store()
    assert store is not None
    for run in runs:
        store.answers.keep(run, workspace).result()


def _dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) if str(dtype) != "string" else "string[python]" for name, dtype in frame.dtypes.items()}


def test_a_batch_and_single_runs_are_one_line_each_the_newest_first(hive: LocalHive) -> None:
    """Counts of a batch, status, seconds and a short output of a run; whose workspace it was."""
    client = hive.client()
    client.invoke("echo", variant="plain", inputs={"text": "one\ntwo " * 50})
    fh.batch([{"text": "hi"}, {"text": "bad"}], "echo", variants=["plain", "picky"], client=client, name="b",
             inputs={"times": fh.const(1)}, progress=False)  # fmt: skip
    client.invoke("echo", variant="picky", inputs={"text": "bad"})
    frame = fh.history()
    assert frame["kind"].tolist() == ["run", "batch", "run"]
    batch = frame.iloc[1]
    assert (batch["name"], batch["deployment"], batch["variants"]) == ("b", "echo", "plain, picky")
    assert batch[["planned", "done", "failed", "unknown"]].tolist() == [4, 3, 1, 0]
    assert pd.isna(batch["status"])
    assert frame["status"].tolist()[::2] == ["failed", "completed"]
    assert frame["done"].sum() == 4
    assert "cannot say this" in frame["error"][0]
    assert len(frame["output"][2]) == 100
    assert "\n" not in frame["output"][2]
    assert frame["elapsed_s"][2] > 0
    assert frame["workspace"].unique().tolist() == [client.workspace]
    assert frame["request_id"].notna().tolist() == [True, False, True]
    assert frame["at"].is_monotonic_decreasing
    assert abs(frame["at"][0] - datetime.now(UTC)) < timedelta(minutes=5)


def test_it_is_read_by_a_person(here: str) -> None:
    """Inputs and answers begin with words and not with markup; times have seconds and their zone; what opens a line."""
    output = {"decision": "pay", "items": [{"item": "lamp"}]}
    _keep(
        here,
        _run(output="# Decision\n\nWe **pay**.\n\n| item | paid |\n|---|--:|\n| lamp | 9 |"),
        _run("b", output=output, inputs={"claim": "The lamp broke.", "amount": 9}),
    )
    frame = fh.history()
    assert frame["output"].tolist() == ["decision: pay, items: 1 item", "Decision: We pay…"]
    assert frame["inputs"].tolist() == ["claim: The lamp broke. · amount: 9", "text: hi"]
    heads, lines = shown_cells(frame, zone=timezone(timedelta(hours=2), "EET"))
    assert heads[:5] == ("time (EET)", "kind", "workflow", "variant", "status")
    assert lines[0][0] == f"{frame['at'][0] + timedelta(hours=2):%Y-%m-%d %H:%M:%S}"
    assert [line[1:] for line in lines] == [
        ["call", "d", "b", "completed", frame["inputs"][0], frame["output"][0]],
        ["call", "d", "a", "completed", frame["inputs"][1], frame["output"][1]],
    ]
    drawn = str(frame._repr_html_())
    assert drawn.count('class="fh-badge fh-completed"') == 2  # as everywhere
    page = Page(drawn).text
    for shown in (page, repr(frame)):
        assert tells(shown, "2 calls")
        assert "fh.form('d')" in shown


def test_it_says_whether_there_is_more(here: str) -> None:
    """Of ten that were asked for there may be more, of all there are not."""
    _keep(here, *(_run() for _ in range(3)))
    assert [fh.history(limit=limit).caption.startswith("3 calls") for limit in (2, 3, 4)] == [  # type: ignore[attr-defined]
        False,
        True,
        True,
    ]


def test_a_table_has_the_same_dtypes_with_and_without_lines(hive: LocalHive) -> None:
    """Empty, of runs only, of batches only."""
    assert _dtypes(fh.history()) == DTYPES
    hive.client().invoke("echo", variant="plain", inputs={"text": "hi"})
    assert _dtypes(fh.history()) == DTYPES
    fh.batch(
        [{"text": "hi"}], "echo", variants="plain", client=hive.client(), inputs={"times": fh.const(1)}, progress=False
    )
    assert _dtypes(fh.history(limit=1)) == DTYPES


def test_a_table_can_be_of_one_deployment_and_of_few_lines(hive: LocalHive) -> None:
    """The limit holds over both kinds together; a deployment is named by its name or by itself."""
    _keep("w", *(Run(status="completed", output=i, deployment=d) for i in range(3) for d in ("echo", "other")))
    assert fh.history(limit=4)["output"].tolist() == ["2", "2", "1", "1"]
    assert fh.history(deployment="other")["deployment"].unique().tolist() == ["other"]
    assert len(fh.history(deployment=fh.Deployment("echo"), limit=2)) == 2


def test_a_batch_is_as_new_as_its_last_answer_in_its_own_workspace(hive: LocalHive) -> None:
    """Two workspaces with a batch of one name: each has its own counts and times."""
    other = LocalHive(name="other")

    @other.workflow("echo", variant="plain")
    def plain(text: str) -> str:
        return text

    for client, texts in ((hive.client(), ["a"]), (other.client(), ["a", "b"]), (hive.client(), ["a", "c", "d"])):
        fh.batch([{"text": t} for t in texts], fh.Deployment("echo"), variants="plain", client=client, name="same",
                 progress=False)  # fmt: skip
    frame = fh.history()
    assert frame["workspace"].tolist() == [hive.client().workspace, other.client().workspace]
    assert frame["done"].tolist() == [3, 2]


def test_a_job_that_was_called_again_counts_once_by_its_newest_answer(tmp_path: Path) -> None:
    """It failed, then it completed: one is done and none failed."""
    with Store(tmp_path / "s.sqlite3").closing() as store:
        here, there = (store.batches.by_id(store.batches.keep(_record("b", w)).result()) for w in ("w", "v"))
        assert here is not None
        assert there is not None
        for status in ("failed", "completed", "unknown", "completed"):
            store.claims.answer(Run(status=status, deployment="d"), key="k", batch=here.id, workspace="w").result()
        store.claims.answer(Run(status="unknown", deployment="d"), key="l", batch=here.id, workspace="w").result()
        store.claims.answer(Run(status="failed", deployment="d"), key="m", batch=there.id, workspace="v").result()
        assert store.answers.counts_of(here) == {"completed": 1, "unknown": 1}


def _record(name: str, workspace: str) -> BatchRecord:
    return BatchRecord(name=name, workspace=workspace, deployment="d", variants=(), created_at=datetime.now(UTC))


def test_without_a_store_the_table_is_empty_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing raises, and the cure is told."""
    fh.configure(store=None)
    assert _dtypes(fh.history()) == DTYPES
    assert "fh.configure(store=...)" in capsys.readouterr().err


def test_a_name_that_was_never_run_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty table alone would hide a slip."""
    _keep("w", Run(status="completed", deployment="support-triage"))
    assert fh.history(deployment="suport-triage").empty
    assert tells(capsys.readouterr().err, "'support-triage'")


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3"])
def test_a_limit_that_is_none_is_refused(limit: object) -> None:
    """Before anything is read."""
    with pytest.raises(SettingsError, match="limit is"):
        fh.history(limit=limit)  # type: ignore[arg-type]


# --- Deployment.from_history


def _run(variant: str = "a", status: str = "completed", **fields: object) -> Run:
    inputs = fields.pop("inputs", {"text": "hi"})
    return Run(status=status, deployment="d", variant=variant, inputs=inputs, **fields)  # type: ignore[arg-type]


def test_a_deployment_is_guessed_from_what_ran(here: str) -> None:
    """Variants in the order of their first run, kinds from all samples, open; what was refused is no sample."""
    _keep(
        here,
        _run("a", inputs={"text": "hi", "n": 1}),
        _run("b", inputs={"text": "ho", "n": 2.5}),
        _run("a", "failed", inputs={"txet": "slip"}, status_code=422),
        _run("c", "unknown", inputs={"tags": ["x"]}),
    )
    made = fh.Deployment.from_history("d")
    assert made.variants == ("a", "b", "c")
    assert made.inputs["properties"] == {
        "text": {"type": "string"},
        "n": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
    }
    assert "required" not in made.inputs
    assert made.problems({"anything": 1}) == []


def test_runs_of_a_probe_are_no_samples(here: str) -> None:
    """It sends an input of a wrong type and an unknown variant, and a tolerant service runs them."""
    probe = {"fh_notebook": "probe"}
    wrong = {"text": {"fh_notebook": "probe"}}
    _keep(here, _run("a", inputs=wrong, metadata=probe), _run("fh-notebook-probe-unknown", metadata=probe))
    with pytest.raises(InputError):
        deployment_from_history("d")
    _keep(here, _run("b", metadata={"fh_notebook": "probes"}))
    made = deployment_from_history("d")
    assert (made.variants, made.inputs["properties"]) == (("b",), {"text": {"type": "string"}})


def test_jobs_of_batches_are_samples_too(here: str) -> None:
    """A batch's answers and single runs of this workspace together; another workspace's are not."""
    store = session.store()
    assert store is not None
    many = store.batches.keep(_record("many", here)).result()
    store.claims.answer(_run("b", inputs={"rows": 3}), key="k", batch=many, workspace=here).result()
    _keep("elsewhere", _run("z", inputs={"secret": 1}))
    _keep(here, _run("a"))
    made = deployment_from_history("d")
    assert (made.variants, made.variable_names) == (("b", "a"), ["rows", "text"])


def test_named_variants_are_taken_and_give_the_samples(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One that did not run may be new; that one is nearly one that did is said, and no more."""
    _keep(here, _run("keywords"), _run("nearest", inputs={"other": 1}))
    made = deployment_from_history("d", variants="keywords")
    assert (made.variants, made.variable_names) == (("keywords",), ["text"])
    assert deployment_from_history("d", variants=["brand-new"]).variable_names == ["text", "other"]
    assert capsys.readouterr().err == ""
    assert deployment_from_history("d", variants=["keyword"]).variants == ("keyword",)
    assert tells(capsys.readouterr().err, "'keyword'", "'d'", "'keywords'")


def test_what_was_kept_masked_is_a_password(here: str) -> None:
    """Of a value that was only ever `***` nothing is known but that it is secret: no value is refused."""
    _keep(here, _run(inputs={"token": "***", "text": "***"}), _run(inputs={"token": None, "text": "shown"}))
    made = deployment_from_history("d")
    assert made.inputs["properties"] == {"token": {"format": "password"}, "text": {"type": "string"}}
    assert made.problems({"token": ["deep", {"secret": 1}]}) == []


def test_what_was_kept_in_clear_before_it_was_declared_a_password_is_one_now(here: str) -> None:
    """Its newest value tells: as a plain text, the next run would keep it in clear again."""
    _keep(here, _run(inputs={"token": "in clear"}), _run(inputs={"token": "***"}))
    assert deployment_from_history("d").inputs["properties"] == {"token": {"format": "password"}}


def test_only_the_newest_answers_are_read(here: str) -> None:
    """A bound on the work: the 1,000 newest, whatever else there is."""
    store = session.store()
    assert store is not None
    for i in range(1_005):
        store.answers.keep(_run(inputs={"old" if i < 5 else "new": i}), here)
    store.answers.newest_id()
    store.database.put(lambda c: None).result()
    assert deployment_from_history("d").variable_names == ["new"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("dd", ("'d'",)),
        ("nothing-alike", ("'d'",)),
        ("far", ("fh.configure(base_url=...)",)),
        ("refused", ("'refused'",)),
        ("", ("''",)),
    ],
)
def test_nothing_to_guess_from_is_told_with_what_there_is(here: str, name: str, told: tuple[str, ...]) -> None:
    """The nearest name, all names, or where it was run instead."""
    _keep(here, _run())
    _keep("elsewhere", Run(status="completed", deployment="far"))
    if name == "refused":
        _keep(here, Run(status="failed", status_code=422, deployment="refused"))
    with pytest.raises(InputError) as caught:
        deployment_from_history(name)
    assert tells(str(caught.value), *told)


def test_nothing_can_be_guessed_without_a_store() -> None:
    """It says that nothing is kept."""
    fh.configure(store=None)
    with pytest.raises(InputError, match="fh.configure"):
        deployment_from_history("d")


def test_the_last_run_is_that_of_the_workspace(here: str) -> None:
    """Others run in the same store."""
    assert last_run(here) is None
    _keep(here, _run(output="mine"))
    _keep("elsewhere", _run(output="theirs"))
    kept = last_run(here)
    assert kept is not None
    assert kept.run.output == "mine"


def test_the_name_of_a_batch_is_no_deployment_and_history_says_what_lists_it(
    hive: LocalHive, capsys: pytest.CaptureFixture[str]
) -> None:
    """`Nothing is kept` would be read as a loss."""
    fh.batch([{"text": "hi"}], "echo", variants="plain", client=hive.client(), name="pilot", progress=False)
    capsys.readouterr()
    assert fh.history("pilot").empty
    said = capsys.readouterr().err
    assert tells(said, "'pilot'", "'echo'", "fh.open_batch('pilot')")
    assert tells(said, "'echo'")
