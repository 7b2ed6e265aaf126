"""Read-only inspection of code objects; no code of the program runs.

It reads bytecode, since the source may be missing. Each code object is treated as a method: its
first parameter is the object.
"""

from typing import TYPE_CHECKING

from callscope.introspect.bytecode.written import codes_of, functions_of, written_code
from callscope.introspect.imports import lazy_name

if TYPE_CHECKING:
    from callscope.introspect.bytecode.classes import ClassCode
    from callscope.introspect.bytecode.reading import Next, Reading, SelfCall, read

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

# Imported on first access: weaving needs none of it.
_LAZY = {
    "ClassCode": "classes",
    "Next": "reading",
    "Reading": "reading",
    "SelfCall": "reading",
    "read": "reading",
}


def __getattr__(name: str) -> object:
    return lazy_name(globals(), _LAZY, name)
