"""Dump every text that a user can read, to be edited without the code in view; and put the edited ones back.

python .github/texts.py > texts.tsv                 # id, kind, place, text; a line each
python .github/texts.py --apply edited.tsv          # lines of id and text: replaced in the source

A text has at least two words. Its kind says where it is from:

`text`   a string of the package (messages, notes, labels, help)
`line`   a line of a triple-quoted string (exit codes, examples), or of an indented block of a magic's docstring
`doc`    the first line of the docstring of a module, of a public object or of a public member of one
`help`   a paragraph of a magic's docstring, which IPython shows as a whole
`js`     a string of a script
`cell`   a string of a notebook's code, which it prints or sends (after an edit: python -m tests.notebooks)
`prose`  a paragraph, a heading, an item of a list or a row of a table: of the README, the guide and notebooks

What is between braces is code, and must stay as it is. An id is the hash of file and text: an edit of a text that has
changed meanwhile is refused. Not dumped are labels of one word, and the code blocks of pages.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import sys
import textwrap
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "fh_notebook"
WORDS: Final = re.compile(r"[A-Za-z]{2,}[,;:.]? +(?:[^ ]+ +)*⌘?[A-Za-z]{2,}")
NO_PROSE: Final = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|PRAGMA|WHERE|FROM|JOIN|ORDER BY)\b"
    r"|\b(TEXT|REAL|INTEGER|BLOB|STRICT|PRIMARY KEY|UNIQUE \()|\bhh:mm\b"
    r"|</?\w+[ >]|var\(|^[\w -]*\bfhb?-(?!notebook)|[a-z-]+: ?[\w#.% -]+;(?! )"
)
"""SQL, formats, HTML and CSS: nobody reads them."""


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
    """Whether it is an f-string; of a script, a template."""
    cell: int | None = None
    """Of a notebook: the place of the cell, whose lines are counted."""

    @property
    def key(self) -> str:
        """The id: of the file and the text."""
        return sha256(f"{self.file.relative_to(ROOT)}\0{self.text}".encode()).hexdigest()[:10]

    @property
    def place(self) -> str:
        """The file and the line, of a notebook also the cell."""
        cell = "" if self.cell is None else f":cell {self.cell}"
        return f"{self.file.relative_to(ROOT)}{cell}:{self.line}"


def files() -> list[Path]:
    """Return the modules and scripts of the package, the pages, and the notebooks."""
    found = [file for pattern in ("*.py", "*.js") for file in PACKAGE.rglob(pattern) if "_notebooks" not in file.parts]
    pages = [*ROOT.glob("README.md"), *sorted((ROOT / ".github" / "docs" / "guide").glob("*.md"))]
    return sorted(found) + pages + sorted((ROOT / "notebooks").glob("*.ipynb"))


def texts(file: Path) -> list[Text]:
    """Return the texts of a file, in the order of their places."""
    if file.suffix == ".ipynb":
        found = [
            replace(text, cell=place)
            for place, cell in enumerate(json.loads(file.read_text(encoding="utf-8"))["cells"])
            for text in (_code_texts if cell["cell_type"] == "code" else _page_texts)(file, "".join(cell["source"]))
        ]
    else:
        found = list(_READERS[file.suffix](file, file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda text: (text.cell or 0, text.line, text.column))


def _code_texts(file: Path, source: str) -> Iterator[Text]:
    """Yield the strings of a notebook's cell."""
    for text in _python_texts(file, _without_magics(source)):
        if text.kind in ("text", "line"):
            yield replace(text, kind="cell")


def _without_magics(source: str) -> str:
    """Return a cell as Python: lines that are for IPython or the shell are comments of the same length."""
    if source.startswith("%%"):
        return ""
    return re.sub(r"^[%!].*|^.*\?$", lambda found: "#" * len(found[0]), source, flags=re.MULTILINE)


def _python_texts(file: Path, source: str) -> Iterator[Text]:
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    docs = {id(node) for node in _docstrings(tree)}
    public = {id(node) for node in _public_docstrings(tree)}
    whole = {id(node) for node in _magic_docstrings(tree)}
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
            if id(node) in public | whole:
                yield Text(file, *start, *end, "doc", node.value.split("\n", 1)[0], False)
            if id(node) in whole:
                yield from _paragraphs(file, lines, start, end)
            continue
        written = _between(lines, start, end)
        if re.match(r"""[fF]?(\"{3}|'{3})""", written):
            yield from _lines(file, lines, start, end)
            continue
        merged = _merged(written)
        if not merged or not _is_prose(merged[0]):
            continue
        text = Text(file, *start, *end, "text", *merged)
        if (same := _parsed(_written(text, text.text))) and ast.dump(same) == ast.dump(node):
            yield text


