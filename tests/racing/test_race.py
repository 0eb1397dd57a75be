"""A race over a real hive in process, its calls counted there."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import fh_notebook as fh
from fh_notebook.batching.model import Finished, Started
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.local.hive import LocalHive
from fh_notebook.racing.schedule import seeded_order
from tests.racing.quiz import Quiz, questions
from tests.told import numbers_in

CLEAR = {"weak": 0.3, "strong": 0.95}


def run(quiz: Quiz, rows: Any = 120, **options: Any) -> fh.Race:
    given = {"score": fh.score.exact(), "client": quiz.hive.client(), "progress": False} | options
    return fh.race(questions(rows) if isinstance(rows, int) else rows, "quiz", **given)


def test_rows_of_another_library_are_drawn_from_as_those_of_a_list() -> None:
    """In the same order, with the same winner."""
    rows = questions(60)
    races = [run(Quiz(CLEAR, name=f"quiz{i}"), source) for i, source in enumerate([rows, pl.DataFrame(rows)])]
    assert [race.winner for race in races] == ["strong", "strong"]
    assert races[0].rows == races[1].rows


def standing(race: fh.Race) -> Any:
    """What a race found, without what it cost."""
    return (race.winner, race.rows, race.summary().to_dict("records"), race.pairs().to_dict("records"))


def test_a_race_names_the_better_one_and_pays_for_no_more_than_it_needs() -> None:
    """It stops as soon as it is clear: calls are those that the hive counted, at most the lookahead
    more than decided.
    """
    quiz = Quiz(CLEAR)
    race = run(quiz, lookahead=2)
    assert (race.winner, race.ending) == ("strong", "winner")
    assert race.calls == quiz.calls == race.batch.counts.calls
    assert 2 * race.rows <= race.calls <= 2 * (race.rows + 2)
    assert race.rows < 40
    assert race.reused == 0
    assert race.dropped == {"weak": race.rows}
    assert race.verdict.startswith("strong ")
    assert f" {race.rows} of 120 rows ({race.calls} of 240 calls)" in race.verdict
    assert race.batch.counts.pending == 240 - race.calls


def test_the_rest_can_be_run_and_compared_as_any_batch() -> None:
    """A race widens into a full batch: what it has answered is paid for once, and its own calls stay what they were."""
    quiz = Quiz(CLEAR)
    race = run(quiz)
    spent = race.calls
    race.batch.resume()
    assert quiz.calls == 240
    assert set(quiz.ran.values()) == {1}
    assert race.calls == spent
    assert fh.compare(race.batch).summary()["n"].tolist() == [120, 120]
    assert race.batch.name in fh.history()["name"].tolist()


def test_a_race_over_answered_rows_costs_nothing() -> None:
    """What a batch has answered, under whatever name, is evidence without a call; and so is another race."""
    quiz = Quiz(CLEAR)
    fh.batch(questions(120), "quiz", name="monday", client=quiz.hive.client(), progress=False)
    race = run(quiz)
    assert (race.winner, race.calls, quiz.calls) == ("strong", 0, 240)
    assert race.reused == 2 * race.rows
    again = run(quiz)
    assert standing(again) == standing(race)


@pytest.mark.long
def test_evidence_is_taken_in_the_order_of_rows_whoever_answers_first() -> None:
    """Slow rows, eight at once or one by one: the same rows are decided in the same order, with the same evidence."""
    found = []
    for lookahead, wait in (
        (1, {}),
        (8, {n: 0.05 * (n % 4) for n in range(60)}),
        (3, dict.fromkeys(range(0, 60, 5), 0.03)),
    ):
        quiz = Quiz({"weak": 0.5, "strong": 0.8}, wait=wait)
        finished: list[int] = []
        race = run(quiz, 60, lookahead=lookahead, max_concurrency=16, on_event=_positions(finished))
        found.append(standing(race))
    assert found[0] == found[1] == found[2]


def _positions(into: list[int]) -> Any:
    return lambda event: into.append(event.job.position) if isinstance(event, Finished) else None


def test_at_most_the_lookahead_runs_beyond_the_last_decided_row() -> None:
    """While one row is not answered, no row further than the lookahead is called."""
    stuck, go = threading.Event(), threading.Event()
    hive = fh.local.LocalHive()
    seen: list[int] = []

    for name in ("a", "b"):

        @hive.workflow("quiz", variant=name)
        def answer(number: int) -> str:
            seen.append(number)
            if len(seen) == 1:
                stuck.set()
                assert go.wait(60)
            return "yes"

    started: list[int] = []
    enough = threading.Event()

    def hear(event: Any) -> None:
        if isinstance(event, Started):
            started.append(event.job.position)
        if isinstance(event, Finished) and len(set(started)) == 3 and len(started) == 6:
            enough.set()

    def let_go() -> None:
        stuck.wait(60)
        enough.wait(60)
        assert len(set(started)) == 3
        go.set()

    watcher = threading.Thread(target=let_go)
    watcher.start()
    race = fh.race(
        questions(9), "quiz", score=fh.score.exact(), lookahead=3, max_concurrency=9,
        client=hive.client(), progress=False, on_event=hear,
    )  # fmt: skip
    watcher.join(60)
    assert race.rows == 9
    for place, position in enumerate(dict.fromkeys(started)):  # those that are out together may start in any order
        assert abs(race._schedule.order.index(position) - place) < 3


def test_calls_made_and_calls_left_are_those_of_all_rows_at_every_moment() -> None:
    """A call that is out is made, and not left; one that is refused is left again, and counts twice in all of them."""
    quiz = Quiz({"a": 0.5, "b": 0.5}, wait=dict.fromkeys(range(20), 0.002))
    quiz.hive.fail_next(2, status=429)
    seen: list[tuple[int, int]] = []
    lines: list[str] = []

    def hear(event: object) -> None:
        seen.append((race.calls, race.calls_left))
        lines.append(race.line)

    race = run(quiz, 20, lookahead=8, max_concurrency=16, on_event=hear, dry_run=True)
    race.resume()
    refused = race.calls - quiz.calls
    assert max(made + left for made, left in seen) <= 40 + refused
    assert min(made + left for made, left in seen) >= 40  # until somebody is dropped, who is not: nothing is lost
    for line in lines:
        numbers = [int(number) for number in numbers_in(line.split("; ")[1])]  # after the rows
        made, left = numbers[0], numbers[-1]
        assert made + left <= 40 + refused
    assert (race.rows, race.calls_left) == (20, 0)


def test_a_call_that_stopped_the_race_is_left() -> None:
    """It has no outcome: it is called again when the race goes on."""
    quiz = Quiz({"a": 0.5, "b": 0.5})
    quiz.hive.fail_next(1, status=402)
    race = run(quiz, 10, lookahead=1, max_concurrency=1)
    assert race.ending == "budget spent"
    assert race.calls_left == 20 - quiz.calls


def test_losers_are_dropped_and_not_called_any_more() -> None:
    """Of four, three are dropped as the evidence comes; equal runners-up need not be told apart."""
    quiz = Quiz({"a": 0.3, "b": 0.3, "best": 0.95, "hopeless": 0.0})
    race = run(quiz, 200, lookahead=1)
    assert race.winner == "best"
    assert race.calls == quiz.calls
    for name, row in race.dropped.items():
        assert row <= quiz.calls_of(name) <= row + 1
    assert next(iter(race.dropped)) == "hopeless"
    assert race.summary().set_index("variant").loc["best", "standing"] == "winner"


def test_a_spent_budget_says_the_interval_and_how_many_more_and_goes_on_where_it_was() -> None:
    """`max_calls` ends it without an error; going on gives what one go would have given, and
    nothing is called twice.
    """
    rates = {"weak": 0.5, "strong": 0.8}
    quiz = Quiz(rates)
    race = run(quiz, max_calls=20)
    assert (race.winner, race.ending, race.calls, quiz.calls) == (None, "budget spent", 20, 20)
    assert race.rows == 10
    assert re.search(r"\(95 % \w+ -?\d+\.\d to -?\d+\.\d\); ", race.verdict)
    assert race.verdict.endswith("race.resume().")
    assert race.batch.stopped is not None
    assert race.batch.stopped.reason == "max_calls"
    assert "20 of 240 calls" in race.verdict
    assert "race.resume()" in race.verdict
    while race.ending == "budget spent" and race.rows < 120:
        race.resume()
    whole = run(Quiz(rates))
    assert standing(race) == standing(whole)
    assert set(quiz.ran.values()) == {1}


def test_the_services_own_cap_ends_it_as_a_batch() -> None:
    """The daily cap is used up: the race is undecided, says why, and keeps what was answered."""
    quiz = Quiz({"a": 0.5, "b": 0.5}, daily_cap=11)
    race = run(quiz)
    assert (race.ending, race.rows, quiz.calls) == ("budget spent", 5, 11)
    assert race.batch.stopped is not None
    assert race.batch.stopped.reason == "daily_cap"
    assert "(Daily API rate limit reached); " in race.verdict


STUCK = seeded_order(range(120), 0)[5]
"""The row whose calls are out for long."""


def _cancels_while_stuck() -> Any:
    out: list[str] = []

    def hear(event: Any) -> None:
        if isinstance(event, Started) and event.job.position == STUCK:
            out.append(event.job.variant)
            if len(out) == 2:
                fh.last_batch().cancel()

    return hear


@pytest.mark.parametrize("retry_unknown", [True, False])
def test_an_interrupted_race_goes_on(retry_unknown: bool) -> None:
    """Cancel while two calls are out: rows before them are decided, theirs waits for the next start. Called again, the
    race ends as if nothing had been; else their row says nothing, which is told, and nothing is called twice."""
    rates = {"weak": 0.4, "strong": 0.8}
    wait = {STUCK: 60.0}
    quiz, whole = Quiz(rates, wait=wait), run(Quiz(rates))
    race = run(quiz, on_event=_cancels_while_stuck(), lookahead=2)
    wait.clear()
    assert race.ending == "interrupted"
    assert f" {race.rows} of 120 rows " in race.verdict
    assert race.rows <= 5
    assert race.batch.counts.unknown >= 2
    race.resume(retry_unknown=retry_unknown)
    assert race.winner == "strong"
    assert race.ending == "winner"
    if retry_unknown:
        assert standing(race) == standing(whole)
    else:
        assert set(quiz.ran.values()) == {1}
        lost = race.batch.counts.unknown
        assert [note for note in race.notes if note.startswith(f"{lost} ")], "how many runs have no score"


@pytest.mark.long
def test_what_never_reached_the_service_is_called_when_it_goes_on() -> None:
    """Nobody is there: nothing counts as a call, at most the first row has failed; later the very race goes on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiz = Quiz(CLEAR)
    client = fh.Client(base_url=f"http://127.0.0.1:{port}/v1", api_key="fhk_0123456789abcdef")
    race = run(quiz, client=client, variants=list(CLEAR), max_seconds=1.0)
    assert (race.winner, race.ending, race.calls) == (None, "budget spent", 0)
    assert race.rows <= 1
    with quiz.hive.serve(port=port):
        for _ in range(100):  # a second each; one is enough where nothing else runs on the machine
            if race.resume().winner:
                break
    assert race.winner == "strong"
    assert race.calls == quiz.calls


