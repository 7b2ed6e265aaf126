"""The pytest plugin, in processes of its own."""

import os
import sys

import pytest

from callscope.tools.pytest_plugin import MOST_SHOWN
from seed import SEED_APP

pytestmark = pytest.mark.slow

BUILT = """\
MyLayer.__init__(k=3) [MyLayer#1]
  Layer.__init__(x=3) [MyLayer#1]"""
CALLED = """\
Layer.__call__(y=4) [MyLayer#1] -> 5
  MyLayer.call(m=4) [MyLayer#1] -> 5"""


@pytest.fixture
def run(plain_pytester):
    """Run pytest on a test file that may import `app`; the result has the output's `sections`."""
    plain_pytester.makepyfile(app=f"{SEED_APP}\nclass Plain: ...\nhidden = 3\n")

    def run_pytest(source, *arguments):
        if source is not None:
            plain_pytester.makepyfile(test_it=source)
        arguments = [f"--rootdir={plain_pytester.path}", *arguments]
        return plain_pytester.runpytest_subprocess(*PLUGINS, *arguments)

    return run_pytest


def sections(result):
    """Return the traced calls that the reports show, as pairs of phase and text."""
    found, lines = [], None
    for line in result.outlines:
        if " Traced calls (" in line:
            lines = []
            found.append((line.partition("(")[2].partition(")")[0], lines))
        elif line.startswith(("---", "===", "___", "callscope: ")):
            lines = None
        elif lines is not None:
            lines.append(line)
    return [(phase, "\n".join(lines)) for phase, lines in found]


def told(result):
    """Return what the summary says."""
    return [line for line in result.outlines if line.startswith("callscope: ")]


PLUGINS = ("-p", "no:cacheprovider", "-p", "callscope")
ON = ("--callscope", "app:Layer")


