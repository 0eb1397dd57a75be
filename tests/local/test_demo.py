"""The demo hive: its tickets, its two ways to classify them, and what goes wrong."""

from __future__ import annotations

import csv
from collections import Counter
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.client.clients import Client
from fh_notebook.local import demo
from fh_notebook.local.demo import (
    DEPLOYMENT,
    LABELS,
    NearestExample,
    by_keywords,
    demo_hive,
    fold,
    tickets,
    tickets_path,
)

VARIANTS = ("keywords", "nearest")


@pytest.fixture
def hive() -> Client:
    """A client of the demo's hive, without the made-up pauses."""
    return demo_hive(pace=0).client()


# ---------------------------------------------------------------------- the data


def test_the_tickets_follow_the_dataset_convention() -> None:
    """Every row has a ticket, a known label, a language and a channel, and nothing else; no ticket is there twice."""
    rows = tickets()
    assert len(rows) >= 72
    assert all(list(row) == ["ticket", "expected_output", "metadata.language", "metadata.channel"] for row in rows)
    assert all(value.strip() for row in rows for value in row.values())
    assert {row["expected_output"] for row in rows} == set(LABELS)
    assert {row["metadata.channel"] for row in rows} == {"email", "chat", "form", "phone"}
    assert len({row["ticket"] for row in rows}) == len(rows)


def test_the_tickets_are_as_varied_as_real_ones() -> None:
    """Many languages, from a few words to several paragraphs, with commas, quotes and line ends in the cells."""
    rows = tickets()
    languages = Counter(row["metadata.language"] for row in rows)
    assert len(languages) >= 10
    assert languages.most_common(1)[0][1] < len(rows) / 2
    assert min(Counter(row["expected_output"] for row in rows).values()) >= 10
    texts = [row["ticket"] for row in rows]
    assert sum(len(text.split()) <= 8 for text in texts) >= 10
    assert sum(text.count("\n\n") >= 2 for text in texts) >= 8
    assert max(len(text.split()) for text in texts) > 200
    assert all(any(sign in text for text in texts) for sign in (",", '"', "\n", "> ", "*", "é", "ß", "ł", "を"))


def test_other_readers_see_the_same_tickets() -> None:
    """pandas reads the file as the csv module does: it is a plain CSV."""
    frame = pd.read_csv(tickets_path(), keep_default_na=False)
    assert frame.to_dict("records") == tickets()


def test_nearest_is_not_tested_on_what_it_was_given() -> None:
    """No ticket is an example, nor an example with other capitals, blanks or marks."""

    def bare(text: str) -> str:
        return "".join(c for c in text.casefold() if c.isalnum())

    with tickets_path().with_name("examples.csv").open(encoding="utf-8", newline="") as lines:
        examples = list(csv.DictReader(lines))
    assert {row["label"] for row in examples} == set(LABELS)
    assert not {bare(row["ticket"]) for row in examples} & {bare(row["ticket"]) for row in tickets()}


# ---------------------------------------------------------------------- the variants


def test_both_variants_are_plausible_and_differ() -> None:
    """Each is right on 60 to 90 % of the tickets; each is right on some that the other is not."""
    with tickets_path().with_name("examples.csv").open(encoding="utf-8", newline="") as lines:
        nearest = NearestExample((row["ticket"], row["label"]) for row in csv.DictReader(lines))
    right: dict[str, list[bool]] = {name: [] for name in VARIANTS}
    for row in tickets():
        right["keywords"].append(by_keywords(row["ticket"]).label == row["expected_output"])
        try:
            right["nearest"].append(nearest.classify(row["ticket"]).label == row["expected_output"])
        except ValueError:
            right["nearest"].append(False)
    for name in VARIANTS:
        assert 0.6 <= sum(right[name]) / len(right[name]) <= 0.9
    only_keywords = sum(k and not n for k, n in zip(*right.values(), strict=True))
    only_nearest = sum(n and not k for k, n in zip(*right.values(), strict=True))
    assert min(only_keywords, only_nearest) >= 5


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_output_is_the_label_alone(hive: Client, variant: str) -> None:
    """Without a tone the output is what ``expected_output`` holds, as text."""
    run = hive.invoke(DEPLOYMENT, variant=variant, inputs={"ticket": "My parcel is late, where is it?"})
    assert (run.status, run.output) == ("completed", "delivery")