def test_no_difference_that_matters_ends_it_too() -> None:
    """Two that always agree: the confidence sequence leaves every larger difference out, long before the rows end."""
    quiz = Quiz({"a": 1.0, "b": 1.0})
    race = run(quiz, 400, min_difference=0.2, lookahead=1)
    assert (race.ending, race.winner) == ("no difference", None)
    assert re.search(rf" 20 points .*\ba and b\b.* {race.rows} of ", race.verdict)
    line = race.pairs().iloc[0]
    assert -0.2 <= line["ci_low"] <= 0 <= line["ci_high"] <= 0.2
    assert race.rows < 100


def test_patience_ends_a_race_that_drops_nobody() -> None:
    """After so many rows without a drop it is given up, undecided."""
    race = run(Quiz({"a": 0.5, "b": 0.5}), patience=7, lookahead=1)
    assert (race.ending, race.rows) == ("budget spent", 7)
    assert re.search(r"\bStopped: .*\b7 \w+ \(\w+\)", race.verdict)


def test_all_rows_may_not_be_enough() -> None:
    """Then it says so, with the interval."""
    race = run(Quiz({"a": 0.5, "b": 0.6}), 12)
    assert (race.ending, race.rows) == ("budget spent", 12)
    assert numbers_in(race.verdict)[-1] == "12"


