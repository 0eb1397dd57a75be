"""``cmp.plot()``: scores, paired differences, wins and seconds of the variants.

Rule of this file: every panel draws what a table says, and says in words what it draws. Matplotlib is asked for when it
is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from fh_notebook.batching.wording import one_line
from fh_notebook.comparing.asking import check_one_of
from fh_notebook.comparing.pairs import Pair
from fh_notebook.errors import InputError
from fh_notebook.optional_deps import ensure_installed

if TYPE_CHECKING:
    from fh_notebook.comparing.comparison import Comparison
    from fh_notebook.comparing.plot_svg import Panel

__all__ = ["BETTER", "GREY", "INK", "KINDS", "WORSE", "Facts", "facts_of", "named", "panels", "plot", "told_apart"]

INK: Final = "#7a7d85"
"""4.1 to 1 on white, 4.6 to 1 on JupyterLab's black (WCAG 2.2 asks 3 to 1 of figures)."""
BETTER: Final = "#2e86ab"
WORSE: Final = "#d1603d"
"""Blue and vermilion: told apart by everybody who tells colours apart at all, 3 to 1 on white and on black."""
GREY: Final = "#9a9da5"

BACKENDS: Final = ("matplotlib", "altair")
NAME_SHOWN: Final = 28
"""Characters of a variant's name beside a plot."""
OF_PAIR_SHOWN: Final = 16
"""Of two names in one line."""
MOST_PAIRS: Final = 28
"""More lines than that nobody reads: eight variants have so many pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is drawn."""

    summary: pd.DataFrame
    pairs: Sequence[Pair]
    seconds: dict[str, Any]
    """By variant: those of its completed runs."""
    scorer: str
    yes_no: bool


def facts_of(cmp: Comparison) -> Facts:
    """Return what is drawn of a comparison."""
    lines = cmp._frame[["variant", "seconds"]].dropna()
    return Facts(
        summary=cmp.summary(),
        pairs=[pair for pair in cmp._pairs if pair.n] if cmp.scorer else [],
        seconds={v: lines["seconds"][lines["variant"] == v].to_numpy() for v in cmp.variants},
        scorer=cmp.scorer,
        yes_no=cmp._grid.yes_no,
    )


def plot(cmp: Comparison, kind: str | None, *, backend: str) -> Any:
    """Return the figure (see ``Comparison.plot``).

    Raises
    ------
    InputError
        There is nothing of that kind to be drawn.
    """
    check_one_of("backend", backend, BACKENDS)
    if kind is not None:
        check_one_of("kind", kind, tuple(KINDS))
    facts = facts_of(cmp)
    kinds = [name for name, has in KINDS.items() if has(facts)] if kind is None else [kind]
    if not kinds or (kind is not None and not KINDS[kind](facts)):
        raise InputError(f"there is nothing to draw{f' of {kind}' if kind else ''}: {_why(facts, kind)}")
    if backend == "altair":
        ensure_installed("altair", "backend='altair' needs", otherwise=", or leave backend= away")
        from fh_notebook.comparing.plots_altair import chart

        return chart(facts, kinds)
    ensure_installed("matplotlib", "plots need")
    from fh_notebook.comparing.plot_svg import Plot

    return Plot(panels(facts, kinds))


def _why(facts: Facts, kind: str | None) -> str:
    if kind == "seconds":
        return "no run has its seconds"
    return "no two variants have a score of the same row" if facts.scorer and kind else "nothing was scored"


def panels(facts: Facts, kinds: Sequence[str]) -> list[Panel]:
    """Return the panels of these kinds."""
    from fh_notebook.comparing import plots_draw

    return [plots_draw.PANELS[kind](facts) for kind in kinds]


KINDS: Final[dict[str, Callable[[Facts], bool]]] = {
    "scores": lambda facts: bool((facts.summary["n"] > 0).any()),
    "differences": lambda facts: bool(facts.pairs),
    "wins": lambda facts: bool(facts.pairs),
    "seconds": lambda facts: any(len(values) for values in facts.seconds.values()),
}
"""What can be drawn, and whether there is any of it."""


def named(text: str, most: int = NAME_SHOWN) -> str:
    """Return a name as it stands beside a plot: in one line, and never as a formula of matplotlib's."""
    return one_line(text, most).replace("$", r"\$")


def told_apart(names: Iterable[str], most: int = NAME_SHOWN) -> dict[str, str]:
    """Return names as they stand beside a plot, by name: each has `most` characters, and names that differ still do.

    Where their beginnings are the same, the place at which they differ is shown; where that is not enough, a number.

    Examples
    --------
    >>> list(told_apart(["prompt-with-examples-v1", "prompt-with-examples-v2", "short"], 16).values())
    ['promp…es-v1', 'promp…es-v2', 'short']
    """
    shown = {name: one_line(name, most) for name in names}
    for alike in _alike(shown):
        begins = next((n for n, signs in enumerate(zip(*alike, strict=False)) if len(set(signs)) > 1), most)
        head = most // 3
        start = max(begins - 4, head)
        shown |= {name: one_line(f"{name[:head]}…{name[start:]}", most) for name in alike}
    still_alike = [name for alike in _alike(shown) for name in alike]
    taken = {text for name, text in shown.items() if name not in set(still_alike)}
    for name in still_alike:
        numbered = (f"{one_line(name, most - len(f' #{n}'))} #{n}" for n in count(1))
        shown[name] = next(text for text in numbered if text not in taken)
        taken.add(shown[name])
    return {name: named(text, most) for name, text in shown.items()}


def _alike(shown: Mapping[str, str]) -> list[list[str]]:
    """Return the names that are shown in the same words."""
    by_text: dict[str, list[str]] = {}
    for name, text in shown.items():
        by_text.setdefault(text, []).append(name)
    return [names for names in by_text.values() if len(names) > 1]
