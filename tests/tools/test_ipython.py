"""IPython and Jupyter: the magic command, and how traces are shown."""

import pytest

import callscope
from building import Node, make_trace
from callscope.trace import Text


class TestHtml:
    def test_a_trace(self):
        """A tree that folds, with all that is in the outline."""
        trace = make_trace(
            Node("A.f", Node("A.g", arguments={"x": 1}, result=2)), Node("A.h", error=("E", "no"))
        )
        html = trace._repr_html_()
        for part in ("3 calls", "A.f() [A#1]", "A.g(x=1) [A#1]", "-&gt; 2", "!! E: no"):
            assert part in html
        assert html.count("<details") == html.count("</details>") == 1

    def test_nothing_gets_out_of_the_text(self):
        """No mark-up, no script, nothing that cannot be written."""
        evil = "</div><script>alert(1)</script>\ud800\x1b[31m"
        node = Node("A.f", arguments={evil: Text(evil)}, error=("E", evil))
        node.runtime_class = evil
        trace = make_trace(node)
        for shown in (trace, trace.calls[0], trace.summary(), callscope.diff(trace, make_trace())):
            html = shown._repr_html_()
            assert "<script" not in html
            html.encode()

    def test_a_long_trace_is_cut(self):
        """And says so."""
        html = make_trace(*(Node("A.f", Node("A.g")) for _ in range(1000)))._repr_html_()
        assert "2,000 calls, of which 500 are shown" in html
        assert html.count("A.f(") + html.count("A.g(") == 500
        assert html.count("<details") == html.count("</details>")

    def test_a_deep_trace(self):
        """No recursion."""
        root = node = Node("A.f")
        for _ in range(3000):
            node.children.append(Node("A.f"))
            node = node.children[0]
        assert "A.f" in make_trace(root)._repr_html_()

    def test_a_call(self):
        """With what it led to, and nothing else."""
        trace = make_trace(Node("A.f", Node("A.g", Node("A.h")), Node("A.i")))
        html = trace.calls[1]._repr_html_()
        assert ("A.g" in html, "A.h" in html, "A.f" in html, "A.i" in html) == (
            True,
            True,
            False,
            False,
        )

    def test_what_is_left_out_is_told(self):
        """As in the tree."""
        html = make_trace(Node("A.f"), lost=3, left_out={"app.A.g": 4})._repr_html_()
        assert "3 more were made and not kept" in html
        assert "4 more were left out" in html


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A fresh IPython with the extension; `run` returns what a cell printed and displayed."""
    pytest.importorskip("IPython", reason="IPython is not installed")
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()

    def run(cell):
        with capture_output() as captured:
            shell.run_cell(cell)
        return captured

    shell.run = run
    assert run("%load_ext callscope").stderr == ""
    yield shell
    InteractiveShell.clear_instance()


DEFINE = """\
class Layer:
    def __init__(self, x): ...
    def __call__(self, y): return self.call(y)
    def call(self, z): ...
class MyLayer(Layer):
    def call(self, m): return m + 1
"""


class TestMagic:
    def test_a_class_of_the_notebook(self, shell):
        """The cell runs, and its calls are shown."""
        shell.run(DEFINE)
        done = shell.run("%%callscope -t Layer\nprint(MyLayer(3)(4))")
        assert done.stdout.startswith("5\n")
        (shown,) = done.outputs
        assert "MyLayer.call(m=4) [MyLayer#1] -> 5" in shown.data["text/plain"]
        assert "MyLayer.call(m=4) [MyLayer#1]" in shown.data["text/html"]

    def test_a_class_that_the_cell_defines(self, shell):
        """From the moment it is there."""
        done = shell.run(f"%%callscope -t Layer\n{DEFINE}MyLayer(3)(4)")
        assert "Layer.__call__(y=4) [MyLayer#1] -> 5" in done.outputs[-1].data["text/plain"]

    def test_a_path_methods_and_a_variable(self, shell):
        """As on the command line; the trace stays in the variable."""
        shell.run(
            "%%callscope -t string:Template -M sub* t\nimport string\nstring.Template('x').substitute()"
        )
        trace = shell.user_ns["t"]
        assert trace.outline() == "Template.substitute() [Template#1] -> 'x'"

    def test_what_is_declared(self, shell):
        """Without a target; and if nothing is, that is told."""
        shell.run(f"import callscope\n{DEFINE}")
        shell.run("callscope.traced(Layer)")
        done = shell.run("%%callscope\nMyLayer(3)")
        assert "Layer.__init__(x=3) [MyLayer#1]" in done.outputs[-1].data["text/plain"]

    @pytest.mark.parametrize("target", ["json:JSONDecoder", "json.JSONDecoder"])
    def test_a_class_of_a_module(self, shell, target):
        """Its path has a colon or a dot; the notebook need not have a name for the module."""
        done = shell.run(f"%%callscope -t {target}\n__import__('json').JSONDecoder()")
        assert done.outputs[-1].data["text/plain"].startswith("JSONDecoder.__init__() [")

    def test_a_cell_that_fails(self, shell):
        """Its traceback is shown, and then the calls."""
        shell.run(DEFINE)
        done = shell.run("%%callscope -t Layer\nMyLayer(3)('x')")
        assert "TypeError" in done.stdout
        assert "!! TypeError" in done.outputs[-1].data["text/plain"]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("-t Nothing", "There is no class 'Nothing'"),
            ("-t number", "'number' must be a class, got an object of type int"),
            ("-t no.such:Thing", "no.such"),
            ("-t dict", "There is no class 'dict'"),
        ],
    )
    def test_what_cannot_be_traced(self, shell, line, message):
        """The error says why, without a traceback."""
        shell.run("number = 3")
        assert message in shell.run(f"%%callscope {line}\n1 + 1").stderr

    def test_nothing_stays_woven(self, shell):
        """After the cell, classes are as they were."""
        shell.run(DEFINE)
        before = dict(vars(shell.user_ns["Layer"]))
        shell.run("%%callscope -t Layer\nMyLayer(3)(4)")
        assert dict(vars(shell.user_ns["Layer"])) == before

    def test_other_things_are_shown_as_text(self, shell):
        """A summary and a difference are tables, not tuples."""
        shell.run(f"{DEFINE}import callscope\nwith callscope.record(Layer) as t: MyLayer(3)(4)")
        assert "total ms" in shell.run("t.summary()").stdout
        assert "no differences" in shell.run("callscope.diff(t, t)").stdout
        assert shell.run("t").stdout.count("[MyLayer#1]") == 3


def test_a_real_notebook(tmp_path):
    """A kernel of its own runs the cells, as Jupyter does."""
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    cells = [
        "%load_ext callscope",
        DEFINE,
        "%%callscope -t Layer trace\nMyLayer(3)(4)",
        "trace.calls[0]",
    ]
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)])
    nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert [output.output_type for output in outputs] == [
        "execute_result",
        "display_data",
        "execute_result",
    ]
    assert "MyLayer.call(m=4) [MyLayer#1] -> 5" in outputs[1].data["text/plain"]
    assert "<details" in outputs[1].data["text/html"]
    assert "Layer.__init__(x=3) [MyLayer#1]" in outputs[2].data["text/html"]
