"""Thumbnail of an image that is sent for a file field.

Rule of this file: only a small copy of the image is put into the page, since a saved notebook holds what a page shows.
"""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any, Final

from fh_notebook.notebook.forms.model.kinds import Shape
from fh_notebook.notebook.forms.model.text_codec import MAX_BYTES, encoding_of

__all__ = ["thumbnail"]

SIZE_PX: Final = 96
"""Twice of what is seen: for screens of high resolution."""
MOST_PIXELS: Final = 50_000_000
"""An image of more is not read: a small file may unpack to gigabytes."""
FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP")


def thumbnail(value: str, shape: Shape) -> str:
    """Return a small copy of an image as a ``data:`` address; empty where `value` is no image.

    Parameters
    ----------
    value : str
        What a file field holds: base64, or a ``data:`` address.
    shape : Shape
        Of the field: it says how the file is encoded.

    Examples
    --------
    >>> from fh_notebook.notebook.forms.model.kinds import shape_of
    >>> thumbnail("bm8gaW1hZ2U=", shape_of({"type": "string", "contentEncoding": "base64"}, {}))
    ''
    """
    encoding = encoding_of(shape)
    if encoding not in ("base64", "data-url") or len(value) > 2 * MAX_BYTES:
        return ""
    try:
        data = base64.b64decode(value.partition(",")[2] if encoding == "data-url" else value, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return _small_copy(data)


def _small_copy(data: bytes) -> str:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                return ""
            image.draft("RGB", (SIZE_PX, SIZE_PX))
            small: Any = image.convert("RGBA")
            small.thumbnail((SIZE_PX, SIZE_PX))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return ""
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return ""
    written = io.BytesIO()
    small.save(written, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
