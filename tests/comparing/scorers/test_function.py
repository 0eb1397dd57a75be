"""The version of a user's function: another function has another one, the same has the same, and doubt has none."""

from __future__ import annotations

import functools
import importlib
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

import fh_notebook as fh
from fh_notebook.comparing.scorers.function import NoVersionError, version_of, versioned
from fh_notebook.comparing.scorers.runner import pinned
from tests.ipython_shell import open_shell

Define = Callable[..., Callable[..., Any]]
PLAIN = "def f(run): return len(run.text) > 3"


@pytest.fixture
def define(tmp_path: Path) -> Define:
    """Return what runs a file, and returns the function that it defines as ``f``."""
    numbers = count()

    def run(text: str, **outer: Any) -> Callable[..., Any]:
        path = tmp_path / f"cell_{next(numbers)}.py"
        path.write_text(textwrap.dedent(text), "utf-8")
        space: dict[str, Any] = {"np": np, "pd": pd, **outer}
        exec(compile(path.read_text("utf-8"), str(path), "exec", dont_inherit=True), space)
        function: Callable[..., Any] = space["f"]
        return function

    return run


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PLAIN, "def f(run): return len(run.text) > 4"),
        (PLAIN, "def f(run): return len(run.output) > 3"),
        (PLAIN, "def f(run): return len(run.text) >= 3"),
        (PLAIN, "def f(run, row): return len(run.text) > 3"),
        (PLAIN, "async def f(run): return len(run.text) > 3"),
        ("def f(run, n=3): return n", "def f(run, n=4): return n"),
        ("m = 3\ndef f(run, n=m): return n", "m = 4\ndef f(run, n=m): return n"),
        ("m = 3\ndef f(run, *, n=m): return n", "m = 4\ndef f(run, *, n=m): return n"),
        ("n = 3\ndef f(run): return n", "n = 4\ndef f(run): return n"),
        ("n = 1\ndef f(run): return n", "n = True\ndef f(run): return n"),
        ("n = (1, ('a', None))\ndef f(run): return n", "n = (1, ('b', None))\ndef f(run): return n"),
        ("n = 3\ndef f(run): return [n for x in run]", "n = 4\ndef f(run): return [n for x in run]"),
        ("n = 3\ndef f(run): return (lambda: n)()", "n = 4\ndef f(run): return (lambda: n)()"),
        ("def g(x): return x\ndef f(run): return g(1)", "def g(x): return -x\ndef f(run): return g(1)"),
        ("n = 3\ndef g(x): return n\ndef f(run): return g(1)", "n = 4\ndef g(x): return n\ndef f(run): return g(1)"),
        ("def made(n):\n return lambda run: n\nf = made(1)", "def made(n):\n return lambda run: n\nf = made(2)"),
        ("f = [\n lambda run: 1,\n lambda run: 2,\n][0]", "f = [\n lambda run: 1,\n lambda run: 2,\n][1]"),
        ("def f(run): return run.text in {'a', 'b'}", "def f(run): return run.text in {'a', 'c'}"),
        ("import re\ndef f(run): return re.search('a', run.text)", "import re\ndef f(run): return re.match('a', run.text)"),
        ("from math import floor as g\ndef f(run): return g(1.5)", "from math import ceil as g\ndef f(run): return g(1.5)"),
        ("from json import loads as g\ndef f(run): return g", "from json import dumps as g\ndef f(run): return g"),
        ("from pandas import isna as g\ndef f(run): return g", "from pandas import notna as g\ndef f(run): return g"),
        ("import functools as t\ndef g(run, n): return n\nf = t.partial(g, n=1)",
         "import functools as t\ndef g(run, n): return n\nf = t.partial(g, n=2)"),
        ("class C:\n @staticmethod\n def f(run): return 1\nf = C.f", "class C:\n @staticmethod\n def f(run): return 2\nf = C.f"),
    ],
)  # fmt: skip
def test_what_can_change_a_score_changes_the_version(define: Define, one: str, other: str) -> None:
    """Source, defaults, constants, closures, and functions that are called."""
    first, second = version_of(define(one)), version_of(define(other))
    assert first != second
    assert first == version_of(define(one))