class TestReports:
    def test_a_failing_test_shows_its_calls(self, run):
        """By phase, up to the one that failed; objects keep their numbers from phase to phase."""
        result = run(
            """
            import app, pytest
            @pytest.fixture
            def layer():
                yield app.MyLayer(3)
                app.MyLayer(6)
            def test_it(layer):
                assert layer(4) == 0
            """,
            *ON,
        )
        result.assert_outcomes(failed=1)
        assert [("setup", BUILT), ("call", CALLED)] == sections(result)
        assert ["callscope: 6 calls traced of app:Layer"] == told(result)

    def test_of_this_test_alone(self, run):
        """Neither the module's own calls nor those of other tests are shown; all are counted."""
        result = run(
            """
            import app
            layer = app.MyLayer(0)
            def test_before(): layer(1)
            def test_it():
                app.MyLayer(3)
                assert 0
            def test_after(): layer(2)
            """,
            *ON,
        )
        assert [("call", BUILT)] == sections(result)
        assert ["callscope: 8 calls traced of app:Layer"] == told(result)

    def test_setup_and_teardown_that_fail(self, run):
        """Each report shows the phases so far."""
        result = run(
            """
            import app, pytest
            @pytest.fixture
            def early():
                app.MyLayer(3)
                raise KeyError
            @pytest.fixture
            def late():
                yield
                app.MyLayer(3)
                raise KeyError
            def test_early(early): ...
            def test_late(late): ...
            """,
            *ON,
        )
        result.assert_outcomes(errors=2, passed=1)
        assert [("setup", BUILT), ("teardown", BUILT)] == sections(result)

    def test_tests_that_do_not_fail(self, run):
        """Nothing is shown of a test that passes, is skipped, or fails as expected."""
        result = run(
            """
            import app, pytest
            def test_pass(): app.MyLayer(3)
            def test_skip():
                app.MyLayer(3)
                pytest.skip("so")
            @pytest.mark.xfail
            def test_xfail():
                app.MyLayer(3)
                assert 0
            """,
            "-rA",
            *ON,
        )
        result.assert_outcomes(passed=1, skipped=1, xfailed=1)
        assert [] == sections(result)

    def test_a_module_that_cannot_be_collected(self, run):
        """Its report shows what was called while it was imported."""
        result = run("import app\napp.MyLayer(3)\nraise KeyError", *ON)
        result.assert_outcomes(errors=1)
        assert [("collection", BUILT)] == sections(result)

    def test_classes_of_the_tests_and_unittest(self, run):
        """Subclasses made in a test are traced, in `unittest` tests as in any."""
        result = run(
            """
            import app, unittest
            class Test(unittest.TestCase):
                def test_it(self):
                    class Mine(app.Layer):
                        def call(self, q): raise KeyError(q)
                    Mine(3)(4)
            """,
            *ON,
        )
        ((_, shown),) = sections(result)
        assert "test_it.Test.test_it.<locals>.Mine" not in shown
        assert "  Mine.call(q=4) [Mine#1] !! KeyError: 4" in shown

    def test_threads(self, run):
        """Calls in other threads are the test's by their time."""
        result = run(
            """
            import app, threading
            def test_it():
                layer = app.MyLayer(3)
                thread = threading.Thread(target=layer, args=(4,), name="other")
                thread.start()
                thread.join()
                assert 0
            """,
            *ON,
        )
        assert [("call", f"thread MainThread\n{BUILT}\nthread other\n{CALLED}")] == sections(result)

    @pytest.mark.parametrize("count", [150, 60_000])
    def test_only_the_last_calls(self, run, count):
        """A report is bounded, and says how much is left out; so is what is kept meanwhile."""
        result = run(
            f"""
            import app
            def test_it():
                layer = app.MyLayer(3)
                for n in range({count}): layer(n)
                assert 0
            """,
            *ON,
        )
        ((_, shown),) = sections(result)
        cut, *lines = shown.splitlines()
        assert f"... {2 + 2 * count - MOST_SHOWN:,} calls before these are not shown" == cut
        assert len(lines) == MOST_SHOWN
        assert f"  MyLayer.call(m={count - 1}) [MyLayer#1] -> {count}" == lines[-1]
        assert [f"callscope: {2 + 2 * count:,} calls traced of app:Layer"] == told(result)

    def test_the_calls_that_led_to_the_last(self, run):
        """They are shown however long ago they began."""
        result = run(
            """
            import app
            class Deep(app.Layer):
                def call(self, q):
                    inner = app.MyLayer(3)
                    for n in range(200): inner(n)
                    raise KeyError
            def test_it(): Deep(1)(2)
            """,
            *ON,
        )
        ((_, shown),) = sections(result)
        _, first, second, *rest = shown.splitlines()
        assert first.startswith("Layer.__call__(y=2) [Deep#1] !! KeyError")
        assert second.startswith("  Deep.call(q=2) [Deep#1] !! KeyError")
        assert {line[:4] for line in rest} == {"    "}
        assert len(rest) == MOST_SHOWN - 2


