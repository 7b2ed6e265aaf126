"""Recordings: their beginning and end, their options, and what they do when they overlap."""

import gc
import io
import subprocess
import sys
import threading
import tracemalloc
import weakref

import pytest

import callscope
from callscope import errors
from callscope.read import formats
from callscope.tape.decode.reader import TapeReader
from callscope.tape.threads import TAPES
from seed import SEED_OUTLINE


class TestRecord:
    def test_the_seed_example(self, seed):
        """The four calls of the seed example, with both classes and the object."""
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)(4)
        assert trace.outline() == SEED_OUTLINE

    def test_without_targets_everything_declared_is_recorded(self, seed):
        """`record()` records the hierarchies that were declared."""
        callscope.traced(seed.Layer)
        with callscope.record() as trace:
            seed.MyLayer(3)(4)
        assert trace.outline() == SEED_OUTLINE

    def test_targets_are_undeclared_afterwards(self, seed):
        """A target is declared for its own recording only."""
        with callscope.record(seed.Layer):
            pass
        with callscope.record() as trace:
            seed.MyLayer(3)(4)
        assert [] == list(trace.calls)

    def test_methods_replace_what_was_declared(self, seed):
        """`methods` without targets takes the place of what the declarations name."""
        callscope.traced(seed.Layer)
        with callscope.record(methods=("call",)) as trace:
            seed.MyLayer(3)(4)
        assert trace.outline() == "MyLayer.call(m=4) [MyLayer#1]"

    def test_what_is_declared_meanwhile_is_recorded(self, seed):
        """A class declared while a recording runs is recorded from then on."""
        with callscope.record() as trace:
            seed.MyLayer(3)
            callscope.traced(seed.Layer)
            seed.MyLayer(5)
        assert trace.outline() == (
            "MyLayer.__init__(k=5) [MyLayer#1]\n  Layer.__init__(x=5) [MyLayer#1]"
        )

    def test_a_trace_may_be_read_while_the_recording_runs(self, seed):
        """Calls that have not ended yet are there, and say so."""
        outlines = []
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer.call = lambda self, m: outlines.append(trace.outline())
            seed.MyLayer(3)(4)
        assert outlines[0].splitlines()[-1] == "Layer.__call__(y=4) [MyLayer#1] ..."
        assert [True] * 3 == [call.finished for call in trace.calls]

    def test_a_recording_that_ends_within_a_call_leaves_it_unfinished(self, seed):
        """A call that runs on after the recording is kept, and is not `finished`."""
        recording = callscope.record(seed.Layer)
        trace = recording.__enter__()
        seed.MyLayer.call = lambda self, m: recording.end()
        seed.MyLayer(3)(4)
        assert [True, True, False] == [call.finished for call in trace.calls]
        assert trace.calls[-1].duration_ns is None

    def test_a_recording_that_begins_within_a_call_has_no_stray_end(self, seed):
        """The end of a call that began before the recording is not taken for another's."""
        outer = callscope.record(seed.Layer)
        inner = callscope.record(seed.Layer)
        traces = []

        def call(self, m):
            traces.append(inner.__enter__())
            type(self)(7)

        seed.MyLayer.call = call
        with outer:
            seed.MyLayer(3)(4)
            seed.MyLayer(8)
        inner.end()
        assert traces[0].outline() == (
            "MyLayer.__init__(k=7) [MyLayer#1]\n"
            "  Layer.__init__(x=7) [MyLayer#1]\n"
            "MyLayer.__init__(k=8) [MyLayer#2]\n"
            "  Layer.__init__(x=8) [MyLayer#2]"
        )

    def test_an_exception_passes_through_and_is_recorded(self, seed):
        """The program's exception leaves the block, and its calls tell of it."""

        def call(self, m):
            raise ValueError("no " + str(m))

        seed.MyLayer.call = call
        with pytest.raises(ValueError, match="no 4"), callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)(4)
        assert trace.outline().splitlines()[-2:] == [
            "Layer.__call__(y=4) [MyLayer#1] !! ValueError: no 4",
            "  MyLayer.call(m=4) [MyLayer#1] !! ValueError: no 4",
        ]

    def test_a_recording_runs_once(self, seed):
        """A recording cannot be entered a second time."""
        recording = callscope.record(seed.Layer)
        with recording:
            pass
        with pytest.raises(errors.RecordingError, match="runs once"):
            recording.__enter__()

    def test_a_recording_that_cannot_begin_changes_nothing(self, seed, tmp_path):
        """A bad second target leaves the first unwoven."""
        before = dict(vars(seed.Layer))
        with pytest.raises(errors.ImmutableClassError), callscope.record(seed.Layer, dict):
            pass
        assert before == dict(vars(seed.Layer))


