"""Spans of OpenTelemetry: what they say, and whose children they are."""

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

import callscope
import seed as seed_module
from callscope import OpenTelemetry, carry, errors, record
from interrupts import Nested, interrupted

reason = "opentelemetry-sdk is not installed"
sdk = pytest.importorskip("opentelemetry.sdk.trace", reason=reason)
from opentelemetry import baggage, context, propagate, trace  # noqa: E402
from opentelemetry.sdk.trace import sampling  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: E402
    InMemorySpanExporter,
)

both = pytest.mark.parametrize("current", [False, True], ids=["afterwards", "current"])


class App:
    """An application that makes spans of its own, and those that came of it."""

    def __init__(self, **options):
        self.exporter = InMemorySpanExporter()
        self.provider = sdk.TracerProvider(shutdown_on_exit=False, **options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("app")

    def span(self, name):
        return self.tracer.start_as_current_span(name)

    def record(self, *targets, current=False, **options):
        sink = OpenTelemetry(self.provider, current=current)
        return record(*targets, sinks=[sink], **options)

    @property
    def spans(self):
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time)

    def one(self, name):
        """Return the one span of that name."""
        (found,) = (span for span in self.spans if span.name == name)
        return found

    def tree(self):
        """Return name and parent's name of each span, in the order they began."""
        names = {span.context.span_id: span.name for span in self.spans}
        return [(s.name, s.parent and names.get(s.parent.span_id, "elsewhere")) for s in self.spans]

    @property
    def traces(self):
        """The number of traces that the spans are of."""
        return len({span.context.trace_id for span in self.spans})


@pytest.fixture
def app():
    return App()


