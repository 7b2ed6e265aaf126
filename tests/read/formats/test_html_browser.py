"""The HTML page in a real Chromium: `nox -s browsers`. What stands in the file: test_html."""

import asyncio
import contextlib
import shutil
import threading

import pytest

import callscope
from callscope.read.formats import html
from ticking import ticking_clock

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("Chromium is not installed", allow_module_level=True)

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all tests."""
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def show(browser, tmp_path):
    """A function that saves a trace and opens it; nothing may be complained of or asked for."""
    complaints, asked, pages = [], [], []

    def show(trace, fragment="", width=1280, limit=html.MAX_CALLS, **options):
        path = tmp_path / "trace.html"
        with path.open("wb") as file:
            html.write(trace, file, max_calls=limit)
        page = browser.new_page(viewport={"width": width, "height": 800}, **options)
        page.set_default_timeout(20_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("#facts span")
        pages.append(page)
        return page

    show.complaints = complaints
    yield show
    for page in pages:
        page.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


class Layer:
    def __init__(self, x): ...
    def __call__(self, y):
        return self.call(y)

    def call(self, z):
        return z


class MyLayer(Layer):
    def __init__(self, k):
        super().__init__(k)

    def call(self, m):
        if m == 13:
            raise ValueError("unlucky")
        return super().call(m) * 2


@pytest.fixture(scope="module")
def trace():
    """Three objects, each called once; the call of the last fails."""
    # Tests click where a call is drawn, which must not depend on how busy the machine is.
    with ticking_clock(), callscope.record(Layer) as trace:
        for number in (4, 5, 13):
            layer = MyLayer(number)
            with contextlib.suppress(ValueError):
                layer(number)
    return trace


def rows(page):
    """Return the calls in the list, as their sites and depths."""
    settle(page)
    found = page.eval_on_selector_all(
        ".row",
        """rows => rows.sort((a, b) => a.offsetTop - b.offsetTop).map(row =>
           [row.querySelector(".site").textContent, Number(row.getAttribute("aria-level"))])""",
    )
    return [tuple(row) for row in found]


def rows_note(page):
    """Return what the list says of calls that are left out."""
    return page.inner_text(".row.note").strip()


def settle(page):
    """Wait until all is drawn."""
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


def selected(page):
    """Return the number of the selected call."""
    settle(page)
    return page.get_attribute(".details-title a", "href")


EACH = [
    ("MyLayer.__init__", 1),
    ("Layer.__init__", 2),
    ("Layer.__call__", 1),
    ("MyLayer.call", 2),
]
WHOLE = [*EACH, ("Layer.call", 3)]


class TestTheListOfCalls:
    def test_all_calls_are_there(self, show, trace):
        """As a tree, each with the class that defines it."""
        assert [*WHOLE, *WHOLE, *EACH] == rows(show(trace))

    def test_what_a_row_says(self, show, trace):
        """Site, arguments, object, how it was led to, and result."""
        row = show(trace).locator("#row-3")
        assert "MyLayer.call(m=4)MyLayer#1↷ dispatch→ 8" in row.inner_text().replace("\n", "")

    def test_folding(self, show, trace):
        """By the mark before a call, and all at once."""
        page = show(trace)
        page.click("#row-2 .twisty")
        assert [*EACH[:3], *WHOLE, *EACH] == rows(page)
        page.click("#fold-all")
        assert [("MyLayer.__init__", 1), ("Layer.__call__", 1)] * 3 == rows(page)
        page.click("#unfold-all")
        assert [*WHOLE, *WHOLE, *EACH] == rows(page)

    def test_the_calls_of_an_object(self, show, trace):
        """A click on an object shows its calls alone, until that is taken back."""
        page = show(trace)
        page.click("#row-5 .object")
        assert rows(page) == WHOLE
        assert page.inner_text("#pills") == "object MyLayer#2 \N{MULTIPLICATION SIGN}"
        page.click("#pills button")
        assert len(rows(page)) == len(trace.calls)

    def test_the_calls_of_a_class(self, show, trace):
        """With what led to them."""
        page = show(trace)
        page.click("#legend >> text=MyLayer")
        assert [("MyLayer.__init__", 1), ("Layer.__call__", 1), ("MyLayer.call", 2)] * 3 == rows(
            page
        )
        assert page.locator(".row.context").count() == 3

    def test_the_calls_that_failed(self, show, trace):
        """And nothing else."""
        page = show(trace)
        page.click("#only-errors")
        assert [("Layer.__call__", 1), ("MyLayer.call", 2)] == rows(page)
        assert "ValueError: unlucky" in page.locator(".row .outcome.error").last.inner_text()


class TestSearch:
    def search(self, page, query):
        page.keyboard.press("/")
        page.keyboard.type(query)
        settle(page)
        return page.inner_text("#matches")

    @pytest.mark.parametrize(
        ("query", "matches"),
        [
            ("mylayer.CALL", 3),
            ("layer.call", 5),
            ("m=", 3),
            ("m=4", 1),
            ("k=1 init", 1),
            ("k=7", 0),
            ("unlucky", 2),
            ("error", 2),
            ("class:layer method:call", 2),
            ("object:mylayer#2", 5),
            ("site:layer.__init__", 3),
            ("thread:main", 14),
            (">0ns <100s", 14),
            (">100s", 0),
            ("nowhere", 0),
        ],
    )
    def test_what_is_found(self, show, trace, query, matches):
        """Words in any part of a call, and fields of it."""
        expected = f"{matches} match{'' if matches == 1 else 'es'}"
        assert expected == self.search(show(trace), query)

    def test_going_through_the_matches(self, show, trace):
        """Enter goes on, Shift+Enter back, and both go round; folded calls open."""
        page = show(trace)
        page.click("#fold-all")
        self.search(page, "method:call class:layer")
        steps = []
        for keys in ("Enter", "Enter", "Enter", "Shift+Enter"):
            page.keyboard.press(keys)
            steps.append(selected(page))
        assert steps == ["#call-5", "#call-10", "#call-5", "#call-10"]
        assert page.locator("#row-9").get_attribute("aria-selected") == "true"

    def test_only_what_matches(self, show, trace):
        """The rest is hidden, but for what leads there."""
        page = show(trace)
        self.search(page, "unlucky")
        page.click("#only-matches")
        assert [("Layer.__call__", 1), ("MyLayer.call", 2)] == rows(page)
        page.focus("#query")
        page.keyboard.press("Escape")
        assert len(rows(page)) == len(trace.calls)


class TestKeys:
    def test_moving_and_folding(self, show, trace):
        """As in any tree: in, out, up, down; j and k do as the arrows do."""
        page = show(trace)
        seen = []
        for key in (
            "ArrowDown",
            "j",
            "k",
            "ArrowLeft",
            "ArrowRight",
            "ArrowRight",
            "ArrowLeft",
            "End",
            "Home",
        ):
            page.keyboard.press(key)
            seen.append(selected(page))
        assert seen == [f"#call-{n}" for n in (1, 2, 1, 1, 1, 2, 1, 14, 1)]
        assert page.locator("#row-0").get_attribute("aria-expanded") == "true"
        page.keyboard.press("ArrowLeft")
        assert page.locator("#row-0").get_attribute("aria-expanded") == "false"

    def test_the_tree_says_what_is_active(self, show, trace):
        """For readers of the screen."""
        page = show(trace)
        page.focus("#tree")
        page.keyboard.press("ArrowDown")
        settle(page)
        assert page.get_attribute("#tree", "aria-activedescendant") == "row-0"

    def test_errors_and_objects(self, show, trace):
        """`e` goes to the next error, `[` to the object's call before, `o` shows its calls."""
        page = show(trace)
        page.keyboard.press("e")
        assert selected(page) == "#call-13"
        page.keyboard.press("[")
        assert selected(page) == "#call-12"
        page.keyboard.press("o")
        assert rows(page) == EACH

    def test_enter_jumps(self, show, trace):
        """The timeline and the diagram then show that call."""
        page = show(trace, "#call-4")
        whole = page.inner_text("#flame-range")
        page.keyboard.press("Enter")
        settle(page)
        assert page.inner_text("#flame-range") != whole
        assert page.inner_text("#crumbs").split("\n")[-2:] == ["MyLayer.call", "Follow selection"]

    def test_the_keys_are_shown(self, show, trace):
        """By `?`, until Escape."""
        page = show(trace)
        page.keyboard.press("?")
        assert page.is_visible("#keys")
        page.keyboard.press("j")
        page.keyboard.press("Escape")
        assert not page.is_visible("#keys")
        assert page.locator(".details-title a").count() == 0

    def test_tabs(self, show, trace):
        """Numbers choose a panel, and the arrows go from tab to tab."""
        page = show(trace)
        page.keyboard.press("4")
        assert page.is_visible("#sites")
        page.focus('[role=tab][data-panel="sites"]')
        page.keyboard.press("ArrowRight")
        assert page.is_visible("#findings")


