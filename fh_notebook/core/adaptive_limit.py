"""AdaptiveLimit: policy of the concurrency limiter after successes and refusals (429). Pure.

The concurrency limiter holds one.

Rule of this file: no clock, no waiting, no randomness. Times are arguments, and only their order matters; a round trip
is counted in answers, as many as the limit is.

Facts behind it: subscriptions admit 1 to 5 calls at once [docs], or many, nothing tells which, and a call over the cap
is refused with 429. So a pace begins at 2 and doubles each round trip. A refused call tells what the service held when
it came: no more than what was out when it was sent, itself excluded. That number is the estimate of the cap, and the
limit stays there: any less is idle time, any more is refused calls. Later it is probed for one more, ever more seldom.
Callers that ask for a number of calls at once begin with that number, until a refusal has taught a lower one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import ceil
from typing import Final

START: Final = 2
"""Calls at once before anything is known: with the smallest subscription (1) this costs one refused call, once."""
DOUBLING_TO: Final = 32
"""From here on a round trip adds half: what is over the cap is then at most a third, and it takes hardly longer."""
BOUND: Final = 1000
"""Adaptive growth ends here: a process has some thousand sockets. More must be asked for by `max_concurrency`."""
IN_USE: Final = 0.9
"""An answer says that more may be admitted only when at least this part of the limit was used."""
FIRST_PROBE: Final = 8
"""Clean round trips before an estimate is probed for the first time: it is least certain then."""
SURER: Final = 8
"""A refused probe makes the estimate so much surer: the next one is that many times later (8, then 64)."""
LAST_PROBE: Final = 64
"""Probes are at most so many round trips apart: a raised cap is found, and one call at once loses 1.6 % to them."""
PROBE_STEP: Final = 4
"""A probe that succeeded is followed by doubled ones, up to the limit divided by this."""
WORTH_ROUNDS: Final = 4
"""With fewer round trips than this left, a probe cannot win what it may cost."""
REGROWTH: Final = 1 / 4
"""After the cap fell: growth for each answer, so that a limit that was cut by half is back in three round trips."""
PROVIDER_CUT: Final = 3 / 4
PROVIDER_REGROWTH: Final = 1 / 16
"""The provider's limit is one of a minute, not of what is out at once: ease off a little, come back slowly."""
FALLEN_EVENTS: Final = 3
"""So many refusals in close succession mean that the cap itself fell. The first estimate may be a little high (answers
that were on their way counted as out), and the second corrects it."""
CLOSE_CALLS: Final = 3
CLOSE_PART: Final = 1 / 16
"""Close: with no more than so many calls sent in between, or this part of what was out. A service that frees a place a
little later than it answers refuses one call now and then: for that the limit goes down by one, not by half."""
LEAST_PART: Final = 3 / 4
"""The least part of what was out that is taken for admitted."""


class Phase(Enum):
    """What a pace is about."""

    SEEKING = "seeking"
    """No refusal yet: doubling each round trip."""
    HOLDING = "holding"
    """At the estimate; now and then it is probed for more."""
    REGROWING = "regrowing"
    """Under what is thought to be admitted: the cap fell, or the provider asked for less."""


