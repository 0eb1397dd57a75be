"""A workflow that is declared again: the new function answers, also where the old one's answers are kept."""

from __future__ import annotations

import logging

import pytest

import fh_notebook as fh
from fh_notebook.errors import SettingsError
from fh_notebook.local import LocalHive
from tests.local.hives import KEY, ask, post

ROWS = [{"text": "a"}]


def _declare(hive: LocalHive, mark: str, variant: str = "v") -> None:
    @hive.workflow("d", variant=variant)
    def v(text: str) -> str:
        return text + mark


def _answer(hive: LocalHive) -> str:
    batch = fh.batch(ROWS, "d", client=hive.client(), name="again", progress=False)
    return str(batch.frame["output"][0])


def test_a_batch_takes_no_answer_of_the_function_before() -> None:
    """Kept answers are those of the hive as it was."""
    hive = LocalHive()
    _declare(hive, "1")
    assert _answer(hive) == "a1"
    assert _answer(hive) == "a1"
    assert len(hive.calls) == 1
    _declare(hive, "2")
    assert _answer(hive) == "a2"


def test_the_instance_is_another_only_when_a_function_was_replaced() -> None:
    """A further variant, the same function again, or one that cannot be declared changes nothing."""
    hive = LocalHive()
    _declare(hive, "1")
    seen = [hive.instance]
    _declare(hive, "1", variant="w")
    func = hive.workflow("e", variant="v")(lambda: 1)
    hive.workflow("e", variant="v")(func)
    with pytest.raises(SettingsError):
        hive.workflow("e", variant="v")(3)
    seen.append(hive.instance)
    _declare(hive, "2")
    seen.append(hive.instance)
    assert seen[0] == seen[1] != seen[2]
    assert LocalHive().instance != LocalHive().instance


def test_what_a_workflow_raises_is_logged_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """By the one logger that masks them, traceback and all."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("echo", variant="async")
    async def leaky(text: str) -> str:
        raise RuntimeError("refused fhk_abcdefghijkl")

    with caplog.at_level(logging.INFO, "fh_notebook"):
        post(hive, ask())
    assert "a workflow failed" in caplog.text
    assert "RuntimeError: refused" in caplog.text
    assert "abcdefghijkl" not in caplog.text
