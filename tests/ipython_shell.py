"""A real IPython shell in the test's process, of which nothing is left at its end."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@contextmanager
def open_shell() -> Iterator[InteractiveShell]:
    """Make a new shell the one of this process, and yield it.

    Its history is in memory: a file would have a thread and a connection, which stay when the shell is left. What a
    shell does at the end of its process it does at the end of the test, so that the process ends at once.
    """
    InteractiveShell.clear_instance()
    main = sys.modules["__main__"]
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"hist_file": ":memory:"}}))
    history = shell.history_manager
    try:
        yield shell
    finally:
        atexit.unregister(shell.atexit_operations)
        # Its flush would be a full collection of garbage, which takes longer than most tests.
        shell.displayhook.do_full_cache = False
        shell.atexit_operations()
        history.db.close()  # IPython 8 leaves it open
        # The shell has put its own module there, and emptied it: a process that multiprocessing starts would not start.
        sys.modules["__main__"] = main
        InteractiveShell.clear_instance()
