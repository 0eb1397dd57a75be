"""``.github/texts.py``: every text is dumped, and an edit changes that text and nothing else."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.long  # the whole package is read

ROOT = Path(__file__).parents[1]


def _texts(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / ".github" / "texts.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def _project(folder: Path, source: str) -> Path:
    """A package of one module, with the script beside it."""
    (folder / ".github").mkdir()
    shutil.copy(ROOT / ".github" / "texts.py", folder / ".github")
    (folder / "fh_notebook").mkdir()
    (folder / "fh_notebook" / "__init__.pyi").write_text("from fh_notebook.one import public as public\n")
    (folder / "fh_notebook" / "one.py").write_text(source)
    return folder


SOURCE = """\
\'\'\'What is in this module.\'\'\'


def public(name):
    \'\'\'Return a greeting.\'\'\'
    if not name:
        raise ValueError(
            f"there is no name {name!r}; "
            "give one"
        )
    return "SELECT name FROM people", f"hello to {name}", "word"
"""


def test_texts_are_edited_in_place(tmp_path: Path) -> None:
    """A module's docstring and a message of two literals; SQL and single words are no texts."""
    project = _project(tmp_path, SOURCE)
    lines = [line.split("\t") for line in _texts(project).stdout.splitlines()]
    assert [(kind, text) for _, kind, _, text in lines] == [
        ("doc", "What is in this module."),
        ("doc", "Return a greeting."),
        ("text", "there is no name {name!r}; give one"),
        ("text", "hello to {name}"),
    ]
    edits = tmp_path / "edits.tsv"
    edits.write_text(f'{lines[0][0]}\tGreetings.\n{lines[2][0]}\tno name {{name!r}}; say "a" name, don\'t guess\n')
    assert _texts(project, "--apply", str(edits)).returncode == 0
    changed = (project / "fh_notebook" / "one.py").read_text()
    names: dict[str, object] = {}
    exec(changed, names)
    assert names["__doc__"] == "Greetings."
    try:
        names["public"]("")  # type: ignore[operator]
    except ValueError as exc:
        assert str(exc) == "no name ''; say \"a\" name, don't guess"
    assert changed.splitlines()[-1] == SOURCE.splitlines()[-1]


def test_an_edit_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """A lost placeholder, and a text that is not there any more: nothing is written for them."""
    project = _project(tmp_path, SOURCE)
    [key] = [line.split("\t")[0] for line in _texts(project).stdout.splitlines() if "there is no name" in line]
    edits = tmp_path / "edits.tsv"
    edits.write_text(f"{key}\tno name; give one\nffffffffff\tsomething else here\n")
    done = _texts(project, "--apply", str(edits))
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    assert (project / "fh_notebook" / "one.py").read_text() == SOURCE


MAGIC = """\
@line_magic("say")
def say(line):
    '''Say something aloud.

    ::

        %say LOUD     with a loud voice

    It is heard by everybody
    who is near.

    Examples
    --------
    None yet.
    '''
    return EXITS


EXITS = '''exit codes:
  0  it was said
'''
"""

SCRIPT = (
    "const told = `${n} rows shown`; // a comment with words\nsay('it\\'s all over', /no words/, \"fh-dim fh-out\");\n"
)

EDITED = {
    "Return a number.": "Return 1.",
    "Say something aloud.": "Say it.",
    "%say LOUD     with a loud voice": "%say LOUD     loudly",
    "It is heard by everybody who is near.": "Everybody hears it.",
    "None yet.": None,
    "exit codes:": "codes at exit:",
    "0  it was said": "0  said and heard",
    "${n} rows shown": "${n} rows are shown",
    "it\\'s all over": "it is over",
    "{n} jobs left": "{n} jobs are left",
    "Nothing left": 'Nothing is "left"',
}
"""Every text of :func:`test_every_kind_of_text_is_edited`, and its edit."""


