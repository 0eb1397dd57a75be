"""``%fetchhive login`` with a new key, where the store has answers under an old one."""

# ruff: noqa: F811 - fixtures of another file, used as arguments
from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.core.config import settings
from fh_notebook.core.config.urls import origin
from fh_notebook.session import session
from tests.batching.hives import Shouting, rows
from tests.kernel import Kernel
from tests.notebook.commands.test_commands import typed  # noqa: F401 - fixture
from tests.notebook.magics.test_magic import Shell, shell  # noqa: F401 - fixture

OLD, NEW = "fhk_0123456789abcdef", "fhk_fedcba9876543210"


@pytest.fixture
def shouting() -> Iterator[Shouting]:
    """A hive as the service in use, whose answers of an old key are kept: a batch, and a single run."""
    made = Shouting()
    with made.hive.serve() as server:
        fh.configure(base_url=server.url, api_key=OLD)
        fh.batch(rows(3), "shout", variants="loud", progress=False)
        fh.Client().invoke("shout", variant="loud", inputs={"text": "single"})
        settings.reset()
        fh.configure(base_url=server.url)
        yield made


def names() -> tuple[str, str]:
    """The workspaces of both keys."""
    url = str(settings.current().base_url)
    with fh.Client(base_url=url, api_key=OLD) as old, fh.Client(base_url=url, api_key=NEW) as new:
        return old.workspace, new.workspace


def answers(workspace: str) -> int:
    found = fh.store.workspaces()
    return int(found.loc[found["workspace"] == workspace, "answers"].sum())


def again() -> int:
    """Run the same cell under the key in use, and return how many calls it made."""
    return fh.batch(rows(3), "shout", variants="loud", progress=False).counts.calls


def test_a_yes_copies_the_answers_of_the_old_key(
    shell: Shell, shouting: Shouting, typed: Callable[..., list[str]]
) -> None:
    """It says how many there are, asks, and says what was copied; a second login has nothing to ask."""
    old, new = names()
    prompts = typed(NEW, "y", NEW)
    result, said = shell.run("%fetchhive login")
    assert result.error_in_exec is None, said
    place = origin(str(settings.current().base_url))
    assert re.search(rf"\b4 answers .*{re.escape(place)} .*\({re.escape(old)}\)", said)
    assert re.search(rf": \w+ 4 answers to {re.escape(new)}\? \[y/N\]: $", prompts[1])
    assert re.search(rf"4 \w+, 1 \w+, 0 \w+, 0 .*{re.escape(old)} to {re.escape(new)}\.", said)
    assert again() == 0
    assert shouting.calls == 4
    _, said = shell.run("%fetchhive login")
    assert len(prompts) == 3
    assert "fh.store.join(" not in said


@pytest.mark.parametrize("line", ["", "n", "no", "yess", KeyboardInterrupt])
def test_whatever_is_no_yes_copies_nothing(
    shell: Shell,
    shouting: Shouting,
    typed: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    line: Any,
) -> None:
    """An empty line and an interrupt too; the key is kept, and the command for later is said."""
    old, new = names()
    typed(NEW, line)
    if line is KeyboardInterrupt:

        def interrupt(prompt: str = "") -> str:
            raise KeyboardInterrupt

        monkeypatch.setattr(builtins, "input", interrupt)
    result, said = shell.run("%fetchhive login")
    assert result.error_in_exec is None, said
    assert f': fh.store.join("{old}", "{new}")' in said
    assert answers(new) == 0
    assert session.client_for(None).workspace == new


def test_where_nobody_can_be_asked_the_command_is_said(
    shell: Shell, shouting: Shouting, typed: Callable[..., list[str]]
) -> None:
    """The key was given, and then the input ended: nothing is copied."""
    old, new = names()
    typed(NEW)
    result, said = shell.run("%fetchhive login")
    assert result.error_in_exec is None, said
    assert f'fh.store.join("{old}", "{new}")' in said
    assert answers(new) == 0


def test_nothing_is_asked_without_answers_under_another_key_of_this_host(
    shell: Shell, shouting: Shouting, typed: Callable[..., list[str]]
) -> None:
    """The same key again, a named workspace that has them, a store that keeps nothing, another host."""
    old, _ = names()
    prompts = typed(OLD, OLD, NEW, NEW)
    _, said = shell.run("%fetchhive login")
    fh.configure(workspace=old.partition("#")[2])
    said += shell.run("%fetchhive login")[1]
    fh.configure(store=None)
    said += shell.run("%fetchhive login")[1]
    settings.reset()
    with shouting.hive.serve() as other:
        fh.configure(base_url=other.url)
        said += shell.run("%fetchhive login")[1]
    assert len(prompts) == 4
    assert "fh.store.join(" not in said


def test_the_page_asks_in_an_open_box_and_a_yes_copies(tmp_path: Path) -> None:
    """In a real kernel: the key is asked for hidden, the question is not; a run without a person cannot answer it."""
    made = Shouting()
    with made.hive.serve() as server, Kernel(tmp_path, FETCH_HIVE_BASE_URL=server.url) as kernel:
        kernel.run(
            "%load_ext fh_notebook\nimport fh_notebook as fh\n"
            f"with fh.Client(api_key={OLD!r}) as old:\n"
            "    _ = fh.batch([{'text': 'a'}], 'shout', variants='loud', client=old, progress=False)"
        )
        request = kernel.send("%fetchhive login", person=True)
        assert kernel.asked()["password"] is True
        kernel.answer(NEW)
        question = kernel.asked()
        assert question["password"] is False
        assert re.search(r"\b1 (?!\w+,)", question["prompt"])
        kernel.answer("yes")
        kernel.wait(request)
        assert re.search(r"\b1 \w+, 1 \w+, 0 \w+, 0 \w+ .*#\w+ to ", kernel.text(request))
        kernel.run("done = fh.batch([{'text': 'a'}], 'shout', variants='loud', progress=False)")
        assert kernel.run("print(done.counts.calls)") == "0"
        assert made.calls == 1
