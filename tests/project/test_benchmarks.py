"""What the benchmarks find is what was measured, and what was not measured has no figures."""

import json

import pytest

from benchmarks.checks import gate
from benchmarks.checks.proof import CaseError
from benchmarks.measure import calls, files, growth, reading, weaving
from benchmarks.measure.effort import EFFORTS
from benchmarks.measure.results import Results
from benchmarks.peers import BY_NAME, ENTRIES, choose
from benchmarks.peers.plain import Bare, FunctoolsWraps
from benchmarks.peers.scope import Off, OnNone, OnTypes, OnValues
from benchmarks.report import figures, publish, tables
from benchmarks.workloads import BY_NAME as WORKLOADS

pytestmark = pytest.mark.slow

SMOKE = EFFORTS["smoke"]
MADE_UP = ("seed", "deep", "wide", "threads", "asyncio", "await")


class Forgetful(OnValues):
    """Loses a call."""

    def recorded(self):
        return super().recorded() - 1


class Blind(OnValues):
    """Reads one call too few."""

    def readings(self):
        return {"decode": lambda: len(self.trace) - 1}


class Doubled(FunctoolsWraps):
    """Says that it runs two functions around each call, and runs one."""

    wrappers = 2


class Stuck(FunctoolsWraps):
    """Leaves its wrappers in the classes."""

    def stop(self): ...


def found(**measured):
    """Return results with these measurements of a bare program and of two peers."""
    results = Results.empty(EFFORTS["full"])
    described = {
        "version": "1",
        "distribution": None,
        "setup": "as is",
        "link": "",
        "note": "",
        "records": True,
    }
    results.peers.update(dict.fromkeys(("bare", "fast", "slow"), described))
    results.measured.update(measured)
    return results


def seed(**added):
    """Return measurements of the four-call example, where a bare call takes 100 ns."""
    return {peer: [{"1": [[100, 100 + ns]]}] for peer, ns in added.items()}


class TestMeasures:
    """Each gives samples of what it is named for."""

    @pytest.mark.parametrize("workload", MADE_UP)
    @pytest.mark.parametrize("peer", [Bare, Off, FunctoolsWraps, OnNone, OnTypes, OnValues])
    def test_calls_are_timed_in_each_workload(self, peer, workload):
        """A sample of each size, of the bare program and of the traced one."""
        measured = calls.measure(peer, WORKLOADS[workload], SMOKE)
        expected = [str(size) for size in WORKLOADS[workload].sizes[: SMOKE.most_sizes]]
        assert expected == list(measured)
        assert all(min(sample) > 0 for samples in measured.values() for sample in samples)

    def test_growth_counts_the_calls(self):
        """Ten points, each with more calls than the one before."""
        points = [point.calls for point in growth.measure(OnNone, SMOKE)]
        assert sorted(set(points)) == points
        assert len(points) == 10

    def test_weaving_is_timed_for_each_size(self):
        """The first time and again."""
        assert [str(size) for size in SMOKE.weave_sizes] == list(weaving.measure(OnNone, SMOKE))

    def test_each_kind_of_file_is_saved(self):
        """JSON Lines are loaded too, with the extra and without."""
        measured = files.measure(OnValues, SMOKE)
        assert {
            ".jsonl": True,
            ".jsonl without extra": True,
            ".json": False,
        } == {kind: costs["100"].load is not None for kind, costs in measured.items()}

    def test_each_reading_is_timed_for_each_number_of_calls(self):
        """And so is what it is compared with."""
        pytest.importorskip("viztracer", reason="viztracer comes with the extra 'bench'")
        measured = reading.measure(OnValues, SMOKE)
        assert {*gate.READINGS, reading.UNIT} <= {*measured}
        expected = [str(calls) for calls in SMOKE.reading_calls]
        assert all(expected == list(way.seconds) for way in measured.values())
        assert all(way.peak_bytes > 0 for way in measured.values())


class TestProof:
    """What did not do its work has no figures."""

    def test_a_lost_call(self):
        """The number that was recorded must be the number that was made."""
        with pytest.raises(CaseError, match=r"\d+ calls were made, and \d+ were recorded"):
            calls.measure(Forgetful, WORKLOADS["seed"], SMOKE)

    def test_a_call_that_is_not_read(self):
        """A reading that says how many calls it sees must see them all."""
        pytest.importorskip("viztracer", reason="viztracer comes with the extra 'bench'")
        with pytest.raises(CaseError, match="100 calls were read as 99"):
            reading.measure(Blind, SMOKE)

    def test_another_number_of_wrappers(self):
        """A pass is run under a profile function."""
        with pytest.raises(CaseError, match="4 wrappers ran in one pass of 4 calls, not 2"):
            calls.measure(Doubled, WORKLOADS["seed"], SMOKE)

    def test_methods_that_are_not_put_back(self):
        """After each stop, classes hold their own functions."""
        with pytest.raises(CaseError, match="6 of 6 methods were not put back"):
            weaving.measure(Stuck, SMOKE)


