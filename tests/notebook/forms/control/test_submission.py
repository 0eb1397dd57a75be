"""The submits of a form: what is sent, what is shown, what is dropped and what is kept."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.client import polling
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.secrets import Secrets
from fh_notebook.core.event_loop import background
from fh_notebook.errors import AuthError, ConnectFailed, InputError, SettingsError
from fh_notebook.notebook.forms.control.submission import Submission, SubmissionRunner
from tests.client.callbacks.senders import SECRET, deliver, event, signed, until
from tests.notebook.slow_hive import KEY, SlowHive

PATIENCE_S = 30.0


class Watcher:
    """Notes what it is told, with the text of the inputs that it is about."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.over = threading.Event()
        self.answer = threading.Event()
        self.breaks = False

    def _note(self, what: str, submission: Submission, *more: Any) -> None:
        self.told.append((what, submission.requests[0].inputs["text"], *more))
        if self.breaks:
            raise RuntimeError("the page is gone")

    def began(self, submission: Submission) -> None:
        self.over.clear()
        self._note("began", submission)

    def came(self, submission: Submission, index: int, run: fh.Run) -> None:
        self.answer.set()
        self._note("came", submission, index, run.output)

    def accepted(self, submission: Submission, index: int) -> None:
        self._note("accepted", submission, index)

    def waited(self) -> None:
        self.told.append(("waited",))

    def ended(self, submission: Submission) -> None:
        self.over.set()
        self._note("ended", submission)


@pytest.fixture
def hive() -> Iterator[SlowHive]:
    """Some of its calls are held."""
    hive = SlowHive(None)
    yield hive
    hive.hold.set()


@pytest.fixture
def watcher() -> Watcher:
    """Who is told."""
    return Watcher()


@pytest.fixture
def runner(hive: SlowHive, watcher: Watcher) -> SubmissionRunner:
    """Asks the hive."""
    client = hive.client()
    return SubmissionRunner(lambda: client, watcher)


def _requests(text: str, *variants: str) -> list[InvokeRequest]:
    return [InvokeRequest(deployment="echo", variant=v, inputs={"text": text}, secrets=Secrets()) for v in variants]


def _kept() -> list[tuple[Any, ...]]:
    from fh_notebook.session import session

    opened = session.store()
    assert opened is not None
    return sorted(
        (kept.run.inputs["text"], kept.run.variant, kept.run.status) for kept in opened.answers.single_runs(20)
    )


def test_a_submit_returns_at_once_and_its_runs_come_in_their_order(
    hive: SlowHive, runner: SubmissionRunner, watcher: Watcher
) -> None:
    """Whatever answers first: the runs are in the order of the requests, and the watcher is told of each."""
    submission = runner.submit(_requests("a", "slow", "plain"))
    hive.wait_for(1)
    assert submission.running
    hive.hold.set()
    assert [run.output for run in submission.wait()] == ["a", "said a"]
    assert watcher.over.wait(PATIENCE_S)
    assert not submission.running
    assert watcher.told[0] == ("began", "a")
    assert sorted(watcher.told[1:-1]) == [("came", "a", 0, "a"), ("came", "a", 1, "said a")]
    assert watcher.told[-1] == ("ended", "a")
    assert runner.origin == "local"
    assert re.fullmatch(r"Submission\(slow, plain: 2 of 2 \w+; \w+\)", repr(submission))


def test_a_late_answer_to_an_older_submit_is_dropped_and_kept(
    hive: SlowHive, runner: SubmissionRunner, watcher: Watcher
) -> None:
    """The newest submit is shown; what the older one still brings was paid for, so the store has it."""
    older = runner.submit(_requests("old", "slow"))
    hive.wait_for(1)
    newer = runner.submit(_requests("new", "plain"))
    assert [run.output for run in newer.wait()] == ["said new"]
    assert watcher.over.wait(PATIENCE_S)
    hive.hold.set()
    assert [run.output for run in older.wait()] == ["old"]
    assert watcher.told == [("began", "old"), ("began", "new"), ("came", "new", 0, "said new"), ("ended", "new")]
    assert runner.newest is newer
    assert _kept() == [("new", "plain", "completed"), ("old", "slow", "completed")]


