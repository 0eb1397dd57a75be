"""Every wrong value for every parameter: the whole sweep, of which the default tier takes a sample."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook.errors import FetchHiveError
from tests.misuse.sweeping import sweep
from tests.misuse.tampering import tampered
from tests.misuse.targets import World, targets
from tests.misuse.wrong import VALUES

pytestmark = pytest.mark.long


def test_no_wrong_argument_ends_in_a_traceback_of_internals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some 16,000 calls: each works, or is told by the name of its argument; what is not is counted by function."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    world = World(tmp_path)
    ended = list(sweep(targets(world), lambda number: VALUES))
    world.close()
    wrong = [called for called in ended if called.ending.what not in ("works", "told")]
    by_function = Counter(called.target for called in wrong)
    print(f"{len(ended):,} calls of {len({c.target for c in ended})} functions:", Counter(c.ending.what for c in ended))
    assert by_function == {}, "\n".join(map(str, wrong[:100]))
    assert len(ended) > 15_000


PLACES = (
    ("batches", "plan", ("arms", "rows", "repeats", "columns", "index", "reuse", "schema_sha256", "revision", "jobs")),
    ("jobs", "inputs", ("text",)),
    ("rows", "record", ("text",)),
    ("rows", "label", ("",)),
    ("answers", "run", ("status", "output", "error", "request_id", "elapsed_s", "attempts", "started_at", "inputs")),
)
TAMPERED = ("null", "true", "-1", "1e400", '"text"', '"a\\ud800"', "[]", "[[]]", "{}", '{"a": [1]}', "123456789" * 480)


def _shouted() -> fh.Batch:
    hive = fh.local.LocalHive(name="tampered")

    @hive.workflow("shout", variant="loud")
    def loud(text: str) -> str:
        return text.upper()

    return fh.batch([{"text": "a"}, {"text": "b"}], "shout", client=hive.client(), progress=False, name="shouts")


@pytest.mark.parametrize(("table", "column", "keys"), PLACES, ids=[f"{table}.{column}" for table, column, _ in PLACES])
def test_a_file_with_another_value_is_refused_or_works(
    table: str, column: str, keys: tuple[str, ...], tmp_path: Path
) -> None:
    """Whatever stands in a place of an ``.fhb`` file, it is one line, or all that can be done with the batch works."""
    file = tmp_path / "given.fhb"
    _shouted().to_fhb(file)
    for key in keys:
        for value in TAMPERED:
            other = tampered(file, tmp_path / "other.fhb", table, column, key, value)
            try:
                opened = fh.open_batch(other)
                repr(opened), opened._repr_html_(), opened.frame, opened.summary(), opened.plan()
                opened.to_csv(tmp_path / "out.csv")
                repr(fh.compare(opened))
            except FetchHiveError as told:
                assert "\n" not in str(told), f"{key}={value}"
            except Exception as exc:
                raise AssertionError(f"{table}.{column} {key}={value[:20]}: {type(exc).__name__}: {exc}") from exc
