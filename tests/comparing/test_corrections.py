"""Corrections of expected outputs: an overlay on a batch's table, which every reader of a row sees, and no table has."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.corrections import CORRECTED_SUFFIXES, expected_of_text, parquet_column
from fh_notebook.comparing.scorers.observations import corrected_observations, read_observations
from fh_notebook.core.config import resolution
from fh_notebook.session import session
from tests.told import numbers_in

PATIENCE_S = 30.0

TABLE = [
    {"text": "Charged twice", "expected_output": "other", "language": "en"},
    {"text": "Parcel late", "expected_output": "delivery", "language": "en"},
    {"text": "Charged twice", "expected_output": "other", "language": "de"},
    {"text": "Refund", "expected_output": "billing", "language": "de"},
]
"""Rows 0 and 2 have the same input."""


class Triage:
    """A hive with two variants, of which one is right, and a judge; it counts what it is asked."""

    def __init__(self, name: str | None = "corrections") -> None:
        self.asked: list[str] = []
        self.answers = threading.Event()
        """While it is not set, the judge waits."""
        self.answers.set()
        hive = fh.local.LocalHive(name=name)

        def label(text: str, token: str = "") -> str:
            self.asked.append("triage")
            return "delivery" if "Parcel" in text else "billing"

        def judge(output: str, expected: str = "") -> float:
            self.asked.append(expected)
            assert self.answers.wait(PATIENCE_S)
            return float(output == expected)

        hive.workflow("triage", variant="good")(label)
        hive.workflow("triage", variant="bad")(lambda text, token="": "other")
        hive.workflow("grade", variant="v")(judge)
        self.client = hive.client()
        inputs = {"text": fh.text(), "token": fh.text(secret=True, required=False)}
        self.deployment = fh.Deployment("triage", variants=["good", "bad"], inputs=inputs)

    def run(self, rows: Any = TABLE, **options: Any) -> fh.Batch:
        return fh.batch(rows, self.deployment, client=self.client, **{"progress": False, "name": "tickets", **options})


@pytest.fixture
def triage() -> Triage:
    return Triage()


def means(cmp: fh.Comparison) -> dict[str, float]:
    return dict(cmp.summary()[["variant", "mean"]].values.tolist())


def expected(cmp: fh.Comparison) -> list[Any]:
    return cmp.wide()["expected_output"].tolist()


def test_a_correction_is_of_all_rows_with_its_inputs_and_scores_them_again(triage: Triage) -> None:
    """It holds what it replaced, its note, author and time; summary, classes and table see the same value."""
    cmp = fh.compare(triage.run())
    before = means(cmp)
    assert cmp.correct(0, expected="billing", note=" a charge is billing\0 ", author="anna") is cmp
    assert expected(cmp) == ["billing", "delivery", "billing", "billing"]
    assert (before, means(cmp)) == ({"good": 2 / 3, "bad": 1 / 3}, {"good": 1.0, "bad": 0.0})
    assert set(cmp.classes().frame["label"]) == {"billing", "delivery", "(macro average)"}
    lines = cmp.corrections()
    assert lines["row"].tolist() == [0, 2]
    shared = lines.drop(columns=["row", "corrected_at"]).drop_duplicates().to_dict("records")
    assert shared == [
        {
            "replaced": "other", "expected": "billing", "note": "a charge is billing\0", "author": "anna",
            "applies": True, "table_says": "other",
        }
    ]  # fmt: skip
    assert lines["corrected_at"].dt.tz is not None
    assert any(re.match(r"1 \w+ of expected_output \w+ \(cmp\.corrections\(\)\)\.$", note) for note in cmp.notes)


def test_it_applies_in_every_batch_while_the_table_says_what_it_replaced(triage: Triage) -> None:
    """Another batch, one that is opened, a trend; a table that says something else wins, and a line says so."""
    fh.compare(triage.run()).correct(0, expected="billing")
    other = triage.run(TABLE[:2], name="another", variants=["good"])
    assert expected(fh.compare(other)) == ["billing", "delivery"]
    assert expected(fh.compare(fh.open_batch("tickets", client=triage.client)))[0] == "billing"
    assert fh.trend(triage.deployment, variants="good").frame["score"].tolist() == [1.0]
    changed = triage.run([TABLE[0] | {"expected_output": "refund"}, TABLE[1]], name="changed")
    cmp = fh.compare(changed)
    assert expected(cmp) == ["refund", "delivery"]
    assert cmp.corrections()[["applies", "table_says"]].values.tolist() == [[False, "refund"]]
    assert any("1" in numbers_in(note) and "cmp.corrections()" in note for note in cmp.notes)
    taken_over = triage.run([TABLE[0] | {"expected_output": "billing"}], name="right")
    assert fh.compare(taken_over).corrections().empty, "the table says so itself now"


def test_the_tables_own_value_takes_a_correction_back(triage: Triage) -> None:
    """The rows are scored as before; the store keeps both lines."""
    cmp = fh.compare(triage.run())
    before = means(cmp)
    cmp.correct(0, expected="billing").correct(2, expected="refund").correct(0, expected="other")
    assert (expected(cmp)[0], means(cmp), cmp.corrections().empty) == ("other", before, True)
    assert len(session.store_or_memory().corrections.of_workspace(triage.client.workspace)) == 3
    assert expected(fh.compare(triage.run()))[0] == "other"


def test_a_correction_that_is_taken_back_in_one_table_stays_in_others(triage: Triage) -> None:
    """Of the same inputs, and of the same row in one comparison, whose tables say different values."""
    fh.compare(triage.run()).correct(0, expected="billing")
    others = triage.run([TABLE[0] | {"expected_output": "refund"}], name="others", variants=["good"])
    fh.compare(others).correct(0, expected="complaint")
    both = fh.compare({"monday": triage.run(variants=["good"]), "today": others})
    both.correct(0, expected="other")
    assert expected(fh.compare(triage.run()))[0] == "other"
    assert expected(fh.compare(others)) == ["complaint"]


def test_two_threads_correct_one_comparison(triage: Triage) -> None:
    """As two pages do; the second one's scores are not those of before the first."""
    is_scoring, go_on = threading.Event(), threading.Event()

    def own(run: fh.Run, row: dict[str, Any]) -> bool:
        if row["expected_output"] == "refund" and not is_scoring.is_set():  # the first time
            is_scoring.set()
            assert go_on.wait(PATIENCE_S)
        return bool(run.output == row["expected_output"])

    batch = triage.run(TABLE[:2])
    cmp = fh.compare(batch, score=fh.score.scorer(own, version="1"))
    threads = [
        threading.Thread(target=cmp.correct, args=(row,), kwargs={"expected": value})
        for row, value in enumerate(("refund", "billing"))
    ]
    threads[0].start()
    assert is_scoring.wait(PATIENCE_S)
    threads[1].start()
    threads[1].join(0.1)  # without a lock it would end now, and the first one would undo its scores
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (expected(cmp), means(cmp)) == (["refund", "billing"], {"good": 0.0, "bad": 0.0})
    assert means(cmp) == means(fh.compare(batch, score=fh.score.scorer(own, version="2")))


