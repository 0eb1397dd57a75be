"""``batch.plot("limits")``: how many calls at once a service let through, as the gate saw it.

Rule of this file: it draws what the gate remembers of the time in which this batch called, and nothing else; a gate is
the workspace's, so other batches of that time are in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.batching.plan import counted
from fh_notebook.contract.spell import short
from fh_notebook.errors import SettingsError
from fh_notebook.moments import Moment
from fh_notebook.optional_deps import ensure_installed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fh_notebook.batching.batch import Batch

__all__ = ["plot_limits"]

SLACK: Final = timedelta(seconds=1)
"""An answer is heard a little after it came."""
LINES: Final = 5
"""Its height, in lines of other panels."""


def plot_limits(batch: Batch, kind: str, moments: Sequence[Moment]) -> Any:
    """Return the figure (see ``Batch.plot``).

    Raises
    ------
    SettingsError
        `kind` is something else, there is nothing to draw, or matplotlib is not installed.
    """
    if kind != "limits":
        raise SettingsError(f"kind is {short(kind)}; a batch plots 'limits', fh.compare(batch).plot() its scores")
    ensure_installed("matplotlib", "plots need")
    from fh_notebook.comparing.plot_svg import Panel, Plot

    seen = _of_batch(batch, moments)
    if not seen:
        raise SettingsError(f"this process has made no call for {batch.name}, so it knows nothing of its limits")
    begin = seen[0].at
    at = [(moment.at - begin) / timedelta(seconds=1) for moment in seen]
    return Plot(
        [Panel(lambda axes: _draw(axes, at, seen), title="Calls at once", alt=_in_words(seen, at[-1]), rows=LINES)],
        columns=1,
    )


def _of_batch(batch: Batch, moments: Sequence[Moment]) -> list[Moment]:
    """Return the moments between the first call of this process for the batch and its last."""
    runs = [outcome.run for _, outcome, _ in batch.entries() if outcome is not None and not outcome.reused]
    begun = [run.started_at for run in runs if run.started_at is not None]
    if batch.running:
        begun.append(datetime.now(UTC))
    if not begun or not moments:
        return []
    longest = max((run.elapsed_s for run in runs), default=0.0)
    begin, end = min(begun), max(begun) + timedelta(seconds=longest) + SLACK
    return [moment for moment in moments if begin <= moment.at <= end]


def _draw(axes: Axes, at: Sequence[float], seen: Sequence[Moment]) -> None:
    from fh_notebook.comparing.plot_svg import BETTER, INK, WORSE

    axes.fill_between(
        at, [moment.out for moment in seen], step="post", color=BETTER, alpha=0.3, linewidth=0, label="calls out"
    )
    axes.step(at, [moment.limit for moment in seen], where="post", color=BETTER, linewidth=1.8, label="limit")
    refused = [(x, moment.out) for x, moment in zip(at, seen, strict=True) if moment.event == "refused"]
    if refused:
        axes.plot(
            *zip(*refused, strict=True), "x", color=WORSE, markersize=6, markeredgewidth=1.8, label="refused (429)"
        )
    closed = [x for x, moment in zip(at, seen, strict=True) if moment.event == "closed"]
    for number, x in enumerate(closed):  # named once in the legend
        axes.axvline(x, color=WORSE, linestyle=(0, (4, 3)), label=None if number else "daily cap used up")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, max(at[-1], 1e-3))
    axes.set_xlabel("seconds")
    axes.locator_params(axis="y", integer=True)
    axes.grid(axis="y", color=INK, alpha=0.22, linewidth=0.6)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8.5)


def _in_words(seen: Sequence[Moment], seconds: float) -> str:
    limits = [moment.limit for moment in seen]
    refused = sum(moment.event == "refused" for moment in seen)
    closed = " The daily cap was used up." if any(moment.event == "closed" for moment in seen) else ""
    return (
        f"Calls at once over {seconds:.1f} s: the limit began at {limits[0]}, was between {min(limits)} and "
        f"{max(limits)}, and ended at {limits[-1]}; {counted(refused, 'call')} refused (429).{closed}"
    )