def test_every_kind_of_text_is_edited(tmp_path: Path) -> None:
    """A function of a namespace, a magic's help, lines of exit codes, a script, and the code of a notebook."""
    project = _project(tmp_path, MAGIC)
    package = project / "fh_notebook"
    (package / "store").mkdir()
    (package / "store" / "__init__.py").write_text("__all__ = ['count']\n")
    (package / "store" / "api.py").write_text("def count():\n    '''Return a number.'''\n    return 1\n")
    (package / "page.js").write_text(SCRIPT)
    cells = [
        {"cell_type": "markdown", "source": ["print('code')"]},
        {"cell_type": "code", "source": ["%say LOUD\n", "n = 1\n", "print(f'{n} jobs left', \"Nothing left\")"]},
    ]
    (project / "notebooks").mkdir()
    (project / "notebooks" / "one.ipynb").write_text(json.dumps({"cells": cells}, indent=1) + "\n")
    ids = {text: key for key, _, _, text in (line.split("\t") for line in _texts(project).stdout.splitlines())}
    assert set(ids) == set(EDITED)
    edits = tmp_path / "edits.tsv"
    edits.write_text("".join(f"{ids[text]}\t{new}\n" for text, new in EDITED.items() if new))
    assert _texts(project, "--apply", str(edits)).returncode == 0
    assert {line.split("\t")[3] for line in _texts(project).stdout.splitlines()} >= {
        *filter(None, {**EDITED, "Say something aloud.": None, "Nothing left": None}.values())
    } - {"Return 1."}
    assert (package / "store" / "api.py").read_text() == "def count():\n    '''Return 1.'''\n    return 1\n"
    assert (package / "one.py").read_text() == MAGIC.replace("something aloud", "it").replace(
        "with a loud voice", "loudly"
    ).replace("It is heard by everybody\n    who is near.", "Everybody hears it.").replace(
        "exit codes:", "codes at exit:"
    ).replace("it was said", "said and heard")
    assert (package / "page.js").read_text() == SCRIPT.replace("rows shown", "rows are shown").replace(
        "it\\'s all over", "it is over"
    )
    [_, code] = json.loads((project / "notebooks" / "one.ipynb").read_text())["cells"]
    assert code["source"] == ["%say LOUD\n", "n = 1\n", 'print(f"{n} jobs are left", \'Nothing is "left"\')']


PAGE = """\
# One page

A *call* that is made on
a service.

```python
print("no prose")
```
| a head | of a table |
|---|---|
- an item of
  two lines
- `code`
"""


def test_prose_is_edited_without_its_marks(tmp_path: Path) -> None:
    """Of the README, the guide and a notebook: headings, paragraphs, items and rows, and no code."""
    project = _project(tmp_path, "")
    (project / ".github" / "docs" / "guide").mkdir(parents=True)
    (project / "notebooks").mkdir()
    pages = [project / "README.md", project / ".github" / "docs" / "guide" / "one.md"]
    for page in pages:
        page.write_text(PAGE)
    notebook = project / "notebooks" / "one.ipynb"
    cell = {"cell_type": "markdown", "source": PAGE.splitlines(keepends=True)}
    notebook.write_text(json.dumps({"cells": [cell]}, indent=1) + "\n")
    lines = [line.split("\t") for line in _texts(project).stdout.splitlines()]
    texts = ["One page", "A *call* that is made on a service.", "| a head | of a table |", "an item of two lines"]
    assert [text for _, kind, _, text in lines if kind == "prose"] == texts * 3
    long = "many words " * 13 + "`a  b` plus - and more"
    edits = tmp_path / "edits.tsv"
    edits.write_text("".join(f"{key}\t{long}\n" for key, _, _, text in lines if text == texts[-1]))
    assert _texts(project, "--apply", str(edits)).returncode == 0
    items = "- " + "many words " * 12 + "many words\n  `a  b` plus - and more\n"
    edited = PAGE.replace("- an item of\n  two lines\n", items)
    assert [page.read_text() for page in pages] == [edited] * 2
    assert "".join(json.loads(notebook.read_text())["cells"][0]["source"]) == edited


def test_an_edit_that_ends_the_string_of_a_script_is_refused(tmp_path: Path) -> None:
    """Its quote, or a backslash before it."""
    project = _project(tmp_path, SOURCE)
    (project / "fh_notebook" / "page.js").write_text(SCRIPT)
    [key] = [line.split("\t")[0] for line in _texts(project).stdout.splitlines() if "it\\'s all over" in line]
    edits = tmp_path / "edits.tsv"
    for new in ("it's done", "it is done\\"):
        edits.write_text(f"{key}\t{new}\n")
        assert _texts(project, "--apply", str(edits)).returncode == 1
    assert (project / "fh_notebook" / "page.js").read_text() == SCRIPT


@pytest.fixture(scope="module")
def dumped() -> list[list[str]]:
    return [line.split("\t") for line in _texts(ROOT).stdout.splitlines()]


def test_the_package_is_dumped(dumped: list[list[str]]) -> None:
    """Some thousands of texts, each with an id of its own within its file."""
    assert len(dumped) > 2_000
    assert all(len(line) == 4 for line in dumped)


