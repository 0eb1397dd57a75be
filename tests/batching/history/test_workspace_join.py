"""A new key of the same workspace: the plan says what the old one has paid for, and a join takes it over."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.planning.plan import OtherKey, Plan
from fh_notebook.core.text.messages import CELL
from fh_notebook.session import session
from fh_notebook.store.store import Store
from tests import environment
from tests.batching.hives import Held, Shouting, rows
from tests.comparing.rating.page import rate_by
from tests.data import build_d287664 as made
from tests.store.test_earlier_versions import EXPECTED, IN_MEMORY, as_then, restored
from tests.told import facts, numbers_in, tells

OLD, NEW = "fhk_0123456789abcdef", "fhk_fedcba9876543210"


class Rotated:
    """A hive on a socket, with the clients of an old key and of a new one."""

    def __init__(self, url: str, shouting: Shouting) -> None:
        self.shouting = shouting
        self.url = url
        self.old = fh.Client(base_url=url, api_key=OLD)
        self.new = fh.Client(base_url=url, api_key=NEW)

    def run(self, key: str, source: Any, name: str | None = None, **options: Any) -> fh.Batch:
        client = {"old": self.old, "new": self.new}[key]
        return fh.batch(source, "shout", client=client, name=name, **{"variants": "loud", "progress": False, **options})

    def join(self) -> Any:
        return fh.store.join(self.old.workspace, self.new.workspace)

    @property
    def calls(self) -> int:
        return self.shouting.calls


@pytest.fixture
def rotated() -> Iterator[Rotated]:
    shouting = Shouting()
    with shouting.hive.serve() as server:
        made = Rotated(server.url, shouting)
        yield made
        made.old.close()
        made.new.close()


def kept() -> Store:
    store = session.store()
    assert store is not None
    return store


def dump(workspace: str) -> list[Any]:
    """All lines of one workspace, table by table."""
    of_batches = "(SELECT id FROM batches WHERE workspace = ?)"
    asked = {
        **dict.fromkeys(("batches", "answers", "ratings", "parts", "pending", "requests"), "workspace = ?"),
        **dict.fromkeys(("jobs", "rows", "claims", "uses"), f"batch IN {of_batches}"),
        "scores": "answer IN (SELECT id FROM answers WHERE workspace = ?)",
    }
    kept().database.put(lambda c: None).result()  # behind what a batch takes back at its end, which nobody waits for
    return kept().database.read(
        lambda c: [
            (table, sorted(map(repr, c.execute(f"SELECT * FROM {table} WHERE {where}", (workspace,)))))
            for table, where in asked.items()
        ]
    )


def shown(batch: fh.Batch) -> list[tuple[Any, ...]]:
    return list(batch.frame[["row", "variant", "text", "output"]].itertuples(index=False, name=None))


# --- the plan


def test_the_plan_says_what_another_key_of_this_host_has_answered(rotated: Rotated) -> None:
    """In rows, with the command that joins the two, before any call; once they are joined it says nothing of it."""
    rotated.run("old", rows(20))
    plan = rotated.run("new", rows(20), dry_run=True).plan()
    command = f'fh.store.join("{rotated.old.workspace}", "{rotated.new.workspace}")'
    assert tells(str(plan), "20 of 20 rows", command, "20 calls")
    assert rotated.calls == 20
    eval(command)
    plan = rotated.run("new", rows(20), dry_run=True).plan()
    assert "another key" not in str(plan)
    assert plan.calls == 0


def test_a_row_counts_where_all_of_its_calls_are_answered(rotated: Rotated) -> None:
    """Not one of whose variants, or repeats, one was never called; equal rows count each."""
    rotated.run("old", rows(3), variants=["loud", "soft"], name="a")
    rotated.run("old", rows(5), variants=["loud"], name="b")

    def other(source: Any, **options: Any) -> Any:
        return rotated.run("new", source, dry_run=True, **options).plan().other_key

    assert other(rows(6), variants=["loud", "soft"]).rows == 3
    assert other(rows(6), variants="loud").rows == 5
    assert other([*rows(2), *rows(2)], variants="loud").rows == 4
    assert other(rows(6), variants="loud", repeats=2) is None
    assert other(rows(6), name="x").rows == 5
    assert other(rows(6), reuse=None) is None
    assert other(rows(6), fresh=True) is None
    assert other(rows(6), reuse=timedelta(hours=1)).rows == 5
    assert other(rows(6), reuse=timedelta(microseconds=1)) is None
    assert other([{"text": "never"}]) is None


def test_nothing_is_said_of_failures_other_hosts_and_local_hives(rotated: Rotated) -> None:
    """What failed has no answer; another origin is another service; a local hive of another name has no key."""
    rotated.run("old", [{"text": "bad one"}])
    assert rotated.run("new", [{"text": "bad one"}], dry_run=True).plan().other_key is None
    rotated.run("old", rows(2))
    with rotated.shouting.hive.serve() as second, fh.Client(base_url=second.url, api_key=NEW) as client:
        plan = fh.batch(rows(2), "shout", client=client, variants="loud", dry_run=True, progress=False).plan()
        assert plan.other_key is None
    for name in ("one", "two"):
        batch = fh.batch(rows(2), "shout", client=Shouting(name=name).hive.client(), variants="loud", progress=False)
        assert batch.plan().other_key is None


def test_the_workspace_with_most_of_the_rows_is_named(rotated: Rotated) -> None:
    """Of several keys, and not the newest one, which has fewer."""
    rotated.run("old", rows(4))
    with fh.Client(base_url=rotated.url, api_key="fhk_00000000000000ff") as third:
        fh.batch(rows(1), "shout", client=third, variants="loud", progress=False)
    other = rotated.run("new", rows(5), dry_run=True).plan().other_key
    assert other is not None
    assert (other.workspace, other.rows) == (rotated.old.workspace, 4)


def test_a_configured_workspace_keeps_its_answers_over_a_new_key(rotated: Rotated) -> None:
    """As the documentation recommends: nothing is to be joined."""
    fh.configure(workspace="team")
    for key, calls in ((OLD, 3), (NEW, 0)):
        with fh.Client(base_url=rotated.url, api_key=key) as client:
            batch = fh.batch(rows(3), "shout", client=client, variants="loud", progress=False)
            assert batch.counts.calls == calls


def test_the_words_are_those_of_who_reads_them() -> None:
    """Whoever wrote `fh.batch(...)`, or a cell; of one row, and of one among many."""
    asked: dict[str, Any] = {"name": "x", "deployment": "d", "variants": ("v",), "repeats": 1, "jobs": 3, "calls": 2}
    other = OtherKey(workspace="a.com#1", rows=1, command='fh.store.join("a.com#1", "a.com#2")')
    plan = Plan(rows=3, other_key=other, **asked)
    told = 'fh.store.join("a.com#1", "a.com#2")'
    assert tells(plan, told)
    assert numbers_in(plan)[-1] == "2"
    cell = replace(plan, audience=CELL)
    assert tells(cell, told, "%fetchhive login")
    assert numbers_in(cell)[-1] == "2"
    assert "fh.store.join" not in str(Plan(rows=3, **asked))


# --- the join


@pytest.mark.parametrize("name", [None, "mine"])
def test_after_a_join_the_same_cell_calls_nothing_and_the_source_is_as_it_was(
    rotated: Rotated, name: str | None
) -> None:
    """Under its name, or the hash of what it asks; in both workspaces it can be opened, and shows the same."""
    first = rotated.run("old", rows(6), name, variants=["loud", "soft"], repeats=2)
    before = dump(rotated.old.workspace)
    joined = rotated.join()
    assert (joined.answers, joined.batches) == (24, 1)
    assert dump(rotated.old.workspace) == before
    again = rotated.run("new", rows(6), name, variants=["loud", "soft"], repeats=2)
    assert again.counts == JobCounts(planned=24, done=24, reused=24)
    assert rotated.calls == 24
    assert shown(again) == shown(first)
    assert (again.name == first.name) is (name is not None)
    opened = [fh.open_batch(batch.name, client=c) for batch, c in ((first, rotated.old), (again, rotated.new))]
    assert shown(opened[0]) == shown(opened[1]) == shown(first)


def test_a_second_join_copies_nothing(rotated: Rotated) -> None:
    """Not even a batch that had to take another name."""
    rotated.run("old", rows(3), "x")
    rotated.run("old", rows(4), reuse="batch")
    rotated.old.invoke("shout", variant="loud", inputs={"text": "single"})
    rotated.run("new", [{"text": "other"}], "x")
    first = rotated.join()
    assert (first.answers, first.batches, len(first.renamed)) == (8, 2, 1)
    before = dump(rotated.new.workspace)
    second = rotated.join()
    assert (second.answers, second.batches, second.scores, second.ratings, second.renamed) == (0, 0, 0, 0, ())
    assert dump(rotated.new.workspace) == before


def test_a_name_of_another_table_is_kept_beside_it(rotated: Rotated) -> None:
    """Both are opened by their names, and the join says which name the copy has."""
    rotated.run("old", rows(3), "x")
    rotated.run("new", [{"text": "other"}], "x")
    ((was, kept_as),) = rotated.join().renamed
    assert was == "x"
    assert kept_as.startswith("x@20")
    assert [line[3] for line in shown(fh.open_batch("x", client=rotated.new))] == ["OTHER"]
    assert [line[3] for line in shown(fh.open_batch(kept_as, client=rotated.new))] == ["T0", "T1", "T2"]


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_cell_that_was_begun_under_the_new_key_goes_on_without_paying(rotated: Rotated, name: str | None) -> None:
    """What is missing is added, in whatever order the rows are; its own answers stay on top."""
    rotated.run("old", [*reversed(rows(10))], name)
    rotated.run("new", rows(10), name, max_calls=4)
    calls = rotated.calls
    joined = rotated.join()
    assert (joined.answers, joined.batches, joined.renamed) == (10 - calls + 10, 1, ())
    again = rotated.run("new", rows(10), name)
    assert again.counts == JobCounts(planned=10, done=10, reused=10)
    assert rotated.calls == calls == 14
    assert [line[2:] for line in shown(again)] == [(f"t{i}", f"T{i}") for i in range(10)]
    assert rotated.join().answers == 0


def test_what_a_replaced_batch_has_answered_counts_after_a_join_too(rotated: Rotated) -> None:
    """The copies replace each other as their sources do; numbers of the source say nothing of the target's batches."""
    table = rows(3)
    rotated.run("new", rows(1), name="other")  # so that the numbers of both are not the same by chance
    rotated.run("old", table[:2], name="x")
    rotated.run("old", table[1:], name="x", replace=True)
    before = dump(rotated.old.workspace)
    rotated.join()
    assert dump(rotated.old.workspace) == before
    calls = rotated.calls
    assert rotated.run("new", [*table[1:], table[0]], name="x").counts == JobCounts(planned=3, done=3, reused=3)
    assert rotated.calls == calls
    numbers = {record.name: record for record in kept().batches.every() if record.workspace == rotated.new.workspace}
    (earlier,) = [name for name in numbers if name.startswith("x@")]
    assert list(numbers["x"].plan["replaced"]) == [numbers[earlier].id]
    assert list(numbers[earlier].plan["replaced_by"]) == [numbers["x"].id]
    after = dump(rotated.new.workspace)
    rotated.join()
    assert dump(rotated.new.workspace) == after