class TestWhatASpanSays:
    @both
    def test_of_a_call(self, app, current):
        """Which method of which class ran on which object, with what; by the conventions."""

        class Layer:
            def __call__(self, y, password, *rest, **more):
                return self.call(y)

            def call(self, z):
                return z + 1

        Layer.__module__, Layer.__qualname__ = "app", "Layer"
        with app.record(Layer, current=current):
            Layer()(4, "hush", 1.5, [1], k=None)
        span = app.one("Layer.__call__")
        assert span.kind is trace.SpanKind.INTERNAL
        assert span.status.status_code is trace.StatusCode.UNSET
        assert span.instrumentation_scope.name == "callscope"
        attributes = dict(span.attributes)
        assert {k: v for k, v in attributes.items() if not k.startswith("code.")} == {
            "callscope.arguments.y": 4,
            "callscope.arguments.password": "[redacted]",
            "callscope.arguments.rest[0]": 1.5,
            "callscope.arguments.rest[1]": "[1]",
            "callscope.arguments.k": "None",
            "thread.name": "MainThread",
            "callscope.via_super": False,
            "callscope.mro_index": 0,
            "callscope.instance": 1,
            "callscope.runtime_class": "app.Layer",
            "callscope.defining_class": "app.Layer",
            "callscope.result": 5,
        }
        assert attributes["code.function.name"] == "app.Layer.__call__"

    @both
    def test_of_where_it_is_written(self, app, seed, current):
        """File and line, where the call knows them."""
        with app.record(seed.Layer, current=current) as recorded:
            seed.MyLayer(3)
        if not hasattr(callscope.Call, "file"):
            pytest.skip("calls do not know their file")
        attributes = app.one("MyLayer.__init__").attributes
        call = recorded.calls[0]
        assert attributes["code.file.path"] == call.file == seed_module.__file__
        assert attributes["code.line.number"] == call.line

    @both
    def test_of_when_it_was(self, app, seed, current):
        """To the nanosecond, on the time of day that the recording began at."""
        with app.record(seed.Layer, current=current) as recorded:
            seed.MyLayer(3)(4)
        offset_ns = recorded.header.start_unix_ns - recorded.header.start_ns
        assert [(s.name, s.start_time, s.end_time) for s in app.spans] == [
            (c.site, c.start_ns + offset_ns, c.start_ns + offset_ns + c.duration_ns)
            for c in recorded.calls
        ]

    @both
    def test_of_an_error(self, app, seed, current):
        """The event `exception`, the status and its description, and `error.type`."""

        def call(self, m):
            raise LookupError("no such thing")

        seed.MyLayer.call = call
        with app.record(seed.Layer, current=current):
            with pytest.raises(LookupError):
                seed.MyLayer(3)(4)
        for name in ("Layer.__call__", "MyLayer.call"):
            span = app.one(name)
            assert span.status.status_code is trace.StatusCode.ERROR
            assert span.status.description == "LookupError: no such thing"
            assert span.attributes["error.type"] == "LookupError"
            (event,) = span.events
            assert (event.name, event.timestamp) == ("exception", span.end_time)
            assert dict(event.attributes) == {
                "exception.type": "LookupError",
                "exception.message": "no such thing",
            }

    @both
    def test_of_hostile_values(self, app, current):
        """Whatever the program passes can be encoded, and is sent."""
        from opentelemetry.sdk.trace import ReadableSpan

        class Layer:
            def call(self, *args, **kwargs):
                raise ValueError("\ud800")

        with app.record(Layer, methods=["call"], current=current):
            with pytest.raises(ValueError, match="\ud800"):
                Layer().call("\ud800\0\x1b[31m", 1 << 80, float("nan"), {"": 0, "\ud801": 2})
            with pytest.raises(ValueError, match="\ud800"):
                Layer().call(**{"": 0, "\ud801": "</script>"})
        first, second = app.spans
        assert isinstance(first, ReadableSpan)
        assert first.attributes["callscope.arguments.args[0]"] == "\\ud800\0\x1b[31m"
        assert first.attributes["callscope.arguments.args[1]"] == str(1 << 80)
        assert second.attributes["callscope.arguments.\\ud801"] == "</script>"
        assert second.attributes["callscope.arguments."] == 0
        assert first.events[0].attributes["exception.message"] == "\\ud800"
        common = pytest.importorskip("opentelemetry.exporter.otlp.proto.common.trace_encoder")
        assert len(common.encode_spans(app.spans).SerializeToString()) > 500

    @both
    def test_within_the_applications_limits(self, seed, current, caplog):
        """Where there is no room for all, what says which call it was stays."""
        limits = sdk.SpanLimits(max_span_attributes=4, max_span_attribute_length=8)
        app = App(span_limits=limits)
        with app.record(seed.Layer, current=current):
            seed.MyLayer("abcdefghijklm")
        attributes = app.one("MyLayer.__init__").attributes
        assert (len(attributes), attributes["code.function.name"]) == (4, "app.MyLa")
        assert attributes["callscope.defining_class"] == "app.MyLa"
        assert "callscope.arguments.k" not in attributes

    @both
    @pytest.mark.parametrize("capture", ["types", "none"])
    def test_no_more_than_is_captured(self, app, seed, current, capture):
        """Arguments are what the recording was asked for."""
        with app.record(seed.Layer, current=current, capture=capture):
            seed.MyLayer("secret")
        found = {k: v for k, v in app.spans[0].attributes.items() if "arguments" in k}
        assert found == ({"callscope.arguments.k": "str"} if capture == "types" else {})

    @both
    def test_of_a_call_that_has_not_ended(self, app, current):
        """It ends with the recording, and says that it is not finished."""

        class Base:
            def steps(self):
                yield 1

        with app.record(Base, methods=["steps"], current=current):
            steps = Base().steps()
            next(steps)
        assert app.one("Base.steps").attributes["callscope.finished"] is False
        assert app.one("Base.steps").attributes["callscope.suspensions"] == 1
        steps.close()
        assert len(app.spans) == 1


