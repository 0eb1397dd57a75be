"""Files among inputs: uploaded once for each content, sent as an address, and known by their content."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.client.uploads import (
    FileInput,
    FileUploads,
    UploadFailed,
    _hashes,
    _read_named,
    file_named,
    names_file,
)
from fh_notebook.contract.invoke_request import FILE_SCHEME
from fh_notebook.contract.response import Response
from fh_notebook.core import event_loop
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from tests.raw_server import says, serving
from tests.told import facts, tells

KEY = "fhk_0123456789abcdef"


class Reader:
    """A hive whose workflow is given a document's address."""

    def __init__(self, **options: Any) -> None:
        self.hive = LocalHive(**options)
        self.got: list[str] = []

        @self.hive.workflow("read", variant="v")
        def read(document: str, note: str = "") -> str:
            self.got.append(document)
            return document


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture(params=["in process", "socket"])
def client(request: pytest.FixtureRequest, reader: Reader) -> Iterator[fh.Client]:
    if request.param == "in process":
        with reader.hive.client() as made:
            yield made
    else:
        fh.configure(workspace_id="ws_local")
        with reader.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as made:
            yield made


def _uploaded(reader: Reader) -> list[str]:
    return [entry["file_name"] for entry in reader.hive._service.assets.list("ws_local")]


def _files(folder: Path, **contents: str) -> list[str]:
    paths = []
    for name, content in contents.items():
        path = folder / f"{name}.txt"
        path.write_text(content)
        paths.append(str(path))
    return paths


def test_a_file_is_sent_as_the_address_of_one_upload(reader: Reader, client: fh.Client, tmp_path: Path) -> None:
    """Also inside of a text, and by callback; the run's inputs name the content, which no address does."""
    (path,) = _files(tmp_path, a="bee")
    document = fh.file(path)
    run = client.invoke("read", variant="v", inputs={"document": document, "note": f"see {document}"})
    assert run.output.startswith("http://")
    assert run.output.endswith("/a.txt")
    assert run.inputs["document"] == document
    assert len(names_file(json.dumps(dict(run.inputs)))) == 1
    assert client.submit("read", variant="v", inputs={"document": document}).wait(10).output == run.output
    assert _uploaded(reader) == ["a.txt"]


def test_each_row_has_its_own_file(reader: Reader, client: fh.Client, tmp_path: Path) -> None:
    """One upload for each content; the plan says how many; the same contents under other names call nothing."""
    rows = [{"path": path} for path in _files(tmp_path, a="bee", b="wasp", c="bee")]
    mapping = {"document": fh.file(column="path")}
    options: dict[str, Any] = {
        "variants": ["v"],
        "inputs": mapping,
        "name": "docs",
        "client": client,
        "progress": False,
    }
    plan = fh.batch(rows, "read", dry_run=True, **options).plan()
    assert (plan.uploads, plan.calls, "2 uploads" in str(plan)) == (2, 2, True)
    batch = fh.batch(rows, "read", **options)
    assert (batch.counts.done, batch.counts.calls) == (3, 2)
    assert len(_uploaded(reader)) == 2
    moved = [{"path": path} for path in _files(tmp_path, d="bee", e="wasp", f="bee")]
    again = fh.batch(moved, "read", **options)
    assert (again.counts.calls, again.plan().uploads, len(_uploaded(reader))) == (0, 0, 2)
    Path(moved[0]["path"]).write_text("hornet")
    changed = fh.batch(moved, "read", **{**options, "name": "changed", "reuse": "store"})
    assert (changed.counts.calls, len(_uploaded(reader))) == (1, 3)


def test_a_file_for_every_row_is_one_upload(reader: Reader, client: fh.Client, tmp_path: Path) -> None:
    """A `fh.file` among the inputs of a batch names no column."""
    (path,) = _files(tmp_path, a="bee")
    batch = fh.batch(
        [{"note": "1"}, {"note": "2"}],
        "read",
        variants=["v"],
        inputs={"document": fh.file(path), "note": "note"},
        client=client,
        progress=False,
    )
    assert (batch.counts.done, len(_uploaded(reader)), len(set(reader.got))) == (2, 1, 1)


