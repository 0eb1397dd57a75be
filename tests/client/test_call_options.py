"""The keywords of one call are defined once: signatures, checks and completion of every function follow from there."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from traceback import walk_tb
from typing import Any, cast

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import fh_notebook as fh
from fh_notebook.client.clients import CallOptions, InvokeOptions
from fh_notebook.local.demo import demo_hive
from tests.ipython_shell import open_shell
from tests.told import facts, tells

TYPES = {
    "variant": "str | None",
    "inputs": "Mapping[str, Any] | None",
    "metadata": "Mapping[str, Any] | None",
    "user": "str | None",
    "tool_approval": "str | None",
}
INVOKE = {**TYPES, "callback_url": "str | None"}
SUBMIT = {**TYPES, "callback": "CallbackReceiver | str | None", "poll": "bool"}
CLIENT = {"client": "Client | AsyncClient | None"}


@pytest.mark.parametrize(
    ("function", "keywords"),
    [
        (fh.invoke, INVOKE | CLIENT),
        (fh.ainvoke, INVOKE | CLIENT),
        (fh.Client.invoke, INVOKE),
        (fh.Client.ainvoke, INVOKE),
        (fh.AsyncClient.invoke, INVOKE),
        (fh.AsyncClient.request, INVOKE),
        (fh.Client.submit, SUBMIT),
        (fh.Client.asubmit, SUBMIT),
        (fh.AsyncClient.submit, SUBMIT),
    ],
)
def test_every_function_of_a_call_shows_the_keywords_that_are_defined_once(
    function: Callable[..., Any], keywords: dict[str, str]
) -> None:
    """Explicit ones, with type and default, for completion and help; and no ``**options``."""
    options = CallOptions if "callback" in keywords else InvokeOptions
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name not in ("self", "deployment")]
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters)
    assert {p.name: p.annotation for p in parameters} == keywords
    assert {p.name: p.default for p in parameters} == {name: name == "poll" or None for name in keywords}
    assert {p.name for p in parameters} >= set(options.__annotations__)
    documented = set(options.__annotations__) - set((inspect.getdoc(fh.AsyncClient.invoke) or "").split())
    assert documented == set()


def test_a_keyword_that_is_not_known_is_refused_before_any_call() -> None:
    """With those that are; ``callback_url`` is none of `submit`, which chooses it."""
    hive = demo_hive()
    client = hive.client()
    wrong: dict[str, Any] = {"varient": "keywords"}
    with pytest.raises(TypeError, match=facts("varient", "variant=")):
        fh.invoke("support-triage", client=client, **wrong)
    with pytest.raises(TypeError, match=facts("varient", "variant=")):
        client.submit("support-triage", **wrong)
    url: dict[str, Any] = {"callback_url": "http://127.0.0.1:9/x"}
    with pytest.raises(TypeError, match=facts("callback_url")):
        client.submit("support-triage", variant="keywords", inputs={"ticket": "a"}, **url)
    assert hive.calls == ()


@pytest.mark.parametrize(
    "of",
    [
        lambda client: fh.invoke,
        lambda client: fh.ainvoke,
        lambda client: client.invoke,
        lambda client: client.ainvoke,
        lambda client: client.submit,
        lambda client: client.asubmit,
        lambda client: client.aclient.invoke,
        lambda client: client.aclient.request,
        lambda client: client.aclient.submit,
    ],
)
def test_a_key_that_is_given_by_a_keyword_that_is_not_known_is_in_no_frame(of: Callable[[fh.Client], Any]) -> None:
    """A full traceback shows the variables of each frame: ``fh.invoke(..., api_key=KEY)`` is a likely slip."""
    function = of(demo_hive().client())
    try:
        made = function("support-triage", api_key="of-my-workspace-0123")
        if inspect.isawaitable(made):
            asyncio.run(cast("Coroutine[Any, Any, Any]", made))
    except TypeError as refused:
        assert tells(str(refused), "api_key")
        frames = [frame for frame, _ in walk_tb(refused.__traceback__) if "fh_notebook" in frame.f_globals["__name__"]]
        assert frames
        assert not [frame for frame in frames if "of-my-workspace" in repr(frame.f_locals)]
    else:
        pytest.fail("it was taken")


def test_a_keyword_of_a_wrong_kind_is_refused_by_its_name() -> None:
    """As any other argument."""
    wrong: dict[str, Any] = {"inputs": 3, "user": 4}
    with pytest.raises(fh.InputError, match=facts("user", "4")):
        demo_hive().client().invoke("support-triage", variant="keywords", **wrong)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real shell, in a folder of its own."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    with open_shell() as shell:
        yield shell


@pytest.mark.parametrize(
    ("call", "use_jedi"),
    [("fh.invoke", True), ("fh.invoke", False), ("hive.submit", False), ("hive.aclient.invoke", False)],
)
def test_tab_completes_the_keywords_of_a_call(shell: InteractiveShell, call: str, use_jedi: bool) -> None:
    """In a real shell, whatever completes there."""
    shell.Completer.use_jedi = use_jedi
    shell.push({"fh": fh, "hive": demo_hive().client()})
    line = f"{call}('support-triage', tool_"
    with provisionalcompleter():
        assert "tool_approval=" in [found.text for found in shell.Completer.completions(line, len(line))]
