"""A Start variable that is a password is in nothing that is kept or shown, however it is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ipywidgets import Widget

import fh_notebook as fh
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from tests.notebook.magics.test_magic import Shell, shell  # noqa: F401 - the fixture

PASSWORD = "correct-horse-battery"
CATALOGUE = """\
version: 1
deployments:
  login:
    variants: [a, b]
    inputs:
      text: text
      token: {type: string, format: password}
"""


@pytest.fixture
def hive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHive]:
    """A hive on a socket, whose deployment is known by the catalogue."""
    hive = LocalHive()

    @hive.workflow("login", variant="a")
    @hive.workflow("login", variant="b")
    def login(text: str, token: str) -> str:
        return f"{text}: {len(token)} characters"

    (tmp_path / "fetchhive.yaml").write_text(CATALOGUE)
    monkeypatch.chdir(tmp_path)
    with hive.serve() as server:
        fh.configure(base_url=server.url)
        yield hive


def _stored(folder: Path) -> bytes:
    """All bytes of the store's files, also of its journal."""
    kept = session.store()
    assert kept is not None
    kept.answers.newest_id()
    return b"".join(file.read_bytes() for file in folder.glob("store.sqlite3*") if file.is_file())


@pytest.mark.parametrize("variants", ["-v a", "-v a -v b", "-v a --repeats 2"])
def test_what_a_cell_keeps_has_no_password(
    shell: Shell,  # noqa: F811
    hive: LocalHive,
    tmp_path: Path,
    variants: str,
) -> None:
    """Of one call and of several; the hive itself got the real one."""
    result, said = shell.run(f"%%fetchhive login {variants}\ntext: hi\ntoken: {PASSWORD}")
    assert "hi: 21 characters" in said + repr(result.result)
    stored = _stored(tmp_path)
    assert b"hi: 21 characters" in stored
    assert PASSWORD.encode() not in stored


def test_the_frame_of_several_calls_has_no_password(shell: Shell, hive: LocalHive) -> None:  # noqa: F811
    """In `_`, `Out` and the variable."""
    shell.run(f"%%fetchhive login -v a -v b --out out\ntext: hi\ntoken: {PASSWORD}")
    names = shell.shell.user_ns
    frame = names["out"]
    assert frame[["text", "token"]].values.tolist() == [["hi", "***"]] * 2
    assert PASSWORD not in frame.to_csv() + repr(names["Out"]) + repr(names["_"])


def test_what_invoke_keeps_has_no_password_and_history_knows_it_as_one(hive: LocalHive, tmp_path: Path) -> None:
    """By the client and by the session; a deployment guessed from it has no plain text there."""
    with fh.Client() as client:
        run = client.invoke("login", variant="a", inputs={"text": "hi", "token": PASSWORD})
    fh.invoke("login", variant="b", inputs={"text": "hi", "token": PASSWORD})
    assert (run.output, run.inputs["token"]) == ("hi: 21 characters", PASSWORD)
    assert PASSWORD.encode() not in _stored(tmp_path)
    guessed = fh.Deployment.from_history("login")
    assert guessed.inputs["properties"] == {"text": {"type": "string"}, "token": {"format": "password"}}


ROWS = [{"text": "hi", "pw": PASSWORD, "other": "seen"}]


@pytest.mark.parametrize(
    ("token", "seen"),
    [
        ("{{ row.pw }}", True),
        ('{{ row["pw"].strip() }}', True),
        ("{{ f'{row.pw}' }}", True),
        ("{{ dict(a=row)['a'].pw }}", False),
        ("{{ row['p' + 'w'] }}", False),
    ],
)
def test_over_rows_the_column_of_a_password_is_masked(
    shell: Shell,  # noqa: F811
    hive: LocalHive,
    tmp_path: Path,
    token: str,
    seen: bool,
) -> None:
    """In the frame and the store; where it cannot be told which column it is, all are."""
    shell.shell.user_ns["rows"] = ROWS
    _, said = shell.run(
        f"%%fetchhive login -v a --over rows --out out\ntext: '{{{{ row.text }}}}'\ntoken: >-\n  {token}"
    )
    frame = shell.shell.user_ns["out"]
    assert frame["output"].tolist() == ["hi: 21 characters"], said
    assert frame[["pw", "other"]].values.tolist() == [["***", "seen" if seen else "***"]]
    assert PASSWORD not in said + frame.to_csv()
    assert PASSWORD.encode() not in _stored(tmp_path)


def test_what_a_form_shows_of_an_answer_has_no_password_that_the_service_repeats() -> None:
    """Neither its widgets nor its last state as HTML and text; the run itself has the answer as it came."""
    hive = LocalHive()

    @hive.workflow("echo", variant="a")
    def echo(token: str, pin: int) -> dict[str, Any]:
        return {"said": f"your token is {token}", "pins": [pin, 7], token: None}

    inputs = {"token": fh.text(secret=True), "pin": {"type": "integer", "format": "password"}}
    values = {"token": PASSWORD, "pin": 48151623}
    form = fh.form(fh.Deployment("echo", variants=["a"], inputs=inputs), values=values, client=hive.client())
    assert form.widget is not None
    [run] = form.submit().wait()
    assert run.output == {"said": f"your token is {PASSWORD}", "pins": [48151623, 7], PASSWORD: None}
    state = json.dumps(Widget.get_manager_state(drop_defaults=True)["state"], default=repr)
    for shown in (state, form._repr_html_(), repr(form)):
        assert "your token is ***" in shown
        assert PASSWORD not in shown
        assert "48151623" not in shown