class Service:
    """The uploads of a client whose exchanges a test answers, under a clock that it moves."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.sent = 0
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        client = fh.Client(base_url="http://127.0.0.1:9/v1", api_key=KEY)
        self.uploads = FileUploads(
            client.aclient.connection, self.exchange, client.aclient.explained, now=lambda: self.now
        )

    async def exchange(self, method: str, path: str, content: bytes, *, content_type: str) -> Response:
        self.sent += 1
        return self.answer(self)

    def address(self, document: str) -> str:
        body = json.dumps({"inputs": {"document": document}}).encode()
        return json.loads(event_loop.run(self.uploads.addressed(body)))["inputs"]["document"]


def test_an_address_that_ends_is_renewed(tmp_path: Path) -> None:
    """In time for the workflow that fetches it; a short one serves half of its time."""

    def answer(service: Service) -> Response:
        ends = (service.now + timedelta(seconds=60)).isoformat()
        body = {"file_url": f"https://x.test/{service.sent}", "file_url_expires_at": ends}
        return Response(status_code=200, body=json.dumps(body).encode())

    fh.configure(workspace_id="renewed")
    document = fh.file(_files(tmp_path, a="bee")[0])
    service = Service(answer)
    addresses = []
    for seconds in (0, 29, 31):
        service.now = datetime(2026, 1, 1, 0, 0, seconds, tzinfo=UTC)
        addresses.append(service.address(document)[-1])
    assert addresses == ["1", "1", "2"]


def test_an_address_lasts_by_the_clock_of_the_service(tmp_path: Path) -> None:
    """Where this machine's is two hours ahead, an address of an hour has not ended at once."""

    def answer(service: Service) -> Response:
        there = service.now - timedelta(hours=2)
        ends = (there + timedelta(hours=1)).isoformat()
        body = {"file_url": f"https://x.test/{service.sent}", "file_url_expires_at": ends}
        return Response(status_code=200, body=json.dumps(body).encode(), headers={"date": format_datetime(there)})

    fh.configure(workspace_id="ahead")
    document = fh.file(_files(tmp_path, a="bee")[0])
    service = Service(answer)
    addresses = []
    for minutes in (0, 54, 2):
        service.now += timedelta(minutes=minutes)
        addresses.append(service.address(document)[-1])
    assert addresses == ["1", "1", "2"]


def test_an_address_that_has_ended_already_serves_the_call_that_it_was_made_for(tmp_path: Path) -> None:
    """One upload, and the call."""
    (path,) = _files(tmp_path, a="ended at once")
    fh.configure(workspace_id="w")
    uploaded = says(200, b'{"file_url": "https://x.test/a", "file_url_expires_at": "2020-01-01T00:00:00Z"}')
    called = says(200, b'{"status": "completed", "output": "x"}')
    with serving(uploaded, called) as server:
        run = fh.Client(base_url=server.url, api_key=KEY).invoke("r", variant="v", inputs={"document": fh.file(path)})
        assert [b"/assets" in sent.split(b"\r\n")[0] for sent in server.requests] == [True, False]
    assert run.output == "x"


def test_a_file_that_may_have_arrived_is_not_sent_again(tmp_path: Path) -> None:
    """However long ago it was; another workspace has not got it."""
    document = fh.file(_files(tmp_path, a="perhaps there")[0])
    service = Service(lambda _: Response(broke="read", sent=True))
    sent = []
    for workspace_id in ("one", "one", "two"):
        fh.configure(workspace_id=workspace_id)
        with pytest.raises(UploadFailed) as caught:
            service.address(document)
        assert "client.upload(path).file_url" in str(caught.value)
        service.now += timedelta(days=1)
        sent.append(service.sent)
    assert sent == [1, 1, 2]


def test_a_defect_is_a_failure_of_its_row(tmp_path: Path) -> None:
    """Whatever an upload raises."""

    def answer(service: Service) -> Response:
        raise ZeroDivisionError

    fh.configure(workspace_id="w")
    with pytest.raises(UploadFailed):
        Service(answer).address(fh.file(_files(tmp_path, a="defect")[0]))


