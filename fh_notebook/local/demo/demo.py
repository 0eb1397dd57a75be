"""Demo hive: deployment ``support-triage`` in two variants, and the tickets that it was written for.

Rule of this file: nothing here is staged. The two variants really work on the text (`triage`), so their mistakes, and
the tickets on which they differ, are their own. Only the pause before an answer is made up.
"""

from __future__ import annotations

import asyncio
import csv
import math
import random
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fh_notebook.contract.schema.variables import integer, text
from fh_notebook.core import arguments
from fh_notebook.local.demo.triage import Classification, NearestExample, by_keywords
from fh_notebook.local.hive import LocalHive

__all__ = ["DEPLOYMENT", "demo_hive", "tickets", "tickets_path"]

DEPLOYMENT: Final = "support-triage"

# Seconds: a rule is quick, a comparison with every example takes longer, and both now and then take much longer
# (log-normal, as service times are). Small, so that the whole demo stays within seconds.
_MEDIAN_PAUSE_S: Final[Mapping[str, float]] = {"keywords": 0.008, "nearest": 0.022}
_PAUSE_SPREAD: Final = 0.45

_REPLIES: Final[Mapping[str, Mapping[str, str]]] = {
    "billing": {
        "calm": "Thank you for telling us. We are going through the payment, line by line, and write back soon.",
        "brief": "We are checking the payment and write back within two days.",
    },
    "delivery": {
        "calm": "Waiting is no fun, we know. We are asking the courier, and tell you today where your order is.",
        "brief": "We are asking the courier and tell you today.",
    },
    "returns": {
        "calm": "No problem at all. A return label is on its way to you, and the money follows when the box is here.",
        "brief": "A return label is on its way to you.",
    },
    "account": {
        "calm": "Your account is safe. A colleague will check it and write to the address that we know of.",
        "brief": "A colleague will check your account.",
    },
    "technical": {
        "calm": "We are sorry for the trouble. A technician will look at your description and suggest the next step.",
        "brief": "A technician will look at it.",
    },
    "other": {
        "calm": "Thank you for writing to us. Your message goes to the person who knows most about it.",
        "brief": "Your message goes to the right person.",
    },
}

Ticket = Annotated[str, text(multiline=True, description="What the customer wrote.")]
Tone = Annotated[
    Literal["calm", "brief"] | None,
    "Draft a first reply in this tone; the output is then an object instead of the label alone.",
]
MaxWords = Annotated[int, integer(minimum=1, description="The longest reply, in words.")]
Tags = Annotated[list[str] | None, "Words that an agent has put on the ticket; read as a part of it."]


def demo_hive(*, seed: int = 0, pace: float = 1.0, **options: Any) -> LocalHive:
    """Return a local hive with the deployment ``support-triage`` in the variants ``keywords`` and ``nearest``.

    The output is the label as plain text, which is what ``expected_output`` of the tickets holds. With a `tone` it is
    an object with ``label``, ``confidence``, ``reason`` and ``reply``. ``nearest`` fails on a ticket without a word
    (a row of emoji): it has nothing to compare. That failure is meant: it shows what a failed run looks like.

    Parameters
    ----------
    seed : int
        Of the made-up pauses: the same ticket takes the same time in every run with the same seed.
    pace : float
        Multiplies the pauses; 0 answers as fast as it can.
    **options
        Of :class:`~fh_notebook.local.hive.LocalHive`, for example ``concurrency=3`` or ``daily_cap=50``. The name is
        ``demo`` unless given, so that kept answers are found again.

    Returns
    -------
    LocalHive
        Not yet on a socket: use its ``client()`` in process, or ``serve()``.

    Examples
    --------
    >>> hive = demo_hive()
    >>> with hive.client() as client:
    ...     client.invoke("support-triage", variant="keywords", inputs={"ticket": "My parcel is late"}).output
    'delivery'
    """
    arguments.check(demo_hive, locals())
    hive = LocalHive(**{"name": "demo", "seed": seed, **options})

    @hive.workflow(DEPLOYMENT, variant="keywords")
    async def keywords(ticket: Ticket, tone: Tone = None, max_words: MaxWords = 120, tags: Tags = None) -> Any:
        await asyncio.sleep(pace * _pause_s("keywords", ticket, seed))
        return _answer(by_keywords(_tagged(ticket, tags)), tone, max_words)

    @hive.workflow(DEPLOYMENT, variant="nearest")
    async def nearest(ticket: Ticket, tone: Tone = None, max_words: MaxWords = 120, tags: Tags = None) -> Any:
        await asyncio.sleep(pace * _pause_s("nearest", ticket, seed))
        return _answer(_examples().verdict(_tagged(ticket, tags)), tone, max_words)

    return hive


def tickets_path() -> Path:
    """Return the CSV file of the demo's tickets: ``ticket``, ``expected_output``, ``metadata.language`` and
    ``metadata.channel``, in UTF-8 (the dataset convention: plain columns are inputs).
    """
    return Path(str(files("fh_notebook.local.demo").joinpath("data", "tickets.csv")))


def tickets() -> list[dict[str, str]]:
    """Return the demo's tickets as rows, one dictionary of texts a ticket, in the order of the file.

    Examples
    --------
    >>> tickets()[0]["ticket"], tickets()[0]["expected_output"]
    ('Parcel is late and the tracking page is empty.', 'delivery')
    """
    return _read(tickets_path())


def _read(path: Path) -> list[dict[str, str]]:
    # newline="": the csv module itself must see the line ends, since cells hold some.
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@cache
def _examples() -> NearestExample:
    """Return the labelled examples of ``nearest``: other texts than the tickets, so that it is tested on new ones."""
    rows = _read(tickets_path().with_name("examples.csv"))
    return NearestExample((row["ticket"], row["label"]) for row in rows)


def _pause_s(variant: str, ticket: str, seed: int) -> float:
    """Return the pretended thinking time in seconds: it depends on the call alone, not on what ran before it."""
    chance = random.Random(f"{seed}/{variant}/{ticket}")  # noqa: S311 - a pause, not a secret
    return chance.lognormvariate(math.log(_MEDIAN_PAUSE_S[variant]), _PAUSE_SPREAD)


def _tagged(ticket: str, tags: list[str] | None) -> str:
    return " ".join([ticket, *(tags or [])])


def _answer(verdict: Classification, tone: str | None, max_words: int) -> str | dict[str, Any]:
    """Return the label alone, or with a tone everything that is known, and a reply of at most `max_words` words."""
    if tone is None:
        return verdict.label
    words = _REPLIES[verdict.label][tone].split()
    reply = " ".join(words) if len(words) <= max_words else " ".join(words[:max_words]) + " …"
    return {"label": verdict.label, "confidence": verdict.confidence, "reason": verdict.reason, "reply": reply}
