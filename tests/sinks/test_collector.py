"""Spans as they arrive at a real OpenTelemetry collector on loopback: rotel, from its wheel."""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from callscope import OpenTelemetry, errors, record

for name in ("rotel", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"):
    pytest.importorskip(name, reason=f"{name} is not installed: see the nox session 'collector'")

from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: E402
    OTLPSpanExporter as HTTPExporter,
)
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import (  # noqa: E402
    BatchSpanProcessor,
    SimpleSpanProcessor,
)

AGENT = Path(importlib.util.find_spec("rotel").origin).with_name("rotel-agent")
if not AGENT.exists():
    pytest.skip("rotel has no agent for this platform", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Collector:
    """A collector that prints what it is sent, and forgets it."""

    def __init__(self, folder):
        self._folder = folder
        self.http, self.grpc = free_port(), free_port()
        self._process = None
        self._printed = ""
        self._has_printed = threading.Condition()

    def start(self):
        options = {
            "--otlp-http-endpoint": f"127.0.0.1:{self.http}",
            "--otlp-grpc-endpoint": f"127.0.0.1:{self.grpc}",
            "--exporter": "blackhole",
            "--debug-log": "traces",
            "--debug-log-verbosity": "detailed",
            "--pid-file": str(self._folder / "rotel.pid"),
        }
        self._printed = ""
        command = [AGENT, "start", *(word for pair in options.items() for word in pair)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,))
        self._reader.start()
        for port in (self.http, self.grpc):
            self._await_port(port)

    @staticmethod
    def _await_port(port):
        give_up = time.monotonic() + 60
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                assert time.monotonic() < give_up
                threading.Event().wait(0.02)

    def _read(self, lines):
        for line in lines:
            with self._has_printed:
                self._printed += line
                self._has_printed.notify_all()
        lines.close()

    def kill(self):
        """End it as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def spans(self, number):
        """Return that many spans, once they have arrived."""
        with self._has_printed:
            assert self._has_printed.wait_for(lambda: len(parse(self._printed)) >= number, 60)
            return parse(self._printed)

    def has_printed(self, text):
        """Tell whether it prints a text within a moment."""
        with self._has_printed:
            return self._has_printed.wait_for(lambda: text in self._printed, 0.1)

    def stop(self):
        """Have it end when it has printed all."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._process = None
        self._reader.join(60)


def parse(printed):
    """Return the spans that a collector has printed, in the order they began."""
    found = []
    for printed_one in re.split(r"^Span #\d+\n", printed, flags=re.MULTILINE)[1:]:
        text = re.split(r"^(?:Resource|Scope)Spans #\d+\n", printed_one, flags=re.MULTILINE)[0]
        own, _, events = text.partition("\nEvents:\n")
        # One of which not all is printed yet is read the next time.
        if "code.function.name" in attributes(own):
            fields = dict(re.findall(r"^ {0,4}(\w[\w ]*?)\s*: (.*)$", own, flags=re.MULTILINE))
            found.append(
                {
                    "name": fields["Name"],
                    "id": fields["ID"],
                    "parent": fields["Parent ID"],
                    "times": (int(fields["Start time"]), int(fields["End time"])),
                    "status": fields["Status code"].removeprefix("STATUS_CODE_"),
                    "attributes": attributes(own),
                    "events": [attributes(events)] if events else [],
                }
            )
    return sorted(found, key=lambda span: span["times"])


def attributes(text):
    pairs = re.findall(r"^ +-> ([\w.\[\]]+): (\w+)\((.*)\)$", text, flags=re.MULTILINE)
    read = {"Int": int, "Double": float, "Bool": "true".__eq__, "Str": str}
    return {name: read[kind](value) for name, kind, value in pairs}


@pytest.fixture
def collector(tmp_path):
    collector = Collector(tmp_path)
    collector.start()
    yield collector
    collector.kill()


def http(collector, **options):
    return HTTPExporter(f"http://127.0.0.1:{collector.http}/v1/traces", **options)


def grpc(collector, **options):
    module = "opentelemetry.exporter.otlp.proto.grpc.trace_exporter"
    exporter = pytest.importorskip(module, reason="the exporter for gRPC is not installed")
    return exporter.OTLPSpanExporter(f"127.0.0.1:{collector.grpc}", insecure=True, **options)


class Layer:
    def __call__(self, y, password=None):
        return self.call(y)

    def call(self, z):
        raise LookupError("no such thing")


class MyLayer(Layer):
    def call(self, m):
        return super().call(m) if m < 0 else m / 4


