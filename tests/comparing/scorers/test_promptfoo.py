"""`fh.read_promptfoo`: tests as rows, their assertions as a scorer, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.contract.run import Run

CONFIG = """
prompts: ["Answer {{ticket}}"]
providers: [echo]
defaultTest:
  vars: {team: support}
  assert:
    - type: not-icontains
      value: SORRY
tests:
  - description: parcel
    vars: {ticket: "Where is my parcel?"}
    metadata: {language: en}
    assert:
      - type: contains
        value: "{{ team }}"
      - type: llm-rubric
        value: is polite
  - vars:
      ticket: [late, lost]
      tone: [calm, brief]
    assert:
      - type: javascript
        value: output.length < 10
  - vars: {ticket: order}
    options: {disableDefaultAsserts: true}
    assert:
      - type: equals
        value: billing
"""


def read(folder: Path, text: str, name: str = "promptfooconfig.yaml") -> fh.PromptfooTests:
    """Return what is read of a file with this text."""
    (folder / name).write_text(text)
    return fh.read_promptfoo(folder / name)


def scored(tests: fh.PromptfooTests, row: int, output: Any, **more: Any) -> Any:
    """Return the score of an output of a row."""
    return tests.score(Run(status="completed", output=output, **more), tests.rows.iloc[row].to_dict())


def test_a_configuration_is_rows_with_what_is_expected(tmp_path: Path) -> None:
    """What holds for every test is in each; values in lists are combined; the service is sent no assertion."""
    tests = read(tmp_path, CONFIG)
    rows = tests.rows
    assert rows["ticket"].tolist() == ["Where is my parcel?", "late", "late", "lost", "lost", "order"]
    assert rows["tone"].tolist()[1:5] == ["calm", "brief", "calm", "brief"]
    assert rows["team"].tolist() == ["support"] * 6
    assert rows["metadata.language"].tolist()[0] == "en"
    assert rows["expected_output"].tolist()[5] == "billing"
    assert rows["expected_output"][0] == [
        {"type": "not-icontains", "value": "SORRY"}, {"type": "contains", "value": "support"},
    ]  # fmt: skip
    assert tests.left_out == {"llm-rubric": 1, "javascript": 1}
    assert repr(tests) == "PromptfooTests: 6 rows; left out: 1 llm-rubric, 1 javascript"
    assert [scored(tests, 0, output) for output in ("to support", "to sales", "Sorry, support")] == [True, False, False]
    assert [scored(tests, 5, output) for output in ("billing", "sorry")] == [True, False]


def test_a_batch_is_scored_by_the_assertions_of_its_rows(tmp_path: Path) -> None:
    """Through the store, and what a CSV holds as short forms."""
    csv = 'ticket,__expected1,__expected2\nlate,contains:late,not-regex:\\d\nlost 7,"icontains-any:LOST, gone",not-regex:\\d\nx,x,\ny,,\n'
    tests = read(tmp_path, csv, "tests.csv")
    hive = fh.local.LocalHive()

    @hive.workflow("echo", variant="v")
    def echo(ticket: str) -> str:
        return ticket

    with hive.client() as client:
        fh.batch(tests.rows, "echo", client=client, name="echo", progress=False)
        table = fh.compare(fh.open_batch("echo", client=client), score=tests.score).scores()
    assert table["promptfoo()"].tolist()[:3] == [1.0, 0.0, 1.0]
    assert table["promptfoo()"].isna().tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("assertion", "passes", "fails"),
    [
        ({"type": "equals", "value": "late"}, "late", "later"),
        ({"type": "equals", "value": {"a": 1}}, {"a": 1}, {"a": 2}),
        ({"type": "contains", "value": "Late"}, "is Late", "is late"),
        ({"type": "contains", "value": 7}, "day 7", "day 8"),
        ({"type": "contains", "value": " kg"}, "5 kg", "5kg"),
        ({"type": "equals", "value": ["a"]}, ["a"], "a"),
        ({"type": "icontains", "value": "LATE"}, "is late", "is lost"),
        ({"type": "contains-any", "value": ["a", "b"]}, "xb", "xc"),
        ({"type": "contains-all", "value": "a, b"}, "ba", "a"),
        ({"type": "icontains-all", "value": ["A", "B"]}, "ba", "a"),
        ({"type": "icontains-any", "value": ["A"]}, "a", "b"),
        ({"type": "starts-with", "value": "Dear"}, "Dear you", "My dear"),
        ({"type": "regex", "value": "^\\d+$"}, "12", "a12"),
        ({"type": "is-json"}, '{"a": 1}', "{a"),
        ({"type": "is-json", "value": {"type": "object", "required": ["a"]}}, '{"a": 1}', "{}"),
        ({"type": "is-json", "value": "type: object\nrequired: [a]"}, '{"a": 1}', "{}"),
        ({"type": "not-contains", "value": "x"}, "y", "x"),
    ],
)
def test_each_kind_of_assertion(tmp_path: Path, assertion: dict[str, Any], passes: Any, fails: Any) -> None:
    """As the scorer of ours that it is, also from JSON."""
    tests = read(tmp_path, json.dumps([{"vars": {"x": "y"}, "assert": [assertion]}]), "tests.json")
    assert (scored(tests, 0, passes), scored(tests, 0, fails)) == (True, False)
    assert not tests.left_out


def test_a_threshold_is_reached_by_the_weighted_mean(tmp_path: Path) -> None:
    """Of a test; that of latency is in milliseconds."""
    tests = read(
        tmp_path,
        "- vars: {x: y}\n  threshold: 0.5\n  assert:\n  - {type: contains, value: a, weight: 3}\n  - {type: contains, value: b}\n"
        "- vars: {x: z}\n  assert:\n  - {type: latency, threshold: 500}\n",
        "tests.yaml",
    )
    assert [scored(tests, 0, output) for output in ("a", "b", "ab", "c")] == [True, False, True, False]
    assert [scored(tests, 1, "x", elapsed_s=seconds) for seconds in (0.4, 0.6, 0.0)] == [True, False, None]


def test_tests_in_other_files_are_read(tmp_path: Path) -> None:
    """Beside the configuration, by their names."""
    (tmp_path / "more.csv").write_text("ticket,__expected\nlate,late\n")
    (tmp_path / "lines.jsonl").write_text('{"vars": {"ticket": "lost"}, "assert": [{"type": "is-json"}]}\n')
    tests = read(tmp_path, "tests: [file://more.csv, lines.jsonl]\ndefaultTest: {vars: {team: a}}\n")
    assert tests.rows[["ticket", "team"]].values.tolist() == [["late", "a"], ["lost", "a"]]


@pytest.mark.parametrize(
    ("assertion", "kind"),
    [
        ({"type": "similar", "value": "x"}, "similar"),
        ({"type": "contains", "value": "{{ x | upper }}"}, "contains"),
        ({"type": "contains", "value": "file://x.txt"}, "contains"),
        ({"type": "contains", "value": "x", "transform": "output.trim()"}, "contains"),
        ({"type": "assert-set", "assert": []}, "assert-set"),
        ("x", "?"),
    ],
)
def test_what_is_not_read_is_listed(tmp_path: Path, assertion: Any, kind: str) -> None:
    """And its row has no score where nothing else is expected."""
    tests = read(tmp_path, json.dumps({"tests": [{"vars": {"x": "y"}, "assert": [assertion]}]}), "c.json")
    assert tests.left_out == {kind: 1}
    assert scored(tests, 0, "x") is None


def test_files_that_name_each_other_are_one_line(tmp_path: Path) -> None:
    """By whatever path; a file that two others name is read twice."""
    (tmp_path / "b.json").write_text(json.dumps([f"file://../{tmp_path.name}/a.yaml"]))
    with pytest.raises(fh.InputError, match=r"^a\.yaml: .*\bb\.json"):
        read(tmp_path, "tests: [b.json]\n", "a.yaml")
    (tmp_path / "b.json").write_text(json.dumps([{"vars": {"x": "y"}}]))
    assert len(read(tmp_path, "tests: [b.json, b.json]\n", "a.yaml").rows) == 2


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("tests: []\n", "c.yaml", "c.yaml: .*tests"),
        ("prompts: [a]\n", "c.yaml", "c.yaml: .*tests"),
        ("a: [", "c.yaml", "line 1"),
        ("{", "c.json", "c.json: "),
        ("tests: ['file://make.py']\n", "c.yaml", "'file://make.py'"),
        ("tests: ['file://none.csv']\n", "c.yaml", "none.csv: "),
        ("- vars: {x: 'file://x.txt'}\n", "c.yaml", "c.yaml: .*'x'"),
        ("- vars: vars.yaml\n", "c.yaml", "vars is 'vars.yaml'"),
        ("- vars: {x: y}\n  assert: [{type: regex, value: '('}]\n", "c.yaml", r"'\('"),
        ("- vars: {x: y}\n  assert: [{type: latency}]\n", "c.yaml", r"\blatency\b.*\bthreshold\b"),
        ("tests: [c.yaml]\n", "c.yaml", r"^c\.yaml: .*c\.yaml"),
        ("defaultTest: file://x.yaml\ntests: [{vars: {x: y}}]\n", "c.yaml", "defaultTest is 'file://x.yaml'"),
        ("scenarios: [{config: []}]\ntests: [{vars: {x: y}}]\n", "c.yaml", r"^c\.yaml: .*\bscenarios\b.*\btests\b"),
        ("x,__threshold\na,high\n", "c.csv", "__threshold is 'high'"),
        ("- vars: {x: []}\n", "c.yaml", "c.yaml: 'x' "),
        ("- vars: {x: [a, 'file://x.txt']}\n", "c.yaml", "c.yaml: .*'x'"),
        ("- {vars: {x: y}, metadata: fast}\n", "c.yaml", "metadata is 'fast'"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, text: str, name: str, words: str) -> None:
    """With the file."""
    with pytest.raises(fh.InputError, match=words) as caught:
        read(tmp_path, text, name)
    assert "\n" not in str(caught.value)
    with pytest.raises(fh.InputError, match="nothing.yaml: "):
        fh.read_promptfoo(tmp_path / "nothing.yaml")
