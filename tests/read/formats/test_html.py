"""The HTML page: what stands in its file, whatever the trace says. Browsers: test_html_browser."""

import base64
import hashlib
import itertools
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from building import Node, make_trace
from callscope.read.formats import html as page_format
from callscope.read.formats.html import columns, texts, values
from callscope.trace import Text
from pages import Parsed, calls_of, packed, page_of

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    "<img src=x onerror=alert(1)>",
    "\u2028\u2029",
    "\ud800",
    "\udfff\ud800",
    "\u202eevil\u202c\u2066x\u2069",
    "{{trace}} {{script}} {{style}}",
    r"\g<0> \1 $& $1",
    "\x00\x1b[31mred\x07",
    "'\"`&amp;",
    "__proto__",
]


def saved(trace, path):
    return trace.save(path).read_text(encoding="utf-8")


def load_hostile(text, folder):
    """Return a trace in which every text that a file may hold is hostile."""
    header = {
        "v": 1, "kind": "trace", "pid": 1, "start_ns": 0, "start_unix_ns": 0,
        "python": text, "callscope": text, "targets": [text],
    }  # fmt: skip
    call = {
        "v": 1, "kind": "call", "seq": 1, "ts_ns": 1, "pid": 1, "thread": text, "task": text,
        "call_id": 1, "parent_id": None, "depth": 0, "method": text, "defining_class": text,
        "runtime_class": text, "instance": 1, "mro_index": 0, "via_super": False,
        "arguments": {text: text, "b": text}, "texts": ["b"],
    }  # fmt: skip
    failed = call | {"kind": "raise", "error": {"type": text, "message": text}}
    path = folder / "hostile.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, call, failed)))
    return callscope.load(path)


class TestWhatAPageHolds:
    def test_every_call_with_all_that_is_shown_of_it(self, seed_trace):
        """The columns say of each call what the trace says."""
        begin = seed_trace.header.start_ns
        assert [
            {
                "id": call.call_id,
                "site": call.site,
                "file": call.file,
                "line": call.line,
                "mro_index": call.mro_index,
                "is_super": call.via_super,
                "object": ("MyLayer", 1),
                "parent": call.parent and call.parent.call_id,
                "start": call.start_ns - begin,
                "duration": call.duration_ns,
                "arguments": {name: repr(value) for name, value in call.arguments.items()},
                "result": None,
                "error": [],
                "track": [call.pid, "MainThread", None],
            }
            for call in seed_trace.calls
        ] == calls_of(packed(seed_trace))

    def test_results_errors_and_values_as_people_read_them(self):
        """Strings have quotes, what stands for other values has none, and an error has its type."""

        class Work:
            def run(self, *args, **kwargs):
                if kwargs:
                    raise ValueError("no\nkeywords")
                return args

        with callscope.record(Work, methods=("run",)) as trace:
            Work().run("one", 2)
            with pytest.raises(ValueError, match="no"):
                Work().run(x=[1])
        first, second = calls_of(packed(trace))
        assert first["arguments"] == {"args[0]": "'one'", "args[1]": "2"}
        assert first["result"] == "('one', 2)"
        assert second["arguments"] == {"x": "[1]"}
        assert second["error"] == ["ValueError", r"no\nkeywords"]

    def test_equal_values_of_different_types(self):
        """They have their own texts, in arguments and results."""
        values = [1, True, 1.0, 0.0, -0.0, False, 0, "<a>", Text("<a>")]
        trace = make_trace(*(Node("Layer.call", arguments={"x": v}, result=v) for v in values))
        calls = calls_of(packed(trace))
        texts = ["1", "True", "1.0", "0.0", "-0.0", "False", "0", "'<a>'", "<a>"]
        assert [(call["arguments"]["x"], call["result"]) for call in calls] == [
            (text, text) for text in texts
        ]

    def test_a_call_that_never_ended(self):
        """It has no duration."""
        pages = []

        class Work:
            def run(self):
                pages.append(page_of(trace))

        with callscope.record(Work, methods=("run",)) as trace:
            Work().run()
        (call,) = calls_of(Parsed(pages[0]).packed)
        assert call["duration"] == -1

    def test_suspensions(self):
        """A generator's waiting time and where it was suspended are there."""

        class Source:
            def items(self):
                yield 1
                yield 2

        with callscope.record(Source, methods=("items",)) as trace:
            list(Source().items())
        (call,) = trace.calls
        waiting_ns, spans = packed(trace)["waits"]["0"]
        assert call.waiting_ns == waiting_ns
        assert call.suspensions == tuple(
            (call.start_ns + begin, call.start_ns + begin + length)
            for begin, length in zip(spans[::2], spans[1::2], strict=True)
        )

    def test_nothing_captured(self, seed):
        """Arguments that were not captured are no empty list of arguments."""
        with callscope.record(seed.Layer, capture="none") as trace:
            seed.MyLayer(3)
        assert [call["arguments"] for call in calls_of(packed(trace))] == [None, None]

    def test_an_empty_trace(self, seed):
        """Has a page like any other."""
        with callscope.record(seed.Layer) as trace:
            pass
        page = packed(trace)
        assert (page["total"], page["lost"], calls_of(page)) == (0, 0, [])

    def test_equal_traces_make_equal_files(self, seed_trace, tmp_path):
        """Also after the trace went through another file."""
        first = seed_trace.save(tmp_path / "first.html").read_bytes()
        again = callscope.load(seed_trace.save(tmp_path / "again.jsonl"))
        assert first == again.save(tmp_path / "second.html").read_bytes()


