"""Options of the ``%%fetchhive`` line: parser, help, and `LineOptions`. Batch options are fields of `BatchOptions`.

Rule of this file: the line is read with a shell's quoting and by argparse, so ``--help`` is true; what is wrong is
IPython's `UsageError`, one line that stops Run All and names a help that can be had (IPython refuses a cell without a
body, so ``%%fetchhive --help`` alone is none). A key is never an option: a cell is saved with the notebook; and what
follows an option that is not known is not repeated, since it may be one.
"""

from __future__ import annotations

import argparse
import builtins
import json
import keyword
import re
import shlex
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NoReturn

from IPython.core.error import UsageError

from fh_notebook.batching.options import BatchOptions, OptionSyntax, written_options
from fh_notebook.core.config import credentials
from fh_notebook.core.redaction import redact
from fh_notebook.core.text.formatting import nearest, short
from fh_notebook.core.text.messages import flag

CELL_HELP: Final = "%fetchhive help cell"
"""What shows all options of a cell, whether there is a cell or not."""

SHOW: Final = ("text", "markdown", "json", "table")
MAX_DIGITS: Final = 9
"""Of a number on a line."""

_EXAMPLES: Final = """\
the body is a YAML or JSON mapping of inputs, or a pasted Code Snippet. {{ expression }} inserts the value of a notebook
expression. With one text variable, a body that is not a mapping is that text.

  %%fetchhive support-triage -v keywords -v nearest --out runs
  ticket: |
    Parcel is late and the tracking page is empty.

  %%fetchhive support-triage --all-variants --over tickets --score exact:expected_output
  ticket: "{{ row.ticket }}"

  %%fetchhive support-triage --all-variants --over tickets --race exact:expected_output --max-calls 50
  ticket: "{{ row.ticket }}"

the result is in VAR and in _ : a Run, a DataFrame of several runs, a Race, or the pending runs if answers
come later."""


class HelpShown(Exception):
    """``--help`` was asked for and printed."""


