"""Numbers of the fields that are written, from ``protos/perfetto`` of github.com/google/perfetto."""

from __future__ import annotations

from typing import Final

# trace/trace.proto
PACKET: Final = 1

# trace/trace_packet.proto
CLOCK_SNAPSHOT: Final = 6
TIMESTAMP: Final = 8
SEQUENCE_ID: Final = 10
TRACK_EVENT: Final = 11
INTERNED_DATA: Final = 12
SEQUENCE_FLAGS: Final = 13
DEFAULTS: Final = 59
TRACK_DESCRIPTOR: Final = 60
STATE_CLEARED: Final = 1
NEEDS_STATE: Final = 2

# trace/trace_packet_defaults.proto
DEFAULT_CLOCK: Final = 58
TRACK_EVENT_DEFAULTS: Final = 11

# trace/clock_snapshot.proto, common/builtin_clock.proto
CLOCK: Final = 1
CLOCK_ID: Final = 1
CLOCK_TIME: Final = 2
IS_INCREMENTAL: Final = 3
REALTIME: Final = 1
BOOTTIME: Final = 6
OWN_CLOCK: Final = 64

# trace/interned_data/interned_data.proto; all its messages begin with number and text
CATEGORIES: Final = 1
EVENT_NAMES: Final = 2
ANNOTATION_NAMES: Final = 3
ANNOTATION_STRINGS: Final = 29
INTERNED_ID: Final = 1
INTERNED_TEXT: Final = 2

# trace/track_event/track_descriptor.proto, process_descriptor.proto, thread_descriptor.proto
UUID: Final = 1
PROCESS: Final = 3
THREAD: Final = 4
PID: Final = 1
PROCESS_NAME: Final = 6
TID: Final = 2
SORT_INDEX: Final = 3
THREAD_NAME: Final = 5

# trace/track_event/track_event.proto
CATEGORY_ID: Final = 3
ANNOTATION: Final = 4
TYPE: Final = 9
NAME_ID: Final = 10
TRACK_UUID: Final = 11
NAME: Final = 23
FLOW_ID: Final = 47
TERMINATING_FLOW_ID: Final = 48
BEGIN: Final = 1
END: Final = 2
INSTANT: Final = 3

# trace/track_event/debug_annotation.proto
ANNOTATION_NAME_ID: Final = 1
BOOL: Final = 2
INT: Final = 4
DOUBLE: Final = 5
STRING: Final = 6
ANNOTATION_NAME: Final = 10
ENTRY: Final = 11
STRING_ID: Final = 17
