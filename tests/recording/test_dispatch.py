"""How sinks are fed: in the background, within deadlines, and never at the program's expense."""

import gc
import os
import subprocess
import sys
import threading
import warnings

import pytest

import callscope
from callscope import errors
from seed import SEED_OUTLINE


class Slow:
    """A sink that waits at one of its methods until it is let go on."""

    def __init__(self, method="on_event", deadline_seconds=60.0):
        self._method = method
        self.deadline_seconds = deadline_seconds
        self.is_there, self.may_go_on = threading.Event(), threading.Event()
        self.events = []
        self.lost = None
        self.threads = set()
        self.is_closed = False

    def _wait_at(self, method):
        if method == self._method:
            self.is_there.set()
            assert self.may_go_on.wait(60)

    def on_event(self, event):
        self.threads.add(threading.current_thread())
        self.events.append((event.kind, event.call.call_id))
        self._wait_at("on_event")

    def on_end(self, lost):
        self.lost = lost
        self._wait_at("on_end")

    def flush(self):
        self._wait_at("flush")

    def close(self):
        self._wait_at("close")
        self.is_closed = True

    def __repr__(self):
        return "Slow()"


@pytest.fixture
def few(monkeypatch):
    """Have only so many events wait for a sink."""

    def allow(number):
        monkeypatch.setattr("callscope.recording.dispatch.MOST_WAITING", number)

    return allow


def assert_whole(events):
    """Check that each call begins once, ends once, and is not heard of besides."""
    begun = [number for kind, number in events if kind == "call"]
    ended = [number for kind, number in events if kind in ("return", "raise")]
    assert len(begun) == len({*begun})
    assert sorted(begun) == sorted(ended)
    assert {number for _, number in events} == {*begun}


class TestTheProgramNeverWaits:
    def test_for_a_sink_that_takes_an_event(self, seed):
        """It is told in a thread of its own, while the program goes on."""
        sink = Slow()
        with callscope.record(seed.Layer, sinks=[sink]) as trace:
            seed.MyLayer(3)
            assert sink.is_there.wait(60)
            assert len(sink.events) == 1
            seed.MyLayer(3)
            assert len(trace) == 4
            sink.may_go_on.set()
        assert threading.current_thread() not in sink.threads
        assert (len(sink.events), sink.lost, sink.is_closed) == (8, 0, True)

    def test_nor_do_other_sinks(self, seed):
        """Each sink has its own line."""
        slow, other = Slow(), Slow(method="none")
        told = threading.Event()
        other.flush = lambda: told.set() if len(other.events) == 8 else None
        with callscope.record(seed.Layer, sinks=[slow, other]):
            seed.MyLayer(3)(4)
            assert slow.is_there.wait(60)
            assert told.wait(60)
            assert len(slow.events) == 1
            slow.may_go_on.set()
        assert slow.events == other.events

    def test_with_a_lock_that_the_sink_wants(self, seed):
        """A traced method may hold what the sink waits for, such as a logging handler's lock."""
        lock = threading.Lock()
        sink = Slow()
        sink.may_go_on.set()

        def call(self, m):
            with lock:
                assert sink.is_there.wait(60)
                for _ in range(30_000):  # more than the tape of a thread holds
                    self.__init__(m)

        seed.MyLayer.call = call
        take = sink.on_event

        def on_event(event):
            sink.is_there.set()
            with lock:
                take(event)

        sink.on_event = on_event
        with callscope.record(seed.Layer, sinks=[sink]) as trace:
            seed.MyLayer(3)(4)
        assert len(trace) == 60_004
        assert (len(sink.events) + 2 * sink.lost, sink.is_closed) == (2 * 60_004, True)