@pytest.mark.parametrize("failed", ["drop", "zero"])
def test_a_failed_run_is_what_the_rule_says(failed: Any) -> None:
    """It has no score, so that its row says nothing; or it counts as 0. Either way it is told."""
    quiz = Quiz({"shaky": -0.7, "steady": 1.0})
    race = run(quiz, 60, failed=failed)
    assert race.ending == ("winner" if failed == "zero" else "budget spent")
    assert any(re.search(r"\b0\b", note) for note in race.notes), "what a failed run counts as"
    if failed == "drop":
        assert race.pairs().iloc[0]["n"] < 60


@pytest.mark.parametrize("fails", [True, False])
def test_why_there_is_no_score_masks_a_password(fails: bool) -> None:
    """A service's error, or a scorer's, may repeat what a run was sent."""
    hive = LocalHive()
    inputs = {"text": fh.text(), "token": fh.Variable({"type": "string", "format": "password"}, True)}

    def telling(text: str, token: str) -> str:
        if fails:
            raise RuntimeError(f"no such user {token}, said the database")
        return f"for {token}"

    hive.workflow("tell", variant="a")(telling)
    hive.workflow("tell", variant="b")(lambda text, token: text)
    rows = [{"text": f"{i}", "token": f"hunter{i}secret", "expected_output": f"{i}"} for i in range(12)]
    deployment = fh.Deployment("tell", variants=["a", "b"], inputs=inputs)
    with pytest.raises(InputError, match=r"\*\*\*") as told:
        fh.race(rows, deployment, score=lambda run: 0 * int(run.text), client=hive.client(), progress=False)
    assert "hunter" not in str(told.value)


