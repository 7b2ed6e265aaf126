"""Events of ordinary calls, written quickly: of one thread, ended, and never suspended."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.formats.chrome.parts import Parts
from callscope.formats.json_parts import INT64
from callscope.trace import Call


def plain_lines(calls: Sequence[Call], track: str, parts: Parts) -> list[str]:
    """Return the lines of calls up to the first that is not ordinary.

    Here a trace of a million calls spends its time. So there is one string per call, which is put
    together once, and all that calls share comes ready-made.
    """
    lines: list[str] = []
    add = lines.append
    heads: dict[object, tuple[str, str | None, str]] = {}
    zero_ns, least, most = parts.start_ns, -INT64, INT64
    try:
        for call in calls:
            # A call that was suspended has a list of when, and so there is no hash: TypeError.
            key = call._method, call._defining_class, call._runtime_class, call._suspensions
            head = heads.get(key)
            if head is None:
                made = parts.head(call, track)
                head = heads[key] = made.plain, made.argument, made.between
            plain, name, between = head
            start_ns = call._start_ns
            duration_ns = call._end_ns - start_ns  # type: ignore[operator]  # None: TypeError
            if duration_ns <= 0:
                break
            start_ns -= zero_ns
            instance = call._instance
            if call._result is None and call._error is None and instance is not None:
                arguments = call._arguments
                if not arguments:
                    add(f'{plain}{instance}"}},"ts":{start_ns}e-3,"dur":{duration_ns}e-3}}')
                    continue
                if len(arguments) == 1 and name in arguments:
                    value = arguments[name]
                    if type(value) is int and least < value < most:
                        add(
                            f"{plain}{instance}{between}{value}}}}},"
                            f'"ts":{start_ns}e-3,"dur":{duration_ns}e-3}}'
                        )
                        continue
            start = parts.head(call, track).start
            details = parts.details(call)
            add(f',\n{{"ph":"X",{start},{details},"ts":{start_ns}e-3,"dur":{duration_ns}e-3}}')
    except TypeError:
        pass
    return lines
