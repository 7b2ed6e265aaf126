"""The sinks that write to loggers: `logging` and structlog."""

import logging
import logging.handlers
import pickle
import queue
import sys

import pytest

import callscope
from callscope import Logging, errors, record


class Keep(logging.Handler):
    """Keeps the records it is given."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)

    @property
    def texts(self):
        return [f"{r.levelname} {r.name} {r.getMessage()}" for r in self.records]


@pytest.fixture
def kept():
    """What the loggers below `app` are told, at any level."""
    handler, logger = Keep(), logging.getLogger("app")
    logger.addHandler(handler)
    logger.setLevel(1)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


class TestLogging:
    def test_each_event_is_a_record(self, seed, kept):
        """Of the logger of the module whose class defines the method."""
        with record(seed.Layer, sinks=[Logging()]):
            seed.MyLayer(3)
        assert kept.texts == [
            "DEBUG app call MyLayer.__init__(k=3) [MyLayer#1]",
            "DEBUG app call Layer.__init__(x=3) [MyLayer#1]",
            "DEBUG app return Layer.__init__(x=3) [MyLayer#1]",
            "DEBUG app return MyLayer.__init__(k=3) [MyLayer#1]",
        ]

    def test_an_error_has_a_level_of_its_own(self, seed, kept):
        """And the text says what was raised."""

        def call(self, m):
            raise LookupError(m)

        seed.MyLayer.call = call
        with record(seed.Layer, sinks=[Logging()]), pytest.raises(LookupError):
            seed.MyLayer(3)(4)
        assert kept.texts[-2:] == [
            "WARNING app raise MyLayer.call(m=4) [MyLayer#1] !! LookupError: 4",
            "WARNING app raise Layer.__call__(y=4) [MyLayer#1] !! LookupError: 4",
        ]

    def test_levels(self, seed, kept):
        """By kind and by error; None leaves an event out."""

        def call(self, m):
            raise {1: KeyError, 2: LookupError, 3: ValueError, 4: OSError}[m]

        seed.MyLayer.call = call
        sink = Logging(
            levels={"call": None, "return": None, "raise": "ERROR"},
            error_levels={KeyError: logging.INFO, "Lookup*": 5, ValueError: None},
        )
        layer = seed.MyLayer(0)
        with record(seed.Layer, methods=["call"], sinks=[sink]):
            for number in (1, 2, 3, 4):
                with pytest.raises((LookupError, ValueError, OSError)):
                    layer.call(number)
        assert [record.levelname for record in kept.records] == ["INFO", "Level 5", "ERROR"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"levels": {"cal": 10}}, "the keys of levels must be 'call'.*, got 'cal'"),
            ({"levels": {"call": "LOUD"}}, "a level must be .*'?DEBUG.*, got 'LOUD'"),
            ({"error_levels": {KeyError: 1.5}}, "a level must be an integer, .*, got 1.5"),
        ],
    )
    def test_what_it_does_not_know(self, options, message):
        """The error names the option and what there is."""
        with pytest.raises(errors.OptionError, match=message):
            Logging(**options)

    def test_the_fields_of_a_record(self, seed, kept):
        """All that the event says, under names that clash with nothing, for a query to find."""
        with record(seed.Layer, sinks=[Logging()]) as trace:
            seed.MyLayer(3)
        first, last = kept.records[0], kept.records[-1]
        assert (first.msg, str(first.args[0])) == ("call %s", "MyLayer.__init__(k=3) [MyLayer#1]")
        events = [*trace.events()]
        for one, event in ((first, events[0]), (last, events[-1])):
            said = {f"callscope_{name}": value for name, value in event.to_dict().items()}
            assert {k: v for k, v in vars(one).items() if k.startswith("callscope_")} == said
        assert first.callscope_arguments == {"k": 3}

    def test_when_and_where_it_was(self, seed, kept):
        """Time, thread and place are the call's, though it is logged in the background."""
        with record(seed.Layer, sinks=[Logging()]) as trace:
            seed.MyLayer(3)
        one, call = kept.records[0], trace.calls[0]
        began = call.start_ns - trace.header.start_ns + trace.header.start_unix_ns
        assert one.created == began / 1e9
        assert one.msecs == began // 10**6 % 1_000
        assert (one.threadName, one.process, one.processName) == (
            "MainThread",
            call.pid,
            "MainProcess",
        )
        assert (one.pathname, one.lineno, one.funcName) == (call.file, call.line, "__init__")
        assert (one.filename, one.module) == ("seed.py", "seed")

    def test_arguments_named_like_fields_of_a_record(self, kept):
        """Clash with nothing."""

        class Base:
            def call(self, message, name, args, **more):
                return message

        Base.__module__, Base.__qualname__ = "app", "Base"
        with record(Base, methods=["call"], sinks=[Logging()]):
            Base().call(1, 2, args=3, levelname=4, asctime=5, msg="%s %d")
        assert kept.records[0].callscope_arguments == {
            "message": 1,
            "name": 2,
            "args": 3,
            "levelname": 4,
            "asctime": 5,
            "msg": "%s %d",
        }
        assert "msg='%s %d'" in kept.texts[0]

    def test_hostile_text_stays_on_its_line(self, kept):
        """No call can write a line of its own into a log."""

        class Base:
            def call(self, text):
                raise ValueError("\nCRITICAL app forged\x1b[2J")

        Base.__module__, Base.__qualname__ = "app", "Base"
        with record(Base, methods=["call"], sinks=[Logging()]):
            with pytest.raises(ValueError, match="forged"):
                Base().call("\r\nCRITICAL app forged")
        assert len(kept.texts) == 2
        assert not {"\n", "\r", "\x1b"} & {*"".join(kept.texts)}

    def test_a_logger_that_is_off(self, seed, kept):
        """Costs no record."""
        logging.getLogger("app").setLevel(logging.WARNING)
        with record(seed.Layer, sinks=[Logging()]):
            seed.MyLayer(3)
        assert kept.records == []

    def test_one_logger_for_all(self, seed, kept):
        """In place of one per module."""
        with record(seed.Layer, sinks=[Logging(logger="app.calls")]):
            seed.MyLayer(3)
        assert {record.name for record in kept.records} == {"app.calls"}

    def test_the_module_of_a_nested_class(self, caplog):
        """Is the module, and not the class around it."""

        class Inner:
            def call(self): ...

        caplog.set_level(logging.DEBUG, logger=__name__)
        with record(Inner, methods=["call"], sinks=[Logging()]):
            Inner().call()
        assert {record.name for record in caplog.records} == {__name__}

    def test_records_can_be_pickled(self, seed, kept):
        """As `SocketHandler` and queues between processes do it."""
        with record(seed.Layer, sinks=[Logging()]):
            seed.MyLayer(3)
        again = pickle.loads(pickle.dumps(kept.records[0]))
        assert again.getMessage() == kept.records[0].getMessage()

    def test_a_traced_handler_does_not_go_round_in_circles(self, kept):
        """What the sink's own records lead to is not recorded."""

        class Loud(Keep):
            def emit(self, record):
                super().emit(record)
                self.count()

            def count(self):
                return len(self.records)

        logger, loud = logging.getLogger("app"), Loud()
        logger.addHandler(loud)
        sink = Logging(logger="app")
        with record(Loud, methods=["emit", "count"], bases=False, sinks=[sink]) as trace:
            logger.warning("one")
        logger.removeHandler(loud)
        assert [call.site for call in trace.calls] == ["Loud.emit", "Loud.count"]
        assert [record.msg for record in loud.records] == [
            "one",
            *["call %s"] * 2,
            *["return %s"] * 2,
        ]

    def test_nor_does_one_in_another_thread(self, kept):
        """Behind a queue, each record would lead to several more."""
        handled = queue.Queue()
        logger = logging.getLogger("app")
        relay = logging.handlers.QueueHandler(queue.Queue())
        listener = logging.handlers.QueueListener(relay.queue, QueuedHandler(handled))
        logger.addHandler(relay)
        listener.start()
        with record(QueuedHandler, methods=["emit"], sinks=[Logging(logger="app")]) as trace:
            logger.warning("one")
            assert handled.get(timeout=60) == "one"
        logger.removeHandler(relay)
        listener.stop()
        assert len(trace) == 1
        assert handled.empty()
        assert [record.msg for record in kept.records] == ["one"]


