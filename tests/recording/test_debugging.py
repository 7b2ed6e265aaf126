"""Debugging aids: `find`, `current`, `break_on`, the calls a program died in, `run --live --filter`."""

import asyncio
import json
import socket
import subprocess
import sys
import textwrap
import threading

import pytest

import callscope
from command_line import cli, write


class TestFind:
    @pytest.fixture
    def trace(self, seed):
        def call(self, m):
            if m < 0:
                raise ValueError(m)
            return self.call(m - 1) if m > 5 else None

        seed.MyLayer.call = call
        with callscope.record(seed.Layer) as trace:
            layer = seed.MyLayer(3)
            layer(6)
            with pytest.raises(ValueError, match="-1"):
                layer(-1)
        return trace

    @pytest.mark.parametrize(
        ("error", "found"), [(True, 2), (False, 5), (ValueError, 2), ("Value*", 2), (OSError, 0)]
    )
    def test_by_error(self, trace, error, found):
        """Any, none, or one of a class."""
        assert len(trace.find(error=error)) == found

    def test_within_a_call(self, trace):
        """What it led to, directly or not, and not itself."""
        outer = trace.find("Layer.__call__")[0]
        assert [call.arguments["m"] for call in trace.find(within=outer)] == [6, 5]
        assert trace.find("MyLayer.call", within=trace.roots[-1], error=True) == [trace.calls[-1]]


