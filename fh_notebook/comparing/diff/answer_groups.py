"""Groups of equal answers: the different answers among several outputs, and how often each was given.

Two outputs are equal by `comparable_text`, or, where the scorer reads a part of an output, by this part: a reason
beside a label is another one each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook.batching.rendering import one_line
from fh_notebook.comparing.scorers.output_values import NOTHING, part_of
from fh_notebook.core.json_values import canonical_json, pretty

DEEP_SHOWN: Final = 10_000
"""Characters by which outputs are compared that are nested deeper than Python can serialize."""

GROUPS_SHOWN: Final = 4
"""Different answers that are named in a line."""
ANSWER_SHOWN: Final = 40
"""Characters of each."""


def comparable_text(output: Any) -> str:
    """Return an output as a text that is equal for equal outputs; blanks around a text do not count."""
    if isinstance(output, str):
        return f"text {output.strip()}"
    if output is None:
        return ""
    try:
        return canonical_json(output)
    except (TypeError, ValueError):
        return repr(output)
    except RecursionError:  # nested deeper than Python can serialize: by its first characters
        return pretty(output, limit=DEEP_SHOWN, sort=True)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerGroup:
    """Equal answers of a variant to a row."""

    value: Any
    """The answer, or the part of it that is scored."""
    places: tuple[int, ...]
    """Which of the outputs."""

    @property
    def count(self) -> int:
        """How often it was given."""
        return len(self.places)


def groups_of_answers(outputs: Sequence[Any], path: tuple[str | int, ...] = ()) -> tuple[AnswerGroup, ...]:
    """Return the different answers among the outputs of completed runs, the most frequent first.

    Examples
    --------
    >>> [(group.value, group.count) for group in groups_of_answers(["other", "billing", "billing "])]
    [('billing', 2), ('other', 1)]
    """
    places_by_text: dict[str, list[int]] = {}
    parts = [part_of(output, path) for output in outputs]
    for place, part in enumerate(parts):
        places_by_text.setdefault("" if part is NOTHING else comparable_text(part), []).append(place)
    groups = [
        AnswerGroup(value=None if parts[places[0]] is NOTHING else parts[places[0]], places=tuple(places))
        for places in places_by_text.values()
    ]
    return tuple(sorted(groups, key=lambda group: -group.count))


def groups_text(groups: Sequence[AnswerGroup], most: int = GROUPS_SHOWN) -> str:
    """Return the different answers in a line.

    Examples
    --------
    >>> groups_text(groups_of_answers(["billing", "other", "billing", "billing", "billing"]))
    '4 x billing, 1 x other'
    """
    texts = [f"{group.count:,} x {_short_answer(group.value)}" for group in groups[:most]]
    left = sum(group.count for group in groups[most:])
    return ", ".join([*texts, *([f"{left:,} others"] if left > 1 else ["1 other"] * left)])


def _short_answer(value: Any) -> str:
    return one_line("" if value is None else value, ANSWER_SHOWN) or "(empty)"
