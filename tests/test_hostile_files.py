"""Files that are malformed, torn, hostile or foreign: a clear error, or a trace that can be read."""

import contextlib
import gzip
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import callscope
from callscope import errors
from callscope.cli import main
from callscope.formats.jsonl import reader
from test_schema import exercise, record

many = settings(
    deadline=None, max_examples=2 * settings().max_examples, suppress_health_check=[*HealthCheck]
)

with record() as EXERCISED:
    exercise()


def lines_of(trace):
    file = io.BytesIO()
    from callscope.formats import jsonl

    jsonl.write(trace, file)
    return file.getvalue().splitlines()


LINES = lines_of(EXERCISED)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, -(10**400), 2**63, 2**64, 1.0, 1e308, float("nan"), float("inf")])
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "\x1b[2J", "\n", "call", "result", "x" * 3_000]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)
KEYS = sorted({key for line in LINES for key in json.loads(line)})


def change(draw, line):
    """Return a line with one value in it replaced, or taken out."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(found, dict):
        return line
    key = draw(st.sampled_from(KEYS))
    found.pop(key, None)
    if draw(st.booleans()):
        found[key] = draw(VALUES)
    return json.dumps(found).encode()


def insert(draw, line):
    at = draw(st.integers(0, len(line)))
    return line[:at] + draw(st.binary(max_size=3)) + line[at:]


MUTATIONS = (
    change,
    change,
    insert,
    lambda draw, line: b"",
    lambda draw, line: line + b"\n" + draw(st.sampled_from(LINES)),
    lambda draw, line: draw(st.sampled_from(LINES)),
    lambda draw, line: draw(st.binary(max_size=10)),
    lambda draw, line: b"[" * draw(st.sampled_from([1, 100_000])),
    lambda draw, line: line + draw(st.sampled_from([b" ", b"\r", b"{}", b",", line, b"\0"])),
    lambda draw, line: line.replace(b"1", b"1" * draw(st.sampled_from([2, 30, 5_000])), 2),
)


@st.composite
def files(draw):
    """Draw the bytes of a file that was a trace before some things happened to it."""
    lines = [*LINES[: draw(st.integers(1, len(LINES)))]]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        lines[at] = draw(st.sampled_from(MUTATIONS))(draw, lines[at])
    whole = b"".join(line + b"\n" for line in lines)
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole


def everything(trace):
    """Read all of a trace in all ways; return what tells two apart."""
    trace.summary()
    return (
        trace.outline(),
        str(trace),
        [event.to_dict() for event in trace.events()],
        [
            (call.duration_ns, call.self_ns, call.depth, call.file, call.line)
            for call in trace.calls
        ],
        trace.lost,
        trace.left_out,
        trace.header,
    )


def load(path, *, fast):
    """Return what a file says, or what the error does."""
    with pytest.MonkeyPatch.context() as patch:
        if not fast:
            patch.setattr(reader, "_fast", lambda: None)
        try:
            return everything(callscope.load(path))
        except errors.TraceFormatError as error:
            message = str(error)
    assert path.name in message
    return message


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@many
@given(content=files())
def test_a_file_is_read_or_refused_either_way(folder, content):
    """With msgspec and without, the same trace or the same error."""
    pytest.importorskip("msgspec", reason="msgspec comes with the extra 'fast'")
    path = folder / "t.jsonl"
    path.write_bytes(content)
    assert load(path, fast=True) == load(path, fast=False)


@many
@given(content=files(), at=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_compressed_file_is_read_or_refused(folder, content, at, byte):
    """Also if a byte of it was changed."""
    path = folder / "t.jsonl.gz"
    packed = bytearray(gzip.compress(content, 1, mtime=0))
    packed[int(at * len(packed))] = byte
    path.write_bytes(packed)
    load(path, fast=True)


@many
@given(content=files() | st.binary(max_size=100), suffix=st.sampled_from([".jsonl", ".jsonl.gz"]))
def test_the_commands_say_what_is_wrong(folder, content, suffix):
    """Exit code 2 and one line, or 0; and nothing that a terminal would obey."""
    path = folder / f"cli{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") and content else content)
    commands = [["view"], ["view", "--outline"], ["view", "--summary"], ["convert"]]
    codes = set()
    for command, *options in commands:
        out, err = io.StringIO(), io.StringIO()
        arguments = [command, *options, str(path)]
        if command == "convert":
            arguments += ["-o", str(folder / "converted.jsonl")]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            codes.add(main(arguments))
        shown = out.getvalue() + err.getvalue()
        assert [c for c in shown if not c.isprintable() and c != "\n"] == []
    assert codes in ({0}, {2})
    if codes == {0}:
        assert len(callscope.load(folder / "converted.jsonl")) == len(callscope.load(path))


def test_a_name_that_a_terminal_would_obey(folder, capsys):
    """Classes, methods, threads, errors and targets are shown as they would be written in Python."""
    evil = "\x1b]0;pwned\x07\x1b[2J\u202e"
    lines = [line.decode() for line in LINES]
    for name in ("Everything", "Derived", "fails", "LookupError", "MainThread", "test_schema"):
        lines = [line.replace(name, json.dumps(evil)[1:-1] + name) for line in lines]
    path = folder / "evil.jsonl"
    path.write_text("\n".join(lines) + "\n")
    for option in ("--all", "--outline", "--summary"):
        assert main(["view", option, str(path)]) == 0
        shown = capsys.readouterr().out
        assert "\\x1b]0;pwned\\x07\\x1b[2J\\u202e" in shown
        assert shown.replace("\n", "").isprintable()
    callscope.load(path).save(folder / "evil.txt")
    assert (folder / "evil.txt").read_text(encoding="utf-8").replace("\n", "").isprintable()


def test_a_small_file_that_expands_without_end(folder):
    """One line of it is never held as a whole."""
    path = folder / "bomb.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(100):
            file.write(b"0" * (1 << 20))
    with pytest.raises(errors.TraceFormatError, match=r"bomb\.jsonl\.gz"):
        callscope.load(path)
    with gzip.open(path, "wb") as file:
        file.write(LINES[0] + b"\n")
        for _ in range(100):
            file.write(b" " * (1 << 20))
    with pytest.raises(errors.TraceFormatError, match="a line of more than"):
        callscope.load(path)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_foreign_files(folder, suffix):
    """A folder, nothing, a picture, a program: each is refused by name."""
    path = folder / f"foreign{suffix}"
    for content in (
        b"",
        b"\n",
        b"\0" * 100,
        b"\x89PNG\r\n\x1a\n",
        b"import os\n",
        b"\xef\xbb\xbf{}",
    ):
        path.write_bytes(content)
        with pytest.raises(errors.TraceFormatError, match="foreign"):
            callscope.load(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(errors.TraceFileError, match="foreign"):
        callscope.load(path)
    path.rmdir()
