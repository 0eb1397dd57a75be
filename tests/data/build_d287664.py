"""Data that a notebook saved with the code of commit d287664, made with that very code: later versions open it and
lose nothing.

The tests of ``tests/store/test_earlier_versions.py`` import the hive, the scorers and the cells from here, and run them
with today's code. The files in ``tests/data/d287664`` are made by running this file with a checkout of that commit::

    git worktree add ../d287664 d287664
    PYTHONPATH=../d287664 python tests/data/build_d287664.py

(with dask, distributed and pyarrow installed; POSIX, since a process is killed). It makes, in ``tests/data/d287664``:

``store.sql``
    The store as SQL text, with ``PRAGMA application_id`` and ``user_version``. Absolute paths begin with ``@ROOT@``,
    which a test replaces by its own folder. It holds

    - ``tickets``: a named batch in two variants, with labels of an own index, equal rows, ``expected_output`` and a row
      whose run failed; scored by a function and by a judge, and rated by a person;
    - ``refused``: a batch with a row that the service refused with 422;
    - a batch without a name, and single runs;
    - ``streamed``: a batch of an iterator;
    - ``parted``: a batch over two partitions of a Dask frame;
    - ``killed``: a batch whose process was killed with two calls out, which may have run;
    - ``queued``: a batch by polling whose process was killed, and two single runs that were submitted: all are pending;
    - ``broken``: a batch whose record is kept, and whose jobs and rows are not: its cell ran into an ``InputError``,
    and
      then with ``on_invalid="skip"``.
``parts/``
    The Parquet files of ``parted``.
``tickets.fhb``
    The batch ``tickets``, handed over.
``fetchhive.yaml``, ``snippet.txt``
    A catalogue, with a comment of its user's, and the Code Snippet that it was made of.
``expected.json``
    What that code said of all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import pandas as pd

import fh_notebook as fh

HERE: Final = Path(__file__).with_name("d287664")
ROOT: Final = "@ROOT@"
"""In place of the folder in which the store lies."""
VERSION: Final = 7
"""Of the stores of d287664."""
PATIENCE_S: Final = 60.0

SNIPPET: Final = r"""curl 'https://api.fetchhive.com/v1/workflow/invoke' \
  -H 'Authorization: Bearer YOUR_API_KEY' \
  -H 'Content-Type: application/json' \
  -H 'Accept: application/json' \
  --data-raw '{
    "deployment": "topics",
    "variant": "v2",
    "inputs": {
      "topic": "State of enterprise AI in 2026",
      "words": 120
    }
  }' \
  --compressed
"""
CATALOGUE: Final = """\
# Ours, in the order in which we run them.
deployments:
  shout:
    description: Says it louder.  # or softer
    variants: [loud, soft]
    inputs:
      text: {type: string}
      times: {type: integer, default: 1}