def test_a_table_with_more_rows_and_variants_extends_the_one_in_the_target(rotated: Rotated) -> None:
    """Rows, labels and other columns of the target stay; behind them are those that it lacked."""
    deployment = fh.Deployment("shout", inputs={"text": fh.text()})
    old = [{"text": f"t{i}", "note": "old"} for i in range(5)]
    fh.batch(old, deployment, variants=["soft", "loud"], client=rotated.old, name="x", progress=False)
    new = [{"text": f"t{i}", "note": "new"} for i in (3, 1)]
    fh.batch(new, deployment, variants="loud", client=rotated.new, name="x", progress=False)
    rotated.join()
    opened = fh.open_batch("x", client=rotated.new)
    frame = opened.frame
    assert opened.counts == JobCounts(planned=10, done=10, reused=10)
    assert dict(zip(frame["text"], frame["note"], strict=True)) == {"t0": "old", "t1": "new", "t2": "old", "t3": "new", "t4": "old"}  # fmt: skip
    for variant, text, output in frame[["variant", "text", "output"]].itertuples(index=False):
        assert output == (text.upper() if variant == "loud" else text.lower())


def test_answers_that_other_batches_and_single_runs_paid_for_are_used_in_the_target_too(rotated: Rotated) -> None:
    """A batch with `reuse="store"` shows them when it is opened there."""
    rotated.run("old", rows(2), "payer")
    rotated.old.invoke("shout", variant="loud", inputs={"text": "t2"})
    rotated.run("old", rows(3), "user", reuse="store")
    assert rotated.calls == 3
    rotated.join()
    assert fh.open_batch("user", client=rotated.new).counts == JobCounts(planned=3, done=3, reused=3)
    assert rotated.run("new", rows(3), "third", reuse="store").counts.calls == 0


