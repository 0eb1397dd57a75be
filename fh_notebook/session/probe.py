"""Probe of a service: a few calls, each confirmed first, that find out what the contract leaves UNKNOWN.

Rules of this file:

1. A call is made after a person, or ``confirm=False``, allows it. Only calls at once are allowed together, by one
   question that names their number. `max_calls` counts requests, the repeated ones included.
2. What an answer shows is decided in `client.profile`. The order of the calls is here. A refused request is sent
   before a call that completes, and again after it: the call shows that names, key and inputs are right, so that the
   refusal is about what was changed, and that invokes do not fail meanwhile. A look-up would not show that. Therefore
   the refused requests come first, as far as the calls that are left allow, and the direct call is the one that
   completes. Where an answer before it makes the names or the service doubtful, the direct call comes at once. A
   second look-up is made only where one alone leaves something open: whether the output comes a little later, and
   whether it was the look-up that counted. Calls at once are two groups, as small as can show the cap, with a refused
   request between them, since a failure may be of calls alone and spare look-ups. They follow the direct call, since
   they were asked for. The run by callback comes after them, since its end at the service is not known.
   A direct call that was ended after a long time is made again once a refused request has shown that calls are still
   answered: only two that were ended alike show more than a failure.
3. Each answer's facts are saved at once: an interrupt, an error or an unreachable service loses none of them. A call is
   counted and its run kept as of any other caller.
4. A note has no text of the service, which may echo inputs: only what was asked, the kind of error, the status, and
   a code that has the form of one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from fh_notebook.client import profile as profiles
from fh_notebook.client.approvals import SENT_PASSWORDS
from fh_notebook.client.pending_run import runs_waited_for
from fh_notebook.client.profile import Profile
from fh_notebook.client.retry_loop import RetryLoop
from fh_notebook.client.uploads import files_of_body
from fh_notebook.contract.callbacks import ids_of, is_outcome, with_call_data
from fh_notebook.contract.invoke_request import PROBE_METADATA, InvokeRequest
from fh_notebook.contract.response import Response, error_of, ids_of_body, object_of
from fh_notebook.contract.retry import (
    NOT_FOUND_STATUSES,
    NOT_REACHED,
    Absence,
    RetryAction,
    RetryPolicy,
    absence_of,
    decide,
    is_general,
    may_have_run,
)
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import mask_inputs, mask_run
from fh_notebook.contract.signing import FormDetector
from fh_notebook.contract.wire import AttemptResult, decode_answer, encode_request
from fh_notebook.core import arguments, event_loop, hooks
from fh_notebook.core.config.urls import is_loopback
from fh_notebook.core.json_values import pretty
from fh_notebook.core.text.formatting import one_line, short
from fh_notebook.core.text.html import printable
from fh_notebook.core.text.messages import PYTHON, Audience, AudienceText, Message, Phrase, counted, option
from fh_notebook.core.values import utc_now
from fh_notebook.errors import (
    AuthError,
    CallError,
    ConnectFailed,
    InputError,
    LimitReached,
    SettingsError,
    StoreError,
)
from fh_notebook.session import session
from fh_notebook.session.limiter import ConcurrencyLimiter

if TYPE_CHECKING:
    from fh_notebook.client.callbacks.receiver import CallbackReceiver
    from fh_notebook.client.clients import AsyncClient, Client
    from fh_notebook.contract.deployment import Deployment

MAX_CALLS: Final = 8
CAPS: Final = (1, 3, 5)
"""Calls at once that the subscriptions admit whose number is known (CONTRACT section 2)."""
BURST: Final = CAPS[-1] + 1
"""Calls at once: one more than the largest of them."""
FEWEST_AT_ONCE: Final = CAPS[0] + 1
"""Calls at once that show the smallest cap."""
UNKNOWN_NAME: Final = "fh-notebook-probe-unknown"
LOOK_UP: Final = "Look-up of that run"
LOOK_UP_AGAIN: Final = "Look-up once more"
AGAIN: Final = "sent again"
"""How the name of a step ends that repeats a refused request."""
AFTER_ENDING: Final = "Check after the call that was ended"
ENDED_AGAIN: Final = "Direct call once more"
LATER_S: Final = 5.0
"""A look-up without the output is made again so much later: a service may keep the output after the status."""
CALLBACK_WAIT_S: Final = 60.0
ONE_ATTEMPT: Final = RetryPolicy(max_attempts=1, max_throttled_s=0.0)
LOOK_UPS: Final = 2
"""Look-ups of the direct call at most: at the documented address, and at the older one."""
REFUSED_COST: Final = "is refused before anything runs, according to the documentation; otherwise it runs"
NOT_SENT: Final = Phrase(
    ("since the daily cap of calls was already used up; run client.limiter.reopen() if your subscription has changed"),
    "since the daily cap of calls was already used up; it is renewed at 00:00 UTC",
)
CHECK_KEY: Final = ". Check the key in your workspace's settings"
"""What to do about a key that is refused."""
NOTE_SHOWN: Final = 500
"""Characters of a note."""
INPUTS_SHOWN: Final = 400
"""Characters of the inputs in a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeStep:
    """One call, or one group of calls at once, that a probe would make next."""

    name: str
    sends: str
    """The request in words; passwords are masked."""
    learns: str
    cost: str
    calls: int
    """Requests at most."""
    make: Callable[[], Coroutine[Any, Any, None]]
    """Makes the calls, and learns from the answers."""
    made: int = 0
    """Requests before it."""
    max_calls: int = 0
    """Requests at most, of the whole probe."""

    def __str__(self) -> str:
        number = f"at most {counted(self.calls, 'request')}; {self.made} of at most {self.max_calls} were made before"
        rows = (("sends", self.sends), ("learns", self.learns), ("cost", self.cost), ("number", number))
        return "\n".join([self.name, *(f"  {name:<7} {printable(text)}" for name, text in rows)])