def test_only_the_rows_that_change_are_scored_again(triage: Triage) -> None:
    """By each score; a judge is asked again only for them, and the notes of the whole stay."""
    cmp = fh.compare(triage.run(), score=fh.score.judge("grade", variant="v", client=triage.client, progress=False))
    scored: list[Any] = []

    def own(run: fh.Run, row: dict[str, Any]) -> bool:
        scored.append(row["row"])
        return bool(run.output == row["expected_output"])

    cmp.add_score(own)
    notes = [note for note in cmp.notes if "question" in note]
    triage.asked.clear(), scored.clear()
    cmp.correct(3, expected="refund")
    assert (sorted(triage.asked), scored) == (["refund", "refund"], [3, 3])
    assert [note for note in cmp.notes if "question" in note] == notes != []
    assert cmp.scores().query("row == 3")["own"].tolist() == [0.0, 0.0]
    triage.asked.clear()
    cmp.rescore()
    assert triage.asked == [], "it is saved"


def test_a_score_that_was_kept_of_the_old_value_is_not_used(triage: Triage) -> None:
    """There and back, and in another comparison."""
    batch = triage.run()
    for value, good in (("billing", 1.0), ("other", 2 / 3), ("billing", 1.0)):
        cmp = fh.compare(batch).correct(0, expected=value)
        assert means(cmp)["good"] == pytest.approx(good)
        assert means(fh.compare(batch)) == means(cmp)


