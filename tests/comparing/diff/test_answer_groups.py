"""Groups of different answers among several outputs: counted, and said in a line."""

from __future__ import annotations

from fh_notebook.comparing.diff.answer_groups import groups_of_answers, groups_text


def test_the_answers_of_a_line() -> None:
    """The most frequent first, a few of many, JSON as it came, and none as empty."""
    assert groups_text(groups_of_answers(["a", "b", "b"])) == "2 x b, 1 x a"
    assert groups_text(groups_of_answers(list("abcdefg"))) == "1 x a, 1 x b, 1 x c, 1 x d, 3 others"
    assert groups_text(groups_of_answers([{"a": 1}, {"a": 1}, None])) == '2 x {"a": 1}, 1 x (empty)'
    assert len(groups_text(groups_of_answers(["x" * 1_000, "y" * 1_000]))) < 100