def test_a_variant_that_never_has_a_score_ends_a_race_early() -> None:
    """Of it nothing could ever be decided: after 10 rows that is told with its error and the cure, not after all rows;
    counted as 0, its failures are beaten, and what was answered is not paid for again."""
    quiz = Quiz({"dead": -1.0, "weak": 0.3, "strong": 0.95})
    with pytest.raises(InputError, match=r"^'dead' .*\b10 .*\(.*\d+.*failed='zero'"):
        run(quiz, lookahead=1)
    assert quiz.calls <= 33
    race = run(quiz, lookahead=1, failed="zero")
    assert (race.winner, race.reused >= 20) == ("strong", True)


def test_a_repeat_is_no_new_row() -> None:
    """Repeats of a row are averaged to one value: three times the calls, no more rows of evidence."""
    quiz, once = Quiz(CLEAR), Quiz(CLEAR)
    race, plain = run(quiz, repeats=3, lookahead=1), run(once, lookahead=1)
    assert standing(race) == standing(plain)
    assert race.calls == 3 * plain.calls


def test_rows_that_ask_the_same_are_one_row_of_a_race() -> None:
    """Five questions of which one variant always has the answer, and the other never: copies make no winner of it."""
    quiz = Quiz({"never": 0.0, "always": 1.0})
    race = run(quiz, questions(5) * 12)
    assert (race.winner, race.rows, quiz.calls, race.calls, race.reused) == (None, 5, 10, 10, 0)
    assert any(note.startswith("60 rows, 5 distinct: ") for note in race.notes)
    assert "60 rows, 5 distinct, " in race.plan_line
    assert race.batch.counts.pending == 0
    assert run(quiz, questions(5) * 12).reused == 10


def test_the_calls_of_rows_that_ask_the_same_are_told_once() -> None:
    """Before the race; and a race that was cut short goes on without a second call."""
    quiz = Quiz({"a": 0.5, "b": 0.5})
    race = run(quiz, questions(6) * 3, dry_run=True)
    assert race.calls_left == 12
    part = run(quiz, questions(6) * 3, max_calls=6, lookahead=1)
    assert (part.rows, part.calls) == (3, 6)
    rest = run(quiz, questions(6) * 3)
    assert (rest.rows, quiz.calls, set(quiz.ran.values())) == (6, 12, {1})


def test_no_rows_are_no_race() -> None:
    """It says so."""
    race = run(Quiz(CLEAR), 0)
    assert (race.ending, race.rows, race.calls) == ("budget spent", 0, 0)
    assert " 0 of 0 rows" in race.verdict


