"""The parts of the card of one call, for the cards of a page and the columns of widgets: head, error, output, ids.

- A run that did not complete has a hint (`hint_for`). Error codes decide, never texts, which the service writes in the
  user's language. Where nothing sure can be said, nothing is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Final

from fh_notebook.comparing.diff.json_diff import are_same_values
from fh_notebook.comparing.diff.markup import A_MARK, mark_text
from fh_notebook.comparing.diff.text_diff import compare_texts, text_to_compare
from fh_notebook.contract.callbacks import was_refused_directly
from fh_notebook.contract.output import OutputOptions, ShownOutput, all_button, json_value, output_view
from fh_notebook.contract.retry import absent_noun
from fh_notebook.contract.run import ELAPSED_TITLE, WHOLE_ERROR, Run, call_name, technical_line
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import one_line, seconds_text
from fh_notebook.notebook.results.state import CallState

ERROR_CAP: Final = 4_000

COMPARED: Final = 30_000
"""Characters that are compared for the marks: more than are shown, and some 20 ms."""

REMEMBERED: Final = 200_000
"""Characters of two texts whose difference is remembered at most."""

_remembered: Final = lru_cache(maxsize=40)(compare_texts)
"""Remembers the latest pairs: a form draws its answers again, and so does a cell when it has ended."""


def shown_answer(run: Run, first: Run | None, options: OutputOptions) -> ShownOutput:
    """Return what the view of an output is of, for the script that asks for all of it; see :func:`answer_parts`."""
    return ShownOutput(run.output, options, partial(_compared, run, first))


def answer_parts(
    run: Run, first: Run | None, options: OutputOptions, *, has_hints: bool = True, whole_error: str = WHOLE_ERROR
) -> Iterator[html.Html | None]:
    """Return what is below the head of a call that has ended."""
    if not run.ok or run.error:
        yield error_element(run, has_hints=has_hints, whole=whole_error)
    if run.output is not None:
        yield output_view(run.output, options, **_compared(run, first, options))
    yield technical_line(run)


def _compared(run: Run, first: Run | None, options: OutputOptions) -> dict[str, html.Html]:
    """Return the text with marks where it is another than the first variant's, and both texts as one.

    Of two texts that share hardly any words there is neither: all of both would be marked.
    """
    if first is None or first.output is None or not _are_alike(run, first) or _have_one_output(run, first):
        return {}
    mine, mine_whole = text_to_compare(run)
    other, other_whole = text_to_compare(first)
    compare = _remembered if len(mine) + len(other) <= REMEMBERED else compare_texts
    diff = compare(mine, other, limit=COMPARED)
    if diff.is_rewritten:
        return {}
    summary = str(diff) if mine_whole and other_whole else f"{diff}; the last part is not compared"

    def marked(*, both: bool) -> html.Html:
        return mark_text(
            diff, cap=options.cap, whole=options.whole, both=both, more=all_button(options),
            open_chars=options.open_chars, open_lines=options.limits.lines_open, mark_size=A_MARK if both else 0,
        )  # fmt: skip

    both = marked(both=True)
    views = {"differences": html.el("div", html.el("div", summary, cls="fh-dim fh-said"), both)}
    # A text is not cut for its marks: one with too many is shown without.
    marks = sum(part.kind == "here" for part in diff.segments)
    if isinstance(run.output, str) and isinstance(first.output, str) and marks * A_MARK <= options.cap:
        text = marked(both=False)
        # Only beside a mark that is in sight: of what the other has alone there is none, and a long text is folded.
        if "<ins" in text.partition("<details")[0]:
            said = ("Underlined: added or moved, compared to ", _name_html(first))
            text = html.el("div", html.el("div", *said, cls="fh-dim fh-said", style="margin-bottom:6px"), text)
        views["text"] = text
    return views


def run_head(
    call: CallState,
    first: Run | None,
    *,
    now_s: float = 0.0,
    is_reference: bool = False,
    colour: str | None = None,
    deployment: str = "",
) -> html.Html:
    """Return the head of one call: status, variant, seconds (of one that is out those until now), and how it compares.

    `now_s` is the seconds since the submit began; `colour` is the variant's; one variant alone has none, but the name
    of its deployment.
    """
    run = call.run
    seconds = call.out_text(now_s)
    if run is not None and run.elapsed_s:
        seconds = seconds_text(run.elapsed_s)
    name = (
        call_name(one_line(deployment, 200), one_line(run.variant or "" if run is not None else call.variant, 200))
        if deployment
        else html.swatch_name(colour, one_line(call.variant, 200), tag="strong")
    )
    spans = [html.el("span", seconds, cls="fh-dim fh-fact", title=ELAPSED_TITLE)] if seconds else []
    if is_reference and run is not None and run.output is not None:
        spans.append(
            html.el("span", "baseline", cls="fh-dim fh-fact", title="The other answers are compared to this one")
        )
    spans += [html.el("span", *said, cls="fh-dim fh-fact")] if (said := _against(run, first)) else []
    return html.el("div", html.badge(one_line(call.status, 40)), " ", name, " ", html.join(spans, " "), cls="fh-head")


def are_compared(run: Run | None, first: Run | None) -> bool:
    """Whether two outputs are said to be the same or not: not a letter and JSON, nor files.

    Examples
    --------
    >>> letter, label, data = (Run(status="completed", output=output) for output in ("Dear Ann", "billing", {"a": 1}))
    >>> are_compared(letter, label), are_compared(letter, data)
    (True, False)
    """
    if run is None or first is None or run.output is None or first.output is None or run.assets or first.assets:
        return False
    return _are_alike(run, first)


def is_same(run: Run | None, first: Run | None) -> bool:
    """Whether two outputs are compared and are the same."""
    return run is not None and first is not None and are_compared(run, first) and _have_one_output(run, first)


def _have_one_output(run: Run, first: Run) -> bool:
    """Whether two outputs are the same text, or the same JSON value, however that is written."""
    value = json_value(run.output)
    return run.output == first.output if value is None else are_same_values(value, json_value(first.output))


def names_first(run: Run | None, first: Run | None) -> bool:
    """Whether the head of `run` names the first variant, which is then marked as what others are compared to."""
    return bool(_against(run, first))


def _are_alike(run: Run, first: Run) -> bool:
    """Whether both outputs are texts, or both are JSON."""
    return (json_value(run.output) is None) is (json_value(first.output) is None)


def _against(run: Run | None, first: Run | None) -> tuple[object, ...]:
    """Return whether an output differs from the first variant's, which is named."""
    if run is None or first is None or run.output is None or first.output is None:
        return ()
    name = _name_html(first)
    if is_same(run, first):
        return ("= same as ", name)
    if are_compared(run, first):
        return ("≠ differs from ", name)
    # What is not compared says so, and why: beside one that differs, a card without a mark would read as equal.
    why = "files" if run.assets or first.assets else "only one of them is JSON"
    return ("not compared to ", name, f" ({why})")


