"""`callscope demo`: the seed example, its source and its trace."""

from __future__ import annotations

import inspect

from callscope import demo
from callscope.recording.api import record
from callscope.sinks.console import Console


def show() -> None:
    """Print the example, its tree and its live output."""
    print("This program has no print in any method:\n")
    print(_indented(_source()))
    print("\nWhich class's method runs, on which object, in what order? callscope's answer:\n")
    with record(demo.Layer) as trace:
        demo.main()
    print(_indented(str(trace)))
    print(
        "\nThe same as lines, printed while it runs, with record(sinks=[Console(style='inside')]):\n"
    )
    with record(demo.Layer, sinks=[Console(style="inside")]):
        demo.main()
    print("\nTry it on a program of yours: callscope run -t package.module:Class script.py")


def _source() -> str:
    parts = [inspect.getsource(part) for part in (demo.Layer, demo.MyLayer, demo.main)]
    body = inspect.cleandoc(parts[2].partition("\n")[2])
    return "\n".join([*parts[:2], body])


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
