"""What users' tests import: golden outlines, the fixture, and calls shown when a test fails."""

import os
import subprocess
import sys

import pytest

import callscope
from callscope.testing import check_outline, recorded
from seed import SEED_APP, SEED_OUTLINE

OUTLINE = SEED_OUTLINE.replace("#1]\n  MyLayer.call", "#1] -> 5\n  MyLayer.call") + " -> 5\n"


REMEDY = [
    "If this outline is right, run once with CALLSCOPE_UPDATE=1, or pytest --callscope-update."
]


class TestCheckOutline:
    @pytest.fixture(autouse=True)
    def _unset(self, monkeypatch):
        monkeypatch.delenv("CALLSCOPE_UPDATE", raising=False)

    def test_the_same(self, seed_trace, tmp_path):
        """Nothing happens."""
        (tmp_path / "seed.txt").write_text(SEED_OUTLINE + "\n")
        check_outline(seed_trace, tmp_path / "seed.txt")

    def test_another(self, seed_trace, tmp_path):
        """The error says what differs, and how to write it anew."""
        (tmp_path / "seed.txt").write_text(SEED_OUTLINE.replace("y=4", "y=5") + "\n")
        with pytest.raises(AssertionError) as caught:
            check_outline(seed_trace, tmp_path / "seed.txt")
        assert str(caught.value).splitlines()[3:] == [
            "@@ -1,4 +1,4 @@",
            " MyLayer.__init__(k=3) [MyLayer#1]",
            "   Layer.__init__(x=3) [MyLayer#1]",
            "-Layer.__call__(y=5) [MyLayer#1]",
            "+Layer.__call__(y=4) [MyLayer#1]",
            "   MyLayer.call(m=4) [MyLayer#1]",
            *REMEDY,
        ]

    def test_no_file(self, seed_trace, tmp_path):
        """A test that compares with nothing fails, and writes nothing."""
        with pytest.raises(AssertionError, match="There is no outline"):
            check_outline(seed_trace, tmp_path / "new" / "seed.txt")
        assert not (tmp_path / "new").exists()

    def test_update(self, seed_trace, tmp_path, monkeypatch):
        """With the variable set, the file is written; folders too."""
        monkeypatch.setenv("CALLSCOPE_UPDATE", "1")
        check_outline(seed_trace, tmp_path / "new" / "seed.txt")
        monkeypatch.delenv("CALLSCOPE_UPDATE")
        check_outline(seed_trace, tmp_path / "new" / "seed.txt")

    def test_a_file_that_cannot_be_used(self, seed_trace, tmp_path, monkeypatch):
        """The error says what could not be done with it, and what to do."""
        with pytest.raises(callscope.CallscopeError, match=r"^Cannot read .* Name a text file"):
            check_outline(seed_trace, tmp_path)
        monkeypatch.setenv("CALLSCOPE_UPDATE", "1")
        (tmp_path / "file").touch()
        with pytest.raises(callscope.CallscopeError, match=r"^Cannot write"):
            check_outline(seed_trace, tmp_path / "file" / "below.txt")

    def test_a_file_in_another_encoding(self, seed_trace, tmp_path):
        """It is another outline, and shown as far as it can be."""
        path = tmp_path / "o.txt"
        path.write_bytes("Größe".encode("latin-1"))
        with pytest.raises(AssertionError, match=r"-Gr\\xf6\\xdfe"):
            check_outline(seed_trace, path)


class TestRecorded:
    def test_a_block_that_fails(self, seed):
        """The exception has a note of what was called."""
        with pytest.raises(ValueError, match="no") as caught, recorded(seed.Layer):
            seed.MyLayer(3)(4)
            raise ValueError("no")
        assert caught.value.__notes__ == [f"Traced calls:\n{SEED_OUTLINE}"]

    def test_a_block_that_does_not(self, seed):
        """It is a recording like any other, with its options."""
        with recorded(seed.Layer, capture="none") as trace:
            seed.MyLayer(3)
        assert trace.outline() == "MyLayer.__init__ [MyLayer#1]\n  Layer.__init__ [MyLayer#1]"

    def test_nothing_was_called(self, seed):
        """Then there is no note."""
        with pytest.raises(ValueError, match="no") as caught, recorded(seed.Layer):
            raise ValueError("no")
        assert not hasattr(caught.value, "__notes__")

    def test_many_calls(self, seed):
        """The last ones are shown, and how many are not."""
        with pytest.raises(ValueError, match="no") as caught, recorded(seed.Layer):
            for _ in range(500):
                seed.MyLayer(3)
            raise ValueError("no")
        lines = caught.value.__notes__[0].splitlines()
        assert (lines[1], len(lines)) == ("... 800 calls are not shown", 202)

    def test_in_unittest(self, tmp_path):
        """The calls stand below the traceback."""
        (tmp_path / "app.py").write_text(SEED_APP)
        (tmp_path / "test_app.py").write_text(
            "import unittest, app\n"
            "from callscope.testing import check_outline, recorded\n"
            "class TestApp(unittest.TestCase):\n"
            "    def test_it(self):\n"
            "        with recorded(app.Layer) as trace:\n"
            "            self.assertEqual(6, app.MyLayer(3)(4))\n"
            "    def test_outline(self):\n"
            "        with recorded(app.Layer) as trace:\n"
            "            app.MyLayer(3)(4)\n"
            "        check_outline(trace, 'app.txt')\n"
        )

        def run(**env):
            return subprocess.run(
                [sys.executable, "-m", "unittest"],
                cwd=tmp_path,
                env=os.environ | env,
                capture_output=True,
                text=True,
                check=False,
            ).stderr

        updated = run(CALLSCOPE_UPDATE="1")
        assert "FAILED (failures=1)" in updated
        assert "AssertionError: 6 != 5\nTraced calls:\nMyLayer.__init__(k=3) [MyLayer#1]" in updated
        assert (tmp_path / "app.txt").read_text() == OUTLINE
        (tmp_path / "app.txt").write_text("")
        assert "FAILED (failures=2)" in run(CALLSCOPE_UPDATE="")