@pytest.mark.skipif(sys.platform != "linux", reason="only there a name is any bytes")
def test_a_name_that_is_no_utf8_is_sent(reader: Reader, tmp_path: Path) -> None:
    """With another letter in it."""
    path = tmp_path / os.fsdecode(b"a\xff.txt")
    path.write_text("bee of no name")
    rows = [{"path": str(path)}, {"path": _files(tmp_path, b="bee of a name")[0]}]
    with reader.hive.client() as client:
        mapping = {"document": fh.file(column="path")}
        batch = fh.batch(rows, "read", variants=["v"], inputs=mapping, client=client, progress=False)
    assert batch.counts.done == 2
    assert len(_uploaded(reader)) == 2


def test_a_file_inside_of_a_wrong_value_has_its_name(reader: Reader, tmp_path: Path) -> None:
    """In place of the hash of its content, in the error of a call and of rows; also one that is not there any more."""
    (path,) = _files(tmp_path, a="bee")
    wrong = {"document": {"parts": [fh.file(path)]}}
    os.unlink(path)
    with reader.hive.client() as client:
        with pytest.raises(fh.InputError, match=facts("document", "'parts'", "a.txt")):
            client.invoke("read", variant="v", inputs=wrong)
        options: dict[str, Any] = {"variants": ["v"], "client": client, "progress": False}
        with pytest.raises(fh.InputError, match=r"row 0: document: .*<address of a\.txt>"):
            fh.batch([wrong], "read", **options)


def test_a_file_of_each_row_stands_alone(reader: Reader, tmp_path: Path) -> None:
    """Inside of a list it is refused, with a hint that is right in a batch, too."""
    rows, mapping = [{"path": path} for path in _files(tmp_path, a="bee")], {"document": [fh.file(column="path")]}
    hint = facts("document[0]", "fh.batch(inputs=...)", "--over")
    with reader.hive.client() as client, pytest.raises(fh.InputError, match=hint):
        fh.batch(rows, "read", variants=["v"], inputs=mapping, client=client, progress=False)


def test_rows_without_their_file_are_told_before_a_call(reader: Reader, client: fh.Client, tmp_path: Path) -> None:
    """All of them together; an empty cell is a missing value."""
    (path,) = _files(tmp_path, a="bee")
    rows = [{"path": path}, {"path": str(tmp_path / "nowhere")}, {"path": str(tmp_path)}]
    options: dict[str, Any] = {"variants": ["v"], "client": client, "progress": False}
    with pytest.raises(fh.InputError) as caught:
        fh.batch(rows, "read", inputs={"document": fh.file(column="path")}, **options)
    assert len(caught.value.problems) == 2
    with pytest.raises(fh.InputError, match=facts("'path'")):
        fh.batch(rows, "read", inputs={"document": fh.file(column="file")}, **options)
    with pytest.raises(fh.InputError, match=r"'path'.* fh.file\('file'\)"):
        fh.batch(pd.DataFrame(rows), "read", inputs={"document": fh.file(column="file")}, **options)
    if client.origin == "local":  # where the Start variable is known, and required
        with pytest.raises(fh.InputError, match="document"):
            fh.batch([{"path": None}], "read", inputs={"document": fh.file(column="path")}, **options)
    else:
        gap = pd.DataFrame({"path": [path, None]})
        plan = fh.batch(gap, "read", inputs={"document": fh.file(column="path")}, dry_run=True, **options).plan()
        assert (plan.uploads, plan.calls) == (1, 2)
    assert (_uploaded(reader), reader.hive.counts.calls) == ([], 0)


def test_without_a_workspace_id_nothing_is_sent(tmp_path: Path) -> None:
    """Neither the file nor the call: one line says what to set."""
    (path,) = _files(tmp_path, a="bee")
    client = fh.Client(base_url="http://127.0.0.1:9/v1", api_key=KEY)
    with pytest.raises(fh.SettingsError, match="workspace_id"):
        client.invoke("read", variant="v", inputs={"document": fh.file(path)})
    with pytest.raises(fh.SettingsError, match="workspace_id"):
        fh.batch([{}], "read", variants=["v"], inputs={"document": fh.file(path)}, client=client, progress=False)


