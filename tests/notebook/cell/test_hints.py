"""Hints for a person who slips in a cell: what to write there, before any call."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.errors import InputError
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from tests.notebook.magics.test_magic import Shell, shell  # noqa: F401 - a fixture


@pytest.fixture
def local(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHive:  # noqa: F811
    """The session's own hive, with workflows of several kinds, and a deployment that a snippet showed."""
    monkeypatch.chdir(tmp_path)
    made = session.local_hive()

    @made.workflow("many", variant="v")
    def many(
        ticket: str,
        words: int = 3,
        when: date | None = None,
        tags: list[str] = [],  # noqa: B006
        sizes: list[int] = [],  # noqa: B006
    ) -> str:
        return ticket

    @made.workflow("single", variant="v")
    def single(ticket: str) -> str:
        return ticket

    @made.workflow("nothing", variant="v")
    def nothing() -> str:
        return "done"

    guessed = {"type": "object", "properties": {"topic": {"type": "string"}, "words": {"type": "integer"}}}
    fh.Deployment("brief", variants="v", inputs=guessed).save()
    shell.shell.user_ns.update(day=pd.Timestamp("2020-01-01"), rows=pd.DataFrame({"t": ["a"]}), pd=pd)
    return made


MANY = "%%fetchhive many -v v\nticket: x\n"
SINGLE = "%%fetchhive single -v v\n"
BRIEF = "%%fetchhive brief -v v\n"
ALL_THE_SAME = "fetchhive.yaml"


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (f"{MANY}words:", r"\bmany: words: "),
        (f"{MANY}words: null", r"\bmany: words: "),
        (f"{MANY}sizes: [1, null]", r"\bmany: sizes\[1\]: "),
        ("%%fetchhive many -v v --over rows\nticket: x\nwords:", r"\bmany: words: "),
        (f"{MANY}tags: late, lost", r"\btags:.*'late, lost'.*'late'.*'lost'"),
        (f"{MANY}tags: late", r"give \['late'\]"),
        (f"{MANY}tags: |\n  - late\n  - lost", r"give \['late', 'lost'\]"),
        (f"{MANY}sizes: 1, 2", r"give \[1, 2\]"),
        (f"{MANY}when: {{{{ day }}}}", r"\{\{ day\.date\(\) \}\}"),
        (f"{SINGLE}ticket: {{{{ row.t }}}}", r"\{\{ row\.t \}\}.*--over FRAME"),
        (f"{SINGLE}ticket:late", r"\b1 of the.*`ticket: late`"),
        (f"{SINGLE}ticket\uff1alate", r"\b1 of the.*`ticket: late`"),
        (f"{MANY}words:12", r"\b2 of the.*`words: 12`"),
        (f"{MANY}words\uff1a 12", r"\b2 of the.*`words: 12`"),
        ("%%fetchhive single -v v --over rows\nticket: {{ row }}", r"\{\{ row \}\}.*\{\{ row\.t \}\}"),
        (f"{SINGLE}ticket: # a text", r"\bticket:"),
        (f"{SINGLE}Hi: I am late", r"\bHi:.*`ticket: \|`"),
        (f"{SINGLE}subject: late\nfrom: me", r"subject, from: .*`ticket: \|`"),
        (f"{SINGLE}tickt: late", r"\btickt:.*'ticket'"),
        (f"{SINGLE}ticket: late\nHi: x", r"\bHi:.*'ticket'"),
        (f"{BRIEF}topc: x", f"topc: .*'topic'.*{ALL_THE_SAME}"),
        (f"{BRIEF}Topic: x\nwords: 3", r"\bTopic:.*'topic'"),
        ("%%fetchhive brief -v v --over rows\ntopc: x", f"'topic'.*{ALL_THE_SAME}"),
        (f"{BRIEF}# remark", r"\bbrief:.*`name: value`"),
        ("%%fetchhive brief -v v --over rows\n#", r"\(topic, words\)"),
    ],
)  # fmt: skip
def test_a_slip_has_the_cure_for_a_cell(shell: Shell, local: LocalHive, cell: str, told: str) -> None:  # noqa: F811
    """In one line; the hive hears nothing."""
    before = len(local.calls)
    result, said = shell.run(cell)
    assert isinstance(result.error_in_exec, InputError), said
    assert re.search(told, said)
    assert len(local.calls) == before


@pytest.mark.parametrize("body", ["# remark", "\n \n#"])
def test_an_undeclared_deployment_is_not_called_with_nothing(body: str) -> None:
    """An empty body is a forgotten one; ``{}`` says that there is nothing to give."""
    from fh_notebook.notebook.cell.request import read_cell

    with pytest.raises(InputError, match="`name: value`.*{}"):
        read_cell(body, name="mystery", variants=("v",))
    assert read_cell("{}", name="mystery", variants=("v",)).inputs == {}


