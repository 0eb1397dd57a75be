"""One state of a batch's progress as a page shows it: a bar with a part for each kind of outcome, and what it means.

Rule of this file: no colour says what a word does not. What must hold everywhere is in place (``style=``), because
JupyterLab takes style sheets out of a notebook that it does not trust.
"""

from __future__ import annotations

import re
from typing import Final

from fh_notebook import html
from fh_notebook.batching.outcomes import Counts
from fh_notebook.batching.progress_state import State

__all__ = ["ProgressView"]

# Numbers, not Jupyter's variables: these are left in a notebook that is not trusted. Each stands out from white and
# from black by 3 to 1 at least.
_COLOURS: Final = {"done": "#388e3c", "reused": "#0097a7", "failed": "#e53935", "unknown": "#ef6c00"}
_TRACK: Final = "rgba(128,128,128,0.3)"
_BAR: Final = "display:flex;height:8px;border-radius:4px;overflow:hidden;max-width:640px;margin:5px 0"
_OF_UNKNOWN_LENGTH: Final = f"repeating-linear-gradient(135deg,{_TRACK} 0 6px,transparent 6px 12px)"


class ProgressView:
    """What is shown of one state: HTML, and the same as text.

    Parameters
    ----------
    plan : str
        The plan in one line.
    state : State
        How far it is.
    summary : str
        How it ended; empty while it runs.
    """

    def __init__(self, plan: str, state: State, *, summary: str = "") -> None:
        self._plan, self._state, self._summary = plan, state, summary

    def __repr__(self) -> str:
        return f"{self._plan}\n{self._summary or self._state}"

    def _repr_html_(self) -> str:
        plan = html.el("div", self._plan, cls="fh-dim")
        said = html.el("div", *_coloured(self._summary, self._state.counts)) if self._summary else self._facts()
        return html.el("div", html.STYLE, plan, self._bar(), said, cls="fh fh-progress")

    def _bar(self) -> html.Html:
        state = self._state
        counts, known = state.counts, state.rows_so_far is None or bool(self._summary)
        track = f"background-color:{_TRACK}" if known else f"background:{_OF_UNKNOWN_LENGTH}"
        return html.el(
            "div",
            *(_part(kind, number, counts) for kind, number in _parts(counts).items() if number and known),
            cls="fh-bar",
            style=f"{_BAR};{track}",
            role="progressbar",
            aria_label=f"Progress of {state.name}",
            aria_valuemin=0 if known else None,
            aria_valuemax=counts.planned if known else None,
            aria_valuenow=state.ended if known else None,
            aria_valuetext=self._summary or state.nameless,
        )

    def _facts(self) -> html.Html:
        state = self._state
        words = html.el("span", *_coloured(state.how_far, state.counts))
        rest = [html.el("span", part) for part in state.rest if part != state.held_by]
        held = html.el("strong", state.held_by) if state.held_by else None
        return html.el("div", words, *rest, held, style="display:flex;flex-wrap:wrap;gap:0 16px")


def _parts(counts: Counts) -> dict[str, int]:
    """Return the parts of the bar, in its order; what was reused and failed is under failed."""
    reused = min(counts.reused - counts.reused_failed, counts.done)
    return {"reused": reused, "done": counts.done - reused, "failed": counts.failed, "unknown": counts.unknown}


def _part(kind: str, number: int, counts: Counts) -> html.Html:
    # Two pixels at least: one failure of 10,000 must be seen.
    style = f"width:{100 * number / max(counts.planned, 1):.3f}%;min-width:2px;background-color:{_COLOURS[kind]}"
    # The words around the bar count what was reused as done.
    words = {"done": "done by calls", "reused": "done, reused"}.get(kind, kind) if counts.reused else kind
    return html.el("span", cls=f"fh-bar-{kind}", style=style, title=f"{number:,} {words}")


_A_PART: Final = re.compile(r"([\d,]+(?: of [\d,]+)? (done|failed|unknown|reused)\b)")


def _coloured(words: str, counts: Counts) -> list[object]:
    """Return `words` with the colour of each part of the bar before its number, where the bar has several."""
    if sum(number > 0 for number in _parts(counts).values()) < 2:
        return [words]
    before, *rest = _A_PART.split(words)
    parts: list[object] = [before]
    to_show = dict(_COLOURS)
    for number, kind, after in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        parts += [_swatch(to_show.pop(kind))] if kind in to_show else []
        parts += [number, after]
    return parts


def _swatch(colour: str) -> html.Html:
    style = f"display:inline-block;width:8px;height:8px;border-radius:2px;margin-right:4px;background-color:{colour}"
    return html.el("span", cls="fh-swatch", style=style, aria_hidden="true")
