"""`fh.canary`: the same rows again, day by day, against a real hive and a real store; the days are told by a clock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.monitoring.canary import Canary, start_canary
from fh_notebook.monitoring.canary_options import CanaryOptions
from fh_notebook.session import session
from tests import environment
from tests.batching.hives import KEY, Held, until
from tests.monitoring.kept_days import Answering, rows, set_attempts
from tests.store.kept import answers_in
from tests.told import numbers_in, tells

BEGIN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


class Watch:
    """A canary over a quiz, whose days pass when the test says so."""

    def __init__(self, count: int, **options: Any) -> None:
        self.answering = Answering()
        self.client = self.answering.hive.client()
        self.rows = rows(count)
        self.now = BEGIN
        self.deployment = "quiz"
        self.options = {"variant": "a", "score": fh.score.exact(), "name": "w", **options}

    def run(self, *, days: float = 0, **options: Any) -> Canary:
        self.now += timedelta(days=days)
        canary_options = CanaryOptions(**{**self.options, **options})
        return start_canary(
            self.rows, self.deployment, canary_options, client=self.client, progress=False, clock=lambda: self.now
        )

    def baseline(self, **options: Any) -> fh.Batch:
        return fh.batch(self.rows, "quiz", variants="a", client=self.client, name="before", progress=False, **options)


@pytest.fixture
def watch() -> Watch:
    return Watch(40)


def test_the_same_day_twice_makes_no_second_set_of_calls(watch: Watch) -> None:
    """10 calls a day, whichever process asks however often; the next day makes 10 more, of other rows."""
    watch.options["rows_per_day"] = 10
    for _ in range(3):
        found = watch.run()
        assert (found.calls, found.days, watch.answering.calls) == (10, 1, 10)
        assert found.is_done_today
    assert (watch.run(days=1).calls, watch.answering.calls) == (20, 20)
    watch.run(days=1)
    watch.run(days=1)
    assert set(watch.answering.ran.values()) == {1}
    assert len(watch.answering.ran) == 40
    # A second pass, after a day that was left out.
    assert (watch.run(days=2).days, watch.answering.calls) == (5, 50)
    assert sorted(watch.answering.ran.values()) == [1] * 30 + [2] * 10


@pytest.mark.long
def test_a_fall_is_found_with_its_direction_and_its_day(watch: Watch) -> None:
    """Half of the rows become wrong after five days: changed, worse, since about then; and no further call is made."""
    watch.baseline()
    watch.options["baseline"] = "before"
    for day in range(5):
        assert not watch.run(days=bool(day)).changed
    watch.answering.wrong |= {("a", number) for number in range(0, 40, 2)}
    found = watch.run(days=1)
    while not found.changed:
        found = watch.run(days=1)
    assert found.direction == "worse"
    assert found.since == (BEGIN + timedelta(days=5)).date()
    assert found.evidence >= 20
    assert found.days <= 8
    calls = watch.answering.calls
    after = watch.run(days=1)
    assert (after.changed, after.calls, watch.answering.calls) == (True, found.calls, calls)
    assert re.search(r" 2026-03-06: 100 % \w+, 50 % ", repr(found))


def test_where_less_is_better_a_rise_is_worse(watch: Watch) -> None:
    """The direction is that of quality, not of the number."""
    watch.options["score"] = fh.score.scorer(
        lambda run: float(run.output == "no"), name="errors", version="1", lower_is_better=True
    )
    watch.baseline()
    watch.answering.wrong |= {("a", number) for number in range(30)}
    found = watch.run(baseline="before")
    while not found.changed:
        found = watch.run(days=1, baseline="before")
    assert found.direction == "worse"


def test_without_a_baseline_the_first_pass_is_the_baseline(watch: Watch) -> None:
    """It says nothing before the second pass, however bad the first one was."""
    watch.answering.wrong |= {("a", number) for number in range(30)}
    first = watch.run(rows_per_day=20)
    assert (first.evidence, first.days) == (1.0, 1)
    assert "20 of 40 rows" in first.verdict
    watch.run(days=1, rows_per_day=20)
    later = watch.run(days=1, rows_per_day=20)
    assert later.evidence != 1.0
    assert not later.changed


def test_a_baseline_may_be_a_batch_with_repeats(watch: Watch) -> None:
    """Each repeat is an earlier score of its row."""
    batch = watch.baseline(repeats=3)
    found = watch.run(baseline=batch)
    assert found.summary()["difference"].tolist() == [0.0]
    assert watch.answering.calls == 160


@pytest.mark.parametrize("baseline", ["other rows", "other variant", "missing", 3])
def test_a_baseline_of_something_else_is_refused_before_any_call(watch: Watch, baseline: Any) -> None:
    """Other rows, another variant, no such batch, or no batch at all."""
    if baseline == "other rows":
        fh.batch(rows(39), "quiz", variants="a", client=watch.client, name=baseline, progress=False)
    elif baseline == "other variant":
        fh.batch(watch.rows, "quiz", variants="b", client=watch.client, name=baseline, progress=False)
    before = watch.answering.calls
    with pytest.raises(InputError):
        watch.run(baseline=baseline)
    assert watch.answering.calls == before


def test_another_table_under_the_name_is_refused(watch: Watch) -> None:
    """Its days are of other rows; nothing is called."""
    watch.run()
    watch.rows = rows(50)[10:]
    with pytest.raises(InputError, match="'w'"):
        watch.run(days=1)
    assert watch.answering.calls == 40


def test_rows_with_equal_inputs_are_one_row(watch: Watch) -> None:
    """They are called once a day, and it is said."""
    watch.rows = rows(10) * 2
    found = watch.run()
    assert (found.calls, watch.answering.calls) == (10, 10)
    assert any("10 distinct" in note for note in found.notes)


def test_failed_calls_are_counted_and_are_no_evidence(watch: Watch) -> None:
    """A day on which all fail leaves the evidence as it is; they are shown, and a row that failed is called again."""
    watch.baseline()
    watch.answering.failing |= {("a", number) for number in range(40)}
    found = watch.run(baseline="before", rows_per_day=20)
    assert (found.evidence, found.calls) == (1.0, 20)
    assert found.summary()["failed"].tolist() == [20]
    assert any(note.startswith("20 ") for note in found.notes)
    for shown in (repr(found), found._repr_html_()):
        assert "failed calls" in shown
        assert "without a score" not in shown  # of which there are none
    watch.answering.failing.clear()
    later = watch.run(days=1, baseline="before", rows_per_day=20)
    assert later.summary()["failed"].tolist() == [20, 0]


def test_a_day_that_a_limit_ended_goes_on_and_counts_when_it_is_over(watch: Watch) -> None:
    """The daily cap ends it: the rest is pending, and tomorrow it counts with the rows that it has."""
    watch.baseline()
    fh.configure(daily_cap=55)
    found = watch.run(baseline="before")
    assert not found.is_done_today
    assert found.days == 0
    assert found.stopped is not None
    assert found.stopped.reason == "daily_cap"
    assert any(found.stopped.message in note for note in found.notes)
    called = watch.answering.calls
    fh.configure(daily_cap=None)
    again = watch.run(baseline="before")
    assert (again.days, again.is_done_today, watch.answering.calls) == (1, True, 80)
    assert called < 80


def test_requests_that_were_refused_are_made_later(watch: Watch) -> None:
    """No more requests than rows in one start: what a 503 has cost is made by the same call again, once."""
    watch.answering.hive.fail_next(3, status=503)
    found = watch.run(rows_per_day=10)
    assert (found.is_done_today, found.days, watch.answering.calls) == (False, 0, 7)
    assert 7 <= found.calls <= 10  # as a refused row was tried again before the others, or not
    assert tells(found.notes[-1], "7 of 10 rows", "fh.canary(...)")
    set_attempts(2)  # as where each row was refused once: the rest is made for all that
    again = watch.run(rows_per_day=10)
    assert (again.is_done_today, again.days, watch.answering.calls) == (True, 1, 10)


def test_each_day_is_a_kept_batch_that_a_trend_shows(watch: Watch) -> None:
    """It is opened by the canary's name with the date."""
    watch.run()
    watch.run(days=1)
    assert len(fh.open_batch("w 2026-03-02", client=watch.client).frame) == 40
    assert fh.trend("quiz").frame["calls"].sum() == 80


