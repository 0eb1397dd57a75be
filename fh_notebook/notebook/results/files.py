"""Files of a run: one line each, with a picture that is loaded after a click.

Rule of this file: names and addresses are the model's. Nothing is fetched by itself, no address but https (or http on
this machine) becomes a picture or a link, and who is asked for it is said before the click.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from ipywidgets import HTML, Button, VBox

from fh_notebook.contract.run import Asset, one_line
from fh_notebook.core.config.urls import LOCAL, is_loopback
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import byte_size
from fh_notebook.core.text.messages import counted
from fh_notebook.notebook.ui.buttons import enable_clicks

__all__ = ["file_host", "file_line", "files_widget", "is_picture", "picture"]

FILES_SHOWN: Final = 24
"""Files of one run that have a line; the run has all."""
NAME_SHOWN: Final = 80

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".bmp", ".svg")
IN_PROCESS: Final = "a hive in this process has no address to fetch from; serve it on a socket to see its files"


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


def file_line(asset: Asset) -> html.Html:
    """Return what is known of a file, and a link to it, which a person may follow."""
    name = one_line(asset.file_name or asset.id or "file", NAME_SHOWN)
    size = asset.file_size if asset.file_size is not None else -1
    facts = [one_line(asset.file_type or "", 40), byte_size(size) if size >= 0 else ""]
    host = file_host(asset)
    if host is None:
        local = (asset.file_url or "").startswith(f"http://{LOCAL}/")
        facts.append(IN_PROCESS if local else "its address is not https, so it is not offered")
    label = html.el("bdi", name)
    link = html.el("a", label, href=asset.file_url, target="_blank", rel="noopener noreferrer") if host else label
    return html.el("div", link, " ", html.el("span", ", ".join(filter(None, facts)), cls="fh-dim"), cls="fh-file")


def picture(asset: Asset) -> html.Html:
    """Return the picture itself: the page fetches it when this is shown."""
    name = one_line(asset.file_name or "", NAME_SHOWN)
    # No referrer: the address of somebody's notebook server is not the file host's business. No script of an SVG runs
    # inside an <img>.
    return html.el("img", src=asset.file_url, alt=name, referrerpolicy="no-referrer", style="max-width:100%")


def files_widget(assets: Sequence[Asset], looks: dict[str, dict[str, Any]], *, whole: str) -> Any:
    """Return the widget with a line for each file, and a button for each picture."""
    lines: list[Any] = []
    for asset in assets[:FILES_SHOWN]:
        box = VBox([HTML(html.el("div", file_line(asset), cls="fh"), **looks["html"])], **looks["box"])
        host = file_host(asset)
        if host is not None and is_picture(asset):
            box.children = (*box.children, _button(box, asset, host, looks))
        lines.append(box)
    if len(assets) > FILES_SHOWN:
        more = f"… {counted(len(assets) - FILES_SHOWN, 'more file')}; {whole}"
        lines.append(HTML(html.el("div", more, cls="fh fh-dim"), **looks["html"]))
    return VBox(lines, **looks["box"])


def _button(box: Any, asset: Asset, host: str, looks: dict[str, dict[str, Any]]) -> Any:
    full_host = one_line(host, 200)
    button = Button(
        description=f"Show picture from {one_line(host, 40)}",
        tooltip=f"Your browser asks {full_host} for it now, and {full_host} sees your address",
        **looks["button"],
    )

    def show(_: Any) -> None:
        box.children = (box.children[0], HTML(picture(asset), **looks["html"]))
        button.close()

    button.on_click(show)
    button.add_class("fh-show-file")
    enable_clicks(button)
    return button
