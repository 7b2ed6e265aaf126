"""Events of ordinary calls, written quickly."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.read.formats.chrome.parts import Parts
from callscope.read.formats.json_text import INT64
from callscope.trace import Call


def plain_lines(
    calls: Sequence[Call], starts: Sequence[int], ends: Sequence[int], track: str, parts: Parts
) -> list[str]:
    """Return the lines of calls that have ended, were never suspended and took some time.

    This is the hot spot for a trace of a million calls. So each call is one string, built once, and
    the shared fragments are cached.
    """
    lines: list[str] = []
    add = lines.append
    starts_of: dict[tuple[str, str, str], tuple[str, str]] = {}
    zero_ns, least, most = parts.start_ns, -INT64, INT64
    quotes, as_json = parts.quotes, parts.value
    for call, start_ns, end_ns in zip(calls, starts, ends, strict=True):
        key = call._method, call._defining_class, call._runtime_class
        pair = starts_of.get(key)
        if pair is None:
            some, nobody = parts.head(call, track)
            pair = f',\n{{"ph":"X",{some}', f',\n{{"ph":"X",{nobody}'
            starts_of[key] = pair
        some, nobody = pair
        instance, arguments = call._instance, call._arguments
        ts_ns, took_ns = start_ns - zero_ns, end_ns - start_ns
        if call._result is None and call._error is None and instance is not None:
            if not arguments:
                add(f'{some}{instance}"}},"ts":{ts_ns}e-3,"dur":{took_ns}e-3}}')
                continue
            if len(arguments) == 1:
                ((name, value),) = arguments.items()
                token = value if type(value) is int and least < value < most else as_json(value)
                add(
                    f'{some}{instance}","arguments":{{{quotes[name]}:{token}}}}},'
                    f'"ts":{ts_ns}e-3,"dur":{took_ns}e-3}}'
                )
                continue
        start = nobody if instance is None else f'{some}{instance}"'
        add(f'{start}{parts.ending(call)},"ts":{ts_ns}e-3,"dur":{took_ns}e-3}}')
    return lines
