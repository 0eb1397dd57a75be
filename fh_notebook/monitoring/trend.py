"""`fh.trend`: score, seconds and failures of a deployment by date, from its saved batches.

Rule of this file: nothing is called, and nothing is claimed. A date's figures are of the calls that were made on it
(UTC), whatever rows these had, each with an interval of its own. Whether the same rows are answered differently is a
test, which `canary.py` makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.rendering import one_line
from fh_notebook.comparing.plots.panels import distinct_texts
from fh_notebook.comparing.report.display import NUMBERS_STYLE
from fh_notebook.comparing.scorers.runner import Score
from fh_notebook.comparing.sources import score_observations
from fh_notebook.comparing.stats.intervals import interval_of_median, interval_of_share
from fh_notebook.comparing.stats.number_format import (
    MEDIAN_TIME,
    figure,
    interval_text,
    percent,
    seconds,
    seconds_format,
    share_head,
)
from fh_notebook.comparing.stats.summary import SummaryLine, summary_lines
from fh_notebook.contract.deployment import Deployment
from fh_notebook.core import arguments
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import figures, listed, nearest, short, with_partial_repr
from fh_notebook.core.text.html import colours_of, swatch_name
from fh_notebook.core.text.messages import agreeing, counted
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.monitoring.kept_scores import distinct_calls, labels_of, open_to_read
from fh_notebook.session import session
from fh_notebook.store.store import Store
from fh_notebook.store.tables.batches import BatchRecord

COLUMNS: Final = {
    "date": "datetime64[ns, UTC]",
    "variant": "object",
    **dict.fromkeys(("calls", "rows", "scored", "failed"), "int64"),
    **dict.fromkeys(("score", "score_low", "score_high"), "float64"),
    **dict.fromkeys(("seconds", "seconds_low", "seconds_high"), "float64"),
    **dict.fromkeys(("failures", "failures_low", "failures_high"), "float64"),
}
"""The columns of :attr:`Trend.frame` with their dtypes."""

LINES_SHOWN: Final = 40
"""Lines of the table that is shown: the latest."""


@arguments.public
def trend(deployment: Deployment | str, *, score: Score = None, variants: str | Iterable[str] | None = None) -> Trend:
    """Return the trend of a deployment: score, seconds and failures by date, over all its saved batches.

    Each answer counts once, on the date (UTC) when its call began, however many batches have reused it; a failure that
    was called again does not count. The days of a canary are among them. Nothing is called, but a judge as `score`
    calls for outputs that it has not scored yet.

    Parameters
    ----------
    deployment : Deployment or str
        Whose batches are read: those of the workspace that was used last.
    score : str, function or None
        As in :func:`compare`.
    variants : str or iterable of str, optional
        Only these; by default all that were called.

    Returns
    -------
    Trend
        With `frame` and `plot()`. The intervals are of 95 % each. That those of two dates do not overlap is no test:
        the rows may be other ones, and among many dates some differ by chance. :func:`canary` tests the same rows.

    Raises
    ------
    InputError
        No batch of the deployment is saved, a variant was never called, or the score cannot be used.
    SettingsError
        Nothing is saved at all (``store=None``).
    StoreError
        The file of saved answers cannot be read.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("shout", variant="loud")
    ... def loud(text: str) -> str:
    ...     return text.upper()
    >>> rows = [{"text": text, "expected_output": text.upper()} for text in "abcdefgh"]
    >>> _ = fh.batch(rows, "shout", client=hive.client(), progress=False)
    >>> fh.trend("shout").frame[["variant", "calls", "score", "failures"]].values.tolist()
    [['loud', 8, 1.0, 0.0]]
    """
    arguments.check(trend, locals(), but={"score"})
    if not isinstance(deployment, Deployment | str):
        raise InputError(f"deployment is {short(deployment)}; give a Deployment or its name")
    if isinstance(deployment, str):
        arguments.check_one("deployment", deployment, "str")
    if isinstance(deployment, Deployment):
        session.note_variants(deployment)
    name = deployment.name if isinstance(deployment, Deployment) else deployment
    store = session.store()
    if store is None:
        raise SettingsError("nothing is saved (store=None), so there is no trend; set fh.configure(store=...)")
    records = _records_of(store, name)
    wanted = None if variants is None else _distinct_variants(variants)
    readable, notes = _readable(records, wanted, name)
    observations = list(distinct_calls((open_to_read(store, r), labels_of(r, name)) for r in readable))
    if wanted is not None:
        observations = [o for o in observations if o.variant in wanted]
    if not observations:
        raise InputError(f"no call{' of these variants' if wanted else ''} of the deployment {short(name)} is saved")
    runs = score_observations(observations, score)
    lines = runs.lines[runs.lines["started_at"].notna()].reset_index(drop=True)
    called = list(dict.fromkeys(lines["variant"]))
    return Trend(
        _frame_of(lines, wanted or called),
        deployment=name,
        scorer=runs.scorer,
        is_share=_is_share(lines["score"].dropna()),
        is_lower=runs.is_lower,
        known=session.known_variants([name]),
        notes=[*notes, *lines.attrs.get("notes", ()), *_errors_of(lines["score_error"], runs.scorer)],
    )


def _errors_of(errors: pd.Series[Any], scorer: str) -> list[str]:
    """Return a note on the answers that the scorer could not score, with the first error."""
    found = [error for error in errors if error]
    if not found:
        return []
    answers = counted(len(found), "answer")
    return [f"{answers} could not be scored by {one_line(scorer, 40)}: {one_line(found[0])}"]


def _distinct_variants(variants: str | Iterable[str]) -> list[str]:
    """Return the variants that are asked for."""
    wanted = [variants] if isinstance(variants, str) else list(variants)
    if not wanted:
        raise InputError("variants is empty; give the names of some, or leave variants out for all of them")
    for variant in wanted:
        if wanted.count(variant) > 1:
            raise InputError(f"variants has {short(variant)} twice; give each once")
    return wanted


def _records_of(store: Store, name: str) -> list[BatchRecord]:
    """Return the batches of a deployment in the workspace that has the newest of them, the oldest first."""
    newest_first = store.batches.every()
    records = [record for record in newest_first if labels_of(record, name) or record.deployment == name]
    if not records:
        known = dict.fromkeys(record.deployment for record in newest_first)
        close = nearest(name, known)
        hint = (
            f"did you mean {close!r}?"
            if close
            else f"batches of {listed(list(known), 'and')} are saved"
            if known
            else "run one"
        )
        raise InputError(f"no batch of the deployment {short(name)} is saved; {hint}")
    return [record for record in reversed(records) if record.workspace == records[0].workspace]


def _readable(
    records: Sequence[BatchRecord], wanted: Sequence[str] | None, name: str
) -> tuple[list[BatchRecord], list[str]]:
    """Return the batches whose answers are in the store, and a note on the others."""
    readable = [record for record in records if "parts" not in record.plan and labels_of(record, name)]
    called = dict.fromkeys(variant for record in readable for variant in labels_of(record, name).values())
    for variant in wanted or ():
        if variant not in called:
            close = nearest(variant, called)
            hint = f"did you mean {close!r}?" if close else f"the variants are {listed(list(called), 'and')}"
            raise InputError(f"no batch of {short(name)} has the variant {short(variant)}; {hint}")
    left_out = len(records) - len(readable)
    batches = f"{counted(left_out, 'batch', 'batches')} {agreeing(left_out, 'are')} left out"
    note = f"{batches}: over partitions, or saved without rows."
    return readable, [note] if left_out else []


def _is_share(scores: pd.Series[Any]) -> bool:
    """Return whether a mean of these scores is a share of rows: all are true or false."""
    return len(scores) > 0 and bool(scores.isin((0.0, 1.0)).all())


def _frame_of(lines: pd.DataFrame, variants: Sequence[str]) -> pd.DataFrame:
    """Return one line a date and variant that was called on it."""
    dates = lines["started_at"].dt.floor("D")
    date_of, days = pd.factorize(dates, sort=True)
    summary = summary_lines(lines, variants, np.asarray(date_of, dtype=np.intp))
    variant_of = pd.Index(list(variants)).get_indexer(pd.Index(lines["variant"]))
    cell_of = date_of * len(variants) + variant_of
    parts: dict[Any, pd.DataFrame] = dict(iter(lines.groupby(cell_of, sort=False)))
    records = [
        _record(days[cell // len(variants)], line, parts[cell]) for cell, line in enumerate(summary) if cell in parts
    ]
    frame = pd.DataFrame(records, columns=list(COLUMNS))
    return frame.astype(COLUMNS)


def _record(date: Any, line: SummaryLine, part: pd.DataFrame) -> dict[str, Any]:
    """Return the line of a date and a variant."""
    ended = part[part["status"].isin(("completed", "failed"))]
    failed = (ended["status"] == "failed").astype("float64")
    failures: NDArray[np.float64] = np.asarray(failed.groupby(ended["cluster"], sort=False).mean(), dtype=np.float64)
    failures_interval = interval_of_share(failures, len(ended))
    timed = part[part["seconds"].notna()]
    seconds_interval = interval_of_median(
        timed["seconds"].to_numpy(dtype="float64"), clusters=pd.factorize(timed["cluster"])[0].astype(np.int64)
    )
    return {
        "date": date,
        "variant": line.variant,
        "calls": len(part),
        "rows": int(part["cluster"].nunique()),
        "scored": line.n,
        "failed": line.failed,
        "score": line.mean,
        "score_low": line.ci_low,
        "score_high": line.ci_high,
        "seconds": line.p50_s,
        "seconds_low": seconds_interval.low,
        "seconds_high": seconds_interval.high,
        "failures": float(failed.mean()) if len(failed) else math.nan,
        "failures_low": failures_interval.low,
        "failures_high": failures_interval.high,
    }


@arguments.public
@with_partial_repr
class Trend:
    """Score, seconds and failures of a deployment by date. Returned by :func:`fh_notebook.trend`.

    Attributes
    ----------
    frame : DataFrame
        One line a date (UTC) and variant. ``calls``, and ``rows`` with different inputs; how many are ``scored`` and
        ``failed``; ``score``: the mean over rows; ``seconds``: the median of completed calls; ``failures``: the share
        of failed calls. Each of the three has the limits of its 95 % interval (``score_low``, ``score_high``, ...),
        missing where there are too few calls.
    deployment : str
        Its name.
    scorer : str
        The name of the score; empty without one.
    notes : tuple of str
        What was left out.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        deployment: str,
        scorer: str,
        notes: Iterable[str],
        is_share: bool = False,
        is_lower: bool = False,
        known: Sequence[str] = (),
    ) -> None:
        self.frame = frame
        self.deployment = deployment
        self.scorer = scorer
        self.notes = tuple(notes)
        self._score_head = share_head(lower=is_lower) if is_share else "score"
        self._texts: dict[str, Callable[[float], str]] = {
            "score": percent if is_share else figures(frame["score"].tolist()) if "score" in frame else figure,
            "seconds": (
                seconds_format(frame["seconds"], zip(frame["seconds_low"], frame["seconds_high"], strict=True))
                if "seconds" in frame
                else seconds
            ),
            "failures": _shares_of_calls(frame["failures"].tolist() if "failures" in frame else []),
        }
        """How sentence, table and plot write a figure of each kind: all the same."""
        self._colours = colours_of(list(dict.fromkeys(frame["variant"])), known)

    def plot(self, kind: Literal["score", "seconds", "failures"] | None = None) -> Any:
        """Return the figure: one line per variant over the dates, each point with its interval.

        Parameters
        ----------
        kind : {"score", "seconds", "failures"}, optional
            One of them alone.

        Returns
        -------
        Plot
            A matplotlib ``Figure`` that shows itself; ``alt`` says in words what it shows.

        Raises
        ------
        InputError
            `kind` is something else, or there is nothing of it.
        """
        arguments.check(Trend.plot, locals())
        from fh_notebook.monitoring.trend_plot import plot

        return plot(
            self.frame, kind, measure=f"{self._score_head} by {self.scorer}", texts=self._texts, colours=self._colours
        )

    @property
    def _sentence(self) -> str:
        first, last = self.frame["date"].min(), self.frame["date"].max()
        of = "score" if self.frame["score"].notna().any() else "seconds"
        text = self._texts[of]
        names = distinct_texts(self.frame["variant"].unique(), 40)
        parts = [
            f"{names[str(variant)]} {_course(part, of, text)}"
            for variant, part in self.frame.groupby("variant", sort=False)
        ]
        when = f"on {first:%Y-%m-%d}" if first == last else f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        what = f"{self._score_head} by {one_line(self.scorer, 40)}" if of == "score" else "median seconds"
        return f"{one_line(self.deployment, 60)}, {what} {when}: {'; '.join(parts)}."

    @property
    def _remarks(self) -> tuple[str, ...]:
        return (
            *(["All calls have the same date, so there is no trend yet."] if self.frame["date"].nunique() == 1 else ()),
            (
                "Each answer counts once, on the date (UTC) of its call, however many batches reused it; a failure "
                "that was called again does not. Scores are means over rows with different inputs. Each date has "
                "its own 95 % interval. Dates may have different rows, so these intervals do not test a change: "
                "fh.canary(rows, ...) tests the same rows over time."
            ),
            *self.notes,
        )

    def _cells(self) -> tuple[list[str], list[list[Any]]]:
        frame = self.frame.iloc[-LINES_SHOWN:]
        measures = {"score": self._score_head, "seconds": MEDIAN_TIME, "failures": "failed calls"}
        if not self.frame["score"].notna().any():
            del measures["score"]
        counts = {"calls": "calls"} | ({"scored": "calls with a score"} if "score" in measures else {})
        heads = ["variant", "date (UTC)", *(f"{head}, 95 % interval" for head in measures.values()), *counts.values()]
        names = distinct_texts(self.frame["variant"].unique(), 40)
        cells = [
            [
                names[line["variant"]],
                f"{line['date']:%Y-%m-%d}",
                *(_with_interval(line, name, self._texts[name]) for name in measures),
                *(f"{line[name]:,}" for name in counts),
            ]
            for line in frame.to_dict("records")
        ]
        return heads, cells

    @property
    def _more(self) -> str:
        more = len(self.frame) - LINES_SHOWN
        return f"… {counted(more, 'earlier line')}: trend.frame has everything" if more > 0 else ""

    def __repr__(self) -> str:
        heads, cells = self._cells()
        table = pd.DataFrame([list(map(html.printable, row)) for row in cells]).to_string(index=False, header=heads)
        return "\n".join(filter(None, (self._sentence, *self._remarks, table, self._more)))

    def _repr_html_(self) -> str:
        heads, cells = self._cells()
        names = self.frame["variant"].iloc[-LINES_SHOWN:]
        lines = [
            [swatch_name(self._colours[name], row[0]), html.unbroken(row[1]), *map(html.in_two, row[2:])]
            for row, name in zip(cells, names, strict=True)
        ]
        heads = [head.replace(" %", "\N{NO-BREAK SPACE}%") for head in heads]
        table = html.table(heads, lines, cls="fh-table fh-num fh-named")
        return html.el(
            "div",
            html.STYLE,
            NUMBERS_STYLE,
            html.sentence("p", self._sentence, self._colours, style=html.HEADLINE),
            *(html.sentence("div", remark, self._colours, cls="fh-dim") for remark in self._remarks),
            html.el("div", table, cls="fh-summary"),
            html.el("div", self._more, cls="fh-dim") if self._more else None,
            cls="fh",
        )