@arguments.public
def probe(
    deployment: Deployment | str,
    *,
    variant: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    max_calls: int = MAX_CALLS,
    client: Client | AsyncClient | None = None,
    confirm: bool | Callable[..., Any] = True,
    concurrency: bool = False,
    callback: bool | str = False,
    callback_port: int = 0,
) -> Profile:
    """Make a few calls that find out what the service does not document, and save the findings for this workspace.

    It checks the key, sends one input of a wrong type, an unknown variant and an unknown deployment, calls the variant
    once, and looks that run up, twice where one look-up leaves something open. Then it sends the refused requests
    again: a refusal is a fact only when both answers are the same and a call completed between them, since a service
    or a proxy may fail for a while, and a name may be mistyped. Nothing is guessed: what no answer has shown, or what
    was seen once only, is ``None`` in the profile, and ``notes`` says so. The limiter, the client and receivers use the
    profile from then on (`Profile` says what for), and ``fh-notebook doctor`` shows it; a fact of an earlier probe
    stays until another one is observed. A direct call that was ended after a long time, by a 504 for example, is made
    a second time, which may cost a run.

    ``fh.forget(profile=True)`` removes the profile; that of a local hive, and any with ``store=None``, ends with the
    process.

    Parameters
    ----------
    deployment : Deployment or str
        What is called; choose one that is harmless to run: no e-mail, no order.
    variant : str, optional
        Its variant; left out only when the deployment has a single one.
    inputs : mapping, optional
        Start variables with which it completes.
    max_calls : int
        Requests at most, look-ups, the check of the key and repeated requests included. The default provokes each of
        the three refusals and confirms two of them, one less for each look-up after the first, and none after a direct
        call that was ended. With `callback` it provokes two of them, and with `concurrency` it confirms none. The notes
        have what was seen once. 11 confirms all three, 23 with `concurrency`, 24 with `callback`, too, and two more are
        needed after a direct call that was ended.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.
    confirm : bool or function
        ``True`` asks before each call, with what is sent, what is learned and what it costs; before the calls at once
        of `concurrency` it asks one question, which names their greatest number. ``False`` does not ask. A function
        gets each `ProbeStep`, whose ``calls`` is that number, and returns whether it is made.
    concurrency : bool
        Send up to 6 calls at once, too, to see how many the subscription admits; each admitted one runs the workflow.
        They are one step, since a pause between them would leave nothing to see. Where some are refused, one of the
        requests that are to be refused is sent, then one call more than were admitted at once: the cap is a fact only
        when the same number is admitted again, since a service may fail for a moment. Fewer are sent where `max_calls`
        leaves fewer: 7 shows a cap of 1, 11 one of up to 3, and 15 one of up to 5, three more each with `callback`;
        before the first call you are told which number shows more.
    callback : bool or str
        Make one run by callback, too: the public URL of a tunnel to ``callback_port`` on this machine. ``True``: the
        service is on this machine.
    callback_port : int
        Where the callback is received. 0: the port of a URL of this machine; otherwise a free one, which the question
        before the run names, so that you can let the tunnel pass callbacks on to it before you answer. With
        ``confirm=False`` there is no such question, and a tunnel needs a port that is given.

    Returns
    -------
    Profile
        Its ``notes`` say what could not be learned, and why; ``to_markdown()`` is a report for the maintainers, without
        keys, inputs and outputs.

    Raises
    ------
    InputError
        The inputs do not fit, or an argument is wrong. No call was made.
    SettingsError
        The settings name no usable key or address, a callback by a tunnel has no port and there is no question that
        could name a free one, the port is taken, ``max_concurrency`` is below
        the number of calls at once, or nobody can be asked here: give ``confirm=False``. No call was made.
    KeyboardInterrupt
        It was interrupted; what was learned is saved.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive(pace=0).client()
    >>> ticket = {"ticket": "My parcel is late."}
    >>> profile = fh.probe("support-triage", variant="keywords", inputs=ticket, client=hive, confirm=False)
    >>> profile.completed_status, profile.look_up_has_output, profile.concurrency
    ('completed', True, None)
    """
    return probe_for(PYTHON, **locals())


def probe_for(
    audience: Audience,
    deployment: Deployment | str,
    *,
    variant: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    max_calls: int = MAX_CALLS,
    client: Client | AsyncClient | None = None,
    confirm: bool | Callable[..., Any] = True,
    concurrency: bool = False,
    callback: bool | str = False,
    callback_port: int = 0,
) -> Profile:
    """Do what :func:`probe` does, with what is told before the first call in the words of `audience`."""
    arguments.check(probe, {name: value for name, value in locals().items() if name != "audience"})
    if max_calls < 1:
        raise InputError(Message("{} is {}; give a whole number, at least 1", (option("max_calls"), str(max_calls))))
    if not 0 <= callback_port <= 65_535:
        raise InputError(Message("{} is {}; give 0 to 65535", (option("callback_port"), str(callback_port))))
    ask = _confirmation(confirm)
    callback = callback if isinstance(callback, str) else bool(callback)  # numpy's are another type
    if isinstance(callback, str) and not callback.startswith(("http://", "https://")):
        or_true = Phrase(", or True", command="")
        template = "{} is {}; give the public URL of a tunnel, https://...{}"
        raise InputError(Message(template, (option("callback"), short(callback), or_true)))
    aclient = session.client_for(client).aclient
    if callback is True and not aclient.connection.is_near:
        raise SettingsError(
            f"{aclient.origin} cannot reach this machine; give callback='https://...', the public URL of a tunnel"
        )
    if concurrency and (most := aclient.limiter.most) is not None and most < BURST:
        template = (
            "max_concurrency={} allows {} at once, and the subscription's cap is shown only by {}; leave out {}, or "
            "remove the limit for the probe{}"
        )
        how = Phrase(": fh.configure(max_concurrency=None) and a client without max_concurrency", command="")
        values = (str(most), counted(most, "call"), str(BURST), option("concurrency", True), how)
        raise SettingsError(Message(template, values))
    request = aclient.request(deployment, variant=variant, inputs=inputs, metadata=PROBE_METADATA)
    if files_of_body(encode_request(request)):  # an upload would be a request that nobody confirmed
        raise InputError("a probe uploads no file; give client.upload(path).file_url instead of fh.file(path)")
    receiver, detector = _receiver(callback, callback_port, is_asked=ask is not _allow)
    calls = _ProbeCalls(aclient, request, max_calls, burst=concurrency, receiver=receiver, detector=detector)
    try:
        if receiver is not None:  # a port that is taken is told before anything is asked
            _listen(receiver)
        if concurrency and (too_few := _too_few_calls(max_calls, calls.kept_for_callback)) is not None:
            hooks.frontend().notice(too_few.text(audience))
        for step in calls.steps():
            if not ask(step):
                calls.note(f"{step.name}: not made, as you said")
                continue
            with suppress(_StopError):
                event_loop.run(event_loop.bridge(calls.make(step)))  # on the receiver's loop, also where nested
    except _QuitError:
        calls.note("the other calls were not made, as you said")
    except _NobodyError:
        if not calls.profile.calls:
            no_question = Phrase("confirm=False", command="--yes")
            raise SettingsError(
                Message("no confirmation is possible here; give {} to make the calls without it", (no_question,))
            ) from None
        calls.note("the other calls were not made, because confirmation was no longer possible")
    finally:
        if receiver is not None:
            receiver.stop()
    calls.note_seen_once()
    return calls.profile