class TestFigures:
    """They are worked out of the samples."""

    def test_medians(self):
        """What is added, and the ratio, compare the two sides of each sample."""
        measured = [{"1": [[100, 150], [200, 270], [100, 190]]}]
        cost = figures.call_costs(found(seed={"slow": measured}), "seed", 1)["slow"]
        assert (70, 20) == cost.added_ns
        assert 1.5 == cost.ratio.median

    @pytest.mark.parametrize(
        ("ys", "each", "exponent"),
        [([3, 6, 12], 3, 1), ([1, 4, 16], 36 / 7, 2), ([5, 5, 5], 0, 0), ([0, 2, 6], 2, None)],
    )
    def test_slopes(self, ys, each, exponent):
        """An exponent of 1 is in proportion; there is none where something is not above 0."""
        slope = figures.fit([1, 2, 4], ys)
        assert each == pytest.approx(slope.each)
        assert exponent == (slope.exponent and pytest.approx(slope.exponent))

    def test_a_chain_grows_by_its_classes(self):
        """Each class adds what a call of it adds."""
        chain = {"slow": [{"1": [[50, 60]], "2": [[50, 60]], "4": [[50, 60]]}]}
        assert (10, 1) == pytest.approx(figures.slopes(found(deep=chain), "deep")["slow"])

    def test_memory_per_call(self):
        """It is the slope, whatever there was before."""
        points = [[1_000, 0.001, 500_000, 0], [2_000, 0.002, 564_000, 0]]
        measured = figures.growths(found(growth={"slow": [points]}))["slow"]
        assert (1_000, 64) == pytest.approx((measured.added_ns.each, measured.resident_bytes.each))

    def test_readings_are_multiples_of_what_viztracer_takes(self):
        """In the same round, with as many calls."""
        ways = {
            "summary": [{"10": 4, "20": 8}, 64],
            reading.UNIT: [{"10": 2, "20": 2, "30": 2}, None],
        }
        summary = figures.readings(found(reading={"fast": [ways]}))["fast", "summary"]
        assert {10: 2, 20: 4} == {size: ratio.median for size, ratio in summary.ratios.items()}
        assert (0.4, 1) == pytest.approx(summary.seconds)
        assert 64 == summary.peak_bytes.median


class TestTables:
    """They show what there is and name what there is not."""

    def test_the_cheapest_comes_first(self):
        """Whoever it is."""
        table = tables.render(found(seed=seed(bare=0, slow=900, fast=90)))["summary"]
        assert ["`bare`", "`fast`", "`slow`"] == [
            line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]
        ]

    def test_the_short_table_has_some_of_the_rows(self):
        """They are the same as in the long table."""
        measured = found(seed=seed(bare=0, viztracer=900, opentelemetry=90, hunter=9))
        rendered = {name: text.splitlines() for name, text in tables.render(measured).items()}
        named = [line for line in rendered["summary"] if "viz" in line or "telemetry" in line]
        assert rendered["highlights"] == rendered["summary"][:2] + named
        assert len(tables.HIGHLIGHTS) == 6

    def test_what_is_missing_is_named(self):
        """What is not installed, and what fails."""
        results = found(seed=seed(bare=0, slow=900))
        results.absent["gone"] = "No module named 'gone'"
        results.failed["seed"] = {"fast": "KeyError: 'args'\nand more"}
        rendered = tables.render(results)
        assert [
            "- `gone` was not measured: No module named 'gone'",
            "- `fast` fails on `seed`: `KeyError: 'args' and more`",
        ] == rendered["missing"].splitlines()
        assert "| `fast` | fails |" in rendered["summary"]

    def test_results_come_back_from_their_file(self, tmp_path):
        """So that tables can be made again."""
        results = found(seed=seed(bare=0, slow=900))
        results.write(tmp_path / "results.json")
        assert results == Results.read(tmp_path / "results.json")