class QueuedHandler(logging.Handler):
    """Tells a queue of what it is given."""

    def __init__(self, told):
        super().__init__()
        self._told = told

    def emit(self, record):
        self._told.put(record.getMessage())


class TestStructlog:
    @pytest.fixture
    def told(self):
        """Configure structlog to keep event dicts; gives the list of them."""
        structlog = pytest.importorskip("structlog", reason="structlog is not installed")
        from structlog.testing import LogCapture

        capture = LogCapture()
        structlog.configure(processors=[capture])
        yield capture.entries
        structlog.reset_defaults()

    def test_an_event_dict_per_event(self, seed, told):
        """With what the event says, and the time of day."""
        with record(seed.Layer, sinks=[callscope.Structlog()]) as trace:
            seed.MyLayer(3)
        offset_ns = trace.header.start_unix_ns - trace.header.start_ns
        assert told == [
            {
                **{k: v for k, v in event.to_dict().items() if k != "kind"},
                "event": event.kind,
                "log_level": "debug",
                "time_unix_ns": event.ts_ns + offset_ns,
            }
            for event in trace.events()
        ]

    def test_levels(self, seed, told):
        """As for `Logging`; a number between two names is told at the lower one."""

        def call(self, m):
            raise LookupError("no")

        seed.MyLayer.call = call
        layer = seed.MyLayer(0)
        levels = {"call": None, "raise": 45}
        with record(seed.Layer, sinks=[callscope.Structlog(levels=levels)]):
            with pytest.raises(LookupError):
                layer(4)
        assert [(one["event"], one["log_level"]) for one in told] == [("raise", "error")] * 2
        assert told[0]["error"] == {"type": "LookupError", "message": "no"}

    def test_ones_own_logger(self, seed, told):
        """Takes all events, with what is bound to it."""
        import structlog

        logger = structlog.get_logger().bind(service="shop")
        with record(seed.Layer, sinks=[callscope.Structlog(logger=logger)]):
            seed.MyLayer(3)
        assert {one["service"] for one in told} == {"shop"}
        assert len(told) == 4

    def test_through_the_standard_library(self, seed, kept):
        """Configured so, loggers are those of the modules."""
        structlog = pytest.importorskip("structlog", reason="structlog is not installed")
        structlog.configure(
            processors=[structlog.processors.JSONRenderer(sort_keys=True)],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
        )
        with record(seed.Layer, sinks=[callscope.Structlog()]):
            seed.MyLayer("\n</script>")
        structlog.reset_defaults()
        assert {record.name for record in kept.records} == {"app"}
        assert '"arguments": {"k": "\\n</script>"}' in kept.records[0].getMessage()

    def test_without_the_extra(self, monkeypatch):
        """The error prints the command that installs it."""
        monkeypatch.setitem(sys.modules, "structlog", None)
        with pytest.raises(errors.MissingExtraError, match=r"pip install 'callscope\[structlog\]'"):
            callscope.Structlog()
