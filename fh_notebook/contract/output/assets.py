"""Files that a run made, at addresses of the service (CONTRACT section 1, image results).

Names and addresses are the model's. An address is offered to a reader only where :func:`file_host` names a host, so
whoever is asked for a file is known before anybody is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import urlsplit

from fh_notebook.core import arguments
from fh_notebook.core.config.urls import is_loopback
from fh_notebook.core.text.formatting import with_partial_repr

__all__ = ["Asset", "assets_of", "file_host", "is_picture"]

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".bmp", ".svg")


@with_partial_repr
@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file that a run made, at an address of the service (CONTRACT section 1, image results)."""

    id: str | None = None
    file_url: str | None = None
    file_name: str | None = None
    file_size: int | None = None
    """Bytes."""
    file_type: str | None = None

    def __post_init__(self) -> None:
        arguments.check(Asset.__init__, {each.name: getattr(self, each.name) for each in fields(self)})

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> Asset:
        """Return the asset of one entry of ``output.assets``; what is not of the right kind is left out."""
        arguments.check(Asset.from_wire, locals())
        size = value.get("file_size")
        texts = {k: str(value[k]) for k in ("id", "file_url", "file_name", "file_type") if value.get(k) is not None}
        return cls(file_size=size if isinstance(size, int) else None, **texts)


def assets_of(output: Any) -> tuple[Asset, ...]:
    """Return the files that an output lists, if it lists any.

    Examples
    --------
    >>> [asset.file_name for asset in assets_of({"assets": [{"file_name": "a.png"}, 3]})], assets_of("text")
    (['a.png'], ())
    """
    listed = output.get("assets") if isinstance(output, Mapping) else None
    return tuple(Asset.from_wire(a) for a in listed if isinstance(a, Mapping)) if isinstance(listed, list) else ()


def file_host(asset: Asset) -> str | None:
    """Return who would be asked for a file; ``None`` for an address that is not to be fetched.

    Examples
    --------
    >>> file_host(Asset(file_url="https://files.example/a.png")), file_host(Asset(file_url="javascript:alert(1)"))
    ('files.example', None)
    """
    try:
        parts = urlsplit(asset.file_url or "")
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.username is not None or any(sign.isspace() or sign < " " for sign in asset.file_url or ""):
        return None
    fetched = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return host if fetched else None


def is_picture(asset: Asset) -> bool:
    """Whether a file says that it is a picture."""
    kind = (asset.file_type or "").lower()
    if "/" in kind and kind != "application/octet-stream":  # which says only that nothing is known
        return kind.startswith("image/")
    name = asset.file_name or urlsplit(asset.file_url or "").path
    return name.lower().endswith(_PICTURES)
