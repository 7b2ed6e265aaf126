"""The same-signature wrapper of one site, writing to the tape.

A shadow is a real function of the original's exact shape: its source is generated with the
original's parameter list, and the function is built on the original's globals, name, defaults
and closure cells, so that whatever inspects it sees what it saw before. All the work of a call
is inlined, so that a traced call takes one more frame and not two.
"""

from callscope.shadow.build import make_entry
from callscope.shadow.compiling import is_compiling, when_in_play
from callscope.shadow.descriptors import binds, note_of, parts_of
from callscope.shadow.entry import ABSENT, Entry, Origin, without_callscope
from callscope.shadow.frames import drop_own_frames, hide, is_ours
from callscope.shadow.look import hand_back
from callscope.shadow.shape import Recipe

__all__ = [
    "ABSENT",
    "Entry",
    "Origin",
    "Recipe",
    "binds",
    "drop_own_frames",
    "hand_back",
    "hide",
    "is_compiling",
    "is_ours",
    "make_entry",
    "note_of",
    "parts_of",
    "when_in_play",
    "without_callscope",
]