class TestPublishing:
    """No figure is copied by hand."""

    def test_the_pages_say_what_was_measured(self):
        """If this fails: ``python -m benchmarks.report.publish --pages``."""
        assert [] == publish.find_stale()

    def test_tables_are_put_between_their_marks(self, tmp_path, monkeypatch):
        """And nothing else is changed."""
        monkeypatch.setattr(publish, "IMAGES", tmp_path / "images")
        page = tmp_path / "page.md"
        page.write_text("a\n<!-- benchmarks: missing -->\nold\n<!-- /benchmarks -->\nb\n")
        filled = publish.fill(page, {"": found(seed=seed(bare=0, slow=900))})
        assert filled == (
            "a\n<!-- benchmarks: missing -->\n\nEverything was measured.\n\n"
            "<!-- /benchmarks -->\nb\n"
        )

    def test_another_python_has_tables_of_its_own(self, tmp_path, monkeypatch):
        """Its version stands behind the name of the table."""
        monkeypatch.setattr(publish, "IMAGES", tmp_path / "images")
        page = tmp_path / "page.md"
        page.write_text("<!-- benchmarks: missing 3.12 -->\n<!-- /benchmarks -->\n")
        other = found(seed=seed(bare=0, slow=900))
        other.absent["gone"] = "no module"
        filled = publish.fill(page, {"": found(seed=seed(bare=0, slow=1)), "3.12": other})
        assert "`gone` was not measured" in filled

    def test_a_part_takes_the_place_of_what_it_measured_again(self):
        """The rest stays; what was measured with anything else is refused."""
        full, part = found(seed=seed(bare=0, slow=900)), found(seed=seed(bare=0, slow=1))
        full.failed["seed"] = {"fast": "KeyError"}
        merged = full.with_part(part)
        assert (merged.measured, merged.failed) == (part.measured, {})
        other = part._replace(facts={**part.facts, "date": "2000-01-01"})
        with pytest.raises(ValueError, match="Measure again"):
            full.with_part(other)

    @pytest.mark.parametrize("page", publish.PAGES, ids=lambda page: page.stem)
    def test_every_mark_names_a_table_or_a_picture(self, page):
        """In each page that has marks."""
        names = {name.split()[0] for _, name, _ in publish.MARKED.findall(page.read_text("utf-8"))}
        assert set() == names - {*tables.render(found(seed=seed(bare=0))), *publish.PICTURES}


class TestGate:
    """It fails on what is gross, and on nothing finer."""

    def measured(self, values):
        added = {
            "bare": 0,
            "off": 0,
            "callscope-none-c": 100,
            "callscope-values-c": values,
            "callscope-none-python": 500,
            "viztracer": 100,
        }
        costs = {"1000": [1, 1, 1, 1, 1]}
        kinds = dict.fromkeys((".jsonl", ".jsonl without extra", ".json"), costs)
        return found(
            seed=seed(**added),
            weave={"callscope-values-c": [{"300": [1, 1, 1]}]},
            files={name: [kinds] for name in added},
            reading={
                "callscope-values-c": [
                    {name: [{"1000": 1}, None] for name in (*gate.READINGS, reading.UNIT)}
                ]
            },
        )

    @pytest.fixture(autouse=True)
    def stored(self, tmp_path, monkeypatch):
        monkeypatch.setattr(gate, "FILE", tmp_path / "ratios.json")
        assert 0 == gate.renew(self.measured(values=100))

    @pytest.mark.parametrize(("values", "code"), [(100, 0), (190, 0), (210, 1)])
    def test_twice_is_too_much(self, values, code):
        """Of one ratio."""
        assert code == gate.check(self.measured(values))

    def test_all_must_be_stored(self, capsys):
        """A ratio that is not stored fails, with the command that stores it."""
        content = json.loads(gate.FILE.read_text())
        content["ratios"].popitem()
        gate.FILE.write_text(json.dumps(content))
        assert 1 == gate.check(self.measured(values=100))
        assert gate.RENEW in capsys.readouterr().err

    def test_all_must_be_measured(self, capsys):
        """What fails is no success."""
        results = self.measured(values=100)
        results.failed["seed"] = {"viztracer": "CaseError: no"}
        assert 1 == gate.check(results)
        assert "viztracer fails on seed: CaseError: no" in capsys.readouterr().err


class TestPeers:
    """They are chosen by name."""

    def test_patterns(self):
        """And bare, beside which all are measured, is always among them."""
        assert ["bare", "viztracer", "viztracer-args"] == [e.name for e in choose(["viz*"])]

    def test_what_is_not_known(self):
        """The error names what there is."""
        with pytest.raises(ValueError, match=r"No peer is named 'nobody'. There are: bare, off"):
            choose(["nobody"])

    @pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
    def test_each_says_how_it_is_set_up(self, entry):
        """Where it is installed: the version, the setup and the page that advises it."""
        try:
            peer = entry.load()
        except ImportError as error:
            pytest.skip(f"{entry.name} is not installed: {error}")
        assert peer.setup
        assert peer.version()
        assert peer.link or peer is Bare

    def test_names_are_unique(self):
        """So that results can be told apart."""
        assert len(ENTRIES) == len(BY_NAME)


def test_pictures_fit_light_and_dark_pages(tmp_path):
    """Text has the colour of the page's scheme, and the same figures give the same file."""
    pytest.importorskip("matplotlib", reason="the pictures are drawn with it")
    from benchmarks.report import plots

    results = found(
        seed=seed(bare=0, slow=900),
        weave={"viztracer": [{"10": [1, 1, 1], "100": [10, 10, 10]}]},
    )
    written = plots.draw(results, tmp_path)
    assert ["benchmarks-calls.svg", "benchmarks-weaving.svg"] == [path.name for path in written]
    drawn = [path.read_text(encoding="utf-8") for path in written]
    assert all("prefers-color-scheme:dark" in svg and "currentColor" in svg for svg in drawn)
    assert drawn == [p.read_text(encoding="utf-8") for p in plots.draw(results, tmp_path)]