class TestLinks:
    def test_a_link_to_a_call(self, show, trace):
        """Opens what it is in, and selects it."""
        page = show(trace, "#call-10")
        assert selected(page) == "#call-10"
        assert page.locator("#row-9").get_attribute("aria-selected") == "true"

    def test_the_address_follows(self, show, trace):
        """What is selected can be linked to, and gone back to."""
        page = show(trace)
        page.click("#row-6")
        page.wait_for_function("() => location.hash === '#call-7'")
        page.evaluate("() => { location.hash = '#call-2' }")
        page.wait_for_function("() => document.querySelector('#row-1[aria-selected=true]')")

    def test_a_link_to_nothing(self, show, trace):
        """Is as no link."""
        page = show(trace, "#call-99")
        assert page.locator('[aria-selected="true"].row').count() == 0


class TestTheDiagram:
    def heads(self, page):
        return page.locator("#sequence .head").all_inner_texts()

    def labels(self, page):
        settle(page)
        return page.locator("#sequence .arrow .label").all_text_contents()

    def test_the_seed(self, show, seed_trace):
        """Classes are lifelines, derived before base; hand-overs are written as code writes them."""
        page = show(seed_trace)
        assert self.heads(page) == ["caller", "MyLayer", "Layer"]
        assert self.labels(page) == [
            "MyLayer#1.__init__(k=3)",
            "super().__init__(x=3)",
            "MyLayer#1.__call__(y=4)",
            "self.call(m=4)",
        ]
        kinds = [
            arrow.get_attribute("class").split()[1]
            for arrow in page.locator("#sequence .arrow[data-step]").all()
        ]
        assert kinds == ["root", "super", "root", "dispatch"]

    def test_a_click_selects(self, show, seed_trace):
        """The call of the arrow."""
        page = show(seed_trace)
        page.click("#sequence .arrow.dispatch .label")
        assert selected(page) == "#call-4"

    def test_results_and_errors_go_back(self, show, trace):
        """A result other than None has an arrow of its own, and so has an error."""
        page = show(trace, "#call-13")
        assert (
            page.locator("#sequence .back.error .label").all_text_contents()
            == ["✕ ValueError: unlucky"] * 2
        )
        assert "8" in page.locator("#sequence .back .label").all_text_contents()

    def test_like_calls_are_folded(self, show):
        """And unfold at a click."""
        with callscope.record(Layer) as trace:
            layer = MyLayer(1)
            for number in range(10):
                layer(number)
        page = show(trace)
        assert page.locator("#sequence .note.link").all_text_contents() == ["⟳ 9 more like this"]
        page.click("#sequence .note.link")
        settle(page)
        assert len(self.labels(page)) == len(trace.calls)

    def test_a_long_trace_is_shown_in_part(self, show):
        """What does not fit is counted, and shown when it is asked for."""
        with callscope.record(Layer, methods=("*",)) as trace:
            _nest(MyTree(0), 4)
        page = show(trace)
        notes = page.locator("#sequence .note.link").all_text_contents()
        assert notes
        assert all("within" in note or "like this" in note for note in notes)
        assert len(self.labels(page)) <= 60
        page.locator("#sequence .note.link", has_text="within").first.click()
        settle(page)
        assert page.inner_text("#crumbs").split("\n")[2] == "MyTree.grow"

    def test_one_object_alone(self, show, trace):
        """A filter of the list is one of the diagram."""
        page = show(trace)
        page.click("#row-5 .object")
        assert len(self.labels(page)) == 5


