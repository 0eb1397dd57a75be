"""Implementation of `fh_notebook.core.hooks.Frontend`: what lower packages display in a notebook.

Rule of this file: no logic of its own. Each display is imported when it is first shown: a notice needs no widgets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fh_notebook.notebook.shell import notice as notice
from fh_notebook.notebook.shell import running_kernel

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch, ShownBatch
    from fh_notebook.batching.progress.display import ProgressDisplay
    from fh_notebook.client.approvals import ToolApprovals
    from fh_notebook.client.pending_run import PendingRun
    from fh_notebook.comparing.comparison import Comparison
    from fh_notebook.comparing.corrections import ExpectedEditor
    from fh_notebook.comparing.rating.questions import Items
    from fh_notebook.comparing.rating.rating_session import RatingSession
    from fh_notebook.contract.deployment import Deployment
    from fh_notebook.contract.output import ShownOutput
    from fh_notebook.contract.run import Run
    from fh_notebook.core.text.html import Html
    from fh_notebook.core.text.shown_frame import ShownFrame
    from fh_notebook.notebook.browser.browser import Browser
    from fh_notebook.notebook.magics.pending_results import PendingResults
    from fh_notebook.notebook.rater import Rater
    from fh_notebook.racing.display import RaceDisplay
    from fh_notebook.racing.race import Race
    from fh_notebook.store.store import Store


def deployment_page(deployment: Deployment) -> dict[str, Any]:
    """Return how a deployment is displayed, by media type."""
    from fh_notebook.notebook.commands.description import deployment_bundle

    return deployment_bundle(deployment)


def show_pending(pending: PendingRun | PendingResults) -> None:
    """Display a pending run, and follow it until its outcome is here."""
    from fh_notebook.notebook.magics.pending_results import show

    show(pending)


def show_direct_run(run: Run) -> bool:
    """Show the run of a direct call that ends later, and follow it; ``False`` where nobody could decide, or click."""
    from fh_notebook.notebook.approvals.decisions import can_decide

    if not can_decide():
        return False
    from fh_notebook.client.direct_runs import DIRECT_RUNS
    from fh_notebook.notebook.magics.pending_results import show

    if (pending := DIRECT_RUNS.wait_for(run)) is None:
        return False
    show(pending)
    return True


def batch_progress(shown: ShownBatch) -> ProgressDisplay | None:
    """Return a new display of a start of a batch; ``None`` where there is no notebook."""
    from fh_notebook.notebook.progress.batch_block import progress_of_batch

    return progress_of_batch(shown)


def show_batch(shown: ShownBatch) -> bool:
    """Show a batch under the running cell with what can be clicked; ``False`` where nobody could click."""
    from fh_notebook.notebook.progress.batch_block import show

    return show(shown)


def watch_batch(shown: ShownBatch) -> None:
    """Show a batch with what can be clicked, or where nobody could click, once, as it is now."""
    from fh_notebook.notebook.progress.batch_block import watch

    watch(shown)


def show_history(frame: ShownFrame) -> bool:
    """Show the table of earlier runs with what can be clicked; ``False`` where nobody could click."""
    from fh_notebook.notebook.ui.buttons import has_person

    if not has_person(running_kernel()):
        return False
    from fh_notebook.notebook.results.history_table import show

    show(frame)
    return True


def outputs_bundle(page: Callable[[str], Html], outputs: Sequence[ShownOutput]) -> dict[str, str]:
    """Return a page with views of outputs, by media type, and serve what can be clicked; empty where nobody could."""
    if running_kernel() is None:
        return {}
    from fh_notebook.notebook.results.served_outputs import outputs_bundle as bundle

    return bundle(page, outputs)


def show_approvals(approvals: ToolApprovals) -> bool:
    """Show approvals with two buttons each; ``False`` where nobody could click.

    Also in an app: its author has listed them, and beside the arguments of a call belongs what can be done about it.
    """
    from fh_notebook.notebook.ui.buttons import has_person

    if not has_person(running_kernel()):
        return False
    from fh_notebook.notebook.approvals.approvals_table import show

    show(approvals)
    return True


def race_progress(race: Race) -> RaceDisplay | None:
    """Return a new display of a race; ``None`` where there is no notebook."""
    from fh_notebook.notebook.progress.race_display import live_race

    return live_race(race)


def is_app() -> bool:
    """Return whether the kernel is that of an app, whose visitors see the pages (Voila)."""
    from fh_notebook.notebook.ui import buttons

    return buttons.is_app()


def browse(
    shown: Comparison | Batch,
    *,
    columns: Sequence[str] | None = None,
    page_size: int = 25,
    corrections: bool | None = None,
    for_app: bool = False,
) -> Browser:
    """Return a live table of a comparison, or of a batch's rows; `for_app`: for the users of an app."""
    from fh_notebook.notebook.browser import browser as browser

    return browser.browse(shown, columns=columns, page_size=page_size, corrections=corrections, for_app=for_app)


def show_rater(
    session: RatingSession,
    items: Items,
    *,
    store: Store,
    result: Callable[[], list[str]],
    question: str,
    corrections: ExpectedEditor,
) -> Rater:
    """Return what asks a person for ratings."""
    from fh_notebook.notebook.rater import show_rater as show

    return show(session, items, store=store, result=result, question=question, corrections=corrections)