def test_a_file_that_changed_is_not_sent(reader: Reader, client: fh.Client, tmp_path: Path) -> None:
    """The call is not made, and the row says so."""
    (path,) = _files(tmp_path, a=f"bee that changes {client.origin}")
    document = fh.file(path)
    Path(path).write_text("wasp")
    run = client.invoke("read", variant="v", inputs={"document": document})
    assert (run.status, run.error_code, run.may_have_run) == ("failed", "upload_failed", False)
    assert tells(run.error, "a.txt")
    assert str(tmp_path) not in (run.error or ""), "an error is kept and handed on"
    assert (_uploaded(reader), reader.hive.counts.calls) == ([], 0)


@pytest.mark.parametrize(("status", "error"), [(422, None), (404, None), (401, fh.AuthError), (403, fh.AuthError)])
def test_a_refused_upload_is_no_call(status: int, error: Any, tmp_path: Path) -> None:
    """What is said of the file is not taken for an answer of the workflow; a key that is refused is."""
    (path,) = _files(tmp_path, a=f"refused {status}")
    fh.configure(workspace_id="w")
    with serving(says(status, b'{"error": "no"}')) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        inputs = {"document": fh.file(path)}
        if error is not None:
            with pytest.raises(error):
                client.invoke("read", variant="v", inputs=inputs)
        else:
            run = client.invoke("read", variant="v", inputs=inputs)
            assert (run.status, run.error_code, run.status_code) == ("failed", "upload_failed", None)
        assert [b"/assets" in sent.split(b"\r\n")[0] for sent in server.requests] == [True]


def test_a_file_that_is_refused_is_not_sent_for_each_row(tmp_path: Path) -> None:
    """One upload, however many rows have it; no row is called, and none is taken for answered."""
    (path,) = _files(tmp_path, a="refused for all")
    fh.configure(workspace_id="w")
    with serving(says(422, b'{"error": "no"}')) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        rows = [{"note": str(n)} for n in range(5)]
        inputs = {"document": fh.file(path), "note": "note"}
        batch = fh.batch(rows, "read", variants=["v"], inputs=inputs, client=client, progress=False)
        assert len(server.requests) == 1
    assert (batch.counts.failed, set(batch.frame["error_code"])) == (5, {"upload_failed"})
    assert len(fh.open_batch(batch.name, client=client).pending) == 5


@pytest.mark.parametrize(("cap", "calls"), [(1, 0), (5, 2), (6, 3)])
def test_no_file_goes_up_for_a_call_that_the_daily_cap_refuses(
    reader: Reader, tmp_path: Path, cap: int, calls: int
) -> None:
    """The cap counts uploads, too: there is room for the upload and the call, or the batch stops before both."""
    paths = _files(tmp_path, **{f"f{n}": f"{n} under a cap of {cap}" for n in range(8)})
    fh.configure(daily_cap=cap)
    mapping = {"document": fh.file(column="path")}
    with reader.hive.client() as client:
        rows = [{"path": path} for path in paths]
        batch = fh.batch(rows, "read", variants=["v"], inputs=mapping, client=client, progress=False)
        store = session.store()
        assert store is not None
        used = store.requests.on_day(client.workspace, datetime.now(UTC))
    found = batch.counts.done, batch.counts.pending, len(_uploaded(reader)), used
    assert found == (calls, 8 - calls, calls, 2 * calls)
    assert batch.stopped is not None
    reason = "cap_too_low" if cap == 1 else "daily_cap"
    assert batch.stopped.reason == reason


