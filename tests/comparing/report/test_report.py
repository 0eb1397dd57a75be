"""`cmp.report(...)`: one file, offline, safe, without secrets; and the same as Markdown and as a workbook."""

from __future__ import annotations

import base64
import json
import re
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from markdown_it import MarkdownIt

import fh_notebook as fh
from fh_notebook.comparing.report.display import Cells, shown_table
from fh_notebook.comparing.report.markdown import escaped
from fh_notebook.comparing.report.report import TextRoom, report_rows
from fh_notebook.comparing.report.workbook import _sheet_of_rows
from fh_notebook.comparing.stats.number_format import ReportColumn, percent, same, table_of
from fh_notebook.comparing.stats.summary import SUMMARY, SummaryLine
from fh_notebook.comparing.verdicts.verdict import notes_of, verdict_of
from fh_notebook.core.text.messages import COMMAND
from fh_notebook.local import LocalHive
from fh_notebook.notebook.browser.page import table_head, table_page
from fh_notebook.notebook.browser.query import RowFinder, TableQuery
from fh_notebook.notebook.browser.table import BrowserTable
from tests.comparing.frames import TELL
from tests.notebook.hostile import Page as Output
from tests.told import numbers_in

HOSTILE = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<!--<script>",
    "=cmd|' /C calc'!A0",
    "[click](javascript:alert(1)) ![p](https://evil.example/x.png) @maintainer",
    "| a | b |\n|---|---|\n# heading `code` <b>bold</b>",
    "\u202egnirts desrever \x00 \ud800 \u2028 line",
    "https://evil.example/?q=1 www.evil.example mailto:a@evil.example",
]
SECRET = "fhk_" + "s3cretkey0123456789"


@pytest.fixture(scope="module")
def hostile() -> fh.Comparison:
    lines = [
        {"row": row, "variant": variant, "output": text, "s": (row + i) % 2, "ticket": text, "expected_output": text}
        for row, text in enumerate(HOSTILE)
        for i, variant in enumerate(["<b>bold</b>", "=1+1|x"])
    ]
    return fh.compare(lines, score="s")


def test_what_is_true_is_not_right_where_less_is_better(tmp_path: Path) -> None:
    """The better variant has the lower share; no text of its report calls it wrong, nor the other one right."""
    rude = fh.score.scorer(lambda run: run.output == "rude", name="rude", version="1", lower_is_better=True)
    lines = [
        {"row": row, "variant": name, "output": "rude" if name == "a" else "kind", "elapsed_s": 1.0}
        for row in range(12) for name in "ab"
    ]  # fmt: skip
    cmp = fh.compare(pd.DataFrame(lines), score=rude)
    headline = repr(cmp).splitlines()[0]
    assert headline.startswith("b ")
    assert numbers_in(headline)[:3] == ["0", "12", "100"]
    text = cmp.report(tmp_path / "x.html").read_text(encoding="utf-8")
    chips = re.findall(r'class="chip"[^>]*>([^<]+)', text)
    assert chips == ["all", "outputs differ", "failed", "b wins", "a wins"]
    assert ">high score</option>" in text
    assert '"yesNo":false,"lower":true,"low":1.0' in text
    words = r"\b(right|wrong)\b"
    shown = re.sub("<(style|script)>.*?</\\1>", "", text, flags=re.DOTALL)
    assert not re.findall(words, shown)
    for frame in (cmp.best(), cmp.tradeoff(), cmp.browse()):
        assert not re.findall(words, repr(frame))


