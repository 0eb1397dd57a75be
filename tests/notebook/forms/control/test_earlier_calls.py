"""The earlier calls of a deployment, for a form's dropdown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.secrets import Secrets
from fh_notebook.local import LocalHive
from fh_notebook.notebook.forms.control.earlier_calls import LIMIT, EarlierCalls
from fh_notebook.session import session
from fh_notebook.store.store import Store
from fh_notebook.store.tables.answers import append, row_of_run
from tests.notebook.hostile import EVIL, INVISIBLE

PASSWORD = "correct-horse-battery"
HERE = "https://api.fetchhive.com#0123"


class Shelf:
    """A store in memory, whose clock goes on by a minute with each run."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)
        self.store = Store(":memory:", now=lambda: self.now)

    def keep(self, inputs: dict[str, Any], variant: str = "a", *, workspace: str = HERE, **more: Any) -> None:
        self.now += timedelta(minutes=1)
        known = {"status": "completed", "deployment": "triage", "variant": variant, "inputs": inputs}
        secrets = more.pop("secrets", Secrets())
        self.store.answers.keep(fh.Run(**{**known, **more}), workspace, secrets=secrets).result()

    def history(self, **more: Any) -> EarlierCalls:
        return EarlierCalls("triage", workspace=HERE, store=self.store, **more)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """An empty one."""
    made = Shelf()
    yield made
    made.store.close()


def test_it_is_newest_first_with_time_variant_status_and_a_look_at_the_inputs(shelf: Shelf) -> None:
    """Of this deployment and this workspace only."""
    shelf.keep({"ticket": "The parcel is late."})
    shelf.keep({"ticket": "Charged\ntwice", "words": 3}, "b", status="failed", error="no")
    shelf.keep({"ticket": "elsewhere"}, workspace="local#demo")
    shelf.keep({"text": "of another"}, deployment="other")
    history = shelf.history()
    assert history.options() == [
        ("2026-11-25 14:02 UTC · b · failed · ticket: Charged twice · words: 3", history.past[0]),
        ("2026-11-25 14:01 UTC · a · completed · ticket: The parcel is late.", history.past[1]),
    ]
    assert history.past[1].again() == {"ticket": "The parcel is late."}
    assert history.past[0].again() == {"ticket": "Charged\ntwice", "words": 3}


def test_the_calls_of_one_submit_are_one_entry(shelf: Shelf) -> None:
    """Variants and repeats with the same inputs, one after the other."""
    for variant, status in (("a", "completed"), ("a", "completed"), ("b", "failed")):
        shelf.keep({"ticket": "Late."}, variant, status=status)
    shelf.keep({"ticket": "Other."})
    shelf.keep({"ticket": "Late."})
    labels = [label for label, _ in shelf.history().options()]
    assert labels == [
        "2026-11-25 14:05 UTC · a · completed · ticket: Late.",
        "2026-11-25 14:04 UTC · a · completed · ticket: Other.",
        "2026-11-25 14:03 UTC · a, b · 2 completed, 1 failed · ticket: Late.",
    ]


def test_it_is_bounded_and_read_anew_each_time(shelf: Shelf) -> None:
    """A store of many calls gives a dropdown of some."""
    for number in range(LIMIT + 10):
        shelf.keep({"n": number})
    history = shelf.history()
    assert len(history.options()) == LIMIT
    assert history.past[0].again() == {"n": LIMIT + 9}
    shelf.keep({"n": -1})
    assert history.past[0].again() == {"n": LIMIT + 9}  # as long as that is what is offered
    history.refresh()
    assert history.past[0].again() == {"n": -1}
    assert len(shelf.history(limit=3).options()) == 3


def test_a_masked_secret_comes_back_as_not_set(shelf: Shelf) -> None:
    """Three stars are never sent as a password."""
    shelf.keep({"user": "ada", "token": PASSWORD}, secrets=Secrets(names=frozenset({"token"})))
    history = shelf.history()
    [(label, _)] = history.options()
    assert history.past[0].again() == {"user": "ada"}
    assert history.past[0].masked == ("token",)
    assert label == "2026-11-25 14:01 UTC · a · completed · user: ada"


def test_what_is_picked_is_a_copy(shelf: Shelf) -> None:
    """A form may change it."""
    shelf.keep({"tags": ["a"]})
    history = shelf.history()
    history.refresh()
    history.past[0].again()["tags"].append("b")
    assert history.past[0].again() == {"tags": ["a"]}


def test_a_label_is_one_short_line_whatever_the_inputs_are(shelf: Shelf) -> None:
    """No invisible signs, no endless text."""
    unseen = INVISIBLE.replace("\ud800", "")  # half a character is refused before it is sent
    shelf.keep({EVIL: unseen, "long": "x" * 1_000_000, "deep": [[["y" * 10_000]]]}, unseen * 20, status=EVIL)
    [(label, _)] = shelf.history().options()
    assert label.isprintable()
    assert len(label) <= 160


def test_a_run_that_sqlite_cannot_read_is_left_out(shelf: Shelf) -> None:
    """One that another Python wrote, deeper than SQLite's 1,000 levels, does not cost the others."""
    shelf.keep({"ticket": "before"})
    run = fh.Run(status="completed", deployment="triage", inputs={"ticket": "nested"})
    line = row_of_run(run, key="k", workspace=HERE, batch=None, kept_at=shelf.now)
    nested = line.run.replace('"output":null', f'"output":{"[" * 1_500}{"]" * 1_500}')
    assert nested != line.run
    shelf.store.database.put(lambda c: append(c, line._replace(run=nested))).result()
    shelf.keep({"ticket": "behind"})
    history = shelf.history()
    assert [past.again()["ticket"] for _, past in history.options()] == ["behind", "before"]


def test_without_a_store_there_is_no_history() -> None:
    """``store=None`` keeps nothing."""
    assert EarlierCalls("triage", workspace=HERE, store=None).options() == []


def test_a_password_of_a_single_run_is_in_no_byte_of_the_store(tmp_path: Path) -> None:
    """Not in the file and not in its log; the service itself got the real one, and the history has it as not set."""
    hive = LocalHive()

    @hive.workflow("login", variant="a")
    def login(text: str, token: str, group: dict[str, str]) -> str:
        return f"{text}: {len(token)} and {len(group['pin'])} characters"

    secret = {"type": "string", "format": "password"}
    known = fh.Deployment(
        "login",
        variants=["a"],
        inputs={
            "text": fh.text(),
            "token": secret,
            "group": {"type": "object", "properties": {"pin": secret}},
        },
    )
    inputs = {"text": "in plain text", "token": PASSWORD, "group": {"pin": PASSWORD}}
    with hive.serve() as server, fh.Client(base_url=server.url) as client:
        client.invoke(known, variant="a", inputs=inputs)
        request = InvokeRequest(deployment="login", variant="a", inputs=inputs, secrets=Secrets.of(known.inputs))
        run = _sent(client, request)
        assert run.output == "in plain text: 21 and 21 characters"
        store = session.store()
        assert store is not None
        history = EarlierCalls(known.name, workspace=client.workspace, store=store)
        assert len(history.options()) == 1
        assert history.past[0].again() == {"text": "in plain text"}
        assert history.past[0].masked == ("token", "group")
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("store.sqlite3*") if file.is_file())
    assert b"in plain text" in kept
    assert PASSWORD.encode() not in kept


def _sent(client: fh.Client, request: InvokeRequest) -> fh.Run:
    """What a form does: the checked request itself is sent."""
    from fh_notebook.core import event_loop

    return event_loop.run(client.aclient.send(request))