def test_nobody_waits_for_a_day_that_has_room_where_none_has(reader: Reader, tmp_path: Path) -> None:
    """A row with two files needs three requests; a cap of two is told, with what to set."""
    rows = [{"document": fh.file(path), "note": fh.file(other)} for path, other in [_files(tmp_path, a="no", b="room")]]
    fh.configure(daily_cap=2)
    with reader.hive.client() as client:
        options: dict[str, Any] = {"client": client, "progress": False, "wait_for_reset": True}
        batch = fh.batch(rows, "read", variants=["v"], **options)
    assert batch.stopped is not None
    assert batch.stopped.reason == "cap_too_low"
    assert "fh.configure(daily_cap=3)" in batch.stopped.message
    assert (batch.counts.pending, _uploaded(reader)) == (1, [])


def test_jobs_with_one_file_use_up_the_daily_cap(reader: Reader, tmp_path: Path) -> None:
    """They wait for each other's upload, which is one, and stop no earlier than it ends."""
    (path,) = _files(tmp_path, a="one for many")
    fh.configure(daily_cap=5)
    with reader.hive.client() as client:
        rows = [{"note": str(n)} for n in range(8)]
        inputs = {"document": fh.file(path), "note": "note"}
        batch = fh.batch(rows, "read", variants=["v"], inputs=inputs, client=client, progress=False)
    assert (batch.counts.done, batch.counts.pending, len(_uploaded(reader))) == (4, 4, 1)


def test_a_full_asset_storage_is_no_answer_of_a_row(tmp_path: Path) -> None:
    """It is asked once for all rows, and the same rows are called once there is room again."""
    (path,) = _files(tmp_path, a="refused for want of room")
    fh.configure(workspace_id="w")
    full = says(402, b'{"error": "full", "error_code": "asset_storage_limit_reached"}')
    uploaded = says(200, b'{"file_url": "https://x.test/a"}')
    called = says(200, b'{"status": "completed", "output": "x"}')
    with serving(full, uploaded, *[called] * 4) as server:
        inputs = {"document": fh.file(path), "note": "note"}
        counts = []
        for _ in range(2):
            client = fh.Client(base_url=server.url, api_key=KEY)
            rows = [{"note": str(n)} for n in range(4)]
            options: dict[str, Any] = {"variants": ["v"], "name": "full", "client": client, "progress": False}
            batch = fh.batch(rows, "read", inputs=inputs, **options)
            counts.append((batch.counts.failed, batch.counts.done, batch.counts.calls, len(server.requests)))
    assert counts == [(4, 0, 0, 1), (0, 4, 4, 6)]


def test_an_upload_that_costs_something_unknown_stops_no_batch(tmp_path: Path) -> None:
    """Only the codes of the credits say that there are none."""
    (path,) = _files(tmp_path, a="refused for money")
    fh.configure(workspace_id="w")
    with serving(says(402, b'{"error": "Upgrade to store files", "error_code": "no_files"}')) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        rows = [{"document": fh.file(path), "note": note} for note in "ab"]
        batch = fh.batch(rows, "read", variants=["v"], client=client, progress=False)
    assert (batch.counts.failed, batch.stopped, len(server.requests)) == (2, None, 1)
    assert batch.frame["error"].str.contains("Upgrade to store files").all()
    assert not batch.frame["error"].str.contains("credits").any()


def test_a_wrong_workspace_is_no_unknown_deployment(tmp_path: Path) -> None:
    """What is answered to an upload fails its rows, and stops no batch."""
    (path,) = _files(tmp_path, a="of no workspace")
    fh.configure(workspace_id="wrong")
    missing = says(404, b'{"error": "Workspace not found", "error_code": "workspace_not_found"}')
    with serving(missing) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        rows = [{"document": fh.file(path), "note": note} for note in "ab"]
        batch = fh.batch(rows, "read", variants=["v"], client=client, progress=False)
    assert (batch.counts.failed, batch.counts.pending, batch.counts.calls) == (2, 0, 0)
    assert set(batch.frame["error_code"]) == {"upload_failed"}