class TestWhoseChildTheyAre:
    @both
    def test_calls_hang_below_calls(self, app, seed, current):
        """As in the trace; an outermost call is the root of its own."""
        with app.record(seed.Layer, current=current):
            seed.MyLayer(3)(4)
        assert app.tree() == [
            ("MyLayer.__init__", None),
            ("Layer.__init__", "MyLayer.__init__"),
            ("Layer.__call__", None),
            ("MyLayer.call", "Layer.__call__"),
        ]
        assert app.traces == 2

    @both
    def test_below_the_applications_span(self, app, seed, current):
        """The one that was current when the outermost call began."""
        with app.record(seed.Layer, current=current):
            with app.span("request"):
                seed.MyLayer(3)
            with app.span("other"):
                seed.MyLayer(3)
        assert app.tree() == [
            ("request", None),
            ("MyLayer.__init__", "request"),
            ("Layer.__init__", "MyLayer.__init__"),
            ("other", None),
            ("MyLayer.__init__", "other"),
            ("Layer.__init__", "MyLayer.__init__"),
        ]

    @both
    def test_around_the_applications_span(self, app, seed, current):
        """A span that a method opens is its child, if its own is current, and else its sibling.

        What the method calls within that span hangs below it either way.
        """

        def call(self, m):
            with app.span("work"):
                seed.Layer.__init__(self, 5)
            seed.Layer.__init__(self, 6)

        seed.MyLayer.call = call
        with app.record(seed.Layer, current=current), app.span("request"):
            seed.MyLayer(3)(4)
        assert app.tree()[3:] == [
            ("Layer.__call__", "request"),
            ("MyLayer.call", "Layer.__call__"),
            ("work", "MyLayer.call" if current else "request"),
            ("Layer.__init__", "work"),
            ("Layer.__init__", "MyLayer.call"),
        ]
        assert app.traces == 1

    @both
    def test_what_was_current_is_so_again(self, app, seed, current):
        """Also after an error: the program's context is its own."""

        def call(self, m):
            raise ValueError

        seed.MyLayer.call = call
        with app.record(seed.Layer, current=current):
            with app.span("request") as span:
                before = context.get_current()
                with pytest.raises(ValueError, match=r"^$"):
                    seed.MyLayer(3)(4)
                assert trace.get_current_span() is span
                assert context.get_current() is before
        assert context.get_current() == {}

    @both
    def test_threads(self, app, seed, current):
        """Work that is carried to a pool hangs below what handed it on; other work is a root."""

        def call(self, m):
            with ThreadPoolExecutor(1) as pool:
                pool.submit(carry(self.__init__), 1).result()
                pool.submit(self.__init__, 2).result()

        seed.MyLayer.call = call
        with app.record(seed.Layer, current=current), app.span("request"):
            seed.MyLayer(3)(4)
        assert app.tree()[4:] == [
            ("MyLayer.call", "Layer.__call__"),
            ("MyLayer.__init__", "MyLayer.call"),
            ("Layer.__init__", "MyLayer.__init__"),
            ("MyLayer.__init__", None),
            ("Layer.__init__", "MyLayer.__init__"),
        ]

    def test_work_that_is_carried_several_times(self, app, seed):
        """Each time it runs in the context that was current when it was carried."""
        seen = []

        def work():
            seen.append(baggage.get_baggage("left"))
            context.attach(baggage.set_baggage("left", "behind"))

        with app.record(seed.Layer, current=True), app.span("request"):
            carried = carry(work)
            with ThreadPoolExecutor(1) as pool:
                for _ in range(3):
                    pool.submit(carried).result()
        assert seen == [None] * 3

    @both
    def test_a_threads_own_span(self, app, seed, current):
        """A worker that goes on with its request's context hangs its calls below that."""
        with app.record(seed.Layer, current=current):
            with app.span("request"):
                ours = context.get_current()

            def work():
                token = context.attach(ours)
                seed.MyLayer(3)
                context.detach(token)

            thread = threading.Thread(target=work, name="worker")
            thread.start()
            thread.join()
        assert app.tree()[1] == ("MyLayer.__init__", "request")
        assert app.spans[1].attributes["thread.name"] == "worker"

    @both
    def test_tasks(self, app, current):
        """Tasks that run at once each keep to their own."""

        class Server:
            async def serve(self, name):
                with app.span(f"span of {name}"):
                    await asyncio.sleep(0)
                    await self.query(name)
                    await asyncio.sleep(0)
                await self.query(f"{name} again")

            async def query(self, name):
                await asyncio.sleep(0)
                with app.span(f"query of {name}"):
                    await asyncio.sleep(0)

            async def all(self):
                await asyncio.gather(self.serve("a"), self.serve("b"))

        methods = ["serve", "query", "all"]
        with app.record(Server, methods=methods, current=current), app.span("main"):
            asyncio.run(Server().all())
        parents = {}
        ids = {span.context.span_id: span for span in app.spans}
        for span in app.spans:
            name = span.attributes.get("callscope.arguments.name", "")
            above = ids.get(span.parent.span_id) if span.parent else None
            of = above.attributes.get("callscope.arguments.name", "") if above else ""
            parents[f"{span.name} {name}".strip()] = above and f"{above.name} {of}".strip()
        assert parents == {
            "main": None,
            "Server.all": "main",
            "Server.serve a": "Server.all",
            "Server.serve b": "Server.all",
            "span of a": "Server.serve a" if current else "main",
            "span of b": "Server.serve b" if current else "main",
            "Server.query a": "span of a",
            "Server.query b": "span of b",
            "Server.query a again": "Server.serve a",
            "Server.query b again": "Server.serve b",
            "query of a": "Server.query a" if current else "span of a",
            "query of b": "Server.query b" if current else "span of b",
            "query of a again": "Server.query a again" if current else "main",
            "query of b again": "Server.query b again" if current else "main",
        }
        assert app.traces == 1

    @both
    def test_a_task_that_outlives_what_made_it(self, app, current):
        """It hangs below it all the same."""

        class Server:
            async def start(self):
                return asyncio.create_task(self.poll())

            async def poll(self):
                for _ in range(3):
                    await asyncio.sleep(0)
                self.tick()

            def tick(self):
                pass

        async def main(server):
            await (await server.start())

        with app.record(Server, methods=["start", "poll", "tick"], current=current):
            asyncio.run(main(Server()))
        assert app.tree() == [
            ("Server.start", None),
            ("Server.poll", "Server.start"),
            ("Server.tick", "Server.poll"),
        ]

    def test_a_generator_is_current_only_while_it_runs(self, app):
        """What its consumer does between its steps is the consumer's, and nothing of it is lost."""

        class Base:
            def steps(self):
                with app.span("inside"):
                    yield 1
                    self.step()
                    yield 2
                self.step()

            def step(self):
                pass

        with app.record(Base, methods=["step*"], current=True), app.span("consumer") as consumer:
            for number in Base().steps():
                assert trace.get_current_span() is consumer
                with app.span(f"between {number}"):
                    pass
        assert app.tree() == [
            ("consumer", None),
            ("Base.steps", "consumer"),
            ("inside", "Base.steps"),
            ("between 1", "consumer"),
            ("Base.step", "inside"),
            ("between 2", "consumer"),
            ("Base.step", "Base.steps"),
        ]
        assert app.one("Base.steps").attributes["callscope.suspensions"] == 2

    @both
    def test_async_generators(self, app, current):
        """As coroutines, step by step; also one that is left unfinished."""

        class Base:
            async def steps(self):
                for number in range(3):
                    with app.span(f"step {number}"):
                        await asyncio.sleep(0)
                        yield number

        async def main():
            with app.span("main") as span:
                steps = Base().steps()
                async for number in steps:
                    assert trace.get_current_span() is span or not current
                    if number == 1:
                        break
                await steps.aclose()

        with app.record(Base, methods=["steps"], current=current):
            asyncio.run(main())
        above = "Base.steps" if current else "main"
        assert app.tree()[:3] == [("main", None), ("Base.steps", "main"), ("step 0", above)]
        assert len(app.spans) == 4

    @both
    def test_baggage_and_links_to_what_is_current(self, app, current):
        """What a method attaches and detaches works as ever, across suspensions too."""

        class Base:
            async def call(self):
                token = context.attach(baggage.set_baggage("user", "7"))
                await asyncio.sleep(0)
                seen.append(baggage.get_baggage("user"))
                context.detach(token)
                seen.append(baggage.get_baggage("user"))

        seen = []
        with app.record(Base, methods=["call"], current=current):
            asyncio.run(Base().call())
        assert seen == ["7", None]


