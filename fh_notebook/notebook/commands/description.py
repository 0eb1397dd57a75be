"""``%fetchhive deployments`` and ``describe``: the known deployments, and the variables and variants of one.

The default of a variable that is or contains a secret is never shown. Descriptions and choices come from outside: they
are made printable and cut.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from fh_notebook.contract.catalog.deployments import LOCAL_SOURCE, Deployments
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.output import STYLE as OUTPUT_STYLE
from fh_notebook.contract.output import OutputOptions, ShownOutput, code_view
from fh_notebook.contract.schema.alternatives import Branch, branches_of, effective_keywords
from fh_notebook.contract.schema.kind_words import kind_words
from fh_notebook.contract.secrets import Secrets
from fh_notebook.core import hooks
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import one_line, path_text
from fh_notebook.core.text.markdown import plain_text
from fh_notebook.notebook.cell.request import option_of
from fh_notebook.session import session

COLUMNS: Final = ("name", "kind", "required", "default", "description")

DEPTH: Final = 3
"""Groups within groups whose fields are spelt out; of deeper ones their number is told."""

LINES_CAP: Final = 200
"""Lines of the table, which says where there are more, and of the cell to copy."""

TEXT_CAP: Final = 300
"""Characters of a description on a page; in plain text it is a third of that."""

TO_RUN: Final = "A cell that runs it, once its values are filled in:"

REMARK_CAP: Final = 80
"""Characters of a remark in the cell to copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableLine:
    """One Start variable, one field of a group, or one of the kinds that a variable may have, in words."""

    name: str
    kind: str
    required: str
    default: str
    description: str

    def cells(self) -> tuple[str, ...]:
        """Return it in the order of :data:`COLUMNS`."""
        return (self.name, self.kind, self.required, self.default, self.description)