class TestBackPressure:
    def test_whole_calls_are_left_out_and_counted(self, seed, few):
        """By `on_end`, and in one warning; the trace has them all."""
        few(6)
        sink = Slow()
        with (
            pytest.warns(errors.SinkWarning, match=r"Slow\(\) could not keep up: 18 ") as caught,
            callscope.record(seed.Layer, sinks=[sink]) as trace,
        ):
            seed.MyLayer(3)
            assert sink.is_there.wait(60)
            for _ in range(10):
                seed.MyLayer(3)
            assert len(trace) == 22
            sink.may_go_on.set()
        assert len(caught) == 1
        assert_whole(sink.events)
        assert (sink.lost, len(sink.events)) == (18, 2 * 4)

    def test_what_is_suspended_goes_on_where_it_was_told_of(self, few):
        """Suspensions are left out too, each with its resumption."""

        class Base:
            def steps(self):
                yield from range(50)

        few(8)
        sink = Slow()
        with pytest.warns(errors.SinkWarning, match="could not keep up"):
            with callscope.record(Base, methods=["steps"], sinks=[sink]) as trace:
                steps = Base().steps()
                next(steps)
                len(trace)
                assert sink.is_there.wait(60)
                assert [*steps] == [*range(1, 50)]
                len(trace)
                sink.may_go_on.set()
        kinds = [kind for kind, _ in sink.events]
        pairs = ["suspend", "resume"] * ((len(kinds) - 2) // 2)
        assert kinds == ["call", *pairs, "return"]
        assert sink.lost == 50 - len(pairs) // 2

    def test_it_takes_calls_again_when_there_is_room(self, seed, few):
        """What is left out is only what does not fit."""
        few(2)
        sink = Slow()
        with pytest.warns(errors.SinkWarning, match="could not keep up"):
            with callscope.record(seed.Layer, sinks=[sink]) as trace:
                seed.MyLayer(3)
                assert sink.is_there.wait(60)
                seed.MyLayer(3)(4)
                len(trace)
                done = threading.Event()
                sink.flush = done.set
                sink.may_go_on.set()
                assert done.wait(60)
                seed.MyLayer(5)
        assert_whole(sink.events)
        assert sink.events[-1] == ("return", 7)

    def test_what_takes_all_misses_nothing(self, seed, few, tmp_path):
        """A file is whole, however few events may wait."""
        few(1)
        with callscope.record(seed.Layer, sinks=[callscope.JSONLines(tmp_path / "t.jsonl")]):
            seed.MyLayer(3)(4)
        assert callscope.load(tmp_path / "t.jsonl").outline() == SEED_OUTLINE


class TestDeadlines:
    @pytest.mark.parametrize("method", ["on_event", "flush", "on_end", "close"])
    def test_a_sink_that_does_not_end_is_left_alone(self, seed, method):
        """With a warning, when its time is over; another one ends as always."""
        slow, other = Slow(method, deadline_seconds=0.01), Slow("none")
        with pytest.warns(errors.SinkWarning, match=r"Slow\(\) did not end within 0\.01 seconds"):
            with callscope.record(seed.Layer, sinks=[slow, other]) as trace:
                seed.MyLayer(3)(4)
                # What was not told by the end, in so short a time, may not be told at all.
                assert method in ("on_end", "close") or slow.is_there.wait(60)
        assert (len(other.events), other.is_closed) == (8, True)
        assert (trace.outline(), slow.is_closed) == (SEED_OUTLINE, False)
        assert slow.is_there.wait(60)
        slow.may_go_on.set()
        for thread in slow.threads:
            thread.join()

    def test_what_is_still_in_line_then_is_counted(self, seed, monkeypatch):
        """A sink that is slow, but goes on, is closed like any other."""
        now = [0]
        monkeypatch.setattr("callscope.recording.sink_workers.monotonic", lambda: now[0])
        sink = Slow(deadline_seconds=60)
        sink.may_go_on.set()
        take = sink.on_event

        def on_event(event):
            take(event)
            now[0] += 40

        sink.on_event = on_event
        with pytest.warns(errors.SinkWarning, match="could not keep up: 4 calls"):
            with callscope.record(seed.Layer, sinks=[sink]):
                seed.MyLayer(3)(4)
        assert sink.events == [("call", 1), ("call", 2)]
        assert (sink.lost, sink.is_closed) == (4, True)

    @pytest.mark.parametrize("deadline", [float("inf"), float("nan"), -1, "long", None])
    def test_a_deadline_that_makes_no_sense(self, seed, deadline):
        """Does no harm to a sink that ends."""
        sink = Slow("none", deadline_seconds=deadline)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.SinkWarning)
            with callscope.record(seed.Layer, sinks=[sink]) as trace:
                seed.MyLayer(3)(4)
        assert trace.outline() == SEED_OUTLINE

    def test_nothing_hangs_at_exit(self):
        """The program ends though its sink never does."""
        program = """
import callscope, threading
class A:
    def call(self): ...
told = threading.Event()
class Stuck:
    deadline_seconds = 0.01
    def on_event(self, event):
        print("told", flush=True)
        told.set()
        threading.Event().wait()
    def flush(self): ...
    def close(self): ...
callscope.start(A, sinks=[Stuck()])
A().call()
told.wait()
"""
        done = subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout == "told\n"
        assert "did not end within 0.01 seconds" in done.stderr

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    def test_a_stuck_sink_delays_one_fork_at_most(self):
        """The child has a sink of its own, in the state it was in, and ends."""
        program = """
import callscope, os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # the stuck thread is there when it forks
class A:
    def call(self): ...
class Stuck:
    stuck, pid = threading.Event(), os.getpid()
    deadline_seconds = property(lambda self: 0.01 if os.getpid() == self.pid else 60)
    def on_event(self, event):
        if os.getpid() == self.pid:
            self.stuck.set()
            threading.Event().wait()
        print("child", event.kind, flush=True)
    def flush(self): ...
    def close(self): ...
waits, join = [], threading.Thread.join
def counted(thread, timeout=None):
    waits.append(thread)
    join(thread, timeout)
with callscope.record(A, sinks=[Stuck()]) as trace:
    A().call()
    Stuck.stuck.wait()
    threading.Thread.join = counted
    for _ in range(5):
        if not os.fork():
            A().call()
            raise SystemExit
        os.wait()
    print("parent", len(trace), "waited", len(waits))
"""
        done = subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout == "child call\nchild return\n" * 5 + "parent 1 waited 1\n"