def test_numbers_are_raced_between_stated_bounds_or_by_rank() -> None:
    """A score beyond 0 and 1 is an error with the cure; with bounds it counts as the bound, and by rank needs none."""
    quiz = Quiz({"a": 0.2, "b": 0.9})

    def points(run: fh.Run) -> float:
        return 50.0 if run.output == "yes" else 3.0

    with pytest.raises(InputError, match=r"\bbounds=\(.*\bbounds='ranks'"):
        run(quiz, score=points)
    bounded = run(quiz, score=points, bounds=(0, 40))
    assert bounded.winner == "b"
    assert any(re.search(r"\b0\b.*\b40\b", note) for note in bounded.notes)
    ranked = run(quiz, score=points, bounds="ranks")
    assert ranked.winner == "b"
    assert ranked.tally.scale.by_rank
    assert quiz.calls <= 2 * (max(bounded.rows, ranked.rows) + 8)


@pytest.mark.long
def test_seconds_are_raced_by_rank_and_less_is_better() -> None:
    """`elapsed_s` needs no bound: who is faster on a row is ahead."""
    hive = fh.local.LocalHive()

    @hive.workflow("quiz", variant="slow")
    async def slow(number: int) -> str:
        await asyncio.sleep(0.4)  # more than a busy machine adds to the other one
        return "yes"

    @hive.workflow("quiz", variant="quick")
    async def quick(number: int) -> str:
        return "yes"

    race = fh.race(questions(30), "quiz", score="elapsed_s", client=hive.client(), progress=False)
    assert race.winner == "quick"
    assert race.tally.scale.by_rank


def test_a_judge_scores_a_race_by_calls_of_its_own() -> None:
    """A judge is asked row by row; its calls are its batch's, and the race counts only its own."""
    quiz = Quiz(CLEAR)

    @quiz.hive.workflow("jury", variant="v")
    def jury(output: str) -> float:
        return 1.0 if output == "yes" else 0.0

    judge = fh.score.judge("jury", variant="v", client=quiz.hive.client(), progress=False)
    race = run(quiz, score=judge, lookahead=1)
    assert race.winner == "strong"
    assert race.calls == quiz.calls
    assert quiz.hive.counts.calls > quiz.calls


def test_the_async_twin_races_in_a_loop_of_its_own() -> None:
    """`await fh.arace(...)` gives what `fh.race` gives."""
    quiz = Quiz(CLEAR)

    async def go() -> fh.Race:
        return await fh.arace(questions(120), "quiz", score=fh.score.exact(), client=quiz.hive.client(), progress=False)

    assert standing(asyncio.run(go())) == standing(run(Quiz(CLEAR)))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rows": iter(questions(3))}, r"list\(rows\)"),
        ({"alpha": 0}, "alpha is 0"),
        ({"patience": 0}, "patience is 0"),
        ({"lookahead": 0}, "lookahead is 0"),
        ({"min_difference": -1}, "min_difference is -1"),
        ({"min_difference": 2}, "min_difference is 2; .* 0 and .* 1$"),
        ({"bounds": (3, 1)}, r"\[3, 1\]"),
        ({"bounds": "rank"}, r"'rank'; .*bounds=\(.*\bbounds='ranks'"),
        ({"failed": "nil"}, "failed is 'nil'"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"variants": ["weak"]}, "'weak'"),
        ({"score": "elapsed"}, "'elapsed' .* 'elapsed_s'"),
        ({"score": "elapsed_s", "failed": "zero"}, "failed=|'zero'"),
        ({"score": fh.score.exact("answer")}, "'answer'.* 'number' and 'expected_output'"),
        ({"score": fh.score.all_of(fh.score.exact("answer"))}, "'answer'.* 'number' and 'expected_output'"),
        ({"score": None, "rows": [{"number": 1}]}, "score=.*expected_output"),
        ({"score": pd.DataFrame({"a": [1]})}, "a DataFrame"),
    ],
)
def test_misuse_is_told_before_a_call(options: dict[str, Any], told: str) -> None:
    """One line with the cure, and nothing was paid for."""
    quiz = Quiz(CLEAR)
    rest = {name: value for name, value in options.items() if name != "rows"}
    with pytest.raises((InputError, SettingsError), match=told):
        run(quiz, options.get("rows", 5), **rest)
    assert quiz.calls == 0


def test_a_function_of_the_users_is_not_called_for_a_trial() -> None:
    """It may cost a call of its own: it is given answers only."""
    quiz = Quiz(CLEAR)
    seen: list[Any] = []

    def right(run: fh.Run, row: dict[str, Any]) -> bool:
        seen.append(run.output)
        return bool(run.output == row["expected_output"])

    run(quiz, 5, score=fh.score.scorer(right, version=1))
    assert len(seen) == quiz.calls
    assert "" not in seen