@pytest.mark.parametrize("status", [401, 402, 403, 429, 503])
def test_a_batch_counts_no_call_for_an_upload_that_is_refused(tmp_path: Path, status: int) -> None:
    """Whatever it makes of it: it stops, or tries again and calls."""
    (path,) = _files(tmp_path, a=f"uncounted {status}")
    fh.configure(workspace_id="w")
    uploaded = says(200, b'{"file_url": "https://x.test/a"}')
    called = says(200, b'{"status": "completed", "output": "x"}')
    body = b'{"error_code": "insufficient_hosted_llm_credits"}' if status == 402 else b"{}"
    with serving(says(status, body, b"retry-after: 0"), uploaded, called) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        rows = [{"document": fh.file(path)}]
        batch = fh.batch(rows, "read", variants=["v"], client=client, progress=False, wait=False)
        with suppress(fh.AuthError):
            batch.wait()
    goes_on = status in (429, 503)
    assert (batch.counts.done, batch.counts.calls, batch.counts.pending) == (goes_on, goes_on, not goes_on)


def test_an_unavailable_service_says_when_a_file_may_be_sent_again(tmp_path: Path) -> None:
    """Its status and its Retry-After are those of the upload; nobody is told that it was not reached."""
    (path,) = _files(tmp_path, a="later")
    fh.configure(workspace_id="w")
    with serving(says(503, b'{"error": "busy"}', b"retry-after: 60")) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        run = client.invoke("read", variant="v", inputs={"document": fh.file(path)})
        assert len(server.requests) == 1
    assert (run.status, run.status_code, run.may_have_run) == ("failed", 503, False)


def test_a_file_goes_to_a_worker_by_its_path(tmp_path: Path) -> None:
    """Pickled, it stays a text that names the content."""
    (path,) = _files(tmp_path, a="bee")
    document = fh.file(path)
    copy = pickle.loads(pickle.dumps(document))
    assert (copy, type(copy), copy.path) == (document, type(document), document.path)
    with pytest.raises(fh.InputError, match=facts("fh.file")):
        fh.file()  # type: ignore[call-overload]


def test_a_text_like_a_file_is_a_text(reader: Reader, tmp_path: Path) -> None:
    """In a longer text, and outside of the inputs; a whole input is a file of another process, and fails its row."""
    document, other = fh.file(_files(tmp_path, a="bee")[0]), "fh-file:sha256/" + "0" * 64
    with reader.hive.client() as client:
        run = client.invoke("read", variant="v", inputs={"document": f"see {other}"}, metadata={"of": document})
        rows = [{"document": other}, {"document": "text"}]
        batch = fh.batch(rows, "read", variants=["v"], client=client, progress=False)
    assert run.output == f"see {other}"
    assert (batch.counts.failed, batch.counts.done, _uploaded(reader)) == (1, 1, [])


@pytest.mark.parametrize("kind", ["file", "in a text", "of another process", "column", "bytes"])
def test_a_probe_takes_no_file(reader: Reader, tmp_path: Path, kind: str) -> None:
    """Its calls are confirmed one by one, and an upload is none of them: whatever a call would upload is refused."""
    document = fh.file(_files(tmp_path, a="bee")[0])
    given: dict[str, Any] = {
        "file": document,
        "in a text": f"see {document}",
        "of another process": "fh-file:sha256/" + "0" * 64,
        "column": fh.file(column="path"),
        "bytes": b"bee",
    }
    with reader.hive.client() as client, pytest.raises(fh.InputError):
        fh.probe("read", variant="v", inputs={"document": given[kind]}, client=client, confirm=False)
    assert (_uploaded(reader), reader.hive.counts.calls) == ([], 0)


@pytest.mark.parametrize(
    "text", ["a.pdf", "/tmp/a.pdf", "file:///tmp/a.pdf", "see fh-file:sha256/" + "0" * 64, "fh-file:"]
)
def test_a_probe_takes_a_text_like_a_file(reader: Reader, tmp_path: Path, text: str) -> None:
    """A name, a path, and the hash of no file here are sent as they are."""
    _files(tmp_path, a="bee")
    with reader.hive.client() as client:
        profile = fh.probe("read", variant="v", inputs={"document": text}, client=client, confirm=False)
    assert (profile.has_completed, _uploaded(reader)) == (True, [])