"""

ASKED: Final[list[str]] = []
"""The answers that `letters` was given: none, where its scores are kept."""


@fh.score.scorer(version=1)
def letters(run: fh.Run) -> int:
    """How many characters an answer has."""
    ASKED.append(run.text)
    return len(run.text)


def manners(client: fh.Client) -> Any:
    """Return the judge."""
    return fh.score.judge("manners", scale=(1, 5), rubric="Is it quiet?", client=client, progress=False)


def hive_of(out: threading.Semaphore | None = None, *, name: str = "fixture") -> fh.local.LocalHive:
    """Return the hive that the fixtures were made with; a text ``slow ...`` releases `out`, and is never answered."""
    hive = fh.local.LocalHive(name=name, seed=0)

    def check(text: str) -> None:
        if text.startswith("bad"):
            raise RuntimeError(f"cannot shout {text}")
        if text.startswith("slow") and out is not None:
            out.release()
            threading.Event().wait()

    @hive.workflow("shout", variant="loud")
    def loud(text: str, times: int = 1) -> str:
        check(text)
        return text.upper() * times

    @hive.workflow("shout", variant="soft")
    def soft(text: str, times: int = 1) -> dict[str, Any]:
        return {"said": text.lower() * times, "times": times}

    @hive.workflow("manners", variant="v1")
    def manners(output: str, rubric: str = "") -> dict[str, Any]:
        return {"score": 2 if output.isupper() else 5, "reason": rubric}

    return hive


# --- the cells: what was run then, and is run again by the tests


def _run(client: fh.Client, rows: Any, **how: Any) -> fh.Batch:
    return fh.batch(rows, "shout", client=client, progress=False, **how)


def tickets(client: fh.Client) -> fh.Batch:
    """Run the named batch."""
    texts = ["Hi", "bad day", "Late", "Hi", "Über ☃\nlines"]
    frame = pd.DataFrame(
        {"text": texts, "n": [1, 2, None, 4, 5], "expected_output": ["HI", "x", "LATE", "HI", None]},
        index=pd.Index(["p", "q", "r", "s", "t"], name="ticket"),
    )
    return _run(client, frame, name="tickets", inputs={"text": "text"})


def refused(client: fh.Client) -> fh.Batch:
    """Run the batch of which the service refuses a row: nobody here knows its Start variables."""
    rows = [{"text": "fits", "times": 1}, {"text": "refused", "times": "many"}]
    target = fh.Deployment("shout", variants="loud")
    return fh.batch(rows, target, client=client, name="refused", progress=False)


def unnamed(client: fh.Client) -> fh.Batch:
    """Run the batch without a name."""
    return _run(client, [{"text": "one"}, {"text": "two", "times": 2}], variants="loud", repeats=2)


def streamed(client: fh.Client) -> fh.Batch:
    """Run the batch of an iterator."""
    return _run(client, iter([{"text": "first"}, {"text": "second"}]), variants="soft", name="streamed")


def parted(client: fh.Client, root: Path) -> fh.Batch:
    """Run the batch over partitions."""
    import dask.dataframe

    frame = pd.DataFrame({"text": [f"t{i}" for i in range(5)] + ["bad part"], "n": range(6)})
    rows = dask.dataframe.from_pandas(frame, npartitions=2)
    return _run(client, rows, variants="loud", inputs={"text": "text"}, name="parted", parts=root / "parts")


def killed(client: fh.Client, **how: Any) -> fh.Batch:
    """Run the batch that was killed."""
    rows = [{"text": text} for text in ("quick 1", "quick 2", "slow 1", "slow 2")]
    return _run(client, rows, variants="loud", name="killed", max_concurrency=4, **how)


def queued(client: fh.Client, **how: Any) -> fh.Batch:
    """Run the batch whose runs were submitted."""
    rows = [{"text": text} for text in ("slow 3", "slow 4")]
    return _run(client, rows, variants="loud", name="queued", delivery="poll", **how)


def broken(client: fh.Client, **how: Any) -> fh.Batch:
    """Run the batch with a row that does not fit."""
    rows = [{"text": "fits", "times": 1}, {"text": "does not", "times": "many"}, {"text": "fits, too", "times": 2}]
    return _run(client, rows, name="broken", **how)


# --- what is said of them


def told(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as JSON says it, its index first; without what changes when a batch is opened again."""
    told = frame.drop(columns="reused", errors="ignore").reset_index()
    lines: list[dict[str, Any]] = json.loads(told.to_json(orient="records", date_format="iso", default_handler=str))
    return lines


def scores_of(cmp: fh.Comparison) -> list[dict[str, Any]]:
    """Return a comparison's scores: by variant, and by row."""
    return told(cmp.summary()[["variant", "n", "mean"]]) + told(cmp.wide())


def deployments_of(found: Any) -> list[list[Any]]:
    """Return deployments as lists."""
    return [[one.name, list(one.variants), one.inputs, one.description] for one in found]


def said(client: fh.Client) -> dict[str, Any]:
    """Return what is said of everything in the store at hand but its batches and scores."""
    history = fh.history()
    columns = ["kind", "name", "deployment", "variants", "status", "done", "failed", "unknown", "at", "output", "error"]
    pending = fh.pending()
    opened = fh.compare(fh.open_batch("tickets", client=client))
    return {
        "history": told(history[columns]),
        "pending": told(
            pending[["submitted_at", "deployment", "variant", "status", "waits_in", "request_id", "batch"]]
        ),
        "ratings": told(opened.ratings().frame),
        "rated": told(opened.rated().pairs()[["a", "b", "n", "wins", "ties", "losses"]]),
    }


# --- making them, with the code of d287664