def test_invalid_rows_and_failures_are_copied_with_their_batch(rotated: Rotated) -> None:
    """An unnamed one has the name that its cell has under the new key, whatever was wrong with its rows."""
    deployment = fh.Deployment("shout", variants=["loud"], inputs={"text": fh.text()})
    source = [{"text": "a"}, {"text": 5}, {"text": "bad"}]

    def run(client: fh.Client) -> fh.Batch:
        return fh.batch(source, deployment, client=client, on_invalid="skip", progress=False)

    first = run(rotated.old)
    rotated.join()
    plan = fh.batch(source, deployment, client=rotated.new, on_invalid="skip", dry_run=True, progress=False).plan()
    assert (first.counts.failed, plan.invalid, plan.calls) == (2, 1, 0)
    opened = fh.open_batch(plan.name, client=rotated.new)
    assert (opened.counts.planned, opened.counts.done, opened.counts.failed) == (3, 1, 2)


def test_an_iterator_is_taken_over_under_the_name_of_its_first_window(rotated: Rotated) -> None:
    """Also one of several windows."""
    source = [{"text": f"t{i}"} for i in range(1_010)]
    rotated.run("old", iter(source), max_concurrency=50)
    rotated.join()
    assert rotated.run("new", iter(source)).counts == JobCounts(planned=1_010, done=1_010, reused=1_010)


