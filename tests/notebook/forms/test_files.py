"""Files that a form sends by their address: chosen in a field, uploaded by Run, written out as `fh.file`."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.client.uploads import FileInput, _read_named, file_content, file_named
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.secrets import Secrets
from fh_notebook.local import LocalHive
from fh_notebook.notebook.cell.request import read_cell
from fh_notebook.notebook.forms.code_export import as_cell, as_cell_over, as_command, as_python, as_python_over
from fh_notebook.notebook.forms.control.submission import UPLOAD_CONTINUES
from fh_notebook.notebook.forms.model.row_mapping import RowMapping
from fh_notebook.notebook.forms.views.form_view import NOT_UPLOADED
from fh_notebook.notebook.forms.views.panels import request_page, sent_lines
from tests.notebook.magics.test_magic import Shell, shell  # noqa: F401 - the fixture
from tests.raw_server import says, serving

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["document"],
    "properties": {"document": {"type": "string", "contentEncoding": "base64"}, "note": {"type": "string"}},
}
TEXT = {**SCHEMA, "properties": {"document": {"type": "string", "contentMediaType": "text/plain"}}}
PICTURE = "data:image/png;base64,iVBORw0KGgo="
NESTED = {"type": "object", "properties": {"about": {"type": "object", "properties": SCHEMA["properties"]}}}


class Reader:
    """A hive whose workflow is given a document."""

    def __init__(self) -> None:
        self.hive = LocalHive()
        self.got: list[str] = []
        for variant in ("a", "b"):

            @self.hive.workflow("read", variant=variant)
            def read(document: str, note: str = "") -> str:
                self.got.append(document)
                return document

    def uploaded(self) -> list[str]:
        return [entry["file_name"] for entry in self.hive._service.assets.list("ws_local")]


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def client(reader: Reader) -> Iterator[fh.Client]:
    with reader.hive.client() as made:
        yield made


def _parts(field: Any, kind: type[Any]) -> list[Any]:
    return [part for part in field.widget.children if isinstance(part, kind)]


def _choose(field: Any, name: str, data: bytes) -> None:
    (upload,) = _parts(field, ipywidgets.FileUpload)
    file = {"name": name, "type": "", "size": len(data), "content": memoryview(data)}
    upload.value = ({**file, "last_modified": datetime(2026, 1, 1, tzinfo=UTC)},)


def _ways(field: Any) -> list[Any]:
    return [part for part in _parts(field, ipywidgets.Dropdown) if "fh-way" in part._dom_classes]


def _way(field: Any) -> Any:
    (way,) = _ways(field)
    return way


def _form(client: fh.Client, schema: Any = SCHEMA, **options: Any) -> tuple[fh.Form, Any]:
    form = fh.form(fh.Deployment("read", variants=["a", "b"], inputs=schema), client=client, **options)
    _ = form.widget
    return form, form.fields["document"]


def test_run_uploads_the_chosen_file_once_and_sends_its_address(reader: Reader, client: fh.Client) -> None:
    """Nothing before Run; once for all variants, and not again for another Run."""
    form, field = _form(client)
    _choose(field, "letter.txt", b"Dear bee, run")
    _way(field).value = True
    assert (file_named(field.value).name, reader.uploaded()) == ("letter.txt", [])  # type: ignore[union-attr]
    assert "letter.txt, 13 bytes" in field.control.value
    for _ in range(2):
        runs = form.submit().wait()
        assert [run.status for run in runs] == ["completed"] * 2
    assert reader.uploaded() == ["letter.txt"]
    assert len(set(reader.got)) == 1
    assert reader.got[0].endswith("/letter.txt")


@pytest.mark.parametrize("schema", [SCHEMA, TEXT])
def test_the_choice_changes_how_a_chosen_file_is_sent(schema: Any, client: fh.Client) -> None:
    """There and back: the content is the same afterwards, and a removed value leaves the choice."""
    _, field = _form(client, schema)
    _choose(field, "letter.txt", b"Dear bee")
    content = field.value
    assert _way(field).value is False
    _way(field).value = True
    named = file_named(field.value)
    assert (named and named.name, _way(field).value) == ("letter.txt", True)
    _way(field).value = False
    assert (field.value, _way(field).value) == (content, False)
    _way(field).value = True
    field.value = fh.UNSET
    assert _way(field).value is True
    _choose(field, "b.txt", b"b")
    assert file_named(field.value) is not None


def test_the_texts_of_a_form_call_a_file_by_its_name(client: fh.Client, tmp_path: Path) -> None:
    """With its size, as its field does; also one inside of a group, and one of a form over rows."""
    (tmp_path / "letter.txt").write_text("Dear bee")
    letter = fh.file(tmp_path / "letter.txt")
    deployment = fh.Deployment("read", variants=["a"], inputs={**SCHEMA, "properties": {**SCHEMA["properties"], **NESTED["properties"]}})  # fmt: skip
    form = fh.form(deployment, values={"document": letter, "about": {"document": letter}}, client=client)
    over = fh.form("read", over=[{"note": "x"}], values={"document": letter}, client=client)
    for page in (repr(form), form._repr_html_(), repr(over), over._repr_html_()):
        assert ("letter.txt, 8 bytes" in page, "fh-file:" in page) == (True, False)
    assert '{"document": "<address of letter.txt>"}' in repr(form)


def test_the_choice_of_an_address_says_at_once_that_no_workspace_id_is_set(reader: Reader) -> None:
    """Until there is one and the form is shown again, or run; Run that is refused says it once."""
    told = "fh.configure(workspace_id=...)"
    deployment = fh.Deployment("read", variants=["a"], inputs=SCHEMA)
    with reader.hive.serve() as server:
        fh.configure(base_url=server.url, api_key="fhk_0123456789abcdef")
        forms = [fh.form(deployment), fh.form(deployment, client=fh.Client()), fh.form(deployment)]
        for form in forms:
            _ = form.widget
            field = form.fields["document"]
            _choose(field, "letter.txt", b"Dear bee")
            assert field.problem_line() is None
            _way(field).value = True
            assert told in field.problem_line().value
            _way(field).value = False
            assert field.problem_line() is None
            _way(field).value = True
        with pytest.raises(fh.InputError, match=r"letter\.txt .*workspace_id"):
            form.submit().wait()
        (refusal,) = re.findall("<div>⚠ (.*?)</div>", field.problem_line().value)
        assert re.match(r"letter\.txt .*: workspace_id ", refusal)
        fh.configure(workspace_id="ws_local")
        for shown in forms[:2]:
            _ = shown.widget
            assert shown.fields["document"].problem_line() is None
        (run,) = form.submit().wait()
        assert (run.status, field.problem_line()) == ("completed", None)
        own = fh.form(deployment, client=fh.Client(workspace_id="ws_own"))
        fh.configure(workspace_id=None)
        own.fields["document"].value = FileInput.of_content("b.txt", b"b")
        _ = own.widget
        assert own.fields["document"].problem_line() is None


@pytest.mark.parametrize("schema", [SCHEMA, TEXT])
def test_an_empty_field_does_not_ask_how_to_send_its_file(schema: Any, client: fh.Client) -> None:
    """The choice comes with the file, and goes with it."""
    _, field = _form(client, schema)
    assert _ways(field) == []
    _choose(field, "letter.txt", b"Dear bee")
    assert len(_ways(field)) == 1
    field.value = fh.UNSET
    assert _ways(field) == []


def test_the_chosen_file_goes_up_as_it_is(client: fh.Client) -> None:
    """With the mark of its encoding, which its text has not."""
    _, field = _form(client, TEXT)
    data = b"\xef\xbb\xbfa,b\n"
    _choose(field, "table.csv", data)
    assert field.value == "a,b\n"
    _way(field).value = True
    assert (file_content(field.value, 100), file_named(field.value).name) == (data, "table.csv")  # type: ignore[union-attr]
    _way(field).value = False
    assert field.value == "a,b\n"
    _way(field).value = True
    assert file_content(field.value, 100) == data


@pytest.mark.parametrize(("value", "file_type"), [("QUJD", "application/octet-stream"), (PICTURE, "image/png")])
def test_another_value_does_not_go_up_as_the_file_that_was_chosen_before(
    value: str, file_type: str, client: fh.Client
) -> None:
    """Its name and its type are of that file alone."""
    keyword = {"format": "data-url"} if value == PICTURE else {"contentEncoding": "base64"}
    _, field = _form(client, {**SCHEMA, "properties": {"document": {"type": "string", **keyword}}})
    _choose(field, "letter.txt", b"Dear bee")
    field.value = value
    _way(field).value = True
    local = _read_named(field.value.rpartition("/")[2])
    assert (local.name, local.file_type) == ("file", file_type)


def test_a_file_of_a_program_is_shown_as_one(client: fh.Client, tmp_path: Path) -> None:
    """`fh.file` as a value; a typed address stays what was typed."""
    path = tmp_path / "c.txt"
    path.write_text("by a program")
    form, field = _form(client)
    field.value = fh.file(path)
    assert (_way(field).value, "c.txt, 12 bytes" in field.control.value) == (True, True)
    assert form.problems == []
    path.unlink()
    _way(field).value = False
    assert file_named(field.value) is not None
    assert field.notice
    _, typed = _form(client, TEXT)
    _choose(typed, "letter.txt", b"Dear bee")
    _way(typed).value = True
    typed.control.value = "https://x.test/mine"
    _way(typed).value = False
    assert (typed.value, _ways(typed)) == ("https://x.test/mine", [])


def test_too_large_a_file_is_told_and_leaves_the_field(client: fh.Client) -> None:
    """As content and as an upload: the choice is there in between."""
    _, field = _form(client)
    for by_address in (False, True):
        if by_address:
            _way(field).value = True
        _choose(field, "big.bin", bytes(5_000_001))
        assert (field.value, "big.bin" in field.notice) == (fh.UNSET, True)


@pytest.mark.parametrize("schema", [SCHEMA, NESTED])
def test_an_upload_that_fails_is_told_at_the_field_and_nothing_is_called(schema: Any) -> None:
    """The next Run tries again."""
    fh.configure(workspace_id="w")
    body = b'{"file_url": "https://x.test/a"}'
    answer = b'{"status": "completed", "output": "done"}'
    refusal = says(422, b'{"error": "no such type"}')
    document = str(FileInput.of_content("a.txt", f"refused first {len(str(schema))}".encode()))
    with serving(refusal, says(200, body), says(200, answer)) as server:
        client = fh.Client(base_url=server.url, api_key="fhk_0123456789abcdef")
        values = {"document": document} if schema is SCHEMA else {"about": {"document": document}}
        form = fh.form(fh.Deployment("read", variants=["a"], inputs=schema), client=client, values=values)
        _ = form.widget
        field = form.fields["document"] if schema is SCHEMA else form.fields["about"].fields["document"]
        submission = form.submit()
        with pytest.raises(fh.InputError, match="no such type") as caught:
            submission.wait()
        assert caught.value.problems[0].path == field.state.path
        assert (form.runs, len(server.requests)) == ([], 1)
        assert "no such type" in field.notice
        assert field.problem_line() is not None
        client.aclient.files._failed.clear()  # what a person does later than in 30 s
        (run,) = form.submit().wait()
        assert (run.output, field.notice, len(server.requests)) == ("done", "", 3)


def test_a_cancel_during_the_upload_sends_nothing() -> None:
    """And says so; the upload is not taken back."""
    fh.configure(workspace_id="w")
    asked, over = threading.Event(), threading.Event()

    def holds(connection: Any) -> None:
        asked.set()
        over.wait(10)

    with serving(holds) as server:
        client = fh.Client(base_url=server.url, api_key="fhk_0123456789abcdef")
        form = fh.form(fh.Deployment("read", variants=["a"], inputs=SCHEMA), client=client)
        form.fields["document"].value = FileInput.of_content("a.txt", b"never taken")
        submission = form.submit()
        assert asked.wait(10)
        form.cancel()
        submission.wait()
        over.set()
    assert (submission.was_sent, form.runs) == (False, [])
    assert submission.stopped == UPLOAD_CONTINUES


def test_an_app_sends_content_unless_its_developer_chose(reader: Reader, client: fh.Client) -> None:
    """A visitor has no choice."""
    for options, is_address in (({}, False), ({"files": "address"}, True)):
        form, field = _form(client, app=True, **options)  # type: ignore[arg-type]
        assert [part for part in _parts(field, ipywidgets.Dropdown) if "fh-way" in part._dom_classes] == []
        _choose(field, "letter.txt", b"Dear visitor")
        assert (file_named(field.value) is not None) is is_address
    form.submit().wait()
    assert reader.uploaded() == ["letter.txt"]
    with pytest.raises(fh.InputError, match="files is"):
        fh.form("read", client=client, files="bytes")  # type: ignore[arg-type]


def test_the_choice_stays_when_the_widgets_are_made_anew(client: fh.Client) -> None:
    """Also without a value."""
    form, field = _form(client)
    _choose(field, "letter.txt", b"Dear bee")
    _way(field).value = True
    field.value = fh.UNSET
    form.widget.close()
    _ = form.widget
    assert _way(form.fields["document"]).value is True


def test_the_request_and_the_code_name_the_file(client: fh.Client, tmp_path: Path, monkeypatch: Any) -> None:
    """By its path where that is known; of one out of a page a comment says that the path is missing."""
    monkeypatch.chdir(tmp_path)
    Path("it's.pdf").write_text("on disk")
    disk, page = fh.file("it's.pdf"), FileInput.of_content("page.pdf", b"out of a page")
    deployment = fh.Deployment("read", inputs=SCHEMA)
    requests = [InvokeRequest(deployment="read", variant="a", inputs={"document": page})]
    shown = str(request_page(client.aclient.connection, requests, Secrets()))
    assert ("&lt;address of page.pdf&gt;" in shown, "fh-file" in shown) == (True, False)
    assert any("document (page.pdf, 13 bytes)" in line for line in sent_lines(deployment, {"document": str(page)}))
    for document, path, has_comment in ((disk, "it's.pdf", False), (page, "page.pdf", True)):
        inputs = {"document": str(document)}
        python, cell = as_python(deployment, ["a"], inputs), as_cell(deployment, ["a"], inputs)
        assert f"fh.file({path!r})" in python
        compile(python, "code", "exec")
        assert ("# page.pdf" in python, "# page.pdf" in cell) == (has_comment, has_comment)
        assert "{{ fh.file(" in cell
        assert "YOUR_ADDRESS_OF_" in as_command("curl", deployment, ["a"], inputs, base_url="https://x.test/v1")
    mapping = RowMapping(deployment, [{"note": "n"}], {"document": str(disk)})
    assert """'document': fh.file("it's.pdf")""" in as_python_over(mapping, ["a"], rows="rows")


@pytest.mark.parametrize(
    "name",
    [
        "it's.pdf",
        'a"b.pdf',
        "C:\\x",
        "a\u2028b.pdf",
        "{{ a }}.pdf",
        "b'\"c.pdf",
        "n\nl.pdf",
        "two  blanks.pdf",
        "caf\u00e9 \udc80",
    ],
)
def test_a_copied_cell_names_the_file_whatever_its_name(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    """What the cell's own reader evaluates is the file; also within a text, and in Python."""
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(name.encode(errors="replace").decode())
    token = str(fh.file(name))
    deployment = fh.Deployment("read", inputs={"document": fh.text(), "more": {"type": "array"}})
    inputs = {"document": token, "more": [f"See {token}, and {{{{ x }}}}.", {"a": token}]}
    cell = as_cell(deployment, ["a"], inputs)
    assert token not in cell
    read = read_cell(
        cell.partition("\n")[2], name="read", variants=("a",), find=lambda _: deployment,
        evaluate=lambda source: eval(source, {"fh": fh}),
    )  # fmt: skip
    assert (read.inputs, read.warnings) == (inputs, ())
    code = as_python(deployment, ["a"], inputs)
    names: dict[str, Any] = {}
    exec(code.rpartition("\n")[0], names)
    assert (names["inputs"], token in code) == (inputs, False)