@pytest.mark.parametrize("exporter", [http, grpc])
@pytest.mark.parametrize("current", [False, True], ids=["afterwards", "current"])
def test_what_arrives_is_what_happened(collector, exporter, current):
    """Names, parents, classes, instances, arguments, errors; and times to the nanosecond."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter(collector)))
    with record(Layer, sinks=[OpenTelemetry(provider, current=current)]) as trace:
        MyLayer()(5, password="hush")
        with pytest.raises(LookupError):
            MyLayer()(-1)
    provider.shutdown()
    collector.spans(len(trace))
    collector.stop()
    spans = collector.spans(len(trace))
    offset_ns = trace.header.start_unix_ns - trace.header.start_ns
    calls = {call: span["id"] for call, span in zip(trace.calls, spans, strict=True)}
    assert len(trace) == 5
    assert [
        {
            "name": call.site,
            "id": calls[call],
            "parent": calls[call.parent] if call.parent else "",
            "times": (
                call.start_ns + offset_ns,
                call.start_ns + offset_ns + call.duration_ns,
            ),
            "status": "ERROR" if call.error else "UNSET",
            "attributes": {
                **{f"callscope.arguments.{k}": v for k, v in call.arguments.items()},
                "thread.name": "MainThread",
                "callscope.via_super": call.via_super,
                "callscope.mro_index": call.mro_index,
                "callscope.instance": call.instance,
                "callscope.runtime_class": f"{__name__}.MyLayer",
                "callscope.defining_class": call.defining_class,
                "code.file.path": __file__,
                "code.line.number": call.line,
                "code.function.name": f"{call.defining_class}.{call.method}",
                **({} if call.result is None else {"callscope.result": call.result}),
                **({"error.type": "LookupError"} if call.error else {}),
            },
            "events": [{"exception.type": "LookupError", "exception.message": "no such thing"}]
            if call.error
            else [],
        }
        for call in trace.calls
    ] == spans
    assert spans[0]["attributes"]["callscope.arguments.password"] == "[redacted]"


@pytest.mark.parametrize("exporter", [http, grpc])
def test_a_collector_that_dies_and_comes_back(collector, exporter):
    """The program does not notice; what it does afterwards arrives again."""
    provider = TracerProvider(shutdown_on_exit=False)
    sender = exporter(collector, timeout=1)
    provider.add_span_processor(BatchSpanProcessor(sender, schedule_delay_millis=10))
    with record(Layer, sinks=[OpenTelemetry(provider)], keep=False) as trace:
        MyLayer()(1)
        len(trace)
        assert len(collector.spans(2)) == 2
        collector.kill()
        for number in range(100):
            MyLayer()(number)
        collector.start()
        give_up = time.monotonic() + 60
        while not collector.has_printed("callscope.arguments.y: Int(-7)"):
            assert time.monotonic() < give_up
            with pytest.raises(LookupError):
                MyLayer()(-7)
    provider.shutdown()


@pytest.mark.parametrize("processor", ["Batch", "Simple"])
@pytest.mark.parametrize("listens", [False, True], ids=["refused", "silent"])
def test_nothing_hangs_at_exit(tmp_path, processor, listens):
    """Though the collector is away, or takes the connection and never answers."""
    program = f"""
import callscope, logging, threading
logging.disable()
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import {processor}SpanProcessor
class Base:
    def call(self): ...
provider = TracerProvider()
provider.add_span_processor({processor}SpanProcessor(OTLPSpanExporter(timeout=1)))
trace.set_tracer_provider(provider)
sink = callscope.OpenTelemetry()
sink.deadline_seconds = 0.5
callscope.start(Base, methods=["call"], sinks=[sink], keep=False)
for _ in range(500): Base().call()
print("done", flush=True)
"""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        )
    assert done.stdout == "done\n"
    if processor == "Simple":
        assert "did not end" in done.stderr or "could not keep up" in done.stderr


def test_a_collector_that_never_answers(monkeypatch):
    """Where each span is sent by itself, the sink is slow, and the program is not."""
    monkeypatch.setattr("callscope.recording.dispatch.MOST_WAITING", 10)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        exporter = HTTPExporter(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=1)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        sink = OpenTelemetry(provider)
        sink.deadline_seconds = 0.1
        with pytest.warns(errors.SinkWarning, match="did not end within|could not keep up"):
            with record(Layer, sinks=[sink]) as trace:
                for number in range(100):
                    MyLayer()(number)
        assert len(trace) == 200
        provider.shutdown()
    for thread in threading.enumerate():
        if thread.name == "callscope-sinks":
            thread.join(60)
