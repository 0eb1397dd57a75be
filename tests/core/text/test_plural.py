"""Sentences with numbers: one row is, two rows are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fh_notebook as fh
from fh_notebook.core.text.html import clip
from tests.batching.hives import Shouting
from tests.told import facts, tells

PLAIN: dict[str, Any] = {"variants": "loud", "progress": False}


@pytest.fixture
def client() -> fh.Client:
    return Shouting(name="plural").hive.client()


def _rows(*texts: str) -> list[dict[str, str]]:
    return [{"text": text} for text in texts]


def test_one_new_row_is_new(client: fh.Client) -> None:
    """And two are; in the refusal of another table under a name."""
    fh.batch(_rows("a", "b"), "shout", name="x", client=client, **PLAIN)
    with pytest.raises(fh.InputError, match=facts("2 rows", "1")) as one:
        fh.batch(_rows("a", "c"), "shout", name="x", client=client, **PLAIN)
    with pytest.raises(fh.InputError, match=facts("3 rows", "2")) as two:
        fh.batch(_rows("a", "c", "d"), "shout", name="x", client=client, **PLAIN)
    is_new, are_new = (re.sub(r"\d", "#", str(refused.value)) for refused in (one, two))
    assert is_new != are_new, "the verb"


def test_one_row_of_an_iterator_is_named_by_its_number(client: fh.Client) -> None:
    """Rather than as a range of one."""

    def one(text: str) -> Iterator[dict[str, str]]:
        yield {"text": text}

    fh.batch(one("a"), "shout", name="x", client=client, **PLAIN)
    with pytest.raises(fh.InputError, match=facts("'x'", "0")) as refused:
        fh.batch(one("b"), "shout", name="x", client=client, **PLAIN)
    assert "0 to 0" not in str(refused.value)


@pytest.mark.parametrize(("rows", "said"), [(5, "an int"), (np.array(5), "an ndarray")])
def test_a_type_has_its_article(client: fh.Client, rows: Any, said: str) -> None:
    """By its sound."""
    with pytest.raises(fh.InputError, match=facts(said)):
        fh.batch(rows, "shout", client=client, **PLAIN)


def test_forgetting_a_batch_that_paid_for_nothing_says_so(
    client: fh.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its answers came from another one and stay; `0 answers of 1 batch were removed` would say
    that nothing is kept.
    """
    fh.batch(_rows("a", "b"), "shout", name="one", client=client, **PLAIN)
    fh.batch(_rows("a", "b"), "shout", name="p", reuse="store", client=client, **PLAIN)
    capsys.readouterr()
    assert fh.forget("p", client=client) == 0
    said = capsys.readouterr().err
    assert tells(said, "1 batch", "local#plural")
    assert tells(said, "2 answers")
    assert fh.batch(_rows("a", "b"), "shout", name="one", client=client, **PLAIN).counts.calls == 0


def test_forgetting_by_deployment_says_that_batches_without_answers_went(
    client: fh.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their rows are what was sent, and are removed, too; the cell begins the batch anew, and its plan says why."""
    fh.batch(_rows("a", "b"), "shout", name="one", client=client, **PLAIN)
    capsys.readouterr()
    assert fh.forget(deployment="shout", client=client) == 2
    said = capsys.readouterr().err
    assert tells(said, "2 answers", "local#plural")
    with pytest.raises(fh.InputError, match="one"):
        fh.open_batch("one", client=client)
    planned = fh.batch(_rows("a", "b"), "shout", name="one", client=client, dry_run=True, **PLAIN)
    assert planned.counts.pending == 2
    assert tells(planned.plan(), "2 calls")


def test_one_character_more_is_one_character() -> None:
    """Of what is cut to be shown."""
    assert clip("abcd", 3) == "abc … (1 more character)"
    assert clip("abcde", 3) == "abc … (2 more characters)"
