"""Signatures of callbacks, against openssl, and closed against everything else."""

from __future__ import annotations

import base64
import hmac
import subprocess
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.signing import sign, verify_signature
from fh_notebook.core.redaction import Secret
from tests.told import facts, tells

BODY = b'{"event_type":"workflow.completed","request_id":"req_1"}'
SECRET = "whsec_0"


def openssl(body: bytes, secret: str, *, binary: bool = False) -> bytes:
    """What openssl says, as an independent peer; the key goes in as hex, so that any bytes may be in it."""
    key = f"hexkey:{secret.encode().hex()}"
    form = ["-binary"] if binary else ["-r"]
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", key, *form]
    out = subprocess.run(command, input=body, capture_output=True, check=True, timeout=20).stdout
    return out if binary else out.split()[0]


PEERS = [
    (BODY, SECRET),
    (b"", "s"),
    (b"\x00\xff\r\n", "s" * 200),
    ("Grüße 😀".encode(), "pässwörd 😀"),
    (b"{}", " blanks are part of it "),
    (b"{}", "sha256=abc"),
]


@pytest.mark.parametrize(("body", "secret"), PEERS)
def test_the_signature_is_openssls(body: bytes, secret: str) -> None:
    """The secret's UTF-8 bytes are the key as they are, whatever their prefix; the digest is over the raw body."""
    spelt = openssl(body, secret).decode()
    assert sign(body, secret) == spelt
    assert verify_signature(body, spelt, secret)
    assert verify_signature(body, f"sha256={spelt}", secret)
    assert verify_signature(body, base64.b64encode(openssl(body, secret, binary=True)).decode(), secret)


@pytest.mark.parametrize(
    ("body", "secret", "spelt"),
    [
        # RFC 4231, test cases 2 and 1 (the key of the latter is twenty bytes 0x0b)
        (b"what do ya want for nothing?", "Jefe", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"Hi There", "\x0b" * 20, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Hi There", "\x0b" * 20, "sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Hi There", "\x0b" * 20, "sDRMYdjbOFNcqK/OrwvxK4gdwgDJgz2nJuk3bC4yz/c="),
    ],
)
def test_known_answers(body: bytes, secret: str, spelt: str) -> None:
    """The published vectors verify, in each of the three spellings."""
    assert verify_signature(body, spelt, secret)
    assert verify_signature(bytearray(body), f" {spelt}\t".encode(), Secret(secret) if secret == "Jefe" else secret)


HEX = sign(BODY, SECRET)
B64 = base64.b64encode(bytes.fromhex(HEX)).decode()


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        None,
        b"",
        b"\xff\xfe",
        3,
        [HEX],
        "é" * 64,
        "\ud800",
        "\x00" + HEX,
        HEX + "\x00",
        HEX.upper(),
        f"SHA256={HEX}",
        f"sha256={HEX.upper()}",
        f"sha256= {HEX}",
        f"sha256={B64}",
        f"sha1={HEX}",
        f"v1={HEX}",
        f"t=1,v1={HEX}",
        f"{HEX},{HEX}",
        f"{HEX}, {HEX}",
        HEX[:-1],
        HEX + "0",
        HEX + "\n" + HEX,
        f"\n{HEX}",
        f"\u00a0{HEX}",
        B64.rstrip("="),
        B64 + "=",
        B64.replace("+", "-").replace("/", "_") + " ",
        B64[:-2] + ("A" if B64[-2] != "A" else "B") + "=",
        " " * 300 + HEX,
        "a" * 10_000_000,
        b"a" * 10_000_000,
    ],
    ids=lambda h: repr(h)[:30],
)
def test_anything_but_an_exact_signature_is_refused_and_nothing_raises(header: object) -> None:
    """Absent, strange, long, re-spelt or several signatures: the answer is no."""
    assert any(c in "+/" for c in B64), "the vector must tell the two alphabets of base64 apart"
    assert verify_signature(BODY, header, SECRET) is False  # type: ignore[arg-type]  # whatever a framework hands over


@pytest.mark.parametrize("secret", ["", None, Secret(""), Secret("  "), "\ud800", b"bytes", 3])
def test_an_empty_or_impossible_secret_never_verifies(secret: object) -> None:
    """Not even the signature made with the empty key."""
    empty = hmac.new(b"", BODY, "sha256").hexdigest()
    assert verify_signature(BODY, empty, secret) is False  # type: ignore[arg-type]
    with pytest.raises(ValueError) as caught:
        sign(BODY, secret)  # type: ignore[arg-type]
    assert type(caught.value) is ValueError, "and none of an encoding"
    assert tells(caught.value, "secret")


@pytest.mark.parametrize("body", ["text", None, {"a": 1}])
def test_a_body_that_is_not_bytes_is_a_mistake_told_at_once(body: object) -> None:
    """A decoded body may not have the bytes that were signed, so asking about one is refused."""
    with pytest.raises(TypeError, match=facts("body", type(body).__name__)):
        verify_signature(body, HEX, SECRET)  # type: ignore[arg-type]


def _base64(spelt: str) -> str:
    return base64.b64encode(bytes.fromhex(spelt)).decode()


# HMAC fills a short key up with zero bytes, so "a" and "a\x00" are one key: no text of a secret has any.
secrets = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
spellings = st.sampled_from(
    [lambda h: h, lambda h: f"sha256={h}", lambda h: base64.b64encode(bytes.fromhex(h)).decode()]
)


@given(st.binary(max_size=200), secrets, spellings, st.data())
def test_no_altered_byte_verifies(body: bytes, secret: str, spell: object, data: st.DataObject) -> None:
    """One byte of the body, one character of the secret or of the header changed, and the answer is no."""
    header: str = spell(sign(body, secret))  # type: ignore[operator]
    assert verify_signature(body, header, secret)
    kind = data.draw(st.sampled_from(["body", "secret", "header", "longer", "shorter"]))
    if kind == "body" and body:
        at, flip = data.draw(st.integers(0, len(body) - 1)), data.draw(st.integers(1, 255))
        assert not verify_signature(body[:at] + bytes([body[at] ^ flip]) + body[at + 1 :], header, secret)
    elif kind == "secret":
        other = data.draw(secrets.filter(lambda s: s != secret))
        assert not verify_signature(body, header, other)
    elif kind == "header":
        at = data.draw(st.integers(0, len(header) - 1))
        char = data.draw(st.characters().filter(lambda c: c != header[at]))
        assert not verify_signature(body, header[:at] + char + header[at + 1 :], secret)
    elif kind == "longer":
        assert not verify_signature(body + b"\x00", header, secret)
    elif body:
        assert not verify_signature(body[:-1], header, secret)


@given(st.text() | st.binary() | st.none() | st.integers(), st.text())
def test_no_header_raises(header: object, secret: str) -> None:
    """Whatever comes as a header, with whatever secret, the answer is a bool."""
    assert verify_signature(BODY, header, secret) is False  # type: ignore[arg-type]


def test_another_scheme_can_be_given() -> None:
    """When the service signs in another way, one value says so."""

    @dataclass(frozen=True)
    class Reversed:
        def sign(self, body: bytes, secret: bytes) -> str:
            return body[::-1].decode()

        def accepts(self, body: bytes, header: bytes, secret: bytes) -> bool:
            return header == body[::-1]

    assert verify_signature(b"abc", "cba", SECRET, scheme=Reversed())
    assert not verify_signature(b"abc", sign(b"abc", SECRET), SECRET, scheme=Reversed())
