"""Start of recording in every Python process under `callscope run --children`.

Python imports the first module of this name on its path before it runs a program:
https://docs.python.org/3/library/site.html#module-sitecustomize.
"""
# ruff: noqa: INP001  # a folder for `PYTHONPATH`, and no package

import contextlib
import importlib
import os
import sys

# Import the module that this one hides.
sys.path[:] = [path for path in sys.path if path != os.path.dirname(__file__)]  # noqa: PTH120
_itself = sys.modules.pop(__name__)
with contextlib.suppress(ModuleNotFoundError):
    importlib.import_module(__name__)
sys.modules.setdefault(__name__, _itself)

with contextlib.suppress(ModuleNotFoundError):  # another Python may not have it
    importlib.import_module("callscope")
