"""Batches that are opened again by their name, with nothing but the store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.model import JobCounts
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from tests.batching.hives import Shouting, rows
from tests.told import facts, tells


@pytest.fixture
def shouting() -> Shouting:
    return Shouting(name="lasting")


def test_a_batch_is_opened_with_its_table(shouting: Shouting) -> None:
    """The same lines, with the source's columns, failures and invalid rows; all reused; nothing is called."""
    frame = pd.DataFrame(
        {"text": ["Hi", "bad", "Yo"], "n": [1, 2, 3], "expected_output": ["HI", "x", "YO"]}, index=list("pqr")
    )
    client = shouting.hive.client()
    made = fh.batch(frame, "shout", client=client, name="mine", inputs={"text": "text"}, progress=False)
    session.reset()  # another kernel
    opened = fh.open_batch("mine", client=client)
    assert opened.counts == JobCounts(planned=6, done=5, failed=1, reused=6)
    columns = [c for c in made.frame.columns if c != "reused"]
    pd.testing.assert_frame_equal(opened.frame[columns], made.frame[columns], check_dtype=False)
    assert opened.frame["reused"].all()
    assert fh.compare(opened).summary().equals(fh.compare(made).summary())
    assert shouting.calls == 6
    assert opened.resume().counts.calls == 0


def test_an_opened_batch_goes_on_without_its_rows(shouting: Shouting) -> None:
    """What was pending is called with the inputs and metadata that were planned."""
    client = shouting.hive.client()
    fh.batch(
        rows(6),
        "shout",
        client=client,
        variants="loud",
        name="mine",
        max_calls=2,
        metadata={"who": "me"},
        progress=False,
    )
    session.reset()
    opened = fh.open_batch("mine", client=client)
    assert opened.counts == JobCounts(planned=6, done=2, pending=4, reused=2)
    assert "4 calls" in str(opened.plan())
    opened.resume()
    assert opened.counts == JobCounts(planned=6, done=6, reused=2, calls=4)
    assert set(shouting.ran.values()) == {1}
    assert shouting.hive.calls[-1].metadata["who"] == "me"


@pytest.mark.parametrize("reuse", ["store", timedelta(hours=1)])
def test_answers_of_another_name_that_were_reused_are_found_again(shouting: Shouting, reuse: Any) -> None:
    """They lie under that name; nothing of it is pending, and nothing is paid twice."""
    client = shouting.hive.client()
    fh.batch(rows(4), "shout", client=client, variants="loud", name="paid", progress=False)
    made = fh.batch(rows(5), "shout", client=client, variants="loud", name="mine", reuse=reuse, progress=False)
    assert made.counts == JobCounts(planned=5, done=5, reused=4, calls=1)
    session.reset()
    opened = fh.open_batch("mine", client=client)
    assert opened.counts == JobCounts(planned=5, done=5, reused=5)
    assert opened.resume().counts.calls == 0
    assert opened.frame["output"].tolist() == made.frame["output"].tolist()


def test_a_streamed_batch_is_opened_too(shouting: Shouting, window: int) -> None:
    """Its rows were kept window by window."""
    client, many = shouting.hive.client(), window + 10
    fh.batch(iter(rows(many)), "shout", client=client, variants="loud", name="long", progress=False)
    opened = fh.open_batch("long", client=client)
    assert opened.counts.done == many
    assert opened.frame["text"].tolist() == [f"t{i}" for i in range(many)]


def test_a_cell_that_is_missing_is_there_and_empty_when_the_batch_is_opened(shouting: Shouting) -> None:
    """So that a scorer reads the same rows, and what it said of them once is found again."""
    client = shouting.hive.client()
    asked: list[Any] = []

    @fh.score.scorer(version=1)
    def hits(run: fh.Run, row: dict[str, Any]) -> bool | None:
        asked.append(row["note"])
        return None if row["expected_output"] is None else run.text == row["expected_output"]

    table = pd.DataFrame({"text": ["a", "b"], "expected_output": ["A", None], "note": [None, None]})
    made = fh.batch(table, "shout", client=client, variants="loud", name="gaps", progress=False)
    told = fh.compare(made, score=hits).summary()
    opened = fh.open_batch("gaps", client=client)
    assert [row for *_, row in opened.entries()] == [row for *_, row in made.entries()]
    assert opened.frame.columns.tolist() == made.frame.columns.tolist()
    assert opened.frame["note"].isna().all()
    assert fh.compare(opened, score=hits).summary()["mean"].tolist() == told["mean"].tolist() == [1.0]
    assert asked == [None, None]


def test_the_rows_of_a_streamed_batch_are_counted_without_its_repeats(shouting: Shouting) -> None:
    """Nobody knew how many there were when it was begun; they are told by the jobs."""
    client = shouting.hive.client()
    fh.batch(iter(rows(3)), "shout", client=client, repeats=2, name="twice", progress=False)
    plan = fh.open_batch("twice", client=client).plan()
    assert (plan.rows, plan.repeats, plan.jobs) == (3, 2, 12)


def test_inputs_with_a_password_are_read_and_not_sent() -> None:
    """They are kept masked, so the rows are asked for."""
    dep = fh.Deployment("shout", variants="loud", inputs={"text": fh.text(secret=True)})
    client = Shouting(name="lasting").hive.client()
    fh.batch([{"text": "s3cret"}, {"text": "other"}], dep, client=client, name="mine", max_calls=1, progress=False)
    opened = fh.open_batch("mine", client=client)
    assert opened.frame["text"].tolist() == ["***"]
    with pytest.raises(fh.SettingsError) as caught:
        opened.resume()
    assert "store=None" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert opened.counts == JobCounts(planned=2, done=1, pending=1, reused=1)