def test_a_report_has_the_chips_of_the_browser(tmp_path: Path) -> None:
    """By one click the same rows, under the same words; what may have run has not failed."""
    ends = [("completed", "completed"), ("failed", "completed"), ("unknown", "completed"), ("failed", "unknown")]
    lines = [
        {"row": row, "variant": name, "status": status, "output": name if status == "completed" else None, "s": n == 0}
        for row, statuses in enumerate([*ends, ("completed",)])
        for n, (name, status) in enumerate(zip("ab", statuses, strict=False))
    ]
    lines.append({"row": 1, "variant": "a", "status": "completed", "output": "a", "s": True})  # another repeat
    for cmp in (fh.compare(lines, score="s"), fh.compare(lines)):
        finder = RowFinder(BrowserTable(cmp.data))
        page = Page(text := cmp.report(tmp_path / "x.html").read_text("utf-8"))
        rows = json.loads(page.inside["script"][0])["rows"]
        chips = re.findall(r'class="chip"[^>]* value="([^"]*)"[^>]*>([^<]+)', text)[1:]
        in_report = [(label, sum(name in row["matches"] for row in rows)) for name, label in chips]
        assert in_report == [(label, count) for _, _, label, count in table_page(finder, TableQuery(), [])["counts"]]
        assert in_report[:4] == [("outputs differ", 2), ("failed", 1), ("outcome unknown", 2), ("pending", 1)]
        offered = [name for name, _ in table_head(finder.table, [], live=False)["only"] if name]
        by_filter = {name: sum(name in row["matches"] for row in rows) for name in offered}
        assert by_filter == {name: len(finder.order(TableQuery(only=name))) for name in by_filter}