@pytest.fixture
def run(plain_pytester):
    def run_pytest(source, *arguments):
        plain_pytester.makepyfile(test_it=source)
        options = ("-p", "callscope.tools.pytest_plugin", f"--rootdir={plain_pytester.path}")
        return plain_pytester.runpytest_subprocess(*options, *arguments)

    return run_pytest


class TestFixture:
    def test_a_block(self, run):
        """`record` is the module's, and the outline is compared with a string."""
        result = run(
            f"""
            import app

            def test_it(callscope):
                with callscope.record(app.Layer, methods=["call"]) as trace:
                    app.MyLayer(3)(4)
                assert trace.outline() == "MyLayer.call(m=4) [MyLayer#1] -> 5"

            def test_all(callscope):
                trace = callscope.start(app.Layer)
                app.MyLayer(3)(4)
                assert callscope.stop() is trace
                app.MyLayer(3)
                assert trace.outline() + "\\n" == {OUTLINE!r}
            """
        )
        result.assert_outcomes(passed=2)

    def test_a_failing_test_shows_the_calls(self, run):
        """Of each recording; a passing test shows nothing."""
        result = run(
            """
            import app

            def test_one(callscope):
                callscope.start(app.Layer)
                app.MyLayer(3)
                assert 0

            def test_two(callscope):
                for k in (1, 2):
                    with callscope.record(app.Layer, methods=["__init__"]):
                        app.Layer(k)
                assert 0

            def test_three(callscope):
                with callscope.record(app.Layer):
                    app.Layer(0)
            """
        )
        result.assert_outcomes(passed=1, failed=2)
        result.stdout.fnmatch_lines(
            [
                "*- Recorded calls -*",
                "MyLayer.__init__(k=3) [[]MyLayer#1]",
                "  Layer.__init__(x=3) [[]MyLayer#1]",
                "*- Recorded calls (1) -*",
                "Layer.__init__(x=1) [[]Layer#1]",
                "*- Recorded calls (2) -*",
                "Layer.__init__(x=2) [[]Layer#1]",
            ]
        )
        result.stdout.no_fnmatch_line("*x=0*")

    def test_what_was_started_ends_with_the_test(self, run):
        """Also if the test fails: no class stays woven."""
        result = run(
            """
            import app
            before = dict(vars(app.Layer))

            def test_one(callscope):
                callscope.start(app.Layer)
                callscope.start(app.Layer)
                assert 0

            def test_two(callscope):
                assert dict(vars(app.Layer)) == before
                try: callscope.stop()
                except RuntimeError as error: assert "in this test" in str(error)
                else: assert 0
            """
        )
        result.assert_outcomes(passed=1, failed=1)

    def test_golden_files(self, run, pytester):
        """They are missed, written when that is asked for, and compared from then on."""
        source = """
            import app, pytest

            @pytest.mark.parametrize("m", [4, "a/b"])
            def test_it(callscope, m):
                with callscope.record(app.Layer, methods=["call"]) as trace:
                    app.Layer(3).call(m)
                callscope.check_outline(trace)
                callscope.check_outline(trace)
                callscope.check_outline(trace, "named")
            """
        missed = run(source)
        missed.assert_outcomes(failed=2)
        missed.stdout.fnmatch_lines(["*There is no outline*--callscope-update*"])
        run(source, "--callscope-update").assert_outcomes(passed=2)
        folder = pytester.path / "outlines"
        assert sorted(path.name for path in folder.iterdir()) == [
            "test_it.test_it-4.2.txt",
            "test_it.test_it-4.named.txt",
            "test_it.test_it-4.txt",
            "test_it.test_it-a-b.2.txt",
            "test_it.test_it-a-b.named.txt",
            "test_it.test_it-a-b.txt",
        ]
        assert (folder / "test_it.test_it-4.txt").read_text() == "Layer.call(z=4) [Layer#1]\n"
        run(source).assert_outcomes(passed=2)
        (folder / "test_it.test_it-4.txt").write_text("Layer.call(z=5) [Layer#1]\n")
        changed = run(source)
        changed.assert_outcomes(passed=1, failed=1)
        changed.stdout.fnmatch_lines(["E*-Layer.call(z=5)*", "E*+Layer.call(z=4)*"])