def _is_prose(written: str) -> bool:
    prose = _PLACEHOLDER.sub("x", written)
    return not NO_PROSE.search(prose) and bool(WORDS.search(prose.replace("\\n", " ")))


def _lines(file: Path, lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> Iterator[Text]:
    """Yield the lines of a triple-quoted string that have words, as they are written."""
    for number in range(start[0], end[0] + 1):
        first = start[1] if number == start[0] else 0
        last = end[1] if number == end[0] else len(lines[number - 1])
        said = re.sub(r"""^[fF]?(\"{3}|'{3})|(\"{3}|'{3})$""", "", lines[number - 1][first:last].strip())
        said = said.removesuffix("\\").strip()
        if _is_prose(said):
            column = lines[number - 1].index(said, first)
            yield Text(file, number, column, number, column + len(said), "line", said, False)


def _paragraphs(file: Path, lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> Iterator[Text]:
    """Yield a docstring below its first line: each paragraph as one text, each line of what is indented more as one."""
    margin = " " * start[1]
    number = start[0] + 1
    while number < end[0]:
        last = number
        if re.match(rf"{margin}[^\s:-]", lines[number - 1]) and not re.match(rf"{margin}-", lines[number]):
            while last < end[0] - 1 and re.match(rf"{margin}\S", lines[last]):
                last += 1
            said = " ".join(line.strip() for line in lines[number - 1 : last])
            yield Text(file, number, len(margin), last, len(lines[last - 1].rstrip("\n")), "help", said, False)
        else:
            yield from _lines(file, lines, (number, 0), (number, len(lines[number - 1])))
        number = last + 1


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


def _magic_docstrings(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the docstrings that are a magic's help."""
    for node in ast.walk(tree):
        decorators = " ".join(map(ast.unparse, getattr(node, "decorator_list", [])))
        if re.search(r"\b(line|cell)_magic\b", decorators) and ast.get_docstring(node):
            yield node.body[0].value


def _exported(file: Path) -> list[str]:
    """Return the names in the `__all__` of a namespace (``fh.store``), if it is there."""
    for statement in ast.parse(file.read_text(encoding="utf-8")).body if file.exists() else []:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return ast.literal_eval(statement.value)
    return []


_PUBLIC: Final = {
    *re.findall(r"(?:as|import) (\w+)", (PACKAGE / "__init__.pyi").read_text(encoding="utf-8")),
    *_exported(PACKAGE / "store" / "__init__.py"),
    *_exported(PACKAGE / "local" / "__init__.py"),
    *_exported(PACKAGE / "comparing" / "scorers" / "registry.py"),
}


_TOKEN: Final = re.compile(
    r"""//[^\n]*|/\*.*?\*/"""
    r"""|(?<=[(,=:\[!&|?{};])\s*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+/"""
    r"""|(?P<quote>["'])(?P<plain>(?:\\.|(?!(?P=quote))[^\\\n])*)(?P=quote)"""
    r"""|`(?P<template>(?:\\.|\$\{(?:[^{}]|\{[^{}]*\})*\}|[^`\\])*)`""",
    re.DOTALL,
)
"""Of JavaScript: a comment, a regular expression, a string, a template."""


def _script_texts(file: Path, source: str) -> Iterator[Text]:
    for found in _TOKEN.finditer(source):
        part = "template" if found["template"] is not None else "plain"
        said = found[part]
        if said is None or "\n" in said or not _is_prose(said):
            continue
        before = source[: found.start(part)]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1)
        yield Text(file, line, column, line, column + len(said), "js", said, part == "template")


_BLOCK: Final = re.compile(r" *(?:(?:[-*+>]|\d+[.)]|#+) +)?")
"""What is before the text of a heading, an item of a list or a paragraph of Markdown."""


def _page_texts(file: Path, source: str) -> Iterator[Text]:
    """Yield what Markdown says outside of blocks of code; each block as one text, without its mark."""
    lines = source.splitlines()
    number = 0
    while number < len(lines):
        first, number = number, number + 1
        start = _BLOCK.match(lines[first]).end()
        if fence := re.match(r" *(`{3,})", lines[first]):
            while number < len(lines) and not lines[number].strip().startswith(fence[1]):
                number += 1
            number += 1
            continue
        if lines[first][:start].strip() or (start < 4 and lines[first].strip()):
            while not re.match(r"[|#]", lines[first]) and number < len(lines) and _continues(lines[number]):
                number += 1
            said = " ".join([lines[first][start:].strip(), *map(str.strip, lines[first + 1 : number])])
            if WORDS.search(said):
                yield Text(file, first + 1, start, number, len(lines[number - 1]), "prose", said, False)


def _continues(line: str) -> bool:
    """Whether a line of Markdown belongs to the block of the line before it."""
    return bool(line.strip()) and not re.match(r" *([-*+>] |\d+[.)] |#|\||```)", line)


_READERS: Final = {".py": _python_texts, ".js": _script_texts, ".md": _page_texts}


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
    for file in files():
        chosen = [text for text in texts(file) if text.key in edits]
        for text in chosen:
            left.pop(text.key, None)
            if Counter(_PLACEHOLDER.findall(edits[text.key])) != Counter(_PLACEHOLDER.findall(text.text)):
                refused.append(f"{text.key}: other placeholders: {edits[text.key]}")
            elif text.kind == "js" and _closes(text, edits[text.key]):
                refused.append(f"{text.key}: ends the string of the script: {edits[text.key]}")
        bad = {line.split(":")[0] for line in refused}
        if chosen := [text for text in chosen if text.key not in bad]:
            _write(file, chosen, edits)
    return refused + [f"{key}: no such text" for key in left]


def _closes(text: Text, new: str) -> bool:
    """Whether `new` has the quote of its string in a script, or what begins code in a template."""
    source = text.file.read_text(encoding="utf-8").splitlines()[text.line - 1]
    prose = _PLACEHOLDER.sub("", new)
    return bool(re.search(rf"(?<!\\){source[text.column - 1]}", prose)) or prose.endswith("\\")


def _write(file: Path, chosen: list[Text], edits: dict[str, str]) -> None:
    """Write a file with the new texts; what is Python still parses."""
    source = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        notebook = json.loads(source)
        for place in {text.cell for text in chosen}:
            cell = notebook["cells"][place]
            changed = _replaced("".join(cell["source"]), [text for text in chosen if text.cell == place], edits)
            if cell["cell_type"] == "code":
                ast.parse(_without_magics(changed))
            cell["source"] = changed.splitlines(keepends=True)
        source = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    else:
        source = _replaced(source, chosen, edits)
        if file.suffix == ".py":
            ast.parse(source)
    file.write_text(source, encoding="utf-8")


def _replaced(source: str, chosen: list[Text], edits: dict[str, str]) -> str:
    """Return a source with the new texts, from the last one to the first, so that places stay."""
    lines = source.splitlines(keepends=True)
    for text in sorted(chosen, key=lambda text: (text.line, text.column), reverse=True):
        new = edits[text.key]
        if text.kind == "doc":
            lines[text.line - 1] = lines[text.line - 1].replace(text.text, new, 1)
            continue
        if text.kind == "help":
            margin = " " * text.column
            new = textwrap.fill(new, 120 - text.column, break_long_words=False, break_on_hyphens=False)
            new = new.replace("\n", f"\n{margin}")
        elif text.kind == "prose" and not re.match(r"[|#]", lines[text.line - 1]):
            # A code stays in one line, and what would be a mark at the beginning of a line is not put there.
            held = re.sub(r"`[^`]*`", lambda code: code[0].replace(" ", "\0"), new)
            held = re.sub(r" (?=([-*+>#|=]+|\d+[.)])( |$))", "\0", held)
            new = textwrap.fill(held, 150 - text.column, break_long_words=False, break_on_hyphens=False)
            new = new.replace("\0", " ").replace("\n", "\n" + " " * text.column)
        elif text.kind == "text":
            new = _written(text, new)
        elif text.kind == "cell" and not _is_raw(lines, text):
            new = _literal(new, formatted=text.formatted)
        before = lines[text.line - 1][: text.column]
        after = lines[text.end_line - 1][text.end_column :]
        lines[text.line - 1 : text.end_line] = [before + new + after]
    return "".join(lines)


def _is_raw(lines: list[str], text: Text) -> bool:
    """Whether a text is written as it is, without quotes of its own: a line of a triple-quoted string."""
    return text.line == text.end_line and lines[text.line - 1][text.column : text.end_column] == text.text


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
    for file in files():
        for text in texts(file):
            print(text.key, text.kind, text.place, text.text, sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