def _too_few_calls(max_calls: int, others: int) -> Message | None:
    """Return which `max_calls` shows the cap of which subscription; ``None`` where it is enough for each known one."""
    # The check of the key, the direct call, a refused request, and each time one call more than the cap admits.
    enough = {cap: 3 + profiles.AGREE * (cap + 1) + others for cap in CAPS}
    shown = [cap for cap in CAPS if enough[cap] <= max_calls]
    if shown == list(CAPS):
        return None
    numbers = {cap: "1" if cap == 1 else f"up to {cap}" for cap in CAPS}
    most = f"only shows a cap of {numbers[shown[-1]]} on calls at once" if shown else "shows no cap on calls at once"
    more = [(option("max_calls", enough[cap]), numbers[cap]) for cap in CAPS if cap not in shown]
    template = f"{{}} {most}; " + ", ".join(["{} shows one of {}"] * len(more))
    return Message(template, (option("max_calls", max_calls), *(value for pair in more for value in pair)))


def _listen(receiver: CallbackReceiver) -> None:
    """Start the receiver."""
    try:
        event_loop.run(receiver.astart())
    except SettingsError as exc:
        template = "callbacks cannot be received at port {} of this machine ({}); give another one with {}"
        why = getattr(exc.__cause__, "strerror", None) or str(exc)
        raise SettingsError(Message(template, (str(receiver.port), why, option("callback_port")))) from None


class _QuitError(Exception):
    """The person wants no further call."""


class _NobodyError(Exception):
    """Nobody can be asked here."""


class _StopError(Exception):
    """No further call makes sense; the reason is noted."""


def _allow(step: ProbeStep) -> bool:
    return True


_NOT_ASYNC: Final = "confirm is an async function, whose answer is not awaited; give a plain function, True or False"


def _confirmation(confirm: bool | Callable[..., Any]) -> Callable[[ProbeStep], bool]:
    """Return what is asked for each step."""
    if not callable(confirm):
        return _ask if confirm else _allow
    if iscoroutinefunction(confirm) or iscoroutinefunction(getattr(confirm, "__call__", None)):  # noqa: B004 - its kind
        raise InputError(_NOT_ASYNC)

    def ask(step: ProbeStep) -> bool:
        answer = confirm(step)
        if isinstance(answer, Awaitable):
            if isinstance(answer, Coroutine):
                answer.close()
            raise InputError(_NOT_ASYNC)
        return bool(answer)

    return ask


def _ask(step: ProbeStep) -> bool:
    """Ask the person at the keyboard for one step."""
    which = "this call" if step.calls == 1 else f"these calls, at most {step.calls}"
    prompt = f"\n{step}\nMake {which}? [y]es, [n]o, [q]uit: "
    while True:
        try:
            answer = input(prompt).strip().lower()
        except (EOFError, OSError, NotImplementedError):  # a pipe that ended, pytest, a kernel without a front end
            raise _NobodyError from None
        if answer in ("y", "yes"):
            return True
        if answer in ("n", "no", ""):
            return False
        if answer in ("q", "quit"):
            raise _QuitError
        prompt = "Type y, n or q: "


def _receiver(callback: bool | str, port: int, *, is_asked: bool) -> tuple[CallbackReceiver | None, FormDetector]:
    """Return what receives the callback, and its scheme; without `is_asked` no question names a free port."""
    detector = FormDetector()
    if callback is False:
        return None, detector
    from fh_notebook.client.callbacks.receiver import CallbackReceiver, check_public_url

    if callback is True:
        return CallbackReceiver(port=port, scheme=detector), detector
    parts = urlsplit(check_public_url(callback))
    port = port or (parts.port if is_loopback(parts.hostname or "") and parts.port else 0)
    if not port and not is_asked:  # a free port would be known when the run is made, and no tunnel leads to it then
        template = (
            "{} is missing; give the port on this machine to which the tunnel passes callbacks on, or leave out {}: "
            "a question then names a free port"
        )
        raise SettingsError(Message(template, (option("callback_port"), Phrase("confirm=False", command="--yes"))))
    return CallbackReceiver(public_url=callback, port=port, scheme=detector), detector


class _Refusal(NamedTuple):
    """A request with one thing wrong, and how it was refused."""

    situation: str
    name: str
    request: InvokeRequest
    response: Response
    completed: int
    """Calls that had completed before."""