class TestStartStop:
    def test_start_and_stop(self, seed):
        """`stop` ends what `start` began, and returns its trace."""
        started = callscope.start(seed.Layer)
        seed.MyLayer(3)(4)
        stopped = callscope.stop()
        seed.MyLayer(3)(4)
        assert started is stopped
        assert stopped.outline() == SEED_OUTLINE

    def test_stop_ends_the_last_started(self, seed):
        """Starts nest."""
        outer = callscope.start(seed.Layer)
        inner = callscope.start(seed.Layer)
        assert [inner, outer] == [callscope.stop(), callscope.stop()]

    def test_stop_without_start(self):
        """There must be something to stop."""
        with pytest.raises(errors.RecordingError, match="start"):
            callscope.stop()


class TestOverlap:
    def test_nested_recordings_have_traces_of_their_own(self, seed):
        """The inner trace has the calls of its own time, and numbers of its own."""
        with callscope.record(seed.Layer) as outer:
            first = seed.MyLayer(3)
            with callscope.record(seed.Layer) as inner:
                seed.MyLayer(3)(4)
            first(5)
        assert inner.outline() == SEED_OUTLINE
        assert [2, 2, 2, 2] == [c.instance for c in outer.calls[2:6]]
        assert len(outer) == 8

    def test_overlapping_recordings_of_different_hierarchies(self, seed):
        """Each has the calls of its own hierarchy only; their parents are found past others'."""

        class Other:
            def call(self, layer):
                layer(4)

        with callscope.record(seed.Layer) as layers, callscope.record(Other) as others:
            Other().call(seed.MyLayer(3))
        assert layers.outline() == SEED_OUTLINE
        assert [None] == [c.parent for c in others.calls]
        assert ["Other.call"] == [c.site for c in others.calls]

    def test_overlapping_recordings_capture_what_each_asked_for(self, seed):
        """Values in one, types in another, nothing in a third, of the same calls."""
        with (
            callscope.record(seed.Layer, capture="types") as types,
            callscope.record(seed.Layer, capture="none") as none,
            callscope.record(seed.Layer) as values,
        ):
            seed.MyLayer(3)
        assert types.outline().splitlines()[0] == "MyLayer.__init__(k=int) [MyLayer#1]"
        assert none.outline().splitlines()[0] == "MyLayer.__init__ [MyLayer#1]"
        assert values.outline().splitlines()[0] == "MyLayer.__init__(k=3) [MyLayer#1]"

    def test_the_less_revealing_capture_wins(self, seed):
        """A class that allows types only is not recorded with values."""
        callscope.traced(capture="types")(seed.Layer)
        with callscope.record() as trace:
            seed.MyLayer(3)
        assert trace.calls[0].arguments == {"k": "int"}


