"""Registry of the built-in scorers, public as ``fh.score``.

============================================  ========================================================================
`exact`, `contains`, `regex`, `number`        whether the output is what was expected
`json_valid`, `json_schema`, `json_path`,
`json_fields`                                 whether it has the requested form, and which fields are right
`similarity`, `rouge_l`, `bleu`, `chrf`       how similar a text is, from 0 to 1
`latency`, `length`                           seconds; characters or words
`all_of`, `any_of`, `not_`, `weighted`        several scorers in one
`judge`                                       the grade of another deployment
`scorer`                                      a user's function, with a name and a version
============================================  ========================================================================

A row without an expected value has no score (``None``). An output that differs from the expected one, in its value or
in its form, scores ``False``.

Outputs may be hostile: scorers whose time grows faster than the text read at most 100,000 characters, and a pattern
stops after a quarter of a second. A longer text, or a slower pattern, is a missing score with its reason.
"""

from __future__ import annotations

from typing import Final

from fh_notebook.comparing.scorers.base import Scorer
from fh_notebook.comparing.scorers.combined import all_of, any_of, not_, weighted
from fh_notebook.comparing.scorers.function import scorer
from fh_notebook.comparing.scorers.json_scorers import json_fields, json_path, json_schema, json_valid
from fh_notebook.comparing.scorers.judge.judge import judge
from fh_notebook.comparing.scorers.measures import latency, length, number
from fh_notebook.comparing.scorers.text import bleu, chrf, contains, exact, regex, rouge_l, similarity

__all__ = [
    "Scorer",
    "all_of",
    "any_of",
    "bleu",
    "chrf",
    "contains",
    "exact",
    "json_fields",
    "json_path",
    "json_schema",
    "json_valid",
    "judge",
    "latency",
    "length",
    "not_",
    "number",
    "regex",
    "rouge_l",
    "scorer",
    "similarity",
    "weighted",
]

READY: Final = frozenset(__all__) - {"Scorer"}
"""The names of what makes a scorer."""


def __dir__() -> list[str]:
    """Return what is offered behind ``fh.score.``: none of the names that this file works with."""
    return __all__
