"""The two ways of recording: in place, and by shadow."""

from callscope.weave.in_place import IS_POSSIBLE

IN_PLACE = IS_POSSIBLE
"""Whether plain functions are recorded in place here: by the tape in C, from Python 3.12 on."""
