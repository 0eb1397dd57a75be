"""Scorers of texts and numbers, against the libraries themselves and against published figures."""

from __future__ import annotations

import random
import sys
from itertools import pairwise
from typing import Any

import pytest
import rapidfuzz
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import LCSseq

import fh_notebook as fh
from fh_notebook.comparing.scorers.base import MAX_CHARS
from fh_notebook.comparing.scorers.text import common_subsequence
from fh_notebook.contract.run import Run
from tests.told import facts, numbers_in


def _run(output: Any, **facts: Any) -> Run:
    return Run(status="completed", output=output, **facts)


def _score(scorer: Any, output: Any, expected: Any) -> Any:
    return scorer(_run(output), {"expected_output": expected})


@pytest.mark.parametrize(
    ("method", "a", "b", "published"),
    [
        # The examples of rapidfuzz's own documentation.
        ("ratio", "this is a test", "this is a test!", 0.9655171661376953),
        ("partial_ratio", "this is a test", "this is a test!", 1.0),
        ("token_sort_ratio", "fuzzy wuzzy was a bear", "wuzzy fuzzy was a bear", 1.0),
        ("token_set_ratio", "fuzzy was a bear but not a dog", "fuzzy was a bear", 1.0),
        # W. E. Winkler, "String Comparator Metrics and Enhanced Decision Rules in the Fellegi-Sunter Model of Record
        # Linkage", American Statistical Association (1990), table 1.
        ("jaro_winkler", "MARTHA", "MARHTA", 0.961),
        ("jaro_winkler", "DIXON", "DICKSONX", 0.813),
        ("levenshtein", "kitten", "sitting", 1 - 3 / 7),
    ],
)
def test_similarity_is_that_of_published_examples(method: Any, a: str, b: str, published: float) -> None:
    """From 0 to 1."""
    assert _score(fh.score.similarity(method=method), a, b) == pytest.approx(published, abs=6e-4)


@given(a=st.text("ab \u00fc", max_size=12), b=st.text("ab \u00fc", max_size=12))
def test_similarity_is_rapidfuzz_s_own(a: str, b: str) -> None:
    """Blanks around a text do not count."""
    wanted = rapidfuzz.fuzz.ratio(a.strip(), b.strip()) / 100
    assert _score(fh.score.similarity(), a, b) == pytest.approx(wanted)


def test_case_counts_unless_it_is_said_not_to() -> None:
    """In all languages."""
    assert _score(fh.score.similarity(ignore_case=True), "STRASSE", "straße") == 1.0
    assert _score(fh.score.similarity(), "ABC", "abc") == 0.0


LIN = "police killed the gunman"


@pytest.mark.parametrize(
    ("output", "expected", "published"),
    [
        # C.-Y. Lin (2004), section 3.1: S2 scores 3/4, S3 and S4 2/4.
        ("police kill the gunman", LIN, 3 / 4),
        ("the gunman kill police", LIN, 2 / 4),
        ("the gunman police killed", LIN, 2 / 4),
        # The example of the package rouge-score: precision 5/8, recall 5/9.
        ("The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog", 10 / 17),
        ("Über die Brücke", "über die brücke!", 1.0),
        ("", LIN, 0.0),
        ("...", "...", 0.0),
    ],
)
def test_rouge_l_is_that_of_published_examples(output: str, expected: str, published: float) -> None:
    """Words are letters and digits, in lower case, of all languages."""
    assert _score(fh.score.rouge_l(), output, expected) == pytest.approx(published)


@given(a=st.lists(st.sampled_from("abcde"), max_size=80), b=st.lists(st.sampled_from("abcde"), max_size=80))
def test_the_longest_common_subsequence_is_rapidfuzz_s(a: list[str], b: list[str]) -> None:
    """An independent program; more than a machine word long."""
    assert common_subsequence(a, b) == LCSseq.similarity(a, b)


SENTENCES = [
    ("The dog bit the man.", "The dog had bit the man."),
    ("It wasn't surprising.", "No one was surprised."),
    ("The man had just bitten him.", "The man bitten the dog."),
    ("the the the the the the the", "The cat is on the mat"),
    ("Sehr geehrte Damen und Herren,", "Sehr geehrter Herr Müller,"),
    ("a", "a b c d e"),
]


@pytest.mark.parametrize(("output", "expected"), SENTENCES)
def test_bleu_and_chrf_are_sacrebleu_s_own(output: str, expected: str) -> None:
    """The functions that its documentation gives for one sentence; from 0 to 1."""
    assert _score(fh.score.bleu(), output, expected) == pytest.approx(
        sacrebleu.sentence_bleu(output, [expected]).score / 100
    )
    assert _score(fh.score.bleu(tokenize="char", lowercase=True), output, expected) == pytest.approx(
        sacrebleu.sentence_bleu(output, [expected], tokenize="char", lowercase=True).score / 100
    )
    assert _score(fh.score.chrf(), output, expected) == pytest.approx(
        sacrebleu.sentence_chrf(output, [expected]).score / 100
    )
    assert _score(fh.score.chrf(word_order=2), output, expected) == pytest.approx(
        sacrebleu.sentence_chrf(output, [expected], word_order=2).score / 100
    )


