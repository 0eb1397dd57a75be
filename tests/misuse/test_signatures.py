"""Calls that do not fit a signature: one line that names the call, and the parameter that was meant."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.core import event_loop
from fh_notebook.core.arguments import ArgumentError
from fh_notebook.errors import FetchHiveError
from tests.misuse.targets import Target, World, functions, targets
from tests.told import tells

NOTHING = object()


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    """Every public function, constructor and method."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("world")
        patch.chdir(folder)
        world = World(folder)
        there = targets(world)
        there += [Target(name, call) for name, call in functions() if not inspect.signature(call).parameters]
        yield [each for each in there if _has_own_signature(each)]
        world.close()


def _has_own_signature(target: Target) -> bool:
    """Whether it is no setter, no error, and nothing that a class of Python defines."""
    is_error = inspect.isclass(target.call) and issubclass(target.call, FetchHiveError)
    return not target.name.endswith("=") and not is_error and target.call.__module__.startswith("fh_notebook")


def _kinds(target: Target) -> set[Any]:
    return {parameter.kind for parameter in target.parameters.values()}


def _error(target: Target, *args: Any, **kwargs: Any) -> str:
    """Return the message with which a call ends."""
    try:
        returned = target.call(*args, **kwargs)
        if inspect.iscoroutine(returned):
            event_loop.run(returned)
    except ArgumentError as exc:
        return str(exc)
    except TypeError as exc:
        return f"of Python: {exc}"
    return "works"


def test_a_misspelt_keyword_is_answered_by_the_one_that_was_meant(called: list[Target]) -> None:
    """Each parameter of each public callable, with one letter too many: by keyword, beside all that is required."""
    failures = []
    for target in called:
        if inspect.Parameter.VAR_KEYWORD in _kinds(target):
            continue
        for name, parameter in target.parameters.items():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                continue
            message = _error(target, **{f"{name}q": NOTHING})
            function = target.name.rpartition(".")[2]
            if not (f"{function}()" in message and tells(message, f"{name}q", f"{name}=")):
                failures.append(f"{target.name}({name}q=): {message}")
    assert failures == []


def test_an_argument_too_many_by_position_is_told(called: list[Target]) -> None:
    """The message names what may be given by position."""
    failures = []
    for target in called:
        if inspect.Parameter.VAR_POSITIONAL in _kinds(target):
            continue
        by_position = [
            name
            for name, parameter in target.parameters.items()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        message = _error(target, *[NOTHING for _ in by_position], NOTHING)
        if not (f"{target.name.rpartition('.')[2]}()" in message and tells(message, *by_position)):
            failures.append(f"{target.name}: {message}")
    assert failures == []


def test_each_missing_argument_is_named(called: list[Target]) -> None:
    """All of them at once."""
    failures = []
    for target in called:
        required = [
            name
            for name, parameter in target.parameters.items()
            if parameter.default is parameter.empty
            and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        ]
        message = _error(target) if required else ""
        if required and not tells(message, *required):
            failures.append(f"{target.name}: {message}")
    assert failures == []


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: fh.form("d", ["a"]), "variants="),
        (lambda: fh.form("d", variant="a"), "variants="),
        (lambda: fh.batch([], "d", ["a", "b"]), "variants="),
        (lambda: fh.race([], "d", variant=["a"]), "variants="),
        (lambda: fh.canary([], "d", variants="a"), "variant="),
        (lambda: fh.invoke("d", "a", {"text": "x"}), "variant= and inputs="),
        (lambda: fh.Client(key="a"), "api_key="),
        (lambda: fh.configure("a"), "api_key="),
        (lambda: fh.local.LocalHive("mine"), "name="),
        (lambda: fh.compare([], fh.score.exact()), "score="),
    ],
)  # fmt: skip
def test_the_parameter_that_a_newcomer_means_is_named(call: Any, meant: str) -> None:
    """By the nearest name, or by what a value that was given by position can be."""
    with pytest.raises(ArgumentError) as caught:
        call()
    assert f" {meant}?" in str(caught.value)


