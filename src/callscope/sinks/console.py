"""Live tree on a terminal, in a pipe or in any text file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO, get_args

from callscope.declare.options import check_names, must_be, one_of
from callscope.errors import OptionError, one_line
from callscope.trace import Event, Names, call_text, object_text, outcome_text, value_text
from callscope.trace.text import indent

if TYPE_CHECKING:
    from callscope.trace import Call

Style = Literal["tree", "inside"]


class Console:
    """Sink that prints each call as it happens.

    Args:
        file: where to print; by default the `sys.stdout` at the time of each event.
        style: ``"tree"`` prints a call when it begins, indented by its depth, and its result or
            error, if any, when it ends. ``"inside"`` prints one line when a call begins:
            ``Inside MyLayer -> __init__ : 3``.
        sites: sites to print: one or several names or patterns; by default all.
        color: whether to print in color; by default on a terminal, if `rich` is installed and the
            environment variable ``NO_COLOR`` is not set (https://no-color.org).

    Raises:
        OptionError: if the style is not known, or the sites are not patterns.
    """

    live: Final = True
    """True: events are delivered as they happen, not in batches."""

    def __init__(
        self,
        file: TextIO | None = None,
        *,
        style: Style = "tree",
        color: bool | None = None,
        sites: str | Iterable[str] = "*",
    ) -> None:
        if style not in get_args(Style):
            raise OptionError(must_be("style", one_of(get_args(Style)), style))
        self._file = file
        self._style = style
        self.sites: tuple[str, ...] = check_names("sites", sites)
        self._color = color
        self._names = Names()
        self._last: Call | None = None

    def on_event(self, event: Event, /) -> None:
        """Print the event, if the style shows it."""
        if not any(fnmatchcase(event.call.site, pattern) for pattern in self.sites):
            return
        if self._style == "inside":
            if event.kind == "call":
                self._print(_inside(event.call), event)
            return
        call = event.call
        self._names.add(call.defining_class)
        self._names.add(call.runtime_class)
        before = indent(call.depth)
        if event.kind == "call":
            self._print(before + call_text(call, self._names), event)
        elif outcome := outcome_text(call):
            # Directly below its call, the outcome needs no name.
            name = "" if self._last is call else f" {self._site(call)}"
            self._print(f"{before}{outcome.strip()}{name}", event)
        self._last = call

    def _site(self, call: Call) -> str:
        site = f"{self._names.show(call.defining_class)}.{one_line(call.method)}"
        return f"from {site} [{object_text(call, self._names)}]"

    def _print(self, line: str, event: Event) -> None:
        file = sys.stdout if self._file is None else self._file
        if self._wants_color(file):
            line = _colored(line, event)
        print(_encodable(line, file), file=file)

    def _wants_color(self, file: TextIO) -> bool:
        if self._color is not None:
            return self._color
        return file.isatty() and not os.environ.get("NO_COLOR") and _rich() is not None

    def flush(self) -> None:
        """Flush the file."""
        (sys.stdout if self._file is None else self._file).flush()

    def close(self) -> None:
        """Flush the file; it belongs to the caller and is left open."""
        self.flush()


def _inside(call: Call) -> str:
    values = ", ".join(value_text(value) for value in call.arguments.values())
    suffix = f" : {values}" if values else ""
    cls = call.site.removesuffix(f".{call.method}")
    return f"Inside {one_line(cls)} -> {one_line(call.method)}{suffix}"


def _rich() -> Any:
    try:
        import rich
    except ImportError:
        return None
    return rich


def _colored(line: str, event: Event) -> str:
    from rich.console import Console as RichConsole
    from rich.text import Text

    text = Text(line)
    text.highlight_words([one_line(event.call.method)], "bold cyan")
    text.highlight_regex(r"\[[^\[\]]*#\d+\]", "green")
    if event.kind == "raise":
        text.stylize("red")
    elif event.kind == "return":
        text.stylize("dim")
    console = RichConsole(force_terminal=True, color_system="standard", width=max(80, len(line)))
    with console.capture() as capture:
        console.print(text, end="", soft_wrap=True, highlight=False)
    return capture.get()


def _encodable(line: str, file: TextIO) -> str:
    encoding = getattr(file, "encoding", None)
    if not encoding:
        return line
    return line.encode(encoding, "backslashreplace").decode(encoding)
