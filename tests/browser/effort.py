"""Count what a person does in a page: clicks, scrolls and keys.

Rule of this file: nothing is reached by a trick. What is clicked or read must be in sight, and not below something else;
where it is not, the wheel is turned, and that counts as one scroll however far it goes. A flow that is written with
`reach`, `press_on`, `choose` and `run` is done by the mouse or by the keyboard alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from playwright.sync_api import Locator, Page

NOTCH_PX: Final = 100
"""How far one notch of the wheel scrolls."""
NOTCHES_CAP: Final = 200
TABS_CAP: Final = 200
LEGIBLE_PX: Final = 60
"""Of a text that is read, so much of its beginning must be in sight."""

_DRAWN: Final = "() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"

# A page that is still being laid out is not what a person acts on: an element's place is asked for once it keeps it.
_SETTLED: Final = """async e => {
    const place = () => { const box = e.getBoundingClientRect(); return `${box.x} ${box.y} ${box.width} ${box.height}`; };
    let before = '', kept = 0;
    for (let frame = 0; frame < 120 && kept < 3; frame++) {
        await new Promise(requestAnimationFrame);
        kept = place() === before ? kept + 1 : 0;
        before = place();
    }
}"""

# Where an element is against what is in sight: 0 when all its points can be clicked, else the way to scroll.
_OUT_OF_SIGHT: Final = """(e, legible) => {
    const box = e.getBoundingClientRect();
    const x = (box.left + box.right) / 2, middle = (box.top + box.bottom) / 2;
    const ys = legible ? [box.top + 2, Math.min(box.top + legible, box.bottom) - 2] : [middle];
    const hit = y => { const found = document.elementFromPoint(x, y); return found && (e.contains(found) || found.contains(e)); };
    if (ys.every(y => y >= 0 && y <= innerHeight && hit(y))) return 0;
    return middle > innerHeight / 2 ? 1 : -1;
}"""

# A free place beside the contents of what scrolls an element: the wheel turned over a text or a list would scroll that.
_BESIDE: Final = """e => {
    let frame = e.parentElement;
    const scrolls = f => /auto|scroll/.test(getComputedStyle(f).overflowY) && f.scrollHeight > f.clientHeight + 1;
    while (frame && frame !== document.body && !scrolls(frame)) frame = frame.parentElement;
    const box = (frame ?? document.documentElement).getBoundingClientRect();
    const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
    return [Math.min(box.right, innerWidth) - 25, (top + bottom) / 2];
}"""


_IS_BEFORE: Final = """e => {
    const way = document.activeElement.compareDocumentPosition(e);
    return Boolean(way & Node.DOCUMENT_POSITION_PRECEDING);
}"""
"""Whether Shift+Tab leads to an element."""


@dataclass
class Effort:
    """A person at a page, and what it has taken so far."""

    page: Page
    by_keyboard: bool = False
    """Whether the flows' steps are done without a mouse."""
    clicks: int = 0
    scrolls: int = 0
    """How often something was out of sight."""
    keys: int = 0
    notches: int = 0
    """Of the wheel, all scrolls together."""

    def look_at(self, target: Locator) -> None:
        """Scroll until the beginning of a text is in sight, if it is not."""
        self._bring(target, LEGIBLE_PX)

    def click(self, target: Locator) -> None:
        """Scroll to something if it is out of sight, and click it."""
        self._bring(target, 0)
        box: Any = target.bounding_box()
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.clicks += 1

    def type(self, text: str) -> None:
        """Type a text, a key for each character."""
        self.page.keyboard.type(text)
        self.keys += len(text)

    def press(self, key: str) -> None:
        """Press a key, or several at once."""
        self.page.keyboard.press(key)
        self.keys += 1

    def tab_to(self, target: Locator, *, back: bool = False) -> None:
        """Press Tab until something has the focus."""
        for _ in range(TABS_CAP):
            if target.evaluate("e => e === document.activeElement"):
                return
            self.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"{TABS_CAP} Tabs do not reach it")

    # --- the steps of a flow, by one hand or the other

    def reach(self, control: Locator) -> None:
        """Give the focus to something that is typed into."""
        if self.by_keyboard:
            self.tab_to(control, back=control.evaluate(_IS_BEFORE))
        else:
            self.click(control)

    def press_on(self, button: Locator) -> None:
        """Press a button, a link, or what opens a part."""
        self.reach(button)
        if self.by_keyboard:
            self.press("Enter")

    def choose(self, listed: Locator, label: str) -> None:
        """Choose from a list: a click that opens it and one on the choice, or the choice's first letter."""
        self.reach(listed)
        if self.by_keyboard:
            self.press(label[0])
        else:
            listed.select_option(label=label)  # a browser without a window draws no list
            self.clicks += 1

    def run(self, run: Locator) -> None:
        """Run a form from one of its fields."""
        if self.by_keyboard:
            self.press("Control+Enter")
        else:
            self.click(run)

    def __str__(self) -> str:
        return f"{self.clicks} clicks, {self.scrolls} scrolls ({self.notches} notches), {self.keys} keys"

    def _bring(self, target: Locator, legible: int) -> None:
        target.evaluate(_SETTLED)
        way = target.evaluate(_OUT_OF_SIGHT, legible)
        self.scrolls += bool(way)
        for _ in range(NOTCHES_CAP):
            if not way:
                return
            self.page.mouse.move(*target.evaluate(_BESIDE))
            self.page.mouse.wheel(0, way * NOTCH_PX)
            self.notches += 1
            self.page.evaluate(_DRAWN)
            way = target.evaluate(_OUT_OF_SIGHT, legible)
        raise AssertionError(f"{NOTCHES_CAP} notches of the wheel do not bring it into sight")