class TestSafety:
    def test_it_needs_no_network(self, seed_trace, tmp_path):
        """No attribute and no style names anything outside of the file."""
        page = Parsed(saved(seed_trace, tmp_path / "t.html"))
        links = [value for _, name, value in page.attributes if name in ("src", "href", "action")]
        assert all(link.startswith(("data:", "#")) for link in links)
        (style,) = page.bodies["style"]
        assert "url(" not in style
        assert "@import" not in style

    def test_its_policy_allows_its_own_style_and_script_alone(self, seed_trace):
        """By their hashes, as a browser takes them."""
        page = Parsed(page_of(seed_trace))
        (policy,) = [
            value for tag, name, value in page.attributes if (tag, name) == ("meta", "content")
            if "default-src" in value
        ]  # fmt: skip
        _, script = page.bodies["script"]
        (style,) = page.bodies["style"]

        def source(text):
            return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

        assert policy.split("; ") == [
            "default-src 'none'",
            f"script-src {source(script)}",
            f"style-src {source(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]

    def test_its_scripts_make_no_markup_of_text(self):
        """Nothing is used that parses markup, or runs text."""
        script = page_format._script()
        for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                     "DOMParser", "new Function", "setHTML", "fetch(", "XMLHttp"):  # fmt: skip
            assert name not in script

    @pytest.mark.parametrize("text", HOSTILE)
    def test_a_hostile_text_changes_no_markup(self, text, tmp_path):
        """Wherever it stands in a trace."""
        self.check(text, tmp_path)

    @settings(max_examples=60, deadline=None)
    @given(st.text(st.characters() | st.sampled_from("<>/!-&{}\"'\\\u2028\ud800"), max_size=30))
    def test_no_text_changes_any_markup(self, tmp_path_factory, text):
        """The parser finds the same tags, and the data are what was put in."""
        self.check(text, tmp_path_factory.mktemp("page"))

    def check(self, text, folder):
        trace = load_hostile(text, folder)
        page = Parsed(page_of(trace))
        harmless = Parsed(page_of(load_hostile("harmless", folder)))
        assert harmless.tags == page.tags
        assert harmless.bodies["script"][1] == page.bodies["script"][1]
        (call,) = calls_of(page.packed)
        shown = [*call["arguments"].items(), call["error"], call["track"], call["site"]]
        assert all(part.isprintable() for part in _strings(shown))
        assert call["arguments"][columns.one_line(text)] in (repr(text), columns.one_line(text))


