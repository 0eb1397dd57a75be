"""`Rater`: blind rating of outputs with the keyboard; the object that `cmp.rate()` shows.

The page gets texts and numbers of items as messages, never by a trait: widget state is saved with a notebook, and
neither outputs nor names belong in it. A handler returns at once, on any thread; messages are served on the background
loop, one after the other, and a key is acknowledged after its commit. Corrections wait for each other only, since a
judge may be asked again: keys count meanwhile. This module is imported when a rater is shown:
importing anywidget takes some 0.2 s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.comparing.corrections import ExpectedEditor
from fh_notebook.comparing.rating.questions import Items, Question
from fh_notebook.comparing.rating.rating_session import KeyEvent, RatingSession
from fh_notebook.contract.output import PAGE_END, STYLE, OutputOptions, ShownOutput, output_view
from fh_notebook.core import event_loop
from fh_notebook.core.redaction import error_text, log, redact
from fh_notebook.core.text import html
from fh_notebook.errors import FetchHiveError, StoreError
from fh_notebook.notebook.shell import enable_clicks, no_lost_widget
from fh_notebook.notebook.ui.display import WidgetDisplay, is_closed
from fh_notebook.notebook.ui.output_actions import COPY_STYLE, whole_output
from fh_notebook.notebook.ui.page_widget import PageWidget, script, text_of_file
from fh_notebook.store.store import Store
from fh_notebook.store.writer import IN_MEMORY

ITEMS_AT_ONCE: Final = 40
CHARS_AT_ONCE: Final = 200_000
"""What the page has ahead at most; a single longer item is sent all the same."""
PAST: Final = 20
"""Ratings of before that can be taken back in a new page."""
WHOLE: Final = "Show all shows everything"
ABOUT_CAP: Final = 4_000
"""Characters of one column of the row."""
ABOUT_NAMES: Final = {EXPECTED: "expected output"}
"""Columns that are more than an input, by the word that the page has for them everywhere."""
TWIN_EVERY_S: Final = 1.0
"""How often the twin without widgets is brought up to date at most: keys are faster."""
_SHEET: Final = f"{html.STYLE}{STYLE}<style>{COPY_STYLE}</style>"
EVENTS_AT_ONCE: Final = 1_000


class RateWidget(PageWidget):
    """The widget of a rater's page. Its state, which a notebook may save, is the script; messages carry the rest."""

    _esm = script("rater.js", uses=["ui/outputs.js", "ui/correction.js"])
    _css = text_of_file("ui/correction.css")


def show_rater(
    session: RatingSession,
    items: Items,
    *,
    store: Store,
    result: Callable[[], list[str]],
    question: str,
    corrections: ExpectedEditor,
) -> Rater:
    """Return what `cmp.rate()` returns."""
    return Rater(session, items, store=store, result=result, question=question, corrections=corrections)


