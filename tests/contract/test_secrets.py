"""One masking of secrets for keys, passwords, errors and tracebacks, in whatever form they are given."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fh_notebook
import fh_notebook as fh
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Mask, Secrets, mask_body, mask_run
from fh_notebook.core.redaction import error_text, redact
from fh_notebook.core.text.problems import Problem

KEY = "sk-live-0123456789abcdef"
"""Without the shape of a key: only the one who takes it can know what it is."""
GIVEN: dict[str, Any] = {
    "str": KEY,
    "bytes": KEY.encode(),
    "bytearray": bytearray(KEY.encode()),
    "list": [KEY],
    "tuple": (KEY,),
    "dict": {"key": KEY},
    "nested": {"keys": [{"first": KEY.encode()}]},
}
TAKERS: dict[str, Callable[[Any], Any]] = {
    "Secret": fh.Secret,
    "Client": lambda key: fh.Client(api_key=key),
    "AsyncClient": lambda key: fh.AsyncClient(api_key=key),
    "configure": lambda key: fh.configure(api_key=key),
    "LocalHive": lambda key: fh.local.LocalHive(api_key=key),
}
HOUSE = str(Path(fh_notebook.__file__).parent)


@pytest.mark.parametrize("form", [form for form in GIVEN if form != "str"])
@pytest.mark.parametrize("taker", TAKERS)
def test_a_key_of_a_wrong_type_is_in_no_error_and_in_no_frame_of_its_traceback(taker: str, form: str) -> None:
    """Bytes, lists and dicts as texts: IPython's ``%xmode Verbose`` prints the variables of every frame."""
    with pytest.raises((fh.FetchHiveError, TypeError)) as caught:
        TAKERS[taker](GIVEN[form])
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame.locals for frame in told.stack if frame.filename.startswith(HOUSE)]
    assert ours
    assert KEY not in f"{caught.value!s}{caught.value!r}{ours}"


@pytest.mark.parametrize("form", GIVEN)
def test_a_password_is_masked_whatever_holds_it_and_whatever_repeats_it(form: str) -> None:
    """Given as text, bytes, list or dict; repeated as a text, a name, a part or bytes."""
    mask = Mask.of(GIVEN[form])
    shown = mask.value({"said": [f"it is {KEY}"], KEY: 1, "raw": b"<" + KEY.encode() + b"\xff>", "all": (GIVEN[form],)})
    assert KEY not in repr(shown)
    assert KEY not in repr(mask)
    assert shown["said"] == ["it is ***"]
    assert shown["raw"] == b"<***\xff>"


def test_an_answer_of_a_form_and_a_raw_body_are_masked_alike() -> None:
    """Keys in both, in names too; the passwords of its inputs in the answer, which an error may repeat."""
    held = fh.Secret(KEY)
    body = {"output": {KEY: f"for {KEY}"}, "webhook_secret": "whsec_of_this_run", "n": 4711}
    assert mask_body(body) == {"output": {"***": "for ***"}, "webhook_secret": "***", "n": 4711}
    run = Run(status="failed", output=body["output"], error=f"no {KEY}, no 4711", inputs={"pin": 4711, "text": "t"})
    shown = mask_run(run, Secrets(names=frozenset({"pin"})))
    assert (shown.output, shown.error) == ({"***": "for ***"}, "no ***, no ***")
    assert held


def test_an_answer_that_is_nested_too_deep_for_its_parts_is_shown_by_its_masked_beginning() -> None:
    """Also when fifty secrets are looked for in it."""
    held = [fh.Secret(f"{KEY}-{i}") for i in range(50)]
    run = Run(status="completed", output=_deep(f"{KEY}-7"), inputs={"token": "hunter2"})
    shown = mask_run(run, Secrets(names=frozenset({"token"}))).output
    assert isinstance(shown, str)
    assert shown.strip().startswith("[")
    assert KEY not in shown
    assert held


def _deep(text: str) -> Any:
    value: Any = [text]
    for _ in range(3_000):
        value = [text, value]
    return value


def test_an_error_of_this_package_never_says_a_key() -> None:
    """Whoever words it: the message is masked where the error is made."""
    held = fh.Secret(KEY)
    for error in (
        fh.SettingsError(f"no host {KEY}"),
        fh.InputError([f"x is {KEY}", "Bearer abc"]),
        fh.CallError(f"refused {KEY}"),
    ):
        assert KEY not in f"{error}{error!r}{error.args}"
        assert "***" in str(error)
    told = Problem((KEY, 0), "type", KEY, f"is not {KEY}", f"give {KEY}")
    for problem in fh.InputError([f"x is {KEY}", told]).problems:
        assert KEY not in f"{problem}{problem!r}"
        assert "***" in str(problem)
    assert held


def test_the_text_of_a_foreign_error_is_masked_also_of_one_that_cannot_say_what_it_is() -> None:
    """The type is said in any case."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert error_text(KeyError("fhk_0123456789")) == "KeyError: 'fhk_***'"
    assert error_text(Mute()) == "Mute: "


def test_what_a_user_s_function_raises_is_masked_in_the_problems_of_a_batch() -> None:
    """A function of a mapping that repeats a key."""
    held = fh.Secret(KEY)

    def text_of(row: Any) -> str:
        raise ValueError(f"{KEY} is refused")

    with pytest.raises(fh.InputError) as caught:
        fh.batch([{"text": "a"}], "echo", variants=["a"], inputs={"text": text_of}, progress=False)
    assert "***" in str(caught.value)
    assert KEY not in str(caught.value)
    assert held


def test_of_two_secrets_that_begin_alike_no_end_stays() -> None:
    """The longer one first, whichever kind each is."""
    held = fh.Secret("hunter2")
    assert redact("hunter2-and-more, hunter2", {"hunter2-and-more"}) == "***, ***"
    assert held
