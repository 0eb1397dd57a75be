"""`fh.read_promptfoo`: tests of promptfoo as rows with what is expected of each, and their scorer.

Rules of this file:

1. Nothing in a file is run. Assertions that are code, models or the tool's own services are left out and listed.
2. A row's ``expected_output`` is the value of its only ``equals``, or the list of its assertions; a plain value is read
   as ``equals``, as in a CSV of promptfoo. So rows are saved, shown and corrected as any other.
3. An output passes where all assertions of its row do, or where their weighted mean reaches the test's threshold.

Sources: promptfoo.dev/docs/configuration (test cases, expected outputs), as read in November 2026.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any, Final

import pandas as pd
from ruamel.yaml.error import YAMLError

from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import EXPECTED, frame_of_records, metadata_columns
from fh_notebook.comparing.scorers.base import Answer, Scorer, expected_in, ready_scorer
from fh_notebook.comparing.scorers.json_scorers import json_schema, json_valid
from fh_notebook.comparing.scorers.measures import latency
from fh_notebook.comparing.scorers.output_values import text_of
from fh_notebook.comparing.scorers.text import exact, regex
from fh_notebook.contract.catalog.yaml_loader import load, yaml_error_in
from fh_notebook.core import arguments
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.text.formatting import listed, short, with_partial_repr
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import InputError

Check = Callable[[Answer], Any]
"""Returns whether an output passes; ``None`` where that cannot be told."""


@arguments.public
@with_partial_repr
@dataclass(frozen=True, kw_only=True)
class PromptfooTests:
    """Tests of promptfoo, ready for ``fh.batch(tests.rows, ...)`` and ``fh.compare(batch, score=tests.score)``."""

    rows: pd.DataFrame
    """One line a test: its variables, ``expected_output``, and ``metadata.*``."""
    score: Scorer
    """Whether an output passes the assertions of its row; no score for a row without any."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """The kinds of assertions that are not read, with their numbers, such as ``llm-rubric``."""

    def __repr__(self) -> str:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in self.left_out.items())
        left_out = f"; left out: {kinds}" if kinds else ""
        return f"PromptfooTests: {counted(len(self.rows), 'row')}{left_out}"


@arguments.public
def read_promptfoo(path: str | PathLike[str]) -> PromptfooTests:
    r"""Read the tests of promptfoo: a configuration, a file of tests, or a CSV with ``__expected`` columns.

    A variable with a list of values makes a row of each combination, ``defaultTest`` holds for every test, and
    ``{{ variable }}`` in an assertion is the row's value. These assertions are read, each also with ``not-``:
    ``equals`` (as ``fh.score.exact``), ``contains``, ``icontains``, ``contains-any``, ``contains-all``,
    ``icontains-any``, ``icontains-all``, ``starts-with``, ``regex``, ``is-json`` (with a schema, too) and ``latency``.
    All others, such as ``llm-rubric`` or ``javascript``, are left out and listed: nothing of a file is run.

    Parameters
    ----------
    path : path
        Ends in ``.yaml``, ``.yml`` (without anchors, as the body of a cell), ``.json``, ``.jsonl`` or ``.csv``.

    Returns
    -------
    PromptfooTests
        ``.rows``, ``.score``, and ``.left_out``, what was not read.

    Raises
    ------
    InputError
        The file cannot be read, has no tests, or needs something that is not read here, such as code that makes tests.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tests.csv"
    >>> _ = path.write_text("ticket,__expected\nlate parcel,contains:parcel\nno refund,llm-rubric:is polite\n")
    >>> tests = read_promptfoo(path)
    >>> tests, tests.rows["ticket"].tolist()
    (PromptfooTests: 2 rows; left out: 1 llm-rubric, ['late parcel', 'no refund'])
    """
    arguments.check(read_promptfoo, locals())
    target = Path(path).expanduser()
    left_out: Counter[str] = Counter()
    records = [record for test in _tests_of(target) for record in _records(test, left_out, target.name)]
    if not records:
        raise InputError("it contains no tests", where=target.name)
    columns = dict.fromkeys(name for record in records for name in record if name != _LABEL)
    rows = frame_of_records(records, columns)
    labels = [record.get(_LABEL) for record in records]
    if all(labels) and len(set(labels)) == len(labels):
        rows.index = pd.Index(labels)
    return PromptfooTests(rows=rows, score=_scorer(), left_out=dict(left_out))


_LABEL: Final = ""
"""Under which a record holds the description of its test; no variable has this name."""


# --- files


def _tests_of(path: Path, outer: tuple[Path, ...] = ()) -> list[dict[str, Any]]:
    """Return the tests of a file, with what its configuration says of every test; `outer` files have named it."""
    if path.resolve() in outer:
        raise InputError(
            f"it is read again by {outer[-1].name}, so reading would not end; remove it from the tests of "
            f"{outer[-1].name}",
            where=path.name,
        )
    if path.suffix.lower() in (".csv", ".jsonl"):
        records = read_rows(path).records
        return [_test_of_csv(dict(record)) for record in records] if path.suffix.lower() == ".csv" else [*records]
    config = _load(path)
    tests, common = (config.get("tests"), config.get("defaultTest")) if isinstance(config, dict) else (config, None)
    if common is not None and not isinstance(common, dict):
        raise InputError(f"defaultTest is {short(common)}; write it into the file", where=path.name)
    if isinstance(config, dict) and config.get("scenarios"):
        raise InputError("has scenarios, which are not read here; write them as tests", where=path.name)
    if isinstance(tests, str):
        tests = [tests]
    if not isinstance(tests, list):
        raise InputError("has no list of tests", where=path.name)
    found = [test for entry in tests for test in _tests_of_entry(entry, path, outer)]
    return [_with_common(test, common, path.name) for test in found] if common else found


def _tests_of_entry(entry: Any, path: Path, outer: tuple[Path, ...]) -> list[dict[str, Any]]:
    if isinstance(entry, dict):
        return [entry]
    name = entry.removeprefix("file://") if isinstance(entry, str) else ""
    if not name.lower().endswith((".csv", ".jsonl", ".json", ".yaml", ".yml")) or "://" in name or "*" in name:
        raise InputError(f"the tests {short(entry)} are made by code; write them to a file", where=path.name)
    return _tests_of(path.parent / name, (*outer, path.resolve()))


def _load(path: Path) -> Any:
    message = ""
    try:
        text = path.read_text("utf-8-sig")
        return json.loads(text) if path.suffix.lower() == ".json" else load(text)
    except FileNotFoundError:
        message = "the file does not exist"
    except YAMLError as exc:
        line, problem = yaml_error_in(exc, text)
        message = f"line {line}: {problem}"
    except (OSError, ValueError, RecursionError) as exc:
        message = f"it cannot be read: {exc}"
    raise InputError(message, where=path.name)  # outside of the block: IPython would show the context too


_SHORT_FORM: Final = re.compile(r"((?:not-)?)([a-z][a-z-]*)(?:\((\d+(?:\.\d+)?)\))?(?::(.*))?", re.DOTALL)
"""An assertion in a cell: ``contains:x``, ``not-regex:x``, ``similar(0.8):x``, ``is-json``."""

_OTHER_NAMES: Final = {"fn": "javascript", "eval": "javascript", "grade": "llm-rubric"}
"""Of kinds, in cells."""


def _test_of_csv(cells: dict[str, Any]) -> dict[str, Any]:
    """Return the test of a line: columns with two underscores are not variables."""
    assertions = [_assertion_of_cell(text) for name, text in cells.items() if name.startswith("__expected") and text]
    test: dict[str, Any] = {"vars": {name: v for name, v in cells.items() if not name.startswith("__")}}
    test["assert"] = assertions
    test["description"] = cells.get("__description")
    if threshold := cells.get("__threshold"):
        test["threshold"] = _number(threshold, "__threshold")
    test["metadata"] = {n.removeprefix("__metadata:"): v for n, v in cells.items() if n.startswith("__metadata:")}
    return test


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name} is {short(text)}; give a number") from None


def _assertion_of_cell(text: str) -> dict[str, Any]:
    form = _SHORT_FORM.fullmatch(text)
    kind = _OTHER_NAMES.get(form[2], form[2]) if form is not None else ""
    if form is None or (kind not in CHECKS and kind not in _NOT_READ):
        return {"type": "equals", "value": text}
    assertion: dict[str, Any] = {"type": f"{form[1]}{kind}"}
    if form[4] is not None:
        assertion["value"] = form[4]
    if form[3] is not None:
        assertion["threshold"] = float(form[3])
    return assertion


def _with_common(test: dict[str, Any], common: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a test with what ``defaultTest`` gives to all."""
    merged = {**common, **test}
    for name in ("vars", "metadata"):
        merged[name] = {**_part(common, name, where), **_part(test, name, where)}
    has_own = _part(test, "options", where).get("disableDefaultAsserts")
    merged["assert"] = [*([] if has_own else common.get("assert") or []), *(test.get("assert") or [])]
    return merged


