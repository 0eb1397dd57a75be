"""Demo data for screenshots and for tests of the interface: deployments, tables, and the hive that runs them.

It is what a customer of an insurance and of a shop would have: a form of 17 fields, 300 tickets in 8 languages, three
variants of different quality with failed and unknown calls, JSON outputs, letters, files. Everything is invented, and
the same at every run.
"""

from __future__ import annotations

import io
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pandas as pd

from fh_notebook.local import LocalHive, ask_human

PATIENCE_S: Final = 120.0
CONCURRENCY: Final = 3
TICKETS: Final = 300
ASKED_FROM: Final = 100
"""Refunds of less are paid without a decision."""

CATALOG: Final = """\
version: 1
deployments:
  claim-check:
    description: Checks an insurance claim and drafts a letter.
    variants: [formal, friendly, markdown]
    inputs:
      claim_text:
        {title: What happened, type: string, format: textarea, minLength: 20,
         description: "The claimant's own words. **Markdown** is allowed: lists, *emphasis*."}
      claimant:
        title: Claimant
        type: object
        properties:
          name: {type: string, description: As on the policy.}
          email: {type: string, format: email}
          phone: {type: string, pattern: '^\\+?[0-9 ]{6,}$', description: 'With country code, like +49 170 1234567.'}
          address:
            type: object
            properties: {street: {type: string}, zip: {type: string}, city: {type: string}}
            required: [street, city]
        required: [name, email]
      kind:
        {title: Kind of claim, type: string, enum: [car, home, liability, travel, legal],
         description: Which policy it falls under.}
      items:
        title: Damaged items
        type: array
        required: false
        description: One row for each item.
        items:
          type: object
          properties:
            item: {type: string}
            bought: {type: string, format: date}
            price: {type: number, minimum: 0}
            receipt: {type: boolean}
          required: [item, price]
      incident_at: {title: When, type: string, format: date-time, description: When it happened.}
      amount:
        {title: Amount claimed, type: number, minimum: 0, maximum: 50000, multipleOf: 0.01, description: In euro.}
      currency: {type: string, enum: [EUR, USD, GBP, CHF], default: EUR}
      photo: {title: Photo, type: string, format: data-url, required: false, description: A picture of the damage.}
      portal_password:
        {title: Portal password, type: string, format: password, required: false,
         description: "To fetch the policy from the broker's portal."}
      payout:
        title: Pay to
        oneOf:
          - {title: Bank transfer, type: object, additionalProperties: false, required: [iban],
             properties: {iban: {type: string, minLength: 15}, holder: {type: string}}}
          - {title: Cheque, type: object, additionalProperties: false, required: [method],
             properties: {method: {const: cheque}}}
      max_words:
        {type: integer, minimum: 10, maximum: 500, default: 120, description: 'Longest letter, in words.'}
      strictness: {type: number, minimum: 0, maximum: 1, default: 0.5, description: How strict the check is.}
      languages:
        {type: array, items: {enum: [de, en, fr, ja, ar]}, default: [en], description: Languages of the letter.}
      notify: {type: boolean, default: true, description: Send the claimant an e-mail.}
      notes:
        {type: [string, 'null'], format: textarea, required: false, description: 'Notes of the agent, in Markdown.'}
      tags: {type: array, items: {type: string}, required: false}
      callback_day: {type: string, format: date, required: false, description: When to call back.}
  support-triage:
    description: Sorts tickets by what they are about.
    variants: [baseline, few-shot, fine-tuned]
    inputs:
      ticket: {type: string, format: textarea}
  claim-letter:
    description: Drafts the letter that tells a claimant the decision.
    variants: [prompt-v1, prompt-v2]
    inputs:
      claim: {type: string, format: textarea}
  claim-extract:
    description: Reads the facts of a claim into fields.
    variants: [small-model, large-model]
    inputs:
      claim: {type: string, format: textarea}
  translate:
    description: Translates a short reply.
    variants: [arabic, japanese, emoji]
    inputs:
      text: {type: string, format: textarea}
  damage-report:
    description: Marks the damage in a photo and lists the parts.
    variants: [annotated]
    inputs:
      claim_id: text
  refund:
    description: Pays an order back when finance agrees.
    variants: [v1]
    inputs:
      order: text
      amount: number
  payout:
    description: Transfers what a claim is owed, by the tool payments, which asks first.
    variants: [v1]
    inputs:
      claim_id: text
      amount: number
"""