def test_a_file_is_hashed_again_only_where_it_changed(tmp_path: Path) -> None:
    """Also where its size stays, and in the same tick of the file system's clock."""
    path = Path(_files(tmp_path, a="bee")[0])
    first = fh.file(path)
    path.write_text("fly")
    second = fh.file(path)
    os.utime(path, (1, 1))
    assert fh.file(path) == fh.file(path) == second != first
    assert [entry for entry in _hashes if entry[0] == str(path)] != []


def test_four_files_are_sent_at_once(tmp_path: Path) -> None:
    """Each is held in memory while it is sent."""
    out = most = 0

    async def exchange(method: str, path: str, content: bytes, *, content_type: str) -> Response:
        nonlocal out, most
        out += 1
        most = max(most, out)
        for _ in range(20):
            await asyncio.sleep(0)
        out -= 1
        return Response(status_code=200, body=b'{"file_url": "https://x.test/a"}')

    async def all_of(bodies: list[bytes]) -> None:
        await asyncio.gather(*map(uploads.addressed, bodies))

    fh.configure(workspace_id="at once")
    client = fh.Client(base_url="http://127.0.0.1:9/v1", api_key=KEY)
    uploads = FileUploads(client.aclient.connection, exchange, client.aclient.explained)
    paths = _files(tmp_path, **{f"f{n}": f"at once {n}" for n in range(8)})
    event_loop.run(all_of([json.dumps({"inputs": {"d": fh.file(path)}}).encode() for path in paths]))
    assert 1 < most <= 4


def _answers_nothing(asked: threading.Event, over: threading.Event) -> Any:
    """Return how a server takes an upload and answers nothing until the test is over."""

    def answer(connection: socket.socket) -> None:
        asked.set()
        over.wait(30)

    return answer


@pytest.mark.parametrize("following", [False, True])
def test_a_cancel_during_an_upload_leaves_the_job_uncalled(tmp_path: Path, following: bool) -> None:
    """It is pending, and not unknown: the claim comes after the upload, also of a job that follows in a slot."""
    (path,) = _files(tmp_path, a=f"slow {following}")
    fh.configure(workspace_id="w")
    asked, over = threading.Event(), threading.Event()
    called = says(200, b'{"status": "completed", "output": "x"}')
    with serving(*([called] if following else []), _answers_nothing(asked, over)) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        rows = [*([{"document": "text"}] if following else []), {"document": fh.file(path)}]
        options: dict[str, Any] = {"variants": ["v"], "client": client, "progress": False, "max_concurrency": 1}
        batch = fh.batch(rows, "read", wait=False, **options)
        assert asked.wait(10)
        batch.cancel().wait()
        over.set()
    counts = batch.counts
    assert (counts.done, counts.unknown, counts.pending, counts.calls) == (int(following), 0, 1, int(following))
    assert len(fh.open_batch(batch.name, client=client).pending) == 1


