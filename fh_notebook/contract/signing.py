"""Signatures of callbacks: sign a body, and verify that it arrives unchanged from the service.

Rule of this file: fail closed. Whatever the header is, the answer is yes or no, and only an exact signature is a yes.

What is known (CONTRACT section 6): ``X-Fetch-Hive-Signature`` carries an HMAC-SHA256 with the deployment's signing
secret. Not known: how it is spelt and what exactly is signed. So the scheme is a value, :data:`SCHEME`, and the one
place to change when somebody knows.

Three spellings over the raw body are accepted: 64 lower-case hex digits, the same after ``sha256=``, and padded
standard base64. Refused on purpose, since nobody is known to send them and each one more spelling is one more text that
verifies: upper-case hex, base64 without its padding or in the URL alphabet, and several signatures in one header.

A receiver asks a scheme of the whole request: which headers carry what. Beside :data:`CALLBACKS` there are a timestamp
that is signed with the body (`SignedHeader(timestamp_header=...)`) and Standard Webhooks (`StandardWebhooks`), both
with a tolerance, so that an old delivery is not taken again. Until the service says which it is, a receiver takes each
of them (`KnownForms`): every one needs the secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from fh_notebook.core import arguments
from fh_notebook.core.redaction import Secret
from fh_notebook.core.text.formatting import short, with_article

SIGNATURE_HEADER: Final = "x-fetch-hive-signature"
TOLERANCE_S: Final = 300.0
"""How old, or how early by the sender's clock, a signed timestamp may be: Standard Webhooks' own number."""

MAX_HEADER: Final = 256
"""Characters. The longest spelling has 71; a header of megabytes is not even copied."""


class Scheme(Protocol):
    """How a callback is signed."""

    def sign(self, body: bytes, secret: bytes) -> str:
        """Return the header's value."""
        ...

    def accepts(self, body: bytes, header: bytes, secret: bytes) -> bool:
        """Whether `header` is a signature of `body`; compared in constant time."""
        ...


_SPELLINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "hex": lambda digest: digest.hex().encode(),
    "sha256=hex": lambda digest: b"sha256=" + digest.hex().encode(),
    "base64": base64.b64encode,
}


@dataclass(frozen=True, slots=True)
class HmacSha256:
    """HMAC-SHA256 over the raw body, in any of the spellings that the module names."""

    spellings: tuple[str, ...] = tuple(_SPELLINGS)
    """Those that are accepted, of ``hex``, ``sha256=hex`` and ``base64``; it signs with the first."""

    def sign(self, body: bytes, secret: bytes) -> str:
        """Return the signature in the first spelling."""
        return _SPELLINGS[self.spellings[0]](hmac.digest(secret, body, "sha256")).decode()

    def accepts(self, body: bytes, header: bytes, secret: bytes) -> bool:
        """Whether `header` is one of the spellings of the signature.

        Spellings are compared, never decoded values: several base64 texts decode to the same bytes.
        """
        digest = hmac.digest(secret, body, "sha256")
        # All are compared, so that the time does not tell which one came near.
        return sum(hmac.compare_digest(header, _SPELLINGS[name](digest)) for name in self.spellings) > 0


SCHEME: Final[Scheme] = HmacSha256()
"""The scheme of the service."""


