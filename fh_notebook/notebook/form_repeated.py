"""An answer as a form shows it: a password that the service repeats is masked, since a page is saved and shown. Pure.

Rule of this file: ``form.run`` has the answer as it came; what is short enough to be in any text is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from fh_notebook.contract.hidden import Secrets
from fh_notebook.contract.run import Run
from fh_notebook.values import MASK

__all__ = ["as_shown"]

SHORTEST: Final = 4
"""A password of fewer characters would mask half of every text."""


def as_shown(run: Run, secrets: Secrets) -> Run:
    """Return a run whose output and error repeat none of its secret inputs.

    Examples
    --------
    >>> run = Run(status="completed", output={"said": "token s3cret?"}, inputs={"token": "s3cret", "text": "hi"})
    >>> as_shown(run, Secrets(names=frozenset({"token"}))).output
    {'said': 'token ***?'}
    """
    held = [value for name, value in (run.inputs or {}).items() if secrets.cover([name])]
    texts = sorted(set(_texts(held)), key=len, reverse=True)  # of two that begin alike, the longer one first
    if not texts:
        return run
    error = None if run.error is None else _without(run.error, texts)
    return replace(run, output=_without(run.output, texts), error=error)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text and number in a value that is long enough to be looked for."""
    if isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif _is_told(value) and len(text := _spelt(value)) >= SHORTEST:
        yield text


def _is_told(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _spelt(value: Any) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value)  # a hidden number's str() is the mask


def _without(value: Any, texts: list[str]) -> Any:
    if isinstance(value, str):
        for text in texts:
            value = value.replace(text, MASK)
        return value
    if isinstance(value, Mapping):
        return {_without(name, texts): _without(part, texts) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without(part, texts) for part in value]
    return MASK if _is_told(value) and _spelt(value) in texts else value
