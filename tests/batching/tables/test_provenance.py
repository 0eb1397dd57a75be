"""Provenance of a table: it stays with the table."""

from __future__ import annotations

import hashlib
import json
import platform
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.tables.frames import ATTRS, provenance, schema_hash, tidy_frame
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.core.redaction import Secret
from tests.batching.hives import Shouting, rows
from tests.batching.planning.plans import make_plan

TRIAGE = fh.Deployment("triage", variants=["a", "b"], inputs={"ticket": fh.text()})
MOMENT = datetime(2026, 11, 25, 10, 30, 15, 999, tzinfo=timezone(timedelta(hours=2)))
ABOUT = provenance(TRIAGE, variants=["a", "b", "a"], batch="t-1", workspace="http://x.test#0123", created=MOMENT)


def test_it_says_all_that_one_needs_to_find_the_runs_again() -> None:
    """What ran, of which inputs, where, by which versions, and when in UTC."""
    assert {
        "deployment": "triage",
        "deployments": ["triage"],
        "variants": ["a", "b"],
        "schema_sha256": {"triage": schema_hash(TRIAGE.inputs)},
        "batch": "t-1",
        "workspace": "http://x.test#0123",
        "fh_notebook": fh.__version__,
        "python": platform.python_version(),
        "pandas": pd.__version__,
        "created": "2026-11-25T08:30:15+00:00",
    } == ABOUT


def test_the_hash_is_that_of_the_canonical_schema() -> None:
    """By an independent count: sorted keys, no blanks; the order of keys does not matter, their values do."""
    schema = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"const": "é"}}}
    spelt = '{"properties":{"a":{"const":"é"},"b":{"type":"string"}},"type":"object"}'
    assert schema_hash(schema) == hashlib.sha256(spelt.encode()).hexdigest()
    assert schema_hash(dict(reversed(schema.items()))) == schema_hash(schema)
    assert schema_hash({**schema, "title": "x"}) != schema_hash(schema)
    assert schema_hash({"const": "\ud800"})


def test_several_deployments_are_named_in_their_order() -> None:
    """Each once; of one that is only named no schema is known."""
    about = provenance([TRIAGE, "other", TRIAGE], variants="a")
    assert (about["deployment"], about["deployments"], about["variants"]) == ("triage", ["triage", "other"], ["a"])
    assert list(about["schema_sha256"]) == ["triage"]
    assert provenance([])["deployment"] == ""


def test_now_is_the_default_in_utc_and_whole_seconds() -> None:
    """So that two looks in the same second are equal."""
    created = datetime.fromisoformat(provenance("d")["created"])
    assert created.utcoffset() == timedelta(0)
    assert abs(created - datetime.now(UTC)) < timedelta(minutes=1)
    assert created.microsecond == 0


def test_a_key_that_became_the_name_of_a_workspace_is_masked() -> None:
    """Whatever has the shape of a key, or is one that this process holds."""
    key = Secret("quite-another-shape-of-key")
    for workspace in ("http://x.test#fhk_0123456789abcdef", f"http://x.test#{key.reveal()}"):
        about = json.dumps(provenance("d", workspace=workspace))
        assert "0123456789abcdef" not in about
        assert key.reveal() not in about
        assert "***" in about


def test_a_table_carries_it_through_parquet_and_what_pandas_does(tmp_path: Path) -> None:
    """JSON as it is, through pandas' own file, a selection, a copy, and the parts of one batch put together."""
    assert json.loads(json.dumps(ABOUT)) == ABOUT
    read = read_rows(rows(4))
    jobs = make_plan(read, TRIAGE, workspace="w", inputs={"ticket": "text"}).jobs
    made = [tidy_frame([(job, None) for job in part], read, about=ABOUT) for part in (jobs[:4], jobs[4:])]
    assert made[0].attrs == {ATTRS: ABOUT}
    assert pd.concat(made).attrs == {ATTRS: ABOUT}
    assert made[0][made[0]["variant"] == "a"].attrs == {ATTRS: ABOUT}
    made[0]["output"] = None
    made[0].to_parquet(tmp_path / "a.parquet")
    assert pd.read_parquet(tmp_path / "a.parquet").attrs == {ATTRS: ABOUT}
    made[0].attrs[ATTRS]["batch"] = "changed"
    assert ABOUT["batch"] == "t-1"


@pytest.mark.parametrize("read", ["frame", "failures", "pending"])
def test_every_table_of_a_batch_carries_it(read: str, tmp_path: Path) -> None:
    """Also one without a line, and through the batch's own Parquet file."""
    with Shouting().hive.client() as client:
        batch = fh.batch(rows(2), "shout", client=client, progress=False)
    about = getattr(batch, read).attrs[ATTRS]
    assert set(about) == set(ABOUT)
    assert about["batch"] == batch.name
    assert batch.frame.attrs[ATTRS]["deployments"] == ["shout"]
    assert batch.frame.attrs[ATTRS]["variants"] == ["loud", "soft"]
    batch.to_parquet(tmp_path / "a.parquet")
    kept = pd.read_parquet(tmp_path / "a.parquet").attrs[ATTRS]
    assert {k: v for k, v in kept.items() if k != "created"} == {
        k: v for k, v in batch.frame.attrs[ATTRS].items() if k != "created"
    }
    assert next(batch.iter_frames(1)).attrs[ATTRS]["batch"] == batch.name


def test_a_batch_knows_its_schema_and_workspace_and_one_moment() -> None:
    """The same value in every table and part of it."""
    with Shouting().hive.client() as client:
        batch = fh.batch(rows(3), "shout", client=client, name="b", progress=False)
        opened = fh.open_batch("b", client=client).frame.attrs[ATTRS]
        schema = fh.deployments(client)["shout"].inputs
        workspace = client.workspace
    about = batch.frame.attrs[ATTRS]
    assert about["schema_sha256"] == {"shout": schema_hash(schema)}
    assert about["workspace"] == workspace
    assert [part.attrs[ATTRS] for part in batch.iter_frames(2)] == [about] * 3
    assert batch.pending.attrs[ATTRS] == about
    same = {name for name in about if name != "created"}  # opened again: that of the first start
    assert {name: opened[name] for name in same} == {name: about[name] for name in same}
