"""Deployments: a mapping of all known deployments, and the nearest name to an unknown one.

Rule of this file: the mapping is read-only and ordered; the error for an unknown name has the nearest known one.
The text of ``fetchhive.yaml`` is read in `reader`, written in `writer` and edited in `editor`; its JSON Schema for
editors is `fetchhive.schema.json`, in the folder above.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from fh_notebook.contract.deployment import Deployment
from fh_notebook.core.arguments import public
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import listed, nearest, short
from fh_notebook.core.text.messages import Message, Phrase, agreeing, counted
from fh_notebook.errors import InputError

FILE_NAMES: Final = ("fetchhive.yaml", "fetchhive.yml")
"""What the catalogue's file is called; the first one wins."""

LOCAL_SOURCE: Final = "local hive"
"""The source of the deployments of a hive in this process."""

ROWS_CAP: Final = 200
"""Rows of the table that are shown: more are looked up by name, not read."""
CELL_CAP: Final = 60
"""Characters of a cell in the text table."""
UNUSED_CAP: Final = 5
"""Entries below the table of which it is told that another one is used."""
SHORTEST: Final = 5
"""Letters of a word in which a slip is seen: ``de`` and ``en``, ``dev`` and ``prod`` are words of their own."""


class UnknownDeployment(InputError, KeyError):
    """A name that is not among the known ones."""

    __str__ = Exception.__str__  # KeyError's own shows a repr of the sentence


@public
class Deployments(Mapping[str, Deployment]):
    """Every deployment that is known, in order: a read-only mapping of names to `Deployment`, shown as a table.

    Parameters
    ----------
    known : iterable of (Deployment, str)
        Each with where it is from: ``"fetchhive.yaml:12"``, ``"local hive"``. Of two with one name, the first counts.

    Examples
    --------
    >>> known = Deployments([(Deployment("triage", variants=["a"], inputs={"ticket": {"type": "string"}}), "here")])
    >>> known
    name    variants  Start variables  description  source
    triage  a         ticket*                       here
    * must be given
    >>> known["triage"].variants, known.source_of("triage")
    (('a',), 'here')
    """

    def __init__(self, known: Iterable[tuple[Deployment, str]] = ()) -> None:
        self._known: dict[str, tuple[Deployment, str]] = {}
        self._unused: list[str] = []
        for deployment, source in known:
            used = self._known.setdefault(deployment.name, (deployment, source))
            if used[0] is not deployment:
                owner = f"the {used[1]}" if used[1] == LOCAL_SOURCE else used[1]
                self._unused.append(f"{source} is not used here: {owner} has {short(deployment.name)}")

    def __getitem__(self, name: str) -> Deployment:
        return self._found(name)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def source_of(self, name: str) -> str:
        """Return where a deployment is from.

        Raises
        ------
        KeyError
            There is none of this name; the error names the nearest one, and is an `InputError` too.
        """
        return self._found(name)[1]

    def _found(self, name: str) -> tuple[Deployment, str]:
        if isinstance(name, str) and name in self._known:
            return self._known[name]
        # Nothing is refused by this hint, so it may guess more freely than `near_name` alone.
        close = (near_name(name, self._known) or nearest(name, self._known)) if isinstance(name, str) else None
        hint = f"did you mean {short(close)}?" if close else f"known: {listed(list(self._known), 'and') or 'none'}"
        raise UnknownDeployment(f"the deployment {short(name)} does not exist; {hint}")

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (d.name, ", ".join(d.variants), _variables(d), d.description or "", source)
            for d, source in islice(self._known.values(), ROWS_CAP)
        ]

    @property
    def _foot(self) -> str:
        more = len(self) - ROWS_CAP
        cut = [f"{counted(more, 'more deployment')} {agreeing(more, 'are')} not shown"] if more > 0 else []
        return "; ".join(["* must be given", *cut, *self._unused[:UNUSED_CAP]])

    def __repr__(self) -> str:
        if not self:
            return _NONE
        cells = [_COLUMNS, *(tuple(_cell(c) for c in row) for row in self._rows())]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
        return "\n".join([*lines, self._foot])

    def _repr_html_(self) -> str:
        if not self:
            return html.el("div", html.STYLE, _NONE, cls="fh")
        rows = [[html.clip(c, 500) for c in row] for row in self._rows()]
        return html.el(
            "div", html.STYLE, html.stacked(_COLUMNS, rows), html.el("div", self._foot, cls="fh-foot fh-dim"), cls="fh"
        )


_COLUMNS: Final = ("name", "variants", "Start variables", "description", "source")
_NONE: Final = "No deployments are known: declare them in fetchhive.yaml, or save one with Deployment.save()."


def _variables(deployment: Deployment) -> str:
    needed = deployment.inputs.get("required", [])
    return ", ".join(f"{name}*" if name in needed else name for name in deployment.variable_names)