class RequestScheme(Protocol):
    """How the request that carries a callback is signed."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The headers, in lower case, without which nothing is even read."""
        ...

    def accepts_request(
        self, body: bytes, headers: Mapping[str, bytes], secrets: Iterable[Secret], *, now_s: float
    ) -> bool:
        """Whether one of `secrets` signed it; `now_s` is the time, in seconds since 1970."""
        ...

    def signed_headers(self, body: bytes, secret: Secret, *, now_s: float) -> dict[str, str]:
        """Return the headers of such a request, as the service would send them: a receiver tests itself with them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHeader:
    """One header with the signature; with a timestamp's header, ``{timestamp}.`` is signed before the body."""

    header: str = SIGNATURE_HEADER
    scheme: Scheme = SCHEME
    timestamp_header: str | None = None
    tolerance_s: float = TOLERANCE_S

    @property
    def needs(self) -> tuple[str, ...]:
        """The headers that must be there."""
        return (self.header,) if self.timestamp_header is None else (self.header, self.timestamp_header)

    def accepts_request(
        self, body: bytes, headers: Mapping[str, bytes], secrets: Iterable[Secret], *, now_s: float
    ) -> bool:
        """Whether one of `secrets` signed it, and not too long ago where there is a timestamp."""
        signed = body
        if self.timestamp_header is not None:
            stamp = headers.get(self.timestamp_header, b"").strip(b" \t")
            if not _is_fresh(stamp, now_s, self.tolerance_s):
                return False
            signed = stamp + b"." + body
        signature = headers.get(self.header)
        # All are tried, so that the time does not tell which one it was.
        return sum(verify_signature(signed, signature, secret, scheme=self.scheme) for secret in secrets) > 0

    def signed_headers(self, body: bytes, secret: Secret, *, now_s: float) -> dict[str, str]:
        """Return the header with the signature, and that with the time where there is one."""
        if self.timestamp_header is None:
            return {self.header: self.scheme.sign(body, _key(secret) or b"")}
        stamp = f"{now_s:.0f}"
        signed = f"{stamp}.".encode() + body
        return {self.header: self.scheme.sign(signed, _key(secret) or b""), self.timestamp_header: stamp}


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardWebhooks:
    """Standard Webhooks 1.0 (standardwebhooks.com): ``{id}.{timestamp}.{body}``, several signatures in one header."""

    tolerance_s: float = TOLERANCE_S

    @property
    def needs(self) -> tuple[str, ...]:
        """The headers that must be there."""
        return ("webhook-id", "webhook-timestamp", "webhook-signature")

    def accepts_request(
        self, body: bytes, headers: Mapping[str, bytes], secrets: Iterable[Secret], *, now_s: float
    ) -> bool:
        """Whether one of `secrets` signed it, not too long ago."""
        name, stamp, signature_header = (headers.get(header, b"").strip(b" \t") for header in self.needs)
        if not name or len(signature_header) > 8 * MAX_HEADER or not _is_fresh(stamp, now_s, self.tolerance_s):
            return False
        signatures = [signature[3:] for signature in signature_header.split(b" ") if signature.startswith(b"v1,")]
        signed = b".".join((name, stamp, body))
        matches = 0
        for secret in secrets:
            if (key := _standard_key(secret)) is not None:
                expected = base64.b64encode(hmac.digest(key, signed, "sha256"))
                matches += sum(hmac.compare_digest(signature, expected) for signature in signatures)
        return matches > 0

    def signed_headers(self, body: bytes, secret: Secret, *, now_s: float) -> dict[str, str]:
        """Return the three headers; the id is made of the body."""
        name, stamp = f"msg_{hashlib.sha256(body).hexdigest()[:24]}", f"{now_s:.0f}"
        signature = hmac.digest(_standard_key(secret) or b"", f"{name}.{stamp}.".encode() + body, "sha256")
        return dict(zip(self.needs, (name, stamp, f"v1,{base64.b64encode(signature).decode()}"), strict=True))


CALLBACKS: Final[RequestScheme] = SignedHeader()
"""How the service is thought to sign its callbacks."""


TIMESTAMP_HEADER: Final = "x-fetch-hive-timestamp"
"""The header that a signed timestamp would have, by the name of the other one: UNKNOWN whether there is one."""

SIGNATURE_FORMS: Final[Mapping[str, RequestScheme]] = {
    **{name: SignedHeader(scheme=HmacSha256((name,))) for name in _SPELLINGS},
    **{
        f"{name} of timestamp.body": SignedHeader(scheme=HmacSha256((name,)), timestamp_header=TIMESTAMP_HEADER)
        for name in _SPELLINGS
    },
    "Standard Webhooks": StandardWebhooks(),
}
"""The forms of a signature that are told apart: name -> scheme."""


def has_needed(scheme: RequestScheme, headers: Mapping[str, bytes]) -> bool:
    """Whether a request has the headers of a scheme, or of one of its ``schemes`` where it has several."""
    schemes: Iterable[RequestScheme] = getattr(scheme, "schemes", (scheme,))
    return any(all(headers.get(name) for name in one.needs) for one in schemes)


class KnownForms:
    """Scheme that accepts a request signed in any of :data:`SIGNATURE_FORMS`: what a receiver asks by default.

    Attributes
    ----------
    expected : str or None
        The form that the service was observed to use: tried first, and used to sign. The others are accepted all the
        same, so that an old observation refuses nothing.
    schemes : tuple of RequestScheme
        All of them.

    Examples
    --------
    >>> forms = KnownForms()
    >>> forms.expected = "base64"
    >>> headers = {SIGNATURE_HEADER: sign(b"{}", "whsec_1").encode()}
    >>> forms.accepts_request(b"{}", headers, [Secret("whsec_1")], now_s=0.0)
    True
    """

    needs: tuple[str, ...] = ()
    """None that all forms have; see `has_needed`."""
    schemes: Final = tuple(SIGNATURE_FORMS.values())

    def __init__(self) -> None:
        self.expected: str | None = None

    def form_of(
        self, body: bytes, headers: Mapping[str, bytes], secrets: Iterable[Secret], *, now_s: float
    ) -> str | None:
        """Return the form in which one of `secrets` signed a request; ``None``: in none."""
        known = tuple(secrets)
        for name in sorted(SIGNATURE_FORMS, key=lambda form: form != self.expected):
            scheme = SIGNATURE_FORMS[name]
            if has_needed(scheme, headers) and scheme.accepts_request(body, headers, known, now_s=now_s):
                return name
        return None

    def accepts_request(
        self, body: bytes, headers: Mapping[str, bytes], secrets: Iterable[Secret], *, now_s: float
    ) -> bool:
        """Whether one of `secrets` signed it in a known form."""
        return self.form_of(body, headers, secrets, now_s=now_s) is not None

    def signed_headers(self, body: bytes, secret: Secret, *, now_s: float) -> dict[str, str]:
        """Return the headers of the expected form; without one, of that which the service is thought to have."""
        scheme = SIGNATURE_FORMS.get(self.expected or "", CALLBACKS)
        return scheme.signed_headers(body, secret, now_s=now_s)


