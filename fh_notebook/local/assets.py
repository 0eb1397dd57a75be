"""Files that workflows made, and the addresses under which they are fetched."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

__all__ = ["ASSETS_PATH", "Asset", "Assets", "with_addresses"]

ASSETS_PATH: Final = "/v1/assets/"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file in memory."""

    name: str
    content: bytes
    file_type: str


class Assets:
    """The files of one hive, kept until it ends. An id cannot be guessed: it is all that fetching needs."""

    def __init__(self) -> None:
        self._by_id: dict[str, Asset] = {}

    def add(self, name: str, content: bytes, file_type: str) -> dict[str, Any]:
        """Keep a file; return its entry for ``output.assets`` (CONTRACT section 1), its address still a path."""
        asset_id = f"ast_{secrets.token_hex(16)}"
        self._by_id[asset_id] = Asset(name, bytes(content), file_type)
        return {
            "id": asset_id,
            "file_url": f"{ASSETS_PATH}{asset_id}/{quote(name, safe='')}",
            "file_name": name,
            "file_size": len(content),
            "file_type": file_type,
        }

    def get(self, asset_id: str) -> Asset | None:
        """Return a file by its id."""
        return self._by_id.get(asset_id)


def with_addresses(output: Any, base_url: str) -> Any:
    """Return an image output whose files of this hive have whole addresses; any other output as it is.

    Examples
    --------
    >>> with_addresses({"assets": [{"file_url": "/v1/assets/ast_1/a.png"}]}, "http://127.0.0.1:8000")
    {'assets': [{'file_url': 'http://127.0.0.1:8000/v1/assets/ast_1/a.png'}]}
    """
    assets = output.get("assets") if isinstance(output, dict) else None
    if not isinstance(assets, list):
        return output
    return {**output, "assets": [_with_address(a, base_url) for a in assets]}


def _with_address(asset: Any, base_url: str) -> Any:
    url = asset.get("file_url") if isinstance(asset, dict) else None
    if not isinstance(url, str) or not url.startswith(ASSETS_PATH):
        return asset
    return {**asset, "file_url": base_url + url}