def test_bleu_of_a_whole_match_is_one_and_counts_what_papineni_counts() -> None:
    """K. Papineni et al., "BLEU", ACL 2002, example 2: of seven times "the", two count."""
    assert _score(fh.score.bleu(), "It is a guide to action", "It is a guide to action") == pytest.approx(1.0)
    one = sacrebleu.metrics.BLEU(max_ngram_order=1, lowercase=True)
    assert one.sentence_score("the the the the the the the", ["The cat is on the mat"]).precisions[0] == (
        pytest.approx(200 / 7)
    )
    assert 0 < _score(fh.score.bleu(lowercase=True), "the the the the the the the", "The cat is on the mat") < 2 / 7


@pytest.mark.parametrize("make", [fh.score.similarity, fh.score.rouge_l, fh.score.bleu, fh.score.chrf])
def test_nothing_expected_is_no_score_and_no_answer_is_zero(make: Any) -> None:
    """And a text that is too long raises: a missing score, with the reason."""
    assert _score(make(), "x", None) is None
    assert _score(make(), None, "billing") == 0.0
    assert _score(make(path="text"), {"text": "same words here now"}, "same words here now") == pytest.approx(1.0)
    with pytest.raises(fh.InputError, match="100,001"):
        _score(make(), "x" * (MAX_CHARS + 1), "x")
    with pytest.raises(fh.InputError, match="100,001"):
        _score(make(), "x", "x" * (MAX_CHARS + 1))


def test_a_part_is_looked_for_only_among_so_many_places() -> None:
    """Its time grows with the square of their number; a short text in a long one is found."""
    partial = fh.score.similarity(method="partial_ratio")
    assert _score(partial, "x" * 90_000 + "billing", "billing") == 1.0
    with pytest.raises(fh.InputError, match=" 4,000,000"):
        _score(partial, "ab " * 1_000, "ba " * 1_000)