def test_text_and_page_begin_with_the_answer(watch: Watch) -> None:
    """Under its name; then the latest days, the certainty, and what is missing."""
    watch.baseline()
    watch.answering.failing |= {("a", 3)}
    found = watch.run(baseline="before")
    name, said, *table = repr(found).splitlines()
    assert name.endswith(repr(found.name))
    assert said == found.verdict
    assert numbers_in(said) == ["1", "39", "0", "0", "39"]
    assert "exact()" in said
    assert tuple(table[-len(found.notes) :]) == found.notes
    (day,) = found.summary().to_dict("records")
    assert tells(repr(found), f"({round(day['score'] * 39)} of 39)"), "a share has its count"
    page = found._repr_html_()
    assert page.index(found.verdict) < page.index("5 %", page.index(found.verdict) + len(found.verdict))
    summary = found.summary()
    assert summary["date"].tolist() == [pd.Timestamp("2026-03-01")]
    assert summary["scored"].tolist() == [39]


def test_evidence_stands_beside_the_rows_that_scored_differently(watch: Watch) -> None:
    """Two rows are lower, one is higher than the mean before: the sentence, the table and the summary count them."""
    watch.answering.wrong |= {("a", 3)}
    watch.baseline()
    watch.answering.wrong ^= {("a", 3), ("a", 5), ("a", 7)}
    found = watch.run(baseline="before")
    assert found.summary()[["higher", "lower"]].iloc[0].tolist() == [1, 2]
    assert numbers_in(found.verdict) == ["1", "40", "1", "2", "37"]
    assert ">1 / 2<" in found._repr_html_()