@dataclass(slots=True, kw_only=True)
class AdaptiveLimit:
    """The present limit, and what it was learned from.

    Examples
    --------
    >>> pace = AdaptiveLimit()
    >>> for _ in range(4):
    ...     pace.answered(in_flight=pace.limit)
    >>> pace.limit
    6
    >>> pace.refused(out=6, sent_at=1.0, now=1.1)  # the service held 5 when the sixth came
    >>> pace.limit, pace.phase.value
    (5, 'holding')
    """

    limit: int = START
    """Calls that may be out at once."""
    phase: Phase = Phase.SEEKING
    typical_s: float | None = None
    """What an admitted call takes, smoothed."""

    _growth: float = 0.0
    """Parts of a slot that growing has gathered."""
    _regrowth: float = REGROWTH
    _goal: int = BOUND
    """Where regrowing ends."""
    _base: int = 0
    """The limit at the beginning of this round trip."""
    _round: int = 0
    """Answers in it."""
    _clean: int = 0
    """Answers since the last change, counted only while the limit was in use."""
    _patience: int = FIRST_PROBE
    """Clean round trips before the next probe."""
    _probe: int = 0
    """Slots that the present probe added; 0 when there is none."""
    _to_add: int = 0
    """Slots of it that are still to be added, one an answer: the first refusal then comes before the others go out."""
    _cut_at: float = float("-inf")
    _out_at_cut: int = 0
    _answers: int = 0
    """Admitted calls that were answered since the last cut."""
    _sent: int = 0
    """Calls sent since then."""
    _of_event: int = 0
    """Refused calls of the last event: those that were sent before it was heard."""
    _peak: int = 0
    """The most that was out when one of them was sent."""
    _explained: float = BOUND
    """As many of them can be of an estimate that was a little high, or of a probe; with more the cap itself fell."""
    _close_events: int = 0
    """Events in close succession."""
    _eased_at: float = float("-inf")
    _in_use: int = 0
    """The most slots that were in use when an admitted call was answered, before the first refusal."""
    _was_over: bool = False
    """Whether a call was refused for the cap."""
    _cost_s: float = 0.0
    """What the last refused call was told to wait."""

    def __post_init__(self) -> None:
        self._begin_round()

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, as its refusals have told; ``None`` before the first."""
        if not self._was_over:
            return None
        return self._goal if self.phase is Phase.REGROWING else self.limit - (self._probe - self._to_add)

    def begins_at(self, requested: int) -> int:
        """Return the limit while callers request `requested` calls at once: that number, until a refusal lowers it.

        Examples
        --------
        >>> pace = AdaptiveLimit()
        >>> pace.begins_at(10)
        10
        >>> pace.refused(out=4, begun_at=10)
        >>> pace.begins_at(10), pace.admits
        (3, 3)
        """
        return max(self.limit, requested) if self.phase is Phase.SEEKING else self.limit

    def has_admitted(self, in_flight: int) -> bool:
        """Whether the service has answered with so many slots in use, and has never refused a call."""
        return self.phase is Phase.SEEKING and self._in_use >= max(1, in_flight)

    def taught(self, admits: int) -> None:
        """Take over what was learned of the same service elsewhere, unless less was learned here."""
        if self.phase is Phase.SEEKING or admits < self.limit:
            self.limit, self._was_over = admits, True
            self._hold_from(FIRST_PROBE)

    def expect(self, admits: int) -> None:
        """Begin with what the service once admitted, before the first refusal; it may admit another number by now.

        Examples
        --------
        >>> pace = AdaptiveLimit()
        >>> pace.expect(5)
        >>> pace.limit, pace.begins_at(50), pace.admits
        (5, 50, None)
        """
        if self.phase is Phase.SEEKING:
            self.limit = admits
            self._begin_round()

    def sent(self) -> None:
        """Count a call that goes out."""
        self._sent += 1

    def unanswered(self) -> None:
        """Learn that as many calls as the limit are out for a while, and none of them was refused.

        Before the first refusal one more may go out then: a service that takes seconds to answer refuses at once.

        Examples
        --------
        >>> pace = AdaptiveLimit()
        >>> pace.unanswered()
        >>> pace.limit
        3
        >>> pace.refused(out=3, still_out=2)
        >>> pace.unanswered()  # the service has told by now what it admits
        >>> pace.limit
        2
        """
        if self.phase is Phase.SEEKING and self.limit < BOUND:
            self.limit += 1

    def timed(self, took_s: float) -> None:
        """Learn how long an admitted call takes."""
        self.typical_s = took_s if self.typical_s is None else self.typical_s + (took_s - self.typical_s) / 8

    def answered(self, *, in_flight: int, left: int | None = None, sent_at: float | None = None) -> None:
        """Learn that a call was admitted, with `in_flight` slots in use, that one included."""
        self._answers += 1
        if sent_at is not None and sent_at < self._cut_at:
            return
        if self.phase is Phase.SEEKING:
            self._in_use = max(self._in_use, in_flight)
        # Not of the limit itself: when many answers come within a moment, it grows faster than slots can be taken.
        in_use = in_flight >= IN_USE * self._base
        self._round += 1
        if self._round >= self._base:
            self._begin_round()
        if not in_use or self.limit >= BOUND:
            return
        if self.phase is Phase.SEEKING:
            self._grow(1.0 if self.limit < DOUBLING_TO else 0.5)  # one more an answer doubles it each round trip
        elif self.phase is Phase.REGROWING:
            self._regrow()
        else:
            self._hold(left)

    def refused(
        self,
        *,
        out: int,
        still_out: int | None = None,
        sent_at: float | None = None,
        now: float = 0.0,
        wait_s: float = 0.0,
        begun_at: int = 0,
    ) -> None:
        """Learn that a call was over the cap: answered 429 for concurrency, or queued."""
        self._cost_s, self._was_over = wait_s, True
        if self.phase is Phase.SEEKING:  # what was really in use: a ceiling may be above the limit, or under it
            in_use = max(out, 1 + (still_out or 0))
            self.limit = max(1, min(self.limit, self._in_use), min(in_use, max(begun_at, self.limit)))
        same = self._answers < self._out_at_cut if sent_at is None else sent_at < self._cut_at
        if same:
            self._of_event += 1
            self._peak = max(self._peak, out)
            self.limit = min(self.limit, self._estimate(still_out))
            if self._of_event > self._explained:
                self._fall()
        elif out - 1 > self.limit:
            return  # it was on its way out when the limit was cut, and tells nothing of what it is now
        else:
            between = self._answers if sent_at is None else self._sent
            close = self._of_event > 0 and between <= max(CLOSE_CALLS, CLOSE_PART * self._peak)
            self._peak, self._of_event = out, 1
            self._cut(self._estimate(still_out), close)
            self._cut_at, self._out_at_cut, self._answers, self._sent = now, out, 0, 0

    def refused_by_provider(self, *, sent_at: float | None = None, now: float = 0.0, out: int = 0) -> None:
        """Learn that a provider behind the service had too many requests: ease off, and come back slowly.

        Calls that were sent before the limit was eased tell nothing new; without `sent_at` each counts. Before the
        first refusal more may be `out` than the limit.
        """
        if sent_at is not None and sent_at < self._eased_at:
            return
        if self.phase is Phase.SEEKING:
            self.limit = max(self.limit, out)
        goal = self._goal if self.phase is Phase.REGROWING else self.limit
        self._regrow_from(int(self.limit * PROVIDER_CUT), goal=goal, regrowth=PROVIDER_REGROWTH)
        self._eased_at = now

    def _estimate(self, still_out: int | None) -> int:
        """Return how many calls the service held when it refused those of this event.

        What is still out when the last of them is heard was admitted: refused ones that were sent together are heard
        together, in whatever order they came there. Some that it held may have been answered meanwhile, and wait for
        their commit; therefore not much less than what was out at sending.
        """
        at_sending = self._peak - self._of_event
        return max(1, at_sending if still_out is None else still_out, ceil(LEAST_PART * at_sending))

    def _cut(self, admitted: int, close: bool) -> None:
        self._close_events = self._close_events + 1 if close else 1
        if not close:
            few = max(CLOSE_CALLS, CLOSE_PART * admitted)
            self._explained = BOUND if self.phase is Phase.SEEKING else few + self._probe
        if self._close_events >= FALLEN_EVENTS:
            # One more than a few is a large part of them: it would be refused again each round trip.
            self.limit = min(self.limit, admitted + (admitted > CLOSE_CALLS))
            self._fall()
        elif 2 * admitted < self.limit:  # it was not this process that filled the service
            self._regrow_from(admitted, goal=self.limit, regrowth=REGROWTH)
        else:
            self.limit = min(self.limit, admitted)
            self._hold_from(self._patience if close else self._surer())

    def _fall(self) -> None:
        self._explained = BOUND
        self._regrow_from(self.limit // 2, goal=self.limit, regrowth=REGROWTH)

    def _surer(self) -> int:
        """Return the patience after a refusal: a refused probe has confirmed the estimate."""
        return min(LAST_PROBE, self._patience * SURER) if self._probe else FIRST_PROBE

    def _hold_from(self, patience: int) -> None:
        self.phase, self._patience = Phase.HOLDING, patience
        self._clean = self._probe = self._to_add = 0
        self._begin_round()

    def _regrow_from(self, limit: int, *, goal: int, regrowth: float) -> None:
        self.limit, self.phase = max(1, limit), Phase.REGROWING
        self._goal, self._regrowth, self._growth = max(1, goal), regrowth, 0.0
        self._probe = self._to_add = 0
        self._begin_round()

    def _grow(self, slots: float) -> None:
        self._growth += slots
        if self._growth >= 1:
            self._growth -= 1
            self.limit += 1

    def _begin_round(self) -> None:
        self._base, self._round = self.limit, 0

    def _regrow(self) -> None:
        if self.limit < self._goal:
            self._grow(max(self._regrowth, 1 / self.limit))  # at least one a round trip
        if self.limit >= self._goal:
            self._hold_from(FIRST_PROBE)

    def _hold(self, left: int | None) -> None:
        if self._to_add:
            self._to_add -= 1
            self.limit += 1
            return
        self._clean += 1
        if self._probe and self._clean >= self.limit:  # a round trip at more than the estimate, and none refused
            self._patience = FIRST_PROBE
            self._begin_probe(min(2 * self._probe, max(1, self.limit // PROBE_STEP)), left)
        elif not self._probe and self._clean >= self._patience * self.limit:
            self._begin_probe(1, left)

    def _begin_probe(self, step: int, left: int | None) -> None:
        self._clean = 0
        self._probe = self._to_add = step if self._is_worth_it(left) else 0

    def _is_worth_it(self, left: int | None) -> bool:
        """Whether the rest is long enough for a probe to win more than the wait of a refused call."""
        if left is None:
            return True
        rounds = left / self.limit
        return rounds >= WORTH_ROUNDS and rounds * (self.typical_s or 0.0) >= 2 * self._cost_s
