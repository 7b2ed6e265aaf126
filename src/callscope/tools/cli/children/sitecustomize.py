"""Begins to record in every Python process that `callscope run --children` leads to.

Python imports a module of this name, the first on its path, before it runs a program:
https://docs.python.org/3/library/site.html#module-sitecustomize.
"""
# ruff: noqa: INP001  # a folder for `PYTHONPATH`, and no package

import contextlib
import importlib
import os
import sys

# What would have been imported without this one.
sys.path[:] = [path for path in sys.path if path != os.path.dirname(__file__)]  # noqa: PTH120
_itself = sys.modules.pop(__name__)
with contextlib.suppress(ModuleNotFoundError):
    importlib.import_module(__name__)
sys.modules.setdefault(__name__, _itself)

with contextlib.suppress(ModuleNotFoundError):  # another Python may not have it
    importlib.import_module("callscope")
