"""Scorers that compare a whole output: `exact`, `contains`, `regex`, `similarity`, `rouge_l`, `bleu`, `chrf`.

Similarities are from 0 to 1, and are those of the libraries that papers cite, or proven equal to them. A text of more
than 100,000 characters is a missing score with its reason.

Python's ``re`` cannot be interrupted, and a hostile output of 40 characters can occupy some patterns for years. So the
package ``regex`` does the matching: it understands the same patterns and takes a time limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, get_args

from fh_notebook.comparing.scorers.base import (
    MAX_CHARS,
    Answer,
    Scorer,
    expected_in,
    expecting_scorer_text,
    ready_scorer,
    scorer_text,
)
from fh_notebook.comparing.scorers.output_values import is_same, parse_path, part_of, text_of
from fh_notebook.core import arguments
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import InputError

TIMEOUT_S: Final = 0.25
"""For one output: a sane pattern takes microseconds."""


@arguments.public
def exact(expected: ColumnName = "expected_output", *, path: str | None = None) -> Scorer:
    """Return a scorer that checks whether the output is the expected one.

    Blanks around a text do not count; its case does. A number equals a number of the same value. An expected text that
    is JSON equals the output that is that value (a CSV can hold nothing but text), and where a number, true or false is
    expected, an output of text is read as JSON (``pandas.read_csv`` makes numbers of a column of digits).

    Parameters
    ----------
    expected : str
        The column of the row that holds it.
    path : str, optional
        A path into the output, such as ``label`` or ``items[0].name``; an output of JSON text is parsed for it.

    Raises
    ------
    InputError
        The path cannot be read.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> exact()(Run(status="completed", output="billing "), {"expected_output": "billing"})
    True
    >>> exact(path="label")(Run(status="completed", output={"label": "other"}), {"expected_output": "billing"})
    False
    """
    arguments.check(exact, locals(), but={"path"})
    expected = arguments.column_text(expected)
    steps = parse_path(path)

    def score(run: Answer, row: Mapping[str, Any]) -> bool | None:
        expected_value = expected_in(row, expected)
        return None if expected_value is None else is_same(part_of(run.output, steps), expected_value)

    name = expecting_scorer_text("exact", expected, path=(path, None))
    return ready_scorer(name, score, reads=expected, path=path, criterion=f"right = the same as {expected}")


@arguments.public
def contains(expected: ColumnName = "expected_output", *, path: str | None = None, ignore_case: bool = False) -> Scorer:
    """Return a scorer that checks whether the output contains the expected text.

    Parameters
    ----------
    expected : str
        The column of the row that holds it.
    path : str, optional
        A path into the output, as in :func:`exact`.
    ignore_case : bool
        Whether ``Billing`` contains ``billing``.

    Raises
    ------
    InputError
        The path cannot be read.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> contains()(Run(status="completed", output="This is about billing."), {"expected_output": "billing"})
    True
    """
    arguments.check(contains, locals(), but={"path"})
    expected = arguments.column_text(expected)
    steps = parse_path(path)

    def score(run: Answer, row: Mapping[str, Any]) -> bool | None:
        expected_value = expected_in(row, expected)
        if expected_value is None:
            return None
        text, part = text_of(part_of(run.output, steps)), text_of(expected_value).strip()
        return part.casefold() in text.casefold() if ignore_case else part in text

    name = expecting_scorer_text("contains", expected, path=(path, None), ignore_case=(ignore_case, False))
    criterion = f"right = contains the text of {expected}"
    return ready_scorer(name, score, reads=expected, path=path, ignore_case=ignore_case, criterion=criterion)


def bounded_search(pattern: str, *, ignore_case: bool = False, whole: bool = False) -> Callable[[str], bool]:
    """Return a function that asks whether `pattern` is found in a text, within `MAX_CHARS` and `TIMEOUT_S`."""
    import regex as bounded

    try:
        compiled = bounded.compile(pattern, bounded.IGNORECASE if ignore_case else 0)
    except (bounded.error, TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise InputError(f"the pattern {short(pattern)} cannot be read: {exc}") from None
    match = compiled.fullmatch if whole else compiled.search

    def search(text: str) -> bool:
        if len(text) > MAX_CHARS:
            raise InputError(f"the text has {len(text):,} characters, and a pattern reads at most {MAX_CHARS:,}")
        try:
            return match(text, timeout=TIMEOUT_S) is not None
        except TimeoutError:
            raise InputError(f"the pattern {short(pattern)} took longer than {TIMEOUT_S} s on this text") from None

    return search


@arguments.public
def regex(pattern: str, *, path: str | None = None, ignore_case: bool = False, whole: bool = False) -> Scorer:
    r"""Return a scorer that checks whether a pattern is found in the output.

    An output of more than 100,000 characters, and one on which the pattern takes longer than a quarter of a second, has
    a missing score that says so: no output can hang the notebook.

    Parameters
    ----------
    pattern : str
        As for Python's ``re``.
    path : str, optional
        A path into the output, such as ``label``.
    ignore_case : bool
        Whether ``late`` finds ``Late``.
    whole : bool
        Whether all of the text must match.

    Raises
    ------
    InputError
        The pattern or the path cannot be read.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> regex(r"order \d+")(Run(status="completed", output="Your order 4711 is late."))
    True
    """
    arguments.check(regex, locals(), but={"path"})
    steps = parse_path(path)
    search = bounded_search(pattern, ignore_case=ignore_case, whole=whole)

    def score(run: Answer, row: Mapping[str, Any]) -> bool:
        return search(text_of(part_of(run.output, steps)))

    name = scorer_text("regex", pattern, path=(path, None), ignore_case=(ignore_case, False), whole=(whole, False))
    criterion = "right = the whole text matches the pattern" if whole else "right = the pattern is found"
    return ready_scorer(
        name, score, reads=None, pattern=pattern, path=path, ignore_case=ignore_case, whole=whole, criterion=criterion
    )


ScorerOptions = dict[str, tuple[object, object]]
"""What was given, and what it is by default."""

Method = Literal["ratio", "partial_ratio", "token_sort_ratio", "token_set_ratio", "levenshtein", "jaro_winkler"]

METHODS: Final[tuple[str, ...]] = get_args(Method)

MAX_PLACES: Final = 4_000_000
"""The product of both lengths for ``partial_ratio``, whose time grows with its square: 5 seconds at 16 million."""


@arguments.public
def similarity(
    expected: ColumnName = "expected_output",
    *,
    path: str | None = None,
    method: Method = "ratio",
    ignore_case: bool = False,
) -> Scorer:
    """Return a scorer that measures how similar output and expected text are, letter by letter: 0 to 1 (rapidfuzz).

    Parameters
    ----------
    expected : str
        The column of the row that holds the text.
    path : str, optional
        A path into the output.
    method : str
        ``ratio`` (insertions and deletions), ``partial_ratio`` (the best place in the longer text; up to 2,000 letters
        in 2,000), ``token_sort_ratio`` and ``token_set_ratio`` (in any order of words), ``levenshtein`` (replacements,
        too), or ``jaro_winkler`` (for names).
    ignore_case : bool
        Whether ``Late`` and ``late`` are the same.

    Raises
    ------
    InputError
        The path or the method cannot be read.
    SettingsError
        rapidfuzz is not installed.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> round(similarity()(Run(status="completed", output="colour"), {"expected_output": "color"}), 3)
    0.909
    """
    arguments.check(similarity, locals(), but={"path"})
    expected = arguments.column_text(expected)
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"method is {short(method)}; give one of {', '.join(METHODS)}")
    measure, version = _rapidfuzz_measure(method)

    def score(text: str, expected_text: str) -> float:
        if method == "partial_ratio" and len(text) * len(expected_text) > MAX_PLACES:
            raise InputError(
                f"partial_ratio would compare {len(text) * len(expected_text):,} places; at most {MAX_PLACES:,} "
                "are supported"
            )
        return measure(text.casefold(), expected_text.casefold()) if ignore_case else measure(text, expected_text)

    options: ScorerOptions = {"method": (method, "ratio"), "ignore_case": (ignore_case, False)}
    return _text_scorer("similarity", score, expected, path, version, options)


def _rapidfuzz_measure(method: str) -> tuple[Callable[[str, str], float], str]:
    ensure_installed("rapidfuzz", "score.similarity needs")
    import rapidfuzz
    from rapidfuzz import distance, fuzz

    version = f"rapidfuzz {rapidfuzz.__version__}"
    if method == "levenshtein":
        return distance.Levenshtein.normalized_similarity, version
    if method == "jaro_winkler":
        return distance.JaroWinkler.normalized_similarity, version
    ratio: Callable[[str, str], float] = getattr(fuzz, method)
    return lambda a, b: ratio(a, b) / 100.0, version


@arguments.public
def rouge_l(expected: ColumnName = "expected_output", *, path: str | None = None) -> Scorer:
    """Return a scorer of ROUGE-L: the F-measure of the longest common subsequence of words, 0 to 1.

    C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", ACL workshop Text Summarization Branches Out
    (2004), section 3.1, with precision and recall of equal weight, as the package ``rouge-score`` computes it: without
    stemming; words are runs of letters and digits, in lower case. Other than there, letters of all languages count.

    Parameters
    ----------
    expected : str
        The column of the row that holds the reference.
    path : str, optional
        A path into the output.

    Raises
    ------
    InputError
        The path cannot be read.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> rouge_l()(Run(status="completed", output="police kill the gunman"),
    ...           {"expected_output": "police killed the gunman"})
    0.75
    """
    arguments.check(rouge_l, locals(), but={"path"})
    expected = arguments.column_text(expected)

    def score(text: str, expected_text: str) -> float:
        ours, theirs = _word_tokens(text), _word_tokens(expected_text)
        common = common_subsequence(ours, theirs)
        return 2.0 * common / (len(ours) + len(theirs)) if common else 0.0

    return _text_scorer("rouge_l", score, expected, path, "1", {})


_WORD: Final = re.compile(r"[^\W_]+")


def _word_tokens(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence.

    H. Hyyrö, "Bit-parallel LCS-length computation revisited", Australasian Workshop on Combinatorial Algorithms (2004):
    a row of the table is one number of ``len(a)`` bits.

    Examples
    --------
    >>> common_subsequence("ABCBDAB", "BDCABA")
    4
    """
    positions: dict[str, int] = {}
    for index, item in enumerate(a):
        positions[item] = positions.get(item, 0) | 1 << index
    mask = (1 << len(a)) - 1
    row = mask
    for item in b:
        matched = row & positions.get(item, 0)
        row = ((row + matched) | (row - matched)) & mask
    return len(a) - row.bit_count()


