"""Wrong arguments that people have given, each with the one line that they get."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.planning.mapping import Const
from fh_notebook.client.http.transport import ProxiedTransport, open_transport
from fh_notebook.core import arguments
from fh_notebook.errors import FetchHiveError
from tests.tampering import tampered

ROWS = [{"text": "a"}, {"text": "b"}]
HUGE = 10**4_300
CUT = "half\ud800"
LOOP: list[Any] = []
LOOP.append(LOOP)


class Unit(str, Enum):  # noqa: UP042 - a StrEnum shows its text already
    """A text that has a name."""

    LINES = "lines"


def misused() -> fh.local.LocalHive:
    made = fh.local.LocalHive(name="misused")

    @made.workflow("shout", variant="loud")
    def loud(text: str) -> str:
        return text.upper()

    @made.workflow("shout", variant="quiet")
    def quiet(text: str) -> str:
        return text

    return made


@pytest.fixture
def hive() -> Iterator[fh.local.LocalHive]:
    with misused() as made:
        yield made


@pytest.fixture
def batch(hive: fh.local.LocalHive) -> fh.Batch:
    return fh.batch(ROWS, "shout", client=hive.client(), progress=False, name="shouts")


def _frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"row": [0, 0], "variant": ["a", "b"], "score": [1, 0], **columns})


CASES: dict[str, tuple[Callable[[fh.local.LocalHive, fh.Batch], Any], str]] = {
    "variants=5": (
        lambda hive, batch: fh.batch(ROWS, "shout", variants=5, client=hive.client()),
        "variants is 5; ",
    ),
    "variants of a deployment": (
        lambda hive, batch: fh.Deployment("d", variants=5),  # type: ignore[arg-type]
        "variants is 5; ",
    ),
    "pair_on": (
        lambda hive, batch: fh.compare(batch, pair_on=["row"]),  # type: ignore[arg-type]
        "pair_on is ['row']; ",
    ),
    "save_assets": (
        lambda hive, batch: fh.Run(status="completed").save_assets(None),  # type: ignore[arg-type]
        "folder is None; ",
    ),
    "export": (lambda hive, batch: fh.store.export(None), "path is None; "),  # type: ignore[arg-type]
    "max_cell": (
        lambda hive, batch: batch.to_csv("a.csv", max_cell=1.5),  # type: ignore[arg-type]
        "max_cell is 1.5; ",
    ),
    "scheme": (
        lambda hive, batch: fh.verify_signature(b"", "00", "secret", scheme="sha256"),  # type: ignore[arg-type]
        "'sha256'; … HmacSha256()",
    ),
    "parse_event": (lambda hive, batch: fh.parse_event("text"), "body is 'text'; "),  # type: ignore[arg-type]
    "group": (lambda hive, batch: fh.group(5), "fields is 5; "),  # type: ignore[arg-type]
    "Secret": (lambda hive, batch: fh.Secret(5), " int; … fh.Secret"),  # type: ignore[arg-type]
    "power": (
        lambda hive, batch: fh.power(5),
        " 5; … DataFrame … 'row', 'variant'",
    ),
    "rates": (
        lambda hive, batch: fh.power(rates=5),  # type: ignore[arg-type]
        "rates is 5; ",
    ),
    "all_of": (
        lambda hive, batch: fh.score.all_of(1),
        "all_of … 1",
    ),
    "api_key of a hive": (
        lambda hive, batch: fh.local.LocalHive(api_key=5),  # type: ignore[arg-type]
        "api_key is an int; ",
    ),
    "a key as bytes is not spelt": (
        lambda hive, batch: fh.local.LocalHive(api_key=b"fhk_0123456789"),  # type: ignore[arg-type]
        "api_key is a bytes; ",
    ),
    "fail_next": (
        lambda hive, batch: hive.fail_next(status=b""),  # type: ignore[arg-type]
        "status is a bytes; ",
    ),
    "proxy": (
        lambda hive, batch: fh.Client(proxy=5),  # type: ignore[arg-type]
        "proxy is 5; ",
    ),
    "port": (
        lambda hive, batch: fh.CallbackReceiver(port="x"),  # type: ignore[arg-type]
        "port is 'x'; ",
    ),
    "an integer of 4,300 digits": (
        lambda hive, batch: fh.configure(timeout=HUGE),
        "timeout is … 14,285 … ; ",
    ),
    "an integer of 4,300 digits in a batch": (
        lambda hive, batch: fh.batch(ROWS, "shout", repeats=HUGE, client=hive.client()),
        "repeats is … 14,285 … ; … 1 to 1,000,000",
    ),
    "more repeats than a machine can plan": (
        lambda hive, batch: fh.batch(ROWS, "shout", repeats=10**12, client=hive.client()),
        "repeats is 1000000000000; … 1 to 1,000,000",
    ),
    "a list that holds itself": (
        lambda hive, batch: fh.text(default=LOOP),
        f"{('default' + 99 * '[0]')[:99]}…: ",
    ),
    "examples that hold themselves": (
        lambda hive, batch: fh.any_(examples=LOOP),
        f"{('examples' + 99 * '[0]')[:99]}…: ",
    ),
    "rates that hold themselves": (
        lambda hive, batch: fh.power(rates=LOOP),
        "rates is [[[…]]]; ",
    ),
    "half a character in the name of a batch": (
        lambda hive, batch: fh.open_batch(CUT),
        "name is 'half\\ud800', ",
    ),
    "half a character in the name of a deployment": (
        lambda hive, batch: fh.history(CUT),
        "deployment is 'half\\ud800', ",
    ),
    "half a character in an id": (
        lambda hive, batch: hive.client().retrieve(CUT),
        "request_id is 'half\\ud800', ",
    ),
    "a DataFrame as a flag": (
        lambda hive, batch: fh.batch(ROWS, "shout", fresh=_frame(), client=hive.client()),  # type: ignore[arg-type]
        "fresh is a DataFrame; … True or False",
    ),
    "a seed": (lambda hive, batch: fh.power(rates=[0.1, 0.9], seed=-1), "seed is -1; "),
    "two arguments at once": (
        lambda hive, batch: batch.to_csv(5, mark="no"),  # type: ignore[arg-type]
        "path is 5; … mark is 'no'; … True or False",
    ),
    "an array of examples": (
        lambda hive, batch: fh.integer(examples=np.array([1, 2])),  # type: ignore[arg-type]
        "2 … examples[0]: … int64 … examples[1]: … int64",
    ),
    "an index of columns": (
        lambda hive, batch: batch.browse(columns=pd.Index(["q"])),  # type: ignore[arg-type]
        "'q' … 'text'",
    ),
    "an index of fields": (
        lambda hive, batch: fh.score.json_fields(fields=pd.Index([])),  # type: ignore[arg-type]
        "fields is []; ",
    ),
    "a missing row": (
        lambda hive, batch: fh.compare(batch).diff(pd.NA),
        "row is a NAType; ",
    ),
    "an array without dimensions as a row": (
        lambda hive, batch: fh.compare(batch).diff(np.array(0)),
        "row is an ndarray; ",
    ),
    "an array without dimensions as rows": (
        lambda hive, batch: fh.batch(np.array(0), "shout", client=hive.client()),
        "rows … an ndarray; … DataFrame",
    ),
    "an array of hosts": (
        lambda hive, batch: fh.local.LocalHive(allow_callbacks=np.array([1, 2])),
        "allow_callbacks is an ndarray; ",
    ),
    "an array of waits": (
        lambda hive, batch: fh.local.LocalHive(callback_backoff_s=np.array(["a", "b"])),
        "callback_backoff_s is an ndarray; ",
    ),
    "a number of numpy": (
        lambda hive, batch: fh.power(rates=[0.1, 0.9], seed=np.int64(-1)),
        "seed is -1; ",
    ),
    "a duration of numpy": (
        lambda hive, batch: fh.configure(timeout=np.timedelta64(5, "s")),
        "timeout is a timedelta64; ",
    ),
    "a text of an Enum": (
        lambda hive, batch: fh.score.length(Unit.LINES),  # type: ignore[arg-type]
        "'lines'; … 'characters' or 'words'",
    ),
    "a key in place of an address": (
        lambda hive, batch: fh.Client(base_url=fh.Secret("fhk_0123")),  # type: ignore[arg-type]
        "base_url is an fh.Secret; … httpx.URL",
    ),
    "half a character in a key": (
        lambda hive, batch: fh.Client(api_key=fh.Secret(CUT)),
        "api_key … ; … fh.Secret",
    ),
    "a flag or a number": (
        lambda hive, batch: arguments.check_one("fail_on_error", uuid4(), "bool | float | int"),
        "fail_on_error is a UUID; ",
    ),
    "a setting of a hive that lives": (
        lambda hive, batch: hive.configure(callback_timeout_s="1"),
        "callback_timeout_s is '1'; ",
    ),
    "a callback of a pending run": (
        lambda hive, batch: hive.client().submit("shout", variant="loud", inputs=ROWS[0], poll=False).on_change(5),  # type: ignore[arg-type]
        "call is 5; ",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_told_in_one_line(
    name: str, hive: fh.local.LocalHive, batch: fh.Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the argument's name, its value, and what it takes."""
    monkeypatch.chdir(tmp_path)
    call, told = CASES[name]
    with pytest.raises((FetchHiveError, TypeError)) as raised:
        call(hive, batch)
    said = str(raised.value)
    assert re.search(".*".join(map(re.escape, told.split(" … "))), said), said
    assert "\n" not in said