def test_forgetting_a_batch_leaves_corrections_and_everything_removes_them(triage: Triage) -> None:
    """A batch that is run again has them."""
    fh.compare(triage.run()).correct(0, expected="billing")
    fh.forget("tickets", client=triage.client)
    assert expected(fh.compare(triage.run()))[0] == "billing"
    fh.forget(everything=True, client=triage.client)
    assert expected(fh.compare(triage.run()))[0] == "other"


def test_it_goes_with_a_file_and_with_a_join(triage: Triage, tmp_path: Path) -> None:
    """An archive has the corrections of its inputs, and of no others; a joined workspace has all."""
    fh.compare(triage.run()).correct(0, expected="billing")
    fh.compare(triage.run([{"text": "Elsewhere", "expected_output": "x"}], name="b2")).correct(0, expected="y")
    written = fh.open_batch("tickets", client=triage.client).to_fhb(tmp_path / "t.fhb")
    assert (written.corrections, "1 correction" in repr(written)) == (1, True)
    target = f"{triage.client.workspace}-2"
    session.limiter(target)
    assert fh.store.join(triage.client.workspace, target).corrections == 2
    session.reset()
    fh.configure(store=tmp_path / "theirs.sqlite3")
    theirs = fh.compare(fh.open_batch(tmp_path / "t.fhb"))
    assert expected(theirs)[0] == "billing"
    theirs.correct(0, expected="refund", author="ben")
    assert expected(fh.compare(fh.open_batch(tmp_path / "t.fhb")))[0] == "refund", "saved in the reader's store"


def test_the_corrected_table_is_a_new_file_that_runs_at_no_call(triage: Triage, tmp_path: Path) -> None:
    """In every format with the rows and columns that were run; what is there already is left."""
    cmp = fh.compare(triage.run()).correct(0, expected="billing")
    triage.asked.clear()
    for suffix in CORRECTED_SUFFIXES:
        path = cmp.write_corrected(tmp_path / f"corrected{suffix}")
        again = triage.run(path, name=suffix, reuse="store")
        assert (triage.asked, expected(fh.compare(again))) == ([], ["billing", "delivery", "billing", "billing"])
        assert list(again.frame.columns[-3:]) == ["text", "expected_output", "language"]
    kept = path.read_bytes()
    with pytest.raises(fh.SettingsError, match=path.name):
        cmp.write_corrected(path)
    assert path.read_bytes() == kept


def test_a_corrected_table_keeps_the_labels_of_its_rows(triage: Triage, tmp_path: Path) -> None:
    """Or says that the file cannot."""
    cmp = fh.compare(triage.run(pd.DataFrame(TABLE, index=["a", "b", "c", "d"]))).correct("c", expected="billing")
    for suffix in (".csv", ".tsv", ".parquet"):
        path = cmp.write_corrected(tmp_path / f"t{suffix}")
        assert triage.run(path, name=None).frame["row"].unique().tolist() == ["a", "b", "c", "d"]
    for suffix in (".json", ".jsonl"):
        with pytest.raises(fh.SettingsError, match=r" 'a'.* \.csv"):
            cmp.write_corrected(tmp_path / f"t{suffix}")
        assert not (tmp_path / f"t{suffix}").exists()


MIXED: list[dict[str, Any]] = [
    {"text": "Charged", "n": 1, "tags": ["a", None], "extra": {"a": 1}, "expected_output": "other"},
    {"text": "Parcel", "n": 2, "tags": [], "extra": {"b": [2]}, "expected_output": {"label": "delivery"}},
    {"text": "Refund", "n": None, "tags": None, "extra": 2**70, "cut": "half \ud83d", "expected_output": 3},
]