def test_a_path_that_no_cell_can_hold_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    """In place of a cell that would send its braces."""
    folder = tmp_path.joinpath(*["d" * 200] * 11)
    folder.mkdir(parents=True)
    (folder / "a.pdf").write_text("deep")
    with pytest.raises(fh.InputError, match="Python"):
        as_cell(fh.Deployment("read", inputs=SCHEMA), ["a"], {"document": str(fh.file(folder / "a.pdf"))})


def test_copied_code_sends_the_file(
    reader: Reader,
    tmp_path: Path,
    shell: Shell,  # noqa: F811
) -> None:
    """From Python and from a cell in a real shell."""
    path = tmp_path / "from code.txt"
    path.write_text("copied")
    with reader.hive.serve() as server:
        fh.configure(base_url=server.url, workspace_id="ws_local", api_key="fhk_0123456789abcdef")
        form, field = _form(fh.Client())
        form.variants = "a"
        field.value = fh.file(path)
        names: dict[str, Any] = {}
        exec(form._core.written("Python"), names)
        assert names["run"].ok
        shell.run("import fh_notebook as fh")
        _, said = shell.run(form._core.written("cell"))
    assert len(reader.got) == 2, said
    assert len(set(reader.got)) == 1
    assert reader.uploaded() == ["from code.txt"]


