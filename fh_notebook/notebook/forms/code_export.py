"""Code export: a form as a ``%%fetchhive`` cell, Python or a command of a shell, with placeholders for secrets. Pure.

- The code has exactly the inputs that the form sends, and this is checked before it is returned. A cell and `fh.invoke`
  add the declared defaults when they send it, and a comment names them.
- A Start variable that holds a secret anywhere, or may hold one, is replaced as a whole by the name of a variable
  (cell, Python) or by a placeholder (commands).
- A file whose address is sent is written as ``fh.file(...)``; of one out of a page only the name is known, and a
  comment says so. A command has a placeholder for the address.
- Of a form over rows, a constant is written as itself, and a default too: a reader of the cell may not have the
  declaration.
"""

from __future__ import annotations

import json
import keyword
import re
import shlex
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from fh_notebook.client.uploads import NamedFile, file_named, files_among, names_file
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.schema.build import fill_defaults
from fh_notebook.contract.secrets import Secrets
from fh_notebook.contract.snippet.writer import python_literal, to_curl, to_powershell
from fh_notebook.core.json_values import jsonable
from fh_notebook.core.text.formatting import one_line, path_text
from fh_notebook.errors import FetchHiveError, InputError
from fh_notebook.notebook.cell.request import read_cell
from fh_notebook.notebook.cell.template import row_of

if TYPE_CHECKING:
    from fh_notebook.notebook.forms.model.row_mapping import RowMapping

COMMANDS: Final = {"curl": to_curl, "PowerShell": to_powershell}
"""Commands by the word that a person chooses: curl for a POSIX shell, and one for Windows.

Both are offered everywhere: the browser that copies, the kernel and the terminal may be on three machines.
"""


class SecretPlaceholder:
    """The place of a secret, or of whatever else a name stands for."""

    def __init__(self, name: str, *, is_text: bool = True) -> None:
        self.name = name
        self.is_text = is_text
        """Whether a text is in its place; a person types other values as JSON."""

    def __repr__(self) -> str:
        return self.name


class FilePlaceholder:
    """The place of a file whose address is sent; Python code has what opens it.

    Examples
    --------
    >>> FilePlaceholder(NamedFile("a.pdf"))
    fh.file('a.pdf')
    """

    def __init__(self, file: NamedFile) -> None:
        self.has_path = file.path is not None
        self.path = _short_path(file.path) if file.path is not None else file.name or "the file"

    def __repr__(self) -> str:
        return f"fh.file({self.path!r})"


class TextWithFiles:
    """A text with the places of files in it.

    Examples
    --------
    >>> TextWithFiles(("See ", FilePlaceholder(NamedFile("a.pdf")), "."))
    'See ' + fh.file('a.pdf') + '.'
    """

    def __init__(self, parts: Sequence[str | FilePlaceholder]) -> None:
        self.parts = tuple(parts)

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.parts))


