"""The shape of the source: its folders, its imports and how its docstrings begin."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from callscope.recording import termination

SOURCE = Path(__file__).parents[2] / "src"
PACKAGE = SOURCE / "callscope"
SCRIPTS = {"sitecustomize", "hook-callscope"}
"""Modules that are run by somebody else, and that nothing imports."""
MOST_ENTRIES = 14
MOST_QUESTIONS = 5
"""Docstrings in a hundred that may open with a question word."""
QUESTION = re.compile(r"(What|How|Which|Whether|Who|Whose|Where|When|Why)(ever|soever)?\b")
IS_NO = re.compile(r"(?<!\b[Tt]here\s)\b(?:is|are|was|were)\s+no\s+(?!longer\b)\w+")


def modules() -> dict[str, Path]:
    """Return the files of all modules by dotted name."""
    named = {}
    # Extension modules are known by their stubs.
    for path in (*PACKAGE.rglob("*.pyi"), *PACKAGE.rglob("*.py")):
        if path.stem not in SCRIPTS:
            parts = path.relative_to(SOURCE).with_suffix("").parts
            named[".".join(part for part in parts if part != "__init__")] = path
    return named


def imported(tree: ast.AST, known: dict[str, Path]) -> Iterator[str]:
    """Yield what a module imports: at its top, in functions, for type checkers, and by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in known else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(":")[0]
            if name in known and name != "callscope":
                yield name


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """The modules that each module imports."""
    known = modules()
    return {
        name: {*imported(ast.parse(path.read_text("utf-8")), known)} & {*known} - {name}
        for name, path in known.items()
    }


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that are left when those that import no other are taken away in turn."""
    left = {name: set(others) for name, others in graph.items()}
    while free := {name for name, others in left.items() if not others}:
        left = {name: others - free for name, others in left.items() if name not in free}
    return sorted(left)


def test_circles_are_found():
    """Those that lead nowhere are none."""
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"a"}, "c": set()}) == ["a", "b"]


def test_no_import_circle(graph):
    """Of no kind: imports in functions, for type checkers and by name count, too."""
    assert len(graph) > 100
    assert circles(graph) == []


def test_the_folders():
    """Few entries stand at the top: the list of folders is the pipeline."""
    entries = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    entries.discard("__pycache__")
    assert len(entries) <= MOST_ENTRIES


def docstrings(tree: ast.AST) -> Iterator[str]:
    """Yield the docstrings of a module, its classes, functions, attributes and constants."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield ast.get_docstring(node) or ""
        body = getattr(node, "body", None)
        for before, after in pairwise(body) if isinstance(body, list) else ():
            if isinstance(before, (ast.Assign, ast.AnnAssign)) and isinstance(after, ast.Expr):
                value = after.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def test_docstrings_open_with_what_they_describe():
    """With a noun phrase or an imperative, not with a question word."""
    every = [
        d for path in modules().values() for d in docstrings(ast.parse(path.read_text("utf-8")))
    ]
    asking = [docstring.partition("\n")[0] for docstring in every if QUESTION.match(docstring)]
    assert len(every) > 1_000
    assert 100 * len(asking) <= MOST_QUESTIONS * len(every), asking


def option_errors(tree: ast.AST) -> Iterator[str]:
    """Yield the source of the message of each `OptionError` that a module raises."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            messages: dict[str, list[ast.expr]] = {}
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    messages.setdefault(node.targets[0].id, []).append(node.value)
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "OptionError":
                    message = node.args[0]
                    given = messages[message.id] if isinstance(message, ast.Name) else [message]
                    yield from map(ast.unparse, given)


def test_option_errors_say_what_must_be():
    """The message of an `OptionError` says "must be", or is made by `must_be`."""
    trees = [ast.parse(path.read_text("utf-8")) for path in modules().values()]
    messages = [message for tree in trees for message in option_errors(tree)]
    assert len(messages) > 30
    assert [m for m in messages if "must be " not in m and "must_be(" not in m] == []


def test_no_thing_is_no_other():
    """Neither the source nor a page says "is no X": it says "is not an X"."""
    root = SOURCE.parent
    files = [f for s in ("py", "c", "h", "js", "json", "html") for f in PACKAGE.rglob(f"*.{s}")]
    files += [root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]
    found = [(file.name, m[0]) for file in files for m in IS_NO.finditer(file.read_text("utf-8"))]
    assert len(files) > 250
    assert found == []


def test_modules_that_others_name():
    """Lists of modules name those that there are."""
    hook = (PACKAGE / "tools" / "pyinstaller" / "hook-callscope.py").read_text("utf-8")
    left_out = re.search(r"for name in \((.*?)\)", hook)[1]
    tools = [f"callscope.tools.{name}" for name in re.findall(r'"(\w+)"', left_out)]
    assert len(tools) == 4
    assert {*tools, *termination._OWN} <= {*modules()}