def test_a_cancel_ends_what_is_out_and_keeps_what_came(
    hive: SlowHive, runner: SubmissionRunner, watcher: Watcher
) -> None:
    """The call that was out is told to be one that may have run, and is kept so."""
    submission = runner.submit(_requests("a", "plain", "slow"))
    hive.wait_for(1)
    assert watcher.answer.wait(PATIENCE_S)
    runner.cancel()
    assert [run.output for run in submission.wait()] == ["said a"]
    assert watcher.over.wait(PATIENCE_S)
    assert re.fullmatch(r"cancelled: .*; 1 of 2 .*", str(submission.stopped))
    assert _kept() == [("a", "plain", "completed"), ("a", "slow", "unknown")]
    runner.cancel()  # nothing is out: nothing happens


def test_a_cancel_at_once_ends_the_submit_too(hive: SlowHive, runner: SubmissionRunner, watcher: Watcher) -> None:
    """The loop was busy and has not begun it: the form is told that it is over, and the next submit is sent."""
    busy, go = threading.Event(), threading.Event()

    def hold() -> None:
        busy.set()
        go.wait(PATIENCE_S)

    background().loop.call_soon_threadsafe(hold)
    assert busy.wait(PATIENCE_S)
    submission = runner.submit(_requests("a", "plain"))
    runner.cancel()
    go.set()
    assert submission.wait() == ()
    assert watcher.over.wait(PATIENCE_S)
    assert re.fullmatch(r"Submission\(plain: 0 of 1 \w+; cancelled .*\)", repr(submission))
    assert submission.handed_over
    assert [run.output for run in runner.submit(_requests("b", "plain")).wait()] == ["said b"]
    assert _kept() == [("b", "plain", "completed")]


def test_a_cancel_before_the_first_byte_calls_nothing(watcher: Watcher, hive: SlowHive) -> None:
    """While the client is still being looked for, somebody may think better of it."""
    looking, go, client = threading.Event(), threading.Event(), hive.client()

    def find() -> fh.Client:
        looking.set()
        assert go.wait(PATIENCE_S)
        return client

    runner = SubmissionRunner(find, watcher)
    submission = runner.submit(_requests("a", "plain"))
    assert looking.wait(PATIENCE_S)
    runner.cancel()
    assert submission.wait() == ()
    assert str(submission.stopped).startswith("cancelled")
    assert submission.was_sent is False
    go.set()
    assert _kept() == []


def test_what_is_raised_for_a_call_is_shown_as_a_failed_run(watcher: Watcher) -> None:
    """A refused key, a service that is not there, settings that fit nobody: one line each, raised only by `wait`."""
    hive = SlowHive(KEY)
    with hive.serve() as server:
        refused = SubmissionRunner(lambda: fh.Client(base_url=server.url, api_key="fhk_not_this_one"), watcher).submit(
            _requests("a", "plain")
        )
        with pytest.raises(AuthError):
            refused.wait()
    [run] = refused.runs
    assert (run.status, run.status_code) == ("failed", 401)
    assert repr(refused) == "Submission(plain: 0 of 1 completed, 1 failed; ended)"  # nobody has answered
    assert "fhk_not_this_one" not in str(run.error)

    away = SubmissionRunner(lambda: fh.Client(base_url=server.url, api_key=KEY), watcher).submit(
        _requests("a", "plain")
    )
    with pytest.raises(ConnectFailed):
        away.wait()
    assert [run.status for run in away.runs] == ["failed"]

    def none() -> fh.Client:
        raise SettingsError("there is no key for example.com; fh.configure(api_key=...)")

    missing = SubmissionRunner(none, watcher).submit(_requests("a", "plain", "plain2"))
    with pytest.raises(SettingsError):
        missing.wait()
    assert all(re.search(r" example\.com; fh\.configure\(api_key=", str(run.error)) for run in missing.runs)
    assert len(missing.runs) == 2


