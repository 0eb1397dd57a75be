"""`fits`: whether any JSON value fits a schema, with patterns that somebody else bounds.

Rule of this file: an answer of a model is hostile, also to a pattern of the user's schema: no pattern is matched here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fh_notebook.contract.validate import formats, library_errors, root_of, validator_class, why_not
from fh_notebook.contract.visits import bounded
from fh_notebook.errors import InputError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["fits"]


def fits(schema: Mapping[str, Any], value: Any, *, search: Callable[[str, str], bool]) -> bool:
    """Whether any JSON value fits a schema; patterns are asked of `search(pattern, text)`, which may be bounded.

    Raises
    ------
    InputError
        It cannot be checked to the end, or `search` raised it.

    Examples
    --------
    >>> import re
    >>> [fits({"pattern": "^a"}, text, search=lambda pattern, text: bool(re.search(pattern, text))) for text in "ab"]
    [True, False]
    """
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # ships no types; fetches nothing

    make: Callable[..., Validator] = validator_class(schema, search)
    try:
        checker = make(root_of(schema), registry=REGISTRY, format_checker=formats())
        with bounded(value):
            return next(iter(checker.iter_errors(value)), None) is None
    except library_errors() as broken:
        raise InputError(f"it could not be checked to the end; {why_not(broken)}") from None