# --- rows


def _part(test: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """Return a mapping in a test; an empty one where it has none."""
    part = test.get(name) or {}
    if not isinstance(part, Mapping):
        hint = "variables from files are not read here" if name == "vars" else "give names and values"
        raise InputError(f"{name} is {short(part)}; {hint}", where=where)
    return part


def _records(test: Mapping[str, Any], left_out: Counter[str], where: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a test: one, or one for each combination of its variables' values."""
    variables = _part(test, "vars", where)
    if files := [name for name, value in variables.items() if any(map(_is_file, _choices(value)))]:
        raise InputError(f"the value of {listed(files, 'and')} is in a file, which is not read here", where=where)
    if empty := [name for name, value in variables.items() if value == []]:
        raise InputError(f"{listed(empty, 'and')} has no value; give at least one", where=where)
    is_expanded = not _part(test, "options", where).get("disableVarExpansion")
    choices = [_choices(value) if is_expanded else [value] for value in variables.values()]
    metadata = metadata_columns(_part(test, "metadata", where))
    assertions = [_readable(assertion, left_out) for assertion in test.get("assert") or []]
    for values in itertools.product(*choices):
        row = dict(zip(map(str, variables), values, strict=True))
        expected = _expected([_filled(a, row) for a in assertions if a], test.get("threshold"))
        is_single = len(choices) == 0 or all(len(of) == 1 for of in choices)
        yield {**row, EXPECTED: expected, **metadata, _LABEL: test.get("description") if is_single else None}


def _choices(value: Any) -> list[Any]:
    """Return the values of a variable: of a list each makes a row."""
    return value if isinstance(value, list) else [value]


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("file://")


def _readable(assertion: Any, left_out: Counter[str]) -> dict[str, Any] | None:
    """Return what is read of an assertion; ``None`` for one that is left out, which is counted."""
    kind = str(assertion.get("type")) if isinstance(assertion, Mapping) else "?"
    if kind.removeprefix("not-") not in CHECKS or "transform" in assertion or _is_code(assertion.get("value")):
        left_out[kind] += 1
        return None
    return {name: assertion[name] for name in ("type", "value", "threshold", "weight") if name in assertion}


def _is_code(value: Any) -> bool:
    text = text_of(value)
    return text.startswith("file://") or "{%" in text or bool(_PLACEHOLDER.sub("", text).count("{{"))


_PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
"""A variable in an assertion; filters and expressions of the templates are not read."""


def _filled(value: Any, row: Mapping[str, Any]) -> Any:
    """Return an assertion with the row's values in the places of its variables."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: text_of(row.get(found[1])), value)
    if isinstance(value, Mapping):
        return {name: _filled(part, row) for name, part in value.items()}
    return [_filled(part, row) for part in value] if isinstance(value, list) else value


def _expected(assertions: list[dict[str, Any]], threshold: Any) -> Any:
    for assertion in assertions:
        _check_of(canonical_json(assertion))  # a pattern or a schema that cannot be used is told now
    if not assertions:
        return None
    # A list is a list of assertions to whoever reads the row.
    is_plain = len(assertions) == 1 and set(assertions[0]) == {"type", "value"} and assertions[0]["type"] == "equals"
    if is_plain and not isinstance(assertions[0]["value"], list):
        return assertions[0]["value"]
    return assertions if threshold is None else [*assertions, {"threshold": threshold}]


# --- the scorer


def _scorer() -> Scorer:
    def score(run: Answer, row: Mapping[str, Any]) -> bool | None:
        expected = expected_in(row, EXPECTED)
        return None if expected is None else _passes(run, expected)

    return ready_scorer("promptfoo()", score, reads=EXPECTED, criterion="right = passes the assertions of its row")


def _passes(run: Answer, expected: Any) -> bool | None:
    are_assertions = isinstance(expected, list) and all(isinstance(part, Mapping) for part in expected)
    parts = expected if are_assertions and expected else [{"type": "equals", "value": expected}]
    assertions = [part for part in parts if "type" in part]
    results = [_check_of(canonical_json(assertion))(run) for assertion in assertions]
    if any(result is None for result in results):
        return None
    threshold = next((part["threshold"] for part in parts if "type" not in part), None)
    if threshold is None:
        return all(results)
    weights = [float(assertion.get("weight", 1)) for assertion in assertions]
    total = sum(weights)
    mean = sum(weight for weight, result in zip(weights, results, strict=True) if result) / total if total else 0.0
    return mean >= float(threshold)


@lru_cache(maxsize=4_096)
def _check_of(assertion_json: str) -> Check:
    """Return the check of one assertion; cached, since a pattern or a schema is compiled once for all outputs."""
    assertion = json.loads(assertion_json)
    kind = assertion["type"]
    check = CHECKS[kind.removeprefix("not-")](assertion.get("value"), assertion.get("threshold"))
    if not kind.startswith("not-"):
        return check

    def negated(run: Answer) -> bool | None:
        result = check(run)
        return None if result is None else not result

    return negated


def _expecting(scorer: Scorer, value: Any) -> Check:
    return lambda run: scorer(run, {_VALUE: value})


_VALUE: Final = "value"


def _equals(value: Any, threshold: Any) -> Check:
    return _expecting(exact(_VALUE), value)


def _contains(*, all_of: bool = True, ignore_case: bool = False) -> Callable[[Any, Any], Check]:
    def make(value: Any, threshold: Any) -> Check:
        # Not by `fh.score.contains`, which ignores blanks at the ends of what is looked for: " kg" is not in "5kg".
        spelled = str.casefold if ignore_case else str
        texts = [spelled(text_of(text)) for text in (value if isinstance(value, list) else [value])]
        return lambda run: (all if all_of else any)(text in spelled(text_of(run.output)) for text in texts)

    return make


def _contains_several(*, all_of: bool, ignore_case: bool = False) -> Callable[[Any, Any], Check]:
    make = _contains(all_of=all_of, ignore_case=ignore_case)
    return lambda value, threshold: make(_texts(value), threshold)


def _texts(value: Any) -> Sequence[Any]:
    """Return the texts of a list, or of a text with commas."""
    return value if isinstance(value, list) else [part.strip() for part in text_of(value).split(",")]


def _starts_with(value: Any, threshold: Any) -> Check:
    return lambda run: text_of(run.output).startswith(text_of(value))


def _regex(value: Any, threshold: Any) -> Check:
    return regex(text_of(value))


def _is_json(value: Any, threshold: Any) -> Check:
    schema = load(value) if isinstance(value, str) else value
    return json_schema(schema) if isinstance(schema, Mapping) else json_valid()


def _latency(value: Any, threshold: Any) -> Check:
    if threshold is None:
        raise InputError("an assertion of latency has no threshold; give one in milliseconds")
    return latency(at_most=float(threshold) / 1000)


CHECKS: Final[dict[str, Callable[[Any, Any], Check]]] = {
    "equals": _equals,
    "contains": _contains(),
    "icontains": _contains(ignore_case=True),
    "contains-any": _contains_several(all_of=False),
    "contains-all": _contains_several(all_of=True),
    "icontains-any": _contains_several(all_of=False, ignore_case=True),
    "icontains-all": _contains_several(all_of=True, ignore_case=True),
    "starts-with": _starts_with,
    "regex": _regex,
    "is-json": _is_json,
    "latency": _latency,
}
"""The registry of assertions that are read: each makes its check of a value and a threshold."""

_NOT_READ: Final = {
    "answer-relevance", "bleu", "classifier", "contains-html", "contains-json", "contains-sql", "contains-xml",
    "context-faithfulness", "context-recall", "context-relevance", "conversation-relevance", "cost", "factuality",
    "finish-reason", "g-eval", "gleu", "guardrails", "is-html", "is-refusal", "is-sql", "is-valid-function-call",
    "is-valid-openai-function-call", "is-valid-openai-tools-call", "is-xml", "javascript", "levenshtein",
    "llm-rubric", "meteor", "model-graded-closedqa", "model-graded-factuality", "moderation", "perplexity",
    "perplexity-score", "pi", "python", "rouge-n", "ruby", "search-rubric", "similar", "trace-error-spans",
    "trace-span-count", "trace-span-duration", "webhook", "word-count",
}  # fmt: skip
"""Other kinds: a cell that begins with one of these is no text to be equal to."""