def test_what_is_not_there_is_told_with_the_nearest_name(shouting: Shouting) -> None:
    """Or whose it is."""
    client = shouting.hive.client()
    fh.batch(rows(1), "shout", client=client, name="tickets-june", progress=False)
    with pytest.raises(fh.InputError, match="'tickets-jnue'.*'tickets-june'"):
        fh.open_batch("tickets-jnue", client=client)
    with pytest.raises(fh.InputError, match=r"fh.history\(\)"):
        fh.open_batch("nothing like it", client=client)
    with pytest.raises(fh.InputError, match=facts("3", "fh.history()")):
        fh.open_batch(3, client=client)  # type: ignore[arg-type]
    with pytest.raises(fh.SettingsError, match=facts("local#lasting")):
        fh.open_batch("tickets-june", client=Shouting(name="another").hive.client())
    fh.configure(store=None)
    with pytest.raises(fh.SettingsError, match="store=None"):
        fh.open_batch("tickets-june", client=client)


def test_a_name_with_other_arms_keeps_what_it_had(shouting: Shouting) -> None:
    """First one variant, then the other, under one name: opened, both are there, side by side."""
    client = shouting.hive.client()
    fh.batch(rows(2), "shout", client=client, variants="soft", name="mine", progress=False)
    fh.batch(rows(2), "shout", client=client, variants="loud", name="mine", progress=False)
    opened = fh.open_batch("mine", client=client)
    assert opened.frame[["row", "variant", "output"]].values.tolist() == [
        [0, "soft", "t0"],
        [0, "loud", "T0"],
        [1, "soft", "t1"],
        [1, "loud", "T1"],
    ]


def test_a_pilot_and_then_all_of_it_is_one_batch(shouting: Shouting) -> None:
    """The rows of the pilot have their places among all."""
    client = shouting.hive.client()
    fh.batch(rows(10), "shout", client=client, variants="loud", name="mine", sample=3, progress=False)
    assert fh.open_batch("mine", client=client).counts.planned == 3
    fh.batch(rows(10), "shout", client=client, variants="loud", name="mine", progress=False)
    opened = fh.open_batch("mine", client=client)
    assert opened.counts == JobCounts(planned=10, done=10, reused=10)
    assert opened.frame["row"].tolist() == list(range(10))


def _two_deployments() -> LocalHive:
    hive = LocalHive(name="lasting")
    for deployment in ("first", "second"):

        @hive.workflow(deployment, variant="live")
        def live(text: str, said: str = deployment) -> str:
            return f"{said}: {text}"

    return hive


@pytest.mark.parametrize("how", [{}, {"dry_run": True}])
def test_a_name_stands_for_one_deployment(how: dict[str, Any]) -> None:
    """With another one it is refused, planned or called: before any call, with the cure, and the cure is one."""
    hive = _two_deployments()
    client = hive.client()
    fh.batch(rows(2), "first", client=client, variants="live", name="june", progress=False)
    with pytest.raises(fh.InputError) as no:
        fh.batch(rows(2), "second", client=client, variants="live", name="june", progress=False, **how)
    told = str(no.value)
    assert tells(told, "'june'", "'first'", "'second'")
    assert tells(told, "name=")
    assert "replace=True" in told
    assert len(hive.calls) == 2
    assert fh.open_batch("june", client=client).frame["output"].str.startswith("first: ").all()
    assert fh.forget("june", client=client) == 2
    made = fh.batch(rows(2), "second", client=client, variants="live", name="june", progress=False)
    assert made.counts == JobCounts(planned=2, done=2, calls=2)
    opened = fh.open_batch("june", client=client)
    assert opened.frame["output"].tolist() == made.frame["output"].tolist()


def test_a_second_deployment_beside_the_first_is_another_name() -> None:
    """The labels of all would change; the answers that are paid for are found in the store."""
    hive = _two_deployments()
    client = hive.client()
    fh.batch(rows(2), "first", client=client, variants="live", name="june", progress=False)
    both = [("first", "live"), ("second", "live")]
    with pytest.raises(fh.InputError, match=facts("'first'", "'second'", "name=")):
        fh.batch(iter(rows(2)), "first", client=client, variants=both, name="june", progress=False)
    made = fh.batch(rows(2), "first", client=client, variants=both, name="both", reuse="store", progress=False)
    assert made.counts == JobCounts(planned=4, done=4, reused=2, calls=2)
    # The same two, the other way round: it is the same batch.
    again = fh.batch(rows(2), "second", client=client, variants=both[::-1], name="both", reuse="store", progress=False)
    assert again.counts.calls == 0


def test_a_dry_run_that_is_resumed_finds_its_name_taken() -> None:
    """It kept nothing when it was planned; what has the name since is not joined."""
    hive = _two_deployments()
    client = hive.client()
    planned = fh.batch(rows(2), "second", client=client, variants="live", name="june", progress=False, dry_run=True)
    fh.batch(rows(2), "first", client=client, variants="live", name="june", progress=False)
    with pytest.raises(fh.InputError, match="'first'.*'second'"):
        planned.resume()
    assert len(hive.calls) == 2