class TestCurrent:
    def sites(self):
        return [call.site for call in callscope.current()]

    def test_in_a_call(self, seed):
        """The traced calls of this thread, the innermost last, which have not ended."""
        found = []
        seed.MyLayer.call = lambda self, m: found.extend(callscope.current())
        with callscope.record(seed.Layer) as trace:
            seed.MyLayer(3)(4)
            assert callscope.current() == ()
        assert found == [*trace.calls[2:]]  # the very same
        assert [call.site for call in found] == ["Layer.__call__", "MyLayer.call"]

    def test_they_have_not_ended(self, seed):
        """Their arguments are known, and nothing of what comes of them."""
        seed.MyLayer.call = lambda self, m: repr(callscope.current()[-1])
        with callscope.record(seed.Layer):
            assert seed.MyLayer(3).call(4) == "<Call 3: MyLayer.call(m=4) [MyLayer#1] ...>"

    def test_without_a_recording(self):
        """There are none."""
        assert callscope.current() == ()

    def test_in_threads(self, seed):
        """Each has its own."""
        found, both = {}, threading.Barrier(2)

        def call(self, m):
            both.wait(10)
            found[m] = [call.arguments for call in callscope.current()]
            both.wait(10)

        seed.MyLayer.call = call
        with callscope.record(seed.Layer, methods=["call"]):
            threads = [threading.Thread(target=seed.MyLayer(3).call, args=(m,)) for m in (1, 2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert found == {1: [{"m": 1}], 2: [{"m": 2}]}

    def test_in_tasks(self):
        """What another task is in is not among them, and what made the task is its parent."""
        found = {}

        class Job:
            async def all(self):
                await asyncio.gather(self.one(1), self.one(2))

            async def one(self, n):
                await asyncio.sleep(0)
                found[n] = callscope.current()

        with callscope.record(Job, methods=["*"]):
            asyncio.run(Job().all())
        assert {n: [c.arguments for c in calls] for n, calls in found.items()} == {
            1: [{"n": 1}],
            2: [{"n": 2}],
        }
        assert found[1][0].parent.site == "Job.all"

    def test_in_a_generator(self):
        """While it runs, and not while it is suspended."""

        class Source:
            def items(self):
                yield callscope.current()

        with callscope.record(Source, methods=["items"]):
            for inside in Source().items():
                assert callscope.current() == ()
                assert [call.site for call in inside] == ["Source.items"]

    def test_while_streaming(self, seed, tmp_path):
        """Also where the calls go to a file."""
        seed.MyLayer.call = lambda self, m: self.seen.extend(callscope.current())
        with callscope.record(seed.Layer, to=tmp_path / "t.jsonl"):
            layer = seed.MyLayer(3)
            layer.seen = []
            layer(4)
        assert [call.site for call in layer.seen] == ["Layer.__call__", "MyLayer.call"]

    def test_asked_by_a_predicate(self, seed):
        """It may be asked while a trace is read: no call is lost, nor read twice."""
        with callscope.record(
            seed.Layer, where=lambda call: callscope.current() is not None
        ) as trace:
            seed.MyLayer(3)(4)
            assert len(trace) == 4
        assert len(trace) == 4


def debug(folder, *arguments, commands, python=sys.executable):
    """Run callscope on app.py with these commands typed to pdb, and return what was printed."""
    done = subprocess.run(
        [python, "-m", "callscope", "run", *arguments, "app.py"],
        cwd=folder,
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestBreakOn:
    def test_the_debugger_stands_in_the_method(self, app):
        """Its frame, its arguments, its source; and it goes on from there."""
        output = debug(
            app,
            *("-t", "__main__:Layer", "--break", "MyLayer.call"),
            commands=["p m, self.__class__.__name__", "up", "up", "p y", "continue"],
        )
        stops = [line for line in output.splitlines() if line.startswith("> ")]
        assert stops[0].endswith("app.py(10)call()")
        assert "-> def call(self, m): return m + 1" in output
        assert "(4, 'MyLayer')" in output
        assert "Layer.__call__" not in stops
        assert "\n5 []" in output.replace("(Pdb) ", "\n")

    def run(self, tmp_path, body, commands):
        """Run a program that records with `break_on`; returns where pdb stood, and the output."""
        write(
            tmp_path,
            f"""\
            import asyncio, threading, callscope
            class Layer:
                def call(self, m):
                    return m + 1
                async def wait(self, m):
                    await asyncio.sleep(0)
                    return m
                def items(self, m):
                    yield m
                @classmethod
                def make(cls, m):
                    return cls()
                @property
                def size(self):
                    return 3
            METHODS = ["call", "wait", "items", "make", "size"]
            {textwrap.indent(textwrap.dedent(body), " " * 12).strip()}
            """,
            "app.py",
        )
        done = subprocess.run(
            [sys.executable, "app.py"],
            cwd=tmp_path,
            input="\n".join(commands) + "\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.replace("(Pdb) ", "").splitlines()
        stops = [line for line in lines if line.startswith("> ")]
        return [line.rpartition(")")[0].rpartition("(")[0].rpartition(")")[2] for line in stops], (
            done.stdout
        )

    def test_a_predicate(self, tmp_path):
        """Is given the call as it begins; one stop here, though the method ran three times."""
        names, output = self.run(
            tmp_path,
            """
            with callscope.record(Layer, methods=METHODS,
                                  break_on=lambda call: call.arguments.get("m") == 2) as trace:
                for m in range(1, 4): Layer().call(m)
            print(len(trace))
            """,
            ["p m", "continue"],
        )
        assert names == ["call"]
        assert output.endswith("3\n")
        assert "(Pdb) 2\n" in output

    @pytest.mark.parametrize(
        ("expression", "name"),
        [
            ("asyncio.run(Layer().wait(1))", "wait"),
            ("list(Layer().items(1))", "items"),
            ("Layer.make(1)", "make"),
            ("Layer().size", "size"),
            ("threading.Thread(target=Layer().call, args=(1,)).start()", "call"),
        ],
    )
    def test_any_kind_of_method(self, tmp_path, expression, name):
        """Coroutines, generators, class methods, properties; in any thread."""
        names, _ = self.run(
            tmp_path,
            f"""
            with callscope.record(Layer, methods=METHODS, break_on="Layer.*"):
                {expression}
                while threading.active_count() > 1: pass
            """,
            ["continue"],
        )
        assert names == [name]

    def test_what_breakpoint_enters(self, seed, monkeypatch):
        """Whatever `sys.breakpointhook` is: an editor's debugger, or none at all."""
        stops = []
        monkeypatch.setattr(sys, "breakpointhook", lambda: stops.append(callscope.current()))
        before = sys.gettrace()
        with callscope.record(seed.Layer, break_on="*.__init__") as trace:
            seed.MyLayer(3)(4)
        assert [calls[-1] for calls in stops] == trace.find("*.__init__")
        assert sys.gettrace() is before

    def test_a_trace_function_goes_on(self, seed, monkeypatch):
        """One that was set before, as coverage tools do, is set again and misses nothing."""
        monkeypatch.setattr(sys, "breakpointhook", lambda: None)
        seen, method = [], seed.MyLayer.call

        def trace_function(frame, kind, argument):
            if frame.f_code is method.__code__:
                seen.append(kind)
            return trace_function

        before = sys.gettrace()
        with callscope.record(seed.Layer, break_on="MyLayer.call"):
            layer = seed.MyLayer(3)
            sys.settrace(trace_function)
            layer(4)
            after = sys.gettrace()
            sys.settrace(before)
        assert after is trace_function
        assert seen == ["call", "line", "return"]

    def test_other_sites_are_not_slowed_down(self, seed):
        """Only where it may stop is each event read at once."""
        with callscope.record(seed.Layer, break_on="Other.*"):
            seed.MyLayer(3)(4)
            assert self.unread() > 0
        with callscope.record(seed.Layer, break_on=lambda call: False):
            seed.MyLayer(3)(4)
            assert self.unread() == 0

    def unread(self):
        """Return how much stands on this thread's tape."""
        from callscope.tape.threads import TAPES

        return len(TAPES.local.tape)

    def test_a_predicate_that_raises(self, seed):
        """Is asked no more, with one warning."""
        with pytest.warns(callscope.CallscopeWarning, match="break_on= raised"):
            with callscope.record(seed.Layer, break_on=lambda call: 1 / 0) as trace:
                seed.MyLayer(3)(4)
        assert len(trace) == 4

    @pytest.mark.parametrize("wrong", ["", 3, ["Layer.call"]])
    def test_what_cannot_be_used(self, wrong):
        """The error says what can."""
        with pytest.raises(callscope.CallscopeError, match="break_on must be a site"):
            callscope.record(break_on=wrong)


class Editor:
    """As much of an editor as a debugger needs: the Debug Adapter Protocol.

    https://microsoft.github.io/debug-adapter-protocol/specification
    """

    def __init__(self, port):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            self._file = connection.makefile("rwb")  # which keeps it open
        self._last = 0

    def send(self, command, **arguments):
        self._last += 1
        request = {"seq": self._last, "type": "request", "command": command}
        body = json.dumps(request | {"arguments": arguments}).encode()
        self._file.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._file.flush()

    def messages(self):
        while True:
            size = 0
            while (line := self._file.readline().strip()) != b"":
                size = int(line.rpartition(b":")[2])
            if not size:
                return
            yield json.loads(self._file.read(size))

    def stops(self):
        """Attach, let the program run, and yield the stack of each stop."""
        self.send("initialize", adapterID="test", pathFormat="path")
        self.send("attach", justMyCode=True)
        for message in self.messages():
            if message.get("event") == "initialized":
                self.send("configurationDone")
            elif message.get("event") == "stopped":
                thread = message["body"]["threadId"]
                self.send("stackTrace", threadId=thread)
            elif message.get("command") == "stackTrace":
                frames = message["body"]["stackFrames"]
                yield [(frame["name"], frame["line"]) for frame in frames]
                self.send("continue", threadId=thread)
            elif message.get("event") == "terminated":
                break
        self._file.close()


def test_an_attached_editor_stops_in_the_method(app):
    """With debugpy, as VS Code has it: in the user's frames, and in no frame of callscope's."""
    pytest.importorskip("debugpy", reason="debugpy is not installed")
    write(
        app,
        """\
        import debugpy, callscope
        print(debugpy.listen(("127.0.0.1", 0))[1], flush=True)
        debugpy.wait_for_client()
        import app
        with callscope.record(app.Layer, break_on="MyLayer.call"):
            app.MyLayer(3)(4)
            app.MyLayer(3)(5)
        """,
    )
    with subprocess.Popen(
        [sys.executable, "-Xfrozen_modules=off", "script.py"],
        cwd=app,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            stops = [*Editor(int(program.stdout.readline())).stops()]
            _, errors = program.communicate(timeout=60)
        finally:
            program.kill()
    assert stops == [[("call", 10), ("__call__", 5), ("<module>", line)] for line in (6, 7)]
    assert "PYDEV DEBUGGER WARNING" not in errors


CRASH = """\
class App:
    def run(self, n):
        try:
            self.step(n)
        except KeyError as error:
            self.log("died")
            raise RuntimeError("no step") from error
    def step(self, n):
        self.check(n)
        raise KeyError(n)
    def check(self, n):
        try: self.fail()
        except OSError: pass
    def fail(self): raise OSError("handled")
    def log(self, text): ...
"""


class TestTheCallsItDiedIn:
    def died(self, folder, program, *options):
        write(folder, CRASH + program)
        done = cli("run", "-t", "__main__:App", "-M", "*", *options, "script.py", cwd=folder)
        assert done.returncode == 1
        return done.stderr

    def test_after_the_traceback(self, tmp_path):
        """The open calls, with what they were called with; nothing of what ended otherwise."""
        stderr = self.died(tmp_path, "App().run(3)\n", "-o", "t.jsonl")
        assert stderr.partition("RuntimeError: no step\n")[2].splitlines() == [
            "",
            "callscope: the traced calls it came through:",
            "App.run(n=3) [App#1] !! RuntimeError: no step",
            "  App.step(n=3) [App#1] !! KeyError: 3",
            "",
            "callscope: 5 calls saved to t.jsonl",
        ]

    def test_an_exception_from_elsewhere(self, tmp_path):
        """What was raised before, and handled, is not shown for it."""
        program = "try: App().run(3)\nexcept RuntimeError: pass\n1 / 0\n"
        stderr = self.died(tmp_path, program, "-o", "t.txt")
        assert "it came through" not in stderr

    def test_an_exit_is_no_crash(self, tmp_path):
        """The program said so itself."""
        stderr = self.died(tmp_path, "App.log = lambda *_: exit(1)\nApp().log('x')\n")
        assert "it came through" not in stderr


class TestFilter:
    def test_what_is_printed_live(self, app):
        """Only some sites; the trace holds all."""
        done = cli(
            *("run", "-t", "__main__:Layer", "--live", "--filter", "*.call"),
            *("-o", "t.jsonl", "app.py"),
            cwd=app,
        )
        assert done.stderr.splitlines() == [
            "  MyLayer.call(m=4) [MyLayer#1]",
            "  -> 5",
            "callscope: 4 calls saved to t.jsonl",
        ]

    def test_without_live(self, app):
        """The error says what is missing."""
        done = cli("run", "-t", "__main__:Layer", "--filter", "*.call", "app.py", cwd=app)
        assert done.returncode == 2
        assert "Add --live" in done.stderr
