"""Formats, which turn a finished trace into text or a file: one module each, found by suffix.

A format's module has ``write(trace, file)``, which takes a file open for bytes, and
``read(file, name)`` if a trace can be read back from it. The suffixes are listed in `registry`.
`files` handles compression, atomic replacement, progress on a terminal and errors of the operating
system.
"""

from callscope.read.formats.files import load_all, save
from callscope.read.formats.registry import (
    STREAMED,
    SUFFIXES,
    check_installed,
    check_suffix,
    is_streamed,
)

__all__ = [
    "STREAMED",
    "SUFFIXES",
    "check_installed",
    "check_suffix",
    "is_streamed",
    "load_all",
    "save",
]
