# The functions in C have the signatures of those in Python.
from callscope.trace.python_kernels import *  # noqa: F403