@pytest.mark.parametrize("variant", VARIANTS)
def test_with_a_tone_the_output_explains_itself(hive: Client, variant: str) -> None:
    """With a tone it is an object with the label, how sure it is, why, and a reply that is no longer than asked."""
    inputs = {"ticket": "My parcel is late, where is it?", "tone": "calm", "max_words": 5}
    output = hive.invoke(DEPLOYMENT, variant=variant, inputs=inputs).json()
    assert list(output) == ["label", "confidence", "reason", "reply"]
    assert output["label"] == "delivery"
    assert 0 < output["confidence"] <= 1
    assert output["reply"] == "Waiting is no fun, we …"
    brief = hive.invoke(DEPLOYMENT, variant=variant, inputs={**inputs, "tone": "brief", "max_words": 120})
    assert brief.json()["reply"] == "We are asking the courier and tell you today."


def test_tags_are_read_as_a_part_of_the_ticket(hive: Client) -> None:
    """What an agent has put on the ticket counts, where the ticket itself says little."""
    bare = hive.invoke(DEPLOYMENT, variant="keywords", inputs={"ticket": "please call me"})
    tagged = hive.invoke(DEPLOYMENT, variant="keywords", inputs={"ticket": "please call me", "tags": ["invoice"]})
    assert (bare.output, tagged.output) == ("other", "billing")


def test_a_ticket_without_a_word_fails_in_one_variant(hive: Client) -> None:
    """Emoji alone: the rules say other, the comparison fails and says why. A failed run is a value."""
    inputs = {"ticket": "👎👎👎"}
    assert hive.invoke(DEPLOYMENT, variant="keywords", inputs=inputs).output == "other"
    failed = hive.invoke(DEPLOYMENT, variant="nearest", inputs=inputs)
    assert failed.status == "failed"
    assert (failed.error or "").startswith("ValueError: ")


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({}, "ticket"),
        ({"ticket": 3}, "ticket"),
        ({"ticket": "x", "tone": "loud"}, "tone"),
        ({"ticket": "x", "max_words": 0}, "max_words"),
        ({"ticket": "x", "colour": "red"}, "colour"),
    ],
)
def test_start_variables_are_checked_by_the_hive(inputs: dict[str, object], told: str) -> None:
    """The signature is the contract: what does not fit is refused with the variable's name, and nothing has run."""
    hive = demo_hive(pace=0)
    with hive.client() as client:
        problems = hive.deployments()[0].problems(inputs)
        assert any(told in problem for problem in problems)
        ok = client.invoke(DEPLOYMENT, variant="keywords", inputs={"ticket": "x"})
    assert ok.ok


def test_the_pauses_belong_to_the_call_and_not_to_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed gives the same ticket the same pause, whatever ran before; `pace=0` takes them all away."""
    pauses: list[float] = []

    async def note(pause_s: float) -> None:
        pauses.append(pause_s)

    monkeypatch.setattr(demo, "asyncio", SimpleNamespace(sleep=note))
    texts = [row["ticket"] for row in tickets()[:20]]
    for pace, order in ((1, 1), (1, -1), (0, 1)):
        with demo_hive(seed=5, pace=pace).client() as client:
            for text in texts[::order]:
                client.invoke(DEPLOYMENT, variant="nearest", inputs={"ticket": text})
    forward, backward, none = pauses[:20], pauses[20:40], pauses[40:]
    assert forward == backward[::-1]
    assert len(set(forward)) > 10
    assert min(forward) > 0
    assert none == [0] * 20


def test_options_are_those_of_a_hive() -> None:
    """Limits, a key and a name are handed on: the demo can show what a subscription's daily cap does."""
    hive = demo_hive(pace=0, daily_cap=1, name="mine")
    with hive.client() as client:
        first = client.invoke(DEPLOYMENT, variant="keywords", inputs={"ticket": "x"})
        with pytest.raises(Exception, match=r"(?i)daily") as refused:
            client.invoke(DEPLOYMENT, variant="keywords", inputs={"ticket": "y"})
    assert first.ok
    assert type(refused.value).__name__ == "LimitReached"
    assert (hive.name, demo_hive().name) == ("mine", "demo")