def test_a_visitor_of_an_app_hears_nothing_of_addresses() -> None:
    """Of an upload that fails only that it did; `wait` has the reason, for the developer."""
    fh.configure(workspace_id="w")
    with serving(says(422, b'{"error": "no such type"}')) as server:
        client = fh.Client(base_url=server.url, api_key="fhk_0123456789abcdef")
        form, field = _form(client, app=True, files="address")
        _choose(field, "a.txt", b"refused in an app")
        with pytest.raises(fh.InputError, match="no such type"):
            form.submit().wait()
    assert field.notice == NOT_UPLOADED


def test_a_file_of_each_row_is_told_where_there_are_no_rows(client: fh.Client) -> None:
    """What it is, and what to give."""
    form = fh.form("read", variants=["a"], values={"document": fh.file(column="path")}, client=client)
    assert re.search(r"--over.*\bfh\.file\(path\)", repr(form))


def test_a_file_that_cannot_be_uploaded_is_told_in_one_sentence(reader: Reader) -> None:
    """Without the workspace's id: what is missing, and nothing was called."""
    named = str(FileInput.of_content("a.pdf", bytes(20), "application/pdf"))
    deployment = fh.Deployment("read", variants=["a"], inputs={"document": fh.text()})
    with reader.hive.serve() as server, fh.Client(base_url=server.url, api_key="fhk_x") as client:
        submission = fh.form(deployment, values={"document": named}, client=client).submit()
        with pytest.raises(fh.InputError, match=r"^document: a\.pdf .*: workspace_id "):
            submission.wait()
    assert reader.got == []