def test_whoever_catches_either_kind_of_error_catches_it() -> None:
    """A wrong argument is a wrong input, a wrong setting and a wrong type."""
    for kind in (fh.InputError, fh.SettingsError, TypeError, ValueError):
        with pytest.raises(kind):
            fh.group(5)  # type: ignore[arg-type]


def test_numbers_texts_and_lists_of_other_libraries_are_taken() -> None:
    """What numpy and pandas make is no wrong argument; nor are 0 and 1 for a flag, or an iterator of names."""
    one = pd.Series([1]).to_numpy()[0]
    assert fh.Deployment("d", variants=pd.Series(["a", "b"])).variants == ("a", "b")  # type: ignore[arg-type]
    assert fh.Deployment("d", variants=(name for name in "ab")).variants == ("a", "b")
    assert fh.power(rates=pd.Series([0.5, 0.9]), races=2).fixed_rows > 0  # type: ignore[arg-type]
    assert fh.text(secret=one == 1, multiline=0).schema["format"] == "password"  # type: ignore[arg-type]
    assert fh.text(examples=np.array(["a", "b"])).schema["examples"] == ["a", "b"]  # type: ignore[arg-type]
    assert fh.score.json_fields(fields=pd.Index(["a"])).name == fh.score.json_fields(fields=["a"]).name  # type: ignore[arg-type]
    fh.configure(timeout=one * 2.0)