def test_a_pilot_keeps_its_name_and_the_join_says_what_takes_its_answers(rotated: Rotated) -> None:
    """Its name is that of all rows, of which not all are kept, so the name under the new key cannot be computed."""
    pilot = rotated.run("old", rows(10), first=4)
    joined = rotated.join()
    assert joined.unnamed == (pilot.name,)
    assert tells(str(joined), "reuse='store'")
    assert rotated.run("new", rows(10), first=4, reuse="store").counts.calls == 0


def test_answers_to_passwords_are_not_copied_and_that_is_said(rotated: Rotated) -> None:
    """Their keys are made of what is not kept; other answers of the workspace are copied."""
    hive = rotated.shouting.hive

    @hive.workflow("sign", variant="v")
    def sign(text: str, token: str) -> str:
        return text

    deployment = fh.Deployment("sign", variants=["v"], inputs={"text": fh.text(), "token": fh.text(secret=True)})
    source = [{"text": "a", "token": "s3cret-1"}, {"text": "b", "token": "s3cret-2"}]
    fh.batch(source, deployment, client=rotated.old, name="secret", progress=False)
    rotated.old.invoke(deployment, variant="v", inputs=source[0])
    rotated.run("old", rows(1), "open")
    joined = rotated.join()
    assert (joined.answers, joined.batches, joined.masked) == (1, 1, 3)
    assert tells(str(joined), "3 answers")
    assert [record.name for record in kept().batches.every() if record.workspace == rotated.new.workspace] == ["open"]


