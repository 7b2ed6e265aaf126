"""Sequence diagrams in Mermaid: what is drawn, what is folded, and that Mermaid itself reads it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import callscope
from exercise import exercise, record

NODE = os.environ.get("CALLSCOPE_TEST_NODE")
"""A folder with `node_modules/mermaid` in it."""
PARSE = """
import fs from 'fs';
import mermaid from 'mermaid';
for (const file of process.argv.slice(2)) {
  const found = await mermaid.parse(fs.readFileSync(file, 'utf8'));
  if (found.diagramType !== 'sequence') throw new Error(file);
}
"""


def diagram(trace, folder):
    return trace.save(folder / "t.mmd").read_text(encoding="utf-8")


def messages(text):
    return [line.strip() for line in text.splitlines() if "->>" in line or "--x" in line]


def test_the_seed(seed_trace, tmp_path):
    """Lifelines are the classes that define the methods; an object is named where it changes."""
    assert diagram(seed_trace, tmp_path) == (
        "sequenceDiagram\n"
        "    actor program\n"
        "    participant L1 as MyLayer\n"
        "    participant L2 as Layer\n"
        "    program->>+L1: __init__(k=3) [MyLayer#35;1]\n"
        "    L1->>+L2: __init__(x=3)\n"
        "    deactivate L2\n"
        "    deactivate L1\n"
        "    program->>+L2: __call__(y=4) [MyLayer#35;1]\n"
        "    L2->>+L1: call(m=4)\n"
        "    deactivate L1\n"
        "    deactivate L2\n"
    )


def test_results_and_errors(seed, tmp_path):
    """A result goes back as an arrow, an error as a cross; a call that has not ended says so."""

    def call(self, m):
        if m > 1:
            raise ValueError(f"{m} is too much")
        return m

    seed.MyLayer.call = call
    with callscope.record(seed.Layer, methods=("call",)) as trace:
        seed.MyLayer(3).call(1)
        with pytest.raises(ValueError, match="too much"):
            seed.MyLayer(3).call(2)
    assert messages(diagram(trace, tmp_path)) == [
        "program->>+L1: call(m=1) [MyLayer#35;1]",
        "L1-->>-program: 1",
        "program->>+L1: call(m=2) [MyLayer#35;2]",
        "L1--x-program: ValueError#58; 2 is too much",
    ]


def test_a_call_that_has_not_ended(seed, tmp_path):
    """It has a note."""
    seen = []
    seed.MyLayer.call = lambda self, m: seen.append(diagram(trace, tmp_path))
    with callscope.record(seed.Layer, methods=("call",)) as trace:
        seed.MyLayer(3).call(1)
    assert "    Note over L1: has not ended\n    deactivate L1\n" in seen[0]


def test_repetitions_are_loops(seed, tmp_path):
    """Rounds of one shape in a row are drawn once; another shape is none of them."""
    with callscope.record(seed.Layer) as trace:
        for k in range(2_000):
            seed.MyLayer(k)(4)
        seed.Layer(3)
    text = diagram(trace, tmp_path)
    assert "    loop 2,000 times\n    program->>+L1: __init__(k=0)" in text
    assert len(messages(text)) == 5
    assert text.count("    end\n") == 1


def test_twice_is_no_loop(seed, tmp_path):
    """Two of a kind are drawn."""
    with callscope.record(seed.Layer) as trace:
        seed.MyLayer(1), seed.MyLayer(2)
    assert "loop" not in diagram(trace, tmp_path)


def different(seed, count):
    """Make calls no two of which in a row have one shape."""
    classes = [type(f"C{n}", (seed.Layer,), {"call": lambda self, z: None}) for n in range(count)]
    for cls in classes:
        cls(1)(2)


def test_a_wide_trace_is_cut(seed, tmp_path):
    """A note says how many more calls there were."""
    with callscope.record(seed.Layer, methods=("call",)) as trace:
        different(seed, 1_000)
    text = diagram(trace, tmp_path)
    assert len(messages(text)) == 150
    assert text.endswith("    Note over program: 850 more calls\n")


def test_a_deep_trace_is_cut(seed, tmp_path):
    """The outermost levels are drawn, and what a call led to is counted."""

    class Deep(seed.Layer):
        def call(self, z):
            if z:
                self.call(z - 1)

    with callscope.record(seed.Layer, methods=("call",)) as trace:
        Deep(0).call(400)
    text = diagram(trace, tmp_path)
    drawn = len(messages(text))
    assert drawn == 150
    assert f"Note over L1: {401 - drawn} more calls" in text


def test_what_one_call_led_to_is_drawn_as_far_as_there_is_room(seed, tmp_path):
    """Not all or nothing."""

    class Wide(seed.Layer):
        def call(self, z):
            different(seed, 1_000)

    with callscope.record(seed.Layer, methods=("call",)) as trace:
        Wide(0).call(1)
    text = diagram(trace, tmp_path)
    assert len(messages(text)) == 150
    assert "Note over L1: 851 more calls" in text


def test_it_is_never_more_than_mermaid_takes(seed, tmp_path):
    """Long texts leave room for fewer calls."""

    class Long(seed.Layer):
        def call(self, z, y=None):
            return "#" * 500

    with callscope.record(seed.Layer, methods=("call",)) as trace:
        for n in range(500):
            Long(0).call("%" * 500, *([n] * (n % 2)))
            seed.Layer(n).call("%" * n)
            seed.MyLayer(n).call("%" * (n % 7))
            Long(0).call(1)
            if n % 3:
                seed.Layer(n).call("%" * n)
    text = diagram(trace, tmp_path)
    assert 10_000 < len(text) < 50_000


def test_threads_are_named(seed, tmp_path):
    """Where there is more than one."""
    import threading

    with callscope.record(seed.Layer) as trace:
        seed.Layer(1)
        thread = threading.Thread(target=seed.Layer, args=(2,), name="T;1")
        thread.start()
        thread.join()
    text = diagram(trace, tmp_path)
    assert re.findall("Note over program: thread (.*), process", text) == ["MainThread", "T#59;1"]


def test_nothing_and_what_was_lost(seed, tmp_path):
    """Both are said."""
    with callscope.record(seed.Layer) as trace:
        pass
    assert "Note over program: no calls were recorded" in diagram(trace, tmp_path)
    with (
        pytest.warns(callscope.CallscopeWarning, match="not kept"),
        callscope.record(seed.Layer, max_calls=1) as trace,
    ):
        seed.MyLayer(3)(4)
    assert "Note over program: 3 more calls were made and not kept" in diagram(trace, tmp_path)


EVIL = (
    "end\n; loop %%{init: {}}%% #quot; <b>wrap:</b> $$x$$ `a` -->> <br/> \\ | \ud800 \x1b[2J \u202e"
)


def evil_trace():
    class Evil:
        def __init__(self, x):
            raise ValueError(EVIL)

    Evil.__qualname__ = Evil.__module__ = EVIL
    with callscope.record(Evil) as trace, pytest.raises(ValueError, match="end"):
        Evil(EVIL)
    return trace


def test_hostile_text_is_text(tmp_path):
    """No character that means something to Mermaid, or to HTML, stands for itself."""
    text = diagram(evil_trace(), tmp_path)
    body = re.sub(r"#\d+;", "", text).replace("->>+", "").replace("--x-", "")
    assert len(text.splitlines()) == 5
    assert set('%{}<>$`|\\"#&') & set(body) == set()


@pytest.mark.skipif(
    NODE is None or shutil.which("node") is None,
    reason="needs node, and CALLSCOPE_TEST_NODE: a folder with node_modules/mermaid",
)
def test_mermaid_reads_it(seed, seed_trace, tmp_path):
    """Each kind of diagram is parsed by the package that GitHub draws with."""
    with record() as everything:
        exercise()
    with callscope.record(seed.Layer) as wide:
        different(seed, 1_000)
    traces = [seed_trace, everything, wide, evil_trace()]
    files = [str(trace.save(tmp_path / f"{n}.mmd")) for n, trace in enumerate(traces)]
    script = Path(NODE) / "parse-callscope.mjs"
    script.write_text(PARSE, encoding="utf-8")
    done = subprocess.run(
        ["node", str(script), *files], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