class MyTree(Layer):
    def grow(self, depth):
        if depth:
            for _ in range(2):
                self.grow(depth - 1)
            MyLayer(depth)(depth)


def _nest(tree, depth):
    tree.grow(depth)


class TestTheTimeline:
    def test_zoom_and_select(self, show, trace):
        """Buttons and keys zoom; a click selects the call that it hits."""
        page = show(trace)
        whole = page.inner_text("#flame-range")
        page.click("#flame-in")
        settle(page)
        closer = page.inner_text("#flame-range")
        assert whole in closer.split(" of ")
        assert closer != whole
        page.keyboard.press("0")
        settle(page)
        assert page.inner_text("#flame-range") == whole
        box = page.locator("#flame-scroll").bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.02, box["y"] + 30)
        assert selected(page) == "#call-1"

    def test_hovering_tells(self, show, trace):
        """What is under the pointer."""
        page = show(trace)
        page.hover("#flame-scroll", position={"x": 30, "y": 30})
        assert "MyLayer.__init__(k=4)" in page.inner_text("#tooltip").replace("\n", "")

    def test_threads_and_tasks_are_tracks(self, show):
        """Each with its name, below each other."""

        class Node:
            async def fetch(self):
                await asyncio.sleep(0)

        async def main():
            tasks = [asyncio.create_task(Node().fetch(), name=name) for name in ("first", "second")]
            await asyncio.gather(*tasks)

        with callscope.record(Node, methods=("*",)) as trace:
            # The browser is driven by an event loop of this thread.
            thread = threading.Thread(target=lambda: asyncio.run(main()), name="worker")
            thread.start()
            thread.join()
        page = show(trace, "#call-2")
        assert "worker · second" in page.inner_text("#panel-details")
        one = 20 + 20  # the track's title and its only lane, in pixels
        expected = f"{2 * one + 6 + 22 + 8}px"
        assert (
            page.evaluate("() => document.getElementById('flame-height').style.height") == expected
        )


