"""Matcher of IPython's completer (Matcher API v2).

It is imported with the extension, so it imports only what the shell itself has imported; the completer is imported at
the first Tab in a ``%fetchhive`` cell. It prints nothing, sends nothing, and never raises: the traceback of a matcher
would be shown while the user types.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

IDENTIFIER: Final = "fh_notebook"
"""By which the matcher is known to its completer, and named in its ``disable_matchers``."""
_FIRST: Final = 100
"""IPython's own matchers have 0 to 2: when this one has something to say, they need not be asked."""
_NAME: Final = "%fetchhive"


class _Silence:
    """No candidates, where there can be no others either.

    IPython (8.39 and 9.18, ``_complete``) lets a matcher suppress the others only where `len` of its candidates is
    not 0, so an empty list would have Python's names and files fill the line and the body; and what is shown comes
    from `iter`. Should that change, the others' candidates are back, and nothing else.
    """

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Any]:
        return iter(())


def register(shell: Any) -> None:
    """Add the matcher to the completer of `shell`; twice is once. A shell without the API is left as it is."""
    matchers = _matchers(shell)
    try:
        # Provisional in IPython: where it has gone, everything works but Tab.
        from IPython.core.completer import context_matcher
    except ImportError:
        return
    if matchers is None:
        return
    unregister(shell)

    @context_matcher(priority=_FIRST, identifier=IDENTIFIER)  # type: ignore[untyped-decorator]  # IPython has no types
    def fetchhive_matcher(context: Any) -> Any:
        # Asked at every Tab in every cell.
        return _match(shell, context) if _NAME in context.full_text else {"completions": []}

    matchers.append(fetchhive_matcher)


def unregister(shell: Any) -> None:
    """Take the matcher out of `shell` again."""
    matchers = _matchers(shell)
    if matchers is not None:
        matchers[:] = [m for m in matchers if getattr(m, "matcher_identifier", "") != IDENTIFIER]


def _matchers(shell: Any) -> list[Any] | None:
    matchers = getattr(getattr(shell, "Completer", None), "custom_matchers", None)
    return matchers if isinstance(matchers, list) else None


def _match(shell: Any, context: Any) -> Any:
    """Return the candidates as a `SimpleMatcherResult`."""
    from fh_notebook.core.redaction import log

    try:
        from IPython.core.completer import SimpleCompletion

        from fh_notebook.notebook.completion.completer import complete, completion_context

        lines = context.full_text.split("\n")
        cursor = sum(len(line) + 1 for line in lines[: context.cursor_line]) + context.cursor_position
        offer = complete(context.full_text, cursor, completion_context(shell))
        candidates = [SimpleCompletion(c.text, type=c.type) for c in offer.candidates]
        return {
            "completions": candidates or (_Silence() if offer.closed else []),
            "matched_fragment": offer.fragment,
            "suppress": bool(candidates) or offer.closed,
            "ordered": True,
        }
    except Exception:  # whatever it is: a person is typing
        log.debug("completion failed", exc_info=True)
        return {"completions": []}
