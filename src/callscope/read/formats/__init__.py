"""What turns a finished trace into text or a file; one module each, found by suffix.

A format's module has ``write(trace, file)``, which is given a file that is open for bytes, and
``read(file, name)`` if a trace can be read back from it. The suffixes are listed in
`suffixes`; compression, moving the file into its place, progress on a terminal and the errors of
the operating system are dealt with by `files`.
"""

from callscope.read.formats.files import load_all, save
from callscope.read.formats.registry import STREAMED, SUFFIXES, check_suffix, is_streamed

__all__ = [
    "STREAMED",
    "SUFFIXES",
    "check_suffix",
    "is_streamed",
    "load_all",
    "save",
]
