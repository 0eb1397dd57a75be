"""Demo hive: deployment ``support-triage``, its tickets, and its two variants: keywords and the nearest example.

Rule of this file: nothing is staged. Both variants classify the text, without a model, a network or a clock, so their
mistakes and the tickets on which they differ are real. They share only the six labels. Only the pause before an answer
is invented.
"""

from __future__ import annotations

import asyncio
import csv
import math
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fh_notebook.contract.schema.variables import integer, text
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import first_words
from fh_notebook.local.hive import LocalHive

DEPLOYMENT: Final = "support-triage"

# Seconds: a rule is quick, a comparison with every example takes longer, and both now and then take much longer
# (log-normal, as service times are). Small, so that the whole demo stays within seconds.
_MEDIAN_PAUSE_S: Final[Mapping[str, float]] = {"keywords": 0.008, "nearest": 0.022}
_PAUSE_SPREAD: Final = 0.45

_REPLIES: Final[Mapping[str, Mapping[str, str]]] = {
    "billing": {
        "calm": "Thank you for telling us. We are going through the payment, line by line, and write back soon.",
        "brief": "We are checking the payment and write back within two days.",
    },
    "delivery": {
        "calm": "Waiting is no fun, we know. We are asking the courier, and tell you today where your order is.",
        "brief": "We are asking the courier and tell you today.",
    },
    "returns": {
        "calm": "No problem at all. A return label is on its way to you, and the money follows when the box is here.",
        "brief": "A return label is on its way to you.",
    },
    "account": {
        "calm": "Your account is safe. A colleague will check it and write to the address that we know of.",
        "brief": "A colleague will check your account.",
    },
    "technical": {
        "calm": "We are sorry for the trouble. A technician will look at your description and suggest the next step.",
        "brief": "A technician will look at it.",
    },
    "other": {
        "calm": "Thank you for writing to us. Your message goes to the person who knows most about it.",
        "brief": "Your message goes to the right person.",
    },
}

Ticket = Annotated[str, text(multiline=True, description="What the customer wrote.")]
Tone = Annotated[
    Literal["calm", "brief"] | None,
    "Draft a first reply in this tone; the output is then an object instead of the label alone.",
]
MaxWords = Annotated[int, integer(minimum=1, description="The longest reply, in words.")]
Tags = Annotated[list[str] | None, "Words that a support agent added to the ticket; read as part of it."]


@arguments.public
def demo_hive(*, seed: int = 0, pace: float = 1.0, **options: Any) -> LocalHive:
    """Return a local hive with the deployment ``support-triage`` and its variants ``keywords`` and ``nearest``.

    The output is the label as plain text, which is what ``expected_output`` of the tickets holds. With a `tone` it is
    an object with ``label``, ``confidence``, ``reason`` and ``reply``. ``nearest`` fails on a ticket without a word
    (a row of emoji): it has nothing to compare. That failure is meant: it shows what a failed run looks like.

    Parameters
    ----------
    seed : int
        Of the made-up pauses: the same ticket takes the same time in every run with the same seed.
    pace : float
        Multiplies the pauses; 0 answers as fast as it can.
    **options
        Of :class:`~fh_notebook.local.hive.LocalHive`, for example ``concurrency=3`` or ``daily_cap=50``. The name is
        ``demo`` unless given, so that saved answers are found again.

    Returns
    -------
    LocalHive
        Not yet on a socket: use its ``client()`` in process, or ``serve()``.

    Examples
    --------
    >>> hive = demo_hive()
    >>> with hive.client() as client:
    ...     client.invoke("support-triage", variant="keywords", inputs={"ticket": "My parcel is late"}).output
    'delivery'
    """
    arguments.check(demo_hive, locals())
    hive = LocalHive(**{"name": "demo", "seed": seed, **options})

    @hive.workflow(DEPLOYMENT, variant="keywords")
    async def keywords(ticket: Ticket, tone: Tone = None, max_words: MaxWords = 120, tags: Tags = None) -> Any:
        await asyncio.sleep(pace * _pause_s("keywords", ticket, seed))
        return _answer(by_keywords(_text_with_tags(ticket, tags)), tone, max_words)

    @hive.workflow(DEPLOYMENT, variant="nearest")
    async def nearest(ticket: Ticket, tone: Tone = None, max_words: MaxWords = 120, tags: Tags = None) -> Any:
        await asyncio.sleep(pace * _pause_s("nearest", ticket, seed))
        return _answer(_examples().classify(_text_with_tags(ticket, tags)), tone, max_words)

    return hive


