"""Files that are malformed, torn, hostile or foreign: a clear error, or a trace that can be read."""

import contextlib
import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import callscope
from callscope import errors
from callscope.read.formats.jsonl import reader
from callscope.tools.cli import main
from exercise import exercise, record

many = settings(
    deadline=None, max_examples=2 * settings().max_examples, suppress_health_check=[*HealthCheck]
)

with record() as EXERCISED:
    exercise()


def lines_of(trace):
    file = io.BytesIO()
    from callscope.read.formats import jsonl

    jsonl.write(trace._data(), file)
    return file.getvalue().splitlines()


LINES = lines_of(EXERCISED)
LINES_OF_EVENTS = (Path(__file__).parent / "data" / "version-1.jsonl").read_bytes().splitlines()
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


NUMBERS = st.integers(-2, 40) | st.sampled_from(
    [None, 1 << 31, -(1 << 31), (1 << 53) + 1, (1 << 63) - 1, -(1 << 63), 1 << 63, 10**30]
)
SHIFTS = st.sampled_from([0, 1, -1, 10**9, -(10**9), 1 << 61, -(1 << 61), 1 << 62, -(1 << 62)])
NAMES = st.sampled_from(
    ["", ".", "..", "a", "a.b", "<x>", "%s", "\x1b[2J", "\ud800", "</script>", "call", "a" * 500]
)


def distort(draw, line):
    """Return a line in which a value is another one of its type, and may be a lie."""
    found = json.loads(line)
    keys = [key for key in found if key not in ("kind", "v")]
    key = draw(st.sampled_from([*keys, "duration_ns", "suspensions"]))
    if key == "suspensions":
        found[key] = sorted(found.get("ts_ns", 0) + draw(st.integers(0, 10**4)) for _ in "123")
    elif key.endswith("_ns"):
        found[key] = (found.get(key) or 0) + draw(SHIFTS)
    elif key.endswith("_id") or key in ("instance", "mro_index", "pid", "depth", "line"):
        found[key] = draw(NUMBERS)
    elif isinstance(found[key], str):
        found[key] = draw(NAMES)
    else:
        found[key] = draw(st.dictionaries(NAMES, VALUES, max_size=2) | VALUES)
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
    lines = draw(st.sampled_from([LINES, LINES, LINES_OF_EVENTS]))
    lines = [*lines[: draw(st.integers(1, len(lines)))]]
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
        str(trace) if trace else "",  # why there is none is known to the recording alone
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


SUFFIXES = (
    *(".jsonl", ".jsonl.gz", ".json", ".pftrace", ".parquet", ".html", ".speedscope.json"),
    *(".mmd", ".txt"),
)


def test_a_place_that_its_class_does_not_have(folder):
    """A call whose class has fewer bases than its `mro_index` says is read from Parquet, too."""
    pytest.importorskip("pyarrow", reason="pyarrow comes with the extra 'parquet'")
    path = folder / "places.jsonl"
    path.write_bytes(b"\n".join(LINES).replace(b'"mro_index":1', b'"mro_index":55'))
    trace = callscope.load(path)
    assert 55 in {call.mro_index for call in trace}
    loaded = callscope.load(trace.save(folder / "places.parquet"))
    assert loaded.to_arrow() == trace.to_arrow()


@many
@given(data=st.data())
def test_a_file_that_was_read_can_be_saved(folder, data):
    """Also if its numbers and times, or the order of its calls, are what no recording writes."""
    lines = [*data.draw(st.sampled_from([LINES, LINES_OF_EVENTS]))]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at] = distort(data.draw, lines[at])
    path = folder / "lies.jsonl"
    path.write_bytes(b"\n".join(lines))
    try:
        trace = callscope.load(path)
    except errors.TraceFormatError as error:
        assert path.name in str(error)  # noqa: PT017
        return
    everything(trace)
    assert str(trace.findings()).replace("\n", "").isprintable()
    assert not callscope.diff(trace, trace)
    str(callscope.diff(trace, EXERCISED))
    suffix = data.draw(st.sampled_from(SUFFIXES))
    try:
        saved = trace.save(folder / f"saved{suffix}")
    except errors.TraceFormatError as error:
        assert suffix == ".parquet"
        assert "Save it as '.jsonl'" in str(error)  # noqa: PT017
    except errors.MissingExtraError:
        assert suffix == ".parquet"
    else:
        if suffix in (".jsonl", ".parquet"):
            assert callscope.load(saved).outline() == trace.outline()


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
    for name in ("Everything", "Derived", "fails", "LookupError", "MainThread", "exercise"):
        lines = [line.replace(name, json.dumps(evil)[1:-1] + name) for line in lines]
    path = folder / "evil.jsonl"
    path.write_text("\n".join(lines) + "\n")
    for option in ("--all", "--outline", "--summary"):
        assert main(["view", option, str(path)]) == 0
        shown = capsys.readouterr().out
        assert "\\x1b]0;pwned\\x07\\x1b[2J\\u202e" in shown
        assert shown.replace("\n", "").isprintable()
    trace = callscope.load(path)
    trace.save(folder / "evil.txt")
    texts = (
        (folder / "evil.txt").read_text(encoding="utf-8"),
        *(str(trace), trace.outline(), str(trace.summary()), str(trace.findings())),
        *(trace._repr_html_(), trace.summary()._repr_html_(), trace.calls[0]._repr_html_()),
        *(str(callscope.diff(trace, EXERCISED)), callscope.diff(EXERCISED, trace).text(None)),
        *map(repr, trace.calls),
    )
    assert [text for text in texts if not text.replace("\n", "").isprintable()] == []