def _build(root: Path) -> None:
    from fh_notebook.session import session
    from tests.comparing.rating.page import rate_by

    store = root / "store.sqlite3"
    fh.configure(store=store)
    client = hive_of().client()
    batches = {cell.__name__: cell(client) for cell in (tickets, refused, unnamed, streamed)}
    for text, variant in (("A single run", "loud"), ("Another", "soft")):
        client.invoke("shout", variant=variant, inputs={"text": text}, metadata={"who": "me"})
    with suppress(fh.RunFailed):
        client.invoke("shout", variant="loud", inputs={"text": "bad single"})
    batches["parted"] = parted(client, root)
    with suppress(fh.InputError):
        broken(client)
    batches["broken"] = broken(client, on_invalid="skip")
    by_function = fh.compare(batches["tickets"], score=letters)
    by_judge = fh.compare(batches["tickets"], score=manners(client))
    rate_by(by_function, "anna", lambda item: "a" if item.row != "t" else "skip")
    batches["tickets"].to_fhb(root / "tickets.fhb")
    _kill(store)
    # Whoever opens a batch notes what may have run, and removes its claims: the store is as it was before that.
    (root / "store.sql").write_text(_sql_of(store, root), "utf-8")
    of_all = said(client)
    for name in ("killed", "queued"):
        batches[name] = fh.open_batch(name, client=client)
    (root / "snippet.txt").write_text(SNIPPET, "utf-8")
    (root / "fetchhive.yaml").write_text(CATALOGUE, "utf-8")
    os.chdir(root)
    fh.Deployment.from_snippet(SNIPPET).save()
    frames = {name: one.frame.compute() if name == "parted" else one.frame for name, one in batches.items()}
    expected = {
        "names": {name: one.name for name, one in batches.items()},
        "batches": {name: told(frame) for name, frame in frames.items()},
        "scores": {"letters": scores_of(by_function), "manners": scores_of(by_judge)},
        "snippet": deployments_of([fh.Deployment.from_snippet(SNIPPET)]),
        "catalogue": deployments_of(fh.deployments(fh.Client(base_url="http://127.0.0.1:9/v1")).values()),
        **of_all,
    }
    (root / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", "utf-8")
    session.reset()


def _kill(store: Path) -> None:
    """Have a process run `killed` and `queued` and submit two runs, and kill it while all of them are out."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--killed", str(store)], stdout=subprocess.PIPE, text=True, cwd=store.parent
    )
    assert process.stdout is not None
    with process.stdout as lines:
        assert lines.readline() == "out\n", "the process did not come so far"
        with closing(sqlite3.connect(store)) as connection:
            _until(lambda: connection.execute("SELECT count(*) FROM answers WHERE batch = 'killed'").fetchone() == (2,))
            asked = "SELECT count(*) FROM pending WHERE request_id IS NOT NULL"
            _until(lambda: connection.execute(asked).fetchone() == (4,))
        process.kill()
        process.wait()


def _be_killed(store: str) -> None:
    """Run what is to be killed; wait for it."""
    fh.configure(store=store)
    out = threading.Semaphore(0)
    client = hive_of(out).client()
    for text in ("slow single", "slow other"):
        client.submit("shout", variant="loud", inputs={"text": text}, callback="https://no-receiver.invalid/fixture")
    batches = [killed(client, wait=False), queued(client, wait=False)]
    for _ in range(6):
        assert out.acquire(timeout=PATIENCE_S)
    _until(lambda: batches[0].counts.done == 2)
    print("out", flush=True)
    threading.Event().wait()


def _until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not come true in good time"
        time.sleep(0.01)


def _sql_of(store: Path, root: Path) -> str:
    with closing(sqlite3.connect(store)) as connection:
        pragmas = [
            f"PRAGMA {name}={connection.execute(f'PRAGMA {name}').fetchone()[0]};"
            for name in ("application_id", "user_version")
        ]
        return "\n".join([*pragmas, *connection.iterdump(), ""]).replace(str(root), ROOT)


def main() -> None:
    """Make the files anew."""
    from fh_notebook.store.database import MIGRATIONS

    if len(MIGRATIONS) != VERSION:
        sys.exit(f"this is not the code of d287664: its stores are of version {len(MIGRATIONS)}; see the docstring")
    if sys.argv[1:2] == ["--killed"]:
        _be_killed(sys.argv[2])
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        root = Path(made).resolve()
        _build(root)
        shutil.rmtree(HERE, ignore_errors=True)
        HERE.mkdir()
        for name in ("store.sql", "expected.json", "tickets.fhb", "fetchhive.yaml", "snippet.txt"):
            shutil.copyfile(root / name, HERE / name)
        shutil.copytree(root / "parts", HERE / "parts")


if __name__ == "__main__":
    main()
