"""The command line: `callscope` and `python -m callscope`."""

from callscope.tools.cli.main import main

__all__ = ["main"]
