"""Files of a hive: uploaded, listed, and at addresses that expire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from fh_notebook.errors import SettingsError
from fh_notebook.local import LocalHive
from tests.local.hives import on_socket
from tests.local.http.test_peers import curl

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
EVERY_BYTE = bytes(range(256)) + b"\r\n--\r\n\r\nContent-Type: message/rfc822\r\n"
PATH = "/public/workspaces/ws_local/assets"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_a_file_is_uploaded_listed_and_fetched() -> None:
    """Whatever its bytes, name and type are, over a socket; the address is whole and needs no key."""
    hive = LocalHive(clock=Clock())
    with on_socket(hive) as http:
        answer = http.post(PATH, files={"file": ('b\u00e9e "1".png', EVERY_BYTE, "image/png")})
        asset = answer.json()["asset"]
        (listed,) = http.get(PATH).json()["assets"]
        fetched = [http.get(entry["file_url"], headers={"authorization": ""}) for entry in (asset, listed)]
    assert answer.status_code == 200
    assert answer.json()["message"]
    assert [response.content for response in fetched] == [EVERY_BYTE, EVERY_BYTE]
    assert fetched[0].headers["content-type"] == "image/png"
    assert (asset["file_size"], asset["file_type"]) == (len(EVERY_BYTE), "image/png")
    assert asset["file_name"].startswith("b\u00e9e ")
    assert asset["file_url_expires_at"] == "2026-12-01T12:00:00Z"
    assert (asset["workspace_id"], asset["uploaded_at"]) == ("ws_local", "2026-11-30T12:00:00Z")
    assert {**asset, "file_url": ""} == {**listed, "file_url": ""}
    assert asset["file_url"] != listed["file_url"], "a list gives a new address"


def test_an_address_ends_at_its_time() -> None:
    """403 then; the list has another one."""
    clock = Clock()
    hive = LocalHive(clock=clock, asset_expiry_s=60)
    entry = hive.asset("a.txt", b"a", "text/plain")
    with on_socket(hive) as http:
        url = str(http.base_url).removesuffix("/v1/").rstrip("/").removesuffix("/v1") + entry["file_url"]
        before = http.get(url).status_code
        clock.now += timedelta(seconds=60)
        after = http.get(url)
        again = http.get(http.get(PATH).json()["assets"][0]["file_url"])
    assert (before, after.status_code, again.content) == (200, 403, b"a")
    assert after.json()["error_code"] == "address_expired"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"files": {"file": ("", b"x")}}, 422, "validation_error"),
        ({"data": {"file": "x"}}, 422, "validation_error"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 422, "validation_error"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 422, "validation_error"),
        ({"json": {}}, 422, "validation_error"),
        ({"files": {"file": ("a", b"x")}, "headers": {"authorization": ""}}, 401, "unauthorized"),
        ({"files": {"file": ("a", b"x" * 3_000)}}, 413, "request_too_large"),
    ],
)
def test_a_request_without_a_file_is_refused(request_: dict[str, Any], status: int, code: str) -> None:
    """422; and a key, and a bounded size, as everywhere."""
    hive = LocalHive(max_body_bytes=2_000)
    with on_socket(hive) as http:
        answer = http.post(PATH, **request_)
        other = http.post(PATH.replace("ws_local", "ws_other"), files={"file": ("a", b"x")})
        listed = http.get(PATH).json()["assets"]
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert (other.status_code, listed) == (404, [])


def test_curl_uploads_a_file(tmp_path: Any) -> None:
    """An independent peer writes the form."""
    path = tmp_path / "b\u00e9e.bin"
    path.write_bytes(EVERY_BYTE)
    with LocalHive().serve() as server:
        status, answer = curl(f"{server.url}{PATH}", "-H", "Authorization: Bearer fhk_x", "-F", f"file=@{path}")
        content = httpx.get(answer["asset"]["file_url"]).content
    assert (status, answer["asset"]["file_name"], content) == (200, path.name, EVERY_BYTE)


@pytest.mark.parametrize("expiry_s", [-1, "1", float("inf"), None, True])
def test_an_expiry_is_a_number_of_seconds(expiry_s: Any) -> None:
    with pytest.raises(SettingsError):
        LocalHive(asset_expiry_s=expiry_s)
