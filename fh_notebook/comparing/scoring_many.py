"""Several scores of one comparison, and scoring again.

Rule of this file: what was scored stays as it was until `rescore` is asked for, and scoring again calls nothing that
was called before, unless ``fresh=True`` says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol

import pandas as pd

from fh_notebook import arguments
from fh_notebook.comparing.scorer_base import Scorer
from fh_notebook.comparing.scorer_function import scorer
from fh_notebook.comparing.scoring import Score, parts_table
from fh_notebook.contract.spell import nearest, short
from fh_notebook.errors import InputError

__all__ = ["ManyScores"]


class Again(Protocol):
    """Scores the runs of a comparison again."""

    def __call__(self, score: Any, *, fresh: bool = False, anew: bool = False) -> Any:
        """Return what was taken: a dataclass with ``lines``, one a run, and ``scorer``, the name.

        Parameters
        ----------
        score : str, function or None
            What scores.
        fresh : bool
            Whether kept scores are left aside.
        anew : bool
            Whether the source is read again: a batch may have gone on since.
        """
        ...


class ManyScores(ABC):
    """The part of a comparison that scores. Whoever has it calls `_begin`, and gives `_take` and `_sibling`."""

    scorer: str
    pair_on: str
    _frame: pd.DataFrame

    def _begin(self, score: Score, again: Again) -> None:
        """Say what scored first, and how the runs are scored again."""
        self._again = again
        self._scores: dict[str, Score] = {self.scorer: score}
        self._others: dict[str, Any] = {}

    @abstractmethod
    def _take(self, taken: Any) -> None:
        """Show what was scored; the comparison that mixes this in says how."""

    @abstractmethod
    def _sibling(self, taken: Any) -> Any:
        """Return a comparison of the same kind by another score; it, too, is the mixing class's to make."""

    def _beside(self, taken: Any, score: Score, again: Again) -> Any:
        """Return the sibling of what was taken, ready to be scored again."""
        sibling = self._sibling(taken)
        sibling._begin(score, again)
        return sibling

    def add_score(self, score: Any, *, name: str | None = None, version: str | int | None = None) -> Any:
        """Score the same runs by one more scorer, and return the comparison itself.

        :meth:`scores` shows all of them beside each other; ``cmp.by(name)`` is the comparison by one of them. Where
        nothing had scored before, this one becomes the comparison's own.

        Parameters
        ----------
        score : str or function
            As in :func:`compare`.
        name : str, optional
            Under which it stands; the scorer's own by default.
        version : str or int, optional
            Of a function of your own, as in ``fh.score.scorer``.

        Raises
        ------
        InputError
            The scorer cannot be used, or there is one of this name: give it another, or ask `rescore`.

        Examples
        --------
        >>> import fh_notebook as fh
        >>> frame = pd.DataFrame({"row": 0, "variant": ["a", "b"], "output": ["x", "yes"], "expected_output": "x"})
        >>> cmp = fh.compare(frame).add_score(fh.score.length(), name="letters")
        >>> cmp.scores()[["variant", "exact()", "letters"]].values.tolist()
        [['a', 1.0, 1.0], ['b', 0.0, 3.0]]
        """
        arguments.check(ManyScores.add_score, locals())
        given = _with_version(score, name, version)
        taken = self._again(given)
        named = name or taken.scorer
        if named in self._scores and self.scorer:
            raise InputError(f"there is a score {short(named)} already; give name=, or score it again by cmp.rescore()")
        if not self.scorer:
            self._take(_renamed(taken, named))
            self._scores = {named: given}
            self._forget_computed()
            return self
        self._scores[named] = given
        self._others[named] = _renamed(taken, named)
        return self

    def rescore(self, score: Any = None, *, version: str | int | None = None, fresh: bool = False) -> Any:
        """Read the batch again and score what is new, by the same scorers or another one; return the comparison.

        Kept scores of unchanged scorers cost nothing; those that had an error are tried again.

        Parameters
        ----------
        score : str or function, optional
            In the place of the comparison's own; by default the same scorers once more.
        version : str or int, optional
            Of a function of your own, as in ``fh.score.scorer``.
        fresh : bool
            Score everything anew, also what is kept; a judge is then asked and paid for again.

        Raises
        ------
        InputError
            The scorer cannot be used.
        """
        arguments.check(ManyScores.rescore, locals())
        if score is not None:
            given = _with_version(score, None, version)
            taken = self._again(given, fresh=fresh, anew=True)
            kept = {name: one for name, one in self._scores.items() if name not in (self.scorer, taken.scorer)}
            self._take(taken)
            self._scores = {taken.scorer: given, **kept}
            self._others.pop(taken.scorer, None)
        else:
            own = self._scores.get(self.scorer)
            self._take(_renamed(self._again(own, fresh=fresh, anew=True), self.scorer))
        self._forget_computed()  # at once: another scorer may take long, and be stopped or refused
        for name in list(self._others):  # of the same runs as the first
            self._others[name] = _renamed(self._again(self._scores[name], fresh=fresh), name)
        return self

    def by(self, name: str) -> Any:
        """Return the comparison of the same runs by another one of its scores.

        Raises
        ------
        InputError
            There is none of this name.
        """
        arguments.check(ManyScores.by, locals())
        if name == self.scorer:
            return self
        if name not in self._others:
            close = nearest(name, list(self._scores)) if isinstance(name, str) else None
            meant = f"did you mean {close!r}?" if close else f"there are {', '.join(map(repr, self._scores))}"
            raise InputError(f"there is no score {short(name)}; {meant}")
        return self._beside(self._others[name], self._scores[name], self._again)

    def scores(self) -> pd.DataFrame:
        """Return all scores, one line a run: the pair, ``variant``, then a column a score; a missing one is NaN."""
        table = {self.pair_on: self._frame["pair"], "variant": self._frame["variant"]}
        for name, lines in ((self.scorer, self._frame), *((n, _lines(t)) for n, t in self._others.items())):
            if name:
                table[name if name not in table else f"score.{name}"] = lines["score"]
        return pd.DataFrame(table)

    def parts(self) -> pd.DataFrame:
        """Return what the scores are made of, one line a run: the pair, ``variant``, ``score``, and a column a part.

        Parts are the fields of `json_fields`, the members of `weighted`, the reason of a judge, and what a function of
        your own gives in a dict.
        """
        return parts_table(self._frame, self.pair_on)

    def _forget_computed(self) -> None:
        for name in list(self.__dict__):
            if isinstance(getattr(type(self), name, None), cached_property):
                del self.__dict__[name]


def _with_version(score: Any, name: str | None, version: str | int | None) -> Any:
    if version is None:
        return score
    if not callable(score) or isinstance(score, Scorer) or hasattr(score, "members") or hasattr(score, "score_all"):
        raise InputError("version= is for a function of your own; ready scorers know theirs")
    return scorer(score, name=name, version=version)


def _renamed(taken: Any, name: str) -> Any:
    return taken if taken.scorer == name else replace(taken, scorer=name)


def _lines(taken: Any) -> pd.DataFrame:
    lines: pd.DataFrame = taken.lines
    return lines
