"""Callbacks that mean ill, over real sockets: signed by somebody who has the secret, or by nobody."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook.client.callbacks.delivery import MAX_BODY_BYTES
from tests.client.callbacks.senders import SECRET, Waiting, deliver, event, signed, until
from tests.security.corpus import CALLBACKS, KEY, TOUCHED, Entry
from tests.security.surfaces import harms
from tests.security.watching import watching


@pytest.fixture(scope="module")
def receiver() -> Iterator[fh.CallbackReceiver]:
    with fh.CallbackReceiver(secrets=SECRET) as made:
        yield made


def _body(entry: Entry) -> bytes:
    return entry.value if isinstance(entry.value, bytes) else json.dumps(entry.value).encode()


@pytest.mark.parametrize("entry", CALLBACKS, ids=str)
def test_a_hostile_callback_does_nothing_but_end_a_run(
    receiver: fh.CallbackReceiver, entry: Entry, caplog: pytest.LogCaptureFixture
) -> None:
    """Unsigned it is refused unread; signed it is taken as it is, and the receiver goes on with the next."""
    body = _body(entry)
    assert deliver(receiver, body) == 401
    assert deliver(receiver, body, signed(body, "another secret")) == 401
    with watching() as seen:
        assert deliver(receiver, body, signed(body)) == 200
        run = fh.parse_event(body)
    assert [event for event in seen if "socket" not in event] == []
    assert harms(run._repr_html_()) == []
    waiting = Waiting(receiver, f"req_after_{entry}")
    good = event(f"req_after_{entry}")
    assert deliver(receiver, good, signed(good)) == 200
    assert waiting.wait().ok
    assert not Path("/tmp", TOUCHED).exists()
    assert KEY not in caplog.text + repr(receiver) + receiver._repr_html_()
    assert harms(receiver._repr_html_()) == []


def test_a_packed_callback_is_not_unpacked(receiver: fh.CallbackReceiver) -> None:
    """A signature is of the bytes as they came; nobody's ten kilobytes become ten gigabytes here."""
    bomb = gzip.compress(b"0" * 50_000_000)
    tracemalloc.start()
    try:
        assert deliver(receiver, bomb, signed(bomb), "content-encoding: gzip", "content-type: application/json") == 200
        before = receiver.tally.elsewhere
        assert deliver(receiver, b"{}", path="/") == 404
        until(lambda: receiver.tally.elsewhere == before + 1)
        assert tracemalloc.get_traced_memory()[1] < MAX_BODY_BYTES
    finally:
        tracemalloc.stop()
