"""Everything that is done with the data of a trace: search, analyses, formats and the facade."""

from callscope.read.load import load, load_all
from callscope.read.trace import Trace

__all__ = ["Trace", "load", "load_all"]