@arguments.public
def bleu(
    expected: ColumnName = "expected_output",
    *,
    path: str | None = None,
    tokenize: Literal["13a", "intl", "char", "zh", "none"] = "13a",
    lowercase: bool = False,
) -> Scorer:
    """Return a scorer of BLEU for one text against one reference, 0 to 1 (sacrebleu's ``sentence_bleu``).

    The mean over rows is a mean of sentences, which is not the BLEU of a corpus that papers report. Orders of n-grams
    that the text is too short for are left out (``effective_order``), the rest is smoothed (``exp``).

    Parameters
    ----------
    expected : str
        The column of the row that holds the reference.
    path : str, optional
        A path into the output.
    tokenize : str
        As in sacrebleu: ``char`` or ``zh`` for languages without blanks.
    lowercase : bool
        Whether both texts are taken in lower case.

    Raises
    ------
    InputError
        An option cannot be read.
    SettingsError
        sacrebleu is not installed.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> same = "The quick brown fox jumps."
    >>> round(bleu()(Run(status="completed", output=same), {"expected_output": same}), 6)
    1.0
    """
    arguments.check(bleu, locals(), but={"path"})
    expected = arguments.column_text(expected)
    if tokenize not in ("13a", "intl", "char", "zh", "none"):
        raise InputError(f"tokenize is {short(tokenize)}; give '13a', 'intl', 'char', 'zh' or 'none'")
    options: ScorerOptions = {"tokenize": (tokenize, "13a"), "lowercase": (lowercase, False)}
    return _sacrebleu_scorer("bleu", expected, path, options, effective_order=True)


