"""Cells of a newcomer: what is meant is what is sent, and a slip is one line before any call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from tests.notebook.magics.test_magic import Shell, hive, shell  # noqa: F401 - fixtures


@pytest.fixture
def local() -> LocalHive:
    """The session's own hive, with a workflow that says what it was sent."""
    made = session.local_hive()

    @made.workflow("echoing", variant="v")
    @made.workflow("echoing", variant="w")
    def echoing(
        ticket: str,
        tone: Literal["calm", "brief"] = "calm",
        max_words: int = 7,
        token: Annotated[str, fh.text(secret=True)] = "",
    ) -> dict[str, Any]:
        return {"ticket": ticket, "tone": tone, "max_words": max_words}

    return made


@pytest.fixture
def calls(local: LocalHive) -> Iterator[Any]:
    """How many calls the test has made so far."""
    before = len(local.calls)
    return lambda: len(local.calls) - before  # type: ignore[return-value]


def _outputs(shell: Shell) -> list[Any]:  # noqa: F811
    return list(shell.shell.user_ns["out"]["output"])


def _refused(shell: Shell, cell: str, told: str) -> str:  # noqa: F811
    """Run a cell that is refused, and return what it said."""
    result, said = shell.run(cell)
    assert result.error_in_exec is not None, said
    assert re.search(told, said), said
    return said


OVER = "%%fetchhive echoing -v v --over rows --out out\n"


def test_over_sends_what_the_body_names_and_nothing_else(shell: Shell, local: LocalHive) -> None:  # noqa: F811
    """A column that is called like a variable is not sent by itself; declared defaults are."""
    shell.shell.user_ns["rows"] = pd.DataFrame({"ticket": ["a"], "tone": ["brief"], "max_words": [99], "token": ["s3"]})
    _, said = shell.run(OVER + "ticket: '{{ row.ticket }}'")
    assert _outputs(shell) == [{"ticket": "a", "tone": "calm", "max_words": 7}]
    assert "s3" not in said  # and a password's column is not shown, sent or not
    assert "s3" not in shell.run("out")[1]
    shell.run(OVER + "ticket: '{{ row.ticket }}'\nmax_words: '{{ row.max_words }}'")
    assert _outputs(shell) == [{"ticket": "a", "tone": "calm", "max_words": 99}]


def test_over_an_empty_body_each_variable_takes_the_column_of_its_name(shell: Shell, local: LocalHive) -> None:  # noqa: F811
    """As ``fh.batch`` does."""
    shell.shell.user_ns["rows"] = pd.DataFrame({"ticket": ["a"], "tone": ["brief"], "other": [1]})
    shell.run(OVER + "# every column")
    assert _outputs(shell) == [{"ticket": "a", "tone": "brief", "max_words": 7}]


