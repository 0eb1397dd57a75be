"""Wrong arguments: one clear message each, that names the argument, and never a traceback of internals."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType

import pytest

from tests.misuse.judging import PACKAGE
from tests.misuse.sweeping import sweep
from tests.misuse.targets import Target, World, functions, targets
from tests.misuse.wrong import KINDS, VALUES


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """One of everything that functions return, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    made = World(tmp_path)
    yield made
    made.close()


def test_there_are_fourteen_kinds_of_wrong_values() -> None:
    """Each of them at least once."""
    assert len(KINDS) == 14
    assert len(VALUES) == sum(map(len, KINDS.values())), "no two values have one name"


def test_every_public_function_is_called(world: World) -> None:
    """A function that is added is called too: what it must be given is known, or this test says what is missing."""
    there = targets(world)
    assert {name for name, call in functions() if inspect.signature(call).parameters} <= {t.name for t in there}
    missing = [
        f"{target.name}({name}=)"
        for target in there
        for name, parameter in target.parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name not in target.valid
    ]
    assert missing == []


NOT_SAMPLED = {
    "Comparison.add_score",
    "Comparison.plot",
    "Race.plot",
    "Comparison.report",
    "fh.race",
    "fh.arace",
    "fh.abatch",
}
"""They draw, take a name once, or run whole batches and races; ``fh.batch`` is sampled, and the long tier calls them all."""


def test_a_wrong_argument_is_told_by_its_name(world: World) -> None:
    """Every parameter of every public function, and of the methods of what they return, with two of the values; the
    long tier has all of them (tests/long/test_misuse.py)."""
    names = list(VALUES)

    def two(number: int) -> list[str]:
        return [names[number * 7 % len(names)], names[(number * 7 + 12) % len(names)]]

    ended = list(sweep((t for t in targets(world) if t.name not in NOT_SAMPLED), two))
    assert [str(called) for called in ended if called.ending.what not in ("works", "told")] == []
    assert len(ended) > 1_000


class Planted(KeyError):
    """A defect of ours."""


def _hidden(called: Target) -> list[str]:
    """Plant a defect in each function that a public one calls directly, and return those in which it was hidden."""
    function = called.call.__init__ if inspect.isclass(called.call) else called.call  # type: ignore[misc]
    public: CodeType = inspect.unwrap(getattr(function, "__func__", function)).__code__
    seen: dict[CodeType, str] = {}
    target: CodeType | None = None

    def trace(frame: FrameType, event: str, arg: object) -> None:
        code, caller = frame.f_code, frame.f_back
        is_ours = code.co_filename.startswith(PACKAGE) and caller is not None
        if not is_ours or not code.co_flags & inspect.CO_NEWLOCALS or code.co_flags & inspect.CO_COROUTINE:
            return
        if caller is not None and caller.f_code is public and not code.co_name.startswith(("<", "__")):
            seen.setdefault(code, code.co_qualname)
            if code is target:
                raise Planted(code.co_qualname)

    hidden = []
    for attempt in range(20):
        before = sys.gettrace()
        sys.settrace(trace)  # type: ignore[arg-type]
        try:
            called.with_arguments(called.valid)
        except Planted:
            pass
        else:
            if target is not None:
                hidden.append(seen[target])
        finally:
            sys.settrace(before)
        if attempt >= len(seen):
            break
        target = list(seen)[attempt]
    assert seen, f"{called.name} calls nothing of ours"
    return hidden


PLANTED = (
    "fh.Deployment", "fh.compare", "fh.group", "fh.invoke", "fh.open_batch", "fh.parse_event", "fh.power",
    "fh.text", "fh.verify_signature", "fh.score.all_of", "fh.score.judge", "fh.score.regex", "Batch.to_csv",
    "Comparison.diff", "Comparison.slice", "Deployment.complete", "LocalHive.fail_next", "LocalHive.webhook",
)  # fmt: skip


def test_a_defect_of_ours_surfaces_as_itself(world: World) -> None:
    """A `KeyError` in whatever a public function calls is no message about arguments: nothing is caught at the border."""
    there = {target.name: target for target in targets(world)}
    assert {name: hidden for name in PLANTED if (hidden := _hidden(there[name]))} == {}