def test_values_of_a_corrected_table_keep_their_kinds(triage: Triage, tmp_path: Path) -> None:
    """Where the file has kinds; a column of Parquet that has several is text, and JSON what is none."""
    cmp = fh.compare(triage.run(MIXED, variants=["good"])).correct(0, expected=True)
    for suffix in (".json", ".jsonl"):
        batch = triage.run(cmp.write_corrected(tmp_path / f"t{suffix}"), name=None, variants=["good"])
        assert [row["extra"] for _, _, row in batch.entries()] == [row["extra"] for row in MIXED]
    path = cmp.correct(0, expected="other").write_corrected(tmp_path / "t.parquet")
    rows = [row for _, _, row in triage.run(path, name=None, variants=["good"]).entries()]
    assert [row["n"] for row in rows] == [1, 2, None]
    assert [row["tags"] for row in rows] == [["a", None], [], None]
    assert [row["extra"] for row in rows] == ['{"a": 1}', '{"b": [2]}', str(2**70)]
    assert [row["expected_output"] for row in rows] == ["other", '{"label": "delivery"}', "3"]
    assert [row["cut"] for row in rows] == [None, None, "half ?"]


def test_what_cannot_be_corrected_is_told_before_anything_is_kept(triage: Triage) -> None:
    """Each in one line with what to do."""
    cmp = fh.compare(triage.run())
    for row, value, options, told in [
        (9, "x", {}, "row 9"),
        (0, "other", {}, "other"),
        (0, {1, 2}, {}, "expected"),
        (0, float("nan"), {}, "expected"),
        (0, "x" * 200_000, {}, "expected .*200,002"),
        (0, "half \ud800", {}, "^expected "),
        (0, "x", {"note": "half \ud800"}, "^note "),
        (0, "x", {"note": "x" * 5_000}, "note .*5,000"),
        (0, "x", {"author": " "}, "author is ' '"),
        (0, "x", {"author": "\udfff"}, "^author "),
    ]:
        with pytest.raises(fh.InputError, match=told):
            cmp.correct(row, expected=value, **options)
    assert session.store_or_memory().corrections.of_workspace(triage.client.workspace) == []
    frame = pd.DataFrame({"row": 0, "variant": ["a", "b"], "output": "x", "expected_output": "y"})
    with pytest.raises(fh.InputError, match="expected_output"):
        fh.compare(frame).correct(0, expected="x")
    with pytest.raises(fh.InputError, match=r"frame\.to_csv"):
        fh.compare(frame).write_corrected("t.csv")
    with pytest.raises(fh.InputError, match="expected_output"):
        fh.compare(triage.run([{"text": "x"}], name="bare")).correct(0, expected="x")


def test_any_json_value_is_kept_as_it_is(triage: Triage) -> None:
    """There and back, and replaced by another one."""
    batch = triage.run(TABLE[:2], variants=["good"])
    cmp = fh.compare(batch)
    for value in ("a null \0", "", None, 0, 1.5, True, ["a", {"b": None}], {"z": 1, "a": "ü"}, "x" * 90_000):
        cmp.correct(1, expected=value)
        (kept,) = fh.compare(batch).corrections().to_dict("records")
        assert (kept["expected"], type(kept["expected"]), kept["replaced"]) == (value, type(value), "delivery")
        assert expected(cmp)[1] == value
    assert cmp.correct(1, expected="delivery").corrections().empty


def test_a_password_is_not_needed_to_find_a_correction_and_is_nowhere_in_the_store(triage: Triage) -> None:
    """Inputs are known by the hash of what is kept of them."""
    rows = [{"text": "Refund", "token": "correct-horse-battery", "expected_output": "other"}]
    batch = triage.run(rows)
    fh.compare(batch).correct(0, expected="billing")
    assert expected(fh.compare(fh.open_batch("tickets", client=triage.client))) == ["billing"]
    path = resolution.store_path()
    assert path is not None
    session.reset()
    assert b"correct-horse" not in path.read_bytes()


