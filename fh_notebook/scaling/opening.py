"""What the name of a batch over partitions stands for in the store, and such a batch opened again by its name.

Rule of this file: nothing is called and no row is read. The rows are not kept, since they do not fit: what is opened
shows, compares and exports what was answered, and is resumed by running its cell again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.arms import Arm
from fh_notebook.batching.options import kept_options
from fh_notebook.batching.plan import Plan
from fh_notebook.batching.provenance import provenance, schema_hashes
from fh_notebook.batching.stored import Stored, earlier_name, other_table, record_of, refused_name
from fh_notebook.batching.windows import Windows
from fh_notebook.errors import SettingsError
from fh_notebook.scaling import parts
from fh_notebook.scaling.book import Book
from fh_notebook.scaling.control import ScaledControl
from fh_notebook.scaling.scaled import ScaledBatch
from fh_notebook.scaling.spec import PREFIX_BYTES, Found, Spec
from fh_notebook.scaling.survey import keys_of
from fh_notebook.scaling.threads import Place
from fh_notebook.store import batches
from fh_notebook.store import parts as table
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.parts import KEY_BYTES
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["keep_record", "open_parts"]


def keep_record(
    stored: Stored, plan: Plan, spec: Spec, book: Book, meta: pd.DataFrame, *, known: Known, anywhere: bool
) -> None:
    """Keep what the batch's name stands for, for `fh.history`, `fh.open_batch` and `fh.forget`.

    Parameters
    ----------
    stored : Stored
        Takes the batch's number.
    plan, spec, book, meta
        Of the batch.
    known : Known
        What was kept under the name before.
    anywhere : bool
        Whether parts of other batches answer it, too.
    """
    store, before = stored.store, known.record if not known.replaced else None
    base = before.plan if before is not None else {}
    told = {
        "folder": spec.folder,
        "partitions": [[p.found.plan.hex(), p.found.rows, p.found.jobs, p.found.invalid] for p in book.pages],
        "columns": [[str(name), _named(dtype)] for name, dtype in meta.dtypes.items()],
        "anywhere": anywhere or known.replaced or bool(base.get("parts", {}).get("anywhere")),
    }
    mine = [[arm.label, arm.deployment, arm.variant] for arm in spec.arms]
    arms = list(base.get("arms", ()))
    record = record_of(
        plan,
        spec.workspace,
        arms=arms + [arm for arm in mine if arm not in arms],
        rows=max(plan.rows or 0, int(base.get("rows") or 0)),
        repeats=max(plan.repeats, int(base.get("repeats") or 1)),
        schema_sha256={
            **base.get("schema_sha256", {}),
            **schema_hashes(arm.target.deployment for arm in spec.arms),
        },
        parts=base["parts"] if known.is_part and "parts" in base else told,
    )

    def write(connection: sqlite3.Connection) -> int:
        if stored.id:
            batches.update(connection, stored.id, record)
            return stored.id
        if known.replaced and known.record is not None:
            batches.rename(connection, known.record.id, earlier)
        return batches.write(connection, record)

    earlier = earlier_name(store, known.record, datetime.now(UTC)) if known.record is not None else ""
    stored.id = store.put(write).result()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is kept under the name of a batch that is asked for."""

    record: BatchRecord | None = None
    replaced: bool = False
    """Whether it is another table, which gives the name up (``replace=True``)."""
    is_part: bool = False
    """Whether what is asked for is a part of it: then it stays the whole that it is."""


def known_batch(
    store: Store | None,
    name: str | None,
    workspace: str,
    arms: Sequence[Arm],
    repeats: int,
    found: Sequence[Found],
    *,
    replace_other: bool,
) -> Known:
    """Return what is kept under a name, compared with what partitions ask for.

    Only jobs that were answered are known of a batch over partitions, by their keys: so it is compared with those.

    Raises
    ------
    InputError
        Another table is kept under the name; nothing was called.
    """
    record = store.batch(name, workspace) if store is not None and name is not None else None
    if store is None or record is None:
        return Known()
    own = [[arm.label, arm.deployment, arm.variant] for arm in arms]
    why = other_table(record, own, partitions=True)
    strange = missing = 0
    if not why:
        strange, missing = _compared(store, record, [arm.label for arm in arms], repeats, found)
        if strange and missing:
            why = (
                f"has other rows ({strange:,} of the jobs of this table are not among its answered jobs, and "
                f"{missing:,} of those are not in this table)"
            )
    if why and not replace_other:
        raise refused_name(record, why, gives="parts" in record.plan)
    return Known(record=record, replaced=bool(why), is_part=bool(missing and not strange))


def _compared(
    store: Store, record: BatchRecord, labels: Sequence[str], repeats: int, found: Sequence[Found]
) -> tuple[int, int]:
    """Return how many jobs are not among the answered ones that are kept, and how many of those are not asked for."""
    lines = store.read(lambda c: list(table.every(c, record.workspace, batch=record.name)))
    kept = _prefixes([line.keys for line in lines], KEY_BYTES)
    mine = _prefixes([one.prefixes for one in found], PREFIX_BYTES)
    if not len(kept):
        return 0, 0
    strange, missing = ~np.isin(mine, kept), ~np.isin(kept, mine)
    if not (strange[mine != 0].any() and missing[kept != 0].any()):
        return int(strange[mine != 0].sum()), int(missing[kept != 0].sum())
    # Other variants and repeats are no other rows: only those that both have are compared.
    common = set(labels) & {label for label, _, _ in record.plan["arms"]}
    fewest = min(repeats, int(record.plan.get("repeats") or 1))
    place = np.arange(len(mine))
    is_common = np.array([label in common for label in labels], dtype=bool)
    asked = mine[(mine != 0) & is_common[place % len(labels)] & ((place // len(labels)) % repeats < fewest)]
    frames = [parts.read_columns(line.path, ["key", "variant", "repeat"]) for line in lines if parts.exists(line.path)]
    keys = [frame.loc[frame["variant"].isin(common) & (frame["repeat"] <= fewest), "key"].dropna() for frame in frames]
    kept = _prefixes([keys_of(some) for some in keys], KEY_BYTES)
    return int((~np.isin(asked, kept)).sum()), int((~np.isin(kept, asked)).sum())


def _prefixes(keys: Sequence[bytes], width: int) -> NDArray[np.uint64]:
    """Return the first bytes of keys that stand behind each other, as numbers."""
    whole = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, width)
    return np.ascontiguousarray(whole[:, :PREFIX_BYTES]).view(np.uint64).ravel()


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
    stored = Stored(store, record.id)
    book.look(batch=None if kept["anywhere"] else record.name)
    plan = Plan(
        name=record.name, deployment=record.deployment, variants=record.variants, rows=book.rows,
        repeats=record.plan["repeats"], jobs=book.jobs, note=f"{len(found):,} partitions",
    )  # fmt: skip
    control = _Opened(
        plan,
        book,
        _no_place,
        spec,
        client=caller,
        store=store,
        options=kept_options("batch"),
        stored=stored,
    )
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