def _name_html(first: Run) -> html.Html:
    return html.el("bdi", one_line(first.variant or "the first", 60))


def error_element(run: Run, *, has_hints: bool = True, whole: str = WHOLE_ERROR) -> html.Html:
    """Return what went wrong with a run and, with hints, what to do; a long text is folded behind its beginning."""
    code = one_line(run.error_code or "", 80)
    error = run.error or code or f"it is {run.status}, and has no output"
    behind = f" ({code})" if code and run.error else ""
    text = f"{error[:ERROR_CAP]}{behind}"
    line = html.folded(text, whole=whole, cap=ERROR_CAP, open_chars=600, cls="fh-error")
    hints = filter(None, (hint_for(run), run.action_text) if has_hints else ())
    return html.el("div", line, *(html.el("div", f"→ {hint}", cls="fh-cure") for hint in hints))


IN_BACKGROUND: Final = "Run in the background (for long runs, or where a person decides)"
"""The name of a form's choice that answers come by callback."""

HINTS: Final = {
    # CONTRACT section 2
    "insufficient_hosted_llm_credits": "buy credits in Fetch Hive, then run again",
    "account_credit_cap_reached": "raise the account's credit cap in Fetch Hive, then run again",
    "api_rate_limit_exceeded": "the daily cap is renewed at 00:00 UTC",
    "too_many_requests": "the model's provider is busy; run again in a minute",
    "workflow_step_limit_reached": "the workflow has more steps than the subscription allows",
    "workspace_limit_reached": "the subscription's limit is reached; see its page in Fetch Hive",
    "asset_storage_limit_reached": "delete files in Fetch Hive, or take a larger subscription",
    "model_deprecated": "choose another model in the workflow",
    "personal_model_missing_credentials": "add the model's credentials in Fetch Hive",
    "personal_model_invalid_credentials": "correct the model's credentials in Fetch Hive",
    "vision_not_supported": "choose a model that accepts images, or leave the image out",
    "iteration_limit_exceeded": "raise the iteration limit in the workflow, or ask for less at once",
    "validation_error": "correct the inputs, then run again",
    "not_found": "check the names of deployment and variant; fh.deployments() lists those that are known here",
    # ours
    "connect": "check the network, and where calls go (%fetchhive use); then run again",
    "proxy": "check the proxy's address and its rights; then run again",
    "tls": "check the address, and the certificate of the server there; then run again",
    "read_timeout": "allow more time with fh.configure(timeout=...), in seconds",
    "response_too_large": "allow more with fh.configure(max_response_bytes=...)",
}
"""What to do, by ``Run.error_code``."""

KNOWN_NAMES: Final = "fh.deployments() lists those that are known here"

LOOK_FIRST: Final = "look for it in the service's logs before you run it again: that is a second call"


def hint_for(run: Run) -> str:
    """Return what to do about a run that did not complete, in one line; an empty text where that is not known.

    Examples
    --------
    >>> hint_for(Run(status="failed", error="Kein Guthaben", error_code="insufficient_hosted_llm_credits"))
    'buy credits in Fetch Hive, then run again'
    >>> hint_for(Run(status="unknown", error="no answer came in time", error_code="read_timeout")).count(";")
    1
    >>> hint_for(Run(status="completed", output="hi"))
    ''
    """
    if run.ok:
        return ""
    if was_refused_directly(run):
        return f'this deployment answers only later: choose "{IN_BACKGROUND}", and run again'
    hint = HINTS.get(run.error_code or "", "") or _hint_for_absence(run)
    if run.status != "unknown":
        return hint
    return "; ".join(filter(None, (LOOK_FIRST, hint)))


def _hint_for_absence(run: Run) -> str:
    """Return what to check where the service does not have something, by the code, or by the status alone."""
    code = run.error_code or ""
    if noun := absent_noun(code):
        return f"check the name of the {noun}; {KNOWN_NAMES}"
    if run.status_code != 404:
        return ""
    if code in ("", "http_404"):  # a body without a code
        return f"check the names of deployment and variant, and base_url (%fetchhive use shows it); {KNOWN_NAMES}"
    return f"check what the inputs refer to, then the names of deployment and variant; {KNOWN_NAMES}"
