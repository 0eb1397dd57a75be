"""Dump every text that a user can read, to be edited without the code in view; and put the edited ones back.

python .github/texts.py > texts.tsv                 # id, kind, place, text; a line each
python .github/texts.py --apply edited.tsv          # lines of id and text: replaced in the source

A text is a string of at least two words in the package (messages, notes, labels, help), or the first line of the
docstring of a module, a public object or a public member of one (kind `doc`). What is between braces is code, and
must stay as it is. An id is the hash of file and text: an edit of a text that has changed meanwhile is refused. Labels
of one word, and the texts of scripts (`*.js`), are not dumped.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import textwrap
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "fh_notebook"
WORDS: Final = re.compile(r"[A-Za-z]{2,}[,;:.]? +(?:[^ ]+ +)*[A-Za-z]{2,}")
NO_PROSE: Final = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|PRAGMA|WHERE|FROM|JOIN|ORDER BY)\b"
    r"|</?\w+[ >]|var\(|^[\w -]*\bfh-|[\w-]+:[\w#]"
)
"""SQL, HTML and CSS: nobody reads them."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text and its place in the source: lines from 1, columns in characters from 0."""

    file: Path
    line: int
    column: int
    end_line: int
    end_column: int
    kind: str
    text: str
    formatted: bool

    @property
    def key(self) -> str:
        """The id: of the file and the text."""
        return sha256(f"{self.file.relative_to(ROOT)}\0{self.text}".encode()).hexdigest()[:10]


def texts(file: Path) -> Iterator[Text]:
    """Yield the texts of a module, in the order of their places."""
    source = file.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    docs = {id(node) for node in _docstrings(tree)}
    public = {id(node) for node in _public_docstrings(tree)}
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if id(node) in inner or not _is_text(node):
            continue
        start = (node.lineno, _characters(lines[node.lineno - 1], node.col_offset))
        end = (node.end_lineno, _characters(lines[node.end_lineno - 1], node.end_col_offset))
        if id(node) in docs:
            if id(node) in public:
                yield Text(file, *start, *end, "doc", node.value.split("\n", 1)[0], False)
            continue
        merged = _merged(_between(lines, start, end))
        if (
            not merged
            or "\\n" in merged[0]
            or NO_PROSE.search(prose := _PLACEHOLDER.sub("x", merged[0]))
            or not WORDS.search(prose)
        ):
            continue
        text = Text(file, *start, *end, "text", *merged)
        if (same := _parsed(_written(text, text.text))) and ast.dump(same) == ast.dump(node):
            yield text


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield docstrings, those below an attribute too."""
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield statement.value


def _public_docstrings(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the docstrings of the module, of the public names in it, and of their public members."""
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    named = [node for node in tree.body if isinstance(node, definitions) and node.name in _PUBLIC]
    members = [part for node in named for part in node.body if isinstance(part, definitions) and part.name[0] != "_"]
    for node in (tree, *named, *members):
        if ast.get_docstring(node):
            yield node.body[0].value


_PUBLIC: Final = set(re.findall(r"(?:as|import) (\w+)", (PACKAGE / "__init__.pyi").read_text(encoding="utf-8")))


def _parsed(expression: str) -> ast.AST | None:
    try:
        return ast.parse(expression, mode="eval").body
    except SyntaxError:
        return None


def _characters(line: str, offset: int) -> int:
    return len(line.encode()[:offset].decode())


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    return "".join([lines[start[0] - 1][start[1] :], *lines[start[0] : end[0] - 1], lines[end[0] - 1][: end[1]]])


def _merged(written: str) -> tuple[str, bool] | None:
    """Return what the string literals of an expression say together, as it is written, and whether one is an f-string.

    ``None`` where the parts cannot be one literal: raw, bytes or triple-quoted ones, and braces in a plain part.
    """
    parts, formatted = [], False
    for token in tokenize.generate_tokens(io.StringIO(f"({written})").readline):
        if token.type != tokenize.STRING:
            if token.string.strip("()\n") and token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER):
                return None
            continue
        found = re.fullmatch(r"""([fF]?)(["'])((?!\2\2).*)\2""", token.string, re.DOTALL)
        if not found:
            return None
        parts.append((bool(found[1]), found[2], found[3]))
        formatted = formatted or bool(found[1])
    if formatted and any("{" in text or "}" in text for is_f, _, text in parts if not is_f):
        return None
    return "".join(text.replace('\\"', '"') if quote == '"' else text for _, quote, text in parts), formatted


_PLACEHOLDER: Final = re.compile(r"(?<!\{)\{(?!\{)[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
"""Code between single braces, with one level of braces in it."""


def _written(text: Text, new: str) -> str:
    """Return `new` as Python: one literal, or several in parentheses, broken between words and outside of braces."""
    held = _PLACEHOLDER.sub(lambda found: found[0].replace(" ", "\0"), new) if text.formatted else new
    room = max(60, 112 - text.column)
    pieces = textwrap.wrap(held, room, break_long_words=False, break_on_hyphens=False, drop_whitespace=False)
    literals = [_literal(piece.replace("\0", " "), formatted=text.formatted) for piece in pieces]
    return literals[0] if len(literals) == 1 else f"({' '.join(literals)})"


def _literal(piece: str, *, formatted: bool) -> str:
    f = "f" if formatted and ("{" in piece or "}" in piece) else ""
    if '"' not in piece:
        return f'{f}"{piece}"'
    if "'" not in piece:
        return f"{f}'{piece}'"
    code = _PLACEHOLDER.findall(piece) if f else []
    rest = _PLACEHOLDER.split(piece) if f else [piece]
    escaped = [part.replace('"', '\\"') for part in rest]
    return f'{f}"' + "".join(part + between for part, between in zip(escaped, [*code, ""], strict=True)) + '"'


def apply(edits: dict[str, str]) -> list[str]:
    """Replace texts in the source; return what was refused, a line each."""
    refused, left = [], dict(edits)
    for file in sorted(PACKAGE.rglob("*.py")):
        chosen = [text for text in texts(file) if text.key in edits]
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        for text in sorted(chosen, key=lambda t: (t.line, t.column), reverse=True):
            new = edits[text.key]
            left.pop(text.key, None)
            if Counter(_PLACEHOLDER.findall(new)) != Counter(_PLACEHOLDER.findall(text.text)):
                refused.append(f"{text.key}: other placeholders: {new}")
                continue
            if text.kind == "doc":
                lines[text.line - 1] = lines[text.line - 1].replace(text.text, new, 1)
                continue
            before = lines[text.line - 1][: text.column]
            after = lines[text.end_line - 1][text.end_column :]
            lines[text.line - 1 : text.end_line] = [before + _written(text, new) + after]
        if chosen:
            changed = "".join(lines)
            ast.parse(changed)
            file.write_text(changed, encoding="utf-8")
    return refused + [f"{key}: no such text" for key in left]


def main(arguments: list[str] | None = None) -> int:
    """Print the texts, or put edited ones back; return 1 where one is refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apply", type=Path, metavar="FILE", help="lines of an id, a tab and the new text")
    args = parser.parse_args(arguments)
    if args.apply:
        edits = dict(
            line.split("\t", 1) for line in args.apply.read_text(encoding="utf-8").splitlines() if "\t" in line
        )
        refused = apply(edits)
        print("\n".join(refused or [f"{len(edits)} texts written; now run: ruff format"]))
        return 1 if refused else 0
    for file in sorted(PACKAGE.rglob("*.py")):
        for text in sorted(texts(file), key=lambda t: (t.line, t.column)):
            print(text.key, text.kind, f"{file.relative_to(ROOT)}:{text.line}", text.text, sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
