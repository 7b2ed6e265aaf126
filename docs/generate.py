"""Writes the pages that are made from the code: ``python docs/generate.py``.

A test holds them equal to what is in the repository.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import callscope
from callscope.tools.cli.main import _parser

FOLDER: Final = Path(__file__).parent / "reference"
KINDS: Final = (
    "trace",
    "site",
    "class",
    "event",
    "call",
    "return",
    "raise",
    "suspend",
    "resume",
    "end",
)
"""Of lines, in the order of a file; ``event`` is what the five kinds of events share."""

NAME: Final = re.compile(r"(\w+\.)*__\w+__(:\w+)?")

EVENTS_OF_A_CALL: Final = KINDS[4:9]

CLI: Final = """\
# Command line

`callscope` is also `python -m callscope`. This page is generated from the commands' own help, by
`python docs/generate.py`.

The exit code is 2 for wrong arguments, with a message on stderr. Other codes are described below.
"""
EVENTS: Final = """\
# Events and files

A `.jsonl` file has a JSON object on each line. This page is generated from the JSON Schema that ships with
callscope, `callscope.event_schema()`, by `python docs/generate.py`. [Files](../files.md#the-lines-of-a-jsonl-file)
describes the compatibility between versions.

An event as received by a sink. The line of a call in a file has the same keys and those of its end, but not
`v`, `seq`, an empty `task`, or `via_super` if it is false:

```python
import json

import callscope
from callscope.demo import Layer, MyLayer

with callscope.record(Layer) as trace:
    MyLayer(3)(4)
print(json.dumps(list(trace.events())[4].to_dict(), indent=2))
```

<!-- prints -->

```text
{
  "v": 2,
  "kind": "call",
  "seq": 5,
  "ts_ns": ...,
  "pid": ...,
  "thread": "MainThread",
  "task": null,
  "call_id": 3,
  "parent_id": null,
  "depth": 0,
  "method": "__call__",
  "defining_class": "callscope.demo.Layer",
  "runtime_class": "callscope.demo.MyLayer",
  "instance": 1,
  "mro_index": 1,
  "via_super": false,
  "arguments": {
    "y": 4
  }
}
```
"""


def cli_page() -> str:
    """Return the page of the command line."""
    return "\n".join([CLI, *_commands()])


def _commands() -> Iterator[str]:
    [commands] = [a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction)]
    for choice in commands._choices_actions:
        command = commands.choices[choice.dest]
        yield f"## callscope {choice.dest}\n"
        yield f"{_sentence(command.description or str(choice.help))}\n"
        yield f"```text\n{_usage(command)}\n```\n"
        named = [action for action in command._actions if action.help and action.dest != "help"]
        if named:
            yield "| | |\n|---|---|"
            yield from (f"| {_name(action)} | {_cell(str(action.help))} |" for action in named)
            yield ""


def _usage(command: argparse.ArgumentParser) -> str:
    if command.usage:
        return command.usage
    actions = [action for action in command._actions if action.dest != "help"]
    named = [action for action in actions if action.option_strings]
    required = [
        f"{action.option_strings[0]} {action.metavar}" for action in named if action.required
    ]
    optional = [] if all(action.required for action in named) else ["[OPTIONS]"]
    places = [action for action in actions if not action.option_strings]
    values = [f"{a.metavar} [{a.metavar} ...]" if a.nargs else str(a.metavar) for a in places]
    return " ".join([command.prog, *required, *optional, *values])


def _name(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.metavar}`"
    value = "|".join(map(str, action.choices)) if action.choices else action.metavar
    taken = "" if action.nargs == 0 else f" {value}"
    taken = taken.replace("|", "\\|")
    return ", ".join(f"`{name}{taken}`" for name in action.option_strings)


def events_page() -> str:
    """Return the page of the event schema."""
    schema = callscope.event_schema()
    return "\n".join([EVENTS, f"{schema['description']}\n", *_kinds(schema["$defs"])])


def _kinds(definitions: dict[str, Any]) -> Iterator[str]:
    for kind in KINDS:
        found = definitions[kind]
        yield f"## {kind}\n"
        yield f"{_cell(found['description'])}\n"
        rows = list(_rows(definitions, found, ""))
        if kind in EVENTS_OF_A_CALL:
            yield f"It has all that [every event](#event) has{', and' if rows else ''}.\n".replace(
                "and.", "and:"
            )
        if rows:
            yield "| key | type | |\n|---|---|---|"
            yield from rows
            yield ""


def _rows(definitions: dict[str, Any], found: dict[str, Any], prefix: str) -> Iterator[str]:
    inherited = definitions[found["$ref"].rpartition("/")[2]] if "$ref" in found else {}
    if inherited and inherited is not definitions["event"]:
        yield from _rows(definitions, inherited, prefix)
    required = found.get("required", ())
    for key, value in found.get("properties", {}).items():
        if key in ("v", "kind"):
            continue
        whole = {**_referred(definitions, value), **value}
        optional = "" if key in required else ", may be missing"
        text = whole.get("description", "")
        yield f"| `{prefix}{key}` | {_type(whole)}{optional} | {_cell(text)} |"
        yield from _rows(
            definitions, {k: v for k, v in whole.items() if k != "$ref"}, f"{prefix}{key}."
        )


def _referred(definitions: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    referred: dict[str, Any] = (
        definitions[value["$ref"].rpartition("/")[2]] if "$ref" in value else {}
    )
    return referred


def _type(value: dict[str, Any]) -> str:
    kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
    return " or ".join(kinds)


def _sentence(text: str) -> str:
    return _cell(text[:1].upper() + text[1:]) + ("" if text.endswith(".") else ".")


def _cell(text: str) -> str:
    """Return text as it can stand in a table: names with underscores as code, for they are no emphasis."""
    return NAME.sub(r"`\g<0>`", text).replace("|", "\\|").replace("*", "\\*")


def pages() -> dict[Path, str]:
    """Return the text of each page, by its path."""
    made = {"cli.md": cli_page(), "events.md": events_page()}
    return {FOLDER / name: text for name, text in made.items()}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
