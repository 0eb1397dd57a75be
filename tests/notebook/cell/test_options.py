"""The options of ``%%fetchhive``, in a real shell against the local hive."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.contract.output import OutputOptions, output_view
from fh_notebook.local import LocalHive
from fh_notebook.notebook.cell.options import parser
from fh_notebook.notebook.results.cards import SideBySide
from tests.notebook.magics.test_magic import Shell, hive, shell  # noqa: F401 - fixtures
from tests.told import tells

ROWS = "import pandas as pd\nrows = pd.DataFrame({'said': ['hi', 'ho'], 'items': [1, 2], 'want': ['hi', 'no']})"


def test_metadata_goes_along(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """NAME=VALUE, numbers and booleans with their kind."""
    result, said = shell.run(
        "%%fetchhive echo -v plain --metadata case=42 --metadata who=me --metadata ok=true\ntext: hi"
    )
    assert result.error_in_exec is None, said
    assert result.result.metadata == {"case": 42, "who": "me", "ok": True}
    assert hive.calls[-1].metadata == {"case": 42, "who": "me", "ok": True}


def test_metadata_in_quotes_is_the_text_that_stands_there(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """Braces too, which are then no JSON that lost its quotes."""
    result, said = shell.run(
        """%%fetchhive echo -v plain --metadata 'a={"x": 1}' --metadata b={x} --metadata "c=[d e]"\ntext: hi"""
    )
    assert result.error_in_exec is None, said
    assert hive.calls[-1].metadata == {"a": '{"x": 1}', "b": "{x}", "c": "[d e]"}


def test_repeats_and_max_calls(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """Each call N times; more calls than allowed are refused before the first."""
    result, said = shell.run("%%fetchhive echo -v plain --repeats 3 --out runs\ntext: hi")
    assert result.error_in_exec is None, said
    assert len(shell.shell.user_ns["runs"]) == len(hive.calls) == 3
    _, said = shell.run("%%fetchhive echo -v plain -v loud --repeats 3 --max-calls 5\ntext: hi")
    assert re.search(r"\bInputError.*\b6\b.*--max-calls.*\b5\b", said)
    assert len(hive.calls) == 3


def test_the_help_says_what_an_option_does_in_a_cell() -> None:
    """Of each option its own text; what stands there of an option of `fh.batch` is said for a cell."""
    actions = [action for action in parser().actions if action.help != argparse.SUPPRESS]
    texts = {action.dest: " ".join((action.help or "").replace("%%", "%").split()) for action in actions}
    assert all(len(text) > 10 for text in texts.values()), texts
    assert len(set(texts.values())) == len(texts)
    shown = " ".join(parser().format_help().split())
    for action in actions:
        assert all(name in shown for name in action.option_strings or [str(action.metavar)])
        assert texts[action.dest] in shown
    assert {"over", "out", "max_calls", "repeats", "score", "metadata"} <= set(texts)
    words = {word for text in texts.values() for word in re.findall(r"\b\w+=", text)}
    assert not words, "arguments of Python's, which a cell does not have"


def test_a_number_is_the_one_that_is_written(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """No digit is dropped; a number of calls that nobody meant is refused before a request is made of it."""
    _, said = shell.run("%%fetchhive echo -v plain --repeats 999999999 --max-calls 5\ntext: hi")
    assert re.search(r"\bInputError.*\b999999999\b.*--max-calls.*\b5\b", said)
    for text in ("1234567890", "9" * 5000, "٣", "1.5", "-1", "000"):
        _, said = shell.run(f"%%fetchhive echo -v plain --repeats={text}\ntext: hi")
        assert tells(said, "--repeats", "1", "999,999,999")
        assert len(said) < 300
    _, said = shell.run("%%fetchhive echo -v plain --repeats 0000000003 --dry-run\ntext: hi")
    assert "Dry run: 3 calls" in said
    assert len(hive.calls) == 0


def test_over_runs_the_body_once_for_each_row(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """Cells of the row by name, also one called like a method, in generators too; the frame is the
    result; it resumes.
    """
    shell.run(ROWS)
    cell = (
        "%%fetchhive echo -v plain -v loud --over rows --out out\n"
        "text: \"{{ ' '.join(w for w in row.said.split() if w != row['want'] or True) }} {{ row.items }}\""
    )
    result, said = shell.run(cell)
    assert result.error_in_exec is None, said
    frame = shell.shell.user_ns["out"]
    assert isinstance(frame, pd.DataFrame)
    assert list(frame[frame["variant"] == "plain"]["output"]) == ["hi 1", "ho 2"]
    assert shell.shell.user_ns["_"].equals(frame)
    shell.run(cell)
    assert len(hive.calls) == 4


@pytest.mark.parametrize("name", ["\u00b5g", "cafe\u0301", "\uff83\uff77\uff7d\uff84", "\ufb01le", "\u03bcg"])
def test_a_name_is_read_as_python_reads_names(shell: Shell, hive: LocalHive, name: str) -> None:  # noqa: F811
    """Python folds them: a variable or a column with a micro sign, a separate accent or half-width letters is found."""
    shell.run(f"{name} = [{{{name!r}: 'hi'}}, {{{name!r}: 'ho'}}]")
    result, said = shell.run(
        f"%%fetchhive echo -v plain --over {name} --out {name}_out\ntext: '{{{{ row.{name} }}}} {{{{ row[\"{name}\"] }}}}'"
    )
    assert result.error_in_exec is None, said
    assert shell.run(f"{name}_out.output.tolist()")[0].result == ["hi hi", "ho ho"]
    assert "'nobody'" in shell.run(f"%%fetchhive echo -v plain --over {name}\ntext: '{{{{ row.nobody }}}}'")[1]


def test_over_with_a_score_compares(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """Which variant is right by a column of the rows."""
    shell.run(ROWS)
    result, said = shell.run("%%fetchhive echo -v plain --over rows --score exact:want\ntext: '{{ row.said }}'")
    assert result.error_in_exec is None, said
    assert "Comparison" in said
    assert "plain is right on 50 % of 2 runs" in said


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (
            "%%fetchhive echo -v plain --over nobody\ntext: x",
            "^InputError: echo: --over nobody: ",
        ),
        (
            "%%fetchhive echo -v plain --over rows\ntext: '{{ row.nobody }}'",
            "^InputError: echo: .*\\b0, 1: text: .*'nobody'.*\\bsaid, items, want$",
        ),
        ("%%fetchhive echo --over rows\ntext: x", "^InputError: echo: .* -v NAME$"),
        ("%%fetchhive --over rows\ntext: x", "^InputError: --over "),
        ("%%fetchhive echo -v plain --over rows\ncurl https://x/v1/workflow/invoke -d '{}'", "not a snippet"),
        ("%%fetchhive echo -v plain --score exact\ntext: x", "UsageError: %%fetchhive: --score needs --over"),
        (
            "%%fetchhive echo -v plain --score bleu --over rows\ntext: x",
            "--score: 'bleu' .*exact:COLUMN",
        ),
        ("%%fetchhive echo -v plain --all-variants\ntext: x", "^UsageError: .* -v .*--all-variants"),
        ("%%fetchhive echo --all-variants\ntext: x", "echo: .* -v$"),
        ("%%fetchhive echo -v plain --repeats 0\ntext: x", r"--repeats: '0' .*\b1 .*\b999,999,999\b"),
        ("%%fetchhive echo -v plain --metadata x\ntext: x", "'x' is not NAME=VALUE"),
        ("%%fetchhive echo -v plain --api-key fhk_123\ntext: x", "UsageError: .*%fetchhive login"),
        ("%%fetchhive echo -v plain --apikey fhk_123\ntext: x", "UsageError: .*%fetchhive login"),
        ("%%fetchhive echo -v plain --api_token=fhk_123\ntext: x", "UsageError: .*%fetchhive login"),
        ("%%fetchhive echo -v plain --colour fhk_123\ntext: x", r" --colour\. "),
        ("%%fetchhive echo -v plain -cfhk_123\ntext: x", r" -c\. "),
        (
            "%%fetchhive echo \u2014all-variants\ntext: x",
            "^UsageError: .*'all-variants' .* --all-variants\\.",
        ),
        ("%%fetchhive echo \u2013v plain\ntext: x", r"^UsageError: .*'v' .* -v\."),
        (
            "%%fetchhive \u2014\u2014zzz=fhk_123 echo\ntext: x",
            r"^UsageError: .*'zzz' (?!.* --?zzz)",
        ),
        ("%%fetchhive echo -v plain \u2014api-key=fhk_123\ntext: x", "UsageError: .*%fetchhive login"),
        (
            "%%fetchhive echo \\\n  -v plain\ntext: x",
            r" \\; ",
        ),
        ("%%fetchhive echo -v plain loud\ntext: x", "^UsageError: .*'loud'.* -v "),
        ("%%fetchhive echo -v plain --metadata a=1 --metadata a=2\ntext: x", "^UsageError: .*--metadata a (?!.*=)"),
        (
            '%%fetchhive echo -v plain --metadata a={"x":1}\ntext: x',
            r"--metadata a: .*'\{x:1\}'.*--metadata 'a=\{.*\}'$",
        ),
        ("%%fetchhive echo -v plain --over rows --out rows\ntext: x", "^UsageError: .*--out rows "),
        *(
            (
                f"%%fetchhive echo -v plain --out {name}\ntext: x",
                f"--out: '{name}' .*IPython",
            )
            for name in ("_", "__", "___", "_1", "_i", "_i3", "_oh", "In", "Out")
        ),
        ("%%fetchhive echo -v plain --out pd\ntext: x", r"^InputError: --out pd .*\bpd; "),
        ("%%fetchhive echo -v plain --show picture\ntext: x", "'picture' is not one of text, markdown"),
    ],
)
def test_wrong_options_are_one_line_and_no_call(shell: Shell, hive: LocalHive, cell: str, told: str) -> None:  # noqa: F811
    """Each with its cure."""
    shell.run(ROWS)
    result, said = shell.run(cell)
    assert result.error_in_exec is not None
    assert re.search(told, said)
    assert len(said.strip().splitlines()) == 1, said
    assert "fhk_123" not in said
    assert len(hive.calls) == 0


def test_a_dry_run_over_rows_shows_the_plan_and_calls_nothing(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """How many calls it would be."""
    shell.run(ROWS)
    result, said = shell.run("%%fetchhive echo -v plain -v loud --over rows --dry-run\ntext: '{{ row.said }}'")
    assert result.error_in_exec is None, said
    assert "4 calls" in said
    assert said.startswith("Dry run: echo: 2 rows x 2 variants = 4 jobs; 4 calls; ")
    assert len(hive.calls) == 0


@pytest.mark.parametrize("show", ["text", "markdown", "json", "table"])
def test_outputs_are_shown_in_the_form_that_is_asked_for(shell: Shell, hive: LocalHive, show: str) -> None:  # noqa: F811
    """And the result is the same run."""
    result, said = shell.run(f"%%fetchhive echo -v loud --show {show} --out run\ntext: hi")
    assert result.error_in_exec is None, said
    assert shell.shell.user_ns["run"].output == {"said": "HI"}
    assert shell.shell.user_ns["_"] is shell.shell.user_ns["run"]


def test_hostile_markdown_is_inert() -> None:
    """HTML is text, pictures are not fetched, links of other kinds than http and mailto are no links."""
    text = (
        "# Title\n<script>x</script> ![p](http://192.0.2.1/p.png) [a](javascript:alert(1)) [b](https://ok.example)\n\n"
        "|a|b|\n|-|-|\n|1|<img src=x>|\n\n<a <a href='javascript:x'>y</a> [c](data:text/html,x) \u202e"
    )
    page = output_view(text, OutputOptions(whole="there is all", form="markdown"))
    assert "<h2>" in page
    assert "<table" in page
    assert 'href="https://ok.example"' in page
    for forbidden in ("<script", "<img", 'href="javascript', "<a href='javascript", 'href="data:text', "\u202e"):
        assert forbidden not in page


def test_tables_of_a_model_are_capped() -> None:
    """100,000 names or 300 rows of long texts do not freeze a page."""
    wide = fh.Run(status="completed", output={f"n{i}": "x" for i in range(100_000)})
    tall = fh.Run(status="completed", output=[{f"c{j}": "y" * 30_000 for j in range(40)} for _ in range(300)])
    for run in (wide, tall):
        assert len(SideBySide([run], show="table")._repr_html_()) < 1_500_000


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (
            "%%fetchhive support-triage -v keyword\nticket: x",
            "'keyword'.*'keywords'",
        ),
        ("%%fetchhive support-triage -v keywords\nticket: 42", r"^InputError: support-triage: ticket: 42 "),
        (
            "%%fetchhive support-triage -v keywords --out len\nticket: x",
            "--out: 'len' .*Python ",
        ),
        ("%%fetchhive support-triage -v keywords --over rows --score exact:wnt\nticket: x", r"'wnt'; .* 'want'\?"),
    ],
)
def test_what_is_known_is_checked_before_any_call(shell: Shell, cell: str, told: str) -> None:  # noqa: F811
    """The local hive's own deployments: a misspelt variant or column, a number for a text."""
    shell.run(ROWS)
    result, said = shell.run(cell)
    assert result.error_in_exec is not None
    assert re.search(told, said)


def test_strange_names_of_a_catalogue_can_be_used(
    shell: Shell,  # noqa: F811
    hive: LocalHive,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A deployment whose name begins with a dollar; the cure for a variable spells it as YAML has it."""
    monkeypatch.chdir(tmp_path)
    fh.Deployment("$odd", variants=["plain"], inputs={"x: y": fh.text(), "#z": fh.text()}).save()
    shell.run("rows = [{'#z': 'a'}]")
    assert "Dry run: 1 call" in shell.run("%%fetchhive $odd --dry-run\n'x: y': a\n'#z': b")[1]
    _, said = shell.run("%%fetchhive $odd --over rows\n'x: y': a")
    assert """write `"#z": "{{ row['#z'] }}"`""" in said
    _, said = shell.run("%%fetchhive $odd --over rows\n'#z': a")
    assert """write `"x: y": value`""" in said
    assert re.match(r"InputError: \$name: ", shell.run("%%fetchhive $name -v plain\na: 1")[1])