class TestTransparency:
    @both
    @pytest.mark.parametrize("sampled", [False, True], ids=["skipped", "sampled"])
    def test_tracebacks_and_warnings(self, current, sampled):
        """Neither shows a frame of ours, whether a span is made or not."""

        class Base:
            def call(self):
                warnings.warn("old", UserWarning, stacklevel=2)
                raise KeyError

            async def call_later(self):
                self.call()

            def steps(self):
                yield 1
                self.call()

        app = App(sampler=sampling.ALWAYS_ON if sampled else sampling.ALWAYS_OFF)
        names, files = [], []
        with app.record(Base, methods=["call*", "steps"], current=current, keep=False):
            with app.span("request"), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                for run in (
                    Base().call,
                    lambda: asyncio.run(Base().call_later()),
                    lambda: [*Base().steps()],
                ):
                    with pytest.raises(KeyError) as raised:
                        run()
                    names += [entry.frame.code.name for entry in raised.traceback]
                    files += [str(entry.path) for entry in raised.traceback]
        assert [warning.filename for warning in caught] == [__file__] * 3
        assert [name for name in files if "callscope" in name.rpartition("/")[2]] == []
        assert (names.count("call"), names.count("call_later"), names.count("steps")) == (3, 1, 1)
        assert len(app.spans) == (6 if sampled else 0)

    def test_the_limit_of_recursion(self, app):
        """The program gets its error, no sink is blamed, and what was current is so again."""

        class Deep:
            def dive(self, depth):
                return self.dive(depth + 1)

        with app.record(Deep, methods=["dive"], current=True), app.span("request") as span:
            for _ in range(3):
                with pytest.raises(RecursionError):
                    Deep().dive(0)
                assert trace.get_current_span() is span
            with app.span("after"):
                pass
        assert app.one("after").parent.span_id == app.one("request").context.span_id
        roots = [span for span in app.spans if span.parent == app.one("request").context]
        assert [root.attributes["callscope.arguments.depth"] for root in roots[:3]] == [0] * 3

    @pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="interrupts are sent by a timer")
    def test_interrupts(self, app):
        """Wherever they fall: each call that ended has one span, and its times.

        What was current before is so again, at the latest after the next call.
        """
        contextvars.copy_context().run(self.interrupt, app)

    def interrupt(self, app):
        one = Nested()
        methods = ("outer", "middle", "inner")
        with app.record(Nested, methods=methods, current=True) as recorded:
            caught = interrupted(one.outer, 300, 1e-3)
            number = len(recorded)
            while len([s for s in app.spans if "callscope.instance" in s.attributes]) < number:
                threading.Event().wait(0.05)
            one.outer(0)
            assert context.get_current() == {}
        spans = [s for s in app.spans if "callscope.instance" in s.attributes]
        offset_ns = recorded.header.start_unix_ns - recorded.header.start_ns
        ends = {(s.name, s.start_time - offset_ns, s.end_time - offset_ns) for s in spans}
        calls = {(c.site, c.start_ns, c.start_ns + c.duration_ns) for c in recorded.calls}
        assert len(ends) == len(spans)
        assert ends <= calls
        assert len(calls - ends) <= caught

    def test_a_shadow_can_be_pickled_by_value(self, app, seed):
        """It takes nothing of the application's along, which could not be pickled."""
        cloudpickle = pytest.importorskip("cloudpickle", reason="cloudpickle is not installed")
        with app.record(seed.Layer, current=True):
            again = cloudpickle.loads(cloudpickle.dumps(seed.MyLayer))
        assert isinstance(again(3), again)
        assert app.spans == []