@arguments.public
def tickets_path() -> Path:
    """Return the path of the CSV file with the demo's tickets.

    Its columns are ``ticket``, ``expected_output``, ``metadata.language`` and ``metadata.channel``, in UTF-8 (the
    dataset convention: plain columns are inputs).
    """
    return Path(str(files("fh_notebook.local").joinpath("data", "tickets.csv")))


@arguments.public
def tickets() -> list[dict[str, str]]:
    """Return the demo's tickets as rows in the order of the file, one dictionary of texts per ticket.

    Examples
    --------
    >>> tickets()[0]["ticket"], tickets()[0]["expected_output"]
    ('Parcel is late and the tracking page is empty.', 'delivery')
    """
    return _read_csv(tickets_path())


def _read_csv(path: Path) -> list[dict[str, str]]:
    # newline="": the csv module itself must see the line ends, since cells hold some.
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@cache
def _examples() -> NearestExample:
    """Return the labelled examples of ``nearest``: other texts than the tickets, so that it is tested on new ones."""
    rows = _read_csv(tickets_path().with_name("examples.csv"))
    return NearestExample((row["ticket"], row["label"]) for row in rows)


def _pause_s(variant: str, ticket: str, seed: int) -> float:
    """Return the pretended thinking time in seconds: it depends on the call alone, not on what ran before it."""
    chance = random.Random(f"{seed}/{variant}/{ticket}")  # noqa: S311 - a pause, not a secret
    return chance.lognormvariate(math.log(_MEDIAN_PAUSE_S[variant]), _PAUSE_SPREAD)


def _text_with_tags(ticket: str, tags: list[str] | None) -> str:
    return " ".join([ticket, *(tags or [])])


def _answer(classification: Classification, tone: str | None, max_words: int) -> str | dict[str, Any]:
    """Return the label alone, or with a tone everything that is known, and a reply of at most `max_words` words."""
    if tone is None:
        return classification.label
    words = _REPLIES[classification.label][tone].split()
    reply = " ".join(words) if len(words) <= max_words else " ".join(words[:max_words]) + " …"
    return {
        "label": classification.label,
        "confidence": classification.confidence,
        "reason": classification.reason,
        "reply": reply,
    }


LABELS: Final = ("billing", "delivery", "returns", "account", "technical", "other")
"""What a ticket can be about; ``other`` is also the label without any match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What a ticket is about, and why."""

    label: str
    """One of :data:`LABELS`."""
    confidence: float
    """0 to 1: the share of this label in all that spoke for any label. Not a calibrated probability."""
    reason: str
    """In a few words: the keywords that were found, or the beginning of the nearest example."""


# Word beginnings, without accents and in lower case, as a support team writes them down: for the languages that it
# reads. It reads no Dutch, Polish, Czech, Turkish, Scandinavian or Japanese; that gap is part of the demonstration.
# A word that serves two languages stands with the first. "_" is a blank inside a phrase.
_RULES: Final = """
billing    en  invoice bill charge payment paid price vat discount statement
billing    de  rechnung abgebucht abbuchung lastschrift zahlung mwst umsatzsteuer preis
billing    fr  factur prelev debit paiement prix
billing    es  cobrad cobro pago precio
billing    it  fattura addebit pagament
billing    pt  fatura cobranca recibo
delivery   en  parcel package tracking courier deliver shipped driver
delivery   de  paket packchen liefer sendung zustell
delivery   fr  colis livr suivi
delivery   es  paquete envio entrega seguimiento
delivery   it  pacco consegn spedi corriere
delivery   pt  encomenda
returns    en  return refund exchange swap
returns    de  retour umtausch zuruckschick zurucksend erstatt
returns    fr  renvoy rembours echang
returns    es  devol reembols cambiar
returns    it  restitu reso rimbors
account    en  account password login log_in sign_in username email_address verification
account    de  konto kundenkonto passwort anmeld benutzername
account    fr  compte mot_de_passe connecter
account    es  cuenta contrasena
account    it  accedere
account    pt  conta palavra-passe
technical  en  app crash error firmware wifi update bluetooth browser pair
technical  de  fehler absturz sturzt verbindung neustart
technical  fr  application erreur serveur panne
technical  es  aplicacion conecta reinici
technical  it  spegne blocca
technical  pt  atualizacao ecra
"""


def _read_rules(rules: str) -> dict[str, tuple[str, ...]]:
    words: dict[str, list[str]] = defaultdict(list)
    for line in filter(None, rules.splitlines()):
        label, _language, *beginnings = line.split()
        words[label] += [word.replace("_", " ") for word in beginnings]
    return {label: tuple(beginnings) for label, beginnings in words.items()}


