"""What the pages of the documentation say of the code is what the code says."""

import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

import callscope
import callscope.errors
import callscope.testing
from callscope.read.formats import SUFFIXES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def script(name):
    """Return a script of the documentation as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


def entries(name):
    """Return what a page of the reference is made of."""
    return re.findall(r"^::: (\S+)$", page(name), re.MULTILINE)


class TestTheReference:
    """Nothing public is left out, and nothing on a page is gone."""

    def test_all_that_is_public(self):
        """Each name of the package has an entry, and one only."""
        listed = [name.removeprefix("callscope.") for name in entries("reference/api.md")]
        public = {*callscope.__all__} - {"__version__"}
        assert sorted(name for name in listed if "." not in name) == sorted(public)
        assert "`callscope.__version__`" in page("reference/api.md")

    def test_all_of_testing(self):
        """And of what tests import."""
        listed = {name.rpartition(".")[2] for name in entries("reference/testing.md")}
        assert {*callscope.testing.__all__} <= listed

    def test_all_errors_and_warnings(self):
        """And each class that may be raised or warned with."""
        written = {
            name
            for name, value in vars(callscope.errors).items()
            if isinstance(value, type) and value.__module__ == "callscope.errors"
        }
        listed = [name.rpartition(".")[2] for name in entries("reference/errors.md")]
        assert sorted([*listed, "CallscopeError", "CallscopeWarning"]) == sorted(written)
        assert written == {*callscope.errors.__all__}

    @pytest.mark.parametrize("name", ["api", "testing", "errors"])
    def test_each_entry_is_there(self, name):
        """What is no constant has a docstring of its own."""
        for entry in entries(f"reference/{name}.md"):
            path, _, attribute = entry.rpartition(".")
            found = getattr(importlib.import_module(path), attribute)
            if callable(found):
                assert found.__doc__, entry

    def test_environment_variables(self):
        """Each variable that the code names is on the page, and no other."""
        code = "".join(p.read_text("utf-8") for p in (ROOT / "src").glob("**/*.py"))
        named = set(re.findall(r'"(CALLSCOPE(?:_[A-Z]+)?)"', code))
        told = re.findall(r"^\| `(\w+)` \|", page("reference/environment.md"), re.MULTILINE)
        assert sorted(told) == sorted(named)


class TestGeneratedPages:
    """``python docs/generate.py`` would change nothing."""

    generate = script("generate")

    @pytest.mark.parametrize("path", generate.pages(), ids=lambda path: path.stem)
    def test_it_is_up_to_date(self, path):
        """A page that is made from the code is made from this code."""
        assert path.read_text(encoding="utf-8") == self.generate.pages()[path]

    def test_the_command_line_is_what_help_says(self):
        """All options, with the very words of ``--help``."""
        sections = re.split(
            r"^## callscope ([\w-]+)$", page("reference/cli.md"), flags=re.MULTILINE
        )[1:]
        for command, section in zip(sections[::2], sections[1::2], strict=True):
            shown = help_of(command)
            rows = re.findall(r"^\| (`.+?) \| (.+) \|$", section, re.MULTILINE)
            for names, text in rows:
                assert plain(text) in shown
                for name in re.findall(r"`(\S+)", names):
                    assert name.strip("`,") in shown
            options = {*re.findall(r"(?<![\w-])--[a-z-]+", shown)} - {"--help"}
            assert options == {*re.findall(r"`(--[a-z-]+)", section)}
        assert set(sections[::2]) == set(re.findall(r"^    ([a-z][\w-]*)", help_of(), re.MULTILINE))

    def test_the_schema_is_whole(self):
        """Each kind of line has its section, and each key its row."""
        schema = callscope.event_schema()
        sections = re.split(r"^## (\w+)$", page("reference/events.md"), flags=re.MULTILINE)[1:]
        told = dict(zip(sections[::2], sections[1::2], strict=True))
        assert {*told} == {*schema["properties"]["kind"]["enum"], "event"}
        for kind, section in told.items():
            keys = {*schema["$defs"][kind].get("properties", ())} - {"v", "kind"}
            assert keys <= {*re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)}


def help_of(*command):
    words = [sys.executable, "-m", "callscope", *command, "--help"]
    env = os.environ | {"COLUMNS": "10000", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(words, check=True, capture_output=True, encoding="utf-8", env=env)
    return done.stdout


def plain(markdown):
    return re.sub(r"[`\\]", "", markdown)


class TestTheRest:
    """Pages that are written by hand, and what they are bound to."""

    def test_the_layers_are_those_of_the_contract(self):
        """The picture has the modules of import-linter's contract, in its order, all connected."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        contract = project["tool"]["importlinter"]["contracts"][0]
        picture = re.search(
            r"```mermaid\nflowchart TB\n(.*?)```", page("how-it-works.md"), re.DOTALL
        )[1]
        boxes = re.findall(r'subgraph (G\d+) \[".+"\]\n +direction LR\n +(.+)\n +end\n', picture)
        rows = [row.split(" --> ") for _, row in boxes]
        drawn = [re.fullmatch(r'L(\d+)\["(.+)"\]', node).groups() for row in rows for node in row]
        assert [label.split(" · ") for _, label in drawn] == [
            layer.split(" | ") for layer in contract["layers"]
        ]
        assert [int(number) for number, _ in drawn] == [*range(len(drawn))]
        assert picture.splitlines()[-1].strip() == " --> ".join(box for box, _ in boxes)

    def test_the_suffixes_of_files(self):
        """The table of formats has each suffix, and no other."""
        table = re.findall(r"^\| (`\..+?) \|", page("files.md"), re.MULTILINE)
        told = [suffix for cell in table for suffix in re.findall(r"`(\S+)`", cell)]
        assert sorted(told) == sorted(SUFFIXES)

    def test_the_findings(self):
        """The table of findings has each that the code can make, and no other."""
        folder = ROOT / "src" / "callscope" / "read" / "findings"
        code = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
        made = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', code)) - {"site-packages", "dist-packages"}
        told = re.findall(r"^\| `([a-z-]+)` \|", page("findings.md"), re.MULTILINE)
        assert sorted(told) == sorted(made)

    def test_the_glossary(self):
        """Words in order, with one sentence each."""
        words = re.findall(r"^- \*\*(.+)\*\*: (.+(?:\n  .+)*)$", page("glossary.md"), re.MULTILINE)
        assert [word for word, _ in words] == sorted(word for word, _ in words)
        assert page("glossary.md").count("\n- ") == len(words)
        for _, meaning in words:
            assert re.findall(r"[.!?](?=\s|$)", meaning) == ["."]
            assert meaning.endswith(".")

    def test_every_page_is_in_the_menu(self):
        """And the menu names no other."""
        config = (ROOT / "properdocs.yml").read_text("utf-8")
        menu = re.findall(r"^ +- .+: (\S+\.md)$", config, re.MULTILINE)
        pages = [path.relative_to(DOCS).as_posix() for path in DOCS.glob("**/*.md")]
        assert sorted(menu) == sorted(pages)