def _shares_of_calls(shares: Iterable[float]) -> Callable[[float], str]:
    """Return one format for shares of failed calls, with a digit behind the point where few of a hundred fail."""
    least = min((share for share in shares if share > 0), default=1.0)
    digits = 0 if least >= MANY_FAIL else 1 if least >= LEAST_SHARE else 3
    return lambda share: "" if share != share else f"{100 * share:.{digits}f} %"


MANY_FAIL: Final = 0.1
LEAST_SHARE: Final = 0.0005
"""A share that one digit behind the point, in percent, shows as more than nothing."""


def _course(part: pd.DataFrame, of: str, text: Callable[[float], str]) -> str:
    """Return the first and the last figure of a variant, with their intervals."""
    known = part[part[of].notna()]
    ends = [known.iloc[0], known.iloc[-1]] if len(known) > 1 else [known.iloc[0]] if len(known) else []
    return ", then ".join(_with_interval(line, of, text) for line in ends) or "without a score"


def _with_interval(line: Any, of: str, text: Callable[[float], str]) -> str:
    """Return a figure and, in brackets, its interval; nothing where there is none."""
    limits = interval_text(text, line[f"{of}_low"], line[f"{of}_high"])
    return f"{text(line[of])} ({limits})" if limits else text(line[of])
