"""An asset's address is the model's: what is of this machine or a private network is not asked."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.client.assets import AssetAddress, AssetDownloads, is_public
from fh_notebook.contract.output import Asset
from fh_notebook.core import event_loop
from fh_notebook.core.files import ByteBudget
from tests.raw_server import RawServer, says, serving
from tests.told import facts

NAME = "files.example"
REFUSED = "an asset's address"


def _run(url: str, origin: str = "api.fetchhive.com") -> fh.Run:
    return fh.Run(status="completed", output={"assets": [{"file_url": url, "file_name": "x.png"}]}, origin=origin)


def _resolves(monkeypatch: pytest.MonkeyPatch, *numbers: str) -> None:
    """Have the name server give the the next of `numbers` each time it is asked for one of two names."""
    real: Callable[..., Any] = socket.getaddrinfo
    left = list(numbers)

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in (NAME, NAME.encode(), "xn--bcher-kva.example", b"xn--bcher-kva.example"):
            host = left.pop(0) if len(left) > 1 else left[0]
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    ("number", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        *((number, False) for number in ("127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.1", "169.254.169.254")),
        *((number, False) for number in ("0.0.0.0", "100.64.0.1", "224.0.0.1", "::", "::1", "fc00::1", "fe80::1%eth0")),
        *((number, False) for number in ("::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "ff02::1")),
        ("::ffff:93.184.215.14", True),
    ],
)
def test_which_numbers_are_of_the_public_network(number: str, public: bool) -> None:
    """An IPv4 number inside of an IPv6 one is looked at."""
    assert is_public(number) is public


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "a.localhost", "10.0.0.1", "[::1]", "[::ffff:169.254.169.254]", "[fd00::1]", "0.0.0.0"],
)
def test_an_address_of_this_machine_or_a_private_network_is_refused(host: str, tmp_path: Path) -> None:
    """Whichever scheme; also where the service is on this machine, behind another port."""
    for url in (f"https://{host}/x.png", f"http://{host}:8080/x.png"):
        for origin in ("api.fetchhive.com", "127.0.0.1:8787", "local", ""):
            with pytest.raises(fh.CallError, match=REFUSED):
                _run(url, origin).save_assets(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_services_own_address_is_asked_wherever_it_is(tmp_path: Path) -> None:
    """By its name or its number."""
    with serving(says(200, b"one"), says(200, b"two")) as server:
        port = _port(server)
        for host in ("127.0.0.1", "localhost"):
            _run(f"http://{host}:{port}/x.png", f"127.0.0.1:{port}").save_assets(tmp_path)
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"one", b"two"]
    assert AssetAddress("https://hive.corp/x.png", "hive.corp").is_of_service
    assert not AssetAddress("https://hive.corp:8443/x.png", "hive.corp").is_of_service


def test_a_redirect_of_the_service_into_a_private_network_is_refused(tmp_path: Path) -> None:
    """The service itself may be told to by what a model wrote."""
    with serving(says(302, b"", b"location: https://169.254.169.254/latest/meta-data")) as server:
        origin = server.url.split("/")[2]
        with pytest.raises(fh.CallError, match=REFUSED):
            _run(f"http://{origin}/x.png", origin).save_assets(tmp_path)
    assert list(tmp_path.iterdir()) == []


def _port(server: RawServer) -> int:
    return int(server.url.split(":")[2].removesuffix("/v1"))


def _bytes_that_came(server: RawServer, url: str, folder: Path) -> tuple[bytes, str]:
    with pytest.raises(fh.CallError) as refused:
        _run(url).save_assets(folder)
    server._thread.join(60)  # it has read all that came
    assert list(folder.iterdir()) == []
    return b"".join(server.requests), str(refused.value)


@pytest.mark.parametrize("numbers", [("127.0.0.1",), ("93.184.215.14", "127.0.0.1")], ids=["private", "rebound"])
def test_a_name_that_leads_to_this_machine_is_refused_before_a_byte_is_sent(
    numbers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The number that was connected to counts, and not what the name server said before."""
    with serving(says(200, b"secret")) as server:
        port = _port(server)
        _resolves(monkeypatch, *numbers)
        if len(numbers) > 1:
            assert socket.getaddrinfo(NAME, None)[0][4][0] == numbers[0]
        came, told = _bytes_that_came(server, f"https://{NAME}:{port}/x.png", tmp_path)
    assert came == b""
    assert REFUSED in told


def test_a_proxy_is_not_asked_for_what_leads_to_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A proxy of a private network is no reason to refuse; a name that only it knows goes through it."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(says(403, b"")) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.url.removesuffix("/v1"))
        _resolves(monkeypatch, "10.0.0.7")
        with pytest.raises(fh.CallError, match=REFUSED):
            _run(f"https://{NAME}/x.png").save_assets(tmp_path)
        came, told = _bytes_that_came(server, "https://only-the-proxy-knows.invalid/x.png", tmp_path)
    assert came.startswith(b"CONNECT only-the-proxy-knows.invalid:443 ")
    assert REFUSED not in told


def test_a_name_of_other_letters_is_watched_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The library connects to its spelling in ASCII."""
    with serving(says(200, b"secret")) as server:
        _resolves(monkeypatch, "127.0.0.1")
        came, told = _bytes_that_came(server, f"https://b\u00fccher.example:{_port(server)}/x.png", tmp_path)
    assert (came, REFUSED in told) == (b"", True)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://local/x", r"hive\.serve\(\)"),
        ("http://local.example/x", r"\(http:\).* https\b"),
        ("http://127.0.0.1:1/x", f"{REFUSED} (?!.*https)"),
    ],
)
def test_only_the_hive_in_process_is_asked_as_such(url: str, told: str) -> None:
    """Another scheme or host is checked as any other address, and a foreign run's address is refused."""
    with pytest.raises(fh.CallError, match=told):
        AssetAddress(url, "local", reaches_hive=True)
    assert AssetAddress("http://local/v1/assets/1/x", "local", reaches_hive=True).extensions == {}
    with pytest.raises(fh.CallError, match="asset|hive.serve"):
        AssetAddress("http://local/v1/assets/1/x", "api.fetchhive.com", reaches_hive=True)


def test_a_download_has_a_limit(tmp_path: Path) -> None:
    """One that keeps to every other timeout, byte by byte, ends; nothing of it is kept."""

    def trickles(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\n.")
        connection.recv(1)  # until the client has gone

    async def download(url: str) -> None:
        total = ByteBudget(1000)
        downloads = AssetDownloads(tmp_path, max_bytes=1000, total=total, limit_s=0.05)
        with pytest.raises(fh.CallError, match=facts("x", "0.05 s")):
            await downloads.keep(Asset(file_url=f"{url}/x"), url.split("/")[2], "x")
        await downloads.aclose()
        assert total.used == 0

    with serving(trickles) as server:
        event_loop.run(download(server.url))
    assert list(tmp_path.iterdir()) == []