def test_batches_by_name_are_corrected_where_their_table_says_so(triage: Triage) -> None:
    """Two dates, of which one has the wrong value."""
    right = [{**row, "expected_output": "billing"} if row["text"] == "Charged twice" else row for row in TABLE]
    cmp = fh.compare(
        {"monday": triage.run(variants=["good"]), "today": triage.run(right, name="t2", variants=["good"])}
    )
    assert means(cmp) == {"monday": pytest.approx(2 / 3), "today": 1.0}
    cmp.correct(0, expected="billing")
    assert means(cmp) == {"monday": 1.0, "today": 1.0}
    with pytest.raises(fh.InputError, match="'monday' and 'today'"):
        cmp.write_corrected("t.csv")


def test_a_race_is_decided_by_the_corrected_values(triage: Triage) -> None:
    """As the comparison of its batch is."""
    rows = [{"text": f"Case {n}", "expected_output": "other"} for n in range(12)]
    cmp = fh.compare(triage.run(rows))
    for row in range(12):
        cmp.correct(row, expected="billing")
    race = fh.race(
        rows, triage.deployment, variants=["good", "bad"], score=fh.score.exact(), client=triage.client, progress=False
    )
    assert race.winner == "good"


def test_ratings_and_labels_are_not_corrected_and_say_what_to_do(triage: Triage) -> None:
    """The comparison that they were made of is."""
    cmp = fh.compare(triage.run())
    rated = replace(cmp.data, rated=True)
    with pytest.raises(fh.InputError, match="ratings"):
        fh.Comparison(cmp.score_set.beside(rated, None), cmp._ratings).correct(0, expected="x")


def test_without_a_store_it_ends_with_the_kernel_and_a_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It applies meanwhile, in other comparisons, too."""
    fh.configure(store=None)
    triage = Triage()
    batch = triage.run()
    fh.compare(batch).correct(0, expected="billing")
    assert "(store=None)" in capsys.readouterr().err
    assert expected(fh.compare(batch))[0] == "billing"


def test_a_store_that_cannot_be_read_corrects_nothing_and_says_so(
    triage: Triage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison goes on by the table."""
    batch = triage.run()
    fh.compare(batch).correct(0, expected="billing")
    store = session.store_or_memory()
    store.database.put(lambda c: c.execute("UPDATE corrections SET corrected_at = 1e300")).result()
    assert expected(fh.compare(batch))[0] == "other"
    (line,) = capsys.readouterr().err.splitlines()
    assert "orrections" in line


@pytest.mark.parametrize(
    ("text", "table_value", "meant"),
    [
        ("12", "billing", "12"), ("", "x", ""), ("", None, None),
        ("x", None, "x"), ("12", 7, 12), ("true", False, True),
        ('{"a": 1}', {"a": 2}, {"a": 1}), ("null", [1], None),
    ],
)  # fmt: skip
def test_an_edited_text_is_of_the_kind_of_the_tables_value(text: str, table_value: Any, meant: Any) -> None:
    """A text stays one; anything else is JSON."""
    assert expected_of_text(text, table_value) == meant


def test_a_text_that_is_no_json_is_told_with_the_tables_value() -> None:
    """As an example of how it is written."""
    with pytest.raises(fh.InputError, match="expected .*JSON"):
        expected_of_text("billing", {"label": "other"})


class Teams(Triage):
    """A hive with a second deployment that answers the same inputs."""

    def __init__(self) -> None:
        super().__init__()
        hive = fh.local.LocalHive(name="corrections")
        for name in ("triage", "intake"):
            hive.workflow(name, variant="v")(lambda text: "billing")
        hive.workflow("duel", variant="v")(self._prefer)
        self.hive = hive
        self.client = hive.client()

    def _prefer(self, output_a: str, output_b: str, expected: str = "") -> str:
        self.asked.append(expected)
        return "a" if output_a == expected else "b" if output_b == expected else "tie"

    def of(self, *deployments: str, name: str, rows: Any = TABLE) -> fh.Batch:
        """Run rows through one variant of each of these deployments."""
        variants = [(deployment, "v") for deployment in deployments]
        return fh.batch(rows, deployments[0], variants=variants, client=self.client, progress=False, name=name)


