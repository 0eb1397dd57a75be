"""Arms: variants of one deployment, or of several, each with what it takes of a row."""

from __future__ import annotations

from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching.planning.plan import read_variants
from fh_notebook.local import LocalHive
from tests.batching.hives import Shouting
from tests.told import facts

ONE = fh.Deployment("one", variants=["live", "draft"], inputs={"ticket": fh.text()})
TWO = fh.Deployment("two", variants=["live"], inputs={"body": fh.text()})
KNOWN = {"one": ONE, "two": TWO}


def _arms(variants: Any, deployment: fh.Deployment = ONE) -> list[tuple[str, str, str]]:
    found = read_variants(variants, deployment, None, find=lambda name: KNOWN.get(name) or fh.Deployment(name))
    return [(arm.label, arm.deployment, arm.variant) for arm in found]


@pytest.mark.parametrize(
    ("variants", "arms"),
    [
        (None, [("live", "one", "live"), ("draft", "one", "draft")]),
        ("draft", [("draft", "one", "draft")]),
        (["draft", "draft"], [("draft", "one", "draft")]),
        (("live", "draft"), [("live", "one", "live"), ("draft", "one", "draft")]),
        ([("one", "live")], [("live", "one", "live")]),
        ([("one", "live"), ("two", "live")], [("one/live", "one", "live"), ("two/live", "two", "live")]),
        (["draft", ("two", "live")], [("one/draft", "one", "draft"), ("two/live", "two", "live")]),
        ([("new", "any")], [("any", "new", "any")]),
        (("two", "live"), [("live", "two", "live")]),
        ([(TWO, "live")], [("live", "two", "live")]),
        (
            [("one", "live", {"ticket": "a"}), ("one", "live", {"ticket": "b"})],
            [("live", "one", "live"), ("live #2", "one", "live")],
        ),
    ],
)
def test_which_arms_are_meant(variants: Any, arms: list[tuple[str, str, str]]) -> None:
    """A name alone is of the batch's own deployment; of several deployments the label says which."""
    assert _arms(variants) == arms


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ([], ("variants", "'live'", "variants=")),
        (["lvie"], ("'lvie'", "'live'")),
        ([("two", "draft")], ("'draft'", "'live'")),
        ([7], ("7",)),
        ([("one", "live", {}, 3)], ("['one', 'live', {}, 3]",)),
        ([(3, "live")], ("[3, 'live']",)),
        ([" "], ("' '",)),
    ],
)
def test_what_cannot_be_an_arm_is_told(variants: Any, said: str) -> None:
    """Every problem, before anything is read or called."""
    with pytest.raises(fh.InputError, match=facts(*said)):
        _arms(variants)


@pytest.fixture
def hive() -> LocalHive:
    hive = LocalHive()

    @hive.workflow("one", variant="live")
    def one(ticket: str) -> str:
        return f"one {ticket}"

    @hive.workflow("two", variant="live")
    def two(body: str, tone: str = "calm") -> str:
        return f"two {body} {tone}"

    return hive


def test_two_deployments_are_compared_each_with_its_own_inputs(hive: LocalHive) -> None:
    """Pairs of a row side by side, told apart by their labels; keys and stamps name the real variant."""
    arms = [("one", "live", {"ticket": "text"}), ("two", "live", {"body": "text", "tone": fh.const("brief")})]
    batch = fh.batch(
        [{"text": "a", "expected_output": "one a"}, {"text": "b", "expected_output": "one b"}],
        "one",
        variants=arms,
        client=hive.client(),
        progress=False,
    )
    assert batch.frame[["variant", "output"]].values.tolist() == [
        ["one/live", "one a"],
        ["two/live", "two a brief"],
        ["one/live", "one b"],
        ["two/live", "two b brief"],
    ]
    assert [(call.deployment, call.variant) for call in hive.calls[:2]] == [("one", "live"), ("two", "live")]
    assert fh.compare(batch).summary().set_index("variant")["mean"].to_dict() == {"one/live": 1.0, "two/live": 0.0}
    assert str(batch.plan()).startswith("one and two: 2 rows x 2 variants = 4 jobs")
    again = fh.batch([{"text": "a"}], "one", variants=arms, client=hive.client(), progress=False, reuse="store")
    assert again.counts.calls == 0


def test_a_mapping_for_all_gives_each_deployment_what_it_takes(hive: LocalHive) -> None:
    """What only the other one knows is left out; what none knows is a mistake."""
    both = [("one", "live"), ("two", "live")]
    batch = fh.batch(
        [{"text": "a"}],
        "one",
        variants=both,
        inputs={"ticket": "text", "body": "text"},
        client=hive.client(),
        progress=False,
    )
    assert batch.frame["output"].tolist() == ["one a", "two a calm"]
    with pytest.raises(fh.InputError, match="tikcet"):
        fh.batch([{"text": "a"}], "one", variants=both, inputs={"tikcet": "text", "body": "text"}, client=hive.client())


def test_an_arm_that_fails_its_check_names_its_row(hive: LocalHive) -> None:
    """Before any call, for each deployment."""
    with pytest.raises(fh.InputError, match="row 1: body"):
        fh.batch(
            [{"text": "a"}, {"text": 5}],
            "two",
            variants=[("two", "live", {"body": "text"})],
            client=hive.client(),
            progress=False,
        )
    assert hive.calls == ()


def test_variants_of_one_deployment_are_called_as_before() -> None:
    """The labels are the variants' own names."""
    batch = fh.batch([{"text": "Hi"}], "shout", client=Shouting().hive.client(), progress=False)
    assert batch.frame["variant"].tolist() == ["loud", "soft"]