def variable_lines(schema: Mapping[str, Any]) -> list[VariableLine]:
    """Return the Start variables that a JSON Schema declares, each followed by the fields within it.

    At most one line more than are shown, by which whoever shows them knows that there are more.

    Examples
    --------
    >>> from fh_notebook.contract.schema.variables import choice, integer
    >>> deployment = Deployment("d", inputs={"tone": choice("calm", "brief"), "n": integer(default=3, minimum=1)})
    >>> [line.cells()[:4] for line in variable_lines(deployment.inputs)]
    [('tone', 'one of: calm, brief', 'yes', ''), ('n', 'whole number, at least 1', '', '3')]
    """
    return list(islice(_lines(_Part(schema, schema), Secrets.of(schema), (), ""), LINES_CAP + 1))


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a schema, and the whole, in which its references look."""

    root: Mapping[str, Any]
    schema: Any

    @property
    def keywords(self) -> Mapping[str, Any]:
        """Its keywords, with those behind references."""
        return effective_keywords(self.schema, self.root)[0] if isinstance(self.schema, Mapping) else {}

    @property
    def kind(self) -> str:
        """What it takes, in words."""
        return kind_words(self.schema, self.root)

    def fields(self) -> Mapping[str, _Part]:
        """Return the fields of a group."""
        properties = self.keywords.get("properties")
        pairs = properties.items() if isinstance(properties, Mapping) else ()
        return {str(name): _Part(self.root, declared) for name, declared in pairs}

    def item(self) -> _Part | None:
        """Return the item of a list that is a group."""
        if not isinstance(items := self.keywords.get("items"), Mapping):
            return None
        part = _Part(self.root, items)
        return part if part.fields() else None

    def branches(self) -> Sequence[Branch]:
        """Return the kinds it may have of which one, at least, is a group."""
        found = branches_of(self.keywords, self.root)
        return found if any(_Part(self.root, branch.schema).fields() for branch in found) else ()

    def required(self) -> Sequence[str]:
        """Return the names that must be given."""
        names = self.keywords.get("required")
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def to_fill_in(self) -> Sequence[str]:
        """Return the names that must be given, or one, where none must."""
        return self.required() or list(self.fields())[:1]


def _lines(group: _Part, secrets: Secrets, path: tuple[str | int, ...], before: str) -> Iterator[VariableLine]:
    """Yield a line for each field of a group, and for what lies within it; `before` stands before each name."""
    if len(path) >= DEPTH:
        return
    required = group.required()
    for name, part in group.fields().items():
        field_path = (*path, name)
        shown = f"{before}.{path_text([name])}" if before else path_text([name])
        keywords = part.keywords
        yield VariableLine(
            name=shown,
            kind=part.kind,
            required="yes" if name in required else "",
            default=_default(keywords, hidden=secrets.cover(field_path)),
            description=one_line(plain_text(_described(keywords) or _other_title(keywords, name)), TEXT_CAP),
        )
        for branch in part.branches():
            chosen = _Part(group.root, branch.schema)
            title = f"{shown}: {html.printable(branch.label)}"
            yield VariableLine(name=title, kind=chosen.kind, required="", default="", description="")
            yield from _lines(chosen, secrets, field_path, shown)
        yield from _lines(part, secrets, field_path, shown)
        if item := part.item():
            yield from _lines(item, secrets, (*field_path, 0), f"{shown}[]")


def _described(keywords: Mapping[str, Any]) -> str:
    return str(keywords.get("description") or "").strip()


def _other_title(keywords: Mapping[str, Any], name: str) -> str:
    """Return a title that says more than the name does, said to be that of forms: it is no description."""
    title = str(keywords.get("title") or "").strip()
    return f'in forms: "{title}"' if title and title.casefold() != name.replace("_", " ").casefold() else ""


def _default(variable: Mapping[str, Any], *, hidden: bool) -> str:
    if "default" not in variable:
        return ""
    return MASK if hidden else _json(variable["default"])


def _json(value: Any) -> str:
    """Return a default as it is typed into a form: a list as its items."""
    if isinstance(value, list) and value and not any(isinstance(item, dict | list) for item in value):
        return one_line(", ".join(map(_json, value)), 80)
    return one_line(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False), 80)


class Description:
    """What is known of a deployment, to be read: the value of ``%fetchhive describe NAME``.

    Parameters
    ----------
    deployment : Deployment
        What is described.
    source : str
        Where it is from, such as ``"fetchhive.yaml:12"``.
    """

    def __init__(self, deployment: Deployment, source: str = "") -> None:
        self.deployment = deployment
        self.source = source
        self.lines = variable_lines(deployment.inputs)

    def example(self) -> str:
        """Return a cell that runs it, with something to fill in for each value that must be given."""
        options = " ".join(map(option_of, self.deployment.variants)) or "-v VARIANT"
        whole = _Part(self.deployment.inputs, self.deployment.inputs)
        # Empty, so that the cell is refused until it is filled in: an unchanged copy must not be a paid call.
        body = "\n".join(islice(_to_fill_in(whole, 0), LINES_CAP)) or ("{}" if self._takes_none() else "name: value")
        return f"%%fetchhive {shlex.quote(self.deployment.name)} {options}\n{body}"

    def _head(self) -> list[str]:
        about = self.deployment
        variants = f"Variants: {', '.join(about.variants) or 'not known'}"
        return [*([one_line(plain_text(about.description), TEXT_CAP)] if about.description else []), variants]

    def _takes_none(self) -> bool:
        return not self.lines and self.deployment.inputs.get("additionalProperties") is False

    def _note(self) -> str:
        if self._takes_none():
            return "It takes no Start variables."
        if not self.lines:
            return "Its Start variables are not known: inputs are sent unchecked."
        notes = ["There are more; Deployment.inputs has all of them."] if len(self.lines) > LINES_CAP else []
        if self.deployment.inputs.get("additionalProperties") is not False:
            notes.append("There may be others: what is not declared is sent unchecked.")
        return " ".join(notes)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """The columns that say anything, and their cells."""
        cells = [line.cells() for line in self.lines[:LINES_CAP]]
        columns = [i for i, name in enumerate(COLUMNS) if name in ("name", "kind") or any(line[i] for line in cells)]
        return [COLUMNS[i] for i in columns], [[line[i] for i in columns] for line in cells]

    def __repr__(self) -> str:
        columns, rows = self._table()
        title = f"{self.deployment.name}  ({self._from()})" if self.source else self.deployment.name
        parts = ["\n".join(html.printable(text) for text in [title, *self._head()])]
        if rows:
            parts.append(_text_table(columns, rows))
        parts += [self._note()] if self._note() else []
        return "\n\n".join([*parts, f"{TO_RUN}\n{html.printable(self.example())}"])

    def _from(self) -> str:
        """Where it is from, in words."""
        file, mark, line = self.source.rpartition(":")
        if mark and line.isdecimal():
            return f"from {file}, line {line}"
        return f"from the {LOCAL_SOURCE}" if self.source == LOCAL_SOURCE else f"from {self.source}"

    def _repr_html_(self) -> str:
        return self._page()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return it with Copy beside the cell; nothing where nobody could click, so IPython asks for HTML."""
        shown = ShownOutput(self.example(), OutputOptions(whole=""))
        return hooks.frontend().outputs_bundle(lambda prefix: self._page(f"{prefix}0"), [shown])

    def _page(self, key: str = "") -> html.Html:
        columns, rows = self._table()
        source = html.el("span", self._from(), cls="fh-dim") if self.source else None
        return html.el(
            "div",
            html.STYLE,
            OUTPUT_STYLE,
            html.el("div", html.el("strong", self.deployment.name), " ", source, cls="fh-head"),
            *(html.el("div", line) for line in self._head()),
            html.stacked(columns, [[html.sentence("span", cell) for cell in row] for row in rows]) if rows else None,
            html.el("div", self._note(), cls="fh-dim") if self._note() else None,
            html.el("div", TO_RUN, cls="fh-dim", style="margin:10px 0 4px"),
            code_view(self.example(), key=key),
            cls="fh",
        )