def test_over_a_required_variable_that_the_body_does_not_name_is_asked_for(shell: Shell, calls: Any) -> None:  # noqa: F811
    """With the line to write, where there is a column."""
    shell.shell.user_ns["rows"] = [{"ticket": "a"}]
    said = _refused(shell, OVER + "tone: calm", "ticket: ")
    assert 'write `ticket: "{{ row.ticket }}"`' in said
    assert calls() == 0


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_a_missing_value_inside_a_text_is_told_with_its_row(shell: Shell, calls: Any, missing: object) -> None:  # noqa: F811
    """It would be the word null, and paid for. Alone, it is the null that it is."""
    shell.shell.user_ns["rows"] = pd.DataFrame({"t": ["a", "b", missing]}, dtype=object)
    shell.shell.user_ns["x"] = missing
    told = r"row 2: ticket: \{\{ row\.t \}\} .*\{\{ row\.t or '' \}\}"
    _refused(shell, OVER + 'ticket: "T: {{ row.t }}"', told)
    _refused(shell, OVER + 'ticket: "T: {{ row.t if 1 else 0 }}"', re.escape("{{ (row.t if 1 else 0) or '' }}"))
    _refused(
        shell,
        '%%fetchhive echoing -v v\nticket: "T: {{ x }}"',
        r"\{\{ x \}\} .*\(None or NaN\)",
    )
    assert calls() == 0
    shell.run(OVER + "ticket: \"T: {{ row.t or '' }}\"")
    assert [output["ticket"] for output in _outputs(shell)] == ["T: a", "T: b", "T: "]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("ticket: 100% sure #1 customer", 1),
        ("tone: calm\nticket: hi {{ 1 }} #2", 2),
        ("ticket: '100% sure #1 customer'", None),
        ("ticket: |\n  100% sure #1 customer", None),
        ("ticket: {{ 'x' }} # a remark", None),
        ("ticket: hi\ntone: calm # or brief\nmax_words: 3 # enough", None),
        ("ticket: hi#1\n# ticket: ho", None),
        ('{"ticket": "sure #1"}', None),
        ("My order #12 broke: twice #1", None),
    ],
)
def test_a_remark_that_cuts_a_text_is_said(shell: Shell, local: LocalHive, body: str, line: int | None) -> None:  # noqa: F811
    """In a cell and over rows; not where there is nothing to lose."""
    shell.shell.user_ns["rows"] = [{}]
    for magic in ("%%fetchhive echoing -v v\n", OVER):
        result, said = shell.run(magic + body)
        assert result.error_in_exec is None, said
        assert (f"{line} of the " in said) == (line is not None)
        assert ("' #'" in said) == (line is not None)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("- ticket: hello", "1 of the .*'-' .*`ticket: hello`"),
        ("{'ticket': None, 'max_words': 3}", "1 of the .*None, .*True"),
        ("ticket: x\nmax_words: {a: [1, None]}", "2 of the .*None"),
        ("ticket:", "echoing: ticket: "),
        ("ticket: {{ nan }}", "echoing: ticket: "),
        ('ticket: "{{ x }}"', r"ticket: 3\.5 .*\{\{ str\(x\) \}\}"),
        ("{{ x }}", r"ticket: 3\.5 .*\{\{ str\(x\) \}\}"),
        ("ticket: 3.5", r"ticket: 3\.5 [^{]*$"),
        ("ticket: hi\n tone: brief", "2 of the "),
        ("ticket: |\n    hi\n  ho", "3 of the "),
        ('ticket: "he said "hi" to me"', r'1 of the .* " .*`name: \|`'),
        ("ticket: 'it's late'", r"1 of the .* ' .*`name: \|`"),
        ("ticket: [x\nmax_words: 3", r"2 of the .*\["),
    ],
)
def test_a_slip_in_the_body_has_a_cure_that_helps(shell: Shell, calls: Any, body: str, told: str) -> None:  # noqa: F811
    """One line, before any call."""
    shell.run("x, nan = 3.5, float('nan')")
    said = _refused(shell, f"%%fetchhive echoing -v v\n{body}", told)
    assert len(said.splitlines()) <= 2, said  # the notice of a newcomer's first cell is the other one
    assert calls() == 0


def test_what_python_and_yaml_both_say_is_sent(shell: Shell, local: LocalHive) -> None:  # noqa: F811
    """A list of texts, a word of Python in a text, and a dict without None are no slips."""
    for body, sent in (("- one\n- two", "- one\n- two"), ("ticket: None", "None"), ("{'ticket': 'x'}", "x")):
        result, said = shell.run(f"%%fetchhive echoing -v v\n{body}")
        assert result.error_in_exec is None, said
        assert result.result.output["ticket"] == sent


def test_a_column_of_numbers_for_a_text_is_one_line(shell: Shell, calls: Any) -> None:  # noqa: F811
    """Not one for each number; and leaving rows out is no cure where it is the template that is wrong."""
    shell.shell.user_ns["rows"] = pd.DataFrame({"m": range(500), "b": [True] * 500, "ticket": range(500)})
    rows = r"InputError: echoing: rows 0, 1, 2, 3, 4 and 495 \w+: ticket: "
    for body, told in (
        ('ticket: "{{ row.m }}"', r"\{\{ row\.m \}\} .*\{\{ str\(row\.m\) \}\}\n"),
        ('ticket: "{{ row.b }}"', r"\{\{ row\.b \}\} .*\{\{ str\(row\.b\) \}\}\n"),
        ("ticket: 42", r"42 [^{]*\n"),
        ("# by their names", r"0, 1, 2, … [^{]*\n"),
    ):
        said = _refused(shell, OVER + body, rows + told)
        assert "on_invalid" not in said
    assert calls() == 0