class TestOptions:
    def test_where_leaves_calls_out(self, seed):
        """What a left-out call led to hangs below its parent."""
        with callscope.record(seed.Layer, where=lambda c: c.site != "Layer.__call__") as trace:
            seed.MyLayer(3)(4)
        assert trace.outline().splitlines()[-1] == "MyLayer.call(m=4) [MyLayer#1]"

    def test_a_where_that_raises_is_asked_no_more(self, seed):
        """The program and the recording go on, with one warning."""

        def where(call):
            raise LookupError("oops")

        with callscope.record(seed.Layer, where=where) as trace:
            seed.MyLayer(3)(4)
        with pytest.warns(errors.PredicateWarning, match="oops"):
            assert trace.outline() == SEED_OUTLINE

    def test_max_calls_keeps_the_first(self, seed):
        """The number lost is told in a warning, in the tree, the outline and the summary."""
        with (
            pytest.warns(errors.TraceTruncatedWarning, match="4 calls .* max_calls=2 .* to="),
            callscope.record(seed.Layer, max_calls=2) as trace,
        ):
            for k in range(3):
                seed.MyLayer(k)
        assert [0, 0] == [c.arguments.get("k", c.arguments.get("x")) for c in trace.calls]
        assert trace.lost == 4
        assert "4 more calls" in str(trace)
        assert "4 more calls" in trace.outline()
        assert "4 more" in str(trace.summary())

    def test_a_call_that_is_kept_gets_its_end_though_the_limit_is_reached(self, seed):
        """The ends of kept calls are still read after that."""
        with (
            pytest.warns(errors.TraceTruncatedWarning),
            callscope.record(seed.Layer, max_calls=3) as trace,
        ):
            seed.MyLayer(3)(4)
        assert [True] * 3 == [c.finished for c in trace.calls]

    def test_what_led_to_a_call_is_known_though_it_is_dropped(self, seed):
        """A call that `super()` led to says so, also where the override is kept no more."""
        with (
            pytest.warns(errors.TraceTruncatedWarning),
            callscope.record(seed.Layer, max_calls=1, on_full="drop_oldest") as trace,
        ):
            seed.MyLayer(3)
        (last,) = trace.calls
        assert (last.site, last.via_super, last.parent) == ("Layer.__init__", True, None)

    def test_drop_oldest_keeps_the_last(self, seed):
        """Calls whose parents were dropped are roots."""
        with (
            pytest.warns(errors.TraceTruncatedWarning),
            callscope.record(seed.Layer, max_calls=3, on_full="drop_oldest") as trace,
        ):
            seed.MyLayer(3)(4)
            seed.MyLayer(5)
        assert trace.lost == 3
        assert trace.outline().splitlines()[:3] == [
            "MyLayer.call(m=4) [MyLayer#1]",
            "MyLayer.__init__(k=5) [MyLayer#2]",
            "  Layer.__init__(x=5) [MyLayer#2]",
        ]
        assert [0, 0, 1] == [c.depth for c in trace.calls]

    def test_drop_oldest_frees_what_a_running_call_has_led_to(self):
        """A program may be one long call; the memory of what it did is bounded all the same."""

        class Server:
            def run(self):
                for _ in range(20_000):
                    self.serve(0.5)
                return trace[-1], tracemalloc.get_traced_memory()[0]

            def serve(self, x): ...

        last = callscope.record(
            Server, methods=("run", "serve"), max_calls=100, on_full="drop_oldest"
        )
        with pytest.warns(errors.TraceTruncatedWarning), last as trace:
            tracemalloc.start()
            newest, size = Server().run()
            tracemalloc.stop()
        assert (newest.site, newest.parent) == ("Server.serve", None)
        assert size < 1_000_000
        assert (len(trace), trace.lost) == (100, 19_901)

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"capture": "everything"}, "got 'everything'"),
            ({"methods": ()}, "methods must be at least one name, got ()"),
            ({"methods": 3}, "got 3"),
            ({"redact": [3]}, "redact must be"),
            ({"where": "call"}, "where must be a callable"),
            ({"where": lambda: 1}, "where must be a callable taking a Call"),
            ({"where": lambda call, more: 1}, "where must be a callable taking a Call"),
            ({"where": dict}, "where must be a callable taking a Call"),
            ({"break_on": lambda: 1}, "break_on must be a callable taking a Call"),
            ({"break_on": dict}, "break_on must be a site"),
            ({"break_on": 3}, "break_on must be a site"),
            ({"bases": "no"}, "bases must be True or False, got 'no'"),
            ({"max_calls": 0}, "got 0"),
            ({"max_calls": "many"}, "got 'many'"),
            ({"max_calls": True}, "got True"),
            ({"on_full": "explode"}, "got 'explode'"),
            ({"to": "t.html"}, "got 't.html'"),
            ({"to": 3}, "got 3"),
            ({"to": "t.jsonl", "on_full": "drop_oldest"}, "drop_oldest"),
            ({"sinks": callscope.Console()}, "sinks must be"),
            ({"sinks": [callscope.Console]}, "is a class"),
            ({"sinks": [print]}, "on_event"),
        ],
    )
    def test_a_wrong_option_is_named(self, seed, options, named):
        """The error names the option and its value, at the call that was wrong."""
        with pytest.raises(errors.OptionError) as raised:
            callscope.record(seed.Layer, **options)
        assert named in str(raised.value)

    @pytest.mark.parametrize(
        ("option", "options"),
        [
            ("sites", lambda: {"sinks": [callscope.Console(io.StringIO(), sites="layer.*")]}),
            ("break_on", lambda: {"break_on": "layer.*"}),
        ],
        ids=["Console", "break_on"],
    )
    def test_a_pattern_that_fits_no_site_is_told(self, seed, option, options):
        """With what there is, when the recording ends: until then a class may come that fits."""
        there_are = "Layer.call, MyLayer.call, Layer.__call__, Layer.__init__, MyLayer.__init__"
        with pytest.warns(errors.SiteWarning) as caught, callscope.record(seed.Layer, **options()):
            seed.MyLayer(3)
        assert [str(warning.message).partition(": ") for warning in caught] == [
            (option, ": ", f"no site matches 'layer.*'; there are {there_are}.")
        ]

    def test_sites_of_a_console_are_patterns(self):
        """A string is one, and what is none is refused."""
        assert callscope.Console(sites="Layer.*").sites == ("Layer.*",)
        with pytest.raises(errors.OptionError, match="sites must be"):
            callscope.Console(sites=[3])

    def test_a_file_that_cannot_be_written(self, seed, tmp_path):
        """The error names the file, and nothing is woven."""
        before = dict(vars(seed.Layer))
        path = tmp_path / "missing" / "t.jsonl"
        with pytest.raises(errors.TraceFileError, match="missing"):
            callscope.record(seed.Layer, to=path).__enter__()
        assert before == dict(vars(seed.Layer))


