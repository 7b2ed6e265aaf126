"""Shadow: the same-signature wrapper of one site, which writes to the tape.

A shadow is a real function with the original's exact signature. Its source is generated with the
original's parameter list. The function is built with the original's globals, name, defaults and
closure cells, so inspection gives the same result as before. All the work of a call is inlined, so
a traced call takes one extra frame and not two.
"""

from callscope.introspect.signature import ShadowSpec
from callscope.weave.shadow.build import Records, binding_of, make_patch, plan_records
from callscope.weave.shadow.compiling import is_compiling, when_in_play
from callscope.weave.shadow.frames import drop_own_frames, hide, is_ours
from callscope.weave.shadow.function_attributes import hand_back
from callscope.weave.shadow.native import make_recorder
from callscope.weave.shadow.patch import Origin, Patch, Shadow, without_callscope

__all__ = [
    "Origin",
    "Patch",
    "Records",
    "Shadow",
    "ShadowSpec",
    "binding_of",
    "drop_own_frames",
    "hand_back",
    "hide",
    "is_compiling",
    "is_ours",
    "make_patch",
    "make_recorder",
    "plan_records",
    "when_in_play",
    "without_callscope",
]