def test_what_takes_nothing_needs_nothing(shell: Shell, local: LocalHive) -> None:  # noqa: F811
    """A declared deployment without Start variables, or with defaults for all that it needs."""
    for body in ("#", "{}"):
        result, said = shell.run(f"%%fetchhive nothing -v v\n{body}")
        assert result.error_in_exec is None, said
        assert result.result.output == "done"


def test_other_names_of_an_open_deployment_are_sent(shell: Shell, local: LocalHive) -> None:  # noqa: F811
    """A name that is no slip, one beside the variable that it resembles, and whatever an expression gives."""
    for body, names in (
        ("topic: a\ntone: calm", ["topic", "tone"]),
        ("topic: a\ntopc: b", ["topic", "topc"]),
        ("{{ {'topc': 'x'} }}", ["topc"]),
    ):
        result, said = shell.run(f"%%fetchhive brief -v v --dry-run\n{body}")
        assert result.error_in_exec is None, said
        assert all(f'"{name}": ' in said for name in names)


def test_a_text_that_reads_as_names_of_an_open_deployment_is_told(shell: Shell, local: LocalHive) -> None:  # noqa: F811
    """It may be what was meant, so it is sent."""
    fh.Deployment("one", variants="v", inputs={"type": "object", "properties": {"topic": {"type": "string"}}}).save()
    result, said = shell.run("%%fetchhive one -v v --dry-run\nHi: I am late")
    assert result.error_in_exec is None, said
    assert re.search(r"\bHi:", said)


@pytest.mark.parametrize(
    ("source", "cure"),
    [
        ("day", "{{ day.date() }}"),
        ("pd.Timestamp('2020-01-01')", "{{ pd.Timestamp('2020-01-01').date() }}"),
        ("day + pd.Timedelta(1, 'D')", "{{ (day + pd.Timedelta(1, 'D')).date() }}"),
    ],
)
def test_a_timestamp_for_a_day_is_told_how_it_becomes_one(source: str, cure: str) -> None:
    """With the expression that stands in the cell; and in Python with the day."""
    from tests.notebook.cell.test_parser import call_of

    names: dict[str, Any] = {"pd": pd, "day": pd.Timestamp("2020-01-01")}
    deployment = fh.Deployment("d", variants="v", inputs={"when": fh.date()})
    with pytest.raises(InputError) as caught:
        call_of(f"when: {{{{ {source} }}}}", names, deployment).requests()
    assert str(caught.value).endswith(cure)
    assert call_of(f"when: {cure}", names, deployment).requests()[0].inputs["when"].startswith("2020-01-0")
    [problem] = deployment.problems({"when": eval(source, dict(names))})
    assert problem.endswith("'2020-01-0" + ("2'" if "+" in source else "1'"))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("fh.invoke(3, variant='x')", r"InputError: \w+ is 3; .*Deployment"),
        ("await fh.ainvoke(None, variant='x')", r"InputError: \w+ is None; .*Deployment"),
        ("fh.invoke({'a': 1})", r"InputError: \w+ is \{'a': 1\}; .*Deployment"),
        ("fh.Deployment.from_snippet(None)", "SnippetError: .* None; "),
        ("fh.Deployment.from_snippet(b'curl')", "SnippetError: .* bytes;"),
        ("fh.history(3)", r"InputError: \w+ is 3; .*Deployment"),
    ],
)
def test_a_wrong_kind_of_argument_is_one_line(shell: Shell, local: LocalHive, call: str, told: str) -> None:  # noqa: F811
    """And no error from inside."""
    shell.run("import fh_notebook as fh")
    before = len(local.calls)
    _, said = shell.run(call)
    assert re.match(told, said)
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) <= 2, said  # the notice of a newcomer's first call is the other one
    assert len(local.calls) == before


def test_history_takes_the_name_as_the_line_does(shell: Shell, local: LocalHive) -> None:  # noqa: F811
    """``fh.history("single")`` is ``%fetchhive history single``."""
    shell.run(f"{SINGLE}ticket: late")
    assert list(fh.history("single")["output"]) == list(fh.history(deployment="single")["output"]) == ["late"]


def test_an_invalid_declaration_in_code_is_shown_and_raises_nothing() -> None:
    """A default that does not fit is a problem of the value, when it is sent; a form shows it."""
    odd = fh.Deployment(
        "odd",
        variants="v",
        inputs={
            "a": fh.integer(default="x"),  # type: ignore[arg-type]
            "b": fh.integer(minimum=5, maximum=1, required=False),
            "c": {"type": "string", "mimimum": 3},
        },
    )
    assert [problem[:2] for problem in odd.problems({"a": "x", "c": "y"})] == ["a:"]
    with pytest.raises(InputError, match="a: .*'x'"):
        odd.complete({"c": "y"})
    from fh_notebook.notebook.commands.description import Description

    assert "x" in repr(Description(odd))
