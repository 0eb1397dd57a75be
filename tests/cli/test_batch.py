"""``fh-notebook batch`` as a shell runs it: a process of its own against a hive on a socket, which counts its calls."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.cli.batch import exit_code
from fh_notebook.cli.command_line import main
from fh_notebook.local import LocalHive, aask_human
from fh_notebook.session import session
from tests import environment
from tests.batching.hives import KEY, PATIENCE_S, Held, Shouting, until
from tests.ports import free_port
from tests.store.kept import answers_in
from tests.told import numbers_in, tells

MAIN = [sys.executable, "-W", "error", "-c", "import sys; from fh_notebook.cli import main; sys.exit(main())", "batch"]


@pytest.fixture
def shouting() -> Iterator[Shouting]:
    made = Shouting()
    with made.hive.serve() as server:
        made.url = server.url  # type: ignore[attr-defined]
        yield made


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of four rows in the working folder, one of which fails in the variant loud."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("text,expected_output\nhi,HI\nbad,x\n=1+1,=1+1\nyo,YO\n")
    return tmp_path / "data.csv"


def command(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MAIN, *words], cwd=folder, env=environment.for_process(folder, **env),
        capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip


def _here(capsys: pytest.CaptureFixture[str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, where that shows the same."""
    capsys.readouterr()
    code = main(["batch", *words])
    return subprocess.CompletedProcess(words, code, *capsys.readouterr())


def _loud(shouting: Any, *words: str) -> list[str]:
    return ["data.csv", "-d", "shout", "-v", "loud", "--base-url", shouting.url, *words]


# --- what it does