def test_a_watcher_that_breaks_ends_no_paid_work(
    hive: SlowHive, runner: SubmissionRunner, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the runs are there."""
    watcher.breaks = True
    submission = runner.submit(_requests("a", "plain"))
    assert [run.output for run in submission.wait()] == ["said a"]
    assert {(line.name, line.levelname) for line in caplog.records} == {("fh_notebook", "WARNING")}
    assert all("form.runs" in line.getMessage() for line in caplog.records)
    assert caplog.text.count("RuntimeError: the page is gone") == len(caplog.records) == 3  # began, came, ended


def test_a_submission_can_be_awaited(runner: SubmissionRunner) -> None:
    """In a cell: ``runs = await form.submit()``."""

    async def cell() -> tuple[fh.Run, ...]:
        return await runner.submit(_requests("a", "plain"))

    assert [run.output for run in asyncio.run(cell())] == ["said a"]


def test_a_submit_of_inputs_that_do_not_fit_says_so(watcher: Watcher) -> None:
    """Its text is the problems; who waits for it is told by an error."""
    refused = Submission(problems=["ticket: is missing"])
    assert re.match(r"[^:]*: ticket: ", repr(refused))
    assert not refused.running
    refused.cancel()
    with pytest.raises(InputError, match="ticket: "):
        refused.wait()


def test_every_observer_is_told_and_one_that_comes_late_is_told_what_happened_so_far(
    hive: SlowHive, runner: SubmissionRunner, watcher: Watcher
) -> None:
    """Whoever breaks is passed over; an observer that has left is told no more."""
    watcher.breaks = True
    beside, late = Watcher(), Watcher()
    runner.observe(beside)
    submission = runner.submit(_requests("a", "plain", "slow"))
    assert beside.answer.wait(PATIENCE_S)
    hive.wait_for(1)
    runner.observe(late)
    assert late.told == [("began", "a"), ("came", "a", 0, "said a"), ("waited",)]
    runner.leave(beside)
    hive.hold.set()
    submission.wait()
    assert late.over.wait(PATIENCE_S)
    assert late.told[3:] == [("came", "a", 1, "a"), ("ended", "a")]
    assert beside.told == [("began", "a"), ("came", "a", 0, "said a")]
    assert [what for what, *_ in watcher.told] == ["began", "came", "came", "ended"]


@pytest.mark.long
def test_a_callback_brings_the_output_that_an_answer_lacked(monkeypatch: pytest.MonkeyPatch, watcher: Watcher) -> None:
    """Also after the submit has ended: the form has it as it has any answer."""
    monkeypatch.setattr(polling, "FIRST_BESIDE_RECEIVER_S", 0.01)
    monkeypatch.setattr(polling, "EVERY_S", 0.002)
    answers = {"POST": {"request_id": "req_1", "run_status": "running"}, "GET": {"status": "completed"}}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answers[request.method]))
    with (
        fh.CallbackReceiver(secrets=SECRET, public_url="https://hooks.example.com") as receiver,
        fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=transport) as client,
    ):
        submit = client.aclient.submit_request
        monkeypatch.setattr(client.aclient, "submit_request", lambda request, **_: submit(request, callback=receiver))
        submission = SubmissionRunner(lambda: client, watcher).submit(_requests("a", "v"), delivery="callback")
        assert [run.error_code for run in submission.wait()] == ["output_not_retrieved"]
        assert watcher.over.wait(PATIENCE_S)
        body = event("req_1")
        assert deliver(receiver, body, signed(body)) == 200
        until(lambda: ("came", "a", 0, "hi") in watcher.told)
        assert submission.wait()[0].output == "hi"
