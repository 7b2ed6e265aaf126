"""`wrapt.decorator`: the wrapper that takes most care to be transparent."""

from __future__ import annotations

from typing import Any

import wrapt

from benchmarks.peers.protocol import Method, Wrapping
from benchmarks.workloads.program import Site


class WraptDecorator(Wrapping):
    """Passes calls through."""

    distribution = "wrapt"
    setup = "`@wrapt.decorator` over `return wrapped(*args, **kwargs)`"
    link = "https://wrapt.readthedocs.io/en/latest/decorators.html"
    imports = "import wrapt"
    wrappers = 1

    def wrap(self, site: Site) -> Method:
        """Wrap one method."""
        wrapped: Method = _pass_through(site.function)
        return wrapped


@wrapt.decorator
def _pass_through(wrapped: Method, _: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return wrapped(*args, **kwargs)