def test_a_default_name_is_that_of_what_is_called(watch: Watch) -> None:
    """The same rows and variant: the same canary."""
    watch.options["name"] = None
    one, two = watch.run(), watch.run()
    assert one.name == two.name
    assert watch.answering.calls == 40
    assert watch.run(variant="b").name != one.name


def test_options_beyond_their_limits_are_refused() -> None:
    """Before anything is read."""
    for options in ({"alpha": 1.0}, {"rows_per_day": 0}, {"name": " "}, {"name": "half \ud800"}):
        with pytest.raises(SettingsError):
            fh.canary(rows(2), "quiz", variant="a", score="x", **options)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"list\(rows\)"):
        fh.canary(iter(rows(2)), "quiz", variant="a", score=fh.score.exact(), client=Answering().hive.client())
    answering = Answering()
    with pytest.raises(InputError) as empty:
        fh.canary([], "quiz", variant="a", score=fh.score.exact(), client=answering.hive.client())
    assert tells(empty.value, "rows")
    assert not re.search("name=|variant|score|expected_output", str(empty.value)), "none of which is at fault"
    assert (answering.calls, fh.history().empty) == (0, True)
    fh.configure(store=None)
    with pytest.raises(SettingsError, match="store=None"):
        fh.canary(rows(2), "quiz", variant="a", score=fh.score.exact(), client=Answering().hive.client())


def test_equal_scores_are_no_change_whatever_the_evidence(watch: Watch) -> None:
    """All right on every day, with a seed whose broken ties pass the threshold on day 5: said, and not reported."""
    watch.rows, notes = rows(20), []
    for day in range(6):
        found = watch.run(days=bool(day), seed=271)
        assert not found.changed
        notes.append((found.evidence >= 20, len(found.notes)))
    assert any(passed for passed, _ in notes)
    least = min(n for _, n in notes)
    assert all((n > least) is passed for passed, n in notes), "a note says why it is no change"
    assert watch.answering.calls == 120


def test_an_answer_that_is_in_the_baseline_and_in_a_day_counts_once(watch: Watch) -> None:
    """The canary's own day as its baseline, or a batch that has reused it: that day still has no earlier score."""
    watch.run()
    expected = watch.run(days=1)
    for_reuse = {"variants": "a", "client": watch.client, "progress": False, "reuse": "store"}
    fh.batch(watch.rows, "quiz", name="reused", **for_reuse)  # type: ignore[arg-type]
    assert watch.answering.calls == 80
    for baseline in ("w 2026-03-01", "reused"):
        found = watch.run(baseline=baseline)
        pd.testing.assert_frame_equal(found.summary(), expected.summary())


def test_copies_of_a_row_in_the_baseline_count_once(watch: Watch) -> None:
    """A baseline over a table with each row three times has one answer of each."""
    watch.baseline()
    once = watch.run(baseline="before", name="once")
    fh.batch(watch.rows * 3, "quiz", variants="a", client=watch.client, name="thrice", reuse="store", progress=False)
    assert watch.run(baseline="thrice", name="twice").evidence == once.evidence


@pytest.mark.parametrize("expected", [["yes", "no"], ["yes", "yes"]])
def test_an_error_names_no_row_by_its_password(watch: Watch, expected: list[str]) -> None:
    """Where labels show what a password begins with, as those of a grid do: rows are named by their positions."""
    token = f"s3cret-{'x' * 50}"
    deployment = fh.Deployment(
        "quiz", variants=["a"], inputs={"number": fh.integer(minimum=3), "token": fh.text(secret=True)}
    )
    table = pd.DataFrame(
        {"number": [3, 3] if expected[1] == "no" else [3, 1], "token": token, "expected_output": expected}
    )
    table.index = pd.Index([f"{n} / {token[:29]}…" for n in "ab"])
    with pytest.raises(InputError, match=r"\b0 and 1 .*'yes' .*'no'|row 1: number") as caught:
        fh.canary(table, deployment, variant="a", score=fh.score.exact(), client=watch.client)
    assert "s3cret" not in str(caught.value)
    assert watch.answering.calls == 0