class _ProbeCalls:
    """The calls of one probe, and what they have shown so far.

    Parameters
    ----------
    client : AsyncClient
        Whom to ask.
    request : InvokeRequest
        The call that completes, already checked.
    max_calls : int
        Requests at most.
    burst : bool
        Whether calls are sent at once.
    receiver : CallbackReceiver or None
        Receives the callback of a run; ``None``: no such run is made.
    detector : FormDetector
        The receiver's scheme.
    """

    def __init__(
        self,
        client: AsyncClient,
        request: InvokeRequest,
        max_calls: int,
        *,
        burst: bool,
        receiver: CallbackReceiver | None,
        detector: FormDetector,
    ) -> None:
        self._client = client
        self._connection = client.connection
        self._request = request
        self._max_calls = max_calls
        self._burst = burst
        self._receiver = receiver
        self._detector = detector
        self._direct: Mapping[str, Any] | None = None
        self._ended: list[Response] = []
        """How direct calls were ended, where that may have been for their time."""
        self._answers_still = False
        """Whether the service has answered another call since."""
        self._lists_models = False
        self._calls_left: int | None = None
        self._lowered_by: int | None = None
        """How much the last request lowered the number of calls left."""
        self._by_direct: int | None = None
        self._by_look_ups: list[int | None] = []
        self._sent_at: list[float] = []
        self._quick_s: float | None = None
        """Seconds until the slowest answer to a request that runs nothing."""
        self._is_alone = True
        """Whether no other call of the workspace was out beside those of the probe, as far as this process knows."""
        self._look_up_was_not_found = False
        self._looked_up: Response | None = None
        """The last look-up that found the run."""
        self._looked_up_at = 0.0
        self._found_by = ("", "")
        """Address and id of that look-up."""
        self._completed = 0
        """Calls that have completed."""
        self._at_once: list[Response] | None = None
        """The answers to a group of calls at once that has shown a cap, and that no second group has confirmed."""
        self._is_spared = False
        """Whether the last request that is to be refused was answered as by a service that does not fail."""
        self._refusals: list[_Refusal] = []
        """What was refused once."""
        self._to_repeat: list[_Refusal] = []
        """Those of them that were not asked for again."""
        self._is_doubtful = False
        """Whether the last refused request was answered as if the names were wrong, or as any request would be now."""
        self._wrong_requests = self._wrong_request_steps()
        self._is_stopped = False
        stored = self._connection.find_profile() or Profile()
        self.profile = replace(stored, origin=self._connection.origin, calls=0, notes=(), has_completed=False)

    def note(self, text: str) -> None:
        """Add a sentence to the profile's notes."""
        line = text if isinstance(text, AudienceText) else one_line(text, NOTE_SHOWN)
        self.profile = replace(self.profile, notes=tuple(dict.fromkeys([*self.profile.notes, line])))

    def _note_words(self, words: str | None) -> None:
        """Have the profile show how the service put a failure: escaped where shown, cut, and without secrets."""
        shown = Run(status="failed", error=words, inputs=self._request.inputs)
        self.profile = replace(
            self.profile, service_words=one_line(mask_run(shown, self._request.secrets).error or "", NOTE_SHOWN)
        )

    def _note_no_call_left(self, name: str) -> None:
        template = "{}: not made, since {} leaves no call for it; {} makes all of them"
        given, enough = (option("max_calls", number) for number in (self._max_calls, self._enough))
        self.note(Message(template, (name, given, enough)))

    @property
    def _calls_free(self) -> int:
        return self._max_calls - self.profile.calls

    @property
    def kept_for_callback(self) -> int:
        """Requests that are left for the run by callback, which was asked for, too, and the look-ups before it."""
        return 0 if self._receiver is None else LOOK_UPS + 1

    @property
    def _enough(self) -> int:
        """The number of requests of all steps, whatever this probe has made of them."""
        refusals = 3 if self._request.inputs else 2
        at_once = profiles.AGREE * BURST if self._burst else 0
        after_ending = 2 if self._ended else 0  # a check, and the direct call once more
        # The check of the key, the direct call; the look-ups at both addresses, and once more.
        return 2 + after_ending + LOOK_UPS + at_once + (self._receiver is not None) + profiles.AGREE * refusals + 1

    def steps(self) -> Iterator[ProbeStep]:
        """Yield the steps, each after the one before was made; those for which no call is left are noted."""
        for step in self._all_steps():
            if self._is_stopped:
                return
            if step.calls > self._calls_free:
                self._note_no_call_left(step.name)
            else:
                yield replace(step, made=self.profile.calls, max_calls=self._max_calls)

    async def make(self, step: ProbeStep) -> None:
        """Make one step, and keep what it has shown."""
        before = self.profile
        try:
            await step.make()
        except (AuthError, ConnectFailed, LimitReached, CallError) as exc:
            # Not with the service's words, which may repeat an input: the notes are in the report.
            if self.profile.calls == before.calls:
                self._stop(Message("{}: not sent, {}", (step.name, NOT_SENT)))
            answered = (
                "no answer arrived" if exc.status_code is None else f"the service answered HTTP {exc.status_code}"
            )
            self._note_words(str(exc) if exc.status_code is not None else None)
            cure = CHECK_KEY if isinstance(exc, AuthError) else ""
            self._stop(f"{step.name}: {type(exc).__name__}, {answered}; no further call was made{cure}")
        finally:
            if self.profile.probed_at is not before.probed_at:
                await self._keep()

    async def _keep(self) -> None:
        try:
            is_saved = await session.keep_profile(self._client.workspace, self.profile)
        except StoreError:
            self.note("the profile was not saved: the store cannot be written")
        else:
            if not is_saved:
                self.note("the profile is not saved: store=None; it is known until this process ends")

    def _learn(self, learned: Profile) -> bool:
        """Take over what an answer has shown, if it has shown anything."""
        is_new = learned is not self.profile
        if is_new:
            self.profile = replace(learned, probed_at=utc_now())
        return is_new

    def _stop(self, why: str) -> None:
        self._is_stopped = True
        self.note(why)
        raise _StopError

    def _stop_if_failing(self, name: str, response: Response) -> None:
        """Stop where an answer says that the next call fails, too: a paid one must not be tried."""
        is_broken = response.status_code is None or response.status_code >= 500
        if is_broken or decide(response).action in (RetryAction.STOP, RetryAction.THROTTLED):
            self._note_words(error_of(object_of(response.body))[0])
            cure = CHECK_KEY if decide(response).reason == "auth" else ""
            self._stop(f"{name}: {_ending(response)}; no further call was made{cure}")

    # --- the steps

    def _all_steps(self) -> Iterator[ProbeStep]:
        learns = "whether this address accepts the key, and whether a header gives the calls left"
        yield self._get_step("Check of the key", "/public/models", learns, self._check_key)
        while self._may_refuse_first and (step := next(self._wrong_requests, None)) is not None:
            yield step
        learns = "the form of an answer, and the word for completed"
        yield self._invoke_step("Direct call", self._request, learns, self._call)
        if self._direct is None and self._ended:
            yield self._ending_step()
            if self._answers_still:
                learns = "whether it ends in the same way again; otherwise how it ended is not recorded"
                yield self._invoke_step(ENDED_AGAIN, self._request, learns, self._call)
        if self._direct is None:
            return
        if self._burst:
            yield from self._burst_steps()
        yield from self._look_up_steps()
        if self._receiver is not None:  # after the calls at once: its run may hold a slot of the plan for a while
            yield self._callback_step(self._receiver)
        if self._may_say_more or self._may_learn_count:
            learns = "what one look-up leaves open: whether the output arrives only later, whether a look-up counts"
            yield self._look_up_step(LOOK_UP_AGAIN, *self._found_by, learns)
        while (step := self._repeat_step()) is not None:
            yield step
        yield from self._wrong_requests

    def _invoke_step(
        self,
        name: str,
        request: InvokeRequest,
        learns: str,
        make: Callable[[], Coroutine[Any, Any, None]],
        cost: str = "runs the workflow, and costs what a run costs",
    ) -> ProbeStep:
        inputs, _ = pretty(dict(mask_inputs(request.inputs, request.secrets)), limit=INPUTS_SHOWN, indent=None)
        names = "/".join(short(name) for name in (request.deployment, request.variant) if name)
        sends = f"POST {self._connection.base_url}/workflow/invoke: {names} with inputs {inputs}"
        return ProbeStep(name=name, sends=sends, learns=learns, cost=cost, calls=1, make=make)

    def _get_step(
        self, name: str, path: str, learns: str, make: Callable[[], Coroutine[Any, Any, None]], wait: str = ""
    ) -> ProbeStep:
        sends = f"GET {self._connection.base_url}{path}"
        cost = f"runs nothing; may count against the daily cap{wait}"
        return ProbeStep(name=name, sends=sends, learns=learns, cost=cost, calls=1, make=make)

    def _ending_step(self) -> ProbeStep:
        """Return a request that is to be refused at once: a look-up would not show that calls are still answered."""
        request = replace(self._request, deployment=UNKNOWN_NAME)

        async def make() -> None:
            response, _ = await self._refusal_to("unknown_deployment", request)
            self._answers_still = self._is_spared and profiles.may_be_time_limit(self._ended[0], self._quick_s)
            if not self._answers_still:
                why = "this took as long as the call" if self._is_spared else _ending(response)
                self.note(f"{AFTER_ENDING}: {why}, so how the direct call ended is not recorded")

        learns = "whether the service still answers calls; otherwise how the direct call ended is not recorded"
        return self._invoke_step(AFTER_ENDING, request, learns, make, REFUSED_COST)

    def _look_up_steps(self) -> Iterator[ProbeStep]:
        ids = ids_of_body(self._direct, {})
        asked = (("/public/requests", ids["request_id"] or ids["run_id"]), ("/workflow_runs", ids["run_id"]))
        for number, (path, identity) in enumerate(asked):
            if identity is None or (number and not self._look_up_was_not_found):
                continue
            learns = "the form of a look-up, and whether it has the output"
            yield self._look_up_step(LOOK_UP, path, identity, learns)

    def _look_up_step(self, name: str, path: str, identity: str, learns: str) -> ProbeStep:
        wait = f"; waits up to {LATER_S:g} s first" if self._may_say_more else ""
        make = partial(self._look_up, name, path, identity)
        return self._get_step(name, f"{path}/{quote(identity, safe='')}", learns, make, wait)

    def _callback_step(self, receiver: CallbackReceiver) -> ProbeStep:
        async def make() -> None:
            await self._run_by_callback(receiver)

        learns = "the answer at once, the form of a callback and of its signature"
        cost = f"runs the workflow, which costs what a run costs; waits {CALLBACK_WAIT_S:g} s for the callback"
        step = self._invoke_step("Run by callback", self._request, learns, make, cost)
        if not receiver.has_public_url:
            return step
        here = f"received at http://127.0.0.1:{receiver.port}; let the tunnel pass callbacks on to it before you answer"
        return replace(step, sends=f"{step.sends}; the callback is {here}")

    def _burst_steps(self) -> Iterator[ProbeStep]:
        """Yield calls at once, a request that is to be refused, and the fewest calls that confirm what the first show.

        So many are sent first that enough are left to confirm any cap that they can show.
        """
        size = min(BURST, (self._calls_free - 1 - self.kept_for_callback) // profiles.AGREE)
        if size < FEWEST_AT_ONCE:
            self._note_no_call_left("Calls at once")
            return
        learns = f"how many calls at once the subscription admits, if at most {size - 1}, its refusal and Retry-After"
        yield self._at_once_step(f"{size} calls at once", size, f"{learns}, if a later group shows the same")
        if self._at_once is None:
            return
        between = self._repeat_step() or next(self._wrong_requests, None)
        self._is_spared = False
        if between is not None:
            yield between
        if self._is_spared:
            size = (profiles.calls_admitted(self._at_once) or 0) + 1
            learns = f"whether {size - 1} of them are admitted again; otherwise the cap is not recorded"
            yield self._at_once_step(f"{size} calls at once again", size, learns)

    def _at_once_step(self, name: str, size: int, learns: str) -> ProbeStep:
        async def make() -> None:
            await self._call_at_once(name, size)

        cost = "each admitted call runs the workflow, and costs what a run costs"
        return replace(self._invoke_step(name, self._request, learns, make, cost), calls=size)

    def _wrong_request_steps(self) -> Iterator[ProbeStep]:
        request = self._request
        wrong = _with_wrong_type(request.inputs)
        changed = [
            ("refused_input", "Input of a wrong type", None if wrong is None else replace(request, inputs=wrong)),
            ("unknown_variant", "Unknown variant", replace(request, variant=UNKNOWN_NAME)),
            ("unknown_deployment", "Unknown deployment", replace(request, deployment=UNKNOWN_NAME)),
        ]
        for situation, name, wrong_request in changed:
            if wrong_request is None:
                self.note(f"{name}: not made, since there is no input")
                continue
            learns = "the status and the code of this refusal, a fact only if they are the same when it is sent again"
            make = partial(self._refused, situation, name, wrong_request)
            yield self._invoke_step(name, wrong_request, learns, make, REFUSED_COST)

    @property
    def _may_refuse_first(self) -> bool:
        """Whether one more request that is to be refused may come before the direct call.

        It leaves enough for that call, its look-up, what was asked for by an option, and to send again all but one of
        those that were refused, at least one.
        """
        at_once = profiles.AGREE * BURST if self._burst else 0
        later = 1 + max(1, self.kept_for_callback) + at_once + max(1, len(self._refusals))
        return not self._is_doubtful and self._calls_free > later

    def _repeat_step(self) -> ProbeStep | None:
        """Return the step that sends a refused request again, which a call that completed has followed; or ``None``."""
        refusal = next((refusal for refusal in self._to_repeat if refusal.completed < self._completed), None)
        if refusal is None or not self._calls_free:
            return None
        self._to_repeat.remove(refusal)
        learns = "whether it is refused in the same way again; otherwise its refusal is not recorded"
        make = partial(self._refuse_again, refusal)
        return self._invoke_step(f"{refusal.name}, {AGAIN}", refusal.request, learns, make, REFUSED_COST)

    def note_seen_once(self) -> None:
        """Note the cap, and each refusal, that no second answer has confirmed."""
        if self._at_once is not None:
            self.note(
                f"{len(self._at_once)} calls at once: {_endings_in_words(self._at_once)}, seen once and not confirmed "
                "by a second group, so the cap is not recorded"
            )
        for refusal in self._refusals:
            template = "{}: {}, seen once and not confirmed by a second request, so the refusal is not recorded"
            if self._direct is not None and self._max_calls < self._enough:
                template += "; {} makes that request, too"
            seen, enough = profiles.ending_in_words(refusal.response), option("max_calls", self._enough)
            self.note(Message(template, (refusal.name, seen, enough)))

    # --- one call

    async def _check_key(self) -> None:
        response = await self._get("/public/models", "probe")
        self._learn(profiles.with_key_check(self.profile, response))
        self._lists_models = _lists_models(response)
        self._stop_if_failing("Check of the key", response)

    async def _call(self) -> None:
        response = await self._invoke(self._request)
        self._learn(profiles.with_direct_run(self.profile, response, self._request.inputs))
        self._direct = profiles.completed_body(response)
        self._by_direct = self._lowered_by
        self.profile = replace(self.profile, has_completed=self._direct is not None)
        if self._direct is not None:
            self._note_words(None)
            if self._ended:
                self.note(f"{ENDED_AGAIN}: completed, so how the earlier call ended is not recorded")
            return
        self._note_words(error_of(object_of(response.body))[0])
        name = ENDED_AGAIN if self._ended else "Direct call"
        is_long = self._lists_models and profiles.may_be_time_limit(response, self._quick_s)
        self._ended += [response] if is_long else []
        may_go_on = is_long and name != ENDED_AGAIN
        why = f"{name}: {_ending(response)}, which is not a completed run with an id and an output"
        why += "" if may_go_on else "; no further call was made"
        if name == ENDED_AGAIN and not self._learn(profiles.with_ending(self.profile, self._ended, self._quick_s)):
            why += ", and how the direct calls ended is not recorded, since they ended differently"
        why += f". {_cure(response, self._forms_of_unknown_names)}"
        if not may_go_on:
            self._stop(why)
        self.note(why)

    @property
    def _forms_of_unknown_names(self) -> set[profiles.ErrorForm | None]:
        """How unknown names were refused, once at least."""
        names = [refusal for refusal in self._refusals if refusal.situation != "refused_input"]
        return {profiles.refusal_of(refusal.situation, refusal.response) for refusal in names}

    async def _look_up(self, name: str, path: str, identity: str) -> None:
        if self._may_say_more:
            await asyncio.sleep(self._looked_up_at + LATER_S - time.monotonic())
        direct, earlier = self._direct or {}, self._looked_up
        response = await self._get(f"{path}/{quote(identity, safe='')}", "lookup")
        self._learn(profiles.with_look_up(self.profile, response, direct, path, earlier=earlier))
        if response.status_code == 200 and _names_run(response, direct):
            self._looked_up, self._looked_up_at, self._found_by = response, time.monotonic(), (path, identity)
            self._by_look_ups.append(self._lowered_by)
            if self._lowered_by is None:
                self.note("No header gives the calls left, so it is not known whether a look-up counts")
            elif not self._is_alone:
                self.note(f"Whether a look-up counts is not known, since {self._others_text}")
            else:
                self._learn(profiles.with_look_up_count(self.profile, self._by_direct, self._by_look_ups))
        self._look_up_was_not_found = response.status_code in NOT_FOUND_STATUSES
        self._stop_if_failing(name, response)
        if not _names_run(response, direct):
            self.note(f"{name} at {path}: {_ending(response)}, which has no information about the run")

    async def _refused(self, situation: str, name: str, request: InvokeRequest) -> None:
        completed = self._completed
        response, is_refused = await self._refusal_to(situation, request)
        # Only the names of this one are those that were given.
        is_absent = situation == "refused_input" and absence_of(response) is not Absence.NOTHING
        self._is_doubtful = is_absent or is_general(response)
        if is_refused:
            refusal = _Refusal(situation, name, request, response, completed)
            self._refusals.append(refusal)
            self._to_repeat.append(refusal)
        else:
            self.note(f"{name}: {_ending(response)}, which is not the expected refusal")

    async def _refuse_again(self, refusal: _Refusal) -> None:
        response, _ = await self._refusal_to(refusal.situation, refusal.request)
        self._refusals.remove(refusal)
        answers = (refusal.response, response)
        if not self._learn(profiles.with_refusal(self.profile, refusal.situation, answers)):
            first, second = map(profiles.ending_in_words, answers)
            self.note(
                f"{refusal.name}: {first} at first, and {second} when it was sent again, so the refusal is not recorded"
            )

    async def _refusal_to(self, situation: str, request: InvokeRequest) -> tuple[Response, bool]:
        """Send a request with one thing wrong, and return the answer, and whether it is a refusal of that."""
        response = await self._invoke(request)
        is_refused = profiles.refusal_of(situation, response) is not None
        self._is_spared = is_refused or profiles.completed_body(response) is not None
        if is_refused:
            self._quick_s = max(self._quick_s or 0.0, response.elapsed_s)
        return response, is_refused

    @property
    def _may_say_more(self) -> bool:
        """Whether a look-up has found the run, and not its output."""
        return self._looked_up is not None and profiles.may_say_more_later(self._looked_up, self._direct or {})

    @property
    def _may_learn_count(self) -> bool:
        """Whether a second look-up may tell whether look-ups count."""
        return self._is_alone and self._by_direct == 1 and self._by_look_ups in ([0], [1])

    @property
    def _waits_for_runs(self) -> bool:
        """Whether runs that this process began before go on at the service: none of them holds a slot here."""
        return bool(runs_waited_for(self._connection.workspace))

    @property
    def _others_text(self) -> str:
        """What else was in progress: how many runs this process waits for, or other calls."""
        runs = runs_waited_for(self._connection.workspace)
        if not runs:
            return "other calls were in progress at the same time"
        # Without their ids, which the service made: they are listed where nothing is handed on.
        return f"this process waits for {counted(len(runs), 'other run')}, see fh.pending()"

    async def _call_at_once(self, name: str, size: int) -> None:
        # A limiter of its own: that of the workspace would let the calls out one after the other.
        limiter = ConcurrencyLimiter(size, adapts=False)
        others = self._client.limiter.shared
        is_alone = not others.in_flight and not self._waits_for_runs
        answers: list[Response] = []

        async def one() -> None:
            nonlocal is_alone
            answers.append(await self._invoke(self._request, limiter=limiter))
            is_alone &= not others.in_flight

        self._sent_at = []
        results = await asyncio.gather(*(one() for _ in range(size)), return_exceptions=True)
        is_alone &= not others.in_flight
        if unforeseen := [result for result in results if isinstance(result, BaseException)]:
            raise unforeseen[0]
        told = [left for left in map(profiles.remaining_calls, answers) if left is not None]
        self._calls_left = min(told) if len(told) == size else None  # they were answered in any order
        arrived_s = None if self._quick_s is None else self._quick_s + max(self._sent_at) - min(self._sent_at)
        cap, before, self._at_once = self.profile.concurrency, self._at_once, None
        self._learn(profiles.with_calls_at_once(self.profile, answers, arrived_s=arrived_s))
        # How some of them ended is in the note only: what fails at one moment ends them all alike.
        ended = _endings_in_words(answers)
        refused = sum(map(profiles.is_concurrency_refusal, answers))
        others_refused = sum(response.status_code == 429 for response in answers) - refused
        is_told = is_alone and profiles.calls_admitted(answers) is not None
        if before is None and is_told:
            self._at_once = answers
            return
        if before is not None and is_told and self._learn(profiles.with_cap(self.profile, (before, answers))):
            self._client.limiter.taught(self.profile.concurrency or 1)
            return
        if refused and not is_alone:
            why = f"how many are admitted is not known, since {self._others_text}"
        elif before is not None:
            why = f"{_endings_in_words(before)} of {len(before)} before, so the cap is not recorded"
        elif others_refused:
            why = "a 429 that does not name concurrency may come from another limit, so the cap is not known"
        elif refused == size:
            why = "none completed, so how many are admitted is not known"
        elif refused or (cap is not None and cap < len(answers) and self.profile.concurrency == cap):
            kept = "" if refused else f" and the cap of {cap} observed before stays"
            why = f"they may not have been in progress together{kept}; try inputs with which a run takes some seconds"
        else:
            why = "none was refused for the cap of the subscription"
        self.note(f"{name}: {ended}; {why}")

    async def _run_by_callback(self, receiver: CallbackReceiver) -> None:
        request = self._request.delivered_to(receiver.url_now)
        sent: list[AttemptResult] = []
        delivered: asyncio.Future[Run] = asyncio.get_running_loop().create_future()

        def take(run: Run) -> None:  # in this loop: the probe and the receiver are on the background loop
            if is_outcome(run) and not delivered.done():
                delivered.set_result(run)

        async with receiver.expecting():
            first = await self._send(request, sent)
            receiver.learn(first.webhook_secret)
        run, ids, response = None, ids_of(first), sent[-1].response
        kept = first if first.done else replace(first, status="unknown", error="no callback arrived at fh.probe")
        self._learn(profiles.with_accepted(self.profile, response))
        try:
            if first.status_code in (200, 201, 202) and ids and first.webhook_secret:
                receiver.claim(ids, take)
                with suppress(TimeoutError):
                    async with asyncio.timeout(CALLBACK_WAIT_S):
                        run = await delivered
                receiver.disclaim(ids, ended=True)
        finally:  # an interrupt, too: the run is paid for
            if run is not None:
                kept = with_call_data(
                    run, request, inputs=request.inputs, first=first, elapsed_s=first.elapsed_s, attempts=1,
                    started_at=first.started_at,
                )  # fmt: skip
            await self._connection.keep(kept, request.secrets)
        if run is not None and self._detector.form is not None:
            self._learn(profiles.with_callback(self.profile, run, self._detector.form, request.inputs))
        if run is None:
            headers = ", ".join(self._detector.refused_headers)
            why = f"a callback arrived whose signature has no known form (headers: {headers or 'none'})"
            ending = f"{_ending(response)}, and no callback with an outcome arrived"
            if (first.status_code or 0) // 100 == 2 and not first.webhook_secret:
                ending = f"{_ending(response)} without a signing secret, so no callback can be verified"
            seen = why if receiver.tally.forged else ending
            self.note(f"Run by callback: {seen}")

    # --- an exchange

    async def _exchange(self, method: str, path: str, content: bytes | None = None, *, own_slots: int = 0) -> Response:
        """Make one exchange, and note what it shows of the calls left, and whether other calls were out beside it."""
        others = self._client.limiter.shared
        self._is_alone &= others.in_flight <= own_slots and not self._waits_for_runs
        response = await self._client.exchange(method, path, content)
        self._is_alone &= others.in_flight <= own_slots
        before, left = self._calls_left, profiles.remaining_calls(response)
        self._calls_left, self._lowered_by = left, None if before is None or left is None else before - left
        return response

    async def _get(self, path: str, kind: str) -> Response:
        self.profile = replace(self.profile, calls=self.profile.calls + 1)
        counted_at = utc_now()
        self._connection.count(kind, 1, counted_at)
        response = await self._exchange("GET", path)
        self._quick_s = max(self._quick_s or 0.0, response.elapsed_s)
        if decide(response).reason in NOT_REACHED:
            self._connection.count(kind, -1, counted_at)
        return response

    async def _invoke(self, request: InvokeRequest, *, limiter: Any = None) -> Response:
        """Send one call, which is counted and kept, and return its answer."""
        sent: list[AttemptResult] = []
        run = await self._send(request, sent, limiter=limiter)
        await self._connection.keep(run, request.secrets)
        response = sent[-1].response
        self._completed += profiles.completed_body(response) is not None
        return response

    async def _send(self, request: InvokeRequest, sent: list[AttemptResult], *, limiter: Any = None) -> Run:
        async def attempt(request: InvokeRequest) -> AttemptResult:
            # Not the client's own attempt, which may fetch the catalogue of error codes: a request nobody allowed.
            self.profile = replace(self.profile, calls=self.profile.calls + 1)
            SENT_PASSWORDS.add(request)
            started_at = utc_now()
            own = int(limiter is None)  # that of the workspace lets this call out
            self._sent_at.append(time.monotonic())
            response = await self._exchange("POST", "/workflow/invoke", encode_request(request), own_slots=own)
            run = decode_answer(response, request, started_at=started_at, origin=self._connection.origin)
            sent.append(AttemptResult(response=response, run=run))
            return sent[-1]

        connection = replace(
            self._connection, policy=ONE_ATTEMPT, limiter=limiter if limiter is not None else self._connection.limiter
        )
        return await RetryLoop(connection).send(request, attempt)


def _names_run(response: Response, direct: Mapping[str, Any]) -> bool:
    """Whether an answer names the run of the direct answer `direct`."""
    body = object_of(response.body)
    parts = [body, *(body[name] for name in ("request", "workflow_run") if isinstance(body.get(name), dict))]
    return any(profiles.ids_in(part) & profiles.ids_in(direct) for part in parts)


def _lists_models(response: Response) -> bool:
    return bool(profiles.with_key_check(Profile(), response).observed)


def _endings_in_words(responses: Sequence[Response]) -> str:
    """Return how several calls ended, each way with its number, in whichever order they were answered."""
    kinds = Counter(map(profiles.ending_in_words, responses))
    return ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0])))