def test_all_variants_of_a_row_are_scored_by_one_expected_output() -> None:
    """Also those of a deployment whose inputs were never corrected; of two corrections the newer one counts."""
    teams = Teams()
    fh.compare(teams.of("triage", name="one")).correct(0, expected="billing")
    both = teams.of("triage", "intake", name="both")
    cmp = fh.compare(both)
    assert expected(cmp)[0] == "billing"
    assert set(means(cmp).values()) == {2 / 3}
    assert cmp.corrections()["applies"].tolist() == [True, True]
    assert any(numbers_in(note) == ["1"] and "cmp.corrections()" in note for note in cmp.notes)
    fh.compare(teams.of("intake", name="other")).correct(0, expected="refund")
    assert (expected(fh.compare(both))[0], expected(fh.compare(teams.of("triage", name="one")))[0]) == (
        "refund",
        "billing",
    )
    again = fh.compare(both).correct(0, expected="other")
    assert (again.corrections().empty, set(means(again).values())) == (True, {1 / 3})


def test_rows_of_a_deployment_without_corrections_are_not_looked_up() -> None:
    """One job of each variant tells of which one it is; and no run is made of a row that was not corrected."""
    teams = Teams()
    fh.compare(teams.of("triage", name="one")).correct(0, expected="billing")
    for deployment, looked_up, made in (("intake", [0], []), ("triage", [0, 0, 1, 2, 3], [0, 2])):
        runs = read_observations(teams.of(deployment, name=deployment), pair_on="row")
        jobs: list[int] = []
        table = replace(runs.base or runs, job=lambda place, job=runs.job, jobs=jobs: jobs.append(place) or job(place))
        corrected = corrected_observations(table)
        assert (jobs, [*corrected.corrections], [*table.made]) == (looked_up, made, made)


def test_rows_of_the_same_place_in_two_batches_are_two_rows() -> None:
    """Though they have one place and one expected output."""
    teams = Teams()
    rows = [{"text": "Elsewhere", "expected_output": "other"}]
    fh.compare(teams.of("triage", name="one")).correct(0, expected="billing")
    cmp = fh.compare({"here": teams.of("triage", name="one"), "there": teams.of("triage", name="two", rows=rows)})
    cmp.correct(3, expected="refund")
    assert cmp.corrections()["row"].tolist() == [0, 2, 3]
    assert means(cmp)["there"] == 0.0


def test_a_judge_of_pairs_is_asked_again_for_whole_pairs() -> None:
    """Where the expected output of one of the two runs is corrected, in another comparison."""
    teams = Teams()
    right = [{**row, "expected_output": "billing"} for row in TABLE]
    judge = fh.score.judge("duel", variant="v", pairwise=True, client=teams.client, progress=False)
    teams.hive.workflow("intake", variant="late")(lambda text: "other")
    late = fh.batch(right, "intake", variants=["late"], client=teams.client, progress=False, name="late")
    monday = teams.of("triage", name="one")
    cmp = fh.compare({"monday": monday, "today": late}, score=judge)
    before = cmp.scores()
    fh.compare(monday).correct(0, expected="refund")
    teams.asked.clear()
    cmp.correct(3, expected="other")
    assert teams.asked == ["refund"] * 2, "in both orders; what is asked of row 3 was asked before"
    after = cmp.scores()
    assert before.query("variant == 'monday'").iloc[:, 2].tolist() == [0.0, 0.5, 0.0, 1.0]
    assert after.query("variant == 'monday'").iloc[:, 2].tolist() == [0.5, 0.5, 0.5, 0.0]


@pytest.mark.parametrize("values", [[{}, {}], [{"a": {}}, None], [1, "a"], [10**30, 1]])
def test_any_column_can_be_written_to_parquet(values: list[Any], tmp_path: Path) -> None:
    """Parquet has no empty objects, no columns of several kinds and no integers of that size: they are text."""
    pd.DataFrame({"x": parquet_column(values)}).to_parquet(tmp_path / "t.parquet")
    assert all(value is None or isinstance(value, str) for value in parquet_column(values))
    assert parquet_column([1, None, 2]) == [1, None, 2]