def _short_path(path: Path) -> str:
    with suppress(ValueError, OSError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _with_files(value: Any) -> Any:
    """Return a value in which each file whose address is sent has its place."""
    if isinstance(value, Mapping):
        return {name: _with_files(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_files(item) for item in value]
    if (named := file_named(value)) is not None:
        return FilePlaceholder(named)
    parts: list[str | FilePlaceholder] = []
    for _, token in files_among(value):
        before, _, value = value.partition(token)
        named = file_named(token) if names_file(token) else None  # of another process it is only a text
        parts += [before, token if named is None else FilePlaceholder(named)]
    return TextWithFiles([part for part in (*parts, value) if part]) if any(files_in_places(parts)) else value


def files_in_places(values: Any) -> Iterator[FilePlaceholder]:
    """Yield the places of files, in their order."""
    if isinstance(values, FilePlaceholder):
        yield values
    elif isinstance(values, TextWithFiles):
        yield from files_in_places(list(values.parts))
    elif isinstance(values, Mapping | list):
        for item in values.values() if isinstance(values, Mapping) else values:
            yield from files_in_places(item)


def _about_files(code: str, values: Any) -> str:
    """Return code with a comment on the files of which only the name is known."""
    names = list(dict.fromkeys(one_line(file.path, 80) for file in files_in_places(values) if not file.has_path))
    if not names:
        return code
    was = "was" if len(names) == 1 else "were"
    return commented(code, f"{', '.join(names)} {was} chosen in the page: give the path in fh.file(...)")


DEFAULTS_TOLD: Final = 8
"""Defaults that a comment names."""


def _about_defaults(code: str, deployment: Deployment, inputs: Mapping[str, Any]) -> str:
    """Return code with a comment on the defaults that it sends and a form does not; a secret's is not told."""
    given, secrets = jsonable(inputs), Secrets.of(deployment.inputs)
    added = list(_added(fill_defaults(deployment.inputs, given), given, ()))
    told = [
        path_text(path) if secrets.cover(path) else f"{path_text(path)} ({one_line(json.dumps(value), 40)})"
        for path, value in added[:DEFAULTS_TOLD]
    ]
    more = [f"{len(added) - DEFAULTS_TOLD:,} more"] if len(added) > DEFAULTS_TOLD else []
    comment = (
        f"Not written here: {', '.join([*told, *more])}. The code sends these defaults all the same, the form does not."
    )
    return commented(code, comment if told else "")


def _added(
    filled: Mapping[str, Any], given: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and value of all that is in one object and not in the other."""
    for name, value in filled.items():
        if name not in given:
            yield (*path, name), value
        elif isinstance(value, dict) and isinstance(given[name], dict):
            yield from _added(value, given[name], (*path, name))


def with_placeholders(
    deployment: Deployment, inputs: Mapping[str, Any], *, reserved: Collection[str] = ()
) -> dict[str, Any]:
    """Return `inputs` with a hole for each variable that may hold a secret, and the places of files.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> login = fh.Deployment("login", inputs={"user": fh.text(), "class": fh.text(secret=True)})
    >>> with_placeholders(login, {"user": "ada", "class": "1234"})
    {'user': 'ada', 'class': class_}
    """
    secrets = Secrets.of(deployment.inputs)
    names = _TAKEN.union(reserved)
    values: dict[str, Any] = {}
    for variable, value in jsonable(inputs).items():
        values[variable] = value
        if value is not None and secrets.cover([variable]):
            name = re.sub(r"\W+", "_", variable, flags=re.ASCII).strip("_")
            name = name if name.isidentifier() else f"secret_{name}".strip("_")
            while name in names:
                name += "_"
            names |= {name}
            values[variable] = SecretPlaceholder(name, is_text=isinstance(value, str))
    return {name: _with_files(value) for name, value in values.items()}


_TAKEN: Final = frozenset(
    {"fh", "hive", "row", "rows", "inputs", "run", "runs", "variant", "getpass", "json", *keyword.kwlist}
)
"""Names that the code itself uses."""


def prompt_lines(values: Mapping[str, Any]) -> list[str]:
    """Return the first lines of Python code: its imports, and a question to a person for each hole."""
    holes = [value for value in values.values() if isinstance(value, SecretPlaceholder)]
    lines = []
    for hole in holes:
        question = f"getpass({hole.name + (': ' if hole.is_text else ', as JSON: ')!r})"
        lines.append(f"{hole.name} = {question if hole.is_text else f'json.loads({question})'}")
    imports = [*(["import json"] if not all(hole.is_text for hole in holes) else []), "from getpass import getpass", ""]
    return [*(imports if holes else []), "import fh_notebook as fh", "", *lines]


Placeholder = SecretPlaceholder | FilePlaceholder


def fill_placeholders(values: Mapping[str, Any], fill: Callable[[Placeholder], Any]) -> dict[str, Any]:
    """Return inputs with what `fill` makes of each hole in its place."""

    def filled(value: Any) -> Any:
        if isinstance(value, Placeholder):
            return fill(value)
        if isinstance(value, TextWithFiles):
            return "".join(part if isinstance(part, str) else fill(part) for part in value.parts)
        if isinstance(value, dict):
            return {name: filled(item) for name, item in value.items()}
        return [filled(item) for item in value] if isinstance(value, list) else value

    return {name: filled(value) for name, value in values.items()}


def as_cell(
    deployment: Deployment,
    variants: Sequence[str],
    inputs: Mapping[str, Any],
    *,
    repeats: int = 1,
    out: str = "",
    delivery: str = "direct",
) -> str:
    r"""Return the ``%%fetchhive`` cell of a submit.

    Examples
    --------
    >>> print(as_cell(Deployment("triage"), ["a", "b"], {"ticket": "It is late.\nVery.", "words": 3}))
    %%fetchhive triage -v a -v b
    ticket: |-
      It is late.
      Very.
    words: 3
    """
    line = magic_line(deployment.name, variants, repeats, out, delivery)
    values = with_placeholders(deployment, inputs)
    code = f"{line}\n{cell_body(deployment, values)}"
    return _about_defaults(_about_files(code, values), deployment, inputs)


def as_python(
    deployment: Deployment,
    variants: Sequence[str],
    inputs: Mapping[str, Any],
    *,
    repeats: int = 1,
    delivery: str = "direct",
) -> str:
    """Return the Python code of a submit; where answers come later, each run is a ``PendingRun``.

    Examples
    --------
    >>> print(as_python(Deployment("triage"), ["a", "b"], {"ticket": "Late."}))
    import fh_notebook as fh
    <BLANKLINE>
    inputs = {
        'ticket': 'Late.',
    }
    runs = [fh.invoke('triage', variant=variant, inputs=inputs) for variant in ['a', 'b']]
    """
    values = with_placeholders(deployment, inputs)
    lines = [*prompt_lines(values), f"inputs = {python_literal(values)}"]
    send = "fh.invoke" if delivery == "direct" else "hive.submit"
    lines += ["hive = fh.Client()"] if delivery != "direct" else []
    variant = repr(variants[0]) if len(variants) == 1 else "variant"
    call = f"{send}({deployment.name!r}, variant={variant}, inputs=inputs)"
    again = f" for variant in {list(variants)!r}" if len(variants) != 1 else ""
    again += f" for _ in range({repeats})" if repeats > 1 else ""
    lines.append(f"runs = [{call}{again}]" if again else f"run = {call}")
    return _about_defaults(_about_files("\n".join(lines), values), deployment, inputs)


def as_command(
    way: str,
    deployment: Deployment,
    variants: Sequence[str],
    inputs: Mapping[str, Any],
    *,
    base_url: str,
    delivery: str = "direct",
) -> str:
    r"""Return a command a variant, as `way` of :data:`COMMANDS`; ``YOUR_API_KEY`` is in the place of the key.

    Where answers come later, ``YOUR_CALLBACK_URL`` is in the place of the address that they come to.

    Examples
    --------
    >>> call = (Deployment("triage"), ["a"], {"n": 3})
    >>> for way in COMMANDS:
    ...     print(as_command(way, *call, base_url="https://api.fetchhive.com/v1").splitlines()[0])
    curl 'https://api.fetchhive.com/v1/workflow/invoke' \
    Invoke-RestMethod 'https://api.fetchhive.com/v1/workflow/invoke' -Method Post `
    """

    def words(hole: Placeholder) -> str:
        if isinstance(hole, FilePlaceholder):
            return f"YOUR_ADDRESS_OF_{re.sub(r'[^A-Za-z0-9]+', '_', Path(hole.path).name).strip('_').upper()}"
        return f"YOUR_{hole.name.upper()}"

    values = fill_placeholders(with_placeholders(deployment, inputs), words)
    callback_url = None if delivery == "direct" else "https://YOUR_CALLBACK_URL"
    requests = (
        InvokeRequest(deployment=deployment.name, variant=variant, inputs=values, callback_url=callback_url)
        for variant in variants
    )
    return "\n\n".join(COMMANDS[way](request, base_url=base_url) for request in requests)


COMMENT_WIDTH: Final = 70
"""Characters in a line of a comment: a page that is narrow would wrap it, and the rest would read as code."""


def commented(code: str, comment: str) -> str:
    r"""Return code with a comment at its beginning: of a cell, behind its first line, which must be the magic's.

    Examples
    --------
    >>> print(commented("%%fetchhive triage -v a\nticket: Late.", "It calls the local hive."))
    %%fetchhive triage -v a
    # It calls the local hive.
    ticket: Late.
    """
    if not comment:
        return code
    head, _, body = code.partition("\n") if code.startswith("%%") else ("", "", code)
    lines = textwrap.wrap(comment, COMMENT_WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(filter(None, (head, *(f"# {line}" for line in lines), body)))


# --- a cell


def magic_line(name: str, variants: Sequence[str], repeats: int, out: str, delivery: str) -> str:
    """Return the line of a cell."""
    words = [_word(name, "deployment")]
    words += [f"-v {_word(variant, 'variant')}" for variant in variants]
    words += [f"--repeats {repeats}"] if repeats > 1 else []
    words += [f"--delivery {delivery}"] if delivery != "direct" else []
    words += [f"--out {out}"] if out else []
    return f"%%fetchhive {' '.join(words)}"


def _word(name: str, kind: str) -> str:
    if name.startswith(("-", "$", "{")) or not name.isprintable():
        raise InputError(f"the {kind} {name!r} cannot be named in a cell's line; copy it as Python")
    return shlex.quote(name)


def cell_body(deployment: Deployment, values: dict[str, Any]) -> str:
    """Return the first way of writing the inputs that is read back as just them, where they are known and where not."""
    name = deployment.name
    readers = (Deployment(name, inputs=deployment.inputs), Deployment(name))
    for body in (*_yaml(values), _json(values)):
        if all(_reads_back(body, reader, values) for reader in readers):
            return body
    raise InputError("these inputs cannot be written as a cell; copy them as Python", where=deployment.name)


def _reads_back(body: str, deployment: Deployment, values: dict[str, Any]) -> bool:
    def evaluate(source: str) -> Any:
        return f"{_STAMP}{source}{_STAMP}"

    expected = fill_placeholders(values, _stamped)
    with suppress(FetchHiveError):
        call = read_cell(body, name="x", variants=("x",), find=lambda _: deployment, evaluate=evaluate)
        return not call.warnings and _exactly(call.inputs, expected)
    return False


def _exactly(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same, ``1`` and ``1.0`` and ``True`` apart, and in the same order."""
    return json.dumps(left) == json.dumps(right)


def _json(values: dict[str, Any]) -> str:
    return _json_text(values, indent=2)


def _json_text(value: Any, indent: int | None = None) -> str:
    """A value as JSON in which nothing looks like an expression, but for the holes."""
    text = json.dumps(
        value, ensure_ascii=False, indent=indent, default=lambda hole: fill_placeholders({"": hole}, _stamped)[""]
    )
    text = _INVISIBLE.sub(lambda match: "".join(f"\\u{ord(sign):04x}" for sign in match[0]), text)
    text = text.replace("{{", "{\\u007b") if "{{" in text else text
    # An expression stands in a cell as it is: it is taken out before the body is read as YAML.
    return re.sub(rf"{_STAMP}(.*?){_STAMP}", lambda match: "{{ " + json.loads(f'"{match[1]}"') + " }}", text)


_STAMP: Final = f"fhx{uuid4().hex}x"
"""Stands on both sides of an expression in a text, and is in no text of anybody's."""


def _stamped(hole: Placeholder) -> str:
    return f"{_STAMP}{hole!r}{_STAMP}"


# What a page or an editor may change or not show, and YAML may take for a break of line; and half characters.
_INVISIBLE: Final = re.compile("[\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def _yaml(values: dict[str, Any]) -> Iterator[str]:
    if not values:
        return
    lines = []
    for name, value in values.items():
        key = name if re.fullmatch(r"[A-Za-z_][\w-]*", name, re.ASCII) else _json_text(name)
        lines.append(f"{key}: {_of_yaml(value)}")
    yield "\n".join(lines)


def _of_yaml(value: Any) -> str:
    if isinstance(value, str) and "\n" in value and not _UNFIT.search(value) and value.strip("\n"):
        text = value.rstrip("\n")
        ends = len(value) - len(text)
        if not text.startswith(("\n", " ", "\t")) and not re.search(r"[ \t]$", text, re.MULTILINE) and ends < 2:
            inside = text.replace("\n", "\n  ").replace("\n  \n", "\n\n")
            return f"|{'' if ends else '-'}\n  {re.sub('(?m)^[ ]+$', '', inside)}"
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return _json_text(value)


_UNFIT: Final = re.compile(r"[\x00-\x08\x0b-\x1f]|\{\{|" + _INVISIBLE.pattern)

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z ,.'()/]*[A-Za-z.)]")


def as_cell_over(
    mapping: RowMapping, variants: Sequence[str], *, rows: str, repeats: int = 1, delivery: str = "direct"
) -> str:
    """Return the ``%%fetchhive`` cell of a form over rows; `rows` is the name of the variable that has them.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> from fh_notebook.notebook.forms.model.row_mapping import RowMapping
    >>> mapping = RowMapping(fh.Deployment("triage"), [{"body": "Late."}], {"tone": "calm"})
    >>> print(as_cell_over(mapping, ["a"], rows="tickets"))
    %%fetchhive triage -v a --over tickets
    body: "{{ row.body }}"
    tone: calm
    """
    deployment = mapping.deployment
    columns = {name: SecretPlaceholder(_row_of(column)) for name, column in mapping.columns.items()}
    columns |= {name: SecretPlaceholder(_files_of(_in_cell(column))) for name, column in mapping.file_columns.items()}
    values = _in_order(mapping, {**with_placeholders(deployment, mapping.constants, reserved={rows}), **columns})
    line = magic_line(deployment.name, variants, repeats, "", delivery)
    return _about_files(f"{line} --over {rows}\n{cell_body(deployment, values)}", values)


def as_python_over(
    mapping: RowMapping, variants: Sequence[str], *, rows: str, repeats: int = 1, delivery: str = "direct"
) -> str:
    """Return the Python code of a form over rows; `rows` is the name of the variable that has them.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> from fh_notebook.notebook.forms.model.row_mapping import RowMapping
    >>> mapping = RowMapping(fh.Deployment("triage"), [{"body": "Late."}], {"tone": "calm"})
    >>> print(as_python_over(mapping, ["a"], rows="tickets"))
    import fh_notebook as fh
    <BLANKLINE>
    inputs = {
        'body': 'body',
        'tone': fh.const('calm'),
    }
    batch = fh.batch(tickets, 'triage', variants=['a'], inputs=inputs)
    """
    constants = with_placeholders(mapping.deployment, mapping.constants, reserved={rows})
    values: dict[str, Any] = {
        name: value if isinstance(value, FilePlaceholder) else _CodeConst(value) for name, value in constants.items()
    }
    values.update(mapping.columns)
    values |= {name: SecretPlaceholder(_files_of(column)) for name, column in mapping.file_columns.items()}
    more = [f"repeats={repeats}"] if repeats > 1 else []
    more += [f"delivery={delivery!r}"] if delivery != "direct" else []
    unwanted = [name for name in mapping.rows.columns if name in mapping.sources and name not in values]
    source = f"{rows}.drop(columns={unwanted!r})" if unwanted else rows
    call = [source, repr(mapping.deployment.name), f"variants={list(variants)!r}", "inputs=inputs", *more]
    lines = [*prompt_lines(constants), f"inputs = {python_literal(_in_order(mapping, values))}"]
    lines += [f"batch = fh.batch({', '.join(call)})"]
    return _about_files("\n".join(lines), constants)


class _CodeConst:
    """A constant, as Python writes it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"fh.const({self._value!r})"


def _in_order(mapping: RowMapping, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in mapping.sources if name in values}


def _row_of(column: str) -> str:
    return row_of(_in_cell(column))


def _files_of(column: str) -> str:
    return f"fh.file(column={column!r})"


def _in_cell(column: str) -> str:
    if "{" in column or "}" in column:
        raise InputError(f"the column {column!r} cannot be named in a cell; copy it as Python")
    return column
