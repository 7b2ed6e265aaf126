"""The examples of the documentation run: each page's, in order, as one program.

Fenced blocks of ``python`` run, and so do the commands of ``console`` blocks. A comment before a
block says more of it:

- ``<!-- needs: keras torch -->``: modules without which the block is left out; on the first line
  of a page, without which the page is.
- ``<!-- file: app.py -->``: the block is written to that file, and does not run by itself.
- ``<!-- prints -->``: the block is what the one that ran before it prints, but for durations; what
  ``...`` stands for may be anything.
- ``<!-- exits: 1 -->``: the commands end with that exit code, and not with 0.
- ``<!-- not run: why -->``: the block shows what cannot run here.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"

# What a page's program is given besides its own lines: how commands run, and what is printed.
PROLOGUE = r"""
import os, re, shlex, subprocess, sys
class _Noted:
    printed = []
    def __init__(self, stream):
        self._stream = stream
    def write(self, text):
        self.printed.append(text)
        return self._stream.write(text)
    def __getattr__(self, name):
        return getattr(self._stream, name)
sys.stdout, sys.stderr = _Noted(sys.stdout), _Noted(sys.stderr)
def _run(code, *commands):
    for command in commands:
        words = shlex.split(command, comments=True)
        env = dict(os.environ)
        while "=" in words[0]:
            name, _, env[name] = words.pop(0).partition("=")
        program = [] if words[0] == "python" else ["-m", words[0]]
        words = [sys.executable, *program, *words[1:]]
        done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", env=env)
        assert done.returncode == code, f"{command}\nexit code {done.returncode}\n{done.stdout}{done.stderr}"
        print(done.stdout + done.stderr, end="")
def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
def _without_times(text):
    lines = text.strip("\n").splitlines()
    return "\n".join(re.sub(r"( +[\d.,/]+ (ns|µs|ms|s)){1,2}$", "  TIME", line.rstrip()) for line in lines)
def _prints(expected):
    import doctest
    printed = _without_times("".join(_Noted.printed))
    expected = _without_times(expected)
    if not doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS):
        raise AssertionError(f"the page says\n{expected}\nand the program prints\n{printed}")
"""
RUN = "import sys; exec(sys.argv[1]); exec(compile(sys.argv[2], sys.argv[3], 'exec'))"
LANGUAGES = ("python", "console", "text", "mermaid", "sql")
"""What blocks are in; the last three are shown and do not run, but for what ``prints`` compares."""
COMMAND = re.compile(r"(\w+=('[^']*'|\S)+ +)*(callscope|python|pytest)( |$)")
"""What can run: a command of ours, or a Python program, with variables of its environment."""


class Block(NamedTuple):
    """A fenced block and what the comments before it say."""

    language: str
    line: int
    """Number of the line its first line of text stands on, from 1."""
    text: str
    comments: dict[str, str]

    @property
    def missing(self):
        """Modules it needs that are not installed."""
        return absent(self.comments.get("needs", ""))

    def as_program(self):
        """Return what takes the block's place in the page's program."""
        if "not run" in self.comments:
            return ""
        if "file" in self.comments:
            return f"_write({self.comments['file']!r}, {self.text!r})\n"
        if "prints" in self.comments:
            return f"_prints({self.text!r})\n"
        if self.language == "python":
            return self.text
        if self.language == "console":
            return f"_run({self.comments.get('exits', 0)}, *{self.commands()!r})\n"
        return ""

    def commands(self):
        """Return the commands of a console block, each of which must be one that can run."""
        lines = [line.strip() for line in self.text.replace("\\\n", "").splitlines()]
        commands = [line for line in lines if line and not line.startswith("#")]
        for command in commands:
            assert COMMAND.match(command), f"line {self.line}: {command!r} is not run; say why"
        return commands


def absent(names):
    return [name for name in names.split() if not is_there(name)]


def is_there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its package is missing
        return False


def blocks(page):
    """Return the fenced blocks of a page."""
    found, fence, comments = [], None, {}
    for number, line in enumerate(page.splitlines(keepends=True), 1):
        opening = re.match(r"\s*```\s*(\w*)", line)
        if fence is not None and opening:
            found.append(Block(fence[0], fence[1], "".join(fence[2]), comments))
            fence, comments = None, {}
        elif fence is not None:
            fence[2].append(line)
        elif opening:
            assert line.startswith("```"), f"line {number}: an indented block would not run"
            assert opening[1] in LANGUAGES, f"line {number}: {opening[1]!r} would not run"
            fence = (opening[1], number + 1, [])
        elif comment := re.fullmatch(
            r"<!--\s*(needs|file|prints|exits|not run)\b:?\s*(.*?)\s*-->\s*", line
        ):
            comments[comment[1]] = comment[2]
        elif line.strip():
            comments = {}
    assert fence is None, "a block has no end"
    return found


def program(page):
    """Return a page's program, each line on the line it has in the page, and what is left out."""
    text, left_out = "", []
    for block in blocks(page):
        text += "\n" * (block.line - 2 - text.count("\n"))
        lines = block.as_program()
        if block.missing:
            left_out.append(f"line {block.line} needs {', '.join(block.missing)}")
        elif lines:
            # On the line of the fence; what is printed from here on is the block's.
            text += "\n" if "prints" in block.comments else "_Noted.printed.clear()\n"
            text += lines
    return text, left_out


