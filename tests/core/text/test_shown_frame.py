"""A DataFrame with a display of its own."""

from __future__ import annotations

from contextlib import nullcontext

import pandas as pd
import pytest

from fh_notebook.core.text.shown_frame import LINES_SHOWN, ShownFrame


def _shown(rows: int = 1) -> ShownFrame:
    frame = pd.DataFrame({"p": [0.03123] * rows})
    return ShownFrame.of(frame, lambda frame: (["p value"], [[f"{p:.3f} <b>"] for p in frame["p"]]))


def test_it_shows_the_table_that_is_made_for_reading() -> None:
    """Escaped in a page, and the same as text; the values are as they were."""
    frame = _shown()
    assert "0.031 &lt;b&gt;" in str(frame._repr_html_())
    assert repr(frame).split() == ["p", "value", "0.031", "<b>"]
    assert frame["p"].tolist() == [0.03123]


def test_what_is_computed_or_changed_shows_itself_as_pandas_does() -> None:
    """A display never hides a column that somebody added."""
    frame = _shown()
    assert type(frame.head()) is type(frame.copy()) is pd.DataFrame
    frame["more"] = 7
    assert "more" in repr(frame)
    assert "more" in str(frame._repr_html_())


def test_it_has_words_above_and_below_its_table() -> None:
    """In the page and in the text."""
    frame = ShownFrame.of(pd.DataFrame({"p": [1]}), lambda frame: (["p"], [["1"]]), caption="1 <call>", note="Run it.")
    assert repr(frame).splitlines()[0] == frame.caption == "1 <call>"
    assert repr(frame).splitlines()[-1] == "Run it."
    page = str(frame._repr_html_())
    assert page.index("1 &lt;call&gt;") < page.index("<table") < page.index("Run it.")


@pytest.mark.parametrize("is_live", [True, False])
def test_in_a_live_page_another_display_may_stand_for_it(is_live: bool) -> None:
    """Where that says that it could not, IPython asks for the table, as it does of what has no such display."""
    asked: list[ShownFrame] = []

    def show(frame: ShownFrame) -> bool:
        asked.append(frame)
        return is_live

    frame = ShownFrame.of(pd.DataFrame({"p": [1]}), lambda frame: (["p"], [["1"]]), show=show)
    with nullcontext() if is_live else pytest.raises(NotImplementedError):
        frame._ipython_display_()
    assert asked[0] is frame
    with pytest.raises(NotImplementedError):
        _shown()._ipython_display_()


def test_of_many_lines_the_first_are_shown_and_the_rest_is_counted() -> None:
    """As in every long display."""
    assert "… 20 more lines" in repr(_shown(LINES_SHOWN + 20))
    assert "… 20 more lines" in str(_shown(LINES_SHOWN + 20)._repr_html_())
    assert "p" in repr(_shown(0))
