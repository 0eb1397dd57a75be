"""Exceptions of the package: misuse raises one; a failed run is a `Run`, and raises none unless asked to.

::

    FetchHiveError
    ├── InputError          the inputs do not fit; no call was made
    │   └── SnippetError    a pasted text is not a snippet of a workflow
    ├── SettingsError       a key, address or option is wrong; no call was made
    ├── CallError           a call was tried
    │   ├── AuthError       the service refused the key (401, 403)
    │   ├── ConnectFailed   the service was not reached; nothing was sent
    │   ├── LimitReached    the daily cap or the credits are used up
    │   └── RunFailed       `Run.raise_for_status()` of a run that did not complete
    ├── StoreError          the file of saved answers cannot be used
    └── GateFailed          a variant is not as good as `cmp.assert_better` or `cmp.assert_not_worse` asks

In a notebook each of them shows as one line (IPython asks `_render_traceback_`); the chain stays on the object, and
``fh.configure(tracebacks="full")`` shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from fh_notebook.core.text.messages import PYTHON, Audience, masked, text_for
from fh_notebook.core.text.problems import Problem

__all__ = [
    "AuthError",
    "CallError",
    "ConnectFailed",
    "FetchHiveError",
    "GateFailed",
    "InputError",
    "LimitReached",
    "RunFailed",
    "SettingsError",
    "SnippetError",
    "StoreError",
]


class FetchHiveError(Exception):
    """Base class of all errors of this package. Secrets are masked in its message."""

    def __init__(self, message: object = "", *details: object) -> None:
        super().__init__(*(masked(part) if isinstance(part, str) else part for part in (message, *details)))

    def text(self, audience: Audience) -> str:
        """Return the message as `audience` reads it: a command has options where Python has arguments."""
        return text_for(self.args[0], audience) if len(self.args) == 1 and isinstance(self.args[0], str) else str(self)

    audience: Audience = PYTHON
    """Who reads it, where a notebook shows it as one line: a magic sets that of a cell."""

    show_full_traceback: ClassVar[bool] = False
    """Set by ``fh.configure(tracebacks=...)``: whether a notebook shows the frames too."""

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        # A property, so that IPython does not find it when it is to render its own traceback.
        if FetchHiveError.show_full_traceback:
            raise AttributeError("_render_traceback_")
        return lambda: [f"{type(self).__name__}: {self.text(self.audience)}"]


class InputError(FetchHiveError, ValueError):
    """Inputs do not fit the Start variables, or a cell's text is not readable. Raised before any call.

    Parameters
    ----------
    problems : str, Problem, or iterable of both
        What is wrong, each with what to do. All of them are in the message.
    where : str, optional
        What the problems belong to, for example ``"support-triage"``.

    Attributes
    ----------
    problems : tuple of Problem
        Their fields say where each is and which rule it breaks; ``str(problem)`` is its sentence.
    """

    def __init__(self, problems: str | Problem | Iterable[str | Problem], *, where: str = "") -> None:
        if isinstance(problems, Problem):
            problems = (problems,)
        if not isinstance(problems, Iterable) or getattr(problems, "ndim", 1) != 1 or not isinstance(where, str):
            raise TypeError("problems= must be a string or several strings, and where= must be a string")
        self.problems: tuple[Problem, ...] = tuple(problem.masked() for problem in Problem.of(problems))
        self.where = where
        super().__init__(self.text(PYTHON))

    def text(self, audience: Audience) -> str:
        """Return all problems as `audience` reads them."""
        text = "; ".join(problem.text(audience) for problem in self.problems)
        if len(self.problems) > 1:
            text = f"{len(self.problems)} problems: {text}"
        return f"{self.where}: {text}" if self.where else text


class SnippetError(InputError):
    """A pasted text is not a Code Snippet of a workflow, or not one that can be read."""


class SettingsError(FetchHiveError, ValueError):
    """An API key, an address or an option is wrong or missing. Raised before any call."""


class CallError(FetchHiveError):
    """A call was tried, and the service refused it or could not be reached.

    Parameters
    ----------
    message : str
        What happened and what to do next.
    status_code : int, optional
        The HTTP status.
    error_code : str, optional
        The service's stable code (CONTRACT section 2).
    request_id : str, optional
        The id under which the service knows the call.
    may_have_run : bool
        Whether the workflow may have run all the same, and may have cost money.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        error_code: str | None = None,
        request_id: str | None = None,
        may_have_run: bool = False,
    ) -> None:
        if not isinstance(message, str):
            raise TypeError(f"message is of the type {type(message).__name__}; give a string")
        super().__init__(message)
        self.status_code = status_code
        self.error_code = error_code
        self.request_id = request_id
        self.may_have_run = may_have_run


class AuthError(CallError):
    """The service refused the API key (401) or the request made with it (403)."""


class ConnectFailed(CallError):
    """The service was not reached: nothing was sent, so nothing has run."""


class LimitReached(CallError):
    """The daily cap or the credits are used up: nothing has run, and nothing will until they are renewed."""


class RunFailed(CallError):
    """A run that did not complete, raised by ``Run.raise_for_status()`` only."""


class GateFailed(FetchHiveError, AssertionError):
    """A variant is not as good as a gate of a comparison asks, or the rows are too few to tell.

    A script that goes on while the service is away names :class:`ConnectFailed`; with the base class it would go on
    after a gate that does not hold, too.
    """


class StoreError(FetchHiveError):
    """The file of saved answers cannot be opened, read or written.

    Parameters
    ----------
    message : str
        What happened and what to do next.
    path : Path, optional
        Which file, where it is one: a batch may be written to a second one.
    """

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path
