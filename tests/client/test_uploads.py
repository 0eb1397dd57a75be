"""Files that are sent to a workspace: what is sent, what comes back, and what is refused before or after."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.client.uploads import MAX_UPLOAD_BYTES
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from tests.client.callbacks.senders import until
from tests.raw_server import hangs_up, says, serving
from tests.told import facts

KEY = "fhk_0123456789abcdef"
CONTENT = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "b\u00e9e 1.png"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture(params=["in process", "socket"])
def client(request: pytest.FixtureRequest) -> Iterator[fh.Client]:
    """A client of the hive over both ways; over the socket the workspace's id is configured."""
    hive = LocalHive(api_key=KEY, workspace_id="ws 1", asset_expiry_s=3_600, max_body_bytes=5_000)
    if request.param == "in process":
        with hive.client() as made:
            yield made
    else:
        fh.configure(workspace_id="ws 1")
        with hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as made:
            yield made


def _sent_today(client: fh.Client) -> int:
    store = session.store()
    assert store is not None
    return store.requests.on_day(client.workspace, datetime.now(UTC))


def test_an_uploaded_file_has_an_address_that_ends(client: fh.Client, picture: Path) -> None:
    """Name, size and type are the file's; the request is counted."""
    before = datetime.now(UTC)
    asset = client.upload(picture)
    assert (asset.file_name, asset.file_size, asset.file_type) == (picture.name, len(CONTENT), "image/png")
    assert asset.expires_at is not None
    assert asset.expires_at - before >= timedelta(seconds=3_599)
    if client.origin != "local":
        assert httpx.get(asset.file_url or "").content == CONTENT
    until(lambda: _sent_today(client) == 1)


def test_the_async_client_is_awaited(picture: Path) -> None:
    async def main() -> list[fh.Asset]:
        with LocalHive().serve() as server:
            async with fh.AsyncClient(base_url=server.url, api_key=KEY) as client:
                first = await client.upload(str(picture), workspace_id="ws_local")
            blocking = fh.Client(base_url=server.url, api_key=KEY)
            return [first, await blocking.aupload(picture, workspace_id="ws_local")]

    first, second = asyncio.run(main())
    assert first.file_name == second.file_name == picture.name
    assert first.id != second.id


def test_what_the_service_refuses_is_said(client: fh.Client, picture: Path, tmp_path: Path) -> None:
    """Another workspace; too large a file. Nothing may have run."""
    with pytest.raises(fh.CallError, match=facts("'ws_other'", "workspace_id")) as missing:
        client.upload(picture, workspace_id="ws_other")
    large = tmp_path / "large.bin"
    large.write_bytes(b"x" * 6_000)
    with pytest.raises(fh.CallError, match=facts("large.bin")) as too_large:
        client.upload(large)
    assert [(e.value.status_code, e.value.may_have_run) for e in (missing, too_large)] == [(404, False), (413, False)]


def test_the_files_of_a_workspace_are_listed(client: fh.Client, picture: Path) -> None:
    """Each as the service has it; the request is counted, and another workspace is refused."""
    assert client.assets() == []
    sent = client.upload(picture)
    (listed,) = asyncio.run(client.aassets())
    assert replace(listed, file_url=None, expires_at=None) == replace(sent, file_url=None, expires_at=None)
    until(lambda: _sent_today(client) == 3)
    with pytest.raises(fh.CallError, match=facts("'ws_other'", "workspace_id")):
        client.assets(workspace_id="ws_other")


@pytest.mark.parametrize("holder", ["assets", "data", "items", ""])
def test_the_list_of_files_is_read_tolerantly(holder: str) -> None:
    """Whatever holds it, and page by page where a page names the next one; no list is an error."""
    entries = [{"id": "a", "file_name": "a.png"}, 3, {"id": "b"}]
    pages = [{holder: entries[:1], "next_cursor": "c 2"}, {holder: entries}] if holder else [entries]
    with serving(*(says(200, json.dumps(page).encode()) for page in pages)) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        assert [asset.id for asset in client.assets(workspace_id="w")] == ["a", "b"]
    asked = [request.partition(b" HTTP")[0].rpartition(b"/")[2] for request in server.requests]
    assert asked == [b"assets", b"assets?cursor=c+2"][: len(pages)]
    with (
        serving(says(200, b'{"message": "ok"}')) as server,
        pytest.raises(fh.CallError, match=facts("files")),
    ):
        fh.Client(base_url=server.url, api_key=KEY).assets(workspace_id="w")


def test_without_a_workspace_id_nothing_is_sent(picture: Path) -> None:
    with pytest.raises(fh.SettingsError, match="workspace_id"):
        fh.Client(base_url="https://127.0.0.1:9/v1", api_key=KEY).upload(picture)


def test_what_is_no_file_is_told_before_anything_is_sent(client: fh.Client, tmp_path: Path) -> None:
    """A missing file, a folder, a pipe that nobody writes, a NUL, a file beyond the bound."""
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    with large.open("wb") as file:
        file.truncate(MAX_UPLOAD_BYTES + 1)
    told = set()
    for path, words in (
        (tmp_path / "nowhere", "nowhere"), (tmp_path, tmp_path.name), (pipe, "pipe"), ("a\0b", r"a\\x00b"),
        (large, r"large\b.*\b104\.9 MB"),
    ):  # fmt: skip
        with pytest.raises(fh.InputError, match=words) as caught:
            client.upload(path)
        assert "\n" not in str(caught.value)
        told.add(str(caught.value).replace(str(path), ""))
    assert len(told) == 5
    assert _sent_today(client) == 0


@pytest.mark.parametrize(
    ("body", "url"),
    [
        ({"message": "ok", "asset": {"file_url": "https://f.example/1"}}, "https://f.example/1"),
        ({"data": {"file_url": "https://f.example/2"}}, "https://f.example/2"),
        ({"file_url": "https://f.example/3"}, "https://f.example/3"),
        ({"asset": {"error_message": "unreadable"}}, None),
        ([], None),
    ],
)
def test_the_answer_is_read_tolerantly(body: Any, url: str | None, picture: Path) -> None:
    """An answer without an address is an error that says so; the form carries the name, the key is in the header."""
    with serving(says(200, json.dumps(body).encode())) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        if url is None:
            with pytest.raises(fh.CallError, match=facts("Fetch Hive", server.url.split("/")[2])) as caught:
                client.upload(picture, workspace_id="w")
            assert caught.value.may_have_run
        else:
            assert client.upload(picture, workspace_id="w").file_url == url
        (sent,) = server.requests
    head, _, form = sent.partition(b"\r\n\r\n")
    assert b"multipart/form-data; boundary=" in head
    assert KEY.encode() in head
    assert KEY.encode() not in form


@pytest.mark.parametrize(("status", "may"), [(409, False), (422, False), (500, True)])
def test_a_refusal_says_what_to_do(status: int, may: bool, picture: Path) -> None:
    """It is sent once; what may have arrived is said."""
    with serving(says(status, b'{"error": "no"}')) as server:
        with pytest.raises(fh.CallError, match=r"b\u00e9e 1\.png") as caught:
            fh.Client(base_url=server.url, api_key=KEY).upload(picture, workspace_id="w")
        assert len(server.requests) == 1
    assert (caught.value.status_code, caught.value.may_have_run) == (status, may)


def test_a_broken_connection_leaves_a_doubt(picture: Path) -> None:
    with serving(hangs_up) as server, pytest.raises(fh.CallError, match=r"b\u00e9e 1\.png") as caught:
        fh.Client(base_url=server.url, api_key=KEY).upload(picture, workspace_id="w")
    assert caught.value.may_have_run
