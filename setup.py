"""The optional extension; all else is in pyproject.toml."""

import sysconfig

from setuptools import Extension, setup

# Without the global interpreter lock the tape in C is not safe; the one in Python is used then.
has_lock = not sysconfig.get_config_var("Py_GIL_DISABLED")
extension = Extension(
    "callscope.tape._tape",
    ["src/callscope/tape/_tape.c"],
    # Without a compiler, or on an interpreter it does not suit, the package installs without it.
    optional=True,
)
setup(ext_modules=[extension] if has_lock else [])