class TestSites:
    def figures(self, page, column):
        return page.locator(f"#sites tbody tr > :nth-child({column})").all_inner_texts()

    def test_the_figures(self, show, trace):
        """Calls and errors per site are those of the trace."""
        page = show(trace)
        page.click('[role=tab][data-panel="sites"]')
        found = dict(
            zip(
                self.figures(page, 1),
                zip(self.figures(page, 2), self.figures(page, 3), strict=True),
                strict=True,
            )
        )
        assert found == {
            "MyLayer.__init__": ("3", ""),
            "Layer.__init__": ("3", ""),
            "Layer.__call__": ("3", "1"),
            "MyLayer.call": ("3", "1"),
            "Layer.call": ("2", ""),
        }

    def test_sorting(self, show, trace):
        """By any column, either way."""
        page = show(trace)
        page.click('[role=tab][data-panel="sites"]')
        page.click("#sites thead >> text=Site")
        assert self.figures(page, 1) == sorted(self.figures(page, 1))
        page.click("#sites thead >> text=Calls")
        page.click("#sites thead >> text=Calls")
        assert self.figures(page, 1)[0] == "Layer.call"
        assert page.locator("#sites [aria-sort=ascending]").inner_text().startswith("Calls")

    def test_the_calls_of_a_site(self, show, trace):
        """A click shows them in the list."""
        page = show(trace)
        page.click('[role=tab][data-panel="sites"]')
        page.click("#sites tbody >> text=Layer.call >> nth=-1")
        settle(page)
        assert page.locator(".row:not(.context) .site").all_inner_texts() == ["Layer.call"] * 2


class TestAppearance:
    def background(self, page):
        return page.evaluate("() => getComputedStyle(document.body).backgroundColor")

    def test_dark_and_light(self, show, trace):
        """As the system has it, until somebody chooses."""
        light = self.background(show(trace, color_scheme="light"))
        page = show(trace, color_scheme="dark")
        dark = self.background(page)
        assert light != dark
        page.click("#theme")
        assert self.background(page) == light
        page.keyboard.press("t")
        assert self.background(page) == dark

    def test_a_narrow_screen_has_one_panel(self, show, trace):
        """And a tab for each; nothing is wider than the screen."""
        page = show(trace, width=390)
        assert page.is_visible("#panel-calls")
        assert not page.is_visible("#panel-sequence")
        page.click('[role=tab][data-panel="flame"]')
        assert page.is_visible("#flame")
        assert not page.is_visible("#panel-calls")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


class TestHostileTraces:
    TEXTS = (
        "</script><script>window.hit = 1</script>",
        "<!--<script>",
        "<img src=x onerror='window.hit = 2'>",
        "\u2028\u202e\ud800",
        "__proto__",
        "constructor",
    )

    def test_nothing_of_a_trace_runs(self, show):
        """Wherever it is shown."""

        class Evil(Layer):
            def take(self, text, **more):
                raise ValueError(text)

        Evil.__qualname__ = Evil.__name__ = "<b onclick=window.hit=3>"
        with callscope.record(Layer, methods=("*",)) as trace:
            for text in self.TEXTS:
                with contextlib.suppress(ValueError):
                    Evil(1).take(text, **{text: text})
        page = show(trace, "#call-2")
        for panel in ("sequence", "sites", "findings"):
            page.click(f'[role=tab][data-panel="{panel}"]')
        page.hover("#flame-scroll", position={"x": 30, "y": 30})
        page.click("#row-1 .object")
        assert page.evaluate("() => window.hit") is None
        assert page.locator("b[onclick], img").count() == 0
        assert self.TEXTS[0] in page.inner_text("#panel-details")

    def test_markup_made_of_text_is_refused(self, show, trace):
        """The page's policy holds, even if its script were wrong."""
        page = show(trace)
        refused = page.evaluate(
            "() => { try { document.body.innerHTML = '<i>'; return null } catch (e) { return e.name } }"
        )
        assert refused == "TypeError"
        (complaint,) = show.complaints
        assert "TrustedHTML" in complaint
        show.complaints.clear()