class Page(HTMLParser):
    """What a page is made of: tags with their attributes, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._tag = tag

    def handle_data(self, data: str) -> None:
        if self._tag in self.inside:
            self.inside[self._tag].append(data)

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""


def test_the_page_runs_its_own_script_and_nothing_else(hostile: fh.Comparison, tmp_path: Path) -> None:
    """By the hashes in its content policy; no address, no style in place, no handler, no element of an output's."""
    page = Page(hostile.report(tmp_path / "x.html").read_text("utf-8"))
    (policy,) = (a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    data, script = page.inside["script"]
    (style,) = page.inside["style"]
    hashes = [f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'" for text in (script, style)]
    assert policy == (
        f"default-src 'none'; script-src {hashes[0]}; style-src {hashes[1]}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert {tag for tag, _ in page.tags} & {"img", "iframe", "link", "b", "a", "base", "form", "object"} == set()
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src")], (tag, attributes)
        assert not [v for n, v in attributes.items() if n in ("href", "xlink:href") and not str(v).startswith("#")], tag
    assert script.count("innerHTML") == 1  # the view of an output, which `html.el` has escaped
    assert json.loads(data)["rows"][0]["runs"][0]["output"] == HOSTILE[0]
    assert not set(data) & set("<>&\u2028\u2029")


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f6"
    "45400000000049454e44ae426082"
)


def test_files_are_in_the_page_as_bytes_and_the_scored_part_of_json_is_first(tmp_path: Path) -> None:
    """What cannot be fetched is its name and link; a plain text needs no view."""
    hive = LocalHive()

    @hive.workflow("painter", variant="a")
    def painter() -> dict[str, object]:
        elsewhere = {"file_url": "http://10.0.0.1/x.png", "file_name": "elsewhere.png"}
        return {"assets": [hive.asset("pixel.png", PIXEL), elsewhere], "z": 1, "label": "late"}

    @hive.workflow("painter", variant="b")
    def plain() -> str:
        return "late"

    with hive.serve() as server:
        client = fh.Client(base_url=server.url)
        batch = fh.batch([{"expected_output": "late"}], "painter", variants=["a", "b"], client=client, progress=False)
        path = fh.compare(batch, score=fh.score.exact(path="label")).report(tmp_path / "x.html")
    data = json.loads(Page(path.read_text("utf-8")).inside["script"][0])
    first, second = data["rows"][0]["runs"]
    view = Output(first["view"])
    assert f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}" in first["view"]
    assert "elsewhere.png" in view.text
    assert 'href="http://10.0.0.1' not in first["view"]
    assert "fh-scored" in first["view"]
    assert "style=" not in first["view"]
    assert "view" not in second


def test_all_rows_and_every_figure_are_in_it(tmp_path: Path) -> None:
    """Inputs, expected outputs, outputs, scores, errors; where it is from, and the settings."""
    hive = fh.local.demo_hive(pace=0.0)
    batch = fh.batch(fh.local.tickets(), "support-triage", client=hive.client(), progress=False)
    cmp = fh.compare(batch)
    text = cmp.report(str(tmp_path / "x.html")).read_text("utf-8")
    page = Page(text)
    data = json.loads(page.inside["script"][0])
    assert len(data["rows"]) == len(fh.local.tickets())
    assert data["inputs"] == ["ticket", "metadata.language", "metadata.channel"]
    wide = cmp.wide()
    for row, line in zip(data["rows"], wide.to_dict("records"), strict=True):
        assert (row["pair"], row["expected"], "scores" in row["matches"]) == (
            line["row"],
            line["expected_output"],
            line["scores_differ"],
        )
        assert [run.get("output") for run in row["runs"]] == [line["keywords.output"], line["nearest.output"]]
    (failed,) = [run for row in data["rows"] for run in row["runs"] if run.get("status") == "failed"]
    assert failed["error"].startswith("ValueError: ")
    assert "fh.compare(" not in text, "whoever reads it has no notebook"
    origin = re.sub("<[^>]*>", "", re.findall(r"<p class=\"dim\">(.*?)</p>", text)[1])
    taken, made = (
        r"[^;\d]+ \d{4}-\d\d-\d\d \d\d:\d\d(?: to [\d: -]+)? UTC",
        r"[^;\d]+ \d{4}-\d\d-\d\d \d\d:\d\d UTC",
    )
    assert re.fullmatch(rf"[^;]* support-triage; [^;]* {batch.name}; {taken}; {made}\.", origin)
    assert escaped(origin.rpartition("; ")[0]) in cmp.report(tmp_path / "x.md").read_text("utf-8")
    notes = notes_of(cmp.data, COMMAND)
    assert len(notes) == len(cmp.notes) > 0
    for said in (*notes, cmp.verdict, batch.name, "support-triage", "Blaker", "20261125", "McNemar, exact"):
        assert said.replace("'", "&#x27;") in re.sub("</?bdi[^>]*>", "", text), said
    assert text.count('role="img"') == 4 + 2


def test_each_fact_of_where_it_is_from_is_told_once(tmp_path: Path) -> None:
    """One name of the deployment, one of each version, and moments as everywhere."""
    hive = fh.local.demo_hive(pace=0.0)
    batch = fh.batch(fh.local.tickets()[:8], "support-triage", client=hive.client(), progress=False)
    text = fh.compare(batch).report(tmp_path / "x.html").read_text("utf-8")
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", text))
    moments = {name for name, value in facts.items() if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", value)}
    assert {"deployments", "variants", "batch", "python"} <= facts.keys() - moments
    assert len(moments) == 3, "of the batch, of its answers and of the report"
    assert sum("batch" in name for name in moments) == 1
    of_a_table = {"deployment", "schema_sha256", "created", "paired on", "seed"}
    assert not of_a_table & facts.keys(), "a reader has words for the names of a table"


def test_repeats_and_numbers_and_gaps_are_told(tmp_path: Path) -> None:
    """The mean of a row's repeats; what is not there."""
    frame = pd.DataFrame({"row": ["p", "p", "p", "q"], "variant": ["a", "a", "b", "a"], "s": [0.5, 1.0, 2.5, None]})
    data = json.loads(Page(fh.compare(frame, score="s").report(tmp_path / "x.html").read_text()).inside["script"][0])
    assert data["rows"] == [
        {"pair": "p", "expected": None, "inputs": [], "matches": ["scores", "won:1"], "runs": [
            {"score": 2.5, "facts": "2.500"},
            {"score": 0.75, "facts": data["rows"][0]["runs"][1]["facts"]}]},
        {"pair": "q", "expected": None, "inputs": [], "matches": ["pending", "unscored"], "runs": [
            None, {"facts": "no score"}]},
    ]  # fmt: skip
    assert numbers_in(data["rows"][0]["runs"][1]["facts"]) == ["0.750", "2"]
    assert data["variants"] == ["b", "a"], "best first, as in the summary"


def test_a_value_of_a_table_has_its_view(tmp_path: Path) -> None:
    """Also one that JSON has no kind of, as a tuple; plain text has none."""
    outputs = [("x", 1), ["x"], {"a": 1}, "# heading", "plain"]
    frame = pd.DataFrame({"row": range(5), "variant": "a", "output": pd.Series(outputs, dtype=object), "s": 1.0})
    file = fh.compare(frame, score="s").report(tmp_path / "x.html")
    rows = json.loads(Page(file.read_text("utf-8")).inside["script"][0])["rows"]
    assert ["view" in row["runs"][0] for row in rows] == [True, True, True, True, False]


def test_a_text_without_room_says_what_is_missing() -> None:
    """All of each text until the page is full, then the beginning of each; a cell of a sheet has less room."""
    page = TextRoom(30_000, 20_000)
    assert page.take("x" * 25_000) == ("x" * 20_000, 5_000)
    assert page.take({"n": 1}) == ('{"n": 1}', 0)
    assert page.take("x" * 12_000) == ("x" * 9_992, 2_008)
    assert page.take("x" * 2_500) == ("x" * 2_000, 500)
    assert re.match(r"x{2000} … \(500 \w+", str(page.text("x" * 2_500)))
    assert page.text(None) is None
    frame = pd.DataFrame({"row": [1, 1], "variant": ["a", "b"], "output": ["x" * 25_000, "y"]})
    head, (line,) = _sheet_of_rows(data := fh.compare(frame).data, report_rows(data))
    assert re.match(r"x{20000} … \(5,000 \w+", str(line[head.index("a.output")]))


@pytest.mark.parametrize("ending", ["html", "md", "xlsx"])
def test_no_secret_is_in_a_report(tmp_path: Path, ending: str) -> None:
    """Neither a key, whoever said it, nor what a password Start variable was given."""
    fh.configure(store=tmp_path / "answers_that_say_a_key.sqlite3")
    hive = LocalHive(api_key=SECRET)
    for variant in "ab":
        hive.workflow("tell", variant=variant)(lambda text, token: f"{text} {SECRET} Bearer abcdef123")
    rows = [{"text": f"t{i}", "token": "hunter2hunter2", "expected_output": "x"} for i in range(8)]
    batch = fh.batch(rows, TELL, client=hive.client(), progress=False)
    assert batch.frame["status"].eq("completed").all()
    file = fh.compare(batch, score=lambda run: len(run.text) + (run.variant == "b")).report(tmp_path / f"x.{ending}")
    text = _all_text(file)
    assert "t3 " in text
    for secret in (SECRET, SECRET[4:], "hunter2", "abcdef123"):
        assert secret not in text


@pytest.mark.parametrize(("ending", "number"), [("html", 120), ("md", 8), ("xlsx", 8)])
def test_a_password_that_a_service_repeats_is_masked_in_a_report(tmp_path: Path, ending: str, number: int) -> None:
    """In errors, answers and the sentence, also where every row has a password of its own."""
    hive = LocalHive()

    def tell(text: str, token: str) -> str:
        if text == "t3":
            raise RuntimeError(f"no such user {token}, said the database")
        return f"{text} for {token}"

    def raising(run: fh.Run) -> bool:
        raise ValueError(f"cannot score {run.text}")

    for variant in "ab":
        hive.workflow("tell", variant=variant)(tell)
    rows = [{"text": f"t{i}", "token": f"hunter{i % number}secret", "expected_output": "x"} for i in range(number)]
    batch = fh.batch(rows, TELL, client=hive.client(), progress=False)
    assert "hunter3secret" in batch.failures["error"].iloc[0]
    text = _all_text(fh.compare(batch, score=lambda run: run.variant == "b").report(tmp_path / f"x.{ending}"))
    assert "t7 for" in text
    assert ("said the database" in text) == (ending != "md")  # which shows rows that differ
    assert not re.search("hunter[0-9]", text)
    dated = {"before": batch, "after": batch}
    text = _all_text(fh.compare(dated, score=raising).report(tmp_path / f"y.{ending}"))
    assert "cannot score t0 for" in text
    assert not re.search("hunter[0-9]", text)


def _all_text(file: Path) -> str:
    if file.suffix != ".xlsx":
        return file.read_text("utf-8")
    book = openpyxl.load_workbook(file)
    return "\n".join(str(cell.value) for sheet in book for line in sheet.iter_rows() for cell in line)


def test_markdown_holds_no_live_markup(hostile: fh.Comparison, tmp_path: Path) -> None:
    """A parser with HTML, links and tables on finds our own headings and tables, and nothing of a model's."""
    text = hostile.report(tmp_path / "x.md").read_text("utf-8")
    sentence, about = text.split("\n\n")[:2]
    assert sentence.startswith("# ")
    assert verdict_of(hostile.data).rpartition(" (")[2] in sentence
    assert about.startswith("Comparison of 2 variants on 8 rows by s")
    assert "## Significance tests" in text
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(text)
    flat = [*tokens, *(child for token in tokens for child in token.children or ())]
    kinds = {token.type for token in flat}
    assert kinds.isdisjoint({"html_block", "html_inline", "link_open", "image", "code_inline", "fence", "code_block"})
    headings = [flat[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[1:] == [
        "Significance tests", "Rows that differ", "Provenance", "Settings",
    ]  # fmt: skip
    for bare in ("@maintainer", "https://evil", "www.evil", "\x00"):
        assert bare not in text
    rendered = parser.render(text)
    assert "@maintainer" in rendered.replace("&#64;", "@")


@pytest.mark.parametrize("text", HOSTILE)
def test_an_escaped_text_reads_as_what_it_is(text: str) -> None:
    """In one line."""
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(f"| a |\n|---|\n| {escaped(text, 500)} |")
    (cell,) = re.findall(r"<td>(.*?)</td>", page, re.DOTALL)
    from html import unescape

    from fh_notebook.batching.rendering import one_line

    assert unescape(cell) == one_line(text, 500)


def test_a_workbook_has_sheets_of_values_and_no_formula(hostile: fh.Comparison, tmp_path: Path) -> None:
    """Summary, pairs, rows, about; what a spreadsheet would take for a formula has an apostrophe."""
    book = openpyxl.load_workbook(hostile.report(tmp_path / "x.xlsx"))
    assert book.sheetnames == ["summary", "pairs", "rows", "about"]
    cells = [cell for sheet in book for line in sheet.iter_rows() for cell in line if cell.value is not None]
    assert not [cell.coordinate for cell in cells if cell.data_type == "f"]
    assert not [cell.value for cell in cells if isinstance(cell.value, str) and cell.value.startswith("=")]
    rows = pd.read_excel(tmp_path / "x.xlsx", sheet_name="rows", engine="openpyxl")
    assert rows["row"].tolist() == list(range(8))
    assert rows["<b>bold</b>.output"][3] == "'" + HOSTILE[3]
    summary = pd.read_excel(tmp_path / "x.xlsx", sheet_name="summary", engine="openpyxl")
    assert summary["mean"].tolist() == pytest.approx(hostile.leaderboard()["mean"].tolist())
    about = dict(pd.read_excel(tmp_path / "x.xlsx", sheet_name="about", engine="openpyxl").values.tolist())
    assert hostile.verdict in (about["result"], about["result"].removeprefix("'"))


def test_a_long_number_of_a_row_keeps_its_digits_in_a_workbook(tmp_path: Path) -> None:
    """As a text: a sheet would round it, and two rows would be one."""
    ids = [12_345_678_901_234_567, 12_345_678_901_234_568]
    cmp = fh.compare(pd.DataFrame({"row": ids * 2, "variant": [*"aabb"], "s": [0, 1, 1, 1]}), score="s")
    sheet = openpyxl.load_workbook(cmp.report(tmp_path / "x.xlsx"))["rows"]
    assert [line[0].value for line in sheet.iter_rows(min_row=2)] == [str(number) for number in ids]


@pytest.mark.parametrize(
    ("name", "said"),
    [("x.pdf", "'.html', '.md' or '.xlsx'"), ("", "/answers.html"), ("no/x.md", "/no")],
)  # fmt: skip
def test_where_it_cannot_be_written_is_told(hostile: fh.Comparison, tmp_path: Path, name: str, said: str) -> None:
    """Before anything is."""
    with pytest.raises(fh.SettingsError, match=re.escape(said)):
        hostile.report(tmp_path / name)


@pytest.mark.parametrize("ending", ["html", "md", "xlsx"])
def test_a_comparison_of_anything_can_be_reported(tmp_path: Path, ending: str) -> None:
    """One variant, no score, no row that differs, two dates."""
    frame = pd.DataFrame({"row": range(3), "variant": "a", "s": 1.0})
    sources: list[tuple[Any, Any]] = [
        (frame, "s"),
        (frame.assign(output="x"), None),
        (frame.head(0), "s"),
        ({"monday": frame, "today": frame}, "s"),
    ]
    for source, score in sources:
        assert fh.compare(source, score=score).report(tmp_path / f"x.{ending}").stat().st_size > 300


def test_a_report_replaces_the_one_before_as_a_whole(hostile: fh.Comparison, tmp_path: Path) -> None:
    """And leaves nothing else behind."""
    (tmp_path / "x.md").write_text("as it was")
    hostile.report(tmp_path / "x.md")
    assert "as it was" not in (tmp_path / "x.md").read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["x.md"]


def test_a_row_may_be_called_infinity(tmp_path: Path) -> None:
    """JSON has no such number, so a report has it as a text."""
    frame = pd.DataFrame({"row": [float("inf")] * 2, "variant": ["a", "b"], "s": [0, 1]})
    assert "Infinity" in fh.compare(frame, score="s").report(tmp_path / "x.html").read_text("utf-8")


def test_a_new_column_shows_in_tables_and_displays_with_its_heading_and_text() -> None:
    """Its value may be computed from the line; a display can show other cells in place of a column."""
    share = ReportColumn(
        name="share", head="scored", format=same(percent), value=lambda line: line.n / (line.n + line.failed)
    )
    line = SummaryLine(
        variant="a", n=3, missing=0, failed=1, mean=0.5, ci_low=0.1, ci_high=0.9, median=0.5, p50_s=1.0, p95_s=2.0,
        interval="blaker", rows=3, charged=4,
    )  # fmt: skip
    table = table_of([*SUMMARY, share], [line])
    assert table["share"].tolist() == [0.75]
    head, cells = shown_table([*SUMMARY, share], table, {"ci_low": Cells(("a", "b"), lambda line: (1, 2))})
    assert head[5:8] == ["a", "b", "to"]
    assert cells[0][5:8] == [1, 2, "0.900"]
    assert (head[-1], cells[0][-1]) == ("scored", "75 %")


def test_the_rows_have_the_order_of_the_summary_above_them(tmp_path: Path) -> None:
    """Best first, in a page with and without scripts and in Markdown, as in a notebook."""
    lines = [
        {"row": row, "variant": variant, "output": f"of-{variant}", "s": score}
        for row in range(8)
        for variant, score in (("first", 0), ("second", 1), ("third", int(row < 4)))
    ]
    cmp = fh.compare(pd.DataFrame(lines), score="s")
    page = cmp.report(tmp_path / "x.html").read_text()
    markdown = cmp.report(tmp_path / "x.md").read_text()
    best_first = ["second", "third", "first"]
    chips = re.findall(r'value="won:(\d)"[^>]*>only (\S+) right<', page)
    assert chips == [(str(cmp.data.variants.index(name)), name) for name in best_first]
    data = json.loads(Page(page).inside["script"][0])
    assert data["variants"] == best_first
    heads = re.findall('<th scope="col">.*?</th>', page.split('id="rows"')[1])
    named = [re.search('class="fh-unbroken".*<bdi>([^<]*)</bdi>', head) for head in heads]
    assert [found[1] for found in named if found] == best_first  # in one line each
    assert [run["output"] for run in data["rows"][0]["runs"]] == [f"of-{name}" for name in best_first]
    for rows in (page.split('id="rows"')[1].split("</main>")[0], markdown.split("## Rows that differ")[1]):
        shown = [name for name in re.findall("of-(first|second|third)", rows) if name]
        assert shown[:3] == best_first


def test_the_direction_of_a_text_has_one_source() -> None:
    """For the scripts of widgets and for that of a report."""
    folder = files("fh_notebook")
    assert isinstance(folder, Path)
    defined = [path.name for path in folder.rglob("*.js") if "const directionOf" in path.read_text("utf-8")]
    assert defined == ["text.js"]
    assert "directionOf" in folder.joinpath("comparing/report/report.js").read_text("utf-8")