def test_a_key_that_was_given_in_a_wrong_way_is_nowhere() -> None:
    """Not in the message, and not in a frame of the package."""
    key = "fhk_0123456789abcdef"
    for call in (lambda: fh.Client(key), lambda: fh.configure(apikey=key), lambda: fh.local.LocalHive(key, apikey=key)):  # type: ignore[misc, call-arg]
        with pytest.raises(ArgumentError) as caught:
            call()
        assert key not in str(caught.value)
        frames = [entry.frame for entry in caught.traceback]
        assert not [frame for frame in frames[2:] if key in repr(frame.f_locals)]
        assert caught.value.__context__ is None or key not in repr(caught.value.__context__)


def test_errors_in_a_public_function_stay_as_they_are(tmp_path: Path) -> None:
    """A `TypeError` of a function that a user gives is that user's; the wrapper's frame has no argument in it."""

    def broken(run: fh.Run) -> float:
        return len(5)  # type: ignore[arg-type]

    with pytest.raises(TypeError) as caught:
        fh.score.scorer(broken)(fh.Run(status="completed", output="x"))
    assert not isinstance(caught.value, FetchHiveError)


def test_signatures_and_types_stay_readable() -> None:
    """`help`, completion and editors read the function itself."""
    assert "variants" in inspect.signature(fh.form).parameters
    assert list(inspect.signature(fh.Client.invoke).parameters)[:2] == ["self", "deployment"]
    assert inspect.getsource(fh.form).lstrip().startswith("@")
    assert fh.form.__doc__
    assert fh.Batch.to_csv.__name__ == "to_csv"


@pytest.mark.parametrize(("name", "meant"), [("compar", "fh.compare"), ("scores", "fh.score"), ("Batc", "fh.Batch")])
def test_a_misspelt_public_name_is_answered_by_the_nearest(name: str, meant: str) -> None:
    """In one line of ours; `hasattr` is false."""
    with pytest.raises(FetchHiveError) as caught:
        getattr(fh, name)
    assert tells(caught.value, repr(name), meant)
    assert not hasattr(fh, name)
    assert not hasattr(fh, "__no_such_protocol__")


def test_what_a_form_cannot_be_set_to_is_told_in_one_line() -> None:
    """A whole value, and a field that it does not have: each an error of the package and the one of Python."""
    with fh.local.demo_hive(pace=0) as hive:
        form = fh.form("support-triage", client=hive.client())
        with pytest.raises(FetchHiveError) as value:
            form.value = {"ticket": "x"}  # type: ignore[misc]
        with pytest.raises(FetchHiveError) as field:
            form.fields["tiket"].value = "x"
    assert isinstance(value.value, AttributeError)
    assert isinstance(field.value, KeyError)
    assert tells(value.value, "form.value", "form.fields[NAME].value")
    assert tells(field.value, "'tiket'", "'ticket'")


def test_the_name_of_a_built_in_scorer_is_told_before_a_call() -> None:
    """As a score it would be a column; also in a race, which calls nothing then."""
    with fh.local.demo_hive(pace=0) as hive:
        for function in (fh.race, fh.canary):
            variants = {"variants": ["keywords", "nearest"]} if function is fh.race else {"variant": "keywords"}
            with pytest.raises(FetchHiveError) as caught:
                function(fh.local.tickets(), "support-triage", score="exact", client=hive.client(), **variants)  # type: ignore[operator]
            assert tells(caught.value, "fh.score.exact(...)")
        assert hive.counts.calls == 0


def test_a_body_that_is_decoded_is_told_as_an_argument() -> None:
    """It may not have the bytes that were signed."""
    with pytest.raises(ArgumentError) as caught:
        fh.verify_signature("x", "00", "s3cret-of-a-test")  # type: ignore[arg-type]
    assert tells(caught.value, "body", "str")
    assert "s3cret" not in str(caught.value)
