"""The key, through everything that a person does in a day, and then looked for in every file that is left."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from fh_notebook.local import LocalHive
from tests.kernel import Kernel
from tests.security.corpus import KEY

CELLS = (
    "%xmode Verbose\nimport logging\nlogging.basicConfig(level=logging.DEBUG, filename='debug.log')\nrows = [{'text': t} for t in 'abc']",
    "%%fetchhive echo -v plain -v broken --out runs\ntext: hi",
    "%%fetchhive echo -v nothere\ntext: hi",
    "form = fh.form('echo', variants=['plain'], values={'text': 'a form'})\nform.submit()\nform.runs[0]",
    "form",
    "b = fh.batch(rows, 'echo', variants=['plain', 'broken'], name='one')\nb.to_csv('b.csv')\nb.to_csv('b.csv.gz')\nb.to_excel('b.xlsx')\nb.to_parquet('b.parquet')\nb",
    "print(b, b.frame.to_string(), b.failures.to_string())\nb.frame.to_json('frame.json')",
    "if hasattr(b, 'save'):\n    b.save('b.fhb')",
    "cmp = fh.compare(b, score=fh.score.length() if hasattr(fh.score, 'length') else None)\nfor end in ('html', 'md', 'xlsx'):\n    cmp.report(f'report.{end}')\ncmp",
    "fh.store.export('answers.jsonl')\nfh.store.export('answers.jsonl.gz')",
    "with fh.CallbackReceiver() as receiver:\n    print(repr(receiver), receiver._repr_html_())\n    late = fh.batch(rows, 'echo', variants=['plain'], delivery='callback', fresh=True, name='two', progress=False)\nprint(late)",
    "from fh_notebook.session import session; from fh_notebook.core.config import settings\nprint(settings.current(), vars(fh.Client()), vars(fh.Client().aclient), fh.Client().check())",
    "import pickle\nopen('p.pickle', 'wb').write(pickle.dumps([settings.current()]))",
    "fh.Client().invoke('echo', variant='plain', inputs={'text': object()})",
    "from fh_notebook.notebook.magics import cell_magic as sending\nsending._result = None\nfh.configure(tracebacks='full')",
    "%%fetchhive echo -v plain\ntext: a defect",
    "%%fetchhive echo -v plain --api-key whatever\ntext: x",
    "%tb",
    "%whos\nprint(Out, _)",
    "%history",
    "import json\njson.dump({k: repr(v) for k, v in globals().items()}, open('globals.json', 'w'))",
)  # fmt: skip


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file with what is in it; what is packed is unpacked."""
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        raw = file.read_bytes()
        yield str(file.relative_to(folder)), raw
        if raw[:2] == b"\x1f\x8b":
            yield f"{file.name}, unpacked", gzip.decompress(raw)
        elif raw[:2] == b"PK":
            with zipfile.ZipFile(file) as packed:
                for part in packed.namelist():
                    yield f"{file.name}: {part}", packed.read(part)


def test_the_key_is_in_nothing_that_a_day_of_work_leaves_behind(tmp_path: Path) -> None:
    """Login, cells, forms, batches, exports, reports, callbacks, tracebacks, logs, history: the key is in no byte of
    it.
    """
    import nbformat

    hive = LocalHive(api_key=KEY)

    @hive.workflow("echo", variant="plain")
    def plain(text: str) -> str:
        return text.upper()

    @hive.workflow("echo", variant="broken")
    def broken(text: str) -> str:
        raise RuntimeError(text)

    (tmp_path / "fetchhive.yaml").write_text(
        "version: 1\ndeployments:\n  echo: {variants: [plain, broken], inputs: {text: text}}\n"
    )
    with hive.serve() as server, Kernel(tmp_path, FETCH_HIVE_BASE_URL=server.url) as kernel:
        kernel.wait(kernel.send("%load_ext fh_notebook\nimport fh_notebook as fh", person=True))
        login = kernel.send("%fetchhive login --here", person=True)
        kernel.asked()
        kernel.answer(KEY)
        kernel.wait(login)
        sent = [login]
        for cell in CELLS:
            sent.append(kernel.send(cell, person=True))
            kernel.wait(sent[-1])
        said = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(kernel.text(request) for request in sent))
        shown = json.dumps(
            [[m.kind, m.content] for m in kernel.messages] + [kernel.reply(r) for r in sent], default=str
        )
        log = kernel.log
    (tmp_path / "said.txt").write_text(said)
    (tmp_path / "messages.json").write_text(shown)
    (tmp_path / "kernel.log").write_text(log)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbformat.write(notebook, tmp_path / "notebook.ipynb")
    found = dict(_contents(tmp_path))
    for name in ("b.csv", "b.csv.gz", "b.xlsx", "b.parquet", "report.html", "report.md", "report.xlsx", "answers.jsonl", "debug.log", "p.pickle",
                 "globals.json", "store.sqlite3", "fetchhive.yaml"):  # fmt: skip
        assert name in found, f"{name} was not made: {said[-3000:]}"
    assert "TypeError: 'NoneType' object is not callable" in said, said[-3000:]
    assert said.count("A FORM") + said.count("HI") >= 2, said[:3000]
    spellings = (KEY.encode(), KEY[4:].encode(), KEY[4:].encode("utf-16-le"), KEY[::-1].encode())
    assert [name for name, raw in found.items() if any(spelt in raw for spelt in spellings)] == []