def test_what_a_cell_is_told_it_can_do(shell: Shell, local: LocalHive) -> None:  # noqa: F811
    """Options of ``fh.batch`` are not a cell's."""
    shell.shell.user_ns["rows"] = pd.DataFrame({"ticket": ["a", None]})
    said = _refused(shell, OVER + "ticket: '{{ row.ticket }}'", "row 1: ticket: ")
    assert "on_invalid" not in said
    shell.run("%%fetchhive echoing -v v\nticket: a")
    shell.shell.user_ns["rows"] = pd.DataFrame({"ticket": ["a"]})
    _, said = shell.run("%%fetchhive echoing -v v --over rows --dry-run\nticket: '{{ row.ticket }}'")
    assert re.search(r"\b1 job; 1 of 1 ", said)
    assert "reuse=" not in said


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("%%fetchhive dep -v v\nticket: x", r"\bdep .*'echoing'"),
        ("%%fetchhive dep -v v --over rows\nticket: x", r"\bdep .*'echoing'"),
        ("%%fetchhive $name -v v\nticket: x", r"\$name: "),
        ("%%fetchhive {name} -v v\nticket: x", r"\{name\}: "),
        ("%%fetchhive brief -v v\nticket: x", "'brief'; .*'support-triage' and 'echoing'"),
        ("%%fetchhive brief -v v --over rows\nticket: x", "'brief'"),
        ("%%fetchhive echoing -v v,w\nticket: x", "echoing: .* -v v -v w"),
        ("%%fetchhive echoing -v v --over rows.head(1)\nticket: x", r"'rows\.head\(1\)' .*: rows = rows\.head\(1\), \w+ --over rows"),
        ("%%fetchhive echoing -v v --over t.csv\nticket: x", r": rows = pd\.read_csv\('t\.csv'\), \w+ --over rows"),
        ("%%fetchhive echoing -v v --over t.tsv\nticket: x", r"rows = pd\.read_csv\('t\.tsv', sep='\\t'\), \w+ --over rows"),
        ("%%fetchhive echoing -v v --over t.xlsx#May\nticket: x", r"rows = 't\.xlsx#May', \w+ --over rows"),
        ("%%fetchhive echoing -v v --over t.jsonl\nticket: x", r": rows = 't\.jsonl', \w+ --over rows"),
    ],
)  # fmt: skip
def test_a_line_that_means_python_is_told_what_to_write(shell: Shell, calls: Any, cell: str, told: str) -> None:  # noqa: F811
    """A variable for its deployment, an expression for a frame, several variants in one word; before any call."""
    shell.run("import fh_notebook as fh\ndep = fh.Deployment('echoing')\nname = 'echoing'\nrows = [{}]")
    _refused(shell, cell, told)
    assert calls() == 0


def test_a_broken_catalogue_stops_no_cell_that_needs_none_of_it(
    shell: Shell,  # noqa: F811
    local: LocalHive,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    """The hive's own names are looked up first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fetchhive.yaml").write_text("deployments: [")
    result, said = shell.run("%%fetchhive echoing -v v\nticket: x")
    assert result.error_in_exec is None, said


def test_a_service_elsewhere_may_have_what_is_not_known_here(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """Only of a hive in this process all names are known."""
    result, said = shell.run("%%fetchhive nobody -v v\nticket: x")
    assert result.error_in_exec is None, said
    assert result.result.error_code == "not_found"


def test_a_call_written_as_a_line_is_told_of_its_body(shell: Shell) -> None:  # noqa: F811
    """IPython refuses a cell that has none."""
    _, said = shell.run("%fetchhive support-triage")
    assert re.search("%%fetchhive support-triage.*-v VARIANT", said)