@pytest.mark.parametrize("other", [f"\n\n# a remark\n{PLAIN}  # and one", f"unused = [7]\n{PLAIN}"])
def test_what_cannot_change_a_score_does_not(define: Define, other: str) -> None:
    """Remarks, lines, globals that are not read."""
    assert version_of(define(PLAIN)) == version_of(define(other))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("n = [1]\ndef f(run): return n", " n, a list"),
        ("n = ([1],)\ndef f(run): return n", " n, a tuple"),
        ("n = {'a': 1}\ndef f(run): return [n for x in run]", " n, a dict"),
        ("seen = []\ndef f(run): seen.append(run)", " seen, a list"),
        ("n = pd.DataFrame({'a': [1]})\ndef f(run): return n", " n, a DataFrame"),
        ("n = np.float64(1)\ndef f(run): return n", " n, a float64"),
        ("n = object()\ndef g(): return n\ndef f(run): return g()", " n, an object"),
        ("def f(run, n=[]): return n", " n, a list"),
        ("def made(n):\n return lambda run: n\nf = made([])", " n, a list"),
        ("n = 0\ndef f(run):\n global n\n n += 1", " n"),
        ("def made(n):\n def f(run):\n  nonlocal n\n  n += 1\n return f\nf = made(0)", " n"),
        ("def made():\n def f(run): return n\n return f\n n = 1\nf = made()", " n, .*"),
        ("class C:\n def __call__(self, run): return 1\nf = C()", "it is a C"),
        ("class C:\n def m(self, run): return 1\nf = C().m", "it is a method"),
        ("f = [].count", "it is a builtin_function_or_method"),
        ("class C: pass\ndef f(run): return C", " C, a type"),
        ("from functools import cache\n@cache\ndef f(run): return 1", "it is a _lru_cache_wrapper"),
        ("from functools import partial\ndef g(n, run): return n\nf = partial(g, [])", " 0, a list"),
        ("import own\ndef f(run): return own.x", r" own, .*\bown .*\b__version__"),
        ("def f(run):\n import own\n return own.x", r" own, .*\bown .*\b__version__"),
        ("def f(run):\n from .json import loads\n return loads", r" \.json .*\b__version__"),
        ("f, g = lambda run: 1, lambda run: 2", r"\b2 .*<lambda>.*"),
        ("exec('def f(run): return 1')", r"\bf\b.*"),
    ],
)
def test_what_cannot_be_told_has_no_version(
    define: Define, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    """The error says why; `version=` is the remedy."""
    module = type(sys)("own")
    module.x = 1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own", module)
    function = define(text)
    with pytest.raises(NoVersionError) as caught:
        version_of(function)
    assert re.search(rf"{why}$", str(caught.value))
    assert fh.score.scorer(function).version is None
    assert fh.score.scorer(function, name="mine", version=3).version == "mine 3"


def test_libraries_count_by_their_version(define: Define, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules, classes, and functions; of the standard library it is that of Python."""
    functions = [
        define("def f(run): return np.mean([1])"),
        define("def f(run): return g", g=np.array),
        define("def f(run): return g", g=np.ndarray),
        define("def f(run):\n from numpy import mean\n return mean"),
    ]
    before = [version_of(function) for function in functions]
    monkeypatch.setattr(np, "__version__", "99.0")
    assert not set(before) & {version_of(function) for function in functions}
    assert len({version_of(function) for function in (len, str, functools.reduce)}) == 3


def test_what_the_decorator_of_a_library_returns_counts_by_what_it_wraps(define: Define) -> None:
    """It is a function of the library's, and the score depends on the user's."""
    text = "def f(run): yield 3"
    one, other = contextmanager(define(text)), contextmanager(define(text.replace("3", "4")))
    assert version_of(one) != version_of(other)


def test_a_function_that_refers_to_itself_has_a_version(define: Define) -> None:
    """The walk ends; so it does where the function is a scorer."""
    assert version_of(define("def f(run): return f"))
    assert version_of(define("def g(x): return f(x)\ndef f(run): return g(run)"))
    assert define("@scorer\ndef f(run): return f", scorer=fh.score.scorer).version  # type: ignore[attr-defined]


def test_scorers_inside_of_a_function_count_by_their_own_version(define: Define) -> None:
    """One that is not kept has none."""
    text = "def f(run, row): return inner(run, row)"
    inner = [fh.score.rouge_l(), fh.score.rouge_l("x"), fh.score.scorer(define(PLAIN))]
    inner.append(fh.score.scorer(define(PLAIN.replace("3", "4"))))
    assert len({version_of(define(text, inner=one)) for one in inner}) == 4
    for unknown in (fh.score.scorer(lambda run: inner), fh.score.Scorer("mine", len)):
        with pytest.raises(NoVersionError, match=r" inner, a (list|Scorer)"):
            version_of(define(text, inner=unknown))


def test_a_decorated_function_counts_by_what_it_wraps(define: Define) -> None:
    """And by the decorator."""

    def twice(inner: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(inner)
        def outer(run: Any) -> Any:
            return inner(inner(run))

        return outer

    one, other = define(PLAIN), define(PLAIN.replace("3", "4"))
    assert len(set(map(version_of, (one, other, twice(one), twice(other), twice(twice(one)))))) == 5


def test_a_helper_of_a_module_of_the_users_is_read_and_its_old_code_has_no_version(
    define: Define, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was edited after its import does not say what its functions do, until it is imported again."""
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "helpers_of_a_test.py"
    path.write_text("def clean(text): return text.strip()\n")
    text = "from helpers_of_a_test import clean\ndef f(run): return clean(run.text)"
    function = define(text)
    before = version_of(function)
    path.write_text("def clean(text): return text.strip().lower()\n")
    with pytest.raises(NoVersionError, match=r"\bclean\b"):
        version_of(function)
    importlib.reload(sys.modules["helpers_of_a_test"])
    assert version_of(define(text)) != before
    del sys.modules["helpers_of_a_test"]


def test_a_pinned_scorer_keeps_its_version_where_its_source_is_not_known(define: Define) -> None:
    """On a worker of a cluster; so does a part of several scorers in one."""
    pickler = pytest.importorskip("cloudpickle")
    scorer = fh.score.scorer(define("def f(run): return len(run.text) > least", least=3))
    assert scorer.hashed is not None
    pickled = pickler.dumps([pinned(scorer), pinned(fh.score.not_(scorer))])
    Path(scorer.hashed.__code__.co_filename).unlink()
    one, several = pickler.loads(pickled)
    assert versioned(scorer).version is None
    assert versioned(one).version == versioned(several.members[0]).version == scorer.version


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    with open_shell() as shell:
        yield shell


def test_functions_of_cells_have_versions(shell: InteractiveShell) -> None:
    """IPython keeps their source: also after a future import, beside an await, and of a lambda that was displayed."""

    def run(cell: str) -> Any:
        return shell.run_cell(cell).result

    run("from __future__ import annotations")
    run("import asyncio\nleast = 3\nawait asyncio.sleep(0)\ndef f(run: int): return [x > least for x in run]")
    before = version_of(shell.user_ns["f"])
    run("least = 4")
    assert version_of(shell.user_ns["f"]) != before
    run("least = 3\ndef f(run: int):  # the same again\n    return [x > least for x in run]")
    assert version_of(shell.user_ns["f"]) == before
    assert version_of(run("lambda run: least"))


@pytest.mark.long
def test_the_version_is_the_same_in_another_process(tmp_path: Path) -> None:
    """Whatever the seed of its hashes: the names that a function reads are sorted."""
    path = tmp_path / "script.py"
    path.write_text(
        "from fh_notebook.comparing.scorers.function import version_of\n"
        "a, b, c, d, e = range(5)\n"
        "def f(run): return run.text in {'a', 'b', 'c', 'd', a, b, c, d, e}\n"
        "print(version_of(f))"
    )
    told = {
        subprocess.run(
            [sys.executable, path], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
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
