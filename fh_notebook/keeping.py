"""What a client is given to keep its runs with: finished ones as answers, those that go on among the pending ones.

Rule of this file: an answer is paid for, so whatever goes wrong with keeping it is told, once, and the answer is
returned all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fh_notebook import precedence
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets
from fh_notebook.errors import StoreError
from fh_notebook.log import log
from fh_notebook.values import redact

if TYPE_CHECKING:
    from fh_notebook.store.pending_runs import PendingRuns
    from fh_notebook.store.store import Store

__all__ = ["Keeping"]


class Keeping:
    """Keeps the runs of one workspace.

    Parameters
    ----------
    store : function
        Returns the store as the settings have it by then; ``None`` where nothing is kept.
    find_workspace : function
        Returns whose runs they are.
    tell : function of str
        Tells the user something, once.
    """

    def __init__(
        self, store: Callable[[], Store | None], find_workspace: Callable[[], str], tell: Callable[[str], None]
    ) -> None:
        self._store = store
        self._find_workspace = find_workspace
        self._tell = tell
        if precedence.store_path() is not None:
            # Now, not when a call was cut off: an import on another thread at Python's end changes its exit status.
            import fh_notebook.store.store  # noqa: F401 - so that it is there at the first answer

    async def keep(self, run: Run, secrets: Secrets) -> None:
        """Keep a run that has ended."""
        try:
            kept = self._store()
            if kept is not None:
                await kept.answers.keep(run, self._find_workspace(), secrets=secrets)
                log.debug("kept %s", run.summary())
        except Exception as broken:
            # Whatever it is: the answer is paid for and here, so it is returned, and the trouble is told, once.
            self._tell(f"The answer was not kept: {redact(str(broken))}")

    def count(self, kind: Any, requests: int, at: datetime | None = None) -> None:
        """Count requests that are about to be sent, or take back what was counted at a moment; returns at once."""
        try:
            kept = self._store()
            if kept is not None:
                kept.requests.count(self._find_workspace(), requests, kind=kind, at=at)
        except StoreError as broken:
            self._tell(f"Requests are not counted towards daily_cap: {redact(str(broken))}")

    def pending_book(self) -> PendingRuns | None:
        """Return where pending runs are written down; ``None`` where nothing is kept, or cannot be."""
        from fh_notebook.store.pending_runs import PendingRuns

        try:
            kept = self._store()
        except StoreError as broken:
            self._tell(f"Runs that are waited for are not written down: {redact(str(broken))}")
            return None
        return None if kept is None else PendingRuns(kept, self._find_workspace(), tell=self._tell)
