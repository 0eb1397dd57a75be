"""Overlay of corrections on the expected outputs of batches: which correction applies to a row, which no longer does.

Rule of this file: a correction holds the value that it replaced, and applies only while the table says that value; a
table that says something else wins. The table itself is never changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple

from fh_notebook.batching.tables.values import plain
from fh_notebook.core.json_values import canonical_json, is_missing
from fh_notebook.core.text.formatting import one_line
from fh_notebook.errors import StoreError
from fh_notebook.session import session
from fh_notebook.store.codec import decode_json, encode_json, moment_of
from fh_notebook.store.store import Store
from fh_notebook.store.tables.corrections import CorrectionRow

MARK_CAP: Final = 60
"""Characters of a replaced value in a mark."""
NOTE_SHOWN: Final = 500
"""Characters of a note beside a row; ``cmp.corrections()`` has all."""


class InputsKey(NamedTuple):
    """What a correction belongs to."""

    workspace: str
    deployment: str
    inputs: str
    """The hash of the inputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One correction of an expected output."""

    uid: str
    replaced: Any
    """The table's value, in whose place it is."""
    expected: Any
    note: str
    author: str
    corrected_at: datetime
    """UTC."""

    def mark(self, masked: Callable[[Any], Any]) -> str:
        """Return what is shown beside the corrected value: from what it was corrected, in one line."""
        return f"corrected {self._origin(masked)}"

    def story(self, masked: Callable[[Any], Any]) -> str:
        """Return from what it was corrected, by whom, when, and why; it stands behind the word "corrected"."""
        by, day = one_line(masked(self.author), MARK_CAP), f"{self.corrected_at:%Y-%m-%d}"
        note = f": {one_line(masked(self.note), NOTE_SHOWN)}" if self.note else ""
        return f"{self._origin(masked)} by {by}, {day}{note}"

    def _origin(self, masked: Callable[[Any], Any]) -> str:
        return f"from {one_line(text_of_expected(masked(self.replaced)), MARK_CAP) or 'nothing'}"

    @classmethod
    def of_row(cls, row: CorrectionRow) -> Correction:
        """Return the correction of a stored row."""
        return cls(
            uid=row.uid,
            replaced=decode_json(row.replaced, object, "a correction"),
            expected=decode_json(row.expected, object, "a correction"),
            note=row.note,
            author=row.author,
            corrected_at=moment_of(row.corrected_at, "a correction"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The corrections of one row's expected output."""

    applied: Correction | None = None
    outdated: Correction | None = None
    """The newest correction of the same inputs, where none applies: the table says neither the replaced value nor the
    corrected one."""


NONE_STANDING: Final = Standing()


def canonical_expected(value: Any) -> str:
    """Return an expected output as canonical JSON, by which values are equal; a missing one is null.

    Examples
    --------
    >>> canonical_expected("billing"), canonical_expected({"b": 1, "a": 2}), canonical_expected(float("nan"))
    ('"billing"', '{"a":2,"b":1}', 'null')
    """
    simple = None if is_missing(value) else plain(value)
    try:
        text = canonical_json(simple)
        text.encode()
    except UnicodeEncodeError:  # half a character, which JSON can escape
        return json.dumps(simple, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return encode_json(str(simple))
    return text


def text_of_expected(value: Any) -> str:
    """Return an expected output as it is edited: a text as it is, anything else as JSON, a missing one as nothing."""
    if is_missing(value):
        return ""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False, default=str)


@dataclass(frozen=True)
class Overlay:
    """The corrections of one workspace.

    Parameters
    ----------
    standing_by_inputs : mapping
        By inputs, then by the JSON of the replaced value: the correction that counts, the newest last.
    """

    standing_by_inputs: Mapping[InputsKey, Mapping[str, Correction]] = field(repr=False)

    @classmethod
    def of_rows(cls, rows: Iterable[CorrectionRow]) -> Overlay:
        """Return the overlay of stored corrections, the oldest first."""
        standing: dict[InputsKey, dict[str, Correction]] = {}
        for row in rows:
            by_value = standing.setdefault(InputsKey(row.workspace, row.deployment, row.inputs), {})
            by_value.pop(row.replaced, None)
            if row.expected != row.replaced:  # else it takes the earlier ones back
                by_value[row.replaced] = Correction.of_row(row)
        return cls({key: by_value for key, by_value in standing.items() if by_value})

    @classmethod
    def read(cls, workspace: str, file_store: Store | None) -> Overlay:
        """Read the corrections of a workspace from the session's store, and from the file of a batch.

        Where a store cannot be read, nothing is corrected, and a line says so.
        """
        rows: dict[str, CorrectionRow] = {}
        try:
            for store in filter(None, (session.store_or_memory(), file_store)):
                with store.decoding():
                    rows |= {row.uid: row for row in store.corrections.of_workspace(workspace)}
                    overlay = cls.of_rows(sorted(rows.values(), key=lambda row: (row.corrected_at, row.uid)))
        except StoreError as exc:
            session.tell_once(f"Corrections of expected outputs are not applied: {exc}")
            return cls({})
        return overlay

    @cached_property
    def deployments(self) -> frozenset[str]:
        """The deployments that have corrections: the inputs of no other one need to be looked up."""
        return frozenset(key.deployment for key in self.standing_by_inputs)

    def standing(self, keys: Iterable[InputsKey], table_value: str) -> Standing:
        """Return the corrections of a row of a table."""
        known = [by_value for key in keys if (by_value := self.standing_by_inputs.get(key))]
        if applied := [by_value[table_value] for by_value in known if table_value in by_value]:
            return Standing(applied=max(applied, key=_moment))
        newest = [[*by_value.values()][-1] for by_value in known]
        # A table that says the corrected value itself has taken the correction over.
        outdated = [correction for correction in newest if canonical_expected(correction.expected) != table_value]
        return Standing(outdated=max(outdated, key=_moment)) if outdated else NONE_STANDING


def _moment(correction: Correction) -> tuple[datetime, str]:
    return correction.corrected_at, correction.uid