CLAIM: Final[dict[str, Any]] = {
    "claim_text": "On Friday evening a **hailstorm** broke two windows of the kitchen and dented the car.\n\n"
    "- The carpet is soaked.\n- The car was parked in the street, فقط لمدة ساعة (for one hour only).\n"
    "- 台所の窓が二枚割れました。🌨️",
    "claimant": {
        "name": "José García-Müller",
        "email": "jose.garcia@example.org",
        "phone": "+49 170 1234567",
        "address": {"street": "Lindenallee 7", "zip": "04103", "city": "Leipzig"},
    },
    "kind": "home",
    "items": [
        {"item": "Kitchen window, 120 x 90", "bought": "2019-05-02", "price": 640.0, "receipt": True},
        {"item": "Carpet", "bought": "2022-11-18", "price": 389.9, "receipt": False},
    ],
    "incident_at": "2026-11-20T18:40:00+01:00",
    "amount": 1029.9,
    "payout": {"iban": "DE02120300000000202051", "holder": "José García-Müller"},
    "notes": "Second claim this year; see the **earlier** one.",
    "tags": ["hail", "urgent"],
    "languages": ["de", "en"],
}

# By label and language, in the customer's words; {n} is the order.
_TEXTS: Final[dict[str, dict[str, str]]] = {
    "billing": {
        "en": "I was charged twice for order {n}. Please send one of the payments back. 😠",
        "de": "Die Bestellung {n} wurde zweimal abgebucht. Bitte erstatten Sie eine der Zahlungen.",
        "fr": "La commande {n} a été débitée deux fois. Merci de rembourser l'un des paiements.",
        "ja": "注文{n}の代金が二重に請求されました。一件分を返金してください。",
        "ar": "تم خصم ثمن الطلب {n} مرتين. أرجو إعادة إحدى الدفعتين.",
        "es": "Me han cobrado dos veces el pedido {n}. Devuélvanme uno de los pagos, por favor.",
    },
    "delivery": {
        "en": "My parcel {n} was to be here on Monday and the tracking page is empty. Where is it?",
        "de": "Das Paket {n} sollte am Montag kommen, und die Sendungsverfolgung ist leer.",
        "fr": "Mon colis {n} devait arriver lundi et la page de suivi est vide. 📦",
        "ja": "荷物{n}が月曜日に届くはずでしたが、追跡ページに何も表示されません。",
        "he": "החבילה {n} הייתה אמורה להגיע ביום שני, ודף המעקב ריק. איפה היא?",
        "uk": "Посилка {n} мала прийти в понеділок, а сторінка відстеження порожня.",
    },
    "returns": {
        "en": "The lamp of order {n} came with a broken foot. How do I send it back?",
        "de": "Die Lampe aus Bestellung {n} kam mit gebrochenem Fuß an. Wie schicke ich sie zurück?",
        "fr": "La lampe de la commande {n} est arrivée cassée. Comment la renvoyer ?",
        "ja": "注文{n}のランプの脚が折れていました。返品の方法を教えてください。",
        "ar": "وصل المصباح في الطلب {n} مكسورًا. كيف أعيده؟",
    },
    "technical": {
        "en": "The app closes as soon as I open order {n}; I have the newest version on a Pixel 8.",
        "de": "Die App schließt sich, sobald ich Bestellung {n} öffne. Neueste Version, Pixel 8. 🤷",
        "fr": "L'application se ferme dès que j'ouvre la commande {n}, avec la dernière version.",
        "ja": "注文{n}を開くとアプリが落ちます。バージョンは最新です。",
        "uk": "Застосунок закривається, щойно я відкриваю замовлення {n}.",
    },
    "account": {
        "en": "I cannot sign in to change the address of order {n}: the code by e-mail never comes.",
        "de": "Ich kann mich nicht anmelden, um die Adresse von {n} zu ändern: der Code kommt nie an.",
        "fr": "Impossible de me connecter pour changer l'adresse de {n} : le code n'arrive jamais.",
        "es": "No puedo entrar para cambiar la dirección del pedido {n}: el código no llega nunca.",
        "he": "אני לא מצליחה להתחבר כדי לשנות את הכתובת של {n}: הקוד לא מגיע.",
    },
}
_RIGHT: Final = {"baseline": 0.69, "few-shot": 0.75, "fine-tuned": 0.91}
"""How often each variant gives the expected label."""
_TOOK_S: Final = {"baseline": 0.004, "few-shot": 0.008, "fine-tuned": 0.014}


