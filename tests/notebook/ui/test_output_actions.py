"""The answer to a page that asks for all of an output."""

from __future__ import annotations

import re

import pytest

import fh_notebook as fh
from fh_notebook.contract.output import OutputOptions, ShownOutput
from fh_notebook.notebook.results.view import ResultsView
from fh_notebook.notebook.ui.output_actions import COPY_CAP, whole_output

FRAME = "the frame has all"


def test_where_the_rest_is_told_as_the_display_tells_it() -> None:
    """Not that a variable has it which nobody has; and the buttons of pictures are served."""
    huge = ShownOutput("x" * (2 * COPY_CAP), OutputOptions(whole=FRAME))
    assert FRAME in whole_output(huge, "text", key="k:0")["html"]
    assert re.search(rf" 1,000,000 .*; {FRAME}\.$", whole_output(huge, "", key="k:0")["left"])
    files = [{"file_url": f"https://a.example/{n}.png", "file_name": f"{n}.png"} for n in range(30)]
    shown = ShownOutput({"assets": files}, OutputOptions(whole=FRAME))
    assert whole_output(shown, "files", key="k:0")["html"].count("fh-show-file") == 30


@pytest.mark.parametrize("is_app", [False, True])
def test_a_marked_text_and_differences_have_show_all(monkeypatch: pytest.MonkeyPatch, is_app: bool) -> None:
    """With the marks, to the end; a visitor of an app is told of no variable."""
    if is_app:
        monkeypatch.setenv("VOILA_PREHEAT", "False")
    view = ResultsView(is_app=is_app)
    view.begin(["a", "b"])
    words = "word " * 10_000
    for number, output in enumerate((f"late {words} end here", f"lost {words} end there")):
        view.show(number, fh.Run(status="completed", output=output, variant="ab"[number]))
    column = view._columns[1]
    for form in ("text", "differences"):
        panel = column._body.value.split(f'fh-as-{form}"')[1].split('class="fh-as ')[0]
        assert "fh-show-all" in panel
        all_of_it = whole_output(view._shown_of("1"), form, key="k:1")["html"]
        assert "end there" in all_of_it
        assert "lost</ins>" in all_of_it
        assert "<summary>… " not in all_of_it.replace("<summary>… 49", "")
    huge = ShownOutput("x" * (COPY_CAP + 1), view._shown_of("1").options)  # type: ignore[union-attr]
    assert ("run." in whole_output(huge, "", key="k:1")["left"]) is not is_app