class TestLinksOutOfTheSite:
    """To what is in the repository and no page."""

    pages = script("site_pages")

    def rewritten(self, text, repo_url=None):
        where = SimpleNamespace(src_path="files.md", abs_src_path=str(DOCS / "files.md"))
        config = SimpleNamespace(docs_dir=str(DOCS), repo_url=repo_url)
        return self.pages.on_page_markdown(text, page=SimpleNamespace(file=where), config=config)

    def test_they_lead_to_the_repository(self):
        """A file is shown as one there, a folder as a folder."""
        text = self.rewritten("[a](../noxfile.py), [b](../examples)", "https://example.org/r/")
        assert text == (
            "[a](https://example.org/r/blob/main/noxfile.py),"
            " [b](https://example.org/r/tree/main/examples)"
        )

    def test_without_a_repository_their_text_stays(self):
        """No link that leads nowhere is made."""
        assert self.rewritten("see [a](../noxfile.py).") == "see a."

    def test_links_within_are_left(self):
        """Also those that go up and down again."""
        text = "[a](sinks.md#check-it) [b](../docs/sinks.md) ![c](images/html-dark.png)"
        assert self.rewritten(text, "https://example.org/r") == text

    def test_what_is_not_there_is_warned_of(self, caplog):
        """Which fails a strict build."""
        self.rewritten("[a](../no_such_file.py)")
        self.rewritten(
            '<picture><source media="x" srcset="a.png"><img src="images/b.png"></picture>'
        )
        self.rewritten('<img alt="c" src="images/html-dark.png">')
        assert caplog.messages == [
            "files.md: there is no file ../no_such_file.py",
            "files.md: there is no picture a.png",
            "files.md: there is no picture images/b.png",
        ]