def tickets() -> pd.DataFrame:
    """Return 300 tickets: their number, language, text and expected label."""
    chance = random.Random(24)
    places = [(label, language) for label, texts in _TEXTS.items() for language in texts]
    lines = []
    for number in range(TICKETS):
        label, language = chance.choice(places)
        order = f"A-{4000 + 7 * number}"
        said = _TEXTS[label][language].format(n=order)
        lines.append({"order": order, "language": language, "ticket": said, "expected_output": label})
    return pd.DataFrame(lines)


_EVENTS: Final = (
    ("hail broke two kitchen windows", "home", 1029.9),
    ("a shopping trolley scratched the left door", "car", 740.0),
    ("the suitcase did not arrive in Osaka (大阪)", "travel", 1310.5),
    ("water from the flat above came through the ceiling", "home", 4232.53),
    ("the dog pulled over a neighbour's bicycle", "liability", 289.0),
    ("a stone cracked the windscreen on the motorway", "car", 512.2),
)
_NAMES: Final = ("José García", "Олена Шевченко", "山田 花子", "ليلى حداد", "Anna Lindqvist", "Noam Ben-David")


def claims() -> pd.DataFrame:
    """Return 24 claims in words, and the facts that are in them, as JSON."""
    lines = []
    for number in range(24):
        (event, kind, amount), name = _EVENTS[number % 6], _NAMES[number * 5 % 6]
        amount = round(amount + 31.4 * (number // 6), 2)
        said = f"{name} writes on {1 + number} November 2026: {event}. The damage is {amount:.2f} EUR."
        facts = {"claimant": name, "kind": kind, "amount": amount, "day": f"2026-11-{1 + number:02}"}
        lines.append({"claim": said, "expected_output": json.dumps(facts, ensure_ascii=False)})
    return pd.DataFrame(lines)


def write_files(folder: Path) -> None:
    """Write the catalogue, the tables and a filled-in claim where a notebook finds them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fetchhive.yaml").write_text(CATALOG, encoding="utf-8")
    (folder / "claim.json").write_text(json.dumps(CLAIM, ensure_ascii=False, indent=2), encoding="utf-8")
    tickets().to_csv(folder / "tickets.csv", index=False)
    claims().to_csv(folder / "claims.csv", index=False)


class DemoHive(LocalHive):
    """The local hive with the deployments of `CATALOG`; calls can be held, for a look at what is running."""

    def __init__(self) -> None:
        super().__init__(name="demo", concurrency=CONCURRENCY)
        self._turn = threading.Condition()
        self._free: int | None = None
        """How many more calls may end while calls are held; None when none are."""
        self._held = 0
        self._expected = dict(tickets()[["ticket", "expected_output"]].itertuples(index=False))
        self._facts = dict(claims()[["claim", "expected_output"]].itertuples(index=False))
        self._declare()

    @contextmanager
    def held_after(self, calls: int) -> Iterator[None]:
        """Hold every call inside of the block but the first `calls`; they end after it."""
        with self._turn:
            self._free, self._held = calls, 0
        try:
            yield
        finally:
            with self._turn:
                self._free = None
                self._turn.notify_all()

    def wait_held(self, calls: int) -> None:
        """Wait until so many calls are held."""
        with self._turn:
            assert self._turn.wait_for(lambda: self._held >= calls, PATIENCE_S), f"{self._held} calls are held"

    def _pass(self) -> None:
        """Wait while calls are held."""
        with self._turn:
            if self._free is None:
                return
            if self._free:
                self._free -= 1
                return
            self._held += 1
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._free is None, PATIENCE_S)

    def _declare(self) -> None:
        for variant, answer in _CLAIM_ANSWERS.items():
            self._answer("claim-check", variant, answer)
        for variant, answer in _TRANSLATIONS.items():
            self._answer("translate", variant, answer)
        for variant in _RIGHT:
            self._triage(variant)
        for variant in ("prompt-v1", "prompt-v2"):
            self._letter(variant)
        for variant in ("small-model", "large-model"):
            self._extract(variant)

        @self.workflow("damage-report", variant="annotated")
        def damage_report(claim_id: str) -> dict[str, Any]:
            parts = "part,severity,price\nbonnet,2,410.00\nwindscreen,3,512.20\nleft mirror,1,88.00\n"
            return {
                "settings": {"model": "vision-large", "threshold": 0.4},
                "assets": [
                    self.asset(f"{claim_id}_annotated.png", _picture(), "image/png"),
                    self.asset(f"{claim_id}_parts.csv", parts.encode(), "text/csv"),
                ],
            }

        @self.workflow("refund", variant="v1", human="finance")
        def refund(order: str, amount: float) -> dict[str, Any]:
            if amount < ASKED_FROM:
                return {"paid": True, "by": None}
            decision = ask_human(f"Refund {amount:,.2f} EUR for order {order}? The card was charged twice in June.")
            return {"paid": decision.approved, "by": decision.by}

        @self.workflow("payout", variant="v1", tools={"payments": "ask"})
        def payout(claim_id: str, amount: float) -> dict[str, Any]:
            transfer = {"amount": amount, "currency": "EUR", "iban": "DE02120300000000202051", "reference": claim_id}
            question = f"Transfer {amount:,.2f} EUR to José García-Müller for claim {claim_id}?"
            return {"paid": ask_human(question, tool="payments", tool_arguments=transfer).approved}

    def _answer(self, deployment: str, variant: str, answer: Any) -> None:
        @self.workflow(deployment, variant=variant)
        def answered(**inputs: Any) -> Any:
            self._pass()
            return answer

    def _triage(self, variant: str) -> None:
        labels = sorted(_TEXTS)

        @self.workflow("support-triage", variant=variant)
        def triage(ticket: str) -> str:
            self._pass()
            time.sleep(_TOOK_S[variant])
            chance = random.Random(f"{variant} {ticket}")
            luck = chance.random()
            if luck > 0.985:
                raise RuntimeError("The model stopped at max_tokens: the answer has no label")
            if luck > 0.975:
                raise RuntimeError("The provider answered 529: overloaded")
            if luck > 0.970:  # the next call runs, and its answer is lost on the way
                self.fail_next(reset=True, after_running=True, deployment="support-triage")
            expected = self._expected.get(ticket, "billing")
            if chance.random() < _RIGHT[variant]:
                return expected
            return chance.choice([label for label in labels if label != expected])

    def _letter(self, variant: str) -> None:
        @self.workflow("claim-letter", variant=variant)
        def letter(claim: str) -> str:
            self._pass()
            facts = json.loads(self._facts[claim])
            if variant == "prompt-v1":
                return (
                    f"Dear {facts['claimant']},\n\nthank you for your letter of {facts['day']}. We have checked your "
                    f"{facts['kind']} policy and will pay {facts['amount']:.2f} EUR within ten days.\n\nIf you have "
                    "questions, reply to this message.\n\nKind regards,\nClaims department"
                )
            return (
                f"Dear {facts['claimant']},\n\nwe are sorry for what happened. We have checked your {facts['kind']} "
                f"policy and will pay {facts['amount']:.2f} EUR to your account within five working days. You need to "
                "do nothing more.\n\nIf you have questions, reply to this message or call us.\n\nKind regards,\n"
                "Claims department"
            )

    def _extract(self, variant: str) -> None:
        @self.workflow("claim-extract", variant=variant)
        def extract(claim: str) -> dict[str, Any]:
            self._pass()
            facts = json.loads(self._facts[claim])
            chance = random.Random(f"{variant} {claim}")
            found = {
                **facts,
                "evidence": [{"field": "amount", "text": f"{facts['amount']:.2f} EUR", "confidence": 0.97}],
            }
            if variant == "small-model":
                if chance.random() < 0.5:
                    found["amount"] = int(facts["amount"])
                if chance.random() < 0.4:
                    found["kind"] = "other"
                found["evidence"] = []
            return found


_CLAIM_ANSWERS: Final[dict[str, Any]] = {
    "formal": "Dear Mr García-Müller,\n\nwe refer to your claim of 20 November 2026. The damage to the windows and to "
    "the carpet is covered by your household policy; the damage to the car is not. We will transfer 1,029.90 EUR to the "
    "account that you named.\n\nYours sincerely,\nClaims department",
    "friendly": {
        "decision": "pay",
        "amount": 1029.9,
        "currency": "EUR",
        "covered": [{"item": "Kitchen window, 120 x 90", "paid": 640.0}, {"item": "Carpet", "paid": 389.9}],
        "refused": [{"item": "car", "why": "a household policy does not cover vehicles"}],
        "letter": "Hello José, what a storm! 🌨️ The windows and the carpet are on us.",
    },
    "markdown": "# Decision\n\nWe **pay 1,029.90 EUR**.\n\n| item | paid |\n|---|--:|\n| Kitchen window | 640.00 |\n"
    "| Carpet | 389.90 |\n\n- The car is *not* covered by a household policy.\n- Questions: [claims](https://example.org)",
}
_TRANSLATIONS: Final = {
    "arabic": "عزيزتي السيدة حداد، سيصل طردك رقم 4007 يوم الخميس. نعتذر عن التأخير، ويمكنك متابعته على الموقع.",
    "japanese": "お荷物4007は木曜日に届く予定です。ご不便をおかけして申し訳ございません。追跡ページをご覧ください。",
    "emoji": "📦 4007 ➡️ Thursday. Sorry for the delay! 🙏👩‍👩‍👧‍👦 Track it here: 🔎",
}


def _picture() -> bytes:
    """Return a PNG: a car from above, with what is damaged marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 2.6), dpi=100, facecolor="#dfe6e9")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 10), ylim=(0, 5))
    axes.axis("off")
    axes.fill([1, 9, 9.4, 9, 1, 0.7], [1, 1, 2.5, 4, 4, 2.5], color="#34495e")
    axes.fill([3, 6.2, 5.8, 3.3], [1.4, 1.4, 3.6, 3.6], color="#95a5a6")
    for x, y, text in ((7.2, 2.5, "bonnet"), (6.1, 2.9, "windscreen"), (5.6, 0.9, "left mirror")):
        axes.plot(x, y, "o", markersize=26, markerfacecolor="none", markeredgecolor="#e74c3c", markeredgewidth=2)
        axes.annotate(text, (x, y), (x + 0.5, y + 1.1), color="#c0392b", fontsize=10, weight="bold")
    made = io.BytesIO()
    figure.savefig(made, format="png")
    return made.getvalue()