def test_infinity_is_a_wait_and_a_whole_float_a_whole_number(
    hive: fh.local.LocalHive, batch: fh.Batch, tmp_path: Path
) -> None:
    """Where it makes sense to wait for ever, or a number is spelt 1e9; a hive's seed is any number or text."""
    assert hive.wait_idle(math.inf)
    assert hive.client().submit("shout", variant="loud", inputs=ROWS[0]).wait(math.inf).output == "A"
    with hive.serve(keep_alive_s=math.inf) as server:
        assert fh.Client(base_url=server.url, api_key="fhk_0123", verify=np.True_).check().status
    assert fh.score.length(at_most=50.0)(fh.Run(status="completed", output="short"))
    assert batch.to_csv(tmp_path / "a.csv", max_cell=1000.0).rows == 4
    fh.configure(max_response_bytes=1e9)
    for seed in (None, "abc"):
        fh.local.LocalHive(seed=seed, latency_s=(0.0, 0.1))


def test_an_address_or_a_proxy_may_be_an_object_of_httpx() -> None:
    """As httpx itself takes them; a proxy with a password is not shown."""
    address = httpx.URL("http://127.0.0.1:9/v1/")
    proxies = (
        "http://127.0.0.1:1",
        httpx.URL("http://127.0.0.1:1"),
        httpx.Proxy("http://127.0.0.1:1", auth=("u", "pw")),
    )
    for proxy in proxies:
        with fh.Client(api_key="fhk_0123", base_url=address, proxy=proxy) as client:
            here = client.aclient.connection
            assert here.base_url == "http://127.0.0.1:9/v1"
            assert isinstance(open_transport(here), ProxiedTransport)
            assert "pw" not in repr(here)