class TestOptions:
    def test_methods(self, run):
        """`--callscope-method` names methods, and may be a pattern."""
        source = "import app\ndef test_it():\n    app.MyLayer(3)(4)\n    assert 0"
        result = run(source, *ON, "--callscope-method", "ca*", "--callscope-method", "nothing")
        assert [("call", "MyLayer.call(m=4) [MyLayer#1] -> 5")] == sections(result)

    def test_several_targets(self, run):
        """Each hierarchy is traced; naming one twice is naming it once."""
        source = """
            import app, fractions
            def test_it():
                app.MyLayer(3)
                fractions.Fraction.from_float(2.0)
                assert 0
            """
        options = (*ON, *ON, "--callscope", "fractions:Fraction", "--callscope-method", "from_*")
        result = run(source, *options, "--callscope-method", "__init__")
        ((_, shown),) = sections(result)
        assert shown.startswith(BUILT + "\nFraction.from_float(f=2.0)")
        assert ["callscope: 3 calls traced of app:Layer, fractions:Fraction"] == told(result)

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (
                ("--callscope", "app"),
                "'app' is not the path of a class. It is a module: name a class of it",
            ),
            (("--callscope", "no_such:Layer"), "There is no module 'no_such'"),
            (("--callscope", "app:Leyer"), "no class 'Leyer'. Did you mean 'Layer'"),
            (("--callscope", "app.Leyer"), "no class 'Leyer'. Did you mean 'Layer'"),
            (("--callscope", "builtins:dict"), "Class 'dict' is immutable"),
            (("--callscope", "sys:Nothing"), "Nothing"),
            (("--callscope-method", "call"), "Add --callscope package.module:Class."),
            ((*ON, "--callscope-method", ""), "methods"),
        ],
    )
    def test_bad_input_is_a_usage_error(self, run, arguments, named):
        """What is wrong is named before any test runs."""
        result = run("def test_it(): print('a test')", *arguments)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: --callscope*"])
        assert named in str(result.stderr)
        assert "Traceback" not in str(result.stderr)
        assert "a test" not in str(result.stdout)
        assert told(result) == []

    @pytest.mark.parametrize(
        ("target", "named"),
        [
            ("app:hidden", "is a int and not a class"),
            ("app:Plain", "Neither 'app.Plain'"),
            ("wave:Wave_read", "Module 'wave' was not imported."),
        ],
    )
    def test_a_target_that_turns_out_wrong(self, run, target, named):
        """The tests run all the same, and the summary says why nothing was traced."""
        result = run("import app\ndef test_it(): ...", "--callscope", target)
        result.assert_outcomes(passed=1, warnings=0)
        assert not result.errlines
        total, problem = told(result)
        assert f"callscope: 0 calls traced of {target}" == total
        assert named in problem
        assert problem.endswith(". Nothing was traced for it.")

    def test_without_the_option(self, run):
        """No class is touched, nothing is said, and nothing of a recording is imported."""
        result = run(
            """
            import sys, app
            def test_it():
                assert "__wrapped__" not in vars(app.Layer.__call__)
                assert not {"callscope.recording.recording", "callscope.weave", "wrapt"} & set(sys.modules)
            """
        )
        result.assert_outcomes(passed=1)
        assert [] == told(result)

    def test_the_configuration_may_name_targets(self, run, pytester):
        """A target may lie where only pytest's `pythonpath` leads."""
        (pytester.mkdir("lib") / "pathed.py").write_text(SEED_APP)
        pytester.makeini("[pytest]\npythonpath = lib\naddopts = --callscope pathed:Layer\n")
        result = run("import pathed\ndef test_it(): pathed.MyLayer(3)")
        assert ["callscope: 2 calls traced of pathed:Layer"] == told(result)


