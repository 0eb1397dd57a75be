"""Outputs of a model that means ill, and a reader of HTML that says what in it could run or be fetched."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any, Final

EVIL: Final = (
    "<script>window.evil = 1</script><img src='https://evil.example/a.png' onerror='window.evil = 2'>"
    "<iframe src=https://evil.example></iframe><style>@import url(https://evil.example/x.css)</style>"
)
MARKDOWN: Final = (
    "# Title\n\n[a](javascript:window.evil=3) [b](JaVaScRiPt:window.evil=3) [c](data:text/html,<script>1</script>) "
    "![d](https://evil.example/d.png) <javascript:window.evil=3> [e](https://ok.example/e)\n\n"
    "[f]: javascript:window.evil=3\n[f] [g]\n\n[g]: vbscript:x\n\n<b onclick=evil()>b</b>\n\n" + EVIL
)
INVISIBLE: Final = "a\u202egnp.exe\u2066\u200f\u061c \x00\x07\x1b[31m \ud800 \ufeff"
OUTPUTS: Final[tuple[Any, ...]] = (
    EVIL,
    MARKDOWN,
    INVISIBLE,
    EVIL * 5_000,
    "* \x00" * 400_000,
    {EVIL: EVIL, "list": [EVIL, {"deep": MARKDOWN}], INVISIBLE: [INVISIBLE]},
    [{EVIL: MARKDOWN}, {"b": EVIL}],
    {"assets": [{"file_url": url, "file_name": EVIL, "file_type": "image/png"} for url in (
        "javascript:window.evil=4", "https://evil.example/b.png", "http://evil.example/c.png", "data:image/png;base64,AA",
        "https://user:pw@evil.example/d.png", "https://evil.example/\"onerror=evil", " https://evil.example/e.png",
        "//evil.example/f.png", "https://[broken", EVIL,
    )]},
    {"assets": [None, 3, {"file_url": 3, "file_name": None, "file_size": "x", "id": EVIL}] * 50},
    "\u05d0\u05d1\u05d2 \u202e txt " * 3,
)  # fmt: skip

_TAGS = """
div span b strong em p pre code ul ol li blockquote hr br h1 h2 h3 h4 h5 h6 table thead tbody tr th td details summary
ins del s bdi style a form label input button svg rect
"""
TAGS: Final = frozenset(_TAGS.split())
_ATTRIBUTES = (
    "class style title dir open href target rel scope tabindex role start aria-label "
    "aria-multiline contenteditable spellcheck data-lm-suppress-shortcuts "
    "method type name value checked hidden data-output data-text data-src data-name aria-hidden width height rx fill"
)
ATTRIBUTES: Final = frozenset(_ATTRIBUTES.split())


class Page(HTMLParser):
    """Collects what of a page is more than text in plain elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.strange: list[str] = []
        self.links: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self._in_style = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        if tag not in TAGS:
            self.strange.append(f"<{tag}>")
        for name, value in attrs:
            if (tag, name) == ("input", "type") and value != "radio":
                self.strange.append(f"{tag} {name}={value}")
            if (tag, name) == ("form", "method") and value != "dialog":
                self.strange.append(f"{tag} {name}={value}")
            if name not in ATTRIBUTES or (name == "style" and "url" in (value or "")):
                self.strange.append(f"{tag} {name}={value}")
            if name in ("href", "data-src"):
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles.append(data)
        else:
            self.text += data


def dangers(page: str) -> list[str]:
    """Return what in `page` could run, be fetched by itself, or be followed to something that runs."""
    read = Page(page)
    bad = [link for link in read.links if not link.startswith(("https://", "http://127.0.0.1", "mailto:"))]
    unseen = [sign for sign in "\x00\x07\x1b\u202e\u2066\u200f\u061c\ufeff" if sign in page]
    styles = [style for style in read.styles if "url" in style or "import" in style]
    return [*read.strange, *bad, *map(ascii, unseen), *styles]
