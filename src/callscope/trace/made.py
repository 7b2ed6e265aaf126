"""`MadeCall`: a call built from individual fields."""

from __future__ import annotations

from callscope.introspect.values import Value
from callscope.trace.call import Call


class MadeCall(Call):
    """A call built from individual fields."""

    __slots__ = (
        "_arguments",
        "_call_id",
        "_children",
        "_class_metadata",
        "_defining_class",
        "_depth",
        "_end_ns",
        "_error",
        "_instance",
        "_method",
        "_mro_index",
        "_parent",
        "_pid",
        "_result",
        "_runtime_class",
        "_site_metadata",
        "_start_ns",
        "_suspensions",
        "_task",
        "_thread",
        "_via_super",
    )

    def __init__(
        self,
        method: str,
        defining_class: str,
        runtime_class: str,
        instance: int | None,
        mro_index: int | None,
        arguments: dict[str, Value] | None,
        start_ns: int,
        thread: str,
        parent: Call | None,
    ) -> None:
        self._method = method
        self._defining_class = defining_class
        self._runtime_class = runtime_class
        self._instance = instance
        self._mro_index = mro_index
        self._arguments = arguments
        self._start_ns = start_ns
        self._thread = thread
        self._parent = parent
        self._depth = 0 if parent is None else parent._depth + 1
        self._children = []
        self._call_id = 0
        self._end_ns = None
        self._error = None
        self._result = None
        self._task = None
        self._pid = 0
        self._site_metadata = None
        self._class_metadata = None
        self._suspensions = None
        self._via_super = (
            parent is not None
            and parent._method == method
            and parent._instance == instance
            and parent._runtime_class == runtime_class
            and mro_index is not None
            and parent._mro_index is not None
            and parent._mro_index < mro_index
        )
