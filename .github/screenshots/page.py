"""One HTML page over the screenshots in a folder, with those of an earlier run beside them."""

from __future__ import annotations

import html
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

__all__ = ["PLACES", "THEMES", "WIDTHS", "Shot", "write_page"]

WIDTHS: Final = (1600, 1366, 800)
THEMES: Final = ("light", "dark")
PLACES: Final = {"lab": "JupyterLab", "notebook7": "Notebook 7", "voila": "Voila"}
PARTS: Final = ("window", "whole")
WINDOW: Final = 1000
"""Where the line is drawn in a picture of the whole: below it a person scrolls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One screenshot, by what it shows."""

    surface: str
    place: str
    theme: str
    width: int
    part: str
    """``window``, or ``whole`` where the surface is higher than that."""

    @property
    def file(self) -> str:
        """Its file name."""
        return f"{self.surface}-{self.place}-{self.theme}-{self.width}-{self.part}.png"

    @classmethod
    def of(cls, file: Path) -> Shot | None:
        """Return what a file shows, by its name; None where it is none of ours."""
        match = re.fullmatch(r"(\w+)-(\w+)-(\w+)-(\d+)-(\w+)\.png", file.name)
        if match is None:
            return None
        surface, place, theme, width, part = match.groups()
        return cls(surface=surface, place=place, theme=theme, width=int(width), part=part)

    def whole(self) -> Shot:
        """Return the one that shows all of the same."""
        return replace(self, part="whole")

    @property
    def order(self) -> tuple[int, ...]:
        """The key by which a page sorts the shots of a surface."""
        places = list(PLACES).index(self.place), THEMES.index(self.theme)
        return (*places, WIDTHS.index(self.width), PARTS.index(self.part))


_STYLE: Final = """
body { font: 14px system-ui, sans-serif; margin: 1rem; background: #f4f4f6; color: #222 }
nav { position: sticky; top: 0; background: #f4f4f6; padding: .5rem 0; z-index: 1 }
nav label { margin-right: 1rem }
h2 { margin: 2rem 0 0 }
h2 + p { margin: 0 0 .5rem; color: #555 }
.shots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 44rem), 1fr)); gap: 1rem }
figure { margin: 0; background: #fff; border: 1px solid #ccc; padding: .5rem }
figure[hidden] { display: none }
figcaption { margin-bottom: .3rem }
.sides { display: flex; gap: .5rem }
.sides > div { flex: 1; min-width: 0; position: relative }
img { width: 100%; display: block; border: 1px solid #ddd }
.fold { position: absolute; left: 0; right: 0; border-top: 2px dashed #d33 }
"""

_SCRIPT: Final = """
const show = () => {
    const wanted = new Set([...document.querySelectorAll('nav input:checked')].map(box => box.value));
    for (const shot of document.querySelectorAll('figure'))
        shot.hidden = !shot.dataset.is.split(' ').every(word => wanted.has(word));
};
document.querySelector('nav').onchange = show;
show();
"""

_SHOWN_FIRST: Final = ("lab", "light", "1600", "window")


def write_page(out: Path, said: Mapping[str, str], *, before: Path | None = None) -> Path:
    """Write ``index.html`` over every screenshot in `out`, and return it.

    Parameters
    ----------
    out : Path
        The folder.
    said : mapping of surface to text
        What each surface is; the page has them in this order.
    before : Path, optional
        A folder with earlier screenshots of the same names.
    """
    folders = [before, out] if before else [out]
    found = {shot for folder in folders for file in folder.glob("*.png") if (shot := Shot.of(file))}
    sections = []
    for name, text in said.items():
        shots = sorted((shot for shot in found if shot.surface == name), key=lambda shot: shot.order)
        if shots:
            figures = "".join(_figure(shot, folders, out) for shot in shots)
            sections.append(f'<h2>{name}</h2><p>{html.escape(text)}</p><div class="shots">{figures}</div>')
    page = out / "index.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><title>Screenshots</title><style>{_STYLE}</style><nav>{_choices()}</nav>"
        f"{''.join(sections)}<script>{_SCRIPT}</script>",
        encoding="utf-8",
    )
    return page


def _choices() -> str:
    """Return the check boxes by which a person chooses what is seen."""
    kinds = (
        PLACES,
        {name: name for name in THEMES},
        {str(n): f"{n} px" for n in WIDTHS},
        {name: name for name in PARTS},
    )
    return " | ".join("".join(_choice(word, label) for word, label in kind.items()) for kind in kinds)


def _choice(word: str, label: str) -> str:
    checked = " checked" if word in _SHOWN_FIRST else ""
    return f'<label><input type="checkbox" value="{word}"{checked}> {label}</label>'


def _figure(shot: Shot, folders: list[Path], out: Path) -> str:
    sides = "".join(_side(folder / shot.file, out) for folder in folders)
    caption = f"{PLACES[shot.place]}, {shot.theme}, {shot.width} px, {shot.part}"
    return (
        f'<figure data-is="{shot.place} {shot.theme} {shot.width} {shot.part}"><figcaption>{caption}</figcaption>'
        f'<div class="sides">{sides}</div></figure>'
    )


def _side(file: Path, out: Path) -> str:
    """Return one picture, with a line where a window ends."""
    if not file.exists():
        return "<div>none</div>"
    height = struct.unpack(">I", file.read_bytes()[20:24])[0]  # of the PNG's first chunk
    fold = f'<div class="fold" style="top:{100 * WINDOW / height:.2f}%"></div>' if height > WINDOW else ""
    address = quote(os.path.relpath(file, out))
    return f'<div><a href="{address}"><img loading="lazy" src="{address}" alt=""></a>{fold}</div>'
