"""A trace as one self-contained HTML page, which needs no network and runs no code from a trace.

The page is assembled here from `page.html`, `style.css` and the scripts in `js/`; its data comes
from `callscope.read.formats.html.columns`. A Content-Security-Policy allows only the page's own
style and script, by their hashes, and forbids creating markup from text
(https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/).
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, BinaryIO, Final, Protocol

from callscope.read.formats.html.columns import pack
from callscope.trace import TraceData
from callscope.trace.text import one_line

MAX_CALLS: Final = 100_000
"""Default for the most calls on a page; the page says what it leaves out."""

SCRIPTS: Final = (
    "elements",
    "figures",
    "model",
    "search",
    "view",
    "rows",
    "tree",
    "lanes",
    "flame",
    "flamepaint",
    "plan",
    "diagram",
    "diagrampaint",
    "sequence",
    "sites",
    "findings",
    "details",
    "theme",
    "keys",
    "page",
)
"""The scripts of the page, in order."""


class Facade(Protocol):
    """Trace as a user has it."""

    def _data_with_cost(self) -> TraceData: ...


def write(trace: TraceData | Facade, file: BinaryIO, *, max_calls: int | None = MAX_CALLS) -> None:
    """Write a trace as an HTML page.

    Args:
        trace: the trace to show.
        file: the output, open for bytes.
        max_calls: most calls on the page; None for all. Browsers are fast with 100,000, and take
            seconds to open a million.
    """
    data = trace if isinstance(trace, TraceData) else trace._data_with_cost()
    file.writelines(map(str.encode, _pieces(data, max_calls)))


def page(trace: TraceData, *, max_calls: int | None = MAX_CALLS) -> str:
    """Return the HTML page of a trace; see `write`."""
    return "".join(_pieces(trace, max_calls))


def _pieces(trace: TraceData, max_calls: int | None) -> Iterator[str]:
    """Yield the text of a page, which may be too long to be put together in memory."""
    style, script = _asset("style.css"), _script()
    parts = {
        "title": html.escape(_title(trace)),
        "policy": _policy(style, script),
        "style": style,
        "script": script,
    }
    for number, piece in enumerate(re.split(r"\{\{(\w+)\}\}", _asset("page.html"))):
        if number % 2 == 0:
            yield piece
        elif piece == "trace":
            yield _inert_json(pack(trace, max_calls))
        else:
            yield parts[piece]


def _title(trace: TraceData) -> str:
    targets = ", ".join(map(one_line, trace.header.targets))
    return f"{targets} · callscope" if targets else "callscope"


def _script() -> str:
    body = "\n".join(_asset("js", f"{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{body}}})();\n'


def _asset(*names: str) -> str:
    return files(__name__).joinpath(*names).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_source_hash(script)}",
            f"style-src {_source_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _source_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _inert_json(value: Any) -> str:
    r"""Return ASCII JSON that contains no HTML markup.

    ``</script`` and ``<!--`` both begin with ``<``, which JSON may write as ``\u003c``
    (https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements).
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