def test_scores_of_copied_answers_are_not_asked_for_again(rotated: Rotated) -> None:
    """Of a scorer that reads the output only, one that reads a column, and one that reads the whole row."""
    asked: list[str] = []

    @fh.score.scorer(version="1")
    def length(run: fh.Run, row: Any) -> float:
        asked.append(row["text"])
        return float(len(run.text))

    source = [{"text": f"t{i}", "expected_output": f"T{i}"} for i in range(4)]
    first = rotated.run("old", source, "x")
    expected = [fh.compare(first, score=score).summary()["mean"].tolist() for score in (length, fh.score.exact())]
    assert len(asked) == 4
    joined = rotated.join()
    assert joined.scores == 8
    again = rotated.run("new", source, "x")
    assert [
        fh.compare(again, score=score).summary()["mean"].tolist() for score in (length, fh.score.exact())
    ] == expected
    assert len(asked) == 4


def test_ratings_of_copied_outputs_are_those_of_the_copy(rotated: Rotated) -> None:
    """Of pairs, with repeats and with JSON outputs, and of outputs alone; what is taken back there stays here."""
    source = [{"text": f"Text {i}"} for i in range(3)]
    asked: dict[str, Any] = {"variants": ["loud", "soft"], "repeats": 2}
    first = fh.compare(rotated.run("old", source, "x", **asked), score=fh.score.length())
    rate_by(first, "anna", lambda item: "a" if item.row else "b")
    rate_by(first, "ben", lambda item: "2", scale=3)
    given = len(first.ratings().lines)
    assert given == 6 + 12
    before = dump(rotated.old.workspace)
    assert rotated.join().ratings == given
    second = fh.compare(rotated.run("new", source, "x", **asked), score=fh.score.length())
    assert second.rated().pairs().equals(first.rated().pairs())
    assert second.rated(scale=3).summary().equals(first.rated(scale=3).summary())
    assert second.rate(rater="anna").session.left == 0
    kept().ratings.keep([], [said.uid for said in second.ratings(rater="anna").lines]).result()
    assert second.rate(rater="anna").session.left == 6
    assert first.rate(rater="anna").session.left == 0
    assert rotated.join().ratings == 0
    assert dump(rotated.old.workspace) == before


def test_calls_that_may_have_run_are_unknown_in_the_target_and_not_repeated(rotated: Rotated) -> None:
    """A kernel of the old key died while they were out; the claims stay in the source."""
    program = (
        "import sys, fh_notebook as fh\n"
        "client = fh.Client(base_url=sys.argv[1], api_key=sys.argv[2])\n"
        "fh.batch([{'text': 'a'}, {'text': 'b'}], 'held', variants='v', client=client, name='x', progress=False)\n"
    )
    with Held().freed() as held, held.hive.serve() as server:
        process = subprocess.Popen([sys.executable, "-c", program, server.url, OLD], env=_same_store())
        held.wait_for(2)
        process.kill()
        process.wait()
        held.let_go()
        with fh.Client(base_url=server.url, api_key=OLD) as old, fh.Client(base_url=server.url, api_key=NEW) as new:
            before = dump(old.workspace)
            joined = fh.store.join(old.workspace, new.workspace)
            assert (joined.answers, joined.unknown) == (0, 2)
            assert dump(old.workspace) == before
            again = fh.batch(rows_of("ab"), "held", variants="v", client=new, name="x", progress=False)
            assert again.counts == JobCounts(planned=2, unknown=2)
            assert fh.store.join(old.workspace, new.workspace).unknown == 0
        assert held.ran.total() == 2


def _same_store() -> dict[str, str]:
    made = environment.for_process(kept().path.parent)
    return {**made, "FH_NOTEBOOK_STORE": str(kept().path)}


def rows_of(texts: str) -> list[dict[str, Any]]:
    return [{"text": text} for text in texts]


def test_a_running_batch_of_either_workspace_is_not_joined() -> None:
    """With what to do; nothing is copied."""
    with (
        Held().freed() as held,
        held.hive.serve() as server,
        fh.Client(base_url=server.url, api_key=OLD) as old,
        fh.Client(base_url=server.url, api_key=NEW) as new,
    ):
        fh.batch(rows_of("z"), "held", client=new, variants="v", progress=False, max_calls=0)
        batch = fh.batch(rows_of("a"), "held", client=old, variants="v", name="x", wait=False, progress=False)
        held.wait_for(1)
        for pair in ((old.workspace, new.workspace), (new.workspace, old.workspace)):
            with pytest.raises(fh.SettingsError, match=facts("'x'")):
                fh.store.join(*pair)
        held.let_go()
        batch.wait()
        assert fh.store.join(old.workspace, new.workspace).answers == 1