@pytest.mark.parametrize(
    ("kind", "place", "begins"),
    [
        ("line", "cli/canary.py", "0    no change is shown"),
        ("line", "cli/canary.py", "# once a day"),
        ("doc", "notebook/magics/extension.py", "Run a command about Fetch Hive"),
        ("line", "notebook/magics/extension.py", "%fetchhive history [NAME]"),
        ("help", "notebook/magics/extension.py", "The body is a YAML or JSON mapping"),
        ("text", "notebook/commands/registry.py", "ask for the API key"),
        ("doc", "comparing/scorers/text.py", "Return a scorer that checks whether the output contains"),
        ("doc", "store/api.py", "Write everything that is saved"),
        ("doc", "local/demo.py", "Return the demo's tickets as rows"),
        ("js", "notebook/browser/browser.js", "No rows match the filters"),
        ("js", "notebook/rater.js", "Nothing is left to rate"),
        ("cell", "how_to_dask.ipynb", "The parcel is late"),
        ("prose", "how_to_dask.ipynb", "How to run a batch on Dask"),
        ("prose", "README.md", "Fetch Hive is a hosted service"),
        ("prose", "guide/batch.md", "A batch calls a *deployment*"),
        ("cell", "04_batch_a_dataframe.ipynb", "{len(limited.frame)} answered"),
        ("text", "cli/completion.py", "print the code that enables Tab completion"),
        ("text", "local/http/server.py", "The hive listens on {listens}"),
        ("text", "core/asgi.py", "cannot {} {}:{}: {}; {} chooses a free port"),
        ("text", "notebook/commands/registry.py", "%fetchhive: unknown command {short(name)}; a call is a cell"),
        ("text", "session/probe.py", "{name}: {_ending(response)}; no further call"),
        ("text", "notebook/forms/views/run_bar.py", "{sent} (Ctrl+Enter"),
        ("line", "notebook/cell/options.py", "the body is a YAML or JSON mapping"),
        ("text", "client/connection.py", "the daily cap is used up; it is renewed at 00:00 UTC"),
    ],
)
def test_each_kind_of_text_is_in_the_dump(dumped: list[list[str]], kind: str, place: str, begins: str) -> None:
    """Of the package, and of its notebooks."""
    assert [line for line in dumped if line[1] == kind and place in line[2] and line[3].startswith(begins)]


@pytest.mark.parametrize(
    ("not_used", "used"),
    [
        (r"\bkept\b", "saved"),
        (r"\bcach(e|ed|es|ing)\b", "saved, or reused"),
        (
            r"\b[Pp]lan('?s'?)? (admits?|allows?|cap|concurrency|limit|daily)\b|\byour plan\b"
            r"|\b(cap|limits?) of (the|a) plan\b|\bFetch Hive's plans\b",
            "subscription",
        ),
    ],
)
def test_one_thing_has_one_word(dumped: list[list[str]], not_used: str, used: str) -> None:
    """Answers are saved and reused; a plan is that of a batch, and Fetch Hive has subscriptions."""
    shown = [(place, re.sub(r"\{[^{}]*\}", "", text)) for _, _, place, text in dumped]
    shown += [("CHANGELOG.md", line) for line in (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines()]
    assert [at for at in shown if re.search(not_used, at[1])] == [], f"the word is {used}"


def _strings(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module with their lines, without its docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes:
            yield node.lineno, node.value.strip(" .,;:^$")


def test_no_test_but_the_golden_ones_has_a_sentence_of_the_package(dumped: list[list[str]]) -> None:
    """A message is written anew without a test that fails: tests check values, names and states.

    The local hive says what the service says.
    """
    said = "\n".join(
        text for _, kind, place, text in dumped
        if kind in ("text", "js") and place.startswith("fh_notebook/") and not place.startswith("fh_notebook/local/")
    )  # fmt: skip
    places = {"golden", "benchmarks", "test_texts.py"}
    sentence = re.compile(r"(?:[\w-]+[,;:.]? ){3,}[\w-]+")
    found = [
        (str(file.relative_to(ROOT)), line, text)
        for file in (ROOT / "tests").rglob("*.py")
        if file.relative_to(ROOT / "tests").parts[0] not in places
        for line, text in _strings(file)
        if sentence.fullmatch(text) and len(re.findall(r"[A-Za-z]{3,}", text)) > 3 and text in said
    ]
    assert found == [], "check what the sentence tells: tests/told.py"