def test_rows_with_equal_inputs_must_agree_in_what_is_expected(watch: Watch) -> None:
    """Also in a column that exact() names; refused before any call. A column that no score reads may differ."""
    watch.rows = [*rows(10), {"number": 3, "expected_output": "no"}]
    for score in (fh.score.exact(), None, fh.score.all_of(fh.score.exact(), "elapsed_s")):
        with pytest.raises(InputError, match=r"\b3 and 10 .*'yes' .*'no'"):
            watch.run(score=score)
    assert watch.answering.calls == 0
    assert watch.run(score=fh.score.scorer(lambda run: run.output == "yes", name="yes", version="1")).calls == 10


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_column_of_right_answers_without_any_is_refused_before_any_call(watch: Watch, missing: Any) -> None:
    """No score could come of it; one value is enough."""
    watch.rows = [{**row, "expected_output": missing} for row in watch.rows]
    for score in (fh.score.exact(), None):
        with pytest.raises(InputError, match="'expected_output'"):
            watch.run(score=score)
    assert watch.answering.calls == 0
    watch.rows[7]["expected_output"] = "yes"
    assert watch.run().summary()["scored"].tolist() == [1]


def test_a_higher_alpha_is_another_canary_with_a_chance_of_its_own(watch: Watch) -> None:
    """The same days at another alpha may be a report; so alpha is to be chosen before, which the notes say."""
    watch.baseline()
    watch.answering.wrong |= {("a", number) for number in range(4)}
    found = watch.run(baseline="before")
    assert not found.changed
    other = watch.run(baseline="before", alpha=min(0.99, 1.01 / found.evidence))
    assert other.changed
    assert "5 %" in found.notes[0]
    assert "5 %" not in other.notes[0]


def test_a_misspelt_deployment_binds_no_name(watch: Watch) -> None:
    """Its day has no run: the same name goes on with the right one, on that day or later; rows are listed in order."""
    watch.deployment = "quizz"
    found = watch.run()
    assert found.calls == 0
    assert found.stopped is not None
    named = re.findall(r"rows (\d+), (\d+) and (\d+)", found.stopped.message)
    assert [sorted(map(int, numbers)) for numbers in named] == [[int(n) for n in numbers] for numbers in named] != []
    watch.deployment = "quiz"
    assert (watch.run().calls, watch.run().days, watch.answering.calls) == (40, 1, 40)
    watch.deployment = "quizz"
    with pytest.raises(InputError, match="'quizz' .*'w' .* 'quiz'"):
        watch.run(days=1)
    watch.deployment = "quiz"
    assert watch.run().days == 2


def test_a_misspelt_deployment_of_an_earlier_day_is_no_day(watch: Watch) -> None:
    """The next day begins the canary."""
    watch.deployment = "quizz"
    watch.run()
    watch.deployment = "quiz"
    assert watch.run(days=1).days == 1


def test_only_a_date_as_it_is_written_is_a_day(watch: Watch) -> None:
    """A batch of the user's that is called "w 20260228" is none."""
    fh.batch(rows(3), "quiz", variants="b", client=watch.client, name="w 20260228", progress=False)
    assert watch.run().days == 1


PROGRAM = """
import sys
import fh_notebook as fh

rows = [{"text": f"t{i}", "expected_output": f"T{i}"} for i in range(20)]
fh.configure(max_concurrency=2)
with fh.Client(base_url=sys.argv[1], api_key="fhk_0123456789abcdef") as client:
    fh.canary(rows, "held", variant="v", score=fh.score.exact(), client=client, name="killed")
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_killed_process_loses_nothing_and_the_next_one_goes_on(tmp_path: Path) -> None:
    """SIGKILL with 2 calls out after 7: the next process makes the other 11, and none twice."""
    with Held().freed() as held, held.hive.serve() as server:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, server.url], env=environment.for_process(tmp_path))
        held.wait_for(2)
        held.let_go(7)
        held.wait_for(7)
        store = session.store()
        assert store is not None
        until(lambda: sum(len(answers_in(store, record.name)) for record in store.batches.every()) == 7)
        process.kill()
        process.wait()
        held.let_go()
        sample = [{"text": f"t{i}", "expected_output": f"T{i}"} for i in range(20)]
        with fh.Client(base_url=server.url, api_key=KEY) as client:
            found = fh.canary(sample, "held", variant="v", score=fh.score.exact(), client=client, name="killed")
        assert set(held.ran.values()) == {1}
        assert len(held.ran) == 20
        assert found.calls <= 20
        assert found.is_done_today
        line = found.summary().iloc[0]
        assert line["rows"] == 20
        assert line["scored"] + line["missing"] == 20
        assert line["missing"] <= 2