@pytest.mark.parametrize("names", [(5, 6, 7), (("a", 1), ("b", 2), ("c", 3)), (date(2026, 1, 1), 2.5, 3)])
def test_whatever_names_a_column_may_be_anything_that_a_column_is_called(names: tuple[Any, Any, Any]) -> None:
    """The pair, the slice, the score, what is expected, and what is shown."""
    pair, language, score = names
    frame = pd.DataFrame(
        {"variant": ["a", "b"] * 2, pair: [0, 0, 1, 1], language: ["en", "en", "de", "de"], score: [1, 0, 1, 1]}
    ).assign(output=["x", "y"] * 2)
    cmp = fh.compare(frame, score=score, pair_on=pair)
    assert cmp.summary()["mean"].tolist() == [1.0, 0.5]
    assert cmp.wide()[pair].tolist() == [0, 1]
    assert cmp.slice(by=language)[language].tolist() == ["en", "en", "de", "de"]
    by_function = fh.compare(frame, score=lambda run: run.text == "x", pair_on=pair)
    assert by_function.add_score(score).by(str(score)).summary()["mean"].tolist() == [1.0, 0.5]
    assert fh.compare(frame, score=fh.score.exact(language), pair_on=pair).summary()["n"].tolist() == [2, 2]
    assert cmp.rate(show=[language]) is not None
    assert cmp.browse(columns=[language]) is not None
    with pytest.raises(fh.InputError, match=r"\b9\b.*'variant', .*'output'"):
        cmp.slice(by=9)


def test_a_column_by_which_runs_pair_may_be_called_by_a_number(tmp_path: Path) -> None:
    """What pandas reads of a file without a head has numbers for names: such a table is compared,
    shown and reported.
    """
    frame = _frame(output=["x", "y"]).rename(columns={"row": 5})
    by_number = fh.compare(frame, score="score", pair_on=5)
    assert by_number.wide()[5].tolist() == [0]
    assert "5" in repr(by_number)
    assert "5" in by_number._repr_html_()
    by_number.report(tmp_path / "report.html"), by_number.report(tmp_path / "report.xlsx")
    assert by_number.rate() is not None


def test_what_has_no_spelling_has_a_repr() -> None:
    """A value of 4,300 digits, or one that holds itself, in an object that takes any value."""
    assert re.fullmatch(r"Const\(value=.* 14,285 \w+\)", repr(fh.const(HUGE)))
    assert repr(Const(LOOP)) == "Const(value=[[...]])"
    assert repr(fh.Variable({"minimum": HUGE})) == "Variable(schema={…}, required=True)"
    for output in (HUGE, LOOP, {1, 2}, b"bytes", math.nan, {(1, 2): 3}):
        run = fh.Run(status="completed", output=output)
        assert repr(run).startswith("Run(completed, output=")
        assert "completed" in run._repr_html_()


HALF_MADE = [
    fh.Asset, fh.AsyncClient, fh.Batch, fh.CallbackReceiver, fh.Client, fh.Comparison, fh.Deployment, fh.Form,
    fh.InvokeRequest, fh.PendingRun, fh.Race, fh.Run, fh.Variable, fh.local.LocalHive, fh.score.Scorer,
]  # fmt: skip


@pytest.mark.parametrize("cls", HALF_MADE, ids=lambda cls: cls.__name__)
def test_an_object_that_was_not_made_has_a_repr(cls: type) -> None:
    """A traceback that shows variables shows `self` of a constructor that has refused its arguments."""
    half = cls.__new__(cls)
    assert re.fullmatch(rf"{cls.__name__}\([\w ]+\)", repr(half))


@pytest.mark.parametrize(
    ("column", "value"),
    [("plan.index", "[[]]"), ("plan.reuse", '"text"'), ("run.elapsed_s", "1e400"), ("run.started_at", "[]")],
)
def test_a_file_that_was_tampered_with_is_refused_in_one_line(
    column: str, value: str, batch: fh.Batch, tmp_path: Path
) -> None:
    """Also where the value is only looked at later: in a table, in a comparison (tests/long has every place)."""
    batch.to_fhb(tmp_path / "given.fhb")
    column, _, key = column.partition(".")
    table = "batches" if column == "plan" else "answers"
    other = tampered(tmp_path / "given.fhb", tmp_path / "other.fhb", table, column, key, value)
    with pytest.raises(fh.InputError, match=r"\.fhb ") as told:
        fh.open_batch(other)
    assert "\n" not in str(told.value)