def deployment_bundle(deployment: Deployment) -> dict[str, str]:
    """Return what the value of a cell shows of a deployment, by its media type.

    Examples
    --------
    >>> print(deployment_bundle(Deployment("greet", variants=["plain"]))["text/plain"].splitlines()[0])
    greet
    """
    description = Description(deployment)
    return {"text/plain": repr(description), "text/html": description._repr_html_()}


def _text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [list(columns), *([one_line(cell, TEXT_CAP // 3) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells)


def _to_fill_in(group: _Part, depth: int) -> Iterator[str]:
    """Yield the lines of a body of YAML with each name of a group that must be given, and what it takes."""
    fields = group.fields()
    for name in group.to_fill_in():
        part = fields.get(name, _Part(group.root, True))
        keywords = part.keywords
        remark = html.printable(one_line(part.kind, REMARK_CAP))
        if "const" in keywords:
            yield f"{_yaml_name(name)}: {json.dumps(keywords['const'], ensure_ascii=True)}"
            continue
        yield f"{_yaml_name(name)}:  # {remark}"
        if depth >= DEPTH:
            continue
        for branch in part.branches()[:1]:
            part = _Part(group.root, branch.schema)
        yield from (f"  {line}" for line in _to_fill_in(part, depth + 1))
        if item := part.item():
            yield from (f"{'  ' if n else '- '}{line}" for n, line in enumerate(_to_fill_in(item, depth + 1)))


def _yaml_name(name: str) -> str:
    return name if name.isidentifier() and name.casefold() not in _YAML_WORDS else json.dumps(name, ensure_ascii=False)


_YAML_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def deployments(shell: Any, options: argparse.Namespace) -> Deployments:
    """Return the known deployments, displayed as a table."""
    return session.deployments()


def describe(shell: Any, options: argparse.Namespace) -> Description:
    """Return what is known of one deployment."""
    deployments = session.deployments()
    return Description(deployments[options.name], deployments.source_of(options.name))