class TestSize:
    def test_a_hundred_thousand_calls(self, show):
        """Only the rows in sight are in the page, wherever one scrolls to."""
        with callscope.record(Layer, methods=("call",)) as trace:
            layer = Layer(1)
            for number in range(100_000):
                layer.call(number)
        page = show(trace)
        assert page.locator(".row").count() < 100
        page.keyboard.press("End")
        settle(page)
        assert page.locator(".row").count() < 100
        assert "z=99999" in page.locator("[aria-selected=true].row").inner_text()

    def test_a_list_higher_than_browsers_allow(self, show):
        """Its ends and what is between can all be reached."""
        with callscope.record(Layer, methods=("call",)) as trace:
            layer = Layer(1)
            for number in range(400_000):
                layer.call(number)
        page = show(trace, "#call-200000", limit=None)
        settle(page)
        seen = [page.locator("[aria-selected=true].row").bounding_box()]
        for key in ("End", "k", "j", "Home"):
            page.keyboard.press(key)
            settle(page)
            seen.append(page.locator("[aria-selected=true].row").bounding_box())
        page.eval_on_selector("#tree", "tree => { tree.scrollTop = tree.scrollHeight }")
        settle(page)
        seen.append(page.locator("#row-399999").bounding_box())
        tree = page.locator("#tree").bounding_box()
        assert all(tree["y"] <= row["y"] <= tree["y"] + tree["height"] - 20 for row in seen)

    def test_what_is_left_out_is_said(self, show):
        """Above the list, with the way to see the rest."""

        class Batch(Layer):
            def call(self, size):
                for number in range(size):
                    super().call(number)

        with callscope.record(Layer, methods=("call",)) as trace:
            Batch(1).call(100_004)
        page = show(trace)
        said = page.inner_text("#left-out")
        assert said.startswith(
            "This page holds 100,000 of 100,005 calls; 5 that began later are left out."
        )
        assert 'trace.save("trace.jsonl")' in said
        page.click("#unfold-all")
        page.keyboard.press("End")
        assert selected(page) == "#call-100000"
        assert (
            rows_note(page)
            == "\N{MIDLINE HORIZONTAL ELLIPSIS} 5 more calls within, left out of this page"
        )

    def test_an_empty_trace(self, show):
        """Is a page that says so."""
        with callscope.record(Layer) as trace:
            pass
        page = show(trace)
        assert "0 calls" in page.inner_text("#facts")
        page.keyboard.press("j")
        page.keyboard.press("n")


class TestFindings:
    def test_a_finding_leads_to_its_call(self, show):
        """Severity, message, advice and place are there; the tree marks the call."""

        class Forgetful(Layer):
            def __init__(self): ...

        with callscope.record(Layer) as trace:
            Forgetful()(1)
        page = show(trace)
        (finding, *_) = trace.findings()
        assert page.inner_text("[role=tab] .badge") == str(len(trace.findings()))
        page.click('[role=tab][data-panel="findings"]')
        said = page.locator(".finding").first.inner_text()
        parts = (
            finding.severity,
            finding.message,
            finding.advice,
            f"{finding.file}:{finding.line}",
        )
        assert [part for part in parts if part not in said] == []
        page.locator(".jump").first.click()
        assert selected(page) == f"#call-{finding.calls[0].call_id}"
        assert page.locator(f"#row-{finding.calls[0].call_id - 1} .flag").count() == 1

    def test_none(self, show, seed_trace):
        """Is said, and is not said where nothing could be looked for."""
        page = show(seed_trace)
        page.click('[role=tab][data-panel="findings"]')
        assert "Nothing found" in page.inner_text("#findings")
        with callscope.record(Layer, where=lambda call: call.method == "call") as trace:
            MyLayer(1)(2)
        page = show(trace)
        page.click('[role=tab][data-panel="findings"]')
        assert "Nothing was looked for" in page.inner_text("#findings")