class TestEnds:
    def test_a_sink_may_end_its_recording(self, seed):
        """In its own thread: it is then told of the rest, and closed."""
        recording = callscope.record(seed.Layer, sinks=[sink := Slow("none")])
        take, closed = sink.on_event, threading.Event()

        def on_event(event):
            take(event)
            if len(sink.events) == 2:
                recording.end()

        sink.on_event, sink.close = on_event, closed.set
        recording.__enter__()
        seed.MyLayer(3)(4)
        assert closed.wait(60)
        assert (len(sink.events), sink.lost) == (8, 0)

    def test_where_no_thread_can_be_started(self, seed, monkeypatch):
        """A sink is then told by whoever reads the tape."""

        def start(self):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)
        sink = Slow("none")
        with callscope.record(seed.Layer, sinks=[sink]):
            seed.MyLayer(3)(4)
        assert (len(sink.events), sink.lost, sink.is_closed) == (8, 0, True)
        assert sink.threads == {threading.current_thread()}

    def test_an_ended_recording_leaves_no_thread(self, seed):
        """However many there were."""
        before = threading.active_count()
        for _ in range(20):
            with callscope.record(seed.Layer, sinks=[Slow("none")]):
                seed.MyLayer(3)
        assert threading.active_count() == before


class TestKeepingNothing:
    def test_sinks_are_told_and_nothing_is_kept(self, seed):
        """For a service, which nobody asks for its trace."""
        sink = Slow("none")
        with callscope.record(seed.Layer, sinks=[sink], keep=False) as trace:
            for _ in range(3):
                seed.MyLayer(3)(4)
        assert (len(trace), trace.lost, len(sink.events)) == (0, 0, 24)

    def test_with_nobody_to_tell(self, seed):
        """There must be a sink then, or a file."""
        with pytest.raises(errors.OptionError, match=r"keep must be True.*sinks="):
            callscope.record(seed.Layer, keep=False)

    def test_no_call_stays_in_memory(self, seed):
        """Once the sink was told of it."""

        class Forget(Slow):
            def on_event(self, event):
                self.events.append(event.kind)

        def calls():
            gc.collect()
            return sum(type(one) is callscope.Call for one in gc.get_objects())

        before = calls()
        with callscope.record(seed.Layer, sinks=[sink := Forget("none")], keep=False) as trace:
            for _ in range(100):
                seed.MyLayer(3)
            len(trace)
        assert (len(sink.events), calls()) == (400, before)

    def test_it_has_no_limit(self, seed, monkeypatch):
        """A service runs for long; a limit can be set all the same."""
        monkeypatch.setattr("callscope.recording.config.DEFAULT_MAX_CALLS", 2)
        with callscope.record(seed.Layer, sinks=[sink := Slow("none")], keep=False):
            seed.MyLayer(3)(4)
        assert len(sink.events) == 8
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.TraceTruncatedWarning)
            options = {"sinks": [sink := Slow("none")], "keep": False, "max_calls": 1}
            with callscope.record(seed.Layer, **options) as trace:
                seed.MyLayer(3)(4)
        assert (len(sink.events), trace.lost) == (2, 3)


def test_two_sinks_that_follow_contexts(seed):
    """Are one too many for a recording, which says so."""
    sinks = [Slow(), Slow()]
    for sink in sinks:
        sink.context_hook = object()
    with pytest.raises(
        errors.OptionError, match="follow the program's context must be one per recording"
    ):
        callscope.record(seed.Layer, sinks=sinks)