def _strings(value):
    if isinstance(value, str):
        return [value]
    return [
        found
        for part in value or ()
        if isinstance(part, (str, list, tuple))
        for found in _strings(part)
    ]


class TestLimits:
    @pytest.fixture
    def trace(self, seed):
        """Ten objects, four calls each."""
        with callscope.record(seed.Layer) as trace:
            for number in range(10):
                seed.MyLayer(number)(number)
        return trace

    def test_as_many_as_fit_are_all_there(self, trace):
        """A page of 100,000 calls leaves nothing out of forty."""
        page = packed(trace)
        assert (page["total"], len(calls_of(page)), page["leftOut"]) == (40, 40, {})

    def test_the_first_calls_are_kept(self, trace):
        """And how many there are in all is said."""
        page = Parsed(page_of(trace, max_calls=10)).packed
        assert page["total"] == 40
        assert [call["id"] for call in calls_of(page)] == list(range(1, 11))

    def test_what_is_left_out_within_a_call_is_counted(self, trace):
        """With the call's own time, which the page cannot work out without the calls within."""
        page = Parsed(page_of(trace, max_calls=3)).packed
        third = trace.calls[2]
        assert page["leftOut"] == {"2": [1, third.self_ns]}

    def test_all_of_it(self, trace):
        """No limit keeps every call."""
        page = Parsed(page_of(trace, max_calls=None)).packed
        assert len(calls_of(page)) == 40

    def test_calls_that_findings_name_are_kept(self, seed):
        """With what led to them, however late they began."""

        class Forgetful(seed.Layer):
            def __init__(self): ...

        with callscope.record(seed.Layer) as trace:
            for number in range(10):
                seed.MyLayer(number)(number)
            Forgetful()
        page = Parsed(page_of(trace, max_calls=3)).packed
        (finding,) = page["findings"]
        assert [call["id"] for call in calls_of(page)] == [1, 2, 41]
        assert (finding["id"], finding["calls"]) == ("super-init-missing", [2])

    def test_deep_traces(self):
        """What led to a call that is left out need not be kept itself."""

        class Deep:
            def down(self, n):
                if n:
                    self.down(n - 1)

        with callscope.record(Deep, methods=("down",)) as trace:
            Deep().down(200)
        page = Parsed(page_of(trace, max_calls=50)).packed
        assert page["leftOut"] == {"49": [151, trace.calls[49].self_ns]}

    def test_a_long_text_is_cut(self):
        """And says how much is missing."""

        class Work:
            def run(self):
                raise ValueError("x" * 100_000)

        with (
            callscope.record(Work, methods=("run",)) as trace,
            pytest.raises(ValueError, match="x"),
        ):
            Work().run()
        (call,) = calls_of(packed(trace))
        message = call["error"][1]
        assert message.startswith("x" * 100)
        assert len(message) < texts.MAX_TEXT + 50

    def test_a_trace_of_too_much_text(self, monkeypatch, trace):
        """Calls that begin once the texts are too long for a page are left out."""
        monkeypatch.setattr(values, "MAX_TEXTS", 8)
        page = packed(trace)
        assert 0 < len(calls_of(page)) < 40
        assert page["total"] == 40

    def test_lost_calls_are_told(self, seed):
        """What the recording itself did not keep."""
        with (
            pytest.warns(callscope.CallscopeWarning),
            callscope.record(seed.Layer, max_calls=2) as trace,
        ):
            seed.MyLayer(1)(2)
        assert packed(trace)["lost"] == trace.lost == 2


class TestTheFiles:
    def test_every_script_of_the_folder_is_in_the_page(self):
        """None is forgotten."""
        folder = Path(page_format.__file__).parent
        assert sorted(path.stem for path in (folder / "js").iterdir()) == sorted(
            page_format.SCRIPTS
        )

    def test_they_are_package_data(self):
        """And so are in the wheel."""
        project = Path(__file__).parents[3] / "pyproject.toml"
        folder = Path(page_format.__file__).parent
        declared = re.findall(r'"(read/formats/html/[^"]+)"', project.read_text(encoding="utf-8"))
        package = folder.parent.parent.parent
        found = {path for pattern in declared for path in package.glob(pattern)}
        assert found == {
            path for path in folder.rglob("*.*") if path.suffix in (".html", ".css", ".js")
        }