def test_a_program_that_names_things_so(capsys):
    """What is printed while it runs, of its errors and in warnings is escaped as well."""
    evil = "\x1b]0;pwned\x07\u202e"

    class Base:
        def __getattr__(self, name):
            raise AttributeError

    def method(self, x):
        raise ValueError(x)

    class EvilError(Exception):
        def __repr__(self):
            return evil

    def fails(call):
        raise EvilError

    Base.__qualname__, method.__name__ = f"{evil}Base", f"call{evil}"
    setattr(Base, f"call{evil}", method)
    sinks = [callscope.Console(color=False), callscope.Console(style="inside")]
    with (
        pytest.warns(errors.PredicateWarning) as warned,
        callscope.record(Base, methods=("call*",), sinks=sinks, where=fails),
        contextlib.suppress(ValueError),
    ):
        getattr(Base(), f"call{evil}")(evil)
    shown = [capsys.readouterr().out, *(str(warning.message) for warning in warned)]
    assert "pwned" in shown[0]
    assert [text for text in shown if not text.replace("\n", "").isprintable()] == []


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


@pytest.mark.parametrize("blank", [b"\n", b" \n", b"\r\n", b"\t \n"])
def test_a_small_file_of_very_many_lines(folder, blank):
    """Lines with nothing in them take up no room in a compressed file; a few do no harm."""
    path = folder / "blank.jsonl.gz"
    for count, fits in ((1_000, True), (10_000_000, False)):
        with gzip.open(path, "wb", 1) as file:
            file.write(LINES[0] + b"\n")
            for _ in range(count // 1_000):
                file.write(blank * 1_000)
        if fits:
            assert len(callscope.load(path)) == 0
        else:
            with pytest.raises(errors.TraceFormatError, match="line 1002: it is empty"):
                callscope.load(path)


@pytest.mark.parametrize("fast", [True, False])
def test_metadata_that_changes_all_the_time(folder, fast):
    """Each call keeps what was said before it, and the room for it does not grow with the square."""
    path = folder / "metadata.jsonl"
    call = next(line for line in map(json.loads, LINES) if line["kind"] == "call")
    sizes = []
    for count in (1_000, 2_000):
        lines = [LINES[0].decode()]
        for number in range(count):
            for method in ("again", f"m{number}"):
                site = {"kind": "site", "defining_class": "A", "method": method, "file": "a.py"}
                lines.append(json.dumps({**site, "line": number + 1, "code": None}))
            begin = {**call, "call_id": number + 1, "parent_id": None, "ts_ns": number}
            lines.append(json.dumps({**begin, "method": "again", "defining_class": "A"}))
        path.write_text("\n".join(lines) + "\n")
        with pytest.MonkeyPatch.context() as patch:
            if not fast:
                patch.setattr(reader, "_fast", lambda: None)
            tracemalloc.start()
            trace = callscope.load(path)
            sizes.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert [call.line for call in trace] == [*range(1, count + 1)]
    assert sizes[1] < 3 * sizes[0]


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "\ud800"], ids=["long", "NUL", "surrogate"])
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet", ".html"])
def test_names_that_no_file_can_have(folder, name, suffix, capsys):
    """They are refused as any file is that cannot be read or written."""
    path = f"{folder}/{name}{suffix}"
    with pytest.raises(errors.TraceFileError, match="Cannot write"):
        EXERCISED.save(path)
    if suffix == ".html":
        return
    with pytest.raises(errors.TraceFileError, match="Cannot read") as raised:
        callscope.load(path)
    assert str(raised.value).isprintable()
    assert main(["view", path]) == 2
    assert capsys.readouterr().err.rstrip("\n").isprintable()
    if suffix != ".parquet":
        with pytest.raises(errors.TraceFileError, match="Cannot write"):
            callscope.record(to=path).__enter__()


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("ts_ns", [1 << 62, -(1 << 62) - 1, 1 << 63, 10**400])
def test_times_of_which_no_figure_could_be_made(folder, fast, ts_ns):
    """A time that takes more than 63 bits is refused: a difference might not fit."""
    path = folder / "times.jsonl"
    for kind in ("call", "return", "raise", "suspend", "resume"):
        lines = [*map(json.loads, LINES_OF_EVENTS)]
        place = next(place for place, line in enumerate(lines) if line["kind"] == kind)
        lines[place]["ts_ns"] = ts_ns
        path.write_text("\n".join(map(json.dumps, lines)) + "\n")
        why = "takes more than 63 bits"
        assert f"line {place + 1}: 'ts_ns' {why}" in load(path, fast=fast)
    lines[0]["cost"] = {"inside_ns": 1e308, "outside_ns": 1e308, "summary_ns": 1e308}
    path.write_text(json.dumps(lines[0]) + "\n")
    assert "'inside_ns' is 1e+308 and not a number of nanoseconds" in load(path, fast=fast)
    lines[0]["start_ns"] = ts_ns
    path.write_text(json.dumps(lines[0]) + "\n")
    assert f"line 1: 'start_ns' {why}" in load(path, fast=fast)


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