def _ending(response: Response) -> str:
    """Return how an exchange ended, without the service's words."""
    if response.status_code is not None:
        return f"the service answered HTTP {response.status_code}{profiles.ended_after(response)}"
    return f"no answer arrived ({response.broke}{profiles.ended_after(response)})"


def _cure(response: Response, of_unknown_names: Collection[profiles.ErrorForm | None] = ()) -> str:
    """Return what to do about a direct call that did not complete; unknown names were refused in these forms."""
    if response.status_code is None or response.status_code == 429 or response.status_code >= 500:
        return f"Try again later{'; the workflow may have run' if may_have_run(response) else ''}"
    if profiles.refusal_of("unknown_variant", response) in of_unknown_names:
        return (
            "Unknown names were refused in the same way: check the names of the deployment and of its variant, and "
            "give inputs with which the workflow completes"
        )
    if absence_of(response) is Absence.NOTHING:
        return "Give inputs with which the workflow completes"
    return "Check the names of the deployment and of its variant, and what the inputs name"


def _with_wrong_type(inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the inputs with a value of another type in the first of them; ``None`` where there is none."""
    if not inputs:
        return None
    name = next(iter(inputs))
    return {**inputs, name: ["fh_notebook probe"] if isinstance(inputs[name], dict) else {"fh_notebook": "probe"}}