@pytest.mark.parametrize(
    ("name", "package"), [("similarity", "rapidfuzz"), ("bleu", "sacrebleu"), ("chrf", "sacrebleu")]
)
def test_a_library_that_is_not_there_is_told_with_the_cure(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the scorer is made, not as a hundred missing scores."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(fh.SettingsError, match=r"'fh-notebook\[score\]'") as told:
        getattr(fh.score, name)()
    assert package in str(told.value)


@pytest.mark.parametrize(
    ("output", "pattern", "options", "score"),
    [
        ("Your order 4711 is late.", r"order \d+", {}, True),
        ("Your order is late.", r"order \d+", {}, False),
        ("BILLING", "billing", {}, False),
        ("BILLING", "billing", {"ignore_case": True}, True),
        ("billing!", r"\w+", {"whole": True}, False),
        ("billing", r"\w+", {"whole": True}, True),
        ({"label": "billing", "why": "x1"}, r"\d", {"path": "label"}, False),
        ({"label": "billing", "why": "x1"}, r"\d", {}, True),
        (None, "x", {}, False),
    ],
)
def test_regex_looks_for_a_pattern(output: Any, pattern: str, options: dict[str, Any], score: bool) -> None:
    """Anywhere in the output, or in all of it."""
    assert fh.score.regex(pattern, **options)(_run(output)) is score


@pytest.mark.parametrize(
    ("pattern", "output"),
    [(r"(a+)+$", "a" * 99_999 + "!"), (r"^(a|aa)+$", "a" * 90 + "b"), (r"(.*?,){40}P", "1," * 45)],
)
def test_a_pattern_that_a_hostile_output_would_keep_busy_for_years_stops(pattern: str, output: str) -> None:
    """The score is missing, with the reason; the next run is scored."""
    frame = [
        {"row": i, "variant": "v", "output": text} for i, text in enumerate((output, "a" * (MAX_CHARS + 1), "aaP,"))
    ]
    cmp = fh.compare(_table(frame), score=fh.score.regex(pattern))
    assert cmp.summary()[["n", "missing"]].values.tolist() == [[1, 2]]
    took, too_long = cmp.score_errors()["error"]
    assert "0.25" in numbers_in(took)
    assert "100,000" in numbers_in(too_long)


def _table(lines: list[dict[str, Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(lines)


def test_a_pattern_that_cannot_be_read_raises_at_once() -> None:
    """With what is wrong."""
    with pytest.raises(fh.InputError, match=r"'\(' .*: missing \)"):
        fh.score.regex("(")


@pytest.mark.parametrize(
    ("output", "expected", "options", "score"),
    [
        (12, 12, {}, True),
        (12.4, 12, {"tolerance": 0.5}, True),
        (12.6, 12, {"tolerance": 0.5}, False),
        ("0.2", 0.3, {"tolerance": 0.1}, True),
        (110, 100, {"relative": 0.1}, True),
        (111, 100, {"relative": 0.1}, False),
        ("3 x 4 makes 12.", 12, {}, True),
        ("3 x 4 makes 12.", 3, {"which": "first"}, True),
        ("3 x 4 makes 12.", 12, {"which": "only"}, False),
        ("It costs 1,234.50 EUR", "1234.5", {}, True),
        ("It costs $1,234,567", 1234567, {}, True),
        ("-7", -7, {}, True),
        ("\u22127 degrees", -7, {}, True),
        ("1e-3", 0.001, {}, True),
        (".5", 0.5, {}, True),
        ("in v2 of 31.12.2026", 2, {}, False),
        ("no number", 0, {}, False),
        ("", 0, {}, False),
        (None, 0, {}, False),
        (True, 1, {}, False),
        ("12", None, {}, None),
        ({"total": {"amount": "12 EUR"}}, 12, {"path": "total.amount"}, True),
        ("9" * 400, 5, {}, False),
    ],
)
def test_number_reads_the_number_in_an_answer(
    output: Any, expected: Any, options: dict[str, Any], score: bool | None
) -> None:
    """The last one of a text, as English writes them, within a tolerance."""
    assert _score(fh.score.number(**options), output, expected) is score


def test_number_reads_a_long_text_in_no_time_or_not_at_all() -> None:
    """And an expectation that is no number is an error of the row."""
    assert _score(fh.score.number(), "1," * 50_000, 1) is False
    assert _score(fh.score.number(), "1" * 100_000, 1) is False
    with pytest.raises(fh.InputError, match=facts("200,000", "100,000")):
        _score(fh.score.number(), "1," * 100_000, 1)
    with pytest.raises(fh.InputError, match="'expected_output' .*'twelve'"):
        _score(fh.score.number(), "12", "twelve")


def test_latency_and_length_measure_or_ask() -> None:
    """Less of the seconds is better, and the scorer says so."""
    run = _run(" Sorry for that. ", elapsed_s=0.5)
    assert fh.score.latency()(run) == 0.5
    assert fh.score.latency().lower_is_better
    assert fh.score.latency(at_most=0.5)(run) is True
    assert not fh.score.latency(at_most=0.5).lower_is_better
    assert fh.score.latency(0.4)(run) is False
    assert fh.score.latency()(_run("x")) is None
    assert (fh.score.length()(run), fh.score.length("words")(run)) == (15, 3)
    assert fh.score.length(at_least=15, at_most=15)(run) is True
    assert fh.score.length("words", at_least=4)(run) is False
    assert fh.score.length(path="why")(_run({"why": "abc"})) == 3
    assert fh.score.length(path="why")(_run({})) == 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: fh.score.number(-1), "tolerance is -1"),
        (lambda: fh.score.number(relative=float("nan")), "relative is nan"),
        (lambda: fh.score.number(which="second"), "which is 'second'"),
        (lambda: fh.score.length("lines"), "'lines'; .*'characters' .*'words'"),
        (lambda: fh.score.length(at_least=3, at_most=2), "at_least is 3 and at_most is 2"),
        (lambda: fh.score.length(at_most=True), "at_most is True"),
        (lambda: fh.score.latency("fast"), "at_most is 'fast'"),
        (lambda: fh.score.similarity(method="cosine"), "'cosine'; .* ratio, partial_ratio, "),
        (lambda: fh.score.bleu(tokenize="ja-mecab"), "'ja-mecab'; .*'13a', 'intl'"),
        (lambda: fh.score.chrf(word_order=-1), "word_order is -1"),
    ],
)
def test_an_option_that_cannot_be_meant_raises_at_once(make: Any, said: str) -> None:
    """With the value, and what can be given."""
    with pytest.raises(fh.InputError, match=said):
        make()


def test_random_texts_never_score_outside_of_zero_and_one() -> None:
    """Whatever the scorer: the scale is one."""
    rng = random.Random(7)
    texts = ["".join(rng.choices("ab c,.1\n", k=rng.randint(1, 60))) for _ in range(30)]
    for make in (fh.score.similarity, fh.score.rouge_l, fh.score.bleu, fh.score.chrf):
        scores = [_score(make(), a, b) for a, b in pairwise(texts)]
        assert all(0 <= s <= 1 for s in scores)
        assert len(set(scores)) > 3
