"""The version of a user's function: another function has another one, the same has the same, and doubt has none."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.scorer_version import version_of

LIMIT = 3
HELD = object()


def _made(text: str, **outer: Any) -> Callable[..., Any]:
    """Return the function that a cell defines as ``f``."""
    space: dict[str, Any] = {"np": np, "pd": pd, **outer}
    exec(textwrap.dedent(text), space)
    made: Callable[..., Any] = space["f"]
    return made


PLAIN = "def f(run): return len(run.text) > 3"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PLAIN, "def f(run): return len(run.text) > 4"),
        (PLAIN, "def f(run): return len(run.output) > 3"),
        (PLAIN, "def f(run): return len(run.text) >= 3"),
        (PLAIN, "def f(run, row): return len(run.text) > 3"),
        (PLAIN, "async def f(run): return len(run.text) > 3"),
        ("def f(run, n=3): return n", "def f(run, n=4): return n"),
        ("def f(run, *, n=3): return n", "def f(run, *, n=4): return n"),
        ("n = 3\ndef f(run): return n", "n = 4\ndef f(run): return n"),
        ("n = [1, {'a': 2}]\ndef f(run): return n", "n = [1, {'a': 3}]\ndef f(run): return n"),
        ("def g(x): return x\ndef f(run): return g(1)", "def g(x): return -x\ndef f(run): return g(1)"),
        ("f = (lambda n: lambda run: n)(1)", "f = (lambda n: lambda run: n)(2)"),
        ("def f(run): return [x + 1 for x in run.text]", "def f(run): return [x + 2 for x in run.text]"),
        ("def f(run): return run.text in {'a', 'b'}", "def f(run): return run.text in {'a', 'c'}"),
        ("import re\ndef f(run): return re.search('a', run.text)", "import re\ndef f(run): return re.match('a', run.text)"),
        ("def f(run):\n try: return 1\n except KeyError: return 0", "def f(run):\n try: return 1\n except ValueError: return 0"),
        ("import functools as t\ndef g(run, n): return n\nf = t.partial(g, n=1)",
         "import functools as t\ndef g(run, n): return n\nf = t.partial(g, n=2)"),
    ],
)  # fmt: skip
def test_what_can_change_a_score_changes_the_version(one: str, other: str) -> None:
    """Code, constants, defaults, closures, globals, and functions that are called."""
    first, second = version_of(_made(one)), version_of(_made(other))
    assert first is not None
    assert second is not None
    assert first != second
    assert first == version_of(_made(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PLAIN, "\n\n# a remark\ndef f(run):\n    return len(run.text) > 3"),
        (PLAIN, "def f(answer): return len(answer.text) > 3"),
        (PLAIN, "unused = 7\ndef f(run): return len(run.text) > 3"),
    ],
)
def test_what_cannot_change_a_score_does_not(one: str, other: str) -> None:
    """Remarks, lines, names of variables, other globals."""
    assert version_of(_made(one)) == version_of(_made(other)) is not None


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("n = []", "n = [1]", "def f(run): n.append(run)"),
        ("n = {}", "n = {'a': 1}", "def f(run): n['a'] = 1"),
        ("n = {}", "n = {'a': 1}", "def f(run): n[run.text] += 1"),
        ("n = 0", "n = 1", "def f(run):\n global n\n n += 1"),
        ("n = set()", "n = {1}", "def f(run): return [n.add(x) for x in run]"),
    ],
)
def test_what_a_function_writes_to_is_no_part_of_it(before: str, after: str, text: str) -> None:
    """A counter must not be a reason to score again."""
    assert version_of(_made(f"{before}\n{text}")) == version_of(_made(f"{after}\n{text}")) is not None


@pytest.mark.parametrize(
    "text",
    [
        "def f(run): out = {}; out['a'] = n; return out",
        "def f(run): return n[0]",
        "def f(run): return len(n)",
        "def f(run): out = []; out.append(n); return out",
        "def f(run): return n.index(run.text)",
        "def f(run): out = {}; out[run.text] = n[0]; return out",
    ],
)
def test_what_a_function_reads_is_a_part_of_it(text: str) -> None:
    """Also where something else is written to beside it."""
    assert version_of(_made(f"n = [1]\n{text}")) != version_of(_made(f"n = [1, 2]\n{text}"))


@pytest.mark.parametrize(
    "text",
    [
        "def f(run): return held is None",
        "f = (lambda x: lambda run: x)(held)",
        "table = pd.DataFrame({'a': [1]})\ndef f(run): return table",
        "def f(run): return client.invoke(run)",
        "f = held.__eq__",
        "class C:\n def __call__(self, run): return 1\nf = C()",
        "import own\ndef f(run): return own.x",
        "def f(run):\n import own\n return own.x",
    ],
)
def test_what_cannot_be_told_has_no_version(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object's content may change without a trace: its scores are not kept, unless `version=` says one."""
    module = type(sys)("own")
    module.x = 1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own", module)
    function = _made(text, held=HELD, client=HELD)
    assert version_of(function) is None
    assert fh.score.scorer(function).version is None
    assert fh.score.scorer(function, name="mine", version=3).version == "mine 3"


def test_libraries_count_by_their_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that says its version is known; the standard library is that of Python."""
    function = _made("def f(run): return np.mean([1])")
    before = version_of(function)
    assert before is not None
    monkeypatch.setattr(np, "__version__", "99.0")
    assert version_of(function) not in (before, None)
    assert version_of(_made("import math\ndef f(run): return math.pi")) is not None
    assert version_of(len) is not None


def test_a_function_that_refers_to_itself_has_a_version() -> None:
    """The walk ends."""
    assert version_of(_made("def f(run): return f")) is not None
    assert version_of(_made("def g(x): return f(x)\ndef f(run): return g(run)")) is not None


def test_ready_scorers_inside_of_a_function_count_by_their_own_version() -> None:
    """One that is not kept has none."""
    text = "def f(run, row): return inner(run, row)"
    assert version_of(_made(text, inner=fh.score.rouge_l())) is not None
    assert version_of(_made(text, inner=fh.score.rouge_l())) != version_of(_made(text, inner=fh.score.rouge_l("x")))
    assert version_of(_made(text, inner=fh.score.exact())) != version_of(_made(text, inner=fh.score.exact("x")))
    shelf = object()
    unknown = fh.score.scorer(lambda run: shelf)
    assert version_of(_made(text, inner=unknown)) is None


def test_a_wrapped_function_is_seen_through() -> None:
    """``functools.wraps`` keeps what it wraps."""

    def twice(inner: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(inner)
        def outer(run: Any) -> Any:
            return inner(inner(run))

        return outer

    assert version_of(twice(_made(PLAIN))) != version_of(twice(_made(PLAIN.replace("3", "4"))))


def test_the_version_is_the_same_in_another_process() -> None:
    """Whatever the seed of its hashes: sets are spelt in order."""
    text = (
        "from fh_notebook.comparing.scorer_version import version_of\n"
        "def f(run): return run.text in {'a', 'b', 'c', 'd', 'e'}\n"
        "print(version_of(f))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", text], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1
    assert len(told.pop().strip()) == 32


@pytest.mark.parametrize(
    ("options", "said"),
    [({"version": ""}, "version is ''"), ({"version": True}, "version is True"), ({"max_concurrency": 0}, "max_concurrency")],
)  # fmt: skip
def test_options_that_cannot_be_meant_are_told(options: dict[str, Any], said: str) -> None:
    """With what can be given."""
    with pytest.raises(fh.InputError, match=said):
        fh.score.scorer(lambda run: 1, **options)
