"""What receives events while the program runs; one file each."""

from callscope.sinks.console import Console
from callscope.sinks.jsonl import JSONLines

__all__ = ["Console", "JSONLines"]