# ---------------------------------------------------------------------- the classifiers


EXAMPLES = [
    ("Where is my parcel? It was shipped last week.", "delivery"),
    ("I forgot my password and cannot log in.", "account"),
    ("Ich habe mein Passwort vergessen.", "account"),
    ("荷物がまだ届いていません。", "delivery"),
]


@pytest.mark.parametrize(
    ("ticket", "label", "reason"),
    [
        ("Two INVOICES, one wrong price", "billing", "invoice, price"),
        ("Où est mon COLIS ?", "delivery", "colis"),
        ("Rückgabe? Ich möchte umtauschen", "returns", "umtausch"),
        ("I cannot sign in", "account", "sign in"),
        ("The app shows an error, the parcel is fine", "technical", "app, error"),
        ("app, but first the parcel", "technical", "app"),
        ("parcel, but then the app", "delivery", "parcel"),
        ("the mishap with the label", "other", "no keyword found"),
        ("", "other", "no keyword found"),
    ],
    ids=[
        "two words of a label",
        "accents and capitals do not matter",
        "a word's beginning is enough",
        "a phrase",
        "most words win",
        "of equals the first",
        "of equals the first, again",
        "never inside a word",
        "nothing",
    ],
)
def test_keywords(ticket: str, label: str, reason: str) -> None:
    """The label with the most different keywords wins; of equals the one that is named first; else it is other."""
    classification = by_keywords(ticket)
    assert (classification.label, classification.reason) == (label, reason)


def test_keywords_count_once() -> None:
    """A word that is repeated speaks once: three parcels are not three reasons."""
    classification = by_keywords("parcel parcel parcel, wrong price on the invoice")
    assert (classification.label, classification.confidence) == ("billing", 0.67)


@pytest.mark.parametrize(
    ("ticket", "label"),
    [
        ("my pasword is forgoten", "account"),
        ("wo ist mein passwort", "account"),
        ("when was the parcell shiped", "delivery"),
        ("荷物はどこですか", "delivery"),
    ],
)
def test_nearest_survives_typos_and_needs_no_word_borders(ticket: str, label: str) -> None:
    """Grams of characters find a word with a typo in it, and Japanese, which has no blanks."""
    classification = NearestExample(EXAMPLES).classify(ticket)
    assert classification.label == label
    assert 0 < classification.confidence <= 1


def test_nearest_finds_an_example_itself() -> None:
    """A text that is an example is nearest to itself."""
    near = NearestExample(EXAMPLES)
    for text, label in EXAMPLES:
        classification = near.classify(text)
        assert (classification.label, classification.reason) == (label, f"like: {text}")


@pytest.mark.parametrize("ticket", ["", "👎👎👎", "?!", "Ω"], ids=["empty", "emoji", "marks", "nothing in common"])
def test_nearest_refuses_what_it_cannot_compare(ticket: str) -> None:
    """Without a word in common with any example none is nearer than another: that is an error, not a guess."""
    with pytest.raises(ValueError, match=r"\bticket\b.*\bexamples\b") as refused:
        NearestExample(EXAMPLES).classify(ticket)
    assert type(refused.value) is ValueError


@given(st.text())
def test_every_text_gets_a_label_or_an_honest_error(ticket: str) -> None:
    """Whatever is written, the label is one of the six and the confidence a share."""
    classification = by_keywords(ticket)
    assert classification.label in LABELS
    assert 0 <= classification.confidence <= 1
    try:
        nearest = NearestExample(EXAMPLES).classify(ticket)
    except ValueError as refused:
        assert str(refused)
    else:
        assert nearest.label in {"delivery", "account"}
        assert 0 < nearest.confidence <= 1


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    """Folded text stays as it is."""
    assert fold(fold(text)) == fold(text)