PATHS = {"a.txt": "a row and its bee", "b.txt": "a row and its wasp"}


def _over(client: fh.Client, folder: Path, column: str = "document", **options: Any) -> fh.Form:
    for name, text in PATHS.items():
        (folder / name).write_text(text)
    rows = pd.DataFrame({column: [str(folder / name) for name in PATHS], "note": ["x", "y"]})
    return fh.form(fh.Deployment("read", variants=["a"], inputs=SCHEMA), over=rows, client=client, **options)


def _source(form: fh.Form) -> Any:
    """Return the menu that says where the document is from."""
    _ = form.widget
    row = next(row for row in form._view._lines.values() if row._name == "document")
    return row.widget.children[0]


@pytest.mark.parametrize("files", ["content", "address", None])
def test_a_column_of_paths_gives_each_row_its_file(
    reader: Reader, client: fh.Client, tmp_path: Path, files: Any
) -> None:
    """Without a choice of anybody: no path is sent as if it were the content; the rows show the files' names."""
    form = _over(client, tmp_path, files=files)
    assert _source(form).label.endswith(" document")
    assert (form.problems, form.fields["document"].value) == ([], fh.file(column="document"))
    assert "&#x27;document&#x27;" in form._repr_html_()
    shown = form._view._preview.value
    assert ("a.txt, 17 bytes" in shown, "fh-file:" in shown) == (True, False)
    form.submit().wait()
    assert sorted(address.rpartition("/")[2] for address in reader.got) == list(PATHS)
    assert sorted(reader.uploaded()) == list(PATHS)