class Rater:
    """Blind rating of a comparison's outputs. Made by ``cmp.rate()``; it shows itself under its cell.

    Attributes
    ----------
    session : RatingSession
        How far it is: ``rated``, ``skipped``, ``left``, ``total``.
    """

    def __init__(
        self,
        session: RatingSession,
        items: Items,
        *,
        store: Store,
        result: Callable[[], list[str]],
        question: str,
        corrections: ExpectedEditor,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.session = session
        self._question = question
        self._corrections = corrections
        self._items, self._store, self._result, self._now = items, store, result, now
        self._is_stored = store.path != IN_MEMORY
        self._one_at_a_time, self._one_correction = asyncio.Lock(), asyncio.Lock()
        self._display = WidgetDisplay(self._page, self.__repr__)
        self._twin_is_due = False
        self._widget: Any = None
        corrections.subscribe(self._follow_correction)

    # --- the page's messages

    def receive(self, content: Any, send: Callable[[dict[str, Any]], object]) -> Any:
        """Have a message of the page served, and return the job of it; what is said to the page goes to `send`."""
        return event_loop.background().submit(self._serve(content, send))

    async def _serve(self, content: Any, send: Callable[[dict[str, Any]], object]) -> None:
        if not isinstance(content, Mapping) or not isinstance(content.get("client"), str):
            return
        serve = {
            "hello": self._hello,
            "more": self._more,
            "events": self._events,
            "result": self._send_result,
            "output": self._send_output,
            "about": self._send_about,
            "correct": self._correct,
        }.get(str(content.get("kind")))
        if serve is None:
            return
        async with self._one_correction if serve == self._correct else self._one_at_a_time:
            try:
                for message in await serve(content):
                    send(message)
            except StoreError as exc:
                send({"kind": "problem", "to": content["client"], "text": f"Not saved yet: {redact(str(exc))}"})
            except Exception as exc:
                log.warning("a message of a rating's page could not be processed", exc_info=True)
                send({"kind": "problem", "to": content["client"], "text": error_text(exc)})

    async def _hello(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        session = self.session
        items, cursor = await asyncio.to_thread(self._cards, 0)
        latest = session.latest(PAST)
        cards = await asyncio.to_thread(lambda: [self._card(n) for n, _ in latest])
        past = [{"item": card, "uid": uid} for card, (_, uid) in zip(cards, latest, strict=True)]
        kind = session.kind
        return [
            {
                "kind": "state", "to": content["client"], "pair": kind.is_pair, "style": _SHEET,
                "question": html.printable(self._question), "answers": _answers(kind), "blind": _blind(kind),
                "rater": html.printable(session.rater), "fingerprint": session.fingerprint, "kept": self._is_stored,
                "items": items, "cursor": cursor, "past": past, **self._counts(),
            }
        ]  # fmt: skip

    async def _more(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        cursor = content.get("cursor")
        items, after = await asyncio.to_thread(self._cards, cursor if type(cursor) is int else 0)
        return [{"kind": "items", "to": content["client"], "items": items, "cursor": after}]

    async def _events(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        raw_events = content.get("events")
        events = [
            e
            for x in (raw_events if isinstance(raw_events, list) else [])[:EVENTS_AT_ONCE]
            if (e := KeyEvent.read(x)) is not None
        ]
        change = self.session.plan(events, now=self._now())
        if change.lines or change.undone:
            await self._store.ratings.keep(change.lines, change.undone)
            self.session.accept(change)
            self._bring_twin_up_to_date()
        return [
            {
                "kind": "ack",
                "client": content["client"],
                "message": content.get("message"),
                "counts": self._counts(),
                "changed": sorted(change.standing),
                "foreign": sorted({e.n for e in events if e.client != content["client"]} & set(change.standing)),
            }
        ]

    async def _send_result(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        if self.session.left:
            return []
        lines = [*await asyncio.to_thread(self._result), "Row by row: cmp.rated().browse(), cmp.rated().diff(row)."]
        return [{"kind": "result", "to": content["client"], "lines": [html.printable(line) for line in lines]}]

    async def _send_output(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Send all of an output, which a page has asked for by the key of its view."""
        number, _, side = str(content.get("key")).partition("-")
        form, shown = str(content.get("form") or ""), None
        if number.isdecimal() and int(number) < self.session.total and side in ("0", "1"):
            shown = self._shown(int(number), int(side), whole=PAGE_END)
        # On a thread, as all that is drawn here: a huge one takes a second, and calls are made on this loop.
        drawn = await asyncio.to_thread(whole_output, shown, form, key=f"{number}-{side}")
        return [{"kind": "output", "to": content["client"], "key": content.get("key"), "form": form, **drawn}]

    def _shown(self, number: int, side: int, whole: str = WHOLE) -> ShownOutput | None:
        """Return what a side of an item shows: without what tells whose it is; `whole` says where all of it is."""
        places = self.session.places(number)
        if side >= len(places):
            return None
        key, position = f"{number}-{side}", places[side]
        options = OutputOptions(whole=whole, is_blind=True, key=key, run=self._items.run(position))
        return ShownOutput(self._items.output(position), options)

    async def _correct(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Correct the expected output of an item's row, and send what all items of the page say of theirs now."""
        n = content.get("n")
        if type(n) is not int or not 0 <= n < self.session.total:
            return []
        problem = ""
        try:
            # On a thread: a judge of this comparison is asked again.
            row, author = self.session.items[n].row, self.session.rater
            await asyncio.to_thread(self._corrections.submit, row, content, author=author)
        except FetchHiveError as exc:
            problem = html.printable(str(exc))
        except Exception as exc:  # of a user's scorer, say; the page waits for an answer
            log.warning("a correction failed", exc_info=True)
            problem = html.printable(f"not saved: {error_text(exc)}")
        items = self._about_held(content)
        return [{"kind": "corrected", "to": content["client"], "n": n, "problem": problem, "items": items}]

    async def _send_about(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Send what the items of a page say of their expected outputs, after a correction that was made elsewhere."""
        return [{"kind": "about", "to": content["client"], "items": self._about_held(content)}]

    def _about_held(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        raw_held = content.get("held")
        held = [x for x in (raw_held if isinstance(raw_held, list) else []) if type(x) is int][:EVENTS_AT_ONCE]
        return [self._about(x) for x in held if 0 <= x < self.session.total]

    def _follow_correction(self) -> None:
        """Have the pages ask what their items say now. From any thread."""
        if self._widget is not None and not is_closed(self._widget):
            event_loop.background().submit(self._say_outdated(self._widget))

    async def _say_outdated(self, widget: Any) -> None:
        async with self._one_at_a_time:  # behind items that say what was expected before
            widget.send({"kind": "outdated"})

    def _counts(self) -> dict[str, int]:
        session = self.session
        return {"total": session.total, "left": session.left, "skipped": session.skipped}

    # --- what is on a page

    def _cards(self, cursor: int) -> tuple[list[dict[str, Any]], int | None]:
        """Return the next items from a place on, and where the rest begins; ``None`` where there is no rest."""
        cards: list[dict[str, Any]] = []
        size = 0
        for n in self.session.open_from(cursor):
            if len(cards) >= ITEMS_AT_ONCE or size > CHARS_AT_ONCE:
                return cards, n
            cards.append(self._card(n))
            size += sum(map(len, cards[-1]["views"])) + sum(len(text) for _, text in cards[-1]["about"])
        return cards, None

    def _card(self, n: int) -> dict[str, Any]:
        sides = (self._shown(n, side) for side in range(len(self.session.places(n))))
        views = [str(output_view(shown.output, shown.options)) for shown in sides if shown is not None]
        return {"views": views, **self._about(n)}

    def _about(self, n: int) -> dict[str, Any]:
        """Return what is shown of an item besides its outputs, and what is edited of its expected output.

        A note of a correction may name a variant, so only the mark is shown.
        """
        item, runs = self.session.items[n], self._corrections.data.runs
        expected = self._corrections.text(item.row)
        mark = runs.correction_mark(item.row)
        about, has_expected = [], False
        for name, text in self._items.about(item):
            shown = text
            if name == EXPECTED and expected is not None:
                has_expected, shown = True, expected + (f" ({mark})" if mark else "")
            about.append([_cut(ABOUT_NAMES.get(name, name), 200), _cut(shown, ABOUT_CAP)])
        return {"n": n, "about": about, "form": self._corrections.values(item.row) if has_expected else None}

    # --- where it is shown

    def _ipython_display_(self) -> None:
        self._display.show(self._make_widget)

    def _make_widget(self) -> Any:
        if self._widget is None or is_closed(self._widget):
            widget = self._widget = RateWidget()

            def send(message: dict[str, Any]) -> None:
                widget.send(message)
                enable_clicks(widget)

            def came(_: Any, content: Any, __: Iterable[Any]) -> None:
                enable_clicks(widget)
                self.receive(content, send)

            widget.on_msg(came)
            enable_clicks(widget)
        return self._widget

    def _bring_twin_up_to_date(self) -> None:
        if self._twin_is_due:
            return
        self._twin_is_due = True

        def update() -> None:
            self._twin_is_due = False
            self._display.update()

        asyncio.get_running_loop().call_later(TWIN_EVERY_S, update)

    def _lines(self) -> list[str]:
        session = self.session
        head = f"Blind rating by {session.rater}, {session.kind.in_words}: {session.summary()}."
        rest = (
            f"{session.left:,} left: run this cell to continue."
            if session.left
            else "Nothing is left: cmp.rated() has the result."
        )
        return [
            head,
            rest
            if self._is_stored
            else (f"{rest} Nothing is saved (store=None): the ratings are lost when this kernel ends."),
        ]

    def _page(self) -> html.Html:
        head, rest = self._lines()
        lines = (html.el("div", html.el("strong", head)), html.el("div", rest, cls="fh-dim"))
        return html.el("div", html.STYLE, no_lost_widget("fh-rate-static"), *lines, cls="fh fh-rate-static")

    def __repr__(self) -> str:
        return html.printable("\n".join(self._lines()))


def _cut(text: str, cap: int) -> str:
    return html.printable(html.clip(text, cap))


def _blind(kind: Question) -> str:
    """Say what a rater does not see."""
    sides = ", and the order of the two outputs is random" if kind.is_pair else ""
    return f"Blind: names of variants are hidden{sides}."


def _answers(kind: Question) -> list[str]:
    """What stands beside each key."""
    if kind.is_pair:
        return ["is better", "is better"]
    if kind.is_scale:
        return ["worst", *[""] * (len(kind.answers) - 2), "best"]
    return [html.printable(answer) for answer in kind.answers]