def run(page, name, folder):
    """Run a page's program in a folder, and return the process and what was left out."""
    text, left_out = program(page)
    env = {key: value for key, value in os.environ.items() if key not in ("CALLSCOPE", "NO_COLOR")}
    done = subprocess.run(
        [sys.executable, "-c", RUN, PROLOGUE, text, str(name)],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=env | {"KERAS_BACKEND": "torch", "PYTHONIOENCODING": "utf-8"},
    )
    return done, left_out


@pytest.mark.parametrize("path", sorted(DOCS.glob("**/*.md")), ids=lambda p: p.stem)
def test_the_examples_of_a_page_run(path, tmp_path):
    """A page's blocks are one program that ends without an error."""
    page = path.read_text(encoding="utf-8")
    first = re.match(r"<!--\s*needs:\s*(.*?)\s*-->", page)
    if first and (missing := absent(first[1])):
        pytest.skip(f"{path.name} needs {', '.join(missing)}, which is not installed")
    done, left_out = run(page, path, tmp_path)
    assert done.returncode == 0, done.stderr
    if left_out:
        pytest.skip(f"{path.name} ran but for what is not installed: {'; '.join(left_out)}")


class TestTheRunner:
    """What runs pages is wrong nowhere that a page could hide behind."""

    def run(self, page, folder):
        return run(page, folder / "page.md", folder)

    def test_blocks_are_one_program(self, tmp_path):
        """A later block sees what an earlier one has made."""
        done, _ = self.run("```python\nx = 1\n```\ntext\n\n```python\nprint(x)\n```\n", tmp_path)
        assert (done.stdout, done.stderr) == ("1\n", "")

    def test_a_failure_names_its_line(self, tmp_path):
        """The traceback has the line of the page."""
        done, _ = self.run("text\n\n```python\n\n1 / 0\n```\n", tmp_path)
        assert done.returncode == 1
        assert 'page.md", line 5' in done.stderr

    def test_commands_run(self, tmp_path):
        """A command that fails makes the page fail, unless the page says how it ends."""
        done, _ = self.run("```console\ncallscope --version  # which?\n```\n", tmp_path)
        assert (done.stdout[:10], done.stderr) == ("callscope ", "")
        page = "```console\ncallscope view none.jsonl\n```\n"
        assert "none.jsonl" in self.run(page, tmp_path)[0].stderr
        done, _ = self.run(f"<!-- exits: 2 -->\n{page}", tmp_path)
        assert done.returncode == 0

    def test_a_command_has_its_environment(self, tmp_path):
        """As a shell gives it: the variables before a command are that command's."""
        (tmp_path / "show.py").write_text("import os\nprint(os.environ.get('MINE'))\n")
        page = "```console\nMINE='a b' python show.py\npython show.py\n```\n"
        assert self.run(page, tmp_path)[0].stdout == "a b\nNone\n"

    def test_other_commands_must_be_marked(self, tmp_path):
        """None is left out without a word."""
        page = "```console\nrm -r /\n```\n"
        with pytest.raises(AssertionError, match="line 2: 'rm -r /' is not run"):
            self.run(page, tmp_path)
        done, _ = self.run(f"<!-- not run: never -->\n{page}", tmp_path)
        assert (done.returncode, done.stdout) == (0, "")

    def test_other_languages_are_refused(self, tmp_path):
        """A block in ``bash`` looks like one that runs."""
        with pytest.raises(AssertionError, match="line 1: 'bash' would not run"):
            self.run("```bash\ncallscope --version\n```\n", tmp_path)

    def test_what_is_printed_is_compared(self, tmp_path):
        """With what the block before it prints, but for durations."""
        printing = "```python\nprint('old')\n```\n```python\nprint('call  1.2 ms')\n```\n"
        text = "<!-- prints -->\n```text\n{}\n```\n"
        for shown, code in (
            ("call      70 s", 0),
            ("ca...", 0),
            ("call", 1),
            ("old\ncall  1 s", 1),
        ):
            assert self.run(printing + text.format(shown), tmp_path)[0].returncode == code

    def test_a_file_is_written(self, tmp_path):
        """And can then be run by a command."""
        page = "<!-- file: app.py -->\n\n```python\nprint('app')\n```\n"
        done, _ = self.run(page, tmp_path)
        assert (done.stdout, done.stderr) == ("", "")
        assert (tmp_path / "app.py").read_text() == "print('app')\n"

    def test_what_needs_a_missing_module_is_left_out(self, tmp_path):
        """And is told of; the rest runs."""
        page = "<!-- needs: no_such_module -->\n```python\n1 / 0\n```\n```python\nprint(1)\n```\n"
        done, left_out = self.run(page, tmp_path)
        assert (done.stdout, left_out) == ("1\n", ["line 3 needs no_such_module"])

    def test_a_module_of_a_missing_package_is_missing(self):
        """Which is asked of its package."""
        assert absent("no_such_package.module json.decoder") == ["no_such_package.module"]

    def test_a_comment_is_of_its_block_alone(self, tmp_path):
        """Neither a paragraph later nor a block later does it hold."""
        page = "<!-- not run: no -->\ntext\n```python\nprint(1)\n```\n"
        assert self.run(page, tmp_path)[0].stdout == "1\n"
