"""Events of ordinary calls, written quickly."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.formats.chrome.parts import Parts
from callscope.formats.json_parts import INT64
from callscope.trace import Call


def plain_lines(
    calls: Sequence[Call], starts: Sequence[int], ends: Sequence[int], track: str, parts: Parts
) -> list[str]:
    """Return the lines of calls that have ended, were never suspended and took some time.

    Here a trace of a million calls spends its time. So there is one string per call, which is put
    together once, and all that calls share comes ready-made.
    """
    lines: list[str] = []
    add = lines.append
    heads: dict[tuple[str, str, str], tuple[str, str | None, str]] = {}
    zero_ns, least, most = parts.start_ns, -INT64, INT64
    for call, start_ns, end_ns in zip(calls, starts, ends, strict=True):
        key = call._method, call._defining_class, call._runtime_class
        head = heads.get(key)
        if head is None:
            made = parts.head(call, track)
            head = heads[key] = made.plain, made.argument, made.between
        plain, name, between = head
        instance = call._instance
        if call._result is None and call._error is None and instance is not None:
            arguments = call._arguments
            if not arguments:
                add(
                    f'{plain}{instance}"}},'
                    f'"ts":{start_ns - zero_ns}e-3,"dur":{end_ns - start_ns}e-3}}'
                )
                continue
            if len(arguments) == 1 and name in arguments:
                value = arguments[name]
                if type(value) is int and least < value < most:
                    add(
                        f"{plain}{instance}{between}{value}}}}},"
                        f'"ts":{start_ns - zero_ns}e-3,"dur":{end_ns - start_ns}e-3}}'
                    )
                    continue
        add(
            f',\n{{"ph":"X",{parts.head(call, track).start},{parts.details(call)},'
            f'"ts":{start_ns - zero_ns}e-3,"dur":{end_ns - start_ns}e-3}}'
        )
    return lines
