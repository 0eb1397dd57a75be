"""Triage of support tickets: by hand-written keywords, and by the nearest labelled example.

Rule of this file: pure text in, a verdict out. No model, no network, no clock; the two ways share nothing but the six
labels, so that comparing them is comparing two real things.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["KEYWORDS", "LABELS", "Classification", "NearestExample", "by_keywords", "fold"]

LABELS: Final = ("billing", "delivery", "returns", "account", "technical", "other")
"""What a ticket can be about; ``other`` is also what remains when nothing speaks for the rest."""


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
    found = {label: {m[0]: m.start() for m in reversed(list(p.finditer(text)))} for label, p in _PATTERNS.items()}
    hits = {label: words for label, words in found.items() if words}
    if not hits:
        return Classification(label="other", confidence=0.0, reason="no keyword found")
    best = max(hits, key=lambda label: (len(hits[label]), -min(hits[label].values())))
    words = sorted(hits[best], key=lambda w: hits[best][w])
    share = len(words) / sum(len(w) for w in hits.values())
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
    >>> near.verdict("my pasword is gone").label
    'account'
    """

    def __init__(self, examples: Iterable[tuple[str, str]]) -> None:
        self._examples = tuple(examples)
        counted = [_grams(text) for text, _ in self._examples]
        seen = Counter(gram for counts in counted for gram in counts)
        self._idf = {gram: math.log((1 + len(counted)) / (1 + df)) + 1 for gram, df in seen.items()}
        # Inverted: a ticket has few grams in common with most examples, so only those that share one are touched.
        self._weights: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for index, counts in enumerate(counted):
            for gram, weight in self._unit(counts).items():
                self._weights[gram].append((index, weight))

    def _unit(self, counts: Counter[str]) -> dict[str, float]:
        """Return the weights of known grams, scaled to length one."""
        raw = {g: (1 + math.log(n)) * self._idf[g] for g, n in counts.items() if g in self._idf}
        length = math.sqrt(sum(w * w for w in raw.values()))
        return {gram: weight / length for gram, weight in raw.items()} if length else {}

    def verdict(self, ticket: str) -> Classification:
        """Return the label of the nearest example; `confidence` compares it with the nearest of each other label.

        Raises
        ------
        ValueError
            `ticket` has no words in common with any example, so that none is nearer than another.
        """
        likeness: dict[int, float] = defaultdict(float)
        for gram, weight in self._unit(_grams(ticket)).items():
            for index, other in self._weights[gram]:
                likeness[index] += weight * other
        if not likeness:
            raise ValueError("the ticket has no words to compare with the examples")
        by_label: dict[str, float] = {}
        for index, value in likeness.items():
            label = self._examples[index][1]
            by_label[label] = max(value, by_label.get(label, 0.0))
        nearest = max(likeness, key=lambda i: (likeness[i], -i))
        text, label = self._examples[nearest]
        share = by_label[label] / sum(by_label.values())
        return Classification(label=label, confidence=round(share, 2), reason=f"like: {' '.join(text.split())[:60]}")