class TestStreaming:
    def test_a_streamed_trace_reads_like_one_in_memory(self, seed, tmp_path):
        """`to=` keeps the calls in the file, and the trace reads them from there."""
        with callscope.record(seed.Layer, to=tmp_path / "t.jsonl") as trace:
            seed.MyLayer(3)(4)
        assert trace.outline() == SEED_OUTLINE
        assert callscope.load(tmp_path / "t.jsonl").outline() == SEED_OUTLINE

    def test_it_may_be_read_while_it_is_written(self, seed, tmp_path):
        """What has happened so far is in the file."""
        with callscope.record(seed.Layer, to=tmp_path / "t.jsonl") as trace:
            seed.MyLayer(3)
            assert trace.outline() == "\n".join(SEED_OUTLINE.splitlines()[:2])
            seed.MyLayer(3)(4)
            assert len(trace) == 6

    @pytest.mark.slow
    def test_memory_stays_bounded(self, seed, tmp_path):
        """No calls and no records pile up, and dead objects are forgotten."""
        import tracemalloc

        from callscope.tape.threads import TAPES

        with callscope.record(seed.Layer, to=tmp_path / "t.jsonl") as trace:
            for k in range(5_000):
                seed.MyLayer(k)
            tracemalloc.start()
            sizes = []
            for _ in range(3):
                for k in range(10_000):
                    seed.MyLayer(k)
                TAPES.drain()  # for a while, what is read and not yet written takes memory
                sizes.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
        assert max(sizes) < 6_000_000
        assert len(trace) == 70_000

    def test_a_killed_program_leaves_what_was_flushed(self, tmp_path):
        """SIGKILL tears at most the last line."""
        path = tmp_path / "t.jsonl"
        program = (
            "import os, signal, callscope\n"
            "class A:\n"
            "    def call(self, k): return k\n"
            f"trace = callscope.start(A, to={str(path)!r})\n"
            "a = A()\n"
            "for k in range(1000): a.call(k)\n"
            "len(trace)\n"
            "for k in range(1000): a.call(k)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], check=False)
        assert done.returncode == -9
        trace = callscope.load(path)
        assert len(trace) >= 1000
        assert list(range(1000)) == [c.result for c in trace.calls][:1000]


class TestAliveness:
    def test_nothing_traced_is_kept_alive(self, seed):
        """Objects and arguments may go while the recording runs."""

        class Argument:
            pass

        with callscope.record(seed.Layer):
            argument = Argument()
            layer = seed.MyLayer(argument)
            layer(argument)
            gone = [weakref.ref(argument), weakref.ref(layer)]
            del argument, layer
            gc.collect()
            assert [None, None] == [ref() for ref in gone]

    def test_a_class_may_go_while_it_is_recorded(self, seed):
        """A subclass made, used and dropped during a recording is collected."""
        with callscope.record(seed.Layer) as trace:
            passing = type("Passing", (seed.Layer,), {"call": lambda self, z: None})
            passing(1)(2)
            ref = weakref.ref(passing)
            del passing
            gc.collect()
            assert ref() is None
        assert [c.site for c in trace.calls] == ["Layer.__init__", "Layer.__call__", "Passing.call"]


class TestEnvironment:
    def run(self, tmp_path, program, **environment):
        import os

        path = tmp_path / "app.py"
        path.write_text(program)
        env = {k: v for k, v in os.environ.items() if not k.startswith("CALLSCOPE")}
        return subprocess.run(
            [sys.executable, str(path)],
            env=env | environment,
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )

    PROGRAM = (
        "import callscope\n@callscope.traced\nclass A:\n    def call(self): return 1\nA().call()\n"
    )

    def test_1_records_everything_and_prints_the_tree(self, tmp_path):
        """`CALLSCOPE=1` prints the tree to stderr at exit."""
        done = self.run(tmp_path, self.PROGRAM, CALLSCOPE="1")
        assert "A.call() [A#1] -> 1" in done.stderr
        assert (0, "") == (done.returncode, done.stdout)

    def test_unset_or_0_records_nothing(self, tmp_path):
        """Without the variable nothing happens."""
        assert [""] * 2 == [
            self.run(tmp_path, self.PROGRAM, **env).stderr for env in ({}, {"CALLSCOPE": "0"})
        ]

    @pytest.mark.parametrize("name", ["t.jsonl", "t.txt"])
    def test_to_a_file(self, tmp_path, name):
        """`CALLSCOPE_TO` names the file, in any format."""
        path = tmp_path / name
        done = self.run(tmp_path, self.PROGRAM, CALLSCOPE="1", CALLSCOPE_TO=str(path))
        assert done.stderr == ""
        text = path.read_text(encoding="utf-8")
        assert "A.call" in (callscope.load(path).outline() if name == "t.jsonl" else text)

    def test_to_a_sink(self, tmp_path):
        """`logging:` writes to what the program has configured, and all of it before it is closed."""
        configured = (
            "import logging\nlogging.basicConfig(filename='t.log', filemode='w', level=10)\n"
        )
        program = f"import os, sys\nos.chdir(sys.path[0])\n{self.PROGRAM}{configured}A().call()\n"
        done = self.run(tmp_path, program, CALLSCOPE="1", CALLSCOPE_TO="logging:")
        assert (done.stdout, done.stderr) == ("", "")
        lines = (tmp_path / "t.log").read_text().splitlines()
        assert lines[-2:] == [
            "DEBUG:__main__:call A.call() [A#2]",
            "DEBUG:__main__:return A.call() [A#2] -> 1",
        ]

    def test_to_a_sink_that_lacks_its_extra(self, tmp_path):
        """A warning prints the command that installs it, and the program runs."""
        program = "import sys\nsys.modules['structlog'] = None\n" + self.PROGRAM
        done = self.run(tmp_path, program, CALLSCOPE="1", CALLSCOPE_TO="structlog:")
        assert done.returncode == 0
        assert "pip install 'callscope[structlog]'" in done.stderr

    def test_a_declared_class_that_no_import_finds(self, tmp_path):
        """Its name is a pattern first, and nothing is missing."""
        made = f"import types\nm = types.ModuleType('made')\nexec({self.PROGRAM!r}, m.__dict__)\n"
        done = self.run(tmp_path, made, CALLSCOPE="made.A")
        assert done.stderr.startswith("A.call() [A#1] -> 1")
        assert "Warning" not in done.stderr

    def test_patterns_and_paths(self, tmp_path):
        """Patterns choose among what is declared; paths are traced besides."""
        done = self.run(
            tmp_path,
            self.PROGRAM + "import json; json.JSONDecoder()\n",
            CALLSCOPE="nothing.*,json:JSONDecoder",
        )
        assert "JSONDecoder.__init__" in done.stderr
        assert "A.call" not in done.stderr

    @pytest.mark.parametrize(
        "environment",
        [{"CALLSCOPE": "no.such:Thing"}, {"CALLSCOPE": "1", "CALLSCOPE_TO": "trace.unknown"}],
    )
    def test_what_cannot_be_followed_is_told_and_breaks_nothing(self, tmp_path, environment):
        """The program runs; a warning says why nothing is recorded."""
        done = self.run(tmp_path, self.PROGRAM, **environment)
        assert done.returncode == 0
        assert "cannot be used" in done.stderr


def test_recordings_may_end_in_another_thread(seed):
    """A recording belongs to no thread."""
    recording = callscope.record(seed.Layer)
    trace = recording.__enter__()
    seed.MyLayer(3)(4)
    thread = threading.Thread(target=recording.end)
    thread.start()
    thread.join()
    assert trace.outline() == SEED_OUTLINE


class Pause:
    """A function that stops in the first thread that calls it, until it may go on.

    Args:
        function: does the work.
        before: whether it stops before the work is done, not after.
    """

    def __init__(self, function, *, before):
        self.there, self.go_on = threading.Event(), threading.Event()
        self._function = function
        self._before = before

    def __call__(self, *arguments):
        if self._before:
            self._stop()
        result = self._function(*arguments)
        if not self._before:
            self._stop()
        return result

    def _stop(self):
        if not self.there.is_set():
            self.there.set()
            assert self.go_on.wait(60)


def in_thread(function):
    """Call a function in another thread."""
    thread = threading.Thread(target=function)
    thread.start()
    return thread


class TestEndMeanwhile:
    """Another thread ends a recording while this one reads its trace."""

    def test_its_records_are_not_taken_yet(self, seed, monkeypatch):
        """Calls that were made before a reading are in it."""
        pause = Pause(TAPES.detach, before=True)
        monkeypatch.setattr(TAPES, "detach", pause)
        recording = callscope.record(seed.Layer)
        with recording as trace:
            seed.MyLayer(3)(4)
            ending = in_thread(recording.end)
            pause.there.wait()
            during = len(trace), trace.outline()
            pause.go_on.set()
            ending.join()
        assert during == (4, SEED_OUTLINE)
        assert trace.outline() == SEED_OUTLINE

    def test_at_any_moment(self, seed):
        """The same, wherever that thread is."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            lengths = [self.length_meanwhile(seed) for _ in range(300)]
        finally:
            sys.setswitchinterval(before)
        assert set(lengths) == {(4, 4)}

    def length_meanwhile(self, seed):
        """Return the lengths of a trace while its recording ends, and afterwards."""
        recording = callscope.record(seed.Layer)
        trace = recording.__enter__()
        seed.MyLayer(3)(4)
        begun = threading.Event()
        ending = in_thread(lambda: (begun.set(), recording.end()))
        begun.wait()
        during = len(trace)
        ending.join()
        return during, len(trace)

    def test_a_file_is_read_meanwhile(self, seed, monkeypatch, tmp_path):
        """The trace has what was written until the end, not what that reading has found."""
        pause = Pause(formats.load_all, before=False)
        monkeypatch.setattr(formats, "load_all", pause)
        with callscope.record(seed.Layer, to=tmp_path / "t.jsonl") as trace:
            seed.MyLayer(3)
            reading = in_thread(lambda: len(trace))
            pause.there.wait()
            seed.MyLayer(5)
        pause.go_on.set()
        reading.join()
        assert [call.instance for call in trace] == [1, 1, 2, 2]

    def test_a_window_is_read_meanwhile(self, seed, monkeypatch):
        """The trace of a block has what was called until its end, too."""
        pause = Pause(TapeReader.recorded, before=False)
        recording = callscope.record(seed.Layer)
        with recording, recording.window(10) as trace:
            seed.MyLayer(3)
            monkeypatch.setattr(TapeReader, "recorded", lambda self: pause(self))  # noqa: PLW0108  # it binds
            reading = in_thread(lambda: len(trace.calls))
            pause.there.wait()
            seed.MyLayer(5)
        pause.go_on.set()
        reading.join()
        assert [call.instance for call in trace] == [1, 1, 2, 2]