def test_a_cancel_of_one_call_during_its_upload_keeps_nothing(tmp_path: Path) -> None:
    """No run that may have run is in the history: the call was not sent."""
    (path,) = _files(tmp_path, a="slow alone")
    fh.configure(workspace_id="w")
    asked, over = threading.Event(), threading.Event()
    with serving(_answers_nothing(asked, over)) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)

        async def call_and_cancel() -> None:
            task = asyncio.ensure_future(client.ainvoke("read", variant="v", inputs={"document": fh.file(path)}))
            await asyncio.to_thread(asked.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(call_and_cancel())
        over.set()
    assert len(fh.history("read")) == 0


def test_a_call_that_was_not_made_counts_as_none(tmp_path: Path) -> None:
    """Neither for the batch nor for the daily cap, where only the upload counts."""
    (path,) = _files(tmp_path, a="refused and uncounted")
    fh.configure(workspace_id="w", daily_cap=100)
    with serving(says(422, b'{"error": "no"}')) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        rows = [{"note": str(n)} for n in range(3)]
        inputs = {"document": fh.file(path), "note": "note"}
        batch = fh.batch(rows, "read", variants=["v"], inputs=inputs, client=client, progress=False)
        again = fh.open_batch(batch.name, client=client).resume()
    assert (batch.counts.failed, batch.counts.calls) == (3, 0)
    assert again.plan().budget.used_today == 1


def test_a_file_is_sent_from_any_path_that_has_it(reader: Reader, client: fh.Client, tmp_path: Path) -> None:
    """The one that was named last may be gone, or changed."""
    first, second, third = _files(tmp_path, a="same", b="same", c="same")
    document, *_ = (fh.file(path) for path in (first, second, third))
    Path(third).unlink()
    Path(second).write_text("other")
    run = client.invoke("read", variant="v", inputs={"document": document})
    assert (run.status, _uploaded(reader)) == ("completed", ["a.txt"])


@pytest.mark.parametrize("is_sent_between", [False, True])
def test_files_with_the_same_bytes_are_one_upload_under_the_first_name(
    is_sent_between: bool, reader: Reader, client: fh.Client, tmp_path: Path
) -> None:
    """Whichever is sent first; the name that was given last is shown. `client.upload` sends each under its own."""
    first, second = _files(tmp_path, a=f"twice {tmp_path}", b=f"twice {tmp_path}")
    document = fh.file(first)
    if is_sent_between:
        client.invoke("read", variant="v", inputs={"document": document})
    other = fh.file(second)
    assert str(file_named(other)).startswith("b.txt")
    run = client.invoke("read", variant="v", inputs={"document": other})
    page = FileInput.of_content("c.txt", Path(first).read_bytes())
    assert client.invoke("read", variant="v", inputs={"document": page}).output == run.output
    assert (run.output.endswith("/a.txt"), _uploaded(reader)) == (True, ["a.txt"])
    assert [client.upload(path).file_name for path in (first, second)] == ["a.txt", "b.txt"]


def test_a_file_that_a_page_sent_has_the_first_name_too(reader: Reader, client: fh.Client, tmp_path: Path) -> None:
    """It is in memory, and one with a path is named later."""
    page = FileInput.of_content("c.txt", f"page {tmp_path}".encode())
    (path,) = _files(tmp_path, a=f"page {tmp_path}")
    assert fh.file(path) == page
    assert client.invoke("read", variant="v", inputs={"document": page}).output.endswith("/c.txt")


@pytest.mark.parametrize(
    ("first", "later", "declared", "sent"),
    [
        ("a.bin", "b.csv", "", "text/csv"),
        ("a.txt", "b.dat", "text/csv", "text/csv"),
        ("a.bin", "b.csv", "application/octet-stream", "text/csv"),
        ("a.txt", "b", "", "text/plain"),
    ],
)
def test_a_file_under_its_first_name_has_the_type_that_it_was_given_later(
    first: str, later: str, declared: str, sent: str
) -> None:
    """Without one, that of a name; its content is not hashed again."""
    content = f"{first} {later} {declared}".encode()
    token = FileInput.of_content(first, content)
    assert FileInput.of_content(later, content, declared) == token
    file = _read_named(token.removeprefix(FILE_SCHEME))
    assert (file.name, file.file_type, "sha256" in vars(file)) == (first, sent, True)


def test_a_reopened_batch_counts_its_uploads(tmp_path: Path) -> None:
    """Of its pending rows, also in a process that does not know the files."""
    paths, store = _files(tmp_path, a="reopened a", b="reopened b"), tmp_path / "store.sqlite"
    fh.configure(workspace_id="w", store=store)
    client = fh.Client(base_url="http://127.0.0.1:9/v1", api_key=KEY)
    rows = [{"path": path} for path in paths]
    inputs = {"document": fh.file(column="path")}
    batch = fh.batch(rows, "read", variants=["v"], inputs=inputs, client=client, progress=False, max_calls=0)
    assert batch.counts.pending == 2
    code = (
        "import fh_notebook as fh, sys\n"
        f"fh.configure(workspace_id='w', store={str(store)!r})\n"
        f"client = fh.Client(base_url='http://127.0.0.1:9/v1', api_key={KEY!r})\n"
        f"batch = fh.open_batch({batch.name!r}, client=client)\n"
        "batch.resume(); print(batch.plan().uploads)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.strip() == "2", ran.stderr