class Figures(NamedTuple):
    """A summary of a site that has all the figures a page can show."""

    site: str
    calls: int = 2
    errors: int = 0
    total_ns: int = 3_000
    self_ns: int = 2_000
    mean_ns: float = 1_500.0
    p50_ns: int = 1_000
    p95_ns: int = 2_000
    waiting_ns: int = 0


class TestSummaries:
    def test_the_figures_are_those_of_the_summary(self, seed_trace):
        """Of all calls, also where the page holds fewer."""
        page = Parsed(page_of(seed_trace, max_calls=1)).packed["summary"]
        sites = seed_trace.summary().sites
        assert page["sites"] == [site.site for site in sites]
        assert page["figures"]["calls"] == [1, 1, 1, 1]
        assert page["figures"]["self_ns"] == [site.self_ns for site in sites]

    def test_every_figure_that_there_is(self, seed_trace, monkeypatch):
        """And what recording took, if that was taken off."""
        summary = SimpleNamespace(sites=[Figures("Layer.call")], recording_ns=7)
        monkeypatch.setattr("callscope.read.formats.html.columns.summarize", lambda trace: summary)
        assert packed(seed_trace)["summary"] == {
            "recording": 7,
            "sites": ["Layer.call"],
            "figures": {
                name: [value] for name, value in Figures("")._asdict().items() if value != ""
            },
        }


# Machado, Oliveira and Fernandes 2009, https://doi.org/10.1109/TVCG.2009.113, severity 1.0
SIGHT = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
APART = 0.06  # in Oklab, https://bottosson.github.io/posts/oklab/; the eye tells 0.02 apart
READABLE = 4.5  # https://www.w3.org/TR/WCAG22/#contrast-minimum


class TestColours:
    """The colours of classes: text of theirs can be read, and no two are taken for one another."""

    @pytest.fixture(params=[0, 1], ids=["light", "dark"])
    def colour(self, request):
        """A function that returns a colour of the style in one scheme, as linear light."""
        style = page_format._asset("style.css")

        def colour(name):
            found = re.search(rf"--{name}: light-dark\(#(\w+), #(\w+)\)", style)
            value = bytes.fromhex(found[request.param + 1])
            parts = [part / 255 for part in value]
            return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]

        return colour

    def product(self, matrix, vector):
        return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]

    def luminance(self, colour):
        (found,) = self.product([(0.2126, 0.7152, 0.0722)], colour)
        return found

    def oklab(self, colour):
        lms = (
            (0.4122214708, 0.5363325363, 0.0514459929),
            (0.2119034982, 0.6806995451, 0.1073969566),
            (0.0883024619, 0.2817188376, 0.6299787005),
        )
        lab = (
            (0.2104542553, 0.7936177850, -0.0040720468),
            (1.9779984951, -2.4285922050, 0.4505937099),
            (0.0259040371, 0.7827717662, -0.8086757660),
        )
        seen = self.product(lms, [min(1, max(0, part)) for part in colour])
        return self.product(lab, [part ** (1 / 3) for part in seen])

    @pytest.mark.parametrize("sight", SIGHT)
    def test_they_stay_apart(self, colour, sight):
        """However one sees colours."""
        seen = [self.oklab(self.product(SIGHT[sight], colour(f"c{n}"))) for n in range(8)]
        closest = min(math.dist(a, b) for a, b in itertools.combinations(seen, 2))
        assert closest >= APART

    @pytest.mark.parametrize("ground", ["panel", "selected", "hover"])
    def test_text_can_be_read(self, colour, ground):
        """On the panel, and on the row that is selected or pointed at."""
        below = self.luminance(colour(ground))
        for name in (*(f"c{n}" for n in range(8)), "ink", "soft", "quiet", "wrong", "accent"):
            light, dark = sorted((below, self.luminance(colour(name))), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= READABLE, name