class MagicParser(argparse.ArgumentParser):
    """argparse for a magic's line: what is wrong is one line that names the help.

    Parameters
    ----------
    see : str
        What shows the help.
    **options
        As of `argparse.ArgumentParser`.

    Attributes
    ----------
    actions : list of argparse.Action
        What was added, ``--help`` too: argparse itself has no public list of it.
    """

    def __init__(self, *, see: str, **options: Any) -> None:
        self.actions: list[argparse.Action] = []
        self._see = see
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """Add an option or a place, and note it."""
        action = super().add_argument(*names, **options)
        self.actions.append(action)
        return action

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the line as IPython's `UsageError`."""
        end = "" if message.endswith("?") else "."
        raise UsageError(redact(f"{self.prog}: {message}{end} See {self._see}"))

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Raise `HelpShown`: a kernel goes on."""
        raise HelpShown


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOptions:
    """What the line says."""

    name: str | None
    variants: tuple[str, ...]
    all_variants: bool
    out: str | None
    metadata: dict[str, Any]
    over: str | None
    score: str | None
    race: str | None
    show: str | None
    of_batch: Mapping[str, Any]
    """The options that `fh.batch` has, too, by their names there; one that is not given has its default."""

    @property
    def repeats(self) -> int:
        """How often each variant is run."""
        return int(self.of_batch["repeats"])

    @property
    def max_calls(self) -> int | None:
        """More calls than this are refused; over rows, they are not made."""
        most: int | None = self.of_batch["max_calls"]
        return most

    @property
    def delivery(self) -> str:
        """How answers come."""
        return str(self.of_batch["delivery"])

    @property
    def dry_run(self) -> bool:
        """Whether calls are shown and not made."""
        return bool(self.of_batch["dry_run"])


def _variable(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise argparse.ArgumentTypeError(f"{name!r} is not a valid variable name")
    return unicodedata.normalize("NFKC", name)  # as Python reads it in every other cell


def _table(name: str) -> str:
    if name.isidentifier() and not keyword.iskeyword(name):
        return unicodedata.normalize("NFKC", name)
    from fh_notebook.batching.tables.row_files import is_readable  # which loads pandas

    expression = repr(name) if is_readable(Path(name)) else name
    if Path(name).suffix.lower() in (".csv", ".tsv"):  # a frame's columns are completed
        separator = ", sep='\\t'" if name.lower().endswith(".tsv") else ""
        expression = f"pd.read_csv({name!r}{separator})"
    raise argparse.ArgumentTypeError(
        f"{name!r} is not the name of a variable; assign it to one first: rows = {expression}, then --over rows"
    )


def _new_variable(name: str) -> str:
    name = _variable(name)
    if _IPYTHON.fullmatch(name):
        raise argparse.ArgumentTypeError(f"{name!r} is a name of IPython, which puts results there; choose another")
    if hasattr(builtins, name):
        raise argparse.ArgumentTypeError(f"{name!r} is a Python name that later cells may need; choose another")
    return name


_IPYTHON: Final = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|_[dios]h|In|Out|get_ipython|exit|quit")


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, _scalar(value)


def _scalar(text: str) -> Any:
    """A number, true, false or null as JSON has them; anything else is the text that it is."""
    try:
        value = json.loads(text, parse_constant=str)
    except ValueError:
        return text
    return value if value is None or isinstance(value, bool | int | float) else text


def whole_from_1(text: str) -> int:
    """Read a number of calls or lines; one that nobody can mean is refused, and never taken for a smaller one."""
    digits = text.lstrip("0")
    if not (text.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS):
        raise argparse.ArgumentTypeError(f"{short(text)} is not a whole number from 1 to {10**MAX_DIGITS - 1:,}")
    return int(digits)


def _score(text: str) -> str:
    kind, colon, column = text.partition(":")
    if kind != "exact" or (colon and not column):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be used here; give exact or exact:COLUMN")
    return column or "expected_output"


def _one_of(words: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in words:
            return text
        close = nearest(text, words)
        hint = f"; did you mean {close!r}?" if close else ""
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(words)}{hint}")

    return read


_KEY_IN_CELL: Final = f"an API key does not belong in a cell, because cells are saved; {credentials.LOGIN_HINT}"


def _no_key(text: str) -> NoReturn:
    raise argparse.ArgumentTypeError(_KEY_IN_CELL)


def parser() -> MagicParser:
    """Return the parser of the line; completion reads its options too."""
    magic_parser = MagicParser(
        prog="%%fetchhive",
        description="Run a Fetch Hive deployment with the inputs in the cell's body.",
        epilog=_EXAMPLES,
        see=CELL_HELP,
    )
    add = magic_parser.add_argument
    add("name", nargs="?", metavar="NAME", help="the deployment; leave it out for a snippet, which names it")
    add("-v", "--variant", action="append", default=[], dest="variants", metavar="VARIANT",
        help="a variant to run; give it several times to see variants side by side")  # fmt: skip
    add("--all-variants", action="store_true", help="every known variant of the deployment")
    add("--out", type=_new_variable, metavar="VAR", help="the notebook variable for the result")
    add("--metadata", action="append", default=[], type=_pair, metavar="NAME=VALUE",
        help="a value for the service's logs; may be given several times")  # fmt: skip
    add("--over", type=_table, metavar="FRAME",
        help="run the body once for each row of a table, list or path; {{ row.column }} inserts its value")  # fmt: skip
    add("--score", type=_score, metavar="exact:COLUMN",
        help="with --over: compare the variants by whether the output matches COLUMN")  # fmt: skip
    add("--race", type=_score, metavar="exact:COLUMN",
        help="with --over: run rows only until it is clear which variant is right more often, then stop")  # fmt: skip
    add("--show", choices=SHOW, type=_one_of(SHOW), help="how outputs are shown")
    for name, syntax in written_options(BatchOptions, in_cell=True).items():
        _add_option(magic_parser, name, syntax)
    add("--api-key", "--key", type=_no_key, help=argparse.SUPPRESS)
    return magic_parser


def _add_option(magic_parser: MagicParser, name: str, syntax: OptionSyntax) -> None:
    """Add an option of a batch; one that is not given has the default of `fh.batch`."""
    keywords: dict[str, Any] = {"dest": name, "default": _DEFAULTS[name], "help": syntax.help_in_cell or syntax.help}
    keywords |= syntax.for_parser()
    if syntax.choices:
        keywords["type"] = _one_of(syntax.choices)
    elif syntax.reads == "whole":
        keywords["type"] = whole_from_1
    magic_parser.add_argument(flag(name), **keywords)


_DEFAULTS: Final = {option.name: option.default for option in fields(BatchOptions)}
_OF_A_KEY: Final = re.compile(r"key|token|secret|passw|bearer|auth|credential", re.IGNORECASE)


def _unknown(words: Sequence[str], reader: MagicParser) -> str:
    """Say what is wrong with words that are no option, without the values of options: one may be a key."""
    names = [word.partition("=")[0] for word in words if word.startswith("-")]
    if not names:
        return (
            f"unexpected argument {short(words[0])}; put -v before each variant, and quotes around a name with spaces"
        )
    if any(_OF_A_KEY.search(name) for name in names):
        return f"no such option, and {_KEY_IN_CELL}"
    flags = (name if name.startswith("--") else name[:2] for name in names)
    return f"unrecognized arguments: {' '.join(flags)}{_nearest_option_text(names[0], reader)}"


def _nearest_option_text(unknown: str, reader: MagicParser) -> str:
    """Say which option an unknown one was most likely meant to be."""
    actions = (action for action in reader.actions if action.help != argparse.SUPPRESS)
    names = [name.lstrip("-") for action in actions for name in action.option_strings if name.startswith("--")]
    close = nearest(unknown.lstrip("-"), names)
    return f"; did you mean --{close}?" if close else ""


def words_of(line: str, magic: str) -> list[str]:
    """Return the words of a `magic`'s line, by a shell's rules of quoting."""
    error = ""
    try:
        return shlex.split(line)
    except ValueError as exc:
        error = str(exc)
    if error == "No escaped character":  # a backslash at its end
        raise UsageError(f"{magic}: a line cannot be continued with a \\; write it in one line")
    raise UsageError(f"{magic}: the line cannot be read ({error}); close every quote")


_LONG_DASHES: Final = ("\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212")


def _with_hyphens(word: str, reader: MagicParser) -> str:
    """Say what to write for a dash that a text editor made of hyphens."""
    name = word.partition("=")[0].lstrip("".join(_LONG_DASHES) + "-")
    if _OF_A_KEY.search(name):
        return f"no such option, and {_KEY_IN_CELL}"
    option = f"-{name}" if len(name) == 1 else f"--{name}"
    options = {option_string for action in reader.actions for option_string in action.option_strings}
    hint = f"write {option}" if option in options else "an option begins with hyphens"
    return f"{short(name)} has a long dash before it, as text editors make it; {hint}"


def read_line(line: str) -> LineOptions:
    """Return what `line` says."""
    reader = parser()
    parsed, left = reader.parse_known_args(words_of(line, "%%fetchhive"))
    if dashed := next((word for word in (parsed.name or "", *left) if word[:1] in _LONG_DASHES and word[1:]), None):
        reader.error(_with_hyphens(dashed, reader))
    if left:
        reader.error(_unknown(left, reader))
    read = vars(parsed)
    if read["variants"] and read["all_variants"]:
        raise UsageError("%%fetchhive: give -v or --all-variants, not both")
    if read["score"] and not read["over"]:
        raise UsageError("%%fetchhive: --score needs --over: it compares variants over rows")
    if read["race"] and not read["over"]:
        raise UsageError("%%fetchhive: --race needs --over: it races variants over rows")
    if read["race"] and read["score"]:
        raise UsageError(
            "%%fetchhive: give --score (runs all rows) or --race (stops when the result is clear), not both"
        )
    if read["over"] and read["out"] == read["over"]:
        raise UsageError(f"%%fetchhive: --out {read['out']} would replace the rows; name another variable")
    read.pop("api_key")
    metadata = _metadata(read["metadata"], line)
    of_batch = {name: read.pop(name) for name in written_options(BatchOptions, in_cell=True)}
    return LineOptions(**{**read, "variants": tuple(read["variants"]), "metadata": metadata, "of_batch": of_batch})


def _metadata(pairs: Sequence[tuple[str, Any]], line: str) -> dict[str, Any]:
    """Return the pairs by their names; each is said once, and as it is sent."""
    metadata: dict[str, Any] = {}
    for name, value in pairs:
        if name in metadata:
            raise UsageError(f"%%fetchhive: --metadata {name} is given twice; give it once")
        if isinstance(value, str) and value[:1] in ("{", "[") and f"{name}={value}" not in line:
            raise UsageError(
                f"%%fetchhive: --metadata {name}: the line removes quotes, as a shell does, and {short(value)} is "
                f"left; put single quotes around all of it: --metadata '{name}={{\"a\": 1}}'"
            )
        metadata[name] = value
    return metadata