KEYWORDS: Final[Mapping[str, tuple[str, ...]]] = _read_rules(_RULES)
"""Label -> word beginnings."""


def fold(text: str) -> str:
    r"""Return `text` in lower case, without accents, with every run of blanks as one blank.

    Examples
    --------
    >>> fold("Où  est mon\nCOLIS ?")
    'ou est mon colis ?'
    """
    # Decomposed first: a mathematical bold A becomes a plain capital only then.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(unicodedata.normalize("NFC", plain).split())


_PATTERNS: Final = {label: re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})") for label, words in KEYWORDS.items()}


def by_keywords(ticket: str) -> Classification:
    """Return the label with the most different keywords in `ticket`; of equals, the one whose word comes first.

    Examples
    --------
    >>> by_keywords("My parcel is late, the tracking page is empty.")
    Classification(label='delivery', confidence=1.0, reason='parcel, tracking')
    >>> by_keywords("Do you sell gift cards?").label
    'other'
    """
    text = fold(ticket)
    matches = {label: {m[0]: m.start() for m in reversed(list(p.finditer(text)))} for label, p in _PATTERNS.items()}
    matched = {label: words for label, words in matches.items() if words}
    if not matched:
        return Classification(label="other", confidence=0.0, reason="no keyword found")
    best = max(matched, key=lambda label: (len(matched[label]), -min(matched[label].values())))
    words = sorted(matched[best], key=lambda w: matched[best][w])
    share = len(words) / sum(len(w) for w in matched.values())
    return Classification(label=best, confidence=round(share, 2), reason=", ".join(words))


GRAM_SIZES: Final = (2, 3, 4)
"""Characters of a gram. Two is for Japanese, where a word is often two signs long; four finds the stems of the rest."""


def _grams(text: str) -> Counter[str]:
    """Count the character grams of each word, its borders marked by a blank."""
    counts: Counter[str] = Counter()
    for word in re.findall(r"\w+", fold(text)):
        framed = f" {word} "
        for size in GRAM_SIZES:
            counts.update(framed[i : i + size] for i in range(len(framed) - size + 1))
    return counts


class NearestExample:
    """Labelled examples, and for a text the label of the one that is most like it.

    Likeness is the cosine of TF-IDF weights of character grams: tf is ``1 + ln(count)``, and idf the smoothed
    ``ln((1 + n) / (1 + df)) + 1``, so that no gram weighs nothing.

    Parameters
    ----------
    examples : iterable of (text, label)
        At least one.

    Examples
    --------
    >>> near = NearestExample([("Where is my parcel?", "delivery"), ("I forgot my password", "account")])
    >>> near.classify("my pasword is gone").label
    'account'
    """

    def __init__(self, examples: Iterable[tuple[str, str]]) -> None:
        self._examples = tuple(examples)
        gram_counts = [_grams(text) for text, _ in self._examples]
        document_counts = Counter(gram for counts in gram_counts for gram in counts)
        self._idf = {gram: math.log((1 + len(gram_counts)) / (1 + df)) + 1 for gram, df in document_counts.items()}
        # Inverted: a ticket has few grams in common with most examples, so only those that share one are touched.
        self._weights: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for index, counts in enumerate(gram_counts):
            for gram, weight in self._unit(counts).items():
                self._weights[gram].append((index, weight))

    def _unit(self, counts: Counter[str]) -> dict[str, float]:
        """Return the weights of known grams, scaled to length one."""
        raw = {g: (1 + math.log(n)) * self._idf[g] for g, n in counts.items() if g in self._idf}
        length = math.sqrt(sum(w * w for w in raw.values()))
        return {gram: weight / length for gram, weight in raw.items()} if length else {}

    def classify(self, ticket: str) -> Classification:
        """Return the label of the nearest example; `confidence` compares it with the nearest of each other label."""
        likeness: dict[int, float] = defaultdict(float)
        for gram, weight in self._unit(_grams(ticket)).items():
            for index, example_weight in self._weights[gram]:
                likeness[index] += weight * example_weight
        if not likeness:
            raise ValueError("the ticket has no words to compare with the examples")
        by_label: dict[str, float] = {}
        for index, value in likeness.items():
            label = self._examples[index][1]
            by_label[label] = max(value, by_label.get(label, 0.0))
        nearest = max(likeness, key=lambda i: (likeness[i], -i))
        text, label = self._examples[nearest]
        share = by_label[label] / sum(by_label.values())
        return Classification(label=label, confidence=round(share, 2), reason=f"like: {first_words(text, 60)}")
