"""A form over rows written out: the cell and the Python code send just what the form sends, and have no secret."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.errors import InputError
from fh_notebook.local import LocalHive
from fh_notebook.notebook.forms.batch_code_export import as_cell_over, as_python_over
from fh_notebook.notebook.forms.model.row_mapping import RowMapping
from tests.notebook.magics.test_magic import Shell, shell  # noqa: F401 - the fixture

PASSWORD = "correct-horse-battery"
REPLY = fh.Deployment(
    "reply",
    variants=["plain"],
    inputs={
        "ticket": fh.text(),
        "words": fh.integer(),
        "tone": fh.text(required=False),
        "length": fh.integer(default=3),
        "note": fh.text(required=False),
        "token": fh.text(secret=True, required=False),
    },
)
FRAME = pd.DataFrame({"the body": ["It is late.", "Lost:\n{{ x }}"], "words": [3, 4], "note": ["of", "ours"]})
WANTED = [
    {"ticket": "It is late.", "words": 3, "tone": "calm: 1", "length": 3, "token": PASSWORD},
    {"ticket": "Lost:\n{{ x }}", "words": 4, "tone": "calm: 1", "length": 3, "token": PASSWORD},
]


class Reply(LocalHive):
    """Notes what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[dict[str, Any]] = []

        @self.workflow("reply", variant="plain")
        def plain(**inputs: Any) -> str:
            self.got.append(inputs)
            return "ok"

    def sorted(self) -> list[dict[str, Any]]:
        return sorted(self.got, key=lambda inputs: inputs["words"])


@pytest.fixture
def mapping() -> RowMapping:
    """A column of another name, one of its own, a constant, a default, a column that is left out, a secret."""
    made = RowMapping(REPLY, FRAME, {"tone": "calm: 1", "token": PASSWORD})
    made.take_column("ticket", "the body")
    made.take_nothing("note")
    return made


@pytest.fixture
def hive() -> Iterator[Reply]:
    """On a socket, as the session's service."""
    hive = Reply()
    with hive.serve() as server:
        fh.configure(base_url=server.url)
        yield hive


def test_the_cell_sends_what_the_form_sends(mapping: RowMapping, hive: Reply, shell: Shell) -> None:  # noqa: F811
    """Run by the magic itself, over the variable of that name."""
    cell = as_cell_over(mapping, ["plain"], rows="frame")
    assert PASSWORD not in cell
    shell.shell.user_ns.update(frame=FRAME, token=PASSWORD)
    result, said = shell.run(cell)
    assert result.success, said
    assert hive.sorted() == WANTED


def test_the_python_code_sends_what_the_form_sends(
    mapping: RowMapping, hive: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that is left out is dropped: a batch would take it."""
    code = as_python_over(mapping, ["plain"], rows="frame", repeats=2, delivery="callback")
    assert PASSWORD not in code
    assert (
        "frame.drop(columns=['note']), 'reply', variants=['plain'], inputs=inputs, repeats=2, delivery='callback'"
        in code
    )
    monkeypatch.setattr(getpass, "getpass", lambda _: PASSWORD)
    names: dict[str, Any] = {"frame": FRAME}
    code = code.replace(", repeats=2, delivery='callback'", ", progress=False")
    exec(compile(code, "<copied>", "exec"), names)
    assert hive.sorted() == WANTED


def test_names_that_mean_something_else_are_written_round(hive: Reply, shell: Shell) -> None:  # noqa: F811
    """A column that is a word of Python's is taken as an item; a secret never has the name of the rows."""
    frame = pd.DataFrame({"class": ["It is late."], "__doc__": [3]})
    mapping = RowMapping(REPLY, frame, {"token": PASSWORD})
    mapping.take_column("ticket", "class")
    mapping.take_column("words", "__doc__")
    cell = as_cell_over(mapping, ["plain"], rows="token")
    assert "row['class']" in cell
    assert 'token: "{{ token_ }}"' in cell
    assert "token_ = getpass(" in as_python_over(mapping, ["plain"], rows="token")
    shell.shell.user_ns.update(token=frame, token_=PASSWORD)
    result, said = shell.run(cell)
    assert result.success, said
    assert hive.got == [{"ticket": "It is late.", "words": 3, "length": 3, "token": PASSWORD}]


def test_a_column_that_no_cell_can_name_is_told() -> None:
    """With the way that is left."""
    mapping = RowMapping(fh.Deployment("d"), [{"a{b": 1}])
    with pytest.raises(InputError, match="cannot be named in a cell; copy it as Python"):
        as_cell_over(mapping, ["v"], rows="rows")
    assert "'a{b': 'a{b'" in as_python_over(mapping, ["v"], rows="rows")