def _cell(text: str) -> str:
    line = html.printable(" ".join(text.split()))
    return line if len(line) <= CELL_CAP else line[: CELL_CAP - 1] + "…"


def same(one: Deployment | None, other: Deployment) -> bool:
    """Whether two deployments are equal and show their Start variables in the same order."""
    return one == other and one.variable_names == other.variable_names


def near_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` is with a slip, or ``None``.

    Letter case does not count, nor how words are joined: by ``-``, ``_``, ``.``, a blank or nothing. Of the words, one
    may have a slip: a letter left out, changed or added, or two swapped, in a word of five letters or more. Names that
    differ in a whole word, in a word more or less, or in digits only are no slips: ``invoice-de`` stands beside
    ``invoice-en``, ``triage-eu`` beside ``triage``, and ``triage-2`` is the next one after ``triage-1``.

    Examples
    --------
    >>> near_name("suport-triage", ["support-triage", "spam"]), near_name("Support_Triage", ["support-triage"])
    ('support-triage', 'support-triage')
    >>> near_name("triage-2", ["triage-1", "triage"]), near_name("invoice-de", ["invoice-en"])
    (None, None)
    """
    requested = _split_name(name)
    similar = None
    for candidate in known:
        parts = _split_name(candidate)
        if parts == requested or "".join(parts) == "".join(requested):
            return candidate
        if similar is None and _is_slip(requested, parts):
            similar = candidate
    return similar


def _split_name(name: str) -> list[str]:
    return [word for word in re.split(r"[-_.\s]+", name.casefold()) if word]


def _is_slip(requested: list[str], known: list[str]) -> bool:
    """Whether the words differ in one of them only, by a slip."""
    if len(requested) != len(known):
        return False
    differing = [pair for pair in zip(requested, known, strict=True) if pair[0] != pair[1]]
    return len(differing) == 1 and _is_slip_of_word(*differing[0])


def _is_slip_of_word(word: str, of: str) -> bool:
    if sum(map(str.isalpha, of)) < SHORTEST or abs(len(word) - len(of)) > 1:
        return False
    if re.sub(r"\d", "", word) == re.sub(r"\d", "", of):
        return False  # another number, and no slip
    at = next((i for i, pair in enumerate(zip(word, of, strict=False)) if pair[0] != pair[1]), min(len(word), len(of)))
    rest, wanted = word[at:], of[at:]
    is_swapped = rest[:2] == wanted[:2][::-1] and rest[2:] == wanted[2:]
    is_left_out, is_added, is_changed = rest == wanted[1:], rest[1:] == wanted, rest[1:] == wanted[1:]
    return is_left_out or is_added or is_changed or is_swapped


def misspelling_error(name: str, known: Deployments) -> UnknownDeployment | None:
    """Return the error for an unknown name that is a known one with a typing error; ``None`` in other cases.

    The service would count a call of such a name and refuse it, or would run another deployment.
    """
    close = near_name(name, known)
    if close is None:
        return None
    source = known.source_of(close)
    location = f"the {source}" if source == LOCAL_SOURCE else source.rpartition(":")[0]  # without the line
    return UnknownDeployment(
        Message(
            ("the deployment {} is not in {}; did you mean {}? (to call it anyway, add it to the catalogue{})"),
            (short(name), location, short(close), Phrase(f", or give fh.Deployment({short(name)})", command="")),
        )
    )


def merged(known: Deployment | None, guessed: Deployment) -> Deployment:
    """Return the deployment to save: the known one with what is new, or the guessed one where none is known.

    A new variable need not be given, since the calls before did without it. Others stay refused where they were.

    Examples
    --------
    >>> known = Deployment("greet", inputs={"name": {"type": "string"}})
    >>> both = merged(known, Deployment("greet", inputs={"type": "object", "properties": {"vip": {"type": "boolean"}}}))
    >>> both.variable_names, both.inputs["required"], both.inputs["additionalProperties"]
    (['name', 'vip'], ['name'], False)
    """
    if known is None:
        return guessed
    declared = known.inputs.get("properties")
    inputs = guessed.inputs if declared is None else known.inputs
    if declared is not None and (new := new_variables(known, guessed)):
        inputs = {**known.inputs, "properties": {**declared, **new}}
    return Deployment(
        known.name,
        variants=[*known.variants, *(v for v in guessed.variants if v not in known.variants)],
        inputs=inputs,
        description=known.description,
    )


def new_variables(known: Deployment, guessed: Deployment) -> dict[str, Any]:
    """Return the schemas of the Start variables that only `guessed` has."""
    properties = guessed.inputs.get("properties", {})
    return {name: schema for name, schema in properties.items() if name not in known.variable_names}
