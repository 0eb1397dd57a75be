"""What the name of a batch over partitions stands for in the store, and such a batch opened again by its name.

Rule of this file: nothing is called and no row is read. The rows are not kept, since they do not fit: what is opened
shows, compares and exports what was answered, and is resumed by running its cell again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import pandas as pd

from fh_notebook.batching.kept import record_of
from fh_notebook.batching.options import kept_options
from fh_notebook.batching.plan import Plan
from fh_notebook.batching.provenance import provenance, schema_hashes
from fh_notebook.batching.windows import Windows
from fh_notebook.errors import SettingsError
from fh_notebook.scaling.book import Book
from fh_notebook.scaling.control import ScaledControl
from fh_notebook.scaling.scaled import ScaledBatch
from fh_notebook.scaling.spec import Found, Spec
from fh_notebook.scaling.threads import Place
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["keep_record", "open_parts"]


def keep_record(store: Store, plan: Plan, spec: Spec, book: Book, meta: pd.DataFrame, *, anywhere: bool) -> None:
    """Keep what the batch's name stands for, for `fh.history`, `fh.open_batch` and `fh.forget`.

    A batch in memory of the same name keeps its name: its rows lie in the store. `anywhere` says whether parts of
    other batches answer it, too.
    """
    before = store.batch(plan.name, spec.workspace)
    if before is not None and "parts" not in before.plan:
        return
    kept = {
        "folder": spec.folder,
        "partitions": [[p.found.plan.hex(), p.found.rows, p.found.jobs, p.found.invalid] for p in book.pages],
        "columns": [[str(name), _named(dtype)] for name, dtype in meta.dtypes.items()],
        "anywhere": anywhere,
    }
    arms = [[arm.label, arm.deployment, arm.variant] for arm in spec.arms]
    hashes = schema_hashes(arm.target.deployment for arm in spec.arms)
    store.keep_batch(record_of(plan, spec.workspace, arms=arms, hashes=hashes, parts=kept)).result()


class _Opened(ScaledControl):
    """The control of a batch whose rows are not here."""

    def open_windows(self, *, retry_unknown: bool) -> Windows:
        """Refuse; see :func:`_refuse`."""
        _refuse(self.name)

    def failed_windows(self, error_code: str | None) -> Windows:
        """Refuse; see :func:`_refuse`."""
        _refuse(self.name)


def _refuse(name: str) -> NoReturn:
    raise SettingsError(
        f"the rows of the batch {name!r} over partitions are not kept; run its cell again with them: what is answered "
        "costs nothing"
    )


def _no_place() -> Place:
    raise AssertionError("an opened batch calls nothing")


def open_parts(store: Store, record: BatchRecord, caller: Client) -> ScaledBatch:
    """Return the batch over partitions that a record stands for."""
    kept = record.plan["parts"]
    found = [
        Found(rows=rows, jobs=jobs, plan=bytes.fromhex(plan), total=0, prefixes=b"", invalid=invalid)
        for plan, rows, jobs, invalid in kept["partitions"]
    ]
    spec = Spec(run="", name=record.name, workspace=record.workspace, arms=(), folder=kept["folder"])
    book = Book([None] * len(found), found, store, spec)
    book.look(batch=None if kept["anywhere"] else record.name)
    plan = Plan(
        name=record.name, deployment=record.deployment, variants=record.variants, rows=book.rows,
        repeats=record.plan["repeats"], jobs=book.jobs, note=f"{len(found):,} partitions",
    )  # fmt: skip
    control = _Opened(plan, book, _no_place, spec, client=caller, store=store, options=kept_options("batch"))
    about = provenance(
        (deployment for _, deployment, _ in record.plan["arms"]),
        variants=record.variants,
        batch=record.name,
        workspace=record.workspace,
        created=record.created_at,
        hashes=record.plan.get("schema_sha256", {}),
    )
    return ScaledBatch(control, _meta(kept["columns"]), about)


def _meta(columns: list[list[str]]) -> pd.DataFrame:
    made: Mapping[str, Any] = {name: _empty(dtype) for name, dtype in columns}
    return pd.DataFrame(made, index=pd.RangeIndex(0))


def _named(dtype: Any) -> str:
    """Return the name of a dtype; that of a text says too little: how it is stored is not in it."""
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return f"string[{dtype.storage}]"
    return str(dtype)


def _empty(dtype: str) -> pd.Series[Any]:
    try:
        return pd.Series([], dtype=dtype)
    except TypeError:  # of a package that is not loaded: values as they are
        return pd.Series([], dtype="object")
