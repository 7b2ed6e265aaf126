"""Read-only inspection of code objects; no code of the program runs.

It reads bytecode, since the source may be missing. Each code object is treated as a method: its
first parameter is the object.
"""

from callscope.introspect.bytecode.classes import ClassCode
from callscope.introspect.bytecode.reading import Next, Reading, SelfCall, read
from callscope.introspect.bytecode.written import codes_of, functions_of, written_code

__all__ = [
    "ClassCode",
    "Next",
    "Reading",
    "SelfCall",
    "codes_of",
    "functions_of",
    "read",
    "written_code",
]