@pytest.mark.parametrize(
    "ending", ["csv", "xlsx", *(pytest.param(e, marks=pytest.mark.long) for e in ("csv.gz", "tsv", "parquet", "jsonl"))]
)
def test_every_row_goes_through_every_variant_into_a_file(data: Path, shouting: Any, ending: str, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """The plan and the progress on stderr, what to read on stdout; 0 when all is completed."""
    run = partial(command, data.parent) if ending == "csv" else partial(_here, capsys)  # one in a process of its own
    data.write_text("text,expected_output\nhi,HI\nyo,YO\n")
    words = ["data.csv", "-d", "shout", "-v", "loud", "-v", "soft", "--base-url", shouting.url, "-o", f"out.{ending}"]
    done = run(*words)
    assert (done.returncode, shouting.calls) == (0, 4), done.stderr
    assert "shout: 2 rows x 2 variants = 4 jobs; 4 calls\n" in done.stderr
    assert tells(done.stderr, "4 of 4", "4 calls")
    assert f"Written to out.{ending}: 4 rows, " in done.stdout
    reader = {
        "parquet": pd.read_parquet,
        "xlsx": partial(pd.read_excel, engine="openpyxl"),
        "jsonl": lambda p: pd.read_json(p, lines=True),
    }
    read = reader.get(ending, lambda p: pd.read_csv(p, sep="\t" if ending == "tsv" else ","))(data.parent / f"out.{ending}")  # fmt: skip
    assert read["output"].tolist() == ["HI", "hi", "YO", "yo"]
    assert ("fh.compare(pandas.read_" in done.stdout) == (ending not in ("tsv", "jsonl"))
    assert "\x1b" not in done.stdout + done.stderr
    # The same command again calls nothing, and writes the same answers.
    again = run(*words)
    assert (again.returncode, shouting.calls) == (0, 4)
    assert tells(again.stderr, "4 jobs", "4 of 4", "0 calls", "4 reused")


def test_a_sheet_and_a_folder_of_parquet_are_rows(
    data: Path, shouting: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """And answers are not written where they would be rows the next time."""
    frame = pd.DataFrame({"text": ["hi", "yo"]})
    with pd.ExcelWriter(data.parent / "book.xlsx", engine="xlsxwriter") as book:
        pd.DataFrame({"text": ["no"]}).to_excel(book, sheet_name="April", index=False)
        frame.to_excel(book, sheet_name="May", index=False)
    (data.parent / "parts").mkdir()
    frame.iloc[:1].to_parquet(data.parent / "parts" / "1.parquet")
    frame.iloc[1:].to_parquet(data.parent / "parts" / "2.parquet")
    options = ["-d", "shout", "-v", "loud", "--base-url", shouting.url, "-o"]
    for place, (source, target) in enumerate([("book.xlsx#May", "book.xlsx"), ("parts", "parts/3.parquet"), ("parts/*.parquet", "parts/2.parquet")]):  # fmt: skip
        refused = _here(capsys, source, *options, target)
        assert (refused.returncode, shouting.calls) == (2, 2 * place)
        assert tells(refused.stderr, target, "-o")
        done = _here(capsys, source, *options, "answers.csv", "--fresh")
        assert done.returncode == 0, done.stderr
        assert pd.read_csv("answers.csv")["output"].tolist() == ["HI", "YO"]


def test_failed_rows_are_told_and_the_code_says_so(data: Path, shouting: Any, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """1, the digest of the errors, the file with all rows, and how to go on."""
    assert main(["batch", *_loud(shouting, "-o", "out.csv")]) == 1
    told = capsys.readouterr().out
    assert "1 failed: 1 x 'RuntimeError: cannot shout bad'" in told
    assert "1 cell neutralised" not in told
    assert tells(told, "2", "'output'", "'text'")
    assert pd.read_csv("out.csv")["status"].tolist() == ["completed", "failed", "completed", "completed"]


@pytest.mark.long
def test_what_reached_nobody_is_not_blamed_on_its_rows(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The cure is the network's; the same command calls them anew."""
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    main(["batch", "data.csv", "-d", "shout", "-v", "loud", "--first", "1", "--base-url", nowhere, "-o", "out.csv"])
    told = capsys.readouterr().out
    assert tells(told, "1", "fh-notebook", "--check")


@pytest.mark.parametrize("delivery", ["callback", *(pytest.param(d, marks=pytest.mark.long) for d in ("poll", "direct"))])  # fmt: skip
def test_answers_come_as_delivery_says(data: Path, shouting: Any, delivery: str) -> None:
    """In a process of its own, which ends by itself: each row once, and nothing is left pending."""
    done = command(data.parent, *_loud(shouting, "--delivery", delivery, "-o", "out.csv", "--first", "1"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Traceback") == 0
    assert pd.read_csv("out.csv")["output"].tolist() == ["HI"]
    assert shouting.calls == 1


@pytest.mark.long
def test_callbacks_come_by_the_public_url_that_is_given(data: Path, shouting: Any) -> None:
    """Which passes on to the port that is given; here it is this machine's own."""
    port = free_port()
    words = ["--delivery", "callback", "--public-url", f"http://127.0.0.1:{port}/fh", "--callback-port", str(port)]
    done = command(data.parent, *_loud(shouting, *words, "-o", "out.csv", "--first", "1"))
    assert (done.returncode, pd.read_csv("out.csv")["output"].tolist()) == (0, ["HI"]), done.stderr
    assert shouting.hive.calls[0].callback_url.startswith(f"http://127.0.0.1:{port}/fh/")


def test_callbacks_that_cannot_come_are_told_before_any_call(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A service that is not on this machine needs an address; in the words of the command line."""
    words = ["batch", "data.csv", "-d", "shout", "-v", "loud", "--base-url", "https://api.test/v1"]
    (data.parent / "key.env").write_text(f"FETCH_HIVE_API_KEY={KEY}\n")
    assert main([*words, "--env-file", "key.env", "--delivery", "callback"]) == 2
    assert tells(capsys.readouterr().err, "--public-url", "--delivery")  # fmt: skip


@pytest.mark.parametrize(("more", "code"), [([], 1), (["--first", "1"], 0)])
def test_quiet_says_nothing_unless_something_went_wrong(
    data: Path, shouting: Any, capsys: pytest.CaptureFixture[str], more: list[str], code: int
) -> None:
    """As a timer's job should."""
    assert main(["batch", *_loud(shouting, "-q", "-o", "out.csv", *more)]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == code
    assert tells(told.err, "3 of 4", "1 failed") == bool(code)


def test_columns_and_constants_are_mapped_and_read_as_declared(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A constant is text for a variable of text, and a number for one of numbers."""
    data.write_text("what\nhi\n")
    catalogue = "deployments:\n  shout:\n    variants: [loud]\n    inputs:\n      text: text\n      times: integer\n"
    (data.parent / "fetchhive.yaml").write_text(catalogue)
    made = Shouting()
    with made.hive.serve() as server:
        words = ["--map", "text=what", "--const", "times=2", "--base-url", server.url, "-o", "out.jsonl"]
        assert main(["batch", "data.csv", "-d", "shout", *words]) == 0, capsys.readouterr().err
    assert json.loads(Path("out.jsonl").read_text())["output"] == "HIHI"


def test_a_pilot_is_gone_on_with_by_the_same_command(data: Path, shouting: Any, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """Nothing of it is repaid."""
    assert main(["batch", *_loud(shouting, "--first", "1")]) == 0
    told = capsys.readouterr().out
    assert tells(told, "--first", "--sample")
    assert tells(told, "answers.csv")
    assert main(["batch", *_loud(shouting)]) == 1
    assert shouting.calls == 4


def test_the_demo_hive_needs_no_key(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only where it was asked for: with --local, or where the environment says so."""
    data.write_text("ticket\nI was charged twice.\n")
    assert main(["batch", "data.csv", "-d", "support-triage", "-v", "keywords", "--local", "-o", "out.csv"]) == 0
    assert pd.read_csv("out.csv")["output"].tolist() == ["billing"]
    assert "FETCH_HIVE_API_KEY" not in capsys.readouterr().err


def test_names_of_files_may_begin_with_a_tilde_or_be_in_other_folders(data: Path, shouting: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """As in every other program."""
    monkeypatch.setenv("HOME", str(data.parent))
    (data.parent / "sub").mkdir()
    words = ["-d", "shout", "-v", "soft", "--base-url", shouting.url, "-o", "~/sub/out.csv"]
    assert main(["batch", str(data), *words]) == 0
    assert len(pd.read_csv(data.parent / "sub" / "out.csv")) == 4


# --- limits


@pytest.mark.parametrize(
    ("words", "code", "calls", "told"),
    [
        (
            ["--max-calls", "2", "--max-concurrency", "1"],
            3,
            2,
            ("--max-calls",),
        ),
        (
            ["--max-calls", "2", "--max-concurrency", "1", "--fresh"],
            3,
            2,
            ("--fresh",),
        ),
        (["--fail-on-error", "--max-concurrency", "1"], 1, 2, ("1 of 4", "--fail-on-error")),
        (["--fail-on-error=0.9", "--max-concurrency", "1"], 1, 4, ("3 of 4", "1 failed")),
        (["--repeats", "2", "--first", "1"], 0, 2, ("1 row", "1 variant", "2", "2 jobs")),
        (["--name", "mine", "--sample", "3"], None, 3, ("mine",)),
    ],
)
def test_a_limit_stops_and_says_how_to_go_on(
    data: Path, shouting: Any, capsys: pytest.CaptureFixture[str], words: list[str], code: int | None, calls: int, told: tuple[str, ...]
) -> None:  # fmt: skip
    """By the code, and in the words of the command line; what came is written all the same."""
    got = main(["batch", *_loud(shouting, "-o", "out.csv", *words)])
    assert code is None or got == code
    assert shouting.calls == calls
    assert tells(capsys.readouterr().err, *told)
    assert len(pd.read_csv("out.csv")) == calls


def test_another_table_under_a_kept_name_is_refused_or_replaces_it(
    data: Path, shouting: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the words of the command line, before any call; `--replace` keeps the earlier one under another name."""
    main(["batch", *_loud(shouting, "-o", "out.csv", "--name", "mine")])
    before = shouting.calls
    other = data.parent / "other.csv"
    other.write_text("text\nanother\n")
    words = ["batch", str(other), *_loud(shouting, "-o", "out.csv", "--name", "mine")[1:]]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert tells(told, "--name", "--replace")
    assert shouting.calls == before
    assert main([*words, "--replace"]) == 0
    assert shouting.calls == before + 1
    store = session.store()
    assert store is not None
    assert len([record for record in store.batches.every() if record.name.startswith("mine@")]) == 1


def test_a_used_up_daily_cap_is_a_limit(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """3; and the same command goes on when it is renewed."""
    made = Shouting(daily_cap=2)
    with made.hive.serve() as server:
        words = ["batch", "data.csv", "-d", "shout", "-v", "soft", "--base-url", server.url, "--max-concurrency", "1"]
        assert main(words) == 3
        assert tells(capsys.readouterr().err, "00:00 UTC")
        session.reset()  # as in another process, whose limiter knows nothing of it
        made.hive.configure(daily_cap=100)
        assert main(words) == 0
    assert made.calls == 4


def test_a_dry_run_shows_the_plan_and_calls_nothing(data: Path, shouting: Any, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """On stdout, with nothing written."""
    assert main(["batch", *_loud(shouting, "--dry-run", "-o", "out.csv")]) == 0
    assert "shout: 4 rows x 1 variant = 4 jobs; 4 calls" in capsys.readouterr().out
    assert shouting.calls == 0
    assert not Path("out.csv").exists()


def test_the_plan_shows_what_it_costs_and_the_cap(
    data: Path, shouting: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the price and the cap are told; a cost that is too high stops, as a limit."""
    priced = ["--price-per-call", "0.5", "--daily-cap", "50"]
    assert main(["batch", *_loud(shouting, *priced, "--dry-run")]) == 0
    plan = capsys.readouterr().out
    assert re.search(r"\b2(\.00?)?\b", plan)
    assert "50" in plan
    assert main(["batch", *_loud(shouting, *priced, "--max-cost", "1", "--max-concurrency", "1")]) == 3
    assert shouting.calls == 2


@pytest.mark.parametrize("words", [["--rate", "1000"], ["--rate", "6000/min"], ["--max-cost", "100", "--price-per-call", "0.5"], ["--wait-for-reset"]])  # fmt: skip
def test_pace_and_cost_are_passed_on(data: Path, shouting: Any, words: list[str]) -> None:
    """As ``fh.batch`` takes them."""
    assert main(["batch", *_loud(shouting, *words)]) == 1
    assert shouting.calls == 4


# --- what is wrong is told before the first call


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.csv", "-d", "shout"], ["nowhere.csv"]),
        (["data.doc", "-d", "shout"], ["data.doc", ".csv"]),
        (["data.csv", "-d", "shout", "--map", "text=nope"], ["'nope'", "--const VARIABLE='nope'"]),
        (["data.csv", "-d", "shout", "--map", "text=text", "--const", "text=x"], ["--map", "--const", "text"]),
        (["data.csv", "-d", "shout", "--max-calls", "-1"], ["--max-calls", "-1"]),
        (["data.csv", "-d", "shout", "--repeats", "0"], ["--repeats", "0"]),
        (["data.csv", "-d", "shout", "--max-cost", "5"], ["--max-cost", "--price-per-call 0.02"]),
        (["data.csv", "-d", "shout", "--price-per-call", "-1"], ["--price-per-call", "-1.0"]),
        pytest.param(
            ["data.csv", "-d", "shout", "--rate", "fast"],
            ["rate"],
        ),
        (
            ["data.csv", "-d", "shout", "--public-url", "https://x"],
            ["--public-url", "--callback-port", "--delivery"],
        ),
        (
            ["data.csv", "-d", "shout", "--delivery", "callback", "--public-url", "x"],
            ["--public-url"],
        ),
        (["data.csv", "-d", "shout", "--local"], ["--local", "--base-url"]),
        (["data.csv", "-d", "shout", "-o", "out.doc"], ["out.doc", "'.csv'"]),
        (["data.csv", "-d", "shout", "-o", "no/out.csv"], ["no/out.csv", "no"]),
        (["data.csv", "-d", "shout", "-o", "data.csv"], ["data.csv", "-o"]),
        (["data.csv", "-d", "shout", "--env-file", "nothing.env"], ["nothing.env"]),
    ],
)
def test_what_is_wrong_is_a_line_and_nothing_is_called(
    data: Path, shouting: Any, capsys: pytest.CaptureFixture[str], words: list[str], told: list[str]
) -> None:
    """2; in the words of the command line."""
    before = data.read_bytes()
    assert main(["batch", *words, "--base-url", shouting.url, "-v", "loud"]) == 2
    err = capsys.readouterr().err
    assert tells(err, *told)
    assert all(line.startswith("fh-notebook batch: ") for line in err.splitlines())
    assert shouting.calls == 0
    assert data.read_bytes() == before


def test_every_problem_of_the_rows_is_a_line_of_its_own(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All together, before the first call; with --on-invalid skip those rows are failed ones."""
    data.write_text("ticket,max_words\nlate,many\nlate,-1\nlate,5\n")
    words = ["batch", "data.csv", "-d", "support-triage", "-v", "keywords", "--local"]
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if "max_words" in line]) == 2
    assert any("--on-invalid skip" in line for line in lines)
    assert main([*words, "--on-invalid", "skip"]) == 1
    assert tells(capsys.readouterr().err, "1 of 3", "2")


def test_a_broken_store_is_told_before_the_first_call(data: Path, shouting: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """2: no answer could be kept."""
    (data.parent / "broken.sqlite3").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("FH_NOTEBOOK_STORE", str(data.parent / "broken.sqlite3"))
    assert main(["batch", *_loud(shouting)]) == 2
    assert "broken.sqlite3" in capsys.readouterr().err
    assert shouting.calls == 0


@pytest.mark.parametrize(
    "words",
    [
        ["--rate"],
        ["--const", "x"],
        ["--map", "=x"],
        ["--fail-on-error", "often"],
        ["--reuse", "some"],
        ["--max-calls", "many"],
        ["--on-invalid", "drop"],
        ["--no-such-option"],
    ],
)
def test_misuse_is_2_as_well(data: Path, words: list[str]) -> None:
    """As argparse has it."""
    with pytest.raises(SystemExit) as ended:
        main(["batch", "data.csv", "-d", "shout", *words])
    assert ended.value.code == 2


# --- keys


def test_without_a_key_nothing_is_run_on_the_demo_hive_by_itself(data: Path, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """In a log nobody would notice that the answers are those of a toy."""
    assert main(["batch", "data.csv", "-d", "support-triage"]) == 2
    assert tells(
        capsys.readouterr().err, "fh-notebook batch", "api.fetchhive.com", "FETCH_HIVE_API_KEY", "--env-file", "--local"
    )


@pytest.mark.parametrize("option", [["--api-key", KEY], [f"--api-key={KEY}"], ["--key", KEY], ["--token", KEY], ["--api", KEY]])  # fmt: skip
def test_a_key_is_never_an_option(data: Path, capsys: pytest.CaptureFixture[str], option: list[str]) -> None:
    """One line with the cure, which does not repeat the key."""
    with pytest.raises(SystemExit) as ended:
        main(["batch", "data.csv", "-d", "shout", *option])
    told = capsys.readouterr()
    assert ended.value.code == 2
    assert "FETCH_HIVE_API_KEY" in told.err
    assert KEY not in told.out + told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("where", ["environment", "file"])
def test_the_key_comes_from_the_environment_or_a_named_file(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """And it is nowhere in what is printed, written or kept; a wrong one is 4."""
    made = Shouting(api_key=KEY)
    with made.hive.serve() as server:
        words = ["batch", "data.csv", "-d", "shout", "-v", "soft", "--base-url", server.url, "-o", "out.csv"]
        monkeypatch.setenv("FETCH_HIVE_API_KEY", "fhk_a_wrong_one_0000")
        assert main(words) == 4
        assert made.calls == 0
        assert tells(capsys.readouterr().err, server.url.split("/")[2])
        monkeypatch.delenv("FETCH_HIVE_API_KEY")
        if where == "environment":
            monkeypatch.setenv("FETCH_HIVE_API_KEY", KEY)
        else:
            (data.parent / "my.env").write_text(f"FETCH_HIVE_API_KEY={KEY}\n")
            words += ["--env-file", "my.env"]
        assert main(words) == 0
    told = capsys.readouterr()
    session.reset()
    for text in (told.out, told.err, Path("out.csv").read_text("utf-8"), *map(str, _kept_bytes(data.parent))):
        assert KEY not in text


def _kept_bytes(folder: Path) -> Iterator[bytes]:
    for path in folder.rglob("store.sqlite3*"):
        if path.is_file():
            yield path.read_bytes()


# --- told to stop


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)], ids=["SIGTERM", "SIGINT"]
)
def test_what_is_finished_is_kept_and_no_call_is_made_twice(data: Path, number: int, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """Stopped with 3 calls out: 130, 4 answers in the file; the same command again calls only what was never sent."""
    data.write_text("text\n" + "".join(f"t{i}\n" for i in range(20)))
    with Held().freed() as held, held.hive.serve() as server:
        words = ["data.csv", "-d", "held", "-v", "v", "--base-url", server.url, "--max-concurrency", "3", "-o", "out.csv"]  # fmt: skip
        process = subprocess.Popen(
            [*MAIN, *words], cwd=data.parent, env=environment.for_process(data.parent),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        held.wait_for(3)
        held.let_go(4)
        held.wait_for(4)
        store = session.store()
        assert store is not None
        until(lambda: sum(len(answers_in(store, record.name)) for record in store.batches.every()) == 4)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130, err
        assert "Traceback" not in err
        assert _counts(err) == ["4", "20", "3", "13", "7"]  # completed of all, unknown, pending; calls
        assert tells(err, "--retry-unknown")
        assert tells(out, "out.csv", "7 rows")
        assert pd.read_csv("out.csv")["status"].value_counts().to_dict() == {"completed": 4, "unknown": 3}
        held.let_go()
        again = _here(capsys, *words)
        assert again.returncode == 1, again.stderr
        assert _counts(again.stderr) == ["17", "20", "3", "4", "13"]  # the same, then reused and calls
        assert tells(again.stderr, "--retry-unknown")
        assert set(held.ran.values()) == {1}
        assert held.ran.total() == 20
        last = _here(capsys, *words, "--retry-unknown")
        assert last.returncode == 0, last.stderr
        assert held.ran.total() == 23


def _counts(told: str) -> list[str]:
    """The numbers of a command's last line, which begins with the batch's name."""
    return numbers_in(told.splitlines()[-1].partition(": ")[2])


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX")
def test_on_a_terminal_the_progress_is_one_line_that_is_rewritten(data: Path) -> None:
    """And Ctrl+C, typed, ends it as a signal does: without a traceback."""
    import pty

    data.write_text("text\n" + "".join(f"t{i}\n" for i in range(12)))
    with Held().freed() as held, held.hive.serve() as server:
        terminal, theirs = pty.openpty()
        words = ["data.csv", "-d", "held", "-v", "v", "--base-url", server.url, "--max-concurrency", "2"]
        process = subprocess.Popen(
            [*MAIN, *words], cwd=data.parent, env=environment.for_process(data.parent, TERM="xterm"),
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_take_terminal,
        )  # fmt: skip
        os.close(theirs)
        guard = threading.Timer(PATIENCE_S, process.kill)
        guard.start()
        held.wait_for(2)
        held.let_go(2)
        held.wait_for(2)
        shown = ""
        while "2 of 12" not in shown:
            shown += os.read(terminal, 4096).decode()
        os.write(terminal, b"\x03")
        shown += _rest(terminal)
        assert process.wait(timeout=PATIENCE_S) == 130
        guard.cancel()
        os.close(terminal)
    assert "held: 12 rows x 1 variant = 12 jobs; 12 calls\r\n" in shown
    assert re.search(r"\r(held-\w+: )?2 of 12 \w+, 10 pending \(2 ", shown)
    assert "Traceback" not in shown
    assert held.ran.total() == 4


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _rest(terminal: int) -> str:
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side has closed
            return shown.decode()
        if not piece:
            return shown.decode()
        shown += piece


def test_an_interrupt_while_the_file_is_written_leaves_the_old_one(data: Path, shouting: Any) -> None:
    """The answers are kept, and the next start writes them without a call."""
    (data.parent / "out.csv").write_text("old")
    code = (
        "import sys, fh_notebook.batching.export.export as f, os\n"
        "from fh_notebook.cli import main\n"
        "f.os.fsync = lambda number: os.kill(os.getpid(), 2)\n"
        "sys.exit(main())"
    )
    words = _loud(shouting, "-o", "out.csv")
    env = environment.for_process(data.parent)
    # The check before the first call writes a file as well: it is the first fsync that is interrupted.
    done = subprocess.run([sys.executable, "-c", code, "batch", *words], cwd=data.parent, env=env, capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 130
    assert (data.parent / "out.csv").read_text() == "old"
    assert not list(data.parent.glob(".out*"))


@pytest.mark.long
def test_a_reader_that_has_seen_enough_is_no_error(data: Path, shouting: Any) -> None:
    """``| head -0``: no traceback, and the code stays that of the batch."""
    shell = f"set -o pipefail; {' '.join(map(_quoted, [*MAIN, *_loud(shouting, '-o', 'out.csv')]))} | true"
    done = subprocess.run(["bash", "-c", shell], cwd=data.parent, env=environment.for_process(data.parent), capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 1
    assert "BrokenPipe" not in done.stderr
    assert "Traceback" not in done.stderr


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)


# --- words


def test_the_help_says_the_codes_and_where_the_key_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    """So that a script needs no trial; no option for a key is offered."""
    with pytest.raises(SystemExit) as ended:
        main(["batch", "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    for code in ("0  ", "1  ", "2  ", "3  ", "4  ", "130"):
        assert re.search(rf"^  {code} +\S", shown, re.MULTILINE)
    assert "FETCH_HIVE_API_KEY" in shown
    assert "--api-key" not in shown


def test_a_batch_that_cannot_be_finished_by_itself_is_3() -> None:
    """Pending rows without a reason are no success."""
    with Shouting().hive.client() as client:
        batch = fh.batch([{"text": "a"}], "shout", variants="loud", client=client, max_calls=0, progress=False)
    assert exit_code(batch) == 3


def test_rows_that_only_wait_have_not_failed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor have those that the service runs on: 3, also from a second command; 1 as soon as one of them has failed."""
    hive = LocalHive()

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    async def refund(text: str) -> str:
        if text == "bad":
            raise RuntimeError("no such order")
        return "paid" if (await aask_human(f"Refund {text}?", tool="payments")).approved else "refused"

    data.write_text("text\nhi\nyo\n")
    with hive.serve() as server:
        words = ["data.csv", "-d", "refund", "-v", "v", "--base-url", server.url, "--max-concurrency", "1"]
        for retry in ((), (), ("--retry-unknown",)):
            waits = _here(capsys, *words, *retry)
            assert (waits.returncode, "2 waiting for a decision\n" in waits.stdout) == (3, True)
            assert tells(waits.stderr, "2 jobs", "Fetch Hive", "0 of 2")
        assert hive.counts.calls == 2
        hive.fail_next(1, status=200, body=b'{"run_status": "running", "request_id": "req_7"}')
        data.write_text("text\nho\n")
        goes_on = _here(capsys, *words)
        assert (goes_on.returncode, "req_7" in goes_on.stdout) == (3, True)
        data.write_text("text\nhi\nbad\n")
        failed = _here(capsys, *words)
        assert failed.returncode == 1
        assert re.search(r"^1 failed: .*no such order.*; 1 waiting for a decision$", failed.stdout, re.MULTILINE)
