"""Tab in a real IPython shell and in a real kernel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import fh_notebook as fh
from fh_notebook.notebook.completion.matcher import IDENTIFIER, register
from fh_notebook.session import session
from tests import environment
from tests.ipython_shell import open_shell
from tests.kernel import Kernel

CATALOGUE = """\
deployments:
  mail-writer:
    variants: [short, long]
    inputs:
      topic: {type: string}
"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real shell with the extension loaded, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    with open_shell() as shell:
        shell.run_line_magic("load_ext", "fh_notebook")
        yield shell


def tab(shell: InteractiveShell, before: str, after: str = "") -> tuple[list[str], str, set[str]]:
    """Press Tab between `before` and `after`: the candidates, the text that they replace, and whose they are."""
    with provisionalcompleter(), capture_output() as said:
        found = list(shell.Completer.completions(before + after, len(before)))
    assert said.stdout + said.stderr == ""
    assert {c.end for c in found} <= {len(before)}
    assert len({c.start for c in found}) <= 1
    replaced = before[found[0].start :] if found else ""
    return [c.text for c in found], replaced, {c._origin for c in found}


def matchers(shell: InteractiveShell) -> list[str]:
    """The identifiers of the shell's added matchers."""
    return [getattr(m, "matcher_identifier", "?") for m in shell.Completer.custom_matchers]


@pytest.mark.parametrize("use_jedi", [True, False])
def test_only_our_candidates_show_in_their_order(shell: InteractiveShell, use_jedi: bool) -> None:
    """With and without jedi: names of Python, files and magics are not mixed in."""
    shell.Completer.use_jedi = use_jedi
    shell.run_cell("ticket_list = [{'ticket': 'late', 'case no': 1}]\ntone = 1")
    line = "%%fetchhive support-triage -v keywords"
    assert tab(shell, "%%fetchhive sup") == (["support-triage"], "sup", {IDENTIFIER})
    assert tab(shell, line + " -v ") == (["nearest"], "", {IDENTIFIER})
    assert tab(shell, line + " --over t") == (["ticket_list"], "t", {IDENTIFIER})
    assert tab(shell, line + "\nt") == (["ticket: ", "tone: ", "tags: "], "t", {IDENTIFIER})
    assert tab(shell, line + "\ntone: ") == (["calm", "brief", "null"], "", {IDENTIFIER})
    over = line + " --over ticket_list"
    assert tab(shell, over + " --score exact:ca") == (["'exact:case no'"], "exact:ca", {IDENTIFIER})
    assert tab(shell, "x = 1\n%fetchhive desc") == (["describe"], "desc", {IDENTIFIER})
    assert tab(shell, "%fetchhive describe s", "\nx = 1") == (["support-triage"], "s", {IDENTIFIER})


def test_the_older_door_gives_the_same(shell: InteractiveShell) -> None:
    """`shell.complete`, which knows one line only, completes the line."""
    line = "%%fetchhive support-triage --sh"
    with pytest.warns(PendingDeprecationWarning):
        assert shell.complete("", line, len(line)) == ("--sh", ["--show"])
    line = "%%fetchhive support-triage --out a"
    with pytest.warns(PendingDeprecationWarning):
        assert shell.complete("", line, len(line))[1] == []


def test_what_is_not_ours_is_left_to_ipython(shell: InteractiveShell) -> None:
    """Python cells complete as before, and so do names and attributes inside an expression and the magic's own name."""
    shell.run_cell("some_value = 'x'\nclass Holder:\n    first = 1\nholder = Holder()")
    assert tab(shell, "some_v")[0] == ["some_value"]
    assert tab(shell, "%%fetchhive refund\nx: {{ holder.fir")[0] == ["first"]
    assert "some_value" in tab(shell, "%%fetchhive refund\nx: {{ some_v")[0]
    assert "%%fetchhive" in tab(shell, "%%fetchh")[0]


@pytest.mark.parametrize("use_jedi", [True, False])
@pytest.mark.parametrize(
    "before",
    [
        "%%fetchhive support-triage --out ",
        "%%fetchhive support-triage --out a",
        "%%fetchhive support-triage --metadata a",
        "%%fetchhive support-triage -v i",
        "%%fetchhive zzz",
        "%%fetchhive support-triage\nticket: Parcel la",
        "%%fetchhive support-triage\nticket: |\n  pri",
        '%%fetchhive support-triage\n{"pri',
        "%%fetchhive not-known\nimp",
        "%%fetchhive not-known\n",
        "%fetchhive history -n ",
        "%fetchhive zzz i",
    ],
)
def test_where_we_have_nothing_nobody_else_has(shell: InteractiveShell, before: str, use_jedi: bool) -> None:
    """`and`, `if`, `%alias`, `print` and files fill no option and no text: there, Tab does nothing."""
    shell.Completer.use_jedi = use_jedi
    assert tab(shell, before) == ([], "", set())