def test_unknown_and_equal_names_are_refused_with_the_nearest(rotated: Rotated) -> None:
    """Nothing is written."""
    rotated.run("old", rows(1))
    old, new = rotated.old.workspace, rotated.new.workspace
    for first, second, told in (
        (old[:-1], new, [f"'{old[:-1]}'", f"'{old}'"]),
        (old, new + "0", [f"'{new}0'", f"'{new}'"]),
        (new, old, [f"'{new}'", f"'{old}'"]),
        (old, 5, ["into_workspace", "5"]),
        (old, "local#x", ["'local#x'"]),
    ):
        with pytest.raises(fh.InputError) as refused:
            fh.store.join(first, second)  # type: ignore[arg-type]
        assert tells(refused.value, *told)
    with pytest.raises(fh.InputError, match=facts(old)) as refused:
        fh.store.join(old, old)
    assert f"'{old}'" not in str(refused.value), "as a name that is not known"
    Shouting(name="here").hive.client().invoke("shout", variant="loud", inputs={"text": "a"})
    with pytest.raises(fh.InputError, match=facts("local#here", old)):
        fh.store.join("local#here", old)
    assert set(fh.store.workspaces()["workspace"]) == {old, "local#here"}
    fh.configure(store=None)
    with pytest.raises(fh.SettingsError, match="store=None"):
        fh.store.join(old, new)
    assert fh.store.workspaces().empty


def test_workspaces_are_listed_with_what_is_kept_of_them(rotated: Rotated) -> None:
    """The newest first, by names that join takes, with host and label."""
    fh.configure(workspace="team")
    with fh.Client(base_url=rotated.url, api_key=NEW) as team:
        fh.batch(rows(2), "shout", client=team, variants="loud", name="a", progress=False)
        fh.batch(rows(2), "shout", client=team, variants="loud", name="b", max_calls=0, progress=False)
        rotated.run("old", rows(3), "a")
        rotated.old.invoke("shout", variant="loud", inputs={"text": "single"})
        found = fh.store.workspaces()
        host = rotated.old.workspace.partition("#")[0]
        label = rotated.old.workspace.partition("#")[2]
        assert found[["workspace", "host", "label", "batches", "answers"]].values.tolist() == [
            [rotated.old.workspace, host, label, 1, 4],
            [team.workspace, host, "team", 2, 2],
        ]
        assert found["last_at"].is_monotonic_decreasing
        assert str(found["last_at"].dt.tz) == "UTC"
        assert fh.store.join(rotated.old.workspace, team.workspace).answers == 4


def test_a_workspace_of_an_earlier_version_is_joined(tmp_path: Path) -> None:
    """Its cells call nothing in the target; what lies in Parquet files is not copied, and that is said."""
    fh.configure(store=restored(tmp_path))
    [source] = fh.store.workspaces()["workspace"]
    hive = made.hive_of(name="target")
    client = hive.client()
    before = dump(source)
    joined = fh.store.join(source, client.workspace)
    assert (joined.masked, joined.unnamed, joined.renamed) == (0, (), ())
    assert joined.unknown == 4, "two that a killed process had out, and two whose outcome is waited for"
    assert joined.over_partitions == (EXPECTED["names"]["parted"],)
    assert tells(joined, EXPECTED["names"]["parted"])
    assert dump(source) == before
    for cell in IN_MEMORY:
        batch = getattr(made, cell)(client)
        assert batch.counts.calls == 0, cell
        then = [{n: value for n, value in told.items() if n != "key"} for told in EXPECTED["batches"][cell]]
        assert as_then(made.told(batch.frame), then) == then
    assert hive.counts.requests == 0
    assert fh.store.join(source, client.workspace).answers == 0