class FormDetector:
    """Scheme that accepts what `KnownForms` does, and records which form it was.

    Attributes
    ----------
    form : str or None
        The form of the last request with a right signature; ``None`` before the first.
    refused_headers : tuple of str
        The names of the headers of the last refused request that may belong to a signature.

    Examples
    --------
    >>> detector = FormDetector()
    >>> headers = {SIGNATURE_HEADER: sign(b"{}", "whsec_1").encode()}
    >>> detector.accepts_request(b"{}", headers, [Secret("whsec_1")], now_s=0.0), detector.form
    (True, 'hex')
    """

    needs: tuple[str, ...] = ()
    """No header: a request without a signature is one of the things to find out."""

    def __init__(self) -> None:
        self.form: str | None = None
        self.refused_headers: tuple[str, ...] = ()

    def accepts_request(
        self, body: bytes, headers: Mapping[str, bytes], secrets: Iterable[Secret], *, now_s: float
    ) -> bool:
        """Whether one of `secrets` signed it in a known form."""
        if (form := KnownForms().form_of(body, headers, secrets, now_s=now_s)) is not None:
            self.form = form
            return True
        names = (name for name in headers if any(part in name for part in ("signature", "timestamp", "webhook")))
        self.refused_headers = tuple(sorted(names))[:10]
        return False

    def signed_headers(self, body: bytes, secret: Secret, *, now_s: float) -> dict[str, str]:
        """Return the header of the form that the service is thought to have."""
        return CALLBACKS.signed_headers(body, secret, now_s=now_s)


def _is_fresh(stamp: bytes, now_s: float, tolerance_s: float) -> bool:
    """Whether a timestamp of whole seconds is near to now, on either side."""
    return len(stamp) <= 12 and stamp.isdigit() and abs(now_s - int(stamp)) <= tolerance_s


def _standard_key(secret: Secret) -> bytes | None:
    """Return the bytes of a secret that is spelt as Standard Webhooks spell one: ``whsec_`` and base64."""
    try:
        return base64.b64decode(secret.reveal().removeprefix("whsec_"), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def sign(body: bytes, secret: str | Secret) -> str:
    """Return the signature of `body` as the service is thought to send it: lower-case hex.

    Examples
    --------
    >>> sign(b"{}", "whsec_1")[:16]
    'b8a3a8213627ec31'
    """
    key = _key(secret)
    if key is None:
        raise ValueError("an empty secret signs nothing; give the deployment's signing secret")
    return SCHEME.sign(bytes(body), key)


@arguments.public
def verify_signature(
    body: bytes, header: str | bytes | None, secret: str | Secret | None, *, scheme: Scheme = SCHEME
) -> bool:
    """Return whether `header` is the signature of `body`.

    Parameters
    ----------
    body : bytes
        The body exactly as it came: not parsed, not re-encoded.
    header : str, bytes or None
        The value of ``X-Fetch-Hive-Signature``. Blanks around it are dropped, as HTTP does.
    secret : str, Secret or None
        The deployment's signing secret. An empty one never verifies.
    scheme : Scheme, optional
        How the service signs.

    Returns
    -------
    bool
        Never raises, whatever the header.

    Raises
    ------
    TypeError
        `body` is not bytes: a decoded text may not have the bytes that were signed.

    Examples
    --------
    >>> verify_signature(b"{}", "sha256=" + sign(b"{}", "whsec_1"), "whsec_1")
    True
    >>> verify_signature(b"{ }", sign(b"{}", "whsec_1"), "whsec_1")
    False
    """
    if not (hasattr(type(scheme), "sign") and hasattr(type(scheme), "accepts")):
        del secret  # a traceback's frame must not have it
        raise arguments.ArgumentError(
            f"scheme is {short(scheme)}; give an object with the methods sign and accepts, such as HmacSha256()"
        )
    raw_body: object = body
    if not isinstance(raw_body, bytes | bytearray | memoryview):
        del secret  # a traceback's frame must not have it
        raise arguments.ArgumentError(f"body is {with_article(type(raw_body).__name__)}; give the raw body as bytes")
    key, signature = _key(secret), _header_bytes(header)
    return key is not None and signature is not None and scheme.accepts(bytes(body), signature, key)


def _key(secret: object) -> bytes | None:
    text = secret.reveal() if isinstance(secret, Secret) else secret
    if not isinstance(text, str) or not text:
        return None
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a character has no UTF-8 bytes, so nobody signed with it
        return None


def _header_bytes(header: object) -> bytes | None:
    if not isinstance(header, str | bytes) or not 0 < len(header) <= MAX_HEADER:
        return None
    if isinstance(header, bytes):
        return header.strip(b" \t")
    return header.strip(" \t").encode() if header.isascii() else None