def test_a_scorer_that_only_raises_ends_a_race_early() -> None:
    """After five rows without any score it is told, rather than paying for all of them; what is answered is kept."""
    quiz = Quiz(CLEAR)

    def broken(run: fh.Run) -> float:
        raise KeyError("no such part")

    with pytest.raises(InputError, match=r" 5 .*\(KeyError: 'no such part'\).* score="):
        run(quiz, score=broken, lookahead=1)
    assert quiz.calls <= 12
    with pytest.raises(InputError, match=" 5 .*None"):
        run(quiz, score=lambda run: None)
    assert quiz.calls <= 28
    assert run(quiz).reused >= 10


def test_a_service_that_answers_500_is_told_and_the_scorer_is_not_blamed() -> None:
    """After five rows without an answer, with what the service said and what to do; the calls may have run."""
    quiz = Quiz(CLEAR)
    quiz.hive.fail_next(1_000, status=500, error_code="internal_error", message="out of order")
    said = r"\b5 .*\(HTTP 500, internal_error, 'out of order'\).*retry_unknown=True"
    with pytest.raises(fh.CallError, match=said) as told:
        run(quiz, lookahead=1)
    assert (told.value.status_code, told.value.may_have_run, "score" in str(told.value)) == (500, True, False)
    assert quiz.calls == 0


@pytest.mark.parametrize("variant", [None, "weak"])
def test_runs_that_wait_for_a_decision_are_to_be_decided_and_not_to_be_called_again(variant: str | None) -> None:
    """They are not called again by `retry_unknown`, so that it is no cure."""
    quiz = Quiz(CLEAR)
    quiz.hive.fail_next(
        1_000, status=200, body=b'{"run_status": "awaiting_approval", "request_id": "r"}', variant=variant
    )
    cure = r"fh\.open_batch\('.+'\)\.resolve_unknown\(\)"
    with pytest.raises(fh.FetchHiveError, match=cure) as told:
        run(quiz, lookahead=1)
    assert "retry_unknown" not in str(told.value)


def test_a_variant_of_which_no_run_is_answered_is_told_with_what_the_service_said() -> None:
    """The scorer is not blamed either, and the cure is none for failed runs."""
    quiz = Quiz(CLEAR)
    quiz.hive.fail_next(1_000, status=500, message="out of order", variant="weak")
    with pytest.raises(InputError, match=r"^'weak' .*\('out of order'\).* retry_unknown=True"):
        run(quiz, lookahead=1)


def test_a_race_that_is_only_planned_says_what_it_would_do() -> None:
    """`dry_run=True` calls nothing; `resume()` begins."""
    quiz = Quiz(CLEAR)
    race = run(quiz, dry_run=True)
    assert (race.ending, race.rows, quiz.calls) == ("", 0, 0)
    assert re.search(r" 120 rows, .* 240 calls", race.plan_line)
    assert race.verdict.startswith("Not begun")
    assert race.resume().winner == "strong"


def test_the_plan_of_a_race_names_its_uploads(tmp_path: Path) -> None:
    """As that of a batch does: they are requests beside the calls. One file of two rows is one upload."""
    hive = LocalHive()
    for variant in ("a", "b"):

        @hive.workflow("read", variant=variant)
        def read(document: str) -> str:
            return document[-5:]

    for name in ("x.txt", "y.txt"):
        (tmp_path / name).write_text(f"a race over {name}")
    rows = [{"path": str(tmp_path / name), "expected_output": name} for name in ("x.txt", "y.txt", "x.txt")]
    options: dict[str, Any] = {
        "variants": ["a", "b"],
        "client": hive.client(),
        "score": fh.score.exact(),
        "progress": False,
    }
    race = fh.race(rows, "read", inputs={"document": fh.file(column="path")}, **options)
    again = fh.race(rows, "read", inputs={"document": "path"}, **options)
    of_files, of_texts = (numbers_in(planned.plan_line.partition(": ")[2]) for planned in (race, again))
    assert of_files == ["3", "2", "4", "2"], "rows, distinct ones, calls, uploads"
    assert len(of_texts) == 3
