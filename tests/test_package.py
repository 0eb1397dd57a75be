"""The package as a whole: its names, its errors, its hooks, and what importing it costs."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook import errors
from fh_notebook.core import hooks

ROOM = Path(fh.__file__).parent


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    """Every module of the package, parsed once for all tests of this file."""
    return {file: ast.parse(file.read_text("utf-8")) for file in sorted(ROOM.rglob("*.py"))}


def test_public_names_are_sorted_complete_and_there() -> None:
    """`__all__` is what can be fetched, in order, and tab completion shows it."""
    assert fh.__all__ == sorted(fh.__all__)
    assert len(set(fh.__all__)) == len(fh.__all__)
    for name in fh.__all__:
        assert getattr(fh, name) is not None or name == "UNSET"
        assert name in dir(fh)
    assert {"__version__", "load_ipython_extension", "unload_ipython_extension"} <= set(dir(fh))


def test_every_error_is_in_the_drawing_and_the_drawing_is_the_tree() -> None:
    """The tree in the module's docstring has every class, under its parent."""
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ((?:[│ ]   )*)(?:[├└]── )?(\w+)", line)
        if found and hasattr(errors, found[2]) and not line.startswith("     " * 3 + " "):
            depth = 0 if line[4] not in "├└│ " else 1 + len(found[1]) // 4
            path[depth:] = [found[2]]
            drawn[found[2]] = path[depth - 1] if depth else "Exception"
    real = {name: getattr(errors, name).__bases__[0].__name__ for name in errors.__all__}
    assert drawn == real
    assert errors.__all__ == sorted(errors.__all__)


def _functions_of(protocol: type) -> dict[str, inspect.Signature]:
    """Return the functions of a hook's protocol, without ``self``."""
    written = {name: value for name, value in vars(protocol).items() if inspect.isfunction(value) and name[0] != "_"}
    signatures = {name: inspect.signature(value) for name, value in written.items()}
    return {name: s.replace(parameters=list(s.parameters.values())[1:]) for name, s in signatures.items()}


