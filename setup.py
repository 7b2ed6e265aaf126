"""The optional extensions; all else is in pyproject.toml."""

import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

# The tape in C knows CPython from within, is not safe without the global interpreter lock, and
# writes times into words of 64 bits. Elsewhere what is written in Python is used.
is_suited = (
    sys.implementation.name == "cpython"
    and not sysconfig.get_config_var("Py_GIL_DISABLED")
    and sys.maxsize > 2**32
)
extensions = [
    Extension(
        f"callscope.{folder}.{name}",
        [f"src/callscope/{folder}/{name}.c"],
        # Its parts: a change to one builds it anew, and the source distribution holds them.
        depends=sorted(map(str, Path("src/callscope", folder, parts).glob("*.h"))),
        # Without a compiler, or on an interpreter it does not suit, the package installs without it.
        optional=True,
    )
    for folder, name, parts in (("tape", "_tape", "ctape"), ("trace", "_kernels", "ckernels"))
]
setup(ext_modules=extensions if is_suited else [])