class TestSampling:
    @both
    @pytest.mark.parametrize("keep", [False, True])
    def test_within_what_is_not_sampled(self, seed, current, keep):
        """No call gets a span; where nothing is kept, none is even recorded."""
        app = App(sampler=sampling.ParentBased(sampling.ALWAYS_OFF))
        seen = []
        sink = OpenTelemetry(app.provider, current=current)
        take = sink.on_event
        sink.on_event = lambda event: (seen.append(event), take(event))
        with record(seed.Layer, sinks=[sink], keep=keep) as recorded:
            with app.span("request") as span:
                assert not span.is_recording()
                layer = seed.MyLayer(3)
                layer(4)
                assert trace.get_current_span() is span
        assert (app.spans, len(recorded)) == ([], 4 if keep else 0)
        assert len(seen) == (8 if keep else 0)

    @both
    def test_a_root_that_the_sampler_drops(self, seed, current):
        """Nothing below it is sampled either: the sampler is asked once."""

        class Never(sampling.Sampler):
            asked = 0

            def should_sample(self, *args, **kwargs):
                Never.asked += 1
                return sampling.SamplingResult(sampling.Decision.DROP)

            def get_description(self):
                return "never"

        app = App(sampler=sampling.ParentBased(Never()))
        with app.record(seed.Layer, current=current):
            seed.MyLayer(3)(4)
        assert (app.spans, Never.asked) == ([], 2)

    @both
    def test_the_sampler_sees_which_method_it_is(self, seed, current):
        """By the span's name, and `code.function.name`."""

        class ByName(sampling.Sampler):
            def should_sample(self, parent_context, trace_id, name, *args, **kwargs):
                attributes = kwargs.get("attributes") or args[1]
                assert attributes["code.function.name"].endswith(name)
                keeps = name == "Layer.__call__" or parent_context
                decision = sampling.Decision.RECORD_AND_SAMPLE if keeps else sampling.Decision.DROP
                return sampling.SamplingResult(decision, attributes)

            def get_description(self):
                return "by name"

        app = App(sampler=ByName())
        with app.record(seed.Layer, current=current):
            seed.MyLayer(3)(4)
        assert [span.name for span in app.spans] == ["Layer.__call__", "MyLayer.call"]

    @both
    def test_what_an_exporter_calls_is_left_alone(self, app, seed, current):
        """Exporters say by the context that nothing is to be made of what they do."""
        from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

        with app.record(seed.Layer, current=current):
            token = context.attach(context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
            seed.MyLayer(3)
            context.detach(token)
            seed.MyLayer(3)
        assert len(app.spans) == 2

    @both
    def test_what_a_processor_calls_is_not_recorded(self, current):
        """A processor, or an exporter, whose own methods are traced does not go round in circles."""

        class Base:
            def call(self):
                pass

        class Processor(sdk.SpanProcessor, Base):
            def on_start(self, span, parent_context=None):
                self.call()

            def on_end(self, span):
                self.call()

        app = App()
        app.provider.add_span_processor(Processor())
        with app.record(Base, methods=["call"], current=current):
            Base().call()
        assert app.tree() == [("Base.call", None)]


class TestWhatIsLeftOut:
    def test_where_a_current_span_was_made(self, app, seed):
        """`where=` is asked afterwards: the span ends with its call, and says which it was."""
        options = {"where": lambda call: call.method == "call"}
        with app.record(seed.Layer, current=True, **options):
            layer = seed.MyLayer(3)
            layer(4)
        assert [span.name for span in app.spans] == [
            "MyLayer.__init__",
            "Layer.__init__",
            "Layer.__call__",
            "MyLayer.call",
        ]
        assert "callscope.instance" not in app.one("Layer.__call__").attributes
        assert app.one("MyLayer.call").attributes["callscope.instance"] == 1

    def test_where_afterwards(self, app, seed):
        """What is left out has no span; what it calls hangs below its parent."""
        with app.record(seed.Layer, where=lambda call: call.method == "call"), app.span("request"):
            seed.MyLayer(3)(4)
        assert app.tree() == [("request", None), ("MyLayer.call", "request")]

    @both
    def test_by_back_pressure(self, seed, current, monkeypatch):
        """What the sink is not told of is missing, and what is below hangs below the rest."""
        monkeypatch.setattr("callscope.recording.dispatch.MOST_WAITING", 1)
        app = App()
        with pytest.warns(errors.SinkWarning, match="could not keep up"):
            with app.record(seed.Layer, current=current):
                for _ in range(50):
                    seed.MyLayer(3)(4)
        for span in app.spans:
            assert span.end_time >= span.start_time
        names = {parent for _, parent in app.tree()}
        assert "elsewhere" not in names


class TestProcesses:
    @both
    def test_context_from_the_environment(self, app, seed, current, monkeypatch):
        """What started the process may have said in which trace; a span of the program's own wins."""
        monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        with app.record(seed.Layer, current=current):
            seed.MyLayer(3)
            with app.span("own"):
                seed.MyLayer(3)
        first, _, own, second, _ = app.spans
        assert first.parent.span_id == 0xB7AD6B7169203331
        assert first.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C
        assert (own.parent, second.parent.span_id) == (None, own.context.span_id)

    @both
    def test_an_environment_that_is_not_sampled(self, app, seed, current, monkeypatch):
        """Nor is what the process does, then."""
        monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
        with app.record(seed.Layer, current=current):
            seed.MyLayer(3)
        assert app.spans == []

    @both
    def test_context_that_the_application_takes_in(self, app, seed, current):
        """A request's `traceparent`, taken in by the application's own propagator."""
        carrier = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        with app.record(seed.Layer, current=current):
            token = context.attach(propagate.extract(carrier))
            seed.MyLayer(3)
            context.detach(token)
        assert app.spans[0].parent.span_id == 0xB7AD6B7169203331

    @both
    def test_context_that_the_application_hands_on(self, app, seed, current):
        """What a method sends on names its own span, if that is current, and else the one around."""
        carriers = []

        def call(self, m):
            carriers.append({})
            propagate.inject(carriers[-1])

        seed.MyLayer.call = call
        with app.record(seed.Layer, current=current), app.span("request"):
            seed.MyLayer(3)(4)
        sender = app.one("MyLayer.call" if current else "request")
        assert carriers[0]["traceparent"].split("-")[2] == f"{sender.context.span_id:016x}"

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    @both
    def test_a_forked_child(self, current):
        """It makes spans of its own calls, below what was current when it was forked."""
        program = f"""
import os, sys, callscope
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
def line(span):
    parent = span.parent and names.get(span.parent.span_id, "?")
    return f"{{'parent' if os.getpid() == pid else 'child'}} {{span.name}} < {{parent}}\\n"
class Base:
    def outer(self):
        self.inner()
        if not os.fork():
            self.inner()
            callscope.stop()
            os._exit(0)
        os.wait()
    def inner(self): ...
pid, names = os.getpid(), {{}}
class Names:
    def on_start(self, span, parent_context=None): names[span.context.span_id] = span.name
    def on_end(self, span): ...
    def _on_ending(self, span): ...
    def shutdown(self): ...
    def force_flush(self, timeout_millis=0): ...
provider = TracerProvider()
provider.add_span_processor(Names())
exporter = ConsoleSpanExporter(out=sys.stdout, formatter=line)
provider.add_span_processor(SimpleSpanProcessor(exporter))
sink = callscope.OpenTelemetry(provider, current={current})
callscope.start(Base, methods=["outer", "inner"], sinks=[sink])
with provider.get_tracer("app").start_as_current_span("request"):
    Base().outer()
callscope.stop()
"""
        done = run(program)
        assert sorted(done.stdout.splitlines()) == [
            f"child Base.inner < {'Base.outer' if current else 'request'}",
            "parent Base.inner < Base.outer",
            "parent Base.outer < request",
            "parent request < None",
        ]


class TestTheApplicationsProvider:
    def test_it_may_be_set_later(self):
        """Spans go to the global provider as soon as there is one; and none is lost at exit."""
        program = """
import callscope, sys, threading, time
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
class Base:
    def call(self, k): ...
callscope.start(Base, methods=["call"], sinks=[callscope.OpenTelemetry()], keep=False)
Base().call(1)
provider = TracerProvider()
exporter = ConsoleSpanExporter(out=sys.stdout, formatter=lambda s: f"{s.attributes['callscope.arguments.k']}\\n")
provider.add_span_processor(BatchSpanProcessor(exporter))
seen = threading.Event()
class See:
    def on_start(self, span, parent_context=None): ...
    def on_end(self, span):
        if not seen.is_set():
            seen.set()
            time.sleep(0.5)  # the program exits meanwhile
    def _on_ending(self, span): ...
    def shutdown(self): ...
    def force_flush(self, timeout_millis=0): ...
provider.add_span_processor(See())
trace.set_tracer_provider(provider)
while not seen.wait(0.01): Base().call(2)
Base().call(3)
"""
        done = run(program)
        assert done.stdout.splitlines()[-1] == "3"
        assert done.stderr == ""

    def test_none_at_all(self, seed):
        """Without a provider nothing is made, and nothing breaks."""
        for current in (False, True):
            with record(seed.Layer, sinks=[OpenTelemetry(current=current)]) as recorded:
                seed.MyLayer(3)(4)
            assert len(recorded) == 4

    @both
    def test_a_sampler_that_raises(self, seed, current):
        """One warning; the program goes on without spans."""

        class Broken(sampling.Sampler):
            def should_sample(self, *args, **kwargs):
                raise OSError("no sampler")

            def get_description(self):
                return "broken"

        app = App(sampler=Broken())
        with pytest.warns(errors.SinkWarning, match="no sampler") as caught:
            with app.record(seed.Layer, current=current) as recorded:
                seed.MyLayer(3)(4)
        assert (len(recorded), len(caught)) == (4, 1)

    @both
    def test_no_context_is_kept_alive(self, app, seed, current):
        """Nor what the application keeps in one, once the call's span was made."""

        class Held:
            pass

        held = Held()
        gone = weakref.ref(held)
        with app.record(seed.Layer, current=current) as recorded:
            token = context.attach(context.set_value("held", held))
            seed.MyLayer(3)
            context.detach(token)
            del held, token
            len(recorded)
            while len(app.spans) < 2:
                threading.Event().wait(0.01)
            gc.collect()
            assert gone() is None

    @both
    def test_beside_other_recordings(self, app, seed, current):
        """Each has its own spans, or none."""
        other = App()
        with app.record(seed.Layer, current=current), other.record(seed.Layer, current=True):
            with record(seed.Layer) as plain:
                seed.MyLayer(3)
        inner = [("MyLayer.__init__", None), ("Layer.__init__", "MyLayer.__init__")]
        assert len(plain) == 2
        assert len(app.spans) == len(other.spans) == 2
        assert {name for name, _ in app.tree()} == {name for name, _ in inner}

    def test_without_the_extra(self, monkeypatch):
        """The error prints the command that installs it."""
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
        with pytest.raises(errors.MissingExtraError, match=r"pip install 'callscope\[otel\]'"):
            OpenTelemetry()

    def test_when_the_time_of_day_is_set(self, app, seed, monkeypatch):
        """Later spans follow it; one that runs has its true duration."""
        import callscope.sinks.opentelemetry as module

        real, shift_ns = module.time_ns, 0
        monkeypatch.setattr(module, "time_ns", lambda: real() + shift_ns)
        with app.record(seed.Layer) as recorded:
            seed.MyLayer(3)
            len(recorded)
            flushed = threading.Event()
            end = SimpleSpanProcessor.on_end
            monkeypatch.setattr(
                SimpleSpanProcessor, "on_end", lambda s, span: (end(s, span), flushed.set())
            )
            shift_ns = 3_600 * 10**9
            while len(app.spans) < 4:
                seed.MyLayer(3)
                flushed.wait(60)
            flushed.clear()
            seed.MyLayer(5)
        first, last = app.spans[0], app.spans[-1]
        assert last.start_time - first.start_time > 3_590 * 10**9
        assert last.end_time - last.start_time == recorded.calls[-1].duration_ns


def run(program):
    """Run a program of its own process."""
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
