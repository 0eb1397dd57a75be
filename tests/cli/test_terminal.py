"""Text for terminals and pipes."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.cli.terminal import ProgressLine, Style, shorten, table, terminal_width, typed, width


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "variables", "bold"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
    ids=["terminal", "pipe", "NO_COLOR", "empty NO_COLOR is unset", "dumb terminal"],
)
def test_control_codes_only_where_they_are_welcome(
    terminal: bool, variables: dict[str, str], bold: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never in a pipe, and not where NO_COLOR or a dumb terminal asks for none."""
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    style = Style(Terminal() if terminal else io.StringIO())
    assert ("\x1b[" in style.bold("x")) is bold


@pytest.mark.parametrize(
    ("terminal", "columns", "expected"),
    [(False, None, 80), (False, "100", 100), (True, "132", 132), (True, "20", 60)],
    ids=["pipe", "a pipe that was told", "terminal", "too narrow for any table"],
)
def test_width_of_the_page(terminal: bool, columns: str | None, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """80 in a pipe, COLUMNS where it is set, and never so narrow that no table fits."""
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert terminal_width(Terminal() if terminal else io.StringIO()) == expected


@given(st.text(), st.integers(min_value=1, max_value=100))
def test_a_shortened_text_fits_and_is_one_line(text: str, columns: int) -> None:
    """Whatever the signs, at most so many columns and no line end; what fits stays whole."""
    short = shorten(text, columns)
    assert width(short) <= columns
    assert len(short.splitlines()) <= 1
    if width(" ".join(text.split())) <= columns:
        assert short == " ".join(text.split())
    else:
        assert short.endswith("…")


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_table_fits_and_its_columns_are_straight(columns: int) -> None:
    """Wide signs count twice; the last column gives way; numbers are flush right."""
    rows = [["1", "returns", "商品のサイズが合わない" * 5], ["23", "a", "short\nand two lines"]]
    head, lines = table(["row", "label", "ticket"], rows, columns, right=[0])
    assert all(width(line) <= columns for line in (head, *lines))
    assert head.index("ticket") == 14
    assert lines[0].startswith("  1  returns  商")
    assert lines[1] == " 23  a        short and two lines"


def test_progress_in_a_pipe_is_one_line_at_the_end() -> None:
    """A log gets the result, not two hundred states on the way."""
    stream = io.StringIO()
    progress = ProgressLine(3, "calls", stream)
    progress.advance()
    progress.advance()
    assert stream.getvalue() == ""
    progress.close()
    assert stream.getvalue().startswith("[################........] 2/3 calls in ")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_progress_on_a_terminal_is_drawn_in_place() -> None:
    """One line, rewritten from its beginning, that ends with the last state."""
    stream = Terminal()
    progress = ProgressLine(2, "calls", stream)
    progress.advance()
    progress.advance()
    progress.close()
    assert stream.getvalue().startswith("\r\x1b[K")
    assert stream.getvalue().count("\n") == 1
    assert "2/2 calls" in stream.getvalue().rpartition("\r")[2]


def test_a_command_is_told_as_this_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name where that is ours; the path from here where the environment is not activated."""
    folder = tmp_path / "my env" / "bin"
    folder.mkdir(parents=True)
    for name in ("python", "pip"):
        (folder / name).touch(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert typed("pip") == "'my env/bin/pip'"
    monkeypatch.setenv("PATH", str(folder))
    assert typed("pip") == "pip"
    assert typed("not-installed") == "not-installed"
