"""A traceback for a cell that holds a key: without the cell's text, without variables, and masked.

Rule of this file: IPython's own traceback begins with the cell's source and, in ``%xmode Verbose``, prints variables. A
pasted snippet's key is in both. So an error in such a cell renders itself.
"""

from __future__ import annotations

import traceback

from fh_notebook.errors import SnippetError
from fh_notebook.values import error_text, redact

__all__ = ["Masked", "holds_key", "masked_if_shown"]


class Masked(Exception):
    """Something unexpected in a cell that holds a key; what it was is its ``__cause__``.

    Parameters
    ----------
    error : BaseException
        What happened.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error_text(error))
        self.__cause__ = error

    def _render_traceback_(self) -> list[str]:
        # The frames without variables: those of IPython above ours, which have the cell's text, are not among them.
        cause = self.__cause__
        said = traceback.format_exception(cause) if cause is not None else [str(self)]
        return [redact(line) for part in said for line in part.rstrip("\n").split("\n")]


def holds_key(cell: str) -> bool:
    """Whether a cell's text has something in it that looks like a key.

    Examples
    --------
    >>> holds_key("curl -H 'Authorization: Bearer abc'"), holds_key("ticket: late")
    (True, False)
    """
    return redact(cell) != cell


def masked_if_shown(error: BaseException, cell: str) -> BaseException:
    """Return `error` itself where it shows as one line, and masked where its traceback would repeat a key.

    In a snippet that cannot be read, nobody knows where the key is.
    """
    may_hold_key = isinstance(error, SnippetError) or holds_key(cell)
    return error if hasattr(error, "_render_traceback_") or not may_hold_key else Masked(error)
