"""Sinks: the console, JSON Lines, and one's own."""

import io
import json
import signal
import subprocess
import sys
import textwrap

import pytest

import callscope
from callscope import Console, JSONLines, errors
from seed import SEED_OUTLINE


def console(seed, program, **options):
    """Return what a console prints while a program runs."""
    file = io.StringIO()
    with callscope.record(seed.Layer, sinks=[Console(file, **options)]):
        program()
    return file.getvalue()


class TestConsole:
    def test_inside_prints_the_four_lines(self, seed):
        """The lines that people write by hand, to the letter."""
        assert console(seed, lambda: seed.MyLayer(3)(4), style="inside") == (
            "Inside MyLayer -> __init__ : 3\n"
            "Inside Layer -> __init__ : 3\n"
            "Inside Layer -> __call__ : 4\n"
            "Inside MyLayer -> call : 4\n"
        )

    def test_tree_prints_calls_as_they_begin(self, seed):
        """A call that returns None and does not raise is one line."""
        assert console(seed, lambda: seed.MyLayer(3)(4)) == SEED_OUTLINE + "\n"

    def test_tree_prints_what_came_of_a_call(self, seed):
        """Directly below its call an outcome needs no name; further down it has one."""
        seed.MyLayer.call = lambda self, m: m + 1
        seed.Layer.__call__ = lambda self, y: self.call(y)
        assert console(seed, lambda: seed.MyLayer(3)(4)).splitlines()[2:] == [
            "Layer.__call__(y=4) [MyLayer#1]",
            "  MyLayer.call(m=4) [MyLayer#1]",
            "  -> 5",
            "-> 5 from Layer.__call__ [MyLayer#1]",
        ]

    def test_tree_prints_errors(self, seed):
        """An error is printed for each call it ends."""

        def call(self, m):
            raise ValueError("bad")

        def program():
            with pytest.raises(ValueError, match="bad"):
                seed.MyLayer(3)(4)

        seed.MyLayer.call = call
        assert console(seed, program).splitlines()[4:] == [
            "  !! ValueError: bad",
            "!! ValueError: bad from Layer.__call__ [MyLayer#1]",
        ]

    def test_it_prints_at_once(self, seed):
        """A line is there before the next statement of the program runs."""
        file = io.StringIO()
        seen = []
        seed.MyLayer.call = lambda self, m: seen.append(file.getvalue().count("\n"))
        with callscope.record(seed.Layer, sinks=[Console(file)]):
            seed.MyLayer(3)(4)
        assert seen == [4]

    def test_to_what_stdout_is(self, seed, capsys):
        """Without a file, it prints to `sys.stdout` as it is at the time."""
        with callscope.record(seed.Layer, sinks=[Console(style="inside")]):
            seed.MyLayer(3)
        assert capsys.readouterr().out.splitlines()[0] == "Inside MyLayer -> __init__ : 3"

    def test_no_colour_in_a_pipe(self, seed):
        """A file that is no terminal gets plain text."""
        assert "\x1b" not in console(seed, lambda: seed.MyLayer(3))

    def test_colour_on_a_terminal(self, seed, monkeypatch):
        """With rich, a terminal gets colour, unless NO_COLOR is set."""
        pytest.importorskip("rich")
        monkeypatch.delenv("NO_COLOR", raising=False)

        class Terminal(io.StringIO):
            def isatty(self):
                return True

        def shown():
            file = Terminal()
            with callscope.record(seed.Layer, sinks=[Console(file)]):
                seed.MyLayer(3)(4)
            return file.getvalue()

        coloured = shown()
        monkeypatch.setenv("NO_COLOR", "1")
        plain = shown()
        assert "\x1b[" in coloured
        assert plain == SEED_OUTLINE + "\n"

    def test_plain_where_rich_is_missing(self, seed, monkeypatch):
        """Without rich, a terminal gets plain text."""

        class Terminal(io.StringIO):
            def isatty(self):
                return True

        monkeypatch.setitem(sys.modules, "rich", None)
        file = Terminal()
        with callscope.record(seed.Layer, sinks=[Console(file)]):
            seed.MyLayer(3)(4)
        assert file.getvalue() == SEED_OUTLINE + "\n"

    def test_what_the_encoding_lacks_is_escaped(self, seed):
        """A console that cannot print a character does not fail."""
        file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
        with callscope.record(seed.Layer, sinks=[Console(file)]):
            seed.MyLayer("é")
        file.flush()
        first = file.buffer.getvalue().decode("ascii").splitlines()[0]
        assert first == "MyLayer.__init__(k='\\xe9') [MyLayer#1]"

    def test_an_unknown_style(self):
        """The error names the style and those there are."""
        with pytest.raises(
            errors.OptionError, match=r"style must be 'tree' or 'inside', got 'loud'"
        ):
            Console(style="loud")

    def test_what_it_prints_to_may_be_traced(self, seed):
        """Calls made by a sink are not recorded, and so lead to no endless loop."""

        class Loud(io.StringIO):
            def write(self, text):
                return super().write(text)

        file = Loud()
        with callscope.record(Loud, methods=("write",), sinks=[Console(file)]) as trace:
            file.write("x")
        assert [c.site for c in trace.calls] == ["Loud.write"]


class Collect:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.events = []
        self.closed = False

    def on_event(self, event):
        self.events.append(event.to_dict())

    def flush(self):
        pass

    def close(self):
        self.closed = True


class Broken(Collect):
    """A sink that fails at its third event."""

    def on_event(self, event):
        super().on_event(event)
        if len(self.events) == 3:
            raise OSError("disk full")


