"""Read-only questions to code objects; nothing of the program runs to answer them.

Bytecode is read and no source, which may not be there. What is asked is asked of a method: its
first parameter is taken for the object.
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
