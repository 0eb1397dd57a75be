"""What a rater is told at the end, when nothing is left that knowing it could sway: who won, and how far they agree."""

from __future__ import annotations

from fh_notebook.batching.plan import counted
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.figures import figure, percent
from fh_notebook.comparing.rating_kinds import Kind
from fh_notebook.comparing.verdict import verdict_of

__all__ = ["result_of"]


def result_of(rated: ComparisonData, kind: Kind) -> list[str]:
    """Return the result of ratings in sentences, the names in them."""
    if not kind.is_pair:
        share = "" if kind.is_scale else f" ({kind.answers[0]})"
        means = [f"{line.variant} {figure(line.mean)}" for line in rated.summary_lines]
        return [f"Mean{share}: {', '.join(means)}.", verdict_of(rated)]
    told = []
    for line in tables.pairs(rated).to_dict("records"):
        ahead, behind = ("b", "a") if line["win_rate"] >= 0.5 else ("a", "b")
        rate, low, high = line["win_rate"], line["win_low"], line["win_high"]
        if ahead == "a":
            rate, low, high = 1 - rate, 1 - high, 1 - low
        level = f"{line[ahead]} and {line[behind]} are level: {line[ahead]} is preferred"
        head = level if rate == 0.5 else f"{line[ahead]} is preferred to {line[behind]}"
        p = f", sign test p = {line['p']:.2g}" if line["test"] == "sign" else ""
        wins, losses = (line["wins"], line["losses"]) if ahead == "b" else (line["losses"], line["wins"])
        told.append(
            f"{head} on {percent(rate)} of {counted(line['n'], 'row')} "
            f"(95 % interval {percent(low)} to {percent(high)}): {wins:,} won, "
            f"{line['ties']:,} ties, {losses:,} lost{p}."
        )
    return told