class TestSession:
    def test_from_the_first_conftest_file(self, run, pytester):
        """What conftest files and modules call on being imported is traced."""
        pytester.makeconftest("import app\napp.MyLayer(1)")
        result = run("import app\napp.MyLayer(1)\ndef test_it(): ...", *ON)
        assert ["callscope: 4 calls traced of app:Layer"] == told(result)

    def test_woven_once(self, run):
        """From collection to the last test, the classes hold the same functions."""
        result = run(
            """
            import app
            seen = [vars(app.Layer)["call"]]
            def test_one(): assert [vars(app.Layer)["call"]] == seen
            def test_two(): assert [vars(app.Layer)["call"]] == seen
            from callscope.weave.in_place import is_attached
            def test_traced():
                call = app.Layer.call
                assert is_attached(call) or call.__wrapped__
            """,
            *ON,
        )
        result.assert_outcomes(passed=3)

    def test_pytest_within_a_test(self, run, pytester):
        """A run of pytest in the same process neither ends the tracing nor takes part in it."""
        pytester.makeconftest("pytest_plugins = ['pytester']")
        result = run(
            """
            import app
            INNER = '''
            import app
            def test_it():
                app.MyLayer(8)
                assert 0
            '''
            def test_outer(pytester):
                app.MyLayer(3)
                pytester.makepyfile(INNER)
                for options in ((), ("--callscope", "app:Layer")):
                    inner = pytester.runpytest_inprocess("-p", "callscope", *options)
                    inner.assert_outcomes(failed=1)
                    assert bool(options) == ("MyLayer#1" in str(inner.stdout))
                app.MyLayer(9)
                assert 0
            """,
            *ON,
        )
        phase, shown = sections(result)[-1]
        numbered = [line for line in shown.splitlines() if "MyLayer.__init__" in line]
        assert phase == "call"
        assert [f"k={k}" in line for k, line in zip((3, 8, 8, 9), numbered, strict=True)] == [
            True
        ] * 4
        assert "callscope: 8 calls traced of app:Layer" == told(result)[-1]

    def test_after_pytest(self, run, pytester):
        """When pytest has ended, in whatever way, the classes are as they were."""
        pytester.makepyfile(
            script="""
            import app, pytest
            before = dict(vars(app.Layer))
            for options in (["-qq"], ["--no-such-option"], ["--callscope", "app:Plain"]):
                pytest.main(["-p", "callscope", "--callscope", "app:Layer", *options, "test_it.py"])
                assert dict(vars(app.Layer)) == before
            """
        )
        pytester.makepyfile(test_it="import app\ndef test_it(): app.MyLayer(3)")
        done = pytester.runpython("script.py")
        assert done.ret == 0, str(done.stderr)
        assert ["callscope: 2 calls traced of app:Layer"] == told(done)

    def test_imported_before_pytest(self, run, pytester):
        """Tracing by the environment switch as well gives no warning, of rewriting or other."""
        pytester.makepyfile(test_it="import app\ndef test_it(): app.MyLayer(3)")
        pytester.makepyfile(
            script="""
            import callscope, pytest
            raise SystemExit(pytest.main(["-p", "callscope", "-W", "error", "test_it.py"]))
            """
        )
        assert pytester.runpython("script.py").ret == 0
        # pytest itself looks for this in what a distribution with a plugin has installed.
        assert "PYTEST_DONT_REWRITE" in sys.modules["callscope"].__doc__

    def test_a_test_that_runs_again(self, run, pytester):
        """Plugins run a flaky test again; its report shows the last run alone."""
        pytester.makeconftest(
            """
            from _pytest.runner import runtestprotocol
            def pytest_runtest_protocol(item, nextitem):
                runtestprotocol(item, nextitem=nextitem, log=False)
                for report in runtestprotocol(item, nextitem=nextitem, log=False):
                    item.ihook.pytest_runtest_logreport(report=report)
                return True
            """
        )
        result = run(
            "import app\ndef test_it():\n    app.MyLayer(3)(4)\n    assert 0",
            *ON,
        )
        assert [("call", f"{BUILT}\n{CALLED}".replace("#1", "#2"))] == sections(result)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_a_test_run_in_a_forked_child(self, run, pytester):
        """As plugins do for tests that may crash: the child's report shows the child's calls."""
        pytester.makeconftest(
            """
            import os, pytest
            @pytest.hookimpl(wrapper=True)
            def pytest_runtest_protocol():
                child = os.fork()
                if child:
                    os.waitpid(child, 0)
                return (yield)
            """
        )
        result = run("import app\ndef test_it():\n    app.MyLayer(3)(4)\n    assert 0", *ON)
        expected = [("call", f"{BUILT}\n{CALLED}")] * 2
        assert expected == sections(result)
        assert ["callscope: 4 calls traced of app:Layer"] * 2 == told(result)


class TestWorkers:
    @pytest.fixture(autouse=True)
    def xdist(self):
        """These run with pytest-xdist where it is installed."""
        pytest.importorskip("xdist")

    def test_reports_and_summary(self, run):
        """Workers' reports show calls, and the summary adds the workers' up."""
        result = run(
            """
            import app, pytest
            @pytest.mark.parametrize("n", range(6))
            def test_it(n):
                app.MyLayer(3)(4)
                assert n != 2
            """,
            "-p",
            "xdist",
            "-n2",
            *ON,
        )
        result.assert_outcomes(failed=1, passed=5)
        assert [("call", f"{BUILT}\n{CALLED}")] == sections(result)
        assert ["callscope: 24 calls traced of app:Layer"] == told(result)

    def test_targets_that_turn_out_wrong(self, run):
        """A problem is told once."""
        result = run(
            "def test_it(): ...", "-p", "xdist", "-n2", *ON, "--callscope", "wave:Wave_read"
        )
        result.assert_outcomes(passed=1)
        assert len(told(result)) == 3

    def test_a_worker_that_crashes(self, run):
        """The others' calls are still told."""
        result = run(
            "import app, os\ndef test_it():\n    app.MyLayer(3)\n    os._exit(1)",
            "-p",
            "xdist",
            "-n1",
            *ON,
        )
        result.assert_outcomes(failed=1)
        assert len(told(result)) == 1