def test_the_files_of_another_column_are_chosen_in_the_menu_or_by_a_program(client: fh.Client, tmp_path: Path) -> None:
    """``fh.file(column=...)`` is taken among `values`, and is what the code of the form says."""
    form = _over(client, tmp_path, "path")
    (problem,) = form.problems
    assert str(problem).startswith("document: ")
    menu = _source(form)
    menu.value = ("column", "path")
    assert (menu.label.split()[-1], form.value["document"]) == ("path", fh.file(column="path"))
    menu.value = ("column", "note")
    assert form.fields["document"].value is fh.UNSET
    menu.value = ("files", "path")
    given = _over(client, tmp_path, "path", values={"document": fh.file(column="path")})
    for one in (form, given):
        assert (one.problems, one.fields["document"].column) == ([], "path")
        assert "'document': fh.file(column='path')," in as_python_over(one.mapping, ["a"], rows="df")
        assert """document: "{{ fh.file(column='path') }}\"""" in as_cell_over(one.mapping, ["a"], rows="df")
    other = _over(client, tmp_path, "path", values={"document": fh.file(column="paths")})
    assert re.search("'paths'", str(other.problems[0]))


def test_a_file_of_a_row_that_is_not_there_is_told_before_any_call(
    reader: Reader, client: fh.Client, tmp_path: Path
) -> None:
    """With its row, also of a row that is not shown, and with its column where that has another name."""
    form = _over(client, tmp_path, "path", values={"document": fh.file(column="path")})
    rows = pd.concat([form.mapping.rows.frame] * 3, ignore_index=True)
    rows.loc[5, "path"] = "gone.pdf"
    form = fh.form(form.deployment, over=rows, values={"document": fh.file(column="path")}, client=client)
    (problem,) = form.submit().problems  # type: ignore[union-attr]
    assert re.match(r"row 5: document: .*\bgone\.pdf .*\(column 'path'\)", str(problem))
    assert (reader.got, reader.uploaded()) == ([], [])


def test_a_column_of_content_stays_content(reader: Reader, client: fh.Client) -> None:
    """So does one of addresses, and the texts of a file that is sent as text."""
    for schema, text in ((SCHEMA, "AP8="), (SCHEMA, "https://files.test/a.pdf"), (TEXT, "gone.pdf")):
        deployment = fh.Deployment("read", variants=["a"], inputs=schema)
        form = fh.form(deployment, over=[{"document": text}], client=client)
        assert (form.problems, form.value["document"]) == ([], "document")
