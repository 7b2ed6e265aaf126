"""IPython and Jupyter: ``%load_ext callscope``, then ``%%callscope`` at the top of a cell."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from callscope.declare.registry import REGISTRY
from callscope.declare.targets import parse_path
from callscope.errors import CallscopeError
from callscope.introspect.lookup import is_module
from callscope.recording.config import check_config
from callscope.recording.recording import Recording
from callscope.tools.cli.program import following
from callscope.tools.options import CAPTURE, method, target
from callscope.trace.html import text_html

if TYPE_CHECKING:
    import argparse

    from IPython.core.interactiveshell import InteractiveShell

# Module and class of objects shown as multi-line text.
_SHOWN_AS_TEXT: Final = (
    ("callscope.read.explain.explanation", "Explanation"),
    ("callscope.read.findings.finding", "Finding"),
)


@magics_class
class CallscopeMagics(Magics):
    """The magic command ``%%callscope``."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell

    @magic_arguments()
    @argument(
        "-t",
        "--target",
        **target(
            ": a name of the notebook, also of a class that the cell itself defines, or"
            " package.module:Class (repeatable); by default all that is declared"
        ),
    )
    @argument("-M", "--method", **method())
    @argument("--capture", **CAPTURE)
    @argument("name", nargs="?", help="variable that the trace is stored in")
    @cell_magic
    def callscope(self, line: str, cell: str) -> None:
        """Run the cell and show the calls that it made."""
        options = parse_argstring(self.callscope, line)
        try:
            trace = self._record(options, cell)
        except CallscopeError as error:
            raise UsageError(str(error)) from None
        if options.name:
            self._shell.user_ns[options.name] = trace
        display(trace)

    def _record(self, options: argparse.Namespace, cell: str) -> Any:
        targets = [self._target(name) for name in options.target]
        awaited = {name for name in targets if isinstance(name, str) and ":" not in name}
        if not targets and not REGISTRY.declarations():
            msg = "Nothing is declared to be traced. Name a class: %%callscope -t MyClass"
            raise UsageError(msg)
        config = check_config(
            (target for target in targets if target not in awaited),
            methods=options.method,
            capture=options.capture,
        )
        recording = Recording(config._replace(patterns=() if targets else ("*",)))
        with recording as trace, self._following(recording, awaited):
            self._shell.run_cell(cell)
        if awaited:
            names = ", ".join(map(repr, sorted(awaited)))
            msg = f"There is no class {names}, and the cell defined none. Check the spelling."
            raise UsageError(msg)
        return trace

    def _target(self, name: str) -> type | str:
        """Return a class of the notebook, or the name of one not defined yet."""
        if ":" in name:
            return name
        head, *rest = name.split(".")
        value = self._shell.user_ns.get(head)
        if value is None and rest and is_module(head):
            return str(parse_path(name))
        for attribute in rest:
            value = getattr(value, attribute, None)
        if value is None:
            return name
        if not isinstance(value, type):
            msg = f"{name!r} must be a class, got an object of type {type(value).__name__}. Name a class."
            raise UsageError(msg)
        return value

    def _following(self, recording: Recording, awaited: set[str]) -> AbstractContextManager[None]:
        return following(recording, awaited, self._shell.user_module)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magic command; ``%load_ext callscope`` calls it.

    Args:
        shell: the IPython that loads it.
    """
    shell.register_magics(CallscopeMagics)
    display_formatter: Any = shell.display_formatter
    formatters = display_formatter.formatters
    for module, name in _SHOWN_AS_TEXT:
        formatters["text/plain"].for_type_by_name(module, name, _write)
        formatters["text/html"].for_type_by_name(module, name, _html)


def _write(value: Any, printer: Any, _cycle: bool) -> None:  # noqa: FBT001  # IPython's
    printer.text(str(value))


def _html(value: Any) -> str:
    return text_html(str(value))