class TestOwnSinks:
    def test_it_gets_every_event_in_order(self, seed):
        """By the end of the recording all events were delivered, and the sink is closed."""
        sink = Collect()
        with callscope.record(seed.Layer, sinks=[sink]) as trace:
            seed.MyLayer(3)(4)
        assert [e.to_dict() for e in trace.events()] == sink.events
        assert [1, 2, 3, 4, 5, 6, 7, 8] == [e["seq"] for e in sink.events]
        assert sink.closed

    def test_an_event_is_what_the_schema_says(self, seed, clock):
        """The fields of a call and of its return, with a clock that stands in for the real."""
        sink = Collect()
        with callscope.record(seed.Layer, sinks=[sink]):
            seed.MyLayer(3)
        first, last = sink.events[0], sink.events[-1]
        begin_ns, end_ns = first["ts_ns"], last["ts_ns"]
        # The thread that feeds the sink may read the clock, too.
        assert 2_000 <= begin_ns <= end_ns - 3_000
        common = {
            "v": 2,
            "pid": first["pid"],
            "thread": "MainThread",
            "task": None,
            "call_id": 1,
            "parent_id": None,
            "depth": 0,
            "method": "__init__",
            "defining_class": "app.MyLayer",
            "runtime_class": "app.MyLayer",
            "instance": 1,
            "mro_index": 0,
            "via_super": False,
        }
        assert first == common | {
            "kind": "call",
            "seq": 1,
            "ts_ns": begin_ns,
            "arguments": {"k": 3},
        }
        assert last == common | {
            "kind": "return",
            "seq": 4,
            "ts_ns": end_ns,
            "duration_ns": end_ns - begin_ns,
            "result": None,
        }

    def test_a_sink_that_raises_is_switched_off(self, seed):
        """One warning; the program, the trace and the other sinks go on."""
        broken, other = Broken(), Collect()
        with (
            pytest.warns(errors.SinkWarning, match="disk full") as caught,
            callscope.record(seed.Layer, sinks=[broken, other]) as trace,
        ):
            seed.MyLayer(3)(4)
        assert len(caught) == 1
        assert (3, 8) == (len(broken.events), len(other.events))
        assert trace.outline() == SEED_OUTLINE

    def test_where_warnings_are_errors_nothing_is_raised(self, seed, capsys):
        """A sink's failure never comes out of the traced program."""
        with callscope.record(seed.Layer, sinks=[Broken()]) as trace:
            seed.MyLayer(3)(4)
        assert trace.outline() == SEED_OUTLINE
        assert "disk full" in capsys.readouterr().err


class OnlyCall(JSONLines):
    """A subclass that leaves out some events, and writes the others."""

    def on_event(self, event):
        if event.call.method == "call":
            super().on_event(event)


class Wrapper:
    """A sink that hands on some events, and has all else of the sink within."""

    def __init__(self, sink):
        self.sink = sink

    def __getattr__(self, name):
        return getattr(self.sink, name)

    def on_event(self, event):
        if event.call.method == "call":
            self.sink.on_event(event)


def with_another(path):
    """Return a stream of which another function takes the events."""
    sink = JSONLines(path)
    take = sink.on_event
    sink.on_event = lambda event: take(event) if event.call.method == "call" else None
    return sink


class TestJSONLines:
    def test_every_line_is_json(self, seed, tmp_path):
        """A header, what is said once, the calls, and an end."""
        path = tmp_path / "t.jsonl"
        with callscope.record(seed.Layer, sinks=[JSONLines(path)]) as trace:
            seed.MyLayer(3)(4)
        kinds = [json.loads(line)["kind"] for line in path.read_text().splitlines()]
        assert kinds == ["trace", *["site"] * 5, "class", *["call"] * 4, "end"]
        assert callscope.load(path).outline() == trace.outline()

    @pytest.mark.parametrize(
        "sink", [OnlyCall, lambda path: Wrapper(JSONLines(path)), with_another]
    )
    def test_another_function_takes_the_events(self, seed, tmp_path, sink):
        """What takes the place of `on_event` gets each event, although a stream takes rows."""
        path = tmp_path / "t.jsonl"
        with callscope.record(seed.Layer, sinks=[sink(path)]):
            seed.MyLayer(3)(4)
            seed.MyLayer(3)(5)
        lines = map(json.loads, path.read_text().splitlines())
        calls = [(line["method"], line["arguments"]) for line in lines if line["kind"] == "call"]
        assert calls == [("call", {"m": 4}), ("call", {"m": 5})]

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
    def test_a_call_during_which_the_program_is_killed(self, tmp_path):
        """It is in the file as a call that has not ended, with the calls that ended within it."""
        path = tmp_path / "t.jsonl"
        program = textwrap.dedent(
            f"""
            import os, signal, callscope

            class A:
                def outer(self, k):
                    for step in range(3):
                        self.inner(step)
                        len(trace)
                    self.last()
                def inner(self, step):
                    return step
                def last(self):
                    len(trace)
                    self.inner(3)
                    os.kill(os.getpid(), signal.SIGKILL)

            trace = callscope.start(A, methods="*", to={str(path)!r})
            A().outer(7)
            """
        )
        done = subprocess.run([sys.executable, "-c", program], check=False)
        assert done.returncode == -signal.SIGKILL
        outer, *inner, last = callscope.load(path).calls[:5]
        assert (outer.site, outer.arguments, outer.finished) == ("A.outer", {"k": 7}, False)
        assert [call.result for call in inner] == [0, 1, 2]
        assert [call.parent for call in (*inner, last)] == [outer] * 4
        assert (last.site, last.finished) == ("A.last", False)

    def test_a_file_that_cannot_be_written(self, tmp_path):
        """The error names the file and says why."""
        with pytest.raises(errors.TraceFileError, match=r"no-such-folder.*Name a file"):
            JSONLines(tmp_path / "no-such-folder" / "t.jsonl")