def test_one_matcher_however_often_it_is_loaded(shell: InteractiveShell) -> None:
    """Loading again and reloading keep exactly one; unloading takes it out; another's stays."""

    def another(text: str) -> list[str]:
        return []

    shell.Completer.custom_matchers.append(another)
    assert sorted(matchers(shell)) == ["?", IDENTIFIER]
    for line in ("load_ext", "reload_ext", "reload_ext"):
        with capture_output():
            shell.run_line_magic(line, "fh_notebook")
        assert sorted(matchers(shell)) == ["?", IDENTIFIER]
    fh.load_ipython_extension(shell)
    assert sorted(matchers(shell)) == ["?", IDENTIFIER]
    shell.run_line_magic("unload_ext", "fh_notebook")
    assert matchers(shell) == ["?"]
    assert IDENTIFIER not in tab(shell, "%%fetchhive sup")[2]
    shell.run_line_magic("load_ext", "fh_notebook")
    assert tab(shell, "%%fetchhive sup")[0] == ["support-triage"]


def test_a_shell_without_the_api_is_left_alone() -> None:
    """The matcher API is provisional: without it, loading works and Tab is IPython's."""

    completer = SimpleNamespace()
    register(SimpleNamespace(Completer=completer))
    assert vars(completer) == {}
    register(object())


def test_a_key_is_not_asked_for_and_nothing_is_told(shell: InteractiveShell) -> None:
    """Without a key the local hive's names are known and no notice appears; with one, nothing of the local hive."""
    assert tab(shell, "%%fetchhive sup")[0] == ["support-triage"]
    assert session._state.client is None
    fh.configure(api_key="fhk_0123456789abcdef", base_url="http://127.0.0.1:9/v1")
    assert tab(shell, "%%fetchhive sup")[0] == []


def test_the_catalogue_is_known_and_a_broken_one_harms_nothing(shell: InteractiveShell, tmp_path: Path) -> None:
    """Its deployments, variants and variables complete; while it cannot be read, options still do."""
    file = tmp_path / "fetchhive.yaml"
    file.write_text(CATALOGUE)
    assert tab(shell, "%%fetchhive mail")[0] == ["mail-writer"]
    assert tab(shell, "%%fetchhive mail-writer -v ")[0] == ["short", "long"]
    assert tab(shell, "%%fetchhive mail-writer\nto")[0] == ["topic: "]
    file.write_text("deployments: [not: closed")
    assert tab(shell, "%%fetchhive mail-writer --sh")[0] == ["--show"]
    assert tab(shell, "%%fetchhive mail")[0] == []


@pytest.mark.long
def test_loading_brings_in_no_machinery(tmp_path: Path) -> None:
    """What completes is imported with the first Tab in a cell of ours, not with the extension, and
    not by other cells.
    """
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'fh_notebook')\n"
        "shell.Completer._complete(full_text='impor', cursor_line=0, cursor_pos=5)\n"
        "print(sorted(m for m in sys.modules if m.startswith('fh_notebook.')))\n"
        "shell.Completer._complete(full_text='%%fetchhive ', cursor_line=0, cursor_pos=12)\n"
        "print('pandas' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment.for_process(tmp_path), cwd=tmp_path, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    loaded, pandas = done.stdout.splitlines()
    assert "fh_notebook.notebook.completion.matcher" in loaded
    assert "fh_notebook.notebook.completion.completer" not in loaded
    assert "fh_notebook.session" not in loaded
    assert pandas == "False"
    assert done.stderr == ""


# ------------------------------------------------------------------ a kernel


def replies(kernel: Kernel, before: str, after: str = "") -> tuple[list[str], str, list[Any]]:
    """Press Tab in a page: the candidates, the text that they replace, and their types."""
    reply = kernel.complete(before + after, len(before))
    assert reply["status"] == "ok"
    kinds = [one["type"] for one in reply["metadata"]["_jupyter_types_experimental"]]
    assert reply["cursor_end"] == len(before)
    return reply["matches"], before[reply["cursor_start"] :], kinds


def test_a_kernel_replies_with_the_place_and_the_types(kernel: Kernel) -> None:
    """The whole cell comes with the cursor inside; the reply says what is replaced, also behind characters of two
    words.
    """
    assert (
        kernel.run("%load_ext fh_notebook\nimport pandas as pd\ntickets = pd.DataFrame({'ticket': ['a'], 'b c': 1})")
        == ""
    )
    line = "%%fetchhive support-triage --over tickets"
    assert replies(kernel, "%%fetchhive sup") == (["support-triage"], "sup", ["deployment"])
    assert replies(kernel, line + " --sh", " -v keywords\nticket: x") == (["--show"], "--sh", ["option"])
    assert replies(kernel, line + " --variant=ke", "\n\n") == (["keywords"], "ke", ["variant"])
    assert replies(kernel, line + " --score exact:b", "\nticket: x") == (["'exact:b c'"], "exact:b", ["column"])
    assert replies(kernel, line + "\nticket: 🐝\nto", "\ntags: []") == (["tone: "], "to", ["variable"])
    assert replies(kernel, "x = 1\n%fetchhive descr", "\ny = 2") == (["describe"], "descr", ["command"])
    assert replies(kernel, line + " --out ") == ([], "", [])
    assert replies(kernel, line + "\nticket: pri") == ([], "", [])
    assert kernel.run("1") == "1"
    assert "Traceback" not in kernel.log
