"""`RatingSession`: one person's rating as a pure state machine: the order of items, the meaning of keys, what to save.

It has no page, store or clock. An event has the client that made it and a number; the same event twice is one rating.
The state changes only by :meth:`RatingSession.accept`, after the planned ratings are committed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from fh_notebook.batching.tables.rating_hash import stored_label
from fh_notebook.comparing.rating.questions import SKIP, Item, Question
from fh_notebook.comparing.scorers.base import number_of
from fh_notebook.store.tables.ratings import RatingRow

UNDO: Final = "undo"
A_DAY_S: Final = 86_400.0
"""Longest time of a choice: a page that was left open overnight does not measure it."""
TICK_S: Final = 1e-5
"""Between two ratings at least, so that they have an order: a float of today's seconds has steps of 2e-7."""
_CLIENT: Final = re.compile(r"[0-9a-f]{16,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvent:
    """A key press, as the page reports it."""

    client: str
    """The page's own random name."""
    seq: int
    """Its number there, from 1."""
    n: int
    """The item that was on the screen."""
    choice: str
    """``1`` to ``9``, ``tie``, ``skip`` or ``undo``."""
    seconds: float = 0.0
    of: str = ""
    """The id of the rating that an undo reverts."""

    @property
    def uid(self) -> str:
        """The id of the rating."""
        return f"{self.client}-{self.seq}"

    @classmethod
    def read(cls, message: Any) -> KeyEvent | None:
        """Return the event of a message; ``None`` for any other message."""
        if not isinstance(message, Mapping):
            return None
        client, seq, n, choice, of = (message.get(name) for name in ("client", "seq", "n", "choice", "of"))
        if not (isinstance(client, str) and _CLIENT.fullmatch(client) and isinstance(choice, str)):
            return None
        if type(seq) is not int or type(n) is not int or not 0 < seq < 2**53:
            return None
        seconds = number_of(message.get("seconds")) or 0.0
        return cls(
            client=client, seq=seq, n=n, choice=choice, of=of if isinstance(of, str) else "",
            seconds=min(max(seconds, 0.0), A_DAY_S),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingChange:
    """The change of a session by some events: it is stored, then accepted."""

    lines: tuple[RatingRow, ...] = ()
    undone: tuple[str, ...] = ()
    """The ids of the reverted ratings."""
    standing: Mapping[int, RatingRow | None] = field(default_factory=dict)
    """The rating that then counts, by item."""
    uids: frozenset[str] = frozenset()


class RatingSession:
    """The state of one person's rating.

    Parameters
    ----------
    items : sequence of Item
        The items to rate, in any order.
    kind : Question
        The question.
    rater : str
        The name of the person.
    seed : int
        Seed of the order of the items and of the sides of the outputs.
    known : iterable of RatingRow
        The stored ratings, the oldest first; those of other people and questions are ignored.
    skipped : bool
        Whether skipped items are asked again.
    batch, workspace : str
        The batch and the workspace of the outputs.
    """

    def __init__(
        self,
        items: Sequence[Item],
        kind: Question,
        *,
        rater: str,
        seed: int = 0,
        known: Iterable[RatingRow] = (),
        skipped: bool = False,
        batch: str = "",
        workspace: str = "",
    ) -> None:
        self.kind, self.rater, self.seed = kind, rater, seed
        self.items: tuple[Item, ...] = tuple(sorted(items, key=lambda item: seeded_draw(seed, item.id)))
        self._batch, self._workspace = batch, workspace
        self._uids: set[str] = set()
        self._last_at = 0.0
        self._standing: dict[int, RatingRow] = {}
        index_of = {item.id: n for n, item in enumerate(self.items)}
        for line in known:
            if line.rater != rater or line.kind != kind.name or line.item not in index_of:
                continue
            self._uids.add(line.uid)
            self._last_at = max(self._last_at, line.rated_at)
            if line.undone_at is None and not (skipped and line.choice == SKIP):
                n = index_of[line.item]
                self._standing.pop(n, None)  # the newest comes last: it is reverted first
                self._standing[n] = line

    # --- what is shown

    @property
    def total(self) -> int:
        """The number of items."""
        return len(self.items)

    @property
    def skipped(self) -> int:
        """The number of skipped items."""
        return sum(line.choice == SKIP for line in self._standing.values())

    @property
    def rated(self) -> int:
        """The number of rated items."""
        return len(self._standing) - self.skipped

    @property
    def left(self) -> int:
        """The number of items without a rating."""
        return self.total - len(self._standing)

    @property
    def fingerprint(self) -> str:
        """A hash that is equal for pages with the same items in the same order."""
        text = "\n".join([self.kind.name, self.rater, *(item.id for item in self.items)])
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def is_swapped(self, n: int) -> bool:
        """Whether the second variant is on the left: pseudo-random, and the same at each call."""
        return self.kind.is_pair and seeded_draw(self.seed, self.items[n].id, self.rater) % 2 == 1

    def places(self, n: int) -> list[int]:
        """Return the lines of the outputs of an item, from left to right."""
        item = self.items[n]
        if item.line_b is None:
            return [item.line_a]
        return [item.line_b, item.line_a] if self.is_swapped(n) else [item.line_a, item.line_b]

    def open_from(self, cursor: int) -> Iterable[int]:
        """Return the items without a rating from this one on."""
        return (n for n in range(max(cursor, 0), self.total) if n not in self._standing)

    def latest(self, most: int) -> list[tuple[int, str]]:
        """Return the last ratings, the newest last: the item and the id of the rating."""
        return [(n, line.uid) for n, line in list(self._standing.items())[-most:]]

    # --- what a key does

    def plan(self, events: Iterable[KeyEvent], *, now: float) -> RatingChange:
        """Return the change by the events; nothing changes before :meth:`accept`.

        Unknown keys, known events and reverts of missing ratings are ignored.
        """
        lines: dict[str, RatingRow] = {}
        undone: list[str] = []
        standing: dict[int, RatingRow | None] = {}
        at = self._last_at
        for event in events:
            if not 0 <= event.n < self.total or event.uid in self._uids or event.uid in lines:
                continue
            if event.choice == UNDO:
                line = standing.get(event.n, self._standing.get(event.n))
                if line is not None and line.uid == event.of:
                    undone.append(line.uid)
                    standing[event.n] = None
                continue
            at = max(
                now, at + TICK_S
            )  # several may arrive at once, and the newest counts, even after the clock was set back
            line = self._rating_row(event, at)
            if line is not None:
                before = standing.get(event.n, self._standing.get(event.n))
                undone += [before.uid] if before is not None else []  # one rating counts for a person and an item
                lines[event.uid] = standing[event.n] = line
        return RatingChange(lines=tuple(lines.values()), undone=tuple(undone), standing=standing, uids=frozenset(lines))

    def _rating_row(self, event: KeyEvent, now: float) -> RatingRow | None:
        item, swapped = self.items[event.n], self.is_swapped(event.n)
        choice = self.kind.choice_of(event.choice, swapped=swapped)
        if choice is None:
            return None
        return RatingRow(
            uid=event.uid, rater=self.rater, kind=self.kind.name, item=item.id, batch=self._batch,
            workspace=self._workspace, row=stored_label(item.row), a=item.a, b=item.b,
            shown=("ba" if swapped else "ab") if item.b is not None else "a",
            choice=choice, seconds=event.seconds, rated_at=now,
        )  # fmt: skip

    def accept(self, change: RatingChange) -> None:
        """Apply a committed change."""
        self._uids |= change.uids
        self._last_at = max([self._last_at, *(line.rated_at for line in change.lines)])
        for n, line in change.standing.items():
            self._standing.pop(n, None)
            if line is not None:
                self._standing[n] = line

    def __repr__(self) -> str:
        return f"RatingSession({self.summary()!r})"

    def summary(self) -> str:
        """Return the progress in words, without naming a variant."""
        what = "pair" if self.kind.is_pair else "output"
        skipped = f", {self.skipped:,} skipped" if self.skipped else ""
        return f"{self.rated:,} of {self.total:,} {what}{'' if self.total == 1 else 's'} rated{skipped}"


def seeded_draw(seed: int, *of: str) -> int:
    """Return a pseudo-random number that is equal for equal arguments: an order needs no stored state."""
    text = ":".join([str(seed), *of])
    return int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