@arguments.public
def chrf(
    expected: ColumnName = "expected_output", *, path: str | None = None, word_order: int = 0, lowercase: bool = False
) -> Scorer:
    """Return a scorer of chrF for one text against one reference, 0 to 1 (sacrebleu's ``sentence_chrf``).

    M. Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT (2015). By letters, so that it is
    fair to languages with many endings; ``word_order=2`` is chrF++.

    Parameters
    ----------
    expected : str
        The column of the row that holds the reference.
    path : str, optional
        A path into the output.
    word_order : int
        The longest word n-grams that count as well.
    lowercase : bool
        Whether both texts are taken in lower case.

    Raises
    ------
    InputError
        An option cannot be read.
    SettingsError
        sacrebleu is not installed.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> chrf()(Run(status="completed", output="same"), {"expected_output": "same"})
    1.0
    """
    arguments.check(chrf, locals(), but={"path"})
    expected = arguments.column_text(expected)
    if isinstance(word_order, bool) or not isinstance(word_order, int) or not 0 <= word_order <= 6:
        raise InputError(f"word_order is {short(word_order)}; give a whole number from 0 to 6")
    return _sacrebleu_scorer("chrf", expected, path, {"word_order": (word_order, 0), "lowercase": (lowercase, False)})


def _sacrebleu_scorer(name: str, expected: str, path: str | None, options: ScorerOptions, **always: object) -> Scorer:
    """Return the scorer of one of sacrebleu's metrics for a sentence, as a share of 1."""
    ensure_installed("sacrebleu", f"score.{name} needs")
    import sacrebleu
    from sacrebleu import metrics

    metric = getattr(metrics, name.upper())(**{option: value for option, (value, _) in options.items()}, **always)

    def measure(text: str, expected_text: str) -> float:
        return float(metric.sentence_score(text, [expected_text]).score) / 100.0

    return _text_scorer(name, measure, expected, path, f"sacrebleu {sacrebleu.__version__}", options)


def _text_scorer(
    name: str,
    measure: Callable[[str, str], float],
    expected: str,
    path: str | None,
    library: str,
    options: ScorerOptions,
) -> Scorer:
    steps = parse_path(path)

    def score(run: Answer, row: Mapping[str, Any]) -> float | None:
        cell = expected_in(row, expected)
        if cell is None:
            return None
        text, expected_text = text_of(part_of(run.output, steps)).strip(), text_of(cell).strip()
        for text_to_read, whose in ((text, "the output"), (expected_text, "the expected text")):
            if len(text_to_read) > MAX_CHARS:
                raise InputError(
                    f"{whose} has {len(text_to_read):,} characters, and {name} reads at most {MAX_CHARS:,}"
                )
        return measure(text, expected_text)

    option_values = {key: value for key, (value, _) in options.items()}
    spelling = expecting_scorer_text(name, expected, path=(path, None), **options)
    criterion = f"score = similarity to {expected}, from 0 to 1"
    return ready_scorer(
        spelling, score, reads=expected, path=path, library=library, options=option_values, criterion=criterion
    )