@pytest.mark.parametrize("protocol", hooks.HOOKS, ids=lambda protocol: protocol.__name__)
def test_a_hook_has_the_functions_of_its_protocol(protocol: type) -> None:
    """Each can be called as the protocol says: with its parameters, by name where it names them."""
    module = importlib.import_module(hooks.HOOKS[protocol])
    assert _functions_of(protocol)
    for name, called in _functions_of(protocol).items():
        function = getattr(module, name)
        positional = [p.name for p in called.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        named = {p.name: None for p in called.parameters.values() if p.kind is p.KEYWORD_ONLY}
        inspect.signature(function).bind(*positional, **named)


def test_there_are_few_hooks_and_nobody_else_imports_by_name() -> None:
    """What can be an argument is none; one module has them all."""
    assert len(hooks.HOOKS) <= 8
    for file in ROOM.rglob("*.py"):
        if file.name in ("hooks.py", "__init__.py"):
            continue
        source = file.read_text("utf-8")
        assert "import_module" not in source or file.relative_to(ROOM).parts[0] in ("local", "cli"), (
            file
        )  # serve loads a user's file


def test_importing_and_loading_are_light_and_silent() -> None:
    """`import fh_notebook`, `%load_ext` and the names of calls and forms print nothing and load no heavy library."""
    script = """
import sys
import fh_notebook
heavy = "pandas numpy ipywidgets matplotlib scipy nest_asyncio starlette uvicorn httpx jsonschema jsonschema_rs IPython ruamel.yaml".split()
assert not [m for m in heavy if m in sys.modules], [m for m in heavy if m in sys.modules]
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_line_magic("load_ext", "fh_notebook")
shell.run_line_magic("reload_ext", "fh_notebook")
new = [m for m in heavy if m in sys.modules and m not in before]
assert not new, new
assert "fetchhive" in shell.magics_manager.magics["cell"]
shell.run_line_magic("unload_ext", "fh_notebook")
assert "fetchhive" not in shell.magics_manager.magics["cell"]
fh_notebook.Client, fh_notebook.Deployment, fh_notebook.form, fh_notebook.invoke
new = [m for m in heavy if m in sys.modules and m not in before]
assert not new, new
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def _modules() -> list[str]:
    return [m.name for m in pkgutil.walk_packages([str(ROOM)], "fh_notebook.") if "_notebooks" not in m.name]


@pytest.mark.long
def test_public_functions_survive_the_import_of_every_module_in_both_orders() -> None:
    """No room hides a public function: after importing everything, in either order, each name is still callable."""
    for order in ("", "reversed"):
        script = f"""
import importlib, inspect
names = {_modules()!r}
for name in ({order}(names) if {bool(order)} else names):
    importlib.import_module(name)
import fh_notebook as fh
for name in fh.__all__:
    value = getattr(fh, name)
    assert not inspect.ismodule(value) or name in ("local", "score", "store"), name
fh.configure(timeout=5)
assert fh.Deployment("d", inputs={{"a": fh.text(), "b": fh.integer(default=1)}}).variable_names == ["a", "b"]
assert fh.verify_signature(b"", "", "") is False
assert fh.parse_event(b"").status == "unknown"
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_no_module_is_called_like_a_public_function() -> None:
    """`fh.batch` is a function and `batching` a room: the names stay apart."""
    modules = {name.rpartition(".")[2] for name in _modules() if name.count(".") == 1}
    assert modules & set(fh.__all__) == {"local", "score", "store"}


def test_every_file_states_its_rule(trees: dict[Path, ast.Module]) -> None:
    """Every module has a docstring."""
    assert [file for file, tree in trees.items() if not ast.get_docstring(tree)] == []


def test_no_file_begins_with_a_relative_clause() -> None:
    """The docstring of a module begins with a noun phrase or an imperative, in the package and in its tests alike."""
    relative = re.compile(r'[^\n]*"""(What|Which|Who|Whose|Whom|How|Where|When|Why|Whatever|Whoever|Whether|That)\b')
    root = ROOM.parent
    files = [file for folder in ("fh_notebook", "tests", ".github") for file in (root / folder).rglob("*.py")]
    assert len(files) > 600
    assert [str(file.relative_to(root)) for file in files if relative.match(file.read_text("utf-8"))] == []


@pytest.mark.parametrize("name", [n for n in errors.__all__ if n != "FetchHiveError"])
def test_errors_of_ours_are_one_line_in_a_notebook(name: str) -> None:
    """IPython asks for the lines of a traceback: it gets one, and all frames when the user wants them."""
    error = getattr(errors, name)("what happened")
    assert error._render_traceback_() == [f"{name}: what happened"]
    fh.configure(tracebacks="full")
    assert not hasattr(error, "_render_traceback_")


@pytest.mark.parametrize(
    "package", ["batching", "client", "local", "monitoring", "racing", "scaling", "session", "store"]
)
def test_a_class_is_complete_in_its_file(package: str) -> None:
    """It holds its parts, and has no half in another file of its package that it is put together with."""
    modules = [
        ".".join(file.relative_to(ROOM.parent).with_suffix("").parts)
        for file in sorted((ROOM / package).rglob("*.py"))
        if file.name != "__init__.py"
    ]
    spread = [
        f"{cls.__module__}.{cls.__name__} of {base.__module__}.{base.__name__}"
        for module in modules
        for cls in vars(importlib.import_module(module)).values()
        if isinstance(cls, type) and cls.__module__ == module
        for base in cls.__bases__
        if base.__module__.startswith(f"fh_notebook.{package}.") and base.__module__ != cls.__module__
    ]
    assert spread == []


PACKAGES = sorted(init.parent.name for init in ROOM.glob("*/__init__.py") if init.parent.name != "_notebooks")


@pytest.mark.parametrize("package", PACKAGES)
def test_an_init_has_a_short_docstring_and_re_exports_only(package: str, trees: dict[Path, ast.Module]) -> None:
    """It says what the package is and where to start; whatever is defined is in a module."""
    for file in (ROOM / package).rglob("__init__.py"):
        tree = trees[file]
        assert len((ast.get_docstring(tree) or "").splitlines()) <= 10, file
        for statement in tree.body[1:]:
            assert isinstance(statement, ast.ImportFrom) or ast.unparse(statement).startswith("__all__ = "), file


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_can_be_taken_in_at_a_glance(package: str) -> None:
    """It has 15 entries at most; `contract` has one more, a schema whose path the guide gives."""
    for folder in [ROOM / package, *(f for f in (ROOM / package).rglob("*") if f.is_dir() and f.name != "__pycache__")]:
        entries = [e for e in folder.iterdir() if e.name != "__pycache__"]
        assert len(entries) <= 15 + (folder.name == "contract"), folder


def test_the_root_can_be_taken_in_at_a_glance() -> None:
    """It has the packages, and what Python, type checkers, pytest and ``import fh_notebook.score`` look for there."""
    packages = {entry.name for entry in ROOM.iterdir() if entry.is_dir() and entry.name != "__pycache__"}
    files = {entry.name for entry in ROOM.iterdir() if entry.is_file()}
    assert len(packages) <= 13
    assert files == {
        "__init__.py",
        "__init__.pyi",
        "py.typed",
        "version.py",
        "errors.py",
        "score.py",
        "pytest_plugin.py",
    }


def test_the_root_defines_only_what_python_and_ipython_call(trees: dict[Path, ast.Module]) -> None:
    """All else is re-exported from the module that has it."""
    tree = trees[ROOM / "__init__.py"]
    assert len((ast.get_docstring(tree, clean=True) or "").partition("Examples")[0].strip().splitlines()) <= 10
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert defined <= {"__getattr__", "__dir__", "load_ipython_extension", "unload_ipython_extension"}


def test_what_a_docstring_says_is_raised_exists(trees: dict[Path, ast.Module]) -> None:
    """Each name below "Raises" is a class of this package, of Python, or of a library that the module names."""
    sources = {file: file.read_text("utf-8") for file in sorted(ROOM.rglob("*.py")) if "_notebooks" not in file.parts}
    ours = {cls for source in sources.values() for cls in re.findall(r"^class (\w+)", source, re.MULTILINE)}
    unknown = [
        f"{file.relative_to(ROOM)}: {name}"
        for file, source in sources.items()
        if "Raises\n" in source
        for node in ast.walk(trees[file])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for raised in re.findall(
            r"\nRaises\n------\n(.*?)(?:\n\w[^\n]*\n---|\Z)", ast.get_docstring(node) or "", re.DOTALL
        )
        for line in re.findall(r"^(\w[\w., ]*)$", raised, re.MULTILINE)
        for name in line.split(", ")
        if name.rpartition(".")[2] not in ours
        and not hasattr(builtins, name)
        and not re.search(rf"(?:import|from) .*\b{name.partition('.')[0]}\b", source)
    ]
    assert unknown == []
